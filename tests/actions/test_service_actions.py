"""Units of systemd: planned after their state, and what is no unit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dddoctor.actions import ACTIONS, Refused, load_all, services
from dddoctor.actions.services import UnitState, parse_show, show_command
from dddoctor.hosts.base import Ran, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.root import RootHost
from dddoctor.model import Kind, Service

load_all()
UNIT = "datadog-agent.service"
# As 7.72.4 in a crash loop: recorded with systemd 257.
FAILED = "LoadState=loaded\nResult=exit-code\nNRestarts=5\nExecMainStatus=255\nActiveState=failed\nSubState=failed\nUnitFileState=enabled\nMainPID=0\n"
UP = "LoadState=loaded\nResult=success\nNRestarts=0\nExecMainStatus=0\nActiveState=active\nSubState=running\nUnitFileState=enabled\nMainPID=812\n"


def host(tmp_path: Path, said: str | Unavailable, unit: str = UNIT, returncode: int = 0) -> ExampleHost:
    end = said if isinstance(said, Unavailable) else Ran(returncode, said, "")
    return ExampleHost(tmp_path, commands={tuple(show_command(unit)): end})


def refusal(action: str, here: ExampleHost, unit: str = UNIT) -> str:
    with pytest.raises(Refused) as caught:
        ACTIONS[action](unit).plan(here)
    return str(caught.value)


def test_the_state_of_a_unit_is_read_from_what_systemd_shows() -> None:
    assert parse_show(FAILED) == UnitState("loaded", "failed", "failed", "enabled", 5, "exit-code", 255, 0)
    assert parse_show("NRestarts=[not set]\nMainPID=x\nbroken") == UnitState("", "", "", "", 0, "", 0, 0)


@pytest.mark.parametrize(
    ("action", "said", "expected"),
    [
        ("restart_service", UP, [Service(UNIT, "restart")]),
        ("restart_service", FAILED, [Service(UNIT, "restart")]),
        ("start_service", FAILED, [Service(UNIT, "start")]),
        ("start_service", UP, []),
        ("start_service", UP.replace("=active", "=activating"), [Service(UNIT, "start")]),
        ("stop_service", UP, [Service(UNIT, "stop")]),
        ("stop_service", UP.replace("=active", "=inactive"), []),
    ],
)
def test_what_is_so_already_is_not_done(tmp_path: Path, action: str, said: str, expected: list[Service]) -> None:
    assert ACTIONS[action](UNIT).plan(host(tmp_path, said)) == expected


def test_a_unit_that_is_not_there_or_masked_is_refused(tmp_path: Path) -> None:
    absent = "LoadState=not-found\nActiveState=inactive\n"

    assert refusal("start_service", host(tmp_path, absent)) == f"there is no unit {UNIT} here"
    assert "switched it off for good" in refusal("start_service", host(tmp_path, absent.replace("not-found", "masked")))
    assert "cannot load" in refusal("restart_service", host(tmp_path, absent.replace("not-found", "bad-setting")))


@pytest.mark.parametrize("unit", ["", "--all", "a b", "a;b", "a/b", "-H evil", "x\n", "*"])
def test_only_names_of_units_are_taken(tmp_path: Path, unit: str) -> None:
    assert "is no name of a unit" in refusal("restart_service", host(tmp_path, UP), unit)


def test_without_systemd_nothing_is_planned(tmp_path: Path) -> None:
    here = host(tmp_path, Unavailable(Kind.TOOL, "systemctl is not installed here"))

    assert refusal("restart_service", here) == f"{UNIT} could not be looked at (systemctl is not installed here)"
    assert "does not tell the state" in refusal("restart_service", host(tmp_path, "", returncode=1))


def test_in_a_folder_the_step_is_planned_for_whoever_shows_it(tmp_path: Path) -> None:
    """The repair is then not offered, as all that runs something (repair.py)."""
    assert ACTIONS["start_service"](UNIT).plan(RootHost(tmp_path)) == [Service(UNIT, "start")]


def test_who_is_not_root_is_told_before_anything_is_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = host(tmp_path, UP)
    monkeypatch.setattr(here, "kind", "live")
    monkeypatch.setattr(services, "may_act", lambda: False)

    assert refusal("restart_service", here) == "only root may do that; run this with sudo"
