"""What a changed text is worth: is it accepted, how far does the reader come, how like an Agent file is it, does it hold the same data."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.yamltext.decoder import CHECK_FIELDS
from dddoctor.yamltext.hints import nodes_of
from dddoctor.yamltext.indents import irregularity
from dddoctor.yamltext.lines import Candidate, Line, lines_of
from dddoctor.yamltext.nodes import Document, Key
from dddoctor.yamltext.shapes import MAIN_KEYS, wrong_types

_CODE_LIKE = lazy(r"""\s*(?:-\s|-$|["']?[\w.-]+["']?\s*:)""")
_MAY_TOUCH_TEXTS = frozenset(
    {
        "leading-junk",
        "trailing-junk",
        "control-character",
        "second-bom",
        "front-matter",
        "bad-escape",
        "utf-16-without-bom",
        "bad-encoding",
    }
)


def remaining(document: Document) -> int:
    """How many lines are still to be read behind the one to blame: what shrinks is progress. 1 where only the shape is wrong."""
    if document.is_yaml:
        return 0 if document.parses else 1
    return 2 + len(document.line_starts()) - blamed_line(document)


def blamed_line(document: Document) -> int:
    """The line to blame, or where the reader stood, 0 where it is neither."""
    if document.problem is not None and document.problem.line is not None:
        return document.problem.line
    mark = document.noticed[0]
    return document.line_of(min(mark, len(document.text))) if mark is not None else 0


def lost_instances(document: Document) -> bool:
    """Whether a check's text is YAML now, but without any instance: rarely what a repair should end in."""
    if not document.is_yaml or document.kind != "check":
        return False
    return not any(key.raw == "instances" and value.children for key, value in document.top_level())


def last_line(document: Document, candidate: Candidate) -> int:
    """The last line that the candidate changed, in the text after it."""
    shift = 0
    last = 1
    for start, end, new in sorted(candidate.replacements):
        last = max(last, document.line_of(start + shift + max(len(new) - 1, 0)))
        shift += len(new) - (end - start)
    return last


def changed_lines(document: Document, candidate: Candidate) -> set[int]:
    shift = 0
    found: set[int] = set()
    for start, end, new in sorted(candidate.replacements):
        found.update(range(document.line_of(start + shift), document.line_of(start + shift + max(len(new) - 1, 0)) + 1))
        shift += len(new) - (end - start)
    return found


def swallows(before: Document, document: Document, candidate: Candidate) -> str:
    """Whether a changed line is part of a text of several lines: "block" (literal or folded), "flow" (plain or quoted), "" if not."""
    if not document.has_long_scalars or candidate.kind in _MAY_TOUCH_TEXTS:
        return ""
    touched = sorted(changed_lines(document, candidate))

    def is_touched(low: int, high: int) -> bool:
        position = bisect_left(touched, low)
        return position < len(touched) and touched[position] <= high

    is_move = candidate.kind in ("sibling-depth", "tab-indentation")
    for node, _, _ in nodes_of(document):
        if node.kind != "scalar" or node.is_alias:
            continue
        first, last = node.line, node.end_line
        if last <= first:
            continue
        if node.style in ("literal", "folded"):
            low = first if is_move else first + 1
            if is_touched(low, last):
                return "block"
        elif is_touched(first + 1, last) or (is_touched(first, first) and _takes_in(before, document, first, last)):
            return "flow"
    return ""


def _takes_in(before: Document, after: Document, first: int, last: int) -> bool:
    """Whether the text that begins in a changed line takes in lines that did not belong to it: they look like items or keys, or stood no deeper than it."""
    if len(before.line_starts()) != len(after.line_starts()):
        return True
    opening = lines_of(before.line_text(first))[0]
    inside = [lines_of(after.line_text(number))[0] for number in range(first + 1, last + 1)]
    return any(line.content and (_CODE_LIKE.match(line.text) or line.column <= opening.columns[-1]) for line in inside)


def penalty(document: Document) -> int:
    """How unlike an Agent file an accepted text is."""
    total = 0
    for warning in document.warnings:
        total += 2 if "not found in type" in warning.message else 3
    if document.rest_ignored_line is not None:
        total += 4
    is_check = document.kind == "check"
    nested = (
        {"instances", "init_config", "logs", "ad_identifiers"}
        if is_check
        else {"api_key", "apm_config", "logs_config", "process_config", "dd_url", "logs_enabled"}
    )
    root = document.root
    instances = next((value for key, value in document.top_level() if key.raw == "instances"), None)
    for _, parent, key in nodes_of(document):
        if key is None or key.kind != "scalar" or key.target is not None:
            continue
        name = key.event.value
        if name in nested and parent is not root:
            total += 2
        if name.startswith("-") or ":" in name or "`" in name:
            total += 3
        elif " " in name or not name.isascii():
            total += 2
        if is_check and name == "min_collection_interval" and parent is not None:
            is_instance = instances is not None and any(parent is item for item in instances.children)
            total += 0 if is_instance or parent is root else 2
    if is_check and instances is not None:
        total += sum(2 for item in instances.children if item.kind == "scalar" or not item.children)
    if is_check and not any(key.raw in CHECK_FIELDS for key, _ in document.top_level()):
        total += 3
    if (
        document.kind == "main"
        and root is not None
        and not any(key.raw in MAIN_KEYS for key, _ in document.top_level())
    ):
        total += 1
    return total


def is_no_worse(before: Document, after: Document) -> bool:
    """Whether a change to an accepted text leaves it accepted, without new warnings, and with no option of a wrong type that was right."""
    if (
        not after.parses
        or len(after.warnings) > len(before.warnings)
        or after.rest_ignored_line != before.rest_ignored_line
    ):
        return False
    return before.kind != "check" or len(list(wrong_types(after))) <= len(list(wrong_types(before)))


def duplicate_penalty(document: Document) -> int:
    """The part of the penalty that a key given twice makes: a defect of its own."""
    return 3 * sum("already set" in warning.message for warning in document.warnings)


def has_odd_logs(document: Document) -> bool:
    """Whether `logs` of a check is a mapping: the Agent loads the file and finds no log source in it."""
    return document.kind == "check" and any(
        key.raw == "logs" and value.kind == "map" for key, value in document.top_level()
    )


def has_unknown_key(document: Document) -> bool:
    """Whether a key stands at the top level that the Agent does not know there."""
    return any("not found in type" in warning.message for warning in document.warnings)


def makes_unknown_key(before: Document, after: Document, candidate: Candidate) -> bool:
    """Whether a line was moved to the top level, where the Agent does not know its key."""
    if len(after.warnings) <= len(before.warnings):
        return False
    touched = changed_lines(after, candidate)
    return any(warning.line in touched and "not found in type" in warning.message for warning in after.warnings)


def distance(candidate: Candidate, document: Document, lines: list[Line]) -> tuple[int, int]:
    """Where it is not clear which line is to blame: first those that stand at an odd depth, then those near the line that the reader blames."""
    blamed = document.problem.line if document.problem else None
    return (irregularity(lines, candidate.line - 1), abs(candidate.line - blamed) if blamed else 0)


def preference(candidate: Candidate, document: Document, lines: list[Line]) -> tuple[int, int, int, int, int]:
    """Among equals: few lines changed, a line that stands at an odd depth, a new depth of even steps, the earlier line."""
    count = len(candidate.replacements)
    odd = 0
    if candidate.kind == "sibling-depth" and count == 1:
        start, end, new = candidate.replacements[0]
        column = candidate.column or 1
        odd = (column - 1 + len(new) - (end - start)) % 2
    near = (
        abs(candidate.line - (document.problem.line or candidate.line))
        if document.problem and candidate.kind != "sibling-depth"
        else 0
    )
    strange = irregularity(lines, candidate.line - 1) if candidate.kind == "sibling-depth" else 0
    return (count, strange, odd, near, candidate.line)


def identity(value: Any, numbers: dict[Any, int]) -> int:
    """A number for the data: equal data, equal number (types count, the order of keys does not). Shared parts are looked at once."""
    known: dict[int, int] = {}

    def number(of: Any) -> int:
        if isinstance(of, dict | list):
            seen = known.get(id(of))
            if seen is not None:
                return seen
            if isinstance(of, list):
                parts: Any = ("list", tuple(number(item) for item in of))
            else:
                parts = ("dict", frozenset((_name(key), number(item)) for key, item in of.items()))
            known[id(of)] = found = numbers.setdefault(parts, len(numbers))
            return found
        return numbers.setdefault((type(of).__name__, repr(of)), len(numbers))

    try:
        return number(value)
    except RecursionError:
        return -id(value)


def _name(key: Any) -> tuple[str, str]:
    return (key.type, repr(key.value)) if isinstance(key, Key) else ("str", key)
