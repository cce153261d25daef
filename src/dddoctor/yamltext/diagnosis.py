"""From a text that the Agent refuses, or takes otherwise than it was meant, to defects with proven corrections.

The cheapest candidate that mends the text is taken as the defect, and the search goes on over the mended text, so that one run names them all.
A correction is offered only if the text that all corrections give is accepted by the Agent, if it swallows no line into a text, and if no other candidate as good gives
other data.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.yamltext.characters import conflict_line
from dddoctor.yamltext.judging import (
    blamed_line,
    distance,
    duplicate_penalty,
    has_odd_logs,
    has_unknown_key,
    identity,
    is_no_worse,
    last_line,
    lost_instances,
    makes_unknown_key,
    penalty,
    preference,
    remaining,
    swallows,
)
from dddoctor.yamltext.lines import Candidate, Line, Replacement, applied, lines_of
from dddoctor.yamltext.nodes import Document
from dddoctor.yamltext.parts import Part
from dddoctor.yamltext.proposals import candidates_for, unique
from dddoctor.yamltext.reader import read
from dddoctor.yamltext.replacing import Edit, Edits
from dddoctor.yamltext.shapes import first_problem, shape_candidates, wrong_types
from dddoctor.yamltext.suspicions import suspicions

MAX_DEFECTS = 20
_MAX_NOTES = 200
_NEAR = 3  # lines
_MAX_CHARACTERS = 4_000_000  # read again in all while candidates are tried
_LARGE = 12_000  # characters from which on candidates are tried on a part of the text first
_MAX_TEXT = 600_000  # characters; larger texts get the reader's verdict only
_MOST_NESTED = 100
_BRACKET = lazy(r"[\[\]{}]")

_KINDS = (
    ("unknown anchor", "undefined-alias", "an alias (`*name`) has no anchor"),
    ("anchor ", "alias-loop", "an anchor's value contains an alias to itself"),
    (
        "document contains excessive aliasing",
        "alias-bomb",
        "aliases within aliases make the data too large for the Agent",
    ),
    ("exceeded max depth", "too-deep", "brackets or lists are nested more than 10,000 deep"),
    ("invalid map key", "invalid-key", "a list or mapping stands where a key belongs"),
    ("map merge requires", "wrong-merge", "`<<` takes a mapping or a list of mappings"),
    ("cannot decode", "wrong-tag", "the tag before the value does not fit it"),
    ("!!binary", "wrong-tag", "the value is no base64, as its tag says"),
    ("found unexpected end of stream", "unclosed-quote", "a quote is opened here and not closed"),
    (
        "did not find expected ',' or",
        "unclosed-bracket",
        "a bracket is opened here and not closed, or a comma is missing",
    ),
    (
        "mapping values are not allowed",
        "sibling-depth",
        "a key stands where none can be: the line above is not finished, or the depth is wrong",
    ),
    (
        "did not find expected key",
        "sibling-depth",
        "a key was expected here: the depth is wrong, or a line above is not finished",
    ),
    (
        "did not find expected '-' indicator",
        "sibling-depth",
        "a list item was expected here: the depth is wrong, or a dash is missing",
    ),
    ("could not find expected ':'", "colon-lost", "a colon is missing"),
    ("found a tab", "tab-indentation", "a tab indents this line; YAML takes blanks only"),
    (
        "found character that cannot start any token",
        "value-needs-quotes",
        "a value cannot begin with this character without quotes",
    ),
    ("found unknown escape", "bad-escape", "a backslash in double quotes begins an escape that there is not"),
    ("block sequence entries are not allowed", "sibling-depth", "a list item cannot begin here"),
    ("found incompatible YAML document", "yaml-directive", "the Agent reads YAML 1.1 only"),
    ("invalid ", "bad-encoding", "a byte that is no UTF-8; the Agent refuses the whole file for it"),
    (
        "control characters",
        "control-character",
        "a control character; the Agent's reader refuses the whole file for it, also in a comment",
    ),
    ("incomplete ", "bad-encoding", "a byte that is no UTF-8; the Agent refuses the whole file for it"),
)


class Defect(NamedTuple):
    """One thing wrong. `line`, `column` (1-based) are the culprit's, `end_line` the last line of it, `also` further lines of the same mistake.

    `correction`: the corrected lines as text, None where none is proven, "" where the line goes. `is_blocking`: the Agent does not use the file, or an
    instance of it, because of this. `replacements`: the correction as offsets into Document.text.
    """

    line: int
    column: int
    end_line: int
    kind: str
    text: str
    correction: str | None
    also: tuple[int, ...]
    is_blocking: bool
    replacements: tuple[Replacement, ...] = ()


class _Step(NamedTuple):
    """A defect on the way: `line` and others in the original text."""

    candidate: Candidate
    line: int
    column: int
    end_line: int
    also: tuple[int, ...]
    edits: list[Edit]
    rivals: tuple[Candidate, ...]
    base: str
    is_ambiguous: bool


def _is_absurd(text: str) -> bool:
    """Nested deeper than anybody writes: the search, which tries each level, would go on for minutes."""
    if "- " * _MOST_NESTED in text or "? " * _MOST_NESTED in text:
        return True
    if text.count("[") + text.count("{") <= _MOST_NESTED:
        return False
    depth = 0
    for bracket in _BRACKET.findall(text):
        depth += 1 if bracket in "[{" else -1
        if depth > _MOST_NESTED:
            return True
    return False


class _Choice(NamedTuple):
    """The candidate to take. `rivals` cost as much and could not be told apart yet; `is_ambiguous`: others as good give other data."""

    winner: Candidate
    rivals: tuple[Candidate, ...]
    is_ambiguous: bool

    def moved(self, part: Part) -> _Choice:
        """The same in the whole text."""
        return _Choice(part.whole(self.winner), tuple(part.whole(rival) for rival in self.rivals), self.is_ambiguous)


class _Search:
    """The search over one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.kind = document.kind
        self.edits = Edits(document.text)
        self.left = _MAX_CHARACTERS
        self.steps: list[_Step] = []
        self.notes: list[_Step] = []

    def read(self, text: str) -> Document:
        self.left -= len(text) + 200
        return read(text.encode("utf-8", "surrogatepass"), self.kind)

    def run(self) -> list[Defect]:
        current = self.document
        rest: list[Defect] = []
        while not _is_good(current) and len(self.steps) < MAX_DEFECTS:
            step = self._next(current)
            if step is None:
                if not current.parses:
                    rest.append(self._unmended(current))
                break
            self.steps.append(step)
            current = self.read(self.edits.text)
        is_proven = current.parses and (len(self.steps) < 2 or penalty(current) - duplicate_penalty(current) < 2)
        accepted = self.edits.text
        if current.parses:
            self._notes(current)
        return sorted(
            [*self._finished(accepted, is_proven), *rest], key=lambda defect: (defect.line, defect.column, defect.kind)
        )

    # --- one step ------------------------------------------------------------------------------------------------

    def _next(self, current: Document) -> _Step | None:
        """The best candidate for the first thing that is wrong, done; None where nothing helps."""
        text = current.text
        if len(text) > _MAX_TEXT or _is_absurd(text):
            return None
        lines = lines_of(text)
        if not current.is_yaml and any(conflict_line(line) for line in lines):
            return None
        choice: _Choice | None = None
        part = (
            Part.around(current, lines)
            if len(text) > _LARGE and not current.is_yaml and not _is_about_tabs(current)
            else None
        )
        if part is not None:
            document = self.read(part.text)
            if (
                not document.is_yaml
                and document.problem
                and current.problem
                and part.original_line(document.problem.line or 1) == current.problem.line
            ):
                choice = self._choose(document, lines_of(part.text))
                if choice is not None:
                    choice = choice.moved(part)
        if choice is None:
            choice = self._choose(current, lines)
        return None if choice is None else self._done(current, choice)

    def _choose(self, current: Document, lines: list[Line]) -> _Choice | None:
        text = current.text
        good: list[tuple[int, Candidate, Document]] = []
        further: list[tuple[int, int, Candidate]] = []
        ahead_now = remaining(current)
        has_instances = any(line.content.startswith("instances:") for line in lines)
        best = beside = 1_000  # the least total of what is good, and of what would be but for a block of text
        for candidate in sorted(unique(candidates_for(current, lines)), key=lambda candidate: candidate.cost):
            if candidate.cost > best or self.left <= 0:
                break
            try:
                after = self.read(applied(text, candidate.replacements))
            except ValueError:
                continue
            if after.parses:
                total = candidate.cost + penalty(after)
                swallowed = swallows(current, after, candidate)
                if swallowed:
                    # A text that goes on in a plain text is rarely meant: it only speaks against what is dearer.
                    beside = min(beside, total if swallowed == "block" else total + 2)
                    continue
                best = min(best, total)
                good.append((total, candidate, after))
            elif not good and not (has_instances and lost_instances(after)):
                ahead = remaining(after)
                if ahead < ahead_now and (after.is_yaml or blamed_line(after) > last_line(after, candidate)):
                    further.append((candidate.cost, ahead, candidate))
        if good:
            total = min(cost for cost, _, _ in good)
            chosen = [(candidate, after) for cost, candidate, after in good if cost == total]
            numbers: dict[Any, int] = {}
            data = {identity(after.value(), numbers) for _, after in chosen}
            is_ambiguous = len(data) > 1 or beside <= total
            winner, after = min(
                chosen,
                key=lambda one: (
                    distance(one[0], current, lines) if len(data) > 1 else (0, 0),
                    preference(one[0], current, lines),
                ),
            )
            # Where a move gives a key twice, two items became one: it was a dash that was lost. A key left over at the top level points to the same.
            is_merged = winner.kind == "sibling-depth" and (
                duplicate_penalty(after) > 0 or has_odd_logs(after) or has_unknown_key(after)
            )
            # A header that makes of `tags` a mapping was not commented out by mistake.
            is_merged = is_merged or (
                winner.kind == "half-uncommented" and any(wrong.is_blocking for wrong in wrong_types(after))
            )
            return _Choice(winner, (), is_ambiguous or is_merged or makes_unknown_key(current, after, winner))
        if not further:
            return None
        cost, ahead, _ = min(further, key=lambda item: item[:2])
        rivals = [candidate for other, left, candidate in further if (other, left) == (cost, ahead)]
        winner = min(rivals, key=lambda candidate: preference(candidate, current, lines))
        return _Choice(winner, tuple(rival for rival in rivals if rival is not winner), beside < 1_000)

    def _done(self, current: Document, choice: _Choice) -> _Step:
        candidate, rivals, is_ambiguous = choice
        line, column, end_line, also = self._original(current, candidate)
        if is_ambiguous and candidate.kind == "sibling-depth":
            candidate = candidate._replace(
                text="this line stands at a depth of its own: it is not clear which key it belongs to"
            )
        base = self.edits.text
        return _Step(
            candidate, line, column, end_line, also, self.edits.add(candidate.replacements), rivals, base, is_ambiguous
        )

    def _original(self, current: Document, candidate: Candidate) -> tuple[int, int, int, tuple[int, ...]]:
        """The candidate's places in the original text."""
        start = current.line_starts()[candidate.line - 1]
        column = (
            candidate.column
            or len(current.line_text(candidate.line)) - len(current.line_text(candidate.line).lstrip()) + 1
        )
        line = self._original_line(current, candidate.line)
        original = self.document
        if original.line_text(line) != current.line_text(candidate.line):
            column = original.column_of(self.edits.original_offset(start + column - 1)) if candidate.column else column
        end_line = self._original_line(current, candidate.end_line or candidate.line)
        return (
            line,
            max(column, 1),
            max(end_line, line),
            tuple(dict.fromkeys(self._original_line(current, number) for number in candidate.also)),
        )

    def _original_line(self, current: Document, number: int) -> int:
        starts = current.line_starts()
        offset = starts[min(number, len(starts)) - 1]
        text = current.line_text(min(number, len(starts)))
        inside = offset + len(text) - len(text.lstrip()) if text.strip() else offset
        return self.document.line_of(self.edits.original_offset(inside))

    def _notes(self, current: Document) -> None:
        """Suspicions in the accepted text. Their replacements are proven together, else each alone; those that do not hold are dropped."""
        found = list(islice(suspicions(current), _MAX_NOTES))
        wanted: list[Replacement] = []
        for replacement in sorted({replacement for one in found for replacement in one.replacements}):
            if not wanted or wanted[-1][1] <= replacement[0]:
                wanted.append(replacement)
        joint = set(wanted)
        together = bool(wanted) and self._holds(current, Candidate("notes", 1, 1, "", tuple(wanted)))
        for one in found:
            if (
                one.replacements
                and not (together and set(one.replacements) <= joint)
                and not (self.left > 0 and self._holds(current, one))
            ):
                one = one._replace(replacements=())
            line, column, end_line, also = self._original(current, one)
            self.notes.append(_Step(one, line, column, end_line, also, [], (), current.text, False))
        taken: list[Replacement] = []
        for replacement in sorted({replacement for step in self.notes for replacement in step.candidate.replacements}):
            if not taken or taken[-1][1] <= replacement[0]:
                taken.append(replacement)
        if not taken or not self._holds(current, Candidate("notes", 1, 1, "", tuple(taken))):
            return
        made = (
            dict(zip(taken, self.edits.add(taken), strict=False))
            if not self.edits.edits
            else {one: self.edits.add([one])[0] for one in reversed(taken)}
        )
        for position, step in enumerate(self.notes):
            if step.candidate.replacements and all(replacement in made for replacement in step.candidate.replacements):
                self.notes[position] = step._replace(
                    edits=[made[replacement] for replacement in step.candidate.replacements]
                )

    def _holds(self, current: Document, found: Candidate) -> bool:
        try:
            after = self.read(applied(current.text, found.replacements))
        except ValueError:
            return False
        return is_no_worse(current, after) and not swallows(current, after, found)

    # --- the end -------------------------------------------------------------------------------------------------

    def _finished(self, accepted: str, is_proven: bool) -> list[Defect]:
        found = []
        numbers: dict[Any, int] = {}
        value: Any = None
        doubtful = [step for step in self.steps if step.is_ambiguous or step.candidate.is_guess]
        for step in [*self.steps, *self.notes]:
            candidate = step.candidate
            holds = is_proven and not step.is_ambiguous and not candidate.is_guess and not self._is_entangled(step)
            # What is noticed next to a line of which it is not clear what it was meant to be may come from there.
            is_note = not any(one is step for one in self.steps)
            holds = holds and not (
                is_note
                and any(
                    other.line - step.end_line <= _NEAR and step.line - other.end_line <= _NEAR for other in doubtful
                )
            )
            if holds and step.rivals:
                if value is None:
                    value = identity(self.read(accepted).value(), numbers)
                holds = not self._has_rival(step, accepted, value, numbers)
            replacements = tuple(sorted({(edit.start, edit.end, edit.new) for edit in step.edits})) if holds else ()
            correction = self._corrected(step, replacements) if replacements else None
            found.append(
                Defect(
                    step.line,
                    step.column,
                    step.end_line,
                    candidate.kind,
                    candidate.text,
                    correction,
                    step.also,
                    candidate.is_blocking,
                    replacements,
                )
            )
        return found

    def _is_entangled(self, step: _Step) -> bool:
        """Whether another step was chosen among equals: another choice there could have led to another one here.

        Where one line was moved and it is not clear to which depth, every later move answers to that guess, however far below.
        """
        before = self.steps[: next((n for n, one in enumerate(self.steps) if one is step), 0)]
        if step.candidate.kind == "sibling-depth" and any(
            other.is_ambiguous and other.candidate.kind == "sibling-depth" for other in before
        ):
            return True
        near = [
            other
            for other in [*self.steps, *self.notes]
            if other is not step and other.line - step.end_line <= _NEAR and step.line - other.end_line <= _NEAR
        ]
        if (
            step.candidate.kind == "sibling-depth"
            and step.candidate.is_blocking
            and any(other.candidate.kind in ("no-blank-after-colon", "dash-lost") for other in near)
        ):
            return True
        moves = [
            other
            for other in near
            if other.candidate.kind == step.candidate.kind == "sibling-depth" and other.candidate.is_blocking
        ]
        if any(other.line <= step.end_line + 1 and step.line <= other.end_line + 1 for other in moves):
            return True
        return any(one is step for one in self.steps) and any(other.rivals or step.rivals for other in near)

    def _has_rival(self, step: _Step, accepted: str, value: Any, numbers: dict[Any, int]) -> bool:
        """Whether another candidate of the step, with all that was done later, gives an accepted text with other data."""
        for rival in step.rivals[:8]:
            try:
                ours = applied(step.base, step.candidate.replacements)
                theirs = applied(step.base, rival.replacements)
            except ValueError:
                continue
            text = _carried_over(ours, theirs, accepted)
            if text is None:
                return True
            after = self.read(text)
            if after.parses and identity(after.value(), numbers) != value:
                return True
        return False

    def _corrected(self, step: _Step, replacements: tuple[Replacement, ...]) -> str:
        """The lines that the replacements touch, as they stand in the text with everything corrected."""
        document = self.document
        first = min(document.line_of(start) for start, _, _ in replacements)
        last = max(document.line_of(max(start, end - 1)) for start, end, _ in replacements)
        if last < step.line or first > step.end_line:
            lines = range(first, last + 1)
        else:
            lines = range(step.line, max(step.line, min(step.end_line, last)) + 1)
        corrected = []
        starts = document.line_starts()
        for number in lines[:20]:
            start = starts[number - 1]
            end = starts[number] if number < len(starts) else len(document.text)
            corrected.append(self.edits.piece(start, end))
        return "".join(corrected).replace("\r\n", "\n").rstrip("\n")

    def _unmended(self, current: Document) -> Defect:
        """What the reader says, where nothing mends it."""
        problem = current.problem
        assert problem is not None
        lines = lines_of(current.text)
        if not current.is_yaml:
            conflict = next((line for line in lines if conflict_line(line)), None)
            if conflict is not None:
                line = self._original_line(current, conflict.number)
                return Defect(
                    line,
                    1,
                    line,
                    "merge-conflict",
                    "a mark of git's: two versions of the file were not merged",
                    None,
                    (),
                    True,
                )
            words = re.sub(r"^yaml: (?:line \d+: )?", "", problem.message)
            kind, say = next(
                ((kind, say) for start, kind, say in _KINDS if words.startswith(start)), ("does-not-parse", words)
            )
            place, column = problem.line or 1, problem.column or 1
        else:
            kind, place, column, say = first_problem(current)
        line = self._original_line(current, place)
        return Defect(line, column, line, kind, say, None, (), True)


def _is_about_tabs(document: Document) -> bool:
    """Whether the reader gave up at a tab: who indents with tabs does so all over the file, so no part of it will do."""
    mark = document.noticed[0]
    return mark is not None and "\t" in document.text[max(mark - 1, 0) : mark + 1]


def _carried_over(ours: str, theirs: str, accepted: str) -> str | None:
    """`theirs` with the later changes that made `accepted` of `ours`; None where they touch the same lines."""
    import difflib

    mine, other, final = ours.split("\n"), theirs.split("\n"), accepted.split("\n")
    if len(mine) != len(other):
        return None
    result = other[:]
    for tag, i1, i2, j1, j2 in reversed(difflib.SequenceMatcher(None, mine, final, autojunk=False).get_opcodes()):
        if tag == "equal":
            continue
        if mine[i1:i2] != other[i1:i2]:
            return None
        result[i1:i2] = final[j1:j2]
    return "\n".join(result)


def _is_good(document: Document) -> bool:
    """Nothing left that a candidate of the search could be wanted for."""
    if not document.parses:
        return False
    if document.rest_ignored_line is None or document.kind == "other":
        return True
    return not any(
        candidate.kind in ("leading-blank-first-key", "front-matter")
        for candidate in shape_candidates(document, lines_of(document.text))
    )


def diagnose(document: Document) -> list[Defect]:
    """All defects of a document, by line."""
    return _Search(document).run()
