"""Lost or uneven indentation: find the one block structure that the text still tells, or none.

Each statement is given a level. Python's grammar leaves few choices (after a header one deeper, else no deeper), the blanks that are still there fewer,
and what the statements say the last: `self` stands in a method, a method in a class, `return` in a function. A correction is offered only if exactly one
cheapest arrangement is left and Python parses it.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections import Counter

from dddoctor.light import NamedTuple
from dddoctor.pytext.facts import CLAUSES, Fact, fact
from dddoctor.pytext.parse import parse
from dddoctor.pytext.scan import LogicalLine, is_balanced, logical_lines

LINES_LIMIT = 4000
DEPTH_LIMIT = 100  # Python's own
BEAM = 64
EQUALS_LIMIT = 4
IMPOSSIBLE = 10.0  # what no author means: `self` outside a method …
ODD = 4.0
SLIP = 2.0  # a statement at another column than its level
HOPE = 4.1  # an arrangement that is so much dearer now will not win any more
MARGIN = 0.9  # how much dearer the next arrangement must be
_BUILTINS = frozenset(dir(builtins))


class Level(NamedTuple):
    """An open block. `column`: of its lines as they stand; `indent`: what they get. `is_flat`: its first line was not deeper than its header."""

    kind: str
    header: int
    column: int
    indent: str
    is_flat: bool
    params: tuple[str, ...]


class State(NamedTuple):
    """One way to read the text so far. `indents` are linked, the last first."""

    cost: float
    worst: float
    stack: tuple[Level, ...]
    indents: tuple[str, object]
    is_ambiguous: bool


class Reindented(NamedTuple):
    """`spans` against the given text, `text` the result; `first` and `last`: offsets of the changed lines."""

    spans: list[tuple[int, int, str]]
    text: str
    tree: ast.Module
    first: int
    last: int


def reindent(text: str, is_guess: bool = False) -> Reindented | None:
    """The text with the only block structure that fits, or None: several fit, none does, or it is right already. A guess takes one of several."""
    lines = logical_lines(text)
    if not lines or len(lines) > LINES_LIMIT or not all(is_balanced(line) for line in lines):
        return None
    if any(text[line.line_start : line.start].strip(" \t\f") for line in lines):
        return None
    facts = [fact(line) for line in lines]
    if not is_guess and _has_flat_inner_function(text, lines, facts):
        return None
    found: list[Reindented] = []
    for tab in (8, 4) if any("\t" in text[line.line_start : line.start] for line in lines) else (8,):
        arrangements = _Search(text, lines, facts, tab).best(is_guess)
        if arrangements is None:
            return None
        for indents in arrangements:
            result = _applied(text, lines, indents)
            if result is not None:
                found.append(result)
    found.sort(key=lambda r: (_mixed_lines(r.text), sum(len(new) + end - start for start, end, new in r.spans)))
    if not found or (not is_guess and any(ast.dump(r.tree) != ast.dump(found[0].tree) for r in found[1:])):
        return None
    return found[0]


def _has_flat_inner_function(text: str, lines: list[LogicalLine], facts: list[Fact]) -> bool:
    """A function right below `def`, not deeper: its body is missing, or begins with a function of its own. Nothing tells which."""
    for before, line, header, f in zip(lines, lines[1:], facts, facts[1:], strict=False):
        if header.is_def and header.opens and (f.decorates or f.is_def) and not f.is_method:
            column, own = (_column(text[x.line_start : x.start], 8) for x in (before, line))
            if own <= column:
                return True
    return False


def _mixed_lines(text: str) -> int:
    """How many lines are indented by tabs and blanks both."""
    return len(re.findall(r"^(?: +\t|\t+ )", text, re.MULTILINE)) if "\t" in text else 0


class _Search:
    """Breadth first over the statements, the cheapest states only."""

    def __init__(self, text: str, lines: list[LogicalLine], facts: list[Fact], tab: int) -> None:
        self.lines, self.facts, self.tab = lines, facts, tab
        self.texts = [text[line.line_start : line.start] for line in lines]
        self.columns = [_column(t, tab) for t in self.texts]
        self.unit = self._unit()
        self.is_flat = self._flat_regions()
        self.has_methods = any(f.is_method for f in facts)
        # Names that are parameters and nothing else in this file.
        self.parameters = {n for f in facts for n in f.params} - {n for f in facts for n in f.binds} - _BUILTINS

    def best(self, is_guess: bool) -> list[list[str]] | None:
        """The cheapest arrangements as indents by statement, several where they cost the same; none where each is absurd; None where too many fit."""
        states = [State(0.0, 0.0, (Level("module", -1, 0, "", False, ()),), ("", None), False)]
        for i in range(len(self.lines)):
            found: dict[tuple[tuple[int, int, str], ...], list[State]] = {}
            for state in states:
                for new in self._next(state, i):
                    found.setdefault(tuple((v.header, v.column, v.indent) for v in new.stack), []).append(new)
            if not found:
                return []
            best = min(s.cost for alike in found.values() for s in alike)
            near = (s for alike in found.values() for s in _cheapest(alike) if s.cost <= best + HOPE)
            states = sorted(near, key=lambda s: s.cost)[:BEAM]
        good = [s for s in states if s.cost <= states[0].cost + MARGIN]
        if self.facts[-1].opens:
            return []
        if not is_guess and states[0].worst >= IMPOSSIBLE:
            return []
        if not is_guess and (len(good) > EQUALS_LIMIT or any(s.is_ambiguous or s.worst >= IMPOSSIBLE for s in good)):
            return None
        return [_unlinked(s.indents) for s in good]

    def _next(self, state: State, i: int) -> list[State]:
        f, column, stack = self.facts[i], self.columns[i], state.stack
        if i and self.facts[i - 1].opens:
            if f.head in CLAUSES or len(stack) >= DEPTH_LIMIT:
                return []
            return [self._with(state, i, (*stack, level), cost) for level, cost in self._opened(state, i)]
        if f.head in CLAUSES:
            return [self._with(state, i, stack[: k + 1], cost) for k, cost in self._clause_levels(stack, f, column)]
        top = len(stack) - 1
        if i and self.facts[i - 1].decorates:
            return [self._with(state, i, stack, 0.0 if stack[top].column == column else SLIP)]
        exact = [k for k, level in enumerate(stack) if level.column == column]
        if exact:
            choices = [(k, 0.0) for k in exact]
            # It may also have slipped, to the left out of a block that goes on below, or to the right.
            choices += [
                (k, SLIP) for k in range(top + 1) if k not in exact and (k > exact[-1] or f.opens or f.decorates)
            ]
        else:
            choices = [(k, SLIP) for k in range(top + 1)]
        is_plain = len(exact) == 1 and not self.is_flat[i]
        return [
            self._with(state, i, stack[: k + 1], cost + self._leaving(stack, k, i), is_plain and k == exact[0])
            for k, cost in choices
        ]

    def _opened(self, state: State, i: int) -> list[tuple[Level, float]]:
        """The block that begins with statement i. Where the next statements stand a little aside, i itself may be the one that slipped."""
        header = self.facts[i - 1]
        kind = header.head if header.head in ("class", "def") else "block"
        column = state.stack[-1].column  # where the header belongs; it may have slipped
        is_flat = self.columns[i] <= column
        before, own, base = self.texts[i - 1], self.texts[i], state.indents[0]
        if is_flat:
            indent = base + self.unit
        elif before != base and own == base + self.unit:
            indent = own  # its header moved, and it stands right as it is
        elif own.startswith(before) and len(own) > len(before):
            indent = base + own[len(before) :]
        else:
            indent = base + self._blanks(self.columns[i] - column)
        found = [(Level(kind, i - 1, self.columns[i], indent, is_flat, header.params), SLIP if is_flat else 0.0)]
        after = self.columns[i + 1 :]
        if self.facts[i].opens and after:
            after = after[next((j for j, c in enumerate(after) if c < after[0]), len(after)) :]
        following = after[0] if after else self.columns[i]
        if following != self.columns[i] and following > column:
            found.append(
                (Level(kind, i - 1, following, base + self._blanks(following - column), False, header.params), SLIP)
            )
        return found

    def _blanks(self, columns: int) -> str:
        """As much indentation, in what this file is indented by."""
        return self.unit * max(1, columns // self.tab) if self.unit.strip(" ") else " " * columns

    def _clause_levels(self, stack: tuple[Level, ...], f: Fact, column: int) -> list[tuple[int, float]]:
        """(level, cost) where an `else`, `except` … finds its `if`, `try` …"""
        found = []
        for k in range(len(stack) - 1):
            header = stack[k + 1].header
            if self.facts[header].head in CLAUSES[f.head]:
                found.append((k, 0.0 if self.columns[header] == column else SLIP))
        return found

    def _with(self, state: State, i: int, stack: tuple[Level, ...], cost: float, is_plain: bool = False) -> State:
        """`is_plain`: the statement's own column leaves no choice; then only what is absurd counts against it."""
        odd = self._oddness(i, stack)
        odd = 0.0 if is_plain and odd < IMPOSSIBLE else odd
        return State(
            state.cost + cost + odd, max(state.worst, odd), stack, (stack[-1].indent, state.indents), state.is_ambiguous
        )

    def _leaving(self, stack: tuple[Level, ...], k: int, i: int) -> float:
        """What it costs to end the blocks above level k before statement i, where no blanks tell.

        After an empty line, and for inner blocks (`if`, `for` …), nothing: staying costs as much, so the text counts as ambiguous.
        """
        if i and k == len(stack) - 1:
            return (
                ODD if self.facts[i - 1].head in ("return", "raise", "break", "continue") else 0.0
            )  # nothing runs after it in its block
        left = [level for level in stack[k + 1 :] if level.is_flat and level.kind != "block"]
        if left and (not self.lines[i].blank_before or any(self._is_tied(i, level) for level in left)):
            return 2.0
        return 0.0

    def _is_tied(self, i: int, level: Level) -> bool:
        """Whether a statement reads names that only the function `level` has."""
        names = set(level.params) | {n for f in self.facts[level.header + 1 : i] for n in f.binds}
        return bool(self.facts[i].loads & names)

    def _oddness(self, i: int, stack: tuple[Level, ...]) -> float:
        """How much a statement resists standing at this level."""
        f, inner = self.facts[self._decorated(i)], stack[-1]
        functions = [level for level in stack if level.kind == "def"]
        if self._is_static(i) and (f.is_def or f.decorates):
            return 0.0 if inner.kind == "class" else IMPOSSIBLE
        if f.is_method:
            return 0.0 if inner.kind == "class" else IMPOSSIBLE
        is_first_flat = inner.is_flat and inner.header == i - 1
        if f.is_def:
            if inner.kind == "class" and not inner.is_flat:
                return 0.0
            if is_first_flat:
                return IMPOSSIBLE if inner.kind in ("def", "class") else ODD
            if inner.kind == "class":
                return ODD
            return (
                (1.0 if self.lines[i].blank_before else 2.0) if inner.is_flat and inner.kind == "def" else 0.0
            )  # inside or after: nothing tells
        if f.head == "class":
            return IMPOSSIBLE if is_first_flat else ODD if inner.is_flat else 0.0
        if f.is_main_guard:
            return 0.0 if inner.kind == "module" else IMPOSSIBLE
        if f.needs_function and not functions:
            return IMPOSSIBLE
        if f.head in ("break", "continue") and not self._is_in_loop(stack):
            return IMPOSSIBLE
        if f.head in ("import", "from") and is_first_flat and inner.kind != "block":
            return IMPOSSIBLE
        if "self" in f.loads and self.has_methods and not any("self" in level.params for level in functions):
            return IMPOSSIBLE
        return self._lost_names(i, stack, functions)

    def _lost_names(self, i: int, stack: tuple[Level, ...], functions: list[Level]) -> float:
        """Odd if the statement reads what is a parameter of functions only, and stands in none of them."""
        only = self.facts[i].loads & self.parameters
        return ODD if only and not only <= {n for level in functions for n in level.params} else 0.0

    def _decorated(self, i: int) -> int:
        """The def or class that a decorator line belongs to."""
        while self.facts[i].decorates and i + 1 < len(self.facts):
            i += 1
        return i

    def _is_static(self, i: int) -> bool:
        while i > 0 and self.facts[i - 1].decorates:
            i -= 1
        while self.facts[i].decorates and i + 1 < len(self.facts):
            if self.facts[i].is_static:
                return True
            i += 1
        return False

    def _is_in_loop(self, stack: tuple[Level, ...]) -> bool:
        for level in reversed(stack):
            if level.kind == "def":
                return False
            if level.kind == "block" and self.facts[level.header].head in ("for", "while"):
                return True
        return False

    def _flat_regions(self) -> list[bool]:
        """For each statement whether it may belong to a function or class whose lines lost their indentation."""
        found, column = [], -1
        for i, f in enumerate(self.facts):
            found.append(column >= 0)
            if f.head not in ("def", "class"):
                continue
            if i + 1 < len(self.facts) and f.opens and self.columns[i + 1] <= self.columns[i]:
                column = self.columns[i] if column < 0 else min(column, self.columns[i])
            elif self.columns[i] < column or (self.columns[i] == column and not f.is_method):
                column = -1
        return found

    def _unit(self) -> str:
        """What one level of this file is: its commonest step, else four blanks."""
        steps: Counter[str] = Counter()
        for i in range(1, len(self.lines)):
            before, own = self.texts[i - 1], self.texts[i]
            if self.facts[i - 1].opens and own.startswith(before) and len(own) > len(before):
                steps[own[len(before) :]] += 1
        if steps:
            usual = ("    ", "\t", "  ")
            return max(steps, key=lambda s: (steps[s], s in usual, -len(s)))
        return "\t" if any(t.startswith("\t") for t in self.texts) else "    "


def _cheapest(states: list[State]) -> list[State]:
    """Of states that go on alike, those that may still be the best. More than a few are one that is marked ambiguous."""
    states.sort(key=lambda s: s.cost)
    found = [s for s in states if s.cost <= states[0].cost + MARGIN]
    return found if len(found) <= EQUALS_LIMIT else [found[0]._replace(is_ambiguous=True)]


def _unlinked(indents: tuple[str, object]) -> list[str]:
    found = []
    while indents[1] is not None:
        found.append(indents[0])
        indents = indents[1]  # type: ignore[assignment]
    return found[::-1]


def _column(blanks: str, tab: int) -> int:
    column = 0
    for c in blanks:
        column = (column // tab + 1) * tab if c == "\t" else column + (c != "\f")
    return column


def _applied(text: str, lines: list[LogicalLine], indents: list[str]) -> Reindented | None:
    """The text with the new indentation, if Python parses it. Lines inside strings stay as they are."""
    spans: list[tuple[int, int, str]] = []
    for line, new in zip(lines, indents, strict=True):
        old = text[line.line_start : line.start]
        if old == new:
            continue
        spans += [(at, at + len(old), new) for at in line.comments if _blanks(text, at) == old]
        spans.append((line.line_start, line.start, new))
        for at in line.inner:
            own = _blanks(text, at)
            if new.startswith(old):
                spans.append((at, at, new[len(old) :]))
            elif own.startswith(old):
                spans.append((at, at + len(old), new))
    spans = [s for s in spans if text[s[0] : s[1]] != s[2]]
    if not spans:
        return None
    spans.sort()
    result = apply_spans(text, spans)
    tree = parse(result).tree
    if tree is None:
        return None
    return Reindented(_shortest(text, spans), result, tree, spans[0][0], spans[-1][0])


def _blanks(text: str, start: int) -> str:
    end = start
    while end < len(text) and text[end] in " \t\f":
        end += 1
    return text[start:end]


def _shortest(text: str, spans: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Spans that change no byte more than they must: a common beginning stays."""
    found = []
    for start, end, new in spans:
        old = text[start:end]
        common = 0
        while common < min(len(old), len(new)) and old[common] == new[common]:
            common += 1
        found.append((start + common, end, new[common:]))
    return found


def apply_spans(text: str, spans: list[tuple[int, int, str]]) -> str:
    """The text with ordered, separate spans replaced."""
    pieces, at = [], 0
    for start, end, new in spans:
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])
