"""The command line for hosts elsewhere: collect, --snapshot, --ssh over a private sshd, and repairs that are printed to be made over there."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.snapshot.making import missing, program

from dddoctor.collector import SCRIPT
from dddoctor.demo import make_vm, tree_hash

KEY = "0123456789abcdef0123456789abcdea"


def doctor(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), "DDDOCTOR_STATE": "/nonexistent"}
    return subprocess.run([sys.executable, "-m", "dddoctor", *words], capture_output=True, text=True, timeout=120, check=False, cwd=cwd, env=environment)  # fmt: skip


@pytest.fixture
def vm(tmp_path: Path) -> Path:
    root = tmp_path / "vm"
    make_vm(root)
    return root


@pytest.fixture
def snapshot(vm: Path, tmp_path: Path) -> Path:
    path = tmp_path / "vm.snapshot"
    made = doctor("collect", "--root", str(vm), "--output", str(path))
    assert (made.returncode, made.stdout) == (0, "")
    return path


# --- collect ----------------------------------------------------------------------------------------------------------


def test_collect_writes_one_private_file_and_says_what_to_type(snapshot: Path) -> None:
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    assert snapshot.read_bytes().startswith(b"dddoctor-snapshot 1\n")


def test_collect_overwrites_nothing(snapshot: Path, vm: Path) -> None:
    before = snapshot.read_bytes()

    again = doctor("collect", "--root", str(vm), "--output", str(snapshot))

    assert again.returncode == 2
    assert "there is such a file already" in again.stderr
    assert snapshot.read_bytes() == before


def test_collect_names_the_file_after_the_target(vm: Path, tmp_path: Path) -> None:
    made = doctor("collect", "--root", str(vm), cwd=tmp_path)

    assert made.returncode == 0
    assert "dddoctor check --snapshot disk.snapshot" in made.stderr
    assert (tmp_path / "disk.snapshot").exists()


def test_the_script_can_be_printed_for_hosts_without_python() -> None:
    assert doctor("collect", "--script").stdout == SCRIPT.read_text(encoding="utf-8")


def test_collect_says_what_is_wrong_with_its_options(vm: Path) -> None:
    for words, said in (
        (["--root", "/nowhere"], "--root /nowhere: no such folder"),
        (["--root", str(vm), "--app", "srv"], "from / on"),
    ):
        ran = doctor("collect", *words)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert said in ran.stderr
        assert ran.stderr.count("\n") == 1


# --- check ------------------------------------------------------------------------------------------------------------


def test_a_check_of_the_snapshot_finds_what_the_folder_shows(snapshot: Path, vm: Path) -> None:
    found, on_disk = (
        json.loads(doctor("check", *words, "--format", "json").stdout)
        for words in (["--snapshot", str(snapshot)], ["--root", str(vm)])
    )

    assert found["target"]["kind"] == "snapshot"
    assert [f["id"] for f in found["findings"]] == [f["id"] for f in on_disk["findings"]]
    assert [f["excerpt"] for f in found["findings"]] != []
    assert found["causes"] == on_disk["causes"]


def test_a_snapshot_can_come_through_a_pipe(snapshot: Path) -> None:
    with snapshot.open("rb") as file:
        ran = subprocess.run([sys.executable, "-m", "dddoctor", "check", "--snapshot", "-", "--format", "json"], stdin=file, capture_output=True, check=False)  # fmt: skip
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["target"]["kind"] == "snapshot"


def test_query_asks_a_snapshot(snapshot: Path) -> None:
    ran = doctor("query", "SELECT agent FROM agents", "--snapshot", str(snapshot), "--format", "json")
    assert json.loads(ran.stdout) == [{"agent": "package"}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--snapshot", "a", "--root", "/b"], "--root and --snapshot name different hosts"),
        (["--ssh", "a", "--snapshot", "b"], "--snapshot and --ssh name different hosts"),
        (["--ssh-config", "a"], "goes with --ssh"),
        (["--snapshot", "/nowhere"], "No such file"),
        (["--snapshot", "/etc/passwd"], "this is no snapshot"),
        (["--ssh", "-oProxyCommand=x"], "write a host as ssh knows it"),
        (["--ssh", "h", "--ssh-config", "/nowhere"], "vagrant ssh-config"),
        (["--snapshot", "/etc/passwd", "--until-healthy"], "stays as it is"),
        (["--snapshot", "/etc/passwd", "--fix", "--diff", "--show-secrets", "--output", "x"], "there are none to show"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(words: list[str], said: str) -> None:
    ran = doctor("check", *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


# --- repairs that are made over there -----------------------------------------------------------------------------------


def test_the_printed_patch_and_commands_repair_the_host_over_there(snapshot: Path, vm: Path, tmp_path: Path) -> None:
    """patch(1) takes the whole text; the commands are typed in their order (here: those that a folder can take)."""
    before = tree_hash(vm)
    ran = doctor("check", "--snapshot", str(snapshot), "--fix", "--unsafe-fixes", "--yes")

    assert ran.returncode == 1  # of the state as it is: nothing was written
    assert tree_hash(vm) == before
    assert "Nothing was written." in ran.stderr
    commands = ran.stdout.split("# Then, as root over there, in this order:\n")[1].splitlines()
    assert commands[-1].endswith("/venv/bin/pip install ddtrace")
    assert "chmod 0640 /etc/datadog-agent/datadog.yaml" in commands

    patched = subprocess.run(
        [program("patch"), "-p1"], cwd=vm, input=ran.stdout, text=True, capture_output=True, check=False
    )
    assert patched.returncode == 0, patched.stdout
    for command in commands:
        if command.startswith("chmod"):
            _, mode, path = command.split()
            (vm / path.lstrip("/")).chmod(int(mode, 8))
    left = json.loads(doctor("check", "--root", str(vm), "--format", "json", "--fail-on", "error").stdout)
    first = json.loads(doctor("check", "--snapshot", str(snapshot), "--format", "json").stdout)
    repaired = {f["rule"] for f in first["findings"]} - {f["rule"] for f in left["findings"]}
    assert {"agent-file-world-writable", "option-file-world-writable", "unknown-check-method"} <= repaired


def test_without_unsafe_fixes_it_says_how_many_more_there_are(snapshot: Path) -> None:
    ran = doctor("check", "--snapshot", str(snapshot), "--fix")
    assert re.search(r"\d+ more with --unsafe-fixes", ran.stderr)


def test_hunks_with_a_stand_in_are_withheld_and_counted(vm: Path, tmp_path: Path) -> None:
    """They would not apply over there, where the real secret stands."""
    main = vm / "etc/datadog-agent/datadog.yaml"
    text = main.read_text().replace("# apm_config", f"api_key: {KEY}\n# apm_config")
    main.write_text(re.sub(r"(?m)^api_key:.*\n(?=[^#]*\Z)", "", text, count=0))
    path = tmp_path / "x.snapshot"
    assert doctor("collect", "--root", str(vm), "--output", str(path)).returncode == 0

    ran = doctor("check", "--snapshot", str(path), "--fix", "--unsafe-fixes")

    shown = [line for line in ran.stdout.splitlines() if "api_key" in line]
    assert shown == []
    assert "of /etc/datadog-agent/datadog.yaml withheld because secrets stand in them" in ran.stderr


def test_the_patch_can_go_into_a_private_file(snapshot: Path, tmp_path: Path) -> None:
    path = tmp_path / "fix.patch"
    ran = doctor("check", "--snapshot", str(snapshot), "--fix", "--output", str(path))

    assert ran.stdout == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "patch -p1" in path.read_text()


# --- ssh ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Path]:
    """A private sshd on 127.0.0.1 with keys of its own; the value is a client's configuration that knows it as `box`."""
    server, keygen = program("sshd"), program("ssh-keygen")
    program("ssh")
    folder = tmp_path / "sshd"
    folder.mkdir(mode=0o700)
    for name in ("host", "client"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "client.pub", folder / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nPidFile none\nStrictModes no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nPermitRootLogin yes\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    log = (folder / "log").open("wb")
    process = subprocess.Popen([server, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    deadline = time.monotonic() + 10
    while b"Server listening" not in (folder / "log").read_bytes():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            missing(f"a private sshd ({(folder / 'log').read_text()[:200]})")
        time.sleep(0.02)
    config = folder / "config"
    config.write_text(
        f"Host box\n  HostName 127.0.0.1\n  Port {port}\n  User {getpass.getuser()}\n  IdentityFile {folder}/client\n  IdentitiesOnly yes\n"
        f"  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {folder}/known\n"
    )
    yield config
    process.terminate()
    process.wait()
    log.close()


def test_ssh_looks_at_the_host_over_there_and_leaves_nothing(sshd: Path, tmp_path: Path) -> None:
    """The host over there is this one: its name, its processes and its ports come back; no file is left."""
    before = set(Path("/tmp").iterdir())
    ran = doctor(
        "query", "SELECT count(*) AS n FROM processes", "--ssh", "box", "--ssh-config", str(sshd), "--format", "json"
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)[0]["n"] > 1
    assert not [p for p in set(Path("/tmp").iterdir()) - before if "dddoctor" in p.name or "collect" in p.name]


def test_a_check_through_ssh_is_one_of_a_snapshot(sshd: Path) -> None:
    ran = doctor("check", "--ssh", "box", "--ssh-config", str(sshd), "--format", "json", "--select", "config")

    assert ran.returncode in (0, 1, 3), ran.stderr
    assert json.loads(ran.stdout)["target"] | {"os": None, "agent_version": None} == {
        "kind": "snapshot",
        "name": "box",
        "os": None,
        "agent_version": None,
    }


def test_sudo_is_used_where_it_asks_for_no_password(tmp_path: Path) -> None:
    """What ssh hands to the other side, run by a shell here; the account's own search path goes along, which sudo would replace."""
    from dddoctor.remote import command

    sudo = tmp_path / "sudo"
    there = command("box", None, ["--app", "/srv/my shop"])[-1]
    for end, said in (('exec "$@"', "as root"), ("exit 1", "as oneself")):
        sudo.write_text(f'#!/bin/sh\nshift\nexport WHO="as root" PATH=/usr/bin:/bin\n{end}\n')
        sudo.chmod(0o755)
        ran = subprocess.run(
            ["/bin/sh", "-c", there], input='echo "${WHO-as oneself}|$DDDOCTOR_PATH|$2"\n', capture_output=True, text=True, check=True,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "DDDOCTOR_PATH": "unset"},
        )  # fmt: skip
        path = f"{tmp_path}:/usr/bin:/bin" if said == "as root" else "unset"
        assert ran.stdout == f"{said}|{path}|/srv/my shop\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("IdentityFile", "# IdentityFile"), "Permission denied"),
        (lambda text: re.sub(r"Port \d+", "Port 1", text), "Connection refused"),
        (lambda text: text.replace("accept-new", "yes"), "whether you trust that host's key"),
    ],
)
def test_what_ssh_refuses_is_told_in_one_line_with_what_to_type(
    sshd: Path, change: Callable[[str], str], said: str
) -> None:
    sshd.write_text(change(sshd.read_text()))

    ran = doctor("check", "--ssh", "box", "--ssh-config", str(sshd))

    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert f"Type `ssh -F {sshd} box true`" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_a_host_that_never_ends_is_given_up(sshd: Path) -> None:
    """The limit is of the whole collection, not of one probe."""
    from dddoctor.collector import CollectError, run

    began = time.monotonic()
    with pytest.raises(CollectError, match="did not end within 1 s"):
        run(["ssh", "-F", str(sshd), "box", "sleep 60"], b"", 1)
    assert time.monotonic() - began < 10
