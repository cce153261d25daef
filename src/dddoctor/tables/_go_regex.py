"""Why the Agent cannot compile a regular expression: what Go's regexp refuses, told from the text alone.

Only what is certain is told; a pattern that passes here may still be refused (a repetition that is too large).

Source: regexp/syntax of Go 1.20 to 1.26 (RE2: no look-around, no back-references); the words are those of its errors.
"""

from __future__ import annotations

UNCLOSED_GROUP = "a parenthesis is opened and not closed"
UNOPENED_GROUP = "a parenthesis is closed that none opened"
UNCLOSED_CLASS = "a bracket `[` is not closed"
TRAILING_BACKSLASH = "it ends in a backslash"
NOTHING_TO_REPEAT = "a repetition sign has nothing before it"
REPEATED_TWICE = "two repetition signs stand in a row"
LOOK_AROUND = "it looks ahead or behind, `(?=`, `(?!` or `(?<`, which the Agent's language Go does not have"
BACK_REFERENCE = "it refers back to a group, `\\1`, which the Agent's language Go does not have"
_ESCAPES = frozenset("aAbBdDfnrtvwWsSzpPQx")


def defect(pattern: str) -> str | None:
    """What makes Go refuse the pattern, as a sentence's end; None where nothing is certain."""
    depth = 0
    repeatable = False  # whether what stands before can be repeated
    just_repeated = False
    at, end = 0, len(pattern)
    while at < end:
        char = pattern[at]
        is_repetition = False
        if char == "\\":
            if at + 1 == end:
                return TRAILING_BACKSLASH
            if pattern[at + 1] == "Q":
                close = pattern.find("\\E", at + 2)
                at = end if close < 0 else close + 2
                repeatable, just_repeated = True, False
                continue
            found = _escape(pattern, at)
            if found is not None:
                return found
            at += 2
            repeatable = True
        elif char == "[":
            close = _class_end(pattern, at)
            if close < 0:
                return UNCLOSED_CLASS
            at = close
            repeatable = True
        elif char == "(":
            if pattern.startswith(("(?=", "(?!", "(?<=", "(?<!"), at):
                return LOOK_AROUND
            if pattern.startswith("(?", at):
                flags = _flags_end(pattern, at)
                if flags is not None:  # `(?i)` opens no group
                    at, just_repeated = flags, False
                    continue
            depth += 1
            at += 3 if pattern.startswith("(?", at) else 1
            repeatable = False
        elif char == ")":
            if not depth:
                return UNOPENED_GROUP
            depth -= 1
            at += 1
            repeatable = True
        elif char in "*+?":
            if just_repeated and char != "?":
                return REPEATED_TWICE
            if not repeatable and not just_repeated:
                return NOTHING_TO_REPEAT
            is_repetition = not just_repeated  # `*?` is one sign; a third one would be a second repetition
            at += 1
        else:
            repeatable = char != "|"
            at += 1
        just_repeated = is_repetition
    return UNCLOSED_GROUP if depth else None


def _escape(pattern: str, at: int) -> str | None:
    char = pattern[at + 1]
    if char in "123456789":
        follows = pattern[at + 2 : at + 3]
        is_octal = char < "8" and follows != "" and follows in "01234567"
        return None if is_octal else BACK_REFERENCE
    if char.isascii() and char.isalpha() and char not in _ESCAPES:
        return f"it has `\\{char}`, which Go does not know"
    return None


def _class_end(pattern: str, at: int) -> int:
    """Where a `[…]` that begins at `at` is over, or -1. A `]` at its very beginning is a character of it."""
    position = at + 1
    if pattern.startswith("^", position):
        position += 1
    first = True
    while position < len(pattern):
        if pattern[position] == "]" and not first:
            return position + 1
        first = False
        if pattern[position] == "\\":
            position += 2
        elif pattern.startswith("[:", position) and (close := pattern.find(":]", position)) >= 0:
            position = close + 2
        else:
            position += 1
    return -1


def _flags_end(pattern: str, at: int) -> int | None:
    """Where `(?flags)` is over; None where a group with content begins."""
    close = pattern.find(")", at)
    if close < 0:
        return None
    return close + 1 if set(pattern[at + 2 : close]) <= set("imsU-") else None
