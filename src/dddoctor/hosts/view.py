"""A host seen through changes that are kept in memory: the reading half of the overlay."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

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


@dataclass
class Made:
    """A file (content) or folder (None) that the base does not have."""

    content: bytes | None
    mode: int
    owner: str | None


class ChangedView:
    """`base` as it is with the changes noted here.

    Paths are kept as the ones without links *in this view*, so an edit through a link is seen through every other way to the file, and what lies
    below a renamed folder is found under its new name only. Modes are told, not enforced. Everything that is no file (run, environ, whatever else
    the base answers) comes from the base.
    """

    def __init__(self, base: Host) -> None:
        self._base = base
        self.kind, self.name = base.kind, base.name
        self._now = time.time()
        self._made: dict[str, Made] = {}
        self._content: dict[str, bytes] = {}
        self._mode: dict[str, int] = {}
        self._owner: dict[str, str] = {}
        self._moved: dict[str, str] = {}  # path here → path in the base; holds for all that is below
        self._gone: set[str] = (
            set()
        )  # paths from which the base's file was removed or moved away, with all that is below
        self._folders: dict[tuple[bool, str], str] = {}  # (for reading, folder) → resolved; forgotten with each change
        self._numbers: dict[str, dict[str, int]] = {}

    # --- the questions of Host ---------------------------------------------------------------------------------------

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        if not self._is_changed:
            return self._base.read(path, limit_bytes)
        here = self._resolve(path, follow=True, is_for_reading=True)
        content = self._content.get(here)
        if content is None and here in self._made:
            content = self._made[here].content
            if content is None:
                raise paths.not_a_file(path, "directory")
        if content is None:
            return self._base.read(self._origin_or_absent(here), limit_bytes)
        if len(content) > limit_bytes:
            raise paths.too_large(path, len(content), limit_bytes)
        return content

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        if not self._is_changed:
            return self._base.stat(path, follow=follow)
        return self._look(self._resolve(path, follow))

    def readlink(self, path: str) -> str:
        if not self._is_changed:
            return self._base.readlink(path)
        here = self._resolve(path, follow=False)
        if here in self._made:
            raise InputError(path, "is not a link")
        return self._base.readlink(self._origin_or_absent(here))

    def listdir(self, path: str) -> list[str]:
        if not self._is_changed:
            return self._base.listdir(path)
        here = self._resolve(path, follow=True)
        if self._look(here).kind != "directory":
            raise InputError(path, "is not a directory")
        names: set[str] = set()
        origin = None if here in self._made else self._origin(here)
        if origin is not None:
            names = {name for name in self._base.listdir(origin) if self._origin(paths.below(here, name)) is not None}
        for added in (*self._made, *self._moved):
            folder, _, name = added.rpartition("/")
            if (folder or "/") == here:
                names.add(name)
        return sorted(names)

    def glob(self, pattern: str) -> list[str]:
        if not (self._made or self._moved or self._gone):  # other changes move no path
            return self._base.glob(pattern)
        return paths.expand(pattern, self._entries, self._is_there)

    def exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except (FileNotFoundError, InputError):
            return False
        return True

    def run(
        self, argv: Sequence[str], timeout_seconds: float = COMMAND_TIMEOUT_SECONDS, user: str | None = None
    ) -> Ran:
        return self._base.run(argv, timeout_seconds, user)

    def environ(self) -> Mapping[str, str]:
        return self._base.environ()

    def open(self, path: str) -> BinaryIO:
        if not self._is_changed:
            return self._base.open(path)
        here = self._resolve(path, follow=True, is_for_reading=True)
        if here in self._content or here in self._made:
            return io.BytesIO(self.read(path))
        return self._base.open(self._origin_or_absent(here))

    # What runs is not changed by a repair that has not been made.

    def processes(self) -> list[Process]:
        return self._base.processes()

    def listeners(self) -> list[Socket]:
        return self._base.listeners()

    def request(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
        authority: str | None = None,
    ) -> Answer:
        return self._base.request(url, headers, timeout_seconds, authority)

    def containers(self) -> list[Mapping[str, Any]]:
        return self._base.containers()

    def images(self) -> list[Mapping[str, Any]]:
        return self._base.images()

    def __getattr__(self, name: str) -> Any:
        """What the base answers beyond the protocol, such as its processes, is not changed by a repair that has not run."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._base, name)

    # --- where things are --------------------------------------------------------------------------------------------

    @property
    def _is_changed(self) -> bool:
        return bool(self._made or self._content or self._mode or self._owner or self._moved or self._gone)

    def _resolve(self, path: str, follow: bool, *, is_for_reading: bool = False, may_be_made: bool = False) -> str:
        """`path` without links and `..`, as this view has it. The last name need not exist; folders before it must, unless `may_be_made`."""
        names = paths.components(path)
        here, left = "/", len(names)  # left: names of `path` itself that are still to be walked
        for count in range(len(names) - 1, 0, -1):
            known = self._folders.get((is_for_reading, paths.joined(names[:count])))
            if known is not None:
                here, left = known, len(names) - count
                break
        pending = names[::-1][:left]
        links = 0
        while pending:
            if len(pending) == left < len(names):
                self._folders[is_for_reading, paths.joined(names[: len(names) - left])] = here
            name = pending.pop()
            left = min(left, len(pending))
            if name == "..":
                here = here.rpartition("/")[0] or "/"
                continue
            there = paths.below(here, name)
            if not pending and not follow:
                return there
            try:
                found = self._look(there)
            except FileNotFoundError:
                if not may_be_made or ".." in pending:
                    raise paths.absent(path) from None
                return paths.joined([*paths.components(there), *pending[::-1]])
            if found.kind == "link":
                links += 1
                if links > paths.LINKS_LIMIT:
                    raise InputError(path, paths.TOO_MANY_LINKS)
                if is_for_reading and self._look(here).mode & 0o002:
                    raise paths.untrusted_link(there)
                text = self._base.readlink(self._origin_or_absent(there))
                here = "/" if text.startswith("/") else here
                pending += paths.components(text)[::-1]
                continue
            if pending and found.kind != "directory":
                raise paths.absent(path)
            here = there
        return here

    def _origin(self, here: str) -> str | None:
        """Where the base has a path of this view; None where it was removed or moved away. Whether the base has it at all is not asked."""
        prefix, rest = here, ""
        while prefix:
            if prefix in self._moved:
                return self._moved[prefix] + rest
            if prefix in self._gone:
                return None
            prefix = prefix.rpartition("/")[0]
            rest = here[len(prefix) :]
        return here

    def _origin_or_absent(self, here: str) -> str:
        origin = self._origin(here)
        if origin is None:
            raise paths.absent(here)
        return origin

    def _look(self, here: str) -> Stat:
        """The stat of a resolved path itself."""
        made = self._made.get(here)
        if made is not None:
            return self._stat_of_made(here, made)
        found = self._base.stat(self._origin_or_absent(here), follow=False)._replace(target=here)
        if here in self._content:
            found = found._replace(size_bytes=len(self._content[here]), mtime=self._now)
        elif found.kind == "directory" and self._has_other_names(here):
            found = found._replace(mtime=self._now)
        if here in self._mode:
            found = found._replace(mode=self._mode[here])
        if here in self._owner:
            user, _, group = self._owner[here].partition(":")
            found = found._replace(
                owner=user, group=group, uid=self._number("passwd", user), gid=self._number("group", group)
            )
        return found

    def _has_other_names(self, here: str) -> bool:
        """Whether something directly in this folder was made, moved or removed: that is when a folder's own time changes."""
        return any(
            path.rpartition("/")[0] == here for changed in (self._made, self._moved, self._gone) for path in changed
        )

    def _stat_of_made(self, here: str, made: Made) -> Stat:
        """A file that is not on disk has no inode: 0."""
        if made.owner is None:
            uid, gid = os.geteuid(), os.getegid()
            user, group = self._name("passwd", uid), self._name("group", gid)
        else:
            user, _, group = made.owner.partition(":")
            uid, gid = self._number("passwd", user), self._number("group", group)
        kind, size = ("directory", 0) if made.content is None else ("file", len(made.content))
        return Stat(made.mode, kind, uid, gid, user, group, size, self._now, 1, 0, 0, here)

    def _entries(self, path: str) -> Iterable[tuple[str, bool]]:
        return [(name, False) for name in self.listdir(path)]

    def _is_there(self, path: str) -> bool:
        try:
            self.stat(path, follow=False)
        except (FileNotFoundError, InputError):
            return False
        return True

    def _name(self, database: str, number: int) -> str:
        by_number = {known: name for name, known in self._known_numbers(database).items()}
        return by_number.get(number, str(number))

    def _number(self, database: str, name: str) -> int:
        return self._known_numbers(database).get(name, int(name) if name.isdecimal() else -1)

    def _known_numbers(self, database: str) -> dict[str, int]:
        """Name → number by the target's passwd or group file."""
        if database not in self._numbers:
            try:
                text = self.read(f"/etc/{database}").decode("utf-8", "replace")
            except (FileNotFoundError, InputError, Unavailable):
                text = ""
            self._numbers[database] = {name: number for number, name in paths.numbers_of(text).items()}
        return self._numbers[database]
