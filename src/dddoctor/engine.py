"""Evaluate rules over the tables of a host: what is needed is collected, each rule ends in one of five outcomes (rules.md)."""

from __future__ import annotations

import importlib
import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from dddoctor import tables
from dddoctor.collecting import Tables
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Finding, FixOffer, Gap, Kind, Rule, Safety, Severity, Unread
from dddoctor.rules import PLACEHOLDER, VERSION_COLUMNS
from dddoctor.sql import version_in

# Columns that change while the defect stays the same (design.md, "JSON report").
_NOT_IDENTITY = {
    "line", "column", "end_line", "mtime", "pid", "size_bytes", "ordinal", "nearest", "correction", "text", "message", "severity", "safety", "also",
}  # fmt: skip
_TOKEN_MARK = (
    "\ue0d0"  # how a secret's token begins (secrets.py); such a column does not identify, unless a rule says so
)
_TOKEN = lazy("\ue0d0([a-z-]+):[0-9a-f]{12}\ue0d1")  # random for the run


class Outcome(NamedTuple):
    """How a rule ended. `result`: found, passed, skipped, not applicable, broken. `gaps`: (table, gap) that it met."""

    result: str
    is_partial: bool = False
    reason: str = ""
    remedy: str = ""
    findings: tuple[Finding, ...] = ()
    gaps: tuple[tuple[str, Gap], ...] = ()
    trace: str = ""


class Evaluation(NamedTuple):
    """All outcomes by rule id, in the order of the rules, and the tables they were drawn from. `seconds`: how long each rule took, by id."""

    outcomes: dict[str, Outcome]
    store: Tables
    seconds: Mapping[str, float] = MappingProxyType({})

    @property
    def findings(self) -> list[Finding]:
        return [f for o in self.outcomes.values() for f in o.findings]

    @property
    def is_blind(self) -> bool:
        """Whether something was denied, timed out or broke for a rule that wanted it: then the host is never called healthy."""
        return any(o.result == "broken" or o.is_partial or (o.result == "skipped") for o in self.outcomes.values())

    def unread(self) -> list[Unread]:
        """What could not be looked at, once each, with the rules that wanted it; obstacles first, then what this kind of host has none of."""
        rules: dict[tuple[str, Kind, str, str], list[str]] = {}
        for rule_id, outcome in self.outcomes.items():
            for table, gap in outcome.gaps:
                what = table.replace("_", " ") if gap.where == "*" else gap.where
                rules.setdefault((what, gap.kind, gap.reason, gap.remedy), []).append(rule_id)
        found = [Unread(*key, tuple(dict.fromkeys(ids))) for key, ids in rules.items()]
        return sorted(found, key=lambda u: (u.kind is Kind.TARGET, u.what, u.reason))


def evaluate(rules: Sequence[Rule], store: Tables) -> Evaluation:
    """Run every rule. First the tables that rules speak of are collected; what else a rule reads only if that is not empty."""
    first = {r.first_table for r in rules} | {"agents" for r in rules if r.applies_to}
    store.ensure(first)
    alive = [r for r in rules if not _speaks_of_nothing(r, store) and not _applies_to_nothing(r, store)]
    store.ensure({t for r in alive for t in r.reads})
    living = {r.id for r in alive}
    outcomes: dict[str, Outcome] = {}
    seconds: dict[str, float] = {}
    for rule in rules:
        started = time.perf_counter()
        try:
            outcomes[rule.id] = _judge(rule, store) if rule.id in living else Outcome("not applicable")
        except Exception as error:  # our bug: this rule is broken, the run goes on
            import traceback

            outcomes[rule.id] = Outcome(
                "broken", reason=f"{type(error).__name__}: {error}", trace=traceback.format_exc()
            )
        seconds[rule.id] = time.perf_counter() - started
    return Evaluation(outcomes, store, seconds)


def _speaks_of_nothing(rule: Rule, store: Tables) -> bool:
    gaps = store.gaps.get(rule.first_table, ())
    return (
        store.counts.get(rule.first_table, 0) == 0
        and all(g.kind is Kind.TARGET for g in gaps)
        and rule.first_table not in store.failures
    )


def _applies_to_nothing(rule: Rule, store: Tables) -> bool:
    spec = rule.applies_to.get("agent")
    agents = store.rows("agents")
    return bool(spec and agents) and all(_agent_fits(a, str(spec)) == 0 for a in agents)


def _agent_fits(agent: Any, spec: str) -> int | None:
    """1, 0 or None (undecided): by the version, else by the major version where that decides alone."""
    decided = version_in(agent.version, spec) if agent.version else None
    return decided if decided is not None else version_in(str(agent.major), spec)


def _judge(rule: Rule, store: Tables) -> Outcome:
    for table in rule.reads:
        if table in store.failures:
            error, trace = store.failures[table]
            return Outcome("broken", reason=error, trace=trace)
    met = [(t, g) for t in rule.reads for g in store.gaps.get(t, ()) if _concerns(g, rule.reads[t])]
    everywhere = [(t, g) for t, g in met if g.where == "*"]
    if everywhere:
        obstacles = [(t, g) for t, g in everywhere if g.kind is not Kind.TARGET]
        if not obstacles:
            return Outcome("not applicable", gaps=tuple(everywhere))
        _, gap = obstacles[0]
        return Outcome("skipped", reason=gap.reason, remedy=gap.remedy, gaps=tuple(obstacles))
    hidden = _hidden_places(rule, met)
    if isinstance(hidden, Gap):
        return Outcome("skipped", reason=f"{hidden.where}: {hidden.reason}", remedy=hidden.remedy, gaps=tuple(met))
    names: tuple[str, ...] = ()
    rows: list[tuple[Any, ...]] = []
    if all(store.counts.get(table) for table in rule.joined):  # else SQLite need not even read the query
        store.database.have(rule.reads)
        names, rows = store.database.select(rule.query)
    kept, dropped, undecided = [], 0, False
    for values in rows:
        row = dict(zip(names, values, strict=True))
        fits = _row_fits(rule, row, store)
        if fits == 0:
            dropped += 1
            continue
        if any(_is_at(row.get(column), place) for column, place in hidden):
            continue
        undecided = undecided or fits is None
        kept.append(row)
    if rows and dropped == len(rows):
        return Outcome("not applicable")
    is_partial = undecided or any(g.kind is not Kind.TARGET for _, g in met)
    findings = _findings(rule, kept)
    return Outcome("found" if findings else "passed", is_partial, findings=tuple(findings), gaps=tuple(met))


def _concerns(gap: Gap, columns: Sequence[str]) -> bool:
    return gap.columns is None or bool(set(gap.columns) & set(columns))


def _hidden_places(rule: Rule, met: Sequence[tuple[str, Gap]]) -> set[tuple[str, str]] | Gap:
    """(column, value) of rows that may only exist because something could not be read; or the gap for whose sake the whole rule is skipped."""
    places: set[tuple[str, str]] = set()
    for table, gap in met:
        if table not in rule.absent:
            continue
        complete = tables.TABLES[table].complete_when
        if complete:
            other, column = complete.split(".")
            if column in rule.reads.get(other, ()):
                continue
        tied = [c for c in rule.absent[table] if c in rule.columns]
        column_for = "file" if gap.where.startswith("/") else "agent"
        if column_for not in tied:
            return gap
        places.add((column_for, gap.where))
    return places


def _is_at(value: Any, place: str) -> bool:
    return isinstance(value, str) and (
        value == place or (place.startswith("/") and value.startswith(place.rstrip("/") + "/"))
    )


def _row_fits(rule: Rule, row: Mapping[str, Any], store: Tables) -> int | None:
    """1, 0 or None (undecided) by applies_to."""
    verdict: int | None = 1
    for name, spec in rule.applies_to.items():
        value = row.get(VERSION_COLUMNS[name])
        if name == "agent":
            agent = next((a for a in store.rows("agents") if a.agent == value), None)
            one = _agent_fits(agent, spec) if agent is not None else None
        else:
            one = version_in(value, spec)
        if one == 0:
            return 0
        verdict = verdict if one else None
    return verdict


# --- rows become findings --------------------------------------------------------------------------------------------


class NullInMessage(Exception):
    """A message met a NULL: write coalesce(…) in the query."""


def fill(text: str, row: Mapping[str, Any], *, is_strict: bool = True) -> str:
    """Put columns in the places of `{column}`. A JSON list of texts reads "a, b and c". NULL raises NullInMessage when strict, else it is left blank."""
    if "{" not in text:
        return text

    def put(match: Any) -> str:
        value = row[match[2]]
        if value is None:
            if is_strict:
                raise NullInMessage(f"{{{match[2]}}} is NULL: write coalesce({match[2]}, …) in the query")
            return ""
        if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
            return _list_in_words(value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    return PLACEHOLDER.sub(put, text)


def _list_in_words(text: str) -> str:
    try:
        items = json.loads(text)
    except ValueError:
        return text
    if not isinstance(items, list) or not all(isinstance(i, (str, int)) for i in items):
        return text
    words = [str(i) for i in items]
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)


def _findings(rule: Rule, rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    found = [_finding(rule, dict(row)) for row in rows]
    found.sort(key=lambda f: (f.file or "", f.line or 0, f.column or 0, f.message))
    seen: dict[str, int] = {}
    for finding in found:
        base = finding.id
        seen[base] = seen.get(base, 0) + 1
        finding.id = _fingerprint([base, seen[base]]) if seen[base] > 1 else base
    return found


def _finding(rule: Rule, row: dict[str, Any]) -> Finding:
    also = [(p["file"], p.get("line")) for p in json.loads(row["also"])] if row.get("also") else []
    identity = _fingerprint([rule.id, *_identity(rule, row)])
    return Finding(
        id=identity,
        rule=rule.id,
        area=rule.area,
        title=rule.title,
        severity=Severity(row["severity"]) if row.get("severity") else rule.severity,
        message=fill(rule.message, row),
        agent=row.get("agent"),
        file=row.get("file"),
        line=row.get("line"),
        column=row.get("column"),
        also=also,
        why=rule.why,
        advice=fill(rule.advice, row, is_strict=False),
        avoid=rule.avoid,
        fold=rule.fold,
        fix=_offer(rule, row),
        links=list(rule.links),
        row=row,
        identity=identity,
    )


def _identity(rule: Rule, row: Mapping[str, Any]) -> list[Any]:
    names = rule.identity or tuple(
        n
        for n in rule.columns
        if n not in _NOT_IDENTITY
        and not n.endswith(("_at", "_count"))
        and not (isinstance(row[n], str) and _TOKEN_MARK in row[n])
    )
    return [
        [n, _TOKEN.sub(r"<\1>", row[n]) if isinstance(row[n], str) and _TOKEN_MARK in row[n] else row[n]]
        for n in sorted(names)
    ]


def _fingerprint(parts: Sequence[Any]) -> str:
    text = json.dumps(parts, ensure_ascii=False, default=str)
    return str(_sha256()(text.encode("utf-8", "backslashreplace")).hexdigest()[:10])


@cache
def _sha256() -> Callable[[bytes], Any]:
    """Python's own, as `random` takes it: loading OpenSSL, which hashlib does, takes 2 ms."""
    for module in ("_sha2", "_sha256", "hashlib"):  # from 3.12 on, before, and where somebody built Python without
        try:
            found: Callable[[bytes], Any] = importlib.import_module(module).sha256
            return found
        except ImportError:
            continue
    raise AssertionError


def _offer(rule: Rule, row: Mapping[str, Any]) -> FixOffer | None:
    fix = rule.fix
    if fix is None:
        return None
    safety = Safety(row["safety"]) if row.get("safety") else fix.safety
    if rule.is_user_rule and safety is Safety.SAFE:
        safety = Safety.UNSAFE
    steps, missing = [], ""
    for step in fix.steps:
        params = []
        for key, value in step.params.items():
            filled, lacking = fill_parameter(value, row)
            missing = missing or lacking
            params.append(f"{key}: {json.dumps(filled, ensure_ascii=False) if not isinstance(filled, str) else filled}")
        steps.append(f"{step.action} {{{', '.join(params)}}}")
    because = f"{missing} is not known" if missing and safety is not Safety.MANUAL else None
    return FixOffer(fix.title, safety, steps, None, because)


def fill_parameter(value: Any, row: Mapping[str, Any]) -> tuple[Any, str]:
    """(the parameter with its placeholders filled, the name of a column that is NULL or ""). One whole placeholder keeps the column's type; {*column} splices a list."""
    if isinstance(value, str):
        whole = PLACEHOLDER.fullmatch(value)
        if whole and not whole[1]:
            return row[whole[2]], whole[2] if row[whole[2]] is None else ""
        missing = next((n for _, n in PLACEHOLDER.findall(value) if row[n] is None), "")
        return PLACEHOLDER.sub(lambda m: "" if row[m[2]] is None else str(row[m[2]]), value), missing
    if isinstance(value, list):
        items: list[Any] = []
        missing = ""
        for item in value:
            spliced = PLACEHOLDER.fullmatch(item) if isinstance(item, str) else None
            if spliced and spliced[1]:
                items += json.loads(row[spliced[2]] or "[]")
                continue
            filled, lacking = fill_parameter(item, row)
            items.append(filled)
            missing = missing or lacking
        return items, missing
    if isinstance(value, dict):
        pairs = {k: fill_parameter(v, row) for k, v in value.items()}
        return {k: v for k, (v, _) in pairs.items()}, next((m for _, m in pairs.values() if m), "")
    return value, ""


def sqlite_error(error: sqlite3.Error) -> str:
    """A database error in words for `query`."""
    text = str(error)
    return "only reading is allowed" if "not authorized" in text or "prohibited" in text else text
