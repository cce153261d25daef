"""What a check's file configures: its instances, their options, its log sources, and keys that the Agent does not know there.

The rows are made while configuration.py walks the file, so that each file is read and walked once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dddoctor.light import NamedTuple
from dddoctor.tables import _catalogue

if TYPE_CHECKING:
    from dddoctor.tables._places import Place
    from dddoctor.yamltext import Entry, Node

_SAID_LIMIT = 500  # an alias can lead into itself


class Instance(NamedTuple):
    """One item of `instances` in a file that the Agent opens. `instance` counts from 0; `key_count` is the number of its options.

    `is_mapping` is 1 for a mapping and for an item with nothing in it, which the Agent takes for an empty instance; else it refuses the file.
    `equals` is the number of the first instance of the file that says the same (order of keys, comments and quotes do not count), NULL where none does.
    """

    file: str
    agent: str
    check_name: str | None
    instance: int
    line: int
    end_line: int
    key_count: int
    is_mapping: int
    equals: int | None


class InstanceOption(NamedTuple):
    """One option (top-level key) of an instance.

    `type` is as the Agent decodes the value, `expected_type` what the Agent or the check wants, NULL where it is not known. `is_known`: the check reads an
    option of this name; NULL for a check whose options nobody has listed (custom ones). `nearest`: the known name it was probably meant to be, and
    `is_needed` whether the check does not load, or cannot log in, without that one. `is_cut`: a word stands right behind a `#` after the value of a
    secret (`password: abc #def`), where the Agent sees the beginning of a comment. `is_weak`: it is a password that is tried first (short, digits, a
    common word).

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
    is_needed: int | None
    is_cut: int
    is_weak: int


class LogSource(NamedTuple):
    """One item of `logs` in a file that the Agent opens. `type` is file, tcp, udp, journald …, empty where it is missing. `item` counts from 0."""

    file: str
    agent: str
    check_name: str | None
    line: int
    type: str
    path: str | None
    service: str | None
    source: str | None
    port: str | None
    item: int


class Regex(NamedTuple):
    """A pattern that the Agent compiles: of a log source's rules, of `logs_config.processing_rules`, of the trace-agent's rules in `apm_config`.

    `defect` says why Go's regexp refuses it, NULL where nothing is certain.

    Source: regexp/syntax of Go.
    """

    file: str
    agent: str
    file_kind: str
    check_name: str | None
    line: int
    column: int
    path: str
    defect: str | None


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
        self._source_line, self._source_item = 0, -1
        self._instances: list[tuple[int, Node]] = []  # place in `rows`, node
        self._begin = len(rows)

    def take(
        self,
        entry: Entry,
        path: str,
        key: str | None,
        value: str | None,
        type_: str,
        line: int,
        column: int,
        is_cut: int = 0,
        is_weak: int = 0,
    ) -> None:
        """`path`, `key` and `value` are those of the entry with secrets hidden, `type_` that of its node."""
        _, pattern, parent, own_key, node, _, depth, instance, ordinal, _ = entry
        if depth == 2:
            if key is None:
                return
            if instance is not None:
                option = self.option[own_key or ""]
                self.rows.append(tuple.__new__(InstanceOption, (self.file, self.agent, self.check, instance, line, column, path, key, type_,
                                                                option.expected_type, option.is_known, option.nearest, option.is_needed, is_cut, is_weak)))  # fmt: skip
            elif (
                self._source is not None
                and key in ("type", "path", "service", "source", "port")
                and parent.startswith("logs[")
            ):
                self._source[key] = value
        elif depth == 1:
            if pattern == "instances[*]":
                is_mapping = int(type_ in ("map", "null"))
                count = len(node.children) // 2 if node.kind == "map" else 0
                self._instances.append((len(self.rows), node))
                self.rows.append(
                    Instance(
                        self.file, self.agent, self.check, instance or 0, line, node.end_line, count, is_mapping, None
                    )
                )
            elif pattern == "logs[*]":
                self._end_source()
                self._source_item += 1
                if node.kind == "map":
                    self._source, self._source_line = {}, line
        elif own_key == "instances":
            if ordinal:
                self._forget_instances()
        elif key is not None and own_key not in self.checks.top_level:
            is_option = int(own_key in self.checks.common or own_key in self.checks.options(self.check))
            near = self.checks.nearest_top_level(self.check, own_key or "")
            self.rows.append(UnknownKey(self.file, self.agent, self.check, line, column, key, type_, is_option, near))

    def _forget_instances(self) -> None:
        """Of a repeated `instances` the last one counts: what the others hold, the Agent never sees."""
        kept = [row for row in self.rows[self._begin :] if not isinstance(row, (Instance, InstanceOption))]
        self.rows[self._begin :] = kept
        self._instances = []

    def end(self) -> None:
        """Close the log source that is still open, and compare the instances with each other."""
        self._end_source()
        if len(self._instances) < 2:
            return
        first: dict[frozenset[Any], int] = {}
        for number, (place, node) in enumerate(self._instances):
            said = _said(node)
            if said is not None and (same := first.setdefault(said, number)) != number:
                self.rows[place] = self.rows[place]._replace(equals=same)

    def _end_source(self) -> None:
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
                    found.get("port"),
                    self._source_item,
                )
            )


def _said(instance: Node) -> frozenset[Any] | None:
    """What an instance says, whatever the order of its keys; None where it is large. Of equal keys the last counts; what is merged counts as it is written."""
    found: dict[tuple[Any, ...], Any] = {}
    stack: list[tuple[tuple[Any, ...], Node]] = [((), instance)]
    while stack:
        path, node = stack.pop()
        if node.kind == "scalar":
            if path or node.type != "null":
                found[path] = (node.type, node.raw if node.value is None else str(node.value))
        elif node.kind == "seq":
            found[path] = "list"
            stack += [((*path, number), item) for number, item in enumerate(node.items)]
        else:
            if path:
                found[path] = "map"
            last = {key.raw: value for key, value in node.pairs}
            stack += [((*path, key), value) for key, value in last.items()]
        if len(found) + len(stack) > _SAID_LIMIT:
            return None
    return frozenset(found.items())
