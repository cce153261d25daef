"""What a check's file configures: its instances, their options, its log sources, and keys that the Agent does not know there.

The rows are made while configuration.py walks the file, so that each file is read and walked once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dddoctor.light import NamedTuple
from dddoctor.tables import _catalogue

if TYPE_CHECKING:
    from dddoctor.tables._places import Place
    from dddoctor.yamltext import Entry


class Instance(NamedTuple):
    """One item of `instances` in a file that the Agent opens. `instance` counts from 0; `key_count` is the number of its options.

    `is_mapping` is 1 for a mapping and for an item with nothing in it, which the Agent takes for an empty instance; else it refuses the file.
    """

    file: str
    agent: str
    check_name: str | None
    instance: int
    line: int
    end_line: int
    key_count: int
    is_mapping: int


class InstanceOption(NamedTuple):
    """One option (top-level key) of an instance.

    `type` is as the Agent decodes the value, `expected_type` what the Agent or the check wants, NULL where it is not known. `is_known`: the check reads an
    option of this name; NULL for a check whose options nobody has listed (custom ones). `nearest`: the known name it was probably meant to be.

    Source: config models and specifications of the integrations (September 2025); the Agent's own options: autodiscovery/integration/config.go.
    """

    file: str
    agent: str
    check_name: str | None
    instance: int
    line: int
    column: int
    path: str
    key: str
    type: str
    expected_type: str | None
    is_known: int | None
    nearest: str | None


class LogSource(NamedTuple):
    """One item of `logs` in a file that the Agent opens. `type` is file, tcp, udp, journald …, empty where it is missing."""

    file: str
    agent: str
    check_name: str | None
    line: int
    type: str
    path: str | None
    service: str | None
    source: str | None


class UnknownKey(NamedTuple):
    """A key at the top of a check's file that the Agent does not know there: it is ignored, with one WARN in agent.log and no word in status.

    `is_option`: the name is an option of this check's instances, so it stands in the wrong place. `nearest`: the known name it was probably meant to be.
    """

    file: str
    agent: str
    check_name: str | None
    line: int
    column: int
    key: str
    type: str
    is_option: int
    nearest: str | None


class Parts:
    """Makes the rows of one file out of its entries, given one by one in the order of the text; they are appended to `rows`."""

    def __init__(self, agent: str, place: Place, rows: list[Any]) -> None:
        self.agent, self.file, self.check, self.rows = agent, place.file, place.check_name, rows
        self.checks = _catalogue.checks()
        self.option = self.checks.options_of(place.check_name)
        self._source: dict[str, str | None] | None = None
        self._source_line = 0

    def take(self, entry: Entry, path: str, key: str | None, value: str | None, line: int, column: int) -> None:
        """`path`, `key` and `value` are those of the entry with secrets hidden."""
        _, pattern, parent, own_key, node, _, depth, instance, _, _ = entry
        if depth == 2:
            if key is None:
                return
            if instance is not None:
                option = self.option[own_key or ""]
                self.rows.append(tuple.__new__(InstanceOption, (self.file, self.agent, self.check, instance, line, column, path, key, node.type,
                                                                option.expected_type, option.is_known, option.nearest)))  # fmt: skip
            elif (
                self._source is not None and key in ("type", "path", "service", "source") and parent.startswith("logs[")
            ):
                self._source[key] = value
        elif depth == 1:
            if pattern == "instances[*]":
                is_mapping = int(node.type in ("map", "null"))
                count = len(node.children) // 2 if node.kind == "map" else 0
                self.rows.append(
                    Instance(self.file, self.agent, self.check, instance or 0, line, node.end_line, count, is_mapping)
                )
            elif pattern == "logs[*]":
                self.end()
                if node.kind == "map":
                    self._source, self._source_line = {}, line
        elif key is not None and own_key not in self.checks.top_level:
            is_option = int(own_key in self.checks.common or own_key in self.checks.options(self.check))
            near = self.checks.nearest_top_level(self.check, own_key or "")
            self.rows.append(
                UnknownKey(self.file, self.agent, self.check, line, column, key, node.type, is_option, near)
            )

    def end(self) -> None:
        """Close the log source that is still open."""
        if self._source is not None:
            found, self._source = self._source, None
            self.rows.append(
                LogSource(
                    self.file,
                    self.agent,
                    self.check,
                    self._source_line,
                    found.get("type") or "",
                    found.get("path"),
                    found.get("service"),
                    found.get("source"),
                )
            )
