"""Tokens and logical lines of Python text that need not parse: Python's own tokenizer stops at the first wrong indentation."""

from __future__ import annotations

import re

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_TOKEN = lazy(
    r"""(?P<space>[ \t\f]+)
      | (?P<newline>\r\n|\r|\n)
      | (?P<comment>\#[^\r\n]*)
      | (?P<continuation>\\[ \t]*(?:\r\n|\r|\n))
      | (?P<quote>(?:[rRbBuUfFtT]{1,3}(?=["']))?(?:\"\"\"|'''|"|'))
      | (?P<name>[^\W\d]\w*)
      | (?P<number>\.?\d(?:[\w.]|(?<=[eE])[+-])*)
      | (?P<op>->|:=|<>|\*\*=|//=|>>=|<<=|\.\.\.|[-+*/%@&|^=<>!]=|\*\*|//|>>|<<|[-+*/%@&|^~=<>(){}\[\]:;,.`!?$\\])
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPEN, _CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}


class Token(NamedTuple):
    """`kind`: name number string op comment newline space continuation other. `is_open`: a string that nothing closes."""

    kind: str
    text: str
    start: int
    end: int
    is_open: bool = False


class LogicalLine:
    """A statement's text: from the start of its first line, with `indent` blanks before `start`, to `end` (without the line end).

    `tokens` are those that mean something. `inner` are the starts of further physical lines that begin outside a string: they may be shifted.
    `comments` are the starts of comment lines that stand before it. `blank_before` counts empty lines before it.
    """

    __slots__ = ("line_start", "start", "end", "tokens", "inner", "comments", "blank_before")

    def __init__(self, line_start: int, start: int) -> None:
        self.line_start, self.start, self.end = line_start, start, start
        self.tokens: list[Token] = []
        self.inner: list[int] = []
        self.comments: list[int] = []
        self.blank_before = 0

    @property
    def head(self) -> str:
        """The first word."""
        return self.tokens[0].text


def tokens(text: str) -> list[Token]:
    """All tokens in order, without gaps. Never fails; a string in one line that nothing closes ends at the line's end, a long one at the text's end."""
    found: list[Token] = []
    at, length = 0, len(text)
    match = _TOKEN.match
    while at < length:
        m = match(text, at)
        assert m is not None  # `other` takes any character
        kind = m.lastgroup or "other"
        end = m.end()
        if kind == "quote":
            end, is_open = _string_end(text, at, m.group())
            found.append(Token("string", text[at:end], at, end, is_open))
        else:
            found.append(Token(kind, m.group(), at, end))
        at = end
    return found


def _string_end(text: str, start: int, opening: str) -> tuple[int, bool]:
    """(where a string ends, whether nothing closes it)."""
    quote = opening.lstrip("rRbBuUfFtT")
    at = start + len(opening)
    if len(quote) == 3:
        while True:
            end = text.find(quote, at)
            if end < 0:
                return len(text), True
            slashes = end - len(text[at:end].rstrip("\\")) - at
            if slashes % 2 == 0:
                return end + 3, False
            at = end + 1
    for m in re.compile(r"\\(?:\r\n|.)|[\r\n]|" + quote, re.DOTALL).finditer(text, at):
        if m.group() == quote:
            return m.end(), False
        if m.group() in ("\r", "\n"):
            return m.start(), True
    return len(text), True


def logical_lines(text: str) -> list[LogicalLine]:
    """The statements of a text, in order. Inside brackets lines go on, also where a bracket is never closed."""
    found: list[LogicalLine] = []
    current: LogicalLine | None = None
    comments: list[int] = []
    blank = depth = 0
    line_start, is_fresh, is_continued = 0, True, False  # is_fresh: nothing but blanks in this physical line yet
    for token in tokens(text):
        kind = token.kind
        if kind == "space":
            continue
        if kind == "newline":
            if current is not None and depth == 0:
                found.append(current)
                current = None
            elif is_fresh and current is None and not is_continued:
                blank += 1
            line_start, is_fresh, is_continued = token.end, True, False
            continue
        if kind == "comment":
            if is_fresh and current is None:
                comments.append(line_start)
            elif is_fresh and current is not None:
                current.inner.append(line_start)
            is_fresh = False
            continue
        if kind == "continuation":
            if current is not None and is_fresh:
                current.inner.append(line_start)
            line_start, is_fresh, is_continued = token.end, True, True
            continue
        if current is None:
            current = LogicalLine(line_start, token.start)
            current.comments, current.blank_before = comments, blank
            comments, blank = [], 0
        elif is_fresh:
            current.inner.append(line_start)
        is_fresh = False
        current.tokens.append(token)
        current.end = token.end
        if kind == "op":
            if token.text in _OPEN:
                depth += 1
            elif token.text in _CLOSE:
                depth = max(0, depth - 1)
        elif kind == "string" and ("\n" in token.text or "\r" in token.text):
            line_start = token.start + max(token.text.rfind("\n"), token.text.rfind("\r")) + 1
    if current is not None:
        found.append(current)
    return found


def is_balanced(line: LogicalLine) -> bool:
    """Whether each bracket of a statement is closed and each string ends."""
    stack: list[str] = []
    for token in line.tokens:
        if token.is_open:
            return False
        if token.kind == "op" and token.text in _OPEN:
            stack.append(_OPEN[token.text])
        elif token.kind == "op" and token.text in _CLOSE and (not stack or stack.pop() != token.text):
            return False
    return not stack
