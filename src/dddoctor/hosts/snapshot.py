"""A snapshot as a host: what `data/collect.sh` wrote about a machine that the doctor cannot run on. Everything is answered from memory.

What the collector did not fetch is Unavailable(target), what it was not permitted to see Unavailable(denied); only what it saw is called absent.
"""

from __future__ import annotations

import io
import stat as mode_of
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from dddoctor.hosts import paths
from dddoctor.hosts.base import (
    COMMAND_TIMEOUT_SECONDS,
    READ_LIMIT_BYTES,
    REQUEST_TIMEOUT_SECONDS,
    Answer,
    InputError,
    Process,
    Ran,
    Socket,
    Stat,
    Unavailable,
)
from dddoctor.hosts.snapshot_text import Entry, Said, Snapshot, Text
from dddoctor.model import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

REMEDY = "collect again with sudo"
FILE_LIMIT_BYTES = 1024 * 1024  # FILE_BYTES of collect.sh
_WORK_NOT_ENTERED = frozenset(
    {"node_modules", "__pycache__", "site-packages", "dist-packages"}
)  # see `work` in collect.sh
_WORK_HIDDEN = frozenset({".venv", ".env", ".virtualenvs", ".venvs", ".vagrant"})
_KERNEL = ("/proc/", "/sys/")


class SnapshotHost:
    """One snapshot. `name` is the machine's own name."""

    kind = "snapshot"

    def __init__(self, snapshot: Snapshot, name: str = "") -> None:
        self.snapshot = snapshot
        self.name = name or _printable(snapshot.meta.get("name", ""))[:253] or "a mounted disk"
        self.is_live = snapshot.meta.get("is_live") == "1"
        taken_at = snapshot.meta.get("time", "")
        self.taken_at = (
            float(taken_at) if taken_at.isdecimal() else None
        )  # what the tables take for now (_clock.now_on)
        self._children: dict[str, set[str]] = {}
        for path in (*snapshot.entries, *snapshot.links):
            self._add(path)
        self._trees: dict[str, list[tuple[int, bool]]] = {}
        for folder, levels, is_work in snapshot.trees:
            self._trees.setdefault(folder, []).append((levels, is_work))
        self._whole: dict[str, bool] = {}
        self._users: dict[int, str] | None = None
        self._groups: dict[int, str] | None = None

    def _add(self, path: str) -> None:
        while path != "/":
            folder, _, name = path.rpartition("/")
            names = self._children.setdefault(folder or "/", set())
            if name in names:
                return
            names.add(name)
            path = folder or "/"

    # --- files -------------------------------------------------------------------------------------------------------

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        text = self._text(path)
        if text.skipped_bytes:
            raise Unavailable(Kind.TOOL, f"only the end of {path} is in the snapshot")
        if len(text.content) > limit_bytes:
            raise paths.too_large(path, len(text.content), limit_bytes)
        return text.content

    def changed_lines(self, path: str) -> frozenset[int]:
        """The numbers of the lines in which stand-ins stand for secrets, as far as the collector put them there."""
        return self._text(path).changed

    def open(self, path: str) -> BinaryIO:
        """The file; of a long log the end alone is known: what stood before it reads as blanks, with the line ends that it had."""
        text = self._text(path)
        if not text.skipped_bytes:
            return io.BytesIO(text.content)
        return io.BufferedReader(_Tail(text))

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        here = self._resolve(path, follow)
        entry = self.snapshot.entries.get(here)
        if entry is None:
            raise Unavailable(Kind.TARGET, f"{here} is not described in the snapshot")
        return self._answer(entry, here)

    def readlink(self, path: str) -> str:
        here = self._resolve(path, follow=False)
        text = self.snapshot.links.get(here)
        if text is None:
            raise InputError(path, "is not a link")
        return text

    def listdir(self, path: str) -> list[str]:
        here = self._resolve(path, follow=True)
        entry = self.snapshot.entries.get(here)
        if entry is not None and not mode_of.S_ISDIR(entry.mode):
            raise InputError(path, "is not a directory")
        self._require_whole(here)
        return sorted(self._children.get(here, ()))

    def glob(self, pattern: str) -> list[str]:
        return paths.expand(pattern, self._entries, self._is_there)

    def exists(self, path: str) -> bool:
        try:
            self._resolve(path, follow=True)
        except (FileNotFoundError, InputError):
            return False
        return True

    def _text(self, path: str) -> Text:
        snapshot = self.snapshot
        if path.startswith(_KERNEL):  # such a file is known without the folders above it
            if path in snapshot.texts:
                return snapshot.texts[path]
            if path in snapshot.absent:
                raise paths.absent(path)
        here = self._resolve(path, follow=True, is_for_reading=True)
        entry = snapshot.entries.get(here)
        if entry is not None and not mode_of.S_ISREG(entry.mode):
            raise paths.not_a_file(path, paths.kind_of(entry.mode))
        if here in snapshot.texts:
            return snapshot.texts[here]
        if here in snapshot.denied:
            raise _denied(path)
        if here in snapshot.odd:
            raise Unavailable(Kind.TOOL, f"{path} is no plain text, and a snapshot leaves such files out")
        if entry is not None and entry.size_bytes == 0:
            return Text(b"", frozenset(), 0, 0)
        if entry is not None and entry.size_bytes > FILE_LIMIT_BYTES:
            raise paths.too_large(path, entry.size_bytes, FILE_LIMIT_BYTES)
        raise Unavailable(Kind.TARGET, f"the text of {path} is not in the snapshot")

    # --- walking -----------------------------------------------------------------------------------------------------

    def _resolve(self, path: str, follow: bool, *, is_for_reading: bool = False) -> str:
        """`path` without links and `..`; it exists. Else FileNotFoundError, or Unavailable where the snapshot does not tell."""
        if "\0" in path:
            raise InputError(path.replace("\0", "\\0"), "holds a NUL character, which no path can")
        pending = paths.components(path)[::-1]
        here, links = "/", 0
        while pending:
            name = pending.pop()
            if name == "..":
                here = here.rpartition("/")[0] or "/"
                continue
            there = paths.below(here, name)
            entry = self.snapshot.entries.get(there)
            text = self.snapshot.links.get(there)
            is_link = text is not None or (entry is not None and mode_of.S_ISLNK(entry.mode))
            if is_link and (pending or follow):
                links += 1
                if links > paths.LINKS_LIMIT:
                    raise InputError(path, paths.TOO_MANY_LINKS)
                if text is None:
                    raise Unavailable(Kind.TOOL, f"where {there} leads is not in the snapshot")
                above = self.snapshot.entries.get(here)
                if is_for_reading and above is not None and above.mode & 0o002:
                    raise paths.untrusted_link(there)
                here = "/" if text.startswith("/") else here
                pending += paths.components(text)[::-1]
                continue
            if entry is None and not is_link and there not in self._children:
                self._require_whole(here)
                raise paths.absent(path)
            if pending and entry is not None and not mode_of.S_ISDIR(entry.mode):
                raise paths.absent(path)
            here = there
        return here

    def _require_whole(self, folder: str) -> None:
        """Raise Unavailable where the snapshot does not hold all names of a folder."""
        if folder in self.snapshot.denied:
            raise _denied(folder)
        if folder not in self._whole:
            self._whole[folder] = self._is_whole(folder)
        if not self._whole[folder]:
            raise Unavailable(Kind.TARGET, f"what is in {folder} is not in the snapshot")

    def _is_whole(self, folder: str) -> bool:
        names = paths.components(folder)
        for count in range(len(names), -1, -1):
            below = names[count:]
            for levels, is_work in self._trees.get(paths.joined(names[:count]), ()):
                if len(below) < levels and not (is_work and any(map(_is_not_entered, below))):
                    return True
        return False

    def _entries(self, folder: str) -> Iterable[tuple[str, bool]]:
        here = self._resolve(folder, follow=True)
        return [(name, self._is_leaf(paths.below(here, name))) for name in self.listdir(folder)]

    def _is_leaf(self, path: str) -> bool:
        entry = self.snapshot.entries.get(path)
        return entry is not None and not (mode_of.S_ISDIR(entry.mode) or mode_of.S_ISLNK(entry.mode))

    def _is_there(self, path: str) -> bool:
        try:
            self._resolve(path, follow=False)
        except (FileNotFoundError, InputError):
            return False
        return True

    def _answer(self, entry: Entry, target: str) -> Stat:
        if self._users is None or self._groups is None:
            self._users, self._groups = self._names_in("/etc/passwd"), self._names_in("/etc/group")
        return Stat(
            mode=mode_of.S_IMODE(entry.mode),
            kind=paths.kind_of(entry.mode),
            uid=entry.uid,
            gid=entry.gid,
            owner=self._users.get(entry.uid, str(entry.uid)),
            group=self._groups.get(entry.gid, str(entry.gid)),
            size_bytes=entry.size_bytes,
            mtime=entry.mtime,
            links=entry.links,
            inode=entry.inode,
            device=entry.device,
            target=target,
        )

    def _names_in(self, path: str) -> dict[int, str]:
        try:
            content = self.read(path)
        except (FileNotFoundError, Unavailable, InputError):
            content = b""
        return paths.numbers_of(content.decode("utf-8", "replace"))

    # --- what ran ----------------------------------------------------------------------------------------------------

    def run(
        self, argv: Sequence[str], timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, user: str | None = None
    ) -> Ran:
        """What the command said when the snapshot was made."""
        said = self._said((_program(argv[0]), *argv[1:]))
        if said is None:
            raise Unavailable(Kind.TARGET, f"what `{' '.join(argv)}` says is not in the snapshot")
        if said.kind:
            is_denied = said.kind == "denied"
            raise Unavailable(
                Kind.DENIED if is_denied else Kind.TOOL, _printable(said.reason), REMEDY if is_denied else ""
            )
        if said.returncode == 124:  # as timeout(1) ends
            raise Unavailable(Kind.TIMEOUT, f"{argv[0]} did not end while the snapshot was made")
        return Ran(said.returncode, said.stdout, said.stderr)

    def _said(self, asked: tuple[str, ...]) -> Said | None:
        """The command itself; one with the same words and more things to ask about behind `--`; or why a program could not be asked at all."""
        exact = self.snapshot.commands.get(asked)
        if exact is not None:
            return exact
        for known, said in self.snapshot.commands.items():
            if said.kind and asked[: len(known)] == known:
                return said
            if "--" in asked and "--" in known:
                cut = asked.index("--")
                if known[: cut + 1] == asked[: cut + 1] and set(asked[cut:]) <= set(known[cut:]):
                    return said
        return None

    def environ(self) -> Mapping[str, str]:
        self._require_live("environment")
        return _variables(self.snapshot.processes.get("environment", ()))

    def processes(self) -> list[Process]:
        from dddoctor.hosts.snapshot_processes import processes

        self._require_live("processes")
        return processes(self.snapshot, self._user_name)

    def listeners(self) -> list[Socket]:
        from dddoctor.hosts.snapshot_processes import listeners

        self._require_live("ports")
        return listeners(self.snapshot)

    def request(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        authority: str | None = None,
    ) -> Answer:
        """What curl was answered when the snapshot was made. Else: nobody can be asked any more, but a port on which nothing listened had refused."""
        from urllib.parse import urlsplit

        for argv, said in self.snapshot.commands.items():
            if argv[0] == "curl" and argv[-1] == url and said.returncode == 0:
                body, _, status = said.stdout.rpartition("\n")
                if status.isdecimal():
                    return Answer(int(status), body.encode())
        port = urlsplit(url).port
        if port is not None and all(s.port != port or s.protocol.startswith("udp") for s in self.listeners()):
            raise ConnectionRefusedError(url)
        raise Unavailable(Kind.TARGET, f"what {url} answers is not in the snapshot")

    def containers(self) -> list[Mapping[str, Any]]:
        return self._docker("inspect")

    def images(self) -> list[Mapping[str, Any]]:
        return self._docker("image")

    def _docker(self, word: str) -> list[Mapping[str, Any]]:
        """Docker's objects, or why there are none."""
        from dddoctor.hosts.snapshot_processes import docker_objects

        self._require_live("containers")
        return docker_objects(self.snapshot, word)

    def _require_live(self, what: str) -> None:
        if not self.is_live:
            raise Unavailable(Kind.TARGET, f"this snapshot is of a mounted disk, which has no {what}")

    def _user_name(self, uid: int) -> str:
        if self._users is None:
            self._users = self._names_in("/etc/passwd")
        return self._users.get(uid, str(uid))


class _Tail(io.RawIOBase):
    """A log of which only the end is known, in the places that its bytes had in the file."""

    def __init__(self, text: Text) -> None:
        self._content, self._skipped = text.content, text.skipped_bytes
        self._blanks = max(0, text.skipped_bytes - text.skipped_lines)  # then line ends up to `_skipped`
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._skipped + len(self._content)}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        chunk = b"".join(self._pieces(len(view)))
        view[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)

    def _pieces(self, count: int) -> Iterator[bytes]:
        at = self._at
        for end, sign in ((self._blanks, b" "), (self._skipped, b"\n")):
            if at < end and count > 0:
                length = min(end - at, count)
                yield sign * length
                at, count = at + length, count - length
        if count > 0:
            start = at - self._skipped
            yield self._content[start : start + count]


def _variables(lines: Iterable[str]) -> dict[str, str]:
    """Name → value of the lines that begin with v."""
    pairs = (line[1:].partition("=") for line in lines if line[:1] == "v")
    return {name: value for name, equals, value in pairs if equals}


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _program(name: str) -> str:
    """The name a command is kept under. `…/bin/agent/agent` and the link `datadog-agent` are one program."""
    bare = name.rpartition("/")[2]
    return "datadog-agent" if bare == "agent" else bare


def _is_not_entered(name: str) -> bool:
    return name in _WORK_NOT_ENTERED or (name.startswith(".") and len(name) > 1 and name not in _WORK_HIDDEN)


def _denied(path: str) -> Unavailable:
    return Unavailable(Kind.DENIED, f"the collector was not permitted to read {path}", REMEDY)
