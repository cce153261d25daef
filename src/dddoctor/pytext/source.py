"""Python text as bytes and as characters: decoding as Python does it, and the way back to lines, columns and bytes of the file."""

from __future__ import annotations

import bisect
import codecs
import re

from dddoctor.lazyre import lazy

_COOKIE = lazy(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263: in one of the first two lines
_ONE_BYTE = lazy(r"(iso8859|iso-8859|cp125|latin|ascii|koi8|windows-125|us-ascii)", re.IGNORECASE)


class Source:
    """A file's bytes and its text. Offsets are characters of `text`, which has no BOM; undecodable bytes stand in it as lone surrogates, one each.

    `encoding` is what Python would use: "utf-8" unless a coding line says otherwise; "utf-16-le" or "utf-16-be" where the bytes are that (Python then
    refuses the file). `unknown_encoding` is the name in a coding line that Python does not know.
    """

    __slots__ = ("data", "text", "encoding", "bom_bytes", "unknown_encoding", "_line_starts")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.unknown_encoding: str | None = None
        self.encoding, self.bom_bytes = self._detect()
        self.text = data[self.bom_bytes :].decode(
            self.encoding, "surrogateescape" if self.encoding[:3] != "utf" or self.encoding == "utf-8" else "replace"
        )
        self._line_starts: list[int] | None = None

    def _detect(self) -> tuple[str, int]:
        data = self.data
        if data.startswith(codecs.BOM_UTF8):
            return "utf-8", 3
        if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return ("utf-16-le" if data[:2] == codecs.BOM_UTF16_LE else "utf-16-be"), 2
        if len(data) >= 4 and data[1::2].count(0) > len(data) * 0.35:
            return "utf-16-le", 0
        if len(data) >= 4 and data[0::2].count(0) > len(data) * 0.35:
            return "utf-16-be", 0
        for line in data.split(b"\n", 2)[:2]:
            cookie = _COOKIE.match(line) if b"coding" in line else None
            if cookie:
                return self._named(cookie.group(1).decode("ascii", "replace")), 0
            if line.strip() and not line.lstrip().startswith(b"#"):
                break
        return "utf-8", 0

    def _named(self, name: str) -> str:
        try:
            found = codecs.lookup(name).name
        except LookupError:
            self.unknown_encoding = name
            return "utf-8"
        return found if _ONE_BYTE.match(found) else "utf-8"

    @property
    def is_utf16(self) -> bool:
        return self.encoding.startswith("utf-16")

    def byte_offset(self, offset: int) -> int:
        """The byte of `data` at which character `offset` begins."""
        errors = "replace" if self.is_utf16 else "surrogateescape"
        return self.bom_bytes + len(self.text[:offset].encode(self.encoding, errors))

    def encode(self, text: str) -> bytes:
        return text.encode(self.encoding, "replace" if self.is_utf16 else "surrogateescape")

    def place(self, offset: int) -> tuple[int, int]:
        """(line, column) of a character, both from 1; lines are counted by "\\n", columns in characters."""
        if self._line_starts is None:
            self._line_starts = [0, *(m.end() for m in re.finditer("\n", self.text))]
        line = bisect.bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def offset(self, line: int, column: int = 1) -> int | None:
        """The character at a line and column (from 1); None where the text has no such place."""
        self.place(0)
        starts = self._line_starts or [0]
        if not 1 <= line <= len(starts) or column < 1:
            return None
        end = starts[line] if line < len(starts) else len(self.text) + 1
        found = starts[line - 1] + column - 1
        return found if found < end else None


class Draft:
    """A text under repair, every character of which still knows where it came from.

    `text` is the present text; `original(i)` the offset in the first text of its character i. Corrections are made one after the other against `text`
    and translated into spans of the first text, so that lines in rows are those of the file, also for what is found over corrected text.
    """

    __slots__ = ("text", "_origin", "_length")

    def __init__(self, text: str) -> None:
        self.text = text
        self._length = len(text)
        self._origin: list[int] | None = None  # made at the first correction: most files need none

    def original(self, offset: int) -> int:
        if self._origin is None:
            return min(offset, self._length)
        return self._origin[offset] if offset < len(self._origin) else self._length

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Where `start` to `end` (exclusive) stood; empty spans stay empty."""
        first = self.original(start)
        if end <= start:
            return first, first
        last = self.original(end - 1) + 1 if self._origin is not None else end
        return first, max(first, last)

    def apply(self, spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
        """Make the changes (ordered, not overlapping, against `text`); returns them as spans of the first text."""
        if self._origin is None:
            self._origin = list(range(self._length))
        moved = [(*self.original_span(start, end), new) for start, end, new in spans]
        pieces: list[str] = []
        origin: list[int] = []
        at = 0
        for start, end, new in spans:
            pieces += [self.text[at:start], new]
            origin += self._origin[at:start]
            origin += [self.original(start)] * len(new)
            at = end
        pieces.append(self.text[at:])
        origin += self._origin[at:]
        self.text, self._origin = "".join(pieces), origin
        return moved
