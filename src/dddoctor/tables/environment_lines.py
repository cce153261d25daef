"""The lines of an Agent's environment file that do not do what they look like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import _catalogue, table
from dddoctor.tables._near import nearest
from dddoctor.tables.agents import Agent
from dddoctor.tables.mounts import gap_of

# What people set for other programs of Datadog (tracers, the install script); not the Agent's to know.
_OF_OTHERS = lazy(
    r"DD_(TRACE|PROFILING|RUNTIME|APPSEC|IAST|INSTRUMENTATION|PATCH|DJANGO|FLASK|LAMBDA|CIVISIBILITY)_|"
    r"DD_(SERVICE|VERSION|UPGRADE|INSTALL\w*|AGENT_\w+|REPO_URL|FIPS_MODE)$"
)
EXPORT, NO_EQUALS = "export", "no-equals"


class EnvironmentLine(NamedTuple):
    """One line that names a DD_ variable in the environment file of a packaged Agent (config_dir/environment, which systemd reads).

    `defect`: export (`export NAME=…`, which systemd drops as an invalid name), no-equals (`NAME: …` and the like, which it skips), NULL where the line
    counts. `is_known`: the Agent reads a variable of this name. `nearest`: the known one that was probably meant. Values are not kept.

    Source: systemd 252 and 257 (`Ignoring invalid environment assignment`); agent.log of 7.72.4 (`Unknown environment variable`).
    """

    agent: str
    file: str
    line: int
    name: str
    defect: str | None
    is_known: int
    nearest: str | None


@table("environment_lines", EnvironmentLine)
def collect(host: Host, vault: Vault, agents: list[Agent]) -> Iterator[EnvironmentLine | Gap]:
    """In the order of the file; none where there is no such file, or systemd does not start the Agent."""
    for agent in agents:
        if agent.kind != "package" or agent.major < 6 or agent.config_dir is None:
            continue
        file = f"{agent.config_dir}/environment"
        try:
            text = host.read(file).decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except (Unavailable, InputError) as error:
            yield gap_of(file, error)
            continue
        known: dict[str, list[str]] | None = None
        for line, name, defect in dd_lines(text):
            if known is None:
                known = _catalogue.settings().by_variable()
            is_known = name in known
            near = None if is_known or _OF_OTHERS.match(name) else nearest(name, known)
            yield EnvironmentLine(agent.agent, file, line, vault.redact(name), defect, int(is_known), near)


def dd_lines(text: str) -> Iterator[tuple[int, str, str | None]]:
    """(line, name, defect) of the lines that set, or seem to set, a variable that begins with DD_. Comments and what goes on from the line above are left out."""
    goes_on = False
    for number, line in enumerate(text.split("\n"), 1):
        is_new, goes_on = not goes_on, line.rstrip("\r").endswith("\\")
        if not is_new:
            continue
        found = re.match(r"\s*(export\s+)?(DD_\w+)\s*([=:]?)", line)
        if found and found[1] and found[3] == "=":
            yield number, found[2], EXPORT
        elif found and not found[1] and line.strip() != found[2]:
            yield number, found[2], None if found[3] == "=" else NO_EQUALS
