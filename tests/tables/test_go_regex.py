"""Patterns that Go refuses. What is expected here was asked of regexp.Compile, go 1.26."""

from __future__ import annotations

import pytest

from dddoctor.tables import _go_regex as go


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(", go.UNCLOSED_GROUP),
        ("a(b(c)", go.UNCLOSED_GROUP),
        ("a)", go.UNOPENED_GROUP),
        ("[a-z", go.UNCLOSED_CLASS),
        ("[]", go.UNCLOSED_CLASS),
        ("[^]", go.UNCLOSED_CLASS),
        ("a\\", go.TRAILING_BACKSLASH),
        ("*.log", go.NOTHING_TO_REPEAT),
        ("a|+", go.NOTHING_TO_REPEAT),
        ("(?i)*", go.NOTHING_TO_REPEAT),
        ("a**", go.REPEATED_TWICE),
        ("a++b", go.REPEATED_TWICE),
        ("(?=x)y", go.LOOK_AROUND),
        ("(?<!x)y", go.LOOK_AROUND),
        (r"(a)\1", go.BACK_REFERENCE),
        (r"\Kx", r"it has `\K`, which Go does not know"),
    ],
)
def test_what_go_refuses_is_told(pattern: str, expected: str) -> None:
    assert go.defect(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    ["", "x", "^$", "(a)(?:b)(?P<n>c)(?i:d)(?s)e", "[]a]", "[^]a]", "[[:alpha:]]+", r"\d{1,3}\.\[", "a*?b+?c??", r"\Q(*\E+", r"\12", "^*", "a|", "()", "é+", r"\p{Greek}\z", "}{", "(?i-s)x"],
)  # fmt: skip
def test_what_go_takes_is_not(pattern: str) -> None:
    assert go.defect(pattern) is None
