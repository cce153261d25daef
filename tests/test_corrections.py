"""Valid files of checks are spoilt in one place, many on one host, and the whole product looks: told where it is, and no safe repair gives other data.

`DDDOCTOR_LONG=1` runs 5,000 files in place of the seeded subset.
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from tests.agent_files import (
    CONF_D,
    INVENTED_KEY,
    MAIN,
    by_hand,
    by_library,
    check_data,
    integrations,
    option_value,
    session_over,
)
from tests.yamltext.test_mutations import base_file, data_of, rich_file

from dddoctor.model import Safety
from dddoctor.yamltext import read

SEED = 977
COUNT = 5_000 if os.environ.get("DDDOCTOR_LONG") == "1" else 750
FILES_OF_A_HOST = 250
SHARE = 0.98
MUTATIONS = (
    "a blank dropped", "a tab", "indented", "dedented", "doubled", "a stray backtick", "smart quotes", "no blank behind the dash", "no blank behind the colon",
    "the colon lost", "the dash lost",
)  # fmt: skip
# Below the options of an instance a check may have any keys, and no slip is certain there: those files count for the repairs only.
DEEPER = "deeper"


class Spoilt(NamedTuple):
    """`original` with one line spoilt. `name` and `place` say how and where, `line` which one."""

    original: str
    text: str
    name: str
    place: str
    line: int
    check: str | None  # None: a custom check

    def shown(self) -> str:
        lines = self.text.split("\n")[max(0, self.line - 8) : self.line + 8]
        return f"--- {self.name} ({self.place}), line {self.line}, {self.check}\n" + "\n".join(
            f"    |{line}" for line in lines
        )


# --- making them ------------------------------------------------------------------------------------------------------


def original(rng: random.Random) -> tuple[str, str | None]:
    """The text of a valid file, and the shipped check that it is for."""
    roll = rng.random()
    if roll < 0.4:
        return (base_file if roll < 0.2 else rich_file)(rng), None
    check = rng.choice(integrations())
    data = check_data(rng, check, most=5)
    for instance in data["instances"]:
        if rng.random() < 0.6:
            instance["min_collection_interval"] = option_value(rng, check, "min_collection_interval")
        if rng.random() < 0.7:
            instance["tags"] = option_value(rng, check, "tags")
    text = by_hand(rng, data) if rng.random() < 0.8 else by_library(rng, data)
    return text.replace("\r\n", "\n"), check


def places(text: str) -> dict[int, str]:
    """Line → top, instance, interval or tags; lines of comments and of what stands deeper are not in it."""
    found: dict[int, str] = {}
    for key, value in read(text.encode()).top_level():
        found.setdefault(key.line, "top")
        if key.raw not in ("instances", "logs") or value.kind != "seq":
            continue
        for item in value.items:
            found.setdefault(item.line, "instance")
            for option, inner in item.pairs if item.kind == "map" else []:
                place = {"min_collection_interval": "interval", "tags": "tags"}.get(option.raw, "instance")
                found.setdefault(option.line, place)
                for tag in inner.items if place == "tags" and inner.kind == "seq" else []:
                    found.setdefault(tag.line, "tags")
    return found


def spoil(rng: random.Random, text: str, check: str | None) -> Spoilt | None:
    """One line changed as people do by accident; None where the line has no room for it. Blanks inside a value are left alone: they are its own."""
    lines = text.split("\n")
    where = places(text)
    by_place: dict[str, list[int]] = defaultdict(list)
    for position, line in enumerate(lines):
        if line.strip() and not line.lstrip().startswith("#"):
            by_place[where.get(position + 1, DEEPER)].append(position)
    place = rng.choice(sorted(by_place))
    at = rng.choice(by_place[place])
    line, name = lines[at], rng.choice(MUTATIONS)
    new = spoilt_line(rng, name, line)
    if new is None or new == line:
        return None
    spoilt = [*lines[:at], new, *lines[at + 1 :]] if name != "doubled" else [*lines[:at], line, *lines[at:]]
    return Spoilt(text, "\n".join(spoilt), name, place, at + 1 + (name == "doubled"), check)


def spoilt_line(rng: random.Random, name: str, line: str) -> str | None:
    body = line.lstrip()
    indent = line[: len(line) - len(body)]
    key = re.match(r"((?:- +)*)([\w*-]+):(?= |$)", body)
    if name == "a blank dropped":
        structural = [
            *range(len(indent)),
            *(m.start() + len(indent) for m in re.finditer(" ", key[1] if key else body[:2])),
        ]
        structural += [len(indent) + key.end()] if key and key.end() < len(body) else []
        places_ = [position for position in structural if position < len(line) and line[position] == " "]
        position = rng.choice(places_) if places_ else -1
        return line[:position] + line[position + 1 :] if places_ else None
    if name == "a tab":
        return "\t" + rng.choice([line, body])
    if name == "indented":
        return " " * rng.choice([1, 2, 4]) + line
    if name == "dedented":
        return line[min(len(indent), rng.choice([1, 2, 4])) :] if indent else None
    if name == "doubled":
        return line + "\n"
    if name == "a stray backtick":
        return rng.choice([line + "`", "`" + line, indent + "`" + body, line + "```"])
    if name == "smart quotes":
        for quote, first, last in (('"', "“", "”"), ("'", "‘", "’")):
            if line.count(quote) == 2:
                return line.replace(quote, first, 1).replace(quote, last, 1)
        return None
    if name == "no blank behind the dash":
        return indent + "-" + body[1:].lstrip() if body.startswith("- ") else None
    if name == "no blank behind the colon":
        return line.replace(": ", ":", 1) if key and ": " in line else None
    if name == "the colon lost":
        return indent + body[: key.end() - 1] + body[key.end() :] if key else None
    return indent + rng.choice(["  ", ""]) + body[2:] if body.startswith("- ") else None


def cases(seed: int, count: int) -> list[Spoilt]:
    rng = random.Random(seed)
    found: list[Spoilt] = []
    while len(found) < count:
        spoilt = spoil(rng, *original(rng))
        if spoilt is not None:
            found.append(spoilt)
    return found


# --- looking ----------------------------------------------------------------------------------------------------------


def path_of(number: int, spoilt: Spoilt) -> str:
    return f"{CONF_D}/{spoilt.check}.d/f{number}.yaml" if spoilt.check else f"{CONF_D}/custom_{number}.d/conf.yaml"


def test_spoilt_files_are_told_and_no_safe_repair_gives_other_data(tmp_path: Path) -> None:
    """At least 98 % of those whose data changed, or that broke, are told in that line or the one before."""
    missed: list[Spoilt] = []
    wrong: list[tuple[Spoilt, str]] = []
    blamed: list[tuple[Spoilt, str]] = []
    counts: Counter[str] = Counter()
    everything = cases(SEED, COUNT)
    for start in range(0, COUNT, FILES_OF_A_HOST):
        here = {
            path_of(number, one): one for number, one in enumerate(everything[start : start + FILES_OF_A_HOST], start)
        }
        files: dict[str, str | bytes] = {
            MAIN: f"api_key: {INVENTED_KEY}\nlogs_enabled: true\n",
            **{path: one.text for path, one in here.items()},
        }
        session = session_over(tmp_path / str(start), files, ignore=("check-without-code",))
        report = session.check()
        assert report.broken == []
        lines: dict[str, set[int]] = defaultdict(set)
        for finding in report.findings:
            lines[finding.file or ""] |= set(
                range(finding.line or 0, (finding.row.get("end_line") or finding.line or 0) + 1)
            )
            for path, line in finding.also:
                lines[path].add(line or 0)
        changed = session.plan([Safety.SAFE]).overlay.changed()
        for path, one in here.items():
            before, spoilt = data_of(one.original), data_of(one.text)
            assert before is not None, one.original
            if before == spoilt:
                counts["same data"] += 1
                blamed += [
                    (one, f.message)
                    for f in report.findings
                    if f.file == path and f.severity.value == "error" and f.rule.startswith("check-file")
                ]
            elif one.place != DEEPER:
                counts["told or missed"] += 1
                if not {one.line, one.line - 1} & lines[path]:
                    missed.append(one)
            if path in changed:
                counts["repaired"] += 1
                after = (changed[path][1] or b"").decode()
                if data_of(after) != before:
                    wrong.append((one, after))
    told = counts["told or missed"]
    print(
        f"\n{COUNT} files: {told} changed or broke where it counts, {len(missed)} not told ({1 - len(missed) / told:.2%} told), {counts['repaired']} repaired, {len(wrong)} wrong, {counts['same data']} kept their data"
    )
    print(f"not told: {dict(Counter((one.name, one.place) for one in missed))}")

    assert not wrong, "\n".join(f"{one.shown()}\n->\n{after}" for one, after in wrong)
    assert blamed == []
    assert told > COUNT / 2
    assert counts["repaired"] > COUNT / 2
    assert len(missed) <= told * (1 - SHARE), "\n".join(one.shown() for one in missed)
