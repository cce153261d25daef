"""What keeps a Ruby file from parsing: each fault with its place and, where the rest of the file proves it, the spans that mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dddoctor.light import NamedTuple
from dddoctor.rubytext.lexer import Lines, Token, tokens, value_ends
from dddoctor.rubytext.structure import OPENERS, UNMATCHED, Event, Judge, Verdict, events, is_flat, judge

_ALMOST_END = frozenset(("ned", "edn", "nd", "en", "ed", "eend", "ennd", "endd", "dne", "End", "END", "fin"))
_STEPS_LIMIT = 400_000  # beyond it, blocks are located by counting alone


class Fault(NamedTuple):
    """`start` is the place; `name` the word it is about (`do`, `end`, a quote, a here-document's mark); `also` a second place that belongs to it.

    `spans` (start, end, new text) mend it; empty where only a person can tell what was meant.
    """

    kind: str
    start: int
    name: str
    spans: tuple[tuple[int, int, str], ...] = ()
    also: int | None = None


class Text:
    """A text with its tokens and events, made once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = Lines(text)
        self.tokens = tokens(text)
        self.events = events(text, self.tokens, self.lines)
        self.newline = "\r\n" if "\r\n" in text else "\n"

    @property
    def end(self) -> int:
        """Where code ends: before `__END__`, else the end of the text."""
        found = re.compile(r"^__END__[ \t\r]*$", re.MULTILINE).search(
            self.text, self.tokens[-1].end if self.tokens else 0
        )
        return found.start() if found else len(self.text)

    def indentation(self, line: int) -> str:
        match = re.compile(r"[ \t]*").match(self.text, self.lines.start(line))
        return match[0] if match else ""

    def line_end(self, line: int) -> int:
        """The offset behind a line's last character, its end of line left out."""
        at = self.text.find("\n", self.lines.start(line))
        at = len(self.text) if at < 0 else at
        return at - 1 if at > 0 and self.text[at - 1] == "\r" else at


def next_fault(text: str) -> Fault | None:
    """The first fault that is understood, in a text that does not parse. With spans, the text they give is nearer to parsing."""
    whole = Text(text)
    for find in (open_heredoc, _open_string, _almost_end, _bars_without_do, _blocks):
        fault = find(whole)
        if fault is not None:
            return fault
    return None


def mended(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """The text with spans applied."""
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


# --- texts that never end ---------------------------------------------------------------------------------------------


def open_heredoc(whole: Text) -> Fault | None:
    """A here-document that runs to the end of the file; with spans where a line was nearly its end mark."""
    for token in whole.tokens:
        if token.kind != "heredoc" or not token.is_open or token.heredoc is None:
            continue
        mark = re.sub(r"<<[-~]?[\"'`]?|[\"'`]$", "", token.text)
        body = whole.text[token.heredoc.start :]
        looser = re.compile(rf"^[ \t]*{re.escape(mark)}[ \t]*;?[ \t]*\r?$", re.MULTILINE | re.IGNORECASE).search(body)
        if looser:
            spans = _closing_mark(token, mark, looser, token.heredoc.start)
            return Fault("unclosed-heredoc", token.start, mark, spans, token.heredoc.start + looser.start())
        return Fault("unclosed-heredoc", token.start, mark)
    return None


def _closing_mark(token: Token, mark: str, found: re.Match[str], base: int) -> tuple[tuple[int, int, str], ...]:
    """What makes a line that is nearly the end mark the end mark: the dash that lets it be indented, or its blanks and letters put right."""
    line = found[0].rstrip("\r")
    word = line.strip(" \t;")
    start = base + found.start() + len(line) - len(line.lstrip())
    spans: list[tuple[int, int, str]] = []
    if line.lstrip() != mark or word != mark:
        spans.append((start, base + found.start() + len(line), mark))
    if line[0] in " \t" and not re.match(r"<<[-~]", token.text):
        spans.append((token.start + 2, token.start + 2, "-"))
    return tuple(spans)


def _open_string(whole: Text) -> Fault | None:
    """A quote that is not closed on its line turns every later string inside out; the first string over several lines is the one."""
    for token in whole.tokens:
        if token.kind not in ("string", "symbol") or "\n" not in token.text or token.text[0] not in "\"':":
            continue
        quote = next(c for c in token.text if c in "\"'")
        opening = token.start + token.text.index(quote)
        end = whole.line_end(token.line)
        content = whole.text[opening + 1 : end].rstrip()
        fault = Fault("unclosed-string", token.start, quote)
        # A blank or a comma could be where the text should have ended; a name, path or number has none.
        if re.fullmatch(r"[\w./:@~+\x80-\xff-]+", content, re.ASCII):
            close = opening + 1 + len(content)
            if not any(
                t.kind == "string" and "\n" in t.text for t in tokens(mended(whole.text, ((close, close, quote),)))
            ):
                return fault._replace(spans=((close, close, quote),))
        return (
            fault
            if any(t.is_open for t in whole.tokens if t.kind in ("string", "symbol")) or _is_inside_out(whole, token)
            else None
        )
    return None


def _is_inside_out(whole: Text, token: Token) -> bool:
    """Whether what follows the string on its last line cannot follow a string: a word or a path, as between two strings that changed places."""
    after = next((t for t in whole.tokens if t.start >= token.end), None)
    return after is not None and after.kind in ("word", "number") and after.start - token.end <= 1


# --- words ------------------------------------------------------------------------------------------------------------


def _almost_end(whole: Text) -> Fault | None:
    """A line that holds nothing but a word very like `end`, where a block is still open."""
    verdict = judge(whole.events)
    if not any(whole.events[i].text in OPENERS for i in verdict.unclosed):
        return None
    for index, token in enumerate(whole.tokens):
        if token.text not in _ALMOST_END or token.kind not in ("word", "keyword"):
            continue
        before = whole.tokens[index - 1].kind if index else "newline"
        after = whole.tokens[index + 1].kind if index + 1 < len(whole.tokens) else "newline"
        if before == after == "newline" and sum(t.text == token.text for t in whole.tokens) == 1:
            spans = ((token.start, token.end, "end"),)
            fixed = Text(mended(whole.text, spans))
            if judge(fixed.events).cost < verdict.cost:
                return Fault("misspelt-end", token.start, token.text, spans)
    return None


def _bars_without_do(whole: Text) -> Fault | None:
    """`config.vm.define "web" |web|`: the bars tell that a block was meant."""
    found = whole.tokens
    for index, token in enumerate(found):
        if token.kind != "newline" or index < 4 or found[index - 1].text != "|":
            continue
        at = index - 2
        while at > 0 and (found[at].kind == "word" or found[at].text == ","):
            at -= 1
        if (
            found[at].text == "|"
            and found[at].line == token.line
            and at < index - 2
            and at > 0
            and found[at - 1].kind != "newline"
            and value_ends(found[at - 1])
        ):
            start = found[at].start
            new = "do " if whole.text[start - 1] in " \t" else " do "
            return Fault("missing-do", found[at].start, "do", ((start, start, new),))
    return None


# --- blocks -----------------------------------------------------------------------------------------------------------


class _Try(NamedTuple):
    """One way to mend the blocks: what it costs in disagreement, and where its place is among the tokens when equal results count as one."""

    cost: int
    place: int
    kind: str
    event: int
    at: int


def _blocks(whole: Text) -> Fault | None:
    verdict = judge(whole.events)
    brackets = [i for i in verdict.unclosed if whole.events[i].text not in OPENERS]
    surplus_brackets = [i for i in verdict.surplus if whole.events[i].text != "end"]
    if brackets or surplus_brackets:
        return _bracket(whole, brackets, surplus_brackets)
    is_missing = bool(verdict.unclosed)
    if not is_missing and not verdict.surplus:
        return None
    tries = _Search(whole, verdict).run(is_missing)
    if not tries:
        index = verdict.unclosed[0] if is_missing else verdict.surplus[0]
        return Fault(
            "unclosed-block" if is_missing else "surplus-end",
            whole.tokens[whole.events[index].token].start,
            whole.events[index].text,
        )
    least = min(t.cost for t in tries)
    best = [t for t in tries if t.cost == least]
    # The worse the indentation of the whole file, the clearer one place must win.
    other = min((t.cost for t in tries if (t.kind, t.place) != (best[0].kind, best[0].place)), default=None)
    is_certain = (
        other is None or other - least > (least - UNMATCHED * (len(verdict.unclosed) + len(verdict.surplus) - 1)) // 2
    )
    return _fault_of(whole, best[-1] if best[0].kind == "surplus-end" else best[0], is_certain)


class _Search:
    """Goes through the places where an `end` (or a `do`) could be too few or too many, and how well the file would agree with itself then."""

    def __init__(self, whole: Text, verdict: Verdict) -> None:
        self.whole, self.events, self.verdict = whole, whole.events, verdict
        self.least = 1 << 30
        self.steps_left = _STEPS_LIMIT

    def run(self, is_missing: bool) -> list[_Try]:
        """All tries that could be the best, in order; first those around the place where words and indentation part, so that the others are given up early."""
        middle = self._first_disagreement()
        for near in (range(max(0, middle - 8), min(len(self.events), middle + 8) + 1), range(len(self.events) + 1)):
            tries = list(self._tries(near, is_missing))
        return [] if self.steps_left <= 0 else tries

    def _first_disagreement(self) -> int:
        state = Judge(is_flat(self.events))
        for index, event in enumerate(self.events):
            state.step(index, event)
            if state.cost:
                return index
        return len(self.events)

    def _tries(self, places: range, is_missing: bool) -> Iterator[_Try]:
        base = Judge(is_flat(self.events))
        for index in range(places.stop):
            if index in places:
                found = self._missing(base, index) if is_missing else self._surplus(base, index)
                if found is not None and found.cost <= _rivals(self.least):
                    self.least = min(self.least, found.cost)
                    yield found
            if index < len(self.events):
                base.step(index, self.events[index])

    def _missing(self, base: Judge, at: int) -> _Try | None:
        if at < len(self.events):
            event = self.events[at]
            if (
                at == 0
                or not event.first
                or event.kind not in ("line", "close", "middle")
                or (event.kind == "close" and event.text != "end")
            ):
                return None
        state = base.copy()
        state.add_end()
        opener = state.closed[-1]
        tried = self._to_the_end(state, at) if opener is not None else None
        if (
            tried is None
            or opener is None
            or len(tried.unclosed) != len(self.verdict.unclosed) - 1
            or len(tried.surplus) != len(self.verdict.surplus)
        ):
            return None
        token = self.events[at].token if at < len(self.events) else len(self.whole.tokens)
        return _Try(tried.cost, _behind_ends(self.whole.tokens, token), "unclosed-block", opener, at)

    def _surplus(self, base: Judge, index: int) -> _Try | None:
        if index == len(self.events):
            return None
        event, state = self.events[index], base.copy()
        if event.kind == "close" and event.text == "end":
            kind, place = "surplus-end", _behind_ends(self.whole.tokens, event.token)
        elif event.kind == "line" and _may_lack_do(self.whole, index):
            kind, place = "missing-do", event.token
            state.step(index, event, opens=True)
        else:
            return None
        tried = self._to_the_end(state, index + 1)
        if (
            tried is None
            or len(tried.surplus) != len(self.verdict.surplus) - 1
            or len(tried.unclosed) != len(self.verdict.unclosed)
        ):
            return None
        return _Try(tried.cost, place, kind, index, index)

    def _to_the_end(self, state: Judge, at: int) -> Verdict | None:
        """The verdict of the whole; None where it is worse than others, or where the search has taken too long."""
        limit = _rivals(self.least)
        for index in range(at, len(self.events)):
            state.step(index, self.events[index])
            if state.cost > limit or self.steps_left <= 0:
                return None
            self.steps_left -= 1
        return state.verdict()


def _rivals(least: int) -> int:
    """Up to which cost another place counts as a rival of the best one so far."""
    return least + min(least // 2, UNMATCHED) + 1


def _may_lack_do(whole: Text, index: int) -> bool:
    """Whether the line could be the head of a block whose `do` was lost: a call, and the next line stands deeper."""
    event = whole.events[index]
    at = index + 1
    while at < len(whole.events) and not (whole.events[at].line > event.line and whole.events[at].first):
        if (
            whole.events[at].line == event.line
            and whole.events[at].kind == "open"
            and whole.events[at].text in (*OPENERS, "{")
        ):
            return False
        at += 1
    if at == len(whole.events) or whole.events[at].indent <= event.indent or whole.events[at].kind != "line":
        return False
    first = whole.tokens[event.token]
    last, position = first, event.token
    while position < len(whole.tokens) and whole.tokens[position].kind != "newline":
        last = whole.tokens[position]
        if last.kind == "op" and last.text in ("=", "+="):
            return False
        position += 1
    return last.line == event.line and value_ends(last) and first.kind in ("word", "op", "number", "string", "variable")


def _behind_ends(found: Sequence[Token], index: int) -> int:
    """The next token that is no `end`: an `end` more before or behind an `end` gives one and the same program."""
    while index < len(found) and (
        found[index].kind == "newline" or (found[index].kind == "keyword" and found[index].text == "end")
    ):
        index += 1
    return index


def _fault_of(whole: Text, best: _Try, is_certain: bool) -> Fault:
    event = whole.events[best.event]
    if best.kind == "unclosed-block":
        spans = (_end_line(whole, event, best.at),) if is_certain else ()
        return Fault("unclosed-block", whole.tokens[event.token].start, event.text, spans)
    if best.kind == "missing-do":
        last = next(t for t in reversed(whole.tokens) if t.line == event.line and t.kind != "newline")
        return Fault(
            "missing-do", whole.tokens[event.token].start, "do", ((last.end, last.end, " do"),) if is_certain else ()
        )
    token = whole.tokens[event.token]
    start = whole.lines.start(token.line)
    is_alone = whole.text[start : whole.line_end(token.line)].strip() == "end"
    line_after = whole.lines.start(token.line + 1) if token.line < len(whole.lines.starts) else len(whole.text)
    return Fault("surplus-end", token.start, "end", ((start, line_after, ""),) if is_certain and is_alone else ())


def _end_line(whole: Text, opener: Event, at: int) -> tuple[int, int, str]:
    """The span that adds the line `end`, as deep as the block's head, behind the last line of the block; comments as deep as its body belong to it."""
    index = whole.events[at].token if at < len(whole.events) else len(whole.tokens)
    before = next((t for t in reversed(whole.tokens[:index]) if t.kind != "newline"), None)
    first = 1 if before is None else before.line + 1 + whole.text.count("\n", before.start, before.end)
    for token in whole.tokens[:index]:  # the bodies of here-documents lie behind their line
        if token.heredoc is not None:
            first = max(first, whole.lines.of(token.heredoc.end) + 1)
    last = whole.events[at].line if at < len(whole.events) else whole.lines.of(whole.end) + 1
    place = first
    for line in range(first, min(last, len(whole.lines.starts) + 1)):
        content = whole.text[whole.lines.start(line) : whole.line_end(line)]
        if content.strip() and not content.lstrip().startswith("#"):
            break
        if content.strip() and len(content) - len(content.lstrip()) > len(whole.indentation(opener.line)):
            place = line + 1
    new = _statement_indentation(whole, opener) + "end"
    if place > len(whole.lines.starts) or whole.lines.start(place) > whole.end:
        offset = whole.end
    else:
        offset = min(whole.lines.start(place), whole.end)
    if offset > 0 and whole.text[offset - 1] != "\n":
        return (offset, offset, whole.newline + new)
    return (offset, offset, new + whole.newline)


def _statement_indentation(whole: Text, opener: Event) -> str:
    """The indentation of the line where the statement begins that opens the block."""
    line = opener.line
    while line > 1 and opener.base < len(whole.indentation(line).expandtabs(8)):
        line -= 1
    return (
        whole.indentation(line)
        if len(whole.indentation(line).expandtabs(8)) == opener.base
        else whole.indentation(opener.line)
    )


def _bracket(whole: Text, unclosed: Sequence[int], surplus: Sequence[int]) -> Fault:
    """A bracket without its partner. It is mended where putting it at the end of its line makes the whole parse and nothing else could be meant."""
    if not unclosed:
        event = whole.events[surplus[0]]
        token = whole.tokens[event.token]
        return Fault("surplus-bracket", token.start, token.text)
    event = whole.events[unclosed[-1]]
    token = whole.tokens[event.token]
    closing = {"(": ")", "[": "]", "{": "}"}[event.text]
    on_line = [t for t in whole.tokens if t.line == event.line and t.kind != "newline" and t.start > token.start]
    fault = Fault("unclosed-bracket", token.start, event.text)
    has_label = any(t.kind == "label" or t.text == "=>" for t in on_line)
    if (
        not on_line
        or (event.text == "[" and has_label)
        or not value_ends(on_line[-1])
        or any(t.text in ("do", "if", "unless") for t in on_line)
    ):
        return fault
    spans = ((on_line[-1].end, on_line[-1].end, closing),)
    return (
        fault._replace(spans=spans)
        if judge(Text(mended(whole.text, spans)).events).cost < judge(whole.events).cost
        else fault
    )
