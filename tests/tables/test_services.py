"""Services as systemd tells them: recorded texts of a real Agent 7.72.4 under systemd 257."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dddoctor.hosts.base import Ran, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables.agents import Agent
from dddoctor.tables.services import SYSTEMCTL_SHOW, Service, collect, obstacle, parse_show

PACKAGE = Agent("package", "package", 7, "7.72.4", "/etc/datadog-agent", None, "/opt/datadog-agent", "3", None)
KEY = "0badc0de0badc0de0badc0de0badc0de"
# What `systemctl show` printed in the lab, cut to one property of each kind.
SHOWN = f"""MainPID=56
Result=success
NRestarts=0
ExecMainCode=0
ExecMainStatus=0
Environment=DD_HOSTNAME_TRUST_UTS_NAMESPACE=true "DD_TAGS=env:lab team:a" DD_API_KEY={KEY}
EnvironmentFiles=/etc/datadog-agent/environment (ignore_errors=yes)
EnvironmentFiles=/etc/default/more (ignore_errors=no)
User=dd-agent
Id=datadog-agent.service
LoadState=loaded
ActiveState=active
SubState=running
FragmentPath=/usr/lib/systemd/system/datadog-agent.service
DropInPaths=/etc/systemd/system/datadog-agent.service.d/a.conf /etc/systemd/system/datadog-agent.service.d/lab.conf
UnitFileState=enabled
StateChangeTimestampMonotonic=5000000
NeedDaemonReload=no
ConditionResult=yes

Id=datadog-agent-ddot.service
LoadState=not-found
ActiveState=inactive

MainPID=0
Result=exit-code
NRestarts=5
ExecMainCode=1
ExecMainStatus=255
User=mysql
Id=mariadb.service
LoadState=loaded
ActiveState=failed
SubState=failed
UnitFileState=disabled
StateChangeTimestampMonotonic=0
NeedDaemonReload=yes
ConditionResult=no

Id=mariadb.service
LoadState=loaded
ActiveState=failed
"""


def rows(folder: Path, ran: Ran | Unavailable, files: dict[str, str] | None = None) -> list[Service | Gap]:
    for path, text in (files or {}).items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    host = ExampleHost(folder, commands={SYSTEMCTL_SHOW: ran}, processes=[])
    return list(collect(host, Vault(), [PACKAGE]))


def test_every_property_has_its_column(tmp_path: Path) -> None:
    agent, mysql = rows(tmp_path, Ran(0, SHOWN, ""), {"/proc/stat": "cpu 1 2\nbtime 1000\n"})
    assert isinstance(agent, Service)

    environment = json.loads(agent.environment or "")
    assert environment[:2] == ["DD_HOSTNAME_TRUST_UTS_NAMESPACE=true", "DD_TAGS=env:lab team:a"]
    assert KEY not in str(environment)
    assert agent._replace(environment=None) == Service(
        unit="datadog-agent.service", manager="systemd", agent="package", load_state="loaded", active_state="active", sub_state="running",
        result="success", restart_count=0, exec_main_status=0, exec_main_code=None, is_enabled=1, unit_file_state="enabled",
        file="/usr/lib/systemd/system/datadog-agent.service",
        drop_ins='["/etc/systemd/system/datadog-agent.service.d/a.conf", "/etc/systemd/system/datadog-agent.service.d/lab.conf"]',
        environment_files='["/etc/datadog-agent/environment", "/etc/default/more"]', environment=None, user="dd-agent", main_pid=56, since=1005.0,
        needs_reload=0, is_condition_met=1,
    )  # fmt: skip
    assert mysql == Service(
        unit="mariadb.service", manager="systemd", agent=None, load_state="loaded", active_state="failed", sub_state="failed", result="exit-code",
        restart_count=5, exec_main_status=255, exec_main_code="exited", is_enabled=0, unit_file_state="disabled", file=None, drop_ins="[]",
        environment_files="[]", environment="[]", user="mysql", main_pid=None, since=None, needs_reload=1, is_condition_met=0,
    )  # fmt: skip


def test_systemd_229_tells_less(tmp_path: Path) -> None:
    """Ubuntu 16.04: no NRestarts, and times of another kind are left out."""
    [row] = rows(tmp_path, Ran(0, "Id=datadog-agent.service\nLoadState=loaded\nActiveState=active\n", ""))

    assert isinstance(row, Service)
    assert (row.restart_count, row.is_enabled, row.since, row.needs_reload) == (None, None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "=\n=x\n\n\n",
        "Id\n",
        "LoadState=loaded\n",
        "Id=datadog-agent.service\nLoadState=loaded\nNRestarts=many\nMainPID=99999999999999999999999\nEnvironment='\n",
        "\x00\x1b[31mId=a\n",
        "Id=datadog-agent.serv",
    ],
)
def test_a_text_of_any_shape_is_survived(tmp_path: Path, text: str) -> None:
    """An output that was cut, and lines that are none of systemctl's."""
    try:
        found = rows(tmp_path, Ran(0, text, ""))
    except Unavailable as error:
        assert error.kind is Kind.TOOL
        return
    assert all(isinstance(f, Gap) or f.unit == "datadog-agent.service" for f in found)


def test_properties_are_read_unit_by_unit() -> None:
    assert parse_show("A=1\nA=2\nwarning: x\nB=x=y\n\n\nA=3") == [{"A": ["1", "2"], "B": ["x=y"]}, {"A": ["3"]}]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (
            "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n",
            None,
        ),
        ("Failed to connect to bus: No such file or directory", None),
        ("Failed to connect to bus: Permission denied", Kind.DENIED),
        ("Failed to get properties: Access denied", Kind.DENIED),
        ("Failed to get properties: Connection timed out", Kind.TIMEOUT),
        ("systemctl: symbol lookup error", Kind.TOOL),
        ("", Kind.TOOL),
    ],
)
def test_why_systemd_did_not_answer(said: str, kind: Kind | None) -> None:
    found = obstacle(said, 1)

    assert (found.kind if found else None) is kind


def test_a_systemctl_that_hangs_is_an_obstacle_and_no_empty_table(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        rows(tmp_path, Unavailable(Kind.TIMEOUT, "systemctl did not end within 5 s", "--timeout"))
    assert caught.value.kind is Kind.TIMEOUT


@pytest.mark.parametrize(
    ("files", "manager", "file", "is_enabled"),
    [
        ({}, "none", None, 0),
        ({"/etc/init.d/datadog-agent": ""}, "sysvinit", "/etc/init.d/datadog-agent", 0),
        (
            {"/etc/init.d/datadog-agent": "", "/etc/rc3.d/S20datadog-agent": ""},
            "sysvinit",
            "/etc/init.d/datadog-agent",
            1,
        ),
        ({"/etc/init/datadog-agent.conf": ""}, "upstart", "/etc/init/datadog-agent.conf", 1),
        (
            {"/etc/init/datadog-agent.conf": "", "/etc/init/datadog-agent.override": "manual\n"},
            "upstart",
            "/etc/init/datadog-agent.conf",
            0,
        ),
    ],
)
def test_without_systemd_the_files_name_the_manager_and_states_are_gaps(
    tmp_path: Path, files: dict[str, str], manager: str, file: str | None, is_enabled: int
) -> None:
    row, gap = rows(tmp_path, Unavailable(Kind.TOOL, "systemctl is not installed here"), files)

    assert isinstance(row, Service)
    assert (row.unit, row.manager, row.agent, row.file, row.is_enabled, row.active_state) == (
        "datadog-agent", manager, "package", file, is_enabled, None,
    )  # fmt: skip
    assert isinstance(gap, Gap)
    assert (gap.where, gap.kind, "active_state" in (gap.columns or ())) == ("*", Kind.TARGET, True)


def test_a_host_without_agent_and_mysql_is_not_asked(tmp_path: Path) -> None:
    host = ExampleHost(tmp_path, commands={SYSTEMCTL_SHOW: Unavailable(Kind.TIMEOUT, "asked")})

    assert list(collect(host, Vault(), [])) == []
