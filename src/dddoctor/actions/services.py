"""Starting, stopping and restarting units of systemd. Planned after what systemd says of them; done by the journal, last of all."""

from __future__ import annotations

import os
from collections.abc import Callable

from dddoctor.actions import Refused, action
from dddoctor.hosts.base import Host, Ran, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Change, Kind, Service

_UNIT = lazy(r"[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,255}")
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts", "Result", "ExecMainStatus", "MainPID")  # fmt: skip
SHOW_SECONDS = 10.0


class UnitState(NamedTuple):
    """What systemd says of a unit (`systemctl show`); an empty text where it says nothing.

    `active`: active, reloading, inactive, failed, activating, deactivating. `unit_file`: enabled, disabled, static, masked … . `restarts` counts the
    automatic ones since the last `reset-failed` or start by hand. `result`: success, exit-code, timeout, oom-kill … of the last end.
    """

    load: str
    active: str
    sub: str
    unit_file: str
    restarts: int
    result: str
    exit_status: int
    main_pid: int

    @property
    def is_up(self) -> bool:
        """Whether it runs, or is about to: between the restarts of a crash loop it does not."""
        return self.active in {"active", "reloading"}


def show_command(unit: str) -> list[str]:
    return ["systemctl", "show", "--property=" + ",".join(_PROPERTIES), "--", unit]


def parse_show(text: str) -> UnitState:
    """The state in the output of `show_command`; lines of another shape are left out, numbers that are none are 0."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def number(name: str) -> int:
        value = values.get(name, "")
        return int(value) if value.isdecimal() and len(value) < 12 else 0

    return UnitState(
        values.get("LoadState", ""), values.get("ActiveState", ""), values.get("SubState", ""), values.get("UnitFileState", ""),
        number("NRestarts"), values.get("Result", ""), number("ExecMainStatus"), number("MainPID"),
    )  # fmt: skip


def state_of(run: Callable[..., Ran], unit: str) -> UnitState:
    """Ask systemd. Unavailable where it does not answer."""
    ran = run(show_command(unit), SHOW_SECONDS)
    state = parse_show(ran.stdout)
    if ran.returncode or not state.active:
        lines = (ran.stderr or ran.stdout).strip().splitlines()
        raise Unavailable(
            Kind.TOOL, f"systemd does not tell the state of {unit}: {lines[-1] if lines else 'no answer'}"
        )
    return state


def may_act() -> bool:
    """Whether this user may start and stop units: root alone, since the doctor answers no questions of polkit."""
    return os.geteuid() == 0


def _looked_at(host: Host, unit: str) -> UnitState | None:
    """The unit's state; None in a folder, where nobody can be asked. Refused for what is no unit here, and to users who may not act."""
    if not _UNIT.fullmatch(unit):
        raise Refused(f"{unit!r} is no name of a unit")
    try:
        state = state_of(host.run, unit)
    except Unavailable as error:
        if error.kind is Kind.TARGET:
            return None
        raise Refused(f"{unit} could not be looked at ({error.reason})") from error
    if host.kind == "live" and not may_act():
        raise Refused("only root may do that; run this with sudo")
    if state.load == "masked":
        raise Refused(
            f"{unit} is masked: somebody switched it off for good (`systemctl unmask {unit}` allows it again)"
        )
    if state.load != "loaded":
        raise Refused(f"there is no unit {unit} here" if state.load == "not-found" else f"systemd cannot load {unit}")
    return state


@action("service")
class RestartService:
    """Restart a unit, or start it where it does not run. Params: unit."""

    unit: str

    def plan(self, host: Host) -> list[Change]:
        _looked_at(host, self.unit)
        return [Service(self.unit, "restart")]


@action("service")
class StartService:
    """Start a unit; a crash loop is started anew. Params: unit."""

    unit: str

    def plan(self, host: Host) -> list[Change]:
        state = _looked_at(host, self.unit)
        return [] if state is not None and state.is_up else [Service(self.unit, "start")]


@action("service")
class StopService:
    """Stop a unit. Params: unit. It is started again with the machine where it is enabled."""

    unit: str

    def plan(self, host: Host) -> list[Change]:
        state = _looked_at(host, self.unit)
        return [] if state is not None and state.active == "inactive" else [Service(self.unit, "stop")]
