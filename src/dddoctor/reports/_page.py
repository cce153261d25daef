"""A page of text for a terminal, set by rich: widths in cells, hanging indents, colour; commands stay whole, nothing can steer the terminal, ASCII where it must be."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.segment import Segment

_ASCII = str.maketrans({
    "→": "->", "←": "<-", "…": "...", "–": "-", "—": "-", "·": "-", "•": "-", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "≥": ">=", "≤": "<=", "≠": "!=", "×": "x",
    "✗": "x", "✓": "ok", "▲": "!", "│": "|", "▸": ">", "\u00a0": " ",
})  # fmt: skip
_HELD = "\ue000"  # a blank inside backticks while lines are broken: one cell wide, and no blank to rich
_CONTROL = re.compile(f"[\\x00-\\x1f\\x7f-\\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069{_HELD}]")
_COMMAND = re.compile(r"`[^`\n]*`")


def clean(text: str) -> str:
    """One line without control characters and direction marks: a file name must not move the cursor or recolour the terminal.

    rich takes out five of them (bell, backspace, CR …) and lets escapes pass.
    """
    return _CONTROL.sub(lambda m: " " if m[0] in "\n\t\r" else f"\\x{ord(m[0]):02x}", text)


def ascii_of(text: str) -> str:
    """The text with signs replaced and other letters as `\\xNN` or `\\uNNNN`; rich has nothing like it."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()


class Page:
    """Lines are put one below the other; `text` is the whole. Shape and colour come from the parameters alone, never from the environment.

    `marker` is what the first line begins with, such as `"  → "`; the lines after it are indented by its width. `style` is rich's (`"bold red"`).
    """

    def __init__(self, width: int, *, color: bool, ascii_only: bool) -> None:
        from rich.console import Console

        self.width, self.is_ascii = width, ascii_only
        self._segments: list[Segment] = []
        # every setting that rich would else look up in the environment or at the terminal is given
        self._console = Console(
            file=io.StringIO(), width=width, height=25, color_system="standard" if color else None, no_color=not color, force_terminal=color,
            force_interactive=False, force_jupyter=False, legacy_windows=False, highlight=False, markup=False, emoji=False,
        )  # fmt: skip

    def text(self) -> str:
        """Everything that was put, ending in a line break."""
        from rich.segment import Segments

        with self._console.capture() as capture:
            self._console.print(Segments(self._segments), soft_wrap=True, end="")
        return capture.get()

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
        from rich.cells import cell_len
        from rich.text import Text

        start = self.written(marker)
        indent = cell_len(start)
        held = _COMMAND.sub(lambda m: m[0].replace(" ", _HELD), self.written(" ".join(clean(text).split())))
        if not held:
            return []
        # `overflow` as the text's own property: as a parameter of wrap, "ignore" would not wrap at all, and all others break long words
        found = Text(held, overflow="ignore").wrap(self._console, self.width - indent)
        return [
            ((" " * indent if n else start) + line.plain.replace(_HELD, " ")).rstrip() for n, line in enumerate(found)
        ]

    def shortened(self, text: str, room: int) -> str:
        """The text in at most `room` cells, with … for what is cut off."""
        from rich.cells import cell_len
        from rich.text import Text

        if cell_len(text) <= room:
            return text
        cut = Text(text)
        cut.truncate(room - 2 if self.is_ascii else room, overflow="ellipsis")  # "..." takes two cells more
        return self.written(cut.plain)

    def written(self, text: str) -> str:
        """The text in the letters that the terminal has; done before anything is measured."""
        return ascii_of(text) if self.is_ascii else text

    def _put(self, line: str, style: str) -> None:
        from rich.segment import Segment

        self._segments += [
            Segment(line.rstrip(), self._console.get_style(style) if style and line.strip() else None),
            Segment.line(),
        ]
