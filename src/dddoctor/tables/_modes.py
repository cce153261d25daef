"""What the modes and owners of the Agent's files should be, and what a user may do with them: judged from numbers alone.

Source: the package's postinst (7.52) and agentConfigPermissions, agentDirectories (datadog_agent_linux.go of later releases); the install script gives
datadog.yaml 0640; auth_token and ipc_cert.pem are written 0600 and belong to dd-agent even where root starts the Agent first (measured, 7.52 and 7.72.4).
"""

from __future__ import annotations

from dddoctor.hosts.base import Host, InputError, Stat
from dddoctor.light import NamedTuple
from dddoctor.tables._environment import is_mask

# Folders of the configuration folder that the package leaves to root.
ROOT_FOLDERS = frozenset({"compliance.d", "runtime-security.d", "inject"})
_FIXED = {
    "main-file": 0o640,
    "token": 0o600,
    "certificate": 0o600,
    "environment-file": 0o640,
    "root-config-file": 0o440,
    "check-code": 0o644,
    "example": 0o644,
}
_PRIVATE = frozenset({"main-file", "token", "certificate", "environment-file"})
FOLDER_KINDS = frozenset({"config-folder", "checks-folder", "log-folder", "run-folder"})
_WRITTEN_BY_AGENT = frozenset({"log-folder", "log-file", "run-folder"})


class Account(NamedTuple):
    """The user that an Agent runs as: its name, its primary group's name, and the names of all its groups."""

    user: str
    group: str
    groups: frozenset[str]

    @property
    def owner(self) -> str:
        return f"{self.user}:{self.group}"


def expected_mode(kind: str, mode: int, *, is_packaged: bool, holds_secret: bool) -> int:
    """Permission bits that a file of this kind should have, given those that it has.

    Where the package does not decide (macOS, Agent 5, files of unknown use) only what others have too much is taken away.
    """
    if kind == "secret-backend":
        return (
            mode & 0o200
        ) | 0o500  # the Agent refuses any right of group and others (checkRights, 7.52 source; measured on 7.72.4)
    if not is_packaged:
        return mode & ~(0o007 if kind in _PRIVATE else 0o002)
    if kind in FOLDER_KINDS:
        return (0o750 if kind == "log-folder" else 0o755) | (mode & 0o2000)  # a setgid folder is somebody's decision
    if kind == "config-file":
        return 0o640 if holds_secret else 0o644
    return _FIXED.get(kind, mode & ~0o002)


def is_usable_by(account: Account | None, kind: str, found: Stat) -> int | None:
    """Whether the Agent's user has here what it needs: reading, entering and listing of folders, writing of logs and of the run folder.

    None where the account is not known. Access control lists are not seen: they can only give more where the group bits are not zero.
    """
    if account is None:
        return None
    need = 0o5 if kind in FOLDER_KINDS else 0o1 if kind == "secret-backend" else 0o4
    if kind in _WRITTEN_BY_AGENT:
        need |= 0o2
    return _has(account, found, need)


def is_writable_by(account: Account | None, found: Stat) -> int | None:
    """Whether that user may make files in a folder. None where the account is not known."""
    return None if account is None else _has(account, found, 0o3)


def is_passable_by(account: Account | None, found: Stat) -> int | None:
    """Whether that user may pass through a folder. None where the account is not known."""
    return None if account is None else _has(account, found, 0o1)


def _has(account: Account, found: Stat, need: int) -> int:
    if account.user == "root":
        return 1
    # The first class that fits decides, even where a later one would allow more (path_resolution(7)).
    shift = 6 if found.owner == account.user else 3 if found.group in account.groups else 0
    return int((found.mode >> shift) & need == need)


def account_of(host: Host, user: str) -> Account | None:
    """The account of that name in the target's own files; None where there is none. Raises Unavailable, InputError."""
    try:
        passwd = host.read("/etc/passwd").decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    entry = next((f for f in (line.split(":") for line in passwd.splitlines()) if len(f) >= 4 and f[0] == user), None)
    if entry is None:
        return None
    try:
        lines = [line.split(":") for line in host.read("/etc/group").decode("utf-8", "replace").splitlines()]
    except FileNotFoundError:
        lines = []
    named = [fields for fields in lines if len(fields) >= 4]
    primary = next((fields[0] for fields in named if fields[2] == entry[3]), entry[3])
    return Account(user, primary, frozenset({primary, *(f[0] for f in named if user in f[3].split(","))}))


def user_of_unit(host: Host) -> str:
    """The user of datadog-agent.service: `User=` of the unit and its drop-ins, else the package's dd-agent. Raises Unavailable, InputError."""
    unit = "datadog-agent.service"
    files = [f"/usr/lib/systemd/system/{unit}", f"/lib/systemd/system/{unit}", f"/etc/systemd/system/{unit}"]
    files += host.glob(f"/etc/systemd/system/{unit}.d/*.conf")
    user = "dd-agent"
    for path in files:
        try:
            text = host.read(path).decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except InputError:
            if is_mask(host, path):
                continue
            raise
        for line in text.splitlines():
            key, equals, value = line.partition("=")
            if equals and key.strip() == "User" and value.strip():
                user = value.strip()
    return user
