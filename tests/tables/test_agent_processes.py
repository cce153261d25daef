"""Which processes of each Agent run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.base import Process, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.tables import agents as agents_of
from dddoctor.tables.agent_processes import AgentProcess, collect

AGENT = "/opt/datadog-agent/bin/agent/agent"
TRACE = "/opt/datadog-agent/embedded/bin/trace-agent"
ID = "4f5e9d3c2b1a" * 5 + "4f5e"


def process(argv: str, pid: int = 81, **given: Any) -> Process:
    words = tuple(argv.split())
    values: dict[str, Any] = {
        "pid": pid, "ppid": 1, "name": words[0].rpartition("/")[2], "argv": words, "user": "dd-agent", "uid": 996, "started_at": 1000.0,
        "exe": words[0] if words[0].startswith("/") else None, "is_exe_deleted": 0, "cwd": "/", "cgroup": "/system.slice/datadog-agent.service",
        "environ": {}, "is_foreign": 0, "rss_bytes": None,
    }  # fmt: skip
    return Process(**{**values, **given})


def rows(folder: Path, files: tuple[str, ...] = (AGENT,), **given: Any) -> list[AgentProcess | Gap]:
    for file in files:
        path = folder / file.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    host = ExampleHost(folder, **given)
    return list(collect(host, [a for a in agents_of.collect(host) if not isinstance(a, Gap)]))


def running(process: str, pid: int, **given: Any) -> AgentProcess:
    values: dict[str, Any] = {
        "agent": "package", "process": process, "is_running": 1, "pid": pid, "user": "dd-agent", "started_at": 1000.0, "is_young": 0,
        "unit": "datadog-agent.service", "exe": AGENT, "is_exe_deleted": 0, "program": AGENT, "is_replaced": 0, "container": None, "has_host_agent": 1,
    }  # fmt: skip
    return AgentProcess(**{**values, **given})


def stopped(process: str, program: str) -> AgentProcess:
    nothing: dict[str, Any] = dict.fromkeys(AgentProcess._fields)
    return AgentProcess(
        **{**nothing, "agent": "package", "process": process, "is_running": 0, "program": program, "has_host_agent": 1}
    )


def test_what_runs_and_what_is_installed_and_does_not(tmp_path: Path) -> None:
    found = rows(tmp_path, (AGENT, TRACE), processes=[process(f"{AGENT} run")])

    assert found == [running("agent", 81), stopped("trace-agent", TRACE)]


def test_an_agent_that_does_not_run_at_all(tmp_path: Path) -> None:
    assert rows(tmp_path, processes=[process("/sbin/init", 1)]) == [stopped("agent", AGENT)]


def test_a_configuration_folder_alone_has_nothing_to_run(tmp_path: Path) -> None:
    assert rows(tmp_path, ("/etc/datadog-agent/datadog.yaml",), processes=[process("/sbin/init", 1)]) == []


def test_a_folder_has_no_processes_and_that_is_no_obstacle(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        rows(tmp_path)
    assert caught.value.kind is Kind.TARGET


def test_a_start_of_less_than_40_seconds_ago_is_young(tmp_path: Path) -> None:
    now = time.time()
    found = rows(
        tmp_path,
        (AGENT, TRACE),
        processes=[
            process(f"{AGENT} run", 81, started_at=now - 30),
            process(f"{TRACE} --config x", 82, started_at=now - 50),
        ],
    )

    assert [(r.process, r.is_young) for r in found if isinstance(r, AgentProcess)] == [("agent", 1), ("trace-agent", 0)]


def test_a_program_that_an_upgrade_has_replaced(tmp_path: Path) -> None:
    [found] = rows(tmp_path, processes=[process(f"{AGENT} run", is_exe_deleted=1)])

    assert found == running("agent", 81, is_exe_deleted=1, is_replaced=1)


def test_the_installer_moves_its_folder_and_keeps_the_old_program(tmp_path: Path) -> None:
    base = "/opt/datadog-packages/datadog-agent"
    (tmp_path / base.lstrip("/")).mkdir(parents=True)
    (tmp_path / base.lstrip("/") / "stable").symlink_to("7.72.4-1")
    new, old = f"{base}/7.72.4-1/bin/agent/agent", f"{base}/7.70.0-1/bin/agent/agent"

    [found] = rows(tmp_path, (new, old), processes=[process(f"{base}/stable/bin/agent/agent run", exe=old)])

    assert found == running("agent", 81, exe=old, program=new, is_replaced=1)


def test_a_plain_user_sees_that_it_runs_and_not_from_what(tmp_path: Path) -> None:
    found = rows(tmp_path, processes=[process(f"{AGENT} run", exe=None, is_exe_deleted=None, environ=None, cwd=None)])

    assert found[0] == running("agent", 81, exe=None, is_exe_deleted=None, is_replaced=None)
    assert [(g.where, g.kind, g.remedy, g.columns) for g in found if isinstance(g, Gap)] == [
        ("package", Kind.DENIED, "sudo", ("exe", "is_exe_deleted", "is_replaced"))
    ]


def test_of_a_script_the_interpreter_says_nothing(tmp_path: Path) -> None:
    found = rows(tmp_path, (AGENT, TRACE), processes=[process(f"/usr/bin/python3 {TRACE} --config x")])

    assert found[0] == running("trace-agent", 81, exe="/usr/bin/python3", program=TRACE)


def test_a_container_by_what_docker_says_and_by_its_processes(tmp_path: Path) -> None:
    """Docker names the first process, which starts the others."""
    container = {
        "Id": ID, "Name": "/dd-agent", "Config": {"Image": "datadog/agent:7"},
        "State": {"Running": True, "Pid": 912, "StartedAt": "1970-01-01T00:16:40Z"},
    }  # fmt: skip
    inside: dict[str, Any] = {"cgroup": f"/docker/{ID}", "is_foreign": 1, "user": "root"}
    common: dict[str, Any] = {
        "agent": "container:dd-agent", "unit": None, "exe": None, "is_exe_deleted": None, "program": None, "is_replaced": None,
        "container": "dd-agent", "has_host_agent": 0,
    }  # fmt: skip

    unseen = rows(tmp_path, (), processes=[], docker=[{**container, "State": {"Running": False}}])
    by_docker = rows(tmp_path, (), processes=[process("/sbin/init", 1)], docker=[container])
    by_both = rows(
        tmp_path,
        (),
        processes=[process(f"{AGENT} run", 930, **inside), process(f"{TRACE} --config x", 931, **inside)],
        docker=[container],
    )

    assert unseen == [
        running("agent", 0, **common)._replace(is_running=0, pid=None, user=None, started_at=None, is_young=None)
    ]
    assert by_docker == [running("agent", 912, user=None, **common)]
    assert by_both == [
        running("agent", 930, **{**common, "user": "root"}),
        running("trace-agent", 931, **{**common, "user": "root"}),
    ]


def test_docker_that_may_not_be_asked_is_a_gap_of_its_containers(tmp_path: Path) -> None:
    refused = Unavailable(Kind.DENIED, "no", "sudo")

    found = rows(tmp_path, processes=[process(f"{AGENT} run")], docker=refused)

    assert found == [Gap("Docker", Kind.DENIED, "no", "sudo", ("container",)), running("agent", 81)]
