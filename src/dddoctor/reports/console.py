"""The report for a person at a terminal: three lines on what was looked at, the causes with the one command to type, what is not to blame, what could not be seen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from dddoctor.model import Excerpt, Finding, Kind, Report, Safety, Severity, Unread
from dddoctor.reports._page import Page, cells, clean
from dddoctor.reports._repairs import FOLD_FROM, command, has_written, put_applied

MIN_WIDTH = 40
MAX_WIDTH = 120  # longer lines are hard to read
FIRST_COMMAND_WITHIN = 12  # lines from the top: a screenful that a tired person reads
FOLD_SHOWS = 5
_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "▲", Severity.INFO: "•"}
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_BOLD, _DIM, _GREEN, _COMMAND = "bold", "dim", "green", "bold green"


def render(report: Report, *, width: int = 80, color: bool = False, ascii_only: bool = False) -> str:
    """The whole report, ending in a line break. `width` in cells (40 to 120 count); `ascii_only` for terminals without Unicode; `color` in the sixteen of ANSI."""
    page = Page(max(MIN_WIDTH, min(width, MAX_WIDTH)), color=color, ascii_only=ascii_only)
    height = _put_head(page, report)
    page.blank()
    is_written = has_written(report)
    if is_written:
        put_applied(page, report)
    groups = list(_groups(report))
    can = report.repairable()
    first = next((g[0].id for g in groups if any(f.id in can for f in g)), None)
    below = _explained(report.findings)
    for number, group in enumerate(groups):
        room = None if number or is_written else FIRST_COMMAND_WITHIN - height - 2  # the blank line, the step's own
        _put_cause(page, report, group, can, room, is_first=group[0].id == first)
        _put_explained(page, below.get(group[0].id, ()))
        page.blank()
    if not is_written:  # nothing was written: what is wrong and what to type come before why nothing was
        put_applied(page, report)
    _put_cleared(page, report)
    _put_unread(page, report)
    _put_broken(page, report)
    _put_summary(page, report)
    return page.text()


def _put_head(page: Page, report: Report) -> int:
    """One line each where the terminal is narrow, else two at most: the first command must stand within twelve lines. The number of lines."""
    label_width = max((len(h.label) for h in report.head), default=0) + 2
    height = 0
    for head in report.head:
        marker = head.label.ljust(label_width)
        found = page.lines(marker, head.text)
        if page.width > 60 and len(found) > 1:
            page.cut(found[0])
            page.cut(" ".join([found[1], *(line.strip() for line in found[2:])]))
            height += 2
        else:
            page.cut(marker + head.text)
            height += 1
    return height


# --- causes -----------------------------------------------------------------------------------------------------------


def _groups(report: Report) -> Iterator[list[Finding]]:
    """Causes in order; four or more of one rule and agent that explain nothing become one group."""
    roots = [f for f in report.findings if not f.explained_by]
    explaining = {c for f in report.findings for c in f.explained_by[:1]}
    counts: dict[tuple[str, str | None], list[Finding]] = {}
    for finding in roots:
        if finding.id not in explaining:
            counts.setdefault((finding.rule, finding.agent), []).append(finding)
    done: set[str] = set()
    for finding in roots:
        if finding.id in done:
            continue
        alike = counts.get((finding.rule, finding.agent), [])
        group = alike if len(alike) >= FOLD_FROM and finding.id not in explaining else [finding]
        done |= {f.id for f in group}
        yield group


def _put_cause(
    page: Page, report: Report, group: Sequence[Finding], can: frozenset[str], room: int | None, *, is_first: bool
) -> None:
    """What is wrong and where, what to type, then the rest.

    At most `room` lines stand before the step: further places, then the message itself (the rule's title stands for it) come after it where they are too many.
    """
    finding = group[0]
    marker = f"{_MARKS[finding.severity]} "
    message = finding.message if len(group) == 1 else _folded(finding, len(group))
    headline = f"{finding.severity.value}: {message}"
    places = list(_places(group))
    first_places = places[:1] if len(group) == 1 else []
    height = len(page.lines(marker, headline))
    if room is None or height + len(places) <= room:
        first_places = places
    is_long = room is not None and height + len(first_places) > room
    page.paragraph(
        marker,
        f"{finding.severity.value}: {_sentence(finding.title)}" if is_long else headline,
        _STYLES[finding.severity],
    )
    for place in first_places:
        page.whole("  ", place)
    _put_step(page, report, group, can, is_first=is_first)
    if is_long:
        page.paragraph("  ", message)
    for place in places[len(first_places) :]:
        page.whole("  ", place)
    if finding.excerpt and len(group) == 1:
        _put_excerpt(page, finding.excerpt)
    page.paragraph("  ", finding.why)
    if finding.avoid:
        page.paragraph("  ", f"Avoid: {finding.avoid}")
    _put_possible(page, report, group)


def _folded(finding: Finding, count: int) -> str:
    text = finding.fold.replace("{count}", str(count))
    return text if text and not re.search(r"\{[a-z_]+\}", text) else f"{count} times: {_sentence(finding.title)}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _places(group: Sequence[Finding]) -> Iterator[str]:
    if len(group) == 1:
        if group[0].file is not None:
            yield _place(group[0])
        yield from (f"and {_located(file, line)}" for file, line in group[0].also)
        return
    yield from (_place(f) or f.message for f in group[:FOLD_SHOWS])
    if len(group) > FOLD_SHOWS:
        yield f"and {len(group) - FOLD_SHOWS} more (see --format json)"


def _place(finding: Finding) -> str:
    if finding.file is None:
        return ""
    place = _located(finding.file, finding.line)
    return f"{place}:{finding.column}" if finding.line and finding.column else place


def _located(file: str, line: int | None) -> str:
    return f"{file}:{line}" if line else file


def _put_step(page: Page, report: Report, group: Sequence[Finding], can: frozenset[str], *, is_first: bool) -> None:
    """The one thing to do: the repair where one is offered, else the advice. The command is written out once; what it also repairs says so in a line."""
    finding = next((f for f in group if f.id in can), group[0])
    fix = finding.fix
    if fix and finding.id in can:
        asks = " It asks first." if fix.safety is Safety.UNSAFE else ""
        if is_first:
            page.whole("  → ", command(report, "--fix"), _COMMAND)
            page.paragraph("    ", _sentence(fix.title) + asks)
        else:
            page.paragraph("  → ", f"Same command: {_sentence(fix.title)}{asks}", _COMMAND)
        if fix.safety is Safety.UNSAFE and finding.advice:
            page.paragraph("    ", f"By hand: {finding.advice}")
        return
    page.paragraph("  → ", finding.advice or (_sentence(fix.title) if fix else ""), _COMMAND)
    if len({f.advice for f in group}) > 1:
        page.paragraph("    ", "The same goes for the others.")
    if fix and fix.unavailable_because:
        page.paragraph("    ", f"No repair is offered: {_sentence(fix.unavailable_because)}")


def _put_excerpt(page: Page, excerpt: Excerpt) -> None:
    """Lines with numbers, the marked one with ▸, and a caret below where the column is known. Tabs show as four blanks."""
    lines = list(excerpt.lines)
    if lines and not lines[-1][1].strip() and lines[-1][0] != excerpt.marked:
        lines.pop()
    digits = len(str(lines[-1][0])) if lines else 1
    room = page.width - digits - 7
    before = shift = 0
    if excerpt.column:
        marked = dict(lines).get(excerpt.marked, "")
        before = cells(_shown(page, marked[: excerpt.column - 1]))
        shift = max(0, before - room * 2 // 3)
    for number, text in lines:
        is_marked = number == excerpt.marked
        line = page.shortened(_shown(page, text)[shift:], room)
        page.whole(f"   {'▸' if is_marked else ' '}{number:>{digits}} │ ", line, _BOLD if is_marked else _DIM)
        if is_marked and excerpt.column:
            start = before - shift
            length = max(1, (excerpt.end_column or excerpt.column + 1) - excerpt.column)
            page.whole(f"    {' ' * digits} │ ", " " * start + "^" * min(length, max(1, room - start)), _BOLD)


def _shown(page: Page, text: str) -> str:
    return page.written(clean(text.replace("\t", "    ")))


def _put_possible(page: Page, report: Report, group: Sequence[Finding]) -> None:
    """What may be behind it: findings that perhaps explain it, and what could not be looked at."""
    by_id = {f.id: f for f in report.findings}
    for name in dict.fromkeys(name for f in group for name in f.possibly_explained_by):
        if name in by_id:
            page.paragraph("  ", f"Possibly because: {by_id[name].message}")
    reasons = list(dict.fromkeys(reason.rstrip(".") for f in group for reason in f.possibly_because))
    if reasons:
        more = f", or for {_count(len(reasons) - 2, 'reason')} more of this kind" if len(reasons) > 2 else ""
        page.paragraph("  ", f"Possibly because {', or because '.join(reasons[:2])}{more}.")


def _put_explained(page: Page, below: Sequence[Finding]) -> None:
    """What follows from a cause, one line a finding; four or more of one rule and agent in one line."""
    if not below:
        return
    page.whole("  ", "This also explains:")
    counts = Counter((f.rule, f.agent) for f in below)
    folded: set[tuple[str, str | None]] = set()
    for finding in below:
        key = (finding.rule, finding.agent)
        if key in folded:
            continue
        if counts[key] >= FOLD_FROM:
            folded.add(key)
            text = _folded(finding, counts[key])
        else:
            place = _place(finding)
            text = f"{finding.message} ({place})" if place else finding.message
        page.paragraph(f"    {_MARKS[finding.severity]} ", text)


def _explained(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings by the one at the end of their chain of first causes, in report order; those of a circle are left out."""
    first = {f.id: f.explained_by[0] for f in findings if f.explained_by}
    below: dict[str, list[Finding]] = {}
    for finding in findings:
        seen: set[str] = set()
        name = finding.id
        while name in first and name not in seen:
            seen.add(name)
            name = first[name]
        if name not in seen and name != finding.id:
            below.setdefault(name, []).append(finding)
    return below


# --- after the causes -------------------------------------------------------------------------------------------------


def _put_cleared(page: Page, report: Report) -> None:
    if report.cleared:
        page.whole("", "Not to blame", _BOLD)
        for sentence in report.cleared:
            page.paragraph("  ✓ ", sentence)
        page.blank()


def _put_unread(page: Page, report: Report) -> None:
    """Obstacles one by one, with what they cost, those with a remedy first; what this kind of host has none of is counted at the end."""
    obstacles = [u for u in report.unread if u.kind is not Kind.TARGET]
    none_here = [u for u in report.unread if u.kind is Kind.TARGET]
    named = {rule for u in report.unread for rule in u.rules}
    obstacles += [Unread(s.rule, Kind.TOOL, s.reason, s.remedy, ()) for s in report.skipped if s.rule not in named]
    if obstacles:
        page.whole("", "Not looked at", _BOLD)
        told: set[str] = set()
        for item in sorted(obstacles, key=lambda u: not u.remedy):
            page.paragraph("  - ", f"{item.what}: {item.reason}")
            if item.remedy:
                typed = "" if item.remedy in told else _remedy_command(report, item.remedy)
                (page.whole if typed else page.paragraph)("    → ", typed or item.remedy, _COMMAND)
                told.add(item.remedy)
            if item.rules:
                more = f" and {len(item.rules) - 3} more" if len(item.rules) > 3 else ""
                page.paragraph("    ", f"costs: {', '.join(item.rules[:3])}{more}", _DIM)
        page.blank()
    by_option: dict[str, list[str]] = {}
    for item in none_here:
        names = by_option.setdefault(item.remedy if item.remedy.startswith("--") else "", [])
        names += [item.what] if item.what not in names else []
    for option, names in by_option.items():
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        said = f"Not asked without {option}" if option else f"Not to be had from a {report.target.kind} target"
        page.paragraph("", f"{said}: {shown}.", _DIM)
        page.blank()


def _remedy_command(report: Report, remedy: str) -> str:
    """A remedy as something to type: `sudo` and options go with the command that was typed. Empty for a remedy in words."""
    if remedy == "sudo":
        return f"sudo {command(report)}"
    return f"{command(report)} {remedy}" if remedy.startswith("--") else ""


def _put_broken(page: Page, report: Report) -> None:
    if report.broken:
        page.whole("", "Our mistake, not yours", _BOLD)
        for item in report.broken:
            page.paragraph("  - ", f"the rule {item.rule} broke: {item.error}")
        page.paragraph("    ", "The others went on. Report it with the output of --debug.")
        page.blank()


def _put_summary(page: Page, report: Report) -> None:
    counts = report.counts()
    found = ", ".join(_count(counts[s.value], s.value) for s in Severity if counts[s.value])
    if report.healthy:
        rest = f" {found[0].upper()}{found[1:]} below the threshold." if found else ""
        page.paragraph("✓ ", f"Healthy: {report.rule_count} rules found nothing to repair.{rest}", _GREEN)
        return
    if report.healthy is None:
        more = " more" if has_written(report) else ""
        page.paragraph(
            "",
            f"Nothing{more} at or above the threshold was found, but not everything could be looked at: this is not called healthy.",
            _STYLES[Severity.WARNING],
        )
        remedy = next((u.remedy for u in report.unread if u.remedy and u.kind is not Kind.TARGET), "")
        if typed := _remedy_command(report, remedy):
            page.whole("→ ", typed, _COMMAND)
        return
    number = len(report.causes)
    causes = f" from {_count(number, 'cause')}" if number != len(report.findings) else ""
    number_repairable = len(report.repairable())
    can = f" {number_repairable} can be repaired." if number_repairable else ""
    partial = " Not everything could be looked at." if report.partial else ""
    page.paragraph("", f"{found}{causes}.{can}{partial}", _BOLD)
    if number_repairable:
        page.whole("→ ", command(report, "--fix"), _COMMAND)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 or word == "info" else f"{number} {word}s"
