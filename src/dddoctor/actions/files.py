"""Repairs of files as wholes: mode, owner, name, existence. What is inside a file is not touched here."""

from __future__ import annotations

import re

from dddoctor.actions import Refused, action
from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.model import Change, Mode, Owner, Remove, Rename


@action("mode")
class SetMode:
    """Set the permission bits of a file or folder. A link's target is changed, never the link. Params: path, mode (four octal digits, as text)."""

    path: str
    mode: str

    def plan(self, host: Host) -> list[Change]:
        if not re.fullmatch(r"[0-7]{4}", self.mode):
            raise Refused(f"the mode {self.mode!r} is not four octal digits")
        found = _file_or_folder(host, self.path)
        after = int(self.mode, 8)
        return [] if found.mode == after else [Mode(found.target, found.mode, after)]


@action("mode")
class SetOwner:
    """Give a file or folder to a user and group. A link's target is changed, never the link. Params: path, owner (`user:group`, names of the target)."""

    path: str
    owner: str

    def plan(self, host: Host) -> list[Change]:
        if not re.fullmatch(r"[^:/\s]+:[^:/\s]+", self.owner):
            raise Refused(f"the owner {self.owner!r} is not of the form user:group")
        found = _file_or_folder(host, self.path)
        before = f"{found.owner}:{found.group}"
        return [] if before == self.owner else [Owner(found.target, before, self.owner)]


@action("rename")
class RenameFile:
    """Give a file, folder or link another name. Params: file, to (a path, or a bare name in the same folder). Nothing is ever overwritten."""

    file: str
    to: str

    def plan(self, host: Host) -> list[Change]:
        folder = self.file.rpartition("/")[0]
        to = self.to if self.to.startswith("/") else f"{folder}/{self.to}"
        if to == self.file:
            return []
        if not to.rpartition("/")[2] or any(part in {".", ".."} for part in to.split("/")):
            raise Refused(f"{self.to!r} is no name for a file")
        is_taken = _is_there(host, to)
        if not _is_there(host, self.file):
            if is_taken:
                return []
            raise Refused(f"{self.file} is not there any more")
        if is_taken:
            raise Refused(f"{to} is already there, and it is not overwritten")
        parent = to.rpartition("/")[0] or "/"
        if not _is_there(host, parent):
            raise Refused(f"the folder {parent} is not there")
        return [Rename(self.file, to)]


@action("rename")
class RemoveFile:
    """Delete one file or link. Params: file. A folder is refused."""

    file: str

    def plan(self, host: Host) -> list[Change]:
        try:
            found = host.stat(self.file, follow=False)
        except FileNotFoundError:
            return []
        except (Unavailable, InputError) as error:
            raise Refused(_words(error)) from error
        if found.kind not in {"file", "link"}:
            raise Refused(f"{self.file} is a {found.kind}, and only files are removed")
        return [Remove(self.file)]


def _file_or_folder(host: Host, path: str) -> Stat:
    try:
        found = host.stat(path)
    except FileNotFoundError:
        raise Refused(f"{path} is not there any more") from None
    except (Unavailable, InputError) as error:
        raise Refused(_words(error)) from error
    if found.kind not in {"file", "directory"}:
        raise Refused(f"{path} is a {found.kind}")
    return found


def _is_there(host: Host, path: str) -> bool:
    """Whether the name is taken, be it by a dangling link."""
    try:
        host.stat(path, follow=False)
    except FileNotFoundError:
        return False
    except (Unavailable, InputError) as error:
        raise Refused(_words(error)) from error
    return True


def _words(error: Unavailable | InputError) -> str:
    return error.reason if isinstance(error, Unavailable) else str(error)
