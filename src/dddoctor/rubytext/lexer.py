"""Ruby text → tokens, as far as blocks, brackets, strings and here-documents go. Works on files that do not parse.

Offsets are those of the text given. Callers pass bytes decoded as Latin-1, so that they are byte offsets and every byte of another alphabet
is a letter, which is how Ruby takes them too.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_WORD = lazy(r"[A-Za-z_\x80-\xff][\w\x80-\xff]*", re.ASCII)
_NUMBER = lazy(r"\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?\w*", re.ASCII)
_HEREDOC = lazy(r"<<([-~]?)(?:([\"'`])([^\r\n]*?)\2|([A-Za-z_\x80-\xff][\w\x80-\xff]*))", re.ASCII)
_VARIABLE = lazy(
    r"\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*|\d+|-\w|[^\s\w])|@@?[A-Za-z_\x80-\xff][\w\x80-\xff]*", re.ASCII
)
_OPERATOR = lazy(
    r"\*\*=|<=>|===|\.\.\.|<<=|>>=|&&=|\|\|=|&\.|=>|->|==|=~|!=|!~|<=|>=|&&|\|\||::|\*\*|\+=|-=|\*=|/=|%=|\|=|&=|\^=|<<|>>|\.\.|[^\w\s]"
)
_ENDLESS_DEF = lazy(r"[ \t]+[\w.\x80-\xff]+[?!]?[ \t]*(?:\([^()\r\n]*\))?[ \t]+=[ \t]", re.ASCII)
_METHOD_OPERATOR = lazy(r"\[\]=?|\*\*|<=>|===?|=~|![=~]?|<<|>>|[<>]=?|[+-]@?|[*/%&|^~`]")
_NESTING_LIMIT = 20
_INTERPOLATION_LIMIT = 4000  # characters; what does not end by then is taken for text
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}
# Words after which no value has ended: an operand, a condition or a statement follows.
_OPEN_WORDS = frozenset(
    [
        "if",
        "unless",
        "while",
        "until",
        "and",
        "or",
        "not",
        "then",
        "do",
        "else",
        "elsif",
        "when",
        "in",
        "case",
        "begin",
        "ensure",
        "rescue",
        "return",
        "yield",
        "puts",
        "raise",
        "def",
        "class",
        "module",
        "alias",
        "undef",
    ]
)
_KEYWORDS = frozenset(
    [
        "__FILE__",
        "__LINE__",
        "alias",
        "and",
        "begin",
        "BEGIN",
        "break",
        "case",
        "class",
        "def",
        "defined?",
        "do",
        "else",
        "elsif",
        "end",
        "END",
        "ensure",
        "false",
        "for",
        "if",
        "in",
        "module",
        "next",
        "nil",
        "not",
        "or",
        "redo",
        "rescue",
        "retry",
        "return",
        "self",
        "super",
        "then",
        "true",
        "undef",
        "unless",
        "until",
        "when",
        "while",
        "yield",
    ]
)


class Heredoc(NamedTuple):
    """A here-document's body: `start` to `end` without the line of its end mark. `is_raw`: no interpolation, no escapes."""

    start: int
    end: int
    is_raw: bool
    is_closed: bool


class Token(NamedTuple):
    """`kind`: word, keyword, label (`name:`), string, number, symbol, heredoc, variable, op, newline. `is_open`: it ran to the end of the text."""

    kind: str
    text: str
    start: int
    end: int
    line: int
    is_open: bool = False
    heredoc: Heredoc | None = None


class Lines:
    """Where lines begin; 1-based, counted by `\\n`."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(at for at, before in enumerate(text, 1) if before == "\n")]
        self.size = len(text)

    def of(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def start(self, line: int) -> int:
        return self.starts[line - 1] if line <= len(self.starts) else self.size


def tokens(text: str) -> list[Token]:
    """The tokens in order, without comments. Ends at `__END__`."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.lines = Lines(text)
        self.found: list[Token] = []
        self.interpolations: dict[
            int, int
        ] = {}  # where `#{` begins inside → where it ends; asked for again in broken text
        self.patience = 200  # so many may come to nothing
        self.pending: list[tuple[int, str, bool, bool]] = []  # (token index, end mark, may be indented, is raw)

    def run(self) -> list[Token]:
        text, size = self.text, len(self.text)
        if text.startswith("\xef\xbb\xbf"):
            self.at = 3
        while self.at < size:
            char = text[self.at]
            if char == "\n":
                self._newline()
            elif char in " \t\r\f\v":
                self.at += 1
            elif char == "\\" and text[self.at + 1 : self.at + 3].lstrip("\r")[:1] == "\n":
                self.at = text.index("\n", self.at) + 1
                if self.pending:
                    self._bodies()
            elif char == "#":
                self.at = self._line_end(self.at)
            elif self._is_line_start() and text.startswith("=begin", self.at):
                close = re.compile(r"^=end\b.*$", re.MULTILINE).search(text, self.at)
                self.at = close.end() if close else size
            elif self._is_line_start() and re.compile(r"__END__[ \t\r]*$", re.MULTILINE).match(text, self.at):
                break
            else:
                self._token(char)
        return self.found

    # --- helpers ------------------------------------------------------------------------------------------------------

    def _is_line_start(self) -> bool:
        return self.at == 0 or self.text[self.at - 1] == "\n"

    def _line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    def _add(self, kind: str, end: int, is_open: bool = False, heredoc: Heredoc | None = None) -> None:
        self.found.append(Token(kind, self.text[self.at : end], self.at, end, self.lines.of(self.at), is_open, heredoc))
        self.at = end

    def _newline(self) -> None:
        self._add("newline", self.at + 1)
        if self.pending:
            self._bodies()

    def _bodies(self) -> None:
        """Skip the bodies of the here-documents that began on the line above."""
        for index, mark, is_indented, is_raw in self.pending:
            start, at = self.at, self.at
            is_closed = False
            while at < len(self.text):
                end = self._line_end(at)
                line = self.text[at:end].rstrip("\r")
                if (line.strip(" \t") if is_indented else line) == mark:
                    is_closed = True
                    break
                at = end + 1
            body_end = min(at, len(self.text))
            self.found[index] = self.found[index]._replace(
                heredoc=Heredoc(start, body_end, is_raw, is_closed), is_open=not is_closed
            )
            self.at = min(self._line_end(body_end) + 1, len(self.text)) if is_closed else len(self.text)
        self.pending = []

    def _value_ended(self) -> bool:
        """Whether the token before is the end of a value, so that `/`, `%`, `<<`, `[`, `?` are operators here."""
        if not self.found:
            return False
        last = self.found[-1]
        if last.kind == "keyword":
            return last.text in (
                "end",
                "self",
                "true",
                "false",
                "nil",
                "__FILE__",
                "__LINE__",
                "super",
                "redo",
                "retry",
            )
        if last.kind == "op":
            return last.text in (")", "]", "}")
        return last.kind in ("word", "string", "number", "symbol", "heredoc", "variable")

    def _may_be_argument(self) -> bool:
        """`name /x/`, `name %w(a)`, `name <<-A`: a blank before and none behind make it an argument of the method `name`."""
        last = self.found[-1] if self.found else None
        return (
            last is not None
            and last.kind == "word"
            and last.end < self.at
            and self.text[self.at + 1 : self.at + 2] not in (" ", "\t", "=", "\n", "")
        )

    # --- tokens -------------------------------------------------------------------------------------------------------

    def _token(self, char: str) -> None:
        text, at = self.text, self.at
        word = _WORD.match(text, at)
        if word:
            self._word(word.end())
            return
        if char.isdigit():
            match = _NUMBER.match(text, at)
            self._add("number", match.end() if match else at + 1)
            return
        if char in "$@":
            match = _VARIABLE.match(text, at)
            self._add("variable" if match else "op", match.end() if match else at + 1)
            return
        if char in "\"'`":
            end, is_open = self._quoted(at + 1, char, None, char != "'")
            self._add("string", end, is_open)
            return
        if char == ":" and self._symbol():
            return
        if char == "<" and self._heredoc():
            return
        last = self.found[-1] if self.found else None
        if last is not None and last.kind == "keyword" and last.text == "def":
            match = _METHOD_OPERATOR.match(text, at)
            self._add(
                "word" if match else "op", match.end() if match else at + 1
            )  # `def /(other)`, `def []=(key, value)`
            return
        if not self._value_ended() or self._may_be_argument():
            if char == "/":
                end, is_open = self._quoted(at + 1, "/", None, True)
                self._add("string", end, is_open)
                return
            if char == "%" and self._percent():
                return
        if char == "?" and not self._value_ended() and re.compile(r"\?(?:\\.|[^\s\\])(?!\w)", re.ASCII).match(text, at):
            self._add("string", at + (3 if text[at + 1] == "\\" else 2))
            return
        match = _OPERATOR.match(text, at)
        self._add("op", match.end() if match else at + 1)
        if char in "|" and len(self.found) > 1 and self.found[-2].text in ("do", "{") and self.found[-1].text == "|":
            self._params()

    def _word(self, end: int) -> None:
        text = self.text
        last = self.found[-1] if self.found else None
        if (
            end < len(text)
            and text[end] in "?!"
            and text[end + 1 : end + 2] != "="
            and not (text[end] == "?" and text[end + 1 : end + 2] == ":")
        ):
            end += 1
        word = text[self.at : end]
        if last is not None and last.text in (".", "&.", "::") and last.kind == "op":
            self._add("word", end)
        elif last is not None and last.kind == "keyword" and last.text == "def":
            self._add("word", end)  # `def end`, `def self.if`
        elif (
            text[end : end + 1] == ":"
            and text[end + 1 : end + 2] != ":"
            and not (last is not None and last.text == "?")
        ):
            self._add("label", end + 1)
        elif word in _KEYWORDS:
            self._add("keyword", end)
        else:
            self._add("word", end)

    def _symbol(self) -> bool:
        text, at = self.text, self.at
        if text[at + 1 : at + 2] in ('"', "'"):
            if self._value_ended() and self.found[-1].end == at:
                return False  # `"key":"value"`
            end, is_open = self._quoted(at + 2, text[at + 1], None, text[at + 1] == '"')
            self._add("symbol", end, is_open)
            return True
        if text.startswith("::", at):
            return False
        match = re.compile(
            r":(?:[A-Za-z_\x80-\xff@$][\w\x80-\xff@]*[?!=]?(?![=>~])|[A-Za-z_\x80-\xff][\w\x80-\xff]*[?!]?|\[\]=?|[+*/<>!=~%&|^-]+)",
            re.ASCII,
        ).match(text, at)
        if not match:
            return False
        self._add("symbol", match.end())
        return True

    def _heredoc(self) -> bool:
        match = _HEREDOC.match(self.text, self.at)
        if not match:
            return False
        if self._value_ended() and not (
            self._may_be_argument() and (match[1] or match[2] or (match[4] or "").isupper())
        ):
            return False
        last = self.found[-1] if self.found else None
        if last is not None and last.kind == "keyword" and last.text == "class":
            return False
        if not match[2] and not match[1] and not (match[4] or "")[:1].isupper():
            return False
        self._add("heredoc", match.end())
        self.pending.append((len(self.found) - 1, match[3] if match[2] else match[4], bool(match[1]), match[2] == "'"))
        return True

    def _percent(self) -> bool:
        match = re.compile(r"%([qQwWiIrsx]?)([^\w\s])", re.ASCII).match(self.text, self.at)
        if not match:
            return False
        opening = match[2]
        closing = _CLOSING.get(opening, opening)
        end, is_open = self._quoted(
            match.end(), closing, opening if closing != opening else None, match[1] not in ("q", "w", "i", "s")
        )
        self._add("string", end, is_open)
        return True

    def _quoted(
        self, at: int, closing: str, opening: str | None, interpolates: bool, stop: int | None = None, depth: int = 0
    ) -> tuple[int, bool]:
        """(the end of a quoted text whose inside begins at `at`, whether it does not end before `stop`)."""
        text, size = self.text, len(self.text) if stop is None else stop
        nested = 1
        while at < size:
            char = text[at]
            if char == "\\":
                at += 2
                continue
            if interpolates and char == "#" and text[at + 1 : at + 2] == "{" and depth < _NESTING_LIMIT:
                at = self._interpolation(at + 2, depth + 1)
                continue
            if char == closing:
                nested -= 1
                if nested == 0:
                    at += 1
                    if closing == "/":
                        while text[at : at + 1] in tuple("imxounse"):
                            at += 1
                    return at, False
            elif char == opening:
                nested += 1
            at += 1
        return size, True

    def _interpolation(self, begin: int, depth: int) -> int:
        """The place behind the `}` that ends `#{`; `begin` itself where there is none nearby, as in broken text."""
        known = self.interpolations.get(begin)
        if known is not None or self.patience < 0:
            return known or begin
        at, braces, stop = begin, 1, min(len(self.text), begin + _INTERPOLATION_LIMIT)
        self.interpolations[begin] = begin
        self.patience -= 1
        while at < stop:
            char = self.text[at]
            if char == "\\":
                at += 2
                continue
            if char in "\"'`":
                at, is_open = self._quoted(at + 1, char, None, char != "'", stop, depth)
                if is_open:
                    break
                continue
            braces += (char == "{") - (char == "}")
            at += 1
            if braces == 0:
                self.interpolations[begin] = at
                self.patience += 1
                return at
        return begin

    def _params(self) -> None:
        """The parameters of a block up to their closing `|`, as words; the closing bar becomes an op of its own."""
        end = self._line_end(self.at)
        close = self.text.find("|", self.at, end)
        while close >= 0 and self.at < close:
            char = self.text[self.at]
            if char in " \t":
                self.at += 1
                continue
            word = _WORD.match(self.text, self.at)
            self._add("word" if word else "op", min(word.end(), close) if word else self.at + 1)
        if close >= 0:
            self._add("op", close + 1)
            self.found[-1] = self.found[-1]._replace(text="|")


def value_ends(token: Token) -> bool:
    """Whether a value ends with this token, so that `if` behind it on the same line is a modifier."""
    if token.kind == "keyword":
        return token.text not in _OPEN_WORDS or token.text in ("return", "yield")
    if token.kind == "op":
        return token.text in (")", "]", "}")
    return token.kind != "newline" and token.kind != "label"


def is_endless_def(text: str, token: Token) -> bool:
    """`def name(a) = value` has no `end` (Ruby 3)."""
    return _ENDLESS_DEF.match(text, token.end) is not None
