"""One run against a live host: asked once, repaired in order, proved when it answers, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dddoctor import fixing, undoing
from dddoctor import session as session_module
from dddoctor.actions import ACTIONS, STAGES, action
from dddoctor.hosts.base import Host, Process, Ran
from dddoctor.hosts.root import RootHost
from dddoctor.model import Change, Command, Install, Mode, Safety, Service, Sql
from dddoctor.repair import PlannedFix
from dddoctor.session import CheckOptions, Session, UsageError, together, undo_class

UNIT = "shop.service"
RULE = """
id: old-program-runs
title: An old program runs
severity: warning
query: |
  SELECT p.name, p.unit FROM processes AS p WHERE p.name LIKE 'old%'
message: "{name} runs."
why: A test.
identity: [name]
fix: {title: Restart it, safety: unsafe, steps: [{restart_service: {unit: "{unit}"}}]}
checked: "2026-11"
examples: [{name: none, files: {/x: ""}, finds: []}]
"""


class Machine(RootHost):
    """A live host that is a folder with one unit. `answers_after`: so often must its processes be asked after a restart until they are the new ones."""

    kind = "live"

    def __init__(self, folder: Path, answers_after: int = 1, stays_up: bool = True) -> None:
        super().__init__(folder)
        self.asked: list[str] = []
        self.pid, self.answers_after, self.stays_up, self.active = 7, answers_after, stays_up, "active"
        self.looks_since_restart: int | None = None

    def processes(self) -> list[Process]:
        self.asked.append("processes")
        is_new = False
        if self.looks_since_restart is not None:
            self.looks_since_restart += 1
            is_new = self.looks_since_restart >= self.answers_after
        names = [("new" if is_new else "old", 7), ("old2", 8)][: 1 if is_new else 2]
        cgroup = f"/system.slice/{UNIT}"
        return [Process(pid, 1, n, (n,), "root", 0, 1.0, f"/{n}", 0, "/", cgroup, {}, 0, 1) for n, pid in names]

    def run(self, argv: Sequence[str], timeout_seconds: float = 10, user: str | None = None) -> Ran:
        words = [w for w in argv if not w.startswith("-")]
        self.asked.append(" ".join(words))
        if words[1] == "restart":
            self.pid, self.looks_since_restart = self.pid + 1, 0
            self.active = "active" if self.stays_up else "failed"
        text = f"LoadState=loaded\nActiveState={self.active}\nUnitFileState=enabled\nMainPID={self.pid}\nResult=exit-code\nExecMainStatus=1\n"
        return Ran(0, text if words[1] == "show" else "", "")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dddoctor.actions.services.may_act", lambda: True)
    monkeypatch.setattr("dddoctor.journal_services.SETTLED_SECONDS", 0.0)
    monkeypatch.setattr("dddoctor.session._PROOF_POLL_SECONDS", 0.01)
    monkeypatch.setattr("dddoctor.session.PROOF_SECONDS", 0.5)
    monkeypatch.setenv("DDDOCTOR_STATE", str(tmp_path / "state"))


def session_on(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Session:
    rules = tmp_path / "rules/agent"
    rules.mkdir(parents=True, exist_ok=True)
    (rules / "old-program-runs.yaml").write_text(RULE)
    opened: list[Host] = []

    def open_host(root: Path | None) -> Host:
        opened.append(machine)
        return machine

    monkeypatch.setattr(session_module, "open_host", open_host)
    monkeypatch.setattr(undoing, "open_host", open_host)
    return Session(CheckOptions(rule_folders=(tmp_path / "rules",), select=("old-program-runs",), **options))


@pytest.mark.usefixtures("quick")
def test_check_and_plan_ask_the_host_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the report and the consent nothing is asked again: what was shown is what is planned on."""
    machine = Machine(tmp_path)
    session = session_on(machine, tmp_path, monkeypatch)

    report = session.check()
    plan = session.plan([Safety.SAFE, Safety.UNSAFE])

    assert sorted(f.message for f in report.findings) == ["old runs.", "old2 runs."]
    assert [c for fix in plan.deferred for c in fix.changes] == [Service(UNIT, "restart")] * 2
    assert machine.asked == ["processes", f"systemctl show {UNIT}"]


@pytest.mark.usefixtures("quick")
def test_one_restart_repairs_what_two_findings_ask_for_and_is_proved_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, answers_after=4)
    session = session_on(machine, tmp_path, monkeypatch)
    session.check()

    report = session.apply(session.plan([Safety.SAFE, Safety.UNSAFE]))

    assert [(a.status, a.undo) for a in report.applied] == [("repaired and proved", "compensating")] * 2
    assert report.findings == []
    assert machine.asked.count(f"systemctl restart {UNIT}") == 1
    assert machine.looks_since_restart == 4


@pytest.mark.usefixtures("quick")
def test_what_never_answers_is_not_waited_for_longer_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_on(Machine(tmp_path, answers_after=10**9), tmp_path, monkeypatch, timeout_seconds=0.1)
    session.check()

    report = session.apply(session.plan([Safety.SAFE, Safety.UNSAFE]))

    assert [(a.status, a.reason) for a in report.applied] == [("not repaired", "the problem is still there")] * 2


@pytest.mark.usefixtures("quick")
def test_a_unit_that_does_not_come_up_is_told_for_every_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_on(Machine(tmp_path, stays_up=False), tmp_path, monkeypatch)
    session.check()

    report = session.apply(session.plan([Safety.SAFE, Safety.UNSAFE]))

    assert {(a.status, a.reason) for a in report.applied} == {
        ("not repaired", f"{UNIT} does not stay up (exit-code, status 1); `journalctl -u {UNIT}` says why")
    }


@pytest.mark.usefixtures("quick")
def test_undo_restarts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path)
    session = session_on(machine, tmp_path, monkeypatch)
    session.check()
    session.apply(session.plan([Safety.SAFE, Safety.UNSAFE]))
    machine.asked.clear()

    code, text = undoing.undo(None, None, show_only=False, is_agreed=True, force=False)

    assert (code, text) == (0, f"undone: {UNIT} restarted again\n")
    assert f"systemctl restart {UNIT}" in machine.asked


@pytest.mark.usefixtures("quick")
def test_looking_again_asks_everything_anew_and_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path)
    session = session_on(machine, tmp_path, monkeypatch)
    session.check()
    applied = session.apply(session.plan([Safety.SAFE, Safety.UNSAFE]))
    machine.asked.clear()

    report = session.again()

    assert machine.asked == ["processes"]
    assert (report.applied, report.run_id) == (applied.applied, applied.run_id)


@pytest.mark.usefixtures("quick")
def test_where_a_file_cannot_be_written_nothing_runs_and_what_was_written_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up, a file that somebody edits: half a repair is none."""
    machine = Machine(tmp_path / "root")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a").write_bytes(b"old")
    session = session_on(machine, tmp_path, monkeypatch, root=tmp_path / "root")
    session.check()
    plan = session.plan([Safety.SAFE, Safety.UNSAFE])
    plan.changes = [Mode("/a", 0o644, 0o600), Mode("/b", 0o644, 0o600)]
    (tmp_path / "root/a").chmod(0o644)

    report = session.apply(plan)

    assert {a.status for a in report.applied} == {"not repaired"}
    assert {a.reason for a in report.applied} == {"/b: No such file or directory"}
    assert (tmp_path / "root/a").stat().st_mode & 0o777 == 0o644
    assert f"systemctl restart {UNIT}" not in machine.asked
    assert report.run_id is None


@pytest.mark.usefixtures("quick")
def test_without_a_journal_nothing_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path)
    session = session_on(machine, tmp_path, monkeypatch)
    session.check()
    plan = session.plan([Safety.SAFE, Safety.UNSAFE])
    (tmp_path / "state").write_text("a file where the journal's folder should be")

    with pytest.raises(UsageError, match="nothing was changed"):
        session.apply(plan)
    assert f"systemctl restart {UNIT}" not in machine.asked


@pytest.mark.usefixtures("quick")
def test_what_cannot_be_taken_back_is_not_done_by_a_yes_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """repairs.md: irreversible is said in words, and agreed to at the prompt only."""

    @action("command")
    class ClearOut:
        """A command without a way back. Params: unit."""

        unit: str

        def plan(self, host: Host) -> list[Change]:
            return [Command(("systemctl", "clean", self.unit))]

    machine = Machine(tmp_path)
    monkeypatch.setitem(globals(), "RULE", RULE.replace("restart_service", "clear_out"))
    try:
        session = session_on(machine, tmp_path, monkeypatch)
        report = fixing.fix_it(session, session.check(), fixing.Asked(True, True, False, False, None))
    finally:
        del ACTIONS["clear_out"], STAGES["clear_out"]

    assert report is not None
    assert {a.status for a in report.applied} == {"not repaired"}
    assert {a.reason for a in report.applied} == {
        "it cannot be taken back; leave --yes out, and say yes to it at the prompt"
    }
    assert f"systemctl clean {UNIT}" not in machine.asked


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([Mode("/a", 0o644, 0o600)], "exact"),
        ([Sql("GRANT …", "REVOKE …")], "exact"),
        ([Mode("/a", 0o644, 0o600), Service(UNIT, "restart")], "compensating"),
        ([Install("/venv", ("flask",))], "compensating"),
        ([Command(("usermod",), ("gpasswd",))], "compensating"),
        ([Command(("rm",)), Service(UNIT, "restart")], "irreversible"),
        ([Sql("DROP …", "")], "irreversible"),
    ],
)
def test_how_far_a_repair_can_be_taken_back(changes: list[Change], expected: str) -> None:
    assert undo_class(changes) == expected


def planned(name: str, *changes: Change) -> PlannedFix:
    class Found:
        id = name

    return PlannedFix(Found(), 4, changes, 0)  # type: ignore[arg-type]


def test_deferred_repairs_run_in_their_order_and_services_last() -> None:
    """Commands, SQL, pip, services; one pip an environment, one restart a unit."""
    command, sql = Command(("usermod", "-aG", "adm", "dd-agent")), Sql("GRANT …", "REVOKE …")

    found = together(
        [
            planned("a", Service("mysql.service", "start"), sql),
            planned("b", Service(UNIT, "start")),
            planned("c", Install("/venv", ("flask",))),
            planned("d", command, Service(UNIT, "restart")),
            planned("e", Install("/venv", ("ddtrace", "flask"))),
            planned("f", Install("/other", ("flask",))),
        ]
    )

    assert found == [
        ([command], ["d"]),
        ([sql], ["a"]),
        ([Install("/venv", ("flask", "ddtrace"))], ["c", "e"]),
        ([Install("/other", ("flask",))], ["f"]),
        ([Service("mysql.service", "start")], ["a"]),
        ([Service(UNIT, "restart")], ["d", "b"]),
    ]


@pytest.mark.usefixtures("quick")
def test_a_service_is_left_alone_where_the_command_before_it_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @action("command")
    class FailThenRestart:
        """A command that is refused, then a restart. Params: unit."""

        unit: str

        def plan(self, host: Host) -> list[Change]:
            return [Command(("systemctl", "refused")), Service(self.unit, "restart")]

    machine = Machine(tmp_path)
    run = machine.run
    monkeypatch.setattr(machine, "run", lambda argv, *more: Ran(1, "", "no") if "refused" in argv else run(argv, *more))
    monkeypatch.setitem(globals(), "RULE", RULE.replace("restart_service", "fail_then_restart"))
    try:
        session = session_on(machine, tmp_path, monkeypatch)
        session.check()
        report = session.apply(session.plan([Safety.SAFE, Safety.UNSAFE]))
    finally:
        del ACTIONS["fail_then_restart"], STAGES["fail_then_restart"]

    assert {(a.status, a.reason) for a in report.applied} == {("not repaired", "`systemctl refused` ended with 1: no")}
    assert f"systemctl restart {UNIT}" not in machine.asked
