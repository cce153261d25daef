"""How fast a large agent.log is read, next to `grep -c` with the same patterns: docs/architecture.md wants at least half its speed. Not a timed test.

Two logs of 100 MB are written, made of lines as Agents write them: a calm one, and one that is nearly all errors. Reading includes all that the table
does: looking at lines, dates, secrets. Run it in the development environment; `grep` must be GNU's.
"""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from dddoctor.datafiles import catalogue
from dddoctor.hosts.root import RootHost
from dddoctor.secrets import Vault
from dddoctor.tables import log_messages
from dddoctor.tables.agents import Agent

ROOT = Path(__file__).parent.parent
SIZE_BYTES = 100_000_000
RUNS = 5
BUDGET = 0.5
AGENT = Agent(
    "package", "package", 7, "7.72.4", "/etc/datadog-agent", "/etc/datadog-agent/datadog.yaml", None, "3", None
)
INFO = [
    "2026-11-24 07:01:{:02d} UTC | CORE | INFO | (pkg/collector/worker/check_logger.go:44 in CheckStarted) | check:cpu | Running check...\n",
    "2026-11-24 07:01:{:02d} UTC | CORE | INFO | (pkg/collector/worker/check_logger.go:63 in CheckFinished) | check:memory | Done running check\n",
    '2026-11-24 07:01:{:02d} UTC | CORE | INFO | (comp/forwarder/defaultforwarder/transaction/transaction.go:466 in internalProcess) | Successfully posted payload to "https://7-72-4-app.agent.datadoghq.com/api/v2/series" (202 Accepted), the agent will only log transaction success every 500 transactions\n',
    "2026-11-24 07:01:{:02d} UTC | CORE | INFO | (comp/core/status/statusimpl/status_api_endpoints.go:31 in getStatus) | Got a request for the status. Making status.\n",
]


def main() -> int:
    # What the table looks for, as an extended expression of grep: without groups' names and look-arounds, any number for \d.
    patterns = "\n".join(dict.fromkeys(_for_grep(p["match"]) for p in catalogue("log_patterns.json")["patterns"]))
    is_over = False
    with tempfile.TemporaryDirectory(prefix="dddoctor-logs-") as folder:
        (Path(folder) / "patterns").write_text(patterns + "\n", encoding="utf-8")
        for name, share in (("calm", 0.03), ("flooded", 0.9)):
            root = Path(folder) / name
            log = root / "var/log/datadog/agent.log"
            log.parent.mkdir(parents=True)
            write(log, share)
            ratios, own, theirs = [], [], []
            for _ in range(RUNS):
                theirs.append(grep(Path(folder) / "patterns", log))
                own.append(doctor(root))
                ratios.append(theirs[-1] / own[-1])
            speed = statistics.median(ratios)
            is_over = is_over or speed < BUDGET
            print(f"{name:8} 100 MB: grep {statistics.median(theirs):.2f} s, doctor {statistics.median(own):.2f} s; speed / grep's {speed:5.2f}   budget {BUDGET} or more   {'ok' if speed >= BUDGET else 'TOO SLOW'}")  # fmt: skip
    return int(is_over)


def _for_grep(expression: str) -> str:
    for python, extended in ((r"\(\?P<\w+>", "("), (r"\(\?:", "("), (r"\(\?[=!](?:[^()]|\([^()]*\))*\)", ""), (r"\\d", "[0-9]"), (r"\\[AZ]", ""), (r"([*+}?])\?", r"\1"), (r"\\S", "[^ ]"), (r"\\s", " ")):  # fmt: skip
        expression = re.sub(python, extended, expression)
    return expression


def write(log: Path, share: float) -> None:
    """A log in which `share` of the lines are warnings and errors, those of the tests' recorded logs."""
    chosen = random.Random(4)
    recorded = yaml.load((ROOT / "tests/data/log-messages.yaml").read_text("utf-8"), yaml.CSafeLoader)
    bad = [
        line + "\n"
        for case in recorded.values()
        for path, text in case["files"].items()
        if path.endswith("agent.log")
        for line in text.splitlines()
        if re.search(r"\| CORE \| (?:WARN|ERROR) \|", line)
    ]
    size = 0
    with log.open("w", encoding="utf-8") as file:
        while size < SIZE_BYTES:
            line = chosen.choice(bad) if chosen.random() < share else chosen.choice(INFO).format(chosen.randrange(60))
            file.write(line)
            size += len(line)


def grep(patterns: Path, log: Path) -> float:
    started = time.perf_counter()
    subprocess.run(["grep", "-c", "-E", "-f", str(patterns), str(log)], env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, stdout=subprocess.PIPE, check=True)  # fmt: skip
    return time.perf_counter() - started


def doctor(root: Path) -> float:
    started = time.perf_counter()
    rows = list(log_messages.collect(RootHost(root), Vault(), [AGENT], []))
    took = time.perf_counter() - started
    assert rows, "nothing was found in the log"
    return took


if __name__ == "__main__":
    sys.exit(main())
