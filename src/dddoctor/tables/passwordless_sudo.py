"""Who may use sudo without a password: what people wonder about on a Vagrant box, and what sudo says of the file that grants it."""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import table
from dddoctor.tables.mounts import gap_of

_MAIN, _FOLDER = "/etc/sudoers", "/etc/sudoers.d"
_LIMIT_BYTES = 256 * 1024
_GRANT = lazy(r"([^\s#=!]+)\s+[^#]*=[^#]*\bNOPASSWD\s*:")


class PasswordlessSudo(NamedTuple):
    """One line of sudo's configuration with NOPASSWD. `who` is a user, `%group` or an alias.

    `mode` (four octal digits) and `owner` (`user:group`) of the file. `is_ignored_because`: why sudo does not take the file, NULL where it does: another owner
    than root, or somebody else can write it. Files of /etc/sudoers.d with a dot or a final `~` in their name are not read, and have no rows.

    Source: sudoers(5); sudo's own checks of its files (owner 0, not writable for others, for a group only if it is root's).
    """

    file: str
    line: int
    who: str
    mode: str
    owner: str
    is_ignored_because: str | None


@table("passwordless_sudo", PasswordlessSudo)
def collect(host: Host) -> Iterator[PasswordlessSudo | Gap]:
    """/etc/sudoers first, then the files of its folder by name."""
    for path in [_MAIN, *_names(host)]:
        if isinstance(path, Gap):
            yield path
            continue
        try:
            stat = host.stat(path)
            text = host.read(path, _LIMIT_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except (Unavailable, InputError) as error:
            yield gap_of(path, error)
            continue
        for line, who in parse_grants(text):
            yield PasswordlessSudo(path, line, who, f"{stat.mode:04o}", f"{stat.owner}:{stat.group}", why_ignored(stat))


def _names(host: Host) -> Iterator[str | Gap]:
    try:
        names = host.listdir(_FOLDER)
    except FileNotFoundError:
        return
    except (InputError, Unavailable) as error:
        yield gap_of(_FOLDER, error)
        return
    for name in names:
        if "." not in name and not name.endswith("~"):
            yield f"{_FOLDER}/{name}"


def parse_grants(text: str) -> Iterator[tuple[int, str]]:
    """(line, who) of each rule with NOPASSWD; a backslash at the end of a line goes on in the next."""
    whole, start = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        start = start or number
        whole += line.rstrip("\r")
        if whole.endswith("\\"):
            whole = whole[:-1] + " "
            continue
        found = _GRANT.match(whole.strip())
        if found and not found[1].startswith(("Defaults", "Cmnd_Alias", "User_Alias", "Host_Alias", "Runas_Alias")):
            yield start, found[1]
        whole, start = "", 0


def why_ignored(stat: Stat) -> str | None:
    """sudo's objection to a file of its configuration; None where it takes it."""
    if stat.uid != 0:
        return f"it belongs to {stat.owner} instead of root"
    if stat.mode & 0o002:
        return "everybody can write it"
    if stat.mode & 0o020 and stat.gid != 0:
        return f"the group {stat.group} can write it"
    return None
