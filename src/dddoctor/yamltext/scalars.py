"""Plain scalars and tags as the Agent resolves them.

Source: the resolver of gopkg.in/yaml.v2 v2.4.0, which decodes conf.d and datadog.yaml in Agent 7.52 and 7.72.4; verdicts and values measured on 7.72.4.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache

from dddoctor.lazyre import lazy

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_WORDS: dict[str, tuple[str, object]] = {
    **dict.fromkeys(_TRUE, ("bool", True)),
    **dict.fromkeys(_FALSE, ("bool", False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), ("null", None)),
    **{word: ("float", float("nan")) for word in (".nan", ".NaN", ".NAN")},
    **{sign + word: ("float", float("inf")) for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **{"-" + word: ("float", float("-inf")) for word in (".inf", ".Inf", ".INF")},
}
_LOOKS_NUMERIC = frozenset("0123456789+-.")
_FLOAT = lazy(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_DOT_FLOAT = lazy(r"\.[0-9]+([eE][-+]?[0-9]+)?", re.ASCII)
_INT = lazy(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))", re.ASCII)
_TIME = lazy(
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:(?:[Tt]|[ ]+)\d{1,2}:\d{1,2}:\d{1,2}(?:\.\d+)?(?:[ ]?(?:Z|[-+]\d{2}:\d{2}))?)?",
    re.ASCII,
)
_CORE = "tag:yaml.org,2002:"
_RESOLVED_TAGS = {"str", "bool", "int", "float", "null", "timestamp"}


class Undecodable(Exception):
    """A scalar that its own tag forbids; the text is the Agent's (after "yaml: ")."""


@lru_cache(maxsize=4096)
def resolve_plain(text: str) -> tuple[str, object]:
    """The type (str, int, float, bool, null) and value of an untagged plain scalar. Time stamps are text."""
    known = _WORDS.get(text)
    if known is not None:
        return known
    if text[0] not in _LOOKS_NUMERIC:
        return "str", text
    return _number(text)


def _number(text: str) -> tuple[str, object]:
    if text[0] == ".":
        return ("float", float(text)) if _DOT_FLOAT.fullmatch(text) else ("str", text)
    plain = text.replace("_", "")
    match = _INT.fullmatch(plain)
    if match:
        sign, hexadecimal, binary, octal, decimal = match.groups()
        digits, base = next((d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d)
        if len(digits) <= 64:
            number = int(sign + digits, base)
            if -(2**63) <= number < 2**63 or (not sign and number < 2**64):
                return "int", number
    if _FLOAT.fullmatch(plain):
        value = float(plain)
        if abs(value) != float("inf"):
            return "float", value
    return "str", text


def _is_time(text: str) -> bool:
    """Whether text is a time stamp. It is a text in any case, for no number looks like one, so only a tag cares."""
    match = _TIME.fullmatch(text)
    if not match:
        return False
    month, day = int(match["month"]), int(match["day"])
    return 1 <= month <= 12 and 1 <= day <= 31


def short_tag(tag: str) -> str:
    """`!!int` for the long form, else the tag as it is."""
    return "!!" + tag[len(_CORE) :] if tag.startswith(_CORE) else tag


def resolve_tagged(tag: str, text: str) -> tuple[str, object]:
    """The same for a scalar with an explicit tag. Unknown tags are ignored and give text. Raises Undecodable."""
    name = tag[len(_CORE) :] if tag.startswith(_CORE) else ""
    if name == "binary":
        return "str", _from_base64(text)
    if name not in _RESOLVED_TAGS or name == "str":
        return "str", text
    found, value = resolve_plain(text)
    if name == "timestamp":
        if text and _is_time(text):
            return "str", text
    elif name == found:
        return found, value
    elif name == "float" and found == "int":
        return "float", float(value)  # type: ignore[arg-type]
    actual = "timestamp" if found == "str" and name != "timestamp" and _is_time(text) else found
    raise Undecodable(f"cannot decode !!{actual} `{text}` as a !!{name}")


def _from_base64(text: str) -> str | bytes:
    """Text where the bytes are UTF-8, else the bytes."""
    try:
        raw = base64.b64decode(text.replace("\n", "").replace("\r", "").encode(), validate=True)
    except (binascii.Error, ValueError):
        raise Undecodable("!!binary value contains invalid base64 data") from None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw
