"""The database behind the tables: what goes in comes out, whatever the number of rows, and large tables are searched by what tells their rows apart."""

from __future__ import annotations

import sqlite3

import pytest

from dddoctor.light import NamedTuple
from dddoctor.sql import VALUES_AT_ONCE, Database
from dddoctor.tables import Table


class Row(NamedTuple):
    """Of these tests."""

    file: str
    agent: str
    line: int | None
    size: float | None


COLUMNS, TYPES = tuple(Row._fields), ("str", "str", "int | None", "float | None")


@pytest.fixture
def database() -> Database:
    return Database(
        [Table("things", Row, "", None, COLUMNS, TYPES, ""), Table("parts", Row, "", None, COLUMNS, TYPES, "")]
    )


@pytest.mark.parametrize("count", [0, 1, VALUES_AT_ONCE // 4, VALUES_AT_ONCE // 4 + 1, VALUES_AT_ONCE])
def test_rows_come_back_in_order(database: Database, count: int) -> None:
    """Many rows go in with one statement, the rest one by one; NULL stays NULL."""
    rows = [Row(f"/{n}", "package", None if n % 3 else n, n / 2 if n % 2 else None) for n in range(count)]
    database.insert("things", rows)

    assert database.select("SELECT * FROM things ORDER BY rowid")[1] == [tuple(r) for r in rows]


def test_a_name_that_sqlite_cannot_hold_is_written_with_escapes_and_nothing_twice(database: Database) -> None:
    """A file name that is no UTF-8 comes as lone surrogates."""
    rows = [Row(f"/{n}" if n != 900 else "/\udcff", "package", n, None) for n in range(1000)]
    database.insert("things", rows)

    assert database.select("SELECT count(*), count(DISTINCT line) FROM things")[1] == [(1000, 1000)]
    assert database.select("SELECT file FROM things WHERE line = 900")[1] == [("/\\udcff",)]


def test_a_join_by_file_and_agent_looks_up_the_file(database: Database) -> None:
    """All rows have the same agent: an index on it would make every join compare all with all."""
    rows = [Row(f"/{n}", "package", n, None) for n in range(4000)]
    for name in ("things", "parts"):
        database.insert(name, rows)
        database.index(name, COLUMNS, len(rows))
    database.measure()
    query = "SELECT count(*) FROM things AS a JOIN parts AS b ON b.file = a.file AND b.agent = a.agent"

    assert database.select(query, limit_seconds=2.0)[1] == [(4000,)]
    assert "agent" not in "".join(
        str(p) for p in database.select("SELECT name FROM sqlite_master WHERE type = 'index'")[1]
    )


def test_a_table_that_nobody_wrote_to_is_an_empty_one(database: Database) -> None:
    """Tables are made when they are needed: by a query, by a count, by rows. One that does not exist is still told."""
    assert database.select("SELECT p.file FROM parts AS p JOIN things AS t ON t.file = p.file") == (("file",), [])
    assert database.count("things") == 0
    database.clear("parts")
    with pytest.raises(sqlite3.OperationalError, match="no such table: none_such"):
        database.select("SELECT * FROM none_such")
