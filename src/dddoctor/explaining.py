"""What `explain`, `tables` and `rules` print: rules and tables in words, and the skeleton of a new rule."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from dddoctor import examples, rulefiles, rules
from dddoctor.lazyre import lazy
from dddoctor.model import Rule
from dddoctor.redaction import redacted_lines
from dddoctor.secrets import Vault
from dddoctor.session import UsageError
from dddoctor.tables import Table

_WORD = lazy(r"[a-z_][a-z0-9_]{2,}")
_COMMON = {
    "the",
    "and",
    "for",
    "not",
    "with",
    "that",
    "this",
    "from",
    "are",
    "was",
    "has",
    "have",
    "its",
    "can",
    "but",
    "you",
    "your",
    "error",
    "file",
    "line",
}


def explain(what: str, known: Sequence[Rule]) -> tuple[str, bool]:
    """(text, whether something was found): a rule in full, or the three rules that fit pasted words best."""
    exact = next((r for r in known if r.id == what.strip()), None)
    if exact:
        return describe_rule(exact), True
    scored = sorted(((score(r, what), r) for r in known), key=lambda p: (-p[0], p[1].id))
    best = [r for s, r in scored[:3] if s >= 2.0]
    if not best:
        return (
            "No rule knows these words. `dddoctor check` looks at the host itself; `dddoctor rules list` shows all rules.\n",
            False,
        )
    parts = [
        f"{r.id}: {r.title}\n" + _wrapped(r.why) + (_wrapped("Next: " + _plain(r.advice)) if r.advice else "")
        for r in best
    ]
    return "Most likely, best first:\n\n" + "\n".join(
        parts
    ) + "\n`dddoctor check` tells which of them this host has.\n", True


def score(rule: Rule, pasted: str) -> float:
    """How well pasted words fit a rule: exact symptoms first, then shared words of symptoms, title and texts."""
    folded = " ".join(pasted.split()).lower()
    total = 0.0
    for symptom in rule.symptoms:
        if " ".join(symptom.split()).lower() in folded:
            total += 20.0 + len(symptom) / 10
    words = set(_WORD.findall(folded)) - _COMMON
    total += 1.2 * len(words & (set(_WORD.findall(" ".join(rule.symptoms).lower())) - _COMMON))
    total += 1.0 * len(words & (set(_WORD.findall(f"{rule.id} {rule.title}".lower().replace("-", " "))) - _COMMON))
    total += 0.3 * len(words & (set(_WORD.findall(f"{rule.why} {rule.message} {rule.advice}".lower())) - _COMMON))
    return total


def _plain(text: str) -> str:
    return rules.PLACEHOLDER.sub(lambda m: f"<{m[2]}>", text)


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(" ".join(text.split()), 96, initial_indent=indent, subsequent_indent=indent) + "\n"


def describe_rule(rule: Rule) -> str:
    """A rule in words: what, why, what to do, what not to do, how the repair is done, its query."""
    parts = [f"{rule.id} ({rule.severity.value}, area {rule.area})\n{rule.title}\n\n", _wrapped(rule.why)]
    if rule.advice:
        parts.append("\nNext step\n" + _wrapped(_plain(rule.advice)))
    if rule.avoid:
        parts.append("\nWhat makes it worse\n" + _wrapped(rule.avoid))
    if rule.fix:
        parts.append(f"\nRepair ({rule.fix.safety.value})\n" + _wrapped(rule.fix.title))
        parts += [f"  - {s.action}\n" for s in rule.fix.steps]
    if rule.symptoms:
        parts.append("\nWords you may have seen\n" + "".join(f"  {s}\n" for s in rule.symptoms))
    parts.append("\nQuery\n" + textwrap.indent(rule.query.rstrip() + "\n", "  "))
    return "".join(parts)


def describe_tables(known: Mapping[str, Table]) -> str:
    """All tables, a line each."""
    width = max(len(n) for n in known)
    return (
        "".join(f"{n.ljust(width)}  {_first_sentence(known[n].doc)}\n" for n in sorted(known))
        + "\n`dddoctor tables NAME` shows the columns.\n"
    )


def _first_sentence(doc: str) -> str:
    return " ".join(doc.split("\n\n")[0].split())[:110]


def describe_table(table: Table) -> str:
    """One table with its columns and their types; `?` may be NULL."""
    names = {"int": "integer", "str": "text", "float": "real"}
    lines = [
        f"{table.name}\n",
        textwrap.indent(textwrap.dedent("  " + table.doc if not table.doc.startswith(" ") else table.doc), "") + "\n\n",
    ]
    for column, kind in zip(table.columns, table.types, strict=True):
        base = kind.split(" ")[0]
        lines.append(f"  {column:22} {names.get(base, base)}{'?' if 'None' in kind else ''}\n")
    return "".join(lines)


def list_rules(known: Sequence[Rule]) -> str:
    """All rules by area."""
    parts: list[str] = []
    area = ""
    width = max(len(r.id) for r in known)
    for rule in known:
        if rule.area != area:
            area = rule.area
            parts.append(f"\n{area}\n" if parts else f"{area}\n")
        mark = (
            "fix"
            if rule.fix and rule.fix.safety.value == "safe"
            else "ask"
            if rule.fix and rule.fix.safety.value == "unsafe"
            else "   "
        )
        parts.append(f"  {rule.id.ljust(width)}  {rule.severity.value:7}  {mark}  {rule.title}\n")
    return "".join(parts)


def test_rules(paths: Sequence[Path], out: TextIO) -> int:
    """Run the examples of rule files; 1 where one fails."""
    states = rulefiles.load_states(rules.rules_folder() / "states.yaml")
    for folder in {p.parent for p in paths} | {p.parent.parent for p in paths}:
        states.update(
            rulefiles.load_states(folder / "states.yaml", known=states)
            if (folder / "states.yaml") != rules.rules_folder() / "states.yaml"
            else {}
        )
    count = failed = 0
    for path in paths:
        rule = rulefiles.load_files([path], states)[0]
        found = list(examples.run_all(rule, rulefiles.read_source(path).data["examples"], states))
        count += len(rulefiles.read_source(path).data["examples"])
        failed += len({f.example for f in found})
        for failure in found:
            out.write(f"FAILED {failure.rule} / {failure.example}\n    {failure.problem}\n")
    out.write(f"{len(paths)} rules, {count} examples, {failed} failed\n")
    return 1 if failed else 0


def new_rule(name: str, from_file: Path | None, folder: Path) -> Path:
    """Write a skeleton that loads; its example is the given file, without its secrets: rule files are shared. Raises UsageError."""
    area, _, rule_id = name.partition("/")
    if area not in rules.AREAS or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule_id):
        raise UsageError(f"write AREA/ID, such as conf-d/tags-as-text; areas: {', '.join(rules.AREAS)}")
    path = folder / area / f"{rule_id}.yaml"
    if path.exists():
        raise UsageError(f"{path} is there already")
    vault = Vault()
    text = (
        vault.show("\n".join(redacted_lines(from_file.read_bytes(), vault)))
        if from_file
        else "init_config:\n\ninstances:\n  - {}\n"
    )
    body = textwrap.indent(text if text.endswith("\n") else text + "\n", " " * 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        _SKELETON.format(id=rule_id, title=rule_id.replace("-", " ").capitalize(), body=body), encoding="utf-8"
    )
    return path


_SKELETON = """\
id: {id}
title: {title}
severity: warning
query: |
  SELECT k.file, k.agent, k.line, k.path
  FROM yaml_keys AS k
  WHERE k.file_kind = 'check' AND k.pattern = 'instances[*].the_key'
message: "`{{path}}` is wrong because …"
why: What the Agent does with it, and since which version.
advice: "The exact next step."
covers: []
checked: "2026-11"
examples:
  - name: the defect
    files:
      /etc/datadog-agent/datadog.yaml: "site: datadoghq.eu\\n"
      /etc/datadog-agent/conf.d/my_check.d/conf.yaml: |
{body}    finds: [{{file: /etc/datadog-agent/conf.d/my_check.d/conf.yaml}}]
  - name: a sound file
    files:
      /etc/datadog-agent/datadog.yaml: "site: datadoghq.eu\\n"
      /etc/datadog-agent/conf.d/my_check.d/conf.yaml: |
        instances:
          - {{}}
    finds: []
"""
