"""Each fault in a VM of its own: named first, mended, proved by the real Agent, and brought back by `undo`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.lab.scenarios import ANY, NO_RULE_YET, SCENARIOS, Scenario
from tests.lab.vm import VM, Doctor

# VMs wait more than they work: some at once.
AT_ONCE = 4


def break_it(vm: VM, scenario: Scenario) -> None:
    """Bring the host into the scenario's state, and wait until it is in it."""
    vm.wait_for(lambda: vm.agent_age() >= scenario.age, "the Agent's age", scenario.age + 20)
    for line in scenario.breaks:
        vm.sh(line)
    if scenario.needs_restart:
        vm.restart_agent(wait=False)
    match scenario.settled:
        case "up":
            vm.wait_for_agent()
            vm.wait_for(lambda: scenario.sign in vm.journal(), f"`{scenario.sign}` in the Agent's log")
        case "failed":
            vm.wait_for(lambda: vm.unit("ActiveState")["ActiveState"] == "failed", "the unit's failure")
        case "looping":
            vm.wait_for(lambda: int(vm.unit("NRestarts")["NRestarts"]) > 0, "a restart by systemd", 60)
        case "deaf":
            vm.wait_for(
                lambda: vm.unit("ActiveState")["ActiveState"] == "active" and not vm.agent_answers(),
                "an Agent that does not answer",
            )
        case "down":
            vm.wait_for(lambda: vm.unit("MainPID")["MainPID"] == "0", "the Agent's end")


def causes(doctor: Doctor) -> list[tuple[str, str | None, int | None]]:
    """(rule, file, line) of the report's causes, in its order."""
    found = {f["id"]: f for f in doctor.report["findings"]}
    return [(found[c]["rule"], found[c]["file"], found[c]["line"]) for c in doctor.report["causes"]]


class Outcome:
    """What was seen of one scenario, from breaking it to `undo`."""

    before: Doctor
    repaired: Doctor | None = None
    after: Doctor
    status: str
    unit: dict[str, str]
    ports: set[int]
    undone: Doctor | None = None


def play(source: Path, scenario: Scenario) -> Outcome:
    """The whole of a scenario in a fresh VM."""
    seen = Outcome()
    with VM(source) as vm:
        vm.wait_for_agent()
        break_it(vm, scenario)
        seen.before = vm.check()
        # A file that is written within 2 s of the Agent's start cannot be told from one that it has read.
        vm.wait_for(lambda: vm.agent_age() >= 3, "the Agent's age")
        if scenario.fix:
            seen.repaired = vm.check(*scenario.fix)
        for line in scenario.by_hand:
            vm.sh(line)
        vm.wait_for_agent(checks=bool(scenario.proof or scenario.left))
        if scenario.proof:
            vm.wait_for(lambda: scenario.proof in vm.journal(), f"`{scenario.proof}` in the Agent's log")
        seen.status = vm.agent("status").stdout
        seen.unit = vm.unit("ActiveState", "SubState", "NRestarts")
        seen.ports = vm.ports()
        seen.after = vm.check()
        if scenario.fix and scenario.undoable:
            undo = vm.dddoctor("undo", "--yes")
            assert undo.returncode == 0, undo.stdout + undo.stderr
            seen.undone = vm.check()
    return seen


@pytest.fixture(scope="session")
def played(source: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Outcome]]]:
    """Every selected scenario, some at a time, by name."""
    wanted: list[Scenario] = [
        item.callspec.params["scenario"]
        for item in request.session.items
        if hasattr(item, "callspec") and "scenario" in item.callspec.params
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {s.name: pool.submit(play, source, s) for s in wanted}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if s.name not in NO_RULE_YET], ids=lambda s: s.name)
def test_a_broken_host_is_diagnosed_repaired_proved_and_undone(scenario: Scenario, played: dict[str, Any]) -> None:
    """The cause comes first and alone; what is repaired runs by the Agent's own word; `undo` brings back the same causes."""
    seen: Outcome = played[scenario.name].result()

    found = causes(seen.before)
    assert found[:1] == [scenario.cause if scenario.cause[2] != ANY else (*scenario.cause[:2], found[0][2])]
    assert {rule for rule, _, _ in found} == {scenario.cause[0], *scenario.also}
    assert seen.before.report["broken"] == []
    if seen.repaired is not None:
        # What is left is what this Agent says of a Python check, some moments after its start: the proof may come before.
        assert seen.repaired.returncode in ((0, 1) if scenario.left else (0,)), seen.repaired.stderr
        assert seen.repaired.report["applied"]
    assert {rule for rule, _, _ in causes(seen.after)} == set(scenario.left)
    assert seen.after.returncode == (1 if scenario.left else 0)
    assert seen.unit["ActiveState"] == "active"
    assert scenario.port in seen.ports
    if seen.undone is not None:
        assert causes(seen.undone) == found
