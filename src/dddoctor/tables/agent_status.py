"""What a running Agent says of itself: its status, the checks that it runs, and what it reports of those that it does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import table
from dddoctor.tables._agent_commands import STATUS, ask, program_of, refusal
from dddoctor.tables._agent_json import Document, document, mapping, whole, words
from dddoctor.tables._check_reports import LONGEST_SENTENCE, runs, shortened
from dddoctor.tables._status_rows import (
    AgentStatus,
    CheckError,
    CheckRun,
    TailedSource,
    error_rows,
    run_row,
    source_rows,
    status_row,
)
from dddoctor.tables.agents import Agent

EXPVAR_PORT = 5000
SAME_MOMENT_SECONDS = 2.0
# The parts of the status as the expvar port names them (reference: HTTP endpoints).
_EXPVAR = {
    "runner": "runnerStats",
    "CheckScheduler": "checkSchedulerStats",
    "autoconfig": "autoConfigStats",
    "pyLoader": "pyLoaderStats",
    "pythonInit": "pythonInit",
    "forwarder": "forwarderStats",
    "hostname": "hostnameStats",
    "pid": "pid",
    "ntpOffset": "ntpOffset",
}
_NOT_IN_EXPVAR = (
    "version",
    "flavor",
    "started_at",
    "running_seconds",
    "hostname",
    "main_file",
    "python_version",
    "is_apm_answering",
    "apm_port",
    "apm_error",
    "is_logs_running",
)
Row = AgentStatus | CheckRun | CheckError | TailedSource | Gap


@table("agent_status", AgentStatus, limit_seconds=25.0)
@table("check_runs", CheckRun, limit_seconds=25.0)
@table("check_errors", CheckError, limit_seconds=25.0)
@table("tailed_sources", TailedSource, limit_seconds=25.0)
def collect(host: Host, vault: Vault, agents: list[Agent]) -> Iterator[Row]:
    """Ask each packaged Agent once; where its command cannot be used, the debug port. Agents without either have no rows.

    An Agent that does not answer has a row that says why, and no checks. What could not be asked is a gap: denied ("sudo"), timeout, or tool (a program that
    others can write is not run).
    """
    for agent in agents:
        if program_of(agent) is not None:
            yield from _of_agent(host, vault, agent)


def _of_agent(host: Host, vault: Vault, agent: Agent) -> Iterator[Row]:
    why_not, line, obstacle, late = None, "", None, None
    found: Document | None = None
    try:
        ran = ask(host, agent, STATUS)
    except Unavailable as error:
        if error.kind is Kind.TARGET:
            raise  # nothing runs on this kind of host
        if (
            error.kind is Kind.TIMEOUT
        ):  # seen, and not an obstacle: a silent listener on one of its ports, or a very busy Agent
            why_not, line, late = "silent", error.reason, error
        else:
            obstacle = error
    else:
        found = document(ran.stdout)
        if found is None and ran.returncode == 0:
            obstacle = Unavailable(Kind.TOOL, "`datadog-agent status --json` answers with something that is no JSON")
        elif found is None:
            why_not, line = refusal(ran)
            if why_not == "unknown-command":
                obstacle, why_not = Unavailable(Kind.TOOL, f"`datadog-agent status --json`: {vault.redact(line)}"), None
    source = "status" if found else None
    if found is None:
        found = _debug_port(host, agent)
        source = "expvar" if found else None
    if obstacle is not None:
        yield from _gaps(agent, obstacle, is_known=found is not None)
        if found is None:
            return
    values = found.values if found else {}
    if found and not found.is_whole:
        yield Gap(agent.agent, Kind.TOOL, "the Agent's answer ends in the middle")
    is_answering = 1 if source == "status" else 0 if why_not else None
    said = shortened(vault.redact(line), LONGEST_SENTENCE) if line else None
    instances = runs(values)
    status = status_row(agent.agent, values, vault)
    yield status._replace(is_answering=is_answering, why_not=why_not, reported=said, source=source)
    if found is None:
        for name in ("check_runs", "check_errors", "tailed_sources"):
            if late:
                yield Gap(agent.agent, late.kind, late.reason, late.remedy, None, name)
            else:
                yield Gap(agent.agent, Kind.TARGET, "this Agent does not answer", "", None, name)
        return
    for run in instances:
        yield run_row(agent.agent, run, vault)
    if source == "status":
        yield from source_rows(agent.agent, values, vault)
    else:
        reason = "the debug port does not tell which logs the Agent reads"
        kind, remedy = (obstacle.kind, obstacle.remedy) if obstacle else (Kind.TARGET, "")
        yield Gap(agent.agent, kind, reason, remedy, None, "tailed_sources")
    folders = _Folders(host, agent, values, status.started_at)
    for row in error_rows(agent.agent, values, instances, vault, folders.code):
        yield row._replace(is_outdated=folders.is_newer(row)) if row.is_decisive else row


class _Folders:
    """Where the answering Agent has its checks' files, and whether they were written since it started (files are read once, at the start)."""

    def __init__(self, host: Host, agent: Agent, status: Mapping[str, Any], started_at: float | None) -> None:
        config = mapping(status.get("config"))
        self.host, self.started_at = host, started_at
        self.configuration = words(config.get("confd_path")) or f"{agent.config_dir}/conf.d"
        self.code = words(config.get("additional_checksd")) or f"{agent.config_dir}/checks.d"
        self._known: dict[str, int | None] = {}

    def is_newer(self, row: CheckError) -> int | None:
        if self.started_at is None:
            return None
        if row.check_name not in self._known:
            self._known[row.check_name] = self._is_newer(row.check_name, self.started_at + SAME_MOMENT_SECONDS)
        return self._known[row.check_name]

    def _is_newer(self, name: str, moment: float) -> int | None:
        """One whose configuration is gone counts by its folder's time; NULL where a folder cannot be looked into."""
        if "/" in name or "*" in name or "?" in name:
            return None
        try:
            paths = [
                p
                for p in (f"{self.configuration}/{name}.yaml", f"{self.configuration}/{name}.yml")
                if self.host.exists(p)
            ]
            paths += self.host.glob(f"{self.configuration}/{name}.d/*")
            if not paths and self.host.exists(self.configuration):
                paths = [self.configuration]
            code = f"{self.code}/{name}.py"
            paths += [code] if self.host.exists(code) else []
            return int(any(self.host.stat(p).mtime > moment for p in paths))
        except (Unavailable, InputError, FileNotFoundError):
            return None


def _gaps(agent: Agent, obstacle: Unavailable, *, is_known: bool) -> Iterator[Gap]:
    """What an obstacle costs: everything, or what the debug port does not tell."""
    if is_known:
        lost = ("is_answering", "why_not", "reported", *_NOT_IN_EXPVAR)
        yield Gap(agent.agent, obstacle.kind, obstacle.reason, obstacle.remedy, lost, "agent_status")
    else:
        yield Gap(agent.agent, obstacle.kind, obstacle.reason, obstacle.remedy)


def _debug_port(host: Host, agent: Agent) -> Document | None:
    """The debug port's answer in the shape of a status; None where it has none, or where something else listens there."""
    try:
        answer = host.request(f"http://127.0.0.1:{_expvar_port(host, agent)}/debug/vars")
    except (ConnectionRefusedError, Unavailable):
        return None
    found = document(answer.body.decode("utf-8", "replace")) if answer.status == 200 else None
    if found is None or not ("runner" in found.values or "CheckScheduler" in found.values):
        return None
    return Document({to: found.values[name] for name, to in _EXPVAR.items() if name in found.values}, found.is_whole)


def _expvar_port(host: Host, agent: Agent) -> int:
    from dddoctor.tables._documents import main_document

    try:
        root = main_document(host, agent.main_file or "").root
    except (FileNotFoundError, Unavailable, InputError):
        return EXPVAR_PORT
    for key, value in root.pairs if root is not None and root.kind == "map" else []:
        port = whole(value.value) if str(key.value).lower() == "expvar_port" else None
        if port and 0 < port < 65536:
            return port
    return EXPVAR_PORT
