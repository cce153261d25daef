"""Commands that fetch the Agent's install script and run it, wherever a person keeps them: Vagrantfiles, scripts, Dockerfiles, shell histories."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, table
from dddoctor.tables._python_places import search
from dddoctor.tables.mounts import gap_of
from dddoctor.tables.secret_places import place_of

# Patterns are compiled where they are used (re keeps them): most hosts have no such file.
_PLACES = frozenset(("vagrantfile", "script", "history", "dockerfile"))
_FILE_LIMIT_BYTES = 4 * 1024 * 1024
_ROWS_LIMIT = 20
_URL = r"(?i)https?://[^\s\"'\\)|;]*(?:datadog|dd-agent)[^\s\"'\\)|;]*install_(?:script|agent|mac_os)[\w.]*"
_RUNS_IT = r"\b(?:bash|sh|zsh)\b[^|;&]*\$\(\s*(?:curl|wget)\b|\|\s*(?:sudo\s+(?:-\S+\s+)*)?(?:\w+=\S*\s+)*(?:bash|sh|zsh)\b|`\s*(?:curl|wget)\b"
_CURL_FAILS = r"\bcurl\b[^|;&]*?\s(?:-[a-zA-Z]*f[a-zA-Z]*|--fail(?:-with-body|-early)?)(?=\s)"
_BRANCH = r"/(?:master|main|develop|HEAD)/|refs/heads/"


class InstallCommand(NamedTuple):
    """One line that downloads an install script of the Agent and runs it unseen (`bash -c "$(curl …)"`, `curl … | bash`).

    `place`: vagrantfile, script, dockerfile or history (typed on this host). `is_branch`: the script is taken from a branch of a repository, so it is another one each day; the addresses
    of Datadog's own servers are not. `fails_loudly`: curl has -f, or wget is used; without, an error page of the server is run as if it were the script. `column` is that of the address.
    """

    file: str
    line: int
    column: int
    place: str
    url: str
    is_branch: int
    fails_loudly: int


@table("install_commands", InstallCommand)
def collect(host: Host, vault: Vault, options: RunOptions) -> Iterator[InstallCommand | Gap]:
    """Ordered by folder and name; comments are left out. A file that may not be read is a gap."""
    for folder in search(host, options):
        if isinstance(folder, Gap):
            yield folder
            continue
        for name in sorted(folder.names):
            place = place_of(name)
            if place in _PLACES and place is not None:
                yield from _file(host, vault, f"{folder.path.rstrip('/')}/{name}", place)


def _file(host: Host, vault: Vault, file: str, place: str) -> Iterator[InstallCommand | Gap]:
    try:
        if host.stat(file).kind != "file":
            return
        data = host.read(file, _FILE_LIMIT_BYTES)
    except FileNotFoundError:
        return
    except (Unavailable, InputError) as error:
        yield gap_of(file, error)
        return
    if b"install_" not in data:
        return
    found = 0
    for starts, text in logical_lines(data.decode("utf-8", "replace")):
        url = re.search(_URL, text)
        if url is None or text.lstrip().startswith("#") or not re.search(_RUNS_IT, text):
            continue
        start, number = max(s for s in starts if s[0] <= url.start())
        fails = "curl" not in text or re.search(_CURL_FAILS, text) is not None
        yield InstallCommand(
            file,
            number,
            url.start() - start + 1,
            place,
            vault.redact(url[0]),
            int(re.search(_BRANCH, url[0]) is not None),
            int(fails),
        )
        found += 1
        if found >= _ROWS_LIMIT:
            return


def logical_lines(text: str) -> Iterator[tuple[list[tuple[int, int]], str]]:
    """(where in the text each line begins and its number, the text): a line with those put behind it that a backslash at its end asks for."""
    starts: list[tuple[int, int]] = []
    parts = ""
    for number, line in enumerate(text.split("\n"), 1):
        starts.append((len(parts), number))
        line = line.rstrip("\r")
        if line.endswith("\\"):
            parts += line[:-1] + " "
            continue
        yield starts, parts + line
        starts, parts = [], ""
    if parts:
        yield starts, parts
