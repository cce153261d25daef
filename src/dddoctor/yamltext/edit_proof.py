"""Whether two readings of a file hold the same data, but for what an edit was meant to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dddoctor.yamltext.edit_places import Path, Step, parse_path, pieces_of
from dddoctor.yamltext.edit_values import CannotEdit
from dddoctor.yamltext.nodes import Document, Key, Node
from dddoctor.yamltext.scalars import resolve_plain

_ABSENT: Any = object()


def differs_only_at(before: Document, after: Document, intents: Sequence[str]) -> bool:
    """Whether `after` is YAML and its data differs from `before` at the intents only (Edit.intent: a path covers what is below it, "*" everything).

    Sections on the way to an intent may come into being or become empty. Types count (`1`, `1.0`, `"1"` differ), the order of keys does not.
    False as well where the edit makes the Agent ignore other lines than before, and where `before` was no YAML to compare with.
    """
    if "*" in intents:
        return after.is_yaml
    try:
        return differs_only_on(before, after, [parse_path(intent, after.kind) for intent in intents])
    except CannotEdit:
        return False


def differs_only_on(before: Document, after: Document, meant: Sequence[Path]) -> bool:
    """The same with paths that are parsed for the kind of `after`."""
    if (
        not before.is_yaml
        or not after.is_yaml
        or (before.rest_ignored_line is None) != (after.rest_ignored_line is None)
    ):
        return False
    return _same(before.value(), after.value(), meant, after.kind, is_top=True)


def same(one: object, other: object) -> bool:
    """Whether two decoded values are equal, types included."""
    return _same(one, other, [], "other")


def value_of(document: Document, node: Node) -> Any:
    """The value of one node as the Agent decodes it."""
    from dddoctor.yamltext.decoder import Decoder

    decoder = Decoder(document)
    return decoder.run(decoder.anything(node))


def _same(one: object, other: object, meant: Sequence[Path], kind: str, *, is_top: bool = False) -> bool:
    """An own stack: the Agent accepts 10,000 levels, Python's recursion does not."""
    stack: list[tuple[Any, Any, Sequence[Path]]] = [(one, other, meant)]
    seen: set[tuple[int, int]] = set()
    while stack:
        a, b, paths = stack.pop()
        if any(not path for path in paths):
            continue
        if paths or is_top:
            a, b = _emptied(a, b), _emptied(b, a)
        is_top = False
        if type(a) is not type(b):
            return False
        if not isinstance(a, dict | list):
            if a != b and (a == a or b == b):
                return False
            continue
        if not paths:
            if (id(a), id(b)) in seen:
                continue
            seen.add((id(a), id(b)))
        if isinstance(a, dict):
            for key in a.keys() | b.keys():
                stack.append((a.get(key, _ABSENT), b.get(key, _ABSENT), _below_key(paths, key, kind)))
        else:
            if len(a) != len(b) and not paths:
                return False
            for index in range(max(len(a), len(b))):
                left = [path[1:] for path in paths if path[0] is None or path[0] == index]
                stack.append((a[index] if index < len(a) else _ABSENT, b[index] if index < len(b) else _ABSENT, left))
    return True


def _emptied(value: Any, other: Any) -> Any:
    """Nothing counts as the empty section or list that the other side has."""
    if value is None or value is _ABSENT:
        if isinstance(other, dict | list):
            return type(other)()
        return None
    return value


def _below_key(paths: Sequence[Path], key: object, kind: str) -> list[Path]:
    """What is left of the paths below a key; an empty one covers it."""
    left = []
    for path in paths:
        pieces = pieces_of(key, kind) if isinstance(key, str) else path[:1] if _spells(path[0], key) else None
        if pieces is None:
            continue
        if path[: len(pieces)] == pieces:
            left.append(path[len(pieces) :])
        elif pieces[: len(path)] == path:
            left.append(())
    return left


def _spells(step: Step, key: object) -> bool:
    """Whether a step names a key that is no text, such as `n` or `1`."""
    if not isinstance(step, str) or not isinstance(key, Key):
        return False
    type_, value = resolve_plain(step)
    return type_ == key.type and value == key.value
