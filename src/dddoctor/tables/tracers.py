"""Python programs that run, whether they are traced, and where their traces go; and what listens where the Agent takes traces. Live hosts only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Process, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables._clock import now_on
from dddoctor.tables.agents import Agent
from dddoctor.tables.processes import command_of, container_of, unit_of
from dddoctor.tables.python_apps import App
from dddoctor.tables.wanted_ports import WantedPort

if TYPE_CHECKING:
    from dddoctor.secrets import Vault

DEFAULT_PORT = 8126
SOCKET = "/var/run/datadog/apm.socket"
PRELOAD = "/etc/ld.so.preload"
_PYTHON = lazy(r"(?:^|/)python[\d.]*$")
_SERVERS = lazy(r"(?:^|/)(?:flask|gunicorn|uwsgi|waitress-serve|hypercorn|uvicorn|celery)$")
_AGENT_FOLDERS = ("/opt/datadog-agent/", "/opt/datadog-packages/datadog-agent/")
_URL = lazy(r"https?://(\[[0-9A-Fa-f:.]+\]|[^/:@?#\s]+)(?::(\d{1,5}))?(?:[/?#].*)?")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "ip6-localhost"})
# ddtrace/internal/settings/_agent.py of 4.15: the URL first, then host and port, each by two names.
_HOSTS = ("DD_TRACE_AGENT_HOSTNAME", "DD_AGENT_HOST")
_PORTS = ("DD_TRACE_AGENT_PORT", "DD_AGENT_PORT")
_FALSE = frozenset({"false", "0", "f", "no"})


class Tracer(NamedTuple):
    """One Python program of an app that runs, by pid; workers of one server are left out, and the Agent's own Python too.

    `app`: the app's folder, as in `apps`; NULL for a program that belongs to none. `is_traced`: ddtrace-run or the host-wide launcher started it (PYTHONPATH holds ddtrace's bootstrap); 0
    where its environment says no, NULL where it may not be seen; that its own code may import ddtrace is not in it. `agent_host` and `agent_port`: where its traces go, `set_by` the
    variable that says so, `default` where none does, `socket` where the Agent's socket file is there and ddtrace takes that. `is_local`: that address is its own loopback (in a container the
    container's). `is_enabled`: DD_TRACE_ENABLED does not switch tracing off. `running_seconds`: since its start.

    Source: command line, working folder and environment of the process (/proc; root for those of others); ddtrace 1 to 4.
    """

    pid: int
    app: str | None
    command: str
    user: str
    unit: str | None
    container: str | None
    is_traced: int | None
    is_enabled: int | None
    agent_host: str | None
    agent_port: int | None
    set_by: str | None
    is_local: int | None
    running_seconds: float


class TraceReceiver(NamedTuple):
    """Who answers where an Agent's traces are to arrive. One row per Agent with APM on whose port somebody listens on.

    `answers`: trace-agent, other (something else is there), silent. `version` is the trace-agent's. `received_count`: traces of the last whole minute by the Agent's own status, NULL where it
    did not tell; `uptime_seconds`: how long that trace-agent runs.

    Source: GET /info of the port; `apmStats` of `datadog-agent status --json`.
    """

    agent: str
    port: int
    answers: str
    version: str | None
    received_count: int | None
    uptime_seconds: float | None


@table("tracers", Tracer, asks="processes")
def collect(host: Host, vault: Vault, apps: list[App]) -> Iterator[Tracer | Gap]:
    """Python programs by pid."""
    found = [p for p in host.processes() if is_program(p)]
    pids = {p.pid for p in found}
    has_socket, is_injected = _exists(host, SOCKET), _exists(host, PRELOAD)
    is_hidden, now = False, now_on(host)
    for process in found:
        if process.ppid in pids and _is_worker(process, found):
            continue
        row = row_of(process, vault, apps, has_socket, now)
        if row.is_traced == 0 and is_injected and row.container is None:
            row = row._replace(is_traced=None)  # the launcher of single-step instrumentation may have done it
        is_hidden = is_hidden or process.environ is None
        yield row
    if is_hidden:
        columns = ("is_traced", "is_enabled", "agent_host", "agent_port", "set_by", "is_local")
        remedy = "sudo" if os.geteuid() != 0 else ""
        yield Gap(
            "environments of others", Kind.DENIED, "only root may see the variables of a process", remedy, columns
        )


def _exists(host: Host, path: str) -> bool:
    try:
        return host.exists(path)
    except (Unavailable, InputError):
        return False


def is_program(process: Process) -> bool:
    """Whether it is a Python program that could be an app: Python with a script or a module, or a server of web apps. The doctor and the Agent are none."""
    argv = process.argv
    if not argv or process.pid == os.getpid() or (process.exe or argv[0]).startswith(_AGENT_FOLDERS):
        return False
    if any("dddoctor" in word for word in argv[:3]):
        return False
    if _SERVERS.search(argv[0]):
        return True
    is_python = _PYTHON.search(argv[0]) or _PYTHON.search(process.exe or "")
    return bool(is_python) and len(argv) > 1 and argv[1] not in ("-c", "-V", "--version", "-")


def _is_worker(process: Process, programs: Sequence[Process]) -> bool:
    """A child with its parent's command line: a worker, or what Flask's reloader starts."""
    parent = next((p for p in programs if p.pid == process.ppid), None)
    return parent is not None and parent.argv[1:] == process.argv[1:]


def row_of(process: Process, vault: Vault, apps: Sequence[App], has_socket: bool, now: float) -> Tracer:
    """The row of one process. `has_socket`: the Agent's socket for traces is there; `now` in seconds since the epoch."""
    environ = process.environ
    container = container_of(process.cgroup)
    row = Tracer(
        pid=process.pid,
        app=None if container else _app_of(process, apps),
        command=command_of(process, vault),
        user=process.user,
        unit=unit_of(process.cgroup),
        container=container,
        is_traced=None,
        is_enabled=None,
        agent_host=None,
        agent_port=None,
        set_by=None,
        is_local=None,
        running_seconds=max(0.0, now - process.started_at),
    )
    if environ is None:
        return row
    host, port, set_by = target_of(environ, has_socket and container is None)
    return row._replace(
        is_traced=int("ddtrace/bootstrap" in environ.get("PYTHONPATH", "").replace("\\", "/")),
        is_enabled=int(environ.get("DD_TRACE_ENABLED", "true").strip().lower() not in _FALSE),
        agent_host=None if host is None else vault.redact(host),
        agent_port=port,
        set_by=set_by,
        is_local=None if host is None else int(host.lower() in _LOCAL),
    )


def target_of(environ: Mapping[str, str], has_socket: bool) -> tuple[str | None, int | None, str]:
    """(host, port, what says so) of the traces of a program with these variables; (None, None, …) for a socket or what is no address.

    >>> target_of({"DD_AGENT_HOST": "db", "DD_TRACE_AGENT_PORT": "9126"}, True), target_of({}, False), target_of({}, True)
    (('db', 9126, 'DD_AGENT_HOST'), ('localhost', 8126, 'default'), (None, None, 'socket'))
    """
    url = environ.get("DD_TRACE_AGENT_URL", "").strip()
    if url:
        found = _URL.fullmatch(url)
        if found is None:
            return None, None, "DD_TRACE_AGENT_URL"
        default = 443 if url.startswith("https") else 80
        return found[1].strip("[]"), int(found[2]) if found[2] else default, "DD_TRACE_AGENT_URL"
    named = next((n for n in _HOSTS if environ.get(n, "").strip()), None)
    numbered = next((n for n in _PORTS if environ.get(n, "").strip()), None)
    if named is None and numbered is None and has_socket:
        return None, None, "socket"
    host = environ[named].strip().strip("[]") if named else "localhost"
    port = environ[numbered].strip() if numbered else str(DEFAULT_PORT)
    return host, int(port) if port.isdigit() else None, named or numbered or "default"


def _app_of(process: Process, apps: Sequence[App]) -> str | None:
    """The innermost app whose folder the program works in, or whose script it runs."""
    places = [process.cwd or ""] + [w for w in process.argv[1:4] if w.startswith("/")]
    fitting = [a.app for a in apps if any(p == a.app or p.startswith(a.app.rstrip("/") + "/") for p in places)]
    return max(fitting, key=len, default=None)


# --- where traces arrive ----------------------------------------------------------------------------------------------


@table("trace_receivers", TraceReceiver, limit_seconds=25.0, of="wanted_ports")
def collect_receivers(
    host: Host, vault: Vault, agents: list[Agent], wanted_ports: list[WantedPort]
) -> Iterator[TraceReceiver | Gap]:
    """One row for each Agent whose trace port takes connections."""
    by_key = {a.agent: a for a in agents}
    for wanted in wanted_ports:
        if wanted.purpose != "traces" or not wanted.is_enabled:
            continue
        address = wanted.address if not wanted.is_any else "127.0.0.1"
        try:
            answer = host.request(f"http://{f'[{address}]' if ':' in address else address}:{wanted.port}/info")
            version = trace_agent_version(answer.body) if answer.status == 200 else None
            answers = "trace-agent" if version is not None else "other"
        except ConnectionRefusedError:
            continue
        except ValueError:
            continue  # bound to an address of the network, which is not asked
        except Unavailable as error:
            if error.kind is Kind.TARGET:
                raise
            if error.kind is Kind.DENIED:
                yield Gap(wanted.agent, error.kind, error.reason, error.remedy)
                continue
            version, answers = None, "silent" if error.kind is Kind.TIMEOUT else "other"
        received, uptime = None, None
        if answers == "trace-agent":
            try:
                received, uptime = _told(host, by_key[wanted.agent])
            except Unavailable as error:
                columns = ("received_count", "uptime_seconds")
                yield Gap(wanted.agent, error.kind, error.reason, error.remedy, columns)
        yield TraceReceiver(
            wanted.agent, wanted.port, answers, vault.redact(version) if version else None, received, uptime
        )


def trace_agent_version(body: bytes) -> str | None:
    """The version in the answer of a trace-agent's /info; None for any other answer.

    >>> trace_agent_version(b'{"version": "7.52.0", "endpoints": ["/v0.3/traces"]}'), trace_agent_version(b"[]"), trace_agent_version(b"hello")
    ('7.52.0', None, None)
    """
    import json

    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("endpoints"), list):
        return None
    return str(found.get("version") or "unknown")


def _told(host: Host, agent: Agent) -> tuple[int | None, float | None]:
    """(traces of the last whole minute, uptime) by the Agent's own status; None where it does not tell. Raises Unavailable."""
    from dddoctor.tables._agent_commands import STATUS, ask
    from dddoctor.tables._agent_json import document, mapping, number, sequence

    found = document(ask(host, agent, STATUS).stdout)
    stats = mapping(found.values.get("apmStats")) if found is not None else {}
    if not stats or stats.get("error"):
        return None, None
    counts = [number(mapping(r).get("TracesReceived")) for r in sequence(stats.get("receiver"))]
    return int(sum(c for c in counts if c is not None)), number(stats.get("uptime"))
