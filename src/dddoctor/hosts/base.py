"""The Host protocol: the few questions that a host answers, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Protocol

from dddoctor.light import NamedTuple
from dddoctor.model import Kind

READ_LIMIT_BYTES = 16 * 1024 * 1024
COMMAND_TIMEOUT_SECONDS = 10.0
REQUEST_TIMEOUT_SECONDS = 3.0


class Unavailable(Exception):
    """The host cannot answer. `remedy` is the least that would help ("sudo"), empty where nothing would. Becomes a Gap."""

    def __init__(self, kind: Kind, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.kind, self.reason, self.remedy = kind, reason, remedy


class InputError(Exception):
    """A user's file is not what it should be: a directory, a FIFO, a link loop, a link out of the root. Usually a finding or a gap, never a crash."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(f"{location}: {message}")
        self.location, self.message = location, message


class Stat(NamedTuple):
    """One path. `mode` is the permission bits (0–0o7777); `kind` is file, directory, link, fifo, socket or device.

    `owner` and `group` are names by the *target's* passwd and group files, else the numbers as text. `target` is the path after all links.
    `mtime` is in seconds since the epoch.
    """

    mode: int
    kind: str
    uid: int
    gid: int
    owner: str
    group: str
    size_bytes: int
    mtime: float
    links: int
    inode: int
    device: int
    target: str


class Ran(NamedTuple):
    """A command's end. Texts are decoded as UTF-8 with replacement."""

    returncode: int
    stdout: str
    stderr: str


class Process(NamedTuple):
    """One process. `started_at` is in seconds since the epoch; `argv` as it is now (a process may rewrite it); `user` by the target's passwd file.

    None where it may not be looked at: `exe` (path without links, " (deleted)" cut off), `cwd`, `environ` (raw: it may hold secrets, nothing of it goes
    into a row unread), `is_exe_deleted` (0/1: the file was replaced or removed since the start). `cgroup` is the path of its own group, which names its
    unit or container. `is_foreign` is 1 where it lives in another PID or network namespace than the doctor (a container's), None where not known.
    """

    pid: int
    ppid: int
    name: str
    argv: tuple[str, ...]
    user: str
    uid: int
    started_at: float
    exe: str | None
    is_exe_deleted: int | None
    cwd: str | None
    cgroup: str | None
    environ: Mapping[str, str] | None
    is_foreign: int | None
    rss_bytes: int | None


class Socket(NamedTuple):
    """One listening TCP or bound UDP socket of the doctor's own network namespace. `protocol` is tcp, tcp6, udp or udp6; `address` as text
    (`127.0.0.1`, `0.0.0.0`, `::`); `pid` None where the owner may not be seen or lives in another PID namespace."""

    protocol: str
    address: str
    port: int
    pid: int | None
    uid: int | None


class Answer(NamedTuple):
    """An HTTP answer. `body` is cut at READ_LIMIT_BYTES."""

    status: int
    body: bytes


class Host(Protocol):
    """A host as tables see it. Paths are the target's own, absolute.

    Absence is an answer: `read`, `stat`, `listdir` and `readlink` raise FileNotFoundError (also when a parent is no directory).
    What cannot be answered raises Unavailable; what is not a regular file (read) or not a directory (listdir) raises InputError.
    """

    kind: str
    name: str

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        """The whole regular file. Larger than the limit: Unavailable(tool). Links are followed inside the root only."""
        ...

    def stat(self, path: str, *, follow: bool = True) -> Stat: ...

    def readlink(self, path: str) -> str: ...

    def listdir(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Existing paths, sorted. `*` and `?` inside a component only. A folder that may not be listed raises Unavailable(denied)."""
        ...

    def exists(self, path: str) -> bool:
        """Whether stat(follow=True) would answer; an obstacle raises Unavailable."""
        ...

    def run(
        self, argv: Sequence[str], timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, user: str | None = None
    ) -> Ran: ...

    def environ(self) -> Mapping[str, str]:
        """The environment of the person who runs the doctor; Unavailable(target) where the host has none (a folder, a flare)."""
        ...

    def open(self, path: str) -> BinaryIO:
        """A regular file opened for reading, for what is too large to hold (logs): seekable, no size limit. Errors as `read`."""
        ...

    def processes(self) -> list[Process]:
        """All processes that can be seen, by pid. Unavailable(target) where nothing runs; Unavailable(denied) where none can be seen."""
        ...

    def listeners(self) -> list[Socket]:
        """Sockets that take connections or datagrams, by port. Unavailable as `processes`."""
        ...

    def request(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        authority: str | None = None,
    ) -> Answer:
        """GET of an http or https URL on loopback. `authority`: path of the PEM file whose certificate alone is trusted; without it none is checked.

        ConnectionRefusedError where nobody listens; Unavailable(timeout); Unavailable(tool) for what is no HTTP or TLS; ValueError for another host.
        """
        ...

    def containers(self) -> list[Mapping[str, Any]]:
        """Docker's `inspect` of every container, running or not, by name. FileNotFoundError: there is no Docker here (no socket and no command);
        Unavailable(denied), (timeout), (tool: the engine does not answer)."""
        ...

    def images(self) -> list[Mapping[str, Any]]:
        """Docker's list of images (Id, RepoTags, Created, Size …). Errors as `containers`."""
        ...
