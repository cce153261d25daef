"""Which programs answer to an Agent's name, and who can write them: the doctor runs none that somebody else can have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from dddoctor.hosts import paths
from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import table
from dddoctor.tables.agents import Agent
from dddoctor.tables.mounts import gap_of

_NAMES = ("datadog-agent", "dd-agent")  # dd-agent is Agent 5's
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_OWNERS = ("root", "dd-agent")  # the postinst gives the whole installation to dd-agent
_FOLDERS_LIMIT = 64


class AgentCommand(NamedTuple):
    """One program: what `datadog-agent` or `dd-agent` is in a folder of commands, and each Agent's own program.

    `name` is what one types, empty for the Agent's own program in its installation. `file` as it is found, `target` without links, NULL where the link leads
    to nothing. `agent`: whose program it is. `is_on_path`: its folder is on the PATH of the person who runs the doctor (under sudo: root's); NULL where
    nobody does (a folder). `mode` (four octal digits) and `owner` (`user:group`) of the target. `writable_place`: the program, or the nearest folder above it,
    that somebody else than root and dd-agent can change, `writable_by` who: "every user" or the owner's name. NULL: nobody.

    Source: the files of /usr/bin and its like, PATH; the postinst of the packages for the owners.
    """

    agent: str | None
    name: str
    file: str
    target: str | None
    is_on_path: int | None
    mode: str | None
    owner: str | None
    writable_place: str | None
    writable_by: str | None


@table("agent_commands", AgentCommand)
def collect(host: Host, agents: list[Agent]) -> Iterator[AgentCommand | Gap]:
    """The Agents' own programs, then the commands in the order in which a shell would find them."""
    look = _Look(host, agents)
    for agent in agents:
        if agent.install_dir is not None:
            below = "agent/agent.py" if agent.major == 5 else "bin/agent/agent"
            yield from look.rows("", f"{agent.install_dir}/{below}", None, agent.agent)
    for folder in look.folders():
        for name in _NAMES:
            yield from look.rows(name, paths.below(folder, name), look.on_path(folder))


class _Look:
    def __init__(self, host: Host, agents: Sequence[Agent]) -> None:
        self.host, self.agents = host, agents
        self.path: list[str] | None = None
        with suppress(Unavailable):
            named = str(host.environ().get("PATH", "")).split(":")
            self.path = [f.rstrip("/") or "/" for f in named if f.startswith("/")][:_FOLDERS_LIMIT]
        self.seen: set[str] = set()
        # A tree that somebody copied for himself belongs to him from `/` on, whoever owned its files before.
        self.keeps_owners = False
        with suppress(FileNotFoundError, Unavailable, InputError):
            self.keeps_owners = host.stat("/").uid == 0

    def folders(self) -> list[str]:
        """PATH first, then the usual places that are not on it."""
        return list(dict.fromkeys([*(self.path or ()), *_FOLDERS]))

    def on_path(self, folder: str) -> int | None:
        return None if self.path is None else int(folder in self.path)

    def rows(
        self, name: str, file: str, is_on_path: int | None, agent: str | None = None
    ) -> Iterator[AgentCommand | Gap]:
        try:
            place = self.host.stat(file.rpartition("/")[0] or "/").target  # /bin is a link to /usr/bin on most systems
            if name and f"{place}/{name}" in self.seen:
                return
            self.seen.add(f"{place}/{name}")
            stat = self.host.stat(file)
        except FileNotFoundError:
            with suppress(FileNotFoundError, Unavailable, InputError):
                if name and self.host.stat(file, follow=False).kind == "link":
                    yield AgentCommand(agent, name, file, None, is_on_path, None, None, None, None)
            return
        except (Unavailable, InputError) as error:
            yield gap_of(file, error)
            return
        if stat.kind != "file":
            return
        place_, by = self._writer(stat)
        yield AgentCommand(
            agent or self._owner_of(stat.target), name, file, stat.target, is_on_path,
            f"{stat.mode:04o}", f"{stat.owner}:{stat.group}", place_, by,
        )  # fmt: skip

    def _owner_of(self, target: str) -> str | None:
        for agent in self.agents:
            if agent.install_dir is not None:
                with suppress(FileNotFoundError, Unavailable, InputError):
                    if paths.is_under(target, self.host.stat(agent.install_dir).target):
                        return agent.agent
        return None

    def _writer(self, stat: Stat) -> tuple[str | None, str | None]:
        """(place, who) of the program or the nearest folder above it that others can write."""
        path, found = stat.target, stat
        while True:
            if found.mode & 0o002:
                return path, "every user"
            if self.keeps_owners and found.uid != 0 and found.owner not in _OWNERS:
                return path, found.owner
            if path == "/":
                return None, None
            path = path.rpartition("/")[0] or "/"
            try:
                found = self.host.stat(path, follow=False)
            except (FileNotFoundError, Unavailable, InputError):
                return None, None
