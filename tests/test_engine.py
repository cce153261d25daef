"""The five outcomes, in the order of decisions that docs/architecture.md gives, and time limits that hold when a probe hangs for good."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from dddoctor import tables
from dddoctor.collecting import Tables
from dddoctor.engine import Evaluation, evaluate, fill
from dddoctor.hosts.base import Unavailable
from dddoctor.model import Gap, Kind, Rule, Severity
from dddoctor.sqlscan import scan
from dddoctor.tables import RunOptions, table


class Thing(NamedTuple):
    """A subject of the tests."""

    file: str
    agent: str
    is_whole: int | None


class Part(NamedTuple):
    """A part of a thing."""

    file: str
    agent: str
    name: str


@pytest.fixture
def schema(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Any]]]:
    """Two tables whose rows and gaps the test supplies: things, and parts that are complete where things.is_whole is 1."""
    monkeypatch.setattr(tables, "TABLES", {})
    monkeypatch.setattr(tables, "COLLECTORS", {})
    supplied: dict[str, list[Any]] = {"things": [], "parts": []}

    @table("things", Thing)
    def collect_things() -> Iterator[Any]:
        yield from supplied["things"]

    @table("parts", Part, complete_when="things.is_whole")
    def collect_parts() -> Iterator[Any]:
        yield from supplied["parts"]

    yield supplied


def _rule(query: str, **fields: Any) -> Rule:
    store = Tables(None, None, RunOptions())  # type: ignore[arg-type]
    columns, reads = store.database.columns_of(query)
    scanned = scan(query, tables.TABLES)
    return Rule(
        "a-rule",
        "config",
        "T",
        Severity.WARNING,
        query,
        fields.pop("message", "wrong"),
        "why",
        columns,
        scanned.first_table,
        reads,
        scanned.absent,
        **fields,
    )


def _run(rule: Rule) -> Evaluation:
    return evaluate([rule], Tables(None, None, RunOptions()))  # type: ignore[arg-type]


NO_PART = "SELECT t.file, t.agent FROM things AS t WHERE NOT EXISTS (SELECT 1 FROM parts AS p WHERE p.file = t.file AND p.agent = t.agent)"


def test_rows_are_findings_and_none_is_a_pass(schema: dict[str, list[Any]]) -> None:
    """The plain case."""
    schema["things"] = [Thing("/a", "package", 1), Thing("/b", "package", 1)]
    schema["parts"] = [Part("/b", "package", "x")]
    outcome = _run(_rule(NO_PART)).outcomes["a-rule"]

    assert (outcome.result, outcome.is_partial, [f.file for f in outcome.findings]) == ("found", False, ["/a"])


def test_an_empty_first_table_is_not_applicable_and_nothing_else_is_collected(schema: dict[str, list[Any]]) -> None:
    """What the rule speaks of is not there: the other tables are not even asked."""
    evaluation = _run(_rule(NO_PART))

    assert evaluation.outcomes["a-rule"].result == "not applicable"
    assert "parts" not in evaluation.store.counts


def test_an_empty_first_table_with_a_gap_is_never_a_clean_pass(schema: dict[str, list[Any]]) -> None:
    """Could not look is not the same as nothing there."""
    schema["things"] = [Gap("/etc", Kind.DENIED, "denied", "sudo")]
    evaluation = _run(_rule("SELECT t.file, t.agent FROM things AS t"))

    assert (evaluation.outcomes["a-rule"].result, evaluation.is_blind) == ("passed", True)


def test_a_gap_under_an_absence_drops_that_file_only(schema: dict[str, list[Any]]) -> None:
    """The parts of /a are unknown, so it is no finding; /b stands."""
    schema["things"] = [Thing("/a", "package", None), Thing("/b", "package", 1)]
    schema["parts"] = [Gap("/a", Kind.DENIED, "denied", "sudo")]
    outcome = _run(_rule(NO_PART)).outcomes["a-rule"]

    assert (outcome.result, outcome.is_partial, [f.file for f in outcome.findings]) == ("found", True, ["/b"])


def test_a_gap_of_a_folder_hides_what_is_below_it(schema: dict[str, list[Any]]) -> None:
    """A directory that could not be listed counts for its files."""
    schema["things"] = [Thing("/conf.d/a", "package", None), Thing("/b", "package", 1)]
    schema["parts"] = [Gap("/conf.d", Kind.DENIED, "denied", "sudo")]

    assert [f.file for f in _run(_rule(NO_PART)).findings] == ["/b"]


def test_a_gap_under_an_untied_absence_skips_the_rule(schema: dict[str, list[Any]]) -> None:
    """Where the absence is not tied to the row's file, nothing can be said."""
    schema["things"] = [Thing("/a", "package", 1)]
    schema["parts"] = [Gap("/z", Kind.DENIED, "denied", "sudo")]
    rule = _rule(
        "SELECT t.file, t.agent FROM things AS t WHERE NOT EXISTS (SELECT 1 FROM parts AS p WHERE p.agent = t.agent AND p.name = 'x')"
    )
    outcome = _run(rule).outcomes["a-rule"]

    assert (outcome.result, outcome.remedy) == ("skipped", "sudo")


def test_a_query_that_reads_the_completeness_column_judges_for_itself(schema: dict[str, list[Any]]) -> None:
    """`is_whole = 1` in the query makes the absence safe; the gap still makes the rule partial."""
    schema["things"] = [Thing("/a", "package", None), Thing("/b", "package", 1)]
    schema["parts"] = [Gap("/z", Kind.DENIED, "denied", "sudo")]
    outcome = _run(_rule(NO_PART + " AND t.is_whole = 1")).outcomes["a-rule"]

    assert (outcome.result, outcome.is_partial, [f.file for f in outcome.findings]) == ("found", True, ["/b"])


def test_a_column_that_is_unknown_everywhere_skips_the_rules_that_read_it(schema: dict[str, list[Any]]) -> None:
    """And only those."""
    schema["things"] = [Thing("/a", "package", None), Gap("*", Kind.TOOL, "no tool", "apt", ("is_whole",))]
    reading = _run(_rule("SELECT t.file, t.is_whole FROM things AS t")).outcomes["a-rule"].result
    other = _run(_rule("SELECT t.file FROM things AS t")).outcomes["a-rule"]

    assert (reading, other.result, other.is_partial) == ("skipped", "found", False)


def test_what_this_kind_of_host_has_none_of_is_not_applicable(schema: dict[str, list[Any]]) -> None:
    """Kind target alone never spoils health."""
    schema["things"] = [Thing("/a", "package", 1)]
    schema["parts"] = [Gap("*", Kind.TARGET, "a folder has no processes")]
    evaluation = _run(_rule(NO_PART))

    assert (evaluation.outcomes["a-rule"].result, evaluation.is_blind) == ("not applicable", False)


def test_a_collector_that_fails_makes_its_rules_broken_and_the_run_goes_on(schema: dict[str, list[Any]]) -> None:
    """Our bug is told as ours."""

    @table("parts", Part)
    def collect_parts() -> Iterator[Any]:
        yield Part("/a", "package", "x")
        raise KeyError("oops")

    schema["things"] = [Thing("/a", "package", 1)]
    evaluation = _run(_rule(NO_PART))

    assert (evaluation.outcomes["a-rule"].result, "oops" in evaluation.outcomes["a-rule"].trace) == ("broken", True)


def test_a_null_in_a_message_breaks_the_rule(schema: dict[str, list[Any]]) -> None:
    """A message with a hole would be a wrong sentence."""
    schema["things"] = [Thing("/a", "package", None)]
    outcome = _run(_rule("SELECT t.file, t.is_whole FROM things AS t", message="{is_whole}")).outcomes["a-rule"]

    assert (outcome.result, "coalesce" in outcome.reason) == ("broken", True)


def test_a_host_that_cannot_answer_becomes_a_gap_everywhere(schema: dict[str, list[Any]]) -> None:
    """Unavailable out of a collector is kept with its remedy."""

    @table("parts", Part)
    def collect_parts() -> Iterator[Any]:
        raise Unavailable(Kind.DENIED, "no permission", "sudo")
        yield

    schema["things"] = [Thing("/a", "package", 1)]
    evaluation = _run(_rule(NO_PART))

    assert [(u.what, u.remedy, u.rules) for u in evaluation.unread()] == [("parts", "sudo", ("a-rule",))]


def test_equal_findings_get_different_ids_that_survive_inserted_lines(schema: dict[str, list[Any]]) -> None:
    """The id comes from what identifies the defect, not from its line."""
    schema["things"] = [Thing("/a", "package", 1), Thing("/a", "package", 1)]
    first = _run(_rule("SELECT t.file, 3 AS line FROM things AS t")).findings
    second = _run(_rule("SELECT t.file, 9 AS line FROM things AS t")).findings

    assert [f.id for f in first] == [f.id for f in second]
    assert len({f.id for f in first}) == 2


def test_hanging_probes_cost_the_slowest_deadline_and_no_more(schema: dict[str, list[Any]]) -> None:
    """Eight probes that never answer run side by side; the run ends one second after the slowest limit at most."""
    never = threading.Event()
    for number in range(8):
        row = NamedTuple(f"Row{number}", [("file", str)])  # type: ignore[misc]  # noqa: UP014 (a class a number)

        def hang() -> Iterator[Any]:
            never.wait(60)
            yield from ()

        hang.__name__ = f"hang_{number}"
        table(f"hanging_{number}", row, limit_seconds=0.5)(hang)
    schema["things"] = [Thing("/a", "package", 1)]
    store = Tables(None, None, RunOptions())  # type: ignore[arg-type]
    started = time.monotonic()
    store.ensure([f"hanging_{n}" for n in range(8)] + ["things"])
    took = time.monotonic() - started

    assert store.counts["things"] == 1
    assert all(store.gaps[f"hanging_{n}"][0].kind is Kind.TIMEOUT for n in range(8))
    assert took < 0.5 + 1.0 + 0.8, took  # 0.8: eight workers start one after the other, a tenth of a second apart


def test_a_list_in_a_message_reads_as_words() -> None:
    """list_of() makes JSON; a person reads words."""
    assert fill("lacks {names}.", {"names": '["a", "b", "c"]'}) == "lacks a, b and c."


def test_many_rows_arrive_all_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are handed over in batches, and a collector waits for each to be taken."""
    monkeypatch.setattr(tables, "TABLES", {})
    monkeypatch.setattr(tables, "COLLECTORS", {})

    @table("things", Thing)
    def collect_things() -> Iterator[Any]:
        yield from (Thing(f"/{n}", "package", n % 2) for n in range(12_345))

    store = Tables(None, None, RunOptions())  # type: ignore[arg-type]
    store.ensure(["things"])

    assert store.counts["things"] == 12_345
    assert store.database.select("SELECT file FROM things ORDER BY rowid")[1] == [(f"/{n}",) for n in range(12_345)]


def test_a_collector_that_hangs_after_many_rows_costs_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows go, its table has a gap, and the run ends."""
    monkeypatch.setattr(tables, "TABLES", {})
    monkeypatch.setattr(tables, "COLLECTORS", {})

    @table("things", Thing)
    def collect_things() -> Iterator[Any]:
        yield from (Thing(f"/{n}", "package", 1) for n in range(5000))
        threading.Event().wait()

    started = time.monotonic()
    store = Tables(None, None, RunOptions(), limit_seconds=0.2)  # type: ignore[arg-type]
    store.ensure(["things"])

    assert time.monotonic() - started < 2
    assert (store.counts["things"], [g.kind for g in store.gaps["things"]]) == (0, [Kind.TIMEOUT])
