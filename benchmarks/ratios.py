"""The speed ratios of docs/architecture.md, measured in one run and printed; not timed tests.

A = `python -c pass`, D = `python -c "import typer, yaml, sqlite3"` in the product's environment, C = PyYAML's C loader over the same files.
Run with any Python ≥ 3.10: a wheel is built and installed into an environment of its own, since that is what users have.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNS = 15
CONFIG_FILES = 5000


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="dddoctor-bench-") as folder:
        work = Path(folder)
        python = install(work)
        doctor = str(Path(python).parent / "dddoctor")
        healthy, broken, many = work / "healthy", work / "broken", work / "many"
        make_trees(python, healthy, broken, many)
        commands = {
            "A": [python, "-c", "pass"],
            "D": [python, "-c", "import typer, yaml, sqlite3"],
            "version": [doctor, "--version"],
            "completion": [doctor],
            "healthy": [doctor, "check", "--root", str(healthy), "--format", "json"],
            "broken": [doctor, "check", "--root", str(broken), "--format", "json"],
            "console": [doctor, "check", "--root", str(broken)],
        }
        environments = {"completion": {"_DDDOCTOR_COMPLETE": "1", "COMP_LINE_WORDS": "dddoctor\nche"}}
        medians = interleaved(commands, environments)
        a, d = medians["A"], medians["D"]
        print(f"A = {a * 1000:.1f} ms, D = {d * 1000:.1f} ms (medians of {RUNS}, interleaved)")
        rows = [("D / A", d / a, 10.0), ("--version / A", medians["version"] / a, 3.0), ("completion / A", medians["completion"] / a, 3.0),
                ("healthy host, JSON / D", medians["healthy"] / d, 1.4), ("broken VM, JSON / D", medians["broken"] / d, 1.7), ("broken VM, console / D", medians["console"] / d, 2.2)]  # fmt: skip
        c = timed_median([python, "-c", LOADER, str(many / "etc/datadog-agent/conf.d")], 3) - a
        big = [doctor, "check", "--root", str(many), "--format", "json"]
        rows.append((f"{CONFIG_FILES} files, every rule / C", (timed_median(big, 3) - d) / c, 3.0))
        rows.append(("memory on a host, MB", peak_mb(commands["broken"]), 64.0))
        rows.append((f"memory with {CONFIG_FILES} files, MB", peak_mb(big), 96.0))
        for name, value, budget in rows:
            print(f"{name:34} {value:6.2f}   budget {budget:5.1f}   {'ok' if value <= budget else 'OVER'}")
    return 0


LOADER = """
import pathlib, sys, yaml
for path in pathlib.Path(sys.argv[1]).rglob("*.yaml"):
    yaml.load(path.read_bytes(), yaml.CSafeLoader)
"""


def install(work: Path) -> str:
    """The Python of a new environment that holds the doctor's wheel; bytecode is written, as pip does for users."""
    subprocess.run([sys.executable, "-m", "venv", str(work / "venv")], check=True)
    python = str(work / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(ROOT)], check=True)
    subprocess.run([python, "-m", "compileall", "-q", str(work / "venv" / "lib")], check=False)
    return python


def make_trees(python: str, healthy: Path, broken: Path, many: Path) -> None:
    """A healthy host, the write-up's VM, and a host with thousands of check files."""
    code = "import sys; from pathlib import Path; from dddoctor.demo import make_vm; make_vm(Path(sys.argv[1]))"
    subprocess.run([python, "-c", code, str(broken)], check=True)
    for root in (healthy, many):
        etc = root / "etc" / "datadog-agent"
        (etc / "conf.d").mkdir(parents=True)
        (etc / "checks.d").mkdir()
        (etc / "datadog.yaml").write_text(
            "api_key: 00000000000000000000000000c0ffee\nsite: datadoghq.eu\nlogs_enabled: true\ntags: [team:a]\n",
            encoding="utf-8",
        )
        (etc / "datadog.yaml").chmod(0o640)
        status = root / "var" / "lib" / "dpkg" / "status"
        status.parent.mkdir(parents=True)
        status.write_text(
            "Package: datadog-agent\nStatus: install ok installed\nVersion: 1:7.72.4-1\n", encoding="utf-8"
        )
    (healthy / "etc/datadog-agent/conf.d/http_check.d").mkdir()
    (healthy / "etc/datadog-agent/conf.d/http_check.d/conf.yaml").write_text(body(0), encoding="utf-8")
    folder = (
        many / "etc/datadog-agent/conf.d/http_check.d"
    )  # of a check that comes with the Agent: any other name would be a defect
    folder.mkdir()
    for number in range(CONFIG_FILES):
        (folder / f"web-{number}.yaml").write_text(body(number), encoding="utf-8")


def body(number: int) -> str:
    """A check file as people write them: comments, two instances, tags, logs."""
    return f"""## Instances of service {number}
init_config:
    timeout: 5

instances:
    ## first
  - name: web-{number}
    url: http://web-{number}.example.test:8080/health?full=1
    timeout: 3
    min_collection_interval: 30
    tags:
      - service:web-{number}
      - env:prod
  - name: api-{number}
    url: https://api-{number}.example.test/
    headers:
      Host: api.example.test
      X-Check: "yes"
    tags: [service:api, env:prod]

logs:
  - type: file
    path: /var/log/web-{number}/access.log
    service: web-{number}
    source: nginx
"""


def interleaved(commands: dict[str, list[str]], environments: dict[str, dict[str, str]]) -> dict[str, float]:
    """Median seconds of each command; rounds over all of them, so that a noisy minute hits each alike."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(RUNS + 1):
        for name, argv in commands.items():
            took = timed(argv, environments.get(name, {}))
            if number:
                found[name].append(took)
    return {name: statistics.median(times) for name, times in found.items()}


def timed(argv: Sequence[str], extra: dict[str, str]) -> float:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | extra
    started = time.perf_counter()
    subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def timed_median(argv: Sequence[str], runs: int) -> float:
    return statistics.median(timed(argv, {}) for _ in range(runs))


def peak_mb(argv: Sequence[str]) -> float:
    """Largest resident size of a command in MB."""
    code = "import json, resource, subprocess, sys; subprocess.run(json.loads(sys.argv[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    answer = subprocess.run(
        [sys.executable, "-c", code, json.dumps(list(argv))], capture_output=True, text=True, check=True
    )
    return int(answer.stdout) / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    sys.exit(main())
