"""Text for a terminal: widths in cells, wrapping that leaves commands whole, ASCII for old terminals, and nothing that could steer the terminal."""

from __future__ import annotations

import re
import unicodedata

_ASCII = str.maketrans({
    "→": "->", "←": "<-", "…": "...", "–": "-", "—": "-", "·": "-", "•": "-", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "≥": ">=", "≤": "<=", "≠": "!=", "×": "x",
    "✗": "x", "✓": "ok", "▲": "!", "│": "|", "▸": ">", "\u00a0": " ",
})  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TOKEN = re.compile(r"\S*`[^`\n]*`\S*|\S+")


def clean(text: str) -> str:
    """One line without control characters and direction marks: a file name must not move the cursor or recolour the terminal."""
    return _CONTROL.sub(lambda m: " " if m[0] in "\n\t\r" else f"\\x{ord(m[0]):02x}", text)


def ascii_of(text: str) -> str:
    """The text with signs replaced and other letters as `\\xNN` or `\\uNNNN`."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


def cells(text: str) -> int:
    """How many columns a terminal needs: 2 for wide characters, 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    """Lines of at most `width` cells. A word, and a command in backticks, is never cut: what is longer than a line stands alone in one, so that it can be copied."""
    lines: list[str] = []
    line, used, is_empty = first, cells(first), True
    for word in _TOKEN.findall(clean(text)):
        size = cells(word)
        if not is_empty and used + 1 + size > width:
            lines.append(line)
            line, used, is_empty = rest, cells(rest), True
        line, used = (line + word, used + size) if is_empty else (f"{line} {word}", used + 1 + size)
        is_empty = False
    return [*lines, line] if line.strip() else lines


def cut(text: str, width: int, ellipsis: str = "…") -> str:
    """The text in one line of at most `width` cells."""
    if cells(text) <= width:
        return text
    kept, used = [], cells(ellipsis)
    for c in text:
        used += cells(c)
        if used > width:
            break
        kept.append(c)
    return "".join(kept) + ellipsis
