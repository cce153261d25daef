"""Whole files for people: their lines, and what differs in them, without their secrets.

A line alone often does not tell: the body of a private key, an item of `community_strings`, a password on the line below its key. So the whole text is looked at,
and the lines keep their numbers.
"""

from __future__ import annotations

import re

from dddoctor.secrets import Vault, scan

CONTEXT_LINES = 3


def redacted_lines(data: bytes, vault: Vault) -> list[str]:
    """The lines of a file, split at "\\n" alone, with every secret as a token; a secret that fills several lines keeps their number."""
    text = _text(data)
    parts, position = [], 0
    for found in scan(text):
        secret = text[found.start : found.end]
        if "\n" in secret:
            parts += [text[position : found.start], vault.token(secret, found.kind), "\n" * secret.count("\n")]
            position = found.end
    kept = "".join([*parts, text[position:]])
    lines = vault.redact(kept).split("\n")
    if len(lines) == text.count("\n") + 1:
        return lines
    return [
        vault.redact(line) for line in kept.split("\n")
    ]  # a secret of several lines that another file taught: each of its lines is known


def hidden_lines(data: bytes, vault: Vault) -> frozenset[int]:
    """The numbers, from 1, of the lines that hold a secret or a piece of one."""
    raw = _text(data).split("\n")
    return frozenset(
        n for n, (line, shown) in enumerate(zip(raw, redacted_lines(data, vault), strict=True), 1) if line != shown
    )


def redacted_diff(before: bytes, after: bytes, old_name: str, new_name: str, vault: Vault) -> str:
    """A unified diff in which secrets are tokens; for people, not for patch(1). A change within a secret shows as a line taken out and put in again."""
    from difflib import SequenceMatcher

    old, new = _pieces(before), _pieces(after)
    old_shown, new_shown = redacted_lines(before, vault), redacted_lines(after, vault)
    out: list[str] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES):
        if not out:
            out += [f"--- {old_name}\n", f"+++ {new_name}\n"]
        first, last = group[0], group[-1]
        out.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n")
        for tag, a, b, c, d in group:
            if tag == "equal":
                out += [_marked(" ", old[n], old_shown[n]) for n in range(a, b)]
                continue
            out += [_marked("-", old[n], old_shown[n]) for n in range(a, b)]
            out += [_marked("+", new[n], new_shown[n]) for n in range(c, d)]
    return "".join(out)


def _pieces(data: bytes) -> list[str]:
    """The lines with their ends; nothing behind a last newline."""
    return re.findall(r"[^\n]*\n|[^\n]+", _text(data))


def _range(start: int, end: int) -> str:
    count = end - start
    return f"{start + 1}" if count == 1 else f"{start + (count > 0)},{count}"


def _marked(mark: str, raw: str, shown: str) -> str:
    return f"{mark}{shown}\n" if raw.endswith("\n") else f"{mark}{shown}\n\\ No newline at end of file\n"


def _text(data: bytes) -> str:
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
