"""Run the examples of a rule: its tests and its documentation. Each is a small tree on disk, judged, repaired on an overlay, and hidden piece by piece."""

from __future__ import annotations

import base64
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dddoctor import tables
from dddoctor.causes import link
from dddoctor.collecting import Tables
from dddoctor.engine import Evaluation, Outcome, evaluate
from dddoctor.hosts.base import Answer, Host, Process, Ran, Socket, Unavailable
from dddoctor.hosts.cache import CachedHost
from dddoctor.hosts.example import ExampleHost
from dddoctor.light import NamedTuple
from dddoctor.model import Finding, Gap, Kind, Rule, Safety, State
from dddoctor.repair import Look, Repairer, unsound_files
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions

if TYPE_CHECKING:
    from dddoctor.hosts.outbound import Reached

_AGO_SECONDS = 3600
_moment = (
    time.time() - _AGO_SECONDS
)  # what `mtimes` and `started_at` of the example that was built last are counted from
ROWS_HIDDEN_LIMIT = 60  # a table with more rows than this is hidden file by file only


class Failure(NamedTuple):
    """What an example expected and what happened instead."""

    rule: str
    example: str
    problem: str


def run_all(rule: Rule, examples: list[dict[str, Any]], states: Mapping[str, State]) -> Iterator[Failure]:
    """All failures of a rule's examples, those of the rule as a whole included."""
    for problem in missing_kinds(rule, examples):
        yield Failure(rule.id, "(all)", problem)
    for example in examples:
        for problem in run(rule, example, states):
            yield Failure(rule.id, example["name"], problem)


def missing_kinds(rule: Rule, examples: list[dict[str, Any]]) -> Iterator[str]:
    """Which kinds of example rules.md asks for are not there."""
    if not any(e["finds"] for e in examples):
        yield "no example fires"
    if not any(not e["finds"] and not e.get("partial") and not e.get("unreadable") for e in examples):
        yield "no example must stay silent"
    if (
        rule.fix
        and rule.fix.safety is not Safety.MANUAL
        and not any("after_fix" in e or "after_modes" in e or "runs" in e for e in examples)
    ):
        yield "no example shows the repair (after_fix, after_modes or runs)"
    if rule.absent and not any(e.get("unreadable") or e.get("partial") for e in examples):
        yield f"the rule concludes from an absence in {', '.join(rule.absent)}: an example with `unreadable` must show that it does not when it cannot look"


def run(rule: Rule, example: Mapping[str, Any], states: Mapping[str, State]) -> Iterator[str]:
    """The problems of one example, in words; none = it holds."""
    with tempfile.TemporaryDirectory(prefix="dddoctor-example-") as folder:
        root = Path(folder)
        build(root, example)
        evaluation = _evaluate(rule, root, example)
        outcome = evaluation.outcomes[rule.id]
        if outcome.result == "broken":
            yield f"the rule is broken: {outcome.reason}\n{outcome.trace}"
            return
        yield from _compare_findings(rule, outcome, example)
        yield from _compare_repair(rule, root, example, states)
        yield from _hide_files(rule, root, example, outcome)
        yield from _hide_rows(rule, evaluation, outcome)


def build(root: Path, example: Mapping[str, Any]) -> None:
    """Write the example's tree below `root`. Times are set to one moment, an hour ago, so that `mtimes` (seconds from it) mean something."""
    global _moment
    _moment = time.time() - _AGO_SECONDS
    for path in example.get("folders", []):
        (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    written: list[tuple[Path, str]] = []
    for path, text in example.get("files", {}).items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8") if isinstance(text, str) else bytes(text))
        target.chmod(0o644)
        written.append((target, path))
    for path, text in example.get("binary", {}).items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(base64.b64decode(text))
        written.append((target, path))
    for path, to in example.get("links", {}).items():
        link_path = root / path.lstrip("/")
        link_path.parent.mkdir(parents=True, exist_ok=True)
        link_path.symlink_to(to)
    for path, mode in example.get("modes", {}).items():
        (root / path.lstrip("/")).chmod(int(mode, 8))
    offsets = example.get("mtimes", {})
    for target, path in written:
        when = _moment + float(offsets.get(path, 0))
        os.utime(target, (when, when))


def example_host(root: Path, example: Mapping[str, Any], hidden: frozenset[str] = frozenset()) -> Host:
    """The example's tree as a host. `hidden`: paths, commands as they are written in the example, and "processes", "listeners", "containers".

    The example's own `unreadable` may name the same.
    """
    hidden |= frozenset(example.get("unreadable", ()))
    commands: dict[tuple[str, ...], Ran | Unavailable] = {
        tuple(argv.split(" ")): _HIDDEN
        if argv in hidden
        else Ran(int(r.get("returncode", 0)), r.get("stdout", ""), r.get("stderr", ""))
        for argv, r in example.get("commands", {}).items()
    }
    answers: dict[str, Answer | Unavailable] = {
        url: _HIDDEN if url in hidden else Answer(int(a.get("status", 200)), str(a.get("body", "")).encode())
        for url, a in example.get("answers", {}).items()
    }

    def given(name: str, made: Any) -> Any:
        if name not in example:
            return None
        return _HIDDEN if name in hidden else [made(n, dict(item)) for n, item in enumerate(example[name])]

    return ExampleHost(
        root,
        unreadable=hidden,
        commands=commands,
        env=example.get("env"),
        owners=example.get("owners", {}),
        processes=given("processes", _process),
        sockets=given("listeners", lambda _, item: _socket(item)),
        docker=given("containers", lambda _, item: item),
        answers=answers,
        outside=_outside(example, hidden),
    )


_HIDDEN = Unavailable(Kind.DENIED, "hidden by the harness", "sudo")


def _outside(example: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Reached | Unavailable] | None:
    """What requests to the world outside meet, by URL; None where the example is not asked with --network."""
    if "network" not in example:
        return None
    from dddoctor.hosts.outbound import Reached

    return {
        url: _HIDDEN
        if url in hidden
        else Reached(r.get("failed"), r.get("why", ""), "192.0.2.1", r.get("status"), str(r.get("body", "")).encode())
        for url, r in example["network"].items()
    }


def _options(example: Mapping[str, Any]) -> RunOptions:
    return RunOptions(apps=tuple(example.get("apps", ())), network="network" in example)


def _process(number: int, given: dict[str, Any]) -> Process:
    """A process of an example: `argv` as a text, everything else with a default. `started_at` in seconds from the moment that the tree's times are counted from."""
    argv = tuple(str(given.pop("argv", "")).split(" "))
    pid = int(given.pop("pid", 1000 + number))
    started_at = _moment + float(given.pop("started_at", 0))
    user = str(given.pop("user", "root"))
    name = str(given.pop("name", argv[0].rpartition("/")[2]))[:15]
    defaults: dict[str, Any] = {
        "ppid": 1,
        "uid": 0 if user == "root" else 60001,
        "exe": argv[0] if argv[0].startswith("/") else None,
        "is_exe_deleted": 0,
        "cwd": "/",
        "cgroup": "/",
        "environ": {},
        "is_foreign": 0,
        "rss_bytes": 50_000_000,
    }
    return Process(pid=pid, name=name, argv=argv, user=user, started_at=started_at, **{**defaults, **given})


def _socket(given: dict[str, Any]) -> Socket:
    """A listener of an example: the port, and what differs from TCP on 127.0.0.1 with an unseen owner."""
    return Socket(**{"protocol": "tcp", "address": "127.0.0.1", "pid": None, "uid": None, **given})


def _store(root: Path, example: Mapping[str, Any], hidden: frozenset[str] = frozenset()) -> Tables:
    vault = Vault()
    return Tables(CachedHost(example_host(root, example, hidden)), vault, _options(example))


def _evaluate(rule: Rule, root: Path, example: Mapping[str, Any], hidden: frozenset[str] = frozenset()) -> Evaluation:
    return evaluate([rule], _store(root, example, hidden))


def _compare_findings(rule: Rule, outcome: Outcome, example: Mapping[str, Any]) -> Iterator[str]:
    expected = list(example["finds"])
    remaining = list(outcome.findings)
    for want in expected:
        match = next((f for f in remaining if _fits(f, want)), None)
        if match is None:
            yield f"expected {want}, found {[_short(f) for f in outcome.findings] or 'nothing'} (outcome: {outcome.result}{', partial' if outcome.is_partial else ''} {outcome.reason})"
        else:
            remaining.remove(match)
    if len(outcome.findings) > len(expected):
        yield f"expected {len(expected)} findings, found {len(outcome.findings)}: {[_short(f) for f in outcome.findings]}"
    if example.get("partial") and not (outcome.is_partial or outcome.result == "skipped"):
        yield f"expected a partial or skipped outcome, got {outcome.result}"
    if "outcome" in example and example["outcome"] != outcome.result:
        yield f"expected the outcome {example['outcome']}, got {outcome.result} {outcome.reason}"


def _fits(finding: Finding, want: Mapping[str, Any]) -> bool:
    have = {
        **finding.row,
        "severity": finding.severity.value,
        "message": finding.message,
        "safety": finding.fix.safety.value if finding.fix else None,
    }
    return all(have.get(k) == v for k, v in want.items())


def _short(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}: {finding.message}"


def _compare_repair(rule: Rule, root: Path, example: Mapping[str, Any], states: Mapping[str, State]) -> Iterator[str]:
    if not {"after_fix", "after_modes", "runs"} & set(example):
        return

    def look(host: Any) -> Look:
        store = Tables(CachedHost(host), Vault(), _options(example))
        evaluation = evaluate([rule], store)
        link(evaluation.findings, {rule.id: rule}, states)
        return Look(evaluation.findings, unsound_files(store))

    plan = Repairer(
        example_host(root, example), look, {rule.id: rule}, [Safety.SAFE, Safety.UNSAFE], can_defer=True
    ).run()
    for path, want in (example.get("after_fix") or {}).items():
        try:
            have: str | None = plan.overlay.read(path).decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            have = None
        if have != want:
            yield f"after the repair {path} is {have!r}, not {want!r}; refused: {plan.refused}"
    for path, mode in (example.get("after_modes") or {}).items():
        have_mode = f"{plan.overlay.stat(path).mode:04o}"
        if have_mode != mode:
            yield f"after the repair {path} has mode {have_mode}, not {mode}; refused: {plan.refused}"
    if "runs" in example:
        ran = [line for fix in plan.deferred for change in fix.changes for line in _command_line(change)]
        if ran != list(example["runs"]):
            yield f"the repair runs {ran}, not {example['runs']}; refused: {plan.refused}"


def _command_line(change: Any) -> Iterator[str]:
    """What a deferred change runs, as `runs` of an example has it."""
    from dddoctor.model import Command, Install, Service, Sql

    if isinstance(change, Command):
        yield " ".join(change.argv)
    elif isinstance(change, Service):
        yield f"systemctl {change.action} {change.unit}"
    elif isinstance(change, Install):
        yield f"pip install {' '.join(change.packages)} in {change.environment}"
    elif isinstance(change, Sql):
        yield change.text


# --- hiding: what cannot be seen must not make a rule speak, and must not let it call a thing sound -------------------


def _hide_files(rule: Rule, root: Path, example: Mapping[str, Any], whole: Outcome) -> Iterator[str]:
    known = {f.identity for f in whole.findings}
    live = [*example.get("commands", {}), *example.get("answers", {}), *example.get("network", {})]
    live += [name for name in ("processes", "listeners", "containers") if name in example]
    for path in [*example.get("files", {}), *example.get("binary", {}), *live]:
        if path in example.get("unreadable", ()):
            continue
        outcome = _evaluate(rule, root, example, frozenset({path})).outcomes[rule.id]
        yield from _judge_hidden(f"with {path} unreadable", outcome, known)


def _judge_hidden(what: str, outcome: Outcome, known: set[str]) -> Iterator[str]:
    if outcome.result == "broken":
        yield f"{what} the rule is broken: {outcome.reason}\n{outcome.trace}"
    for finding in outcome.findings:
        if finding.identity not in known:
            yield f"{what} a finding appears that was not there before: {_short(finding)}"
    lost = known - {f.identity for f in outcome.findings}
    if lost and not (outcome.is_partial or outcome.result == "skipped"):
        yield f"{what} a finding is lost, yet the outcome is {outcome.result} and not partial"


def _hide_rows(rule: Rule, evaluation: Evaluation, whole: Outcome) -> Iterator[str]:
    known = {f.identity for f in whole.findings}
    store = evaluation.store
    for table in rule.reads:
        count = store.counts.get(table, 0)
        if table == "gaps" or not 0 < count <= ROWS_HIDDEN_LIMIT:
            continue
        names, rows = store.database.select(f"SELECT rowid AS row_id, * FROM {table}")
        for values in rows:
            row = dict(zip(names, values, strict=True))
            where = row.get("file") or row.get("agent") or "*"
            hidden = _copy_without(
                store, table, row["row_id"], Gap(where, Kind.DENIED, "hidden by the harness", "sudo")
            )
            outcome = evaluate([rule], hidden).outcomes[rule.id]
            yield from _judge_hidden(f"with one row of {table} hidden ({where})", outcome, known)


def _copy_without(store: Tables, table: str, row_id: int, gap: Gap) -> Tables:
    """The same tables without one row, which became a gap; the table's completeness column is NULL there, as a collector would leave it."""
    copy = Tables(store.host, store.vault, store.options)
    for name in store.counts:
        skip = f" WHERE rowid <> {row_id}" if name == table else ""
        _, rows = store.database.select(f"SELECT * FROM {name}{skip}")
        copy.database.insert(name, rows)
        copy.counts[name] = len(rows)
        copy._rows[name] = [tables.TABLES[name].row(*r) for r in rows]
        for known in store.gaps.get(name, ()):
            copy.add_gap(name, known)
    copy.add_gap(table, gap)
    complete = tables.TABLES[table].complete_when
    if complete:
        other, column = complete.split(".")
        if other in copy.counts and "file" in tables.TABLES[other].columns:
            copy.database.write(f"UPDATE {other} SET {column} = NULL WHERE file = ?", [gap.where])
    return copy
