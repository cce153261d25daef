"""One rule file: YAML in, checked Rule out. Every mistake is refused, with file:line and what to write instead (rules.md)."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dddoctor import actions, sqlscan, tables
from dddoctor.light import NamedTuple
from dddoctor.model import Clear, Fix, Link, Rule, RuleError, Safety, Severity, State, Step
from dddoctor.rules import AREAS, PLACEHOLDER, VERSION_COLUMNS, RuleSet, rule_files
from dddoctor.sql import Database
from dddoctor.tables import Table

_KEYS: dict[str, tuple[type, ...]] = {
    "id": (str,), "title": (str,), "severity": (str,), "applies_to": (dict,), "query": (str,), "message": (str,), "fold": (str,), "why": (str,),
    "advice": (str,), "avoid": (str,), "identity": (list,), "brings": (list,), "shows": (list,), "symptoms": (list,), "clears": (list,), "fix": (dict,),
    "links": (list,), "covers": (list,), "checked": (str,), "examples": (list,),
}  # fmt: skip
_REQUIRED = ("id", "title", "severity", "query", "message", "why", "checked", "examples")
EXAMPLE_KEYS = {
    "name", "files", "links", "modes", "owners", "unreadable", "commands", "processes", "listeners", "mtimes", "env", "containers", "answers", "network", "binary", "folders",
    "finds", "after_fix", "after_modes", "runs", "partial", "outcome", "apps",
}  # fmt: skip


class Source(NamedTuple):
    """A rule file as read: its mapping, and the text for finding lines when something is wrong."""

    path: Path
    text: str
    data: dict[str, Any]


def load(base: Path, user_folders: Sequence[Path]) -> RuleSet:
    """The rules of a folder and those of users, in order. Raises RuleError."""
    tables.load_all()
    actions.load_all()
    states = load_states(base / "states.yaml")
    checker = _Checker(states)
    rules = [checker.rule(read_source(p)) for p in rule_files(base)]
    for user_folder in user_folders:
        user_states = user_folder / "states.yaml"
        if user_states.is_file():
            states.update(load_states(user_states, known=states))
        _refuse_foreign_writers(user_folder)
        paths = rule_files(user_folder) if user_folder.is_dir() else [user_folder]
        rules += [checker.rule(read_source(p), is_user_rule=True) for p in paths]
    _refuse_twins(rules)
    return RuleSet(tuple(sorted(rules, key=lambda r: (AREAS.index(r.area) if r.area in AREAS else 99, r.id))), states)


def _refuse_twins(rules: Sequence[Rule]) -> None:
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            raise RuleError(
                rule.path, 1, f"the id {rule.id} is taken by {seen[rule.id]}: choose another file name and id"
            )
        seen[rule.id] = rule.path


def _refuse_foreign_writers(folder: Path) -> None:
    """As root, rules that others could write would be their words in our mouth."""
    if os.geteuid() != 0:
        return
    for path in [folder, *(folder.rglob("*") if folder.is_dir() else ())]:
        if path.stat().st_mode & stat.S_IWOTH:
            raise RuleError(
                str(path), None, "others can write this file, and the doctor runs as root: chmod o-w it first"
            )


def load_files(paths: Iterable[Path], states: dict[str, State]) -> list[Rule]:
    """Some rule files alone, for `rules test PATH`."""
    tables.load_all()
    actions.load_all()
    checker = _Checker(states)
    return [checker.rule(read_source(p)) for p in paths]


# --- reading ----------------------------------------------------------------------------------------------------------


def read_source(path: Path) -> Source:
    """Parse one rule file. Raises RuleError with the line of the mistake."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleError(str(path), None, f"cannot be read: {error}") from error
    try:
        data = yaml.load(text, _loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise RuleError(
            str(path), mark.line + 1 if mark else None, f"not YAML: {getattr(error, 'problem', None) or error}"
        ) from error
    except RecursionError as error:
        raise RuleError(str(path), None, "is nested too deeply") from error
    if not isinstance(data, dict):
        raise RuleError(str(path), 1, "a rule file is a mapping that begins with `id:`")
    return Source(path, text, data)


def _loader() -> Any:
    """A C loader that refuses duplicate keys and keys that are no text (`on:` is a boolean in YAML 1.1)."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[Any] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node, deep=True)
                if not isinstance(key, str):
                    raise yaml.constructor.ConstructorError(
                        None,
                        None,
                        f"the key {key_node.value!r} is read as {type(key).__name__}: write it in quotes",
                        key_node.start_mark,
                    )
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key!r} stands twice", key_node.start_mark
                    )
                seen.add(key)
            return super().construct_mapping(node, deep=deep)

    return Loader


def line_of(text: str, *path: str | int) -> int | None:
    """1-based line of a place in a rule file; the deepest part of the path that exists counts. Built only when something is wrong."""
    import yaml

    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return None
    line: int | None = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == part), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def load_states(path: Path, known: Mapping[str, State] | None = None) -> dict[str, State]:
    """states.yaml: id → {sentence, keys, brings}. Raises RuleError on a cycle or on states that share no key."""
    if not path.is_file():
        return {}
    source = read_source(path)
    found: dict[str, State] = {}
    for name, entry in source.data.items():
        if (
            not isinstance(entry, dict)
            or not isinstance(entry.get("sentence"), str)
            or set(entry) - {"sentence", "keys", "brings"}
        ):
            raise RuleError(
                str(path), line_of(source.text, name), f"state {name}: write {{sentence: …, keys: […], brings: […]}}"
            )
        found[name] = State(name, entry["sentence"], tuple(entry.get("keys") or ()), tuple(entry.get("brings") or ()))
    both = {**(known or {}), **found}
    for state in found.values():
        for other in state.brings:
            if other not in both:
                raise RuleError(
                    str(path),
                    line_of(source.text, state.id, "brings"),
                    f"state {state.id} brings {other}, which is no state{_meant(other, both)}",
                )
            if state.keys and both[other].keys and not set(state.keys) & set(both[other].keys):
                raise RuleError(
                    str(path),
                    line_of(source.text, state.id, "brings"),
                    f"{state.id} and {other} share no key column: only shared keys are compared",
                )
    for name in found:
        _refuse_state_cycle(name, both, str(path), source.text)
    return found


def _refuse_state_cycle(start: str, states: Mapping[str, State], path: str, text: str) -> None:
    todo, seen = list(states[start].brings), set()
    while todo:
        name = todo.pop()
        if name == start:
            raise RuleError(
                path,
                line_of(text, start, "brings"),
                f"state {start} brings itself in the end: states must be free of cycles",
            )
        if name not in seen:
            seen.add(name)
            todo += states[name].brings


def _meant(word: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else f"; known are: {', '.join(sorted(known))}"


# --- checking ---------------------------------------------------------------------------------------------------------


class _Checker:
    """Checks rule files against the schema, the actions and the states."""

    def __init__(self, states: Mapping[str, State]) -> None:
        self.states = states
        self.schema: dict[str, Table] = dict(tables.TABLES)
        self.database = Database(self.schema.values())

    def rule(self, source: Source, *, is_user_rule: bool = False) -> Rule:
        """The Rule of one file, or RuleError."""
        data = source.data
        self._keys(source)
        path = source.path
        if data["id"] != path.stem or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", data["id"]):
            raise self._wrong(
                source, f"id must be the file's name in kebab-case: write `id: {path.stem}` or rename the file", "id"
            )
        area = path.parent.name if path.parent.name in AREAS else ("config" if is_user_rule else path.parent.name)
        if area not in AREAS:
            raise self._wrong(source, f"the folder {area!r} is no area{_meant(area, AREAS)}", "id")
        severity = self._choice(source, "severity", data["severity"], [s.value for s in Severity], "severity")
        columns, reads = self._query(source)
        scanned = sqlscan.scan(data["query"], self.schema)
        if scanned.problems:
            line, problem = scanned.problems[0]
            start = line_of(source.text, "query") or 1
            raise RuleError(str(path), start + line, problem)
        self._placeholders(source, columns)
        rule = Rule(
            id=data["id"], area=area, title=data["title"], severity=Severity(severity), query=data["query"], message=data["message"], why=data["why"],
            columns=columns, first_table=scanned.first_table, reads=reads, absent=scanned.absent, joined=scanned.joined,
            applies_to=self._applies_to(source, columns), fold=data.get("fold", ""), advice=data.get("advice", ""), avoid=data.get("avoid", ""),
            identity=self._columns_list(source, "identity", columns), brings=tuple(self._brings(source, columns)), shows=tuple(self._shows(source, columns)),
            symptoms=self._texts(source, "symptoms"), clears=tuple(self._clears(source, reads)), fix=self._fix(source, columns, is_user_rule),
            links=self._texts(source, "links"), covers=self._texts(source, "covers"), checked=str(data["checked"]), path=str(path), is_user_rule=is_user_rule,
        )  # fmt: skip
        self._examples(source, rule)
        return rule

    def _wrong(self, source: Source, message: str, *place: str | int) -> RuleError:
        return RuleError(str(source.path), line_of(source.text, *place), message)

    def _keys(self, source: Source) -> None:
        for key, value in source.data.items():
            if key not in _KEYS:
                raise self._wrong(source, f"unknown key {key!r}{_meant(key, _KEYS)}", key)
            if not isinstance(value, _KEYS[key]):
                hint = ' (write it in quotes: checked: "2026-11")' if key == "checked" else ""
                raise self._wrong(
                    source, f"{key} must be a {_KEYS[key][0].__name__}, not {type(value).__name__}{hint}", key
                )
        for key in _REQUIRED:
            if not source.data.get(key):
                raise self._wrong(source, f"the key {key!r} is missing: every rule has {', '.join(_REQUIRED)}")

    def _choice(self, source: Source, what: str, value: Any, allowed: Sequence[str], *place: str | int) -> str:
        if value not in allowed:
            raise self._wrong(source, f"{what} {value!r} is none of {', '.join(allowed)}", *place)
        return str(value)

    def _query(self, source: Source) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
        try:
            columns, reads = self.database.columns_of(source.data["query"])
        except sqlite3.Error as error:
            text = str(error)
            unknown = re.search(r"no such (table|column): (?:\w+\.)?(\w+)", text)
            if unknown and unknown[1] == "table":
                text += _meant(unknown[2], self.schema)
            elif unknown:
                known = {
                    c
                    for t in self.schema.values()
                    if re.search(rf"\b{t.name}\b", source.data["query"])
                    for c in t.columns
                }
                text += _meant(unknown[2], known)
            if "prohibited" in text or "not authorized" in text:
                text = "a query only reads: write one SELECT over tables of `dddoctor tables`"
            raise self._wrong(source, f"query: {text}", "query") from error
        for column in columns:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", column):
                raise self._wrong(source, f"query: give the expression {column!r} a name with AS", "query")
        return columns, reads

    def _placeholders(self, source: Source, columns: Sequence[str]) -> None:
        for key in ("message", "advice", "fold", "avoid", "why", "title"):
            for star, name in PLACEHOLDER.findall(source.data.get(key, "")):
                if key == "fold" and name == "count":
                    continue
                if key in {"why", "title", "avoid"}:
                    raise self._wrong(source, f"{key} takes no placeholder: {{{name}}}; use message or advice", key)
                if star or name not in columns:
                    raise self._wrong(
                        source, f"{key}: {{{star}{name}}} is no column of the query{_meant(name, columns)}", key
                    )

    def _applies_to(self, source: Source, columns: Sequence[str]) -> dict[str, str]:
        wanted = source.data.get("applies_to", {})
        for name, spec in wanted.items():
            if name not in VERSION_COLUMNS:
                raise self._wrong(source, f"applies_to: {name!r}{_meant(name, VERSION_COLUMNS)}", "applies_to", name)
            if VERSION_COLUMNS[name] not in columns:
                raise self._wrong(
                    source,
                    f"applies_to {name} needs the column {VERSION_COLUMNS[name]} in the query",
                    "applies_to",
                    name,
                )
            if not isinstance(spec, str) or not re.fullmatch(
                r"\s*(>=|<=|==|!=|>|<)\s*\d+(\.\d+)*\s*(,\s*(>=|<=|==|!=|>|<)\s*\d+(\.\d+)*\s*)*", spec
            ):
                raise self._wrong(
                    source, f'applies_to {name}: write a text such as ">=6,<7.78", not {spec!r}', "applies_to", name
                )
        return dict(wanted)

    def _columns_list(self, source: Source, key: str, columns: Sequence[str]) -> tuple[str, ...]:
        names = source.data.get(key, [])
        for name in names:
            if name not in columns:
                raise self._wrong(source, f"{key}: {name!r} is no column of the query{_meant(str(name), columns)}", key)
        return tuple(names)

    def _texts(self, source: Source, key: str) -> tuple[str, ...]:
        values = source.data.get(key, [])
        if not all(isinstance(v, str) for v in values):
            raise self._wrong(source, f"{key} is a list of texts; put the odd one in quotes", key)
        return tuple(values)

    def _state(self, source: Source, name: Any, columns: Sequence[str], key: str) -> State:
        if name not in self.states:
            raise self._wrong(
                source, f"{key}: {name!r} is no state of states.yaml{_meant(str(name), self.states)}", key
            )
        missing = set(self.states[name].keys) - set(columns)
        if missing:
            raise self._wrong(source, f"{key} {name}: the query must select {', '.join(sorted(missing))}", key)
        return self.states[name]

    def _brings(self, source: Source, columns: Sequence[str]) -> Iterator[Link]:
        for entry in source.data.get("brings", []):
            name, column = (entry.get("state"), entry.get("if")) if isinstance(entry, dict) else (entry, None)
            if isinstance(entry, dict) and set(entry) != {"state", "if"}:
                raise self._wrong(source, "brings: write a state's name, or {state: NAME, if: COLUMN}", "brings")
            if column is not None and column not in columns:
                raise self._wrong(
                    source, f"brings: {column!r} is no column of the query{_meant(str(column), columns)}", "brings"
                )
            yield Link(self._state(source, name, columns, "brings").id, column)

    def _shows(self, source: Source, columns: Sequence[str]) -> Iterator[str]:
        for name in source.data.get("shows", []):
            yield self._state(source, name, columns, "shows").id

    def _clears(self, source: Source, reads: Mapping[str, Any]) -> Iterator[Clear]:
        for entry in source.data.get("clears", []):
            near = entry.get("near") if isinstance(entry, dict) else None
            if (
                not isinstance(near, dict)
                or not isinstance(entry.get("say"), str)
                or set(near) - {"rules", "states", "areas"}
                or set(entry) - {"say", "near", "proof"}
            ):
                raise self._wrong(
                    source,
                    "clears: write {say: …, near: {rules: […], states: […], areas: […]}, proof: SELECT …}",
                    "clears",
                )
            proof = entry.get("proof")
            if proof is not None:
                self._proof(source, str(proof), reads)
            for state in near.get("states", []):
                if state not in self.states:
                    raise self._wrong(
                        source, f"clears: {state!r} is no state{_meant(str(state), self.states)}", "clears"
                    )
            yield Clear(
                entry["say"],
                tuple(near.get("rules", ())),
                tuple(near.get("states", ())),
                tuple(near.get("areas", ())),
                None if proof is None else str(proof),
            )

    def _proof(self, source: Source, proof: str, reads: Mapping[str, Any]) -> None:
        """A clear's own query: it sees only what the rule has had collected."""
        try:
            _, read = self.database.columns_of(proof)
        except sqlite3.Error as error:
            raise self._wrong(source, f"clears: proof: {error}", "clears") from error
        for table in read:
            if table not in reads:
                raise self._wrong(
                    source, f"clears: proof reads {table}, which the query does not: {', '.join(reads)}", "clears"
                )

    def _fix(self, source: Source, columns: Sequence[str], is_user_rule: bool) -> Fix | None:
        fix = source.data.get("fix")
        if fix is None:
            return None
        for key in fix:
            if key not in {"title", "safety", "steps"}:
                raise self._wrong(
                    source, f"fix: unknown key {key!r}{_meant(key, ('title', 'safety', 'steps'))}", "fix", key
                )
        if not isinstance(fix.get("title"), str):
            raise self._wrong(
                source, "fix: a title is missing, in the imperative: `title: Move it into each instance`", "fix"
            )
        safety = Safety(
            self._choice(source, "fix.safety", fix.get("safety"), [s.value for s in Safety], "fix", "safety")
        )
        steps = [self._step(source, i, step, columns) for i, step in enumerate(fix.get("steps") or [])]
        if not steps and safety is not Safety.MANUAL:
            raise self._wrong(source, "fix: a fix that is not manual has steps", "fix")
        if is_user_rule and safety is Safety.SAFE:
            safety = Safety.UNSAFE
        needs_live = any(actions.STAGES[s.action] >= actions.STAGE["command"] for s in steps)
        return Fix(fix["title"], safety, tuple(steps), needs_live)

    def _step(self, source: Source, i: int, step: Any, columns: Sequence[str]) -> Step:
        if not isinstance(step, dict) or len(step) != 1:
            raise self._wrong(
                source,
                "fix: a step is one action with its parameters: `- set_mode: {path: …, mode: …}`",
                "fix",
                "steps",
                i,
            )
        name, given = next(iter(step.items()))
        if name not in actions.ACTIONS:
            raise self._wrong(source, f"fix: {name!r} is no action{_meant(name, actions.ACTIONS)}", "fix", "steps", i)
        known = actions.params(name)
        if not isinstance(given, dict):
            raise self._wrong(source, f"fix: {name} takes {', '.join(known)}", "fix", "steps", i)
        for key, (_, required) in known.items():
            if required and key not in given:
                raise self._wrong(source, f"fix: {name} needs {key}", "fix", "steps", i)
        for key, value in given.items():
            if key not in known:
                raise self._wrong(
                    source, f"fix: {name} has no parameter {key!r}{_meant(key, known)}", "fix", "steps", i, name, key
                )
            self._parameter(source, i, name, key, value, known[key][0], columns)
        return Step(name, given)

    def _parameter(
        self, source: Source, i: int, name: str, key: str, value: Any, kind: str, columns: Sequence[str]
    ) -> None:
        for text in _texts_in(value):
            for _, column in PLACEHOLDER.findall(text):
                if column not in columns:
                    raise self._wrong(
                        source,
                        f"fix: {{{column}}} is no column of the query{_meant(column, columns)}",
                        "fix",
                        "steps",
                        i,
                        name,
                        key,
                    )
        if isinstance(value, str) and PLACEHOLDER.fullmatch(value):
            return
        kind = kind.split(" |")[0].strip()
        fits = {"str": isinstance(value, str), "int": isinstance(value, int) and not isinstance(value, bool), "bool": isinstance(value, bool),
                "list[str]": isinstance(value, list) and all(isinstance(v, str) for v in value)}.get(kind, True)  # fmt: skip
        if not fits:
            hint = (
                f'; write it in quotes: {key}: "{value:04o}"'
                if kind == "str" and isinstance(value, int) and not isinstance(value, bool)
                else ""
            )
            raise self._wrong(
                source,
                f"fix: {name}.{key} takes {kind}, not {type(value).__name__} {value!r}{hint}",
                "fix",
                "steps",
                i,
                name,
                key,
            )

    def _examples(self, source: Source, rule: Rule) -> None:
        names: set[str] = set()
        for i, example in enumerate(source.data["examples"]):
            if (
                not isinstance(example, dict)
                or not isinstance(example.get("name"), str)
                or not isinstance(example.get("finds"), list)
            ):
                raise self._wrong(source, "an example is {name: …, files: {…}, finds: […]}", "examples", i)
            for key in example:
                if key not in EXAMPLE_KEYS:
                    raise self._wrong(
                        source, f"example: unknown key {key!r}{_meant(key, EXAMPLE_KEYS)}", "examples", i, key
                    )
            if example["name"] in names:
                raise self._wrong(source, f"two examples are named {example['name']!r}", "examples", i)
            names.add(example["name"])
            for found in example["finds"]:
                for column in found:
                    if column not in {*rule.columns, "severity", "message", "safety"}:
                        raise self._wrong(
                            source,
                            f"finds: {column!r} is no column of the query{_meant(str(column), rule.columns)}",
                            "examples",
                            i,
                            "finds",
                        )


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for v in value:
            yield from _texts_in(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from _texts_in(v)
