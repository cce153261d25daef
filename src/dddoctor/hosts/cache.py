"""A host that remembers its answers for one run, so that each file is read once however many tables want it, and planned on is what was seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar, cast

from dddoctor.hosts import paths
from dddoctor.hosts.base import (
    COMMAND_TIMEOUT_SECONDS,
    READ_LIMIT_BYTES,
    REQUEST_TIMEOUT_SECONDS,
    Answer,
    Host,
    InputError,
    Process,
    Ran,
    Socket,
    Stat,
    Unavailable,
)

FILE_LIMIT_BYTES = 256 * 1024
TOTAL_LIMIT_BYTES = 32 * 1024 * 1024

T = TypeVar("T")


class CachedHost:
    """Answers as `host` did the first time, errors too. Files above 256 kB, and all above 32 MB in total, are read anew each time.

    Nothing is forgotten: after a change, make another. Two threads that ask for the same file at once may both reach the host; what runs, which takes
    longer, is asked by one, and the other waits for its answer.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self.kind, self.name = host.kind, host.name
        self._known: dict[Hashable, object] = {}
        self._left_bytes = TOTAL_LIMIT_BYTES
        self._lock = threading.Lock()
        self._asking: dict[Hashable, threading.Lock] = {}

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        content = self._known.get(("read", path))
        if isinstance(content, bytes):
            if len(content) > limit_bytes:
                raise paths.too_large(path, len(content), limit_bytes)
            return content
        content = self._once(("read", path, limit_bytes), lambda: self._host.read(path, limit_bytes), is_kept=False)
        if len(content) <= FILE_LIMIT_BYTES:
            with self._lock:
                if len(content) <= self._left_bytes:
                    self._left_bytes -= len(content)
                    self._known["read", path] = content
        return content

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        return self._once(("stat", path, follow), lambda: self._host.stat(path, follow=follow))

    def readlink(self, path: str) -> str:
        return self._once(("readlink", path), lambda: self._host.readlink(path))

    def listdir(self, path: str) -> list[str]:
        return list(self._once(("listdir", path), lambda: self._host.listdir(path)))

    def glob(self, pattern: str) -> list[str]:
        return list(self._once(("glob", pattern), lambda: self._host.glob(pattern)))

    def exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except (FileNotFoundError, InputError):
            return False
        return True

    def run(
        self, argv: Sequence[str], timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, user: str | None = None
    ) -> Ran:
        return self._one_by_one(("run", tuple(argv), user), lambda: self._host.run(argv, timeout_seconds, user))

    def environ(self) -> Mapping[str, str]:
        return self._host.environ()

    def open(self, path: str) -> BinaryIO:
        return self._host.open(path)

    def processes(self) -> list[Process]:
        return list(self._one_by_one(("processes",), self._host.processes))

    def listeners(self) -> list[Socket]:
        return list(self._one_by_one(("listeners",), self._host.listeners))

    def request(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        authority: str | None = None,
    ) -> Answer:
        key = ("request", url, tuple((headers or {}).items()), authority)
        return self._one_by_one(key, lambda: self._host.request(url, headers, timeout_seconds, authority))

    def containers(self) -> list[Mapping[str, Any]]:
        return list(self._one_by_one(("containers",), self._host.containers))

    def images(self) -> list[Mapping[str, Any]]:
        return list(self._one_by_one(("images",), self._host.images))

    def __getattr__(self, name: str) -> Any:
        """What this kind of host answers beyond the protocol is asked of it directly."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._host, name)

    def _one_by_one(self, key: Hashable, ask: Callable[[], T]) -> T:
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:  # where the host hangs, all who ask hang, each until its own limit
            return self._once(key, ask)

    def _once(self, key: Hashable, ask: Callable[[], T], *, is_kept: bool = True) -> T:
        if key in self._known:
            answer = self._known[key]
            if isinstance(answer, Exception):
                raise _bare(answer) from None
            return cast("T", answer)
        try:
            answer = ask()
        except (FileNotFoundError, ConnectionRefusedError, InputError, Unavailable) as error:
            self._known[key] = _bare(error)
            raise
        if is_kept:
            self._known[key] = answer
        return answer


def _bare(error: Exception) -> Exception:
    """The same error without where it came from: a traceback, and that of the error behind it, would keep the locals of all their frames alive (1 kB each)."""
    made: Exception = error.__class__.__new__(
        error.__class__, *error.__reduce__()[1]
    )  # an OSError's file is not among its `args`
    made.__dict__.update(error.__dict__)
    return made
