"""Which running process has read which file, and what is newer than it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.tables.test_agent_processes import AGENT, TRACE, process

from dddoctor.collecting import Tables
from dddoctor.hosts.example import ExampleHost
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, load_all

STARTED = 1_000_000.0
MAIN = "/etc/datadog-agent/datadog.yaml"
CHECK = "/etc/datadog-agent/conf.d/my_metric.yaml"
CODE = "/etc/datadog-agent/checks.d/my_metric.py"


def tables(folder: Path, files: dict[str, tuple[str, float]], **given: Any) -> Tables:
    """`files`: text, and its time in seconds after the Agent's start. Folders are made long before."""
    load_all()
    for path, (text, after) in {AGENT: ("", -9), **files}.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        os.utime(target, (STARTED + after, STARTED + after))
    for folder_ in [p for p in folder.rglob("*") if p.is_dir()]:
        os.utime(folder_, (STARTED - 9, STARTED - 9))
    given.setdefault("processes", [process(f"{AGENT} run", started_at=STARTED)])
    store = Tables(ExampleHost(folder, **given), Vault(), RunOptions())
    store.ensure(["config_reads", "agent_reads"])
    return store


def select(store: Tables, query: str) -> list[tuple[Any, ...]]:
    return list(store.database.select(query)[1])


def newer(store: Tables) -> list[str]:
    return [row[0] for row in select(store, "SELECT file FROM config_reads WHERE is_newer = 1 ORDER BY file")]


def test_each_process_has_the_files_that_its_program_reads(tmp_path: Path) -> None:
    store = tables(
        tmp_path,
        {
            MAIN: ("site: datadoghq.eu\n", -5),
            CHECK: ("instances: [{}]\n", -5),
            CODE: ("import random\n", -5),
            "/etc/datadog-agent/checks.d/unused.py": ("", 5),
            "/etc/datadog-agent/conf.d/x.d/conf.yaml.example": ("", 5),
            "/etc/datadog-agent/environment": ("DD_TAGS=a\n", -5),
            "/etc/datadog-agent/system-probe.yaml": ("a: 1\n", -5),
        },
        processes=[
            process(f"{AGENT} run", 81, started_at=STARTED),
            process(f"{TRACE} --config x", 82, started_at=STARTED, cgroup="/system.slice/datadog-agent-trace.service"),
            process("/opt/datadog-agent/embedded/bin/system-probe run", 83, started_at=STARTED),
        ],
    )

    rows = select(
        store,
        "SELECT process, kind, file, unit, is_newer, is_sound FROM config_reads WHERE kind <> 'folder' ORDER BY pid, kind",
    )
    environment, unit = "/etc/datadog-agent/environment", "datadog-agent.service"
    assert rows == [
        ("agent", "check", CHECK, unit, 0, 1),
        ("agent", "code", CODE, unit, 0, 1),
        ("agent", "environment", environment, unit, 0, 1),
        ("agent", "main", MAIN, unit, 0, 1),
        ("trace-agent", "environment", environment, "datadog-agent-trace.service", 0, 1),
        ("trace-agent", "main", MAIN, "datadog-agent-trace.service", 0, 1),
        ("system-probe", "environment", environment, unit, 0, 1),
        ("system-probe", "main", MAIN, unit, 0, 1),
        ("system-probe", "own", "/etc/datadog-agent/system-probe.yaml", unit, 0, 1),
    ]
    assert select(
        store, "SELECT agent, is_outdated, file, files, file_count, also, is_listing, unit FROM agent_reads"
    ) == [("package", 0, None, "[]", 0, "[]", 0, unit)]


def test_a_text_that_was_written_after_the_start_is_newer(tmp_path: Path) -> None:
    """Two seconds are left to the kernel, which counts a start from the second of the boot."""
    store = tables(tmp_path, {MAIN: ("site: datadoghq.eu\n", 1.5), CHECK: ("instances: [{}]\n", 3)})

    assert newer(store) == [CHECK]
    assert select(
        store, "SELECT file, files, is_listing, unsound, is_known, unit FROM agent_reads WHERE is_outdated = 1"
    ) == [(CHECK, f'["{CHECK}"]', 0, None, 1, "datadog-agent.service")]


def test_a_chmod_is_no_change(tmp_path: Path) -> None:
    store = tables(tmp_path, {MAIN: ("site: datadoghq.eu\n", -5)})
    (tmp_path / MAIN.lstrip("/")).chmod(0o640)

    assert newer(store) == []


def test_the_pid_file_tells_the_start_by_the_files_own_clock(tmp_path: Path) -> None:
    """A machine that slept, or whose clock was set, moves the start that the kernel counts; another process's pid file says nothing."""
    own = tables(tmp_path / "own", {MAIN: ("site: a\n", 600), "/opt/datadog-agent/run/agent.pid": ("81\n", 700)})
    other = tables(tmp_path / "other", {MAIN: ("site: a\n", 600), "/opt/datadog-agent/run/agent.pid": ("7\n", 700)})

    assert newer(own) == []
    assert newer(other) == [MAIN]


def test_a_file_that_would_not_load_is_named_first(tmp_path: Path) -> None:
    store = tables(tmp_path, {MAIN: ("site: datadoghq.eu\n", 5), CHECK: ("instances:\n\t- a: 1\n", 5)})

    assert select(store, "SELECT file, file_count, unsound FROM agent_reads WHERE is_outdated = 1") == [
        (CHECK, 2, CHECK)
    ]


def test_a_file_that_was_broken_before_the_start_counts_as_unsound_too(tmp_path: Path) -> None:
    store = tables(tmp_path, {MAIN: ("site: datadoghq.eu\n", 5), CHECK: ("instances:\n\t- a: 1\n", -5)})

    assert select(store, "SELECT file, file_count, unsound FROM agent_reads WHERE is_outdated = 1") == [
        (MAIN, 1, CHECK)
    ]


def test_a_check_that_was_taken_away_leaves_a_newer_folder(tmp_path: Path) -> None:
    store = tables(tmp_path, {MAIN: ("site: a\n", -5), CHECK: ("instances: [{}]\n", -5)})
    confd = tmp_path / "etc/datadog-agent/conf.d"
    os.utime(confd, (STARTED + 5, STARTED + 5))
    store = Tables(store.host, Vault(), RunOptions())
    store.ensure(["agent_reads"])

    assert select(store, "SELECT file, is_listing FROM agent_reads WHERE is_outdated = 1") == [
        ("/etc/datadog-agent/conf.d", 1)
    ]


def test_what_the_agent_looks_at_again_by_itself_is_not_outdated(tmp_path: Path) -> None:
    """Recorded on 7.52: re-read within the interval. datadog.yaml and code are not."""
    store = tables(
        tmp_path,
        {
            MAIN: ("autoconf_config_files_poll: true\n", -5),
            CHECK: ("instances: [{}]\n", 5),
            CODE: ("import random\n", 5),
        },
    )

    assert newer(store) == [CODE, CHECK]
    assert select(store, "SELECT files FROM agent_reads WHERE is_outdated = 1") == [(f'["{CODE}"]',)]


def test_without_its_settings_nobody_knows_what_it_reads_again(tmp_path: Path) -> None:
    store = tables(tmp_path, {MAIN: ("api_key: ****\n", 5), CHECK: ("instances: [{}]\n", 5)})

    assert select(store, "SELECT file, files, unsound FROM agent_reads WHERE is_outdated = 1") == [
        (MAIN, f'["{MAIN}"]', MAIN)
    ]
    assert ("package", ("is_reread",)) in [(g.where, g.columns) for g in store.gaps["config_reads"]]


def test_a_file_that_may_not_be_read_is_still_compared(tmp_path: Path) -> None:
    """Its time is seen; whether it would load is not."""
    store = tables(tmp_path, {MAIN: ("site: a\n", 5)}, unreadable=(MAIN,))

    assert select(store, "SELECT file, is_known FROM agent_reads WHERE is_outdated = 1") == [(MAIN, 0)]
    assert (MAIN, ("is_sound",)) in [(g.where, g.columns) for g in store.gaps["config_reads"]]


def test_a_container_reads_the_folder_that_is_mounted(tmp_path: Path) -> None:
    container = {
        "Id": "4f5e9d3c2b1a", "Name": "/dd-agent", "Config": {"Image": "datadog/agent:7"},
        "State": {"Running": True, "Pid": 912, "StartedAt": "1970-01-12T13:46:40Z"},
        "Mounts": [{"Type": "bind", "Source": "/srv/dd", "Destination": "/etc/datadog-agent"}],
    }  # fmt: skip
    (tmp_path / "srv/dd/conf.d").mkdir(parents=True)
    check = tmp_path / "srv/dd/conf.d/a.yaml"
    check.write_text("instances: [{}]\n")
    os.utime(check, (STARTED + 5, STARTED + 5))
    store = tables(tmp_path, {}, processes=[process("/sbin/init", 1)], docker=[container])

    assert select(store, "SELECT agent, file, unit FROM agent_reads WHERE is_outdated = 1") == [
        ("container:dd-agent", "/srv/dd/conf.d/a.yaml", None)
    ]
