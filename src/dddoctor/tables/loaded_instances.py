"""What the running Agent has loaded, by its own `configcheck`: the state of when it started, not that of the files."""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import table
from dddoctor.tables._agent_commands import CONFIGCHECK, ask, refusal
from dddoctor.tables._agent_json import number
from dddoctor.tables._status_rows import AgentStatus
from dddoctor.tables.agents import Agent

_HEAD = lazy(r"^=== (.+) check ===$")
_INTERVAL = lazy(r"^min_collection_interval: [\"']?([^\"'\s]+)")
_JMX = lazy(r"^(?:is_jmx: true|loader: jmx)\s*$")
DEFAULT_INTERVAL_SECONDS = 15.0


class LoadedInstance(NamedTuple):
    """One instance that the running Agent has in memory. `instance` is its id (`mysql:HASH`; for a check of the Agent itself not the id of check_runs).

    `file` is where it came from, NULL for other providers (`provider`: file, container, kubernetes …). `interval_seconds` is the instance's own
    min_collection_interval or 15. `is_jmx` 1 where it goes to JMXFetch, which runs outside of the collector. Configurations with logs only have no rows.

    Source: `datadog-agent configcheck` (text; the same form from 6.0 on).
    """

    agent: str
    check_name: str
    instance: str
    provider: str | None
    file: str | None
    interval_seconds: float
    is_jmx: int


@table("loaded_instances", LoadedInstance, limit_seconds=15.0, of="agent_status")
def collect(
    host: Host, vault: Vault, agents: list[Agent], agent_status: list[AgentStatus]
) -> Iterator[LoadedInstance | Gap]:
    """The instances of each Agent that answers, in its order."""
    answering = {s.agent for s in agent_status if s.is_answering}
    for agent in agents:
        if agent.agent not in answering:
            continue
        try:
            ran = ask(host, agent, CONFIGCHECK)
        except Unavailable as error:
            yield Gap(agent.agent, error.kind, error.reason, error.remedy)
            continue
        if ran.returncode != 0:
            reason = vault.redact(refusal(ran)[1])
            yield Gap(agent.agent, Kind.TOOL, f"`datadog-agent configcheck`: {reason}")
            continue
        for one in instances(ran.stdout):
            yield one._replace(agent=agent.agent, instance=vault.redact(one.instance))


def instances(text: str) -> Iterator[LoadedInstance]:
    """The instances in configcheck's output. A part that is cut, or a line of another version, costs what stands there and nothing else."""
    head: dict[str, str] = {}
    open_: list[LoadedInstance] = []
    is_jmx, part = 0, ""
    for line in [*text.splitlines(), "==="]:
        named = _HEAD.match(line)
        if named or line.rstrip() == "===":
            yield from (one._replace(is_jmx=is_jmx) for one in open_)
            head, open_, is_jmx, part = ({"name": named[1]} if named else {}), [], 0, ""
        elif not head:
            continue
        elif line.startswith("Configuration provider:"):
            head["provider"] = line.partition(":")[2].strip()
        elif line.startswith("Configuration source:"):
            head["source"] = line.partition(":")[2].strip()
        elif line.startswith("Config for instance ID:"):
            source = head.get("source", "")
            open_.append(
                LoadedInstance(
                    "",
                    head["name"],
                    line.partition(":")[2].strip(),
                    head.get("provider") or None,
                    source.removeprefix("file:") if source.startswith("file:/") else None,
                    DEFAULT_INTERVAL_SECONDS,
                    0,
                )
            )
            part = "instance"
        elif line.startswith(("Init Config:", "Log Config:", "Auto-discovery IDs:", "Metric Config:")):
            part = "rest"
        elif line.strip() == "~":
            part = ""
        elif part == "instance" and (found := _INTERVAL.match(line)):
            seconds = number(found[1])
            open_[-1] = open_[-1]._replace(
                interval_seconds=seconds if seconds and seconds > 0 else DEFAULT_INTERVAL_SECONDS
            )
        if _JMX.match(line):
            is_jmx = 1
