"""What the console says of repairs: which are offered, the command that was typed, what a run of repairs did and how it is taken back."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from dddoctor.model import Applied, Report
from dddoctor.reports._page import Page

FOLD_FROM = 4
FOLD_SHOWS = 2
_PROVED, _UNPROVED, _LEFT = "repaired and proved", "applied, not proved", "not repaired"
_MARKS = {_PROVED: "✓ ", _UNPROVED: "▲ ", _LEFT: "✗ "}
_STYLES = {_PROVED: "green", _UNPROVED: "bold yellow", _LEFT: "bold yellow"}
_OWN_OPTIONS = {
    "--fix": 0,
    "--yes": 0,
    "-y": 0,
    "--diff": 0,
    "--unsafe-fixes": 0,
    "--show-secrets": 0,
    "--format": 1,
    "--output": 1,
}


def command(report: Report, *options: str) -> str:
    """What was typed, without the options of repairing and of formats, plus `options`."""
    kept: list[str] = []
    skip = 0
    for word in shlex.split(report.command):
        name, equals, _ = word.partition("=")
        if skip:
            skip -= 1
        elif name in _OWN_OPTIONS:
            skip = 0 if equals else _OWN_OPTIONS[name]
        else:
            kept.append(word)
    return shlex.join([*kept, *options])


def undo_command(report: Report) -> str:
    """What takes the run back; a folder is named again, for a run belongs to its target."""
    words = shlex.split(report.command)
    start = words[: words.index("check")] if "check" in words else ["dddoctor"]
    root = next((f"--root={w[7:]}" for w in words if w.startswith("--root=")), "")
    if "--root" in words[:-1]:
        return shlex.join([*start, "undo", str(report.run_id), "--root", words[words.index("--root") + 1]])
    return shlex.join([*start, "undo", str(report.run_id), *([root] if root else [])])


def has_written(report: Report) -> bool:
    """Whether there is something to take back."""
    return report.run_id is not None and any(a.status != _LEFT for a in report.applied)


def put_applied(page: Page, report: Report) -> None:
    """What was repaired, each repair below how it ended and why. Where something was written: first the numbers, and how to take it back."""
    is_written = has_written(report)
    if is_written:
        numbers = [(sum(a.status == status for a in report.applied), status) for status in _MARKS]
        page.paragraph("", "; ".join(f"{number} {status}" for number, status in numbers if number) + ".", "bold")
        lost = [a.title for a in report.applied if a.undo == "irreversible" and a.status != _LEFT]
        page.whole("→ ", undo_command(report), "bold green")
        page.paragraph(
            "  ",
            f"takes these repairs back, but not: {'; '.join(dict.fromkeys(lost))}."
            if lost
            else "takes these repairs back.",
        )
        page.blank()
    groups: dict[tuple[str, str], list[Applied]] = {}
    for item in report.applied:
        groups.setdefault((item.status, item.reason.rstrip(".")), []).append(item)
    for (status, reason), group in sorted(groups.items(), key=lambda g: list(_MARKS).index(g[0][0])):
        if len(groups) > 1 or reason or not is_written:  # else the numbers have said it
            page.paragraph("", f"{status.capitalize()}{f', because {reason}' if reason else ''}", "bold")
        for text in _entries(group):
            page.paragraph(f"  {_MARKS[status]}", text, _STYLES[status])
        page.blank()


def _entries(items: Iterable[Applied]) -> Iterator[str]:
    """A sentence each; four or more of one rule in one, with their number."""
    groups: dict[tuple[str, str], list[Applied]] = {}
    for item in items:
        groups.setdefault((item.rule, item.title), []).append(item)
    for (_, title), group in groups.items():
        for some in [group] if len(group) >= FOLD_FROM else [[item] for item in group]:
            files = list(dict.fromkeys(file for item in some for file in item.files))
            shown = files if len(some) == 1 else files[:FOLD_SHOWS]
            more = f" and {len(files) - len(shown)} more" if len(files) > len(shown) else ""
            places = f" ({', '.join(shown)}{more})" if files else ""
            yield f"{len(some)} times: {title}{places}" if len(some) > 1 else f"{title}{places}"
