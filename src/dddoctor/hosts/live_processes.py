"""What runs on this machine: processes and the sockets that they listen on. psutil for what both Linux and macOS know, /proc for the rest."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Process, Socket, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.model import Kind

if TYPE_CHECKING:
    import psutil

_PROC = "/proc"
_LIMIT_BYTES = 256 * 1024  # of one process's arguments or environment
_DELETED = " (deleted)"
_LISTENING = {
    "tcp": "0A",
    "tcp6": "0A",
    "udp": "07",
    "udp6": "07",
}  # net/tcp_states.h: LISTEN; an unconnected UDP socket is CLOSE
_INODE = lazy(r"socket:\[(\d+)\]\Z")


def processes(user_name: Callable[[int], str]) -> list[Process]:
    """All processes by pid; what has ended meanwhile is left out. `user_name` gives the name of a uid.

    Unavailable(denied) where /proc shows only one's own (mount option hidepid), Unavailable(tool) where there is no /proc.
    """
    import psutil

    try:
        pids = psutil.pids()
    except (OSError, psutil.Error) as error:
        raise Unavailable(Kind.TOOL, f"processes cannot be listed: {error}") from None
    if 1 not in pids:
        raise Unavailable(Kind.DENIED, "only one's own processes are shown here", "sudo")
    own = {name: _namespace(os.getpid(), name) for name in ("pid", "net")}
    found = []
    for pid in pids:
        try:
            found.append(_process(psutil.Process(pid), own, user_name))
        except (psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):  # ended; a zombie is still there
            continue
        except psutil.AccessDenied as error:  # macOS without root, for what even `ps` shows there
            raise Unavailable(Kind.DENIED, f"process {pid} cannot be looked at: {error}", "sudo") from None
    return found


def _process(process: psutil.Process, own: Mapping[str, str | None], user_name: Callable[[int], str]) -> Process:
    import psutil

    pid = process.pid
    with process.oneshot():
        uid = process.uids().effective
        rss: int | None = None
        with contextlib.suppress(psutil.AccessDenied):
            rss = process.memory_info().rss
        name, ppid, started_at = process.name(), process.ppid(), process.create_time()
        if sys.platform.startswith("linux"):
            exe, is_deleted = _executable(pid)
            namespaces = [(_namespace(pid, n), mine) for n, mine in own.items()]
            is_foreign = (
                None if any(a is None or b is None for a, b in namespaces) else int(any(a != b for a, b in namespaces))
            )
            argv = tuple(_words(_content(pid, "cmdline") or b""))
            cgroup, environ = parse_cgroup((_content(pid, "cgroup") or b"").decode("utf-8", "replace")), _environ(pid)
            cwd = _link(pid, "cwd")
        else:
            exe, is_deleted, is_foreign, cgroup = _asked(process.exe), None, 0, None
            argv, environ, cwd = tuple(_asked(process.cmdline) or ()), _asked(process.environ), _asked(process.cwd)
    return Process(
        pid, ppid, name, argv, user_name(uid), uid, started_at, exe, is_deleted, cwd, cgroup, environ, is_foreign, rss
    )  # fmt: skip


def _asked(question: Callable[[], object]) -> object:
    """A psutil answer; None where it is denied."""
    import psutil

    try:
        return question() or None
    except (psutil.AccessDenied, psutil.ZombieProcess, OSError):
        return None


def _content(pid: int, name: str) -> bytes | None:
    """A file of /proc/PID; None where it may not be read. FileNotFoundError or ProcessLookupError where the process has ended."""
    try:
        with Path(f"{_PROC}/{pid}/{name}").open("rb") as file:
            return file.read(_LIMIT_BYTES)
    except PermissionError:
        return None
    except FileNotFoundError:
        if name == "cgroup" and os.path.lexists(f"{_PROC}/{pid}/stat"):  # a kernel without groups
            return None
        raise


def _link(pid: int, name: str) -> str | None:
    try:
        return os.readlink(f"{_PROC}/{pid}/{name}")
    except OSError:
        return None


def _namespace(pid: int, name: str) -> str | None:
    return _link(pid, f"ns/{name}")


def _executable(pid: int) -> tuple[str | None, int | None]:
    """(path, was it removed or replaced). A kernel thread and a zombie have none: (None, 0). Not permitted: (None, None)."""
    try:
        path = os.readlink(f"{_PROC}/{pid}/exe")
    except PermissionError:
        return None, None
    except OSError:
        return None, 0
    if path.startswith("/memfd:"):  # a program that runs from memory (runc) never had a file
        return path.removesuffix(_DELETED), 0
    return path.removesuffix(_DELETED), int(path.endswith(_DELETED))


def _environ(pid: int) -> dict[str, str] | None:
    content = _content(pid, "environ")
    if content is None:
        return None
    pairs = (word.partition("=") for word in _words(content))
    return {name: value for name, equals, value in pairs if equals}


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
    wanted = set(inodes)
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
                match = _INODE.match(os.readlink(f"{_PROC}/{pid}/fd/{name}"))
            except OSError:
                continue
            if match and int(match[1]) in wanted:
                found.setdefault(int(match[1]), pid)
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
