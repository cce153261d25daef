"""What is mounted where, as far as modes go: on a synced folder of a virtual machine `chmod` has no effect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import table

MOUNTS_FILE = "/proc/mounts"

# File systems that make modes up from mount options: VirtualBox, VMware, Parallels and Docker Desktop folders, WSL drives, CIFS, FAT and NTFS.
_MODELESS = frozenset(
    ["vboxsf", "vmhgfs", "prl_fs", "drvfs", "9p", "cifs", "smb3", "smbfs", "vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "osxfs", "grpcfuse", "fakeowner", "hgfs"]
)  # fmt: skip
# User-space file systems that hand chmod on to a real one. All others of the kind are taken for modeless.
_FUSE_WITH_MODES = frozenset(
    f"fuse.{name}" for name in ["sshfs", "fuse-overlayfs", "mergerfs", "glusterfs", "ceph", "ceph-fuse", "gocryptfs", "encfs", "bindfs", "juicefs", "s3fs", "unionfs", "snapfuse"]
)  # fmt: skip


class Mount(NamedTuple):
    """One mounted file system, in the order of mounting: the last one at a place hides earlier ones.

    `mount_type` as the kernel names it (ext4, vboxsf, 9p). `is_readonly` is the mount's `ro`. `keeps_modes` is 0 where chmod changes nothing,
    because modes come from the mount's options. The source (a device, a share's name) is left out: it may hold a password.

    Source: /proc/mounts (proc_pid_mounts(5)). No rows where the host has no such file: a folder holds none, and what is mounted is not known then.
    """

    mount_point: str
    mount_type: str
    is_readonly: int
    keeps_modes: int


@table("mounts", Mount)
def collect(host: Host) -> Iterator[Mount | Gap]:
    """The mounts of this host."""
    try:
        yield from read_mounts(host)
    except (Unavailable, InputError) as error:
        yield gap_of(MOUNTS_FILE, error)


def read_mounts(host: Host) -> list[Mount]:
    """The mounts of this host, in order; none where /proc is not there. Raises Unavailable, InputError."""
    try:
        return parse_mounts(host.read(MOUNTS_FILE).decode("utf-8", "replace"))
    except FileNotFoundError:
        return []


def parse_mounts(text: str) -> list[Mount]:
    """Lines of /proc/mounts; lines of another shape are left out."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) >= 4 and fields[1].startswith("/"):
            options = fields[3].split(",")
            found.append(
                Mount(_unescaped(fields[1]), fields[2], int("ro" in options), int(_keeps_modes(fields[2], options)))
            )
    return found


def _keeps_modes(kind: str, options: Sequence[str]) -> bool:
    """Whether chmod works there. WSL keeps modes with the option `metadata`; CIFS with the server's own modes (`modefromsid`, `cifsacl`)."""
    if kind in {"drvfs", "9p"} and any(part == "metadata" for option in options for part in option.split(";")):
        return True
    if kind in {"cifs", "smb3"} and {"modefromsid", "cifsacl"} & set(options):
        return True
    if kind == "fuse" or kind.startswith("fuse."):
        return kind in _FUSE_WITH_MODES
    return kind not in _MODELESS


def _unescaped(text: str) -> str:
    """The kernel writes blank, tab, newline and backslash as three octal digits."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that a path without links lies on: the deepest one, of equal ones the last."""
    best: Mount | None = None
    for mount in mounts:
        point = mount.mount_point.rstrip("/")
        if (path == point or path.startswith(point + "/")) and (
            best is None or len(point) >= len(best.mount_point.rstrip("/"))
        ):
            best = mount
    return best


def keeper_of(mount: Mount | None) -> str | None:
    """Why a mode cannot be set on this mount, as a noun; None where it can. Fills the column `managed_by`."""
    if mount is None or (mount.keeps_modes and not mount.is_readonly):
        return None
    return f"the {'' if mount.keeps_modes else mount.mount_type + ' '}mount at {mount.mount_point}{', which is read-only' if mount.is_readonly else ''}"


def gap_of(
    where: str, error: Unavailable | InputError, columns: tuple[str, ...] | None = None, table: str | None = None
) -> Gap:
    """An obstacle as a gap. What is no regular file or folder is kind *tool*: looking again would not help."""
    from dddoctor.model import Kind

    if isinstance(error, Unavailable):
        return Gap(where, error.kind, error.reason, error.remedy, columns, table)
    return Gap(where, Kind.TOOL, error.message, "", columns, table)
