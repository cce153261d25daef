"""What real Agents made of some six hundred hosts, against what the doctor says of the same files."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dddoctor.hosts.base import Stat
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Finding
from dddoctor.session import CheckOptions, Session

RECORDED = json.loads((Path(__file__).parent / "data" / "recorded.json").read_text(encoding="utf-8"))
SCENARIOS: dict[str, dict[str, Any]] = RECORDED["scenarios"]
CONFIG = "/etc/datadog-agent"
OURS = (CONFIG, "/var/log/datadog", "/opt/datadog-agent/run")
PASSWD = "root:x:0:0:root:/root:/bin/bash\ndd-agent:x:110:110::/opt/datadog-agent:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ndd-agent:x:110:\n"
USUAL_MODES = {f"{CONFIG}/datadog.yaml": 0o640, "/var/log/datadog": 0o750, f"{CONFIG}/auth_token": 0o600}


class RecordedHost(ExampleHost):
    """Modes and owners as they were told: a test that does not run as root cannot make them."""

    def __init__(self, folder: Path, owners: Mapping[str, str], modes: Mapping[str, int]) -> None:
        super().__init__(folder, owners=owners)
        self.modes = modes

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        found = super().stat(path, follow=follow)
        return found._replace(mode=self.modes.get(found.target, found.mode))


def build(root: Path, scenario: Mapping[str, Any], version: str) -> RecordedHost:
    """An installed Agent of that version with the scenario's files; what the Agent writes itself is there too."""
    usual = RECORDED["usual"][version]
    files = {"/etc/passwd": PASSWD, "/etc/group": GROUP, "/etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n'}
    files["/var/lib/dpkg/status"] = f"Package: datadog-agent\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:{version if version.count('.') > 1 else version + '.0'}-1\n"
    files |= {f"{CONFIG}/auth_token": "0badc0de" * 8, "/var/log/datadog/agent.log": ""}
    files |= {p: usual[p] for p in scenario.get("usual", ())}
    if version == "7.72.4":
        files.setdefault(f"{CONFIG}/datadog.yaml", usual[f"{CONFIG}/datadog.yaml"])
    files |= scenario.get("files", {})
    told: dict[str, str] = scenario.get("modes", {})
    folders = {f"{CONFIG}/conf.d", f"{CONFIG}/checks.d", "/var/log/datadog", "/opt/datadog-agent/run"} - set(scenario.get("removed", ()))
    for path in scenario.get("removed", ()):
        files = {p: t for p, t in files.items() if p != path and not p.startswith(path + "/")}
    for path in [*folders, *(p for p, t in told.items() if t.endswith("folder"))]:
        (root / path[1:]).mkdir(parents=True, exist_ok=True)
    for path in told:
        if path not in files and not told[path].endswith("folder"):
            files[path] = ""
    for path, text in files.items():
        target = root / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else base64.b64decode(text["base64"]))
    for path, to in scenario.get("links", {}).items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).symlink_to(to)
    owners, modes = {}, {}
    for found in root.rglob("*"):
        path = "/" + found.relative_to(root).as_posix()
        owners[path] = "dd-agent:dd-agent" if path.startswith(OURS) else "root:root"
        modes[path] = USUAL_MODES.get(path, 0o755 if found.is_dir() else 0o644)
    for path, text in told.items():
        modes[path], owners[path] = int(text.split()[0], 8), text.split()[1]
    return RecordedHost(root, owners, modes)


def findings(host: RecordedHost, session: Session) -> list[Finding]:
    """What the doctor says of a host, all rules, in process."""
    session.host = host
    report = session.check()
    assert not report.broken
    return report.findings
