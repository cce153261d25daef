"""--until-healthy and --profile, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dddoctor import checking
from dddoctor.checking import _until_healthy
from dddoctor.session import CheckOptions, Session

SOURCE = Path(__file__).parents[1] / "src"


@pytest.fixture
def sick(tmp_path: Path) -> Path:
    """A host with one broken check file."""
    root = tmp_path / "sick"
    for name in ("conf.d/http_check.d", "checks.d"):
        (root / "etc/datadog-agent" / name).mkdir(parents=True)
    main = root / "etc/datadog-agent/datadog.yaml"
    main.write_text("api_key: 0badc0de0badc0de0badc0de0badc0de\n")
    check_file(root).write_text("instances:\n  - name: web\n\turl: http://localhost\n")
    return root


def check_file(root: Path) -> Path:
    return root / "etc/datadog-agent/conf.d/http_check.d/conf.yaml"


def doctor(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DDDOCTOR_STATE": str(tmp_path / "state"), "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "dddoctor", "check", "--select", "conf-d", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)


def test_until_healthy_ends_when_the_host_is_well(sick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "HEALTHY_POLL_SECONDS", 0.05)
    session = Session(CheckOptions(root=sick, select=("conf-d",)))
    first = session.check()
    healer = threading.Timer(
        0.2, lambda: check_file(sick).write_text("instances:\n  - name: web\n    url: http://localhost\n")
    )
    healer.start()

    last = _until_healthy(session, first, 20)

    healer.join()
    assert (first.healthy, last.healthy, last.findings) == (False, True, [])


def test_until_healthy_gives_up_after_the_timeout_with_the_last_verdict(sick: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    ran = doctor(tmp_path, "--root", str(sick), "--until-healthy", "--timeout", "0.6", "--format", "json")

    assert 0.6 <= time.monotonic() - start < 20
    assert (ran.returncode, ran.stderr) == (1, "")  # nothing is told where no terminal is
    assert [f["rule"] for f in json.loads(ran.stdout)["findings"]] == ["check-file-does-not-load"]


def test_until_healthy_does_not_wait_where_nothing_is_changed(sick: Path, tmp_path: Path) -> None:
    ran = doctor(tmp_path, "--root", str(sick), "--fix", "--diff", "--until-healthy")

    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--diff changes nothing" in ran.stderr


def test_fixed_and_healthy_needs_no_second_look(sick: Path, tmp_path: Path) -> None:
    ran = doctor(tmp_path, "--root", str(sick), "--fix", "--yes", "--until-healthy", "--format", "json")

    report = json.loads(ran.stdout)
    assert (ran.returncode, report["healthy"]) == (0, True), ran.stderr
    assert [a["status"] for a in report["applied"]] == ["repaired and proved"]


def test_the_profile_names_collectors_and_rules_beside_the_report(sick: Path, tmp_path: Path) -> None:
    ran = doctor(tmp_path, "--root", str(sick), "--profile", "--format", "json")

    lines = ran.stderr.splitlines()
    assert json.loads(ran.stdout)["summary"]["error"] == 1
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == ["collectors", "rules"]
    assert any(line.endswith(" ms  configuration.collect") for line in lines)


def test_a_repair_without_the_right_to_write_is_told_in_one_line(sick: Path, tmp_path: Path) -> None:
    """The journal's folder belongs to somebody else: nothing is changed, and it is no bug of ours."""
    before = check_file(sick).read_bytes()
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    ran = doctor(tmp_path, "--root", str(sick), "--fix", "--yes")

    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1] == f"dddoctor: the state folder {state} must belong to you alone (mode 0700)"
    assert check_file(sick).read_bytes() == before
