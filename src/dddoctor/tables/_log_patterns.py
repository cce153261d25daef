"""Which messages are known: data/log_patterns.json, matched one after the other.

Each pattern has an `id`; `by`, who writes it (agents: any of the Agent's programs; checks: a check within the Agent; kernel; mysql: the server; app: a
traced app); `has`, words of which one stands in every such message (a cheap look before the expression); `match`, the expression, whose groups are
name, address, path and amount. `ends`: the program ends with it. `every`: it comes again within so many seconds while its cause lasts (0: it is said once, at the start).
`each`: of different names (or paths) each is a row of its own. The first that fits wins, so that special ones stand before general ones.

Sources: the Agent's texts as recorded with 7.52 and 7.72.4 and as its source has them; MySQL's mysys/my_default.c and errmsg; the kernel's mm/oom_kill.c.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

from dddoctor.datafiles import catalogue
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

OTHER = "other"
_CACHE_LIMIT = 4096


class Pattern(NamedTuple):
    id: str
    by: str
    has: tuple[str, ...]
    expression: Any
    ends: bool
    every: float
    each: bool


class Match(NamedTuple):
    """`amount` is the number that the pattern captures, in the unit that the message has; NULL for any group that the message lacks."""

    pattern: Pattern
    name: str | None
    address: str | None
    path: str | None
    amount: float | None


class Patterns:
    """The known messages. Compiled when first asked."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, bool, str], Match | None] = {}

    @cached_property
    def _known(self) -> list[Pattern]:
        return [
            Pattern(
                p["id"],
                p["by"],
                tuple(p["has"]),
                lazy(p["match"], re.S),
                bool(p.get("ends")),
                float(p.get("every", 0)),
                bool(p.get("each")),
            )
            for p in catalogue("log_patterns.json")["patterns"]
        ]

    @cached_property
    def _noise(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{n})" for n in catalogue("log_patterns.json")["noise"]))

    def words(self, writer: str) -> list[str]:
        """The words of which one stands in every known message of a writer."""
        return [word for pattern in self._known if pattern.by == writer for word in pattern.has]

    def match(self, writer: str, message: str, check_name: str | None = None) -> Match | None:
        """What a message of `writer` (agents, kernel, mysql) says; None where it is not known. `check_name`: the check that logged it."""
        key = (writer, check_name is not None, message)
        if key not in self._found:
            if len(self._found) > _CACHE_LIMIT:
                self._found.clear()
            self._found[key] = self._match(writer, message, check_name is not None)
        return self._found[key]

    def _match(self, writer: str, message: str, is_check: bool) -> Match | None:
        for pattern in self._known:
            if pattern.by != writer and not (pattern.by == "checks" and is_check and writer == "agents"):
                continue
            if not any(word in message for word in pattern.has):
                continue
            found = pattern.expression.search(message)
            if found is not None:
                groups = found.groupdict()
                return Match(
                    pattern,
                    groups.get("name"),
                    groups.get("address"),
                    groups.get("path"),
                    _number(groups.get("amount")),
                )
        return None

    def is_noise(self, message: str) -> bool:
        """Whether a sound Agent says this too, or a rule about files tells it better."""
        return self._noise.search(message) is not None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
