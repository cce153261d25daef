"""The paths that settings of the main file name, and whether they lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import _modes, table
from dddoctor.tables.agents import Agent
from dddoctor.tables.mounts import gap_of
from dddoctor.tables.settings import Setting

# pkg/config/setup/config.go, comp/trace/config/setup.go
PATH_SETTINGS = frozenset({
    "confd_path", "additional_checksd", "run_path", "log_file", "dogstatsd_socket", "apm_config.receiver_socket", "apm_config.log_file", "jmx_log_file",
    "auth_token_file_path", "ipc_cert_file_path", "logs_config.run_path", "process_config.log_file",
})  # fmt: skip
# Emptied at each start of the host, so that a disk which is looked at from elsewhere does not show what is in them.
_VOLATILE = ("/run/", "/var/run/", "/tmp/", "/dev/shm/")


class SettingPath(NamedTuple):
    """One setting whose value is an absolute path, set by somebody (no defaults).

    `is_there`: something is at the path. `folder` is the one above it, `has_folder` whether that is there, `is_folder_writable_by_agent` whether the
    Agent's user may make files in it (NULL where the folder or the account is not there). `is_volatile`: it lies below /run, /tmp or the like.

    Source: stat.
    """

    agent: str
    key: str
    value: str
    origin: str
    file: str | None
    line: int | None
    is_there: int | None
    folder: str
    has_folder: int | None
    is_folder_writable_by_agent: int | None
    is_volatile: int


@table("setting_paths", SettingPath, of="settings")
def collect(host: Host, agents: list[Agent], settings: list[Setting]) -> Iterator[SettingPath | Gap]:
    """Ordered as the settings are."""
    chosen = [
        s
        for s in settings
        if s.key in PATH_SETTINGS and s.origin != "default" and s.value and s.value.startswith("/") and s.value != "/"
    ]
    if not chosen:
        return
    packaged = {a.agent for a in agents if a.kind == "package" and a.major >= 6}
    account = None
    if packaged:
        try:
            account = _modes.account_of(host, _modes.user_of_unit(host))
        except (Unavailable, InputError) as error:
            yield gap_of("*", error, ("is_folder_writable_by_agent",))
    for setting in chosen:
        path = (setting.value or "").rstrip("/")
        folder = path.rpartition("/")[0] or "/"
        is_there = has_folder = is_writable = None
        try:
            is_there = int(host.exists(path))
        except (Unavailable, InputError) as error:
            yield gap_of(setting.agent, error, ("is_there",))
        try:
            found = host.stat(folder)
            has_folder = int(found.kind == "directory")
            if has_folder and setting.agent in packaged:
                is_writable = _modes.is_writable_by(account, found)
        except FileNotFoundError:
            has_folder = 0
        except (Unavailable, InputError) as error:
            yield gap_of(setting.agent, error, ("has_folder", "is_folder_writable_by_agent"))
        yield SettingPath(
            setting.agent,
            setting.key,
            path,
            setting.origin,
            setting.file,
            setting.line,
            is_there,
            folder,
            has_folder,
            is_writable,
            int(f"{path}/".startswith(_VOLATILE)),
        )
