"""The option files that instances of the mysql check name as `defaults_file`: whether the check can use them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import _modes, table
from dddoctor.tables.agents import Agent
from dddoctor.tables.configuration import ConfigFile
from dddoctor.tables.mounts import gap_of

_FILE_LIMIT_BYTES = 1024 * 1024


class MysqlDefaultsFile(NamedTuple):
    """One `defaults_file` of an instance of the mysql check. `path` is the option file, `file` and `line` where it is named.

    `is_readable_by_agent`: the Agent's user may read it; NULL where that account is not known or the file is not there. `include_line`: the first line
    that begins with `!` (`!includedir`), before or in a group. `headless_line`: the first line with content before any `[group]`. `has_client_group`:
    it has a group `[client]`.

    Source: the check reads it with PyMySQL's optionfile.Parser, a configparser.RawConfigParser: no `!include`, groups needed.
    """

    agent: str
    file: str
    line: int
    path: str
    is_there: int | None
    is_readable_by_agent: int | None
    mode: str | None
    owner: str | None
    include_line: int | None
    headless_line: int | None
    has_client_group: int | None


@table("mysql_defaults_files", MysqlDefaultsFile, of="config_files")
def collect(
    host: Host, vault: Vault, agents: list[Agent], config_files: list[ConfigFile]
) -> Iterator[MysqlDefaultsFile | Gap]:
    """Ordered as they stand in the files of the check."""
    chosen: list[tuple[str, str, int, str]] = []
    for config in config_files:
        if config.check_name == "mysql" and config.is_in_place and config.parses != 0:
            try:
                chosen += [(config.agent, config.file, line, path) for line, path in _named(host.read(config.file))]
            except FileNotFoundError:
                continue
            except (Unavailable, InputError) as error:
                yield gap_of(config.file, error)
    if not chosen:
        return
    packaged = {a.agent for a in agents if a.kind == "package" and a.major >= 6}
    account = None
    try:
        account = _modes.account_of(host, _modes.user_of_unit(host))
    except (Unavailable, InputError) as error:
        yield gap_of("*", error, ("is_readable_by_agent",))
    for here in chosen:
        agent, file, line, path = here
        here = (agent, file, line, vault.redact(path))
        try:
            found = host.stat(path)
        except FileNotFoundError:
            yield MysqlDefaultsFile(*here, 0, *(None,) * 6)
            continue
        except (Unavailable, InputError) as error:
            yield MysqlDefaultsFile(*here, *(None,) * 7)
            yield gap_of(file, error, ("is_there", "is_readable_by_agent", "mode", "owner"))
            continue
        usable = _modes.is_usable_by(account, "config-file", found) if agent in packaged else None
        facts: tuple[int | None, int | None, int | None] = (None, None, None)
        try:
            facts = read_groups(host.read(path, _FILE_LIMIT_BYTES).decode("utf-8", "replace"))
        except (FileNotFoundError, InputError):
            pass
        except Unavailable as error:
            yield gap_of(file, error, ("include_line", "headless_line", "has_client_group"))
        yield MysqlDefaultsFile(*here, 1, usable, f"{found.mode:04o}", f"{found.owner}:{found.group}", *facts)


def _named(data: bytes) -> Iterator[tuple[int, str]]:
    """(line, path) of each instance's defaults_file."""
    from dddoctor.yamltext import read

    document = read(data, "check")
    for key, value in document.top_level():
        for instance in value.items if key.raw == "instances" else ():
            for name, node in instance.pairs:
                if name.raw == "defaults_file" and node.type == "str" and str(node.value).startswith("/"):
                    yield name.line, str(node.value)


def read_groups(text: str) -> tuple[int | None, int | None, int]:
    """(line of the first `!` directive, first line with content before any group, whether there is a group [client])."""
    include = headless = None
    has_group = has_client = False
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        if stripped[0] == "!":
            include = include or number
        elif re.fullmatch(r"\[[^\]]+\].*", stripped):
            has_group = True
            has_client = has_client or stripped.lower().startswith("[client]")
        elif not has_group:
            headless = headless or number
    return include, headless, int(has_client)
