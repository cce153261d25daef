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
    from dddoctor.journal import Run
    from dddoctor.repair import Look, Plan, PlannedFix

# Here a repair may be a command: the doctor runs it, or (a snapshot) a person is told to.
COMMANDS_CAN_BE_TYPED = frozenset({"live", "snapshot"})
SNAPSHOT_REMEDY = "collect again with sudo"  # as in hosts.snapshot, which is not imported for it
EXCERPT_LINES = 2  # before and after the line of the finding
EXCERPT_LIMIT_BYTES = 2 * 1024 * 1024


class CheckOptions(NamedTuple):
    """What `check` was asked. `root`: a folder, None = this machine. `select`, `ignore`: areas or rule ids.

    `snapshot` is a file of `dddoctor collect`, `ssh` a host from which one is fetched; at most one of the three is given.
    """

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
    snapshot: Path | None = None
    ssh: str | None = None
    ssh_config: Path | None = None


class UsageError(Exception):
    """The person asked for something that does not exist: exit 2, one line."""


PROOF_SECONDS = 45.0  # for what a restarted service has to say: the trace-agent of 7.72.4 listens after up to 40 s
_PROOF_POLL_SECONDS = 1.0


class Session:
    """One run against one host, which is asked each thing once: what the check saw is what is planned on. Secrets keep their tokens through the run.

    `apply` and `again` forget all answers.
    """

    def __init__(self, options: CheckOptions, vault: Vault | None = None) -> None:
        self.options = options
        self.host = self._open()
        self.vault = vault or Vault()
        everything = load(user_folders=options.rule_folders)
        self.rule_set = RuleSet(tuple(_selected(everything.rules, options)), everything.states)
        self.rules: Mapping[str, Rule] = self.rule_set.by_id()
        self.started = time.time()
        self.clock = time.monotonic()
        self.last: Evaluation | None = None
        self.reported: Report | None = None

    @property
    def host(self) -> Host:
        """What is looked at; setting it forgets all answers."""
        return self._host

    @host.setter
    def host(self, host: Host) -> None:
        self._host, self.answers = host, CachedHost(host)

    # --- looking ------------------------------------------------------------------------------------------------------

    def evaluate(self, host: Host | None = None) -> Evaluation:
        """All rules over a host (None: the run's own), findings linked through states."""
        options = RunOptions(self.options.apps, self.options.network, self.options.deep)
        store = Tables(CachedHost(host) if host else self.answers, self.vault, options, self.options.timeout_seconds)
        evaluation = evaluate(self.rule_set.rules, store)
        if self.host.kind not in COMMANDS_CAN_BE_TYPED:
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

    def again(self) -> Report:
        """Forget every answer, look once more, and say everything; what was applied before stays said."""
        before = self.reported
        self.host = self._open()
        return self.check(before.applied if before else (), before.run_id if before else None)

    def _open(self) -> Host:
        given = self.options
        if given.snapshot is None and given.ssh is None:
            return open_host(given.root)
        return open_elsewhere(given.snapshot, given.ssh, given.ssh_config, given.apps, given.timeout_seconds)

    def report(self, evaluation: Evaluation, applied: Sequence[Applied] = (), run_id: str | None = None) -> Report:
        """The report of an evaluation; secrets are shown as `<key #1>`."""
        evaluation.store.ensure(("agents", "config_files", "os"))
        findings = evaluation.findings
        causes.admit_blindness(evaluation, self.rules, self.rule_set.states)
        roots = causes.roots(findings, self.rules, self.rule_set.states)
        unread = [*evaluation.unread(), *self._nothing_to_judge(evaluation)]
        unread = [u._replace(remedy=self._remedy(u.remedy)) for u in unread]
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
            skipped=[
                Skipped(r, o.reason, self._remedy(o.remedy)) for r, o in outcomes.items() if o.result == "skipped"
            ],
            broken=[Broken(r, o.reason, o.trace) for r, o in outcomes.items() if o.result == "broken"],
            applied=list(applied),
            head=self._head(evaluation),
            run_id=run_id,
            command=self.options.command,
        )
        self.reported = shown(report, self.vault)
        return self.reported

    def _remedy(self, remedy: str) -> str:
        """What was not permitted where the snapshot was made: no sudo of this side helps."""
        if self.host.kind != "snapshot" or remedy not in ("sudo", SNAPSHOT_REMEDY):
            return remedy
        return "an account over there that may use sudo without a password" if self.options.ssh else SNAPSHOT_REMEDY

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
            f"{a.agent} {a.version or str(a.major) + ' (version unknown)'}, reads {a.config_dir or ('its own files' if a.container else '?')}"
            for a in agents
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
            self.answers, self.look, self.rules, allowed, can_defer=self.host.kind in COMMANDS_CAN_BE_TYPED, only=only
        ).run()

    def apply(self, plan: Plan) -> Report:
        """Write the plan through the journal, run what was deferred, look again, and say what was proved."""
        from dddoctor.journal import Journal, JournalError

        before = self.last.findings if self.last else []
        try:
            run = Journal().begin(target_id(self.host, self.options.root), self.options.command, runner_of(self.host))
        except JournalError as error:  # the journal cannot be kept, or another run is going on
            raise UsageError(self.vault.show(str(error))) from error
        failed, has_restarted, is_kept = self._make(run, plan)
        evaluation = self._proof(plan, before, PROOF_SECONDS if has_restarted else 0.0)
        self.last = evaluation
        return self.report(evaluation, self._applied(plan, before, evaluation, failed), run.id if is_kept else None)

    def _make(self, run: Run, plan: Plan) -> tuple[dict[str, str], bool, bool]:
        """Make the plan's changes: finding id → why it was not repaired; whether a unit was touched; whether the run stands.

        Files are all or nothing: where one cannot be written, those before it are taken back and nothing is run. What a command refuses is said; the
        files that were repaired stay repaired.
        """
        from dddoctor.journal import JournalError
        from dddoctor.model import Service

        failed: dict[str, str] = {}
        has_restarted = False
        try:
            run.apply(plan.changes, "repair")
        except JournalError as error:
            left = [line for line in run.rollback().refused if line != str(error)]
            reason = "; left as it is now: ".join([self._reason(error), *map(self.vault.show, left)])
            return dict.fromkeys((f.finding.id for f in [*plan.fixes, *plan.deferred]), reason), False, False
        except BaseException:
            run.rollback()
            raise
        try:
            for changes, ids in together(plan.deferred):
                if all(name in failed for name in ids):  # the service of a fix whose command was refused
                    continue
                try:
                    run.apply(changes, "repair")
                except Exception as error:
                    failed.update(dict.fromkeys(ids, self._reason(error)))
                else:  # what does not stay up has nothing to say that is worth waiting for
                    has_restarted = has_restarted or any(isinstance(c, Service) for c in changes)
            run.commit()
        except BaseException:
            run.rollback()
            raise
        return failed, has_restarted, True

    def _reason(self, error: Exception) -> str:
        words = self.vault.show(str(error))
        return f"{words} (run this with sudo)" if words.endswith("ermission denied") and not is_root() else words

    def _proof(self, plan: Plan, before: Sequence[Finding], patience_seconds: float) -> Evaluation:
        """Look anew. A service that was restarted is given time to answer: as long as what was repaired is still found, or an error that was not there."""
        repaired = {f.finding.identity for f in [*plan.fixes, *plan.deferred]}
        known = {f.identity for f in before}
        limit = self.options.timeout_seconds
        deadline = time.monotonic() + (patience_seconds if limit is None else min(limit, patience_seconds))
        while True:
            self.host = self._open()
            evaluation = self.evaluate()
            left = [
                f
                for f in evaluation.findings
                if f.identity in repaired or (f.severity is Severity.ERROR and f.identity not in known)
            ]
            if not left or time.monotonic() + _PROOF_POLL_SECONDS > deadline:
                return evaluation
            time.sleep(_PROOF_POLL_SECONDS)

    def _applied(
        self, plan: Plan, before: Sequence[Finding], evaluation: Evaluation, failed: Mapping[str, str]
    ) -> list[Applied]:
        left = {f.identity for f in evaluation.findings}
        blind = {o for o, r in evaluation.outcomes.items() if r.result in {"skipped", "broken"}}
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
            undo = undo_class(fix.changes)
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


def together(deferred: Sequence[PlannedFix]) -> list[tuple[list[Change], list[str]]]:
    """(changes, finding ids) of the deferred fixes in the order in which they are made: commands, SQL, pip, then services.

    What is installed into one environment goes in one call of pip. A unit is started, stopped or restarted once, whoever asks for it; a start beside a
    restart of the same unit is that restart.
    """
    from dddoctor.model import Install, Service, Sql

    made: list[tuple[int, list[Change], list[str]]] = []
    installs: dict[str, tuple[list[str], list[str]]] = {}
    services: dict[str, dict[str, list[str]]] = {}  # unit → action → finding ids
    for fix in deferred:
        others: list[Change] = [c for c in fix.changes if not isinstance(c, Service)]
        for change in fix.changes:
            if isinstance(change, Service):
                services.setdefault(change.unit, {}).setdefault(change.action, []).append(fix.finding.id)
        first = others[0] if len(others) == 1 else None
        if isinstance(first, Install):
            packages, ids = installs.setdefault(first.environment, ([], []))
            packages += [p for p in first.packages if p not in packages]
            ids.append(fix.finding.id)
        elif others:
            rank = 2 if any(isinstance(c, Install) for c in others) else int(any(isinstance(c, Sql) for c in others))
            made.append((rank, others, [fix.finding.id]))
    made += [(2, [Install(environment, tuple(p))], ids) for environment, (p, ids) in installs.items()]
    for unit, asked in services.items():
        if "start" in asked and "restart" in asked:
            asked["restart"] += asked.pop("start")
        made += [(3, [Service(unit, action)], ids) for action, ids in asked.items()]
    return [(changes, ids) for _, changes, ids in sorted(made, key=lambda m: m[0])]


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


def open_elsewhere(
    snapshot: Path | None,
    ssh: str | None,
    ssh_config: Path | None,
    apps: tuple[str, ...],
    timeout_seconds: float | None,
) -> Host:
    """A host that the doctor does not run on: a snapshot's file, or what ssh brings. Raises UsageError."""
    from dddoctor.collector import CollectError, open_snapshot

    try:
        if snapshot is not None:
            return open_snapshot(snapshot)
        from dddoctor.remote import fetch

        return fetch(ssh or "", ssh_config, apps, timeout_seconds)
    except CollectError as error:
        raise UsageError(Vault().show(str(error))) from None


def runner_of(host: Host) -> Any:
    """Who acts on the host: itself where it is live (with its rules of whom to trust), nobody in a folder."""
    from dddoctor.journal import Runner

    return Runner(host.run) if host.kind == "live" else None


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


def undo_class(changes: Iterable[Any]) -> str:
    """How far a repair can be taken back (repairs.md): exact; compensating, where an effect is only made good for; irreversible."""
    from dddoctor.model import DEFERRED, Command, Sql

    worst = "exact"
    for change in changes:
        if isinstance(change, (Command, Sql)) and not change.undo:
            return "irreversible"
        if isinstance(change, DEFERRED) and not isinstance(change, Sql):
            worst = "compensating"
    return worst


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
