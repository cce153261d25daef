"""Files that somebody wrote on the host for an Agent that lives in a container, and that it cannot see there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from dddoctor.hosts import paths
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables.agents import CONFIG_DIR, Agent
from dddoctor.tables.configuration import ConfigFile

# What the Agent reads in its container; the image's start script copies *.yaml of /conf.d and *.py of /checks.d into its folders (cont-init.d/89-copy-customfiles.sh).
_READ_THERE = (CONFIG_DIR, "/conf.d", "/checks.d")


class ContainerBlindFile(NamedTuple):
    """One file of the host's /etc/datadog-agent that an Agent in a container does not see: no mount shows it to the container, where the Agent reads its own
    folder of that name.

    `agent` and `container` are those of the container. `file`: datadog.yaml, a file of conf.d (examples are left out) or of checks.d. No rows where an Agent is
    installed on the host, because those are its files, and none for a container that does not run.

    Source: `docker inspect` (Mounts); config_files; the names in checks.d.
    """

    agent: str
    container: str
    file: str


@table("container_blind_files", ContainerBlindFile)
def collect(host: Host, agents: list[Agent], config_files: list[ConfigFile]) -> Iterator[ContainerBlindFile | Gap]:
    """By container, then by file."""
    from dddoctor.tables._running_agents import agent_container

    if any(a.kind != "container" and a.install_dir is not None for a in agents):
        return
    try:
        containers = host.containers()
    except FileNotFoundError:  # no Docker here
        return
    files: list[str] | None = None
    for inspected in containers:
        found = agent_container(inspected)
        if found is None or not found.is_running or found.major == 5:
            continue
        if files is None:
            files = _files(config_files)
            for step in _code(host):
                if isinstance(step, Gap):
                    yield step
                else:
                    files.append(step)
        seen = _sources(inspected)
        for file in files:
            if not any(paths.is_under(file, source) for source in seen):
                yield ContainerBlindFile(f"container:{found.name}", found.name, file)


def _files(config_files: Sequence[ConfigFile]) -> list[str]:
    return sorted(
        {f.file for f in config_files if f.file_kind in ("main", "check", "autoconf") and paths.is_under(f.file, CONFIG_DIR)}
    )  # fmt: skip


def _code(host: Host) -> Iterator[str | Gap]:
    folder = f"{CONFIG_DIR}/checks.d"
    with suppress(FileNotFoundError):
        try:
            yield from (f"{folder}/{name}" for name in host.listdir(folder) if name.endswith(".py"))
        except Unavailable as error:
            yield Gap(folder, error.kind, error.reason, error.remedy)
        except InputError as error:
            yield Gap(folder, Kind.TOOL, error.message)


def _sources(inspected: Mapping[str, Any]) -> list[str]:
    """Paths of the host that are mounted where the Agent reads."""
    from dddoctor.tables import _inspect as inspect

    found = []
    for mount in inspect.mounts_of(inspected):
        destination, source = inspect.text(mount.get("Destination")).rstrip("/"), inspect.text(mount.get("Source"))
        if source.startswith("/") and any(paths.is_under(destination, place) for place in _READ_THERE):
            found.append(source.rstrip("/") or "/")
    return found
