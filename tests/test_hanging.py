"""Probes that hang: the run ends at the slowest deadline, says what was not looked at, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.hosts.servers import silent, tcp_server

SOURCE = Path(__file__).parents[1] / "src"
DEADLINE_SECONDS = 1.5
# Four tables wait for a server that never answers, four for a program that never ends, each with a patience far beyond its table's limit.
PROGRAM = """
from __future__ import annotations
import sys
from collections.abc import Iterator
from dddoctor.light import NamedTuple
from dddoctor.tables import table

port, mark = int(sys.argv.pop(1)), sys.argv.pop(1)

def add(number: int, limit_seconds: float) -> None:
    class Row(NamedTuple):
        name: str

    def collect(host: object) -> Iterator[Row]:
        if number % 2:
            host.request(f"http://127.0.0.1:{port}/", timeout_seconds=60)
        else:
            host.run(["sh", "-c", f"sleep 60 # {mark}; echo"], 60)
        yield Row("never")

    collect.__name__ = f"collect_{number}"
    table(f"hanging_{number}", Row, limit_seconds=limit_seconds)(collect)

for number in range(8):
    add(number, 0.8 + number / 10)
from dddoctor.__main__ import program
program()
"""
RULE = """
id: hangs-{n}
title: A probe that hangs
severity: info
query: |
  SELECT h.name FROM hanging_{n} AS h
message: "{{name}}"
why: It never says.
checked: "2026-11"
examples: [{{name: none, files: {{/x: ""}}, finds: []}}]
"""


def left_behind(mark: str) -> list[int]:
    """Pids of programs that hold the mark in their arguments."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                arguments = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if f"# {mark}".encode() in arguments:
                found.append(int(folder.name))
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what is left behind is looked up in /proc")
def test_with_eight_hanging_probes_the_run_ends_at_the_slowest_deadline(tmp_path: Path) -> None:
    (tmp_path / "rules" / "agent").mkdir(parents=True)
    for n in range(8):
        (tmp_path / f"rules/agent/hangs-{n}.yaml").write_text(RULE.format(n=n))
    mark = f"dddoctor-test-{os.getpid()}-{time.monotonic_ns()}"
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    selected = ",".join(f"hangs-{n}" for n in range(8))
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with tcp_server(silent) as port:
        command = [sys.executable, str(program), str(port), mark, "check", "--format", "json", "--rules", str(tmp_path / "rules"), "--select", selected]  # fmt: skip
        without = [
            *command[:-1],
            "hangs-0",
            "--root",
            str(tmp_path),
        ]  # in a folder nothing is asked: what starting and loading rules take
        start = time.monotonic()
        subprocess.run(without, capture_output=True, timeout=60, env=environment)
        started = time.monotonic()
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
        took = time.monotonic() - started

    assert ran.returncode == 3, ran.stderr
    report = json.loads(ran.stdout)
    assert report["healthy"] is None
    assert sorted((u["what"], u["kind"], u["remedy"]) for u in report["unread"]) == [
        (f"hanging {n}", "timeout", "--timeout") for n in range(8)
    ]
    assert report["duration_seconds"] < DEADLINE_SECONDS + 1
    assert took < DEADLINE_SECONDS + 1 + 2 * (started - start)
    assert left_behind(mark) == []
