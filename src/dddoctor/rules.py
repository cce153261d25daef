"""All rules of a run: compiled where the wheel holds them so, else read from the rule files (`rulefiles`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dddoctor import __version__, tables
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Clear, Fix, Link, Rule, Safety, Severity, State, Step

AREAS = (
    "agent",
    "config",
    "conf-d",
    "checks-d",
    "mysql",
    "python",
    "apm",
    "docker",
    "vagrant",
    "permissions",
    "secrets",
    "network",
    "api",
    "setup",
)
PLACEHOLDER = lazy(r"\{(\*?)([a-z_][a-z0-9_]*)\}")
VERSION_COLUMNS = {"agent": "agent", "mysql": "mysql_version", "ddtrace": "ddtrace_version", "python": "python_version"}


class RuleSet(NamedTuple):
    """All rules of a run, ordered by area and id, and the states through which they meet."""

    rules: tuple[Rule, ...]
    states: Mapping[str, State]

    def by_id(self) -> dict[str, Rule]:
        return {r.id: r for r in self.rules}


def rules_folder() -> Path:
    """Where the shipped rule files are: inside the wheel, or beside `src` in a checkout."""
    packaged = Path(__file__).parent / "_rules"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "rules"


def rule_files(folder: Path) -> list[Path]:
    """The rule files below a folder, ordered; states.yaml is not one."""
    return sorted(p for p in folder.rglob("*.yaml") if p.name != "states.yaml" and not p.name.startswith("."))


def load(folder: Path | None = None, user_folders: Sequence[Path] = ()) -> RuleSet:
    """All shipped rules (compiled where the wheel holds them) and those of `--rules DIR`. Raises RuleError."""
    base = folder or rules_folder()
    compiled = _load_compiled(base) if folder is None and not user_folders else None
    if compiled is not None:
        return compiled
    from dddoctor import rulefiles

    return rulefiles.load(base, user_folders)


# --- compiled rules in the wheel --------------------------------------------------------------------------------------

_HEAD = ("id", "area", "first_table", "applies_to", "is_user_rule")
_INSTALLING_SECONDS = 2  # an installer writes all files within about this time


def compiled_path() -> Path:
    return Path(__file__).parent / "data" / "rules.jsonl"


def compile_rules(folder: Path) -> str:
    """The text of rules.jsonl for the wheel: all but the examples. In its first line is what every run needs of every rule, then a line for each rule: most
    rules are not about the host that is looked at, and their lines are never parsed."""
    found = load(folder)
    heads, rules = [], []
    for r in found.rules:
        brings, clears = (
            [[b.state, b.if_column] for b in r.brings],
            [[c.say, c.rules, c.states, c.areas, c.proof] for c in r.clears],
        )
        fix = (
            [r.fix.title, r.fix.safety.value, [[s.action, s.params] for s in r.fix.steps], r.fix.needs_live]
            if r.fix
            else None
        )
        plain = {**r._asdict(), "severity": r.severity.value, "brings": brings, "clears": clears, "fix": fix}
        plain["path"] = str(Path(r.path).relative_to(folder))
        heads.append([plain[name] for name in _HEAD])
        rules.append([plain[name] for name in Rule._fields])
    states = [[s.id, s.sentence, s.keys, s.brings] for s in found.states.values()]
    made = {
        "outline": _outline(folder)[0],
        "fingerprint": _fingerprint(folder),
        "fields": Rule._fields,
        "heads": heads,
        "states": states,
        "tables": tables.describe(),
    }
    return "".join(
        json.dumps(part, ensure_ascii=False, separators=(",", ":"), default=dict) + "\n" for part in (made, *rules)
    )


def _load_compiled(folder: Path) -> RuleSet | None:
    """The compiled rules, or None where there are none or where they were made from something else."""
    path = compiled_path()
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            first, *lines = file.read().splitlines()
            data, made_at = json.loads(first), os.fstat(file.fileno()).st_mtime
    except (OSError, ValueError):
        return None
    if not _is_made_from(data, made_at, folder) or len(lines) != len(data["heads"]):
        return None
    tables.restore(data["tables"])
    rules: list[Any] = list(map(_Compiled, data["heads"], lines))
    return RuleSet(tuple(rules), {s[0]: State(s[0], s[1], tuple(s[2]), tuple(s[3])) for s in data["states"]})


def _is_made_from(data: Mapping[str, Any], made_at: float, folder: Path) -> bool:
    """Whether compiled rules are those of the folder: told by names and sizes, and where a file was changed since, by what is in them."""
    if data.get("fields") != list(Rule._fields):
        return False
    outline, changed_at = _outline(folder)
    if data.get("outline") != outline:
        return False
    return changed_at <= made_at + _INSTALLING_SECONDS or data.get("fingerprint") == _fingerprint(folder)


def _outline(folder: Path) -> tuple[list[Any], float]:
    """What a compiled file was made from: the tool's version, names and sizes of the rule files and of the modules of tables and actions; and the latest
    change of a rule file."""
    here = os.path.dirname(__file__)
    rules = [(e.name, e.stat()) for e in _walk(str(folder)) if e.name.endswith(".yaml")]
    modules = [
        (e.name, e.stat().st_size)
        for package in ("tables", "actions")
        for e in os.scandir(os.path.join(here, package))
        if e.name.endswith(".py")
    ]
    named = [f"{name} {size}" for name, size in sorted([*((name, stat.st_size) for name, stat in rules), *modules])]
    return [__version__, *named], max((stat.st_mtime for _, stat in rules), default=0.0)


def _fingerprint(folder: Path) -> str:
    """Hash of the rule files."""
    import hashlib

    digest = hashlib.sha256()
    for entry in sorted(_walk(str(folder)), key=lambda e: e.path):
        if entry.name.endswith(".yaml"):
            digest.update(entry.name.encode() + b"\0" + Path(entry.path).read_bytes())
    return digest.hexdigest()


def _walk(folder: str) -> Iterator[os.DirEntry[str]]:
    """Files below a folder; os.scandir, because this runs at every start."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _walk(entry.path)
            else:
                yield entry


class _Compiled:
    """Stands for a Rule. What tells whether it is about this host is known; the rest is parsed when it is first asked for."""

    def __init__(self, head: list[Any], line: bytes) -> None:
        self.id, self.area, self.first_table, self.applies_to, self.is_user_rule = head
        self._line = line

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        values = self.__dict__
        if "query" not in values:
            values.update(_fields(json.loads(self._line)))
            if name in values:
                return values[name]
        return getattr(Rule._make(values[field] for field in Rule._fields), name)  # a method


def _fields(values: list[Any]) -> dict[str, Any]:
    """The fields of a rule from its row in the compiled file."""
    fields: dict[str, Any] = {
        n: tuple(v) if v.__class__ is list else v for n, v in zip(Rule._fields, values, strict=True)
    }
    fields["severity"] = Severity(fields["severity"])
    for name in ("reads", "absent"):
        fields[name] = {table: tuple(columns) for table, columns in fields[name].items()}
    fields["brings"] = tuple([Link(*b) for b in fields["brings"]])
    fields["clears"] = tuple([Clear(c[0], tuple(c[1]), tuple(c[2]), tuple(c[3]), c[4]) for c in fields["clears"]])
    fix = fields["fix"]
    if fix:
        fields["fix"] = Fix(fix[0], Safety(fix[1]), tuple([Step(a, p) for a, p in fix[2]]), fix[3])
    return fields
