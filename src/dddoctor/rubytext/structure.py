"""Which block each line of a Ruby file stands in, by its words and by its indentation; how well the two agree when an `end` is thought away or added."""

from __future__ import annotations

from collections.abc import Sequence

from dddoctor.light import NamedTuple
from dddoctor.rubytext.lexer import Lines, Token, is_endless_def, value_ends

OPENERS = frozenset(("do", "begin", "case", "class", "module", "def", "if", "unless", "while", "until", "for"))
_MIDDLES = frozenset(("else", "elsif", "when", "in", "rescue", "ensure"))
_PAIRS = {")": "(", "]": "[", "}": "{"}
_CONTINUES = frozenset(
    [
        ",",
        ".",
        "&.",
        "&&",
        "||",
        "+",
        "-",
        "*",
        "/",
        "=",
        "=>",
        "==",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "?",
        ":",
        "::",
        "<<",
        "|",
        "&",
        "(",
        "[",
        "{",
        "+=",
        "||=",
        "!",
        "->",
    ]
)
_BEGINS_CONTINUED = frozenset((".", "&.", "&&", "||", "?", ":"))
# What a disagreement costs. A block that is never closed outweighs any indentation; so does a name used outside of its block.
UNMATCHED, _LOST_NAME, _LOOSE_INDENT = 8, 4, 1


class Event(NamedTuple):
    """One thing that matters for blocks. `kind`: open, close, middle, line (the first token of a statement's line), use (a word that may name a block's parameter).

    `text` is the token's; `indent` the width of its line's indentation, `base` that of the line where its statement begins; `first` = first on its line;
    `names` are a block's parameters.
    """

    kind: str
    text: str
    token: int
    line: int
    indent: int
    base: int
    first: bool
    names: tuple[str, ...] = ()


class Block(NamedTuple):
    """An opened block while its end is looked for."""

    event: int
    text: str
    indent: int
    base: int
    names: tuple[str, ...]


class Verdict(NamedTuple):
    """`cost`; the events of openers never closed and of closers that close nothing; what an added `end` closed (event index), None where it closed nothing."""

    cost: int
    unclosed: tuple[int, ...]
    surplus: tuple[int, ...]
    closed: tuple[int | None, ...]


def events(text: str, found: Sequence[Token], lines: Lines) -> list[Event]:
    """The events of a file, in order."""
    result: list[Event] = []
    depth: list[str] = []
    awaits_do = False  # `while x do`: this do opens nothing of its own
    base, base_line = 0, 0
    previous: Token | None = None  # the last one that is no newline
    is_new_line = True
    for index, token in enumerate(found):
        if token.kind == "newline":
            is_new_line = True
            if previous is None or previous.text not in _CONTINUES or previous.kind != "op":
                awaits_do = False
            continue
        first = is_new_line
        is_new_line = False
        indent = _indent(text, lines, token.line)
        is_statement = first and not (
            (
                previous is not None
                and previous.kind == "op"
                and previous.text in _CONTINUES
                and not _ends_params(found, index)
            )
            or (previous is not None and previous.kind == "label")
            or (token.kind == "op" and token.text in _BEGINS_CONTINUED)
        )
        if is_statement or (first and base_line == 0):
            base, base_line = indent, token.line
        opens = _opens(text, found, index, first, awaits_do)
        if token.kind == "op" and token.text in ("(", "[", "{"):
            opens = token.text
        closes = (
            token.text
            if (token.kind == "keyword" and token.text == "end") or (token.kind == "op" and token.text in _PAIRS)
            else None
        )
        if closes:
            result.append(Event("close", closes, index, token.line, indent, base, first))
            if depth and closes in _PAIRS and depth[-1] == _PAIRS[closes]:
                depth.pop()
        elif first and token.kind == "keyword" and token.text in _MIDDLES:
            result.append(Event("middle", token.text, index, token.line, indent, base, True))
        elif is_statement:
            result.append(Event("line", token.text, index, token.line, indent, base, True))
        if opens:
            # `x = if …` may hang its branches and its end under the word itself.
            hangs = not first and opens in ("if", "unless", "case", "begin")
            left = len(text[lines.start(token.line) : token.start].expandtabs(8)) if hangs else base
            result.append(Event("open", opens, index, token.line, indent, left, first, _names(found, index)))
            if opens in ("while", "until", "for"):
                awaits_do = True
        elif token.kind == "keyword" and token.text == "do":
            awaits_do = False
        elif token.kind == "word" and not (previous is not None and previous.text in (".", "&.", "::")):
            result.append(Event("use", token.text, index, token.line, indent, base, first))
        previous = token
    return result


def _opens(text: str, found: Sequence[Token], index: int, first: bool, awaits_do: bool) -> str | None:
    token = found[index]
    if token.kind != "keyword" or token.text not in OPENERS:
        return None
    if token.text == "do":
        return None if awaits_do else "do"
    if token.text == "def":
        name = index + 1
        while name + 2 < len(found) and found[name + 1].text == ".":
            name += 2
        return None if is_endless_def(text, token) else "def"
    if token.text in ("if", "unless", "while", "until") and not first:
        before = found[index - 1]
        if value_ends(before):
            return None
    return token.text


def _names(found: Sequence[Token], index: int) -> tuple[str, ...]:
    """The parameters between the bars behind `do` or `{`."""
    if index + 1 >= len(found) or found[index + 1].text != "|" or found[index].text not in ("do", "{"):
        return ()
    names = []
    for token in found[index + 2 :]:
        if token.text == "|" or token.kind == "newline":
            break
        if token.kind == "word":
            names.append(token.text)
    return tuple(names)


def _ends_params(found: Sequence[Token], index: int) -> bool:
    """Whether the newline before `found[index]` follows `do |x|` or a bare opening bracket of a block: then a statement begins."""
    at = index - 1
    while at >= 0 and found[at].kind == "newline":
        at -= 1
    if found[at].text == "{":
        return (
            at > 0
            and (found[at - 1].kind == "word" or found[at - 1].text in (")", "->"))
            and found[at - 1].line == found[at].line
        )
    if found[at].text != "|":
        return False
    at -= 1
    while at >= 0 and found[at].kind in ("word", "op", "label") and found[at].text not in ("|",):
        at -= 1
    return at > 0 and found[at].text == "|" and (found[at - 1].text in ("do", "{") or value_ends(found[at - 1]))


def _indent(text: str, lines: Lines, line: int) -> int:
    """The width of a line's indentation; a tab goes to the next multiple of eight."""
    width, at = 0, lines.start(line)
    while at < len(text) and text[at] in " \t":
        width = width + 1 if text[at] == " " else (width // 8 + 1) * 8
        at += 1
    return width


class Judge:
    """Goes through the events once, keeping what is open and what disagreed. A copy goes on from the same place on its own."""

    __slots__ = ("active", "bound", "children", "closed", "cost", "is_flat", "pending", "stack", "surplus", "unclosed")

    def __init__(self, is_flat: bool) -> None:
        self.is_flat = is_flat  # nothing is indented: then indentation tells nothing
        self.stack: list[Block] = []
        self.children: list[int | None] = [None]  # the indentation of the first line inside of each open block
        self.bound: set[str] = set()  # parameters of all blocks so far
        self.active: dict[str, int] = {}  # those of open blocks, and how often
        self.cost = 0
        self.surplus: list[int] = []
        self.unclosed: list[int] = []
        self.closed: list[int | None] = []
        self.pending: tuple[int, Event] | None = None

    def copy(self) -> Judge:
        other = Judge(self.is_flat)
        other.stack, other.children = self.stack[:], self.children[:]
        other.bound, other.active = set(self.bound), dict(self.active)
        other.cost, other.pending = self.cost, self.pending
        other.surplus, other.unclosed, other.closed = self.surplus[:], self.unclosed[:], self.closed[:]
        return other

    def add_end(self) -> None:
        """Think an `end` in here."""
        if self.stack and self.stack[-1].text in OPENERS:
            self.closed.append(self.stack[-1].event)
            self._pop()
        else:
            self.closed.append(None)
            self.cost += UNMATCHED

    def step(self, index: int, event: Event, *, opens: bool = False) -> None:
        """Take the next event. `opens`: its line is thought to end with `do`."""
        if (
            self.pending
            and event.first
            and event.line > self.pending[1].line
            and event.kind in ("line", "close", "middle")
        ):
            self._push(Block(self.pending[0], "do", self.pending[1].indent, self.pending[1].base, ()))
            self.pending = None
        if event.kind == "line":
            if not self.is_flat:
                self._line(event)
            if opens:
                self.pending = (index, event)
        elif event.kind == "middle":
            if self.stack and event.indent not in (self.stack[-1].indent, self.stack[-1].base):
                self.cost += _LOOSE_INDENT
            self.children[-1] = None
        elif event.kind == "open":
            self._push(Block(index, event.text, event.indent, event.base, event.names))
        elif event.kind == "use":
            if event.text in self.bound and not self.active.get(event.text):
                self.cost += _LOST_NAME
        else:
            self._close(event, index)

    def verdict(self) -> Verdict:
        unclosed = [*self.unclosed, *(b.event for b in self.stack)]
        return Verdict(
            self.cost + UNMATCHED * len(self.stack), tuple(sorted(unclosed)), tuple(self.surplus), tuple(self.closed)
        )

    def _push(self, block: Block) -> None:
        self.stack.append(block)
        self.children.append(None)
        self.bound.update(block.names)
        for name in block.names:
            self.active[name] = self.active.get(name, 0) + 1

    def _pop(self) -> Block:
        block = self.stack.pop()
        self.children.pop()
        for name in block.names:
            self.active[name] -= 1
        return block

    def _line(self, event: Event) -> None:
        if self.stack and self.stack[-1].text in ("(", "["):
            return  # inside of brackets anything goes
        first = self.children[-1]
        if self.stack and event.indent <= min(self.stack[-1].indent, self.stack[-1].base):
            self.cost += _LOOSE_INDENT
        elif first is None:
            self.children[-1] = event.indent
            self.cost += 0 if self.stack or event.indent == 0 else _LOOSE_INDENT
        elif event.indent != first:
            self.cost += _LOOSE_INDENT

    def _close(self, event: Event, index: int) -> None:
        def fits(block: Block) -> bool:
            return block.text in OPENERS if event.text == "end" else block.text == _PAIRS[event.text]

        if self.stack and fits(self.stack[-1]):
            block = self._pop()
            if event.first and event.indent not in (block.indent, block.base):
                self.cost += _LOOSE_INDENT
            return
        # Brackets left open inside of what ends here.
        depth = len(self.stack) - 1
        while depth >= 0 and not fits(self.stack[depth]) and self.stack[depth].text not in OPENERS:
            depth -= 1
        if depth < 0 or not fits(self.stack[depth]):
            self.surplus.append(index)
            self.cost += UNMATCHED
            return
        while len(self.stack) > depth + 1:
            self.unclosed.append(self._pop().event)
            self.cost += UNMATCHED
        self._pop()


def is_flat(found: Sequence[Event]) -> bool:
    return not any(e.indent for e in found if e.kind == "line")


def judge(found: Sequence[Event]) -> Verdict:
    """How well words and indentation agree in a file as it is."""
    state = Judge(is_flat(found))
    for index, event in enumerate(found):
        state.step(index, event)
    return state.verdict()
