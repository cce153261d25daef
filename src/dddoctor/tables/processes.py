"""What runs, and which ports are taken. Live hosts only: in a folder nothing runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, Process, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table

if TYPE_CHECKING:
    from dddoctor.secrets import Vault

_COMMAND_LIMIT = 4096  # characters of a command; Java's class paths are longer
_OTHERS = "processes of others"
_SHORT_ID = 12
# docker-ID.scope, /docker/ID, libpod-ID.scope, cri-containerd-ID.scope, kubepods/…/ID
_CONTAINER = lazy(r"(?:^|[/:-])([0-9a-f]{64})(?=\.scope|/|$)")
_UNIT = lazy(r"(?:^|/)([^/]+\.(?:service|scope))(?=/|$)")


class RunningProcess(NamedTuple):
    """One process, by pid; the doctor's own are among them.

    `name` as the kernel has it, cut at 15 characters. `command` are its arguments as they are now, joined by blanks, secrets replaced; empty for a
    thread of the kernel and for a zombie. `user` whose rights it has. `started_at` in seconds since the epoch. `exe` is its program, `is_exe_deleted`
    1 where that file was removed or replaced since. `unit` is the systemd unit of the machine that it belongs to (a user's own services count as
    `user@UID.service`), `container` the first 12 digits of its container's id; NULL where it belongs to none. `is_foreign`: it lives in another PID or
    network namespace than the doctor. `rss_bytes` is its resident memory.

    Source: /proc/PID on a live host, psutil on macOS. Without root, `exe`, `is_exe_deleted` and `is_foreign` of others are NULL, with a gap.
    """

    pid: int
    ppid: int
    name: str
    command: str
    user: str
    started_at: float
    exe: str | None
    is_exe_deleted: int | None
    unit: str | None
    container: str | None
    is_foreign: int | None
    rss_bytes: int | None


class Listener(NamedTuple):
    """One socket that takes connections or datagrams in the doctor's network namespace, by port.

    `protocol`: tcp, tcp6, udp, udp6; `address` as text (`127.0.0.1`, `0.0.0.0`, `::`). `is_loopback`: only this machine reaches it; `is_any`: it is
    bound to every address. `process` is the name, `command`, `unit` and `container` as in `processes`; NULL, like `pid`, where its owner lives in a
    container's PID namespace, or with a gap where only root may see it. Of several owners (forked workers) the first counts.

    Source: /proc/net/{tcp,tcp6,udp,udp6} and /proc/PID/fd; psutil on macOS.
    """

    protocol: str
    address: str
    port: int
    pid: int | None
    process: str | None
    command: str | None
    unit: str | None
    container: str | None
    is_loopback: int
    is_any: int


@table("processes", RunningProcess, asks="processes")
def collect(host: Host, vault: Vault) -> Iterator[RunningProcess | Gap]:
    """All processes, by pid."""
    found = host.processes()
    for process in found:
        yield RunningProcess(
            process.pid,
            process.ppid,
            vault.redact(process.name),
            command_of(process, vault),
            process.user,
            process.started_at,
            vault.redact(process.exe) if process.exe else None,
            process.is_exe_deleted,
            unit_of(process.cgroup),
            container_of(process.cgroup),
            process.is_foreign,
            process.rss_bytes,
        )
    yield from _gaps(found)


def _gaps(found: Sequence[Process]) -> Iterator[Gap]:
    hidden = tuple(
        name
        for name, is_hidden in (
            ("exe", lambda p: p.exe is None and p.is_exe_deleted is None),
            ("is_exe_deleted", lambda p: p.is_exe_deleted is None),
            ("is_foreign", lambda p: p.is_foreign is None),
        )
        if any(map(is_hidden, found))
    )
    if hidden:
        who = "only root may see" if _remedy() else "the system does not tell even root"
        yield Gap(_OTHERS, Kind.DENIED, f"{who} which program a process runs", _remedy(), hidden)
    if found and all(p.cgroup is None for p in found):
        yield Gap("*", Kind.TARGET, "this system has no units that processes belong to", "", ("unit", "container"))


@table("listeners", Listener, asks="listeners")
def collect_listeners(host: Host, vault: Vault) -> Iterator[Listener | Gap]:
    """Sockets by port; the processes behind them where they can be seen."""
    sockets = host.listeners()
    names = ("process", "command", "unit", "container")
    owners: dict[int, Process] = {}
    try:
        owners = {p.pid: p for p in host.processes()} if any(s.pid is not None for s in sockets) else {}
    except Unavailable as error:
        yield Gap(_OTHERS, error.kind, error.reason, error.remedy, names)
    for s in sockets:
        owner = owners.get(s.pid) if s.pid is not None else None
        yield Listener(
            s.protocol,
            s.address,
            s.port,
            s.pid,
            vault.redact(owner.name) if owner else None,
            command_of(owner, vault) if owner else None,
            unit_of(owner.cgroup) if owner else None,
            container_of(owner.cgroup) if owner else None,
            is_loopback(s.address),
            is_any(s.address),
        )
    if any(s.pid is None for s in sockets):
        # Root sees all but those of another PID namespace, whom nobody here can name.
        reason = (
            "only root may see whose a port is"
            if _remedy()
            else "the owner of a port lives in another container or namespace"
        )
        kind = Kind.DENIED if _remedy() else Kind.TARGET
        yield Gap(_OTHERS, kind, reason, _remedy(), ("pid", *names))


def command_of(process: Process, vault: Vault) -> str:
    """Arguments joined by blanks, without secrets, cut at 4,096 characters."""
    return vault.redact(" ".join(process.argv))[:_COMMAND_LIMIT]


def unit_of(cgroup: str | None) -> str | None:
    """The unit of the machine's own systemd in a group's path.

    >>> unit_of("/system.slice/datadog-agent.service"), unit_of("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service"), unit_of("/docker/ab")
    ('datadog-agent.service', 'user@1000.service', None)
    """
    found = _UNIT.search(cgroup or "")
    return found[1] if found else None


def container_of(cgroup: str | None) -> str | None:
    """The first 12 digits of the container's id in a group's path."""
    found = _CONTAINER.findall(cgroup or "")
    return found[-1][:_SHORT_ID] if found else None


def is_loopback(address: str) -> int:
    """1 for 127.0.0.0/8 and ::1, also where IPv6 carries the former."""
    return int(address.removeprefix("::ffff:").startswith("127.") or address == "::1")


def is_any(address: str) -> int:
    return int(address in {"0.0.0.0", "::", "*", "::ffff:0.0.0.0"})


def _remedy() -> str:
    """What would help to see the processes of others; nothing more does where the doctor is root already."""
    return "sudo" if os.geteuid() != 0 else ""
