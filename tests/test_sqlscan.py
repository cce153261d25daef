"""What a query's text tells: first table, absences and their ties, and refused constructs."""

from __future__ import annotations

import pytest

from dddoctor import sql, sqlscan, tables

tables.load_all()


def _problems(query: str) -> list[str]:
    return [message for _, message in sqlscan.scan(query, tables.TABLES).problems]


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ('SELECT f.file FROM config_files AS f WHERE f.file_kind = "check"', "single quotes"),
        ("SELECT f.file FROM config_files AS f WHERE f.file GLOB '/etc/*'", "GLOB"),
        ("SELECT f.file FROM config_files AS f WHERE f.file LIKE '/etc/%'", "LIKE"),
        (
            "SELECT f.file FROM config_files AS f WHERE f.file NOT IN (SELECT k.file FROM yaml_keys AS k WHERE k.agent = f.agent)",
            "NOT EXISTS",
        ),
        ("SELECT f.file FROM config_files AS f WHERE NOT f.file IN ('a')", "NOT x IN"),
        (
            "SELECT a.agent FROM agents AS a WHERE (SELECT count(*) = 0 FROM config_files AS f WHERE f.agent = a.agent)",
            "NOT EXISTS",
        ),
        ("SELECT a.agent FROM agents AS a JOIN config_files AS f ON f.file = a.main_file", "both have `agent`"),
        ("SELECT a.agent FROM agents AS a UNION SELECT f.agent FROM config_files AS f", "UNION at top level"),
        ("SELECT a.agent FROM agents AS a RIGHT JOIN config_files AS f ON f.agent = a.agent", "RIGHT JOIN"),
        ("SELECT iif(a.major = 5, 1, 0) AS x FROM agents AS a", "IIF"),
        ("SELECT f.managed_by ->> '$.a' AS x FROM config_files AS f", "->>"),
        ("SELECT group_concat(f.file ORDER BY f.file) AS x FROM config_files AS f", "ORDER BY"),
        ("SELECT a.agent FROM agents AS a WHERE a.version = 7", "is a text"),
        ("SELECT a.agent FROM agents AS a WHERE a.version < '7.52'", "versions are no texts"),
        ("SELECT a.agent FROM agents AS a WHERE matches(a.version, a.agent)", "literal"),
        ("SELECT a.agent FROM agents AS a WHERE matches(a.version, '(a+)+b')", "quantifier over a group"),
        ("SELECT a.agent FROM agents AS a WHERE matches(a.version, '(?=a)b')", "look-around"),
        ("SELECT a.agent FROM agents AS a WHERE matches(a.version, '(a)\\1')", "back-references"),
        ("SELECT a.agent FROM agents AS a; DELETE FROM agents", "semicolon"),
    ],
)
def test_a_construct_that_is_silently_wrong_or_slow_is_refused(query: str, word: str) -> None:
    """Each refusal says what to write instead."""
    assert any(word in p for p in _problems(query)), _problems(query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT f.file, f.agent FROM config_files AS f JOIN agents AS a ON a.agent = f.agent WHERE f.file IN ('a', 'b') AND f.file NOT IN ('c')",
        "SELECT f.file FROM config_files AS f WHERE f.managed_by LIKE 'Ansible%' -- a comment with \"quotes\" and ; in it",
        "SELECT f.file FROM config_files AS f WHERE f.file = 'it''s [*] \"quoted\"'",
        "WITH x AS (SELECT k.file, k.agent FROM yaml_keys AS k) SELECT x.file FROM x",
        "SELECT a.agent FROM agents AS a WHERE a.major >= 6 AND version_in(a.version, '>=7.52') AND matches(a.version, '^7\\.(5|6)+$')",
    ],
)
def test_sound_queries_have_no_problem(query: str) -> None:
    """What rules really write passes."""
    assert _problems(query) == []


def test_the_first_table_of_the_outer_from_is_found_through_a_cte() -> None:
    """The rule speaks of what stands there, not of what a subselect in its columns reads."""
    plain = sqlscan.scan(
        "SELECT (SELECT count(*) FROM agents AS a WHERE a.agent = f.agent) AS n FROM config_files AS f", tables.TABLES
    )
    through = sqlscan.scan(
        "WITH x AS (SELECT k.file FROM yaml_keys AS k) SELECT x.file FROM x, agents AS a", tables.TABLES
    )

    assert (plain.first_table, through.first_table) == ("config_files", "yaml_keys")


def test_absences_are_found_with_the_columns_that_tie_them() -> None:
    """NOT EXISTS, the right side of a LEFT JOIN and EXCEPT; a plain EXISTS is none."""
    found = sqlscan.scan(
        """SELECT f.file, f.agent FROM config_files AS f
           JOIN agents AS a ON a.agent = f.agent
           LEFT JOIN settings AS s ON s.agent = f.agent AND s.key = 'site'
           WHERE NOT EXISTS (SELECT 1 FROM yaml_keys AS k WHERE k.file = f.file AND k.agent = f.agent)
             AND EXISTS (SELECT 1 FROM instances AS i WHERE i.agent = f.agent)
             AND f.file IN (SELECT file FROM log_sources AS l WHERE l.agent = f.agent EXCEPT SELECT u.file FROM unknown_settings AS u WHERE u.agent = f.agent)""",
        tables.TABLES,
    )

    assert found.absent == {"settings": ("agent",), "yaml_keys": ("agent", "file"), "unknown_settings": ("agent",)}
    assert found.problems == []


@pytest.mark.parametrize(
    ("query", "joined"),
    [
        ("SELECT f.file FROM config_files AS f JOIN agents AS a ON a.agent = f.agent", ("config_files", "agents")),
        ("SELECT f.file FROM config_files AS f CROSS JOIN os WHERE f.file = 'x'", ("config_files", "os")),
        ("SELECT f.file FROM config_files AS f LEFT JOIN agents AS a ON a.agent = f.agent", ("config_files",)),
        (
            "SELECT f.file FROM config_files AS f WHERE EXISTS (SELECT 1 FROM agents AS a WHERE a.agent = f.agent)",
            ("config_files",),
        ),
        ("SELECT list_of(f.file) AS files FROM config_files AS f", ()),
        ("SELECT list_of(f.file) AS files FROM config_files AS f GROUP BY f.agent", ("config_files",)),
        (
            "WITH agents AS (SELECT k.file FROM yaml_keys AS k UNION SELECT 'x') SELECT o.name FROM agents, os AS o",
            ("os",),
        ),
    ],
)
def test_the_tables_without_whose_rows_a_query_has_none(query: str, joined: tuple[str, ...]) -> None:
    """Those that the outer FROM joins; one row of aggregates stands without any row, and a CTE is no table whatever its name."""
    assert sqlscan.scan(query, tables.TABLES).joined == joined


def test_versions_are_compared_by_their_numbers_and_unknown_stays_unknown() -> None:
    """7.9 is older than 7.52; "7" alone decides >=6 but not >=7.52."""
    cases = {
        ("7.9.1", ">=7.52"): 0,
        ("7.72.4", ">=7.52,<7.78"): 1,
        ("7", ">=6"): 1,
        ("7", ">=7.52"): None,
        ("10.11.6-MariaDB", ">=10.5"): 1,
        (None, ">=6"): None,
    }

    assert {k: sql.version_in(*k) for k in cases} == cases


def test_a_connection_reads_and_does_nothing_else() -> None:
    """A query with INSERT, ATTACH or PRAGMA is refused by the authorizer, not by looking at its text."""
    database = sql.Database(tables.TABLES.values())

    for statement in (
        "INSERT INTO agents (agent) VALUES ('x')",
        "ATTACH ':memory:' AS other",
        "PRAGMA user_version = 1",
        "DROP TABLE agents",
        "DELETE FROM agents",
    ):
        with pytest.raises(Exception, match="not authorized|prohibited"):
            database.select(statement)


def test_a_runaway_query_is_interrupted() -> None:
    """A rule or a question cannot hang the run."""
    database = sql.Database(tables.TABLES.values())

    with pytest.raises(Exception, match="interrupted"):
        database.select(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", limit_seconds=0.2
        )
