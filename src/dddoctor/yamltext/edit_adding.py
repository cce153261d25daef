"""Cuts that add a pair or an item, or replace a value."""

from __future__ import annotations

import re
from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.yamltext.edit_pieces import Given, Piece, as_item, flow_of, lines_of, quote_of
from dddoctor.yamltext.edit_places import Path, Target
from dddoctor.yamltext.edit_text import (
    Cut,
    Layout,
    colon_of,
    column,
    comments,
    dash_of,
    erased,
    extents,
    is_first_in_line,
    line_end,
    line_start,
    tail,
)
from dddoctor.yamltext.edit_values import CannotEdit, block_lines, flow_text, indented, scalar_text, stands_on_one_line
from dddoctor.yamltext.nodes import Document, Node

_MARKER = lazy(r"^(?:---|\.\.\.)(?=[ \t\r\n]|\Z)", re.MULTILINE)


def added(document: Document, target: Target | None, steps: Path, piece: Piece, layout: Layout) -> list[Cut]:
    """Put `piece` where the target's path ends, with all that is missing on the way. No target: the document is empty."""
    if target is None:
        return _in_empty(document, document.text, steps, piece, layout)
    node, rest = target.node, target.rest
    if node.is_alias:
        raise CannotEdit(f"line {node.line} takes its content from an anchor elsewhere in the file")
    if node.kind == "map" and isinstance(rest[0], str):
        rest = _with_dots(document, node, rest)
        return _pair_in_flow(node, rest, piece) if node.style == "flow" else _pair_in_block(node, rest, piece, layout)
    if node.kind == "seq" and not isinstance(rest[0], str):
        if rest[0] != len(node.children):
            raise CannotEdit("the list has no item yet" if rest[0] is None else f"the list has no item {rest[0]}")
        return appended(document, node, as_item(rest), piece, layout)
    if node.kind == "scalar" and node.type == "null" and node.anchor is None and node.tag is None:
        return _in_null(document, target, piece, layout)
    what = {"map": "a section", "seq": "a list"}.get(node.kind, "a single value")
    raise CannotEdit(
        f"line {node.line} holds {what}, which cannot take {'a key' if isinstance(rest[0], str) else 'an item'}"
    )


def appended(document: Document, node: Node, rest: Path, piece: Piece, layout: Layout) -> list[Cut]:
    """Add an item at the end of a sequence; `rest` begins with 0."""
    if node.style == "flow":
        below = flow_of(rest[1:], piece, quote_of(node)) if len(rest) > 1 else piece.flow(_json_quote(node))
        return _in_brackets(
            node, "{" + below + "}" if len(rest) > 1 and isinstance(rest[1], str) else below, node.children
        )
    text = document.text
    dash, first = dash_of(node, 0), node.children[0]
    blanks = text[dash + 1 : first.start] if line_end(text, dash) >= first.start > dash + 1 else " "
    lines = lines_of(rest, piece, layout)
    lines = [f"-{blanks}{lines[0][2:]}", *indented([line[2:] for line in lines[1:]], 1 + len(blanks))]
    return [_below(document, tail(node), indented(lines, column(text, dash)), layout)]


def replaced(document: Document, target: Target, value: Any, layout: Layout) -> list[Cut]:
    """Write `value` over the value that stands there."""
    owner, node, text = target.owner, target.node, document.text
    if owner is None:
        raise CannotEdit("the whole document cannot be replaced")
    quote = {"single": "'", "double": '"'}.get(node.style, "") if isinstance(value, str) else ""
    if owner.style == "flow" or (node.style == "flow" and isinstance(value, dict | list)):
        return _replaced_by(document, target, flow_text(value, quote or quote_of(node) or _json_quote(owner)))
    if owner.kind == "seq":
        return _item_replaced(document, target, value, layout, quote)
    key = owner.children[2 * target.number]
    colon = colon_of(key)
    is_lines = node.style in ("block", "literal", "folded")
    if stands_on_one_line(value):
        one_line = scalar_text(value, quote) if not isinstance(value, dict | list) else flow_text(value)
        if not is_lines:
            return _replaced_by(document, target, one_line)
        return _lines_replaced(document, node, colon, one_line)
    if isinstance(value, list) and node.kind == "seq" and node.style == "block":
        more = _longer(document, node, value, layout)
        if more is not None:
            return more
    lines = block_lines(value, layout.step, layout.list_offset)
    deeper = layout.list_offset if isinstance(value, list) else layout.step
    if is_lines:
        cuts = _lines_replaced(document, node, colon, "")
        at = line_end(text, colon)
    else:
        if node.start != node.end and comments(text, colon, node.end, extents(node)):
            raise CannotEdit(f"comments stand inside the value in line {node.line}")
        cuts = [Cut(colon + 1, node.end)] if node.start != node.end else []
        at = line_end(text, max(node.end, colon + 1))
    added_lines = indented(lines, column(text, key.start) + deeper)
    return [*cuts, Cut(at, at, layout.eol + layout.eol.join(added_lines))]


# --- pairs -----------------------------------------------------------------------------------------------------------


def _with_dots(document: Document, node: Node, rest: Path) -> Path:
    """Where datadog.yaml spells a section's keys with dots (`apm_config.env: x`) and has no such section, one more is spelt so: a section beside
    them might hide them."""
    if document.kind != "main" or len(rest) < 2 or not all(isinstance(step, str) for step in rest):
        return rest
    if any(key.raw.lower().startswith(f"{rest[0]}.") for key in node.children[::2] if key.kind == "scalar"):
        return (".".join(str(step) for step in rest),)
    return rest


def _pair_in_block(node: Node, rest: Path, piece: Piece, layout: Layout) -> list[Cut]:
    document = node.document
    lines = lines_of(rest, piece, layout)
    return [_below(document, tail(node), indented(lines, column(document.text, node.children[0].start)), layout)]


def _pair_in_flow(node: Node, rest: Path, piece: Piece) -> list[Cut]:
    if node.document.text[node.value_start : node.value_start + 1] != "{":
        raise CannotEdit(f"the pair in line {node.line} stands in a list without braces of its own")
    return _in_brackets(node, flow_of(rest, piece, quote_of(node)), node.children[::2])


def _in_brackets(node: Node, new: str, starts: list[Node]) -> list[Cut]:
    """Behind the last pair or item of a flow collection; in a line of its own where those before it have theirs."""
    text = node.document.text
    if not node.children:
        return [Cut(node.value_start + 1, node.value_start + 1, new)]
    last, begin = node.children[-1], starts[-1].start
    end, comma = last.end, ","
    if last.end == last.start and node.kind == "map" and last.start > node.children[-2].end:
        end, comma = colon_of(node.children[-2]) + 1, " ,"  # `a:,` would be a text
    before = node.value_start if len(starts) == 1 else starts[-2].start
    if is_first_in_line(text, begin) and line_start(text, begin) > before:
        first = line_start(text, begin)
        return [Cut(end, end, f"{comma}{text[first - _break_length(text, first) : first]}{text[first:begin]}{new}")]
    return [Cut(end, end, f"{comma} {new}")]


def _in_null(document: Document, target: Target, piece: Piece, layout: Layout) -> list[Cut]:
    """A key without a value, or a dash with nothing behind it, gets its first pair or item."""
    owner, node, rest, text = target.owner, target.node, target.rest, document.text
    if owner is None:
        return _in_empty(document, text, rest, piece, layout)
    if owner.style == "flow":
        below = flow_of(rest, piece, quote_of(owner))
        return _replaced_by(document, target, "{" + below + "}" if isinstance(rest[0], str) else f"[{below}]")
    lines = lines_of(rest, piece, layout)
    if owner.kind == "seq":
        dash = dash_of(owner, target.number)
        start = node.start if node.start != node.end else dash + 1
        is_commented = bool(comments(text, node.end, line_end(text, node.end)))
        if len(lines) > 1 and is_commented:
            if node.start != node.end:
                raise CannotEdit(f"a comment stands in the way in line {node.line}")
            at = line_end(text, dash)
            return [Cut(at, at, layout.eol + layout.eol.join(indented(lines, column(text, dash) + 2)))]
        first = "" if node.start != node.end else " "
        inner = column(text, start) if node.start != node.end else column(text, dash) + 2
        return [
            Cut(
                start,
                node.end if node.start != node.end else start,
                first + layout.eol.join([lines[0], *indented(lines[1:], inner)]),
            )
        ]
    key = owner.children[2 * target.number]
    colon = colon_of(key)
    deeper = layout.step if isinstance(rest[0], str) else layout.list_offset
    at = line_end(text, max(node.end, colon + 1))
    new = layout.eol + layout.eol.join(indented(lines, column(text, key.start) + deeper))
    if node.start == node.end:
        return [Cut(at, at, new)]
    if comments(text, colon, node.start):
        raise CannotEdit(f"comments stand inside the value in line {node.line}")
    return [Cut(colon + 1, node.end), Cut(at, at, new)]


def _in_empty(document: Document, text: str, steps: Path, piece: Piece, layout: Layout) -> list[Cut]:
    """A document of nothing but comments, or `~`: the new lines end it."""
    lines = lines_of(steps, piece, layout)
    new = layout.eol.join(lines)
    node = document.root
    if node is not None and node.start != node.end:
        return [Cut(node.start, node.end, new)]
    markers = list(_MARKER.finditer(text))
    opened = 1 if markers and markers[0][0] == "---" else 0
    if len(markers) > opened:
        at = markers[opened].start()
        return [Cut(at, at, new + layout.eol)]
    if text and line_start(text, len(text)) != len(text):
        return [Cut(len(text), len(text), layout.eol + new)]
    return [Cut(len(text), len(text), new + layout.eol)]


# --- values ----------------------------------------------------------------------------------------------------------


def _replaced_by(document: Document, target: Target, new: str) -> list[Cut]:
    """The value's own characters become `new`; behind the colon or dash where there are none."""
    owner, node, text = target.owner, target.node, document.text
    assert owner is not None
    if node.start != node.end:
        places = extents(node)
        if comments(text, node.start, node.end, places):
            raise CannotEdit(f"comments stand inside the value in line {node.line}")
        return [Cut(node.start, node.end, new)]
    if owner.kind == "seq":
        at = dash_of(owner, target.number) + 1
        return [Cut(at, at, f" {new}")]
    key = owner.children[2 * target.number]
    if owner.style == "flow" and node.start == key.end:
        return [Cut(key.end, key.end, f": {new}")]
    at = colon_of(key) + 1
    return [Cut(at, at, f" {new}")]


def _lines_replaced(document: Document, node: Node, colon: int, new: str) -> list[Cut]:
    """`new` in place of a value that goes over lines of its own: a block collection, a literal or folded text (its `|` stands in the key's line)."""
    text, places = document.text, extents(node)
    if node.style == "block" and is_first_in_line(text, node.start):
        return [
            *([Cut(colon + 1, colon + 1, f" {new}")] if new else []),
            *erased(document, node.start, node, places=places),
        ]
    begin = colon + 1
    while text[begin] in " \t" and begin < node.start:
        begin += 1
    is_commented = bool(comments(text, begin, line_end(text, begin), places))
    if not new and not is_commented:
        begin = colon + 1
    first = [Cut(begin, begin, new + " " * is_commented)] if new else []
    return [*first, *erased(document, begin, node, places=places)]


def _item_replaced(document: Document, target: Target, value: Any, layout: Layout, quote: str) -> list[Cut]:
    node, text = target.node, document.text
    if stands_on_one_line(value):
        lines = [scalar_text(value, quote) if not isinstance(value, dict | list) else flow_text(value)]
    else:
        lines = block_lines(value, layout.step, layout.list_offset)
    if node.start == node.end:
        dash = dash_of(target.owner, target.number) if target.owner else 0
        return [
            Cut(dash + 1, dash + 1, " " + layout.eol.join([lines[0], *indented(lines[1:], column(text, dash) + 2)]))
        ]
    end = tail(node)
    if comments(text, node.start, end, extents(node)) or (len(lines) > 1 and comments(text, end, line_end(text, end))):
        raise CannotEdit(f"comments stand inside the item in line {node.line}")
    return [Cut(node.start, end, layout.eol.join([lines[0], *indented(lines[1:], column(text, node.start))]))]


def _longer(document: Document, node: Node, value: list[Any], layout: Layout) -> list[Cut] | None:
    """Where the new list is the old one and more, only the rest is added."""
    from dddoctor.yamltext.edit_proof import same, value_of

    old = node.children
    if len(value) <= len(old) or not all(
        same(value_of(document, item), new) for item, new in zip(old, value, strict=False)
    ):
        return None
    text = document.text
    dash = dash_of(node, 0)
    lines = [line for item in value[len(old) :] for line in lines_of((0,), Given(item), layout)]
    return [_below(document, tail(node), indented(lines, column(text, dash)), layout)]


def _below(document: Document, end: int, lines: list[str], layout: Layout) -> Cut:
    """New lines below the line in which a node ends at `end`."""
    at = line_end(document.text, end)
    return Cut(at, at, layout.eol + layout.eol.join(lines))


def _break_length(text: str, start: int) -> int:
    return 2 if text.endswith("\r\n", 0, start) else 1


def _json_quote(owner: Node) -> str:
    """`"` where a flow collection's texts all stand in double quotes."""
    texts = [child for child in owner.children if child.kind == "scalar" and child.type == "str"]
    return '"' if texts and all(child.style == "double" for child in texts) else ""
