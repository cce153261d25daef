"""`dddoctor query`: the same tables answer questions nobody wrote a rule for. Reads only; what could not be looked at is said."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from dddoctor import tables
from dddoctor.collecting import Tables
from dddoctor.engine import sqlite_error
from dddoctor.hosts.base import Host
from dddoctor.hosts.cache import CachedHost
from dddoctor.light import NamedTuple
from dddoctor.model import Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions


class QueryError(Exception):
    """Bad SQL: exit 2, one line."""


class Answer(NamedTuple):
    """Column names, rows with secrets shown as `<key #1>`, and the gaps in words."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    gaps: list[str]


def ask(sql: str, host: Host, apps: tuple[str, ...], timeout_seconds: float | None, network: bool = False) -> Answer:
    """Collect what the query reads, run it. `network`: also what leaves the host. Raises QueryError."""
    tables.load_all()
    vault = Vault()
    store = Tables(CachedHost(host), vault, RunOptions(apps, network), timeout_seconds)
    text = sql.strip().rstrip(";")
    try:
        _, reads = store.database.columns_of(text)
        wanted = set(reads) if "gaps" not in reads else set(tables.TABLES)
        store.ensure(wanted)
        columns, rows = store.database.select(text, limit_seconds=timeout_seconds or 30.0)
    except sqlite3.Error as error:
        raise QueryError(sqlite_error(error)) from error
    except (ValueError, sqlite3.Warning) as error:
        raise QueryError(str(error)) from error
    shown = [tuple(vault.show(v) if isinstance(v, str) else v for v in row) for row in rows]
    seen = {
        (gap.where if gap.where != "*" else name, gap.reason, gap.remedy)
        for name in sorted(wanted)
        for gap in store.gaps.get(name, ())
        if gap.kind is not Kind.TARGET or gap.remedy.startswith("--")
    }
    gaps = [
        vault.show(f"could not look at {where}: {reason}" + (f" (try: {remedy})" if remedy else ""))
        for where, reason, remedy in sorted(seen)
    ]
    return Answer(columns, shown, gaps)


def render(answer: Answer, format_: str) -> str:
    """The rows as an aligned table, as a JSON list of objects, or as CSV."""
    if format_ == "json":
        return (
            json.dumps([dict(zip(answer.columns, r, strict=True)) for r in answer.rows], ensure_ascii=False, indent=1)
            + "\n"
        )
    if format_ == "csv":
        import csv
        import io

        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([answer.columns, *answer.rows])
        return out.getvalue()
    cells = [[_cell(v) for v in row] for row in [answer.columns, *answer.rows]]
    widths = [min(60, max(len(row[i]) for row in cells)) for i in range(len(answer.columns))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(lines) + f"\n({len(answer.rows)} row{'s' * (len(answer.rows) != 1)})\n"


def _cell(value: Any) -> str:
    return "" if value is None else "".join(c if c.isprintable() else "\ufffd" for c in str(value))
