"""Which processes of each Agent run, and from which program. Live facts: a folder has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from dddoctor.hosts.base import Host, InputError, Process, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables._clock import is_young, now_on
from dddoctor.tables._running_agents import (
    PACKAGE_FOLDERS,
    ContainerAgent,
    Seen,
    agent_container,
    seen_processes,
    unit_of,
)
from dddoctor.tables.agents import AGENT_5_DIR, Agent

# What an Agent that is installed should have running, where its program is there at all; the others start only when something is switched on.
_EXPECTED = {"agent": "bin/agent/agent", "trace-agent": "embedded/bin/trace-agent"}


class AgentProcess(NamedTuple):
    """One process of an Agent, and one row with `is_running` 0 for each of `agent` and `trace-agent` that is installed and does not run.

    `process` is the word of the program: agent, trace-agent, process-agent, system-probe, security-agent, datadog-cluster-agent; of Agent 5 agent (its
    collector), forwarder, dogstatsd, trace-agent. `pid` on this host, also of a container's process. `started_at` is in seconds since the epoch, by the
    clock of now: it shifts with it. `is_young`: it started less than 40 s ago; ports and health are not judged then. `unit`: the systemd unit it belongs to, NULL
    for one started by hand or in a container. `exe` is the program that runs; `is_exe_deleted`: its file was removed or replaced since the start;
    `program` is where the installed program is now, links resolved, NULL where that is not known. `is_replaced`: what runs is not that one any more, because
    its file was removed or replaced (deb, rpm), or the installer's folder is another one now. These are NULL in a container, which `container` names;
    all but `program` of another user's process are known to root alone.
    `has_host_agent`: an Agent's program is installed on this host, outside of containers.
    An Agent that is not installed (a configuration folder alone, a leftover) has no row, unless it runs.

    Source: the command lines and groups of all processes; `docker inspect` for the first process of a container.
    """

    agent: str
    process: str
    is_running: int
    pid: int | None
    user: str | None
    started_at: float | None
    is_young: int | None
    unit: str | None
    exe: str | None
    is_exe_deleted: int | None
    program: str | None
    is_replaced: int | None
    container: str | None
    has_host_agent: int


@table("agent_processes", AgentProcess, asks="processes")
def collect(host: Host, agents: list[Agent]) -> Iterator[AgentProcess | Gap]:
    """By Agent in the order of `agents`, then by pid. Unavailable where processes cannot be seen."""
    seen = seen_processes(host.processes())
    look = _Look(host, agents)
    yield from look.gaps
    rows = [row for s in seen if (row := look.row(s)) is not None]
    for agent in agents:
        found = [r for r in rows if r.agent == agent.agent]
        if agent.kind == "container":
            yield from look.of_container(agent, found)
            continue
        yield from found
        yield from look.absent(agent, {r.process for r in found})
        if any(r.is_exe_deleted is None for r in found):
            yield Gap(
                agent.agent, Kind.DENIED, "which program another user's process runs is known to root alone", "sudo", ("exe", "is_exe_deleted", "is_replaced")
            )  # fmt: skip


class _Look:
    """Puts processes and Agents together."""

    def __init__(self, host: Host, agents: Sequence[Agent]) -> None:
        self.host, self.now = host, now_on(host)
        self.agents = {a.agent: a for a in agents}
        self.gaps: list[Gap] = []
        self.has_host_agent = int(any(a.install_dir is not None and a.kind != "container" for a in agents))
        self.packaged = next((a for a in agents if a.kind in ("package", "app")), None)
        self.containers = self._containers()
        self.by_id = {c.container_id: f"container:{c.name}" for c in self.containers.values()}

    def _containers(self) -> Mapping[str, ContainerAgent]:
        try:
            found = [agent_container(c) for c in self.host.containers()]
        except FileNotFoundError:  # no Docker here
            return {}
        except Unavailable as error:
            if error.kind is not Kind.TARGET:
                self.gaps.append(Gap("Docker", error.kind, error.reason, error.remedy, ("container",)))
            return {}
        return {f"container:{c.name}": c for c in found if c is not None}

    def row(self, seen: Seen) -> AgentProcess | None:
        """The row of a process; None for one that belongs to no Agent of this host."""
        if seen.is_foreign:
            return None
        process = seen.process
        values: dict[str, Any] = {
            "process": seen.program,
            "is_running": 1,
            "pid": process.pid,
            "user": process.user,
            "started_at": process.started_at,
            "is_young": is_young(process.started_at, self.now),
            "has_host_agent": self.has_host_agent,
        }
        if seen.container_id is not None:
            key = self.by_id.get(seen.container_id, f"container:{seen.container_id[:12]}")
            if key not in self.agents:
                return None
            return _row(agent=key, container=self.agents[key].container, **values)
        agent = self._owner(seen)
        if agent is None:
            return None
        values |= {"unit": unit_of(process), "exe": process.exe, "is_exe_deleted": process.is_exe_deleted}
        values["program"] = program = self._program(agent, seen.program)
        values["is_replaced"] = _is_replaced(process, seen.path, program)
        return _row(agent=agent.agent, **values)

    def _owner(self, seen: Seen) -> Agent | None:
        if seen.is_packaged and self.packaged is not None:
            return self.packaged
        own = self.agents.get(f"process:{seen.path or seen.process.name}")
        if own is not None or seen.path is None:
            return own
        # The trace-agent of a tarball lies in the same installation as its Agent.
        return next(
            (a for a in self.agents.values() if a.kind == "process" and a.install_dir and seen.path.startswith(a.install_dir + "/")), None
        )  # fmt: skip

    def _program(self, agent: Agent, program: str) -> str | None:
        below = "bin/agent/agent" if program == "agent" else f"embedded/bin/{program}"
        if agent.install_dir is None or agent.major == 5:
            return None
        try:
            return self.host.stat(f"{agent.install_dir}/{below}").target
        except (FileNotFoundError, InputError, Unavailable):
            return None

    def absent(self, agent: Agent, running: set[str]) -> Iterator[AgentProcess]:
        """What is installed and does not run."""
        if agent.kind not in ("package", "app") or agent.install_dir is None:
            return
        expected = {"agent": "agent/agent.py"} if agent.config_dir == AGENT_5_DIR else _EXPECTED
        for process, below in expected.items():
            with suppress(InputError, Unavailable):
                if process not in running and self.host.exists(f"{agent.install_dir}/{below}"):
                    yield _row(agent=agent.agent, process=process, is_running=0, program=self._program(agent, process), has_host_agent=1)  # fmt: skip

    def of_container(self, agent: Agent, found: Sequence[AgentProcess]) -> Iterator[AgentProcess]:
        """Docker knows the first process of a container; its command line, where it is seen, says which of the others is the Agent."""
        container = self.containers.get(agent.agent)
        if container is not None and not any(r.process == "agent" for r in found):
            yield _row(
                agent=agent.agent, process="agent", is_running=container.is_running, pid=container.pid, started_at=container.started_at,
                is_young=is_young(container.started_at, self.now), container=agent.container, has_host_agent=self.has_host_agent,
            )  # fmt: skip
        yield from found


def _row(**values: Any) -> AgentProcess:
    """A row; what is not given is NULL."""
    return AgentProcess(**{**dict.fromkeys(AgentProcess._fields), **values})


def _is_replaced(process: Process, path: str | None, program: str | None) -> int | None:
    """A script says nothing of itself: its interpreter is what runs."""
    if process.exe is None or process.is_exe_deleted is None:
        return None
    if process.exe != path:
        return 0
    return int(process.is_exe_deleted == 1 or (path.startswith(PACKAGE_FOLDERS) and program not in (None, path)))
