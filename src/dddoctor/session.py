"""Joins the parts: a host and rules in, a Report out; repairs planned, agreed to elsewhere, applied and proved. The only module that knows them all."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dddoctor import __version__, causes
from dddoctor.collecting import Tables
from dddoctor.engine import Evaluation, evaluate
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.hosts.cache import CachedHost
from dddoctor.light import NamedTuple
from dddoctor.model import (
    Applied,
    Broken,
    Excerpt,
    Finding,
    HeadLine,
    Kind,
    Report,
    Rule,
    Safety,
    Severity,
    Skipped,
    Target,
    Unread,
    ordered,
)
from dddoctor.rules import RuleSet, load
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions

if TYPE_CHECKING:
    from dddoctor.changes import Change
    from dddoctor.repair import Look, Plan, PlannedFix

EXCERPT_LINES = 2  # before and after the line of the finding
EXCERPT_LIMIT_BYTES = 2 * 1024 * 1024


class CheckOptions(NamedTuple):
    """What `check` was asked. `root`: a folder, None = this machine. `select`, `ignore`: areas or rule ids."""

    root: Path | None = None
    apps: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    rule_folders: tuple[Path, ...] = ()
    network: bool = False
    deep: bool = False
    fail_on: Severity = Severity.WARNING
    timeout_seconds: float | None = None
    command: str = "dddoctor check"


class UsageError(Exception):
    """The person asked for something that does not exist: exit 2, one line."""


class Session:
    """One run against one host. `host` is looked at anew by every `look`; secrets keep their tokens through the run."""

    def __init__(self, options: CheckOptions, vault: Vault | None = None) -> None:
        self.options = options
        self.host = open_host(options.root)
        self.vault = vault or Vault()
        everything = load(user_folders=options.rule_folders)
        self.rule_set = RuleSet(tuple(_selected(everything.rules, options)), everything.states)
        self.rules: Mapping[str, Rule] = self.rule_set.by_id()
        self.started = time.time()
        self.clock = time.monotonic()
        self.last: Evaluation | None = None

    # --- looking ------------------------------------------------------------------------------------------------------

    def evaluate(self, host: Host | None = None) -> Evaluation:
        """All rules over a host, findings linked through states."""
        options = RunOptions(self.options.apps, self.options.network, self.options.deep)
        store = Tables(CachedHost(host or self.host), self.vault, options, self.options.timeout_seconds)
        evaluation = evaluate(self.rule_set.rules, store)
        if self.host.kind != "live":
            _withdraw_commands(evaluation, self.rules, self.host.kind)
        causes.link(evaluation.findings, self.rules, self.rule_set.states)
        return evaluation

    def look(self, host: Host) -> Look:
        """What the repair loop needs of one evaluation."""
        from dddoctor.repair import Look, unsound_files

        evaluation = self.evaluate(host)
        return Look(evaluation.findings, unsound_files(evaluation.store))

    def check(self, applied: Sequence[Applied] = (), run_id: str | None = None) -> Report:
        """Look once and say everything."""
        evaluation = self.evaluate()
        self.last = evaluation
        return self.report(evaluation, applied, run_id)

    def report(self, evaluation: Evaluation, applied: Sequence[Applied] = (), run_id: str | None = None) -> Report:
        """The report of an evaluation; secrets are shown as `<key #1>`."""
        evaluation.store.ensure(("agents", "config_files", "os"))
        findings = evaluation.findings
        causes.admit_blindness(evaluation, self.rules, self.rule_set.states)
        roots = causes.roots(findings, self.rules, self.rule_set.states)
        unread = [*evaluation.unread(), *self._nothing_to_judge(evaluation)]
        is_blind = evaluation.is_blind or any(u.kind is not Kind.TARGET for u in unread)
        lines: dict[str, list[str]] = {}
        for finding in findings:
            finding.excerpt = self._excerpt(evaluation.store.host, finding, lines)
        worst = self.options.fail_on.rank
        is_found = any(f.severity.rank <= worst for f in findings)
        outcomes = evaluation.outcomes
        report = Report(
            target=self._target(evaluation),
            tool_version=__version__,
            rule_count=len(self.rule_set.rules),
            started_at=datetime.datetime.fromtimestamp(self.started, datetime.timezone.utc).isoformat(
                timespec="seconds"
            ),
            duration_seconds=round(time.monotonic() - self.clock, 3),
            healthy=False if is_found else None if is_blind else True,
            partial=is_blind,
            findings=_tree_order(findings, roots),
            causes=roots,
            cleared=causes.cleared(evaluation, self.rule_set.rules, self.rule_set.states),
            unread=unread,
            skipped=[Skipped(r, o.reason, o.remedy) for r, o in outcomes.items() if o.result == "skipped"],
            broken=[Broken(r, o.reason, o.trace) for r, o in outcomes.items() if o.result == "broken"],
            applied=list(applied),
            head=self._head(evaluation),
            run_id=run_id,
            command=self.options.command,
        )
        return shown(report, self.vault)

    def _nothing_to_judge(self, evaluation: Evaluation) -> list[Unread]:
        """A host without an Agent is not healthy: there was nothing to look at."""
        if self.options.select or evaluation.store.counts.get("agents") or evaluation.store.gaps.get("agents"):
            return []
        return [
            Unread(
                "a Datadog Agent",
                Kind.TOOL,
                "none was found here",
                "install one, or name the right host with --root",
                (),
            )
        ]

    def _target(self, evaluation: Evaluation) -> Target:
        system = next(iter(evaluation.store.rows("os")), None) or _first(evaluation, "os")
        agent = next(iter(evaluation.store.rows("agents")), None)
        name = (
            " ".join(str(system[c]) for c in ("name", "version") if system.get(c)) if isinstance(system, dict) else None
        )
        return Target(self.host.kind, self.host.name, name, agent.version if agent else None)

    def _head(self, evaluation: Evaluation) -> list[HeadLine]:
        """Which Agent, which files are in force, which Python."""
        store = evaluation.store
        agents = store.rows("agents")
        head = []
        words = [
            f"{a.agent} {a.version or str(a.major) + ' (version unknown)'}, reads {a.config_dir or '?'}" for a in agents
        ]
        head.append(HeadLine("Agent", "; ".join(words) or "none found here"))
        files = store.rows("config_files")
        loaded = [f for f in files if f.is_loaded]
        main = [f.file for f in loaded if f.file_kind == "main"]
        checks = [f for f in loaded if f.file_kind != "main"]
        unknown = sum(f.is_loaded is None for f in files)
        ignored = sum(f.is_loaded == 0 for f in files)
        parts = [", ".join(main) if main else "no datadog.yaml in force", _count(len(checks), "check file")]
        parts += [f"{ignored} not in force"] * bool(ignored) + [f"{unknown} unknown"] * bool(unknown)
        head.append(HeadLine("In force", ", ".join(parts)))
        pythons = [f"the Agent's own {a.python_version} ({a.agent})" for a in agents if a.python_version]
        if "venvs" in store.counts:
            pythons += [
                f"{v['version'] or 'version unknown'} in {v['environment']}" for v in _all(evaluation, "venvs")
            ][:3]
        head.append(HeadLine("Python", "; ".join(pythons) or "not known"))
        return head

    def _excerpt(self, host: Host, finding: Finding, known: dict[str, list[str]]) -> Excerpt | None:
        """Lines around the place, secrets redacted. A file that cannot be read again gives none. `known`: the lines of files shown before."""
        if finding.file is None or finding.line is None:
            return None
        if finding.file not in known:
            known[finding.file] = self._lines(host, finding.file)
        lines = known[finding.file]
        first, last = max(1, finding.line - EXCERPT_LINES), min(len(lines), finding.line + EXCERPT_LINES)
        if finding.line > len(lines):
            return None
        shown_lines = tuple((n, lines[n - 1].rstrip("\r")[:200]) for n in range(first, last + 1))
        return Excerpt(shown_lines, finding.line, finding.column)

    def _lines(self, host: Host, file: str) -> list[str]:
        from dddoctor.redaction import redacted_lines

        try:
            data = host.read(file)
        except (OSError, Unavailable, InputError):
            return []
        return redacted_lines(data, self.vault) if len(data) <= EXCERPT_LIMIT_BYTES else []

    # --- repairing ----------------------------------------------------------------------------------------------------

    def plan(self, allowed: Iterable[Safety], only: frozenset[str] | None = None) -> Plan:
        """Rounds on an overlay; nothing is written."""
        from dddoctor.repair import Repairer

        return Repairer(
            CachedHost(self.host), self.look, self.rules, allowed, can_defer=self.host.kind == "live", only=only
        ).run()

    def apply(self, plan: Plan) -> Report:
        """Write the plan through the journal, run what was deferred, look again, and say what was proved."""
        from dddoctor.journal import Journal

        before = self.last.findings if self.last else []
        journal = Journal()
        run = journal.begin(target_id(self.host, self.options.root), self.options.command)
        failed: dict[str, str] = {}
        try:
            run.apply(plan.changes, "repair")
            for changes, ids in _together(plan.deferred):
                try:
                    run.apply(changes, "repair")
                except Exception as error:  # what a command refuses is said; the files that were repaired stay repaired
                    failed.update(dict.fromkeys(ids, self.vault.show(str(error))))
            run.commit()
        except BaseException:
            run.rollback()
            raise
        self.host = open_host(self.options.root)
        evaluation = self.evaluate()
        self.last = evaluation
        return self.report(evaluation, self._applied(plan, before, evaluation, failed), run.id)

    def _applied(
        self, plan: Plan, before: Sequence[Finding], evaluation: Evaluation, failed: Mapping[str, str]
    ) -> list[Applied]:
        left = {f.identity for f in evaluation.findings}
        blind = {o for o, r in evaluation.outcomes.items() if r.result in {"skipped", "broken"}}
        from dddoctor.model import DEFERRED

        found: dict[str, Applied] = {}
        for fix in [*plan.fixes, *plan.deferred]:
            f = fix.finding
            files = tuple(dict.fromkeys(p for c in fix.changes for p in change_paths(c)))
            if f.id in failed:
                status, reason = "not repaired", failed[f.id]
            elif f.identity in left:
                status, reason = "not repaired", "the problem is still there"
            elif f.rule in blind:
                status, reason = "applied, not proved", "the proof could not look at it again"
            else:
                status, reason = "repaired and proved", ""
            undo = "compensating" if any(isinstance(c, DEFERRED) for c in fix.changes) else "exact"
            found[f.id] = Applied(f.id, f.rule, f.fix.title if f.fix else f.title, status, files, reason, undo)
        for f in before:
            if f.id in plan.refused and f.id not in found:
                found[f.id] = Applied(
                    f.id,
                    f.rule,
                    f.fix.title if f.fix else f.title,
                    "not repaired",
                    (f.file,) if f.file else (),
                    plan.refused[f.id],
                )
        return list(found.values())


def _together(deferred: Sequence[PlannedFix]) -> list[tuple[list[Change], list[str]]]:
    """(changes, finding ids) of the deferred fixes: what is installed into one environment goes in one call of pip, the rest stays as it is."""
    from dddoctor.model import Install

    installs: dict[str, tuple[list[str], list[str]]] = {}
    found: list[tuple[list[Change], list[str]]] = []
    for fix in deferred:
        if len(fix.changes) == 1 and isinstance(fix.changes[0], Install):
            packages, ids = installs.setdefault(fix.changes[0].environment, ([], []))
            packages += [p for p in fix.changes[0].packages if p not in packages]
            ids.append(fix.finding.id)
        else:
            found.append((list(fix.changes), [fix.finding.id]))
    together: list[tuple[list[Change], list[str]]] = [
        ([Install(environment, tuple(p))], ids) for environment, (p, ids) in installs.items()
    ]
    return [*together, *found]


# --- hosts ------------------------------------------------------------------------------------------------------------


def open_host(root: Path | None) -> Host:
    """The live host, or a folder. Raises UsageError for a folder that is none."""
    if root is None or str(root) == "/":
        from dddoctor.hosts.live import LiveHost

        return LiveHost()
    from dddoctor.hosts.root import RootHost

    if not root.is_dir():
        raise UsageError(f"--root {root}: no such folder")
    return RootHost(root)


def target_id(host: Host, root: Path | None) -> Any:
    """Which target a journalled run belongs to."""
    from dddoctor.journal import TargetId

    return TargetId.of(host.kind, root if root is not None else Path("/"))


# --- selection and order ----------------------------------------------------------------------------------------------


def _selected(rules: Sequence[Rule], options: CheckOptions) -> list[Rule]:
    known = {r.id for r in rules} | {r.area for r in rules}
    for name in (*options.select, *options.ignore):
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, 1)
            raise UsageError(
                f"no rule or area is called {name}"
                + (f"; did you mean {near[0]}?" if near else "; see `dddoctor rules list`")
            )
    chosen = [r for r in rules if not options.select or r.id in options.select or r.area in options.select]
    return [r for r in chosen if r.id not in options.ignore and r.area not in options.ignore]


def _withdraw_commands(evaluation: Evaluation, rules: Mapping[str, Rule], kind: str) -> None:
    """A repair that runs a command is not offered where nothing can run; the advice says what to type."""
    for finding in evaluation.findings:
        fix = rules[finding.rule].fix
        if finding.fix and fix and fix.needs_live and finding.fix.safety is not Safety.MANUAL:
            finding.fix.unavailable_because = (
                finding.fix.unavailable_because
                or f"it runs a command, and in a {'folder' if kind == 'root' else kind} nothing runs"
            )


def _tree_order(findings: Sequence[Finding], roots: Sequence[str]) -> list[Finding]:
    """Causes worst first, each followed by what it explains (once, under its first cause)."""
    children: dict[str, list[Finding]] = {}
    for finding in ordered(findings):
        for cause in finding.explained_by[:1]:
            children.setdefault(cause, []).append(finding)
    by_id = {f.id: f for f in findings}
    result: list[Finding] = []
    seen: set[str] = set()
    todo = list(reversed(roots))
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        result.append(by_id[name])
        todo += [c.id for c in reversed(children.get(name, []))]
    return result


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")


def _all(evaluation: Evaluation, table: str) -> list[dict[str, Any]]:
    names, rows = evaluation.store.database.select(f"SELECT * FROM {table}")
    return [dict(zip(names, r, strict=True)) for r in rows]


def _first(evaluation: Evaluation, table: str) -> dict[str, Any] | None:
    return next(iter(_all(evaluation, table)), None)


def change_paths(change: Any) -> tuple[str, ...]:
    """The target paths that a change touches, for people."""
    return tuple(getattr(change, name) for name in ("file", "path", "to", "environment") if hasattr(change, name))


# --- what leaves the doctor -------------------------------------------------------------------------------------------


def shown(report: Report, vault: Vault) -> Report:
    """The report with every text passed through the vault: tokens become `<key #1>`, and the net catches the rest."""
    show = vault.show
    for f in report.findings:
        f.message, f.advice = show(f.message), show(f.advice)
        f.file = show(f.file) if f.file else f.file
        f.also = [(show(path), line) for path, line in f.also]
        f.possibly_because = [show(s) for s in f.possibly_because]
        if f.excerpt:
            f.excerpt = f.excerpt._replace(lines=tuple((n, show(t)) for n, t in f.excerpt.lines))
        if f.fix:
            f.fix.steps = [show(s) for s in f.fix.steps]
            f.fix.diff = show(f.fix.diff) if f.fix.diff else f.fix.diff
    report.unread = [u._replace(what=show(u.what), reason=show(u.reason)) for u in report.unread]
    report.skipped = [s._replace(reason=show(s.reason)) for s in report.skipped]
    report.broken = [b._replace(error=show(b.error), trace=show(b.trace)) for b in report.broken]
    report.cleared = [show(s) for s in report.cleared]
    report.applied = [a._replace(reason=show(a.reason), files=tuple(show(x) for x in a.files)) for a in report.applied]
    report.head = [h._replace(text=show(h.text)) for h in report.head]
    report.target.os = show(report.target.os) if report.target.os else report.target.os
    report.target.agent_version = (
        show(report.target.agent_version) if report.target.agent_version else report.target.agent_version
    )
    return report


def is_root() -> bool:
    return os.geteuid() == 0
