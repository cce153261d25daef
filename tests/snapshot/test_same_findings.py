"""A folder and its snapshot give the same findings, and the collector fetches whatever a table asks for."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.snapshot.making import collected, evaluated, holes, host_of, said

from dddoctor.demo import make_vm, tree_hash
from dddoctor.examples import build
from dddoctor.hosts.root import RootHost
from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.hosts.snapshot_text import parse
from dddoctor.model import Rule
from dddoctor.rules import load, rule_files, rules_folder

RULES = load()
STATES = yaml.safe_load((Path(__file__).parents[1] / "replay" / "states.yaml").read_text(encoding="utf-8"))


def _compare(root: Path, rules: tuple[Rule, ...], apps: tuple[str, ...] = ()) -> None:
    on_disk = evaluated(RootHost(root), rules, apps)
    in_snapshot = evaluated(host_of(root, apps), rules, apps)

    assert in_snapshot.store.failures == {}
    assert said(in_snapshot) == said(on_disk)
    more = holes(in_snapshot) - holes(on_disk)
    assert not more, f"a table asks for what collect.sh does not fetch: {more}"


def test_the_demo_vm(tmp_path: Path) -> None:
    make_vm(tmp_path / "vm")
    _compare(tmp_path / "vm", RULES.rules)


@pytest.mark.parametrize("state", STATES["states"], ids=lambda s: str(s["name"]))
def test_each_state_of_the_replay(state: dict[str, Any], tmp_path: Path) -> None:
    base = STATES["base"]
    tree = {key: {**base.get(key, {}), **state.get(key, {})} for key in ("files", "links", "modes")}
    build(tmp_path, {**tree, "folders": base["folders"]})
    _compare(tmp_path, RULES.rules)


def _examples() -> list[Any]:
    """Of each rule the first example that fires on a folder alone."""
    found = []
    for path in rule_files(rules_folder()):
        rule = yaml.safe_load(path.read_text(encoding="utf-8"))
        live = {"owners", "processes", "listeners", "commands", "containers", "answers", "network", "env", "unreadable"}
        first = next((e for e in rule["examples"] if e["finds"] and not live & set(e)), None)
        if first is not None:
            found.append(pytest.param(rule["id"], first, id=rule["id"]))
    return found


@pytest.mark.parametrize(("rule_id", "example"), _examples())
def test_what_each_rule_finds_in_its_own_example(rule_id: str, example: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="dddoctor-example-") as folder:
        build(Path(folder), example)
        rule = RULES.by_id()[rule_id]
        assert evaluated(RootHost(folder), (rule,), example.get("apps", ())).findings
        _compare(Path(folder), (rule,), tuple(example.get("apps", ())))


def test_the_collector_changes_nothing(tmp_path: Path) -> None:
    make_vm(tmp_path)
    before = tree_hash(tmp_path)

    collected(tmp_path)

    assert tree_hash(tmp_path) == before


def test_two_snapshots_of_one_tree_are_equal_but_for_their_time(tmp_path: Path) -> None:
    """Stand-ins are drawn by order alone, so `compare` of two reports sees what changed on the host and nothing else."""
    make_vm(tmp_path)
    first, second = (
        [line for line in collected(tmp_path).split(b"\n") if not line.startswith(b"m time ")] for _ in range(2)
    )

    assert first == second


def test_a_link_out_of_the_tree_ends_in_the_tree(tmp_path: Path) -> None:
    """Absolute links mean the target's own paths, as in a chroot."""
    secret = tmp_path / "outside.yaml"
    secret.write_text("tags: [outside]\n")
    root = tmp_path / "root"
    build(
        root,
        {
            "files": {"/srv/dd/datadog.yaml": "site: datadoghq.eu\n"},
            "links": {
                "/etc/datadog-agent": "/srv/dd",
                "/srv/dd/conf.d": str(secret),
                "/srv/dd/up": "../../../../../etc",
            },
        },
    )

    text = collected(root)
    host = SnapshotHost(parse(text))

    assert b"outside]" not in text
    assert host.read("/etc/datadog-agent/datadog.yaml") == b"site: datadoghq.eu\n"
    assert host.stat("/etc/datadog-agent/up").target == "/etc"
    with pytest.raises(FileNotFoundError):
        host.read("/etc/datadog-agent/conf.d")
