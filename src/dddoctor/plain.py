"""A plain `dddoctor check …` read without typer, whose import takes longer than the check of a healthy host.

The options come from a table that tools/make_docs.py writes from the command line itself. What is not plain (a repair, a word that is no option, a value
that is missing, `--help`) is left to typer, which says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

OPTIONS = Path(__file__).parent / "data" / "check_options.txt"  # a line each: option, parameter, kind of its value


def read(words: Sequence[str]) -> dict[str, Any] | None:
    """The parameters of `checking.check` for the words behind `check`; None where typer must look."""
    known = {line[0]: line[1:] for line in map(str.split, OPTIONS.read_text(encoding="utf-8").splitlines())}
    found: dict[str, Any] = {}
    left = list(reversed(words))
    while left:
        option, has_value, value = left.pop().partition("=")
        if option not in known:
            return None
        parameter, kind = known[option]
        if kind == "flag":
            if has_value or parameter in found:
                return None
            found[parameter] = True
            continue
        if not has_value:
            value = left.pop() if left else ""
        if not value or (value.startswith("-") and value != "-"):
            return None
        if kind.endswith("s"):
            found.setdefault(parameter, []).append(Path(value) if kind == "paths" else value)
        elif parameter in found:
            return None
        else:
            found[parameter] = Path(value) if kind == "path" else value
            if kind == "number":
                try:
                    found[parameter] = float(value)
                except ValueError:
                    return None
    return found
