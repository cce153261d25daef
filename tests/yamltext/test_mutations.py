"""Files are spoilt in the ways people spoil them; the defect must be found where it is, and no correction may give other data than the file had."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import yaml

from dddoctor.yamltext import defects, read
from dddoctor.yamltext.diagnosis import Defect
from dddoctor.yamltext.lines import applied

SEED = 20260
COUNT = 600


class Mutation(NamedTuple):
    name: str
    line: int
    text: str


def base_file(rng: random.Random) -> str:
    """An Agent-like conf.d file: top-level keys, instances with options, the interval, tags in both styles, comments, blank lines."""
    dash = rng.choice(["", "  ", "    "])
    deep = dash + "  "
    lines: list[str] = []
    if rng.random() < 0.5:
        lines += ["# my check", ""]
    if rng.random() < 0.8:
        lines.append("init_config:")
        if rng.random() < 0.4:
            lines += ["  service: shop", "  proxy_timeout: 10"]
        if rng.random() < 0.5:
            lines.append("")
    lines.append("instances:")
    for number in range(rng.randint(1, 3)):
        options: list[list[str]] = [[f"host: db{number}.example.test"], [f"port: {rng.randint(1000, 9999)}"]]
        if rng.random() < 0.6:
            options.append([f"min_collection_interval: {rng.choice([15, 30, 45])}" + rng.choice(["", "   # seconds"])])
        if rng.random() < 0.7:
            options.append(tags(rng))
        if rng.random() < 0.3:
            options.append([f'password: "x: y{number}"'])
        if rng.random() < 0.3:
            options.append([f"url: http://localhost:{rng.randint(80, 90)}/status?auto"])
        if rng.random() < 0.2:
            options.append(["disable_generic_tags: true"])
        rng.shuffle(options)
        first = True
        for option in options:
            for index, text in enumerate(option):
                lines.append((dash + "- " if first else deep) + text if index == 0 else deep + text)
                first = False
            if rng.random() < 0.15:
                lines.append(deep + "# a comment")
        if rng.random() < 0.2:
            lines.append("")
    if rng.random() < 0.3:
        lines += ["logs:", "  - type: file", "    path: /var/log/app.log", "    service: shop", "    source: python"]
    return "\n".join(lines) + "\n"


def tags(rng: random.Random) -> list[str]:
    names = rng.sample(["env:prod", "role:db", "team:web", "zone:eu-1", "owner:me"], rng.randint(2, 3))
    style = rng.choice(["flow", "block", "block", "flush"])
    if style == "flow":
        return ["tags: [" + ", ".join(names) + "]"]
    indent = "  " if style == "block" else ""
    return ["tags:", *[f"{indent}- {name}" for name in names]]


def rich_file(rng: random.Random) -> str:
    """A file with what makes corrections hard: nested mappings, blocks of text, texts that go on, lists of mappings."""
    dash, step = rng.choice(["", "  ", "    "]), rng.choice(["  ", "    "])
    lines = ["init_config:", *rng.choice([[], [step + "global_custom_queries: []"]]), "instances:"]
    for number in range(rng.randint(1, 3)):
        options = [
            [f"host: h{number}"],
            ["options:", step + "replication: false", step + "extra_status_metrics: true", step + "galera: false"],
            ["headers:", step + "X-Auth: abc", step + 'Accept: "*/*"'],
            ["processes:", step + "- name: a", step + "- name: b"],
            ["query: |", step + "SELECT a,", step + "  b", step + "FROM t"],
            ["description: some text that", step + "goes on here"],
            ["min_collection_interval: 45"],
            tags(rng),
        ]
        chosen = [option for option in options if rng.random() < 0.5] or options[:1]
        rng.shuffle(chosen)
        first = True
        for option in chosen:
            for text in option:
                lines.append((dash + "- " if first else dash + "  ") + text)
                first = False
    return "\n".join(lines) + "\n"


def mutate(rng: random.Random, text: str) -> Mutation | None:
    lines = text.split("\n")
    places = [index for index, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    index = rng.choice(places)
    line = lines[index]
    indent = len(line) - len(line.lstrip())
    name = rng.choice(["drop a blank", "tab", "indent", "dedent", "duplicate"])
    if name == "drop a blank":
        blanks = [at for at, character in enumerate(line) if character == " "]
        if not blanks:
            return None
        at = rng.choice(blanks)
        lines[index] = line[:at] + line[at + 1 :]
    elif name == "tab":
        lines[index] = "\t" + rng.choice([line, line.lstrip()])
    elif name == "indent":
        lines[index] = " " * rng.choice([1, 2, 4]) + line
    elif name == "dedent":
        if not indent:
            return None
        lines[index] = line[min(indent, rng.choice([1, 2, 4])) :]
    else:
        lines.insert(index, line)
        index += 1
    spoilt = "\n".join(lines)
    return None if spoilt == text else Mutation(name, index + 1, spoilt)


def mutations(seed: int, count: int, make: Callable[[random.Random], str] = base_file) -> list[tuple[str, Mutation]]:
    rng = random.Random(seed)
    found: list[tuple[str, Mutation]] = []
    while len(found) < count:
        base = make(rng)
        mutation = mutate(rng, base)
        if mutation:
            found.append((base, mutation))
    return found


def data_of(text: str) -> Any:
    document = read(text.encode())
    return repr(document.value()) if document.parses else None


def lines_told(text: str, found: list[Defect]) -> set[int]:
    """Lines of the defects, and of what the Agent itself warns of (an unknown top-level key is told by a rule over the keys)."""
    told = {line for defect in found for line in range(defect.line, defect.end_line + 1)} | {
        line for defect in found for line in defect.also
    }
    return told | {warning.line for warning in read(text.encode()).warnings if warning.line}


def test_mutations_are_found_where_they_are() -> None:
    """At least 97 % of those that broke the file or changed its data, at the line or the one before."""
    missed = []
    counted = 0
    for base, mutation in mutations(SEED, COUNT):
        if data_of(mutation.text) == data_of(base):
            continue
        counted += 1
        told = lines_told(mutation.text, defects(read(mutation.text.encode())))
        if not {mutation.line, mutation.line - 1} & told:
            missed.append((mutation.name, mutation.line, told, mutation.text))

    assert counted > COUNT // 2
    assert len(missed) <= counted * 0.03, "\n".join(f"{m[0]} in line {m[1]}, told {m[2]}:\n{m[3]}" for m in missed)


@pytest.mark.parametrize(("make", "share"), [(base_file, 0.9), (rich_file, 0.35)])
def test_no_correction_gives_other_data(make: Callable[[random.Random], str], share: float) -> None:
    """Where all defects have a correction, the corrected file has the data of the file before it was spoilt. `share`: how many have one, at least."""
    wrong = []
    corrected = counted = 0
    for base, mutation in mutations(SEED + 1, COUNT, make):
        if data_of(mutation.text) == data_of(base):
            continue
        counted += 1
        found = defects(read(mutation.text.encode()))
        if not found or any(defect.correction is None for defect in found):
            continue
        corrected += 1
        after = applied(mutation.text, {change for defect in found for change in defect.replacements})
        if data_of(after) != data_of(base):
            wrong.append((mutation, after))

    assert corrected > counted * share
    assert not wrong, "\n".join(f"{m.name} in line {m.line}:\n{m.text}\n->\n{after}" for m, after in wrong)


def test_files_that_nobody_spoilt_are_silent() -> None:
    rng = random.Random(SEED + 2)

    told = [found for make in (base_file, rich_file) for _ in range(200) for found in defects(read(make(rng).encode()))]

    assert told == []


@pytest.mark.parametrize("emitter", ["block", "flow", "json"])
def test_what_emitters_write_is_silent(emitter: str) -> None:
    rng = random.Random(SEED + 3)
    for _ in range(100):
        data = yaml.safe_load(base_file(rng))
        if emitter == "json":
            text = json.dumps(data, indent=rng.choice([None, 1, 2]))
        else:
            text = yaml.safe_dump(
                data, default_flow_style=emitter == "flow", width=rng.choice([40, 80, 200]), indent=rng.choice([2, 4])
            )

        assert defects(read(text.encode())) == [], text
