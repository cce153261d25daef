"""Values as YAML text that the Agent decodes to exactly the same value and type.

A text stands without quotes only where no reader takes it for something else: the Agent (yaml.v2), a Python check (PyYAML) and YAML 1.2 disagree
about `y`, `0644`, `1e3`, `1:30`, `2001-12-14`, `08` (measured on 7.72.4), so all of those are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dddoctor.lazyre import lazy

_PLAIN = lazy(
    r"[A-Za-z_/][A-Za-z0-9_./@+~$^()<>;:=-]*(?: [A-Za-z0-9_./@+~$^()<>;=-][A-Za-z0-9_./@+~$^()<>;:=-]*)*", re.ASCII
)
_ADDRESS = lazy(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5}|/\d{1,2})?", re.ASCII)
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"])
_ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
}


class CannotEdit(Exception):
    """The edit cannot be made in this text; the message is the end of "not repaired, because …" and holds no text of the file but names of keys."""


def scalar_text(value: object, quote: str = "") -> str:
    """One scalar on one line, the same in block and flow style. `quote`: `'` or `"` to use where the value is a text and that quote can hold it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise CannotEdit(f"the Agent reads a number as large as {value} as a fraction")
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str):
        return _string_text(value, quote)
    raise CannotEdit(f"a value of type {type(value).__name__} has no certain form in YAML; write it in quotes")


def key_text(name: str, quote: str = "") -> str:
    """A mapping key. libyaml takes no implicit key over 1,024 characters."""
    text = _string_text(name, quote)
    if len(text) > 1000:
        raise CannotEdit("the key is too long")
    return text


def flow_text(value: object, quote: str = "") -> str:
    """Any value on one line: `[a, {b: 1}]`. `quote` is used for keys and texts alike."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key_text(_name(k), quote)}: {flow_text(v, quote)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow_text(v, quote) for v in value) + "]"
    return scalar_text(value, quote)


def stands_on_one_line(value: object) -> bool:
    """Whether block style writes the value behind its key: scalars, and collections without a single scalar such as `[{}]`."""
    if isinstance(value, Mapping):
        return not value
    if isinstance(value, list | tuple):
        return all(
            not isinstance(v, str) and isinstance(v, Mapping | list | tuple) and stands_on_one_line(v) for v in value
        )
    return True


def block_lines(value: object, step: int, list_offset: int) -> list[str]:
    """The lines of a value in block style, the first at column 0. `list_offset`: blanks between a key's column and the dashes below it."""
    if stands_on_one_line(value):
        return [flow_text(value)]
    lines: list[str] = []
    if isinstance(value, Mapping):
        for name, child in value.items():
            lines += pair_lines(key_text(_name(name)), child, step, list_offset)
    elif isinstance(value, list | tuple):
        for child in value:
            below = block_lines(child, step, list_offset)
            lines += ["- " + below[0], *indented(below[1:], 2)]
    return lines


def pair_lines(key: str, value: object, step: int, list_offset: int) -> list[str]:
    """`key: value` in block style; `key` is already text of YAML."""
    below = block_lines(value, step, list_offset)
    if stands_on_one_line(value):
        return [f"{key}: {below[0]}"]
    return [f"{key}:", *indented(below, list_offset if isinstance(value, list | tuple) else step)]


def indented(lines: list[str], blanks: int) -> list[str]:
    """The lines moved to the right; empty lines stay empty."""
    return [" " * blanks + line if line.strip() else line for line in lines]


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise CannotEdit(f"the key {key!r} is no text; write it in quotes")
    return key


def _float_text(value: float) -> str:
    if value != value:
        return ".nan"
    if value in (float("inf"), float("-inf")):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)


def _string_text(value: str, quote: str) -> str:
    if not quote and is_plain(value):
        return value
    # DEL, C1, line ends and the byte order mark are legal in no quotes, or folded there; lone surrogates nowhere
    can_stand = value.isprintable()
    if not can_stand or quote == '"' or (quote != "'" and '"' not in value and "\\" not in value):
        return '"' + "".join(c if c.isprintable() and c not in '"\\' else _escape(c) for c in value) + '"'
    return "'" + value.replace("'", "''") + "'"


def is_plain(value: str) -> bool:
    """Whether every reader takes these characters without quotes for this text, in block and in flow style."""
    if _ADDRESS.fullmatch(value):
        return True
    if not _PLAIN.fullmatch(value) or value.lower() in _WORDS:
        return False
    return not value.endswith(":") and ": " not in value


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if 0xD800 <= code <= 0xDFFF:
        raise CannotEdit("the value holds half a character, which no file can hold")
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
