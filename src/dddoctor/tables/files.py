"""The Agent's own files and folders: who may read and write them, and who should."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import _modes, table
from dddoctor.tables._modes import Account
from dddoctor.tables.agents import Agent
from dddoctor.tables.mounts import MOUNTS_FILE, Mount, gap_of, keeper_of, mount_of, read_mounts

LOG_FOLDER = "/var/log/datadog"
MAC_LOG_FOLDER = "/opt/datadog-agent/logs"
_DEPTH_LIMIT = 6
_COUNT_LIMIT = 30_000
# A cheap look before the scanner: without one of these words followed by a value there is nothing that the scanner would call a secret.
_SECRET_WORDS = (b"key", b"pass", b"pwd", b"secret", b"token", b"communit", b"credential", b"auth", b"-----begin")
_SECRET_URL = lazy(rb"://[^/\s]*:[^/\s]*@")
_MAY_BE_LONG = lazy(rb"[0-9a-f]{8}")  # in every fourth byte
_LONG_NUMBER = lazy(rb"[0-9a-f]{32}")
_BACKEND = lazy(rb"""(?m)^secret_backend_command[ \t]*:[ \t]*["']?([^"'\s#][^"'\r\n#]*?)["']?[ \t]*(?:#.*)?\r?$""")


class File(NamedTuple):
    """One file or folder of an Agent: of its configuration folder (with all below), its log folder and its run folder.

    `kind`: main-file, config-file, root-config-file (system-probe.yaml, security-agent.yaml), environment-file, example, check-code, token
    (auth_token), certificate (ipc_cert.pem), secret-backend, log-file, run-file, other; config-folder, checks-folder, log-folder, run-folder.
    `mode` and `expected_mode` are four octal digits, `owner` and `expected_owner` are `user:group`. `expected_owner` is NULL where the package does
    not decide, or where this host has no account of the Agent's user. `target` is where a link ends, else NULL; mode and owner are the target's.
    `mount_type` is NULL where /proc/mounts is not there. `managed_by` says what makes `chmod` void (`the vboxsf mount at /vagrant`).
    `is_usable_by_agent`: whether the Agent's user may read it (enter and list a folder; write logs); NULL where that account is not known.
    `closed_folder`: of a link, the first folder on the way to its target that the Agent's user may not pass; it is not usable then, whatever its mode.
    `is_writable_by_agent`: of a folder, whether the Agent's user may make files in it; NULL for files and where that account is not known.
    `is_world_writable` and `is_world_readable` count only where every user can pass through the Agent's folders above.
    `check_name` is set for the files and folders of conf.d and for code in checks.d; `size_bytes` is the target's. Files named `.example` are listed only in folders that everybody may write.

    Source: stat of each; what should be: the package's postinst and the Agent's own writes (7.52, 7.72.4), see `_modes`.
    """

    file: str
    agent: str | None
    kind: str
    mode: str | None
    expected_mode: str | None
    owner: str | None
    expected_owner: str | None
    target: str | None
    mount_type: str | None
    is_world_writable: int | None
    is_world_readable: int | None
    holds_secret: int | None
    managed_by: str | None
    is_usable_by_agent: int | None
    check_name: str | None
    size_bytes: int | None
    closed_folder: str | None
    is_writable_by_agent: int | None


_NOT_NEEDED = frozenset(
    {"run-file", "other", "example", "environment-file"}
)  # the Agent runs whether or not it may use these
_UNKNOWN = (
    "mode",
    "expected_mode",
    "owner",
    "target",
    "mount_type",
    "is_world_writable",
    "is_world_readable",
    "managed_by",
    "is_usable_by_agent",
    "size_bytes",
    "closed_folder",
    "is_writable_by_agent",
)


@table("files", File)
def collect(host: Host, agents: list[Agent]) -> Iterator[File | Gap]:
    """Ordered by Agent and path. What may not be asked about has its row with NULLs and a gap; a folder that may not be listed is a gap."""
    look = _Look(host)
    for agent in agents:
        if agent.config_dir is not None and agent.kind != "container":
            yield from look.agent(agent)
    yield from look.gaps


class _Look:
    """One pass over a host. `gaps` are those that concern every row (mounts, accounts)."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.gaps: list[Gap] = []
        self.count = 0
        self.mounts: Sequence[Mount] = ()
        try:
            self.mounts = read_mounts(host)
        except (Unavailable, InputError) as error:
            self.gaps.append(gap_of(MOUNTS_FILE, error, ("mount_type", "managed_by")))

    def agent(self, agent: Agent) -> Iterator[File | Gap]:
        assert agent.config_dir is not None
        is_packaged = agent.kind == "package" and agent.major >= 6
        account = self._account() if is_packaged else None
        reader = _Reader(self, agent, account, is_packaged)
        yield from reader.obstacles
        yield from reader.tree(agent.config_dir, "config-folder")
        if agent.kind == "app" or is_packaged:
            yield from reader.tree(MAC_LOG_FOLDER if agent.kind == "app" else LOG_FOLDER, "log-folder", depth_limit=0)
        if agent.install_dir is not None and agent.kind in {"package", "app"} and agent.major >= 6:
            yield from reader.tree(f"{agent.install_dir}/run", "run-folder", depth_limit=0)
        if reader.backend is not None and reader.backend not in reader.seen:
            yield from reader.one(reader.backend, "secret-backend", None)

    def _account(self) -> Account | None:
        try:
            return _modes.account_of(self.host, _modes.user_of_unit(self.host))
        except (Unavailable, InputError) as error:
            unknown = ("expected_owner", "is_usable_by_agent", "closed_folder", "is_writable_by_agent")
            self.gaps.append(gap_of("/etc/passwd", error, unknown))
            return None


class _Reader:
    """The files of one Agent. `backend` is the secret_backend_command of its main file, as written there, where that is a path."""

    def __init__(self, look: _Look, agent: Agent, account: Account | None, is_packaged: bool) -> None:
        self.look, self.host, self.agent, self.account, self.is_packaged = look, look.host, agent, account, is_packaged
        self.config_dir = agent.config_dir or ""
        self.seen: set[str] = set()
        self.passable: dict[str, bool] = {}  # folder → may every user pass through it and those above it
        self.open_to_agent: dict[str, bool] = {}
        self.obstacles: list[Gap] = []
        self.backend = self._backend()
        self.own_folders = tuple(f"{folder}/" for folder in self._own_folders())

    def tree(self, folder: str, kind: str, *, depth_limit: int = _DEPTH_LIMIT) -> Iterator[File | Gap]:
        """A folder and what is in it; nothing where it is not there."""
        try:
            found = self.host.stat(folder)
        except FileNotFoundError:
            return
        except (Unavailable, InputError) as error:
            yield from self._unknown(folder, kind, None, error)
            return
        if found.kind == "directory":
            yield from self._folder(folder, kind, found, depth_limit)
        else:
            yield from self._row(folder, "other", None, found)

    def _folder(
        self, folder: str, kind: str, found: Stat, depth_limit: int, should_be: str | None = None
    ) -> Iterator[File | Gap]:
        """`should_be` is where the folder lies if it is no link: linked folders are not entered, what they hold is somebody else's."""
        yield from self._row(folder, kind, self._check_of_folder(folder), found)
        self.passable[folder] = bool(found.mode & 0o001) and self._is_passable(folder)
        if should_be not in (None, found.target):
            return
        try:
            names = self.host.listdir(folder)
        except FileNotFoundError:
            return
        except (Unavailable, InputError) as error:
            yield gap_of(folder, error)
            return
        is_open = bool(found.mode & 0o002)
        for name in names:
            self.look.count += 1
            if self.look.count > _COUNT_LIMIT:
                yield Gap(folder, Kind.TOOL, f"holds too many files: the first {_COUNT_LIMIT} were looked at")
                return
            if is_open or not name.endswith(".example"):
                yield from self._entry(f"{folder}/{name}", f"{found.target}/{name}", kind, depth_limit)

    def _entry(self, path: str, should_be: str, folder_kind: str, depth_limit: int) -> Iterator[File | Gap]:
        kind, check_name = self._kind(path, folder_kind)
        try:
            found = self.host.stat(path)
        except FileNotFoundError:  # a dangling link, or gone since it was listed
            return
        except (Unavailable, InputError) as error:
            yield from self._unknown(path, kind, check_name, error)
            return
        if found.kind == "directory" and depth_limit > 0:
            below = "checks-folder" if path == f"{self.config_dir}/checks.d" else folder_kind
            yield from self._folder(path, below, found, depth_limit - 1, should_be)
        elif found.kind == "file":
            yield from self._row(path, kind, check_name, found)

    def one(self, path: str, kind: str, check_name: str | None) -> Iterator[File | Gap]:
        """A single file; nothing where it is not there."""
        try:
            yield from self._row(path, kind, check_name, self.host.stat(path))
        except FileNotFoundError:
            return
        except (Unavailable, InputError) as error:
            yield from self._unknown(path, kind, check_name, error)

    def _kind(self, path: str, folder_kind: str) -> tuple[str, str | None]:
        """(kind, check name) of a file by its place and name."""
        folder, _, name = path.rpartition("/")
        if path == self.backend:
            return "secret-backend", None
        if folder_kind in {"log-folder", "run-folder"}:
            return folder_kind.replace("folder", "file"), None
        if path == self.agent.main_file:
            return "main-file", None
        if folder == self.config_dir:
            bare = name.removesuffix(".example")
            if bare in {"system-probe.yaml", "security-agent.yaml"}:
                return "root-config-file", None
            if name in {"auth_token", "ipc_cert.pem", "environment"}:
                return {"auth_token": "token", "ipc_cert.pem": "certificate", "environment": "environment-file"}[
                    name
                ], None
        if name.endswith(".example"):
            return "example", None
        if folder_kind == "checks-folder":
            is_check = name.endswith(".py") and folder == f"{self.config_dir}/checks.d"
            return "check-code" if name.endswith((".py", ".pyc")) else "other", name[:-3] if is_check else None
        if name.endswith((".yaml", ".yml", ".yaml.default", ".yml.default")):
            confd = f"{self.config_dir}/conf.d"
            if folder == confd:
                return "config-file", name.removesuffix(".default").rpartition(".")[0]
            return "config-file", self._check_of_folder(folder)
        return "other", None

    def _check_of_folder(self, folder: str) -> str | None:
        """NAME of conf.d/NAME.d."""
        start = f"{self.config_dir}/conf.d/"
        is_one = folder.startswith(start) and folder.endswith(".d") and "/" not in folder[len(start) :]
        return folder[len(start) : -2] if is_one else None

    def _closed_folder(self, target: str) -> str | None:
        """The topmost folder on the way to a path that the Agent's user may not pass. What may not be asked about is taken for open."""
        steps = target.split("/")[1:-1]
        for count in range(1, len(steps) + 1):
            folder = "/" + "/".join(steps[:count])
            if folder not in self.open_to_agent:
                try:
                    self.open_to_agent[folder] = _modes.is_passable_by(self.account, self.host.stat(folder)) != 0
                except (FileNotFoundError, Unavailable, InputError):
                    self.open_to_agent[folder] = True
            if not self.open_to_agent[folder]:
                return folder
        return None

    def _is_passable(self, path: str) -> bool:
        """Whether every user can get to a path: all the Agent's folders above it let them through."""
        return self.passable.get(path.rpartition("/")[0], True)

    def _row(self, path: str, kind: str, check_name: str | None, found: Stat) -> Iterator[File | Gap]:
        self.seen.add(path)
        secret, obstacle = self._holds_secret(path, kind)
        if obstacle is not None:
            yield obstacle
        is_packaged = self.is_packaged and f"{found.target}/".startswith(self.own_folders)
        mode = _modes.expected_mode(kind, found.mode, is_packaged=is_packaged, holds_secret=secret != 0)
        mount = mount_of(found.target, self.look.mounts)
        is_reachable = self._is_passable(path)
        is_usable = None if kind in _NOT_NEEDED else _modes.is_usable_by(self.account, kind, found)
        closed_folder = self._closed_folder(found.target) if is_usable and found.target != path else None
        yield File(
            file=path,
            agent=self.agent.agent,
            kind=kind,
            mode=f"{found.mode:04o}",
            expected_mode=f"{mode:04o}",
            owner=f"{found.owner}:{found.group}",
            expected_owner=self._expected_owner(path, kind) if is_packaged or kind == "secret-backend" else None,
            target=found.target if found.target != path else None,
            mount_type=mount.mount_type if mount else None,
            is_world_writable=int(bool(found.mode & 0o002) and is_reachable),
            is_world_readable=int(bool(found.mode & 0o004) and is_reachable),
            holds_secret=secret,
            managed_by=keeper_of(mount),
            is_usable_by_agent=0 if closed_folder is not None else is_usable,
            check_name=check_name,
            size_bytes=found.size_bytes,
            closed_folder=closed_folder,
            is_writable_by_agent=_modes.is_writable_by(self.account, found) if kind in _modes.FOLDER_KINDS else None,
        )

    def _unknown(
        self, path: str, kind: str, check_name: str | None, error: Unavailable | InputError
    ) -> Iterator[File | Gap]:
        """What is known from a listing alone."""
        self.seen.add(path)
        yield File(
            path,
            self.agent.agent,
            kind,
            None,
            None,
            None,
            self._expected_owner(path, kind),
            *(None,) * 7,
            check_name,
            *(None,) * 3,
        )
        yield gap_of(path, error, (*_UNKNOWN, "holds_secret"))

    def _expected_owner(self, path: str, kind: str) -> str | None:
        """The package's owner of a path; None where it does not decide. The service's environment file is systemd's to read, not the Agent's."""
        if self.account is None or kind in {"other", "run-file", "environment-file"}:
            return None
        below = path[len(self.config_dir) + 1 :].split("/", 1)[0] if path.startswith(self.config_dir + "/") else ""
        if below in _modes.ROOT_FOLDERS:
            return "root:root"
        return None if below == "managed" else self.account.owner

    def _own_folders(self) -> Iterator[str]:
        """Where links end that are still the package's: its folders, as they are really called."""
        for folder in (self.config_dir, LOG_FOLDER, f"{self.agent.install_dir}/run"):
            try:
                yield self.host.stat(folder).target
            except (FileNotFoundError, Unavailable, InputError):
                continue

    def _holds_secret(self, path: str, kind: str) -> tuple[int | None, Gap | None]:
        """Whether the text holds a secret. Token and certificate are one by their nature; logs and code are not looked at."""
        if kind in {"token", "certificate"}:
            return 1, None
        if kind not in {"main-file", "config-file", "environment-file", "root-config-file"}:
            return 0, None
        try:
            data = self.host.read(path)
        except FileNotFoundError:
            return None, None
        except (Unavailable, InputError) as error:
            return None, gap_of(path, error, ("holds_secret",))
        return int(holds_secret(data)), None

    def _backend(self) -> str | None:
        try:
            data = self.host.read(self.agent.main_file) if self.agent.main_file else b""
        except FileNotFoundError:
            return None
        except (Unavailable, InputError) as error:  # what it names has no row then
            self.obstacles.append(gap_of(self.agent.main_file or "*", error))
            return None
        match = _BACKEND.search(data) if b"secret_backend_command" in data else None
        path = match[1].decode("utf-8", "replace") if match else ""
        return path if path.startswith("/") else None


def holds_secret(data: bytes) -> bool:
    """Whether a configuration text holds a value that nobody else should read."""
    low = data.lower()
    may_hold = (
        any(map(low.__contains__, _SECRET_WORDS))
        or (b"@" in low and _SECRET_URL.search(low))
        or (_MAY_BE_LONG.search(low[::4]) and _LONG_NUMBER.search(low))
    )
    if not may_hold:
        return False
    from dddoctor.secrets import scan

    return bool(scan(data.decode("utf-8", "replace")))
