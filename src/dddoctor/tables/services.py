"""The services of the Agent and of MySQL, as the service manager knows them. systemd is asked once for all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables._clock import boot_time
from dddoctor.tables._environment import assignments
from dddoctor.tables.agents import Agent

if TYPE_CHECKING:
    from dddoctor.secrets import Vault

# omnibus/config/templates/datadog-agent/systemd*.erb [7.52], pkg/fleet/installer/packages/embedded/tmpl [main]; MySQL's of Debian, Red Hat and Oracle.
AGENT_UNITS = tuple(
    f"datadog-agent{part}.service"
    for part in ("", "-trace", "-process", "-sysprobe", "-security", "-installer", "-data-plane", "-ddot", "-action", "-exp")
)  # fmt: skip
MYSQL_UNITS = ("mysql.service", "mariadb.service", "mysqld.service")
_MYSQL_PLACES = ("/etc/mysql", "/etc/my.cnf", "/var/lib/mysql")
_PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "Result", "NRestarts", "ExecMainStatus", "ExecMainCode", "UnitFileState", "FragmentPath",
    "DropInPaths", "EnvironmentFiles", "Environment", "User", "MainPID", "StateChangeTimestampMonotonic", "NeedDaemonReload", "ConditionResult",
)  # fmt: skip
SYSTEMCTL_SHOW = ("systemctl", "show", f"--property={','.join(_PROPERTIES)}", *AGENT_UNITS, *MYSQL_UNITS)
_LIMIT_SECONDS = 5.0
_EXIT_CODES = {"1": "exited", "2": "killed", "3": "dumped"}  # CLD_EXITED, CLD_KILLED, CLD_DUMPED of <signal.h>
_ENABLED = {
    "enabled": 1,
    "enabled-runtime": 1,
    "linked": 0,
    "linked-runtime": 0,
    "disabled": 0,
    "masked": 0,
    "masked-runtime": 0,
}
# Columns that only systemd fills.
_OF_SYSTEMD = (
    "load_state", "active_state", "sub_state", "result", "restart_count", "exec_main_status", "exec_main_code", "unit_file_state", "main_pid",
    "environment_files", "environment", "user", "since", "needs_reload", "is_condition_met",
)  # fmt: skip
_OTHER_MANAGERS = (
    ("launchd", "/Library/LaunchDaemons/com.datadoghq.agent.plist"),
    ("upstart", "/etc/init/datadog-agent.conf"),
    ("sysvinit", "/etc/init.d/datadog-agent"),
)


class Service(NamedTuple):
    """One service that is installed here: the Agent's units, MySQL's.

    `manager`: systemd, launchd, upstart, sysvinit, or none where nothing starts the installed Agent. `agent`: the Agent it belongs to. Of systemd:
    `load_state` loaded, masked, error …; `active_state` active, inactive, failed, activating …; `sub_state` running, dead, auto-restart …; `result` success,
    exit-code, start-limit-hit, oom-kill …; `restart_count` is how often systemd has restarted it by itself since it was last started by somebody
    (NULL before systemd 235): **between the restarts of a crash loop the state is active and the result success, this number alone tells**.
    `exec_main_code` exited, killed or dumped, `exec_main_status` its exit status or signal. `is_enabled`: it starts at boot; NULL for a unit that cannot
    be enabled (static). `unit_file_state` enabled, disabled, masked, static …. `file`: its unit file; `drop_ins`: JSON list of files that change it.
    `environment_files` JSON list of paths, `environment` JSON list of `NAME=value`, secrets as tokens. `user` as the unit says, empty = root. `since`: when it
    last changed its state, seconds since the epoch (late by the time that the machine slept). `needs_reload`: its files changed and systemd has not read
    them again. `is_condition_met`: 0 where a condition of the unit kept it from starting.
    Other managers are not asked for states: what they start is in agent_processes.

    Source: `systemctl show` (systemd 229 on); the files of the other managers.
    """

    unit: str
    manager: str
    agent: str | None
    load_state: str | None
    active_state: str | None
    sub_state: str | None
    result: str | None
    restart_count: int | None
    exec_main_status: int | None
    exec_main_code: str | None
    is_enabled: int | None
    unit_file_state: str | None
    file: str | None
    drop_ins: str
    environment_files: str | None
    environment: str | None
    user: str | None
    main_pid: int | None
    since: float | None
    needs_reload: int | None
    is_condition_met: int | None


@table("services", Service)
def collect(host: Host, vault: Vault, agents: list[Agent]) -> Iterator[Service | Gap]:
    """By unit. A host without an Agent and without MySQL is not asked. What is not installed has no row."""
    installed = next((a for a in agents if a.kind in ("package", "app")), None)
    if installed is None and not _has_mysql(host):
        return
    try:
        ran = host.run(SYSTEMCTL_SHOW, _LIMIT_SECONDS)
    except Unavailable as error:
        if error.kind is not Kind.TOOL:
            raise
        yield from _without_systemd(host, installed)
        return
    text = ran.stdout
    if "=" not in text:
        problem = obstacle(ran.stderr or ran.stdout, ran.returncode)
        if problem is None:
            yield from _without_systemd(host, installed)
            return
        raise problem
    booted_at = boot_time(host)
    seen: set[str] = set()
    for properties in parse_show(text):
        service = _service(properties, installed, vault, booted_at)
        if (
            service is not None and service.unit not in seen
        ):  # mysql.service is another name of mariadb.service on Debian
            seen.add(service.unit)
            yield service


def _has_mysql(host: Host) -> bool:
    for place in _MYSQL_PLACES:
        with suppress(Unavailable, InputError):
            if host.exists(place):
                return True
    return False


def parse_show(text: str) -> list[dict[str, list[str]]]:
    """The properties of each unit, by name; one that is printed several times (EnvironmentFiles) has several values. Other lines are left out."""
    found: list[dict[str, list[str]]] = [{}]
    for line in text.splitlines():
        if not line.strip():
            if found[-1]:
                found.append({})
            continue
        name, equals, value = line.partition("=")
        if equals and name.isalnum():
            found[-1].setdefault(name, []).append(value)
    return [f for f in found if f]


def obstacle(said: str, returncode: int) -> Unavailable | None:
    """Why systemctl told nothing; None where the machine has no running systemd (a container, WSL, sysvinit), which is no obstacle."""
    text = " ".join(said.split())
    if "not been booted with systemd" in text or "Host is down" in text or "No such file or directory" in text:
        return None
    if any(word in text for word in ("ermission denied", "not permitted", "ccess denied")):
        return Unavailable(Kind.DENIED, "systemd does not answer this user", "sudo")
    if "timed out" in text or "imeout" in text:
        return Unavailable(Kind.TIMEOUT, "systemd did not answer in time", "--timeout")
    return Unavailable(Kind.TOOL, f"systemctl ended with {returncode}: {text[:160] or 'it said nothing'}")


def _service(
    properties: Mapping[str, Sequence[str]], installed: Agent | None, vault: Vault, booted_at: float | None
) -> Service | None:
    def one(name: str) -> str | None:
        values = properties.get(name)
        return values[0].strip() or None if values else None

    def number(name: str) -> int | None:
        value = one(name) or ""
        return int(value) if value.isdecimal() and len(value) < 19 else None

    unit, load_state = one("Id"), one("LoadState")
    if unit is None or load_state in (None, "not-found"):
        return None
    state = one("UnitFileState")
    # `EnvironmentFiles=/etc/datadog-agent/environment (ignore_errors=yes)`
    files = [v.rpartition(" (")[0] or v for v in properties.get("EnvironmentFiles", ()) if v.strip()]
    words = [f"{name}={value}" for name, value in assignments(one("Environment") or "")]
    changed = number("StateChangeTimestampMonotonic")
    condition = one("ConditionResult")
    is_agents = unit.startswith("datadog-agent")
    return Service(
        unit=unit,
        manager="systemd",
        agent=installed.agent if installed is not None and is_agents else None,
        load_state=load_state,
        active_state=one("ActiveState"),
        sub_state=one("SubState"),
        result=one("Result"),
        restart_count=number("NRestarts"),
        exec_main_status=number("ExecMainStatus"),
        exec_main_code=_EXIT_CODES.get(one("ExecMainCode") or ""),
        is_enabled=_ENABLED.get(state or ""),
        unit_file_state=state,
        file=one("FragmentPath"),
        drop_ins=json.dumps((one("DropInPaths") or "").split()),
        environment_files=json.dumps([vault.redact(f) for f in files]),
        environment=json.dumps([vault.redact(w) for w in words], ensure_ascii=False),
        user=one("User") or "",
        main_pid=number("MainPID") or None,
        since=booted_at + changed / 1e6 if booted_at is not None and changed else None,
        needs_reload={"yes": 1, "no": 0}.get(one("NeedDaemonReload") or ""),
        is_condition_met={"yes": 1, "no": 0}.get(condition or ""),
    )


def _without_systemd(host: Host, installed: Agent | None) -> Iterator[Service | Gap]:
    """The installed Agent's service by the files of another manager; its states are not known, and nothing here would tell them."""
    if installed is None or installed.install_dir is None:
        yield Gap("*", Kind.TARGET, "no systemd runs here, so no service can be asked about")
        return
    manager, file = "none", None
    for name, path in _OTHER_MANAGERS:
        with suppress(Unavailable, InputError):
            if host.exists(path):
                manager, file = name, path
                break
    nothing: dict[str, None] = dict.fromkeys(_OF_SYSTEMD)
    yield Service(unit="datadog-agent", manager=manager, agent=installed.agent, is_enabled=_starts_at_boot(host, manager), file=file, drop_ins="[]", **nothing)  # fmt: skip
    yield Gap("*", Kind.TARGET, "no systemd runs here, so the states of services are not known", "", _OF_SYSTEMD)


def _starts_at_boot(host: Host, manager: str) -> int | None:
    """sysvinit: a link in /etc/rcN.d; upstart: unless an .override says manual; launchd: what lies in LaunchDaemons. NULL where it cannot be seen."""
    try:
        if manager == "sysvinit":
            return int(bool(host.glob("/etc/rc?.d/S??datadog-agent")))
        if manager == "upstart":
            text = host.read("/etc/init/datadog-agent.override").decode("utf-8", "replace")
            return int("manual" not in text.split())
    except FileNotFoundError:
        return int(manager == "upstart")
    except (Unavailable, InputError):
        return None
    return {"launchd": 1, "none": 0}.get(manager)
