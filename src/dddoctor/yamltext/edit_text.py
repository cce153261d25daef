"""The characters of a document around its nodes: lines, comments, colons, dashes, indentation; and spans of characters turned into spans of bytes."""

from __future__ import annotations

from collections.abc import Iterable

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Span
from dddoctor.yamltext.edit_values import CannotEdit
from dddoctor.yamltext.nodes import Document, Node

_Piece = tuple[int, int, bytes | None]  # (begin, length, None) = bytes of the original, (_, length, bytes) = new ones
_BREAKS = "\n\r\x85\u2028\u2029"  # what libyaml ends a line at
_BREAK = lazy(r"\r\n|[\n\r\x85\u2028\u2029]")


class Cut(NamedTuple):
    """Characters `start` to `end` become `new`."""

    start: int
    end: int
    new: str = ""


class Layout(NamedTuple):
    """How the file is laid out: `step` blanks a level, `list_offset` blanks between a key's column and the dashes below it, `eol` its line end."""

    step: int
    list_offset: int
    eol: str


def line_start(text: str, at: int) -> int:
    while at > 0 and text[at - 1] not in _BREAKS:
        at -= 1
    if at > 0 and text[at - 1] == "\r" and text[at : at + 1] == "\n":  # between the two of a CRLF
        return line_start(text, at - 1)
    return at


def line_end(text: str, at: int) -> int:
    """Offset of the line end at or behind `at`."""
    while at < len(text) and text[at] not in _BREAKS:
        at += 1
    return at


def next_line(text: str, at: int) -> int:
    """Offset behind the line end that stands at `at`."""
    return at + (2 if text.startswith("\r\n", at) else 1 if at < len(text) else 0)


def break_before(text: str, start: int) -> int:
    """Length of the line end before the line that begins at `start`; 0 at the top."""
    return 0 if start == 0 else 2 if text.endswith("\r\n", 0, start) else 1


def column(text: str, at: int) -> int:
    """Characters before `at` in its line."""
    return at - line_start(text, at)


def is_first_in_line(text: str, at: int) -> bool:
    return not text[line_start(text, at) : at].strip(" \t")


def tail(node: Node) -> int:
    """Offset behind the last character that belongs to the node; for a text that keeps its blank lines (`|+`), behind those as well."""
    while node.kind != "scalar" and node.style == "block" and node.children:
        node = node.children[-1]
    if node.style not in ("literal", "folded"):
        return node.end
    text = node.document.text
    if "+" not in text[node.value_start : node.value_start + 3]:
        return node.end
    end = line_start(text, node.event.end_mark.index)
    return max(node.end, end - break_before(text, end))


def extents(node: Node) -> list[tuple[int, int]]:
    """Where the scalars and aliases of a node stand, in order: characters in which `#`, `,` and blank lines mean nothing."""
    places = []
    stack = [node]
    while stack:
        node = stack.pop()
        if node.children and not node.is_alias:
            stack += reversed(node.children)
        elif node.style in ("literal", "folded"):
            text = node.document.text
            header = node.value_start
            while header < node.end and not text[header].isspace():
                header += 1
            places += [(node.start, header), (line_end(text, header), tail(node))]
        else:
            places.append((node.start, node.end))
    return places


def gaps(start: int, end: int, places: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """The stretches between `start` and `end` that no extent covers."""
    for begin, stop in places:
        if begin > start:
            yield start, min(begin, end)
        start = max(start, stop)
    if start < end:
        yield start, end


def comments(text: str, start: int, end: int, places: Iterable[tuple[int, int]] = ()) -> list[int]:
    """Offsets of the `#` that begin comments between `start` and `end`."""
    marks = []
    for begin, stop in gaps(start, end, places):
        at = begin
        while (at := text.find("#", at, stop)) >= 0:
            if at == 0 or text[at - 1] in " \t" or text[at - 1] in _BREAKS:
                marks.append(at)
                at = line_end(text, at)
            at += 1
    return marks


def sign(text: str, mark: str, start: int, end: int) -> int | None:
    """Offset of the first `mark` between `start` and `end` that stands in no comment."""
    while start < end:
        if text[start] == "#" and (start == 0 or text[start - 1].isspace()):
            start = line_end(text, start)
        elif text[start] == mark:
            return start
        else:
            start += 1
    return None


def colon_of(key: Node) -> int:
    """Offset of the colon behind an implicit key. Refuses `? key`."""
    text, at = key.document.text, key.end
    while text[at : at + 1] in (" ", "\t"):
        at += 1
    before = text[line_start(text, key.start) : key.start].rstrip(" \t")
    if text[at : at + 1] != ":" or (before.endswith("?") and (len(before) == 1 or before[-2] in " \t-[{,")):
        raise CannotEdit(f"the key in line {key.line} is written with `?`")
    return at


def dash_of(seq: Node, index: int) -> int:
    """Offset of the dash of an item of a block sequence."""
    text = seq.document.text
    start = seq.value_start if index == 0 else tail(seq.children[index - 1])
    at = sign(text, "-", start, seq.children[index].start)
    if at is None:
        raise CannotEdit(f"the item in line {seq.children[index].line} has no dash of its own")
    return at


def layout_of(document: Document) -> Layout:
    """The first indentation of the file counts for what is added. Two blanks where there is none."""
    text = document.text
    end = _BREAK.search(text)
    eol = end[0] if end and end[0] in ("\n", "\r\n", "\r") else "\n"
    step = offset = None
    stack = [document.root] if document.root else []
    while stack and (step is None or offset is None):
        node = stack.pop()
        if node.is_alias or not node.children:
            continue
        if node.kind == "map" and node.style == "block":
            for key, value in node.pairs:
                if value.style != "block" or not value.children:
                    continue
                if value.kind == "map":
                    step = step or _deeper(text, key, value.children[0].start)
                elif offset is None:
                    offset = _deeper(text, key, dash_of(value, 0))
        stack += reversed(node.children)
    step = step or offset or 2
    return Layout(step, step if offset is None else offset, eol)


def _deeper(text: str, key: Node, below: int) -> int:
    return max(column(text, below) - column(text, key.start), 0)


def erased(
    document: Document, start: int, node: Node, *, places: list[tuple[int, int]], keep_comments: bool = True
) -> list[Cut]:
    """Cuts that take away what stands between `start` and the end of `node`, and the lines that are empty then.

    Comments stay, each in a line of its own where the line is gone; so do blank lines. They stand no deeper than what was there, or a literal text
    above would swallow them. Without `keep_comments` both go.
    """
    text = document.text
    end = tail(node)
    marks = comments(text, start, line_end(text, end), places) if keep_comments else []
    cuts = []
    at = start
    deepest = column(text, start)
    while True:
        first, stop = line_start(text, at), line_end(text, at)
        behind = next_line(text, stop)
        is_whole = not text[first:at].strip(" \t")
        mark = next((m for m in marks if at <= m < stop), None)
        if mark is not None:
            cuts.append(Cut(min(first + deepest, mark) if is_whole else at, mark))
        elif not is_whole:
            cuts.append(Cut(at, stop if not keep_comments else max(at, min(end, stop))))
        elif (
            not keep_comments
            or text[first:stop].strip()
            or any(begin < stop and first < finish for begin, finish in places)
        ):
            cuts.append(Cut(first, behind))
        if stop >= end or behind >= len(text):
            return cuts
        at = behind


def _united(cuts: Iterable[Cut]) -> list[Cut]:
    """In order; what is only taken away may overlap."""
    done: list[Cut] = []
    for cut in sorted(cuts, key=lambda c: c[:2]):
        if done and not cut.new and not done[-1].new and cut.start <= done[-1].end:
            last = done.pop()
            cut = Cut(last.start, max(last.end, cut.end))
        done.append(cut)
    return done


def _with_missing_line_end(text: str, cuts: list[Cut]) -> list[Cut]:
    """Where the last line goes and has no line end, the one before it goes with it: the file still ends without."""
    if cuts and cuts[-1].end == len(text) and not cuts[-1].new and text[-1:] not in _BREAKS:
        start = cuts[-1].start
        if start and line_start(text, start) == start:
            cuts[-1] = Cut(start - break_before(text, start), len(text))
    return cuts


def to_spans(document: Document, cuts: Iterable[Cut]) -> tuple[Span, ...]:
    """Cuts as spans of bytes: in order, those that touch made one, without characters that stay. Raises CannotEdit where they overlap."""
    text = document.text
    joined: list[Cut] = []
    for cut in _with_missing_line_end(text, _united(cuts)):
        if joined and cut.start < joined[-1].end:
            raise CannotEdit("two changes meet in one place")
        if joined and cut.start == joined[-1].end:
            last = joined.pop()
            cut = Cut(last.start, cut.end, last.new + cut.new)
        joined.append(cut)
    spans = []
    done, offset = 0, document.byte_offset(0)  # counted on: from the top for each span, 5,000 instances took seconds
    for start, end, new in joined:
        while new and start < end and text[start] == new[0]:
            start, new = start + 1, new[1:]
        while new and start < end and text[end - 1] == new[-1]:
            end, new = end - 1, new[:-1]
        if start != end or new:
            first = offset + len(document.encode(text[done:start]))
            done, offset = end, first + len(document.encode(text[start:end]))
            spans.append(Span(first, offset, document.encode(new)))
    return tuple(spans)


def applied(data: bytes, spans: Iterable[Span]) -> bytes:
    """The text after the spans, which are in order."""
    parts, done = [], 0
    for start, end, new in spans:
        parts += [data[done:start], new]
        done = end
    return b"".join([*parts, data[done:]])


def composed(first: tuple[Span, ...], second: tuple[Span, ...]) -> tuple[Span, ...]:
    """The spans that do at once what `first` and then `second` (against the text after `first`) do."""
    pieces: list[_Piece] = []
    done = 0
    for start, end, new in first:
        pieces += [(done, start - done, None), (0, len(new), new)]
        done = end
    far = done + sum(len(s.new) for s in second) + max((s.end for s in second), default=0) + 1
    pieces.append((done, far, None))
    for start, end, new in reversed(second):
        left, rest = _split(pieces, start)
        _, right = _split(rest, end - start)
        pieces = [*left, (0, len(new), new), *right]
    spans: list[Span] = []
    at, added = 0, b""
    for begin, length, data in pieces:
        if data is not None:
            added += data
        elif length:
            if begin != at or added:
                spans.append(Span(at, begin, added))
            at, added = begin + length, b""
    return tuple(spans)


def _split(pieces: list[_Piece], at: int) -> tuple[list[_Piece], list[_Piece]]:
    """The pieces before and from byte `at` on."""
    left: list[_Piece] = []
    for number, (begin, length, data) in enumerate(pieces):
        if at < length:
            if at == 0:
                return left, pieces[number:]
            halves = (data[:at], data[at:]) if data is not None else (None, None)
            return [*left, (begin, at, halves[0])], [
                (begin + (at if data is None else 0), length - at, halves[1]),
                *pieces[number + 1 :],
            ]
        left.append((begin, length, data))
        at -= length
    return left, []
