"""Candidates for what stands at the wrong depth: tabs, siblings that do not align, half-uncommented blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.lazyre import lazy
from dddoctor.yamltext.lines import COLON_WORD, KEY, Candidate, Line, Replacement, changed

_LOOK_BACK = 60  # lines of code that may open what a line belongs to
_HEADER = lazy(r"[ \t]*#+ ?(?P<blanks>[ \t]*)(?P<name>[A-Za-z_][\w.-]*):[ \t]*(?:#.*)?")
_COMMENTED_KEY = lazy(r"[ \t]*# ?(?P<blanks>[ \t]*)[A-Za-z_][\w.-]*:[ \t]")
TAB_SAY = "a tab indents this line; YAML takes blanks only"


def tab_candidates(lines: list[Line], top_names: frozenset[str]) -> Iterator[Candidate]:
    """All lines that are indented with tabs at once, with several widths, and each run of them alone at the depths that its neighbours suggest."""
    tabbed = [
        line for line in lines if "\t" in line.indent or (line.text and not line.text.strip() and "\t" in line.text)
    ]
    behind_dash = [line for line in lines if "\t" in line.dashes]
    if behind_dash:
        replacements = tuple(
            change
            for line in behind_dash
            for change in changed(line, line.indent + re.sub(r"-[ \t]+", "- ", line.dashes) + line.content)
        )
        say = "a tab follows the dash; YAML takes a blank only"
        yield Candidate(
            "tab-indentation",
            behind_dash[0].number,
            1,
            say,
            replacements,
            tuple(line.number for line in behind_dash[1:]),
        )
    if not tabbed:
        return
    also = tuple(line.number for line in tabbed[1:])
    first = tabbed[0].number
    # Who indents a line means no key of the top level, unless it is one, or nothing else is possible.
    flat_cost = 1 if any(_key_name(line) in top_names for line in tabbed) else 3
    if flat_cost > 1 and any(line.dashes and KEY.match(line.content) for line in tabbed):
        # Items of `instances` often stand at column 0.
        flat_cost = 1 if any(line.dashes and not line.indent and KEY.match(line.content) for line in lines) else 3
    for width in (2, 4, 8, 3, 1, 6, 0):
        texts = [(line, _untabbed(line, width)) for line in tabbed]
        flat = [line for line, new in texts if line.is_code and not new.startswith(" ")]
        is_mixed = 0 < len(flat) < sum(line.is_code for line in tabbed)
        replacements = tuple(change for line, new in texts for change in changed(line, new))
        yield Candidate(
            "tab-indentation", first, flat_cost if flat else 1, TAB_SAY, replacements, also, is_guess=is_mixed
        )
        if flat_cost == 1 and not flat:  # keys of the top level at column 0, the others indented
            replacements = tuple(
                change
                for line, new in texts
                for change in changed(line, new.lstrip() if _key_name(line) in top_names else new)
            )
            yield Candidate("tab-indentation", first, 1, TAB_SAY, replacements, also)
    code = [line for line in tabbed if line.is_code]
    if not code or len({line.indent for line in code}) > 1:
        return
    blank = tuple(change for line in tabbed if not line.is_code for change in changed(line, _untabbed(line, 2)))
    if any(_is_apart(code, lines)):
        return
    for column in sorted(_targets(lines, code[0].number - 1)):
        replacements = tuple(change for line in code for change in changed(line, " " * column + line.body)) + blank
        yield Candidate(
            "tab-indentation", first, 1 if column else flat_cost, TAB_SAY, tuple(sorted(replacements)), also
        )


def _key_name(line: Line) -> str:
    match = KEY.match(line.content)
    return match[0].rstrip(" \t:") if match and not line.dashes else ""


def irregularity(lines: list[Line], position: int) -> int:
    """0: the lines above and below stand at one depth, this one does not. 1: an odd step from the key it belongs to.

    2: deeper than a line that has a value, below a dash, or between a key and what seems to belong to it. 3: nothing odd about it.
    """
    line = lines[position]
    above = next((other for other in reversed(lines[:position]) if other.is_code), None)
    below = next((other for other in lines[position + 1 :] if other.is_code), None)
    if above is not None and below is not None and not above.opens:
        depths = {
            column
            for column in (above.columns[-1], above.columns[0])
            if column in (below.columns[0], below.columns[-1])
        }
        if depths and not depths & set(line.columns):
            return 0
    beside = next(
        (other for other in reversed(lines[:position]) if other.is_code and other.column <= line.column), None
    )
    if (
        beside is not None
        and beside.column == line.column
        and beside.dashes
        and not line.dashes
        and not (above is not None and above.opens)
    ):
        return 2
    steps: dict[int, int] = {}
    before: Line | None = None
    for other in lines:
        if other.is_code:
            if (
                before is not None
                and before.opens
                and other.column > before.columns[-1]
                and other.number != line.number
            ):
                step = other.column - before.columns[-1]
                steps[step] = steps.get(step, 0) + 1
            before = other
    parent = next((other for other in reversed(lines[:position]) if other.is_code and other.column < line.column), None)
    if parent is not None:
        usual = max(steps, key=lambda step: (steps[step], -step)) if steps else 2
        if line.column in parent.columns:
            return 3
        if not parent.opens:
            return 2
        return 3 if line.column - parent.columns[-1] == usual else 1
    is_between = above is not None and above.opens and above.column == line.column and not line.opens
    return 2 if is_between and below is not None and below.column > line.column else 3


def _is_apart(code: list[Line], lines: list[Line]) -> Iterator[bool]:
    """Whether other code stands between lines that are to be moved to one column."""
    numbers = {line.number for line in code}
    for number in range(code[0].number, code[-1].number):
        line = lines[number - 1]
        yield line.is_code and line.number not in numbers


def _untabbed(line: Line, width: int) -> str:
    if not line.text.strip():
        return ""
    return line.indent.replace("\t", " " * width) + line.body


def _targets(lines: list[Line], position: int) -> set[int]:
    """Columns where the line at `position` could stand: those of what is open above it, of children of the line above, of the line below."""
    found = {0}
    limit = 10_000
    seen = 0
    step = 2
    for above in reversed(lines[:position]):
        if not above.is_code:
            continue
        if "\t" in above.indent:
            continue
        seen += 1
        columns = above.columns
        if seen == 1 or above.opens:
            found.update(column for column in columns if column < limit or seen == 1)
        else:
            found.update(column for column in columns if column < limit)
        if seen == 1 and above.opens:
            found.add(columns[-1] + step)
        limit = min(limit, columns[0])
        if limit == 0 or seen > _LOOK_BACK:
            break
    width = len(lines[position].dashes)
    limit = 10_000
    seen = 0
    for below in lines[position + 1 :]:
        if not below.is_code or "\t" in below.indent:
            continue
        seen += 1
        if below.columns[0] < limit or seen == 1:
            found.update(below.columns)
            if below.column >= width:
                found.add(below.column - width)
            limit = min(limit, below.columns[0])
        if limit == 0 or seen > 20:
            break
    return found


_MOST_TARGETS = 60  # a line of a thousand dashes has as many columns; nobody meant the far ones


def depth_candidates(lines: list[Line], position: int) -> Iterator[Candidate]:
    """The line alone, with what stands deeper below it, or with its whole run, moved to where it could belong."""
    line = lines[position]
    current = line.column
    targets = sorted(_targets(lines, position) - {current}, key=lambda column: (abs(column - current), column))[
        :_MOST_TARGETS
    ]
    groups, run = _groups(lines, position)
    for target in targets:
        side = "deeper than" if target < current else "left of"
        say = f"this line stands {side} the lines it belongs to"
        for group in groups:
            replacements: list[Replacement] = []
            for member in group:
                column = member.column + target - current
                if column < 0:
                    break
                replacements += changed(member, " " * column + member.text[member.column :])
            else:
                end = group[-1].number if len(group) > 1 else None
                # A whole run of lines is moved less often than one line (with what stands below it).
                cost = 3 if group is run else 2
                yield Candidate(
                    "sibling-depth", line.number, cost, say, tuple(replacements), end_line=end, column=current + 1
                )


def dash_candidates(lines: list[Line], position: int) -> Iterator[Candidate]:
    """A dash for the line, where the list item above or below it begins at its column, or has its key or text there."""
    line = lines[position]
    if line.dashes or not line.is_code or line.code in ("init_config:", "instances:", "logs:"):
        return
    is_text = COLON_WORD.match(line.content) is not None and not KEY.match(line.content)
    above = next((other for other in reversed(lines[:position]) if other.is_code and other.column <= line.column), None)
    below = next((other for other in lines[position + 1 :] if other.is_code and other.column <= line.column), None)
    if (
        is_text
        and above is not None
        and above.opens
        and (above.columns[-1] == line.column or above.code.endswith("tags:"))
    ):
        yield Candidate(
            "dash-lost",
            line.number,
            1 if above.code.endswith("tags:") else 2,
            "no dash before this list item",
            changed(line, line.indent + "- " + line.content),
            column=line.column + 1,
        )
    inner = next(
        (
            other
            for other in lines[position + 1 :]
            if other.text.strip() and (other.is_code or other.column > line.column)
        ),
        None,
    )
    for item in (above, below):
        if item is None or item.dashes.count("-") != 1 or line.column not in item.columns:
            continue
        width = len(item.dashes) if item.content else 2
        if (
            line.column == item.column
            and not line.opens  # what stands below an opening key is its own
            and inner is not None
            and inner.is_code
            and not inner.dashes
            and inner.column >= line.column + 2
        ):
            width = inner.column - line.column
        new = " " * item.column + "-".ljust(width) + line.content
        is_key, is_among_keys = (KEY.match(text) is not None for text in (line.content, item.content))
        # A list holds items of one kind; another kind is the dearer guess.
        cost = 3 if is_key != is_among_keys else 2 if is_key else 1 if is_text else 3
        yield Candidate(
            "dash-lost", line.number, cost, "no dash before this list item", changed(line, new), column=line.column + 1
        )


def _groups(lines: list[Line], position: int) -> tuple[list[list[Line]], list[Line]]:
    """The line; the line with its subtree; the run of lines that stand at least as deep, if it is longer. And the run."""
    line = lines[position]
    subtree, run = [line], [line]
    is_subtree = True
    for below in lines[position + 1 :]:
        if not below.text.strip():
            continue
        if below.column < line.column:
            break
        if is_subtree and below.column > line.column:
            subtree.append(below)
        else:
            is_subtree = False
        run.append(below)
    found = [[line]]
    for group in (subtree, run):
        if len(group) != len(found[-1]):
            found.append(group)
    return found, (run if len(run) > len(subtree) else [])


def header_above(lines: list[Line], position: int) -> Line | None:
    """The commented-out key that the line at `position` was a child of: `# apm_config:` above `  enabled: true`, with only comments and blank lines between.

    One blank deeper is no child: it is a line whose `#` was deleted and whose blank was left.
    """
    line = lines[position]
    for above in reversed(lines[:position]):
        if not above.text.strip() or above.content.startswith("##"):
            continue
        if above.is_code:
            return None
        match = _HEADER.fullmatch(above.text)
        if match and _uncommented_column(above) + 1 < line.column:
            return above
        other = _COMMENTED_KEY.match(above.text)
        if other and len(above.indent) + len(other["blanks"]) < line.column:
            return None
    return None


def _uncommented_column(line: Line) -> int:
    match = _HEADER.fullmatch(line.text)
    return len(line.indent) + (len(match["blanks"]) if match else 0)


def header_name(line: Line) -> str:
    match = _HEADER.fullmatch(line.text)
    return match["name"] if match else ""


def header_candidates(lines: list[Line], position: int) -> Iterator[Candidate]:
    """Take the comment sign off the section's own line."""
    header = header_above(lines, position)
    if header is None:
        return
    name = header_name(header)
    if name.endswith("tags") and not lines[position].dashes and KEY.match(lines[position].content):
        return  # below tags stand items, no keys
    say = f"this line is in force, but `{name}:` above it, which it belongs to, is commented out"
    new = header.indent + re.sub(r"^#+ ?", "", header.content)
    yield Candidate("half-uncommented", lines[position].number, 1, say, changed(header, new), (header.number,))
