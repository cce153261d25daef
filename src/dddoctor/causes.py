"""States join findings into causes and consequences; what is often suspected and innocent is cleared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dddoctor.engine import Evaluation
from dddoctor.model import Finding, Kind, Rule, State, ordered

Keys = Mapping[str, Any]


def link(findings: Sequence[Finding], rules: Mapping[str, Rule], states: Mapping[str, State]) -> list[str]:
    """Fill `explained_by` and `possibly_explained_by` of every finding; the ids of those that nothing explains, worst first."""
    edges: dict[tuple[str, str], bool] = {}  # (cause, consequence) → certain
    by_id = {f.id: f for f in findings}
    for cause in findings:
        for state, keys, is_certain in _brought(cause, rules[cause.rule], states):
            for other in findings:
                if other.id != cause.id and _shows(other, rules[other.rule], state, keys):
                    edges[cause.id, other.id] = edges.get((cause.id, other.id), False) or is_certain
        for other in findings:
            reported = other.row.get("reported")
            if (
                other.rule != cause.rule  # two messages of one kind are two defects, however alike their words are
                and isinstance(reported, str)
                and any(s in reported for s in rules[cause.rule].symptoms)
                and _may_be_one(cause, other)
            ):
                edges[cause.id, other.id] = True
    rank = {f.id: i for i, f in enumerate(ordered(findings))}
    for cause_id, other_id in list(edges):
        if rank[cause_id] > rank[other_id] and _reaches(edges, other_id, cause_id):
            del edges[cause_id, other_id]
    for (cause_id, other_id), is_certain in edges.items():
        finding = by_id[other_id]
        (finding.explained_by if is_certain else finding.possibly_explained_by).append(cause_id)
    for finding in findings:
        finding.explained_by.sort(key=rank.__getitem__)
        finding.possibly_explained_by.sort(key=rank.__getitem__)
    return roots(findings, rules, states)


def roots(findings: Sequence[Finding], rules: Mapping[str, Rule], states: Mapping[str, State]) -> list[str]:
    """Ids of the findings that nothing explains: worst first; of equals, those that reach further (a whole host, a whole Agent, one check)."""
    explained = Counter(cause for f in findings for cause in f.explained_by)

    def reach(finding: Finding) -> int:
        keys = [
            len(states[b.state].keys)
            for b in rules[finding.rule].brings
            if not b.if_column or finding.row.get(b.if_column) != 0
        ]
        return min(keys, default=9)

    found = [f for f in ordered(findings) if not f.explained_by]
    return [f.id for f in sorted(found, key=lambda f: (f.severity.rank, reach(f), -explained[f.id]))]


def _may_be_one(cause: Finding, other: Finding) -> bool:
    """Whether two findings may speak of one thing: the same Agent and the same check, where both name them."""
    return all(
        cause.row.get(k) == other.row.get(k)
        for k in ("agent", "check_name")
        if cause.row.get(k) is not None and other.row.get(k) is not None
    )


def _brought(finding: Finding, rule: Rule, states: Mapping[str, State]) -> Iterator[tuple[str, Keys, bool]]:
    """(state, known keys, certain) for each state that a finding brings, directly or through other states."""
    for brings in rule.brings:
        flag = finding.row.get(brings.if_column) if brings.if_column else 1
        if flag == 0:
            continue
        keys = {k: finding.row.get(k) for k in states[brings.state].keys}
        todo: list[tuple[str, Keys]] = [(brings.state, keys)]
        seen: set[str] = set()
        while todo:
            name, known = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            yield name, known, flag is not None
            todo += [
                (other, {k: v for k, v in known.items() if k in states[other].keys}) for other in states[name].brings
            ]


def _shows(finding: Finding, rule: Rule, state: str, keys: Keys) -> bool:
    return state in rule.shows and all(v is not None and finding.row.get(k) == v for k, v in keys.items())


def _reaches(edges: Mapping[tuple[str, str], bool], start: str, goal: str) -> bool:
    todo, seen = [start], set()
    while todo:
        here = todo.pop()
        if here == goal:
            return True
        if here not in seen:
            seen.add(here)
            todo += [b for a, b in edges if a == here]
    return False


def admit_blindness(evaluation: Evaluation, rules: Mapping[str, Rule], states: Mapping[str, State]) -> None:
    """Where a cause of a finding's state could not be looked at, the finding says so: "possibly because X could not be read"."""
    blind: dict[str, list[str]] = {}
    for rule_id, outcome in evaluation.outcomes.items():
        places = [g.where for _, g in outcome.gaps if g.kind is not Kind.TARGET and g.where != "*"]
        if places and (outcome.result == "skipped" or outcome.is_partial):
            for brings in rules[rule_id].brings:
                for name in _following(brings.state, states):
                    blind.setdefault(name, []).extend(places)
    for finding in evaluation.findings:
        if finding.explained_by:
            continue
        for state in rules[finding.rule].shows:
            for place in dict.fromkeys(blind.get(state, ())):
                sentence = f"{place} could not be read"
                if sentence not in finding.possibly_because and place != finding.file:
                    finding.possibly_because.append(sentence)


def _following(state: str, states: Mapping[str, State]) -> set[str]:
    todo, seen = [state], set[str]()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += states[name].brings
    return seen


def cleared(evaluation: Evaluation, rules: Sequence[Rule], states: Mapping[str, State]) -> list[str]:
    """Sentences of rules that passed, whole, where some finding is near what they clear."""
    by_id = {r.id: r for r in rules}
    found_rules = {f.rule for f in evaluation.findings}
    found_areas = {f.area for f in evaluation.findings}
    found_states = {s for r in found_rules for s in by_id[r].shows}
    found_states |= {s for r in found_rules for b in by_id[r].brings for s in _following(b.state, states)}
    sentences = []
    for rule in rules:
        outcome = evaluation.outcomes.get(rule.id)
        if outcome is None or outcome.result != "passed" or outcome.is_partial:
            continue
        for clear in rule.clears:
            if clear.proof is not None and not evaluation.store.database.select(clear.proof)[1]:
                continue
            if found_rules & set(clear.rules) or found_states & set(clear.states) or found_areas & set(clear.areas):
                sentences.append(clear.say)
    return list(dict.fromkeys(sentences))
