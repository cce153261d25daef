"""A host that is well by the Agent's own word: nothing is found, whoever asks; and file findings are the same live, from the mounted disk and from a snapshot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.scenarios import CONF_D, EVERY_45, KEY, MAIN, SCENARIOS
from tests.lab.test_scenarios import break_it
from tests.lab.vm import VM

# Faults of files alone: what is found of them needs no running Agent.
IN_FILES = (
    "half of a section uncommented",
    "C3: a backtick at the end",
    "A4: apm.yaml left over",
    "chmod -R a+rwx",
    "C8: names differ",
)


def test_a_healthy_host_is_healthy_to_root_and_unknown_to_a_plain_user(vm: VM) -> None:
    """Young and grown up; the plain user is told what could not be seen, and never "healthy"."""
    young = vm.check()
    assert (young.report["findings"], young.report["unread"], young.returncode) == ([], [], 0)

    vm.wait_for(lambda: vm.agent("health").returncode == 0, "the Agent's own `health`", 30)
    diagnosis = vm.agent("diagnose", "--local").stdout
    assert "Fail:" not in diagnosis

    grown = vm.check()
    assert (grown.report["findings"], grown.report["unread"], grown.report["healthy"], grown.returncode) == (
        [],
        [],
        True,
        0,
    )

    plain = vm.check(user="vagrant")
    assert (plain.report["findings"], plain.report["healthy"], plain.returncode) == ([], None, 3)
    assert {u["remedy"] for u in plain.report["unread"] if u["kind"] != "target"} == {"sudo"}
    assert "/etc/datadog-agent/datadog.yaml" in {u["what"] for u in plain.report["unread"]}


def test_the_doctor_leaves_a_healthy_host_as_it_was(vm: VM) -> None:
    """No file is written, no process ended or started, nothing asked of the intake."""
    listing = "find / -xdev -path /proc -prune -o -path /sys -prune -o -path /run -prune -o -path /opt/doctor/pycache -prune -o -path /var/log -prune -o -type f -newer /tmp/mark -print"
    vm.wait_for_agent(checks=True)
    vm.sh("touch -d '+0 seconds' /tmp/mark")
    agent, asked = (
        vm.unit("MainPID"),
        vm.sh("journalctl --quiet --output=cat --unit=lab-standins | grep --count flare || true"),
    )

    vm.check()

    assert vm.sh(listing).splitlines() in ([], ["/tmp/mark"])
    assert vm.unit("MainPID") == agent
    assert vm.sh("journalctl --quiet --output=cat --unit=lab-standins | grep --count flare || true") == asked
    assert vm.sh("find /root /home /var/lib -name '*dddoctor*'") == ""


def test_what_only_looks_wrong_stays_silent(vm: VM) -> None:
    """Files that load although they look odd, faults of before that were mended, and things that the Agent puts right by itself: all in one host."""
    vm.sh(f"echo 'log_level: dbug' >> {MAIN}")  # a crash loop, mended
    vm.restart_agent(wait=False)
    vm.wait_for(lambda: vm.unit("ActiveState")["ActiveState"] == "failed", "the unit's failure")
    vm.sh(f"sed -i /dbug/d {MAIN}; systemctl reset-failed datadog-agent")
    last_week = vm.sh("date -u -d '7 days ago' '+%F %T UTC'").strip()
    vm.sh(
        f"printf '%s | CORE | ERROR | (comp/forwarder/defaultforwarder/transaction/transaction.go:411 in internalProcess) | API Key invalid, dropping transaction for https://app.datadoghq.eu./api/v1/check_run\\n' '{last_week}' | cat - /var/log/datadog/agent.log > /tmp/log; cat /tmp/log > /var/log/datadog/agent.log"
    )
    vm.sh(
        "cd /etc/datadog-agent; chown root:root auth_token ipc_cert.pem; chmod 0600 auth_token ipc_cert.pem"
    )  # the Agent replaces both
    vm.sh("printf 'DD_API_KEY=\\nDD_ENV=lab\\n' > /etc/datadog-agent/environment")  # an empty variable counts as none
    vm.write_many(
        {
            f"{CONF_D}/uptime.d/conf.yaml": "init_config:\r\n\r\ninstances:\r\n- min_collection_interval: 45\r\n",
            f"{CONF_D}/load.d/conf.yaml": "instances: [{}]\n",
            f"{CONF_D}/memory.d/conf.yaml": "init_config:\ninstances:\n  -\n",
            f"{CONF_D}/redisdb.d/conf.yaml.example": "instances:\n  - host: <HOST>\n\tport: 1\n",
        }
    )
    for _ in range(3):
        vm.run(["systemctl", "restart", "datadog-agent"])
    vm.wait_for_agent(checks=True)

    seen = vm.check()

    assert (seen.report["findings"], seen.report["unread"], seen.returncode) == ([], [], 0)
    assert EVERY_45 in vm.journal()


def _identified(report: dict[str, Any], rules: set[str]) -> set[tuple[str, str, int | None, int | None]]:
    return {(f["id"], f["file"], f["line"], f["column"]) for f in report["findings"] if f["rule"] in rules}


def test_file_findings_are_the_same_live_from_the_mounted_disk_and_from_a_snapshot(
    vm: VM, source: Path, tmp_path: Path
) -> None:
    """The doctor of this machine over the VM's tree, or over what `collect` wrote there, finds what the doctor inside finds."""
    for scenario in SCENARIOS:
        if scenario.name in IN_FILES:
            break_it(vm, scenario._replace(needs_restart=False))
    inside = vm.check().report

    snapshot = tmp_path / "lab.snapshot"
    collected = vm.dddoctor("collect", "--output", "/tmp/lab.snapshot")
    assert collected.returncode == 0, collected.stderr
    snapshot.write_bytes((vm.mounted / "tmp/lab.snapshot").read_bytes())

    rules = {s.cause[0] for s in SCENARIOS if s.name in IN_FILES}
    assert {f["rule"] for f in inside["findings"]} >= rules
    assert _identified(_outside(source, "--root", str(vm.mounted)), rules) == _identified(inside, rules)
    assert _identified(_outside(source, "--snapshot", str(snapshot)), rules) == _identified(inside, rules)
    assert KEY not in snapshot.read_text(errors="replace")


def _outside(source: Path, *arguments: str, state: Path = Path("/nonexistent")) -> dict[str, Any]:
    """The report of the doctor on this machine; its journal, if it repairs, is in `state`."""
    environment = {**os.environ, "PYTHONPATH": str(source / "src"), "DDDOCTOR_STATE": str(state)}
    done = subprocess.run(
        [sys.executable, "-m", "dddoctor", "check", "--format", "json", *arguments],
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_repair_through_a_link_of_proc_reaches_the_vm_and_undo_too(vm: VM, source: Path, tmp_path: Path) -> None:
    """`/proc/PID/root` says that it leads to `/`, and leads into another host: neither look nor write may end on this machine."""
    vm.write(f"{CONF_D}/uptime.d/conf.yaml", "instances:\n  - min_collection_interval: 45`\n")
    before = vm.read(f"{CONF_D}/uptime.d/conf.yaml")

    repaired = _outside(source, "--root", str(vm.mounted), "--fix", "--yes", state=tmp_path)
    assert [one["status"] for one in repaired["applied"]] == ["repaired and proved"]
    assert vm.read(f"{CONF_D}/uptime.d/conf.yaml") == "instances:\n  - min_collection_interval: 45\n"

    environment = {**os.environ, "PYTHONPATH": str(source / "src"), "DDDOCTOR_STATE": str(tmp_path)}
    undo = [sys.executable, "-m", "dddoctor", "undo", "--yes", "--root", str(vm.mounted)]
    assert subprocess.run(undo, capture_output=True, env=environment, timeout=60, check=False).returncode == 0
    assert vm.read(f"{CONF_D}/uptime.d/conf.yaml") == before
