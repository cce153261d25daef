"""Regular expressions that are compiled when first used: the hundred that a run may need cost more than the few that it does."""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


class _Lazy:
    """Stands for a re.Pattern; its methods are the compiled pattern's own after the first use."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._source, self._flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled: Any = re.compile(self._source, self._flags)
        for method in (
            "search",
            "match",
            "fullmatch",
            "split",
            "findall",
            "finditer",
            "sub",
            "subn",
            "pattern",
            "flags",
            "groups",
            "groupindex",
        ):
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazy(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As re.compile, but later. Give it to methods only: functions of `re` want a real pattern."""
    return cast("re.Pattern[AnyStr]", _Lazy(pattern, flags))
