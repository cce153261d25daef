"""Memory, and the file systems that the Agent, MySQL and temporary files live on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables.mounts import Mount, gap_of, mount_of, read_mounts

MEMORY_FILE = "/proc/meminfo"
# Version 2 (there only inside a container; the root group has none), then version 1.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
PATHS = ("/", "/tmp", "/var/tmp", "/var/log", "/var/log/datadog", "/opt/datadog-agent", "/etc/datadog-agent", "/var/lib/mysql")  # fmt: skip
DF = ("df", "--block-size=1", "--output=file,fstype,size,avail,itotal,iavail,target", "--")
_DF_SECONDS = 3.0
# Asking one of these can wait for a server, for good. Nothing that is kept there is the Agent's own disk.
_NETWORK = frozenset(["nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "afs", "lustre", "9p", "autofs", "fuse", "gpfs", "beegfs"])  # fmt: skip
_KILOBYTES = lazy(r"^(\w+):\s+(\d+) kB\s*$", 8)  # re.MULTILINE


class Memory(NamedTuple):
    """The machine's memory: one row.

    `available_bytes` is what programs can still get without swapping (NULL before Linux 3.14). Swap is 0 where there is none. `limit_bytes` is that of
    the container that the doctor runs in; NULL without one.

    Source: /proc/meminfo (proc_meminfo(5)), memory.max or memory.limit_in_bytes of the doctor's group.
    """

    total_bytes: int
    available_bytes: int | None
    swap_total_bytes: int
    swap_free_bytes: int
    limit_bytes: int | None


class Filesystem(NamedTuple):
    """The file system that one path lies on: a row for each of /, /tmp, /var/tmp, /var/log, /var/log/datadog, /opt/datadog-agent, /etc/datadog-agent
    and /var/lib/mysql that exists, in this order.

    `mount` is where it is mounted, `type` as the kernel names it. `free_bytes` is what a program without root's rights may still write (the reserve is
    root's). `inodes` and `free_inodes` are NULL where it makes them as needed (btrfs). `is_readonly` is the mount's own option, NULL where /proc/mounts
    cannot be read. A path on a network file system has its row, without sizes: asking could wait for a server that is gone.

    Source: `df` of GNU coreutils, /proc/mounts.
    """

    path: str
    mount: str
    type: str
    size_bytes: int | None
    free_bytes: int | None
    inodes: int | None
    free_inodes: int | None
    is_readonly: int | None


@table("memory", Memory)
def collect_memory(host: Host) -> Iterator[Memory | Gap]:
    """The one row, from files: a mounted disk has none."""
    try:
        text = host.read(MEMORY_FILE).decode("utf-8", "replace")
    except FileNotFoundError:
        yield Gap(MEMORY_FILE, Kind.TARGET, "the memory is told by /proc/meminfo, which is not there")
        return
    except (Unavailable, InputError) as error:
        yield gap_of(MEMORY_FILE, error)
        return
    row = parse_meminfo(text)
    if row is None:
        yield Gap(MEMORY_FILE, Kind.TOOL, f"{MEMORY_FILE} does not tell how much memory there is")
        return
    yield row._replace(limit_bytes=_limit(host, row.total_bytes))


def parse_meminfo(text: str) -> Memory | None:
    """The row of a /proc/meminfo, without a limit; None where the total is missing."""
    found = {m[1]: int(m[2]) * 1024 for m in _KILOBYTES.finditer(text)}
    if "MemTotal" not in found:
        return None
    return Memory(
        found["MemTotal"], found.get("MemAvailable"), found.get("SwapTotal", 0), found.get("SwapFree", 0), None
    )


def _limit(host: Host, total_bytes: int) -> int | None:
    """The group's limit, where it is below what the machine has: `max` and version 1's huge number are none."""
    for path in _LIMITS:
        try:
            text = host.read(path, 4096).decode("ascii", "replace").strip()
        except (FileNotFoundError, Unavailable, InputError):
            continue
        return int(text) if text.isdecimal() and int(text) < total_bytes else None
    return None


@table("filesystems", Filesystem)
def collect_filesystems(host: Host) -> Iterator[Filesystem | Gap]:
    """Rows in the order of PATHS. `df` runs as a child with a limit of its own, so that a disk that is gone costs 3 s and never the exit."""
    mounts: list[Mount] = []
    try:
        mounts = read_mounts(host)
        if not mounts:
            yield Gap(
                "*", Kind.TARGET, "what is mounted is told by /proc/mounts, which is not there", "", ("is_readonly",)
            )
    except (Unavailable, InputError) as error:
        yield gap_of("*", error, ("is_readonly",))
    found: dict[str, Filesystem] = {}
    local: list[str] = []
    for path in PATHS:
        mount = mount_of(path, mounts)
        if mount is not None and is_network(mount.mount_type):
            found[path] = Filesystem(
                path, mount.mount_point, mount.mount_type, None, None, None, None, mount.is_readonly
            )
            yield Gap(
                path,
                Kind.TARGET,
                f"{mount.mount_point} is a network file system, which is not asked for its free space",
                "",
                ("size_bytes", "free_bytes", "inodes", "free_inodes"),
            )
        else:
            local.append(path)
    try:
        found |= _ask(host, local, mounts)
    except Unavailable as error:
        if error.kind is not Kind.TIMEOUT or len(local) < 2:
            raise
        yield gap_of("*", error)
        found |= _ask(host, ["/"], mounts)
    for path in PATHS:
        if path in found:
            yield found[path]


def is_network(kind: str) -> bool:
    """Whether a file system of this type may be a server's: those of FUSE count, whatever is behind them."""
    return kind in _NETWORK or kind.startswith("fuse.")


def _ask(host: Host, paths: list[str], mounts: list[Mount]) -> Mapping[str, Filesystem]:
    """Path → row of those that exist. Unavailable(target) where `df` is another than GNU's (macOS, busybox)."""
    ran = host.run([*DF, *paths], _DF_SECONDS)
    rows = {row.path: row for row in parse_df(ran.stdout, mounts)}
    if not rows and ("--output" in ran.stderr or "illegal option" in ran.stderr):
        raise Unavailable(Kind.TARGET, "the `df` of this system does not tell the free space in GNU's way")
    if not rows:
        raise Unavailable(Kind.TOOL, f"`df` ended with {ran.returncode} and told nothing")
    return rows


def parse_df(text: str, mounts: list[Mount]) -> list[Filesystem]:
    """Lines of `df --block-size=1 --output=file,fstype,size,avail,itotal,iavail,target`; lines of another shape are left out."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split(None, 6)
        if len(fields) == 7 and fields[0].startswith("/"):
            mount = mount_of(fields[6], mounts)
            size, free, inodes, free_inodes = (int(f) if f.isdecimal() else None for f in fields[2:6])
            is_readonly = mount.is_readonly if mount is not None and mount.mount_point == fields[6] else None
            found.append(
                Filesystem(
                    fields[0],
                    fields[6],
                    fields[1],
                    size,
                    free,
                    inodes or None,
                    free_inodes if inodes else None,
                    is_readonly,
                )
            )
    return found
