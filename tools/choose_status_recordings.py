"""Write tests/data/recorded-status.json: what real Agents answered when they were asked for their status, reduced to what the doctor reads.

    python tools/choose_status_recordings.py FOLDER      # FOLDER/VERSION/SCENARIO, as a lab writes them down

Of the scenarios whose answers say the same of the same checks one is kept, preferring the names that tests/data/recorded.json knows (their files stand there).
Refusals are kept once per text. Keys become obviously invented ones.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dddoctor.hosts.base import Ran
from dddoctor.tables._agent_commands import refusal
from dddoctor.tables._agent_json import document, mapping
from dddoctor.tables._check_reports import problems, runs
from dddoctor.tables.loaded_instances import instances

OUT = Path(__file__).parents[1] / "tests" / "data" / "recorded-status.json"
FILES = Path(__file__).parents[1] / "tests" / "data" / "recorded.json"
SECTIONS = (
    "version", "flavor", "agent_start_nano", "time_nano", "ntpOffset", "python_version", "pythonInit", "apmStats", "autoConfigStats", "checkSchedulerStats",
    "pyLoaderStats", "runnerStats", "JMXStatus", "forwarderStats", "hostnameStats", "metadata", "logsStats", "config",
)  # fmt: skip
INSIDE = {
    "apmStats": ("error", "port"),
    "forwarderStats": ("APIKeyStatus", "APIKeyFailure", "Transactions"),
    "Transactions": ("Success", "Dropped", "ErrorsByType", "HTTPErrorsByCode"),
    "metadata": ("meta",),
    "meta": ("hostname",),
    "config": ("additional_checksd",),
    "runnerStats": ("Checks", "Running"),
    "logsStats": ("is_running", "integrations"),
}
UNREAD = {
    "ExecutionTimes",
    "EventPlatformEvents",
    "TotalEventPlatformEvents",
    "info",
    "inputs",
    "messages",
    "HistogramBuckets",
    "TotalHistogramBuckets",
}
ZEROS = {
    "TotalRuns",
    "TotalErrors",
    "port",
    "Success",
    "DNSErrors",
    "ConnectionErrors",
    "TLSErrors",
}  # where 0 says something
NOISE_CHECKS = {"uptime", "cpu", "load", "memory", "file_handle", "io", "network", "disk"}
KEPT = (
    "flare-writeup-vm",
    "logs-sources",
    "hang-",
    "conf-C6-init",
    "interval-proof-same",
    "two-files-one",
    "ntp-offset",
    "conf-good",
    "healthy",
    "apm-leftover",
)


def main(folder: Path) -> None:
    """Both versions, one line per scenario."""
    known = set(json.loads(FILES.read_text(encoding="utf-8"))["scenarios"])
    found: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    paths = sorted(p for v in sorted(folder.iterdir()) if v.is_dir() for p in v.iterdir() if p.is_dir())
    for path in sorted(paths, key=lambda p: (f"{p.parent.name}/{p.name}" not in known, str(p))):
        name = f"{path.parent.name}/{path.name}"
        for data, signature in answers(path):
            if name not in found and (signature not in seen or any(k in name for k in KEPT)):
                seen.add(signature)
                found[name] = data
    lines = [f"{json.dumps(n)}: {invented(json.dumps(found[n], ensure_ascii=True))}" for n in sorted(found)]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{len(lines)} scenarios, {OUT.stat().st_size} bytes")


def answers(folder: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """(what is kept, what it says) of one scenario; nothing where status was not asked in JSON."""
    texts = sorted(p for p in folder.glob("status-json*") if p.suffix in (".out", ".json"))
    for path in texts:
        answer = document(path.read_text(encoding="utf-8", errors="replace"))
        if answer is not None:
            status = reduced(answer.values)
            all_runs = runs(status)
            said = sorted({(p.check_name, p.kind, p.loader, p.text) for p in problems(status, all_runs)})
            decided = {p.check_name for p in problems(status, all_runs) if p.is_decisive}
            missing = lost(folder, {r.check_name for r in all_runs} | decided)
            apm = mapping(status.get("apmStats")).get("port")
            signature = json.dumps(
                [
                    folder.parent.name,
                    said,
                    sorted(w for r in all_runs for w in r.last_warnings),
                    bool(missing),
                    apm,
                    bool(status.get("ntpOffset")),
                ]
            )
            yield {"status": status, **({"configcheck": missing} if missing else {})}, signature
    for path in sorted(folder.glob("status*.err")):
        rc, out = path.with_suffix(".rc"), path.with_suffix(".out")
        if (
            path.name.startswith(("status.", "status-json."))
            and rc.is_file()
            and rc.read_text().strip() not in ("", "0")
        ):
            said_out = out.read_text(encoding="utf-8", errors="replace") if out.is_file() else ""
            ran = Ran(255, said_out, path.read_text(encoding="utf-8", errors="replace"))
            reason, line = refusal(ran)
            yield (
                {"returncode": 255, "stdout": ran.stdout, "stderr": ran.stderr},
                f"{reason} {re.sub('format=[a-z]+', '', line)}",
            )


def lost(folder: Path, named: set[str]) -> str:
    """configcheck's text, where it has a check that status does not name: of scenarios that are about that, since the recorder cut checks from others."""
    if not folder.name.startswith(("hang-", "conf-C6-init")):
        return ""
    path = folder / "configcheck.out"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text if {i.check_name for i in instances(text)} - named - NOISE_CHECKS else ""


def reduced(status: Mapping[str, Any]) -> dict[str, Any]:
    """The sections that are read, without the numbers that are not; checks of the Agent's own that only run well are left out."""
    return {k: part(k, v) for k, v in status.items() if k in SECTIONS and v not in ({}, [], None)}


def part(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if (name not in INSIDE or k in INSIDE[name]) and k not in UNREAD}
        if name == "Checks":  # those of the Agent's own that only run well
            kept = {
                k: v
                for k, v in kept.items()
                if k not in NOISE_CHECKS or any(mapping(o).get("LastError") for o in mapping(v).values())
            }
        found = {k: part(k, v) for k, v in kept.items()}
        return {k: v for k, v in found.items() if v not in ("", [], {}, None) and (v != 0 or k in ZEROS)}
    return [part("", v) for v in value] if isinstance(value, list) else value


def invented(text: str) -> str:
    """The lab's keys and their endings become those of the invented key."""
    text = re.sub(
        r"7c5de1a09b3f48e26ad0915c4fbe8237|5f0c0de5a1b2c3d4e5f60718293a4b5c?", "0badc0de0badc0de0badc0de0badc0de", text
    )
    return re.sub(r"(ending with |\*{3,})(?:e8237|a4b5c|dcafe)", r"\g<1>dc0de", text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
