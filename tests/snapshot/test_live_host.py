"""A real host with a real Agent: what the doctor finds on it, and what it finds in its snapshot, made by root and by a plain user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.lab import root
from tests.lab.vm import VM
from tests.snapshot.making import missing

from dddoctor.collector import SCRIPT
from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.hosts.snapshot_text import parse

SICK = """
chmod -R a+rwX /etc/datadog-agent
mkdir -p /etc/datadog-agent/conf.d/mysql.d /home/vagrant/app /etc/systemd/system/datadog-agent.service.d
printf 'instances:\\n  - host: 127.0.0.1\\n    username: datadog\\n    password: hunter2hunter2\\n    min_colection_interval: 3\\n' > /etc/datadog-agent/conf.d/mysql.d/conf.yaml
printf 'import flask\\nKEY = "DD_API_KEY=0123456789abcdef0123456789abcdea"\\n' > /home/vagrant/app/app.py
printf 'from checks import AgentCheck\\nclass A(AgentCheck):\\n def check(self, i):\\n  self.guage("a", 1)\\n' > /etc/datadog-agent/checks.d/my.py
printf '[Service]\\nEnvironment=DD_LOG_LEVEL=debugg\\n' > /etc/systemd/system/datadog-agent.service.d/o.conf
systemctl daemon-reload
systemctl stop datadog-agent
"""


@pytest.fixture(scope="module")
def vm() -> Iterator[VM]:
    try:
        root.build()
    except root.CannotBuild as reason:
        missing(f"the lab ({reason})")
    with VM() as started:
        started.wait_for_agent()
        yield started


def _snapshot(vm: VM, user: str = "") -> bytes:
    """Through standard input, as over ssh."""
    with SCRIPT.open("rb") as script:
        ran = subprocess.run(vm.argv(["sh", "-s"], user), stdin=script, capture_output=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    return ran.stdout


def _checked(snapshot: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "host.snapshot"
    path.write_bytes(snapshot)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    ran = subprocess.run([sys.executable, "-m", "dddoctor", "check", "--snapshot", str(path), "--format", "json"], capture_output=True, env=environment, check=False)  # fmt: skip
    assert ran.stderr == b""
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found["broken"] == []
    return found


def _ids(report: dict[str, Any]) -> dict[str, str]:
    return {f["id"]: f["rule"] for f in report["findings"]}


def test_a_healthy_host_is_healthy_in_its_snapshot(vm: VM, tmp_path: Path) -> None:
    live, found = vm.check().report, _checked(_snapshot(vm), tmp_path)

    assert _ids(found) == _ids(live)
    assert found["healthy"] == live["healthy"]


def test_processes_ports_and_services_are_those_of_the_host(vm: VM) -> None:
    host = SnapshotHost(parse(_snapshot(vm)))

    agent = next(p for p in host.processes() if (p.cgroup or "").endswith("/system.slice/datadog-agent.service"))
    assert (agent.user, agent.is_foreign, agent.is_exe_deleted) == ("dd-agent", 0, 0)
    assert {s.port for s in host.listeners() if s.pid == agent.pid and s.protocol.startswith("tcp")} >= {5000, 5001}
    assert json.loads(host.run(["datadog-agent", "status", "--json"]).stdout)["version"] == "7.72.4"


def test_a_sick_host_is_as_sick_in_its_snapshot(vm: VM, tmp_path: Path) -> None:
    vm.sh(SICK)
    live = vm.check().report
    text = _snapshot(vm)
    found = _checked(text, tmp_path)

    assert len(live["findings"]) > 10
    assert _ids(found) == _ids(live)
    assert b"hunter2hunter2" not in text
    assert b"0123456789abcdef" not in text


def test_a_plain_user_collects_less_and_the_report_says_so(vm: VM, tmp_path: Path) -> None:
    found = _checked(_snapshot(vm, "vagrant"), tmp_path)

    assert found["partial"]
    assert "collect again with sudo" in {u["remedy"] for u in found["unread"]}
    assert "sudo" not in {u["remedy"] for u in found["unread"]}
