"""Edits of YAML text: the data changes as meant, and no other byte does."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dddoctor.model import Span
from dddoctor.yamltext import edits, read
from dddoctor.yamltext.edit_places import parse_path, path_text
from dddoctor.yamltext.edit_text import Cut, applied, composed, to_spans
from dddoctor.yamltext.edit_values import flow_text, scalar_text
from dddoctor.yamltext.edits import CannotEdit, differs_only_at

INTERVAL = "min_collection_interval"
EVERY_INTERVAL = "instances[*].min_collection_interval"


def edited(operation: str, text: str | bytes, *arguments: Any, kind: str = "other") -> str:
    document = read(text if isinstance(text, bytes) else text.encode(), kind)
    return applied(document.data, getattr(edits, operation)(document, *arguments)).decode()


# --- set -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "value", "after"),
    [
        ("a: false   # for now\n", "a", True, "a: true   # for now\n"),
        ("b: x\n", "a", True, "b: x\na: true\n"),
        ("b: x", "a", True, "b: x\na: true"),
        ("b: x\r\n", "a", True, "b: x\r\na: true\r\n"),
        ("b: x # c\n\n# a: 1\n", "a", 1, "b: x # c\na: 1\n\n# a: 1\n"),
        ("", "a", 1, "a: 1\n"),
        ("# only a comment", "a", 1, "# only a comment\na: 1"),
        ("~\n", "a", 1, "a: 1\n"),
        ("---\n# c\n", "a", 1, "---\n# c\na: 1\n"),
        ("---\n---\nb: 1\n", "a", 1, "---\na: 1\n---\nb: 1\n"),
        ("b: 1\n---\na: 2\n", "a", 1, "b: 1\na: 1\n---\na: 2\n"),
        ("b: 1\n...\na: 2\n", "a", 1, "b: 1\na: 1\n...\na: 2\n"),
        ("s:\n# c\nb: x\n", "s.a", 1, "s:\n  a: 1\n# c\nb: x\n"),
        ("s: # c\nb: x\n", "s.a", 1, "s: # c\n  a: 1\nb: x\n"),
        ("s: ~ # c\n", "s.a", 1, "s: # c\n  a: 1\n"),
        ("s: {}\n", "s.a", 1, "s: {a: 1}\n"),
        ("s: {b: 1, }\n", "s.a", 1, "s: {b: 1, a: 1, }\n"),
        ("s: { b: }\n", "s.a", 1, "s: { b: , a: 1 }\n"),
        ("s: {b, c}\n", "s.b", 1, "s: {b: 1, c}\n"),
        ("b:\n    c: 1\n", "s.a", 1, "b:\n    c: 1\ns:\n    a: 1\n"),
        ("b:\n- 1\n", "s", ["x"], "b:\n- 1\ns:\n- x\n"),
        ("b:\n  - 1\n", "s", ["x"], "b:\n  - 1\ns:\n  - x\n"),
        ("l:\n- ~\n-   # c\n-\n- {}\n", "l[*].a", 1, "l:\n- a: 1\n- a: 1   # c\n- a: 1\n- {a: 1}\n"),
        ("l:\n  -   b: 1\n", "l[1].a", 1, "l:\n  -   b: 1\n  -   a: 1\n"),
        ("l:\n  - b: 1\n", "l[0].c.d", "x", "l:\n  - b: 1\n    c:\n      d: x\n"),
        ("l: [1]\n", "l[1]", 2, "l: [1, 2]\n"),
        ("a: 1\na: 2 # wins\n", "a", 3, "a: 1\na: 3 # wins\n"),
        ("a: 'x'\n", "a", "it's", "a: 'it''s'\n"),
        ('a: "x"\n', "a", "y", 'a: "y"\n'),
        ("a: x\n", "a", "yes", 'a: "yes"\n'),
        ("a: |  # c\n  x\n\n  y\n\nb: 1\n", "a", 1, "a: 1 # c\n\nb: 1\n"),
        ("a: |+\n  x\n\n# c\n", "b", 1, "a: |+\n  x\n\nb: 1\n# c\n"),
        ("a: 'x\n  y' # c\n", "a", 1, "a: 1 # c\n"),
        ("a: # c\n - 1\n # d\n - 2 # e\n", "a", [3], "a: # c\n - 3\n # d\n # e\n"),
        ("a: # c\n - 1\n # d\n - 2 # e\n", "a", 3, "a: 3 # c\n # d\n # e\n"),
        ("a:\n - 1 # d\n", "a", [1, 2], "a:\n - 1 # d\n - 2\n"),
        ("a: x # c\n", "a", {"b": 1}, "a: # c\n  b: 1\n"),
        ("a: [x] # c\n", "a", ["z", "1"], 'a: [z, "1"] # c\n'),
        ("a: &x 1\nb: *x\n", "b", 2, "a: &x 1\nb: 2\n"),
        ("a: &x 1\n", "a", 2, "a: 2\n"),
        ("a: !!str 1\n", "a", 2, "a: 2\n"),
        ("m: &m {a: 1}\nb:\n  <<: *m\n", "b.a", 2, "m: &m {a: 1}\nb:\n  <<: *m\n  a: 2\n"),
        ('{\n  "b": 1\n}\n', "a", "x", '{\n  "b": 1,\n  "a": "x"\n}\n'),
        ("\ufeffb: x\n", "a", 1, "\ufeffb: x\na: 1\n"),
        ('"a.b": 1\n', '["a.b"]', 2, '"a.b": 2\n'),
        ("b: 1\n", "a", None, "b: 1\na: null\n"),
        ("b: 1\n", "a", [], "b: 1\na: []\n"),
        ("b: 1\n", "a", [{}], "b: 1\na: [{}]\n"),
    ],
)
def test_a_key_is_set_and_every_other_byte_stays(text: str, key: str, value: object, after: str) -> None:
    """Block and flow style, missing sections, comments, line ends, duplicates, anchors that nothing else uses."""
    assert edited("set_key", text, key, value) == after


@pytest.mark.parametrize(
    ("text", "key", "value", "after"),
    [
        ("APM_Config:\n    Enabled: no\n", "apm_config.enabled", True, "APM_Config:\n    Enabled: true\n"),
        ("apm_config.enabled: no\n", "apm_config.enabled", True, "apm_config.enabled: true\n"),
        (
            "apm_config.enabled: no\napm_config:\n  enabled: no\n",
            "apm_config.enabled",
            True,
            "apm_config.enabled: true\napm_config:\n  enabled: true\n",
        ),
        ("apm_config.env: x\n", "apm_config.enabled", True, "apm_config.env: x\napm_config.enabled: true\n"),
        ("a:\n  b.c: 1\n", "a.b.c", 2, "a:\n  b.c: 2\n"),
        (" api_key: x\nsite: y\n", "tags", ["a"], " api_key: x\n tags:\n   - a\nsite: y\n"),
    ],
)
def test_in_datadog_yaml_case_and_dots_do_not_matter(text: str, key: str, value: object, after: str) -> None:
    """A key with dots is the nested key, in any case (7.52 and 7.72.4)."""
    assert edited("set_key", text, key, value, kind="main") == after


def test_in_a_check_file_case_and_dots_do_matter() -> None:
    assert edited("set_key", "instances: [{}]\nInit_config.a: 1\n", "init_config.a", 2, kind="check") == (
        "instances: [{}]\nInit_config.a: 1\ninit_config:\n  a: 2\n"
    )


@pytest.mark.parametrize("text", ["a: 1\n", "a: 0x1\n", "a: 1_\n", "b: &x 1\na: *x\n"])
def test_what_is_right_already_is_left(text: str) -> None:
    assert edits.set_key(read(text.encode(), "other"), "a", 1) == ()


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("a: 1", "a.b", "line 1 holds a single value"),
        ("a: [1]\n", "a.b", "holds a list"),
        ("a: {b: 1}\n", "a[0]", "holds a section"),
        ("l: []\n", "l[*].a", "no item yet"),
        ("b: 1\n", "l[*].a", "no item yet"),
        ("l: [1]\n", "l[5]", "no item 5"),
        ("a: &x {k: 1}\nb: *x\n", "b.k", "anchor elsewhere"),
        ("a: &x 1\nb: *x\n", "a", "would not parse"),
        ("a: &x {k: 1}\nb: *x\n", "a.k", "other data"),
        ("? a\n: 1\n", "a", "written with `?`"),
        ("[a: 1]\n", "[0].b", "without braces"),
        ("a: [1, # c\n 2]\n", "a", "comments stand inside"),
        ("\tx", "a", "no YAML"),
        ("b: 1\n", "a..b", "no path"),
        ("b: 1\n", "", "is empty"),
        ("m: &m {a: 1}\nb:\n  a: 0\n  <<: *m\n", "b.a", "another value than the one meant"),
    ],
)
def test_what_cannot_be_set_without_harm_is_refused(text: str, key: str, words: str) -> None:
    with pytest.raises(CannotEdit, match=re.escape(words)):
        edits.set_key(read(text.encode(), "other"), key, 2)


def test_two_spellings_of_a_key_in_datadog_yaml_are_refused() -> None:
    """Which of them the Agent takes is the chance of a Go map."""
    with pytest.raises(CannotEdit, match="chance"):
        edits.set_key(read(b"api_key: a\nAPI_KEY: b\n", "main"), "api_key", "c")


# --- items, removal --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("tags:\n- a # c\n", "tags:\n- a # c\n- b:c\n"),
        ("tags:\n    - a", "tags:\n    - a\n    - b:c"),
        ('tags: ["a"]\n', 'tags: ["a", "b:c"]\n'),
        ("tags: [a, ]\n", "tags: [a, b:c, ]\n"),
        ("tags: [\n  a,\n  z\n]\n", "tags: [\n  a,\n  z,\n  b:c\n]\n"),
        ("tags: []\n", "tags: [b:c]\n"),
        ("tags:\n", "tags:\n  - b:c\n"),
        ("x: 1\n", "x: 1\ntags:\n  - b:c\n"),
        ("tags: [a, 'b:c']\n", "tags: [a, 'b:c']\n"),
    ],
)
def test_an_item_is_added_once(text: str, after: str) -> None:
    assert edited("add_item", text, "tags", "b:c") == after


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("a: 1\nb: 2 # c\nd: 3\n", "b", "a: 1\n# c\nd: 3\n"),
        ("a: 1\nb: 2", "b", "a: 1"),
        ("b: 0\na: 1\na: 2", "a", "b: 0"),
        ("a: 1\r\nb: 2\r\n", "a", "b: 2\r\n"),
        ("a: 1\n", "a", ""),
        ("a:\n  b: 1\n\n  # c\nd: 2\n", "a.b", "a: {}\n\n  # c\nd: 2\n"),
        ("a: # k\n  b:\n    - 1 # t\n\n    # u\n    - 2\n  c: 1\n", "a.b", "a: # k\n  # t\n\n  # u\n  c: 1\n"),
        ("a: |\n  # no comment\n\n  x\nb: 1\n", "a", "b: 1\n"),
        ("l:\n- a: 1\n  b: 2\n", "l[0].a", "l:\n- b: 2\n"),
        ("l:\n- a: 1 # c\n  b: 2\n", "l[0].a", "l:\n- # c\n  b: 2\n"),
        ("l:\n- a: 1 # c\n", "l[0].a", "l:\n- {} # c\n"),
        ("l:\n-\n  a: 1\n", "l[0].a", "l:\n- {}\n"),
        ("l:\n- a: 1\n- a: 2\n  b: 3\n", "l[*].a", "l:\n- {}\n- b: 3\n"),
        ("a: |\n  x\nb:\n    c: 1 # d\n\n    # e\n    f: 2\n", "b", "a: |\n  x\n# d\n\n# e\n"),
        ("x: {a: 1, b: 2}\n", "x.a", "x: {b: 2}\n"),
        ("x: {a: 1, b: 2, c: }\n", "x.b", "x: {a: 1, c: }\n"),
        ("x: {a: 1, b: 2, c: }\n", "x.c", "x: {a: 1, b: 2}\n"),
        ("x: {a: , b: 2}\n", "x.b", "x: {a: }\n"),
        ("x: {a: 1, }\n", "x.a", "x: { }\n"),
        ('{\n  "a": 1,\n  "b": 2\n}\n', "b", '{\n  "a": 1\n}\n'),
        ("t:\n- a\n- b # x\n- c\n", "t[1]", "t:\n- a\n# x\n- c\n"),
        ("t:\n- a\nb: 1\n", "t[0]", "t: []\nb: 1\n"),
        ("t: [a, b]\n", "t[0]", "t: [b]\n"),
        ("b: 1\n", "a", "b: 1\n"),
        ("b: 1\n", "b.c", "b: 1\n"),
    ],
)
def test_a_key_is_removed_and_comments_stay(text: str, path: str, after: str) -> None:
    assert edited("remove_key", text, path) == after


def test_a_key_whose_anchor_is_used_elsewhere_is_not_removed() -> None:
    with pytest.raises(CannotEdit):
        edits.remove_key(read(b"a: &x 1\nb: *x\n", "other"), "a")


# --- move, rename ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("min_collection_interval: 45\n\ninstances: [{}]\n", "\ninstances: [{min_collection_interval: 45}]\n"),
        (
            "min_collection_interval: 45\ninstances: [{ a: 1, },{b}]\n",
            "instances: [{ a: 1, min_collection_interval: 45, },{b, min_collection_interval: 45}]\n",
        ),
        (
            "min_collection_interval: 45  # c\ninstances:\n  - host: a\n",
            "instances:\n  - host: a\n    min_collection_interval: 45  # c\n",
        ),
        (
            "min_collection_interval: '45' # c\ninstances:\n- host: a # x\n\n- host: b\n",
            "# c\ninstances:\n- host: a # x\n  min_collection_interval: '45'\n\n- host: b\n  min_collection_interval: '45'\n",
        ),
        (
            "instances:\n  - host: a\nmin_collection_interval: 45",
            "instances:\n  - host: a\n    min_collection_interval: 45",
        ),
        ("instances:\r\n-\r\nmin_collection_interval: 45\r\n", "instances:\r\n- min_collection_interval: 45\r\n"),
        (
            "min_collection_interval: 45\nmin_collection_interval: 50\ninstances: [{}]\n",
            "instances: [{min_collection_interval: 50}]\n",
        ),
        (
            "min_collection_interval: 45\ninstances:\n- min_collection_interval: 45\n- min_collection_interval:\n",
            "instances:\n- min_collection_interval: 45\n- min_collection_interval: 45\n",
        ),
        ("instances: [{}]\n", "instances: [{}]\n"),
    ],
)
def test_an_interval_moves_into_each_instance(text: str, after: str) -> None:
    assert edited("move_key", text, INTERVAL, EVERY_INTERVAL, kind="check") == after


@pytest.mark.parametrize(
    ("text", "path", "to", "after"),
    [
        ("enabled: true\nb: x\n", "enabled", "s.enabled", "b: x\ns:\n  enabled: true\n"),
        ("s:\n  enabled: no # off\nb: x\nt:\n", "s.enabled", "t.enabled", "s: {}\nb: x\nt:\n  enabled: no # off\n"),
        ("s:\n  b: 1\n", "s.b", "s.c.b", "s:\n  c:\n    b: 1\n"),
        (
            "t:  # my\n  - a # 1\n  # 2\n  - b\n\nl:\n- x: 1\n",
            "t",
            "l[*].t",
            "\nl:\n- x: 1\n  t:  # my\n    - a # 1\n    # 2\n    - b\n",
        ),
        (
            "t:\n  - a # 1\nl:\n- x: 1\n- y: 2\n",
            "t",
            "l[*].t",
            "# 1\nl:\n- x: 1\n  t:\n    - a\n- y: 2\n  t:\n    - a\n",
        ),
        ("t:\n  - a\n  - 0644\nl: [{}]\n", "t", "l[0].t", "l: [{t: [a, 420]}]\n"),
        ("t: a, b\nl: [{}]\n", "t", "l[0].t", 'l: [{t: "a, b"}]\n'),
        (
            "l:\n    - deep:\n        x: |\n            y\n              z\nm: {}\nn:\n    k: 1\n",
            "l[0].deep",
            "n.deep",
            "l:\n    - {}\nm: {}\nn:\n    k: 1\n    deep:\n      x: |\n          y\n            z\n",
        ),
        ("a: {x: 1, y: [2,\n 3]}\nb: 1\n", "a.y", "y", 'a: {x: 1}\nb: 1\n"y": [2, 3]\n'),
    ],
)
def test_a_value_moves_with_its_own_text(text: str, path: str, to: str, after: str) -> None:
    assert edited("move_key", text, path, to) == after


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "min_collection_interval: 45\ninstances: [{min_collection_interval: 30}]\n",
            "another value already, in line 2",
        ),
        ("min_collection_interval: 45\ninstances: []\n", "no item yet"),
        ("min_collection_interval: &x 45\nb: *x\ninstances: [{}]\n", "would not parse"),
        ("x: &x {}\nmin_collection_interval: 45\ninstances: [*x]\n", "anchor elsewhere"),
    ],
)
def test_what_cannot_move_without_harm_is_refused(text: str, words: str) -> None:
    with pytest.raises(CannotEdit, match=re.escape(words)):
        edits.move_key(read(text.encode(), "check"), INTERVAL, EVERY_INTERVAL)


@pytest.mark.parametrize(
    ("text", "path", "to", "kind", "after"),
    [
        (
            'l:\n- "min_interval_collection": 45 # q\n',
            "l[0].min_interval_collection",
            INTERVAL,
            "check",
            'l:\n- "min_collection_interval": 45 # q\n',
        ),
        ("apm_confg:\n  enabled: true\n", "apm_confg", "apm_config", "main", "apm_config:\n  enabled: true\n"),
        (
            "apm_config:\n  enabld: true\n",
            "apm_config.enabld",
            "apm_config.enabled",
            "main",
            "apm_config:\n  enabled: true\n",
        ),
        (
            "apm_config.enabld: true\n",
            '["apm_config.enabld"]',
            "apm_config.enabled",
            "main",
            "apm_config.enabled: true\n",
        ),
        ("{a: 1, b: 2}\n", "a", "c.d", "other", "{c.d: 1, b: 2}\n"),
        ("&x a : 1\n", "a", "yes", "other", '&x "yes" : 1\n'),
        ("b: 1\n", "a", "b", "other", "b: 1\n"),
    ],
)
def test_a_key_gets_another_name(text: str, path: str, to: str, kind: str, after: str) -> None:
    assert edited("rename_key", text, path, to, kind=kind) == after


def test_a_name_that_is_taken_is_not_given() -> None:
    with pytest.raises(CannotEdit, match="there already"):
        edits.rename_key(read(b"a: 1\nb: 2\n", "other"), "a", "b")


# --- proof -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "intents", "verdict"),
    [
        ("a: 1\n", "a: 2\n", ["a"], True),
        ("a: 1\n", "a: 2\n", ["b"], False),
        ("a: 1\n", "a: 1.0\n", ["b"], False),
        ("a: 1\n", 'a: "1"\n', ["b"], False),
        ("a: 1\nb: 2\n", "b: 2\na: 1\n", [], True),
        ("b: 1\n", "b: 1\ns: {a: 1}\n", ["s.a"], True),
        ("b: 1\n", "b: 1\ns: {a: 1, c: 2}\n", ["s.a"], False),
        ("s:\n", "s: {a: 1}\n", ["s.a"], True),
        ("s: {a: 1}\n", "s: {}\n", ["s.a"], True),
        ("s: {a: 1}\n", "s:\n", ["s.b"], False),
        ("l: [{}, {}]\n", "l: [{a: 1}, {a: 1}]\n", ["l[*].a"], True),
        ("l: [{}, {}]\n", "l: [{a: 1}, {a: 1}]\n", ["l[0].a"], False),
        ("l: [{}]\n", "l: [{}, {}]\n", ["l[*].a"], True),
        ("l: [{}]\n", "l: [{}, {}]\n", ["x"], False),
        ("a: 1\n", "a: [\n", ["*"], False),
        ("a: [\n", "a: 1\n", ["*"], True),
        ("a: [\n", "a: 1\n", ["a"], False),
        ("a: 1\n", "a: 1\n---\nb: 1\n", ["a"], False),
        ("a: .nan\n", "a: .nan\nb: 1\n", ["b"], True),
    ],
)
def test_a_difference_counts_unless_it_is_meant(before: str, after: str, intents: list[str], verdict: bool) -> None:
    assert differs_only_at(read(before.encode(), "other"), read(after.encode(), "other"), intents) is verdict


def test_intents_of_datadog_yaml_cover_both_spellings() -> None:
    before, after = read(b"a: 1\n", "main"), read(b"a: 1\nApm_config.Enabled: true\n", "main")

    assert differs_only_at(before, after, ["apm_config.enabled"])
    assert not differs_only_at(before, after, ["apm_config.env"])


def test_shared_and_deep_data_is_compared_in_no_time() -> None:
    """Aliases of aliases are compared once, and depth costs no recursion."""
    levels = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 4)}]\n" for i in range(1, 5))
    bomb = f"a0: &a0 [1]\n{levels}"
    deep = "d: " + "[" * 3000 + "]" * 3000 + "\n"

    assert differs_only_at(
        read((bomb + deep).encode(), "other"), read((bomb + deep + "x: 1\n").encode(), "other"), ["x"]
    )


@pytest.mark.parametrize("path", ["a", "a.b[0].c", 'l[*]["a.b"]', '["x\\"y\\\\"].z', '["a\\nb"]'])
def test_a_path_is_read_and_written_alike(path: str) -> None:
    assert path_text(parse_path(path, "check")) == path


# --- values ----------------------------------------------------------------------------------------------------------

WORDS = [
    "", "y", "Yes", "off", "null", "~", "true", "0644", "0o7", "08", "1e3", "1_000", ".5", "1.", "+1", "-x", "1:30", "2001-12-14", "=", "<<", "a: b", "a:",
    "a #b", "a#b", "#a", "x ", " x", "@a", "`a`", "%a", "%%host%%", "*a", "&a", "!a", "|", ">", "[a]", "{a}", "a]", "a,b", "a?b", "? a", "- a", "---", "...",
    "it's", 'a"b', "a\\b", "a\tb", "a\nb", "\n", "\x00", "\x7f", "\x85", "\u2028", "\ufeff", "\u00a0", "ü", "😀", ".inf", ".nan", "127.0.0.1", "10.0.0.1:80",
    "http://h:80/p?q=1", "unix:///run/a.sock", "env:prod", "C:\\x", "0x1F", "NaN", "inf", "9" * 30, "_1", "/var/log/a.log",
]  # fmt: skip


@pytest.mark.parametrize("in_flow", [False, True])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_text_is_read_back_as_itself_by_the_agent_and_by_a_python_check(quote: str, in_flow: bool) -> None:
    for word in WORDS:
        written = scalar_text(word, quote)
        text = f"a: [{written}, {{{written}: {written}}}]\n" if in_flow else f"a: {written}\nb:\n- {written}\n"
        expected: Any = {"a": [word, {word: word}]} if in_flow else {"a": word, "b": [word]}

        assert read(text.encode(), "other").value() == expected, written
        if word != "\ufeff" or quote != "'":
            assert yaml.safe_load(text) == expected, written


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_back_as_itself(word: str) -> None:
    text = f"a: {scalar_text(word)}\nb: {flow_text([word, {'k': word}])}\n"

    assert read(text.encode(), "other").value() == {"a": word, "b": [word, {"k": word}]}


@given(st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats()))
def test_other_scalars_keep_value_and_type(value: object) -> None:
    assert repr(read(f"a: {scalar_text(value)}\n".encode(), "other").value()) == repr({"a": value})


@pytest.mark.parametrize("value", [2**64, object(), b"x", {1: 2}, "\ud800"])
def test_a_value_without_a_certain_form_is_refused(value: object) -> None:
    with pytest.raises(CannotEdit):
        flow_text(value)


# --- spans ----------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=30), st.data())
def test_two_edits_after_one_another_are_one(before: bytes, data: st.DataObject) -> None:
    def spans(length: int) -> tuple[Any, ...]:
        ends = sorted(data.draw(st.lists(st.integers(0, length), max_size=6, unique=True)))
        return tuple(Span(a, b, data.draw(st.binary(max_size=3))) for a, b in zip(ends[::2], ends[1::2], strict=False))

    first = spans(len(before))
    between = applied(before, first)
    second = spans(len(between))

    assert applied(before, composed(first, second)) == applied(between, second)


def test_utf_16_is_edited_in_its_own_encoding() -> None:
    for encoding, bom in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        document = read(bom + "ä: 1 # ü\r\nb: 2".encode(encoding), "other")
        after = applied(document.data, edits.set_key(document, "c.d", "ö"))

        assert after == bom + 'ä: 1 # ü\r\nb: 2\r\nc:\r\n  d: "ö"'.encode(encoding)


def test_overlapping_cuts_are_refused() -> None:
    with pytest.raises(CannotEdit):
        to_spans(read(b"abc: 1\n", "other"), [Cut(0, 3, "x"), Cut(2, 4, "y")])
