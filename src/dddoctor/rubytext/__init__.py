"""Ruby text, as far as a Vagrantfile needs it: what keeps it from parsing, what it tells Vagrant, and which of that cannot be meant. Nothing is executed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dddoctor.light import NamedTuple
from dddoctor.rubytext.lexer import Lines

if TYPE_CHECKING:
    from dddoctor.model import Span
    from dddoctor.rubytext.reading import Reading
    from dddoctor.rubytext.vagrantfile import Facts

__all__ = ["Defect", "Vagrant", "analyse", "correct"]


class Defect(NamedTuple):
    """One defect. `line` and `column` are 1-based (characters), `name` the word it is about, `also` a second line that belongs to it.

    `correction` is the corrected text of the lines that change (the added line, for an `end`); None where none is proven. `is_text`: it keeps the file from parsing, or is no Ruby at all.
    """

    kind: str
    line: int
    column: int
    name: str
    correction: str | None
    also: int | None
    is_text: bool
    spans: tuple[tuple[int, int, str], ...]


class Vagrant(NamedTuple):
    """A Vagrantfile as read. `facts` is None where it does not parse even when corrected."""

    reading: Reading
    defects: tuple[Defect, ...]
    facts: Facts | None
    lines: Lines

    def line(self, offset: int) -> int:
        """The line of the file where a place of the (corrected) text lies."""
        return self.lines.of(self.reading.offset(offset))


def analyse(data: bytes, file_name: str = "Vagrantfile") -> Vagrant:
    """Everything about a Vagrantfile's text."""
    from dddoctor.rubytext.mistakes import mistakes
    from dddoctor.rubytext.reading import read
    from dddoctor.rubytext.vagrantfile import facts

    reading = read(data, file_name)
    lines = Lines(data.decode("latin-1"))
    defects = [_defect(data, lines, f, True) for f in reading.faults]
    found = None
    if reading.root is not None:
        found = facts(reading.root, reading.text)
        at = reading.offset
        for fault in mistakes(found, reading.root, reading.text):
            moved = fault._replace(
                start=at(fault.start),
                also=None if fault.also is None else at(fault.also),
                spans=tuple((at(a), at(b), n) for a, b, n in fault.spans),
            )
            defects.append(_defect(data, lines, moved, False))
    return Vagrant(reading, tuple(sorted(defects, key=lambda d: (d.line, d.column))), found, lines)


def correct(data: bytes, file_name: str, line: int, kind: str) -> tuple[Span, ...] | None:
    """The proven correction of the defect of that kind in that line, as spans of bytes; None where there is none."""
    from dddoctor.model import Span

    for defect in analyse(data, file_name).defects:
        if defect.line == line and defect.kind == kind and defect.spans:
            return tuple(Span(start, end, new.encode("latin-1")) for start, end, new in sorted(defect.spans))
    return None


def _defect(data: bytes, lines: Lines, fault: object, is_text: bool) -> Defect:
    from dddoctor.rubytext.faults import Fault

    assert isinstance(fault, Fault)
    line = lines.of(fault.start)
    start = lines.start(line)
    column = len(data[start : fault.start].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")) + 1
    also = None if fault.also is None else lines.of(fault.also)
    return Defect(fault.kind, line, column, fault.name, _corrected(data, fault.spans), also, is_text, fault.spans)


def _corrected(data: bytes, spans: tuple[tuple[int, int, str], ...]) -> str | None:
    """The lines that the spans change, as they will read; empty where lines go."""
    if not spans:
        return None
    ordered = sorted(spans)
    first = data.rfind(b"\n", 0, ordered[0][0]) + 1
    end = data.find(b"\n", ordered[-1][1])
    last = len(data) if end < 0 else end
    if len(ordered) == 1 and ordered[0][0] == ordered[0][1] and "\n" in ordered[0][2]:
        return ordered[0][2].encode("latin-1").decode("utf-8", "replace").strip("\r\n")
    if len(ordered) == 1 and not ordered[0][2] and data[ordered[0][1] - 1 : ordered[0][1]] == b"\n":
        return ""
    parts, at = [], first
    for start, stop, new in ordered:
        parts += [data[at:start], new.encode("latin-1")]
        at = stop
    return b"".join([*parts, data[at:last]]).decode("utf-8", "replace").strip("\r\n")
