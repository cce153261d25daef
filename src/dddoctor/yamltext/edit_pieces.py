"""What an edit puts into a file: a value given, or a pair that is copied with its own text; each as lines of block style and as one line of flow style."""

from __future__ import annotations

from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.yamltext.edit_places import Path
from dddoctor.yamltext.edit_proof import value_of
from dddoctor.yamltext.edit_text import Layout, colon_of, column, comments, extents, line_end, line_start, tail
from dddoctor.yamltext.edit_values import CannotEdit, block_lines, flow_text, indented, key_text, pair_lines
from dddoctor.yamltext.nodes import Document, Node

_SAFE_IN_FLOW = lazy(r"[A-Za-z0-9_./@+~$^()<>;=-]+")
_BREAK = lazy(r"\r\n|[\n\r\x85\u2028\u2029]")


class Given:
    """A value of the rule or the caller."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def flow(self, quote: str = "") -> str:
        return flow_text(self.value, quote)

    def pair(self, key: str, layout: Layout) -> list[str]:
        """The lines of `key: value`, the first at column 0."""
        return pair_lines(key, self.value, layout.step, layout.list_offset)

    def item(self, layout: Layout) -> list[str]:
        """The lines of the value as it stands behind a dash."""
        return block_lines(self.value, layout.step, layout.list_offset)


class Copied:
    """The value of a pair of the file, in its own text as far as it can be. `with_comments`: its comments go along."""

    def __init__(self, document: Document, owner: Node, index: int, *, with_comments: bool) -> None:
        self.document, self.owner = document, owner
        self.key, self.node = owner.children[2 * index], owner.children[2 * index + 1]
        self.with_comments = with_comments
        self.value = value_of(document, self.node)

    def flow(self, quote: str = "") -> str:
        source = self.document.text[self.node.start : self.node.end]
        is_one_line = not _BREAK.search(source)
        if self.node.style in ("flow", "single", "double", "alias") and is_one_line:
            return source
        if self.node.style == "plain" and _SAFE_IN_FLOW.fullmatch(source):
            return source
        return flow_text(self.value, quote)

    def pair(self, key: str, layout: Layout) -> list[str]:
        text, node = self.document.text, self.node
        if self.owner.style == "flow" and _BREAK.search(text[node.start : node.end]):
            return [f"{key}: {self.flow()}"]
        end = tail(node)
        if self.owner.style == "flow":
            end = max(end, colon_of(self.key) + 1) if not _is_bare(self.key, node) else end
        elif self.with_comments:
            end = line_end(text, end)
        elif self.inner_comments():
            return pair_lines(key, self.value, layout.step, layout.list_offset)
        if _is_bare(self.key, node):
            return [f"{key}:"]
        lines = _BREAK.split(text[colon_of(self.key) : end])
        indentation = column(text, self.key.start)
        return [key + lines[0], *(_outdented(line, indentation) for line in lines[1:])]

    def item(self, layout: Layout) -> list[str]:
        return block_lines(self.value, layout.step, layout.list_offset)

    def inner_comments(self) -> bool:
        """Whether comments stand between the key and the end of the value."""
        return bool(comments(self.document.text, self.key.end, tail(self.node), extents(self.node)))


Piece = Given | Copied


def lines_of(rest: Path, piece: Piece, layout: Layout) -> list[str]:
    """`piece` below the keys `rest`, in block style: the lines of a pair where rest begins with a key, of an item where it begins with a number."""
    step, below = rest[0], rest[1:]
    if isinstance(step, str):
        key = key_text(step)
        if not below:
            return piece.pair(key, layout)
        is_list = not isinstance(below[0], str)
        return [f"{key}:", *indented(lines_of(below, piece, layout), layout.list_offset if is_list else layout.step)]
    _refuse_gap(step)
    lines = lines_of(below, piece, layout) if below else piece.item(layout)
    return ["- " + lines[0], *indented(lines[1:], 2)]


def flow_of(rest: Path, piece: Piece, quote: str = "") -> str:
    """The same on one line, without the brackets of the first collection: `a: {b: 1}`, `{b: 1}` for an item."""
    step, below = rest[0], rest[1:]
    text = piece.flow(quote) if not below else flow_of(below, piece, quote)
    if below:
        text = "{" + text + "}" if isinstance(below[0], str) else "[" + text + "]"
    if isinstance(step, str):
        return f"{key_text(step, quote)}: {text}"
    _refuse_gap(step)
    return text


def as_item(rest: Path) -> Path:
    """The same path with its first number as the first item of a list that is to be made or gets one more."""
    return (0, *rest[1:])


def _refuse_gap(step: int | None) -> None:
    if step is None:
        raise CannotEdit("the list has no item yet")
    if step != 0:
        raise CannotEdit(f"the list has no item {step}, nor one before it")


def _is_bare(key: Node, value: Node) -> bool:
    """A key in braces without a colon: `{a, b}`."""
    return value.start == value.end == key.end


def _outdented(line: str, blanks: int) -> str:
    kept = len(line) - len(line.lstrip(" "))
    return line[min(kept, blanks) :]


def quote_of(owner: Node) -> str:
    """`"` where every key of a flow mapping stands in double quotes, as in JSON."""
    keys = owner.children[::2] if owner.kind == "map" else []
    return '"' if keys and all(k.style == "double" for k in keys) else ""


def is_one_line(text: str, start: int, end: int) -> bool:
    return line_start(text, end) <= start
