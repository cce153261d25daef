"""The Agent's decoding, step by step: types, duplicate keys, merges, aliases.

Source: decode.go of gopkg.in/yaml.v2 v2.4.0 and the struct that Agent 7.52 and 7.72.4 decode conf.d files into (comp/core/autodiscovery, providers.configFormat).
Only asked where the reader saw something unusual, or for the values. Steps are generators that yield the step they wait for, so that depth costs no recursion.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from dddoctor.yamltext.nodes import Document, Key, Node, Problem
from dddoctor.yamltext.scalars import Undecodable, short_tag

Step = Generator["Step", Any, Any]

# Field of a conf.d file → what it is decoded into. check_tag_cardinality came by 7.72; cel_selector is newer than 7.72.4 and harmless as a known name.
CHECK_FIELDS = {
    "ad_identifiers": "[]string",
    "advanced_ad_identifiers": "[]integration.AdvancedADIdentifier",
    "cluster_check": "bool",
    "init_config": "interface {}",
    "jmx_metrics": "interface {}",
    "logs": "interface {}",
    "instances": "[]integration.RawMap",
    "docker_images": "[]string",
    "ignore_autodiscovery_tags": "bool",
    "check_tag_cardinality": "string",
}
NO_INSTANCES = "Configuration file contains no valid instances"
_TAGS = {
    "str": "!!str",
    "int": "!!int",
    "float": "!!float",
    "bool": "!!bool",
    "null": "!!null",
    "list": "!!seq",
    "map": "!!map",
}
_WANTS_MAP = "map merge requires map or sequence of maps as the value"


class _Failed(Exception):
    """Decoding stops at once (yaml.v2's failf)."""

    def __init__(self, text: str, node: Node) -> None:
        super().__init__(text)
        self.text, self.node = text, node


class Decoder:
    """One decoding of a document. `type_errors` refuse it, `strict_errors` are warnings."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.type_errors: list[tuple[str, Node]] = []
        self.strict_errors: list[tuple[str, Node]] = []
        self._maps: dict[int, dict[Any, tuple[Any, Node]]] = {}
        self._done: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._count = 0
        self._alias_count = 0
        self._alias_depth = 0

    def run(self, step: Step) -> Any:
        """Drive a step to its end and return its value."""
        stack = [step]
        value: Any = None
        while stack:
            try:
                stack.append(stack[-1].send(value))
                value = None
            except StopIteration as end:
                stack.pop()
                value = end.value
        return value

    # --- anything ------------------------------------------------------------------------------------------------

    def _counted(self, node: Node, times: int = 1) -> None:
        """The Agent's measure against alias bombs: more than 100 decodes by alias, more than 1,000 in all, and nearly all by alias."""
        self._count += times
        if self._alias_depth:
            self._alias_count += times
        count = self._count
        if self._alias_count > 100 and count > 1_000:
            allowed = (
                0.99
                if count <= 400_000
                else 0.10
                if count >= 4_000_000
                else 0.99 - 0.89 * (count - 400_000) / 3_600_000
            )
            if self._alias_count / count > allowed:
                raise _Failed("document contains excessive aliasing", node)

    def anything(self, node: Node) -> Step:
        """Decode into interface{}: dict by keys, list, scalars."""
        self._counted(node)
        target = node.target
        if target is not None:
            if id(target) in self._open:
                raise _Failed(f"anchor '{node.anchor}' value contains itself", node)
            self._alias_depth += 1
            known = self._done.get(id(target))
            if known is None:
                value = yield self.anything(target)
            else:
                value = known[0]
                self._counted(node, known[1])
            self._alias_depth -= 1
            return value
        if node.kind == "scalar":
            try:
                return node.resolved()[1]
            except Undecodable as error:
                raise _Failed(str(error), node) from None
        anchor = node.event.anchor is not None
        before = self._count
        if anchor:
            self._open.add(id(node))
        value = []
        if node.kind == "seq":
            for child in node.children:
                value.append((yield self.anything(child)))
        else:
            entries: dict[Any, tuple[Any, Node]] = {}
            self._maps[id(node)] = entries
            yield self._fill(node, entries)
            value = {key: entry[0] for key, entry in entries.items()}
        if anchor:
            self._open.discard(id(node))
            self._done[id(node)] = (value, self._count - before + 1)
        return value

    def _fill(self, node: Node, entries: dict[Any, tuple[Any, Node]]) -> Step:
        """Pairs of a mapping into `entries`, in order: the last of equal keys wins, merges overwrite what stands before."""
        children = node.children
        for position in range(0, len(children), 2):
            key_node, value_node = children[position], children[position + 1]
            if key_node.is_merge_key:
                yield self._merge(value_node, entries)
                continue
            key = yield self.anything(key_node)
            if isinstance(key, list | dict):
                raise _Failed(f"invalid map key: {_go_value(key)}", key_node)
            name = key if isinstance(key, str) else _key_of(key)
            value = yield self.anything(value_node)
            self._put(entries, name, value, value_node)

    def _put(self, entries: dict[Any, tuple[Any, Node]], name: Any, value: Any, node: Node) -> None:
        if name in entries:
            self.strict_errors.append((f"line {_line(node)}: key {_go_value(name)} already set in map", node))
        entries[name] = (value, node)

    def _merge(self, node: Node, entries: dict[Any, tuple[Any, Node]]) -> Step:
        sources = [node]
        if node.kind == "seq" and not node.is_alias:
            sources = node.children[::-1]  # earlier ones take precedence
        for source in sources:
            if source.kind != "map":
                raise _Failed(_WANTS_MAP, source)
            yield self.anything(source)
            target = source.target or source
            for name, (value, value_node) in self._maps[id(target)].items():
                self._put(entries, name, value, value_node)

    # --- the Agent's types ---------------------------------------------------------------------------------------

    def mismatch(self, node: Node, wanted: str) -> None:
        """Note yaml.v2's type error: its line is that of the value, its text cut at ten characters."""
        target = node.target or node
        type_ = target.type
        shown = ""
        if target.kind == "scalar":
            raw = target.raw
            shown = f" `{raw}`" if len(raw.encode()) <= 10 else f" `{raw.encode()[:7].decode('utf-8', 'ignore')}...`"
        tag = short_tag(target.tag) if target.tag else _TAGS[type_]
        self.type_errors.append((f"line {_line(target)}: cannot unmarshal {tag}{shown} into {wanted}", node))

    def text(self, node: Node) -> Step:
        """Into a string: a scalar gives its text, null gives ""; None where it is a collection (noted)."""
        self._counted(node)
        if node.kind != "scalar":
            self.mismatch(node, "string")
            return None
        yield from ()
        return "" if node.type == "null" else node.raw

    def field(self, node: Node, wanted: str) -> Step:
        """Into one field of a conf.d file."""
        if wanted == "interface {}":
            return (yield self.anything(node))
        if node.type == "null" and node.kind == "scalar":
            self._counted(node)
            return None
        if wanted == "string":
            return (yield self.text(node))
        if wanted == "bool":
            self._counted(node)
            if node.type != "bool":
                self.mismatch(node, "bool")
            return node.value
        self._counted(node)
        if node.kind != "seq":
            self.mismatch(node, wanted)
            return None
        items = []
        for item in node.children:
            items.append((yield self._item(item, wanted[2:])))
        return items

    def _item(self, node: Node, wanted: str) -> Step:
        if wanted == "string":
            return (yield self.text(node))
        if node.kind == "map":
            return (yield self.anything(node))
        if node.kind == "scalar" and node.type == "null":
            self._counted(node)
            return {}
        self._counted(node)
        self.mismatch(node, wanted)
        return None

    def check(self, root: Node) -> Step:
        """Into the struct of a conf.d file: the fields that are known, by name."""
        fields: dict[str, Any] = {}
        if root.kind != "map":
            if root.type != "null":
                self.mismatch(root, "providers.configFormat")
            return fields
        seen = set()
        children = root.children
        for position in range(0, len(children), 2):
            key_node, value_node = children[position], children[position + 1]
            if key_node.is_merge_key:
                yield self._merge_fields(value_node, fields)
                continue
            name = yield self.text(key_node)
            if name is None:
                continue
            wanted = CHECK_FIELDS.get(name)
            if wanted is None:
                self.strict_errors.append(
                    (f"line {_line(key_node)}: field {name} not found in type providers.configFormat", key_node)
                )
                continue
            if name in seen:
                self.strict_errors.append(
                    (f"line {_line(key_node)}: field {name} already set in type providers.configFormat", key_node)
                )
            seen.add(name)
            fields[name] = yield self.field(value_node, wanted)
        return fields

    def _merge_fields(self, node: Node, fields: dict[str, Any]) -> Step:
        sources = node.children[::-1] if node.kind == "seq" and not node.is_alias else [node]
        for source in sources:
            if source.kind != "map":
                raise _Failed(_WANTS_MAP, source)
            fields.update((yield self.check(source.target or source)))

    def main(self, root: Node) -> Step:
        """Into map[string]interface{} (datadog.yaml)."""
        if root.kind != "map":
            if root.type != "null":
                self.mismatch(root, "map[string]interface {}")
            return {}
        entries: dict[Any, tuple[Any, Node]] = {}
        children = root.children
        for position in range(0, len(children), 2):
            key_node, value_node = children[position], children[position + 1]
            if key_node.is_merge_key:
                yield self._merge(value_node, entries)
                continue
            name = yield self.text(key_node)
            if name is not None:
                self._put(entries, name, (yield self.anything(value_node)), value_node)
        return {name: entry[0] for name, entry in entries.items()}


def judge(document: Document) -> None:
    """Fill the verdict: problems, has_shape, warnings."""
    decoder = Decoder(document)
    root = document.root
    fields: dict[str, Any] = {}
    try:
        if root is not None:
            fields = decoder.run(
                {"check": decoder.check, "main": decoder.main}.get(document.kind, decoder.anything)(root)
            )
    except _Failed as failed:
        problem = Problem(f"yaml: {failed.text}", failed.node.line, failed.node.column, None)
        document.is_yaml, document.root, document.problem, document.problems = False, None, problem, [problem]
        return
    if decoder.type_errors:
        document.has_shape = False
        document.problem = _joined(decoder.type_errors + decoder.strict_errors)
        document.problems = [_one(error) for error in decoder.type_errors]
        return
    document.warnings = [_one(error) for error in dict.fromkeys(decoder.strict_errors)]
    if document.kind == "check":
        _judge_fields(document, fields)


def _judge_fields(document: Document, fields: dict[str, Any]) -> None:
    line = next((key.line for key, _ in document.top_level() if key.raw == "instances"), None)
    if not fields.get("instances") and fields.get("logs") is None and fields.get("jmx_metrics") is None:
        message = NO_INSTANCES
    elif fields.get("docker_images") and not fields.get("ad_identifiers"):
        message = "the 'docker_images' section is deprecated, please use 'ad_identifiers' instead"
    else:
        return
    document.has_shape = False
    document.problem = Problem(message, line, 1 if line else None, None)
    document.problems = [document.problem]


def _one(error: tuple[str, Node]) -> Problem:
    text, node = error
    printed = int(text.split(":", 1)[0].removeprefix("line "))
    return Problem(f"yaml: unmarshal errors:\n  {text}", node.line, node.column, printed)


def _joined(errors: list[tuple[str, Node]]) -> Problem:
    """All type errors as the Agent prints them, at the place of the first."""
    first = _one(errors[0])
    return first._replace(message="yaml: unmarshal errors:\n" + "\n".join(f"  {text}" for text, _ in errors))


def strict_message(document: Document) -> str | None:
    """The warnings as the one text that the Agent logs; None without any."""
    lines = [warning.message.split("\n", 1)[1] for warning in document.warnings]
    return "yaml: unmarshal errors:\n" + "\n".join(lines) if lines else None


def decode_all(document: Document) -> Any:
    """The data of a document that parses (Document.value)."""
    if document.root is None:
        return {} if document.kind == "main" else None
    decoder = Decoder(document)
    root = document.root
    try:
        if document.kind in ("main", "check") and root.kind == "map":
            return decoder.run(decoder.main(root))
        return decoder.run(decoder.anything(root))
    except _Failed:
        return None


def _line(node: Node) -> int:
    return node.line


def _key_of(value: object) -> Key:
    name = "null" if value is None else type(value).__name__
    return Key(name, value)


def _go_value(value: object, depth: int = 0) -> str:
    """Go's %#v, as far as keys need it; cut below ten levels."""
    if isinstance(value, Key):
        value = value.value
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | dict) and depth > 10:
        return "…"
    if isinstance(value, list):
        return "[]interface {}{" + ", ".join(_go_value(item, depth + 1) for item in value) + "}"
    if isinstance(value, dict):
        return (
            "map[interface {}]interface {}{"
            + ", ".join(f"{_go_value(k, depth + 1)}:{_go_value(v, depth + 1)}" for k, v in value.items())
            + "}"
        )
    if value is None:
        return "interface {}(nil)"
    return str(value).lower() if isinstance(value, bool) else str(value)
