"""The journal's steps on units of systemd: what a unit was before is written down, done is what stays up, and undo brings that state back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dddoctor.actions.services import UnitState, state_of
from dddoctor.hosts.base import InputError, Ran, Unavailable
from dddoctor.journal_files import JournalError
from dddoctor.model import Service

LIMIT_SECONDS = 45.0  # an Agent that cannot reach its intake needs 30 s to stop (measured on 7.72.4)
SETTLED_SECONDS = (
    3.0  # a start that fails at once is restarted within milliseconds, five times; systemd says "active" in between
)
_POLL_SECONDS = 0.1
_ENDS = ("start", "restart", "try-restart", "reload-or-restart")
# Action on the unit file → (the state of before in which it changed nothing, the way back).
_UNIT_FILE = {"enable": ("enabled", "disable"), "disable": ("disabled", "enable"), "mask": ("masked", "unmask"), "unmask": ("", "mask")}  # fmt: skip

Runs = Callable[..., Ran]


def describe(change: Service, run: Runs) -> dict[str, Any]:
    """The step, with the unit's state before it. JournalError where systemd does not tell it."""
    before = _state(run, change.unit)
    if before.load in {"not-found", ""}:
        raise JournalError(f"there is no unit {change.unit} here")
    return {
        "op": "service",
        "path": change.unit,
        "action": change.action,
        "before": {"active": before.active, "unit_file": before.unit_file},
    }


def make(step: dict[str, Any], run: Runs) -> None:
    """Do it, and wait until the unit has settled. JournalError where it does not stay up."""
    unit, action = step["path"], step["action"]
    if action in _ENDS:
        _forget_failures(run, unit)
    _systemctl(run, action, unit)
    if action in _ENDS:
        _settle(run, unit)


def take_back(step: dict[str, Any], run: Runs) -> None:
    """Bring the state of before back: what was started is stopped, what ran is restarted, so that it reads the configuration that is back.

    A unit that was in a crash loop or had failed is left stopped: nobody wants the loop back.
    """
    unit, action, before = step["path"], step["action"], step.get("before") or {}
    if action in _UNIT_FILE:
        unchanged, back = _UNIT_FILE[action]
        was = before.get("unit_file", "")
        if was != unchanged and (action != "unmask" or was.startswith("masked")):
            _systemctl(run, back, unit)
        return
    was_up = before.get("active") in {"active", "reloading"}
    if action in _ENDS and not was_up:
        _systemctl(run, "stop", unit)
    elif action == "stop" and was_up:
        _forget_failures(run, unit)
        _systemctl(run, "start", unit)
        _settle(run, unit)
    elif action != "stop" and not (action == "start" and was_up):
        _forget_failures(run, unit)
        _systemctl(run, action, unit)
        _settle(run, unit)


def _forget_failures(run: Runs, unit: str) -> None:
    """Within 10 s of a crash loop's last try, systemd refuses any start until its count is reset."""
    state = _state(run, unit)
    if state.active in {"failed", "activating"} or state.restarts:
        _run(run, ["systemctl", "reset-failed", "--", unit])


def _settle(run: Runs, unit: str) -> None:
    """Wait until the same process has been up for SETTLED_SECONDS, or the unit has ended well. JournalError where it fails or does not settle."""
    deadline = time.monotonic() + LIMIT_SECONDS
    seen: tuple[int, int] | None = None
    since = time.monotonic()
    first: UnitState | None = None
    while True:
        state, now = _state(run, unit), time.monotonic()
        first = first or state
        if state.active == "failed":
            raise JournalError(
                f"{unit} does not stay up ({state.result}, status {state.exit_status}); `journalctl -u {unit}` says why"
            )
        if state.active == "inactive" and state.result == "success":
            return  # done (a oneshot), or with nothing to do (a trace-agent that is switched off)
        if (state.main_pid, state.restarts) != seen or not state.is_up:
            seen, since = (state.main_pid, state.restarts), now
        elif now - since >= SETTLED_SECONDS:
            return
        if now >= deadline:
            restarts = state.restarts - first.restarts
            looping = f", it was restarted {restarts} times" if restarts else ""
            raise JournalError(f"{unit} has not settled within {LIMIT_SECONDS:g} s ({state.active}{looping})")
        time.sleep(_POLL_SECONDS)


def _state(run: Runs, unit: str) -> UnitState:
    try:
        return state_of(run, unit)
    except Unavailable as error:
        raise JournalError(error.reason) from error


def _systemctl(run: Runs, action: str, unit: str) -> None:
    ran = _run(run, ["systemctl", "--no-ask-password", action, "--", unit])
    if ran.returncode:
        lines = (ran.stderr or ran.stdout).strip().splitlines()
        raise JournalError(
            f"`systemctl {action} {unit}` ended with {ran.returncode}: {(lines or ['no message'])[-1][:200]}"
        )


def _run(run: Runs, argv: list[str]) -> Ran:
    try:
        return run(argv, LIMIT_SECONDS)
    except (Unavailable, InputError, OSError) as error:
        raise JournalError(f"`{' '.join(argv)}`: {error}") from error
