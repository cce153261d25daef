"""Texts and spans: from an edit to its text, and from two texts to the smallest edit between them."""

from __future__ import annotations

from collections.abc import Sequence

from dddoctor.model import Span


def apply_spans(before: bytes, spans: Sequence[Span]) -> bytes:
    """The text after an edit. ValueError where spans overlap or lie outside the text."""
    parts: list[bytes] = []
    done = 0
    for span in sorted(spans):
        if not done <= span.start <= span.end <= len(before):
            raise ValueError(f"bytes {span.start} to {span.end} are not free in a text of {len(before)} bytes")
        parts += [before[done : span.start], span.new]
        done = span.end
    return b"".join([*parts, before[done:]])


def spans_between(before: bytes, after: bytes) -> tuple[Span, ...]:
    """Spans that make `after` of `before`: one for each run of lines that differ, without the bytes that both begin and end with."""
    import difflib

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    spans = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            spans.append(_trimmed(before, starts[i1], starts[i2], b"".join(new[j1:j2])))
    return tuple(spans)


def _trimmed(before: bytes, start: int, end: int, new: bytes) -> Span:
    while start < end and new and before[start] == new[0]:
        start, new = start + 1, new[1:]
    while end > start and new and before[end - 1] == new[-1]:
        end, new = end - 1, new[:-1]
    return Span(start, end, new)
