"""What the hosts share about paths: splitting, patterns, and the words in which an obstacle is told. Nothing here touches a disk."""

from __future__ import annotations

import errno
import os
import re
import stat as mode_of
from collections.abc import Callable, Iterable

from dddoctor.hosts.base import InputError, Unavailable
from dddoctor.model import Kind

LINKS_LIMIT = 40  # as Linux counts (path_resolution(7)); macOS stops at 32
TOO_MANY_LINKS = "leads through too many levels of links"
_KINDS = {
    mode_of.S_IFREG: "file",
    mode_of.S_IFDIR: "directory",
    mode_of.S_IFLNK: "link",
    mode_of.S_IFIFO: "fifo",
    mode_of.S_IFSOCK: "socket",
}
_NOT_A_FILE = {
    "directory": "is a directory, not a file",
    "fifo": "is a named pipe, not a file",
    "socket": "is a socket, not a file",
    "device": "is a device, not a file",
    "link": "is a link, not a file",
}
_OBSTACLES = {
    errno.EIO: (Kind.TOOL, "cannot be read: the device reports an error"),
    errno.ELOOP: (Kind.TOOL, "changes while it is read"),  # links are followed here, so this one has just appeared
    errno.ESTALE: (Kind.TOOL, "is on a network file system that has lost it"),
    errno.ENOTCONN: (Kind.TOOL, "is on a mount whose server is gone"),
    errno.ETIMEDOUT: (Kind.TIMEOUT, "is on a file system that does not answer"),
    errno.EHOSTDOWN: (Kind.TIMEOUT, "is on a file system that does not answer"),
    errno.EMFILE: (Kind.TOOL, "cannot be opened: the doctor has too many files open"),
    errno.ENFILE: (Kind.TOOL, "cannot be opened: the system has too many files open"),
}


def kind_of(mode: int) -> str:
    """Stat.kind of an st_mode."""
    return _KINDS.get(mode_of.S_IFMT(mode), "device")


def components(path: str) -> list[str]:
    """The names in a path, `..` kept; a slash at the end says nothing."""
    return [part for part in path.split("/") if part not in ("", ".")]


def joined(names: Iterable[str], last: str = "") -> str:
    return "/" + "/".join([*names, last] if last else names)


def below(folder: str, name: str) -> str:
    return folder.rstrip("/") + "/" + name


def is_under(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def expand(
    pattern: str, entries: Callable[[str], Iterable[tuple[str, bool]]], is_there: Callable[[str], bool]
) -> list[str]:
    """The existing paths of a pattern, sorted. `*` and `?` match a leading dot too (as in Go), `[` is an ordinary character.

    `entries` gives (name, is it surely no folder and no link) of what a folder holds; `is_there` tells of one path without following it.
    """
    parts = components(pattern)
    found = ["/"]
    for position, part in enumerate(parts):
        is_last = position == len(parts) - 1
        if "*" not in part and "?" not in part:
            found = [below(folder, part) for folder in found]
            if is_last:
                found = [path for path in found if is_there(path)]
            continue
        matches = _matcher(part)
        deeper: list[str] = []
        for folder in found:
            try:
                listed = entries(folder)
            except (FileNotFoundError, InputError):  # no folder, so nothing is in it
                continue
            deeper += [below(folder, name) for name, is_leaf in listed if (is_last or not is_leaf) and matches(name)]
        found = deeper
    return sorted(found)


def _matcher(part: str) -> Callable[[str], object]:
    head, _, tail = part.partition("*")
    if "?" not in part and "*" not in tail:  # most are `*` or `*.yaml`
        return lambda name: len(name) >= len(head) + len(tail) and name.startswith(head) and name.endswith(tail)
    words = {"*": ".*", "?": "."}
    return re.compile("".join(words.get(c) or re.escape(c) for c in part), re.DOTALL).fullmatch


def numbers_of(text: str) -> dict[int, str]:
    """Number → name of a passwd or group file; the first name where several share a number.

    0 is root everywhere, so that a folder with only a few files in it does not read as owned by a stranger.
    """
    names: dict[int, str] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2].isdecimal():
            names.setdefault(int(fields[2]), fields[0])
    names.setdefault(0, "root")
    return names


# --- words -----------------------------------------------------------------------------------------------------------


def absent(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def denied(path: str) -> Unavailable:
    return Unavailable(Kind.DENIED, f"permission denied: {path}", "sudo")


def changing(path: str) -> Unavailable:
    return Unavailable(Kind.TOOL, f"{path} changes while it is read")


def untrusted_link(path: str) -> Unavailable:
    """Anybody could aim such a link at a file that only root may read."""
    return Unavailable(Kind.TOOL, f"{path} is a link in a folder that every user can write; it is not followed")


def too_large(path: str, size_bytes: int, limit_bytes: int) -> Unavailable:
    return Unavailable(Kind.TOOL, f"{path} is {_size(size_bytes)}, more than the {_size(limit_bytes)} that are read")


def not_a_file(path: str, kind: str) -> InputError:
    return InputError(path, _NOT_A_FILE[kind])


def obstacle(path: str, error: OSError) -> Exception:
    """What a host raises for an error of the system."""
    code = error.errno
    # A name that is too long for the system is the name of nothing.
    if code in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        return absent(path)
    if code in (errno.EACCES, errno.EPERM):
        return denied(path)
    kind, words = _OBSTACLES.get(code or 0, (Kind.TOOL, f"cannot be read: {error.strerror or error}"))
    return Unavailable(kind, f"{path} {words}")


def _size(size_bytes: int) -> str:
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size_bytes} bytes"
