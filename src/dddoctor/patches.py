"""Repairs as patches: what `--diff` prints, what a person agrees to, and what `patch -p1` accepts. Hunks that hold a secret are withheld and counted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Change, Create, Edit, Install, Mode, Owner, Remove, Rename, Service, Sql
from dddoctor.redaction import hidden_lines
from dddoctor.secrets import Vault

CONTEXT_LINES = 3
_HUNK = lazy(r"(?m)^(?=@@ )")
_RANGES = lazy(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class FilePatch(NamedTuple):
    """One file. `text` is a unified diff; `withheld` counts the hunks left out because they hold a secret."""

    path: str
    text: str
    withheld: int


def file_patch(
    path: str,
    before: bytes | None,
    after: bytes | None,
    vault: Vault,
    *,
    to: str | None = None,
    with_secrets: bool = False,
    secret_lines: frozenset[int] = frozenset(),
) -> FilePatch:
    """The unified diff of one file; None = the file is not there.

    Without `with_secrets` a hunk is withheld where one of its lines holds a secret, or a piece of one that only the whole file tells (the body of a private key).
    `secret_lines`: lines of the old text that are known to hold one.
    """
    new = to or path
    old_name = "/dev/null" if before is None else f"a{path}"
    new_name = "/dev/null" if after is None else f"b{new}"
    body = "".join(_diff(_lines(before), _lines(after), old_name, new_name))
    if not body or with_secrets:
        return FilePatch(new, body, 0)
    head, *hunks = _HUNK.split(body)
    hidden = (hidden_lines(before or b"", vault) | secret_lines, hidden_lines(after or b"", vault))
    is_wide = any(
        data is not None and data[:2] in (b"\xff\xfe", b"\xfe\xff") for data in (before, after)
    )  # its hunks cannot be looked into
    is_open = vault.show(head) == head and not (is_wide and any(hidden))
    kept = [h for h in hunks if is_open and not _touches(h, hidden) and vault.show(h) == h]
    withheld = len(hunks) - len(kept)
    return FilePatch(new, head + "".join(kept) if kept else "", withheld)


def _touches(hunk: str, hidden: tuple[frozenset[int], frozenset[int]]) -> bool:
    """Whether one of a hunk's lines is among the hidden ones of the old or of the new text."""
    numbers = _RANGES.match(hunk)
    if numbers is None:
        return True
    for start, count, lines in ((numbers[1], numbers[2], hidden[0]), (numbers[3], numbers[4], hidden[1])):
        first = int(start)
        if not lines.isdisjoint(range(first, first + (1 if count is None else int(count)))):
            return True
    return False


def _lines(data: bytes | None) -> list[str]:
    return data.decode("utf-8", "surrogateescape").splitlines(keepends=True) if data else []


def _diff(before: Sequence[str], after: Sequence[str], old_name: str, new_name: str) -> list[str]:
    """difflib's diff over lines split at "\\n" alone, with the mark that patch(1) expects where a last newline is missing."""
    old, new = _split("".join(before)), _split("".join(after))
    found = []
    for line in difflib.unified_diff(old, new, old_name, new_name, n=CONTEXT_LINES):
        found.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return found


def _split(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def in_words(change: Change) -> str:
    """A change that is no edit of text, as a line for people."""
    if isinstance(change, Mode):
        return f"chmod {change.after:04o} {change.path}   (is {change.before:04o})"
    if isinstance(change, Owner):
        return f"chown {change.after} {change.path}   (is {change.before})"
    if isinstance(change, Rename):
        return f"mv {change.path} {change.to}"
    if isinstance(change, Remove):
        return f"rm {change.path}"
    if isinstance(change, Create):
        return f"create {change.path}"
    if isinstance(change, Edit):
        return f"edit {change.file}"
    if isinstance(change, Install):
        return f"{change.environment}/bin/pip install {' '.join(change.packages)}"
    if isinstance(change, Service):
        return f"systemctl {change.action} {change.unit}"
    if isinstance(change, Sql):
        return change.text
    return " ".join(change.argv)
