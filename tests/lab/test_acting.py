"""Repairs that act on a real systemd and a real Agent: started, restarted, told when it does not stay up, and brought back to the state of before."""

from __future__ import annotations

from typing import Any

from tests.lab.vm import VM, Doctor

UNIT = "datadog-agent.service"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/99-test.conf"


def applied(doctor: Doctor) -> list[tuple[str, str, str]]:
    """(rule, status, reason) of each repair, by rule."""
    return sorted((a["rule"], a["status"], a["reason"]) for a in doctor.report["applied"])


def rules(doctor: Doctor) -> set[str]:
    return {f["rule"] for f in doctor.report["findings"]}


def state(vm: VM) -> str:
    return vm.unit("ActiveState")["ActiveState"]


def pid(vm: VM) -> str:
    return vm.unit("MainPID")["MainPID"]


def test_a_repaired_file_and_its_restart_are_one_run_and_one_undo(vm: VM) -> None:
    """The restart is planned although the file is newer on the overlay only; undo restarts once the old text is back."""
    file, text = "/etc/datadog-agent/conf.d/uptime.d/conf.yaml", "init_config:\ninstances:\n  - tags: `env:lab`\n"
    vm.write(file, text)
    vm.wait_for(lambda: vm.agent_age() >= 3, "the Agent's age")
    first = pid(vm)

    repaired = vm.check("--fix", "--yes")

    assert applied(repaired) == [
        ("check-file-does-not-load", "repaired and proved", ""),
        ("config-newer-than-process", "repaired and proved", ""),
    ]
    assert repaired.returncode == 0, repaired.report["findings"]
    second = pid(vm)
    assert second != first and "env:lab" in vm.agent("configcheck").stdout

    undone = vm.dddoctor("undo", "--yes")

    assert undone.stdout.splitlines() == [f"undone: old text back in {file}", f"undone: {UNIT} restarted again"]
    assert vm.read(file) == text and pid(vm) not in {first, second, "0"}


def test_what_was_started_is_stopped_again_by_undo(vm: VM) -> None:
    vm.sh(f"systemctl stop {UNIT}")

    repaired = vm.check("--fix", "--yes", "--unsafe-fixes")

    assert applied(repaired) == [("agent-not-running", "repaired and proved", "")]
    assert (state(vm), repaired.returncode) == ("active", 0)
    assert vm.dddoctor("undo", "--yes").stdout == f"undone: {UNIT} stopped again\n"
    assert state(vm) == "inactive"


def test_a_start_that_fails_is_told_and_one_within_the_start_limit_succeeds(vm: VM) -> None:
    """systemd calls a unit active between the restarts of a crash loop, and refuses any start for 10 s after it."""
    vm.sh(f"systemctl stop {UNIT}; mkdir -p /etc/systemd/system/{UNIT}.d")
    vm.write(DROP_IN, "[Service]\nExecStart=\nExecStart=/bin/false\n", owner="root:root")
    vm.sh("systemctl daemon-reload")

    failed = vm.check("--fix", "--yes", "--unsafe-fixes")

    reason = f"{UNIT} does not stay up (exit-code, status 1); `journalctl -u {UNIT}` says why"
    assert applied(failed) == [("agent-not-running", "not repaired", reason)]
    assert failed.returncode == 1 and failed.report["duration_seconds"] < 20
    assert state(vm) == "failed"

    vm.sh(f"rm {DROP_IN}; systemctl daemon-reload")
    started = vm.check("--fix", "--yes", "--unsafe-fixes")

    assert [status for _, status, _ in applied(started)] == ["repaired and proved"]
    assert state(vm) == "active"


def test_without_root_the_file_stays_and_sudo_is_named(vm: VM) -> None:
    file = "/etc/datadog-agent/conf.d/uptime.d/conf.yaml"
    vm.write(file, "init_config:\ninstances:\n  - tags: `env:lab`\n")

    refused = vm.check("--fix", "--yes", user="vagrant")

    assert applied(refused) == [
        ("check-file-does-not-load", "not repaired", f"{file}: Permission denied (run this with sudo)")
    ]
    assert "`env:lab`" in vm.read(file)


def test_the_doctor_sees_what_runs_as_root_and_less_without(vm: VM) -> None:
    """Owners of ports and programs of others are root's to see; the ports themselves are everybody's."""
    query = "SELECT l.port, l.process, l.unit, p.user, p.is_exe_deleted AS gone FROM listeners AS l LEFT JOIN processes AS p ON p.pid = l.pid WHERE l.port = 5001"

    as_root = vm.dddoctor("query", "--format", "csv", query)
    as_user = vm.dddoctor("query", "--format", "csv", query, user="vagrant")

    assert as_root.stdout.splitlines() == ["port,process,unit,user,gone", f"5001,agent,{UNIT},dd-agent,0"]
    assert as_root.stderr == ""
    assert as_user.stdout.splitlines() == ["port,process,unit,user,gone", "5001,,,,"]
    assert "(try: sudo)" in as_user.stderr


def test_a_full_disk_is_named_before_what_it_leads_to(vm: VM) -> None:
    vm.sh("mount -t tmpfs -o size=2m,mode=0750,uid=dd-agent,gid=dd-agent tmpfs /var/log/datadog")
    vm.sh("head -c 3000000 /dev/zero > /var/log/datadog/old.log || true")
    vm.restart_agent()
    vm.wait_for(lambda: "no space left on device" in vm.sh(f"journalctl -u {UNIT}"), "the Agent's complaint")

    doctor = vm.check()

    found: dict[str, Any] = {f["rule"]: f for f in doctor.report["findings"]}
    full = found["disk-full-for-agent"]
    assert full["message"] == "The file system at /var/log/datadog, where /var/log/datadog lies, is full."
    assert full["severity"] == "error"
    assert found["agent-log-not-written"]["explained_by"] == [full["id"]]
