"""What runs on this machine: processes and the sockets that they listen on. /proc on Linux, where psutil's import would take longer than the answer; psutil on macOS."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dddoctor.hosts.base import Process, Socket, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Kind

_PROC = "/proc"
_LIMIT_BYTES = 256 * 1024  # of one process's arguments or environment
_DELETED = " (deleted)"
_LISTENING = {
    "tcp": "0A",
    "tcp6": "0A",
    "udp": "07",
    "udp6": "07",
}  # net/tcp_states.h: LISTEN; an unconnected UDP socket is CLOSE


def processes(user_name: Callable[[int], str]) -> list[Process]:
    """All processes by pid; what has ended meanwhile is left out. `user_name` gives the name of a uid.

    Unavailable(denied) where /proc shows only one's own (mount option hidepid), Unavailable(tool) where there is no /proc.
    """
    return _linux_processes(user_name) if sys.platform.startswith("linux") else _psutil_processes(user_name)


def _linux_processes(user_name: Callable[[int], str]) -> list[Process]:
    try:
        pids = sorted(int(name) for name in os.listdir(_PROC) if name.isdecimal())
        clock = _Clock.now()
    except (OSError, ValueError) as error:
        raise Unavailable(Kind.TOOL, f"processes cannot be listed: {error}") from None
    if 1 not in pids:
        raise Unavailable(Kind.DENIED, "only one's own processes are shown here", "sudo")
    own = (_link(os.getpid(), "ns/pid"), _link(os.getpid(), "ns/net"))
    found = []
    for pid in pids:
        try:
            found.append(_linux_process(pid, own, clock, user_name))
        except (OSError, ValueError):  # it has ended
            continue
    return found


class _Clock(NamedTuple):
    """What the numbers of /proc/PID/stat are counted in."""

    boot_time: float
    ticks: int
    page_bytes: int

    @classmethod
    def now(cls) -> _Clock:
        text = Path(f"{_PROC}/stat").read_text("ascii", "replace")
        boot = next((line.split()[1] for line in text.splitlines() if line.startswith("btime ")), "")
        return cls(float(boot), os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE"))


class _Stat(NamedTuple):
    """`started_ticks` since the machine's start; `rss_pages`."""

    name: str
    state: str
    ppid: int
    started_ticks: int
    rss_pages: int


def parse_stat(text: str) -> _Stat:
    """A /proc/PID/stat (proc_pid_stat(5)). The name may hold blanks and parentheses. ValueError for another shape."""
    before, _, after = text.rpartition(")")
    fields = after.split()
    if len(fields) < 22:
        raise ValueError("not a stat file of /proc")
    return _Stat(before.partition("(")[2], fields[0], int(fields[1]), int(fields[19]), int(fields[21]))


def _linux_process(
    pid: int, own: tuple[str | None, str | None], clock: _Clock, user_name: Callable[[int], str]
) -> Process:
    """OSError or ValueError where it ends meanwhile."""
    stat = parse_stat(_content(pid, "stat").decode("utf-8", "replace"))
    uid = _effective_uid(_content(pid, "status"))
    argv = tuple(_words(_content(pid, "cmdline")))
    started_at = clock.boot_time + stat.started_ticks / clock.ticks
    try:
        cgroup = parse_cgroup(_content(pid, "cgroup").decode("utf-8", "replace"))
    except FileNotFoundError:  # a kernel without groups, if the process is still there
        cgroup = None
    exe, is_deleted, cwd, environ = (None, 0, None, {}) if not argv else _hidden(pid)
    namespaces = (_link(pid, "ns/pid"), _link(pid, "ns/net"))
    is_foreign = None if None in (*namespaces, *own) else int(namespaces != own)
    rss = stat.rss_pages * clock.page_bytes
    return Process(
        pid, stat.ppid, stat.name, argv, user_name(uid), uid, started_at, exe, is_deleted, cwd, cgroup, environ, is_foreign, rss
    )  # fmt: skip


def _hidden(pid: int) -> tuple[str | None, int | None, str | None, Mapping[str, str] | None]:
    """(program, was it removed or replaced, folder, environment): what only its user and root may see; None where one may not."""
    exe: str | None = None
    is_deleted: int | None = None
    try:
        path = os.readlink(f"{_PROC}/{pid}/exe")
        exe = path.removesuffix(_DELETED)
        # A program that runs from memory (runc) never had a file.
        is_deleted = int(path.endswith(_DELETED) and not path.startswith("/memfd:"))
    except PermissionError:
        pass
    except OSError:
        is_deleted = 0
    try:
        pairs = (word.partition("=") for word in _words(_content(pid, "environ")))
        environ: Mapping[str, str] | None = {name: value for name, equals, value in pairs if equals}
    except PermissionError:
        environ = None
    return exe, is_deleted, _link(pid, "cwd"), environ


def _content(pid: int, name: str) -> bytes:
    """A file of /proc/PID, cut at the limit. OSError where the process has ended or one may not read it."""
    file = os.open(f"{_PROC}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = chunk = os.read(file, _LIMIT_BYTES)
        while chunk and len(content) < _LIMIT_BYTES:
            chunk = os.read(file, _LIMIT_BYTES - len(content))
            content += chunk
        return content
    finally:
        os.close(file)


def _link(pid: int, name: str) -> str | None:
    try:
        return os.readlink(f"{_PROC}/{pid}/{name}")
    except OSError:
        return None


def _effective_uid(status: bytes) -> int:
    """Of the line `Uid: real effective saved file` in /proc/PID/status. The owner of the folder would be root's for programs that guard their memory."""
    start = status.find(b"\nUid:")
    return int(status[start + 5 : start + 80].split()[1]) if start >= 0 else 0


def _words(content: bytes) -> list[str]:
    """Texts that NUL ends. A process that wrote its own title has blanks in one of them."""
    text = content.decode("utf-8", "replace").rstrip("\0")
    return text.split("\0") if text else []


def parse_cgroup(text: str) -> str | None:
    """The path of a process's group in /proc/PID/cgroup: that of cgroup v2, else of systemd's own hierarchy, else the deepest; None without any.

    Source: cgroups(7). On a machine with both versions, v2 has the units and v1 may have the containers.
    """
    groups = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
    by_name = {fields[1]: fields[2] for fields in groups}
    for name in ("", "name=systemd"):
        if by_name.get(name, "/") != "/":
            return by_name[name]
    return max(by_name.values(), key=lambda path: (path.count("/"), len(path)), default=None)


def _psutil_processes(user_name: Callable[[int], str]) -> list[Process]:
    """macOS: arguments, program and environment of others are root's to see there."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                uid, memory = process.uids().effective, _asked(process.memory_info)
                found.append(
                    Process(
                        process.pid, process.ppid(), process.name(), tuple(_asked(process.cmdline) or ()), user_name(uid), uid, process.create_time(),
                        _asked(process.exe), None, _asked(process.cwd), None, _asked(process.environ), 0, memory.rss if memory else None,
                    )
                )  # fmt: skip
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied as error:  # even of what `ps` shows
            raise Unavailable(Kind.DENIED, f"processes cannot be looked at: {error}", "sudo") from None
    return sorted(found, key=lambda p: p.pid)


def _asked(question: Callable[[], Any]) -> Any:
    """An answer of psutil; None where it is denied."""
    import psutil

    try:
        return question() or None
    except (psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return None


# --- sockets ----------------------------------------------------------------------------------------------------------


class _Bound:
    """A line of /proc/net/tcp and its kin."""

    __slots__ = ("protocol", "address", "port", "uid", "inode")

    def __init__(self, protocol: str, address: str, port: int, uid: int, inode: int) -> None:
        self.protocol, self.address, self.port, self.uid, self.inode = protocol, address, port, uid, inode


def listeners() -> list[Socket]:
    """Sockets that take connections or datagrams in the doctor's network namespace, by port. Of several owners (forked workers) the first process.

    Unavailable(tool) where the system does not tell, Unavailable(denied) on macOS without root.
    """
    return _linux_listeners() if sys.platform.startswith("linux") else _psutil_listeners()


def _linux_listeners() -> list[Socket]:
    bound: list[_Bound] = []
    is_told = False
    for protocol in _LISTENING:
        try:
            bound += parse_net(Path(f"{_PROC}/net/{protocol}").read_text("ascii", "replace"), protocol)
            is_told = True
        except OSError:  # a kernel without IPv6 has no tcp6
            continue
    if not is_told:
        raise Unavailable(Kind.TOOL, f"{_PROC}/net does not tell which ports are taken")
    owners = _owners({b.inode for b in bound})
    found = [Socket(b.protocol, b.address, b.port, owners.get(b.inode), b.uid) for b in bound]
    return sorted(found, key=lambda s: (s.port, s.protocol, s.address))


def parse_net(text: str, protocol: str) -> list[_Bound]:
    """The listening sockets of /proc/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5)); lines of another shape are left out.

    A UDP socket counts while it is connected to nobody.
    """
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        try:
            address, _, port = fields[1].partition(":")
            if fields[3] == _LISTENING[protocol] and int(fields[2].rpartition(":")[2], 16) == 0:
                number = int(port, 16)
                found.append(_Bound(protocol, _address(address), number, int(fields[7]), int(fields[9])))
        except (IndexError, ValueError, OSError):
            continue
    return found


def _address(hexadecimal: str) -> str:
    """As text. The kernel prints each group of four bytes as a number in the machine's own order."""
    raw = bytes.fromhex(hexadecimal)
    if sys.byteorder == "little":
        raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return socket.inet_ntop(socket.AF_INET6 if len(raw) == 16 else socket.AF_INET, raw)


def _owners(inodes: Iterable[int]) -> dict[int, int]:
    """Inode of a socket → the process that has it open. Not the one that only handed it on: 1 (socket activation) counts last, then the lowest pid wins."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[int, int] = {}
    try:
        pids = sorted((int(name) for name in os.listdir(_PROC) if name.isdecimal()), key=lambda pid: (pid == 1, pid))
    except OSError:
        return found
    for pid in pids:
        try:
            names = os.listdir(f"{_PROC}/{pid}/fd")
        except OSError:  # another user's, or ended
            continue
        for name in names:
            try:
                inode = wanted.get(os.readlink(f"{_PROC}/{pid}/fd/{name}"))
            except OSError:
                continue
            if inode is not None:
                found.setdefault(inode, pid)
        if len(found) == len(wanted):
            break
    return found


def _psutil_listeners() -> list[Socket]:
    import psutil

    try:
        connections = psutil.net_connections("inet")
    except (psutil.AccessDenied, PermissionError):
        raise Unavailable(Kind.DENIED, "only root may see which ports are taken", "sudo") from None
    except (psutil.Error, OSError) as error:
        raise Unavailable(Kind.TOOL, f"the system does not tell which ports are taken: {error}") from None
    found: dict[tuple[str, str, int], Socket] = {}
    for c in connections:
        kind = "tcp" if c.type == socket.SOCK_STREAM else "udp"
        if not c.laddr or c.raddr or (kind == "tcp" and c.status != psutil.CONN_LISTEN):
            continue
        protocol = kind + ("6" if c.family == socket.AF_INET6 else "")
        key = (protocol, c.laddr[0], c.laddr[1])
        known = found.get(key)
        if known is None or known.pid is None or (c.pid is not None and c.pid < known.pid):
            found[key] = Socket(*key, c.pid, None)
    return sorted(found.values(), key=lambda s: (s.port, s.protocol, s.address))
