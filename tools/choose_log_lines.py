"""Write tests/data/log-messages.yaml: pieces of logs that real Agents wrote, and what the table makes of them. Run it with the folder of the recordings.

The rows were compared by hand with what the recordings say; run it again only to add scenarios, and read the difference.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import agents, log_messages

DATA = Path(__file__).parent.parent / "tests" / "data" / "log-messages.yaml"
SCENARIOS = """
7.52: conf-good code-P2-guage code-run-raises code-P1-method-outside-class mysql-good mysql-no-process mysql-no-performance-schema-select mysql-wrong-password
 mysql-account-localhost-names-not-resolved mysql-server-down mysql-wrong-socket mysql-root-by-tcp-socket-auth mysql-max-user-connections mysql-dbm-performance-schema-off
 mysql-replication-on-replication-client-granted trace-port-taken trace-port-80 trace-socket-folder-missing trace-debug-port-taken port-taken-5000 port-taken-5001 port-taken-8125
 modes-auth-token-short modes-run-folder-not-writable flask-traced
7.72.4: healthy crash-loop-hostname dd-log_level-typo dd-cmd_host-nonlocal perm-datadog.yaml-root-0600 perm-log-dir-root first-run-as-root-then-service disk-full-log-and-run
 secrets-backend-missing stale-pidfile port-5001-taken-process-discovery-off port-8125-taken port-5000-taken logs-sources two-agents
"""
FILES = {
    "agent.log": "/var/log/datadog/agent.log",
    "agent.log.part": "/var/log/datadog/agent.log",
    "trace-agent.log": "/var/log/datadog/trace-agent.log",
    "journal.out": "/var/log/syslog",
}
COLUMNS = ("program", "log", "line", "pattern", "severity", "check_name", "name", "address", "path", "message_count", "is_since_start", "is_current")  # fmt: skip
_KEEP = re.compile(
    r"\| (?:WARN|ERROR|CRITICAL) \||Starting Datadog Agent v|Loaded configuration: |Starting to load the conf|systemd\[1\]: |seelog|^Error|agent\[\d+\]: (?:Error|unable|unknown|open )"
)
_OF_RECORDING = re.compile(r"auto-setting maxprocs|lab stub")  # how it was recorded, not what Agents say
_OWN = re.compile(r"\d{4}-\d\d-\d\d |[A-Z][a-z]{2} [ \d]\d ")
KIND_LIMIT, LINE_LIMIT, REST_LIMIT = 2, 1400, 3
JOURNAL_LINES, JOURNAL_LINE_LIMIT = 12, 260


def trimmed(text: str, is_journal: bool) -> str:
    """The lines that say something; of a log of the Agent the first few of each kind, with at most three lines of their rest."""
    lines = text.splitlines()
    if is_journal:
        return "\n".join([line[:JOURNAL_LINE_LIMIT] for line in lines if _KEEP.search(line)][-JOURNAL_LINES:]) + "\n"
    kept: list[str] = []
    seen: dict[str, int] = {}
    is_in, rest = False, 0
    for number, line in enumerate(lines):
        if _OWN.match(line):
            kind = re.sub(r"\d+", "", line)[40:140]
            seen[kind], rest = seen.get(kind, 0) + 1, 0
            is_in = number in (0, len(lines) - 1) or bool(_KEEP.search(line)) and seen[kind] <= KIND_LIMIT
            is_in = is_in and not _OF_RECORDING.search(line)
        else:
            rest += 1
        if is_in and rest <= REST_LIMIT:
            kept.append(line[:LINE_LIMIT])
    return "\n".join(kept) + "\n"


def rows_of(files: dict[str, str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        for path, text in {"/etc/datadog-agent/datadog.yaml": "", **files}.items():
            target = Path(folder) / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        host = RootHost(folder)
        known = [a for a in agents.collect(host) if not isinstance(a, Gap)]
        found = [r for r in log_messages.collect(host, Vault(), known, []) if not isinstance(r, Gap)]
    return [{c: getattr(r, c) for c in COLUMNS if getattr(r, c) is not None} for r in found]


def main(recordings: Path) -> None:
    cases = {}
    for part in re.split(r"\n(?=7)", SCENARIOS.strip()):
        version, _, names = part.partition(":")
        for name in names.split():
            files = {
                path: trimmed((recordings / version / name / file).read_text("utf-8", "replace"), file == "journal.out")
                for file, path in FILES.items()
                if (recordings / version / name / file).exists() and not (name == "healthy" and file == "journal.out")
            }
            cases[f"{version}/{name}"] = {"files": files, "rows": rows_of(files)}
    head = "# Written by tools/choose_log_lines.py: pieces of the logs of real Agents (keys and passwords in them are invented).\n"
    text = yaml.safe_dump(cases, allow_unicode=True, sort_keys=False, width=10_000, default_style=None)
    DATA.write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
