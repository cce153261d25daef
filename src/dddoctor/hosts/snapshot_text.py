"""The text of a snapshot → what it holds. Pure: the text is another machine's and may say anything; no path in it is ever opened here.

`data/collect.sh` writes it. The first line is `dddoctor-snapshot 1`, the last `end N` with the number of lines between them; each line begins with a
letter that says what it is (see `_Reader`), each text is given line by line behind `|`, or behind `*` where something in the line was replaced by a stand-in.
"""

from __future__ import annotations

import stat as mode_of
from collections.abc import Iterator

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

FORMAT = 1
SNAPSHOT_LIMIT_BYTES = 64 * 1024 * 1024
_PATH_LIMIT_BYTES = 4096  # PATH_MAX of Linux
_MAGIC = b"dddoctor-snapshot "
_KINDS = {"-": mode_of.S_IFREG, "d": mode_of.S_IFDIR, "l": mode_of.S_IFLNK, "p": mode_of.S_IFIFO, "s": mode_of.S_IFSOCK, "b": mode_of.S_IFBLK, "c": mode_of.S_IFCHR}  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LS = lazy(
    r"([-dlpsbc])([r-][w-][xsS-][r-][w-][xsS-][r-][w-][xtT-])\S? +(\d+) +(\d+) +(\d+) +(\d+|\d+, +\d+) ([A-Z][a-z]{2}) +(\d+) +(\d+:\d+|\d{4}) (/.*)"
)


class NotASnapshot(Exception):
    """The text is none, is cut off, or was made for another version of this program. The message is one line for a person."""


class Entry(NamedTuple):
    """What `stat` said of one path. `mode` is st_mode; `mtime` in seconds; `links`, `inode` and `device` are 0 where only `ls` was there."""

    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime: float
    links: int
    inode: int
    device: int


class Text(NamedTuple):
    """One file's content. `changed` are the numbers, from 1, of lines that hold stand-ins. `skipped_bytes` and `skipped_lines` stood before it (logs)."""

    content: bytes
    changed: frozenset[int]
    skipped_bytes: int
    skipped_lines: int


class Said(NamedTuple):
    """A command's end, or (`kind` not empty: denied, tool) why it was not asked."""

    returncode: int
    stdout: str
    stderr: str
    kind: str
    reason: str


class Snapshot:
    """All that a snapshot holds. Paths are absolute and have no `..`; others were dropped."""

    def __init__(self) -> None:
        self.meta: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self.links: dict[str, str] = {}
        self.texts: dict[str, Text] = {}
        self.odd: set[str] = set()  # there, but no text: left out
        self.denied: set[str] = set()
        self.absent: set[str] = set()  # files of the kernel that were asked for and are not there
        self.trees: list[tuple[str, int, bool]] = []  # folder, levels, is it one of people's work
        self.commands: dict[tuple[str, ...], Said] = {}
        self.processes: dict[str, list[str]] = {}  # "environment" or a pid → lines, the first character says which
        self.process_links: dict[str, str] = {}
        self.sockets: dict[int, list[int]] = {}  # inode → pids


def parse(data: bytes) -> Snapshot:
    """The snapshot. Raises NotASnapshot; a line of unknown meaning is passed over, so that a later collector may add some."""
    head, _, rest = data.partition(b"\n")
    if not head.startswith(_MAGIC):
        raise NotASnapshot("this is no snapshot: it does not begin with `dddoctor-snapshot`")
    version = head[len(_MAGIC) :].strip()
    if not version.isdigit() or len(version) > 6:
        raise NotASnapshot("this is no snapshot: its first line names no version")
    if int(version) > FORMAT:
        raise NotASnapshot(f"this snapshot is of version {int(version)}, made by a newer dddoctor; update this one")
    lines = rest.split(b"\n")
    if lines and lines[-1] == b"":
        lines.pop()
    end = lines.pop() if lines else b""
    if end != b"end %d" % len(lines):
        raise NotASnapshot("this snapshot is cut off or was changed: its last line does not fit; collect it again")
    return _Reader(lines).read()


class _Reader:
    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines
        self.at = 0
        self.snapshot = Snapshot()
        self.process: list[str] = []
        self.link: str | None = None

    def read(self) -> Snapshot:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            letter, rest = line[:1], line[1:] if line[:1] == b"." else line[2:]
            try:
                self._line(letter, rest)
            except (ValueError, IndexError, OverflowError):
                continue  # one damaged line says nothing
        return self.snapshot

    def _line(self, letter: bytes, rest: bytes) -> None:
        snapshot = self.snapshot
        if letter == b"s":
            fields = _decoded(rest).split(" ", 8)
            path = _sound(fields[8])
            numbers = [_count(field) for field in (*fields[1:4], *fields[5:7])]
            entry = Entry(
                mode=_count(fields[0], 16) & 0o177777,
                uid=numbers[0],
                gid=numbers[1],
                size_bytes=numbers[2],
                mtime=_moment(fields[4]),
                links=numbers[3],
                inode=numbers[4],
                device=_count(fields[7], 16),
            )
            snapshot.entries.setdefault(path, entry)
        elif letter == b"y":
            path, entry = _of_ls(_decoded(rest), float(snapshot.meta.get("time", "0")))
            snapshot.entries.setdefault(_sound(path), entry)
        elif letter == b"k":
            self.link = _sound(_decoded(rest))
        elif letter == b">" and self.link is not None:
            snapshot.links.setdefault(self.link, _decoded(rest))
            self.link = None
        elif letter in (b"t", b"w"):
            levels, _, path = _decoded(rest).partition(" ")
            snapshot.trees.append((_sound(path), _count(levels), letter == b"w"))
        elif letter == b"f":
            snapshot.texts.setdefault(_sound(_decoded(rest)), self._text(0, 0))
        elif letter == b"v":  # UTF-16: \001 stands for its zero bytes
            text = self._text(0, 0)
            snapshot.texts.setdefault(_sound(_decoded(rest)), text._replace(content=text.content.replace(b"\1", b"\0")))
        elif letter == b"g":
            skipped, _, path = _decoded(rest).partition(" ")
            skipped_bytes, _, skipped_lines = skipped.partition(":")
            text = self._text(_count(skipped_bytes), _count(skipped_lines))
            snapshot.texts.setdefault(_sound(path), text)
        elif letter == b"h":
            body = b"".join(line[1:] for line in self._until_end() if line[:1] == b"#")
            snapshot.texts.setdefault(
                _sound(_decoded(rest)), Text(bytes.fromhex(body.decode("ascii")), frozenset(), 0, 0)
            )
        elif letter == b"o":
            snapshot.odd.add(_sound(_decoded(rest)))
            list(self._until_end())
        elif letter == b"n":
            snapshot.absent.add(_sound(_decoded(rest)))
        elif letter == b"d":
            snapshot.denied.add(_sound(_decoded(rest)))
        elif letter == b"c":
            snapshot.commands.setdefault(tuple(_decoded(rest).split("\x1f")), self._said())
        elif letter == b"p":
            self.process = snapshot.processes.setdefault(_decoded(rest), [])
        elif letter == b".":
            self.process.append(_decoded(rest))
        else:
            self._other(letter, rest)

    def _other(self, letter: bytes, rest: bytes) -> None:
        if letter == b"m":
            name, _, value = _decoded(rest).partition(" ")
            self.snapshot.meta.setdefault(name, value)
        elif letter == b"l":
            path, _, target = _decoded(rest).partition(" -> ")
            self.snapshot.process_links.setdefault(path, target)
        elif letter == b"i":
            pid, _, inode = _decoded(rest).partition(" ")
            self.snapshot.sockets.setdefault(_count(inode), []).append(_count(pid))

    def _until_end(self) -> Iterator[bytes]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if line == b"e":
                return
            yield line

    def _text(self, skipped_bytes: int, skipped_lines: int) -> Text:
        lines = [line for line in self._until_end() if line[:1] in (b"|", b"*")]
        changed = frozenset(number for number, line in enumerate(lines, 1) if line[:1] == b"*")
        return Text(b"\n".join(line[1:] for line in lines), changed, skipped_bytes, skipped_lines)

    def _said(self) -> Said:
        out: list[bytes] = []
        error: list[bytes] = []
        code, kind, reason = -1, "", ""
        for line in self._until_end():
            letter, rest = line[:1], line[1:]
            if letter == b"|":
                out.append(rest)
            elif letter == b"!":
                error.append(rest)
            elif letter == b"r":
                code = int(rest)
            elif letter == b"u":
                kind, _, reason = _decoded(rest.strip()).partition(" ")
        stdout, stderr = (b"\n".join(part).decode("utf-8", "replace") for part in (out, error))
        return Said(code, stdout, stderr, kind, reason)


def _decoded(text: bytes) -> str:
    """As the system gives names to Python: bytes that are no UTF-8 stay themselves."""
    return text.decode("utf-8", "surrogateescape")


def _count(text: str, base: int = 10) -> int:
    """A number that a kernel can mean, and a database can hold. ValueError for another."""
    if len(text) > 20:
        raise ValueError(text)
    number = int(text, base)
    if not 0 <= number < 1 << 63:
        raise ValueError(text)
    return number


def _moment(text: str) -> float:
    """Seconds since the epoch. ValueError for what is none."""
    moment = float(text)
    if not -1e11 < moment < 1e11:  # also what is no number at all
        raise ValueError(text)
    return moment


def _sound(path: str) -> str:
    """A path as a host has it. ValueError for another: relative, with `..` or an empty name in it, or a NUL."""
    if path == "/":
        return path
    if (
        len(path) > _PATH_LIMIT_BYTES
        or not path.startswith("/")
        or "\0" in path
        or any(part in ("", ".", "..") for part in path[1:].split("/"))
    ):
        raise ValueError(path)
    return path


def _of_ls(line: str, collected_at: float) -> tuple[str, Entry]:
    """A line of `ls -ldn` in the C locale and UTC. Its time is exact to the minute, or to the day where it is older than half a year."""
    found = _LS.fullmatch(line)
    if found is None:
        raise ValueError(line)
    import calendar
    import time

    kind, rights, links, uid, gid, size, month, day, clock, path = found.groups()
    mode = _KINDS[kind]
    for position, sign in enumerate(rights):
        if sign not in "-ST":
            mode |= 0o400 >> position
        if sign in "sStT":
            mode |= {2: 0o4000, 5: 0o2000, 8: 0o1000}[position]
    year = int(clock) if ":" not in clock else time.gmtime(collected_at or time.time()).tm_year
    hour, minute = (int(p) for p in clock.split(":")) if ":" in clock else (0, 0)
    mtime = calendar.timegm((year, _MONTHS.index(month) + 1, int(day), hour, minute, 0))
    if ":" in clock and collected_at and mtime > collected_at + 86400:  # of last year
        mtime = calendar.timegm((year - 1, _MONTHS.index(month) + 1, int(day), hour, minute, 0))
    if kind == "l":
        path = path.partition(" -> ")[0]
    return path, Entry(
        mode, _count(uid), _count(gid), _count(size) if size.isdigit() else 0, float(mtime), _count(links), 0, 0
    )
