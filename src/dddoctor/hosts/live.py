"""The machine that the doctor runs on."""

from __future__ import annotations

import os
import stat as mode_of
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dddoctor.hosts import paths
from dddoctor.hosts.base import (
    COMMAND_TIMEOUT_SECONDS,
    REQUEST_TIMEOUT_SECONDS,
    Answer,
    InputError,
    Process,
    Ran,
    Socket,
    Unavailable,
)
from dddoctor.hosts.files import FolderFiles
from dddoctor.model import Kind

if TYPE_CHECKING:
    from dddoctor.hosts.outbound import Outgoing, Reached

# Where a bare program name is looked up: never on PATH, which belongs to whoever calls the doctor. /usr/local is left out: Debian gives it to the group
# staff. The Agent's folders are those of the packages, of the installer (7.6x on) and of macOS (reference: the Agent's own path_*.go).
PROGRAM_FOLDERS = (
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/opt/datadog-agent/bin/agent",
    "/opt/datadog-agent/embedded/bin",
    "/opt/datadog-packages/datadog-agent/stable/bin/agent",
    "/opt/datadog-packages/datadog-agent/stable/embedded/bin",
)
DOCKER_SOCKET = "/var/run/docker.sock"
AUTHORITY_LIMIT_BYTES = 1024 * 1024
_PATH = ":".join(PROGRAM_FOLDERS[:4])
_ROOT = 0


class LiveHost(FolderFiles):
    """This machine: files below `/`, and programs of folders that nobody but root, or the user they run as, can write."""

    kind = "live"

    def __init__(self) -> None:
        super().__init__("/")
        self.name = os.uname().nodename

    def run(
        self, argv: Sequence[str], timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, user: str | None = None
    ) -> Ran:
        """Run a program, given by its bare name (see PROGRAM_FOLDERS) or absolute path, in `/`, without input, with a clean environment.

        Unavailable: tool (not there, not to be trusted, too much output), denied (another `user` than oneself needs root), timeout.
        """
        from dddoctor.hosts.process import run_bounded

        account = self._account(user)
        called, program = self._program(argv[0], account.uid)
        environment = {
            "PATH": _PATH,
            "LC_ALL": "C",
            "HOME": account.home,
            "USER": account.name,
            "LOGNAME": account.name,
        }
        drop = (account.uid, account.gid, account.groups) if os.geteuid() != account.uid else None
        # Called by the name that was found: busybox, and the python of a venv, decide by it what they are.
        return run_bounded(program, [called, *argv[1:]], environment, timeout_seconds, drop)

    def environ(self) -> Mapping[str, str]:
        """The environment of this process. Under sudo that is what sudo left of the person's own: its PATH is usually root's."""
        return dict(os.environ)

    def processes(self) -> list[Process]:
        """All processes by pid. Unavailable(denied) where only one's own are shown."""
        from dddoctor.hosts import live_processes

        return live_processes.processes(self._user_name)

    def listeners(self) -> list[Socket]:
        """By port. Without root the processes of others are not named; on macOS Unavailable(denied)."""
        from dddoctor.hosts import live_processes

        return live_processes.listeners()

    def request(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        authority: str | None = None,
    ) -> Answer:
        """GET on loopback; `timeout_seconds` is for the whole of it. Unavailable(tool) also where the authority's file is not there."""
        from dddoctor.hosts import live_http

        try:
            pem = self.read(authority, AUTHORITY_LIMIT_BYTES).decode("ascii", "replace") if authority else None
        except (FileNotFoundError, InputError):
            raise Unavailable(Kind.TOOL, f"the certificate to trust, {authority}, is not there") from None
        return live_http.get(url, headers or {}, timeout_seconds, pem)

    def reach(self, request: Outgoing) -> Reached:
        """A request to the world outside; only collectors that --network switches on make one."""
        from dddoctor.hosts import outbound

        return outbound.go(request, outbound.standard_net())

    def containers(self) -> list[Mapping[str, Any]]:
        """Docker's `inspect` of every container, by name."""
        from dddoctor.hosts import live_docker

        return live_docker.containers(self._docker_socket())

    def images(self) -> list[Mapping[str, Any]]:
        from dddoctor.hosts import live_docker

        return live_docker.images(self._docker_socket())

    def _docker_socket(self) -> str:
        """The engine's socket: that of DOCKER_HOST, else the usual one. FileNotFoundError where there is no Docker at all.

        Unavailable(tool) for one that others could have put there: what it answers would be believed.
        """
        asked = os.environ.get("DOCKER_HOST", "")
        if asked and not asked.startswith("unix:///"):
            raise Unavailable(Kind.TOOL, "DOCKER_HOST names an engine that is not on this machine; it is not asked")
        path = asked.removeprefix("unix://") or DOCKER_SOCKET
        try:
            found = self.stat(path)
        except FileNotFoundError:
            if asked or any(self.exists(paths.below(folder, "docker")) for folder in PROGRAM_FOLDERS[:4]):
                raise Unavailable(Kind.TOOL, f"the Docker engine does not run: {path} is not there") from None
            raise
        except InputError as error:
            raise Unavailable(Kind.TOOL, str(error)) from None
        if (
            found.kind == "directory"
        ):  # what `docker run -v SOCKET:…` leaves where another engine was asked: none was ever here
            raise paths.absent(path)
        if found.kind != "socket":
            raise Unavailable(Kind.TOOL, f"{path} is a {found.kind}, not the Docker engine's socket")
        self._require_trust(path, found.target, os.geteuid(), "asked", is_socket=True)
        return found.target

    def _account(self, user: str | None) -> _Account:
        if user is None:
            return _Account.of_uid(os.geteuid())
        account = _Account.of_name(user)
        if os.geteuid() not in (_ROOT, account.uid):
            raise Unavailable(Kind.DENIED, f"only root may run a command as {user}", "sudo")
        return account

    def _program(self, name: str, uid: int) -> tuple[str, str]:
        """(path as found, path without links) of a program that nobody but root and `uid` can have written."""
        if name.startswith("/"):
            candidates = [name]
        elif "/" in name:
            raise ValueError(f"{name}: a program is named by its bare name or an absolute path")
        else:
            candidates = [paths.below(folder, name) for folder in PROGRAM_FOLDERS]
        for candidate in candidates:
            try:
                found = self.stat(candidate)
            except FileNotFoundError:
                continue
            if found.kind == "file" and found.mode & 0o111:
                self._require_trust(candidate, found.target, uid)
                return candidate, found.target
        raise Unavailable(
            Kind.TOOL, f"{name} is not installed here" if len(candidates) > 1 else f"there is no program {name}"
        )

    def _require_trust(self, candidate: str, target: str, uid: int, verb: str = "run", is_socket: bool = False) -> None:
        """Raise Unavailable where somebody else can write the program, a folder above it, or a folder above its link.

        Writing to a socket is only asking: there its owner and the folders count.
        """
        checked: set[str] = set()
        for path in (target, *self._links_to(candidate)):
            while path not in checked:
                checked.add(path)
                found = self.stat(path, follow=False)
                mode = found.mode & 0o700 if is_socket and path == target else found.mode
                who = writer_besides(mode, found.uid, found.gid, uid)
                if found.kind != "link" and who:
                    name = (
                        found.owner
                        if who == "owner"
                        else f"the group {found.group}"
                        if who == "group"
                        else "every user"
                    )
                    remedy = "sudo" if who == "owner" and os.geteuid() != _ROOT else ""
                    kind = Kind.DENIED if remedy else Kind.TOOL
                    raise Unavailable(kind, f"{candidate} is not {verb}, because {name} can write {path}", remedy)
                path = path.rpartition("/")[0] or "/"

    def _links_to(self, candidate: str) -> list[str]:
        """The paths, without links above them, of each link that is passed on the way to what `candidate` is."""
        found: list[str] = []
        pending = paths.components(candidate)[::-1]
        here = "/"
        while pending and len(found) < paths.LINKS_LIMIT:
            name = pending.pop()
            there = (here.rpartition("/")[0] or "/") if name == ".." else paths.below(here, name)
            if name == ".." or self.stat(there, follow=False).kind != "link":
                here = there
                continue
            found.append(there)
            text = self.readlink(there)
            here = "/" if text.startswith("/") else here
            pending += paths.components(text)[::-1]
        return found

    def _user_name(self, uid: int) -> str:
        """As the system knows it: also users of LDAP, or of macOS's directory service."""
        import pwd

        if self._users is None:
            self._users = {}
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]

    def _group_name(self, gid: int) -> str:
        import grp

        if self._groups is None:
            self._groups = {}
        if gid not in self._groups:
            try:
                self._groups[gid] = grp.getgrgid(gid).gr_name
            except KeyError:
                self._groups[gid] = str(gid)
        return self._groups[gid]


class _Account:
    """Who a command runs as."""

    def __init__(self, name: str, uid: int, gid: int, home: str) -> None:
        self.name, self.uid, self.gid, self.home = name, uid, gid, home

    @property
    def groups(self) -> list[int]:
        groups = os.getgrouplist(self.name, self.gid)
        return groups[:16] if sys.platform == "darwin" else groups  # setgroups takes no more there

    @classmethod
    def of_uid(cls, uid: int) -> _Account:
        import pwd

        try:
            entry = pwd.getpwuid(uid)
        except KeyError:  # a container that was started with a bare number
            return cls(str(uid), uid, os.getegid(), "/")
        return cls(entry.pw_name, uid, entry.pw_gid, entry.pw_dir)

    @classmethod
    def of_name(cls, name: str) -> _Account:
        import pwd

        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise Unavailable(Kind.TOOL, f"there is no user {name} here") from None
        return cls(name, entry.pw_uid, entry.pw_gid, entry.pw_dir)


def writer_besides(mode: int, owner: int, group: int, uid: int) -> str | None:
    """Who but root and `uid` can write such a path: "owner", "group", "others" or None.

    A sticky folder counts as writable: its files are safe, but a new name in it is anybody's.
    """
    if owner not in (_ROOT, uid):
        return "owner"
    if mode & mode_of.S_IWGRP and group != _ROOT:
        return "group"
    return "others" if mode & mode_of.S_IWOTH else None
