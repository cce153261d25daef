"""Which block each line of a Ruby file stands in, by its words and by its indentation; how well the two agree when an `end` is thought away or added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dddoctor.rubytext.lexer import Lines, Token, is_endless_def, value_ends

OPENERS = frozenset(("do", "begin", "case", "class", "module", "def", "if", "unless", "while", "until", "for"))
_MIDDLES = frozenset(("else", "elsif", "when", "in", "rescue", "ensure"))
_PAIRS = {")": "(", "]": "[", "}": "{"}
_CONTINUES = frozenset([",", ".", "&.", "&&", "||", "+", "-", "*", "/", "=", "=>", "==", "!=", "<", ">", "<=", ">=", "?", ":", "::", "<<", "|", "&", "(", "[", "{", "+=", "||=", "!", "->"])
_BEGINS_CONTINUED = frozenset((".", "&.", "&&", "||", "?", ":"))
# What a disagreement costs. A block that is never closed outweighs any indentation; so does a name used outside of its block.
UNMATCHED, _LOST_NAME, _LOOSE_INDENT = 8, 4, 1


class Event(NamedTuple):
    """One thing that matters for blocks. `kind`: open, close, middle, line (the first token of a statement's line), use (a word with a `.` behind it).

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
            (previous is not None and previous.kind == "op" and previous.text in _CONTINUES and not _ends_params(found, index))
            or (previous is not None and previous.kind == "label")
            or (token.kind == "op" and token.text in _BEGINS_CONTINUED)
        )
        if is_statement or (first and base_line == 0):
            base, base_line = indent, token.line
        opens = _opens(text, found, index, first, awaits_do)
        if token.kind == "op" and token.text in ("(", "[", "{"):
            opens = token.text
        closes = token.text if (token.kind == "keyword" and token.text == "end") or (token.kind == "op" and token.text in _PAIRS) else None
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
            column = len(text[lines.start(token.line) : token.start].expandtabs(8))
            result.append(Event("open", opens, index, token.line, indent, column if hangs else base, first, _names(found, index)))
            if opens in ("while", "until", "for"):
                awaits_do = True
        elif token.kind == "keyword" and token.text == "do":
            awaits_do = False
        elif token.kind == "word" and index + 1 < len(found) and found[index + 1].text in (".", "&.") and not (previous is not None and previous.text in (".", "&.", "::")):
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
        return at > 0 and (found[at - 1].kind == "word" or found[at - 1].text in (")", "->")) and found[at - 1].line == found[at].line
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


def judge(found: Sequence[Event], *, added: Sequence[int] = (), left_out: frozenset[int] = frozenset(), opened: frozenset[int] = frozenset(), limit: int = 1 << 30) -> Verdict:
    """How well words and indentation agree. `added`: an `end` is thought in before these events (len(found) = at the end); `left_out`: closers thought away;
    `opened`: line events whose line is thought to end with `do`. Stops early, with a cost above `limit`, when that is reached.
    """
    stack: list[Block] = []
    children: list[int | None] = [None]
    bound: set[str] = set()
    cost = 0
    surplus: list[int] = []
    unclosed: list[int] = []
    closed: list[int | None] = []
    waiting = sorted(added)
    is_flat = not any(e.indent for e in found if e.kind == "line")
    pending_open: tuple[int, Event] | None = None
    for index in range(len(found) + 1):
        while waiting and waiting[0] == index:
            waiting.pop(0)
            if stack and stack[-1].text in OPENERS:
                closed.append(stack.pop().event)
                children.pop()
            else:
                closed.append(None)
                cost += UNMATCHED
        if index == len(found):
            break
        event = found[index]
        if pending_open and event.first and event.line > pending_open[1].line and event.kind in ("line", "close", "middle"):
            stack.append(Block(pending_open[0], "do", pending_open[1].indent, pending_open[1].base, ()))
            children.append(None)
            pending_open = None
        if event.kind == "line":
            cost += 0 if is_flat else _line_cost(event, stack, children)
            if index in opened:
                pending_open = (index, event)
        elif event.kind == "middle":
            if stack and event.indent not in (stack[-1].indent, stack[-1].base):
                cost += _LOOSE_INDENT
            children[-1] = None
        elif event.kind == "open":
            stack.append(Block(index, event.text, event.indent, event.base, event.names))
            children.append(None)
            bound.update(event.names)
        elif event.kind == "use":
            if event.text in bound and not any(event.text in b.names for b in stack):
                cost += _LOST_NAME
        elif index not in left_out:
            cost += _close(event, index, stack, children, surplus, unclosed)
        if cost > limit:
            break
    unclosed += [b.event for b in stack]
    cost += UNMATCHED * len(stack)
    return Verdict(cost, tuple(sorted(unclosed)), tuple(surplus), tuple(closed))


def _line_cost(event: Event, stack: list[Block], children: list[int | None]) -> int:
    if stack and stack[-1].text in _PAIRS.values() and stack[-1].text != "{":
        return 0  # inside of brackets anything goes
    if stack and event.indent <= min(stack[-1].indent, stack[-1].base):
        return _LOOSE_INDENT
    first = children[-1]
    if first is None:
        children[-1] = event.indent
        return 0 if stack or event.indent == 0 else _LOOSE_INDENT
    return 0 if event.indent == first else _LOOSE_INDENT


def _close(event: Event, index: int, stack: list[Block], children: list[int | None], surplus: list[int], unclosed: list[int]) -> int:
    def fits(block: Block) -> bool:
        return block.text in OPENERS if event.text == "end" else block.text == _PAIRS[event.text]

    if stack and fits(stack[-1]):
        block = stack.pop()
        children.pop()
        if not event.first:
            return 0
        return 0 if event.indent in (block.indent, block.base) else _LOOSE_INDENT
    # A bracket left open inside of a block that ends here, or a block inside of brackets that close here.
    depth = next((i for i in range(len(stack) - 1, -1, -1) if fits(stack[i])), None)
    only_brackets = depth is not None and all(b.text not in OPENERS for b in stack[depth + 1 :])
    if depth is not None and only_brackets:
        cost = UNMATCHED * (len(stack) - depth - 1)
        unclosed += [b.event for b in stack[depth + 1 :]]
        del stack[depth:]
        del children[depth + 1 :]
        return cost
    surplus.append(index)
    return UNMATCHED
