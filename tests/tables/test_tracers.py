"""Python programs that run: which are traced, where their traces go, and who answers there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.base import Answer, Process, Ran, Socket, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import tracers
from dddoctor.tables.agents import Agent
from dddoctor.tables.python_apps import App
from dddoctor.tables.tracers import Tracer, TraceReceiver, is_program, target_of
from dddoctor.tables.wanted_ports import WantedPort

BOOTSTRAP = {"PYTHONPATH": "/srv/venv/lib/python3.11/site-packages/ddtrace/bootstrap:/srv"}
APP = App("/srv/app", "/srv/app/app.py", 1, "flask", None, None, 0, None, None)


def process(pid: int, argv: str, environ: Mapping[str, str] | None = None, **values: Any) -> Process:
    words = tuple(argv.split(" "))
    defaults: dict[str, Any] = {
        "ppid": 1, "name": words[0].rpartition("/")[2], "user": "me", "uid": 1000, "started_at": 100.0, "exe": words[0], "is_exe_deleted": 0, "cwd": "/", "cgroup": "/", "is_foreign": 0, "rss_bytes": 1,
    }  # fmt: skip
    return Process(pid=pid, argv=words, environ=environ, **{**defaults, **values})


def rows(tmp_path: Path, *processes: Process) -> list[Tracer | Gap]:
    host = ExampleHost(tmp_path, processes=list(processes))
    host.taken_at = 160.0  # type: ignore[attr-defined]  # a stored host says when it was looked at
    return list(tracers.collect(host, Vault(), [APP]))


def test_a_traced_app_and_where_it_sends(tmp_path: Path) -> None:
    """ddtrace-run leaves its folder on PYTHONPATH; nothing said is localhost:8126."""
    found = rows(tmp_path, process(7, "/srv/venv/bin/python /srv/venv/bin/flask run", BOOTSTRAP, cwd="/srv/app"))

    assert found == [
        Tracer(
            7, "/srv/app", "/srv/venv/bin/python /srv/venv/bin/flask run", "me", None, None, 1, 1, "localhost", 8126, "default", 1, 60.0,
        )
    ]  # fmt: skip


def test_workers_and_the_reloaders_child_count_once(tmp_path: Path) -> None:
    """The same command line below itself."""
    found = rows(
        tmp_path,
        process(7, "/usr/bin/python3 app.py", {}, cwd="/srv/app"),
        process(8, "/usr/bin/python3 app.py", {}, cwd="/srv/app", ppid=7),
    )

    assert [r.pid for r in found if isinstance(r, Tracer)] == [7]


def test_an_environment_that_may_not_be_seen_is_a_gap(tmp_path: Path) -> None:
    """Then nobody knows whether it is traced."""
    first, gap = rows(tmp_path, process(7, "/usr/bin/python3 app.py", None))

    assert isinstance(first, Tracer) and (first.is_traced, first.agent_host, first.is_local) == (None, None, None)
    assert isinstance(gap, Gap) and gap.kind is Kind.DENIED and "is_traced" in (gap.columns or ())


def test_host_wide_injection_leaves_it_open(tmp_path: Path) -> None:
    """The launcher of /etc/ld.so.preload traces without PYTHONPATH."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/ld.so.preload").write_text("/opt/datadog-packages/datadog-apm-inject/stable/inject/launcher.so\n")

    first = rows(tmp_path, process(7, "/usr/bin/python3 app.py", {}))[0]

    assert isinstance(first, Tracer) and first.is_traced is None


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("/usr/bin/python3 app.py", True),
        ("python3.11 -m flask run", True),
        ("/srv/venv/bin/gunicorn app:app", True),
        ("/usr/bin/python3 -c pass", False),
        ("/usr/bin/python3", False),
        ("/opt/datadog-agent/embedded/bin/python3 check.py", False),
        ("/usr/bin/python3 /usr/local/bin/dddoctor check", False),
        ("/usr/sbin/mysqld --user=mysql", False),
    ],
)
def test_which_programs_could_be_apps(argv: str, expected: bool) -> None:
    assert is_program(process(7, argv, {})) is expected


@pytest.mark.parametrize(
    ("environ", "has_socket", "expected"),
    [
        ({}, False, ("localhost", 8126, "default")),
        ({}, True, (None, None, "socket")),
        ({"DD_AGENT_HOST": "10.0.2.2"}, True, ("10.0.2.2", 8126, "DD_AGENT_HOST")),
        ({"DD_AGENT_PORT": "9126"}, True, ("localhost", 9126, "DD_AGENT_PORT")),
        ({"DD_TRACE_AGENT_URL": "http://dd-agent:8126/", "DD_AGENT_HOST": "x"}, False, ("dd-agent", 8126, "DD_TRACE_AGENT_URL")),
        ({"DD_TRACE_AGENT_URL": "http://[::1]:8136"}, False, ("::1", 8136, "DD_TRACE_AGENT_URL")),
        ({"DD_TRACE_AGENT_URL": "unix:///run/apm.socket"}, False, (None, None, "DD_TRACE_AGENT_URL")),
        ({"DD_TRACE_AGENT_PORT": "many"}, False, ("localhost", None, "DD_TRACE_AGENT_PORT")),
    ],
)  # fmt: skip
def test_the_address_is_found_as_ddtrace_finds_it(
    environ: dict[str, str], has_socket: bool, expected: tuple[Any, ...]
) -> None:
    assert target_of(environ, has_socket) == expected


# --- where traces arrive ----------------------------------------------------------------------------------------------

WANTED = WantedPort(
    "package", 8126, "tcp", "traces", "trace-agent", "apm_config.receiver_port", "127.0.0.1", 0, 1, 0, 0, 1, 1, "default", None, None
)  # fmt: skip
AGENT = Agent(
    "package", "package", 7, "7.52.0", "/etc/datadog-agent", "/etc/datadog-agent/datadog.yaml", "/opt/datadog-agent", "3.11", None
)  # fmt: skip
INFO = "http://127.0.0.1:8126/info"
STATUS = ("datadog-agent", "status", "--json")
SOUND = b'{"version": "7.52.0", "endpoints": ["/v0.3/traces"]}'


def receivers(
    tmp_path: Path, answer: Answer | Unavailable | None, status: Ran | Unavailable
) -> list[TraceReceiver | Gap]:
    host = ExampleHost(
        tmp_path,
        sockets=[Socket("tcp", "127.0.0.1", 8126, None, None)],
        answers={INFO: answer} if answer else {},
        commands={STATUS: status},
    )
    return list(tracers.collect_receivers(host, Vault(), [AGENT], [WANTED]))


def test_a_trace_agent_and_what_it_took(tmp_path: Path) -> None:
    """The traces of the last minute, by the Agent's own status."""
    status = Ran(
        0, '{"apmStats": {"uptime": 77, "receiver": [{"TracesReceived": 3}, {"TracesReceived": 2}, null]}}', ""
    )

    assert receivers(tmp_path, Answer(200, SOUND), status) == [
        TraceReceiver("package", 8126, "trace-agent", "7.52.0", 5, 77.0)
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(404, b"<h1>Not Found</h1>"), "other"),
        (Answer(200, b'{"hello": 1}'), "other"),
        (Unavailable(Kind.TOOL, "answers no HTTP"), "other"),
        (Unavailable(Kind.TIMEOUT, "did not answer"), "silent"),
    ],
)
def test_what_is_no_trace_agent(tmp_path: Path, answer: Answer | Unavailable, expected: str) -> None:
    """A web app, a program that speaks something else, one that says nothing."""
    found = receivers(tmp_path, answer, Ran(0, "{}", ""))

    assert found == [TraceReceiver("package", 8126, expected, None, None, None)]


def test_nobody_there_is_no_row(tmp_path: Path) -> None:
    assert receivers(tmp_path, None, Ran(0, "{}", "")) == []


def test_an_agent_that_does_not_tell_leaves_the_counts_open(tmp_path: Path) -> None:
    """The receiver is there all the same."""
    gap, row = receivers(tmp_path, Answer(200, SOUND), Unavailable(Kind.DENIED, "not permitted", "sudo"))

    assert isinstance(gap, Gap) and gap.columns == ("received_count", "uptime_seconds")
    assert row == TraceReceiver("package", 8126, "trace-agent", "7.52.0", None, None)
