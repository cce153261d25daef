"""The reader gives the Agent's verdict, value, message and warning (205 cases measured on Agent 7.72.4), and survives any bytes."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dddoctor.yamltext import Document, Key, Problem, read, walk
from dddoctor.yamltext import reader as reader_module
from dddoctor.yamltext.decoder import CHECK_FIELDS, strict_message
from dddoctor.yamltext.slowparser import SlowParser

CASES = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "yaml-cases.jsonl").read_text().splitlines()
]
KINDS = {"conf": "check", "main": "main"}


def data_of(case: dict[str, Any]) -> bytes:
    return base64.b64decode(case["base64"]) if "base64" in case else case["text"].encode()


def encoded(value: Any) -> Any:
    """A decoded value as the cases write it: floats as text, mappings with other keys than text as pairs."""
    if isinstance(value, dict):
        if any(isinstance(key, Key) for key in value):
            pairs = [
                [encoded(key.value if isinstance(key, Key) else key), encoded(item)] for key, item in value.items()
            ]
            return {"$map": sorted(pairs, key=repr)}
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [encoded(item) for item in value]
    if isinstance(value, float):
        text = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}.get(repr(value), repr(value))
        return {"$float": text.removesuffix(".0")}
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def expected(value: Any) -> Any:
    """The case's value with its pairs in the same order as ours."""
    if isinstance(value, dict):
        if "$map" in value:
            return {"$map": sorted(([expected(key), expected(item)] for key, item in value["$map"]), key=repr)}
        return {key: expected(item) for key, item in value.items()}
    return [expected(item) for item in value] if isinstance(value, list) else value


def fields_of(document: Document) -> Any:
    """The value as the Agent's struct of a conf.d file holds it: known fields only, null instances as {}."""
    value = document.value()
    if document.kind != "check":
        return value
    fields = {name: value[name] for name in value if name in CHECK_FIELDS}
    fields.setdefault("init_config", None)
    fields["instances"] = [{} if item is None else item for item in fields.get("instances") or []]
    return fields if fields["instances"] else {name: item for name, item in fields.items() if name != "instances"}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_agents_verdict_and_words(case: dict[str, Any]) -> None:
    document = read(data_of(case), KINDS[case["kind"]])

    problem = document.problem
    assert document.parses == case["agent_accepts"]
    assert (problem.message if problem else None, problem.agent_line if problem else None) == (
        case.get("agent_error"),
        case.get("agent_error_line"),
    )
    if case["agent_accepts"]:
        assert strict_message(document) == case.get("strict_warning")
        assert (document.rest_ignored_line is not None) == case.get("rest_ignored", False)


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["agent_accepts"] and "deep" not in c["mutation"]], ids=lambda case: case["id"]
)
def test_the_agents_value(case: dict[str, Any]) -> None:
    """Values deeper than 100 levels were not recorded."""
    document = read(data_of(case), KINDS[case["kind"]])

    assert encoded(fields_of(document)) == expected(case["value"])


def test_the_line_to_blame_is_near_the_culprit() -> None:
    """±1 in nearly all of those whose spoilt line is known (measured there with the same choice: 98.5 %)."""
    known = [case for case in CASES if case.get("culprit_line") and not case["agent_accepts"]]
    lines = {case["id"]: getattr(read(data_of(case), KINDS[case["kind"]]).problem, "line", None) for case in known}

    far = [case["id"] for case in known if abs((lines[case["id"]] or -9) - case["culprit_line"]) > 1]

    assert len(known) > 60
    assert len(far) <= 1


DEEP = {
    "100,000 brackets": b"x: " + b"[" * 100_000,
    "100,000 braces": b"x: " + b"{" * 100_000,
    "100,000 brackets on lines": b"x: " + b"[\n" * 100_000,
    "100,000 dashes": b"- " * 100_000 + b"a",
    "100,000 question marks": b"? " * 100_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_is_a_problem_and_no_crash(name: str) -> None:
    begin = time.perf_counter()

    document = read(DEEP[name], "main")

    assert document.problem is not None
    assert "exceeded max depth of 10000" in document.problem.message
    assert time.perf_counter() - begin < 3  # about 0.2 s on the machine where it was written


def test_what_the_agent_still_takes_is_read_without_recursion() -> None:
    text = "instances:\n  - x: " + "[" * 9_000 + "]" * 9_000 + "\n"

    document = read(text.encode())

    assert document.parses
    assert sum(1 for _ in walk(document)) == 9_002


ODD = {
    "empty": b"",
    "binary": bytes(range(256)) * 50,
    "NULs": b"\0" * 500,
    "half of UTF-16": b"\xff\xfea\0b",
    "a lone surrogate in UTF-16": b"\xff\xfe\0\xd8a\0",
    "UTF-32": "a: 1\n".encode("utf-32"),
    "two byte order marks": b"\xef\xbb\xbf\xef\xbb\xbfa: 1\nb: 2\n",
    "carriage returns alone": b"a: 1\rb: 2\r",
    "one huge scalar": b"x: " + b"word " * 200_000,
    "an alias to itself": b"a: &a [*a]\n",
    "a merge of itself": b"a: &a\n  <<: *a\n",
    "an alias bomb": b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("kind", ["check", "main", "other"])
def test_any_bytes_are_read(name: str, kind: str) -> None:
    document = read(ODD[name], kind)

    assert (document.problem is None) == document.parses
    assert sum(1 for _ in walk(document)) < 25_000
    document.value()


def paths(text: str, kind: str = "check") -> list[tuple[str, str, object, int, int]]:
    return [
        (entry.path, entry.node.type, entry.node.value, entry.node.line, entry.node.column)
        for entry in walk(read(text.encode(), kind))
    ]


def test_the_walk_names_every_pair_and_item_in_order() -> None:
    text = 'init_config:\ninstances:\n  - host: a\n    "a.b": [1, x]\n'

    assert paths(text) == [
        ("init_config", "null", None, 1, 13),
        ("instances", "list", None, 3, 3),
        ("instances[0]", "map", None, 3, 5),
        ("instances[0].host", "str", "a", 3, 11),
        ('instances[0]["a.b"]', "list", None, 4, 12),
        ('instances[0]["a.b"][0]', "int", 1, 4, 13),
        ('instances[0]["a.b"][1]', "str", "x", 4, 16),
    ]


def test_patterns_instances_depth_and_repetitions() -> None:
    entries = list(walk(read(b"instances:\n  - {}\n  - tags: [x]\n    tags: [y]\n")))

    found = [
        (entry.pattern, entry.parent, entry.depth, entry.instance, entry.ordinal)
        for entry in entries
        if entry.key == "tags"
    ]
    assert found == [("instances[*].tags", "instances[1]", 2, 1, 0), ("instances[*].tags", "instances[1]", 2, 1, 1)]


def test_merged_keys_belong_to_the_mapping_that_merges_them() -> None:
    """At the place of the merge: of equal keys the last one wins, as in the Agent."""
    text = "base: &b {host: x, port: 1}\ninstances:\n  - <<: *b\n    port: 2\n  - *b\n"

    found = [
        (entry.path, entry.node.value, entry.ordinal, entry.is_shared)
        for entry in walk(read(text.encode()))
        if entry.depth == 2
    ]

    assert found == [
        ("instances[0].host", "x", 0, True),
        ("instances[0].port", 1, 0, True),
        ("instances[0].port", 2, 1, False),
        ("instances[1].host", "x", 0, True),
        ("instances[1].port", 1, 0, True),
    ]


def test_sources_stand_as_written_without_anchor_and_tag() -> None:
    text = "a: &x 'it''s'\nb: !!str 5\nc: *x\nd: |\n  two\n  lines\n\ne: 0x1F # c\n"

    found = {
        entry.path: (entry.node.source, entry.node.value, entry.node.style, entry.node.end_line)
        for entry in walk(read(text.encode(), "main"))
    }

    assert found == {
        "a": ("'it''s'", "it's", "single", 1),
        "b": ("5", "5", "plain", 2),
        "c": ("*x", "it's", "alias", 3),
        "d": ("|\n  two\n  lines", "two\nlines\n", "literal", 6),
        "e": ("0x1F", 31, "plain", 8),
    }


def test_lines_count_by_newline_and_columns_by_characters() -> None:
    """libyaml also counts U+2028 and lone carriage returns."""
    document = read("é: ü\u2028x: 1\ny: 2\n".encode(), "main")

    assert [
        (entry.key, entry.key_node.line if entry.key_node else 0, entry.node.column) for entry in walk(document)
    ] == [("é", 1, 4), ("x", 1, 9), ("y", 2, 4)]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("a: é\nb: 1\n".encode("utf-8-sig"), "utf-8-sig"),
        (b"\xff\xfe" + "a: é\nb: 1\n".encode("utf-16-le"), "utf-16-le"),
    ],
)
def test_bytes_of_a_place_count_the_byte_order_mark(data: bytes, encoding: str) -> None:
    document = read(data, "main")
    key = [entry.key_node for entry in walk(document)][1]

    assert key is not None
    assert document.encoding == encoding
    assert document.data[document.byte_offset(key.start) :].startswith(document.encode("b: 1"))


def refused(text: str, kind: str = "main") -> Problem | None:
    return read(text.encode(), kind).problem


def test_what_only_the_agent_refuses() -> None:
    assert refused("x: [http://h/p?q=1]\n") == Problem("yaml: did not find expected ',' or ']'", 1, 15, None)
    assert refused('a: 1\nx: "a\\/b"\n') == Problem("yaml: line 2: found unknown escape character", 2, 6, 2)
    assert refused("# c\n%YAML 1.2\n---\na: 1\n") == Problem("yaml: line 1: found incompatible YAML document", 2, 1, 1)


def values(text: str) -> Any:
    document = read(text.encode(), "main")
    return document.value() if document.parses else document.problem


def test_what_only_the_agent_accepts() -> None:
    assert values("x: \"it\\'s\"\ny: [a:, 'b']\nz: !a,b c\nw: =\n") == {
        "x": "it's",
        "y": ["a:", "b"],
        "z": "c",
        "w": "=",
    }
    assert values("\ufeffa: \ufeffb\n") == {"a": "\ufeffb"}
    assert values("a: &x 1\nb: &x 2\nc: *x\n") == {"a": 1, "b": 2, "c": 2}


def test_without_libyaml_the_slower_parser_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_parser", SlowParser)

    assert values("a: [1, {b: c}]\nd: |\n  e\n") == {"a": [1, {"b": "c"}], "d": "e\n"}


def _texts() -> Iterator[tuple[str, int | None]]:
    yield "a: 1\n---\nb: 2\n", 2
    yield "a: 1\n...\nb: 2\n", 3
    yield " a: 1\nb: 2\n", 2
    yield "a: 1\n...\n# nothing\n", None
    yield "a: 1\n---\n# nothing\n", None


@pytest.mark.parametrize(("text", "line"), list(_texts()))
def test_what_stands_behind_the_first_document_is_noted(text: str, line: int | None) -> None:
    document = read(text.encode(), "main")

    assert document.parses
    assert document.rest_ignored_line == line
