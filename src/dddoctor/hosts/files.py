"""The files of a folder that is somebody's root: what the live host and a mounted disk have in common.

A path is walked one component at a time with open folders (`openat`), as a chroot would: a link is read and followed here, not by the kernel, so
that it ends inside the root whatever is renamed or replaced meanwhile, and `..` stops at the root.
"""

from __future__ import annotations

import errno
import os
import stat as mode_of
import threading
from collections.abc import Iterable
from typing import BinaryIO

from dddoctor.hosts import paths
from dddoctor.hosts.base import READ_LIMIT_BYTES, InputError, Stat, Unavailable

# O_PATH needs only the right to pass through a folder, which is all that the kernel would ask for. macOS has no such flag.
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_Kept = tuple[
    str, int, tuple[int, int], list[str]
]  # path, number of the open folder, device and inode, names from the root


class FolderFiles:
    """Answers for the files below `folder`, under the paths that they have on the target. The base of LiveHost and RootHost.

    `unreadable` are target paths that answer as if the permission were missing, with all that is below them: rule examples need it, because
    permissions do not hinder root. Such a path itself can still be asked for its mode, as a real one can.
    """

    def __init__(self, folder: str, unreadable: Iterable[str] = ()) -> None:
        # Paths come folder by folder: one that is asked for twice in a row stays open until another is.
        self._last_parent = ""
        self._kept: _Kept | None = None
        self._lock = threading.Lock()
        self._folder = folder
        self._unreadable = frozenset(paths.joined(paths.components(path)) for path in unreadable)
        self._users: dict[int, str] | None = None
        self._groups: dict[int, str] | None = None

    def __del__(self) -> None:
        if self._kept is not None:
            os.close(self._kept[1])

    # --- the questions of Host ---------------------------------------------------------------------------------------

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        """The whole regular file. One that changes while it is read is read once more, then it is Unavailable(tool).

        A link that stands in a folder which every user can write is not followed (Unavailable); `stat` follows it.
        """
        for _ in range(2):
            content = self._read_once(path, limit_bytes)
            if content is not None:
                return content
        raise paths.changing(path)

    def open(self, path: str) -> BinaryIO:
        """The regular file, for reading piece by piece. It may grow or be rotated away meanwhile."""
        for _ in range(2):
            file = self._opened(path)
            if file is not None:
                if mode_of.S_ISREG(os.fstat(file).st_mode):
                    return os.fdopen(file, "rb")
                os.close(file)
        raise paths.changing(path)

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        folder, names, last = self._locate(path, follow)
        try:
            found = os.stat(last, dir_fd=folder, follow_symlinks=False) if last else os.fstat(folder)
        except OSError as error:
            raise paths.obstacle(path, error) from None
        finally:
            os.close(folder)
        return self._answer(found, paths.joined(names, last))

    def readlink(self, path: str) -> str:
        """The text of a link. InputError where the path is none."""
        folder, _, last = self._locate(path, follow=False)
        try:
            if last:
                return os.readlink(last, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise paths.obstacle(path, error) from None
        finally:
            os.close(folder)
        raise InputError(path, "is not a link")

    def listdir(self, path: str) -> list[str]:
        return sorted(name for name, _ in self._entries(path))

    def glob(self, pattern: str) -> list[str]:
        """Existing paths, sorted; see paths.expand. A link that leads nowhere exists."""
        return paths.expand(pattern, self._entries, self._is_there)

    def exists(self, path: str) -> bool:
        try:
            self.stat(path)
        except (FileNotFoundError, InputError):
            return False
        return True

    # --- walking -----------------------------------------------------------------------------------------------------

    def _locate(self, path: str, follow: bool, is_for_reading: bool = False) -> tuple[int, list[str], str]:
        """(open folder, its names from the root, name in it) of what `path` means once links are resolved. The caller closes the folder.

        The name is empty where the path is the folder itself (the root, `x/..`). With `follow` the name is no link, unless it has just become one.
        """
        _require_a_path(path)
        folder, names, pending = self._set_out(path)
        links = 0
        is_straight = ".." not in pending
        try:
            while pending:
                name = pending.pop()
                if name == "..":
                    if names:
                        names.pop()
                        self._walk_again(folder, names)
                    continue
                if self._unreadable and paths.joined(names) in self._unreadable:
                    raise paths.denied(path)
                if pending:
                    text = _enter_or_read_link(folder, name)
                    if text is None:
                        names.append(name)
                        continue
                else:
                    is_link = mode_of.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
                    if is_straight and links == 0:
                        self._keep(path, folder, names)
                    if not is_link or not follow:
                        return folder, names, name
                    text = os.readlink(name, dir_fd=folder)
                links += 1
                if links > paths.LINKS_LIMIT:
                    raise InputError(path, paths.TOO_MANY_LINKS)
                if is_for_reading and os.fstat(folder).st_mode & mode_of.S_IWOTH:
                    raise paths.untrusted_link(paths.joined(names, name))
                if text.startswith("/") and names:
                    names.clear()
                    self._walk_again(folder, names)
                pending += paths.components(text)[::-1]
            return folder, names, ""
        except OSError as error:
            os.close(folder)
            raise paths.obstacle(path, error) from None
        except BaseException:
            os.close(folder)
            raise

    def _set_out(self, path: str) -> tuple[int, list[str], list[str]]:
        """(open folder, its names from the root, the names behind it, last one first) to begin with: the root, or the path's own folder where it is kept.

        A kept folder counts only while its path leads to it, without which a folder that was put in its place would never be seen.
        """
        parent, _, name = path.rpartition("/")
        if name not in ("", ".", "..") and not self._unreadable:
            with self._lock:
                kept = self._kept if self._kept is not None and self._kept[0] == parent else None
                folder = _second_number(kept[1]) if kept is not None else None
            if kept is not None and folder is not None:
                try:
                    if _identity(os.stat(self._folder + parent)) == kept[2]:
                        return folder, kept[3].copy(), [name]
                except OSError:  # the long way says what is wrong
                    pass
                os.close(folder)
                self._forget_folder(kept)
        return self._open_root(path), [], paths.components(path)[::-1]

    def _keep(self, path: str, folder: int, names: list[str]) -> None:
        """Keep the folder of a path that no link was met on, once a second path asks for it."""
        parent = path.rpartition("/")[0]
        if parent != self._last_parent:
            self._forget_folder(self._kept)
            self._last_parent = parent
        elif self._kept is None:
            number = _second_number(folder)
            if number is None:
                return
            identity = _identity(os.fstat(number))
            with self._lock:  # held for no longer than that: a dead mount may block whoever asks it
                if self._kept is None:
                    self._kept = (parent, number, identity, names.copy())
                    return
            os.close(number)

    def _forget_folder(self, kept: _Kept | None) -> None:
        with self._lock:
            if kept is not None and self._kept is kept:
                self._kept = None
                os.close(kept[1])

    def _open_root(self, path: str) -> int:
        try:
            return os.open(self._folder, _PASS & ~os.O_NOFOLLOW)
        except OSError as error:
            raise paths.obstacle(path, error) from None

    def _walk_again(self, folder: int, names: list[str]) -> None:
        """Put the folder that `names` (folders, no links) lead to behind the number `folder`."""
        here = os.open(self._folder, _PASS & ~os.O_NOFOLLOW)
        try:
            for name in names:
                _move(here, name)
            os.dup2(here, folder, inheritable=False)
        finally:
            os.close(here)

    # --- opening -----------------------------------------------------------------------------------------------------

    def _read_once(self, path: str, limit_bytes: int) -> bytes | None:
        """The content; None where the file changed meanwhile."""
        file = self._opened(path)
        if file is None:
            return None
        try:
            before = os.fstat(file)
            if not mode_of.S_ISREG(before.st_mode):
                return None
            if before.st_size > limit_bytes:
                raise paths.too_large(path, before.st_size, limit_bytes)
            content = _content(file, before.st_size, limit_bytes)
            after = os.fstat(file)
        except OSError as error:
            raise paths.obstacle(path, error) from None
        finally:
            os.close(file)
        if len(content) > limit_bytes:  # such as a file of /proc, whose size is 0
            raise paths.too_large(path, len(content), limit_bytes)
        is_same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
        return content if is_same else None

    def _opened(self, path: str) -> int | None:
        """The number of the open regular file; None where it has just become something else."""
        folder, names, last = self._locate(path, follow=True, is_for_reading=True)
        try:
            if not last:
                raise paths.not_a_file(path, "directory")
            # Before opening: a pipe that is opened lets its writer go on and then breaks it; a tape rewinds.
            kind = paths.kind_of(os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode)
            if kind == "link":  # it was none a moment ago
                return None
            if kind != "file":
                raise paths.not_a_file(path, kind)
            if self._unreadable and paths.joined(names, last) in self._unreadable:
                raise paths.denied(path)
            return os.open(last, _READ, dir_fd=folder)
        except OSError as error:
            raise paths.obstacle(path, error) from None
        finally:
            os.close(folder)

    def _entries(self, path: str) -> list[tuple[str, bool]]:
        """(name, is it surely no folder and no link) of all that is in a folder."""
        folder, names, last = self._locate(path, follow=True)
        try:
            if self._unreadable and paths.joined(names, last) in self._unreadable:
                raise paths.denied(path)
            listed = os.open(last or ".", _LIST, dir_fd=folder)
        except NotADirectoryError:
            raise InputError(path, "is not a directory") from None
        except OSError as error:
            raise paths.obstacle(path, error) from None
        finally:
            os.close(folder)
        try:
            with os.scandir(listed) as entries:
                return [(e.name, not (e.is_dir(follow_symlinks=False) or e.is_symlink())) for e in entries]
        except OSError as error:
            raise paths.obstacle(path, error) from None
        finally:
            os.close(listed)

    def _is_there(self, path: str) -> bool:
        try:
            self.stat(path, follow=False)
        except (FileNotFoundError, InputError):
            return False
        return True

    # --- who owns ----------------------------------------------------------------------------------------------------

    def _answer(self, found: os.stat_result, target: str) -> Stat:
        return Stat(
            mode=mode_of.S_IMODE(found.st_mode),
            kind=paths.kind_of(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            owner=self._user_name(found.st_uid),
            group=self._group_name(found.st_gid),
            size_bytes=found.st_size,
            mtime=found.st_mtime,
            links=found.st_nlink,
            inode=found.st_ino,
            device=found.st_dev,
            target=target,
        )

    def _user_name(self, uid: int) -> str:
        if self._users is None:
            self._users = self._names_in("/etc/passwd")
        return self._users.get(uid, str(uid))

    def _group_name(self, gid: int) -> str:
        if self._groups is None:
            self._groups = self._names_in("/etc/group")
        return self._groups.get(gid, str(gid))

    def _names_in(self, path: str) -> dict[int, str]:
        """Number → name; where the file cannot be read, the numbers stay numbers."""
        try:
            content = self.read(path)
        except (FileNotFoundError, Unavailable, InputError):
            content = b""
        return paths.numbers_of(content.decode("utf-8", "replace"))


def _second_number(file: int) -> int | None:
    """Another number for an open file; None where there are no more of them."""
    try:
        return os.dup(file)
    except OSError:
        return None


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _require_a_path(path: str) -> None:
    """Texts out of configuration files are asked for as paths, so a path can be any text."""
    if "\0" in path:
        raise InputError(path.replace("\0", "\\0"), "holds a NUL character, which no path can")
    try:
        path.isascii() or os.fsencode(path)
    except UnicodeEncodeError:
        raise paths.absent(path.encode("utf-8", "backslashreplace").decode()) from None


def _move(folder: int, name: str) -> None:
    """Put the folder `name` that is in `folder` behind the number `folder`."""
    new = os.open(name, _PASS, dir_fd=folder)
    try:
        os.dup2(new, folder, inheritable=False)
    finally:
        os.close(new)


def _enter_or_read_link(folder: int, name: str) -> str | None:
    """Go into `name`: None, and `folder` is now that folder. For a link its text; for anything else OSError(ENOTDIR)."""
    try:
        _move(folder, name)
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
    else:
        return None
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
        raise


def _content(file: int, size_bytes: int, limit_bytes: int) -> bytes:
    """All of an open file, at most one byte more than the limit."""
    chunks: list[bytes] = []
    left = limit_bytes + 1
    while left > 0:
        chunk = os.read(file, min(left, max(size_bytes + 1, 65536)))
        if not chunk:
            break
        chunks.append(chunk)
        left -= len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
