"""Which files git tracks, read from `.git/index`: git itself is not run, since a repository's own configuration can make it run anything.

Source: gitformat-index(5), versions 2, 3 and 4; gitrepository-layout(5).
"""

from __future__ import annotations

import re

from dddoctor.hosts.base import Host, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Kind

_INDEX_LIMIT_BYTES = 64 * 1024 * 1024


class Index(NamedTuple):
    """`names` are paths relative to the work tree. `is_whole` is False where part of the index lies elsewhere (a split index)."""

    names: frozenset[str]
    is_whole: bool


class NotAnIndex(Exception):
    """The bytes are no git index of a known version."""


class Repositories:
    """Answers for one host which files are tracked; each index is read once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._roots: dict[str, str | None] = {}
        self._indexes: dict[str, Index | None] = {}

    def is_tracked(self, path: str) -> int:
        """1, or 0 (also where no repository is above the file). Raises Unavailable, InputError where that could not be found out."""
        root = self._root_of(path.rpartition("/")[0])
        if root is None:
            return 0
        if root not in self._indexes:
            self._indexes[root] = self._index_of(root)
        index = self._indexes[root]
        if index is None:
            return 0  # nothing was ever added
        is_named = path[len(root) :].lstrip("/") in index.names
        if not is_named and not index.is_whole:
            raise Unavailable(Kind.TOOL, "git's index is split over several files, which is not read here")
        return int(is_named)

    def _root_of(self, folder: str) -> str | None:
        """The nearest folder upwards that has a `.git`."""
        if folder not in self._roots:
            parent = folder.rpartition("/")[0]
            if self._host.exists(f"{folder}/.git"):
                self._roots[folder] = folder
            else:
                self._roots[folder] = self._root_of(parent) if folder else None
        return self._roots[folder]

    def _index_of(self, root: str) -> Index | None:
        git = f"{root}/.git"
        if self._host.stat(git).kind == "file":  # a linked work tree or a submodule
            match = re.match(r"gitdir:[ \t]*(.+?)\s*$", self._host.read(git, 4096).decode("utf-8", "replace"))
            if match is None:
                raise Unavailable(Kind.TOOL, f"{git} does not say where the repository is")
            git = match[1] if match[1].startswith("/") else f"{root}/{match[1]}"
        try:
            data = self._host.read(f"{git}/index", _INDEX_LIMIT_BYTES)
        except FileNotFoundError:
            return None
        try:
            return parse_index(data, self._id_bytes(git))
        except (NotAnIndex, IndexError):
            raise Unavailable(Kind.TOOL, f"{git}/index is no git index of a known version") from None

    def _id_bytes(self, git: str) -> int:
        """20, or 32 where the repository names its objects by SHA-256."""
        try:
            common = self._host.read(f"{git}/commondir", 4096).decode("utf-8", "replace").strip()
            git = common if common.startswith("/") else f"{git}/{common}"
        except FileNotFoundError:
            pass
        try:
            text = self._host.read(f"{git}/config", 1024 * 1024)
        except FileNotFoundError:
            return 20
        return 32 if re.search(rb"(?im)^\s*objectformat\s*=\s*sha256\s*$", text) else 20


def parse_index(data: bytes, id_bytes: int = 20) -> Index:
    """The entries of an index. Raises NotAnIndex."""
    version = int.from_bytes(data[4:8], "big")
    if data[:4] != b"DIRC" or version not in (2, 3, 4):
        raise NotAnIndex
    names = set()
    position, before = 12, b""
    for _ in range(int.from_bytes(data[8:12], "big")):
        start = position
        flags_at = start + 40 + id_bytes
        position = flags_at + (4 if data[flags_at : flags_at + 1] and data[flags_at] & 0x40 else 2)
        if version == 4:
            cut, position = _varint(data, position)
            before = before[: len(before) - cut]
        end = data.find(b"\0", position)
        if end < 0:
            raise NotAnIndex
        name = data[position:end]
        if version == 4:
            name = before = before + name
            position = end + 1
        else:
            position = start + ((end - start) // 8 + 1) * 8
        names.add(name.decode("utf-8", "surrogateescape"))
    names.discard("")
    return Index(frozenset(names), not _has_extension(data, position, id_bytes, b"link"))


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """(value, next position) of git's offset encoding."""
    value = -1
    while position < len(data):
        byte = data[position]
        position += 1
        value = (value + 1) << 7 | (byte & 0x7F)
        if not byte & 0x80:
            return value, position
    raise NotAnIndex


def _has_extension(data: bytes, position: int, id_bytes: int, wanted: bytes) -> bool:
    while position + 8 <= len(data) - id_bytes:
        if data[position : position + 4] == wanted:
            return True
        position += 8 + int.from_bytes(data[position + 4 : position + 8], "big")
    return False
