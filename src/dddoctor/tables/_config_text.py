"""What is wrong with the text of a configuration file, and every key in it, as rows: made from a document that configuration.py has read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.tables.instances import Parts, Regex

if TYPE_CHECKING:
    from dddoctor.secrets import Vault
    from dddoctor.tables._places import Place
    from dddoctor.yamltext import Document

_BLOCKS = ("|", ">")
_SPELT = {True: "true", False: "false"}
# What the Agent compiles: processing_rules.go; the trace-agent's setup.go. The keys of the main file count in any case.
_CHECK_REGEXES = frozenset({"logs[*].log_processing_rules[*].pattern"})
_MAIN_REGEXES = frozenset({
    "logs_config.processing_rules[*].pattern", "apm_config.replace_tags[*].pattern", "apm_config.ignore_resources[*]", "apm_config.filter_tags_regex.require[*]",
    "apm_config.filter_tags_regex.reject[*]",
})  # fmt: skip
_PASSWORDS = frozenset({"password", "pass", "passwd", "pwd"})
_WORD_BEHIND_HASH = lazy(r"[ \t]+#[^\s#]+[ \t]*\r?$", re.MULTILINE)


class YamlDefect(NamedTuple):
    """One thing wrong with the text or the shape of a configuration file, at the line that is to blame (not the one that the Agent prints).

    `kind` is the word of the defect (tab-indentation, stray-backtick …), `text` what is wrong, secrets hidden. `correction` is the corrected line where
    one is proven ("" where the line goes), else NULL. `also` lists further places as JSON. `is_blocking`: the Agent does not use the file, or one of its
    instances, because of it. `ordinal`: 0, or n for the nth defect as blocking as this one in the same line.
    """

    file: str
    agent: str
    file_kind: str
    check_name: str | None
    line: int
    column: int
    end_line: int
    kind: str
    text: str
    correction: str | None
    also: str | None
    is_blocking: int
    ordinal: int


class YamlKey(NamedTuple):
    """One key of a mapping or one item of a list, as the Agent decodes it, in the order of the text.

    `path` is `instances[0].tags[1]`, `pattern` the same with `[*]`, `parent` the path above (empty at the top). `value` is the decoded scalar as text
    (NULL for null and for collections), `source` the scalar as it is written, quotes included; secrets are tokens in both.
    `type`: str int float bool null map list. `item_count`: of collections. `column` counts characters from 1, `depth` from 0. `instance`: index of the
    instance it belongs to. `ordinal`: 0, or n for the nth repetition of a key (the last one counts).
    """

    file: str
    agent: str
    file_kind: str
    check_name: str | None
    path: str
    pattern: str
    parent: str
    key: str | None
    value: str | None
    source: str | None
    type: str
    item_count: int | None
    line: int
    column: int
    end_line: int
    depth: int
    instance: int | None
    ordinal: int


class TextRows:
    """Makes the rows of one Agent's files; what is secret becomes a token here."""

    def __init__(self, vault: Vault, agent: str) -> None:
        self.vault, self.agent = vault, agent
        self.secret_names: dict[
            str, str
        ] = {}  # pattern → the key that makes the value below it a secret, "" where none does

    def defects(self, place: Place, document: Document) -> Iterator[YamlDefect]:
        from dddoctor.yamltext import defects

        redact = self.vault.redact
        seen: dict[tuple[int, bool], int] = {}
        for found in defects(document):
            ordinal = seen[found.line, found.is_blocking] = seen.get((found.line, found.is_blocking), -1) + 1
            yield YamlDefect(
                place.file,
                self.agent,
                place.file_kind,
                place.check_name,
                found.line,
                found.column,
                found.end_line,
                found.kind,
                redact(found.text),
                None if found.correction is None else redact(found.correction),
                _also(place.file, found.also),
                int(found.is_blocking),
                ordinal,
            )

    def keys(self, place: Place, document: Document) -> list[Any]:
        """All that is made of the entries of one file. This is where the time of a large host goes: rows are made without their constructors."""
        rows: list[Any] = []
        if document.root is None:
            return rows
        from dddoctor.yamltext import walk
        from dddoctor.yamltext.scalars import resolve_plain

        file, agent, kind, check = place.file, self.agent, place.file_kind, place.check_name
        redact, secret_names = self.vault.redact, self.secret_names
        # Asking once for the whole text spares a question per value: only lines that hold a secret are looked at closer.
        secret_lines = self._secret_lines(document)
        is_clean = not secret_lines
        hidden_paths: set[str] = set()  # of collections that a secret stands in the path of
        has_plain_lines, has_stand_ins, text = document.has_plain_lines, bool(document.stand_ins), document.text
        parts = Parts(agent, place, rows) if place.reads == "check" and place.is_in_place else None
        make, append = tuple.__new__, rows.append
        regexes = _CHECK_REGEXES if parts is not None else _MAIN_REGEXES if kind == "main" else frozenset[str]()
        may_be_cut = not is_clean and "#" in document.text
        for entry in walk(document):
            path, pattern, parent, key, node, key_node, depth, instance, ordinal, _ = entry
            value: str | None = None
            source: str | None = None
            count: int | None = None
            is_cut = is_weak = 0
            at = node if key_node is None else key_node
            if has_plain_lines:
                mark: Any = at.event.start_mark
                line, column = mark.line + 1, mark.column + 1
            else:
                line, column = at.line, at.column
            end_line = node.end_line
            is_near = not is_clean and (
                line in secret_lines
                or 0 in secret_lines
                or node.target is not None
                or (node.kind == "scalar" and (end_line != line or "\\" in node.event.value or node.event.style == '"'))
            )
            if node.kind == "scalar":
                event: Any = node.event
                if (
                    has_stand_ins
                    or node.target is not None
                    or event.tag is not None
                    or event.anchor is not None
                    or event.style in _BLOCKS
                ):
                    type_, decoded, source = node.type, node.value, node.source
                else:
                    type_, decoded = ("str", event.value) if event.style else resolve_plain(event.value)
                    source = text[event.start_mark.index : event.end_mark.index]
                if decoded is not None:
                    value = (
                        decoded
                        if decoded.__class__ is str
                        else _SPELT.get(decoded)
                        if decoded.__class__ is bool
                        else str(decoded)
                    )
                    secret = secret_names.get(pattern)
                    if secret is None:
                        secret = secret_names[pattern] = self._secret_name(parent, key)
                    if secret and value:
                        plain, (value, source) = value, self._hidden(secret, value, source)
                        if depth == 2 and value != plain and key in _PASSWORDS:
                            from dddoctor.tables._passwords import is_weak as is_weak_password

                            is_weak = int(is_weak_password(plain))
                        if may_be_cut and node.style == "plain":
                            rest = _WORD_BEHIND_HASH.match(document.text, node.end)
                            is_cut = int(rest is not None)
                            if rest is not None:  # it may be the other half of the secret
                                self.vault.token(rest[0].strip(), "password")
                    elif is_near and value:
                        value, source = redact(value), redact(source)
            else:
                type_ = node.type
                count = len(node.children) if node.kind == "seq" else len(node.children) // 2
            if is_near or parent in hidden_paths:
                own_path = path
                path, pattern, parent = redact(path), redact(pattern), redact(parent)
                key = None if key is None else redact(key)
                if path != own_path:
                    hidden_paths.add(own_path)
            append(make(YamlKey, (file, agent, kind, check, path, pattern, parent, key, value, source, type_, count, line, column,
                                  end_line, depth, instance, ordinal)))  # fmt: skip
            if depth < 3 and parts is not None:
                parts.take(entry, path, key, value, type_, line, column, is_cut, is_weak)
            if (pattern in regexes or (kind == "main" and pattern.lower() in regexes)) and node.kind == "scalar":
                from dddoctor.tables._go_regex import defect

                append(Regex(file, agent, kind, check, line, column, path, defect(str(decoded)) if decoded is not None else None))  # fmt: skip
        if parts is not None:
            parts.end()
        return rows

    def _secret_lines(self, document: Document) -> frozenset[int]:
        """The lines in which a secret stands; 0 among them = all lines."""
        found = self.vault.places(document.text)
        if not found:
            return frozenset()
        if len(found) == 1 and found[0] == (0, len(document.text)):
            return frozenset((0,))
        return frozenset(
            number
            for start, end in found
            for number in range(document.line_of(start), document.line_of(max(start, end - 1)) + 1)
        )

    def _secret_name(self, parent: str, key: str | None) -> str:
        """The key that makes the value a secret: its own, that of its list, or one on the way to it (`password: {current: x}`); empty where none does."""
        name = key if key is not None else _last_key(parent)
        if self.vault.is_secret_key(name):
            return name
        return next((n for n in re.findall(r"[^.\[\]\"]+", parent) if self.vault.is_secret_key(n)), "")

    def _hidden(self, name: str, value: str, source: str | None) -> tuple[str, str | None]:
        """Value and source of a secret's key. The two can differ (`0123` is 83, an unquoted key of digits becomes a float): the vault learns both."""
        token = self.vault.redact_value(name, value)
        if token == value:
            return value, source
        written = (source or "").strip("\"'")
        if written and written != value:
            self.vault.redact_value(name, written)
        return token, token if source else source


def _last_key(parent: str) -> str:
    """The key that a list item stands under: its name decides whether the item is a secret."""
    return re.sub(r"(?:\[\d+\])+$", "", parent).rsplit(".", 1)[-1]


def _also(file: str, lines: Iterable[int]) -> str | None:
    found = [{"file": file, "line": line} for line in lines]
    return json.dumps(found, ensure_ascii=False) if found else None
