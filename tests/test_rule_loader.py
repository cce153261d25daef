"""Every mistake in a rule file is refused at load, with file, line and what to write instead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from dddoctor import rulefiles, rules
from dddoctor.model import RuleError

GOOD = """\
id: a-defect
title: Something is wrong
severity: warning
query: |
  SELECT k.file, k.agent, k.check_name, k.line, k.path
  FROM yaml_keys AS k
  WHERE k.pattern = 'instances[*].x'
message: "`{path}` is wrong."
why: The Agent ignores it.
checked: "2026-11"
fix:
  title: Remove it
  safety: safe
  steps:
    - remove_yaml_key: {file: "{file}", path: "{path}"}
examples:
  - name: fires
    files: {/etc/datadog-agent/conf.d/a.yaml: "instances: [{x: 1}]\\n"}
    finds: [{line: 1}]
"""


def _load(tmp_path: Path, text: str, name: str = "a-defect.yaml") -> rules.RuleSet:
    (tmp_path / "conf-d").mkdir(exist_ok=True)
    (tmp_path / "conf-d" / name).write_text(text, encoding="utf-8")
    (tmp_path / "states.yaml").write_text(
        "check-bad: {sentence: Bad., keys: [agent, check_name]}\nhost-bad: {sentence: Bad., keys: [agent]}\n",
        encoding="utf-8",
    )
    return rules.load(tmp_path)


def test_a_sound_rule_loads_with_what_its_query_reads(tmp_path: Path) -> None:
    """The columns that a query reads come from SQLite's authorizer; a rule never lists them."""
    rule = _load(tmp_path, GOOD).rules[0]

    assert (rule.id, rule.area, rule.first_table) == ("a-defect", "conf-d", "yaml_keys")
    assert rule.reads == {"yaml_keys": ("agent", "check_name", "file", "line", "path", "pattern")}


@pytest.mark.parametrize(
    ("old", "new", "line", "word"),
    [
        ("severity: warning", "severity: high", 3, "error, warning, info"),
        ("severity: warning", "severty: warning", 3, "did you mean severity?"),
        ("id: a-defect", "id: another", 1, "id: a-defect"),
        ("k.path\n", "k.paht\n", 4, "did you mean path?"),
        ("FROM yaml_keys", "FROM yaml_key", 4, "did you mean yaml_keys?"),
        ("k.path\n", "length(k.path)\n", 4, "AS"),
        ("{path}` is", "{pth}` is", 8, "did you mean path?"),
        ("safety: safe", "safety: sure", 13, "safe, unsafe, manual"),
        ("remove_yaml_key:", "remove_yaml_keys:", 15, "did you mean remove_yaml_key?"),
        ('path: "{path}"}', 'pth: "{path}"}', 15, "path"),
        ('path: "{path}"}', "path: 12}", 15, "takes str"),
        ("    finds: [{line: 1}]", "    finds: [{lin: 1}]", 19, "did you mean line?"),
        ("why: The Agent ignores it.", "why: 'The Agent ignores {path}.'", 9, "takes no placeholder"),
        ("checked: \"2026-11\"", "checked: 2026", 10, "in quotes"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\nshows: [check-bda]", 11, "did you mean check-bad?"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\nbrings: [{state: check-bad, if: pth}]", 11, "did you mean path?"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\napplies_to: {agent: 6}", 11, ">=6,<7.78"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\napplies_to: {mysql: \">=8\"}", 11, "mysql_version"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\non: 1", 11, "write it in quotes"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\ntitle: again", 11, "stands twice"),
        ("WHERE k.pattern = 'instances[*].x'", "WHERE k.pattern = \"instances[*].x\"", 7, "single quotes"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\nclears: [{say: a, near: {states: [check-bad]}, proof: SELECT 1 FROM yaml_keys WHERE lin = 1}]", 11, "lin"),
        ("checked: \"2026-11\"", "checked: \"2026-11\"\nclears: [{say: a, near: {states: [check-bad]}, proof: SELECT 1 FROM agents}]", 11, "reads agents"),
        ("k.check_name, ", "", 4, ""),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_line_and_what_to_write(
    tmp_path: Path, old: str, new: str, line: int, word: str
) -> None:
    """One line a mistake, naming file and line."""
    assert old in GOOD
    if not word:  # without check_name the rule still loads: nothing demands the column
        assert _load(tmp_path, GOOD.replace(old, new)).rules[0].columns == ("file", "agent", "line", "path")
        return
    with pytest.raises(RuleError) as error:
        _load(tmp_path, GOOD.replace(old, new))

    assert word in error.value.message
    assert abs((error.value.line or 0) - line) <= 1, (error.value.line, line)


def test_a_state_needs_its_key_columns_in_the_query(tmp_path: Path) -> None:
    """States meet by equal keys; a missing key column would make them never meet."""
    text = GOOD.replace("k.check_name, ", "").replace('checked: "2026-11"', 'checked: "2026-11"\nbrings: [check-bad]')

    with pytest.raises(RuleError, match="must select check_name"):
        _load(tmp_path, text)


def test_a_mode_without_quotes_is_a_number_and_refused(tmp_path: Path) -> None:
    """0644 is the number 420 in YAML 1.1."""
    text = GOOD.replace('remove_yaml_key: {file: "{file}", path: "{path}"}', 'set_mode: {path: "{file}", mode: 0644}')

    with pytest.raises(RuleError, match='mode: "0644"'):
        _load(tmp_path, text)


def test_states_must_not_bring_themselves(tmp_path: Path) -> None:
    """A cycle of states would explain everything by everything."""
    (tmp_path / "states.yaml").write_text(
        "a: {sentence: A., brings: [b]}\nb: {sentence: B., brings: [a]}\n", encoding="utf-8"
    )

    with pytest.raises(RuleError, match="free of cycles"):
        rulefiles.load_states(tmp_path / "states.yaml")


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    """The id is the key of findings, links and clears."""
    _load(tmp_path, GOOD)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "a-defect.yaml").write_text(GOOD, encoding="utf-8")

    with pytest.raises(RuleError, match="is taken by"):
        rules.load(tmp_path)


def test_a_user_rule_is_never_safe(tmp_path: Path) -> None:
    """Rules of `--rules DIR` repair only with a yes."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a-defect.yaml").write_text(GOOD, encoding="utf-8")
    rule = next(r for r in rules.load(user_folders=[folder]).rules if r.id == "a-defect")

    assert rule.fix is not None
    assert (rule.is_user_rule, rule.fix.safety.value) == (True, "unsafe")


def test_the_compiled_rules_are_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the wheel holds gives the same rules as the sources, and is refused once a source differs."""
    compiled = tmp_path / "rules.jsonl"
    compiled.write_text(rules.compile_rules(rules.rules_folder()), encoding="utf-8")
    monkeypatch.setattr(rules, "compiled_path", lambda: compiled)
    loaded = rules._load_compiled(rules.rules_folder())
    sources = rules.load(rules.rules_folder())

    assert loaded is not None
    assert [r._replace(path="") for r in loaded.rules] == [r._replace(path="") for r in sources.rules]
    assert loaded.states == sources.states
    compiled.write_text(compiled.read_text(encoding="utf-8").replace('"outline":["', '"outline":["0'), encoding="utf-8")
    assert rules._load_compiled(rules.rules_folder()) is None


def test_compiled_rules_are_refused_once_a_rule_file_says_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where names and sizes stay: a file that is newer than the compiled one is read. One that was only touched changes nothing."""
    folder = tmp_path / "rules"
    path = folder / "conf-d" / "a-defect.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(GOOD, encoding="utf-8")
    compiled = tmp_path / "rules.jsonl"
    compiled.write_text(rules.compile_rules(folder), encoding="utf-8")
    monkeypatch.setattr(rules, "compiled_path", lambda: compiled)
    later = compiled.stat().st_mtime + 60

    os.utime(path, (later, later))
    touched = rules._load_compiled(folder)
    assert touched is not None
    assert [r.message for r in touched.rules] == ["`{path}` is wrong."]

    path.write_text(GOOD.replace("is wrong", "is WRONG"), encoding="utf-8")
    os.utime(path, (later, later))
    assert rules._load_compiled(folder) is None


def test_every_shipped_rule_is_yaml_that_dumps_again() -> None:
    """The sources stay plain YAML 1.1 that any tool reads."""
    for path in rules.rule_files(rules.rules_folder()):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["id"] == path.stem
