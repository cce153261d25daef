"""Repairs of a Vagrantfile. Each is computed again from the file as it is, and what parsed before parses after."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence

from dddoctor.actions import Refused, action
from dddoctor.hosts.base import Host
from dddoctor.hosts.spans import apply_spans
from dddoctor.model import Change, Edit, Span


@action("text")
class RepairVagrantfile:
    """Correct one defect of a Vagrantfile's text: a missing or surplus `end`, a lost `do`, a typographic quote … Params: file, line and kind of its row.

    The correction is computed again from the file; refused where it is proven no more.
    """

    file: str
    line: int
    kind: str

    def plan(self, host: Host) -> list[Change]:
        return _corrected(host, self.file, self.line, self.kind, must_parse=False)


@action("edit")
class CorrectVagrantfile:
    """Correct one setting of a Vagrantfile that parses: `inline` set twice, a receiver left out, joined mount options … Params: file, line and kind of its row."""

    file: str
    line: int
    kind: str

    def plan(self, host: Host) -> list[Change]:
        return _corrected(host, self.file, self.line, self.kind, must_parse=True)


@action("edit")
class SetGuestPort:
    """Forward another port of the guest. Params: file, line (of the `config.vm.network`), port (1–65535)."""

    file: str
    line: int
    port: int

    def plan(self, host: Host) -> list[Change]:
        from dddoctor.rubytext import analyse

        if not 0 < self.port < 65536:
            raise Refused(f"{self.port} is no port")
        data = host.read(self.file)
        vagrant = analyse(data, posixpath.basename(self.file))
        if vagrant.facts is None or not vagrant.reading.parses:
            raise Refused("the Vagrantfile has to parse first")
        found = next((p for p in vagrant.facts.ports if vagrant.line(p.start) == self.line), None)
        if found is None or found.guest_node is None or found.guest_node.type != "integer":
            raise Refused(f"line {self.line} forwards no port that is written as a number")
        if found.guest == self.port:
            return []
        return [
            _edit(
                self.file,
                data,
                [Span(found.guest_node.start_byte, found.guest_node.end_byte, str(self.port).encode())],
                must_parse=True,
            )
        ]


@action("edit")
class AddDockerProvisioner:
    """Let Vagrant install Docker in the machine: `config.vm.provision "docker"` on a line before the provisioner that begins at `line`. Params: file, line."""

    file: str
    line: int

    def plan(self, host: Host) -> list[Change]:
        from dddoctor.rubytext import analyse

        data = host.read(self.file)
        vagrant = analyse(data, posixpath.basename(self.file))
        if vagrant.facts is None or not vagrant.reading.parses:
            raise Refused("the Vagrantfile has to parse first")
        if any(p.kind == "docker" for p in vagrant.facts.provisioners):
            return []
        found = next((p for p in vagrant.facts.provisioners if vagrant.line(p.start) == self.line), None)
        start = vagrant.lines.start(self.line)
        before = b"" if found is None else data[start : found.start]
        if found is None or before.strip():
            raise Refused(f"line {self.line} begins with no provisioner")
        receiver = found.node.child_by_field_name("receiver").text
        newline = b"\r\n" if b"\r\n" in data else b"\n"
        return [
            _edit(
                self.file,
                data,
                [Span(start, start, before + receiver + b'.provision "docker"' + newline)],
                must_parse=True,
            )
        ]


def _corrected(host: Host, file: str, line: int, kind: str, *, must_parse: bool) -> list[Change]:
    from dddoctor.rubytext import correct

    data = host.read(file)
    spans = correct(data, posixpath.basename(file), line, kind)
    if spans is None:
        raise Refused(f"no certain correction of line {line} is known any more")
    return [_edit(file, data, spans, must_parse=must_parse)]


def _edit(file: str, data: bytes, spans: Sequence[Span], *, must_parse: bool) -> Edit:
    """The edit; refused where a file that parses would not any more, or where it has to and does not."""
    from dddoctor.rubytext.reading import parses

    before, after = parses(data.decode("latin-1")), parses(apply_spans(data, spans).decode("latin-1"))
    if (before or must_parse) and not after:
        raise Refused("the Vagrantfile would not parse" if before else "the Vagrantfile has to parse first")
    return Edit(file, hashlib.sha256(data).hexdigest(), tuple(spans), ("*",), "text")
