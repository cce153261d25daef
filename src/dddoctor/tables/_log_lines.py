"""Lines of logs as their writers write them: the Agent's two formats, journalctl's, syslog's and auditd's, MySQL's. Pure functions on text, and the target's clock."""

from __future__ import annotations

import contextlib
import json
import re
import struct
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_DATE = r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)?"
# pkg/config/logs/log_format.go: `2024-07-02 10:40:18 EDT | CORE | ERROR | (pkg/a.go:7 in F) | message`; log_format_rfc3339: `2024-07-02T10:40:18-04:00`.
_AGENT = lazy(
    _DATE + r"(?: ?(Z|[A-Z][A-Za-z]{1,5}|[+-]\d\d(?::?\d\d)?))? \| ([A-Z0-9-]+) \| ([A-Z]+) \| \([^|]{0,300}\) \| (.*)",
    re.S,
)
# What a check logs: `check:NAME | …`, `NAME:ID | (file.py:12) | …`, `NAME:INSTANCE:ID | …`, `- | (core.py:7) | …` (no check is known).
_CONTEXT = lazy(r"check:([\w.-]+)(?::[^|\s]+)? \| |(-|[A-Za-z_][\w.-]*)(?::[^|\s]+)? \| \(\w[\w.-]*\.py:\d+\) \| ")
# `journalctl -o short-iso`, rsyslog's two formats: `Nov 24 07:25:19 host agent[81]: …`, `2026-11-24T07:25:19+0000 host agent[81]: …`.
_SYSTEM = lazy(
    r"(?:"
    + _DATE
    + r"(Z|[+-]\d\d:?\d\d)|([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d:\d\d:\d\d)(?:\.\d+)?) \S+ ([^\s:\[]+)(?:\[\d+\])?: (.*)",
    re.S,
)
_AUDIT = lazy(r"type=\w+ msg=audit\((\d+)\.\d+:\d+\): (.*)", re.S)
# MySQL 5.7 and later in UTC (`2026-11-24T07:25:19.123456Z`) or local, MariaDB `2026-11-24  7:25:19`, older servers `261124  7:25:19`.
_MYSQL = lazy(
    r"(?:(\d{4})-(\d\d)-(\d\d)|(\d\d)(\d\d)(\d\d))(?:T| {1,2})(\d{1,2}:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)? (.*)",
    re.S,
)
# The scrubber can put `"********"` over a part of the text and its quotes, so that the string may end early.
_CHECK_ERROR = lazy(r'"message": ?"((?:[^"\\]|\\.)*)"')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BEGINS = lazy(
    r"\d{4}-\d\d-\d\d|\d{6} |[A-Z][a-z]{2} [ \d]\d \d\d:|\{|type="
)  # a line of its own, not the rest of the one before
_CONTROL = lazy(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]+")


class Line(NamedTuple):
    """One message. `at` is in seconds since the epoch, None where the line has no date or its zone is not known; `program` is the writer's name as it
    stands there (`agent`, `kernel`, `mysqld`), `level` in lower case (critical, error, warn, info …), None where the format has none."""

    at: float | None
    program: str | None
    level: str | None
    message: str


class Clock:
    """Dates of the target. Zone names are understood where they are UTC's or those of the target's own /etc/localtime: `CST` alone can mean three zones."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @cached_property
    def _local(self) -> Any:
        """The target's time zone, by its own file or by the name that the link has; None where neither tells it (its clock is then taken for UTC)."""
        from io import BytesIO
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        file = "/etc/localtime"
        try:
            return ZoneInfo.from_file(BytesIO(self._host.read(file)))
        except (FileNotFoundError, InputError, Unavailable, ValueError, EOFError, IndexError, struct.error):
            pass
        try:
            return ZoneInfo(self._host.readlink(file).partition("/zoneinfo/")[2])
        except (FileNotFoundError, InputError, Unavailable, ValueError, OSError, ZoneInfoNotFoundError):
            return None

    def epoch(self, date: str, time: str, zone: str | None) -> float | None:
        """Seconds since the epoch of `2026-11-24`, `7:25:19` and a zone: a name, an offset (`Z`, `+01`, `-0330`, `+05:30`) or None for local time."""
        try:
            year, month, day = (int(p) for p in date.split("-"))
            hour, minute, second = (int(p) for p in time.split(":"))
            naive = datetime(year, month, day, hour, minute, min(second, 59))
            if zone in ("UTC", "GMT", "Z"):
                return naive.replace(tzinfo=timezone.utc).timestamp()
            if zone is not None and zone[0] in "+-":
                digits = zone[1:].replace(":", "").ljust(4, "0")
                offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
                return naive.replace(tzinfo=timezone(offset if zone[0] == "+" else -offset)).timestamp()
            if self._local is None:
                return None if zone is not None else naive.replace(tzinfo=timezone.utc).timestamp()
            for fold in (0, 1):
                aware = naive.replace(tzinfo=self._local, fold=fold)
                if zone is None or aware.tzname() == zone:
                    return aware.timestamp()
        except (ValueError, OverflowError, OSError):
            pass
        return None

    def epoch_without_year(self, month: str, day: str, time: str, not_after: float) -> float | None:
        """As `epoch`, of `Nov`, `24` and local time: the last such day before `not_after` (and a day's grace)."""
        if month not in _MONTHS:
            return None
        year = datetime.fromtimestamp(max(0.0, not_after), timezone.utc).year
        for candidate in (year, year - 1):
            at = self.epoch(f"{candidate}-{_MONTHS.index(month) + 1}-{day}", time, None)
            if at is not None and at <= not_after + 86400:
                return at
        return None


def agent_line(text: str, clock: Clock) -> Line | None:
    """A line of a log that an Agent wrote; None for one in another format (the rest of a message, a panic)."""
    if text.startswith("{"):
        return _json_line(text, clock)
    match = _AGENT.match(text)
    if match is None:
        return None
    date, time, zone, logger, level, message = match.groups()
    return Line(clock.epoch(date, time, zone), logger.lower(), level.lower(), message)


def _json_line(text: str, clock: Clock) -> Line | None:
    first, _, rest = text.partition("\n")
    try:
        entry = json.loads(first)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("msg"), str):
        return None
    dated = re.match(_DATE + r" ?(Z|[A-Z][A-Za-z]{1,5}|[+-]\d\d(?::?\d\d)?)?$", str(entry.get("time", "")))
    at = clock.epoch(*dated.groups()) if dated else None
    return Line(
        at, str(entry.get("agent", "")).lower() or None, str(entry.get("level", "")).lower() or None, entry["msg"]
    )


def of_check(message: str) -> tuple[str | None, str]:
    """(name of the check that logged it, the message without that). Checks log as `check:NAME | …` or `NAME:ID | (file.py:12) | …`."""
    match = _CONTEXT.match(message)
    if match is None:
        return None, message
    name = match[1] or match[2]
    return (name if name not in ("-", "unknown") else None), message[match.end() :]


def error_of_check(message: str) -> str:
    """`Error running check: TEXT` with the error itself as the text. Python checks have JSON there (`[{"message": "…", "traceback": "…"}]`), scrubbed by
    the Agent and perhaps no JSON any more, or a bare traceback, whose last line is the error."""
    begin = "Error running check: "
    if not message.startswith(begin):
        return message
    text = message[len(begin) :]
    if text.startswith("[{"):
        found = _CHECK_ERROR.search(text)
        if found is None:
            return message
        error = found[1]
        with contextlib.suppress(ValueError):
            error = str(json.loads(f'"{error}"'))
        if not error.strip():  # an exception without words: its class ends the traceback
            lines = text.rstrip('"}] ').split("\\n")
            error = next((line for line in reversed(lines) if line.strip()), "")
        return begin + error
    if "Traceback (most recent call last):" in text:
        lines = [line for line in text.split("\n") if line.strip()]
        return begin + lines[-1].strip()
    return message


def system_line(text: str, clock: Clock, not_after: float) -> Line | None:
    """A line of the journal's text, of syslog or of audit.log. `not_after` (seconds since the epoch) settles the year where the line has none."""
    match = _SYSTEM.match(text)
    if match is None:
        audit = _AUDIT.match(text)
        return Line(float(audit[1]), "kernel", None, audit[2]) if audit else None
    date, time, zone, month, day, clock_time, program, message = match.groups()
    at = clock.epoch(date, time, zone) if date else clock.epoch_without_year(month, day, clock_time, not_after)
    return Line(at, program, None, message)


def mysql_line(text: str, clock: Clock) -> Line:
    """A line of MySQL's or MariaDB's error log; those that come before the log is open have no date."""
    match = _MYSQL.match(text)
    if match is None:
        return Line(None, "mysqld", None, text)
    year, month, day, short_year, short_month, short_day, time, zone, message = match.groups()
    date = f"{year}-{month}-{day}" if year else f"20{short_year}-{short_month}-{short_day}"
    return Line(clock.epoch(date, time, zone), "mysqld", None, message)


def with_rest(text: str, after: str) -> str:
    """A line and what follows it without a date: the rest of its message, at most three lines."""
    rest = []
    for line in after.split("\n")[:3]:
        if not line.strip() or _BEGINS.match(line):
            break
        rest.append(line.rstrip())
    return "\n".join([text, *rest])


def printable(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", text).split())
