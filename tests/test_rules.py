"""Every example of every rule holds; each repair that an example shows is also written, proved and undone on disk."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from dddoctor import examples, rulefiles, rules
from dddoctor.collecting import Tables
from dddoctor.demo import tree_hash
from dddoctor.engine import evaluate
from dddoctor.hosts.base import Host
from dddoctor.hosts.cache import CachedHost
from dddoctor.hosts.root import RootHost
from dddoctor.journal import Journal, TargetId
from dddoctor.model import Safety
from dddoctor.repair import Look, Repairer, unsound_files
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions

FILES = rules.rule_files(rules.rules_folder())
LOADED = {r.id: r for r in rules.load(rules.rules_folder()).rules}
STATES = rulefiles.load_states(rules.rules_folder() / "states.yaml")


def _examples() -> list[Any]:
    return [
        pytest.param(path.stem, e, id=f"{path.stem}: {e['name']}")
        for path in FILES
        for e in rulefiles.read_source(path).data["examples"]
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_rule_has_the_kinds_of_example_that_it_needs(path: Path) -> None:
    """One that fires, one that stays silent, the repair, and one that cannot look where it concludes from absence."""
    assert list(examples.missing_kinds(LOADED[path.stem], rulefiles.read_source(path).data["examples"])) == []


@pytest.mark.parametrize(("rule_id", "example"), _examples())
def test_an_example_holds(rule_id: str, example: dict[str, Any]) -> None:
    """Findings, outcome, repair on the overlay, and every input hidden in turn."""
    assert list(examples.run(LOADED[rule_id], example, STATES)) == []


@pytest.mark.parametrize(
    ("rule_id", "example"), [p for p in _examples() if p.values[1].get("after_fix") or p.values[1].get("after_modes")]
)
def test_a_repair_is_written_and_undone_byte_for_byte(rule_id: str, example: dict[str, Any], tmp_path: Path) -> None:
    """The journal writes what the overlay showed, and undo gives the old tree."""
    root, rule = tmp_path / "root", LOADED[rule_id]
    root.mkdir()
    examples.build(root, example)
    before = tree_hash(root)

    def look(host: Any) -> Look:
        store = Tables(CachedHost(host), Vault(), RunOptions(tuple(example.get("apps", ()))))
        return Look(evaluate([rule], store).findings, unsound_files(store))

    is_live = any(n in example for n in ("processes", "listeners", "containers"))  # what runs decides there too
    host: Host = examples.example_host(root, example) if is_live else RootHost(root)
    plan = Repairer(host, look, {rule.id: rule}, [Safety.SAFE, Safety.UNSAFE], can_defer=False).run()
    if not plan.changes:
        assert all(
            root.joinpath(p.lstrip("/")).read_bytes().decode() == t for p, t in (example.get("after_fix") or {}).items()
        )
        return
    journal = Journal(tmp_path / "state")
    target = TargetId.of("root", root)
    run = journal.begin(target, "test")
    run.apply(plan.changes, "test")
    run.commit()
    for path, text in (example.get("after_fix") or {}).items():
        real = root / path.lstrip("/")
        assert (real.read_bytes().decode("utf-8") if real.exists() else None) == text
    result = journal.undo(run.id, target)

    assert result.refused == []
    assert tree_hash(root) == before


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_an_example_made_wrong_on_purpose_fails(path: Path) -> None:
    """A harness that cannot fail proves nothing: an expected finding too many, or one with another line, must be noticed."""
    rule = LOADED[path.stem]
    example = next(e for e in rulefiles.read_source(path).data["examples"] if e["finds"])
    spoilt = copy.deepcopy(example)
    spoilt["finds"].append({"message": "no rule says this"})
    silent = {**copy.deepcopy(example), "finds": []}

    assert any("no rule says this" in p for p in examples.run(rule, spoilt, STATES))
    assert any("expected 0 findings" in p for p in examples.run(rule, silent, STATES))
