"""The reports: what a tired newcomer reads first, at any width, on any terminal; and what machines get."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.text import Text

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
from dddoctor.reports import _page, console
from dddoctor.reports import json as json_report
from dddoctor.reports._repairs import command

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
        excerpt=Excerpt(
            ((1, "api_key: <key #1>"), (2, "site: datadoghq.eu"), (3, " apm_config:"), (4, "\tenabled: true")), 3, 1, 2
        ),
        why="Keys of one level begin in one column. The Agent reads nothing of this file.",
        advice="Remove the blank.",
        avoid="Do not reinstall the Agent: the file stays as it is.",
        fix=FixOffer(
            "Remove the blank",
            Safety.SAFE,
            ["repair_yaml_text {file: /etc/datadog-agent/datadog.yaml, line: 3, kind: leading-blank}"],
        ),
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
        possibly_because=["/etc/environment could not be read"],
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
            fix=FixOffer("Move it into each instance", Safety.SAFE),
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
            Unread(
                "/etc/mysql/debian.cnf",
                Kind.DENIED,
                "permission denied",
                "sudo",
                ("option-file-ignored", "a", "b", "c"),
            ),
            Unread("processes", Kind.TARGET, "a folder has none", "", ("config-newer-than-process",)),
        ],
        skipped=[
            Skipped("option-file-ignored", "an option file is not readable", "sudo"),
            Skipped("port-taken", "no listeners", ""),
        ],
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
        *(Applied(f.id, f.rule, "Move it into each instance", "repaired and proved", (str(f.file),)) for f in alike(6)),
        Applied(
            "5123456789",
            "file-of-another-user",
            "Give it back",
            "applied, not proved",
            ("/etc/mysql/debian.cnf",),
            "the proof could not look at it again",
        ),
    ]
    report.run_id = "20261124-090000-1"
    report.command = "dddoctor check --root '/mnt/my disk' --fix --yes"
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


def wordy() -> Report:
    """A first cause with a message of ten lines at 40 columns, six more places, and head lines that need cutting."""
    report = sick()
    finding = report.findings[0]
    finding.message = " ".join(["datadog.yaml does not load, and this sentence is a long one."] * 6)
    finding.also = [(f"/etc/datadog-agent/conf.d/other_{n}.yaml", n) for n in range(1, 7)]
    report.head = [h._replace(text=", ".join([h.text] * 4)) for h in report.head]
    return report


def folded_first() -> Report:
    """A folded group is the first cause."""
    report = healthy()
    report.healthy, report.findings = False, alike(6)
    report.causes = [f.id for f in report.findings]
    return report


@pytest.mark.parametrize(
    "report",
    [sick(), wordy(), folded_first(), unsure(), repaired()],
    ids=["sick", "wordy", "folded", "unsure", "repaired"],
)
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("width", [20, 40, 60, 61, 80, 120, 200])
def test_the_first_command_stands_within_twelve_lines(width: int, ascii_only: bool, report: Report) -> None:
    """Whoever reads a screenful knows what to type."""
    lines = console.render(report, width=width, ascii_only=ascii_only).splitlines()

    first = next(n for n, line in enumerate(lines, 1) if line.strip().startswith(("→", "->")))
    assert first <= 12, "\n".join(lines[:16])


def test_a_message_that_would_push_the_command_down_comes_after_it_under_the_title() -> None:
    """Nothing is lost by it, and the further places follow."""
    lines = console.render(wordy(), width=40).splitlines()

    assert lines[4:7] == [
        "✗ error: A file is no YAML.",
        f"  {MAIN}:3:1",
        "  → dddoctor check --app /home/vagrant/app --fix",
    ]
    assert lines[8] == "  datadog.yaml does not load, and this"
    assert "  and /etc/datadog-agent/conf.d/other_6.yaml:6" in lines


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
        assert (
            len(line) <= width
            or max(map(len, words)) > width - 12
            or line.strip().startswith(("->", "→ dddoctor", "→ sudo dddoctor", "and /", "/"))
        ), line


def test_wide_letters_count_two_cells() -> None:
    """Widths are those of the terminal, not numbers of letters."""
    report = sick()
    report.findings[0].message = "설정 파일을 읽을 수 없습니다 " * 4

    for line in console.render(report, width=40).splitlines()[4:9]:
        assert cell_len(line) <= 40, line


def test_the_command_is_written_out_once_and_what_else_it_repairs_says_so_in_a_line() -> None:
    """The same line under each of forty findings would double the report."""
    text = console.render(sick(), width=80)

    assert text.count("  → dddoctor check --app /home/vagrant/app --fix\n") == 1
    assert text.endswith("\n→ dddoctor check --app /home/vagrant/app --fix\n")
    assert text.index("--fix\n    Remove the blank.\n") < text.index("  → Same command: Move it into each instance.\n")


def test_the_command_is_written_out_at_the_first_cause_that_has_a_repair() -> None:
    """What comes before it may have none."""
    report = sick()
    report.findings = [manual_finding(), *alike(1)]
    report.causes = [f.id for f in report.findings]

    assert (
        "  /etc/datadog-agent/conf.d/check_0.yaml:1\n  → dddoctor check --app /home/vagrant/app --fix\n    Move it into each instance.\n"
        in console.render(report)
    )


def test_a_group_shows_the_first_advice_and_that_it_goes_for_the_others() -> None:
    """Each advice names its own file."""
    report = folded_first()
    for finding in report.findings:
        finding.fix, finding.advice = None, f"Edit `{finding.file}`."

    assert "  → Edit `/etc/datadog-agent/conf.d/check_0.yaml`.\n    The same goes for the others.\n" in console.render(
        report
    )


def test_what_could_not_be_looked_at_is_named_as_a_possible_cause() -> None:
    """Many of them in one sentence; a group says each once."""
    report = folded_first()
    for finding in report.findings:
        finding.possibly_because = [f"/etc/{name} could not be read" for name in ("a", "b", "c", "d")]

    expected = "  Possibly because /etc/a could not be read, or because /etc/b could not be read, or for 2 reasons more of this kind.\n"
    assert console.render(report, width=120).count(expected) == 1


def test_a_remedy_is_a_command_to_type_the_first_time_and_short_after_that() -> None:
    """A bare `sudo` is nothing that one can paste."""
    report = unsure()
    report.unread += [
        Unread("/etc/a", Kind.DENIED, "no", "sudo", ()),
        Unread("/etc/b", Kind.TOOL, "no", "", ()),
        Unread("ports", Kind.TOOL, "no", "--network", ()),
    ]

    text = console.render(report)

    assert "    → sudo dddoctor check --select config\n" in text and "  - /etc/a: no\n    → sudo\n" in text
    assert "    → dddoctor check --select config --network\n" in text
    assert text.index("- ports") < text.index("- /etc/b")


@pytest.mark.parametrize(
    "variables",
    [
        {"COLUMNS": "33", "LINES": "7"},
        {"NO_COLOR": "1"},
        {"FORCE_COLOR": "1", "COLORTERM": "truecolor"},
        {"TERM": "dumb"},
        {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"},
    ],
    ids=lambda v: next(iter(v)),
)
@pytest.mark.parametrize("color", [False, True])
def test_nothing_depends_on_the_environment(
    variables: dict[str, str], color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Width, colour and letters are parameters; rich must not look for itself."""
    usual = console.render(sick(), color=color)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert console.render(sick(), color=color) == usual
    assert ("\x1b" in usual) is color


def test_rich_is_imported_by_the_console_alone_and_only_for_letters_that_are_no_cell_wide() -> None:
    """Its import takes longer than all that JSON needs."""
    code = (
        "import sys\n"
        "from dddoctor.model import Finding, FixOffer, Report, Safety, Severity, Target\n"
        "from dddoctor.reports import console, json\n"
        "finding = Finding('0123456789', 'r', 'config', 't', Severity.ERROR, 'Größer.', fix=FixOffer('Do it', Safety.SAFE))\n"
        "report = Report(Target('root', '/mnt'), '0.1', 1, '2026-11-24T09:00:00+00:00', 0.1, False, False, [finding], [finding.id])\n"
        "json.render(report)\n"
        "before = any(m.split('.')[0] == 'rich' for m in sys.modules)\n"
        "console.render(report, color=True)\n"
        "before = before or any(m.split('.')[0] == 'rich' for m in sys.modules)\n"
        "finding.message = '犬 is no key.'\n"
        "console.render(report, color=True)\n"
        "print(before, 'rich.console' in sys.modules, bool({'rich.table', 'rich.markdown', 'rich.syntax', 'rich.traceback', 'pygments'} & set(sys.modules)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60, check=False
    )

    assert done.stdout.split() == ["False", "True", "False"], done.stderr


def test_lines_are_broken_as_rich_breaks_them() -> None:
    """Also a word that is longer than a line, at any width; and what counts as one cell is one for rich."""
    chosen = random.Random(3)
    words = ["a", "of", "`sudo dddoctor check --fix`", "größer", "→", "/etc/datadog-agent/conf.d/http_check.d/conf.yaml", "key:", "x" * 40, "…"]  # fmt: skip
    for _ in range(300):
        text = " ".join(chosen.choices(words, k=chosen.randrange(1, 25)))
        width = chosen.randrange(5, 60)
        wrapped = [line.plain.rstrip() for line in Text(text, overflow="ignore").wrap(Console(width=80), width)]
        assert _page._broken(text, width) == wrapped
        cut = Text(text)
        cut.truncate(width, overflow="ellipsis")
        assert _page.Page(80, color=False, ascii_only=False).shortened(text, width) == cut.plain

    assert {c for c in _page.ONE_CELL if cell_len(c) != 1} == set()


def test_colours_are_those_of_rich() -> None:
    """The styles that reports use, as the sixteen colours of ANSI."""
    for style in ("bold", "dim", "green", "bold green", "bold red", "bold yellow", "bold cyan"):
        page = _page.Page(80, color=True, ascii_only=False)
        page.whole("  ", "words", style)
        wanted = Style.parse(style).render("  words", color_system=ColorSystem.STANDARD)
        assert page.text() == wanted + "\n"


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

    assert command(report, "--fix") == "dddoctor check --root '/mnt/my disk' --app /srv/app --fix"


def test_a_repair_that_asks_shows_the_way_by_hand_too() -> None:
    """What installs or starts something may be done by oneself, and the advice has the command line that works."""
    report = sick()
    finding = next(f for f in report.findings if f.rule == "ddtrace-in-another-interpreter")
    assert finding.fix
    finding.fix.unavailable_because = None

    text = console.render(report, width=120)

    assert (
        "  → Same command: Install it. It asks first.\n    By hand: Run `/home/vagrant/app/venv/bin/python -m pip install ddtrace`.\n"
        in text
    )


def test_findings_in_a_circle_of_explanations_are_still_shown() -> None:
    """A finding may be explained by one that is itself explained."""
    report = sick()
    report.findings.insert(
        2, Finding("4123456789", "third", "agent", "t", Severity.INFO, "The third thing.", explained_by=["1123456789"])
    )

    assert "    • The third thing." in console.render(report, width=100)


# --- after a repair ---------------------------------------------------------------------------------------------------


def test_what_takes_the_run_back_names_its_folder_again() -> None:
    """A run belongs to its target; without --root it would be looked for on this machine."""
    report = repaired()
    for typed, expected in (
        ("dddoctor check --root '/mnt/my disk' --fix", "dddoctor undo 20261124-090000-1 --root '/mnt/my disk'"),
        ("dddoctor check --root=/mnt --app /srv --fix", "dddoctor undo 20261124-090000-1 --root=/mnt"),
        ("sudo dddoctor check --fix", "sudo dddoctor undo 20261124-090000-1"),
    ):
        report.command = typed
        assert f"→ {expected}\n  takes these repairs back.\n" in console.render(report)


def test_what_cannot_be_taken_back_is_named() -> None:
    """`undo` brings the rest."""
    report = repaired()
    report.applied[0] = report.applied[0]._replace(undo="irreversible")

    assert "  takes these repairs back, but not: Remove the blank.\n" in console.render(report)


def test_where_all_is_proved_it_is_said_once() -> None:
    """The numbers are the heading then."""
    report = repaired()
    report.applied = report.applied[:1]
    text = console.render(report)

    assert text.lower().count("repaired and proved") == 1
    assert "\n1 repaired and proved.\n→ dddoctor undo" in text


def test_where_nothing_was_written_what_is_wrong_comes_first_and_its_advice_is_the_step() -> None:
    """The command that has just repaired nothing is no advice; the reason stands below."""
    report = sick()
    report.findings, report.causes = [broken_main_file()], ["0123456789"]
    report.applied = [
        Applied(
            "0123456789",
            "yaml-does-not-load",
            "Remove the blank",
            "not repaired",
            (MAIN,),
            "the repaired file would no longer parse",
        )
    ]
    report.run_id = "20261124-090000-2"  # begun, and nothing came of it
    text = console.render(report)

    assert "--fix" not in text and "can be repaired" not in text and "undo" not in text
    assert text.index("  → Remove the blank.") < text.index(
        f"Not repaired, because the repaired file would no longer parse\n  ✗ Remove the blank ({MAIN})\n"
    )


def test_reasons_are_told_apart_and_four_of_one_rule_fold() -> None:
    """One heading a reason, one line a rule."""
    report = sick()
    report.applied = [
        Applied(f.id, f.rule, "Move it", "not repaired", (str(f.file),), "it is managed" if n < 4 else "it is gone.")
        for n, f in enumerate(alike(6))
    ]
    lines = console.render(report, width=120).splitlines()
    at = lines.index("Not repaired, because it is managed")

    folder = "/etc/datadog-agent/conf.d"
    assert lines[at + 1 : at + 6] == [
        f"  ✗ 4 times: Move it ({folder}/check_0.yaml, {folder}/check_1.yaml and 2 more)",
        "",
        "Not repaired, because it is gone",
        f"  ✗ Move it ({folder}/check_4.yaml)",
        f"  ✗ Move it ({folder}/check_5.yaml)",
    ]


def test_a_repair_that_waits_for_its_cause_is_not_counted() -> None:
    """`--fix` leaves a consequence alone while its cause stays, so the command would do nothing."""
    report = sick()
    cause, waiting = manual_finding(), alike(1)[0]
    waiting.explained_by = [cause.id]
    report.findings, report.causes = [cause, waiting], [cause.id]
    assert "repaired" not in console.render(report)

    assert cause.fix
    cause.fix.unavailable_because = None
    assert "2 can be repaired." in console.render(report)


def test_no_report_calls_anything_fixed() -> None:
    """What was not checked again is not said to be so."""
    for report in (sick(), repaired(), healthy(), unsure(), wordy()):
        assert not re.search(r"\bfixed\b", console.render(report, width=120), re.IGNORECASE)


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

    assert {k for k, v in json_report.document(one).items() if v != json_report.document(two)[k]} == {
        "started_at",
        "duration_seconds",
    }


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
