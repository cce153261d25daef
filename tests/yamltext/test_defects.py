"""Each defect at its line, with its correction proven; silence on YAML that is merely unusual."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from dddoctor.model import Span
from dddoctor.yamltext import correct, defects, read
from dddoctor.yamltext.lines import applied


class Case(NamedTuple):
    """A text and its defects: line, kind, corrected lines (None: none is proven), whether it keeps the Agent from using the file."""

    text: str
    told: list[tuple[int, str, str | None, bool]]
    kind: str = "check"


IN = "init_config:\n\ninstances:\n"
CASES = {
    # what came along with copied text
    "an RTF header": Case(
        "{\\rtf1\\ansi\\ansicpg1252\n{\\fonttbl\\f0\\fswiss Helvetica;}\n\\f0\\fs24 \\cf0 init_config:\\\n\\\ninstances: [\\{\\}]\\\n}\n",
        [(1, "leading-junk", "init_config:\n\ninstances: [{}]", True)],
    ),
    "the head of an RTF file above plain text": Case(
        "{\\rtf1\\ansi\\cocoartf1561\ninit_config:\n\ninstances:\n  - port: 1\n", [(1, "leading-junk", "", True)]
    ),
    "a Markdown fence around the file": Case("```yaml\ninstances: [{}]\n```\n", [(1, "leading-junk", "", True)]),
    "a Markdown fence at the end": Case("instances: [{}]\n```\n", [(2, "trailing-junk", "", True)]),
    "a command and its prompt": Case(
        "vagrant@vm:~$ cat my_metric.yaml\ninstances: [{}]\n", [(1, "leading-junk", "", True)]
    ),
    "the file's own name": Case("my_metric.yaml\ninit_config:\ninstances: [{}]\n", [(1, "leading-junk", "", True)]),
    "the status line of vim": Case(
        'instances: [{}]\n"my_metric.yaml" 3L, 35C written\n', [(2, "trailing-junk", "", True)]
    ),
    "line numbers": Case(
        "     1\tinstances:\n     2\t  - port: 1\n", [(1, "leading-junk", "instances:\n  - port: 1", True)]
    ),
    "the head of a patch": Case("--- a/conf.yaml\n+++ b/conf.yaml\ninstances: [{}]\n", [(1, "leading-junk", "", True)]),
    "marks of git": Case(
        "instances:\n<<<<<<< HEAD\n  - port: 1\n=======\n  - port: 2\n>>>>>>> x\n", [(2, "merge-conflict", None, True)]
    ),
    "a line of a template": Case(
        "{{ if .Common }}\nsite: a\n{{ end }}\n", [(1, "template-left-in", None, True)], "main"
    ),
    # more than one document
    "front matter": Case("---\ntitle: my check\n---\ninit_config:\ninstances: [{}]\n", [(1, "front-matter", "", True)]),
    "a blank before the first key": Case(
        " init_config:\n\ninstances: [{}]\n", [(1, "leading-blank-first-key", "init_config:", True)]
    ),
    "the same in datadog.yaml": Case(
        "  api_key: x\nsite: y\n", [(1, "leading-blank-first-key", "api_key: x", True)], "main"
    ),
    "a second document that holds the instances": Case(
        "init_config:\n---\ninstances: [{}]\n", [(2, "second-document", "", True)]
    ),
    "a second document after a whole one": Case(
        "instances: [{}]\n---\ninstances: [{}]\n", [(2, "second-document", None, False)]
    ),
    # blanks
    "a tab": Case(IN + "\t- port: 1\n", [(4, "tab-indentation", "  - port: 1", True)]),
    "tabs on several lines": Case(IN + "\t- port: 1\n\t  host: a\n", [(4, "tab-indentation", "  - port: 1", True)]),
    "a tab after the dash": Case(IN + "  -\tport: 1\n", [(4, "tab-indentation", "  - port: 1", True)]),
    "a line of one tab": Case("instances:\n\t\n  - port: 1\n", [(2, "tab-indentation", "", True)]),
    "a tab in datadog.yaml": Case(
        "api_key: x\napm_config:\n\tenabled: true\n", [(3, "tab-indentation", "  enabled: true", True)], "main"
    ),
    "no-break spaces": Case(IN + "\xa0\xa0- port: 1\n", [(4, "odd-blank", "  - port: 1", True)]),
    "a no-break space after the colon": Case(
        "api_key:\xa0x\nsite: y\n", [(1, "odd-blank", "api_key: x", True)], "main"
    ),
    "a zero-width space before a key": Case(
        "apm_config:\n  \u200benabled: true\n", [(2, "odd-blank", "  enabled: true", False)], "main"
    ),
    # dash and colon
    "no blank after the dash": Case(
        IN + "  -min_collection_interval: 45\n", [(4, "no-blank-after-dash", "  - min_collection_interval: 45", True)]
    ),
    "the same at column 0": Case(
        IN + "-min_collection_interval: 45\n", [(4, "no-blank-after-dash", "- min_collection_interval: 45", True)]
    ),
    "the line of the write-up, two mistakes": Case(
        IN + "-min_collection_interval: 45`\n",
        [
            (4, "no-blank-after-dash", "- min_collection_interval: 45", True),
            (4, "stray-backtick", "- min_collection_interval: 45", True),
        ],
    ),
    "the same, indented": Case(
        IN + "  -min_collection_interval: 45`\n",
        [
            (4, "no-blank-after-dash", "  - min_collection_interval: 45", True),
            (4, "stray-backtick", "  - min_collection_interval: 45", True),
        ],
    ),
    "its second attempt": Case(
        "instances: [{-min_collection_interval: 45}]\n",
        [(1, "no-blank-after-dash", "instances: [{min_collection_interval: 45}]", False)],
    ),
    "a dash before a later key": Case(
        IN + "  - port: 1\n    -host: a\n", [(5, "no-blank-after-dash", "    host: a", False)]
    ),
    "a tag without a blank after the dash": Case(
        IN + "  - tags:\n    -env:x\n", [(5, "no-blank-after-dash", "    - env:x", True)]
    ),
    "no blank after the colon": Case(
        IN + "  - min_collection_interval:45\n", [(4, "no-blank-after-colon", "  - min_collection_interval: 45", True)]
    ),
    "no blank after the colon before another key": Case(
        IN + "  - host:a\n    port: 1\n", [(4, "no-blank-after-colon", "  - host: a", True)]
    ),
    "no blank after any colon": Case("api_key:x\nsite:y\n", [(1, "no-blank-after-colon", "api_key: x", True)], "main"),
    "a section that is a text": Case(
        "apm_config:\n  enabled:true\n", [(2, "no-blank-after-colon", "  enabled: true", False)], "main"
    ),
    "no blank in a flow mapping": Case(
        "instances: [{port:1}]\n", [(1, "no-blank-after-colon", "instances: [{port: 1}]", False)]
    ),
    "no blank before a quoted value": Case(
        IN + '  - host: a\n    pass:"x: y"\n', [(5, "no-blank-after-colon", '    pass: "x: y"', False)]
    ),
    "two colons": Case("logs_enabled:: true\n", [(1, "double-colon", "logs_enabled: true", False)], "main"),
    "a full-width colon": Case("a: 1\nsite：y\n", [(2, "odd-colon", "site: y", True)], "main"),
    "a colon lost before a list": Case(
        IN + "  - host: a\n    tags [x, y]\n", [(5, "colon-lost", "    tags: [x, y]", True)]
    ),
    "a bare word may be anything": Case("instances:\nenabled\n  - port: 1\n", [(2, "colon-lost", None, True)]),
    "a semicolon for a colon": Case("a: 1\nsite; y\nb: 2\n", [(2, "colon-lost", "site: y", True)], "main"),
    "an asterisk for a dash": Case("tags:\n  * rack:12\n", [(2, "odd-dash", "  - rack:12", True)], "main"),
    "a typographic dash": Case(IN + "  \u2013 port: 1\n    host: a\n", [(4, "odd-dash", "  - port: 1", True)]),
    # backticks
    "a backtick on its own line": Case("instances: [{}]\n`\n", [(2, "stray-backtick", "", True)]),
    "backticks around a value": Case(IN + "  - port: `1`\n", [(4, "stray-backtick", "  - port: 1", True)]),
    "a backtick behind a text": Case(IN + "  - host: web`\n", [(4, "stray-backtick", "  - host: web", False)]),
    # depth
    "a sibling too deep": Case(IN + "  - host: a\n      port: 1\n", [(5, "sibling-depth", "    port: 1", True)]),
    "a sibling too shallow": Case(IN + "  - host: a\n   port: 1\n", [(5, "sibling-depth", "    port: 1", True)]),
    "a block of siblings too deep": Case(
        IN + "  - host: a\n     port: 1\n     user: b\n", [(4, "sibling-depth", "   - host: a", True)]
    ),
    "a blank before a later key": Case(
        "init_config:\n\n instances: [{}]\n", [(3, "sibling-depth", "instances: [{}]", True)]
    ),
    "instances inside init_config": Case(
        "init_config:\n  instances:\n  - port: 1\n", [(2, "sibling-depth", "instances:", True)]
    ),
    "a flow list at column 0 on its own line": Case(IN + "[{}]\n", [(4, "sibling-depth", "  [{}]", True)]),
    "a tag deeper than the one above": Case(
        IN + "  - tags:\n    - a:b\n      - c:d\n", [(5, "sibling-depth", "    - a:b\n    - c:d", False)]
    ),
    "logs inside an instance": Case(
        IN + "  - port: 1\n    logs:\n    - type: file\n", [(5, "sibling-depth", "logs:\n- type: file", False)]
    ),
    "two keys it could belong to": Case(
        "apm_config:\n  enabled: true\n    env: dev\n", [(3, "sibling-depth", None, True)], "main"
    ),
    "a section inside an empty one": Case(
        "logs_config:\n apm_config:\n   enabled: false\n",
        [(2, "sibling-depth", "apm_config:\n  enabled: false", False)],
        "main",
    ),
    "a section below a list": Case(
        "tags:\n  - a:b\n  apm_config:\n    enabled: true\n", [(3, "sibling-depth", "apm_config:", True)], "main"
    ),
    "half uncommented": Case(
        "site: x\n# apm_config:\n  enabled: true\n", [(3, "half-uncommented", "apm_config:", True)], "main"
    ),
    "half uncommented after a section": Case(
        "logs_config:\n  use_http: true\n# apm_config:\n  enabled: true\n",
        [(4, "half-uncommented", "apm_config:", False)],
        "main",
    ),
    # quotes, brackets, values
    "an unclosed quote": Case(IN + "  - name: 'mine\n", [(4, "unclosed-quote", "  - name: 'mine'", True)]),
    "an unclosed quote, noticed at the end": Case(
        'a: "x\nb: 1\nc: 2\n', [(1, "unclosed-quote", 'a: "x"', True)], "main"
    ),
    "an unclosed bracket": Case(
        IN + "  - tags: [a, b\n    port: 1\n", [(4, "unclosed-bracket", "  - tags: [a, b]", True)]
    ),
    "a bracket too many": Case(IN + "  - tags: [a, b]]\n", [(4, "unclosed-bracket", "  - tags: [a, b]", True)]),
    "a comma at the end": Case(IN + '  - name: "a",\n    port: 1\n', [(4, "comma-at-end", '  - name: "a"', True)]),
    "more text after a quote": Case(IN + '  - name: "a" b\n', [(4, "text-after-quote", None, True)]),
    "a colon in a value": Case(IN + "  - name: a: b\n", [(4, "colon-in-value", "  - name: 'a: b'", True)]),
    "two lines in one": Case("a: none bc: true\nd: 1\n", [(1, "colon-in-value", None, True)], "main"),
    "an at sign": Case(IN + "  - password: @x\n", [(4, "value-needs-quotes", "  - password: '@x'", True)]),
    "a template variable": Case(IN + "  - host: %%host%%\n", [(4, "value-needs-quotes", "  - host: '%%host%%'", True)]),
    "a password that begins with an asterisk": Case(
        IN + "  - password: *x\n", [(4, "undefined-alias", "  - password: '*x'", True)]
    ),
    "a masked password": Case(IN + "  - password: ********\n", [(4, "alias-mask", None, True)]),
    "a password that is a tag": Case(
        IN + "  - password: !Secret1\n", [(4, "value-needs-quotes", "  - password: '!Secret1'", False)]
    ),
    "braces of a template": Case(IN + "  - host: {{ host }}\n", [(4, "template-left-in", None, True)]),
    "a question mark between brackets": Case(
        IN + "  - urls: [http://a/?b]\n", [(4, "question-mark-in-flow", "  - urls: ['http://a/?b']", True)]
    ),
    "a backslash in double quotes": Case('a: "C:\\my"\n', [(1, "bad-escape", "a: 'C:\\my'", True)], "main"),
    "an escaped slash": Case('a: "x\\/y"\n', [(1, "bad-escape", 'a: "x/y"', True)], "main"),
    "another version of YAML": Case("%YAML 1.2\n---\na: 1\n", [(1, "yaml-directive", "", True)], "main"),
    "typographic quotes that had to quote": Case("a: “x: y”\n", [(1, "smart-quotes", 'a: "x: y"', True)], "main"),
    "typographic quotes": Case("a: “x”\n", [(1, "smart-quotes", 'a: "x"', False)], "main"),
    "a list as a key": Case("a: {[b]: c}\n", [(1, "invalid-key", None, True)], "main"),
    "a tag that the value does not fit": Case("a: 1\nb: !!int x\n", [(2, "wrong-tag", None, True)], "main"),
    "a comment without a blank": Case(
        IN + "  - min_collection_interval: 45#s\n",
        [(4, "no-blank-before-comment", "  - min_collection_interval: 45 #s", True)],
    ),
    # characters
    "a NUL": Case(IN + "  - name: a\0b\n", [(4, "control-character", "  - name: ab", True)]),
    "a control character in a comment": Case("a: 1\n# \x1b[0m\n", [(2, "control-character", "# [0m", True)], "main"),
    "two byte order marks": Case("\ufeff\ufeffa: 1\nb: 2\n", [(1, "second-bom", "a: 1", True)], "main"),
    "one byte order mark": Case("\ufeffa: 1\n", [(1, "byte-order-mark", None, False)], "main"),
    # shape
    "instances as a mapping": Case(
        "instances:\n  port: 1\n  host: a\n", [(2, "instances-is-mapping", "  - port: 1\n    host: a", True)]
    ),
    "instances as a flow mapping": Case(
        "instances: {port: 1}\n", [(1, "instances-is-mapping", "instances: [{port: 1}]", True)]
    ),
    "instances as a text": Case("instances: foo\n", [(1, "instances-is-text", None, True)]),
    "an instance that is a text": Case("instances: [foo]\n", [(1, "wrong-instance", None, True)]),
    "no instances": Case("init_config:\n", [(1, "no-instances", None, True)]),
    "empty instances": Case("init_config:\ninstances: []\n", [(2, "no-instances", None, True)]),
    "a list at the top": Case(
        "- api_key: x\n- site: y\n", [(1, "wrong-top-level", "api_key: x\nsite: y", True)], "main"
    ),
    "a list without its key": Case("- port: 1\n", [(1, "wrong-top-level", None, True)]),
    "a quoted interval": Case(
        IN + '  - min_collection_interval: "45"\n', [(4, "wrong-type", "  - min_collection_interval: 45", True)]
    ),
    "an interval with a unit": Case(IN + "  - min_collection_interval: 45s\n", [(4, "wrong-type", None, True)]),
    "tags with commas": Case(
        IN + "  - tags: env:dev, role:db\n", [(4, "wrong-type", "  - tags: [env:dev, role:db]", True)]
    ),
    "tags without dashes": Case(
        IN + "  - tags:\n      env:dev\n      role:db\n", [(5, "wrong-type", "      - env:dev\n      - role:db", True)]
    ),
    "tags as a mapping": Case(IN + "  - tags: {a: b}\n", [(4, "wrong-type", None, True)]),
    "a tag as a mapping": Case(IN + "  - tags:\n    - env: dev\n", [(5, "wrong-type", "    - env:dev", True)]),
    "init_config as a list": Case("init_config: []\ninstances: [{}]\n", [(1, "wrong-type", "init_config: {}", True)]),
    "a dash per key": Case(
        IN + "  - name: a\n  - min_collection_interval: 20\n",
        [(5, "dash-per-key", "    min_collection_interval: 20", False)],
    ),
    "a key twice": Case(IN + "  - port: 1\n    port: 2\n", [(5, "duplicate-key", None, False)]),
    "a key twice with one value": Case("site: x\nsite: x\n", [(2, "duplicate-key", "", False)], "main"),
    "the first line of an instance twice": Case(
        IN + "  - host: a\n  - host: a\n    port: 1\n", [(4, "repeated-line", "", False)]
    ),
    "a merge that overwrites": Case(
        "a: &a {x: 1}\nb:\n  x: 2\n  <<: *a\n", [(4, "merged-key-wins", None, False)], "main"
    ),
    # several in one file
    "three defects": Case(
        "init_config:\ninstances:\n  - host: a\n    port:1\n  -host: b\n    port: 2\n  - host: c\n\tport: 3\n",
        [
            (4, "no-blank-after-colon", "    port: 1", True),
            (5, "no-blank-after-dash", "  - host: b", True),
            (8, "tab-indentation", "    port: 3", True),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_defect_at_its_line(name: str) -> None:
    case = CASES[name]

    found = defects(read(case.text.encode(), case.kind))

    assert [(defect.line, defect.kind, defect.correction, defect.is_blocking) for defect in found] == case.told


@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if all(told[2] is not None for told in case.told)]
)
def test_all_corrections_together_give_a_file_without_defects(name: str) -> None:
    case = CASES[name]
    document = read(case.text.encode(), case.kind)

    after = applied(document.text, {change for defect in defects(document) for change in defect.replacements})

    assert [defect for defect in defects(read(after.encode(), case.kind)) if defect.kind != "byte-order-mark"] == []


def test_files_that_do_not_load_have_a_blocking_defect() -> None:
    blocked = {
        name: any(told[3] for told in case.told)
        for name, case in CASES.items()
        if not read(case.text.encode(), case.kind).parses
    }

    assert all(blocked.values())


SILENT = {
    "a list at column 0": "init_config:\ninstances:\n- port: 1\n  host: a\n",
    "steps of one blank": "init_config:\n a: 1\ninstances:\n - port: 1\n   tags:\n    - x\n",
    "question mark keys": "? init_config\n: \n? instances\n: - port: 1\n",
    "flow styles": "{init_config: {}, instances: [{host: a, tags: ['env:x', \"b:c\"]}]}\n",
    "JSON": '{"init_config":null,"instances":[{"host":"a","port":1}]}\n',
    "CRLF": "init_config:\r\n\r\ninstances:\r\n  - host: a\r\n    tags:\r\n      - x:y\r\n",
    "no line end": "instances: [{}]",
    "a lone dash": "instances:\n  -\n",
    "an empty instance": "instances: [{}]\n",
    "an explicit document": "---\ninit_config:\ninstances: [{}]\n...\n",
    "no init_config": "instances:\n  - host: a\n",
    "comments everywhere": "# a\ninit_config: # b\n  # c\ninstances: # d\n    # e\n  - host: a # f\n# g\n    port: 1\n",
    "blocks of text": "instances:\n  - query: |\n      select a:b\n      - from c\n    other: >-\n      key: value\n      -dash\n    tags: [x]\n",
    "a text over two lines": "instances:\n  - description: some words\n      that go on\n    port: 1\n",
    "a quoted text over two lines": 'instances:\n  - description: "some: words\n      - that go on"\n',
    "anchors and merges": "init_config:\n  a: &a {port: 1}\ninstances:\n  - <<: *a\n    host: b\n  - *a\n",
    "quoted numbers where any text will do": "instances:\n  - port: '3306'\n    timeout: \"5\"\n",
    "addresses": "instances:\n  - url: http://a:80/x?y=1#z\n    ip: ::1\n    path: C:\\x\n    cmd: a:b:c\n",
    "signs inside": "instances:\n  - a: x#y\n    b: a@b\n    c: 50%\n    d: a`b`c\n    e: it's\n    f: -1\n    g: '- x'\n    h: --flag\n",
    "tags of all kinds": "instances:\n  - tags: [1, 2.5, true, null, a]\n",
    "an interval with a fraction": "instances:\n  - min_collection_interval: 22.5\n",
    "options that are empty": "instances:\n  - tags:\n    min_collection_interval:\n    options:\n",
    "instances told apart by one key": "instances:\n  - url: http://a\n  - url: http://b\n  - socket: /x\n",
    "logs alone": "logs:\n  - type: file\n    path: /x\n",
    "metrics alone": "jmx_metrics: [{}]\n",
    "letters beyond ASCII": "instances:\n  - name: Müller\n    path: /straße # für\n    quote: say “hello” to me\n",
    "top-level keys of autodiscovery": "ad_identifiers: [redis]\ninit_config:\ninstances: [{host: '%%host%%'}]\n",
    "a query with a list that looks like options": "instances:\n  - queries:\n      - query: select 1\n        columns:\n          - {name: a, type: tag}\n          - name: b\n            type: gauge\n",
}
SILENT_MAIN = {
    "settings": "api_key: 0f1e2d3c4b5a69788796a5b4c3d2e1f0\nsite: datadoghq.eu\ntags:\n  - env:prod\napm_config:\n  enabled: true\n",
    "tags folded into one text": "tags:\n  env:lab\n  role:db\n",
    "an empty section": "api_key: x\napm_config:\n# tags:\nlogs_enabled: true\n",
    "a commented-out key of the same section": "apm_config:\n  enabled: true\n  # receiver_port: 8126\n  env: x\n",
    "a commented-out section between two": "logs_config:\n  use_http: true\n# apm_config:\n#   enabled: true\nprocess_config:\n  enabled: 'true'\n",
    "all lines indented alike": "  api_key: x\n  site: y\n",
    "nothing": "",
    "only comments": "# api_key:\n#   x\n",
    "dotted and upper-case keys": "API_KEY: x\nlogs_config.use_http: true\n",
    "processing rules": "logs_config:\n  processing_rules:\n    - type: mask_sequences\n      name: a\n      pattern: (?:x|y):\\d+#\n",
}


@pytest.mark.parametrize("name", SILENT)
def test_silence_on_unusual_checks(name: str) -> None:
    assert defects(read(SILENT[name].encode())) == []


@pytest.mark.parametrize("name", SILENT_MAIN)
def test_silence_on_unusual_settings(name: str) -> None:
    assert defects(read(SILENT_MAIN[name].encode(), "main")) == []


def corrected(data: bytes, line: int, kind: str, file_kind: str = "check") -> bytes:
    spans = correct(data, file_kind, line, kind)
    assert spans is not None
    for span in sorted(spans, reverse=True):
        data = data[: span.start] + span.new + data[span.end :]
    return data


def test_a_correction_leaves_all_other_bytes() -> None:
    data = "\ufeff# über\r\ninit_config:\r\ninstances:\r\n  -host: é # c".encode()

    assert correct(data, "check", 4, "no-blank-after-dash") == (
        Span(data.index(b"-host") + 1, data.index(b"-host") + 1, b" "),
    )


def test_a_correction_in_utf16() -> None:
    text = "instances:\n  -host: a\n"
    data = b"\xff\xfe" + text.encode("utf-16-le")

    assert corrected(data, 2, "no-blank-after-dash") == b"\xff\xfe" + text.replace("-h", "- h").encode("utf-16-le")


def test_utf16_without_a_mark_becomes_utf8() -> None:
    assert corrected("instances: [{}]\n".encode("utf-16-be"), 1, "utf-16-without-bom") == b"instances: [{}]\n"


def test_a_removed_last_line_takes_no_other_line_end_along() -> None:
    assert corrected(b"instances: [{}]\r\n```\r\n", 2, "trailing-junk") == b"instances: [{}]\r\n"


def test_bytes_that_are_no_utf8_are_found_by_line_and_left_alone() -> None:
    data = b"a: 1\nname: caf\xe9\n"

    assert [(defect.line, defect.column, defect.kind, defect.correction) for defect in defects(read(data, "main"))] == [
        (2, 10, "bad-encoding", None)
    ]
    assert correct(data, "main", 2, "bad-encoding") is None


def test_no_text_of_a_value_gets_into_the_words() -> None:
    """A defect's words may name a key, never a value: they go into tables and reports."""
    secret = "hunter2secret"
    texts = [
        f"password:{secret}\nb: 1\n",
        f"a: 1\npassword {secret}\n",
        f"a: @{secret}\n",
        f"a: *{secret}\n",
        f"a: !!int {secret}\n",
        f"a: '{secret}\nb: 1\n",
    ]

    said = [defect.text for text in texts for defect in defects(read(text.encode(), "main"))]

    assert said
    assert not [text for text in said if secret in text]
