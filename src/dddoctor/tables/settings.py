"""The settings of each Agent as it sees them: file, environment, defaults; and the keys of its main file that it does not know."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, cast

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import _catalogue, table
from dddoctor.tables._documents import main_document
from dddoctor.tables._environment import Variable, variables
from dddoctor.tables._near import nearest
from dddoctor.tables.agents import Agent

if TYPE_CHECKING:
    from dddoctor.secrets import Vault
    from dddoctor.yamltext import Node

CORE_UNIT, TRACE_UNIT = "datadog-agent.service", "datadog-agent-trace.service"
# Keys of Agent 5 that people carry over; source pkg/config/legacy/converter.go.
_FROM_AGENT_5 = {
    "apm_enabled": "apm_config.enabled", "process_agent_enabled": "process_config.enabled", "non_local_traffic": "dogstatsd_non_local_traffic",
    "proxy_host": "proxy.https", "proxy_port": "proxy.https", "proxy_user": "proxy.https", "proxy_password": "proxy.https", "listen_port": "cmd_port",
}  # fmt: skip
# A scalar in place of this section wipes its defaults (7.52), but the trace-agent's own `enabled` stays true (recorded: trace-apm-config-*).
_KEPT = "apm_config.enabled"
# `aip_key` is as close to app_key as to api_key, `los_enabled` to log_enabled: these two stand in nearly every file.
_LIKELY = ("api_key", "logs_enabled")
_EXPECTED = {"bool": "bool", "int": "int", "float": "float", "string": "str", "list": "list", "map": "map"}
# pkg/config/config_template.yaml [7.52], ap2 from the documentation; more will come, so an unknown one is not wrong for that.
SITES = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
)
LOG_LEVELS = ("trace", "debug", "info", "warn", "warning", "error", "critical", "off")
MAX_DEPTH = 40
MAX_SETTINGS = 20_000  # through aliases a small file can hold millions


class Setting(NamedTuple):
    """One setting that is in force. `key` is dotted and in lower case (`apm_config.enabled`), whatever the file's spelling.

    `value` is the text of what the Agent decodes: `true`, digits, a JSON list for lists; NULL for a mapping (its keys have rows of their own); secrets are
    tokens. `type`: str int float bool list map; an environment variable is always text. `origin`: file (the main file), env (the Agent's environment
    file), unit (`Environment=` of its unit), default (documented settings and ports only). `file` and `line` say where it is set; NULL for defaults.
    `expected_type` is what the Agent wants: bool int float str list map, NULL where it takes anything.
    `nearest`: of a site or log level that is unknown, the known one that was probably meant. `length` (characters), `is_hex`, `is_placeholder` describe the
    value of `api_key`, which is not shown; NULL elsewhere.
    Where the main file cannot be read or does not parse there are no rows of it and no defaults, but a gap.

    Source: datadog.yaml as 7.52 and 7.72.4 read it; pkg/config/setup for defaults and variables.
    """

    agent: str
    key: str
    value: str | None
    type: str | None
    origin: str
    file: str | None
    line: int | None
    expected_type: str | None
    nearest: str | None
    length: int | None
    is_hex: int | None
    is_placeholder: int | None


class UnknownSetting(NamedTuple):
    """A key of the main file that no release of the Agent knows: it is ignored, with one WARN in agent.log. Of an unknown section only its own key.

    `nearest` is the known setting that was probably meant, by its dotted name; `nearest_name` its last part where it belongs into the same section, so that
    another name is all it takes. `path` is as in yaml_keys. `is_top_level`: it stands in no section.
    """

    agent: str
    file: str
    line: int
    column: int
    path: str
    key: str
    type: str
    nearest: str | None
    nearest_name: str | None
    is_top_level: int


Rows = Setting | UnknownSetting | Gap


@table("settings", Setting)
@table("unknown_settings", UnknownSetting)
def collect(host: Host, vault: Vault, agents: list[Agent]) -> Iterator[Rows]:
    """Environment before file before default: of one key only the row that wins."""
    for agent in agents:
        if agent.main_file is None or agent.config_dir is None or agent.kind == "leftover":
            continue
        yield from _agent_5(host, vault, agent) if agent.major == 5 else _Effective(host, vault, agent).rows()


class _Effective:
    """Puts the sources of one Agent's settings together."""

    def __init__(self, host: Host, vault: Vault, agent: Agent) -> None:
        self.host, self.vault, self.agent = host, vault, agent
        self.known = _catalogue.settings()
        self.found: dict[str, Setting] = {}
        self.wiped: list[str] = []

    def rows(self) -> Iterator[Rows]:
        is_whole = yield from self._file()
        yield from self._environment()
        if is_whole:
            yield from self._defaults()
        yield from self.found.values()

    def _file(self) -> Generator[Rows, None, bool]:
        """The main file's settings; returns whether it is known in full (an absent one is: the Agent then has its defaults)."""
        file = self.agent.main_file or ""
        try:
            document = main_document(self.host, file)
        except FileNotFoundError:
            return True
        except InputError as error:
            yield Gap(self.agent.agent, Kind.TOOL, f"{file}: {error.message}")
            return False
        except Unavailable as error:
            yield Gap(self.agent.agent, error.kind, f"{file}: {error.reason}", error.remedy)
            return False
        if not document.parses:
            # 7.52 ends here; 7.72.4 runs with defaults. Neither is what the person set, so nothing is concluded from them.
            yield Gap(self.agent.agent, Kind.TOOL, f"{file} does not parse")
            return False
        if document.root is not None and document.root.kind == "map":
            yield from self._section(document.root, "", "", 0)
        return True

    def _section(self, section: Node, prefix: str, path: str, depth: int) -> Iterator[UnknownSetting]:
        """Fill `found` with the keys below a mapping. Of equal keys (case does not count, a dot is a level) the last one replaces the others whole."""
        from dddoctor.yamltext.walk import path_step

        file = self.agent.main_file or ""
        for key_node, node in section.pairs:
            name = key_node.raw if key_node.kind == "scalar" else ""
            key = prefix + name.lower()
            step = path_step(name)
            here = step if not path else path + step if step[:1] == "[" else f"{path}.{step}"
            for old in [k for k in self.found if k == key or k.startswith(f"{key}.")]:
                del self.found[old]
            if node.type == "null":
                continue  # the default stays
            is_known = self._is_known(key)
            if not is_known:
                near = self._nearest(key)
                name_there = None if near is None or near.rpartition(".")[0] != prefix[:-1] else near.rpartition(".")[2]
                redact = self.vault.redact
                yield UnknownSetting(
                    self.agent.agent,
                    file,
                    key_node.line,
                    key_node.column,
                    redact(here),
                    redact(key),
                    node.type,
                    near,
                    name_there,
                    int(depth == 0),
                )
            if node.kind == "map":
                self._add(key, None, "map", file, key_node.line)
                if depth < MAX_DEPTH and len(self.found) < MAX_SETTINGS:
                    below = self._section(node, f"{key}.", here, depth + 1)
                    if is_known and not self.known.is_open(key):
                        yield from below
                    else:
                        for _ in below:
                            pass  # what stands below an unknown or a free section is not judged
                continue
            if key not in self.known and self._is_section(key):
                self.wiped.append(f"{key}.")
            self._add(key, _text_of(node), node.type, file, key_node.line)

    def _is_known(self, key: str) -> bool:
        if key in self.known or self._is_section(key) or self.known.is_open(key):
            return True
        parts = key.split(".")
        return any(self.known.is_open(".".join(parts[:n])) for n in range(1, len(parts)))

    def _is_section(self, key: str) -> bool:
        return key in self.known.sections()

    def _nearest(self, key: str) -> str | None:
        """Among the names of its own section; then, for a top-level key, what Agent 5 called so."""
        if key in _FROM_AGENT_5:
            return _FROM_AGENT_5[key]
        section, _, name = key.rpartition(".")
        likely = () if section else [k for k in _LIKELY if k not in self.found]
        near = nearest(name, self.known.sections().get(section, ()), likely)
        return None if near is None else f"{section}.{near}" if section else near

    def _expected(self, key: str) -> str | None:
        known = self.known.get(key)
        return None if known is None else _EXPECTED.get(known.type)

    def _add(self, key: str, value: str | None, kind: str, file: str, line: int) -> None:
        plain = value
        if value is not None:
            value = self.vault.redact_value(key, value)
        self.found[key] = Setting(
            self.agent.agent,
            self.vault.redact(key),
            value,
            kind,
            "file",
            file,
            line,
            self._expected(key),
            *_judged(key, plain),
        )

    def _environment(self) -> Iterator[Gap]:
        """Variables win over the file; those of the trace-agent's own unit are for `apm_config` alone, the core Agent's for all else."""
        if self.agent.kind != "package":
            return
        by_variable: dict[str, list[str]] | None = None
        for unit in (CORE_UNIT, TRACE_UNIT):
            last: dict[str, Variable] = {}
            for variable in variables(self.host, self.agent.config_dir or "", unit):
                if isinstance(variable, Gap):
                    yield variable._replace(where=self.agent.agent, reason=f"{variable.where}: {variable.reason}")
                elif not variable.name:
                    last = {n: v for n, v in last.items() if v.origin != "unit"}
                else:
                    last[variable.name] = variable
            for variable in last.values():
                if not variable.name.startswith("DD_") or not variable.value:
                    continue  # an empty variable counts as not set (measured on 7.52: trace-env-empty)
                if by_variable is None:
                    by_variable = self.known.by_variable()
                for key in by_variable.get(variable.name, ()):
                    if key.startswith("apm_config.") == (unit == TRACE_UNIT) or (
                        unit == CORE_UNIT and variable.origin == "env"
                    ):
                        self._set(key, variable, last)

    def _set(self, key: str, variable: Variable, others: dict[str, Variable]) -> None:
        known = self.known.get(key)
        if known is None or next(n for n in known.env if n in others and others[n].value) != variable.name:
            return  # of several variables for one key the first in the Agent's own order counts
        value = variable.value
        if known.type == "list" and not value.lstrip().startswith("["):
            value = json.dumps(value.split(), ensure_ascii=False)
        hidden, kind = self.vault.redact_value(key, value), "list" if known.type == "list" else "str"
        self.found[key] = Setting(
            self.agent.agent,
            key,
            hidden,
            kind,
            variable.origin,
            variable.file,
            variable.line,
            self._expected(key),
            *_judged(key, value),
        )

    def _defaults(self) -> Iterator[Gap]:
        is_mac = self.agent.kind == "app"
        agent, found, wiped = self.agent.agent, self.found, tuple(self.wiped)
        for key, kind, default, on_mac in self.known.defaults():
            if key in found or (wiped and key != _KEPT and key.startswith(wiped)):
                continue
            if is_mac and on_mac is not None:
                default = on_mac
            if key == _KEPT and is_mac:
                if self.agent.version is None:
                    yield Gap(
                        self.agent.agent, Kind.TOOL, f"the Agent's version is unknown, and with it the default of {key}"
                    )
                    continue
                if self.agent.major == 6:
                    default = False  # the macOS builds of Agent 6 ship with APM off
            found[key] = Setting(
                agent,
                key,
                _plain(default),
                _type_name(default),
                "default",
                None,
                None,
                _EXPECTED.get(kind),
                None,
                None,
                None,
                None,
            )


class _NothingHidden:
    """Stands in for the vault where a value itself is needed: to be sent where the Agent sends it, never for a row."""

    def redact(self, text: str) -> str:
        return text

    def redact_value(self, name: str, text: str) -> str:
        return text


def plain_settings(host: Host, agent: Agent) -> dict[str, str]:
    """The settings in force with their secrets, by key; empty where they are not known. Nothing of it may get into a row or a message."""
    effective = _Effective(host, cast("Vault", _NothingHidden()), agent)
    for _ in effective.rows():
        pass
    return {s.key: s.value for s in effective.found.values() if s.value is not None}


def _agent_5(host: Host, vault: Vault, agent: Agent) -> Iterator[Rows]:
    """datadog.conf: `[Main]` gives plain keys, other sections `section.key`. No defaults: nothing asks for those of Agent 5."""
    file = agent.main_file or ""
    try:
        text = host.read(file).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    except InputError as error:
        yield Gap(agent.agent, Kind.TOOL, f"{file}: {error.message}")
        return
    except Unavailable as error:
        yield Gap(agent.agent, error.kind, f"{file}: {error.reason}", error.remedy)
        return
    for key, value, line in ini_settings(text):
        yield Setting(
            agent.agent,
            vault.redact(key),
            vault.redact_value(key, value),
            "str",
            "file",
            file,
            line,
            None,
            None,
            None,
            None,
            None,
        )


def ini_settings(text: str) -> Iterator[tuple[str, str, int]]:
    """(key, value, line) of an INI file such as datadog.conf; `key: value` and `key = value` alike."""
    prefix = ""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            prefix = "" if stripped == "[Main]" else stripped[1:-1].lower() + "."
        elif stripped and stripped[0] not in "#;" and not line[:1].isspace():
            at = min((p for p in (stripped.find(":"), stripped.find("=")) if p > 0), default=-1)
            if at > 0:
                yield prefix + stripped[:at].strip().lower(), stripped[at + 1 :].strip(), number


def _judged(key: str, value: str | None) -> tuple[str | None, int | None, int | None, int | None]:
    """`nearest`, and what may be told of a key that is hidden."""
    if value is None or value.startswith("ENC["):
        return None, None, None, None
    if key == "site":
        return meant_site(value), None, None, None
    if key == "log_level":
        return nearest(value, LOG_LEVELS) if value.lower() not in LOG_LEVELS else None, None, None, None
    if key == "api_key":
        from dddoctor.secrets import is_placeholder

        bare = value.strip()
        return None, len(bare), int(re.fullmatch(r"[0-9a-fA-F]+", bare) is not None), int(is_placeholder(bare))
    return None, None, None, None


def meant_site(value: str) -> str | None:
    """The known site in an address (`https://app.datadoghq.eu/`), or the one that a misspelt name is nearest to; None for a known or quite other one."""
    bare = re.sub(r"^(?:https?://)?(?:(?:app|api|www)\.)?|[./]+$", "", value.strip().lower())
    if bare in SITES:
        return bare if bare != value else None
    return nearest(value, SITES)


def _text_of(node: Node) -> str | None:
    """A scalar as text, a list as JSON (scalars as text, null and mappings as null)."""
    if node.kind == "seq":
        return json.dumps(
            [_plain(item.value) if item.kind == "scalar" else None for item in node.items], ensure_ascii=False
        )
    return _plain(node.value)


def _plain(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _type_name(value: object) -> str:
    return {bool: "bool", int: "int", float: "float", str: "str", list: "list"}.get(type(value), "map")
