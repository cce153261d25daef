"""The Agent's own diagnoses, in JSON and in the older text."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tables.test_agent_status import PACKAGE

from dddoctor.hosts.base import Ran, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables._agent_commands import DIAGNOSE, DIAGNOSE_TEXT, PROGRAM
from dddoctor.tables._status_rows import status_row
from dddoctor.tables.agent_diagnoses import Diagnosis, collect, diagnoses

# Recorded on 7.72.4 (port-5001-taken): the local form, shortened.
TEXT = """Running diagnose command locally (may take extra time to run checks locally) ...
=== Starting diagnose ===
...==============
Suite: check-datadog
3. --------------
  FAIL [docker] socket
  Diagnosis: \n  Host Agent cannot
  read it
  Remediation: Add the group
  Error: permission denied

==============
Suite: port-conflict
7. --------------
  FAIL cmd_port
  Diagnosis: Required port 5001 is already used by 'python3' process (PID=77) for tcp.

8. --------------
  PASS dogstatsd_port
  Diagnosis: Required port 8125 is not used

-------------------------
  Total:9, Success:7, Fail:2
"""
ANSWERING = status_row("package", {"version": "7.72.4"}, Vault())._replace(is_answering=1)


def test_the_text_form_is_read() -> None:
    """Dots of passed diagnoses stand before a suite's line; fields go over several lines."""
    assert diagnoses(TEXT) == [
        Diagnosis("check-datadog", "socket", "fail", "", "docker", "Host Agent cannot\nread it", "Add the group"),
        Diagnosis("port-conflict", "cmd_port", "fail", "", "", "Required port 5001 is already used by 'python3' process (PID=77) for tcp.", ""),
        Diagnosis("port-conflict", "dogstatsd_port", "pass", "", "", "Required port 8125 is not used", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("cut", range(0, len(TEXT), 37))
def test_a_cut_text_is_no_accident(cut: int) -> None:
    """What is whole is read, whatever the cut."""
    found = diagnoses(TEXT[:cut]) or []

    assert len(found) <= 3


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"runs": null}', []),
        ('{"runs": [{"suite_name": "port-conflict", "diagnoses": null}, 7]}', []),
        ('{"runs": [{"suite_name": "s", "diagnoses": [{"name": "a"}, {"result": 9, "name": "b"}, {"result": 3, "name": "c", "rawerror": "r"}]}]}',
         [Diagnosis("s", "a", "pass", "", "", "", ""), Diagnosis("s", "c", "error", "", "", "r", "")]),
    ],
    ids=["nothing", "odd", "results"],
)  # fmt: skip
def test_json_of_any_shape(text: str, found: list[Diagnosis]) -> None:
    """A missing result is a pass: zero is left out."""
    assert diagnoses(text) == found


def test_other_output_is_none() -> None:
    """Not an empty list: it was not read."""
    assert diagnoses("Error: something\n") is None


def test_an_agent_without_json_is_asked_for_text(tmp_path: Path) -> None:
    """Up to about 7.57 --json is unknown."""
    commands: dict[tuple[str, ...], Ran | Unavailable] = {
        (PROGRAM, *DIAGNOSE): Ran(255, "", "Error: unknown flag: --json\n"),
        (PROGRAM, *DIAGNOSE_TEXT): Ran(0, TEXT, ""),
    }

    rows = list(collect(ExampleHost(tmp_path, commands=commands), Vault(), [PACKAGE], [ANSWERING]))

    assert [r.verdict for r in rows if not isinstance(r, Gap)] == ["fail", "fail", "pass"]


def test_an_agent_before_suites_has_none(tmp_path: Path) -> None:
    """Before about 7.46 `diagnose` took no --include: nothing is run that would connect to the intake."""
    commands: dict[tuple[str, ...], Ran | Unavailable] = {
        (PROGRAM, *DIAGNOSE): Ran(255, "", "Error: unknown flag: --json\n"),
        (PROGRAM, *DIAGNOSE_TEXT): Ran(255, "", "Error: unknown flag: --include\n"),
    }

    assert list(collect(ExampleHost(tmp_path, commands=commands), Vault(), [PACKAGE], [ANSWERING])) == []


def test_an_agent_that_does_not_answer_is_not_asked(tmp_path: Path) -> None:
    """Alone, the command would load and run every check itself."""
    silent = ANSWERING._replace(is_answering=0)

    assert list(collect(ExampleHost(tmp_path), Vault(), [PACKAGE], [silent])) == []


def test_a_refusal_is_a_gap(tmp_path: Path) -> None:
    """Neither found nor passed."""
    commands: dict[tuple[str, ...], Ran | Unavailable] = {(PROGRAM, *DIAGNOSE): Ran(255, "", "Error: boom\n")}

    (gap,) = collect(ExampleHost(tmp_path, commands=commands), Vault(), [PACKAGE], [ANSWERING])

    assert gap == Gap("package", Kind.TOOL, "`datadog-agent diagnose`: boom")


def test_no_suite_that_connects_to_datadog_is_named() -> None:
    """Without --network nothing leaves this host."""
    suites = [w for w in DIAGNOSE if w.startswith("^")]

    assert suites == ["^check-datadog$", "^port-conflict$"]
