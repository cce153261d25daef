"""From a text that the Agent refuses, or takes otherwise than it was meant, to defects with proven corrections.

The cheapest candidate that mends the text is taken as the defect, and the search goes on over the mended text, so that one run names them all.
A correction is offered only if the text that all corrections give is accepted by the Agent, if it swallows no line into a text, and if no other candidate as good gives
other data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from dddoctor.yamltext.characters import character_candidates, conflict_line, junk_candidates, odd_blank_candidates, without_utf16
from dddoctor.yamltext.decoder import CHECK_FIELDS
from dddoctor.yamltext.hints import nodes_of
from dddoctor.yamltext.indents import depth_candidates, header_candidates, irregularity, tab_candidates
from dddoctor.yamltext.lines import Candidate, Line, Replacement, applied, changed, lines_of
from dddoctor.yamltext.marks import directive, is_among_texts, mark_candidates, question_mark
from dddoctor.yamltext.nodes import Document, Key
from dddoctor.yamltext.reader import read
from dddoctor.yamltext.shapes import MAIN_KEYS, first_problem, shape_candidates, top_level_names, wrong_types
from dddoctor.yamltext.suspicions import suspicions

MAX_DEFECTS = 20
_MAX_CHARACTERS = 30_000_000  # read again in all while candidates are tried
_WINDOW = 10  # lines of code above the place where the reader gave up
_MAX_TEXT = 2_000_000
_MAY_TOUCH_TEXTS = frozenset({"leading-junk", "trailing-junk", "control-character", "second-bom", "front-matter", "bad-escape", "utf-16-without-bom", "bad-encoding"})

_KINDS = (
    ("unknown anchor", "undefined-alias", "an alias (`*name`) has no anchor"),
    ("anchor ", "alias-loop", "an anchor's value contains an alias to itself"),
    ("document contains excessive aliasing", "alias-bomb", "aliases within aliases make the data too large for the Agent"),
    ("exceeded max depth", "too-deep", "brackets or lists are nested more than 10,000 deep"),
    ("invalid map key", "invalid-key", "a list or mapping stands where a key belongs"),
    ("map merge requires", "wrong-merge", "`<<` takes a mapping or a list of mappings"),
    ("cannot decode", "wrong-tag", "the tag before the value does not fit it"),
    ("!!binary", "wrong-tag", "the value is no base64, as its tag says"),
    ("found unexpected end of stream", "unclosed-quote", "a quote is opened here and not closed"),
    ("did not find expected ',' or", "unclosed-bracket", "a bracket is opened here and not closed, or a comma is missing"),
    ("mapping values are not allowed", "sibling-depth", "a key stands where none can be: the line above is not finished, or the depth is wrong"),
    ("did not find expected key", "sibling-depth", "a key was expected here: the depth is wrong, or a line above is not finished"),
    ("did not find expected '-' indicator", "sibling-depth", "a list item was expected here: the depth is wrong, or a dash is missing"),
    ("could not find expected ':'", "colon-lost", "a colon is missing"),
    ("found a tab", "tab-indentation", "a tab indents this line; YAML takes blanks only"),
    ("found character that cannot start any token", "value-needs-quotes", "a value cannot begin with this character without quotes"),
    ("found unknown escape", "bad-escape", "a backslash in double quotes begins an escape that there is not"),
    ("block sequence entries are not allowed", "sibling-depth", "a list item cannot begin here"),
    ("found incompatible YAML document", "yaml-directive", "the Agent reads YAML 1.1 only"),
    ("invalid ", "bad-encoding", "a byte that is no UTF-8; the Agent refuses the whole file for it"),
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


class _Edit:
    """One replacement in the original text."""

    def __init__(self, start: int, end: int, new: str) -> None:
        self.start, self.end, self.new = start, end, new


class _Edits:
    """Replacements in the original text, found one after the other in texts that already hold the earlier ones."""

    def __init__(self, text: str) -> None:
        self.original = text
        self.text = text
        self.edits: list[_Edit] = []

    def _placed(self) -> Iterator[tuple[int, int, _Edit]]:
        shift = 0
        for edit in self.edits:
            yield edit.start + shift, edit.start + shift + len(edit.new), edit
            shift += len(edit.new) - (edit.end - edit.start)

    def original_offset(self, offset: int) -> int:
        """Where the character at `offset` of the present text stood; inside something new, where that begins."""
        shift = 0
        for edit in self.edits:
            start = edit.start + shift
            if offset < start or (offset == start and not edit.new):
                break
            if offset < start + len(edit.new):
                return edit.start
            shift += len(edit.new) - (edit.end - edit.start)
        return min(offset - shift, len(self.original))

    def add(self, replacements: Iterable[Replacement]) -> list[_Edit]:
        """Do them; returns the edits of the original text that they became, merged with earlier ones that they touch."""
        found: list[_Edit] = []
        for start, end, new in sorted(replacements, reverse=True):
            edit = self._add(start, end, new)
            found = [one for one in found if one in self.edits]
            if edit not in found:
                found.append(edit)
        return found

    def _add(self, start: int, end: int, new: str) -> _Edit:
        touched = []
        before = 0
        for placed_start, placed_end, edit in self._placed():
            overlaps = placed_start < end and placed_end > start
            meets = placed_start <= end and placed_end >= start and (start == end or placed_start == placed_end or edit.start == edit.end)
            if overlaps or meets:
                touched.append((placed_start, placed_end, edit))
            elif placed_end <= start:
                before += len(edit.new) - (edit.end - edit.start)
        if touched:
            first, last = min(touched[0][0], start), max(touched[-1][1], end)
            kept = touched[0][2]
            new = self.text[first:start] + new + self.text[end:last]
            inner = sum(len(edit.new) - (edit.end - edit.start) for _, _, edit in touched)
            self.text = self.text[:first] + new + self.text[last:]
            kept.start, kept.end, kept.new = first - before, last - before - inner, new
            for _, _, edit in touched[1:]:
                edit.start, edit.end, edit.new = kept.start, kept.end, kept.new
                self.edits.remove(edit)
            return kept
        made = _Edit(start - before, end - before, new)
        self.text = self.text[:start] + new + self.text[end:]
        self.edits.append(made)
        self.edits.sort(key=lambda edit: (edit.start, edit.end))
        return made


class _Step(NamedTuple):
    """A defect on the way: `line` and others in the original text."""

    candidate: Candidate
    line: int
    column: int
    end_line: int
    also: tuple[int, ...]
    edits: list[_Edit]
    rivals: tuple[Candidate, ...]
    base: str
    is_ambiguous: bool


class _Search:
    """The search over one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.kind = document.kind
        self.edits = _Edits(document.text)
        self.left = _MAX_CHARACTERS
        self.steps: list[_Step] = []

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
        is_proven = current.parses and (len(self.steps) < 2 or _penalty(current) - _duplicate_penalty(current) < 2)
        if current.parses:
            for found in suspicions(current):
                self._note(current, found)
        return sorted([*self._finished(is_proven), *rest], key=lambda defect: (defect.line, defect.column, defect.kind))

    # --- one step ------------------------------------------------------------------------------------------------

    def _next(self, current: Document) -> _Step | None:
        """The best candidate for the first thing that is wrong, done; None where nothing helps."""
        text = current.text
        if len(text) > _MAX_TEXT:
            return None
        lines = lines_of(text)
        if not current.is_yaml and any(conflict_line(line) for line in lines):
            return None
        candidates = sorted(_unique(_candidates(current, lines)), key=lambda candidate: candidate.cost)
        good: list[tuple[int, Candidate, Document]] = []
        further: list[tuple[int, int, Candidate]] = []
        remaining = _remaining(current)
        has_instances = any(line.content.startswith("instances:") for line in lines)
        best = beside = 1_000  # the least total of what is good, and of what would be but for a block of text
        for candidate in candidates:
            if candidate.cost > best or self.left <= 0:
                break
            try:
                after = self.read(applied(text, candidate.replacements))
            except ValueError:
                continue
            if after.parses:
                total = candidate.cost + _penalty(after)
                swallowed = _swallows(after, candidate)
                if swallowed:
                    # A text that goes on in a plain text is rarely meant: it only speaks against what is dearer.
                    beside = min(beside, total if swallowed == "block" else total + 1)
                    continue
                best = min(best, total)
                good.append((total, candidate, after))
            elif not good:
                ahead = _remaining(after)
                if has_instances and _lost_instances(after):
                    continue
                if ahead < remaining and (after.is_yaml or after.noticed[0] is None or after.line_of(after.noticed[0]) > _last_line(after, candidate)):
                    further.append((candidate.cost, ahead, candidate))
        if good:
            total = min(cost for cost, _, _ in good)
            chosen = [(candidate, after) for cost, candidate, after in good if cost == total]
            numbers: dict[Any, int] = {}
            data = {_identity(after.value(), numbers) for _, after in chosen}
            is_ambiguous = len(data) > 1 or beside <= total
            winner, after = min(chosen, key=lambda one: (_distance(one[0], current, lines) if len(data) > 1 else (0, 0), _preference(one[0], current, lines)))
            return self._done(current, winner, (), is_ambiguous or _makes_unknown_key(current, after, winner))
        if not further:
            return None
        cost, ahead, _ = min(further, key=lambda item: item[:2])
        rivals = [candidate for other, left, candidate in further if (other, left) == (cost, ahead)]
        winner = min(rivals, key=lambda c: _preference(c, current, lines))
        return self._done(current, winner, tuple(rival for rival in rivals if rival is not winner), beside < 1_000)

    def _done(self, current: Document, candidate: Candidate, rivals: tuple[Candidate, ...], is_ambiguous: bool) -> _Step:
        line, column, end_line, also = self._original(current, candidate)
        if is_ambiguous and candidate.kind == "sibling-depth":
            candidate = candidate._replace(text="this line stands at a depth of its own: it is not clear which key it belongs to")
        base = self.edits.text
        return _Step(candidate, line, column, end_line, also, self.edits.add(candidate.replacements), rivals, base, is_ambiguous)

    def _original(self, current: Document, candidate: Candidate) -> tuple[int, int, int, tuple[int, ...]]:
        """The candidate's places in the original text."""
        start = current.line_starts()[candidate.line - 1]
        column = candidate.column or len(current.line_text(candidate.line)) - len(current.line_text(candidate.line).lstrip()) + 1
        line = self._original_line(current, candidate.line)
        original = self.document
        if original.line_text(line) != current.line_text(candidate.line):
            column = original.column_of(self.edits.original_offset(start + column - 1)) if candidate.column else column
        end_line = self._original_line(current, candidate.end_line or candidate.line)
        return line, max(column, 1), max(end_line, line), tuple(dict.fromkeys(self._original_line(current, number) for number in candidate.also))

    def _original_line(self, current: Document, number: int) -> int:
        starts = current.line_starts()
        offset = starts[min(number, len(starts)) - 1]
        text = current.line_text(min(number, len(starts)))
        inside = offset + len(text) - len(text.lstrip()) if text.strip() else offset
        return self.document.line_of(self.edits.original_offset(inside))

    def _note(self, current: Document, found: Candidate) -> None:
        """A suspicion in the accepted text. Its replacements are proven alone; those that do not hold are dropped."""
        replacements = found.replacements
        if replacements:
            try:
                after = self.read(applied(current.text, replacements))
            except ValueError:
                after = None
            if after is None or not _is_no_worse(current, after) or _swallows(after, found):
                replacements = ()
        line, column, end_line, also = self._original(current, found)
        self.steps.append(_Step(found._replace(replacements=replacements), line, column, end_line, also, [], (), current.text, False))

    # --- the end -------------------------------------------------------------------------------------------------

    def _finished(self, is_proven: bool) -> list[Defect]:
        accepted = self.edits.text
        notes = [step for step in self.steps if step.base == accepted and not step.edits]
        found = []
        pending = []
        for step in notes:  # their places are those of the accepted text: put them in from the end, leaving out what collides
            pending.append((step, step.candidate.replacements))
        done: dict[int, list[_Edit]] = {}
        taken: list[tuple[int, int]] = []
        flat = sorted(((start, end, new, index) for index, (_, replacements) in enumerate(pending) for start, end, new in replacements), reverse=True)
        for start, end, new, index in flat:
            if (start, end) in taken:
                done.setdefault(index, [])
                continue
            if any(start < other_end and end > other_start for other_start, other_end in taken):
                continue
            taken.append((start, end))
            done.setdefault(index, []).append(self.edits._add(start, end, new))
        final = self.read(self.edits.text) if flat else None
        notes_hold = final is None or (final.parses and self.left > 0)
        numbers: dict[Any, int] = {}
        value: Any = None
        for step in self.steps:
            candidate = step.candidate
            is_note = step in notes
            edits = done.get(next((i for i, (one, _) in enumerate(pending) if one is step), -1), []) if is_note else step.edits
            holds = is_proven and not step.is_ambiguous and not candidate.is_guess and (notes_hold or not is_note)
            if holds and step.rivals:
                if value is None:
                    value = _identity(self.read(accepted).value(), numbers)
                holds = not self._has_rival(step, accepted, value, numbers)
            replacements = tuple(sorted((edit.start, edit.end, edit.new) for edit in edits)) if holds else ()
            correction = self._corrected(step, replacements) if replacements else None
            found.append(
                Defect(step.line, step.column, step.end_line, candidate.kind, candidate.text, correction, step.also, candidate.is_blocking, replacements)
            )
        return found

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
            if after.parses and _identity(after.value(), numbers) != value:
                return True
        return False

    def _corrected(self, step: _Step, replacements: tuple[Replacement, ...]) -> str:
        """The lines that the replacements touch, as they stand in the text with everything corrected."""
        document = self.document
        first = min(document.line_of(start) for start, _, _ in replacements)
        last = max(document.line_of(max(start, end - 1)) for start, end, _ in replacements)
        if not first <= step.line <= last and not any(document.line_of(start) == step.line for start, _, _ in replacements):
            lines = range(first, last + 1)
        else:
            lines = range(step.line, max(step.line, min(step.end_line, last)) + 1)
        corrected = []
        starts = document.line_starts()
        for number in lines[:20]:
            start = starts[number - 1]
            end = starts[number] if number < len(starts) else len(document.text)
            corrected.append(self._final_piece(start, end))
        return "".join(corrected).replace("\r\n", "\n").rstrip("\n")

    def _final_piece(self, start: int, end: int) -> str:
        """What became of the original text from start to end."""
        parts = []
        done = start
        for edit in self.edits.edits:
            if edit.start < start or edit.start >= end:
                if edit.start < start < edit.end:
                    done = max(done, min(edit.end, end))
                continue
            parts += [self.document.text[done : edit.start], edit.new]
            done = max(done, edit.end)
        if done < end:
            parts.append(self.document.text[done:end])
        return "".join(parts)

    def _unmended(self, current: Document) -> Defect:
        """What the reader says, where nothing mends it."""
        problem = current.problem
        assert problem is not None
        lines = lines_of(current.text)
        if not current.is_yaml:
            conflict = next((line for line in lines if conflict_line(line)), None)
            if conflict is not None:
                line = self._original_line(current, conflict.number)
                return Defect(line, 1, line, "merge-conflict", "a mark of git's: two versions of the file were not merged", None, (), True)
            words = re.sub(r"^yaml: (?:line \d+: )?", "", problem.message)
            kind, say = next(((kind, say) for start, kind, say in _KINDS if words.startswith(start)), ("does-not-parse", words))
            place, column = problem.line or 1, problem.column or 1
        else:
            kind, place, column, say = first_problem(current)
        line = self._original_line(current, place)
        return Defect(line, column, line, kind, say, None, (), True)


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
    return not any(candidate.kind in ("leading-blank-first-key", "front-matter") for candidate in shape_candidates(document, lines_of(document.text)))


def _unique(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Candidates that change something, each change once (the cheapest)."""
    found: dict[tuple[Replacement, ...], Candidate] = {}
    for candidate in candidates:
        if candidate.replacements:
            known = found.get(candidate.replacements)
            if known is None or candidate.cost < known.cost:
                found[candidate.replacements] = candidate
    return list(found.values())


def _candidates(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    text = document.text
    if document.is_yaml:
        yield from shape_candidates(document, lines)
        yield from junk_candidates(text, lines)
        yield from odd_blank_candidates(lines, [line for line in lines if line.is_code][:200])
        return
    plain = without_utf16(document)
    if plain is not None:
        say = "the file is UTF-16 without a byte order mark, which the Agent cannot read; save it as UTF-8"
        yield Candidate("utf-16-without-bom", 1, 1, say, ((0, len(text), plain),))
        return
    message = document.problem.message if document.problem else ""
    if message.startswith(("yaml: invalid ", "yaml: incomplete ")):
        bad = [match.start() for match in re.finditer("[\ud800-\udfff]", text)]
        if bad:
            places = sorted({document.line_of(at) for at in bad})
            say = "a byte that is no UTF-8 (the file was saved in another encoding); the Agent refuses the whole file for it, also in a comment"
            replacements = tuple((at, at + 1, "?") for at in bad)
            column = document.column_of(bad[0])
            yield Candidate("bad-encoding", places[0], 1, say, replacements, tuple(places[1:]), column=column, is_guess=True)
        return
    found = list(character_candidates(document))
    if found:
        yield from found
        return
    if document.noticed[0] is None or message.startswith("yaml: unknown anchor"):
        # The text is YAML; its values are not what the Agent can decode. Moving lines is no way out.
        place = document.problem.line if document.problem else None
        if place is not None and "aliasing" not in message and "contains itself" not in message:
            yield from mark_candidates(lines[place - 1], text, True)
        return
    yield from junk_candidates(text, lines)
    mark = min(document.noticed[0] if document.noticed[0] is not None else 0, len(text))
    context = document.noticed[1]
    here = document.line_of(mark)
    chosen = _window(lines, here, _WINDOW)
    if context is not None and ("quoted scalar" in document.context or "flow" in document.context or "simple key" in document.context):
        chosen += _window(lines, document.line_of(context), 3)
    chosen = sorted(set(chosen))
    yield from odd_blank_candidates(lines, chosen)
    yield from tab_candidates(lines, top_level_names(document.kind))
    for line in lines[:here]:
        if line.text.startswith("%"):
            candidate = directive(line, text)
            if candidate:
                yield candidate
    if "',' or" in message and text[mark : mark + 1] == "?":
        candidate = question_mark(lines[here - 1], mark)
        if candidate:
            yield candidate
    for line in chosen:
        yield from mark_candidates(line, text, is_among_texts(lines, line.number - 1))
        yield from header_candidates(lines, line.number - 1)
        yield from depth_candidates(lines, line.number - 1)
    top = next((line for line in lines if line.is_code), None)
    if top is not None and top not in chosen:
        yield from mark_candidates(top, text, False)


def _window(lines: list[Line], number: int, count: int) -> list[Line]:
    """The last lines of code up to a line, and the next one."""
    found: list[Line] = []
    for line in reversed(lines[:number]):
        if line.is_code:
            found.append(line)
            if len(found) > count:
                break
    return found + [line for line in lines[number : number + 1] if line.is_code]


def _remaining(document: Document) -> int:
    """How many lines are still to be read where the reader gave up: what shrinks is progress. -1 where only the shape is wrong."""
    if document.is_yaml:
        return 0 if document.parses else 1
    mark = document.noticed[0]
    if mark is None:
        return 1_000_000
    return 2 + len(document.line_starts()) - document.line_of(min(mark, len(document.text)))


def _lost_instances(document: Document) -> bool:
    """Whether a check's text is YAML now, but without any instance: rarely what a repair should end in."""
    if not document.is_yaml or document.kind != "check":
        return False
    return not any(key.raw == "instances" and value.children for key, value in document.top_level())


def _last_line(document: Document, candidate: Candidate) -> int:
    """The last line that the candidate changed, in the text after it."""
    shift = 0
    last = 1
    for start, end, new in sorted(candidate.replacements):
        last = max(last, document.line_of(start + shift + max(len(new) - 1, 0)))
        shift += len(new) - (end - start)
    return last


def _changed_lines(document: Document, candidate: Candidate) -> set[int]:
    shift = 0
    found = set()
    for start, end, new in sorted(candidate.replacements):
        found.update(range(document.line_of(start + shift), document.line_of(start + shift + max(len(new) - 1, 0)) + 1))
        shift += len(new) - (end - start)
    return found


def _swallows(document: Document, candidate: Candidate) -> str:
    """Whether a changed line is part of a text of several lines: "block" (literal or folded), "flow" (plain or quoted), "" if not."""
    if not document.has_long_scalars or candidate.kind in _MAY_TOUCH_TEXTS:
        return ""
    touched = _changed_lines(document, candidate)
    is_move = candidate.kind in ("sibling-depth", "tab-indentation")
    for node, _, _ in nodes_of(document):
        if node.kind != "scalar" or node.is_alias:
            continue
        first, last = node.line, node.end_line
        if last <= first:
            continue
        if node.style in ("literal", "folded"):
            low = first if is_move else first + 1
            if any(low <= line <= last for line in touched):
                return "block"
        elif any(first <= line <= last for line in touched):
            return "flow"
    return ""


def _penalty(document: Document) -> int:
    """How unlike an Agent file an accepted text is."""
    total = 0
    for warning in document.warnings:
        total += 2 if "not found in type" in warning.message else 3
    if document.rest_ignored_line is not None:
        total += 4
    is_check = document.kind == "check"
    nested = {"instances", "init_config", "logs", "ad_identifiers"} if is_check else {"api_key", "apm_config", "logs_config", "process_config", "dd_url", "logs_enabled"}
    root = document.root
    instances = next((value for key, value in document.top_level() if key.raw == "instances"), None)
    for node, parent, key in nodes_of(document):
        if key is None or key.kind != "scalar" or key.target is not None:
            continue
        name = key.event.value
        if name in nested and parent is not root:
            total += 2
        if name.startswith("-") or ":" in name or "`" in name:
            total += 3
        elif " " in name or not name.isascii():
            total += 2
        if is_check and name == "min_collection_interval" and parent is not None:
            is_instance = instances is not None and any(parent is item for item in instances.children)
            total += 0 if is_instance or parent is root else 2
    if is_check and instances is not None:
        total += sum(2 for item in instances.children if item.kind == "scalar" or not item.children)
    if is_check and not any(key.raw in CHECK_FIELDS for key, _ in document.top_level()):
        total += 3
    if document.kind == "main" and root is not None and not any(key.raw in MAIN_KEYS for key, _ in document.top_level()):
        total += 1
    return total


def _is_no_worse(before: Document, after: Document) -> bool:
    """Whether a change to an accepted text leaves it accepted, without new warnings, and with no option of a wrong type that was right."""
    if not after.parses or len(after.warnings) > len(before.warnings) or after.rest_ignored_line != before.rest_ignored_line:
        return False
    return before.kind != "check" or len(list(wrong_types(after))) <= len(list(wrong_types(before)))


def _duplicate_penalty(document: Document) -> int:
    """The part of the penalty that a key given twice makes: a defect of its own."""
    return 3 * sum("already set" in warning.message for warning in document.warnings)


def _makes_unknown_key(before: Document, after: Document, candidate: Candidate) -> bool:
    """Whether a line was moved to the top level, where the Agent does not know its key."""
    if len(after.warnings) <= len(before.warnings):
        return False
    touched = _changed_lines(after, candidate)
    return any(warning.line in touched and "not found in type" in warning.message for warning in after.warnings)


def _distance(candidate: Candidate, document: Document, lines: list[Line]) -> tuple[int, int]:
    """Where it is not clear which line is to blame: first those that stand at an odd depth, then those near the line that the reader blames."""
    blamed = document.problem.line if document.problem else None
    return (irregularity(lines, candidate.line - 1), abs(candidate.line - blamed) if blamed else 0)


def _preference(candidate: Candidate, document: Document, lines: list[Line]) -> tuple[int, int, int, int, int]:
    """Among equals: few lines changed, a line that stands at an odd depth, a new depth of even steps, the earlier line."""
    count = len(candidate.replacements)
    odd = 0
    if candidate.kind == "sibling-depth" and count == 1:
        start, end, new = candidate.replacements[0]
        column = candidate.column or 1
        odd = (column - 1 + len(new) - (end - start)) % 2
    near = abs(candidate.line - (document.problem.line or candidate.line)) if document.problem and candidate.kind != "sibling-depth" else 0
    strange = irregularity(lines, candidate.line - 1) if candidate.kind == "sibling-depth" else 0
    return (count, strange, odd, near, candidate.line)


def _identity(value: Any, numbers: dict[Any, int]) -> int:
    """A number for the data: equal data, equal number (types count, the order of keys does not). Shared parts are looked at once."""
    known: dict[int, int] = {}

    def number(of: Any) -> int:
        if isinstance(of, dict | list):
            seen = known.get(id(of))
            if seen is not None:
                return seen
            if isinstance(of, list):
                parts: Any = ("list", tuple(number(item) for item in of))
            else:
                parts = ("dict", frozenset((_name(key), number(item)) for key, item in of.items()))
            known[id(of)] = found = numbers.setdefault(parts, len(numbers))
            return found
        return numbers.setdefault((type(of).__name__, repr(of)), len(numbers))

    try:
        return number(value)
    except RecursionError:
        return -id(value)


def _name(key: Any) -> tuple[str, str]:
    return (key.type, repr(key.value)) if isinstance(key, Key) else ("str", key)


def diagnose(document: Document) -> list[Defect]:
    """All defects of a document, by line."""
    return _Search(document).run()


__all__ = ["Defect", "changed", "diagnose"]
