"""The journal's hands: single steps on files below a root, each atomic, each with its way back. No link is followed but in `real`, before anything is done."""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import stat as mode_of
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dddoctor.light import NamedTuple

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS_LIMIT = 40


class JournalError(Exception):
    """A change cannot be made or taken back; the sentence says why, and that nothing is half done."""


class Seen(NamedTuple):
    """A path before a step. `content` is None unless asked for; `link` is a link's text; `parent` the times of its folder in ns."""

    mode: int
    uid: int
    gid: int
    atime: int
    mtime: int
    links: int
    is_folder: bool
    content: bytes | None
    link: str | None
    attributes: dict[str, str]
    parent: list[int]

    def described(self) -> dict[str, Any]:
        """All but the content, for the journal."""
        return {
            "mode": self.mode,
            "uid": self.uid,
            "gid": self.gid,
            "times": [self.atime, self.mtime],
            "link": self.link,
            "attributes": self.attributes,
            "parent": self.parent,
        }


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Files:
    """Files below `root`, by the target's paths."""

    def __init__(self, root: Path) -> None:
        self.root = root

    # --- looking ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _in_folder(self, path: str) -> Iterator[tuple[int, str]]:
        """(open folder, last name) of a path. A link on the way is refused: it could lead out, or be changed by others meanwhile."""
        parts = [p for p in path.split("/") if p]
        if not parts or ".." in parts:
            raise JournalError(f"{path} is no path of a file")
        here = os.open(self.root, _FOLDER & ~os.O_NOFOLLOW)  # the root itself may be a link of /proc
        try:
            for part in parts[:-1]:
                try:
                    below = os.open(part, _FOLDER, dir_fd=here)
                except OSError as error:
                    reason = (
                        "a link stands in the way"
                        if error.errno in {errno.ELOOP, errno.ENOTDIR}
                        else (error.strerror or str(error))
                    )
                    raise JournalError(f"{path}: {reason}") from error
                os.close(here)
                here = below
            yield here, parts[-1]
        finally:
            os.close(here)

    def real(self, path: str, *, follow_last: bool = True) -> str:
        """The path after its links, each resolved inside the root (/etc/mysql/my.cnf is one on Debian).

        For root, a link must be one that nobody else can turn elsewhere: in a folder of root's alone, or leading to a file of the link's own owner.
        """
        todo, done = [p for p in reversed(path.split("/")) if p], list[str]()
        doubtful: list[int] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                done[-1:] = []
            elif part != ".":
                here = self.root.joinpath(*done)
                target, owner = _link(here, part) if follow_last or todo else (None, 0)
                if target is None:
                    done.append(part)
                    continue
                links += 1
                if links > _LINKS_LIMIT:
                    raise JournalError(f"{path}: its links lead in a circle")
                if not _is_of_root_alone(here):
                    doubtful.append(owner)
                todo += [p for p in reversed(target.split("/")) if p]
                if target.startswith("/"):
                    done = []
        found = "/" + "/".join(done)
        if links:
            end = self.root.joinpath(*(done if follow_last else done[:-1]))
            try:
                stat = end.lstat()
            except OSError as error:
                raise JournalError(f"{path} leads over a link to {found}, which is not there") from error
            if os.geteuid() == 0 and any(owner != stat.st_uid for owner in doubtful):
                raise JournalError(f"{path} leads over a link that another user can change; repair {found} itself")
        return found

    def look(self, path: str, *, with_content: bool) -> Seen:
        """A path itself, links not followed. JournalError where it is not there or no file, folder or link."""
        with self._in_folder(path) as (folder, name):
            return self._look(folder, name, path, with_content)

    def _look(self, folder: int, name: str, path: str, with_content: bool) -> Seen:
        try:
            stat = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error
        above = os.fstat(folder)
        content, link, attributes = None, None, {}
        if mode_of.S_ISLNK(stat.st_mode):
            link = os.readlink(name, dir_fd=folder)
            if with_content:
                content = b""
        elif mode_of.S_ISREG(stat.st_mode):
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            except OSError as error:
                raise JournalError(f"{path}: {error.strerror}") from error
            with os.fdopen(descriptor, "rb") as file:
                attributes = _attributes(file.fileno())
                content = file.read() if with_content else None
        elif not mode_of.S_ISDIR(stat.st_mode):
            raise JournalError(f"{path} is no regular file")
        elif with_content:
            raise JournalError(f"{path} is a folder")
        return Seen(mode_of.S_IMODE(stat.st_mode), stat.st_uid, stat.st_gid, stat.st_atime_ns, stat.st_mtime_ns, stat.st_nlink, mode_of.S_ISDIR(stat.st_mode),
                    content, link, attributes, [above.st_atime_ns, above.st_mtime_ns])  # fmt: skip

    def read_or_none(self, path: str) -> bytes | None:
        try:
            return self.look(path, with_content=True).content
        except JournalError:
            return None

    def exists(self, path: str) -> bool:
        """Whether anything has this name: a file that may not be read, a pipe or a dangling link, too. JournalError where that cannot be told."""
        parts = [p for p in path.split("/") if p]
        for number in range(1, len(parts) + 1):
            try:
                self.root.joinpath(*parts[:number]).lstat()
            except (FileNotFoundError, NotADirectoryError):
                return False
            except OSError as error:
                raise JournalError(f"{path}: {error.strerror}") from error
        return True

    def refuse_existing(self, path: str) -> None:
        if self.exists(path):
            raise JournalError(f"{path} is there already")

    def missing_folders(self, path: str) -> list[str]:
        """Folders above a path that are not there, outermost first."""
        found: list[str] = []
        above = path.rpartition("/")[0]
        while above and not self.exists(above):
            found.insert(0, above)
            above = above.rpartition("/")[0]
        return found

    def times_of_folder(self, path: str) -> list[int]:
        """Access and modification time in ns of the folder above a path; [] where it is still to be made."""
        above = path.rpartition("/")[0]
        try:
            stat = os.stat(self.root / above.lstrip("/"), follow_symlinks=False)
        except OSError:
            return []
        return [stat.st_atime_ns, stat.st_mtime_ns]

    def numbers(self, owner: str | None) -> list[int] | None:
        """[uid, gid] of `user:group` by the target's passwd and group files."""
        if owner is None:
            return None
        user, _, group = owner.partition(":")
        return [self._number("passwd", user), self._number("group", group or user)]

    def _number(self, database: str, name: str) -> int:
        if name.isdecimal():
            return int(name)
        text = (self.read_or_none(f"/etc/{database}") or b"").decode("utf-8", "replace")
        for line in text.splitlines():
            fields = line.split(":")
            if fields[0] == name and len(fields) > 2 and fields[2].isdecimal():
                return int(fields[2])
        if name == "root":
            return 0
        raise JournalError(f"this host has no {'user' if database == 'passwd' else 'group'} called {name}")

    # --- making -------------------------------------------------------------------------------------------------------

    def make(self, step: dict[str, Any], content: bytes | None) -> None:
        """Make one step that the journal describes already."""
        op, path = step["op"], step["path"]
        try:
            with self._in_folder(path) as (folder, name):
                if op == "write":
                    seen = step["seen"]
                    self._replace(
                        folder,
                        name,
                        step["temp"],
                        content or b"",
                        seen["mode"],
                        [seen["uid"], seen["gid"]],
                        seen["attributes"],
                        None,
                    )
                elif op == "create":
                    self._replace(folder, name, step["temp"], content or b"", step["mode"], step["owner"], {}, None)
                elif op == "mkdir":
                    os.mkdir(name, step["mode"], dir_fd=folder)  # noqa: PTH102 (relative to an open folder)
                    _own(folder, name, step["owner"])
                elif op == "remove":
                    os.unlink(name, dir_fd=folder)  # noqa: PTH108
                elif op == "rename":
                    with self._in_folder(step["to"]) as (to_folder, to_name):
                        os.rename(name, to_name, src_dir_fd=folder, dst_dir_fd=to_folder)  # noqa: PTH104
                        os.fsync(to_folder)
                elif op == "mode":
                    self._set_mode(folder, name, step["after"])
                elif op == "owner":
                    _own(folder, name, step["after"])
                    self._set_mode(folder, name, step["seen"]["mode"])  # chown clears set-user-ID bits
                os.fsync(folder)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error

    def _replace(
        self,
        folder: int,
        name: str,
        temp: str,
        content: bytes,
        mode: int,
        owner: list[int] | None,
        attributes: dict[str, str],
        times: list[int] | None,
    ) -> None:
        """A new file under an unguessable name, complete and synced, takes the old one's place in one instant."""
        descriptor = os.open(
            temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                number = file.fileno()
                if owner is not None:
                    _fchown(number, owner)
                _set_attributes(number, attributes)
                os.fchmod(number, mode)
                if times is not None:
                    os.utime(number, ns=(times[0], times[1]))
                os.fsync(number)
            os.rename(temp, name, src_dir_fd=folder, dst_dir_fd=folder)  # noqa: PTH104
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temp, dir_fd=folder)  # noqa: PTH108
            raise
        os.fsync(folder)

    def _set_mode(self, folder: int, name: str, mode: int) -> None:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    # --- taking back --------------------------------------------------------------------------------------------------

    def take_back(self, step: dict[str, Any], blobs: Path, *, force: bool) -> None:
        """Give the state before a step, whether it was made, half made or not begun. JournalError where something else was changed since."""
        op, path = step["op"], step["path"]
        try:
            with self._in_folder(path) as (folder, name):
                # The folder's times go back, too, unless somebody else has worked in it since. Unknown after a crash: then they go back.
                is_ours = step.get("left", [0])[0] in {0, os.fstat(folder).st_mtime_ns}
                if "temp" in step:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(step["temp"], dir_fd=folder)  # noqa: PTH108
                getattr(self, f"_take_back_{op}")(step, blobs, folder, name, force)
                parent = step.get("parent") or step.get("seen", {}).get("parent")
                os.fsync(folder)
                if parent and is_ours:
                    os.utime(folder, ns=(parent[0], parent[1]))
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error

    def _take_back_write(self, step: dict[str, Any], blobs: Path, folder: int, name: str, force: bool) -> None:
        old, seen, path = (blobs / step["blob"]).read_bytes(), step["seen"], step["path"]
        if not force:
            if not self.exists(path):
                raise JournalError(f"{path} is gone since the repair; --force puts the old file back")
            now = self.look(path, with_content=True)
            if now.link is not None or sha256_hex(now.content or b"") not in {step["new_sha"], sha256_hex(old)}:
                raise JournalError(f"{path} has changed since the repair; --force puts the old text back all the same")
            if (now.mode, now.uid, now.gid) != (seen["mode"], seen["uid"], seen["gid"]):
                raise JournalError(
                    f"{path} has another mode or owner since the repair; --force puts the old file back all the same"
                )
        self._replace(
            folder, name, step["temp"], old, seen["mode"], [seen["uid"], seen["gid"]], seen["attributes"], seen["times"]
        )

    def _take_back_create(self, step: dict[str, Any], blobs: Path, folder: int, name: str, force: bool) -> None:
        if not self.exists(step["path"]):
            return
        now = self.look(step["path"], with_content=True)
        if (now.link is not None or sha256_hex(now.content or b"") != step["new_sha"]) and not force:
            raise JournalError(f"{step['path']} has changed since it was made; --force removes it all the same")
        os.unlink(name, dir_fd=folder)  # noqa: PTH108

    def _take_back_mkdir(self, step: dict[str, Any], blobs: Path, folder: int, name: str, force: bool) -> None:
        try:
            os.rmdir(name, dir_fd=folder)  # noqa: PTH106
        except FileNotFoundError:
            return
        except OSError as error:
            raise JournalError(f"{step['path']}: {error.strerror}; it stays") from error

    def _take_back_remove(self, step: dict[str, Any], blobs: Path, folder: int, name: str, force: bool) -> None:
        seen = step["seen"]
        if self.exists(step["path"]):
            if self._is_as_before(step, blobs):
                return
            if not force:
                raise JournalError(f"{step['path']} is there again; --force puts the old one back all the same")
            os.unlink(name, dir_fd=folder)  # noqa: PTH108
        if seen["link"] is not None:
            os.symlink(seen["link"], name, dir_fd=folder)
            os.chown(name, seen["uid"], seen["gid"], dir_fd=folder, follow_symlinks=False)
            os.utime(name, ns=(seen["times"][0], seen["times"][1]), dir_fd=folder, follow_symlinks=False)
            return
        old = (blobs / step["blob"]).read_bytes()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(step["back"], dir_fd=folder)  # noqa: PTH108 (left by a crash of an earlier undo)
        self._replace(
            folder, name, step["back"], old, seen["mode"], [seen["uid"], seen["gid"]], seen["attributes"], seen["times"]
        )

    def _is_as_before(self, step: dict[str, Any], blobs: Path) -> bool:
        now = self.look(step["path"], with_content=True)
        return bool(now.link == step["seen"]["link"] and now.content == (blobs / step["blob"]).read_bytes())

    def _take_back_rename(self, step: dict[str, Any], blobs: Path, folder: int, name: str, force: bool) -> None:
        if not self.exists(step["to"]):
            if self.exists(step["path"]):
                return
            raise JournalError(f"{step['to']} is gone since the repair")
        if self.exists(step["path"]):
            raise JournalError(f"{step['path']} is there again; {step['to']} keeps its new name")
        with self._in_folder(step["to"]) as (to_folder, to_name):
            is_ours = step.get("left", [0, 0])[-1] in {0, os.fstat(to_folder).st_mtime_ns}
            os.rename(to_name, name, src_dir_fd=to_folder, dst_dir_fd=folder)  # noqa: PTH104
            os.fsync(to_folder)
            if step.get("to_parent") and is_ours:
                os.utime(to_folder, ns=(step["to_parent"][0], step["to_parent"][1]))

    def _take_back_mode(self, step: dict[str, Any], blobs: Path, folder: int, name: str, force: bool) -> None:
        now = self.look(step["path"], with_content=False)
        if now.mode not in {step["after"], step["before"]} and not force:
            raise JournalError(f"{step['path']} has mode {now.mode:04o} now; --force sets the old one all the same")
        self._set_mode(folder, name, step["before"])

    def _take_back_owner(self, step: dict[str, Any], blobs: Path, folder: int, name: str, force: bool) -> None:
        now = self.look(step["path"], with_content=False)
        if [now.uid, now.gid] not in (step["after"], step["before"]) and not force:
            raise JournalError(
                f"{step['path']} belongs to {now.uid}:{now.gid} now; --force gives the old owner all the same"
            )
        _own(folder, name, step["before"])
        self._set_mode(folder, name, step["seen"]["mode"])


def _link(folder: Path, name: str) -> tuple[str | None, int]:
    """(a link's text, its owner); None where the name is no link."""
    try:
        stat = (folder / name).lstat()
        return (os.readlink(folder / name), stat.st_uid) if mode_of.S_ISLNK(stat.st_mode) else (None, 0)
    except OSError:
        return None, 0


def _is_of_root_alone(folder: Path) -> bool:
    stat = folder.lstat()
    return stat.st_uid == 0 and not stat.st_mode & 0o022


def _own(folder: int, name: str, owner: list[int] | None) -> None:
    if owner is not None:
        os.chown(name, owner[0], owner[1], dir_fd=folder, follow_symlinks=False)


def _fchown(descriptor: int, owner: list[int]) -> None:
    stat = os.fstat(descriptor)
    if [stat.st_uid, stat.st_gid] != owner:
        os.fchown(descriptor, owner[0], owner[1])


def _attributes(descriptor: int) -> dict[str, str]:
    """Extended attributes, ACLs and the SELinux label among them; base64 by name. {} where the system has none."""
    if not hasattr(os, "listxattr"):
        return {}
    try:
        return {name: base64.b64encode(os.getxattr(descriptor, name)).decode() for name in os.listxattr(descriptor)}
    except OSError:
        return {}


def _set_attributes(descriptor: int, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        try:
            os.setxattr(descriptor, name, base64.b64decode(value))
        except OSError as error:
            if error.errno not in {errno.ENOTSUP, errno.EPERM} or name.startswith("system.posix_acl"):
                raise
