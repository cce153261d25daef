"""Edits of YAML text that leave every other byte alone: set, remove, move, rename a key, add an item.

Each function returns spans of bytes against `document.data`, in order and not touching; none where the file already is as wanted. Before it returns it
reads the result and proves that the data changed as meant and nowhere else; otherwise CannotEdit says why. Comments and blank lines stay where they are,
but those of a moved key go along where they can. Paths: edit_places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from dddoctor.model import Span
from dddoctor.yamltext.edit_adding import added, appended, replaced
from dddoctor.yamltext.edit_pieces import Copied, Given, Piece
from dddoctor.yamltext.edit_places import Path, Target, found, kind_of, parse_path, path_text, pieces_of, targets
from dddoctor.yamltext.edit_proof import differs_only_at, differs_only_on, same, value_of
from dddoctor.yamltext.edit_removing import removed
from dddoctor.yamltext.edit_text import Cut, applied, composed, layout_of, to_spans
from dddoctor.yamltext.edit_values import CannotEdit, key_text
from dddoctor.yamltext.nodes import Document, Node
from dddoctor.yamltext.reader import read

__all__ = [
    "CannotEdit",
    "add_item",
    "differs_only_at",
    "intents_of_removal",
    "intents_of_renaming",
    "kind_of",
    "move_key",
    "remove_key",
    "rename_key",
    "set_key",
]

_OTHER_VALUE = "the Agent would read another value than the one meant"


def set_key(document: Document, path: str, value: object) -> tuple[Span, ...]:
    """Give the key at `path` the value (None, bool, int, float, str, list, dict with text keys), with the sections that are missing on the way.

    `[*]` stands for every item that there is. Of keys that stand there twice the one that counts is changed.
    """
    steps = _steps(document, path)
    piece, layout = Given(value), layout_of(document)
    cuts: list[Cut] = added(document, None, steps, piece, layout) if document.root is None else []
    for target in targets(document, steps):
        if target.rest:
            cuts += added(document, target, steps, piece, layout)
        elif not same(value_of(document, target.node), value):
            cuts += replaced(document, target, value, layout)
    return _proven(document, to_spans(document, cuts), [steps], all_of={steps: value})


def add_item(document: Document, path: str, value: object) -> tuple[Span, ...]:
    """Add an item to the list at `path`, which is made where there is none. Nothing to do where an equal item is in it."""
    steps = _steps(document, path)
    there = found(document, steps)
    if not there:
        return set_key(document, path, [value])
    cuts: list[Cut] = []
    wanted = list(there)
    for target in there:
        node = target.node
        if node.kind == "scalar" and node.type == "null":
            cuts += added(document, target._replace(rest=(0,)), steps, Given(value), layout_of(document))
        elif node.kind != "seq":
            raise CannotEdit(f"`{path}` is no list")
        elif node.is_alias:
            raise CannotEdit(f"`{path}` is the list of an anchor elsewhere in the file")
        elif any(same(value_of(document, item), value) for item in node.children):
            wanted.remove(target)
        else:
            cuts += appended(document, node, (0,), Given(value), layout_of(document))
    if not wanted:
        return ()
    lists = [
        [*old, value] if target in wanted else old
        for target in there
        for old in [value_of(document, target.node) or []]
    ]
    return _proven(document, to_spans(document, cuts), [steps], each={steps: lists})


def remove_key(document: Document, path: str) -> tuple[Span, ...]:
    """Take a key (each of its duplicates) or an item away. A section or list that gets empty is written `{}` or `[]`, so that its kind stays."""
    steps = _steps(document, path)
    spans = _removal(document, steps)
    if isinstance(steps[-1], str):
        return _proven(document, spans, [steps], gone=[steps])
    lists = [
        [item for i, item in enumerate(value_of(document, t.node)) if steps[-1] not in (i, None)]
        for t in found(document, steps[:-1])
    ]
    return _proven(document, spans, [steps[:-1]], each={steps[:-1]: lists})


def move_key(document: Document, path: str, to: str) -> tuple[Span, ...]:
    """Move a key with its value and comments, into each item where `to` has `[*]`. Nothing to do where there is no key at `path`.

    Where the place has the key already, an equal value is left, another one refused.
    """
    steps, new_steps = _steps(document, path), _steps(document, to)
    sources = found(document, steps)
    if not sources:
        return ()
    if not isinstance(steps[-1], str) or not isinstance(new_steps[-1], str) or steps == new_steps:
        raise CannotEdit(f"`{path}` cannot be moved to `{to}`: both must be keys")
    if len(sources) > 1 or sources[0].owner is None:
        raise CannotEdit(f"`{path}` stands in several places")
    source, owner = sources[0], sources[0].owner
    places = _places_for(document, source, targets(document, new_steps), to)
    is_moved_whole = len(places) == 1 and places[0].rest != () and owner.style == "block" and _is_block(places[0])
    copied = Copied(document, owner, source.number, with_comments=is_moved_whole)
    try:
        return _moved(document, places, (steps, new_steps), copied, keep_comments=not is_moved_whole)
    except CannotEdit:
        # Some texts mean something else in another place: `|+` takes the blank lines that it meets there.
        try:
            return _moved(document, places, (steps, new_steps), Given(copied.value), keep_comments=True)
        except CannotEdit:
            pass
        raise


def rename_key(document: Document, path: str, to: str) -> tuple[Span, ...]:
    """Give a key another name; quotes stay. `to` is the new name, or for kind main its whole path with dots. Refused where that name is taken."""
    steps, new_steps = _steps(document, path), _renamed(document, path, to)
    there = found(document, steps)
    if not there or steps == new_steps:
        return ()
    if found(document, new_steps):
        raise CannotEdit(f"`{to}` is there already")
    cuts = []
    for target in there:
        assert target.owner is not None
        key = target.owner.children[2 * target.number]
        if key.is_alias or key.style in ("literal", "folded"):
            raise CannotEdit(f"the key in line {key.line} is not written as a word")
        own = len(pieces_of(key.raw, document.kind))  # `a.b` of datadog.yaml stands for two steps
        name = ".".join(str(step) for step in new_steps[-own:])
        cuts.append(Cut(key.value_start, key.end, key_text(name, {"single": "'", "double": '"'}.get(key.style, ""))))
    return _proven(
        document,
        to_spans(document, cuts),
        [steps, new_steps],
        each={new_steps: [value_of(document, t.node) for t in there]},
    )


def intents_of_removal(document: Document, path: str) -> tuple[str, ...]:
    """What remove_key may change, for Edit.intent: the path; for an item the whole list, since the others move up."""
    return (path_text(_removal_path(_steps(document, path))),)


def intents_of_renaming(document: Document, path: str, to: str) -> tuple[str, ...]:
    """What rename_key may change, for Edit.intent."""
    return (path_text(_steps(document, path)), path_text(_renamed(document, path, to)))


# --- what the functions share ----------------------------------------------------------------------------------------


def _steps(document: Document, path: str) -> Path:
    if not document.is_yaml:
        raise CannotEdit("the file is no YAML that the Agent accepts")
    return parse_path(path, document.kind)


def _renamed(document: Document, path: str, to: str) -> Path:
    """The path under the new name. For kind main `to` may be the name alone or the whole path."""
    steps = _steps(document, path)
    if not isinstance(steps[-1], str):
        raise CannotEdit(f"`{path}` is an item of a list and has no name")
    if document.kind != "main" or "." not in to:
        return (*steps[:-1], *pieces_of(to, document.kind))
    names = pieces_of(to, document.kind)
    if len(names) != len(steps) or names[:-1] != steps[:-1]:
        raise CannotEdit(f"`{to}` lies in another section; that would be a move")
    return names


def _removal_path(steps: Path) -> Path:
    return steps if isinstance(steps[-1], str) else steps[:-1]


def _places_for(document: Document, source: Target, places: Sequence[Target], to: str) -> list[Target]:
    """Where the value is to be added. Raises CannotEdit where another value stands."""
    value = value_of(document, source.node)
    left = []
    for place in places:
        if not place.rest:
            there = value_of(document, place.node)
            if same(there, value):
                continue
            if there is not None:
                raise CannotEdit(f"`{to}` has another value already, in line {place.node.line}")
        left.append(place)
    return left


def _is_block(place: Target) -> bool:
    """Whether what is added there stands in lines of its own."""
    node, owner = place.node, place.owner
    if node.kind == "scalar":
        return (owner is None or owner.style == "block") and node.start == node.end
    return node.style == "block"


def _moved(
    document: Document, places: Sequence[Target], paths: tuple[Path, Path], piece: Piece, *, keep_comments: bool
) -> tuple[Span, ...]:
    """Add the piece at the places, then remove the old key from the result: the new place may lie in the same section."""
    path, new_path = paths
    layout = layout_of(document)
    cuts: list[Cut] = []
    for place in places:
        if place.rest:
            cuts += added(document, place, new_path, piece, layout)
        else:
            cuts += replaced(document, place, piece.value, layout)
    first = to_spans(document, cuts)
    between = read(applied(document.data, first), document.kind)
    if not between.is_yaml:
        raise CannotEdit("the value cannot stand in the new place as it is written")
    second = _removal(between, path, keep_comments=keep_comments)
    return _proven(document, composed(first, second), [path, new_path], all_of={new_path: piece.value}, gone=[path])


def _removal(document: Document, steps: Path, *, keep_comments: bool = True) -> tuple[Span, ...]:
    parents: dict[int, tuple[Node, set[int]]] = {}
    for target in found(document, steps, every=True):
        if target.owner is None:
            raise CannotEdit("the whole document cannot be removed")
        parents.setdefault(id(target.owner), (target.owner, set()))[1].add(target.number)
    cuts: list[Cut] = []
    for owner, indexes in parents.values():
        cuts += removed(document, owner, indexes, keep_comments=keep_comments)
    return to_spans(document, cuts)


def _proven(
    document: Document,
    spans: tuple[Span, ...],
    meant: Sequence[Path],
    *,
    all_of: Mapping[Path, Any] = MappingProxyType({}),
    each: Mapping[Path, Sequence[Any]] = MappingProxyType({}),
    gone: Sequence[Path] = (),
) -> tuple[Span, ...]:
    """The spans, once the edited text has been read: no difference but on the paths meant, `all_of` the targets of a path have the value, `each` has its
    own, in order, what should be gone is gone, and nothing is lost that loaded before."""
    if not spans:
        return spans
    after = read(applied(document.data, spans), document.kind)
    if not after.is_yaml:
        raise CannotEdit("the edited file would not parse")
    if document.parses and not after.parses:
        raise CannotEdit("the Agent would not load the edited file")
    if not differs_only_on(document, after, meant):
        raise CannotEdit("other data of the file would change with it")
    for path, value in all_of.items():
        there = targets(after, path)
        if not there or any(t.rest or not same(_effective(after, t), value) for t in there):
            raise CannotEdit(_OTHER_VALUE)
    for path, values in each.items():
        if not same([_effective(after, t) for t in found(after, path)], list(values)):
            raise CannotEdit(_OTHER_VALUE)
    if any(found(after, path, every=True) for path in gone):
        raise CannotEdit("the key would still be there")
    return spans


def _effective(document: Document, target: Target) -> Any:
    """The value that counts at a target: a merge that comes later hides a mapping's own key."""
    owner = target.owner
    if owner is None or owner.kind != "map" or not any(key.is_merge_key for key in owner.children[::2]):
        return value_of(document, target.node)
    return value_of(document, owner).get(owner.children[2 * target.number].raw)
