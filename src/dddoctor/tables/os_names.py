"""The name that the operating system gives this host, as its file says it."""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import table
from dddoctor.tables.mounts import gap_of

_LOCAL = frozenset({"localhost", "localhost.localdomain", "localhost6.localdomain6", "ip6-localhost", "(none)"})


class OsName(NamedTuple):
    """The name in /etc/hostname. `is_usable`: 0 where the Agent takes it for no name (it names every host); its validity otherwise is not judged.

    Source: /etc/hostname (hostname(5): the first line that is no comment); pkg/util/hostname/validate for the names that the Agent refuses.
    """

    file: str
    line: int
    name: str
    is_usable: int


@table("os_names", OsName)
def collect(host: Host, vault: Vault) -> Iterator[OsName | Gap]:
    """One row; none where the file is not there."""
    file = "/etc/hostname"
    try:
        text = host.read(file, 64 * 1024).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    except (Unavailable, InputError) as error:
        yield gap_of(file, error)
        return
    for number, line in enumerate(text.split("\n"), 1):
        name = line.strip()
        if name and not name.startswith("#"):
            yield OsName(file, number, vault.redact(name[:253]), int(name.lower() not in _LOCAL))
            return
