"""MySQL's option files as its programs read them: groups, names of options, include directives. Values are never kept.

Source: mysys/my_default.c(c) of MySQL 9 and MariaDB 11; measured with my_print_defaults of MariaDB 10.11.
"""

from __future__ import annotations

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

INCLUDE_DEPTH = 10  # deeper directives are skipped with a warning (max_recursion_level)
_SPACE = " \t\r\n\v\f"
_NAME = lazy(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class Include(NamedTuple):
    """One directive. `line` counts from 1; `path` as written, without the blanks around it."""

    line: int
    is_folder: bool
    path: str


class OptionText(NamedTuple):
    """`groups`: group name → option names with dashes, in the order of the file. `fatal`: (line, what is wrong) where every program gives up."""

    groups: dict[str, list[str]]
    includes: list[Include]
    fatal: tuple[int, str] | None


def parse(data: bytes) -> OptionText:
    """Read one option file. What follows a fatal line is not read, as there."""
    groups: dict[str, list[str]] = {}
    includes: list[Include] = []
    lines = data.decode("utf-8", "replace").split("\n")
    current: list[str] | None = None
    for number, raw in enumerate(lines, 1):
        line = raw.lstrip(_SPACE)
        if not line or line[0] in "#;":
            continue
        if line[0] == "!":
            # The last character of a line is taken for its line feed, so a last line without one loses a character (measured).
            directive = _directive(line[1:] if number < len(lines) else line[1:-1] + "\n")
            if directive is not None and not directive[1]:
                return OptionText(groups, includes, (number, f"`!{directive[0]}` names nothing"))
            if directive is not None:
                includes.append(Include(number, directive[0] == "includedir", directive[1]))
        elif line[0] == "[":
            if "]" not in line:
                return OptionText(groups, includes, (number, "the group's name has no closing bracket"))
            current = groups.setdefault(line[1:].partition("]")[0].strip(_SPACE), [])
        elif current is None:
            return OptionText(groups, includes, (number, "an option stands before the first group"))
        else:
            name = _NAME.match(line)  # no more than a name: `password hunter2` without an equals sign must not travel
            if name:
                current.append(name[0].replace("_", "-"))
    return OptionText(groups, includes, None)


def _directive(text: str) -> tuple[str, str] | None:
    """(keyword, argument) of what follows the `!`; None for unknown words, which are passed over without a word."""
    text = text.lstrip(_SPACE)
    for keyword in ("includedir", "include"):
        rest = text[len(keyword) :]
        if text.startswith(keyword) and (not rest or rest[0] in _SPACE):
            return keyword, rest.strip(_SPACE)
    return None


def is_read_in_folder(name: str) -> bool:
    """Whether `!includedir` reads a file of that name: only `.cnf` on Unix, in lower case; hidden ones too (measured)."""
    return name.endswith(".cnf")


def in_words(text: OptionText) -> str:
    """What a file sets, by names: `[mysqld] port, bind-address; [client] socket`; empty where it sets nothing. Four options a group, then a count."""
    parts = []
    for group, names in text.groups.items():
        unique = list(dict.fromkeys(names))
        more = f" and {len(unique) - 4} more" if len(unique) > 4 else ""
        if unique and _NAME.fullmatch(group):
            parts.append(f"[{group}] {', '.join(unique[:4])}{more}")
    return "; ".join(parts)
