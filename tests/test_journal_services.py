"""Steps on units: a small systemd with a clock of its own says what becomes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dddoctor.hosts.base import Ran, Unavailable
from dddoctor.journal import Journal, JournalError, Runner, TargetId
from dddoctor.model import Kind, Service

UNIT = "datadog-agent.service"


class Systemd:
    """One unit. `ends_after` seconds its program ends with 255 and is started again, five times within 10 s, then the unit has failed.

    Time passes only where somebody sleeps or stops (`stop_seconds`).
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, active: str = "active", ends_after: float | None = None
    ) -> None:
        self.active, self.ends_after, self.unit_file = active, ends_after, "enabled"
        self.now, self.started, self.restarts, self.pid = 100.0, 0.0, 5 if active == "failed" else 0, 7
        self.start_limit_until = 105.0 if active == "failed" else 0.0
        self.stop_seconds, self.calls = 0.0, list[str]()
        self.tries = 5
        monkeypatch.setattr("dddoctor.journal_services.time", self)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        while self.active == "active" and self.ends_after is not None and self.now - self.started >= self.ends_after:
            self.started, self.restarts, self.pid = self.started + self.ends_after, self.restarts + 1, self.pid + 1
            if self.restarts >= self.tries:
                self.active = "failed"

    def run(self, argv: Sequence[str], timeout_seconds: float = 10, user: str | None = None) -> Ran:
        words = [w for w in argv if not w.startswith("-")]
        if words[1] == "show":
            result = "exit-code" if self.active == "failed" else "success"
            return Ran(
                0,
                f"LoadState=loaded\nActiveState={self.active}\nUnitFileState={self.unit_file}\nNRestarts={self.restarts}\n"
                f"Result={result}\nExecMainStatus={255 if self.active == 'failed' else 0}\nMainPID={self.pid}\n",
                "",
            )
        self.calls.append(words[1])
        if words[1] == "reset-failed":
            self.restarts, self.start_limit_until = 0, 0.0
            self.active = "inactive" if self.active == "failed" else self.active
        elif words[1] in {"stop", "restart"}:
            self.now += self.stop_seconds
            if self.stop_seconds > timeout_seconds:
                raise Unavailable(Kind.TIMEOUT, f"systemctl did not end within {timeout_seconds:g} s", "--timeout")
            self.active = "inactive"
        if words[1] in {"start", "restart"}:
            if self.now < self.start_limit_until:
                return Ran(1, "", "Job for datadog-agent.service failed.\nStart request repeated too quickly.\n")
            if self.active != "active":
                self.active, self.started, self.pid = "active", self.now, self.pid + 1
        return Ran(0, "", "")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def do(journal: Journal, systemd: Systemd, action: str) -> None:
    run = journal.begin(TargetId.of("live", Path("/")), "test", Runner(systemd.run))
    try:
        run.apply([Service(UNIT, action)], "repair")
    finally:
        run.commit()


def undo(journal: Journal, systemd: Systemd) -> list[str]:
    systemd.calls.clear()
    return journal.undo(None, TargetId.of("live", Path("/")), runner=Runner(systemd.run)).refused


def test_a_restart_waits_until_the_unit_has_stayed_up(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch)
    do(journal, systemd, "restart")

    assert systemd.calls == ["restart"]
    assert 103.0 <= systemd.now < 104.0
    assert undo(journal, systemd) == [] and systemd.calls == ["restart"]


def test_what_was_started_is_stopped_again(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch, "inactive")
    do(journal, systemd, "start")
    assert systemd.active == "active"

    assert undo(journal, systemd) == [] and systemd.calls == ["stop"]
    assert systemd.active == "inactive"


def test_a_restart_of_what_did_not_run_is_undone_by_stopping(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch, "inactive")
    do(journal, systemd, "restart")

    assert undo(journal, systemd) == [] and systemd.calls == ["stop"]


def test_what_was_stopped_is_started_again(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch)
    do(journal, systemd, "stop")
    assert systemd.active == "inactive"

    assert undo(journal, systemd) == [] and systemd.active == "active"


def test_a_unit_that_failed_just_now_is_started_all_the_same(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within 10 s of its last try systemd refuses a start until the count is reset."""
    systemd = Systemd(monkeypatch, "failed")
    do(journal, systemd, "start")

    assert systemd.calls == ["reset-failed", "start"] and systemd.active == "active"
    assert undo(journal, systemd) == [] and systemd.active == "inactive"


@pytest.mark.parametrize("ends_after", [0.05, 0.4, 2.0])
def test_a_unit_that_does_not_stay_up_is_told(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, ends_after: float
) -> None:
    """Between its restarts systemd calls it active."""
    systemd = Systemd(monkeypatch, ends_after=ends_after)
    with pytest.raises(JournalError) as caught:
        do(journal, systemd, "restart")

    assert str(caught.value) == f"{UNIT} does not stay up (exit-code, status 255); `journalctl -u {UNIT}` says why"


def test_a_unit_that_is_restarted_for_ever_is_given_up(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch, ends_after=2.0)
    systemd.tries = 1000
    with pytest.raises(JournalError, match=r"has not settled within 45 s \(active, it was restarted 2\d times\)"):
        do(journal, systemd, "restart")


def test_a_stop_that_takes_thirty_seconds_is_waited_for_and_one_of_a_minute_not(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd = Systemd(monkeypatch)
    systemd.stop_seconds = 30.0
    do(journal, systemd, "restart")
    systemd.stop_seconds = 60.0
    with pytest.raises(JournalError, match="did not end within 45 s"):
        do(journal, systemd, "restart")


def test_a_refusal_is_told_in_systemds_words(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    systemd = Systemd(monkeypatch, "inactive")
    systemd.start_limit_until = 1000.0
    with pytest.raises(JournalError) as caught:
        do(journal, systemd, "start")

    assert str(caught.value) == f"`systemctl start {UNIT}` ended with 1: Start request repeated too quickly."


@pytest.mark.parametrize(
    ("action", "before", "back"),
    [
        ("enable", "disabled", ["disable"]),
        ("enable", "enabled", []),
        ("disable", "enabled", ["enable"]),
        ("disable", "disabled", []),
        ("mask", "enabled", ["unmask"]),
        ("unmask", "masked", ["mask"]),
        ("unmask", "enabled", []),
    ],
)
def test_whether_it_starts_with_the_machine_is_put_back(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, action: str, before: str, back: list[str]
) -> None:
    systemd = Systemd(monkeypatch)
    systemd.unit_file = before
    do(journal, systemd, action)

    assert undo(journal, systemd) == [] and systemd.calls == back


def test_without_systemd_nothing_is_begun(journal: Journal) -> None:
    def run(argv: Sequence[str], timeout_seconds: float = 1, user: str | None = None) -> Ran:
        raise Unavailable(Kind.TOOL, "systemctl is not installed here")

    begun = journal.begin(TargetId.of("live", Path("/")), "test", Runner(run))
    with pytest.raises(JournalError, match="systemctl is not installed here"):
        begun.apply([Service(UNIT, "restart")], "repair")
    begun.rollback()
    assert journal.history() == []
