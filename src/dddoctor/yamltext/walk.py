"""Every mapping pair and sequence item of a document, with its path."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat

from dddoctor.light import NamedTuple
from dddoctor.yamltext.nodes import Document, Node

MAX_SHARED = 20_000  # entries shown through aliases and merges, in all


class Entry(NamedTuple):
    """One pair of a mapping or one item of a sequence.

    `path` like `instances[0].tags[1]`, `pattern` the same with `[*]`; keys that hold anything but letters, digits, `_`, `-`, `/` are written `["a.b"]`.
    `parent` is the path of the collection ("" = top level), `key` the text of the key as written (None for an item), `depth` 0 at top level,
    `instance` the number of the instance it belongs to, `ordinal` counts equal keys of one mapping (0 = the first; the last one wins).
    `is_shared`: its text stands at an anchor and is seen here through an alias or a merge.
    """

    path: str
    pattern: str
    parent: str
    key: str | None
    node: Node
    key_node: Node | None
    depth: int
    instance: int | None
    ordinal: int
    is_shared: bool


Pairs = Iterator[tuple[Node | None, Node, bool]]


class _Frame(NamedTuple):
    """A collection that is being walked. `target`: id of the node behind the alias that led here."""

    pairs: Pairs
    path: str
    pattern: str
    depth: int
    instance: int | None
    is_shared: bool
    target: int | None
    counts: dict[str, int] | None


def walk(document: Document) -> Iterator[Entry]:
    """Entries in document order, parents first. What a mapping merges (`<<`) appears as its own keys, marked as shared.

    Aliases are followed, but never into themselves, and not beyond MAX_SHARED entries in all.
    """
    root = document.root
    if root is None or root.kind == "scalar":
        return
    is_plain = not document.needs_decoding
    left = MAX_SHARED
    make = tuple.__new__
    stack = [_frame(root, "", "", 0, None, False, None, is_plain)]
    while stack:
        pairs, path, pattern, depth, instance, is_shared, target, counts = stack[-1]
        for key_node, node, is_merged in pairs:
            shared = is_shared or is_merged
            if shared:
                left -= 1
                if left < 0:
                    continue
            ordinal = 0
            if key_node is None:
                key = None
                position = counts["#"] = counts["#"] + 1  # type: ignore[index]
                own_path, own_pattern = f"{path}[{position}]", pattern + "[*]"
                if path == "instances":
                    instance = position
            else:
                key = key_node.event.value if is_plain else _key_text(key_node)
                step = path_step(key)
                if counts is not None:
                    ordinal = counts[key] = counts.get(key, -1) + 1
                if path and step[0] != "[":
                    own_path, own_pattern = f"{path}.{step}", f"{pattern}.{step}"
                else:
                    own_path, own_pattern = path + step, pattern + step
            yield make(Entry, (own_path, own_pattern, path, key, node, key_node, depth, instance, ordinal, shared))
            if node.kind == "scalar" or not node.children:
                continue
            behind = None
            target_node = node.target
            if target_node is not None:
                behind = id(target_node)
                if any(frame.target == behind for frame in stack):
                    continue
                shared = True
            stack.append(_frame(node, own_path, own_pattern, depth + 1, instance, shared, behind, is_plain))
            break
        else:
            stack.pop()


def _frame(
    node: Node,
    path: str,
    pattern: str,
    depth: int,
    instance: int | None,
    shared: bool,
    target: int | None,
    is_plain: bool,
) -> _Frame:
    if node.kind == "seq":
        pairs: Pairs = zip(repeat(None), node.children, repeat(False))
        return _Frame(pairs, path, pattern, depth, instance, shared, target, {"#": -1})
    if is_plain:
        children = node.children
        pairs = zip(children[::2], children[1::2], repeat(False))
        return _Frame(pairs, path, pattern, depth, instance, shared, target, None)
    return _Frame(_merged_pairs(node), path, pattern, depth, instance, shared, target, {})


def _key_text(node: Node) -> str:
    """The key as written; a collection that stands as a key as its source."""
    return node.raw if node.kind == "scalar" else node.document.text[node.start : node.end]


def _merged_pairs(node: Node) -> Pairs:
    """Pairs of a mapping, those that it merges at the place where they are merged (the last of equal keys wins); True = merged."""
    stack: list[tuple[Iterator[tuple[Node, Node]], bool]] = [(iter(node.pairs), False)]
    seen = {id(node)}
    while stack:
        pairs, merged = stack[-1]
        for key, value in pairs:
            if not key.is_merge_key:
                yield key, value, merged
                continue
            sources = value.children if value.kind == "seq" else [value]
            for source in sources:  # the last is merged first
                behind = source.target or source
                if behind.kind == "map" and id(behind) not in seen:
                    seen.add(id(behind))
                    stack.append((iter(behind.pairs), True))
            break
        else:
            stack.pop()


@lru_cache(maxsize=4096)
def path_step(key: str) -> str:
    """A key as it stands in a path."""
    if key.isidentifier() or (key and key.replace("-", "a").replace("/", "a").replace("_", "a").isalnum()):
        return key
    escaped = key.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'["{escaped}"]'
