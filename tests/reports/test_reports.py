"""The reports: what a tired newcomer reads first, at any width, on any terminal; and what machines get."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from dddoctor.model import (
    Applied,
    Broken,
    Excerpt,
    Finding,
    FixOffer,
    HeadLine,
    Kind,
    Report,
    Safety,
    Severity,
    Skipped,
    Target,
    Unread,
)
from dddoctor.reports import console
from dddoctor.reports import json as json_report

EXPECTED = Path(__file__).parent / "expected"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/report.schema.json").read_text(encoding="utf-8"))
MAIN = "/etc/datadog-agent/datadog.yaml"


def broken_main_file() -> Finding:
    """The cause: a line of datadog.yaml that does not parse, with a safe repair."""
    return Finding(
        id="0123456789",
        rule="yaml-does-not-load",
        area="config",
        title="A file is no YAML",
        severity=Severity.ERROR,
        message="datadog.yaml does not load: `apm_config:` has a blank before it.",
        agent="package",
        file=MAIN,
        line=3,
        column=1,
        excerpt=Excerpt(((1, "api_key: <key #1>"), (2, "site: datadoghq.eu"), (3, " apm_config:"), (4, "\tenabled: true")), 3, 1, 2),
        why="Keys of one level begin in one column. The Agent reads nothing of this file.",
        advice="Remove the blank.",
        avoid="Do not reinstall the Agent: the file stays as it is.",
        fix=FixOffer("Remove the blank", Safety.SAFE, ["repair_yaml_text {file: /etc/datadog-agent/datadog.yaml, line: 3, kind: leading-blank}"]),
        links=["https://yaml.org/spec/1.1/"],
    )


def consequence() -> Finding:
    """What follows from the broken file."""
    return Finding(
        id="1123456789",
        rule="host-missing",
        area="agent",
        title="The host is not on the map",
        severity=Severity.WARNING,
        message="The host name is the system's own.",
        agent="package",
        explained_by=["0123456789"],
    )


def manual_finding() -> Finding:
    """A warning without a repair."""
    return Finding(
        id="2123456789",
        rule="ddtrace-in-another-interpreter",
        area="python",
        title="ddtrace is not where the app runs",
        severity=Severity.WARNING,
        message="No interpreter has both: Flask is in /home/vagrant/app/venv, ddtrace in /usr/bin/python3.11.",
        file="/home/vagrant/app/app.py",
        line=1,
        also=[("/home/vagrant/app/venv/pyvenv.cfg", 3), ("/usr/local/bin/ddtrace-run", None)],
        why="A process sees the packages of one environment.",
        advice="Run `/home/vagrant/app/venv/bin/python -m pip install ddtrace`.",
        fix=FixOffer("Install it", Safety.UNSAFE, [], None, "the venv belongs to nobody"),
        possibly_explained_by=["0123456789"],
    )


def alike(count: int) -> list[Finding]:
    """Findings of one rule and agent."""
    return [
        Finding(
            id=f"3{n:09d}",
            rule="interval-outside-instance",
            area="conf-d",
            title="min_collection_interval stands where the Agent ignores it",
            severity=Severity.INFO,
            message="`min_collection_interval: 45` has no effect here.",
            agent="package",
            file=f"/etc/datadog-agent/conf.d/check_{n}.yaml",
            line=1,
            why="It is an option of each instance.",
            advice="Move it under each item of `instances`.",
            fold="{count} files set the interval where it has no effect.",
        )
        for n in range(count)
    ]


def sick() -> Report:
    """Causes, consequences, a folded group, cleared suspects, gaps, a broken rule."""
    findings = [broken_main_file(), consequence(), manual_finding(), *alike(6)]
    return Report(
        target=Target("live", "vm", "Debian 12", "7.72.4"),
        tool_version="0.1",
        rule_count=60,
        started_at="2026-11-24T09:00:00+00:00",
        duration_seconds=0.2,
        healthy=False,
        partial=True,
        findings=findings,
        causes=[f.id for f in findings if not f.explained_by],
        cleared=["`init_config` may be left out: Agent 6 and later accept that."],
        unread=[
            Unread("/etc/mysql/debian.cnf", Kind.DENIED, "permission denied", "sudo", ("option-file-ignored", "a", "b", "c")),
            Unread("processes", Kind.TARGET, "a folder has none", "", ("config-newer-than-process",)),
        ],
        skipped=[Skipped("option-file-ignored", "an option file is not readable", "sudo"), Skipped("port-taken", "no listeners", "")],
        broken=[Broken("some-rule", "KeyError: 'x'")],
        head=[
            HeadLine("Agent", "package 7.72.4, reads /etc/datadog-agent"),
            HeadLine("In force", f"{MAIN}, 7 check files, 2 not in force"),
            HeadLine("Python", "package: 3.12; /home/vagrant/app/venv: 3.11"),
        ],
        command="dddoctor check --app /home/vagrant/app --fix --format console",
    )


def healthy() -> Report:
    """Nothing found, everything looked at."""
    return Report(
        Target("root", "/mnt/disk", None, None), "0.1", 60, "2026-11-24T09:00:00+00:00", 0.1, True, False, [], [],
        head=[HeadLine("Agent", "package 7.72.4, reads /etc/datadog-agent")],
    )  # fmt: skip


def unsure() -> Report:
    """Nothing found, but datadog.yaml was closed to us."""
    report = healthy()
    report.healthy, report.partial = None, True
    report.unread = [Unread(MAIN, Kind.DENIED, "permission denied", "sudo", ("yaml-does-not-load",))]
    report.command = "dddoctor check --select config"
    return report


def repaired() -> Report:
    """After --fix."""
    report = healthy()
    report.applied = [
        Applied("0123456789", "yaml-does-not-load", "Remove the blank", "repaired and proved", (MAIN,)),
        Applied("2123456789", "ddtrace-in-another-interpreter", "Install it", "not repaired", (), "pip ended with 1"),
    ]
    report.run_id = "20261124-090000-1"
    return report


# --- console ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "report", "options"),
    [
        ("sick-80.txt", sick(), {"width": 80}),
        ("sick-40-ascii.txt", sick(), {"width": 40, "ascii_only": True}),
        ("repaired-80.txt", repaired(), {"width": 80}),
        ("unsure-80.txt", unsure(), {"width": 80}),
    ],
)
def test_the_output_is_the_checked_in_one(name: str, report: Report, options: dict[str, int]) -> None:
    """The whole text, so that a change of wording is a change of these files."""
    assert console.render(report, **options) == (EXPECTED / name).read_text(encoding="utf-8")  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_the_first_command_stands_within_twelve_lines(width: int) -> None:
    """Whoever reads a screenful knows what to type."""
    lines = console.render(sick(), width=width).splitlines()

    first = next(n for n, line in enumerate(lines, 1) if line.strip().startswith("→"))
    assert first <= 12, "\n".join(lines[:16])


def test_the_first_sentence_after_the_head_is_the_cause() -> None:
    """Causes come first, consequences below them."""
    lines = console.render(sick(), width=100).splitlines()

    assert lines[4] == "✗ error: datadog.yaml does not load: `apm_config:` has a blank before it."
    assert lines.index("    ▲ The host name is the system's own.") > 4


@pytest.mark.parametrize("width", [40, 57, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_lines_fit_the_terminal_unless_one_word_or_command_is_longer(width: int, ascii_only: bool) -> None:
    """A path or a command in backticks is never cut: it must be copyable."""
    for line in console.render(sick(), width=width, ascii_only=ascii_only).splitlines():
        words = line.split("`")[1::2] or line.split()
        assert len(line) <= width or max(map(len, words)) > width - 12 or line.strip().startswith(("->", "→ dddoctor", "and /", "/")), line


def test_ascii_only_is_ascii_whatever_the_finding_says() -> None:
    """Messages may hold any letter of a file."""
    report = sick()
    report.findings[0].message = "„größer“ ≥ 3 → 🐶"

    assert console.render(report, ascii_only=True).isascii()


def test_without_colour_no_escape_is_written_and_control_characters_are_shown() -> None:
    """A file name must not steer the terminal; a direction mark must not turn a path around."""
    report = sick()
    report.findings[0].file = "/etc/x\x1b[2J\u202e.yaml"
    report.findings[0].message = "bad\x07 name\r\n"

    text = console.render(report)

    assert "\x1b" not in text and "\x07" not in text and "\u202e" not in text and "\r" not in text
    assert "/etc/x\\x1b[2J\\x202e.yaml:3:1" in text


def test_colour_wraps_whole_lines() -> None:
    """Each coloured line begins and resets its colour itself, so that a cut output does not stain the shell."""
    for line in console.render(sick(), color=True).splitlines():
        assert line.count("\x1b[0m") == (1 if line.startswith("\x1b[") else 0)


def test_three_alike_are_shown_one_by_one_and_four_fold() -> None:
    """The fold is for lists, not for pairs."""
    report = healthy()
    report.healthy = False
    for count, is_folded in ((3, False), (4, True)):
        report.findings = list(alike(count))
        report.causes = [f.id for f in report.findings]
        assert (f"{count} files set the interval" in console.render(report)) is is_folded


def test_a_fold_text_with_other_columns_falls_back_to_the_title() -> None:
    """The reporter has no row to fill them from."""
    report = healthy()
    report.findings = list(alike(4))
    for finding in report.findings:
        finding.fold = "{count} files of {agent}"

    assert "4 times: min_collection_interval stands where the Agent ignores it." in console.render(report)


def test_a_caret_stays_under_its_column_beyond_the_right_edge_and_after_tabs() -> None:
    """The excerpt moves with the column."""
    finding = broken_main_file()
    finding.excerpt = Excerpt(((1, "\t" + "x" * 300 + "!" + "y" * 50),), 1, 302, 303)
    report = healthy()
    report.findings, report.causes = [finding], [finding.id]

    lines = console.render(report, width=60).splitlines()
    at = next(n for n, line in enumerate(lines) if "▸1 │" in line)

    assert lines[at][lines[at + 1].index("^")] == "!"


def test_the_command_to_type_is_the_one_typed_without_the_options_of_repairs_and_formats() -> None:
    """`--root` and `--app` stay, or the pasted command would look elsewhere."""
    report = healthy()
    report.command = "dddoctor check --root '/mnt/my disk' --fix --yes --format json --output=x.json --app /srv/app"

    assert console.command(report, "--fix") == "dddoctor check --root '/mnt/my disk' --app /srv/app --fix"


def test_a_repair_that_asks_shows_the_way_by_hand_too() -> None:
    """What installs or starts something may be done by oneself, and the advice has the command line that works."""
    report = sick()
    finding = next(f for f in report.findings if f.rule == "ddtrace-in-another-interpreter")
    assert finding.fix
    finding.fix.unavailable_because = None

    text = console.render(report, width=120)

    assert "    Install it. It asks first.\n    By hand: Run `/home/vagrant/app/venv/bin/python -m pip install ddtrace`.\n" in text


def test_findings_in_a_circle_of_explanations_are_still_shown() -> None:
    """A finding may be explained by one that is itself explained."""
    report = sick()
    report.findings.insert(2, Finding("4123456789", "third", "agent", "t", Severity.INFO, "The third thing.", explained_by=["1123456789"]))

    assert "    • The third thing." in console.render(report, width=100)


# --- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", [sick(), healthy(), unsure(), repaired()])
def test_every_report_keeps_the_schema(report: Report) -> None:
    """The schema is what others build on."""
    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())

    assert [e.message for e in validator.iter_errors(json.loads(json_report.render(report)))] == []


def test_the_schema_names_every_key_that_is_written() -> None:
    """A key without a description in the schema is no interface."""
    made = json_report.document(sick())
    finding = next(f for f in made["findings"] if f["fix"] and f["excerpt"])
    properties = SCHEMA["properties"]

    assert set(made) == set(properties)
    assert set(finding) == set(SCHEMA["$defs"]["finding"]["properties"])
    assert set(finding["fix"]) == set(SCHEMA["$defs"]["finding"]["properties"]["fix"]["properties"])
    assert set(made["unread"][0]) == set(properties["unread"]["items"]["properties"])


def test_the_json_is_the_checked_in_one() -> None:
    """Key by key and in order."""
    assert json_report.render(sick()) == (EXPECTED / "sick.json").read_text(encoding="utf-8")


def test_two_reports_differ_in_the_declared_time_fields_only() -> None:
    """`compare` and `--baseline` rely on it."""
    one, two = sick(), sick()
    two.started_at, two.duration_seconds = "2027-01-01T00:00:00+00:00", 9.0

    assert {k for k, v in json_report.document(one).items() if v != json_report.document(two)[k]} == {"started_at", "duration_seconds"}


def test_the_row_of_a_finding_is_not_in_the_report() -> None:
    """Rows hold tokens and whatever a query selected."""
    report = sick()
    report.findings[0].row = {"secret_token": "not for eyes"}

    assert "not for eyes" not in json_report.render(report)


def test_an_undecodable_file_name_gives_text_that_can_be_written_anywhere() -> None:
    """A lone surrogate would make print fail under UTF-8."""
    report = sick()
    report.findings[0].file = "/etc/\udcff.yaml"

    assert json.loads(json_report.render(report))["findings"][0]["file"] == "/etc/\udcff.yaml"
    json_report.render(report).encode("utf-8")
