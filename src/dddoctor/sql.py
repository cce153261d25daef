"""SQLite as the doctor uses it: the schema of the tables, the helper functions of rules, and a connection that can only read."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from dddoctor.tables import Table

# Identity columns get an index when a table is large (rules.md: without them 5,000 files took 145 s, with them 0.6 s). `agent` is none of them: it has the
# same value in all rows, and SQLite, which takes any two indexes for equally good, chose it over `file` (one rule then took 126 s).
INDEXED = ("file", "pattern", "check_name", "account", "prefix", "module", "port", "app", "environment")
INDEX_FROM_ROWS = 64
MEASURE_FROM_ROWS = 1000
_TYPES = {"int": "INTEGER", "float": "REAL", "str": "TEXT"}
_OK, _READ = sqlite3.SQLITE_OK, sqlite3.SQLITE_READ
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33})  # 33 = SQLITE_RECURSIVE
_UNSAFE_FUNCTIONS = frozenset(
    {"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer", "randomblob", "zeroblob"}
)
MATCH_INPUT_LIMIT = 4096
VALUES_AT_ONCE = 2000 if sqlite3.sqlite_version_info >= (3, 32) else 900  # in one INSERT; as far as SQLite takes


# Python's sqlite3 asks for an adapter of every None, in vain, and that takes longer than to bind it. This one gives None back.
sqlite3.register_adapter(type(None), {}.get)  # type: ignore[arg-type]


class Database:
    """One in-memory SQLite database. Rows are written by `insert` alone; every other statement may only read (an authorizer holds this).

    A table is made when it is first written to or asked of: making all of them takes 3 ms, a third of them is used.
    """

    def __init__(self, tables: Iterable[Table]) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        self._is_writing = True
        self._reads: dict[str, set[str]] | None = None
        self._deadline: float | None = None
        self._is_measured = True
        self._columns: dict[str, int] = {"gaps": 6}
        self._absent = {t.name: t for t in tables}
        self._connection.execute(
            "CREATE TABLE gaps (table_name TEXT, place TEXT, kind TEXT, reason TEXT, remedy TEXT, columns TEXT)"
        )
        _register_helpers(self._connection)
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(self._is_late, 200_000)
        self._is_writing = False

    def have(self, names: Iterable[str]) -> None:
        """Make these tables, where that has not happened yet."""
        for name in names:
            table = self._absent.pop(name, None)
            if table is not None:
                columns = ", ".join(
                    f"{c} {_TYPES.get(k.split(' ')[0], 'TEXT')}"
                    for c, k in zip(table.columns, table.types, strict=True)
                )
                self._columns[name] = len(table.columns)
                self.write(f"CREATE TABLE {name} ({columns})")

    def clear(self, table: str) -> None:
        """Take away the rows of a table."""
        if table not in self._absent:
            self.write(f"DELETE FROM {table}")

    def insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows. Text that SQLite cannot hold (lone surrogates of an undecodable file name) is written with backslash escapes."""
        self.have((table,))
        self._is_writing = True
        try:
            self._connection.execute("BEGIN")
            try:
                self._append(table, rows)
            except UnicodeEncodeError:
                self._connection.execute("ROLLBACK")
                self._connection.execute("BEGIN")
                self._append(table, [tuple(map(_encodable, row)) for row in rows])
            self._connection.execute("COMMIT")
        finally:
            self._is_writing = False

    def _append(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Many rows a statement: that takes half the time of one row a statement."""
        columns = self._columns[table]
        at_once = max(1, VALUES_AT_ONCE // columns)
        whole = len(rows) - len(rows) % at_once
        if whole:
            statement = self._insertion(table, at_once)
            for start in range(0, whole, at_once):
                self._connection.execute(statement, list(chain.from_iterable(rows[start : start + at_once])))
        if whole < len(rows):
            self._connection.executemany(self._insertion(table, 1), rows[whole:])

    def _insertion(self, table: str, count: int) -> str:
        row = f"({','.join('?' * self._columns[table])})"
        return f"INSERT INTO {table} VALUES {','.join([row] * count)}"

    def write(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run one of the engine's own statements (CREATE TABLE, CREATE INDEX, DELETE of an abandoned collector's rows)."""
        self._is_writing = True
        try:
            self._connection.execute(statement, parameters)
        finally:
            self._is_writing = False

    def index(self, table: str, columns: Sequence[str], row_count: int) -> None:
        """Index the identity columns of a filled table; small tables are scanned faster than an index is built."""
        if row_count >= INDEX_FROM_ROWS:
            for column in columns:
                if column in INDEXED:
                    self.write(f"CREATE INDEX IF NOT EXISTS {table}_{column} ON {table} ({column})")
                    self._is_measured = self._is_measured and row_count < MEASURE_FROM_ROWS

    def measure(self) -> None:
        """Let SQLite see which indexes tell rows apart, so that it chooses the right one for each query. Looks at some hundred rows of each: under 1 ms."""
        if not self._is_measured:
            self.write("PRAGMA analysis_limit = 400")
            self.write("ANALYZE")
            self._is_measured = True

    def count(self, table: str) -> int:
        self.have((table,))
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def columns_of(self, query: str) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
        """Prepare a query without running it: (result columns, table → columns that it reads). Raises sqlite3.Error."""
        self.have(list(self._absent))
        self._reads = {}
        try:
            # LIMIT 0 around the query would hide errors of its own; EXPLAIN compiles it whole and runs nothing of it.
            self._connection.execute("EXPLAIN " + query).close()
            reads = self._reads
        finally:
            self._reads = None
        cursor = self._connection.execute(f"SELECT * FROM ({query}) LIMIT 0")
        names = tuple(d[0] for d in cursor.description)
        return names, {t: tuple(sorted(c)) for t, c in sorted(reads.items())}

    def select(
        self, query: str, parameters: Sequence[Any] = (), limit_seconds: float = 10.0
    ) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Run a read-only query: (column names, rows). A runaway is interrupted at the limit (sqlite3.OperationalError)."""
        self._deadline = time.monotonic() + limit_seconds
        try:
            try:
                cursor = self._connection.execute(query, parameters)
            except sqlite3.OperationalError as error:
                if not self._absent or "no such table" not in str(error):
                    raise
                self.have(list(self._absent))
                cursor = self._connection.execute(query, parameters)
            return tuple(d[0] for d in cursor.description or ()), cursor.fetchall()
        finally:
            self._deadline = None

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _authorize(
        self, code: int, first: str | None, second: str | None, _db: str | None, _trigger: str | None
    ) -> int:
        if self._is_writing or (code == _READ and self._reads is None):  # nearly all calls are such
            return _OK
        if code not in _ALLOWED or (code == sqlite3.SQLITE_FUNCTION and str(second).lower() in _UNSAFE_FUNCTIONS):
            return sqlite3.SQLITE_DENY
        if code == sqlite3.SQLITE_READ and self._reads is not None and first and not first.startswith("sqlite_"):
            columns = self._reads.setdefault(first, set())
            if second:
                columns.add(second)
        return sqlite3.SQLITE_OK


def _encodable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _register_helpers(connection: sqlite3.Connection) -> None:
    for name, count, function in (
        ("places", -1, places),
        ("plural", 2, plural),
        ("version_in", 2, version_in),
        ("agent_bool", 1, agent_bool),
        ("matches", 2, matches),
    ):
        connection.create_function(name, count, function, deterministic=True)
    connection.create_aggregate("list_of", 1, _ListOf)  # type: ignore[arg-type]  # typeshed wants wider step parameters


class _ListOf:
    """`list_of(x)`: the distinct non-NULL values, sorted, as a JSON list; a message prints it as "a, b and c", argv splices it with {*column}."""

    def __init__(self) -> None:
        self.values: set[str | int | float] = set()

    def step(self, value: str | float | None) -> None:
        if value is not None:
            self.values.add(value)

    def finalize(self) -> str:
        return json.dumps(sorted(self.values, key=lambda v: (isinstance(v, str), v)), ensure_ascii=False)


def places(*pairs: str | int | None) -> str:
    """(file, line, file, line, …) as the JSON list of the `also` column; a pair without a file is left out."""
    found = [{"file": f, "line": n} for f, n in zip(pairs[::2], pairs[1::2], strict=False) if f is not None]
    return json.dumps(found, ensure_ascii=False)


def plural(count: int | None, word: str) -> str | None:
    """(1, "file") → "1 file"; (2, "entry") → "2 entries"."""
    if count is None:
        return None
    if count == 1:
        return f"1 {word}"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{count} {word[:-1]}ies"
    return f"{count} {word}{'es' if word.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


@lru_cache(maxsize=512)
def version_in(version: str | None, spec: str) -> int | None:
    """1 or 0: does a version such as "7.52.1" or "10.11.6-MariaDB" satisfy ">=6,<7.78"? NULL when the version is unknown.

    A version that names fewer parts than the bound is undecided where the missing parts matter ("7" against ">=7.52" is NULL).
    """
    numbers = re.match(r"\D{0,3}(\d+(?:\.\d+)*)", str(version)) if version is not None else None
    if numbers is None:
        return None
    have = tuple(int(n) for n in numbers[1].split("."))
    verdict: int | None = 1
    for part in str(spec).split(","):
        found = re.fullmatch(r"\s*(>=|<=|==|!=|>|<|=)?\s*(\d+(?:\.\d+)*)\s*", part)
        if found is None:
            raise ValueError(f"version_in: {part!r} is not a bound such as >=7.52")
        one = _compare(have, found[1] or "==", tuple(int(n) for n in found[2].split(".")))
        if one == 0:
            return 0
        if one is None:
            verdict = None
    return verdict


def _compare(have: tuple[int, ...], operator: str, bound: tuple[int, ...]) -> int | None:
    shared = min(len(have), len(bound))
    head = (have[:shared] > bound[:shared]) - (have[:shared] < bound[:shared])
    if head == 0 and len(have) < len(bound) and any(bound[shared:]):
        # "7" may be 7.0 or 7.80: below 7.52, equal to it or above it.
        return None
    if head == 0 and len(have) > len(bound) and operator in {">", "<="} and any(have[shared:]):
        head = 1
    return int(
        {
            ">=": head >= 0,
            "<=": head <= 0,
            "==": head == 0,
            "=": head == 0,
            "!=": head != 0,
            ">": head > 0,
            "<": head < 0,
        }[operator]
    )


def agent_bool(text: str | int | None) -> int | None:
    """1 or 0 as the Agent reads a boolean setting (Go's strconv.ParseBool; a word that is none counts as false, measured on 7.72.4). NULL stays NULL."""
    if text is None:
        return None
    if isinstance(text, (int, float)):
        return int(text != 0)
    return int(text in {"1", "t", "T", "TRUE", "true", "True"})


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def matches(text: str | None, pattern: str) -> int | None:
    """1 or 0: does the regular expression occur in the first 4 kB of the text? NULL stays NULL."""
    if text is None:
        return None
    return int(_compiled(pattern).search(str(text)[:MATCH_INPUT_LIMIT]) is not None)


def regex_problem(pattern: str) -> str | None:
    """Why `matches` refuses a pattern: back-references, look-around, a quantifier over a group that holds one. None = fine."""
    if re.search(r"\\[1-9]|\(\?P=", pattern):
        return "back-references are refused (slow)"
    if re.search(r"\(\?(?:=|!|<=|<!)", pattern):
        return "look-around is refused (slow)"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"not a regular expression: {error}"
    return (
        "a quantifier over a group that holds a quantifier is refused (slow)"
        if _has_nested_quantifier(pattern)
        else None
    )


def _has_nested_quantifier(pattern: str) -> bool:
    """Whether a group that is repeated without bound contains a repetition without bound, anywhere below it."""
    stack: list[bool] = [False]
    i, n = 0, len(pattern)
    after_group: bool | None = None
    while i < n:
        c = pattern[i]
        if c == "\\":
            i += 2
            after_group = None
            continue
        if c == "[":
            i += 2 if pattern[i + 1 : i + 2] == "]" else 1
            while i < n and pattern[i] != "]":
                i += 2 if pattern[i] == "\\" else 1
            after_group = None
        elif c == "(":
            stack.append(False)
            after_group = None
        elif c == ")" and len(stack) > 1:
            after_group = stack.pop()
            stack[-1] = stack[-1] or after_group
        elif c in "*+" or re.match(r"\{\d*,\}", pattern[i:]):
            if after_group:
                return True
            stack[-1] = True
            after_group = None
        elif c != "?":
            after_group = None
        i += 1
    return False


Helper = Callable[..., Any]
