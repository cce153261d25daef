"""Repairs of YAML files: set, move, remove or rename a key, add an item, correct the text. Every byte that need not change stays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from dddoctor.actions import Refused, action
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.model import Change, Edit, Span
from dddoctor.yamltext import Document, correct, defects, edits, read
from dddoctor.yamltext.edits import CannotEdit


@action("edit")
class SetYaml:
    """Give a key a value, with the sections that are missing on the way. Params: file, key (a path; `[*]` = each item), value.

    A list or mapping replaces the one that is there. A file that is not there is refused.
    """

    file: str
    key: str
    value: object

    def plan(self, host: Host) -> list[Change]:
        document = _document(host, self.file)
        return _edit(self.file, document, lambda: (edits.set_key(document, self.key, self.value), (self.key,)))


@action("edit")
class AddYamlItem:
    """Add an item to a list, which is made where there is none. Params: file, path (of the list), value. An equal item is enough."""

    file: str
    path: str
    value: object

    def plan(self, host: Host) -> list[Change]:
        document = _document(host, self.file)
        return _edit(self.file, document, lambda: (edits.add_item(document, self.path, self.value), (self.path,)))


@action("edit")
class MoveYamlKey:
    """Move a key with its value and comments to another place. Params: file, from, to (paths; `[*]` in `to` = into each item).

    The value is read from the file itself. Refused where the new place has another value already.
    """

    file: str
    from_: str
    to: str

    def plan(self, host: Host) -> list[Change]:
        document = _document(host, self.file)
        return _edit(
            self.file, document, lambda: (edits.move_key(document, self.from_, self.to), (self.from_, self.to))
        )


@action("edit")
class RemoveYamlKey:
    """Take a key, each of its duplicates, or an item away; comments stay. Params: file, path."""

    file: str
    path: str

    def plan(self, host: Host) -> list[Change]:
        document = _document(host, self.file)
        return _edit(
            self.file,
            document,
            lambda: (edits.remove_key(document, self.path), edits.intents_of_removal(document, self.path)),
        )


@action("edit")
class RenameYamlKey:
    """Give a key another name. Params: file, path, to (the name; in datadog.yaml also its whole path). Refused where that key exists."""

    file: str
    path: str
    to: str

    def plan(self, host: Host) -> list[Change]:
        document = _document(host, self.file)
        return _edit(
            self.file,
            document,
            lambda: (
                edits.rename_key(document, self.path, self.to),
                edits.intents_of_renaming(document, self.path, self.to),
            ),
        )


@action("text")
class RepairYamlText:
    """Correct one defect of the text, as yaml_defects names it. Params: file, line, kind. The correction is computed again from the file."""

    file: str
    line: int
    kind: str

    def plan(self, host: Host) -> list[Change]:
        data = _data(host, self.file)
        decoded_as = edits.kind_of(self.file)
        spans = correct(data, decoded_as, self.line, self.kind)
        if spans:
            return [_change(self.file, data, spans, ("*",))]
        if any(d.line == self.line and d.kind == self.kind for d in defects(read(data, decoded_as))):
            raise Refused(f"no certain correction of line {self.line} is known")
        return []


def _data(host: Host, file: str) -> bytes:
    try:
        return host.read(file)
    except FileNotFoundError:
        raise Refused(f"there is no {file}") from None
    except Unavailable as error:
        raise Refused(f"{file} could not be read: {error.reason}") from None
    except InputError as error:
        raise Refused(f"{file}: {error.message}") from None


def _document(host: Host, file: str) -> Document:
    return read(_data(host, file), edits.kind_of(file))


def _edit(file: str, document: Document, planned: Callable[[], tuple[Sequence[Span], tuple[str, ...]]]) -> list[Change]:
    """The planned spans (already proven by yamltext.edits) as a change; nothing where there is none to make."""
    try:
        spans, intent = planned()
    except CannotEdit as error:
        raise Refused(str(error)) from None
    except RecursionError:
        raise Refused("the file is nested too deeply to be edited") from None
    return [_change(file, document.data, spans, intent)] if spans else []


def _change(file: str, data: bytes, spans: Sequence[Span], intent: tuple[str, ...]) -> Change:
    return Edit(file, hashlib.sha256(data).hexdigest(), tuple(spans), intent, "yaml")
