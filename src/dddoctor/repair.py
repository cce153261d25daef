"""Plan repairs on an overlay, in rounds, until nothing that may be repaired is left; then one merged list of changes (repairs.md, "The loop").

Nothing here writes to a host: session.py gives the plan to the journal once the person has agreed.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dddoctor import actions
from dddoctor.actions import Refused
from dddoctor.collecting import Tables
from dddoctor.engine import fill_parameter
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.hosts.overlay import DoesNotFit, OverlayHost
from dddoctor.hosts.spans import apply_spans
from dddoctor.light import NamedTuple
from dddoctor.model import (
    DEFERRED,
    Change,
    Create,
    Edit,
    Finding,
    Mode,
    Owner,
    Remove,
    Rename,
    Rule,
    Safety,
    Severity,
    Span,
)

ROUNDS_LIMIT = 10
_TOKEN_MARK = "\ue0d0"


class Look(NamedTuple):
    """One evaluation of a host: its findings, linked. `unsound` are the files that do not parse or could not be read."""

    findings: list[Finding]
    unsound: frozenset[str]


Looker = Callable[[Host], Look]


class PlannedFix(NamedTuple):
    """A fix that the plan makes. `changes` are those of its round; `stage` orders them (actions.STAGE)."""

    finding: Finding
    stage: int
    changes: tuple[Change, ...]
    round: int


@dataclass
class Plan:
    """What would be done. `changes`: merged, for the journal, in order. `deferred`: commands, pip, SQL, services, run after them.

    `refused`: finding id → why it is not repaired. `left`: the findings of the last round. `overlay` shows the repaired host.
    """

    overlay: OverlayHost
    fixes: list[PlannedFix] = field(default_factory=list)
    deferred: list[PlannedFix] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    rounds: int = 0

    def is_empty(self) -> bool:
        return not self.fixes and not self.deferred


class Repairer:
    """Runs the rounds. `look` evaluates a host; `allowed` are the safeties that may be repaired; `can_defer` is False for a folder (no commands)."""

    def __init__(
        self,
        base: Host,
        look: Looker,
        rules: Mapping[str, Rule],
        allowed: Iterable[Safety],
        *,
        can_defer: bool,
        only: frozenset[str] | None = None,
    ) -> None:
        self.base, self.look, self.rules = base, look, rules
        self.allowed, self.can_defer, self.only = frozenset(allowed), can_defer, only
        self.steps: list[list[Change]] = []  # what each round did to the overlay
        self.not_yet: dict[
            str, frozenset[str]
        ] = {}  # finding refused by its action → its files: final only while these do not change
        self.plan = Plan(OverlayHost(base))

    def run(self, first: Look | None = None) -> Plan:
        """Rounds until nothing is left to repair, no progress is made, or ten have run."""
        look = first or self.look(self.plan.overlay)
        for number in range(1, ROUNDS_LIMIT + 1):
            after = self._round(number, look)
            if after is None:
                break
            look = after
            self.plan.rounds = number
        self.plan.left = look.findings
        self.plan.changes = self.plan.overlay.merged()
        return self.plan

    def _round(self, number: int, look: Look) -> Look | None:
        """One round; None when nothing could be done."""
        while True:
            proposals = self._proposals(look)
            chosen, changes = self._merge(proposals)
            if not changes:
                return None
            try:
                overlay = self._overlay_with(changes)
            except DoesNotFit as error:
                self.plan.refused.update({f.id: str(error) for f, _, _ in chosen})
                continue
            after = self.look(overlay)
            bad = self._taken_back(chosen, look, after)
            if not bad:
                self._ask_again({p for c in changes for p in _paths(c)})
                self.steps.append(changes)
                self.plan.overlay = overlay
                self.plan.fixes += [PlannedFix(f, s, c, number) for f, s, c in chosen]
                return after
            self.plan.refused.update(bad)

    # --- proposals ----------------------------------------------------------------------------------------------------

    def _proposals(self, look: Look) -> list[tuple[Finding, int, tuple[Change, ...]]]:
        """(finding, stage, changes) of each fix that may run now, ordered as the findings are. Deferred ones go to the plan."""
        found = []
        open_ids = {f.id for f in look.findings}
        set_aside = self._set_aside(look.findings)
        for finding in look.findings:
            rule = self.rules[finding.rule]
            if not self._is_offered(finding) or finding.id in set_aside:
                continue
            if any(cause in open_ids and cause not in set_aside for cause in finding.explained_by):
                continue
            try:
                stage, changes = self._plan_fix(rule, finding)
            except Refused as error:
                self.plan.refused[finding.id] = str(error)
                self.not_yet[finding.id] = frozenset(p for p in (finding.file, *(a for a, _ in finding.also)) if p)
                continue
            except (Unavailable, InputError, OSError) as error:
                self.plan.refused[finding.id] = str(error)
                continue
            if any(isinstance(c, DEFERRED) for c in changes):
                self._defer(finding, stage, changes)
            elif changes:
                found.append((finding, stage, changes))
            else:
                self.plan.refused.setdefault(finding.id, "the file already is as the repair would make it")
        return found

    def _ask_again(self, changed: set[str]) -> None:
        """What an action refused is asked again once one of its files has changed."""
        for name, files in list(self.not_yet.items()):
            if files & changed:
                del self.not_yet[name]
                self.plan.refused.pop(name, None)

    def _is_offered(self, finding: Finding) -> bool:
        fix = finding.fix
        if (
            fix is None
            or fix.unavailable_because
            or fix.safety not in self.allowed
            or fix.safety is Safety.MANUAL
            or finding.id in self.plan.refused
        ):
            return False
        return self.only is None or finding.id in self.only

    def _set_aside(self, findings: Sequence[Finding]) -> set[str]:
        """Deferred findings, and those they explain, are judged in the proof only."""
        aside = {p.finding.id for p in self.plan.deferred}
        while True:
            more = {f.id for f in findings if f.id not in aside and aside & set(f.explained_by)}
            if not more:
                return aside
            aside |= more

    def _defer(self, finding: Finding, stage: int, changes: tuple[Change, ...]) -> None:
        if not self.can_defer:
            self.plan.refused[finding.id] = "this needs a command on the running host; a folder has none"
        elif all(p.finding.id != finding.id for p in self.plan.deferred):
            self.plan.deferred.append(PlannedFix(finding, stage, changes, 0))

    def _plan_fix(self, rule: Rule, finding: Finding) -> tuple[int, tuple[Change, ...]]:
        """(the highest stage of its steps, the changes of all of them). Raises Refused."""
        assert rule.fix is not None
        actions.load_all()
        changes: list[Change] = []
        stage = 0
        for step in rule.fix.steps:
            params, missing = fill_parameter(dict(step.params), finding.row)
            if missing:
                raise Refused(f"{missing} is not known")
            if _holds_token(params):
                raise Refused("a secret stands where a name should, and secrets do not travel through repairs")
            names = {("from_" if k == "from" else k): v for k, v in params.items()}
            changes += actions.ACTIONS[step.action](**names).plan(self.plan.overlay)
            stage = max(stage, actions.STAGES[step.action])
        return stage, tuple(changes)

    # --- merging ------------------------------------------------------------------------------------------------------

    def _merge(
        self, proposals: Sequence[tuple[Finding, int, tuple[Change, ...]]]
    ) -> tuple[list[tuple[Finding, int, tuple[Change, ...]]], list[Change]]:
        """Fixes that go together in this round, and their changes: one Edit a file. Only the lowest pending stage of a file runs."""
        lowest: dict[str, int] = {}
        for _, stage, changes in proposals:
            for change in changes:
                for path in _paths(change):
                    lowest[path] = min(stage, lowest.get(path, stage))
        chosen: list[tuple[Finding, int, tuple[Change, ...]]] = []
        spans: dict[str, list[Span]] = {}
        edits: dict[str, list[Edit]] = {}
        others: dict[str, list[Change]] = {}
        for finding, stage, changes in proposals:
            paths = {p for c in changes for p in _paths(c)}
            if any(
                lowest[p] < stage or any(_is_below(other, p) and lowest[other] < stage for other in lowest)
                for p in paths
            ):
                continue
            if not self._fits(changes, spans, others):
                continue
            trial = {e.file: [*edits.get(e.file, []), e] for e in changes if isinstance(e, Edit)}
            if any(self._proof_fails(file, found) for file, found in trial.items()):
                if not any(len(found) > 1 for found in trial.values()):
                    self.plan.refused[finding.id] = "the repaired file would hold other data than meant"
                continue
            for change in changes:
                if isinstance(change, Edit):
                    edits.setdefault(change.file, []).append(change)
                    spans[change.file] = sorted({*spans.get(change.file, []), *change.spans})
                else:
                    for path in _paths(change):
                        others.setdefault(path, []).append(change)
            chosen.append((finding, stage, changes))
        merged: list[Change] = [merge_edits(found) for _, found in sorted(edits.items())]
        for found in others.values():
            merged += [c for c in found if c not in merged]
        return chosen, merged

    def _fits(
        self, changes: Sequence[Change], spans: Mapping[str, Sequence[Span]], others: Mapping[str, Sequence[Change]]
    ) -> bool:
        for change in changes:
            if isinstance(change, Edit):
                if any(not isinstance(o, (Mode, Owner)) for o in others.get(change.file, ())):
                    return False
                if any(_overlap(a, b) for a in change.spans for b in spans.get(change.file, ()) if a != b):
                    return False
            else:
                for path in _paths(change):
                    if path in spans or any(o != change and type(o) is type(change) for o in others.get(path, ())):
                        return False
        return True

    def _proof_fails(self, file: str, edits: Sequence[Edit]) -> bool:
        before = self.plan.overlay.read(file)
        edit = merge_edits(edits)
        if hashlib.sha256(before).hexdigest() != edit.base_sha:
            return True
        return not proves(before, apply_spans(before, edit.spans), edit)

    def _overlay_with(self, changes: Sequence[Change]) -> OverlayHost:
        overlay = OverlayHost(self.base)
        for step in [*self.steps, changes]:
            for change in step:
                overlay.apply(change)
        return overlay

    # --- judging a round ----------------------------------------------------------------------------------------------

    def _taken_back(
        self, chosen: Sequence[tuple[Finding, int, tuple[Change, ...]]], before: Look, after: Look
    ) -> dict[str, str]:
        """Fixes whose own finding stays, or that broke a sound file; finding id → why."""
        left: dict[str, int] = {}
        for f in after.findings:
            left[f.identity] = left.get(f.identity, 0) + 1
        had: dict[str, int] = {}
        for f in before.findings:
            had[f.identity] = had.get(f.identity, 0) + 1
        bad = {}
        known = {f.identity for f in before.findings}
        newly_broken = after.unsound - before.unsound
        new_errors = {
            f.file: f
            for f in after.findings
            if f.severity is Severity.ERROR and f.identity not in known and f.file and f.file not in before.unsound
        }
        for finding, _, changes in chosen:
            paths = {p for c in changes for p in _paths(c)}
            if left.get(finding.identity, 0) >= had.get(finding.identity, 1):
                bad[finding.id] = "the repair did not make the problem go away"
            elif newly_broken & paths:
                bad[finding.id] = "the repaired file would no longer parse"
            elif any(p in new_errors for p in paths):
                first = next(new_errors[p] for p in paths if p in new_errors)
                bad[finding.id] = f"the repair would bring a new error: {first.message}"
        return bad


def _holds_token(value: Any) -> bool:
    if isinstance(value, str):
        return _TOKEN_MARK in value
    if isinstance(value, dict):
        return any(_holds_token(v) for v in [*value, *value.values()])
    return isinstance(value, list) and any(_holds_token(v) for v in value)


def _paths(change: Change) -> tuple[str, ...]:
    if isinstance(change, Edit):
        return (change.file,)
    if isinstance(change, Rename):
        return (change.path, change.to)
    if isinstance(change, (Create, Remove, Mode, Owner)):
        return (change.path,)
    return ()


def _is_below(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder.rstrip("/") + "/")


def _overlap(a: Span, b: Span) -> bool:
    """Two insertions at one place overlap as well: their order would be a guess."""
    return (
        (a.start < b.end and b.start < a.end) or a.start == b.start or (a.start == a.end and b.start < a.start < b.end)
    )


def merge_edits(edits: Sequence[Edit]) -> Edit:
    """Edits of one file against one text as a single Edit; equal spans count once."""
    first = edits[0]
    spans = tuple(sorted({s for e in edits for s in e.spans}))
    intent = tuple(dict.fromkeys(i for e in edits for i in e.intent))
    return Edit(first.file, first.base_sha, spans, intent, first.kind)


def proves(before: bytes, after: bytes, edit: Edit) -> bool:
    """Whether the edited file parses and its data differs at the intent only."""
    if edit.kind == "yaml":
        from dddoctor.yamltext import edits, read

        kind = edits.kind_of(edit.file)
        was, repaired = read(before, kind), read(after, kind)
        if was.parses and not repaired.parses:
            return False
        return "*" in edit.intent or edits.differs_only_at(was, repaired, edit.intent)
    if edit.kind == "python":
        return _python_parses(after) or not _python_parses(before)
    return True


def _python_parses(text: bytes) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def unsound_files(store: Tables) -> frozenset[str]:
    """Files that do not parse, have not the shape of an Agent's file, or could not be read, as the tables say: a repair may bring the next mistake to light."""
    unsound = {
        f.file for f in store.rows("config_files") if f.parses == 0 or f.has_agent_shape == 0 or f.is_readable == 0
    }
    unsound |= {c.file for c in store.rows("custom_checks") if c.parses == 0}
    return frozenset(unsound | {g.where for gaps in store.gaps.values() for g in gaps})
