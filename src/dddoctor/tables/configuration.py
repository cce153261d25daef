"""The configuration files of each Agent and all that is made of their texts: keys, defects, instances, log sources. Each file is read and parsed once."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import _places as places_of
from dddoctor.tables import table
from dddoctor.tables._config_judging import Judged, Judging
from dddoctor.tables._config_text import TextRows, YamlDefect, YamlKey
from dddoctor.tables._documents import main_document
from dddoctor.tables._places import Place
from dddoctor.tables.agents import Agent
from dddoctor.tables.instances import Instance, InstanceOption, LogSource, Regex, UnknownKey

if TYPE_CHECKING:
    from dddoctor.secrets import Vault
    from dddoctor.yamltext import Node

BROKEN = "it does not parse"
WRONG_SHAPE = "it has no valid instances"
EMPTY = "it is empty"
SHADOWED = "another file configures this check"
OTHER_MAIN_FILES = ("system-probe.yaml", "security-agent.yaml")


class ConfigFile(NamedTuple):
    """One file in an Agent's configuration folders. One file that two Agents read has two rows.

    `file_kind`: main (datadog.yaml), check, default (`.default`), example, autoconf (`auto_conf.yaml`), other.
    `check_name` is the check that the Agent would make of it: the folder's name without `.d`, else the file's without its suffix.
    `is_in_place`: the Agent opens it (name and place are right). `is_loaded`: and takes what it says. `not_loaded_because` completes "is not used: …".
    `shadowed_by` is the file that switches a `.default` off. `parses`: the text is YAML for the Agent, 0 or 1, NULL where it was not read
    (unreadable, .example, not a YAML name). `has_agent_shape`: and it is what the Agent can use (a mapping; for a check: instances, logs or jmx_metrics).
    `alike`: the same for all files of a check that have the same number of keys and the same values in them, wherever those stand: the first one's name.
    NULL where no other file is such, where nothing was read, and for the main file.
    `managed_by`: ansible, puppet, chef, salt, fleet or kubernetes where something would write it anew. `size_bytes`, `mtime` (seconds since the epoch):
    NULL for .example files, which nobody asks for.

    Source: agent.log's own words and configcheck on 7.52 and 7.72.4; pkg/autodiscovery/providers/config_reader.go.
    """

    file: str
    agent: str
    file_kind: str
    check_name: str | None
    is_in_place: int
    is_loaded: int | None
    not_loaded_because: str | None
    shadowed_by: str | None
    is_readable: int
    parses: int | None
    has_agent_shape: int | None
    managed_by: str | None
    size_bytes: int | None
    mtime: float | None
    alike: str | None


Rows = ConfigFile | YamlDefect | YamlKey | Instance | InstanceOption | LogSource | Regex | UnknownKey | Gap
VALUE = YamlKey._fields.index("value")
FROM_TEXT = ("yaml_defects", "yaml_keys", "instances", "instance_options", "log_sources", "regexes", "unknown_keys")


@table("config_files", ConfigFile)
@table("yaml_defects", YamlDefect, complete_when="config_files.is_readable")
@table("yaml_keys", YamlKey, complete_when="config_files.parses")
@table("instances", Instance, complete_when="config_files.parses")
@table("instance_options", InstanceOption, complete_when="config_files.parses")
@table("log_sources", LogSource, complete_when="config_files.parses")
@table("regexes", Regex, complete_when="config_files.parses")
@table("unknown_keys", UnknownKey, complete_when="config_files.parses")
def collect(host: Host, vault: Vault, agents: list[Agent]) -> Iterator[Rows]:
    """Main file first, then conf.d by name. Each file is read and parsed once per Agent."""
    for agent in agents:
        yield from _Reader(host, vault, agent).rows()


class _Read(NamedTuple):
    """What one file turned out to be."""

    place: Place
    row: ConfigFile
    top_keys: frozenset[str]
    values: int  # a number that is the same for files that are `alike`


class _Reader:
    """Reads the files of one Agent."""

    def __init__(self, host: Host, vault: Vault, agent: Agent) -> None:
        self.host, self.agent = host, agent
        self.text = TextRows(vault, agent.agent)

    def rows(self) -> Iterator[Rows]:
        agent = self.agent
        if agent.config_dir is None:
            return
        if agent.kind == "leftover":
            yield from self._leftover(agent.config_dir)
            return
        top: dict[str, Node] = {}
        if agent.main_file is not None:
            yield from self._main(agent.main_file, "main", top)
        if agent.major >= 6:
            for name in OTHER_MAIN_FILES:
                yield from self._main(f"{agent.config_dir}/{name}", "other", {})
        read: list[_Read] = []
        judging = Judging(self.text)
        for place in self._check_places(top):
            if isinstance(place, Gap):
                yield place
                continue
            data = yield from self._check_text(place, read)
            if data is not None:
                for found in judging.give(place, data):
                    yield from self._check(found, read)
        for found in judging.end():
            yield from self._check(found, read)
        yield from self._in_force(read)

    def _check_places(self, top: dict[str, Node]) -> Iterator[Place | Gap]:
        """conf.d (or `confd_path`), then the folder of the same name in the installation."""
        agent = self.agent
        confd = f"{agent.config_dir}/conf.d"
        if agent.major == 5:
            yield from places_of.check_places_5(self.host, confd)
            return
        moved = top.get("confd_path")
        if moved is not None and moved.type == "str" and str(moved.value).startswith("/"):
            confd = str(moved.value).rstrip("/") or "/"
        ignored = (
            frozenset(str(i.value) for i in top["ignore_autoconf"].items)
            if "ignore_autoconf" in top and top["ignore_autoconf"].kind == "seq"
            else frozenset[str]()
        )
        yield from places_of.check_places(self.host, confd, ignored)
        if agent.install_dir is not None:
            yield from places_of.check_places(self.host, f"{agent.install_dir}/bin/agent/dist/conf.d", ignored)

    def _main(self, file: str, file_kind: str, top: dict[str, Node]) -> Iterator[Rows]:
        """datadog.yaml and its siblings; `top` receives the keys of the top level, in lower case. An absent file has no row."""
        try:
            stat = self.host.stat(file)
        except FileNotFoundError:
            yield from self._dangling(Place(file, file_kind, None, "main", True, places_of.DANGLING, None))
            return
        except InputError as error:
            yield Gap(file, Kind.TOOL, error.message)
            return
        except Unavailable as error:
            yield from self._unreadable(Place(file, file_kind, None, "main", True, None, None), error)
            return
        is_ini = self.agent.major == 5
        place = Place(file, file_kind, None, None if is_ini else "main", True, None, stat)
        if stat.kind != "file":
            # 7.72.4 runs with defaults when a folder stands here, and says nothing.
            yield self._row(place, is_loaded=0, because=places_of.NOT_A_FILE, is_readable=0)
            return
        data = self._data(place)
        if isinstance(data, Unavailable):
            yield from self._unreadable(place, data)
            return
        if is_ini:
            yield self._row(place, is_loaded=1, managed_by=managed_by(file, stat, data))
            return
        try:
            document = main_document(self.host, place.file)
        except (Unavailable, InputError, FileNotFoundError):  # gone since it was read
            from dddoctor.yamltext import read

            document = read(data, "main")
        root = document.root
        if root is not None and root.kind == "map":
            top.update((str(key.value).lower(), value) for key, value in root.pairs)
        is_whole = int(document.parses)
        yield self._row(
            place,
            is_loaded=is_whole,
            because=None if is_whole else BROKEN,
            parses=int(document.is_yaml),
            has_agent_shape=int(document.has_shape),
            managed_by=managed_by(file, stat, data),
        )
        yield from self.text.keys(place, document)
        yield from self.text.defects(place, document)

    def _dangling(self, place: Place) -> Iterator[Rows]:
        """The row of a link that leads to nothing; none where there is not even a link."""
        try:
            stat = self.host.stat(place.file, follow=False)
        except (FileNotFoundError, InputError, Unavailable):
            return
        yield self._row(place._replace(stat=stat), is_loaded=0, because=places_of.DANGLING, is_readable=0)

    def _check_text(self, place: Place, read: list[_Read]) -> Generator[Rows, None, bytes | None]:
        """The text of one file of conf.d; None, and its row, where it is none that the Agent would open or that can be read."""
        stat = place.stat
        if place.reads is None or stat is None or stat.kind != "file":
            if stat is None and place.file_kind != "example":
                yield from self._unreadable(place, Unavailable(Kind.DENIED, "permission denied", "sudo"))
                return None
            because = place.because
            if place.is_in_place and stat is not None:
                because = places_of.DANGLING if stat.kind == "link" else places_of.NOT_A_FILE
            yield self._row(place, is_loaded=0, because=because, is_readable=int(stat is None or stat.kind == "file"))
            return None
        data = self._data(place)
        if isinstance(data, bytes):
            return data
        yield from self._unreadable(place, data)
        if place.is_in_place:
            row = self._row(place, is_loaded=None, is_readable=0)
            read.append(_Read(place, row, frozenset(), 0))
        return None

    def _check(self, found: Judged, read: list[_Read]) -> Iterator[Rows]:
        """One file of conf.d: its keys and defects now, its own row later, when it is known which files are in force."""
        place, data = found.place, found.data
        assert place.stat is not None
        parses = found.is_yaml and found.has_shape
        row = self._row(
            place,
            is_loaded=int(place.is_in_place and parses and bool(data)),
            because=place.because
            or (EMPTY if not data else None if parses else BROKEN if not found.is_yaml else WRONG_SHAPE),
            parses=int(found.is_yaml),
            has_agent_shape=int(found.has_shape),
            managed_by=managed_by(place.file, place.stat, data),
        )
        read.append(_Read(place, row, found.top_keys, _values(found.rows)))
        yield from found.rows

    def _in_force(self, read: list[_Read]) -> Iterator[Rows]:
        """The rows of the check files. A `.default` counts only where no regular file of its check loads (one with logs alone is not regular)."""
        regular: dict[str, str] = {}
        unsure: dict[str, str] = {}
        for place, row, top_keys, _ in read:
            if place.file_kind not in ("check", "autoconf") or place.check_name is None or "default" in place.file_kind:
                continue
            if row.is_loaded is None:
                unsure.setdefault(place.check_name, place.file)
            elif row.is_loaded and not _is_logs_only(top_keys):
                regular.setdefault(place.check_name, place.file)
        alike = _alike(read)
        for place, row, _, values in read:
            if row.is_loaded is None:
                continue  # its row was given with its gap
            if (place.check_name, values) in alike:
                row = row._replace(alike=alike[place.check_name, values])
            name = place.check_name or ""
            if place.file_kind == "default" and place.is_in_place:
                if name in regular:
                    row = row._replace(is_loaded=0, not_loaded_because=SHADOWED, shadowed_by=regular[name])
                elif name in unsure:
                    row = row._replace(is_loaded=None)
                    yield Gap(
                        place.file,
                        Kind.DENIED,
                        f"{unsure[name]} could not be read",
                        "sudo",
                        ("is_loaded", "not_loaded_because", "shadowed_by"),
                        "config_files",
                    )
            yield row

    def _leftover(self, folder: str) -> Iterator[Rows]:
        """Files that no installed Agent reads: their names only."""
        confd = f"{folder}/conf.d"
        for place in (
            places_of.check_places_5(self.host, confd)
            if self.agent.major == 5
            else places_of.check_places(self.host, confd, frozenset())
        ):
            if isinstance(place, Gap):
                yield place
            elif place.file_kind != "example":
                yield self._row(place._replace(is_in_place=False), is_loaded=0, because=places_of.NO_AGENT)

    def _data(self, place: Place) -> bytes | Unavailable:
        try:
            return self.host.read(place.file)
        except Unavailable as error:
            return error
        except InputError as error:
            return Unavailable(Kind.TOOL, error.message)
        except FileNotFoundError:
            return Unavailable(Kind.TOOL, "it vanished while it was looked at")

    def _unreadable(self, place: Place, error: Unavailable) -> Iterator[Rows]:
        """Its name is known, so it has its row; what it says is a gap."""
        unknown: tuple[str, ...] = ("parses", "has_agent_shape", "managed_by", "alike")
        if place.is_in_place:
            unknown += ("is_loaded", "not_loaded_because", "shadowed_by")
        yield self._row(place, is_loaded=None if place.is_in_place else 0, because=place.because, is_readable=0)
        yield Gap(place.file, error.kind, error.reason, error.remedy, unknown, "config_files")
        for name in FROM_TEXT:
            yield Gap(place.file, error.kind, error.reason, error.remedy, None, name)

    def _row(
        self,
        place: Place,
        *,
        is_loaded: int | None,
        because: str | None = None,
        is_readable: int = 1,
        parses: int | None = None,
        has_agent_shape: int | None = None,
        managed_by: str | None = None,
    ) -> ConfigFile:
        stat = place.stat
        return ConfigFile(
            place.file,
            self.agent.agent,
            "other" if place.file_kind == "metrics" else place.file_kind,
            place.check_name,
            int(place.is_in_place),
            is_loaded,
            because,
            None,
            is_readable,
            parses,
            has_agent_shape,
            managed_by,
            stat.size_bytes if stat is not None else None,
            stat.mtime if stat is not None else None,
            None,
        )


def _values(rows: list[Any]) -> int:
    """A number made of the values in a file, of how many there are, and of nothing else. This runs once a file, of which there can be thousands."""
    values = [row[VALUE] for row in rows if row.__class__ is YamlKey]
    return hash((len(values), frozenset(values)))


def _alike(read: list[_Read]) -> dict[tuple[str | None, int], str]:
    """(check, number of `_values`) → the first file of those that share it; those of one file alone are left out."""
    first: dict[tuple[str | None, int], str] = {}
    shared: dict[tuple[str | None, int], str] = {}
    for place, row, _, values in read:
        if row.is_loaded is None:
            continue
        known = first.setdefault((place.check_name, values), place.file)
        if known != place.file:
            shared[place.check_name, values] = known
    return shared


def managed_by(file: str, stat: Stat, data: bytes) -> str | None:
    """Who would write this file anew: told by its header, Fleet's folder, or the links of a Kubernetes ConfigMap mount."""
    if "/managed/datadog-agent/" in file or "/managed/datadog-agent/" in stat.target:
        return "fleet"
    if "/..data/" in stat.target or ("/.." in stat.target and re.search(r"/\.\.\d{4}_\d\d_\d\d", stat.target)):
        return "kubernetes"
    head = data[:2048].lower()
    if b"manage" not in head and b"generated" not in head and b"puppet" not in head:
        return None
    for line in head.splitlines()[:20]:
        if line.lstrip(b"\xef\xbb\xbf \t").startswith(b"#") and (
            b"manage" in line or b"generated" in line or b"do not edit" in line
        ):
            for name in ("ansible", "puppet", "chef", "salt"):
                if name.encode() in line:
                    return name
    return None


def _is_logs_only(top_keys: frozenset[str]) -> bool:
    return "logs" in top_keys and not top_keys & {"instances", "jmx_metrics", "ad_identifiers"}
