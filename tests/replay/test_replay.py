"""The replay (the newcomer's week-end): at each state the doctor names what is wrong, at its line, as cause, and nothing else; repairs; takes it back."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dddoctor.demo import tree_hash
from dddoctor.examples import build

DATA = yaml.safe_load((Path(__file__).parent / "states.yaml").read_text(encoding="utf-8"))
# The same week-end of somebody else: every name is another one.
OTHER_NAMES = {
    "my_metric": "queue_depth",
    "MyMetric": "QueueDepth",
    "vagrant": "deploy",
    "/app": "/shop",
    "app.py": "shop.py",
    "weekend": "night",
}


def _renamed(value: Any) -> Any:
    if isinstance(value, str):
        for old, new in OTHER_NAMES.items():
            if not value.startswith("/vagrant") or old != "vagrant":
                value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return {_renamed(k): _renamed(v) for k, v in value.items()}
    return [_renamed(v) for v in value] if isinstance(value, list) else value


def _tree(state: dict[str, Any]) -> dict[str, Any]:
    base = copy.deepcopy(DATA["base"])
    merged = {key: {**base.get(key, {}), **state.get(key, {})} for key in ("files", "links", "modes")}
    numbers = {"{uid}": str(os.getuid()), "{gid}": str(os.getgid())}
    for path in ("/etc/passwd", "/etc/group"):
        for old, new in numbers.items():
            merged["files"][path] = merged["files"][path].replace(old, new)
    return {**merged, "folders": base["folders"]}


def _doctor(state_folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DDDOCTOR_STATE": str(state_folder),
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
    }
    return subprocess.run(
        [sys.executable, "-m", "dddoctor", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


def _places(findings: list[dict[str, Any]]) -> list[tuple[str, int | None]]:
    return sorted(((f["file"], f["line"]) for f in findings), key=str)


CASES = [pytest.param(s, False, id=s["name"]) for s in DATA["states"]] + [
    pytest.param(s, True, id=f"{s['name']} (renamed)") for s in DATA["states"]
]


@pytest.mark.parametrize(("state", "is_renamed"), CASES)
def test_each_state_is_named_repaired_and_taken_back(state: dict[str, Any], is_renamed: bool, tmp_path: Path) -> None:
    """Through the command line, as a user would."""
    tree, wanted = _tree(state), state
    if is_renamed:
        tree, wanted = _renamed(tree), _renamed(state)
    root, journal = tmp_path / "root", tmp_path / "state"
    root.mkdir()
    build(root, tree)
    before = tree_hash(root)

    first = _doctor(journal, "check", "--root", str(root), "--format", "json")
    report = json.loads(first.stdout)
    causes = [f for f in report["findings"] if f["id"] in report["causes"] and f["severity"] != "info"]
    said = [(f["rule"], f["message"]) for f in causes]
    expected = [(w["file"], w.get("line")) for w in wanted["causes"]]
    assert sorted(
        (f["file"], f["line"] if any(w[0] == f["file"] and w[1] for w in expected) else None) for f in causes
    ) == sorted(expected, key=str), said
    assert first.returncode == (1 if expected else 0), first.stderr
    for place in wanted.get("named", ()):
        assert (place["file"], place["line"]) in _places(report["findings"])

    fixed = _doctor(journal, "check", "--root", str(root), "--fix", "--unsafe-fixes", "--yes", "--format", "json")
    assert fixed.returncode in {0, 1, 3}, fixed.stderr
    left = json.loads(fixed.stdout)
    refused = {a["finding"]: a["reason"] for a in left["applied"] if a["status"] == "not repaired"}
    for finding in left["findings"]:
        offered = (
            finding["fix"] and finding["fix"]["safety"] != "manual" and finding["fix"]["unavailable_because"] is None
        )
        needs_a_command = "a folder has none" in refused.get(finding["id"], "")
        assert not offered or needs_a_command or finding["severity"] == "info", (finding["message"], refused)
    for path, text in wanted.get("after_fix", {}).items():
        assert (root / path.lstrip("/")).read_text(encoding="utf-8") == text

    if any(a["status"] != "not repaired" for a in left["applied"]):
        undone = _doctor(journal, "undo", "--root", str(root), "--yes")
        assert undone.returncode == 0, undone.stdout + undone.stderr
    assert tree_hash(root) == before
