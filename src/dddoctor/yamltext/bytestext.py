"""Bytes → text as the Agent's YAML reader does it: encodings, byte order marks, and the characters that it refuses."""

from __future__ import annotations

import codecs

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.yamltext.nodes import Document

# The Agent decodes its input in steps of 512 bytes, so bad bytes soon behind the first document still count (yaml.v2's reader; the exact step is not measured).
FAR_BEHIND_BYTES = 512

# Written as what is refused: as "none of what is allowed", up to U+10FFFF, it takes 4 ms to compile.
_REFUSED = lazy("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_CONTROL = "control characters are not allowed"


class BadCharacter(NamedTuple):
    """The first character (offset into the text) that the Agent's reader refuses, with its words."""

    offset: int
    message: str


def decode(document: Document) -> None:
    """Set text, encoding and bom_bytes. Bytes that are no UTF-8 become lone surrogates, so that every byte keeps its place."""
    data = document.data
    if data.startswith(codecs.BOM_UTF8):
        document.encoding, document.bom_bytes = "utf-8-sig", 3
        document.text = data[3:].decode("utf-8", "surrogateescape")
    elif data.startswith(codecs.BOM_UTF16_LE):
        document.encoding, document.bom_bytes = "utf-16-le", 2
        document.text = data[2:].decode("utf-16-le", "replace" if len(data) % 2 else "surrogatepass")
    elif data.startswith(codecs.BOM_UTF16_BE):
        document.encoding, document.bom_bytes = "utf-16-be", 2
        document.text = data[2:].decode("utf-16-be", "replace" if len(data) % 2 else "surrogatepass")
    else:
        document.text = data.decode("utf-8", "surrogateescape")


def bad_character(document: Document) -> BadCharacter | None:
    """The first character that is refused, None where all are fine."""
    text = document.text
    if text.startswith("\ufeff"):
        # The Agent itself accepts it, and drops the first letter of every later line at column 0 (measured): nothing good comes of such a file.
        return BadCharacter(0, "two byte order marks: every later line at column 0 loses its first letter")
    if text.isascii() and text.isprintable():
        return None
    match = _REFUSED.search(text)
    if match is None:
        return None
    offset = match.start()
    code = ord(text[offset])
    if document.encoding.startswith("utf-16"):
        return BadCharacter(offset, "incomplete UTF-16 surrogate pair" if 0xD800 <= code < 0xE000 else _CONTROL)
    if 0xDC80 <= code <= 0xDCFF:
        return BadCharacter(offset, _utf8_problem(document.data[document.byte_offset(offset) :][:4]))
    return BadCharacter(offset, _CONTROL)


def without_refused(text: str) -> str:
    """The text with a private character for each one that is refused."""
    return _REFUSED.sub("\ue000", text)


def has_only_newlines(text: str) -> bool:
    """Whether "\n" is all that ends lines here: libyaml also counts a lone "\r", NEL and the separators U+2028 and U+2029."""
    if "\r" in text and text.count("\r") != text.count("\r\n"):
        return False
    return text.isascii() or not ("\x85" in text or "\u2028" in text or "\u2029" in text)


def _utf8_problem(raw: bytes) -> str:
    """The reader's words for bytes that are no UTF-8."""
    first = raw[0]
    width = 2 if 0xC0 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4 if 0xF0 <= first < 0xF8 else 0
    if not width:
        return "invalid leading UTF-8 octet"
    if len(raw) < width:
        return "incomplete UTF-8 octet sequence"
    if any(byte & 0xC0 != 0x80 for byte in raw[1:width]):
        return "invalid trailing UTF-8 octet"
    value = first & (0x7F >> width)
    for byte in raw[1:width]:
        value = value << 6 | byte & 0x3F
    if value < (0x80, 0x800, 0x10000)[width - 2]:
        return "invalid length of a UTF-8 sequence"
    return "invalid Unicode character"
