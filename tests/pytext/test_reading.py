"""Reading goes on over corrected text, and what is said stands at the lines of the file as it is."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from dddoctor.pytext import read
from dddoctor.pytext.reindent import apply_spans
from dddoctor.pytext.source import Draft, Source

GOOD = "from datadog_checks.base import AgentCheck\n\n\nclass M(AgentCheck):\n    def check(self, instance):\n        self.gauge('m', 1)\n"


def _found(text: str | bytes, name: str = "m.py", python: str | None = "3") -> list[tuple[str, int, int]]:
    reading = read(text.encode() if isinstance(text, str) else text, name, python)
    return [(d.kind, *reading.source.place(d.start)) for d in reading.defects]


ACCIDENTS = {
    "a fence around it": ("```python\n" + GOOD + "```\n", [("markdown-fence", 1, 1), ("markdown-fence", 8, 1)]),
    "a fence without line end": (GOOD + "```", [("markdown-fence", 7, 1)]),
    "a backtick at the end of a line": (GOOD.replace("1)", "1)`"), [("stray-backtick", 6, 27)]),
    "a line between backticks": (
        GOOD.replace("self.gauge('m', 1)", "`self.gauge('m', 1)`"),
        [("stray-backtick", 6, 9)],
    ),
    "non-breaking blanks as indentation": (
        GOOD.replace("    def", "\u00a0\u00a0\u00a0\u00a0def"),
        [("non-breaking-space", 5, 1)],
    ),
    "a zero-width blank": (GOOD.replace("self.gauge", "self\u200b.gauge"), [("invisible-character", 6, 13)]),
    "typographic quotes": (GOOD.replace("'m'", "‘m’"), [("smart-quotes", 6, 20)]),
    "a typographic quote that ends a string": (GOOD.replace("'m'", "'m’"), [("smart-quotes", 6, 22)]),
    "a NUL at the end": (GOOD + "\0", [("control-character", 7, 1)]),
    "the file's own name": ("m.py\n" + GOOD, [("own-name-line", 1, 1)]),
    "the end of a here-document": (GOOD + "EOF\n", [("heredoc-end", 7, 1)]),
    "a shell's prompt": ("vagrant@precise64:~$ cat m.py\n" + GOOD, [("terminal-paste", 1, 1)]),
    "an interactive Python's prompts": (
        "".join(f">>> {line}\n" for line in ("import os", "x = 1")),
        [("terminal-paste", 1, 1)],
    ),
    "an editor's last line": (GOOD + '"m.py" 6L, 123C written\n', [("editor-line", 7, 1)]),
    "a colon lost": (GOOD.replace("instance):", "instance)"), [("missing-colon", 5, 5)]),
}


@pytest.mark.parametrize("name", ACCIDENTS)
def test_an_accident_is_found_and_its_spans_take_it_out(name: str) -> None:
    """The corrected text is code again, whatever the accident."""
    text, wanted = ACCIDENTS[name]

    reading = read(text.encode(), "m.py")
    spans = sorted(s for d in reading.defects for s in d.spans)

    assert [(d.kind, *reading.source.place(d.start)) for d in reading.defects] == wanted
    assert apply_spans(reading.source.text, spans).strip() in (GOOD.strip(), "import os\nx = 1")


def test_several_accidents_and_lost_indentation_are_named_in_one_run() -> None:
    """Each correction shows the next mistake; the lines are those of the file."""
    text = "```\nclass M(AgentCheck):\ndef check(self, instance):\nself.gauge(“m”, 1)`\n```\n"

    assert _found(text) == [
        ("markdown-fence", 1, 1),
        ("not-indented", 3, 1),
        ("smart-quotes", 4, 12),
        ("stray-backtick", 4, 19),
        ("markdown-fence", 5, 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD.replace("\n", "\r\n"),
        '"""Say:\n```python\nm.py\n`x`\n```\n"""\n' + GOOD,
        "# m.py\n" + GOOD,
        GOOD.replace("'m'", "'“m”\\u00a0`x`'"),
        GOOD.replace("    ", "\t"),
        "x = 1 \\\n  + 2\n",
        "",
    ],
)
def test_text_that_python_takes_is_silent(text: str) -> None:
    """BOM, CRLF, tabs, and accidents inside strings and comments are none."""
    assert _found(text) == []


def test_latin_1_in_a_comment_is_silent_and_in_a_string_fatal() -> None:
    """Measured on Python 3.8 to 3.13."""
    assert _found(b"# caf\xe9\nx = 1\n") == []
    assert _found(b"x = 'caf\xe9'\n") == [("bad-encoding", 1, 5)]
    assert _found(b"# -*- coding: latin-1 -*-\nx = 'caf\xe9'\n") == []
    assert _found(b"# coding: no-such-code\nx = 1\n") == [("bad-encoding", 1, 1)]


def test_utf_16_is_one_defect() -> None:
    """Python says only that there are null bytes."""
    assert _found(GOOD.encode("utf-16")) == [("utf-16", 1, 1)]


def test_columns_count_characters_and_lines_count_newlines() -> None:
    """ast counts bytes of UTF-8, and a lone CR ends a line for Python alone."""
    assert _found("é = 'é'; x = `1\n") == [("stray-backtick", 1, 14)]
    assert _found("x = 1\ry = `1\n") == [("stray-backtick", 1, 11)]


PYTHON_2 = (
    "import urllib2\nclass M(AgentCheck):\n    def check(self, instance):\n        try:\n            print 'a', 0777, 10L, `1`, 1 <> 2, ur'x'\n"
    "        except (KeyError, OSError), e:\n            raise ValueError, 'no'\n        exec 'x = 1'\n        f = lambda (a, b): a\n"
    "        print >>f, 'x'\n        print\n        if 1: print 'b'; print 'c'\n\tself.gauge('m', 1)\n"
)


def test_valid_python_2_is_silent_under_python_2_and_one_defect_under_3() -> None:
    """All its uses are in `also`; without knowing the Python nothing is certain."""
    two, three, unknown = (read(PYTHON_2.encode(), "m.py", python) for python in ("2", "3", None))

    assert (two.defects, two.parses) == ([], 1)
    kinds = [(d.kind, three.source.place(d.start)[0], d.is_certain) for d in three.defects]
    assert kinds == [("python2-syntax", 5, True), ("mixed-tabs", 13, True)]
    assert len(three.defects[0].also) == 12
    assert [d.is_certain for d in unknown.defects] == [False, False]
    assert unknown.parses is None


def test_print_with_brackets_is_no_print_statement() -> None:
    """Nor are names that begin so."""
    assert _found("print('a')\nprint (1) + 2\nprinter = print\nprint.x = 1\nprint == 3\nexecutor = 1\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "-" * 200_000 + "1",
        "a" + ".b" * 100_000,
        "1" + "+1" * 100_000,
        "x = " + "[" * 5000,
        "if 1:\n" * 3000,
        "'" * 99_999,
        '"""' + "x" * 99_999,
        "\\\n" * 50_000,
    ],
    ids=range(9),
)
def test_deep_or_odd_text_ends_in_words_and_in_time(text: str) -> None:
    """No crash, no exception: a defect, an obstacle or nothing."""
    started = time.monotonic()

    reading = read(text.encode(), "m.py")

    assert reading.defects or reading.obstacle or reading.tree is not None
    assert time.monotonic() - started < 10


def test_binary_is_a_defect() -> None:
    """Random bytes give no traceback."""
    assert read(bytes(range(256)) * 40, "m.py").defects


def test_pythons_warnings_do_not_reach_stderr() -> None:
    """An invalid escape or `is 1` is a SyntaxWarning of the code that is read, not of the doctor."""
    code = "from dddoctor.pytext import read; read(b'x = \"\\\\d\"\\nif x is 1: pass\\nassert (x, 1)\\n', 'm.py')"
    ran = subprocess.run([sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_draft_remembers_where_each_character_came_from() -> None:
    """After any number of corrections."""
    draft = Draft("abcdef")
    draft.apply([(1, 3, "")])
    moved = draft.apply([(1, 2, "XY"), (3, 3, "!")])

    assert draft.text == "aXYe!f"
    assert moved == [(3, 4, "XY"), (5, 5, "!")]
    assert [draft.original(i) for i in range(7)] == [0, 3, 3, 4, 5, 5, 6]


def test_bytes_and_characters_of_a_source_agree() -> None:
    """BOM, other encodings and undecodable bytes included."""
    for data in ("\ufeffé = 1\n".encode(), b"# coding: latin-1\n\xe9 = 1\n", b"# \xe9\nx = 1\n"):
        source = Source(data)
        for i in range(len(source.text) + 1):
            assert data[: source.byte_offset(i)][source.bom_bytes :] == source.encode(source.text[:i])
    assert Source(b"ab\ncd").offset(2, 2) == 4
    assert Source(b"ab\ncd").offset(2, 9) is None
