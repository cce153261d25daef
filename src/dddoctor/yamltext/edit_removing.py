"""Cuts that take pairs or items away."""

from __future__ import annotations

from dddoctor.yamltext.edit_text import (
    Cut,
    colon_of,
    comments,
    dash_of,
    erased,
    extents,
    is_first_in_line,
    line_end,
    sign,
    tail,
)
from dddoctor.yamltext.edit_values import CannotEdit
from dddoctor.yamltext.nodes import Document, Node


class _Part:
    """One pair or item: where it begins, the node that ends it, where its scalars stand."""

    def __init__(self, owner: Node, index: int) -> None:
        if owner.kind == "map":
            key, self.node = owner.children[2 * index], owner.children[2 * index + 1]
            self.start = key.start
            self.colon = None if self.node.start == self.node.end == key.end else colon_of(key)
            self.places = sorted([*extents(key), *extents(self.node)])
            self.end = max(tail(self.node), key.end)
            if self.colon is not None and self.node.start == self.node.end:  # the blank stays: `{a:}` would be a text
                text = owner.document.text
                self.end = self.colon + 1 + (owner.style == "flow" and text[self.colon + 1 : self.colon + 2].isspace())
        else:
            self.node = owner.children[index]
            self.start = dash_of(owner, index) if owner.style == "block" else self.node.start
            self.places = extents(self.node)
            self.end = max(tail(self.node), self.start + 1)


def removed(document: Document, owner: Node, indexes: set[int], *, keep_comments: bool = True) -> list[Cut]:
    """Take pairs or items out of `owner`. Where all go, `{}` or `[]` is written; at top level nothing."""
    count = len(owner.children) // (2 if owner.kind == "map" else 1)
    parts = [_Part(owner, i) for i in range(count)]
    if owner.style == "flow":
        return _from_brackets(document, owner, parts, indexes)
    text = document.text
    is_behind_dash = not is_first_in_line(text, parts[0].start)
    cuts: list[Cut] = []
    if len(indexes) == count:
        cuts += _emptied(document, owner, parts[0], is_behind_dash=is_behind_dash)
    elif is_behind_dash and 0 in indexes:
        stays = next(i for i in range(count) if i not in indexes)
        places = [place for part in parts[:stays] for place in part.places]
        begin = (
            parts[0].start if keep_comments else line_end(text, parts[0].end)
        )  # its own comments go, those between do not
        if not comments(text, begin, parts[stays].start, places):
            cuts.append(Cut(parts[0].start, parts[stays].start))
            indexes = {i for i in indexes if i > stays}
    for index in sorted(indexes):
        cuts += erased(
            document, parts[index].start, parts[index].node, places=parts[index].places, keep_comments=keep_comments
        )
    return cuts


def _emptied(document: Document, owner: Node, first: _Part, *, is_behind_dash: bool) -> list[Cut]:
    """The sign that a block collection without children is still one."""
    text, empty = document.text, "{}" if owner.kind == "map" else "[]"
    if owner is document.root:
        return []
    if is_behind_dash:
        is_commented = bool(comments(text, first.start, line_end(text, first.end), first.places))
        return [Cut(first.start, first.start, empty + " " * is_commented)]
    parent, index = _parent(document, owner)
    at = colon_of(parent.children[index - 1]) if parent.kind == "map" else dash_of(parent, index)
    return [Cut(at + 1, at + 1, f" {empty}")]


def _parent(document: Document, node: Node) -> tuple[Node, int]:
    stack = [document.root] if document.root else []
    while stack:
        parent = stack.pop()
        if parent.is_alias:
            continue
        for index, child in enumerate(parent.children):
            if child is node:
                return parent, index
        stack += parent.children
    raise CannotEdit("the section stands nowhere")


def _from_brackets(document: Document, owner: Node, parts: list[_Part], indexes: set[int]) -> list[Cut]:
    """From a flow collection, with one comma each."""
    text = document.text
    stay = [i for i in range(len(parts)) if i not in indexes]
    regions: list[tuple[int, int]] = []
    if not stay:
        end = parts[-1].end
        comma = sign(text, ",", end, owner.end)
        regions.append((parts[0].start, end if comma is None else comma + 1))
    elif any(i > stay[-1] for i in indexes):
        regions.append((parts[stay[-1]].end, parts[-1].end))
    done = 0
    for kept in stay:
        if kept > done:
            regions.append((parts[done].start, parts[kept].start))
        done = kept + 1
    places = [place for part in parts for place in part.places]
    for start, end in regions:
        if comments(text, start, end, places):
            raise CannotEdit(
                f"comments stand between what is to go and what stays, from line {document.line_of(start)}"
            )
    return [Cut(start, end) for start, end in regions]
