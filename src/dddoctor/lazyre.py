"""Regular expressions that are compiled when first used: the hundred that a run may need cost more than the few that it does."""

from __future__ import annotations

import importlib
import re
import sys
from threading import get_ident
from typing import Any, AnyStr, cast

_compile = re.compile


class _Lazy:
    """Stands for a re.Pattern; its methods are the compiled pattern's own after the first use."""

    def __init__(self, pattern: str | bytes, flags: int) -> None:
        self._source, self._flags = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled: Any = _compile(self._source, self._flags)
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


def import_lazily(library: str) -> None:
    """Import a library so that the patterns of its modules are lazy ones. PyYAML's take 6 ms to compile, and its C parser needs none of them."""
    if library in sys.modules:
        return
    this_thread = get_ident()

    def compile_later(pattern: Any, flags: Any = 0) -> Any:
        is_its_own = get_ident() == this_thread and isinstance(pattern, (str, bytes))
        return _Lazy(pattern, flags) if is_its_own else _compile(pattern, flags)

    re.compile = compile_later
    try:
        importlib.import_module(library)
    finally:
        re.compile = _compile
