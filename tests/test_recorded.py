"""What real Agents made of some six hundred hosts, against what the doctor says of the same files."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dddoctor.hosts.base import Stat
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Finding
from dddoctor.session import CheckOptions, Session

RECORDED = json.loads((Path(__file__).parent / "data" / "recorded.json").read_text(encoding="utf-8"))
SCENARIOS: dict[str, dict[str, Any]] = RECORDED["scenarios"]
EXPECTED: dict[str, dict[str, Any]] = yaml.load(
    (Path(__file__).parent / "data" / "recorded-findings.yaml").read_text(encoding="utf-8"),
    getattr(yaml, "CSafeLoader", yaml.SafeLoader),
)
CONFIG = "/etc/datadog-agent"
OURS = (CONFIG, "/var/log/datadog", "/opt/datadog-agent/run")
PASSWD = "root:x:0:0:root:/root:/bin/bash\ndd-agent:x:110:110::/opt/datadog-agent:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ndd-agent:x:110:\n"
USUAL_MODES = {
    f"{CONFIG}/datadog.yaml": 0o640,
    "/var/log/datadog": 0o750,
    f"{CONFIG}/auth_token": 0o600,
    f"{CONFIG}/ipc_cert.pem": 0o600,
    f"{CONFIG}/environment": 0o640,
}


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
    files = {
        "/etc/passwd": PASSWD,
        "/etc/group": GROUP,
        "/etc/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12"\n',
    }
    files["/var/lib/dpkg/status"] = (
        f"Package: datadog-agent\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:{version if version.count('.') > 1 else version + '.0'}-1\n"
    )
    files |= {f"{CONFIG}/auth_token": "0badc0de" * 8, "/var/log/datadog/agent.log": ""}
    files |= {p: usual[p] for p in scenario.get("usual", ())}
    if version == "7.72.4":
        files.setdefault(f"{CONFIG}/datadog.yaml", usual[f"{CONFIG}/datadog.yaml"])
    files |= scenario.get("files", {})
    told: dict[str, str] = scenario.get("modes", {})
    folders = {f"{CONFIG}/conf.d", f"{CONFIG}/checks.d", "/var/log/datadog", "/opt/datadog-agent/run"} - set(
        scenario.get("removed", ())
    )
    gone = tuple(scenario.get("removed", ()))
    files = {p: t for p, t in files.items() if p not in gone and not p.startswith(tuple(g + "/" for g in gone))}
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
        closed = 0o640 if path.startswith(f"{CONFIG}/conf.d/") else 0o644
        modes[path] = USUAL_MODES.get(path, 0o755 if found.is_dir() else closed)
    for path, text in told.items():
        modes[path], owners[path] = int(text.split()[0], 8), text.split()[1]
    return RecordedHost(root, owners, modes)


def said(found: Iterable[Finding]) -> list[str]:
    """The findings as the table writes them: `E rule path:line`, paths below /etc/datadog-agent without it."""
    letters = {"error": "E", "warning": "W", "info": "I"}
    return sorted(
        f"{letters[f.severity.value]} {f.rule} {(f.file or '').removeprefix(CONFIG + '/')}"
        + (f":{f.line}" if f.line else "")
        for f in found
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """One session for all hosts: reading the rules takes longer than judging a host."""
    # That a host has no tags is said of nearly all of them; its own examples show it.
    return Session(CheckOptions(root=tmp_path_factory.mktemp("none"), ignore=("host-tags-missing",)))


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_the_doctor_says_what_the_agent_did(name: str, session: Session, tmp_path: Path) -> None:
    """All rules over the scenario's files: exactly the findings that the recording justifies, with file and line."""
    session.host = build(tmp_path, SCENARIOS[name], name.split("/")[0])

    report = session.check()

    assert not report.broken
    assert said(report.findings) == sorted(EXPECTED["findings"][name]), "; ".join(SCENARIOS[name].get("said", ()))


def test_every_refusal_of_the_agent_is_explained() -> None:
    """Where the Agent refused a check or ended, the table has a warning or an error, a reason why files cannot tell, or a rule that is still wanted."""
    reasons = list(EXPECTED["not_in_files"])
    unexplained = [
        name
        for name, scenario in SCENARIOS.items()
        if scenario.get("refused")
        and not any(f[0] in "EW" for f in EXPECTED["findings"][name])
        and name not in EXPECTED["wanted"]
        and not any(re.fullmatch(r, name.split("/")[1]) for r in reasons)
    ]

    assert unexplained == []


def test_nothing_that_the_agent_ran_is_said_not_to_load() -> None:
    """A check that ran without an error, from its only file, has no finding that it does not load."""
    stops = re.compile(
        r"E (check-file-does-not-load|instance-does-not-load|no-instances|check-does-not-parse|check-not-indented|check-without-code|check-names-differ) "
    )
    wrong = []
    for name, scenario in SCENARIOS.items():
        ran = [s.split(" ran,")[0] for s in scenario.get("said", ()) if s.endswith("last error: none")]
        files = [p for p in scenario.get("files", {}) if "/conf.d/" in p]
        if ran and len(files) <= 1 and not scenario.get("refused") and not name.startswith("7.52/changed"):
            wrong += [(name, f) for f in EXPECTED["findings"][name] if stops.match(f)]

    assert wrong == []


def test_the_table_names_scenarios_that_exist() -> None:
    """A scenario that was renamed or left out does not stay in the table."""
    assert set(EXPECTED["findings"]) == set(SCENARIOS)
    assert set(EXPECTED["wanted"]) <= set(SCENARIOS)


def test_no_recorded_key_looks_real() -> None:
    """Every long run of hexadecimal digits begins like the invented key, counts upwards, or has few different digits."""
    texts = (Path(__file__).parent / "data" / "recorded.json").read_text(encoding="utf-8")

    found = set(re.findall(r"(?<![0-9a-fA-F])[0-9a-fA-F]{31,}(?![0-9a-fA-F])", texts))

    made_up = re.compile(r"0badc0de0badc0de|01234567|12345678|00112233", re.I)
    assert [k for k in found if len(set(k.lower())) > 10 and not made_up.match(k)] == []
