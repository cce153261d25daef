"""collect.sh in the shells and with the tools of small and old systems: dash, bash, busybox, and without stat, readlink and timeout."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.snapshot.making import collected, evaluated, missing, program, said

from dddoctor.collector import SCRIPT
from dddoctor.demo import make_vm
from dddoctor.hosts.root import RootHost
from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.hosts.snapshot_text import parse
from dddoctor.rules import load

RULES = load().rules
APPLETS = [
    "sh",
    "find",
    "awk",
    "tr",
    "sed",
    "grep",
    "ls",
    "head",
    "tail",
    "wc",
    "sort",
    "od",
    "dd",
    "cat",
    "id",
    "uname",
    "date",
    "env",
    "sleep",
    "stat",
    "readlink",
    "timeout",
]
NOT_EVERYWHERE = {"stat", "readlink", "timeout"}


def _without_time(text: bytes) -> list[bytes]:
    """Busybox's `stat` knows whole seconds only."""
    lines = [re.sub(rb"^(s( \S+){4} \d+)\.\d+", rb"\1", line) for line in text.split(b"\n")]
    return [line for line in lines if not line.startswith((b"m time ", b"end "))]


def test_shellcheck_has_nothing_to_say() -> None:
    ran = subprocess.run([program("shellcheck"), str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize("shell", ["dash", "bash", "bash --posix", "busybox sh"])
def test_every_shell_writes_the_same(shell: str, tmp_path: Path) -> None:
    make_vm(tmp_path)
    name, *words = shell.split()

    assert _without_time(collected(tmp_path, shell=(program(name), *words))) == _without_time(collected(tmp_path))


@pytest.fixture
def busybox_root(tmp_path: Path) -> Iterator[Path]:
    """A root that holds the demo's VM and one program: busybox, without Python."""
    if os.geteuid() != 0:
        missing("root, which chroot needs,")
    busybox = program("busybox")
    root = tmp_path / "bare"
    make_vm(root)
    (root / "bin").mkdir(exist_ok=True)
    shutil.copy2(busybox, root / "bin" / "busybox")
    shutil.copy2(SCRIPT, root / "collect.sh")
    (root / "dev").mkdir()
    try:
        os.mknod(root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        missing("the right to make /dev/null")
    probe = subprocess.run([program("chroot"), str(root), "/bin/busybox", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        missing("a busybox without libraries (busybox-static)")
    yield root


def _collect_in(root: Path, applets: set[str]) -> bytes:
    for name in applets:
        (root / "bin" / name).unlink(missing_ok=True)
        (root / "bin" / name).symlink_to("busybox")
    (root / "tmp").mkdir(exist_ok=True)
    before = sorted(p for p in root.rglob("*"))
    ran = subprocess.run(
        [program("chroot"), str(root), "/bin/sh", "/collect.sh"],
        capture_output=True,
        timeout=120,
        check=False,
        env={"PATH": "/bin"},
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert sorted(p for p in root.rglob("*")) == before, "it leaves something behind"
    return ran.stdout


@pytest.mark.parametrize("absent", [set(), NOT_EVERYWHERE], ids=["busybox", "without stat, readlink, timeout"])
def test_a_root_with_nothing_but_busybox(absent: set[str], busybox_root: Path) -> None:
    """There the script looks at its own `/`, as on a live host; what no file tells (processes, services) is a gap."""
    host = SnapshotHost(parse(_collect_in(busybox_root, set(APPLETS) - absent)))

    found, on_disk = evaluated(host, RULES), evaluated(RootHost(busybox_root), RULES)

    assert found.store.failures == {}
    assert said(found) == said(on_disk)


def test_times_from_ls_are_exact_to_the_minute(busybox_root: Path) -> None:
    file = busybox_root / "etc/datadog-agent/datadog.yaml"
    text = _collect_in(busybox_root, set(APPLETS) - NOT_EVERYWHERE)

    host = SnapshotHost(parse(text))

    found, real = host.stat("/etc/datadog-agent/datadog.yaml"), file.stat()
    assert 0 <= real.st_mtime - found.mtime < 60
    assert (found.mode, found.uid, found.size_bytes) == (real.st_mode & 0o7777, real.st_uid, real.st_size)


@pytest.mark.parametrize("awk", ["mawk", "gawk", "original-awk", "busybox awk"])
def test_every_awk_writes_the_same(awk: str, tmp_path: Path) -> None:
    """The script's second half alone, over a stream with secrets of every kind that has letters of its own."""
    from tests.snapshot.test_hiding import STREAM, hidden_by

    name, *words = awk.split()
    assert hidden_by((program(name), *words), STREAM) == hidden_by((program("awk"),), STREAM)


def test_wrong_options_are_refused() -> None:
    ran = subprocess.run(["/bin/sh", str(SCRIPT), "--rot", "/x"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--root DIR" in ran.stderr


def test_folders_that_may_not_be_listed_are_told_apart_from_empty_ones(tmp_path: Path) -> None:
    """As a plain user: the snapshot says denied where the collector was, and never absent."""
    if os.geteuid() != 0:
        missing("root, which can become somebody else,")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:  # pytest's own folders are closed to others
        if parent.stat().st_mode & 0o005 != 0o005:
            return _told_apart(Path(shutil.copytree(tmp_path, f"/tmp/dddoctor-{os.getpid()}")))
    return _told_apart(tmp_path)


def _told_apart(root: Path) -> None:
    from dddoctor.hosts.base import Unavailable
    from dddoctor.model import Kind

    try:
        root.chmod(0o755)
        script = root / "collect.sh"
        shutil.copy(SCRIPT, script)
        script.chmod(0o644)
        (root / "etc/datadog-agent/conf.d").mkdir(parents=True)
        for path, mode in (("etc/datadog-agent/datadog.yaml", 0o640), ("etc/datadog-agent/conf.d/a.yaml", 0o644)):
            (root / path).write_text("api_key: x\n")
            (root / path).chmod(mode)
        (root / "etc/datadog-agent/conf.d").chmod(0o750)
        ran = subprocess.run(
            ["/bin/sh", str(script), "--root", str(root)],
            capture_output=True,
            check=False,
            user=65534,
            group=65534,
            extra_groups=[],
            cwd="/",
        )
        host = SnapshotHost(parse(ran.stdout))
        for ask in (
            lambda: host.read("/etc/datadog-agent/datadog.yaml"),
            lambda: host.listdir("/etc/datadog-agent/conf.d"),
            lambda: host.stat("/etc/datadog-agent/conf.d/a.yaml"),
        ):
            with pytest.raises(Unavailable) as told:
                ask()
            assert (told.value.kind, told.value.remedy) == (Kind.DENIED, "collect again with sudo")
        assert host.stat("/etc/datadog-agent/datadog.yaml").mode == 0o640
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_every_command_that_a_table_asks_is_run_by_the_collector() -> None:
    """Word by word: a snapshot answers `run` by the whole argv."""
    from dddoctor.tables import _agent_commands, _log_sources, resources, services

    text = re.sub(r"\\\n\s*", "", SCRIPT.read_text(encoding="utf-8")).replace("'", "").replace('"', "")
    journal = ["journalctl", "--no-pager", "-o", "short-iso", "-n"]
    units = [part for unit in _log_sources.MYSQL_UNITS for part in ("-u", unit)]
    asked = [
        services.SYSTEMCTL_SHOW,
        resources.DF,
        ("$program", *_agent_commands.STATUS),
        ("$program", *_agent_commands.CONFIGCHECK),
        ("$program", *_agent_commands.DIAGNOSE),
        (*journal, str(_log_sources.JOURNAL_LINES), "-u", *_log_sources.AGENT_UNITS),
        (*journal, str(_log_sources.JOURNAL_LINES), *units),
        (*journal, str(_log_sources.KERNEL_LINES), "-k"),
    ]
    assert [argv for argv in asked if " ".join(argv) not in text] == []
    assert all(path in text for path in (*_log_sources.MYSQL_LOGS, *_log_sources.SYSTEM_LOGS, *resources.PATHS))
