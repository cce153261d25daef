"""A page of text for a terminal: widths in cells, hanging indents, colour; commands stay whole, nothing can steer the terminal, ASCII where it must be.

rich knows how wide letters are and where words break. Loading it takes 27 ms, as long as a third of a check; so what is made of letters that are one cell
wide, as nearly everything is, is broken here, in the same way (a test compares).
"""

from __future__ import annotations

import re

_ASCII = str.maketrans({
    "→": "->", "←": "<-", "…": "...", "–": "-", "—": "-", "·": "-", "•": "-", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "≥": ">=", "≤": "<=", "≠": "!=", "×": "x",
    "✗": "x", "✓": "ok", "▲": "!", "│": "|", "▸": ">", "\u00a0": " ",
})  # fmt: skip
_HELD = "\ue000"  # a blank inside backticks while lines are broken: one cell wide, and no blank to rich
_CONTROL = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069{_HELD}]")
_COMMAND = re.compile(r"`[^`\n]*`")
# What is one cell wide for rich: Latin, and the signs of reports.
ONE_CELL = frozenset(
    [
        *map(chr, [*range(0x20, 0x7F), *range(0xA0, 0xAD), *range(0xAE, 0x300), *range(0x2500, 0x25FD)]),
        *"→←…–—·•“”„‘’≥≤≠×✗✓",
        _HELD,
    ]
)
_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def clean(text: str) -> str:
    """One line without control characters and direction marks: a file name must not move the cursor or recolour the terminal."""
    return _CONTROL.sub(lambda m: " " if m[0] in "\n\t\r" else f"\\x{ord(m[0]):02x}", text)


def ascii_of(text: str) -> str:
    """The text with signs replaced and other letters as `\\xNN` or `\\uNNNN`; rich has nothing like it."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


def cells(text: str) -> int:
    """How many cells of a terminal a text takes: East Asian letters and most emoji take two, accents of their own none."""
    if ONE_CELL.issuperset(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _broken(text: str, room: int) -> list[str]:
    """Lines of at most `room` cells; a word that is longer stands alone. The words are parted by one blank each."""
    if not ONE_CELL.issuperset(text):
        from rich.console import Console
        from rich.text import Text

        # `overflow` as the text's own property: as a parameter of wrap, "ignore" would not wrap at all, and all others break long words
        return [line.plain for line in Text(text, overflow="ignore").wrap(Console(), room)]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


class Page:
    """Lines are put one below the other; `text` is the whole. Shape and colour come from the parameters alone, never from the environment.

    `marker` is what the first line begins with, such as `"  → "`; the lines after it are indented by its width. `style`: words of ANSI (`"bold red"`).
    """

    def __init__(self, width: int, *, color: bool, ascii_only: bool) -> None:
        self.width, self.is_ascii, self.has_color = width, ascii_only, color
        self._lines: list[str] = []

    def text(self) -> str:
        """Everything that was put, ending in a line break."""
        return "".join(f"{line}\n" for line in self._lines)

    def blank(self) -> None:
        """An empty line."""
        self._put("", "")

    def whole(self, marker: str, text: str, style: str = "") -> None:
        """One line, however long: a command or a path, to be copied."""
        self._put(self.written(marker + clean(text)), style)

    def paragraph(self, marker: str, text: str, style: str = "") -> None:
        """Words broken into lines; nothing for an empty text."""
        for line in self.lines(marker, text):
            self._put(line, style)

    def cut(self, text: str, style: str = "") -> None:
        """One line that ends in … where it does not fit."""
        self._put(self.shortened(self.written(clean(text)), self.width), style)

    def lines(self, marker: str, text: str) -> list[str]:
        """A paragraph's lines. A word, and a command in backticks, is never broken: what is longer than a line stands alone in one."""
        start = self.written(marker)
        indent = cells(start)
        held = _COMMAND.sub(lambda m: m[0].replace(" ", _HELD), self.written(" ".join(clean(text).split())))
        if not held:
            return []
        found = _broken(held, self.width - indent)
        return [((" " * indent if n else start) + line.replace(_HELD, " ")).rstrip() for n, line in enumerate(found)]

    def shortened(self, text: str, room: int) -> str:
        """The text in at most `room` cells, with … for what is cut off."""
        if cells(text) <= room:
            return text
        left = (room - 2 if self.is_ascii else room) - 1  # "..." takes two cells more
        if ONE_CELL.issuperset(text):
            return self.written(text[: max(0, left)] + "…")
        from rich.cells import set_cell_size

        return self.written(set_cell_size(text, left) + "…")

    def written(self, text: str) -> str:
        """The text in the letters that the terminal has; done before anything is measured."""
        return ascii_of(text) if self.is_ascii else text

    def _put(self, line: str, style: str) -> None:
        shown = line.rstrip()
        if self.has_color and style and shown:
            shown = f"\x1b[{';'.join(_SGR[word] for word in style.split())}m{shown}\x1b[0m"
        self._lines.append(shown)
