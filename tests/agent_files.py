"""Valid files of an Agent, made from the catalogues: what the tests of slips, of silence and of corrections are built on. Everything is seeded."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from dddoctor.session import CheckOptions, Session
from dddoctor.tables import _catalogue

CONF_D, MAIN = "/etc/datadog-agent/conf.d", "/etc/datadog-agent/datadog.yaml"
INVENTED_KEY = "0123456789abcdef" * 2  # nobody's
# What the Agent takes only certain values for; any other would be a finding, and rightly.
FIXED_VALUES: dict[str, Any] = {
    "api_key": INVENTED_KEY, "app_key": INVENTED_KEY + "01234567", "site": "datadoghq.eu", "log_level": "info", "hostname": "db1.example.test", "cmd_host": "localhost",
    "apm_config.enabled": True, "apm_config.log_level": "info", "dd_url": "https://app.datadoghq.eu", "logs_enabled": True,
}  # fmt: skip
TAGS = ["env:test", "role:db", "team:web", "zone:eu-1", "owner:me", "cost:12"]
WORDS = ["alpha", "beta", "gamma", "delta", "shop", "orders", "reader"]


# --- values -----------------------------------------------------------------------------------------------------------


def value_of(rng: random.Random, kind: str | None) -> Any:
    """A value of one of the catalogue's types, mappings and lists small."""
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "int":
        return rng.randint(1, 9000)
    if kind == "float":
        return rng.choice([0.5, 1.25, 10.0, 3])
    if kind == "duration":
        return rng.choice(["10s", "5m", "1h30m"])
    if kind is not None and kind.startswith("list of maps"):
        return [{"name": rng.choice(WORDS), "value": rng.randint(1, 9)}]
    if kind is not None and kind.startswith("list"):
        return rng.sample(TAGS, rng.randint(1, 3))
    if kind == "map":
        return {word: rng.choice(WORDS) for word in rng.sample(WORDS, rng.randint(1, 2))}
    return rng.choice(
        [
            *WORDS,
            "some words with blanks",
            "it's quoted",
            'a "word"',
            "/var/run/some.sock",
            "http://localhost:8080/status?auto",
            "10.0.0.0/8",
            "a: b",
            "x #y",
            "",
            "1.10",
            "yes",
            "*.log",
        ]
    )


def option_value(rng: random.Random, check: str, option: str) -> Any:
    """A value for an instance option: by its type where the catalogue has one, else by what its name says."""
    if option == "min_collection_interval":
        return rng.choice([15, 30, 45, 60])
    if option == "tags":
        return rng.sample(TAGS, rng.randint(1, 3))
    if option == "loader":
        return "python"
    if check == "mysql" and option in ("password", "pass"):
        return rng.choice(["blue-Kettle-91", "x4-Lab_pw9!", "many words, #9"])  # others are tried first, and a finding
    kind = _catalogue.checks().option(check, option).expected_type
    if kind is None:
        if re.search(r"(^|_)(port|timeout|interval|limit|max|size|count)$", option):
            kind = "int"
        elif re.match(r"(use|collect|enable|disable|is|log|skip|ignore|send|include|exclude)_", option):
            kind = "bool"
        elif option.endswith("s") and not option.endswith("ss"):
            kind = rng.choice(["list", "map", "list of maps"])
        else:
            kind = "string"
    return value_of(rng, kind)


# --- files ------------------------------------------------------------------------------------------------------------


def integrations() -> list[str]:
    """Checks whose instance options are known, in order."""
    known = _catalogue.checks()
    return sorted(name for name in known._checks if known.options(name))


def required_options(check: str) -> list[str]:
    """What an instance must have; mysql also takes a file of defaults in place of these two."""
    if check == "mysql":
        return ["host", "username"]
    row = _catalogue.checks()._checks[check]
    return list(row[3]) if len(row) > 3 and row[3] else []


def optional_options(check: str) -> list[str]:
    """All that an instance may have, in order; for mysql without the other ways to say how to log in, which would contradict the first."""
    twice = {"defaults_file", "server", "user", "pass", "sock"} if check == "mysql" else set[str]()
    return sorted(_catalogue.checks().options(check) - twice)


def check_data(rng: random.Random, check: str, *, most: int = 6) -> dict[str, Any]:
    """A file of a check: some instances with what is required and a few known options, sometimes a section for logs.

    Each instance has two options or more, and no two begin alike: one option behind each dash, or one line twice, is what slips look like.
    """
    own = optional_options(check)
    data: dict[str, Any] = {}
    if rng.random() < 0.9:
        data["init_config"] = rng.choice(
            [None, {}, {"service": "shop"}, {"service": "shop", "proxy": {"https": "http://proxy.example.test:3128"}}]
        )
    data["instances"] = []
    for _ in range(rng.choice([1, 1, 2, 3])):
        chosen = [*required_options(check), *rng.sample(own, rng.randint(2, most))]
        rng.shuffle(chosen)
        instance = {option: option_value(rng, check, option) for option in dict.fromkeys(chosen)}
        if all(next(iter(other.items())) != next(iter(instance.items())) for other in data["instances"]):
            data["instances"].append(instance)
    if rng.random() < 0.2:
        data["logs"] = [{"type": "file", "path": "/var/log/app.log", "service": "shop", "source": check}]
    return data


def is_judged(key: str) -> bool:
    """Whether an unknown name in this key's place is told: below free-form sections any name may stand."""
    known = _catalogue.settings()
    parts = key.split(".")
    return "*" not in key and not any(known.is_open(".".join(parts[:n])) for n in range(1, len(parts)))


def leaf_settings() -> list[tuple[str, str]]:
    """(key, type) of the settings of datadog.yaml that are no section, in order."""
    known = _catalogue.settings()
    return [(key, row[0]) for key, row in sorted(known._keys.items()) if is_judged(key) and key not in known.sections()]


def nested(settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Dotted keys as sections."""
    data: dict[str, Any] = {}
    for key, value in settings:
        *sections, name = key.split(".")
        place = data
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return data


def main_data(rng: random.Random, count: int, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A datadog.yaml with `count` settings that the Agent knows, of their types."""
    chosen = dict(rng.sample([s for s in leaf_settings() if s[0] not in without], count))
    chosen |= {"api_key": "string", "logs_enabled": "bool"}  # the files of checks hold log sources
    if rng.random() < 0.5:
        chosen["site"] = "string"
    ports = {key: rng.randint(2000, 9000) for key in chosen if key.endswith("port")}
    return nested(
        (key, FIXED_VALUES[key] if key in FIXED_VALUES else ports.get(key) or value_of(rng, kind))
        for key, kind in chosen.items()
    )


# --- how files are written --------------------------------------------------------------------------------------------


def by_library(rng: random.Random, data: Any) -> str:
    """As configuration management writes: block style of many widths and indentations."""
    return yaml.safe_dump(
        data,
        default_flow_style=False,
        sort_keys=rng.random() < 0.5,
        width=rng.choice([40, 80, 500]),
        indent=rng.choice([2, 4]),
        allow_unicode=rng.random() < 0.5,
    )


def by_library_in_flow(rng: random.Random, data: Any) -> str:
    """Flow style, whole or from the leaves up."""
    return yaml.safe_dump(
        data,
        default_flow_style=rng.choice([True, None]),
        width=rng.choice([40, 80, 500]),
        sort_keys=False,
        explicit_start=rng.random() < 0.2,
    )


def as_json(rng: random.Random, data: Any) -> str:
    return json.dumps(data, indent=rng.choice([None, 1, 2, 4])) + rng.choice(["", "\n"])


def by_hand(rng: random.Random, data: Mapping[str, Any]) -> str:
    """As a person fills in a shipped example: comments, commented options, blank lines, either indentation of lists, quotes where they need not be."""
    hand = _Hand(rng)
    for key, value in data.items():
        if rng.random() < 0.5:
            hand.line(
                0,
                rng.choice(
                    ["## All options defined here are available to all instances.", "# --- " + key + " ---", "#"]
                ),
            )
        hand.pair(0, key, value)
        if rng.random() < 0.5:
            hand.lines.append("")
    text = "\n".join(hand.lines) + rng.choice(["\n", "\n", "", "\n\n"])
    return text.replace("\n", "\r\n") if rng.random() < 0.1 else text


class _Hand:
    def __init__(self, rng: random.Random) -> None:
        self.rng, self.lines = rng, list[str]()
        self.step = rng.choice([2, 2, 4])
        self.dash_step = rng.choice([0, 2, 2, 4])  # how far the items of a list stand in from their key

    def line(self, indent: int, text: str) -> None:
        self.lines.append(" " * indent + text)

    def remark(self, indent: int) -> None:
        roll = self.rng.random()
        if roll < 0.08:
            self.line(indent, "## @param some_option - string - optional - default: localhost")
            self.line(indent, "## What it does, in `words`: see https://docs.example.test/agent.")
            self.line(indent, "#")
            self.line(indent, "# some_option: localhost")
            self.lines.append("")
        elif roll < 0.14:
            self.line(
                indent,
                self.rng.choice(["# tags:", "#   - env:prod", "#tags: [a, b]", "# it's off for now", "#\tport: 80"]),
            )
        elif roll < 0.18:
            self.lines.append(self.rng.choice(["", "", "  "]))

    def pair(self, indent: int, key: str, value: Any, head: str = "") -> None:
        """`head`: what stands before the key on its line, such as a dash."""
        before = (" " * (indent - len(head)) + head if head else " " * indent) + key + ":"
        flow = self.rng.random() < 0.15
        if isinstance(value, dict) and value and not flow:
            self.lines.append(before + self.end())
            self.mapping(indent + self.step, value)
        elif isinstance(value, list) and value and not flow:
            self.lines.append(before + self.end())
            self.items(indent + self.dash_step, value)
        else:
            text = self.scalar(value)
            self.lines.append(before + (" " * self.rng.choice([1, 1, 1, 1, 3]) + text if text else "") + self.end())

    def mapping(self, indent: int, value: Mapping[str, Any]) -> None:
        for key, inner in value.items():
            self.remark(indent)
            self.pair(indent, key, inner)

    def items(self, indent: int, values: list[Any]) -> None:
        for value in values:
            self.remark(indent)
            if not isinstance(value, dict) or not value:
                self.line(indent, "- " + self.scalar(value) + self.end())
                continue
            pairs = list(value.items())
            if self.rng.random() < 0.2:  # as the shipped examples have it: the dash alone on its line
                self.line(indent, "-")
                self.mapping(indent + 2, value)
                continue
            self.pair(indent + 2, *pairs[0], head="- ")
            self.mapping(indent + 2, dict(pairs[1:]))

    def end(self) -> str:
        return self.rng.choice([""] * 12 + ["   # as agreed", " # was: off", "  "])

    def scalar(self, value: Any) -> str:
        if value is None:
            return self.rng.choice(["", "~", "null"])
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (dict, list)):
            return json.dumps(value)
        if isinstance(value, str):
            if (
                re.fullmatch(r"[a-z/][\w./-]*(:[\w/?.:=-]+)?", value)
                and value not in ("yes", "no", "on", "off", "true", "false", "null", "y", "n")
                and self.rng.random() < 0.8
            ):
                return value
            return self.rng.choice([json.dumps(value), "'" + value.replace("'", "''") + "'"])
        return str(value)


class _Indenting(yaml.SafeDumper):
    """Writes lists two columns in from their key, as most style guides want it; the library's own stand at the key's column."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def by_style_guide(rng: random.Random, data: Any) -> str:
    """Every text in one kind of quotes or in none, lists indented, a mark at the beginning and sometimes at the end."""
    return yaml.dump(
        data, Dumper=_Indenting, default_flow_style=False, sort_keys=False, default_style=rng.choice([None, None, '"', "'"]), indent=rng.choice([2, 4]),
        width=500, explicit_start=True, explicit_end=rng.random() < 0.3, allow_unicode=True,
    )  # fmt: skip


def by_go(rng: random.Random, data: Any) -> str:
    """As Go's yaml.v2 writes, the library of the Agent and of many tools: sorted keys, lists at the column of their key, texts of several lines as blocks."""
    lines: list[str] = []

    def scalar(value: Any) -> str:
        return yaml.safe_dump(value, width=10_000, allow_unicode=True).removesuffix("...\n").strip()

    def pairs(mapping: Mapping[str, Any], indent: int, head: str = "") -> None:
        for key in sorted(mapping):
            value = mapping[key]
            before = " " * (indent - len(head)) + head + scalar(key) + ":"
            head = ""
            if isinstance(value, dict) and value:
                lines.append(before)
                pairs(value, indent + 2)
            elif isinstance(value, list) and value:
                lines.append(before)
                items(value, indent)
            elif isinstance(value, str) and "\n" in value:
                lines.append(before + " |" + ("" if value.endswith("\n") else "-"))
                lines.extend(" " * (indent + 2) + line if line else "" for line in value.rstrip("\n").split("\n"))
            else:
                lines.append(f"{before} {json.dumps(value) if isinstance(value, (dict, list)) else scalar(value)}")

    def items(values: list[Any], indent: int) -> None:
        for value in values:
            if isinstance(value, dict) and value:
                pairs(value, indent + 2, "- ")
            else:
                lines.append(
                    " " * indent + "- " + (json.dumps(value) if isinstance(value, (dict, list)) else scalar(value))
                )

    pairs(data, 0)
    return "\n".join(lines) + "\n"


EMITTERS = (by_library, by_library_in_flow, by_style_guide, by_go, as_json, by_hand)


# --- files that are shipped, and what people make of them ---------------------------------------------------------------


def _commented(option: str, value: Any, kind: str, indent: int, is_on: bool) -> list[str]:
    """One option as the shipped examples have it: what it is in lines that begin with `##`, an empty `#`, and the option itself behind `# ` unless it is on."""
    written = (
        yaml.dump({option: value}, Dumper=_Indenting, default_flow_style=False, width=500).rstrip("\n").split("\n")
    )
    pad = " " * indent
    return [
        f"{pad}## @param {option} - {kind} - optional - default: {json.dumps(value)[:40]}",
        f"{pad}## What `{option}` is for: see the page of the integration. Must be of type {kind}.",
        f"{pad}#",
        *(f"{pad}{'' if is_on else '# '}{line}" for line in written),
        "",
    ]


def example_of_check(rng: random.Random, check: str, *, share: float) -> str:
    """A conf.yaml.example of a check, every option in it, with what is required and a share of the others switched on, as a person does: by taking `# ` away."""
    lines = [
        "## All options defined here are available to all instances.", "#", "init_config:", "",
        *_commented("service", "<SERVICE>" if rng.random() < 0.7 else "shop", "string", 4, False),
        "## Every instance is scheduled independently of the others.", "#", "instances:", "",
    ]  # fmt: skip
    required = required_options(check)
    others = [o for o in optional_options(check) if o not in required]
    first = True
    for option in [*required, *others]:
        is_on = option in required or rng.random() < share
        block = _commented(
            option,
            option_value(rng, check, option),
            _catalogue.checks().option(check, option).expected_type or "string",
            4,
            is_on,
        )
        if first:
            lines.append("  -")
            first = False
        lines += block
    if not any(line.startswith("    ") and not line.lstrip().startswith("#") and line.strip() for line in lines):
        return "\n".join([*lines, "    {}"]) + "\n"  # an instance with nothing in it
    return "\n".join(lines) + "\n"


def example_of_main(rng: random.Random, count: int, *, share: float, without: frozenset[str] = frozenset()) -> str:
    """A datadog.yaml as the package has it, with `count` settings: sections behind `# `, their children two columns in; a share of them switched on, section and child alike."""
    chosen = dict(rng.sample([s for s in leaf_settings() if s[0] not in without and s[0].count(".") <= 1], count))
    lines = ["#########################", "## Basic Configuration ##", "#########################", "", f"api_key: {INVENTED_KEY}", "", "tags:", "  - env:test", ""]  # fmt: skip
    chosen.pop("api_key", None)
    chosen.pop("tags", None)
    by_section: dict[str, list[str]] = {}
    for key in chosen:
        section, _, name = key.rpartition(".")
        by_section.setdefault(section, []).append(name)

    def value(key: str) -> Any:
        if key in FIXED_VALUES:
            return FIXED_VALUES[key]
        return rng.randint(2000, 9000) if key.endswith("port") else value_of(rng, chosen[key])

    for section, names in sorted(by_section.items()):
        on = {name for name in names if rng.random() < share}
        indent = 2 if section else 0
        if section:
            lines += [
                f"## @param {section} - custom object - optional",
                f"## Settings of `{section}`.",
                "#",
                f"{'' if on else '# '}{section}:",
                "",
            ]
        for name in names:
            key = f"{section}.{name}" if section else name
            lines += _commented(name, value(key), chosen[key], indent, name in on)
    return "\n".join(lines) + "\n"


# --- a host of them ---------------------------------------------------------------------------------------------------


def build(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Files by target path below a folder, readable by owner and group alone, as the package leaves those of the Agent."""
    for path, content in files.items():
        real = root / path.lstrip("/")
        real.parent.mkdir(parents=True, exist_ok=True)
        real.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        os.chmod(real, 0o640)  # noqa: PTH101
    return root


def session_over(
    root: Path, files: Mapping[str, str | bytes], *, select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()
) -> Session:
    """The product over a folder with these files."""
    return Session(CheckOptions(root=build(root, files), select=select, ignore=ignore))
