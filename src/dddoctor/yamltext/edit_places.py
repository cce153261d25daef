"""Paths into a document (`instances[*].tags[0]`, `labels["a.b"]`), and where they lead.

In datadog.yaml and its like, names count in any case and a key with dots is the nested key (measured on 7.52 and 7.72.4), so a path finds both spellings.
"""

from __future__ import annotations

import re

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.yamltext.edit_values import CannotEdit
from dddoctor.yamltext.nodes import Document, Node
from dddoctor.yamltext.walk import path_step

Step = str | int | None  # a key, the number of an item, any item
Path = tuple[Step, ...]

_STEP = lazy(r"""\.?([^.\[\]"]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\.)*)"\]""", re.DOTALL)
MAIN_FILES = frozenset({"datadog.yaml", "system-probe.yaml", "security-agent.yaml"})


class Target(NamedTuple):
    """Where a path leads: `node` is child `number` (pair or item, from 0) of `owner`; the root has no owner.

    `rest` is what the document lacks below `node`; empty where the path is there.
    """

    owner: Node | None
    number: int
    node: Node
    rest: Path


def kind_of(file: str) -> str:
    """What the Agent decodes the file into, as `read` wants it: "main", "check" or "other". A flare's and a container's paths count alike."""
    name = file.rpartition("/")[2].removesuffix(".example")
    if name in MAIN_FILES:
        return "main"
    return "check" if "/conf.d/" in file else "other"


def parse_path(path: str, kind: str) -> Path:
    """The steps of a path. For kind main names are lower case and dots in quotes are nesting, too. Raises CannotEdit."""
    steps: list[Step] = []
    at = 0
    while at < len(path):
        found = _STEP.match(path, at)
        if not found or (found[1] and (found[0][0] == ".") == (at == 0)):
            raise CannotEdit(f"{path!r} is no path of a key")
        name, number, quoted = found.groups()
        if number:
            steps.append(None if number == "*" else int(number))
        else:
            text = (
                name
                if name is not None
                else re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], quoted, flags=re.DOTALL)
            )
            steps += text.lower().split(".") if kind == "main" else [text]
        at = found.end()
    if not steps:
        raise CannotEdit("the path of the key is empty")
    return tuple(steps)


def path_text(path: Path) -> str:
    """The path as it stands in yaml_keys.path, `[*]` for any item."""
    text = ""
    for step in path:
        part = path_step(step) if isinstance(step, str) else "[*]" if step is None else f"[{step}]"
        text += "." + part if text and part[0] != "[" else part
    return text


def pieces_of(key: str, kind: str) -> tuple[str, ...]:
    """The steps that a key of the text stands for."""
    return tuple(key.lower().split(".")) if kind == "main" else (key,)


def targets(document: Document, path: Path, *, every: bool = False) -> list[Target]:
    """Where `path` leads: one target for each item that a `*` stands for.

    Of equal keys the last counts, as for the Agent; with `every`, all of them. Keys that differ in case only are refused: which one counts is chance.
    """
    root = document.root
    return [] if root is None else _below(document, Target(None, 0, root, path), every)


def found(document: Document, path: Path, *, every: bool = False) -> list[Target]:
    """The targets that are there."""
    return [t for t in targets(document, path, every=every) if not t.rest]


def _below(document: Document, at: Target, every: bool) -> list[Target]:
    node, rest = at.node, at.rest
    if not rest:
        return [at]
    if node.is_alias and node.kind != "scalar":
        raise CannotEdit(f"line {node.line} takes its content from an anchor elsewhere in the file")
    step = rest[0]
    if node.kind == "seq" and not isinstance(step, str):
        numbers = range(len(node.children)) if step is None else range(step, min(step + 1, len(node.children)))
        ways = [Target(node, i, node.children[i], rest[1:]) for i in numbers]
        return [t for way in ways for t in _below(document, way, every)] or [at]
    if node.kind != "map" or not isinstance(step, str):
        return [at]
    ways = _pairs_on(document, node, rest, every)
    ends = [_below(document, way, every) for way in ways]
    whole = [t for end in ends for t in end if not t.rest]
    if whole:
        return whole
    can_hold = [end for end in ends if all(t.node.kind != "scalar" or t.node.type == "null" for t in end)]
    return (can_hold or ends or [[at]])[-1]


def _pairs_on(document: Document, node: Node, rest: Path, every: bool) -> list[Target]:
    """The pairs of a mapping that lie on the path: the key itself, or for kind main also a key that spells several steps."""
    ways: dict[str, Target] = {}
    all_ways = []
    for index, (key, value) in enumerate(node.pairs):
        if key.kind != "scalar" or key.is_merge_key:
            continue
        pieces = pieces_of(key.raw, document.kind)
        if rest[: len(pieces)] == pieces:
            way = ways[key.raw] = Target(node, index, value, rest[len(pieces) :])
            all_ways.append(way)
    if every:
        return all_ways
    lengths = [len(way.rest) for way in ways.values()]
    if len(set(lengths)) != len(lengths):
        names = " and ".join(f"`{name}`" for name in ways)
        raise CannotEdit(f"the key stands there as {names}, and which one counts is chance")
    return list(ways.values())
