"""The report for a person at a terminal: three lines on what was looked at, the causes with the one command to type, what is not to blame, what could not be seen."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from dddoctor.model import Applied, Excerpt, Finding, Kind, Report, Safety, Severity
from dddoctor.reports._lines import ascii_of, cells, clean, cut, wrapped

MIN_WIDTH = 40
MAX_WIDTH = 120  # longer lines are hard to read
FOLD_FROM = 4
FOLD_SHOWS = 5
_MARKS = {Severity.ERROR: "✗", Severity.WARNING: "▲", Severity.INFO: "•"}
_COLORS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.INFO: "1;36"}
_BOLD, _DIM, _GREEN, _COMMAND = "1", "2", "32", "1;32"
_OWN_OPTIONS = {"--fix": 0, "--yes": 0, "-y": 0, "--diff": 0, "--unsafe-fixes": 0, "--show-secrets": 0, "--format": 1, "--output": 1}

Styled = tuple[str, str]  # (SGR codes or "", text of one line)


def render(report: Report, *, width: int = 80, color: bool = False, ascii_only: bool = False) -> str:
    """The whole report, ending in a line break. `width` in cells (40 to 120 count); `ascii_only` for terminals without Unicode; `color` in ANSI codes."""
    width = max(MIN_WIDTH, min(width, MAX_WIDTH)) - (3 if ascii_only else 0)  # "->" and "..." are longer than what they stand for
    lines = [*_head(report, width), ("", "")]
    lines += _applied(report, width)
    for group in _groups(report):
        lines += [*_cause(report, group, width), ("", "")]
    lines += _cleared(report, width)
    lines += _unread(report, width)
    lines += _broken(report, width)
    lines += _summary(report, width)
    text = "\n".join(_painted(style, line.rstrip(), color) for style, line in lines) + "\n"
    return ascii_of(text) if ascii_only else text


def _painted(style: str, line: str, color: bool) -> str:
    return f"\x1b[{style}m{line}\x1b[0m" if color and style and line else line


# --- the first lines --------------------------------------------------------------------------------------------------


def _head(report: Report, width: int) -> Iterator[Styled]:
    """One line each where the terminal is narrow: the first command must stand within twelve lines."""
    label_width = max((len(h.label) for h in report.head), default=0) + 2
    for head in report.head:
        first = head.label.ljust(label_width)
        found = wrapped(head.text, width, first, " " * label_width)
        yield from (("", cut(line, width)) for line in (found if len(found) == 1 or width > 60 else [cut(first + clean(head.text), width)])[:2])


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


def _cause(report: Report, group: Sequence[Finding], width: int) -> Iterator[Styled]:
    finding = group[0]
    mark = f"{_MARKS[finding.severity]} {finding.severity.value}: "
    message = finding.message if len(group) == 1 else _folded(finding, len(group))
    yield from ((_COLORS[finding.severity], line) for line in wrapped(message, width, mark, "  "))
    for place in _places(group):
        yield "", f"  {clean(place)}"
    yield from _next_step(report, finding, width)
    if finding.excerpt and len(group) == 1:
        yield from _excerpt(finding.excerpt, width)
    yield from (("", line) for line in wrapped(finding.why, width, "  ", "  "))
    if finding.avoid:
        yield from (("", line) for line in wrapped(finding.avoid, width, "  Avoid: ", "  "))
    yield from _possible(report, finding, width)
    yield from _explained(report, finding, width)


def _folded(finding: Finding, count: int) -> str:
    text = finding.fold.replace("{count}", str(count))
    return text if text and not re.search(r"\{[a-z_]+\}", text) else f"{count} times: {finding.title}."


def _places(group: Sequence[Finding]) -> Iterator[str]:
    if len(group) == 1:
        first = _place(group[0])
        if first:
            yield first
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


def _next_step(report: Report, finding: Finding, width: int) -> Iterator[Styled]:
    """The one thing to do: the repair where one is offered, else the advice."""
    fix = finding.fix
    if fix and fix.safety is not Safety.MANUAL and fix.unavailable_because is None:
        yield _COMMAND, f"  → {command(report, '--fix')}"
        note = f"{fix.title}." if fix.safety is Safety.SAFE else f"{fix.title}. It asks first."
        yield from (("", line) for line in wrapped(note, width, "    ", "    "))
        if fix.safety is Safety.UNSAFE:
            yield from (("", line) for line in wrapped(finding.advice, width, "    By hand: ", "    "))
        return
    advice = finding.advice or (fix.title + "." if fix else "")
    yield from ((_COMMAND, line) for line in wrapped(advice, width, "  → ", "    "))
    if fix and fix.unavailable_because:
        yield from (("", line) for line in wrapped(f"No repair is offered: {fix.unavailable_because}.", width, "    ", "    "))


def command(report: Report, *options: str) -> str:
    """What was typed, without the options of repairing and of formats, plus `options`."""
    words = shlex.split(report.command)
    kept: list[str] = []
    skip = 0
    for word in words:
        name, equals, _ = word.partition("=")
        if skip:
            skip -= 1
        elif name in _OWN_OPTIONS:
            skip = 0 if equals else _OWN_OPTIONS[name]
        else:
            kept.append(word)
    return shlex.join([*kept, *options])


def _excerpt(excerpt: Excerpt, width: int) -> Iterator[Styled]:
    """Lines with numbers, the marked one with ▸, and a caret below where the column is known. Tabs show as four blanks."""
    digits = len(str(excerpt.lines[-1][0])) if excerpt.lines else 1
    room = width - digits - 7
    shift = 0
    if excerpt.column:
        marked = dict(excerpt.lines).get(excerpt.marked, "")
        before = cells(_shown(marked[: excerpt.column - 1]))
        shift = max(0, before - room * 2 // 3)
    for number, text in excerpt.lines[: -1 if excerpt.lines and not excerpt.lines[-1][1].strip() and excerpt.lines[-1][0] != excerpt.marked else None]:
        is_marked = number == excerpt.marked
        line = _shown(text)[shift:]
        yield (_BOLD if is_marked else _DIM), f"   {'▸' if is_marked else ' '}{number:>{digits}} │ {cut(line, room)}"
        if is_marked and excerpt.column:
            start = before - shift
            length = max(1, (excerpt.end_column or excerpt.column + 1) - excerpt.column)
            yield _BOLD, f"    {' ' * digits} │ {' ' * start}{'^' * min(length, max(1, room - start))}"


def _shown(text: str) -> str:
    return clean(text.replace("\t", "    "))


def _possible(report: Report, finding: Finding, width: int) -> Iterator[Styled]:
    by_id = {f.id: f for f in report.findings}
    for name in finding.possibly_explained_by:
        if name in by_id:
            yield from (("", line) for line in wrapped(f"Possibly because: {by_id[name].message}", width, "  ", "  "))


def _explained(report: Report, cause: Finding, width: int) -> Iterator[Styled]:
    """What follows from a cause, one line a finding; four or more of one rule and agent in one line."""
    below = list(_descendants(report.findings, cause))
    if not below:
        return
    yield "", "  This also explains:"
    done: set[tuple[str, str | None]] = set()
    for finding in below:
        key = (finding.rule, finding.agent)
        alike = [f for f in below if (f.rule, f.agent) == key]
        if key in done:
            continue
        if len(alike) >= FOLD_FROM:
            done.add(key)
            text = _folded(finding, len(alike))
        else:
            place = _place(finding)
            text = f"{finding.message} ({place})" if place else finding.message
        yield from (("", line) for line in wrapped(text, width, f"    {_MARKS[finding.severity]} ", "      "))


def _descendants(findings: Iterable[Finding], cause: Finding) -> Iterator[Finding]:
    """Findings whose first cause, or its first cause and so on, is this one; in report order."""
    first = {f.id: f.explained_by[0] for f in findings if f.explained_by}
    for finding in findings:
        seen: set[str] = set()
        name = finding.id
        while name in first and name not in seen:
            seen.add(name)
            name = first[name]
        if name == cause.id and finding.id != cause.id:
            yield finding


# --- after the causes -------------------------------------------------------------------------------------------------


def _applied(report: Report, width: int) -> Iterator[Styled]:
    if not report.applied:
        return
    for item in report.applied:
        yield from ((_GREEN if item.status == "repaired and proved" else _COLORS[Severity.WARNING], line) for line in wrapped(_applied_text(item), width, "", "  "))
    if report.run_id and any(a.status != "not repaired" for a in report.applied):
        yield _COMMAND, f"→ dddoctor undo {report.run_id}"
        yield "", "  takes these repairs back."
    yield "", ""


def _applied_text(item: Applied) -> str:
    mark = "✓" if item.status == "repaired and proved" else "✗" if item.status == "not repaired" else "▲"
    files = f" ({', '.join(item.files)})" if item.files else ""
    reason = f", because {item.reason}" if item.reason and item.status == "not repaired" else f" ({item.reason})" if item.reason else ""
    return f"{mark} {item.status}: {item.title}{files}{reason}"


def _cleared(report: Report, width: int) -> Iterator[Styled]:
    if report.cleared:
        yield _BOLD, "Not to blame"
        for sentence in report.cleared:
            yield from (("", line) for line in wrapped(sentence, width, "  ✓ ", "    "))
        yield "", ""


def _unread(report: Report, width: int) -> Iterator[Styled]:
    """Obstacles one by one, with what they cost; what this kind of host has none of is counted at the end."""
    obstacles = [u for u in report.unread if u.kind is not Kind.TARGET]
    none_here = [u for u in report.unread if u.kind is Kind.TARGET]
    named = {rule for u in report.unread for rule in u.rules}
    others = [s for s in report.skipped if s.rule not in named]
    if obstacles or others:
        yield _BOLD, "Not looked at"
        for item in obstacles:
            yield from _obstacle(f"{item.what}: {item.reason}", item.remedy, item.rules, width)
        for skipped in others:
            yield from _obstacle(f"{skipped.rule}: {skipped.reason}", skipped.remedy, (), width)
        yield "", ""
    if none_here:
        names = list(dict.fromkeys(u.what for u in none_here))
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        yield from ((_DIM, line) for line in wrapped(f"Not to be had from a {report.target.kind} target: {shown}.", width, "", "  "))
        yield "", ""


def _obstacle(text: str, remedy: str, rules: Sequence[str], width: int) -> Iterator[Styled]:
    yield from (("", line) for line in wrapped(text, width, "  - ", "    "))
    if remedy:
        yield from ((_COMMAND, line) for line in wrapped(remedy, width, "    → ", "      "))
    if rules:
        more = f" and {len(rules) - 3} more" if len(rules) > 3 else ""
        yield from ((_DIM, line) for line in wrapped(f"{', '.join(rules[:3])}{more}", width, "    costs: ", "      "))


def _broken(report: Report, width: int) -> Iterator[Styled]:
    if report.broken:
        yield _BOLD, "Our mistake, not yours"
        for item in report.broken:
            yield from (("", line) for line in wrapped(f"the rule {item.rule} broke: {item.error}", width, "  - ", "    "))
        yield from (("", line) for line in wrapped("The others went on. Report it with the output of --debug.", width, "    ", "    "))
        yield "", ""


def _summary(report: Report, width: int) -> Iterator[Styled]:
    counts = report.counts()
    found = ", ".join(_count(counts[s.value], s.value) for s in Severity if counts[s.value])
    if report.healthy:
        rest = f" {found[0].upper()}{found[1:]} below the threshold." if found else ""
        yield from ((_GREEN, line) for line in wrapped(f"✓ Healthy: {report.rule_count} rules found nothing to repair.{rest}", width, "", "  "))
        return
    if report.healthy is None:
        text = f"Nothing{' more' if report.applied else ''} at or above the threshold was found, but not everything could be looked at: this is not called healthy."
        yield from ((_COLORS[Severity.WARNING], line) for line in wrapped(text, width, "", "  "))
        remedy = next((u.remedy for u in report.unread if u.remedy and u.kind is not Kind.TARGET), "")
        if remedy == "sudo":
            yield _COMMAND, f"→ sudo {command(report)}"
        elif remedy.startswith("--"):
            yield _COMMAND, f"→ {command(report)} {remedy}"
        return
    number = len(report.causes)
    causes = f" from {_count(number, 'cause')}" if number != len(report.findings) else ""
    fixable = f" {counts['fixable']} can be repaired." if counts["fixable"] else ""
    partial = " Not everything could be looked at." if report.partial else ""
    yield from ((_BOLD, line) for line in wrapped(f"{found}{causes}.{fixable}{partial}", width, "", "  "))
    if counts["fixable"] and not report.applied:
        yield _COMMAND, f"→ {command(report, '--fix')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 or word == "info" else f"{number} {word}s"
