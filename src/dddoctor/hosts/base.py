"""The Host protocol: the few questions that a host answers, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dddoctor.light import NamedTuple
from dddoctor.model import Kind

READ_LIMIT_BYTES = 16 * 1024 * 1024
COMMAND_TIMEOUT_SECONDS = 10.0


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
