"""What the reader returns: a document, its nodes and problems. Positions are character offsets into `Document.text`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

import yaml

from dddoctor.light import NamedTuple
from dddoctor.yamltext.scalars import Undecodable, resolve_plain, resolve_tagged

_UNSET: Any = object()
_STYLES = {None: "plain", "": "plain", "'": "single", '"': "double", "|": "literal", ">": "folded"}


class Problem(NamedTuple):
    """Why the Agent refuses a text, or what it warns of. `message` is the Agent's own text.

    `line` is the culprit (1-based, None where the file as a whole is meant), `agent_line` what the Agent prints (often another one, None where it prints none).
    """

    message: str
    line: int | None
    column: int | None
    agent_line: int | None


class Node:
    """One node of the document. Cheap to make; what is rarely asked for is computed when asked.

    An alias has style "alias" and the kind, type, value and children of its `target`.
    """

    __slots__ = ("kind", "event", "children", "document", "target", "_end", "_last_line", "_value", "_type")

    kind: str
    event: Any
    children: list[Node]
    document: Document
    target: Node | None
    _end: int  # of a collection
    _last_line: int  # of a collection, from 0; -1 where the reader did not see it
    _type: str | None
    _value: Any

    def __init__(self, kind: str, event: Any, children: list[Node], document: Document) -> None:
        self.kind = kind
        self.event = event
        self.children = children
        self.document = document
        self.target = None
        self._type = None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.style} {self.start}:{self.end}>"

    @property
    def style(self) -> str:
        """plain, single, double, literal, folded (scalars); block, flow (collections); alias."""
        if self.target is not None:
            return "alias"
        event = self.event
        if self.kind == "scalar":
            return _STYLES[event.style]
        return "flow" if event.flow_style else "block"

    @property
    def is_alias(self) -> bool:
        return self.target is not None

    @property
    def start(self) -> int:
        """Offset of the first character, anchor and tag included."""
        return self.event.start_mark.index  # type: ignore[no-any-return]

    @property
    def end(self) -> int:
        """Offset behind the last character that belongs to it; blank lines and comments behind it do not."""
        if self.kind == "scalar" or self.is_alias:
            event: Any = self.event
            end: int = event.end_mark.index
            if event.__class__ is yaml.ScalarEvent and event.style in ("|", ">"):
                return self.start + len(self.document.text[self.start : end].rstrip())
            return end
        return self._end

    @property
    def value_start(self) -> int:
        """Offset behind anchor and tag."""
        start = self.start
        if self.is_alias or (self.event.anchor is None and self.event.tag is None):
            return start
        text, end = self.document.text, self.end
        while start < end and (text[start] in "&!" or text[start].isspace()):
            if text[start] in "&!":
                while start < end and not text[start].isspace():
                    start += 1
            else:
                start += 1
        return start

    @property
    def line(self) -> int:
        mark = self.event.start_mark
        return mark.line + 1 if self.document.has_plain_lines else self.document.line_of(mark.index)

    @property
    def column(self) -> int:
        mark = self.event.start_mark
        return mark.column + 1 if self.document.has_plain_lines else self.document.column_of(mark.index)

    @property
    def end_line(self) -> int:
        if self.document.has_plain_lines and self.target is None:
            event: Any = self.event
            if self.kind != "scalar":
                if self._last_line >= 0:
                    return self._last_line + 1
            elif event.style not in ("|", ">"):
                return event.end_mark.line + 1  # type: ignore[no-any-return]
        return self.document.line_of(max(self.end - 1, self.start))

    @property
    def source(self) -> str:
        """A scalar as it is written, quotes included, without anchor and tag; an alias as written; "" for collections."""
        if self.kind == "scalar":
            event: Any = self.event
            if (
                event.__class__ is yaml.ScalarEvent
                and event.tag is None
                and event.anchor is None
                and event.style not in ("|", ">")
            ):
                begin: Any = event.start_mark
                end: Any = event.end_mark
                return self.document.text[begin.index : end.index]
            return self.document.text[self.value_start : self.end]
        return self.document.text[self.start : self.end] if self.target is not None else ""

    @property
    def anchor(self) -> str | None:
        """The anchor's name; for an alias the name it refers to."""
        return self.event.anchor  # type: ignore[no-any-return]

    @property
    def tag(self) -> str | None:
        """An explicit tag in its long form."""
        return None if self.is_alias else self.event.tag

    @property
    def raw(self) -> str:
        """A scalar's text after unquoting and folding, before any type is looked for; "" for collections."""
        node = self.target or self
        if node.kind != "scalar":
            return ""
        value: str = node.event.value
        for stand_in, original in self.document.stand_ins.items():
            value = value.replace(stand_in, original)
        return value

    @property
    def value(self) -> Any:
        """A scalar's value as the Agent decodes it (a forbidden tag: its text); None for collections and null."""
        if self._type is None:
            self._resolve()
        return self._value

    @property
    def type(self) -> str:
        """str, int, float, bool, null, map or list, as the Agent decodes."""
        return self._type or self._resolve()

    def _resolve(self) -> str:
        event: Any = self.event
        if (
            self.kind == "scalar" and self.target is None and event.tag is None and not self.document.stand_ins
        ):  # nearly all
            self._type, self._value = found = ("str", event.value) if event.style else resolve_plain(event.value)
            return found[0]
        node = self.target or self
        if node.kind != "scalar":
            self._type, self._value = ("map" if node.kind == "map" else "list"), None
        else:
            try:
                self._type, self._value = node.resolved()
            except Undecodable:
                self._type, self._value = "str", node.raw
        return self._type

    def resolved(self) -> tuple[str, Any]:
        """Type and value of a scalar. Raises Undecodable where its tag forbids the text."""
        event = self.event
        raw = self.raw if self.document.stand_ins else event.value
        if event.tag is not None:
            return resolve_tagged(event.tag, raw)
        if event.style:
            return "str", raw
        return resolve_plain(raw)

    @property
    def items(self) -> list[Node]:
        """The items of a sequence, else empty."""
        return self.children if self.kind == "seq" else []

    @property
    def pairs(self) -> list[tuple[Node, Node]]:
        """The pairs of a mapping in order, duplicates kept, else empty."""
        children = self.children
        return list(zip(children[::2], children[1::2], strict=True)) if self.kind == "map" else []

    @property
    def is_merge_key(self) -> bool:
        """`<<` without quotes: what follows is merged into the mapping."""
        return self.kind == "scalar" and not self.is_alias and self.event.value == "<<" and not self.event.style


class Document:
    """A file as the Agent reads it. Lines count by "\\n", columns by characters, both 1-based.

    `parses`: the Agent loads it (text and, for kind check and main, shape). `is_yaml`: the text alone is in order, so `root` is whole.
    `has_shape`: what parses also has the types that the Agent decodes into. `parses` = `is_yaml` and `has_shape`.
    `warnings`: what only the strict decoding minds (duplicate keys; unknown top-level keys of a check).
    `has_plain_lines`: only "\\n" ends lines. `has_long_scalars`: some scalar goes over several lines; `has_long_texts`: one that is no block. `rest_ignored_line`: the first line that the Agent never sees because it stands behind the first document.
    `noticed`: where the reader stood and where what it was reading began (offsets) when it gave up; `context` says what that was.
    """

    __slots__ = ("data", "text", "kind", "encoding", "bom_bytes", "root", "is_yaml", "has_shape", "problem", "problems", "warnings",
                 "rest_ignored_line", "noticed", "context", "end", "has_aliases", "needs_decoding", "stand_ins", "has_plain_lines", "has_long_scalars", "has_long_texts", "_line_starts", "_decoded")  # fmt: skip

    def __init__(self, data: bytes, kind: str) -> None:
        self.data = data
        self.kind = kind
        self.text = ""
        self.encoding = "utf-8"
        self.bom_bytes = 0
        self.root: Node | None = None
        self.is_yaml = True
        self.has_shape = True
        self.problem: Problem | None = None
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.rest_ignored_line: int | None = None
        self.noticed: tuple[int | None, int | None] = (None, None)
        self.context = ""
        self.end = 0
        self.has_aliases = False
        self.needs_decoding = False
        self.has_plain_lines = False
        self.has_long_scalars = False
        self.has_long_texts = False
        self.stand_ins: dict[str, str] = {}
        self._line_starts: list[int] | None = None
        self._decoded: Any = _UNSET

    def forget(self) -> None:
        """Let go of the nodes. They refer to their document, so that a host with thousands of files would otherwise leave them all to the garbage collector."""
        self.root = None

    @property
    def parses(self) -> bool:
        return self.is_yaml and self.has_shape

    def line_starts(self) -> list[int]:
        """Offsets of the first character of each line."""
        starts = self._line_starts
        if starts is None:
            starts, text = [0], self.text
            at = text.find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = text.find("\n", at + 1)
            self._line_starts = starts
        return starts

    def line_of(self, offset: int) -> int:
        return bisect_right(self._line_starts or self.line_starts(), offset)

    def column_of(self, offset: int) -> int:
        return offset - self.line_starts()[self.line_of(offset) - 1] + 1

    def line_text(self, line: int) -> str:
        """The text of a 1-based line without its line end."""
        starts = self.line_starts()
        end = starts[line] if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].rstrip("\r\n")

    def byte_offset(self, offset: int) -> int:
        """Where the character at `offset` begins in `data`."""
        if self.encoding.startswith("utf-16"):
            return self.bom_bytes + len(self.text[:offset].encode("utf-16-le", "surrogatepass"))
        return self.bom_bytes + len(self.text[:offset].encode("utf-8", "surrogateescape"))

    def encode(self, text: str) -> bytes:
        """Text in the file's own encoding, without a byte order mark."""
        if self.encoding.startswith("utf-16"):
            return text.encode(self.encoding, "surrogatepass")
        return text.encode("utf-8", "surrogateescape")

    def value(self) -> Any:
        """The whole data as the Agent decodes it: dict, list, str, int, float, bool, None, bytes (a !!binary that is no text).

        Keys that are no text are Key(type, value). Of duplicate keys the last wins, merges are applied. For a check, unknown top-level keys are kept.
        What an alias refers to is the same object. None where the text does not parse.
        """
        if self._decoded is _UNSET:
            from dddoctor.yamltext.decoder import decode_all

            self._decoded = decode_all(self) if self.is_yaml else None
        return self._decoded

    def top_level(self) -> Iterator[tuple[Node, Node]]:
        """The pairs of the top-level mapping, none where there is no mapping."""
        return iter(self.root.pairs if self.root is not None and self.root.kind == "map" else [])


class Key(NamedTuple):
    """A mapping key that is no text, as decoded: Key("int", 1), Key("bool", True), Key("null", None)."""

    type: str
    value: object
