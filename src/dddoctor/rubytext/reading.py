"""A Vagrantfile's bytes → its text with every proven correction made, the faults that were found on the way, and the tree of what is left."""

from __future__ import annotations

from typing import Any

from dddoctor.light import NamedTuple
from dddoctor.rubytext import accidents
from dddoctor.rubytext.faults import Fault, Text, mended, next_fault, open_heredoc
from dddoctor.rubytext.lexer import Lines, tokens
from dddoctor.rubytext.structure import events, judge
from dddoctor.rubytext.tree import first_error, parse

_ROUNDS_LIMIT = 12


class Reading(NamedTuple):
    """`faults` with offsets and spans of `data`, ordered by place; `parses`: the file as it is; `text`: with all spans applied (Latin-1, see lexer);
    `root`: its tree, None where it does not parse even so; `origin`: for each offset of `text` the one of `data`.
    """

    data: bytes
    faults: tuple[Fault, ...]
    parses: bool
    text: str
    root: Any
    origin: list[int] | None

    def offset(self, place: int) -> int:
        """Where a place of `text` lies in `data`."""
        return place if self.origin is None else self.origin[min(place, len(self.origin) - 1)]


def parses(text: str) -> bool:
    """Whether a text is Ruby, as the grammar and the count of its blocks agree."""
    return first_error(parse(text.encode("latin-1"))) is None and _is_balanced(text)


def _is_balanced(text: str) -> bool:
    verdict = judge(events(text, tokens(text), Lines(text)))
    return not verdict.unclosed and not verdict.surplus


def read(data: bytes, file_name: str = "Vagrantfile") -> Reading:
    """Read a Vagrantfile: first what is no Ruby at all, then what keeps the rest from parsing, one fault at a time over the corrected text."""
    text = data.decode("latin-1")
    whole = accidents.whole_file(text)
    if whole is not None and (whole.kind != "merge-conflict" or first_error(parse(data)) is not None):
        return Reading(data, (whole,), False, text, None, None)
    faults: list[Fault] = []
    origin: list[int] | None = None
    text, origin = _apply(text, origin, accidents.lines_around(text, file_name), faults)
    for _ in range(_ROUNDS_LIMIT):
        found = accidents.characters(text, parses(text))
        if not found:
            break
        text, origin = _apply(text, origin, found, faults)
    root = parse(text.encode("latin-1"))
    error = first_error(root)
    if error is None and "<<" in text:
        # The grammar takes an end mark with a blank behind it for one; Ruby does not.
        fault = open_heredoc(Text(text))
        error = fault.start if fault is not None and fault.spans else None
    if error is None:
        return Reading(data, tuple(sorted(faults, key=lambda f: f.start)), not faults, text, root, origin)
    root = None
    broken: list[Fault] = []
    for _ in range(_ROUNDS_LIMIT):
        fault = next_fault(text)
        if fault is None:
            break
        text, origin = _apply(text, origin, [fault], broken)
        if not fault.spans:
            break
        if parses(text):
            root = parse(text.encode("latin-1"))
            break
    if root is None:
        broken = [f._replace(spans=()) for f in broken]
        rest = first_error(parse(text.encode("latin-1")))
        if not broken or (fault is None and rest is not None):
            place = error if rest is None or not broken else rest
            broken.append(Fault("syntax-error", origin[place] if origin else place, ""))
    return Reading(data, tuple(sorted([*faults, *broken], key=lambda f: f.start)), False, text, root, origin)


def _apply(text: str, origin: list[int] | None, found: list[Fault], into: list[Fault]) -> tuple[str, list[int] | None]:
    """The text and its map with the spans of faults applied; the faults go to `into` with the places of the original."""
    spans = sorted({s for f in found for s in f.spans}, reverse=True)
    places = origin if origin is not None or not spans else list(range(len(text) + 1))

    def at(offset: int) -> int:
        return offset if places is None else places[offset]

    for fault in found:
        moved = tuple((at(start), at(end), new) for start, end, new in fault.spans)
        into.append(
            fault._replace(start=at(fault.start), spans=moved, also=None if fault.also is None else at(fault.also))
        )
    if places is not None:
        for start, end, new in spans:
            places[start:end] = [places[start]] * len(new)
    return mended(text, spans), places
