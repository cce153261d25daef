"""Edits between two texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dddoctor.hosts.spans import apply_spans, spans_between
from dddoctor.model import Span

texts = st.lists(st.sampled_from([b"a: 1", b"b: 2", b"\r\n", b"\n", b"\xff", b"tags:", b"  - x"]), max_size=12).map(
    b"".join
)


def test_only_the_bytes_that_differ_are_in_a_span() -> None:
    assert spans_between(b"a: 1\nlogs_enabled: false   # now\nz\n", b"a: 1\nlogs_enabled: true   # now\nz\n") == (
        Span(19, 23, b"tru"),
    )


def test_an_insertion_replaces_nothing() -> None:
    assert spans_between(b"a\nb\n", b"a\nnew\nb\n") == (Span(2, 2, b"new\n"),)


@given(texts, texts)
def test_spans_lead_from_one_text_to_the_other(before: bytes, after: bytes) -> None:
    assert apply_spans(before, spans_between(before, after)) == after


@pytest.mark.parametrize(
    "spans", [[Span(0, 2, b""), Span(1, 3, b"")], [Span(2, 1, b"")], [Span(0, 9, b"")], [Span(-1, 0, b"")]]
)
def test_spans_that_overlap_or_lie_outside_are_refused(spans: list[Span]) -> None:
    with pytest.raises(ValueError, match="are not free in a text of 4 bytes"):
        apply_spans(b"text", spans)
