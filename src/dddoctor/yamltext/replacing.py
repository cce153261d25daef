"""Replacements found one after the other, kept as replacements in the text that was there first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from dddoctor.yamltext.lines import Replacement, applied


class Edit:
    """One replacement in the original text. Later ones that touch it are merged into it."""

    def __init__(self, start: int, end: int, new: str) -> None:
        self.start, self.end, self.new = start, end, new

    @property
    def growth(self) -> int:
        return len(self.new) - (self.end - self.start)


class Edits:
    """What was done to `original` so far; `text` is the result. Replacements are given in offsets of the present text."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = text
        self.edits: list[Edit] = []
        self._starts: list[int] = []  # of the edits, in the present text

    def _place(self) -> None:
        shift = 0
        self._starts = []
        for edit in self.edits:
            self._starts.append(edit.start + shift)
            shift += edit.growth

    def original_offset(self, offset: int) -> int:
        """Where the character at `offset` of the present text stood; inside something new, where that begins."""
        position = bisect_right(self._starts, offset) - 1
        while position >= 0 and not self.edits[position].new and self._starts[position] == offset:
            position -= 1
        if position < 0:
            return min(offset, len(self.original))
        edit, start = self.edits[position], self._starts[position]
        if offset < start + len(edit.new):
            return edit.start
        return min(edit.end + offset - start - len(edit.new), len(self.original))

    def add(self, replacements: Iterable[Replacement]) -> list[Edit]:
        """Do them; returns the edits of the original text that they became."""
        wanted = sorted(replacements)
        if not any(self._touched(start, end) for start, end, _ in wanted):
            made = [Edit(self._free(start), self._free(end), new) for start, end, new in wanted]
            self.text = applied(self.text, wanted)
            self.edits = sorted([*self.edits, *made], key=lambda edit: (edit.start, edit.end))
            self._place()
            return made
        found: list[Edit] = []
        for start, end, new in reversed(wanted):
            edit = self._merge(start, end, new)
            found = [one for one in found if any(one is kept for kept in self.edits)]
            if not any(edit is one for one in found):
                found.append(edit)
        return found

    def _free(self, offset: int) -> int:
        """The original place of an offset that no edit touches."""
        position = bisect_right(self._starts, offset) - 1
        if position < 0:
            return offset
        edit = self.edits[position]
        if offset == self._starts[position]:
            return edit.start
        return edit.end + offset - self._starts[position] - len(edit.new)

    def _touched(self, start: int, end: int) -> list[int]:
        """Positions of the edits that overlap start…end, or meet it where one of the two is an insertion."""
        found = []
        position = max(bisect_right(self._starts, start) - 2, 0)
        while position < len(self.edits) and self._starts[position] <= end:
            edit, begin = self.edits[position], self._starts[position]
            stop = begin + len(edit.new)
            overlaps = begin < end and stop > start
            meets = begin <= end and stop >= start and (start == end or begin == stop or edit.start == edit.end)
            if overlaps or meets:
                found.append(position)
            position += 1
        return found

    def _merge(self, start: int, end: int, new: str) -> Edit:
        touched = self._touched(start, end)
        if not touched:
            edit = Edit(self._free(start), self._free(end), new)
            self.edits = sorted([*self.edits, edit], key=lambda one: (one.start, one.end))
        else:
            edits = [self.edits[position] for position in touched]
            edit = edits[0]
            first = min(self._starts[touched[0]], start)
            last_edit, last_start = edits[-1], self._starts[touched[-1]]
            last = max(last_start + len(last_edit.new), end)
            new = self.text[first:start] + new + self.text[end:last]
            original_start = edit.start - (self._starts[touched[0]] - first)
            original_end = last_edit.end + (last - last_start - len(last_edit.new))
            start, end = first, last
            for one in edits:
                one.start, one.end, one.new = original_start, original_end, new
            gone = {id(one) for one in edits[1:]}
            self.edits = [one for one in self.edits if id(one) not in gone]
        self.text = self.text[:start] + new + self.text[end:]
        self._place()
        return edit

    def piece(self, start: int, end: int) -> str:
        """What became of the original text from start to end."""
        parts = []
        done = start
        for edit in self.edits:
            if edit.start >= end and not (edit.start == end == len(self.original)):
                break
            if edit.start < start:
                done = max(done, min(edit.end, end))
                continue
            parts += [self.original[done : edit.start], edit.new]
            done = max(done, edit.end)
        if done < end:
            parts.append(self.original[done:end])
        return "".join(parts)
