"""Large logs, read from their end in blocks of whole lines, and the lines in them that can matter. Nothing here knows what a line means.

A log of 100 MB must not cost more than twice what `grep -c` takes, so the work is done by `bytes.find`, `re.findall` and one look per kind of line:
of a message that fills the log, the newest few hundred are looked at and the others only counted.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

BLOCK_BYTES = 1024 * 1024
LINE_BYTES = 16 * 1024  # of a longer line only the beginning is looked at
AFTER_BYTES = 1024  # lines without a date that follow a message belong to it
STARTING_BYTES = 64 * 1024  # what the Agent may write before it says that it has started
FIRST_WORDS = b" Features detected from environment"  # among the first lines of each program (7.52, 7.72.4)
HEAD_BYTES = 40
MANY = 100  # so many lines that begin alike are looked at, newest first

# `DATE | CORE | ERROR | (file.go:12 in Func) | message`, and the same as JSON (log_format_json); the group is the beginning of the message.
_AGENT_LINE = lazy(rb"\| (?:WARN|ERROR|CRITICAL) \| \([^|\n]{0,256}\) \| ([^\n]{0,%d})" % HEAD_BYTES)
_JSON_LINE = lazy(rb'"level":"(?:WARN|ERROR|CRITICAL)"[^\n]{0,600}?"msg":"([^\n]{0,%d})' % HEAD_BYTES)


class Hit(NamedTuple):
    """A line that may matter. `offset` is that of its first byte in the file; `text` is the line without its end, `after` what follows it (cut)."""

    offset: int
    text: bytes
    after: bytes


class Block(NamedTuple):
    """`data[begin:]` are whole lines; `offset` is that of `data[0]` in the file."""

    offset: int
    data: bytes
    begin: int


class Skim(NamedTuple):
    """What was read of a file. `start` is the offset of the newest start mark's line and `start_text` that line, None where none was met; `first` is that of the
    first line of the same process, None where it is not known. `read_from` is the offset that the reading got to; `uncounted` maps the beginnings of
    messages that were too many to look at to their number; `has_info` tells that the Agent writes INFO lines too.
    """

    size: int
    read_from: int
    start: int | None
    start_text: bytes
    first: int | None
    hits: list[Hit]
    uncounted: dict[bytes, int]
    has_info: bool


def newest_first(file: BinaryIO, size: int, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Blocks of whole lines from the end of `size` bytes to the beginning. Of a line longer than a block only its beginning is part of one.

    The file may grow meanwhile (the rest is not read) or be emptied (the reading ends). OSError where it cannot be read.
    """
    end = size
    while end > 0:
        start = max(0, end - block_bytes)
        file.seek(start)
        data = file.read(end - start)
        if len(data) < end - start:
            return
        begin = data.find(b"\n") + 1 if start else 0
        if start and begin in (0, len(data)):
            end = start  # the middle or the end of a very long line
            continue
        yield Block(start, data, begin)
        end = start + begin


def skim_agent_log(file: BinaryIO, start_mark: bytes, limit_bytes: int, limit_seconds: float) -> Skim:
    """Warnings and errors of a log that the Agent wrote, newest first, back to the start of the process and a little further: it says that it has
    started when much of that is done. An empty `start_mark`: there is none."""
    size = file.seek(0, os.SEEK_END)
    hits: list[Hit] = []
    seen: Counter[bytes] = Counter()
    uncounted: dict[bytes, int] = {}
    read_from, has_info = size, False
    start: Hit | None = None
    first: int | None = None
    until = time.monotonic() + limit_seconds
    for block in newest_first(file, size):
        data, begin = block.data, block.begin
        is_json = data.startswith(b"{", begin)
        pattern = _JSON_LINE if is_json else _AGENT_LINE
        heads = Counter(pattern.findall(data, begin))
        if any(seen[head] < MANY for head in heads):
            for match in reversed(list(pattern.finditer(data, begin))):
                head = match[1]
                seen[head] += 1
                if seen[head] <= MANY:
                    hits.append(_hit(block, match.start()))
                else:
                    uncounted[head] = uncounted.get(head, 0) + 1
        else:
            for head, count in heads.items():
                uncounted[head] = uncounted.get(head, 0) + count
        has_info = has_info or b'"level":"INFO"' in data or b"| INFO |" in data
        read_from = block.offset + begin
        if start is None and start_mark and (at := data.rfind(start_mark, begin)) >= 0:
            start = _hit(block, at)
        if start is not None:
            at = data.rfind(FIRST_WORDS, begin, min(len(data), start.offset - block.offset))
            if at >= 0:
                first = _hit(block, at).offset
            if at >= 0 or start.offset - read_from >= STARTING_BYTES:
                break
        if size - read_from >= limit_bytes or time.monotonic() > until:
            break
    if start is None:
        return Skim(size, read_from, None, b"", None, hits, uncounted, has_info)
    return Skim(size, read_from, start.offset, start.text, first, hits, uncounted, has_info)


def skim_for_words(file: BinaryIO, words: Sequence[bytes], limit_bytes: int, limit_seconds: float) -> Skim:
    """Lines of another log in which one of `words` stands, newest first; of each word at most MANY. The first word is the start mark, if it is not empty."""
    size = file.seek(0, os.SEEK_END)
    found: dict[int, Hit] = {}
    seen = [0] * len(words)
    read_from = size
    start: Hit | None = None
    until = time.monotonic() + limit_seconds
    for block in newest_first(file, size):
        for number, word in enumerate(words):
            at = len(block.data)
            while word and seen[number] < MANY and (at := block.data.rfind(word, block.begin, at)) >= 0:
                if number == 0:
                    start = _hit(block, at) if start is None else start
                    break
                seen[number] += 1
                hit = _hit(block, at)
                found[hit.offset] = hit
                at = max(block.begin, hit.offset - block.offset)  # once a line
        read_from = block.offset + block.begin
        if size - read_from >= limit_bytes or time.monotonic() > until:
            break
    hits = [found[offset] for offset in sorted(found, reverse=True)]
    return Skim(size, read_from, start.offset if start else None, start.text if start else b"", None, hits, {}, False)


def _hit(block: Block, at: int) -> Hit:
    data = block.data
    first = max(block.begin, data.rfind(b"\n", block.begin, at) + 1)
    last = data.find(b"\n", at)
    last = len(data) if last < 0 else last
    after = data[last + 1 : last + 1 + AFTER_BYTES]
    return Hit(block.offset + first, data[first : min(last, first + LINE_BYTES)].rstrip(b"\r"), after)


def edges(file: BinaryIO, count: int = 65536) -> tuple[bytes, bytes]:
    """The first and the last `count` bytes of a file."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    first = file.read(min(count, size))
    file.seek(max(0, size - count))
    return first, file.read(count)


def line_numbers(file: BinaryIO, offsets: Sequence[int], limit_bytes: int) -> dict[int, int]:
    """Offset → 1-based line number, for those within the first `limit_bytes`: a longer way is not worth it."""
    wanted = sorted(o for o in set(offsets) if o <= limit_bytes)
    found: dict[int, int] = {}
    line, here = 1, 0
    file.seek(0)
    for offset in wanted:
        while here < offset:
            data = file.read(min(BLOCK_BYTES, offset - here))
            if not data:
                return found
            line += data.count(b"\n")
            here += len(data)
        found[offset] = line
    return found
