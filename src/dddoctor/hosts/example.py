"""The host of a rule's example: a folder, with what a folder lacks answered from the example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dddoctor.hosts import paths
from dddoctor.hosts.base import (
    COMMAND_TIMEOUT_SECONDS,
    REQUEST_TIMEOUT_SECONDS,
    Answer,
    Process,
    Ran,
    Socket,
    Stat,
    Unavailable,
)
from dddoctor.hosts.root import RootHost
from dddoctor.model import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from dddoctor.hosts.outbound import Outgoing, Reached

_FIRST_MADE_UP_NUMBER = 60001  # above the people and below nobody of any distribution


class ExampleHost(RootHost):
    """`owners` maps target paths to `user:group`; everything else belongs to root, whoever runs the tests.

    `commands` maps an argv to its end, or to the Unavailable that it meets; a program may be asked for by its path too, and an argv of two words
    (`systemctl show`) answers whatever follows them. `env=None` is a folder
    without an environment; `processes`, `sockets`, `docker` (containers, as `inspect` has them; [] = Docker without any) None: nothing runs there.
    `answers` maps a URL to what it answers; where `sockets` are given, every other one is refused. `outside` does so for requests to the world outside,
    where every other one ends with HTTP 404.
    """

    def __init__(
        self,
        folder: Path | str,
        unreadable: Iterable[str] = (),
        *,
        owners: Mapping[str, str] | None = None,
        commands: Mapping[tuple[str, ...], Ran | Unavailable] | None = None,
        env: Mapping[str, str] | None = None,
        processes: list[Process] | Unavailable | None = None,
        sockets: list[Socket] | Unavailable | None = None,
        docker: list[Mapping[str, Any]] | Unavailable | None = None,
        answers: Mapping[str, Answer | Unavailable] | None = None,
        outside: Mapping[str, Reached | Unavailable] | None = None,
    ) -> None:
        super().__init__(folder, unreadable)
        self._owners = {paths.joined(paths.components(path)): names for path, names in (owners or {}).items()}
        self._commands = dict(commands or {})
        self._env = env
        self._processes, self._sockets, self._docker, self._answers = processes, sockets, docker, dict(answers or {})
        self._outside = outside
        self._numbers: dict[tuple[str, str], int] = {}

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        found = super().stat(path, follow=follow)
        user, _, group = self._owners.get(found.target, "root:root").partition(":")
        return found._replace(
            uid=self._number("/etc/passwd", user),
            gid=self._number("/etc/group", group or user),
            owner=user,
            group=group or user,
        )

    def run(
        self, argv: Sequence[str], timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, user: str | None = None
    ) -> Ran:
        asked = tuple(argv)
        by_name = (asked[0].rpartition("/")[2], *asked[1:])
        end = self._commands.get(asked) or self._commands.get(by_name) or self._commands.get(by_name[:2])
        if end is None:
            raise Unavailable(Kind.TARGET, f"the example does not say what `{' '.join(asked)}` answers")
        if isinstance(end, Unavailable):
            raise Unavailable(end.kind, end.reason, end.remedy)
        return end

    def environ(self) -> Mapping[str, str]:
        return super().environ() if self._env is None else dict(self._env)

    def processes(self) -> list[Process]:
        return super().processes() if self._processes is None else list(_or_raise(self._processes))

    def listeners(self) -> list[Socket]:
        return super().listeners() if self._sockets is None else list(_or_raise(self._sockets))

    def containers(self) -> list[Mapping[str, Any]]:
        if self._docker is None and self._processes is not None:
            raise FileNotFoundError("/var/run/docker.sock")
        return super().containers() if self._docker is None else list(_or_raise(self._docker))

    def images(self) -> list[Mapping[str, Any]]:
        named = {c.get("Config", {}).get("Image"): c.get("Image") for c in self.containers()}
        return [{"Id": number or name, "RepoTags": [name]} for name, number in named.items() if name]

    def request(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        authority: str | None = None,
    ) -> Answer:
        answer = self._answers.get(url)
        if answer is not None:
            given: Answer = _or_raise(answer)
            return given
        if self._sockets is None:
            return super().request(url, headers, timeout_seconds, authority)
        raise ConnectionRefusedError(url)

    def reach(self, request: Outgoing) -> Reached:
        if self._outside is None:
            raise Unavailable(Kind.TARGET, "the example does not say what is outside")
        from dddoctor.hosts.outbound import Reached

        found: Reached = _or_raise(self._outside.get(request.url) or Reached(None, "", "192.0.2.1", 404))
        return found

    def _number(self, file: str, name: str) -> int:
        """The number of a user or group, made up where the example has no passwd or group file that names it."""
        if (file, name) not in self._numbers:
            known = {name: number for number, name in self._names_in(file).items()}
            names = sorted({part for both in self._owners.values() for part in both.split(":")})
            made_up = _FIRST_MADE_UP_NUMBER + names.index(name) if name in names else 0
            self._numbers[file, name] = known.get(name, made_up)
        return self._numbers[file, name]


def _or_raise(answer: Any) -> Any:
    if isinstance(answer, Unavailable):
        raise Unavailable(answer.kind, answer.reason, answer.remedy)
    return answer
