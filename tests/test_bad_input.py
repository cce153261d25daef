"""Bad input: each is a finding or a gap with a reason, in under ten seconds; never a traceback, a hang, or a wrong "healthy"."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
CHECK = "etc/datadog-agent/conf.d/bad.d/conf.yaml"
MAIN = "etc/datadog-agent/datadog.yaml"
CODE = "etc/datadog-agent/checks.d/bad.py"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host that would be healthy without the bad file."""
    made = tmp_path / "root"
    for folder in ("etc/datadog-agent/conf.d/bad.d", "etc/datadog-agent/checks.d", "var/lib/dpkg"):
        (made / folder).mkdir(parents=True)
    (made / "etc/passwd").write_text(f"dd-agent:x:{os.getuid()}:{os.getgid()}::/:/bin/false\n", encoding="utf-8")
    (made / "etc/group").write_text(f"dd-agent:x:{os.getgid()}:\n", encoding="utf-8")
    (made / MAIN).write_text("api_key: 0badc0de0badc0de0badc0de0badc0de\n", encoding="utf-8")
    (made / MAIN).chmod(0o640)
    (made / "var/lib/dpkg/status").write_text(
        "Package: datadog-agent\nStatus: install ok installed\nVersion: 1:7.72.4-1\n", encoding="utf-8"
    )
    return made


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(500 * 1024 * 1024)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path may be 107 bytes long at most
        try:
            s.bind(path.name)
        finally:
            os.chdir(here)


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _bomb() -> bytes:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for old, new in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{new}: &{new} [{', '.join(['*' + old] * 9)}]")
    return ("\n".join(lines) + "\n").encode()


BAD: dict[str, Callable[[Path], object]] = {
    "empty": lambda p: p.write_bytes(b""),
    "500 MB": _sparse,
    "binary": lambda p: p.write_bytes(bytes(range(256)) * 200),
    "UTF-16 without BOM": lambda p: p.write_bytes("instances: [{}]\n".encode("utf-16-le")),
    "NUL": lambda p: p.write_bytes(b"instances:\n  - {}\0\n"),
    "bad UTF-8": lambda p: p.write_bytes(b"instances:\n  - a: \xff\xfe\xfa\n"),
    "FIFO": lambda p: os.mkfifo(p),
    "socket": _socket,
    "directory": lambda p: p.mkdir(),
    "link loop": _loop,
    "link to nothing": lambda p: p.symlink_to("/nowhere"),
    "link out of the root": lambda p: p.symlink_to("../../../../../../../../../../../../etc/shadow"),
    "100,000 brackets": lambda p: p.write_bytes(b"instances: " + b"[" * 100_000),
    "100,000 braces": lambda p: p.write_bytes(b"{a: " * 100_000),
    "deep block": lambda p: p.write_bytes(b"".join(b" " * n + b"a:\n" for n in range(3000))),
    "100,000 dashes": lambda p: p.write_bytes(b"- " * 100_000),
    "alias bomb": lambda p: p.write_bytes(_bomb()),
    "endless alias": lambda p: p.write_bytes(b"instances: &a [*a]\n"),
    "one line of 5 MB": lambda p: p.write_bytes(b"instances: [{a: " + b"x" * 5_000_000 + b"}]\n"),
    "5 MB of parentheses": lambda p: p.write_bytes(b"(" * 200_000),
    "control characters": lambda p: p.write_bytes(b"\x1b[31minstances\x1b[0m:\n  - {}\n"),
}


def _check(root: Path) -> tuple[int, dict[str, object], float]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "dddoctor", "check", "--root", str(root), "--format", "json"], capture_output=True, text=True, env=environment, timeout=60, check=False)  # fmt: skip
    took = time.monotonic() - started
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout), took


@pytest.mark.parametrize("place", [CHECK, MAIN, CODE])
@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_told_and_never_healthy(bad: str, place: str, root: Path) -> None:
    """The check's file, the main file, and the check's code."""
    path = root / place
    path.unlink(missing_ok=True)
    BAD[bad](path)
    code, report, took = _check(root)

    assert took < 10.0
    assert report["broken"] == []
    # An empty datadog.yaml and an empty code file are judged like any other: the Agent accepts the one, and says no class is in the other.
    # A deep or long text under one unknown key is sound YAML, and unknown keys of datadog.yaml are no fault.
    harmless = {("empty", CHECK), ("empty", MAIN), ("empty", CODE), ("deep block", MAIN), ("one line of 5 MB", MAIN)}
    if (bad, place) not in harmless:
        assert report["healthy"] is not True, (bad, place)
        assert code in {1, 3}


def test_a_file_that_changes_while_it_is_read_never_crashes(root: Path) -> None:
    """A writer that never stops."""
    path, stop = root / CHECK, threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            path.write_text("instances:\n" + "  - {}\n" * (number % 500 + 1), encoding="utf-8")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        _, report, took = _check(root)
    finally:
        stop.set()
        writer.join()

    assert report["broken"] == []
    assert took < 10.0


def test_names_that_are_no_utf8_and_names_with_line_breaks_are_survived(root: Path) -> None:
    """A file name is any bytes but a slash and NUL."""
    folder = os.fsencode(root / "etc/datadog-agent/conf.d")
    for name in (b"caf\xe9.yaml", b"two\nlines.yaml", b"\x1b[31mred.yaml"):
        with open(os.path.join(folder, name), "wb") as file:  # noqa: PTH118, PTH123 (bytes)
            file.write(b"instances:\n\t- {}\n")
    code, report, _ = _check(root)

    assert (code, report["broken"]) == (1, [])


def test_an_empty_folder_is_not_healthy(tmp_path: Path) -> None:
    """There was nothing to judge."""
    (tmp_path / "nothing").mkdir()
    code, report, _ = _check(tmp_path / "nothing")

    assert (code, report["healthy"], report["findings"]) == (3, None, [])


_AS_NOBODY = """
import os, sys
from dddoctor import actions, rules, session, tables
from dddoctor.hosts import live, root
from dddoctor.reports import json as report
tables.load_all(), actions.load_all()
s = session.Session(session.CheckOptions(__import__("pathlib").Path(sys.argv[1])))  # everything of ours is read while we still may
warm = s.check()
os.setgroups([]), os.setgid(65534), os.setuid(65534)
print(report.render(s.again()))
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "hidden",
    [
        MAIN,
        CHECK,
        CODE,
        "etc/datadog-agent/conf.d",
        "etc/datadog-agent/checks.d",
        "etc/datadog-agent",
        "var/lib/dpkg/status",
    ],
)
def test_as_an_unprivileged_user_each_hidden_input_is_named_with_its_remedy(
    hidden: str, root: Path, tmp_path: Path
) -> None:
    """Mode 0000, and a user who is not the owner: never healthy, the path named, sudo suggested."""
    (root / CHECK).write_text("instances: [{}]\n", encoding="utf-8")
    (root / CODE).write_text(
        "from datadog_checks.base import AgentCheck\n\n\nclass Bad(AgentCheck):\n    def check(self, instance):\n        self.gauge('a', 1)\n",
        encoding="utf-8",
    )
    (root / MAIN).chmod(0o644)
    for path in [tmp_path, *tmp_path.parents]:
        if str(path).startswith("/tmp/"):
            path.chmod(0o755)
    (root / hidden).chmod(0)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(root)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)

    assert report["healthy"] is not True
    assert any(f"/{hidden}" in f"{u['what']} {u['reason']}" and u["remedy"] == "sudo" for u in report["unread"]), (
        report["unread"]
    )
