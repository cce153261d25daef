"""What real Agents answered when they were asked, with the files that they had read: what the doctor makes of it, and which file's fault it hangs it under."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.test_recorded import SCENARIOS, RecordedHost, build

from dddoctor.hosts.base import Process, Ran, Stat, Unavailable
from dddoctor.model import Finding, Kind
from dddoctor.session import CheckOptions, Session
from dddoctor.tables._agent_commands import CONFIGCHECK, PROGRAM, STATUS

DATA = Path(__file__).parent / "data"
ANSWERS: dict[str, dict[str, Any]] = json.loads((DATA / "recorded-status.json").read_text(encoding="utf-8"))
EXPECTED: dict[str, list[str]] = yaml.load(
    (DATA / "recorded-status-findings.yaml").read_text(encoding="utf-8"),
    getattr(yaml, "CSafeLoader", yaml.SafeLoader),
)
# The rules that speak of what a running Agent says.
LIVE = {
    "agent-has-no-api-key",
    "agent-not-answering",
    "agent-uses-another-hostname",
    "api-key-refused",
    "check-instance-not-started",
    "check-never-ran",
    "check-refused-by-agent",
    "check-run-fails",
    "check-run-hangs",
    "check-warns",
    "clock-off",
    "diagnosis-failed",
    "intake-unreachable",
    "log-source-not-read",
    "python-not-initialized",
    "trace-agent-not-answering",
}
# Where the Agent went on running, though its commands failed; the recordings list no processes.
RUNNING = {
    "7.72.4/auth_token-changed-while-running",
    "7.72.4/auth_token-deleted-while-running",
    "7.72.4/auth_token-too-short",
    "7.72.4/cmd_port-changed-while-running",
    "7.72.4/dd-bad-type-cmd_port",
    "7.72.4/ipc_cert-deleted-while-running",
}
ANSWERED_AT = 1795505000.0  # the recordings' own time


class AnsweringHost:
    """A recorded host whose Agent answers as it did; nothing else can be run on it."""

    def __init__(self, host: RecordedHost, answer: Mapping[str, Any], *, is_running: bool = False) -> None:
        self._host, self.kind, self.name, self._is_running = host, host.kind, host.name, is_running
        status = json.dumps(answer["status"]) if "status" in answer else answer.get("stdout", "")
        self._answers = {
            (PROGRAM, *STATUS): Ran(answer.get("returncode", 0), status, answer.get("stderr", "")),
            (PROGRAM, *CONFIGCHECK): Ran(0, answer.get("configcheck", ""), ""),
        }

    def run(self, argv: Sequence[str], timeout_seconds: float = 1.0, user: str | None = None) -> Ran:
        if tuple(argv) not in self._answers:
            raise Unavailable(Kind.TARGET, "not recorded")
        return self._answers[tuple(argv)]

    def processes(self) -> list[Process]:
        if not self._is_running:
            return self._host.processes()
        program = "/opt/datadog-agent/bin/agent/agent"
        return [
            Process(
                81, 1, "agent", (program, "run"), "dd-agent", 110, ANSWERED_AT - 3600, program, 0, "/", "/", {}, 0, None
            )
        ]

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """Written a day before the Agent started."""
        return self._host.stat(path, follow=follow)._replace(mtime=ANSWERED_AT - 86400)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)


def told(found: Sequence[Finding]) -> list[str]:
    """`E rule check <- cause`: the findings from the Agent's answer, each with the rules that explain it."""
    rules = {f.id: f.rule for f in found}
    letters = {"error": "E", "warning": "W", "info": "I"}
    lines = []
    for f in found:
        if f.rule in LIVE:
            causes = " ".join(sorted({rules[c] for c in f.explained_by}))
            name = f.row.get("check_name")
            lines.append(
                f"{letters[f.severity.value]} {f.rule}{f' {name}' if name else ''}{f' <- {causes}' if causes else ''}"
            )
    return sorted(lines)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """One session for all hosts: reading the rules takes longer than judging a host."""
    return Session(CheckOptions(root=tmp_path_factory.mktemp("none")))


@pytest.mark.parametrize("name", list(ANSWERS))
def test_the_answer_hangs_under_its_cause(name: str, session: Session, tmp_path: Path) -> None:
    """All rules over files and answer: what the Agent reports is said once, under the file's fault where a rule knows it."""
    version = name.split("/")[0]
    plain = {"usual": ["/etc/datadog-agent/datadog.yaml"]} if version == "7.52" else {}
    host = build(tmp_path, SCENARIOS.get(name, plain), version)
    (tmp_path / "opt/datadog-agent/bin/agent").mkdir(parents=True, exist_ok=True)

    evaluation = session.evaluate(AnsweringHost(host, ANSWERS[name], is_running=name in RUNNING))

    assert [o.reason for o in evaluation.outcomes.values() if o.result == "broken"] == []
    assert told(evaluation.findings) == sorted(EXPECTED.get(name, []))


def test_the_table_names_scenarios_that_exist() -> None:
    """A scenario that was left out does not stay in the table."""
    assert set(EXPECTED) <= set(ANSWERS)
