"""States join findings into causes and consequences."""

from __future__ import annotations

from typing import Any

from dddoctor.causes import link
from dddoctor.model import Finding, Link, Rule, Severity, State

STATES = {
    "agent-down": State("agent-down", "The Agent does not run.", ("agent",), ("check-not-loaded",)),
    "check-not-loaded": State("check-not-loaded", "The check does not run.", ("agent", "check_name")),
    "host-wide": State("host-wide", "Everything is bad."),
}


def _rule(name: str, **fields: Any) -> Rule:
    return Rule(name, "config", "T", Severity.ERROR, "", "", "", (), "", {}, **fields)


RULES = {
    r.id: r
    for r in (
        _rule("yaml-broken", brings=(Link("agent-down", "ends_agent"),)),
        _rule("code-broken", brings=(Link("check-not-loaded"),), symptoms=("cannot find a subclass",)),
        _rule("check-silent", shows=("check-not-loaded",)),
        _rule("both", brings=(Link("host-wide"),), shows=("host-wide",)),
        _rule("log-line"),
    )
}


def _finding(rule: str, line: int = 1, severity: Severity = Severity.ERROR, **row: Any) -> Finding:
    return Finding(f"{rule}-{line}", rule, "config", "T", severity, "m", file="/f", line=line, row=row)


def test_a_cause_explains_what_shows_its_state_with_equal_keys() -> None:
    """Another agent's check, or another check, is not explained."""
    cause = _finding("code-broken", agent="package", check_name="a")
    same, other = (
        _finding("check-silent", 2, agent="package", check_name="a"),
        _finding("check-silent", 3, agent="package", check_name="b"),
    )

    assert link([cause, same, other], RULES, STATES) == [cause.id, other.id]
    assert (same.explained_by, other.explained_by) == ([cause.id], [])


def test_a_state_brings_another_by_the_keys_they_share() -> None:
    """agent-down has no check_name: every check of that agent is explained."""
    cause = _finding("yaml-broken", agent="package", ends_agent=1)
    checks = [_finding("check-silent", n, agent="package", check_name=str(n)) for n in (2, 3)]
    elsewhere = _finding("check-silent", 4, agent="container:x", check_name="2")

    assert link([cause, *checks, elsewhere], RULES, STATES) == [cause.id, elsewhere.id]


def test_a_condition_that_is_false_brings_nothing_and_unknown_brings_possibly() -> None:
    """NULL = "possibly": the consequence stays a root."""
    shown = _finding("check-silent", 2, agent="package", check_name="a")
    never, perhaps = (
        _finding("yaml-broken", agent="package", ends_agent=0),
        _finding("yaml-broken", 5, agent="package", ends_agent=None),
    )

    assert shown.id in link([never, perhaps, shown], RULES, STATES)
    assert (shown.explained_by, shown.possibly_explained_by) == ([], [perhaps.id])


def test_keys_that_are_null_never_meet() -> None:
    """Two unknowns are not known to be equal."""
    cause, shown = (
        _finding("code-broken", agent="package", check_name=None),
        _finding("check-silent", 2, agent="package", check_name=None),
    )

    assert link([cause, shown], RULES, STATES) == [cause.id, shown.id]


def test_in_a_cycle_the_milder_and_then_the_later_finding_is_the_explained_one() -> None:
    """Nothing explains itself, and a cycle has one root."""
    worse, milder, later = _finding("both", 9), _finding("both", 1, Severity.WARNING), _finding("both", 10)

    assert link([milder, later, worse], RULES, STATES) == [worse.id]
    assert later.explained_by == [worse.id]


def test_a_reported_text_hangs_under_the_finding_whose_symptom_it_holds() -> None:
    """A log line is shown once, under what it is a sign of."""
    cause = _finding("code-broken", agent="package", check_name="a")
    reported = _finding("log-line", 2, reported="Unable to load: cannot find a subclass of AgentCheck")

    assert link([cause, reported], RULES, STATES) == [cause.id]
