"""The files that log sources name, and whether the Agent's user may read them."""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import _modes, table
from dddoctor.tables.agents import Agent
from dddoctor.tables.instances import LogSource
from dddoctor.tables.mounts import gap_of


class LogPath(NamedTuple):
    """One file of a log source of type file. A pattern has a row for the folder that it looks in, with `is_pattern` 1.

    `path` is the file or that folder, `closed_folder` the first folder on the way that the Agent's user may not pass. `is_readable`: the Agent's user
    may read the file (list the folder); NULL where it is not there, or the account is not known. `group_may_read`: joining the file's group would help.

    Source: stat; access control lists are not seen: they can only give more where the group bits are not zero.
    """

    agent: str
    file: str
    check_name: str | None
    line: int
    path: str
    is_pattern: int
    is_there: int | None
    is_readable: int | None
    closed_folder: str | None
    mode: str | None
    owner: str | None
    owning_group: str | None
    group_may_read: int | None


_UNKNOWN = ("is_there", "is_readable", "closed_folder", "mode", "owner", "owning_group", "group_may_read")


@table("log_paths", LogPath, of="log_sources")
def collect(host: Host, agents: list[Agent], log_sources: list[LogSource]) -> Iterator[LogPath | Gap]:
    """Ordered as the sources are. Only packaged Agents of 6 and 7 have a user of their own."""
    packaged = {a.agent for a in agents if a.kind == "package" and a.major >= 6}
    chosen = [s for s in log_sources if s.agent in packaged and s.type == "file" and s.path and s.path.startswith("/")]
    if not chosen:
        return
    account = None
    try:
        account = _modes.account_of(host, _modes.user_of_unit(host))
    except (Unavailable, InputError) as error:
        yield gap_of("*", error, ("is_readable", "closed_folder"))
    for source in chosen:
        written = source.path or ""
        is_pattern = any(c in written for c in "*?[")
        fixed = written
        while any(c in fixed for c in "*?["):
            fixed = fixed.rpartition("/")[0]
        path = fixed or "/"
        try:
            closed, found = _closed(host, account, path)
        except (Unavailable, InputError) as error:
            yield LogPath(
                source.agent, source.file, source.check_name, source.line, path, int(is_pattern), *(None,) * 7
            )
            yield gap_of(source.file, error, _UNKNOWN)
            continue
        needs = "config-folder" if is_pattern else "config-file"
        usable = None if found is None else _modes.is_usable_by(account, needs, found)
        yield LogPath(
            source.agent, source.file, source.check_name, source.line, path, int(is_pattern), int(found is not None),
            0 if closed is not None else usable, closed, None if found is None else f"{found.mode:04o}",
            None if found is None else f"{found.owner}:{found.group}", None if found is None else found.group,
            None if found is None else int(bool(found.mode & 0o040)),
        )  # fmt: skip


def _closed(host: Host, account: _modes.Account | None, path: str) -> tuple[str | None, Stat | None]:
    """(first folder that is closed to the account, what is at the path). Raises Unavailable, InputError."""
    try:
        found = host.stat(path)
    except FileNotFoundError:
        return None, None
    steps = found.target.split("/")[1:-1]
    for count in range(1, len(steps) + 1):
        folder = "/" + "/".join(steps[:count])
        if _modes.is_passable_by(account, host.stat(folder)) == 0:
            return folder, found
    return None, found
