"""Whether an installed Agent may ask Docker: the socket's owner and mode against the groups of the Agent's user. Files alone; the engine is not asked."""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import table
from dddoctor.tables.agents import Agent
from dddoctor.tables.mounts import gap_of

SOCKET = "/var/run/docker.sock"
AGENT_USER = "dd-agent"


class DockerAccess(NamedTuple):
    """The engine's socket, as the user of an installed Agent meets it. No row where Docker does not run, or no Agent is installed.

    `is_open`: that user may ask Docker; NULL where the groups could not be read. `owner`, `owner_group` and `mode` (four octal digits) are the socket's.

    Source: stat of /var/run/docker.sock, /etc/passwd, /etc/group. The Agent runs as dd-agent (reference: its units).
    """

    agent: str
    file: str
    user: str
    owner: str
    owner_group: str
    mode: str
    is_open: int | None


@table("docker_access", DockerAccess)
def collect(host: Host, agents: list[Agent]) -> Iterator[DockerAccess | Gap]:
    """One row for the packaged Agent."""
    installed = [a for a in agents if a.kind == "package"]
    if not installed:
        return
    try:
        socket = host.stat(SOCKET)
    except FileNotFoundError:
        return
    except (Unavailable, InputError) as error:
        yield gap_of(SOCKET, error)
        return
    if socket.kind == "directory":  # Docker makes one where a container mounts a socket that is not there
        return
    groups: set[str] | None = None
    try:
        groups = groups_of(AGENT_USER, _text(host, "/etc/passwd"), _text(host, "/etc/group"))
    except (Unavailable, InputError) as error:
        found = gap_of("/etc/group", error)
        yield Gap(SOCKET, found.kind, found.reason, found.remedy, ("is_open",))
    for agent in installed:
        is_open = None if groups is None else int(may_use(socket, AGENT_USER, groups))
        yield DockerAccess(agent.agent, SOCKET, AGENT_USER, socket.owner, socket.group, f"{socket.mode:04o}", is_open)


def _text(host: Host, path: str) -> str:
    try:
        return host.read(path).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def groups_of(user: str, passwd: str, group: str) -> set[str]:
    """The names of a user's groups, by the texts of /etc/passwd and /etc/group.

    >>> sorted(groups_of("dd", "dd:x:9:7::/:/bin/sh\\n", "a:x:7:\\nb:x:8:me,dd\\nc:x:9:\\n"))
    ['a', 'b']
    """
    own = {fields[3] for line in passwd.splitlines() if (fields := line.split(":"))[0] == user and len(fields) > 3}
    found = set()
    for line in group.splitlines():
        fields = line.split(":")
        if len(fields) > 3 and (fields[2] in own or user in fields[3].strip().split(",")):
            found.add(fields[0])
    return found


def may_use(socket: Stat, user: str, groups: set[str]) -> bool:
    """Whether the user may connect: that takes the right to write (unix(7))."""
    if socket.owner == user:
        return bool(socket.mode & 0o200)
    return bool(socket.mode & (0o020 if socket.group in groups else 0o002))
