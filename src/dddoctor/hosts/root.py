"""A folder or mounted disk as a host: files only. Links inside it resolve inside it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from dddoctor.hosts.base import (
    COMMAND_TIMEOUT_SECONDS,
    REQUEST_TIMEOUT_SECONDS,
    Answer,
    Process,
    Ran,
    Socket,
    Unavailable,
)
from dddoctor.hosts.files import FolderFiles
from dddoctor.model import Kind

if TYPE_CHECKING:
    from pathlib import Path


def real_folder(folder: Path | str) -> str:
    """The folder by a path without links. A link of /proc leads elsewhere than its text says (`/proc/PID/root` says `/`): it stays as it is."""
    real = os.path.realpath(folder)
    try:
        is_same = os.path.samestat(os.stat(real), os.stat(folder))
    except OSError:
        return real
    return real if is_same else os.path.abspath(folder)


class RootHost(FolderFiles):
    """`folder` holds somebody's `/`. It has files, but nothing runs in it."""

    kind = "root"

    def __init__(self, folder: Path | str, unreadable: Iterable[str] = ()) -> None:
        super().__init__(real_folder(folder), unreadable)
        self.name = str(folder)

    def run(
        self, argv: Sequence[str], timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, user: str | None = None
    ) -> Ran:
        raise Unavailable(Kind.TARGET, f"nothing runs in a folder, so {argv[0]} cannot be asked")

    def environ(self) -> Mapping[str, str]:
        raise Unavailable(Kind.TARGET, "a folder has no environment")

    def processes(self) -> list[Process]:
        self._nothing_runs("processes")

    def listeners(self) -> list[Socket]:
        self._nothing_runs("ports")

    def request(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        authority: str | None = None,
    ) -> Answer:
        self._nothing_runs(url)

    def containers(self) -> list[Mapping[str, Any]]:
        self._nothing_runs("containers")

    def images(self) -> list[Mapping[str, Any]]:
        self._nothing_runs("images")

    def _nothing_runs(self, what: str) -> NoReturn:
        raise Unavailable(Kind.TARGET, f"nothing runs in a folder, so it has no {what}")
