"""What the Agent answers in JSON, read so that nothing in it can surprise: log lines before it, an end that is missing, keys of any version, wrong types."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_PIECE = lazy(r'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.S)
_START = lazy(r"^[ \t]*\{", re.M)
_ZONE = lazy(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))"
)  # as Go writes a time in JSON (RFC 3339)


class Document(NamedTuple):
    """An answer. `is_whole` is False where its end was missing: then only the parts before it are there."""

    values: Mapping[str, Any]
    is_whole: bool


def document(text: str) -> Document | None:
    """The JSON object in a command's output, which may have log lines before and after it; None where there is none.

    Each `{` that begins a line is tried: a log line may begin with one.
    """
    decoder = json.JSONDecoder(strict=False)  # a control character in an error text is no reason to read nothing
    starts = [m.end() - 1 for m in _START.finditer(text)][:50]
    for start in starts:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and found:
            return Document(found, True)
    for start in starts:
        part = _closed(text, start)
        try:
            found = decoder.decode(part) if part else None
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and found:
            return Document(found, False)
    return None


def _closed(text: str, start: int) -> str | None:
    """The object from `start` up to its last whole member, closed; None where not even one is whole."""
    depth, end = 0, None
    for piece in _PIECE.finditer(text, start):
        mark = piece[0]
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        elif mark == "," and depth == 1:
            end = piece.start()
        if depth == 0:
            return None  # it ends by itself, so it is damaged in another way
    return None if end is None else text[start:end] + "}"


def mapping(value: Any) -> Mapping[str, Any]:
    """The mapping, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    """The list, or an empty one for anything else."""
    return value if isinstance(value, list) else ()


def words(value: Any) -> str:
    """The text without blanks around it; "" for anything that is none."""
    return value.strip() if isinstance(value, str) else ""


def number(value: Any) -> float | None:
    """A finite number; numbers in quotes count, booleans do not."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """A number without its fraction that SQLite can hold; the Agent writes counters as floats too."""
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**63 else None


def moment(value: Any) -> float | None:
    """Seconds since the epoch of a time as the Agent writes it: seconds (up to 7.52), RFC 3339 (7.72.4). None for zero, which means never."""
    seconds = number(value)
    if seconds is None and isinstance(value, str) and (found := _ZONE.search(value)):
        import datetime

        year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
        try:
            when = datetime.datetime(
                int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=datetime.timezone.utc
            )
        except ValueError:
            return None
        seconds = when.timestamp() + float(fraction or 0)
        seconds -= (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    return seconds if seconds is not None and seconds > 0 else None
