"""Processes and listeners as rows: what is cut off, hidden, and not known."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.base import Process, Socket, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import processes
from dddoctor.tables.processes import Listener, RunningProcess

ID = "4ba2c9" + "0" * 58
AGENT = Process(
    812, 1, "agent", ("/opt/datadog-agent/bin/agent/agent", "run"), "dd-agent", 107, 1000.0, "/opt/datadog-agent/bin/agent/agent", 0,
    "/", "/system.slice/datadog-agent.service", {"DD_API_KEY": "0badc0de0badc0de0badc0de0badc0de"}, 0, 100,
)  # fmt: skip
MYSQL = AGENT._replace(
    pid=900, name="mysqld", argv=("mysqld", "--init-password=Sommer2026"), user="mysql", exe="/usr/sbin/mysqld", is_exe_deleted=1,
    cgroup=f"/system.slice/docker-{ID}.scope", is_foreign=1,
)  # fmt: skip
needs_root_or_not = "sudo" if os.geteuid() else ""


def host(tmp_path: Path, *found: Process, sockets: list[Socket] | Unavailable | None = None) -> ExampleHost:
    return ExampleHost(tmp_path, processes=list(found), sockets=sockets if sockets is not None else [])


def of(rows: Iterator[Any], kind: type) -> list[Any]:
    return [r for r in rows if isinstance(r, kind)]


def test_a_process_is_a_row_with_its_unit_or_container(tmp_path: Path) -> None:
    vault = Vault()
    rows: list[Any] = list(processes.collect(host(tmp_path, AGENT, MYSQL), vault))

    assert rows == [
        RunningProcess(
            812, 1, "agent", "/opt/datadog-agent/bin/agent/agent run", "dd-agent", 1000.0, "/opt/datadog-agent/bin/agent/agent", 0,
            "datadog-agent.service", None, 0, 100,
        ),
        RunningProcess(
            900, 1, "mysqld", rows[1].command, "mysql", 1000.0, "/usr/sbin/mysqld", 1, f"docker-{ID}.scope", "4ba2c9000000", 1, 100
        ),
    ]  # fmt: skip
    assert "Sommer2026" not in rows[1].command
    assert vault.show(rows[1].command) == "mysqld --init-password=<password #1>"


@pytest.mark.parametrize(
    ("cgroup", "unit", "container"),
    [
        ("/", None, None),
        (None, None, None),
        ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", None),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app.service", "user@1000.service", None),
        ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope", None),
        (f"/docker/{ID}", None, "4ba2c9000000"),
        (f"/kubepods.slice/kubepods-pod12.slice/cri-containerd-{ID}.scope", f"cri-containerd-{ID}.scope", "4ba2c9000000"),
        (f"/machine.slice/libpod-{ID}.scope/container", f"libpod-{ID}.scope", "4ba2c9000000"),
    ],
)  # fmt: skip
def test_unit_and_container_come_from_the_group(cgroup: str | None, unit: str | None, container: str | None) -> None:
    assert (processes.unit_of(cgroup), processes.container_of(cgroup)) == (unit, container)


def test_what_only_root_may_see_is_a_gap_of_its_columns(tmp_path: Path) -> None:
    hidden = MYSQL._replace(exe=None, is_exe_deleted=None, environ=None, cwd=None)

    rows: list[Any] = list(processes.collect(host(tmp_path, AGENT, hidden), Vault()))

    assert (rows[1].exe, rows[1].is_exe_deleted, rows[1].is_foreign) == (None, None, 1)
    assert [(g.where, g.kind, g.remedy, g.columns) for g in of(iter(rows), Gap)] == [
        ("processes of others", Kind.DENIED, needs_root_or_not, ("exe", "is_exe_deleted"))
    ]


def test_a_thread_of_the_kernel_has_no_program_and_nothing_is_missing(tmp_path: Path) -> None:
    thread = AGENT._replace(pid=2, ppid=0, name="kthreadd", argv=(), exe=None, is_exe_deleted=0, cgroup="/")

    rows: list[Any] = list(processes.collect(host(tmp_path, thread), Vault()))

    assert [(r.name, r.command, r.exe) for r in rows] == [("kthreadd", "", None)]


def test_a_system_without_groups_knows_no_units(tmp_path: Path) -> None:
    gaps = of(processes.collect(host(tmp_path, AGENT._replace(cgroup=None)), Vault()), Gap)

    assert [(g.where, g.kind, g.columns) for g in gaps] == [("*", Kind.TARGET, ("unit", "container"))]


def test_a_listener_knows_its_process(tmp_path: Path) -> None:
    sockets = [Socket("tcp", "127.0.0.1", 5001, 812, 107), Socket("tcp6", "::", 3306, 900, 1)]

    rows: list[Any] = list(processes.collect_listeners(host(tmp_path, AGENT, MYSQL, sockets=sockets), Vault()))

    assert rows == [
        Listener("tcp", "127.0.0.1", 5001, 812, "agent", "/opt/datadog-agent/bin/agent/agent run", "datadog-agent.service", None, 1, 0),
        Listener("tcp6", "::", 3306, 900, "mysqld", rows[1].command, f"docker-{ID}.scope", "4ba2c9000000", 0, 1),
    ]  # fmt: skip


def test_a_listener_whose_process_is_hidden_keeps_its_row(tmp_path: Path) -> None:
    rows: list[Any] = list(
        processes.collect_listeners(host(tmp_path, sockets=[Socket("udp", "::1", 8125, None, None)]), Vault())
    )

    assert rows[0] == Listener("udp", "::1", 8125, None, None, None, None, None, 1, 0)
    assert [(g.where, g.remedy, g.columns) for g in of(iter(rows), Gap)] == [
        ("processes of others", needs_root_or_not, ("pid", "process", "command", "unit", "container"))
    ]


def test_ports_are_told_although_processes_are_not(tmp_path: Path) -> None:
    denied = Unavailable(Kind.DENIED, "only one's own processes are shown here", "sudo")
    example = ExampleHost(tmp_path, processes=denied, sockets=[Socket("tcp", "0.0.0.0", 80, 7, 0)])

    rows: list[Any] = list(processes.collect_listeners(example, Vault()))

    assert rows == [
        Gap("processes of others", Kind.DENIED, denied.reason, "sudo", ("process", "command", "unit", "container")),
        Listener("tcp", "0.0.0.0", 80, 7, None, None, None, None, 0, 1),
    ]


def test_in_a_folder_nothing_runs(tmp_path: Path) -> None:
    for collect in (processes.collect, processes.collect_listeners):
        with pytest.raises(Unavailable) as caught:
            list(collect(RootHost(tmp_path), Vault()))
        assert caught.value.kind is Kind.TARGET


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", (1, 0)),
        ("127.0.1.1", (1, 0)),
        ("::1", (1, 0)),
        ("::ffff:127.0.0.1", (1, 0)),
        ("0.0.0.0", (0, 1)),
        ("::", (0, 1)),
        ("10.0.2.15", (0, 0)),
        ("fe80::1", (0, 0)),
    ],
)
def test_who_reaches_an_address(address: str, expected: tuple[int, int]) -> None:
    assert (processes.is_loopback(address), processes.is_any(address)) == expected
