"""A part of a large text around one place, so that trying many candidates does not read all of it each time."""

from __future__ import annotations

from bisect import bisect_right

from dddoctor.yamltext.lines import Candidate, Line, Replacement
from dddoctor.yamltext.nodes import Document

_MARGIN = 100  # lines on each side of the place


class Part:
    """Lines around a place and, above them, the lines that they belong to. Whole lines, in order."""

    def __init__(self, lines: list[Line], ending: str) -> None:
        self._numbers = [line.number for line in lines]
        self._origins = [line.start for line in lines]
        self._starts: list[int] = []
        position = 0
        for line in lines:
            self._starts.append(position)
            position += len(line.text) + 1
        self.text = "\n".join(line.text for line in lines) + "\n" + ending

    @classmethod
    def around(cls, document: Document, lines: list[Line]) -> Part | None:
        """The part around the line to blame; None where it would be no smaller."""
        problem = document.problem
        if problem is None or problem.line is None:
            return None
        mark = document.noticed[0]
        here = document.line_of(min(mark, len(document.text))) if mark is not None else problem.line
        last = here if here - problem.line <= _MARGIN else problem.line
        first = max(problem.line - _MARGIN, 1)
        last = min(last + _MARGIN, len(lines))
        if last - first > len(lines) * 0.8:
            return None
        inside = lines[first - 1 : last]
        indent = next((line.column for line in inside if line.is_code), 0)
        above: list[Line] = []
        for line in reversed(lines[: first - 1]):
            if indent == 0 and not (above and above[-1].dashes):
                break
            if line.is_code and line.column < indent:
                above.append(line)
                indent = line.column
        kept = [*reversed(above), *inside]
        has_instances = document.kind != "check" or any(line.text.startswith("instances:") for line in kept)
        return cls(kept, "" if has_instances else "instances: [{}]\n")

    def original_line(self, number: int) -> int:
        return self._numbers[min(number, len(self._numbers)) - 1]

    def _offset(self, offset: int) -> int:
        position = max(bisect_right(self._starts, offset) - 1, 0)
        return self._origins[position] + offset - self._starts[position]

    def whole(self, candidate: Candidate) -> Candidate:
        """The candidate in the offsets and lines of the whole text."""
        replacements: tuple[Replacement, ...] = tuple(
            (self._offset(start), self._offset(end), new) for start, end, new in candidate.replacements
        )
        return candidate._replace(
            line=self.original_line(candidate.line),
            replacements=replacements,
            also=tuple(self.original_line(number) for number in candidate.also),
            end_line=self.original_line(candidate.end_line) if candidate.end_line else None,
        )
