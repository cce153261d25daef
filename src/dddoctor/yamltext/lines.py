"""Lines of a text and changes to them: what a correction is made of."""

from __future__ import annotations

from collections.abc import Iterable

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_DASHES = lazy(r"(?:-[ \t]+)*")
KEY = lazy(r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s#\[\]{},&*!|>'"%@`-][^\n#]*?|-[^\s#][^\n#]*?)[ \t]*:(?=[ \t]|$)""")

COLON_WORD = lazy(r"""(["']?)[A-Za-z_][\w.-]*\1:(?=[^\s:/\\])""")

# Start, end (offsets into the text) and what stands there instead.
Replacement = tuple[int, int, str]


class Line(NamedTuple):
    """One line without its end. `number` from 1, `start` its offset, `indent` the blanks (of any kind) that begin it, `dashes` the `- ` behind them, `content` the rest."""

    number: int
    start: int
    text: str
    indent: str
    dashes: str
    content: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def body(self) -> str:
        return self.dashes + self.content

    @property
    def is_code(self) -> bool:
        """Holds more than blanks and a comment."""
        return bool(self.dashes) or (bool(self.content) and not self.content.startswith("#"))

    @property
    def column(self) -> int:
        """0-based column of the first character that is no blank."""
        return len(self.indent)

    @property
    def columns(self) -> list[int]:
        """Columns (0-based) where something of this line could have siblings: each dash, and what follows the last one."""
        found = [at for at, character in enumerate(self.dashes, len(self.indent)) if character == "-"]
        return [*found, len(self.indent) + len(self.dashes)] if self.content else found

    @property
    def content_start(self) -> int:
        """Offset of the content."""
        return self.start + len(self.indent) + len(self.dashes)

    @property
    def value_start(self) -> int | None:
        """Offset of the value behind `key: `, None where the line has no key."""
        match = KEY.match(self.content)
        if not match:
            return None
        at = match.end()
        while at < len(self.content) and self.content[at] in " \t":
            at += 1
        return self.content_start + at

    @property
    def opens(self) -> bool:
        """A key without a value: what follows deeper belongs to it."""
        match = KEY.match(self.content)
        return bool(match) and not _without_comment(self.content[match.end() :]).strip()  # type: ignore[union-attr]

    @property
    def code(self) -> str:
        """The content without a comment behind it."""
        return _without_comment(self.content).rstrip()


def _without_comment(text: str) -> str:
    """The text up to ` #` (quotes are not looked at: a quoted ` #` cuts too early, which costs a suggestion, never a wrong one)."""
    if text.startswith("#"):
        return ""
    at = min((found for found in (text.find(" #"), text.find("\t#")) if found >= 0), default=-1)
    return text if at < 0 else text[:at]


def lines_of(text: str) -> list[Line]:
    found = []
    start = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw[:-1] if raw.endswith("\r") else raw
        stripped = line.lstrip()
        indent = line[: len(line) - len(stripped)]
        dashes = _DASHES.match(stripped)
        dash_text = dashes[0] if dashes else ""
        if stripped == "-":
            dash_text = "-"
        elif dash_text and stripped[len(dash_text) :] == "-":
            dash_text = stripped
        found.append(Line(number, start, line, indent, dash_text, stripped[len(dash_text) :]))
        start += len(raw) + 1
    return found


def changed(line: Line, new: str) -> tuple[Replacement, ...]:
    """The smallest replacement that makes `new` of the line's text; none if it is that already."""
    old, start = line.text, line.start
    if old == new:
        return ()
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return ((start + head, start + len(old) - tail, new[head : len(new) - tail]),)


def removed(text: str, first: Line, last: Line) -> Replacement:
    """The lines from `first` to `last` gone, line ends included."""
    end = text.find("\n", last.end)
    if end >= 0:
        return (first.start, end + 1, "")
    start = first.start
    if start > 0:  # the text's last line: its line end is the one before
        start -= 1
        if start > 0 and text[start - 1] == "\r":
            start -= 1
        return (start, len(text), "\n" if text[start : start + 1] == "\n" and text.endswith("\n") else "")
    return (start, len(text), "")


def applied(text: str, replacements: Iterable[Replacement]) -> str:
    """The text with the replacements done. ValueError where they overlap."""
    parts = []
    done = 0
    for start, end, new in sorted(replacements):
        if start < done:
            raise ValueError("replacements overlap")
        parts += [text[done:start], new]
        done = end
    return "".join([*parts, text[done:]])


class Candidate(NamedTuple):
    """One way to mend one defect of a text that the Agent does not accept.

    `line` (1-based, of the text at hand) is where the mistake stands, `cost` how far-fetched the repair is (1 = nothing else can be meant),
    `also` further lines of the same mistake. `text` says what is wrong. `is_guess`: the replacements only let the search go on, what was meant is unknown.
    """

    kind: str
    line: int
    cost: int
    text: str
    replacements: tuple[Replacement, ...]
    also: tuple[int, ...] = ()
    end_line: int | None = None
    column: int | None = None
    is_guess: bool = False
    is_blocking: bool = True
