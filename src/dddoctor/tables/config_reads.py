"""Which running process has read which file, and whether the file has changed since: an Agent reads its configuration and its checks' code at its start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables.agent_processes import AgentProcess
from dddoctor.tables.agents import Agent
from dddoctor.tables.configuration import EMPTY, SHADOWED, ConfigFile
from dddoctor.tables.mounts import gap_of
from dddoctor.tables.python_code import CustomCheck
from dddoctor.tables.settings import Setting

# Linux knows when a process started to the second of its boot time, so a file of the last moment before the start can look newer than it.
TOLERANCE_SECONDS = 2.0
# Which files beside datadog.yaml a program reads (cmd/*/ of the Agent's source); its environment file is read for each by systemd.
_OWN_FILES = {"system-probe": "system-probe.yaml", "security-agent": "security-agent.yaml"}
_READERS = ("agent", "trace-agent", "process-agent", "system-probe", "security-agent")
_OF_CHECKS = ("check", "default", "autoconf")
MAIN_UNIT = "datadog-agent.service"
_POLL = "autoconf_config_files_poll"


class ConfigRead(NamedTuple):
    """One file that one running process has read, or would read at its next start.

    `process` is the word of its program, `pid` and `unit` as in agent_processes. `started_at`: when it started, seconds since the epoch; by its pid file
    where that is later, whose time is of the same clock as the files' times. `kind`: main (datadog.yaml), own (system-probe.yaml …), check (conf.d),
    code (checks.d, of configured checks), environment (the file that systemd reads for it), folder (conf.d and its folders: something was added or taken
    away; an editor's swap file too). `mtime`: when the *content* was last written; a chmod or chown does not count, an editor that wrote the same text again does.
    `is_newer`: the content was written more than 2 s after the start. `is_reread`: the Agent looks at it again by itself (autoconf_config_files_poll);
    NULL where that setting is not known. `is_sound`: 0 where the file would not load at the next start, NULL where it could not be read.
    Of Agents in containers only the folder that is mounted. Which files are there: config_files and custom_checks.

    Source: measured on 7.52 and 7.72.4 (an edit is not seen before a restart, in configuration and code alike, and nothing tells).
    """

    agent: str
    process: str
    pid: int | None
    unit: str | None
    started_at: float
    file: str
    kind: str
    mtime: float
    is_newer: int
    is_reread: int | None
    is_sound: int | None


class AgentRead(NamedTuple):
    """One running Agent whose files are known (config_reads), and whether it runs on them as they are now.

    `is_outdated`: some were written after its processes had read them, and it does not look at them again by itself. Then `file` is the one to name first: one
    that would not load, else the main file; `files` is a JSON list of all, `file_count` their number, `also` their places; else NULL, `[]`, 0, `[]`.
    `is_listing`: no file's content changed, but a folder of conf.d did (a file was added, renamed or taken away - or an editor was there); `files` are those
    folders then. `unsound`: a file that it reads and that would not load at the next start, changed or not. `is_known`: all of its files could be read.
    `unit`: the unit to restart, NULL where none of its own runs it.
    """

    agent: str
    is_outdated: int
    file: str | None
    files: str
    file_count: int
    also: str
    is_listing: int
    unsound: str | None
    is_known: int
    unit: str | None


@table("config_reads", ConfigRead)
@table("agent_reads", AgentRead, of="agent_processes")
def collect(
    host: Host,
    agents: list[Agent],
    agent_processes: list[AgentProcess],
    config_files: list[ConfigFile],
    custom_checks: list[CustomCheck],
    settings: list[Setting],
) -> Iterator[ConfigRead | AgentRead | Gap]:
    """By process, then main file, environment, checks, code."""
    for agent in agents:
        running = [p for p in agent_processes if p.agent == agent.agent and p.is_running and p.process in _READERS]
        if not running or agent.config_dir is None:
            continue
        reader = _Reader(host, agent)
        files = [f for f in config_files if f.agent == agent.agent]
        code = [c for c in custom_checks if c.agent == agent.agent and c.has_config]
        is_polled = 0 if agent.kind == "container" else _is_polled(agent, settings)
        if is_polled is None:
            yield Gap(agent.agent, Kind.TOOL, f"its settings are not known, so neither is {_POLL}", "", ("is_reread",))
        found = [row for p in running if p.started_at is not None for row in reader.rows(p, files, code, is_polled)]
        yield from found
        reads = [r for r in found if isinstance(r, ConfigRead)]
        if reads:
            yield _summary(agent, reads)


def _is_polled(agent: Agent, settings: Sequence[Setting]) -> int | None:
    for setting in settings:
        if setting.agent == agent.agent and setting.key == _POLL:
            return int(str(setting.value).lower() in ("true", "1", "t", "yes", "on"))
    return 0 if agent.major == 5 else None


def _summary(agent: Agent, reads: Sequence[ConfigRead]) -> AgentRead:
    newer = {r.file: r for r in reads if r.is_newer and r.is_reread == 0}
    files = sorted(f for f, r in newer.items() if r.kind != "folder")
    is_listing = bool(newer) and not files
    files = files or sorted(newer)
    unsound = sorted(r.file for r in reads if r.is_sound == 0)
    first = [f for f in files if f in unsound] or [f for f in files if newer[f].kind == "main"] or files
    # The other units belong to the main one (BindsTo, Wants): one restart is enough for all of them.
    has_unit = any((r.unit or "").startswith("datadog-agent") for r in reads)
    return AgentRead(
        agent.agent,
        int(bool(newer)),
        next(iter(first), None),
        json.dumps(files),
        len(files),
        json.dumps([{"file": f, "line": None} for f in files if f != first[0]]),
        int(is_listing),
        next(iter(unsound), None),
        int(all(r.is_sound is not None for r in reads)),
        MAIN_UNIT if has_unit else None,
    )


class _Reader:
    """The rows of one Agent's processes."""

    def __init__(self, host: Host, agent: Agent) -> None:
        self.host, self.agent = host, agent

    def rows(
        self,
        process: AgentProcess,
        files: Sequence[ConfigFile],
        code: Sequence[CustomCheck],
        is_polled: int | None,
    ) -> Iterator[ConfigRead | Gap]:
        started_at = self._started_at(process)

        def row(file: str, kind: str, mtime: float, is_sound: int | None, is_reread: int | None = 0) -> ConfigRead:
            is_newer = int(mtime > started_at + TOLERANCE_SECONDS)
            return ConfigRead(
                self.agent.agent, process.process, process.pid, process.unit, started_at, file, kind, mtime, is_newer, is_reread, is_sound
            )  # fmt: skip

        own = f"{self.agent.config_dir}/{_OWN_FILES.get(process.process, '')}"
        for f in files:
            if f.file_kind == "main" or f.file == own:
                kind = "main" if f.file_kind == "main" else "own"
            elif (
                process.process == "agent"
                and f.file_kind in _OF_CHECKS
                and f.is_in_place
                and f.not_loaded_because not in (EMPTY, SHADOWED)
            ):
                kind = "check"
            else:
                continue
            if f.mtime is not None:
                yield row(f.file, kind, f.mtime, f.is_loaded, is_polled if kind == "check" else 0)
                if f.is_loaded is None:
                    yield Gap(f.file, Kind.DENIED, "it could not be read", "sudo", ("is_sound",))
        if self.agent.kind == "package" and self.agent.major >= 6:
            yield from self._others([(f"{self.agent.config_dir}/environment", "environment")], row)
        if process.process == "agent":
            folders = {f.file.rpartition("/")[0] for f in files if f.is_in_place and f.file_kind in _OF_CHECKS}
            root = f"{self.agent.config_dir}/conf.d"
            if all(f.startswith(root) for f in folders):  # not where confd_path leads elsewhere
                folders.add(root)  # the last flat file in it may have been taken away
            yield from self._others([(f, "folder") for f in sorted(folders)], row, is_reread=is_polled)
            yield from self._others([(c.file, "code") for c in code], row, {c.file: c.parses for c in code})

    def _others(
        self,
        places: Sequence[tuple[str, str]],
        row: Callable[..., ConfigRead],
        sound: Mapping[str, int | None] | None = None,
        is_reread: int | None = 0,
    ) -> Iterator[ConfigRead | Gap]:
        for file, kind in places:
            try:
                mtime = self.host.stat(file).mtime
            except FileNotFoundError:
                continue
            except (Unavailable, InputError) as error:
                yield gap_of(file, error)
                continue
            yield row(file, kind, mtime, (sound or {}).get(file, 1), is_reread)

    def _started_at(self, process: AgentProcess) -> float:
        """The later of the process's start and its pid file's time: an early one would call a file newer that is not.

        The kernel counts a start from the boot, so it moves when the clock is set or the machine was suspended; files keep the clock of their day.
        """
        assert process.started_at is not None
        file = f"{self.agent.install_dir}/run/{process.process}.pid"
        try:
            text = self.host.read(file, 64).decode("ascii", "replace").strip()
            written_at = self.host.stat(file).mtime
        except (FileNotFoundError, Unavailable, InputError):
            return process.started_at
        return max(process.started_at, written_at) if text == str(process.pid) else process.started_at
