"""Edits of any document: random text in block and flow style with comments, against PyYAML's reading as an oracle of its own."""

from __future__ import annotations

import copy
import re
from typing import Any

import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dddoctor.yamltext import edits, read
from dddoctor.yamltext.edit_places import path_text
from dddoctor.yamltext.edit_text import applied
from dddoctor.yamltext.edits import CannotEdit

SCALARS = [
    "1",
    "word",
    "two words",
    "'single  # quoted'",
    '"double: \\" quoted"',
    "true",
    "3.5",
    "null",
    '"over\n{0}lines"',
    "http://h:80/#x",
]
VALUES: list[Any] = [
    45,
    True,
    None,
    "x",
    "yes",
    "a: b",
    "1e3",
    ["p", "1"],
    {"u": 1, "v": ["w"]},
    [],
    {},
    [{}],
    [{"q": "r"}, "s"],
]


class Writer:
    """Writes a random document as people do: block and flow style, any indentation, comments and blank lines. Each comment is there once."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.count = 0

    def number(self) -> int:
        self.count += 1
        return self.count

    def chance(self, of: int) -> bool:
        return self.draw(st.integers(1, of)) == 1

    def comment(self) -> str:
        return f" # c{self.number()}c" if self.chance(4) else ""

    def between(self, indent: int) -> list[str]:
        """Lines that mean nothing."""
        lines = []
        if self.chance(6):
            lines.append("")
        if self.chance(5):
            lines.append(" " * self.draw(st.integers(0, indent + 1)) + f"# c{self.number()}c")
        return lines

    def scalar(self, indent: int) -> str:
        return self.draw(st.sampled_from(SCALARS)).replace("{0}", " " * (indent + 2))

    def flow(self, depth: int) -> str:
        form = self.draw(st.integers(0, 3 if depth else 1))
        if form < 2:
            return self.draw(st.sampled_from(SCALARS[:8]))
        blank = self.draw(st.sampled_from(["", " "]))
        comma = self.draw(st.sampled_from(["", ",", ", "]))
        if form == 2:
            inside = ", ".join(self.flow(depth - 1) for _ in range(self.draw(st.integers(0, 3))))
            return f"[{blank}{inside}{comma if inside else ''}{blank}]"
        inside = ", ".join(f"k{self.number()}: {self.flow(depth - 1)}" for _ in range(self.draw(st.integers(0, 3))))
        return f"{{{blank}{inside}{comma if inside else ''}{blank}}}"

    def mapping(self, indent: int, depth: int) -> list[str]:
        """Lines with their indentation; at least one pair."""
        lines: list[str] = []
        for number in range(self.draw(st.integers(1, 3))):
            if number:
                lines += self.between(indent)
            head = " " * indent + f"k{self.number()}:"
            lines += self.value(head, indent, depth)
        return lines

    def value(self, head: str, indent: int, depth: int) -> list[str]:
        form = self.draw(st.integers(0, 6 if depth else 3))
        if form == 0:
            return [head + self.comment()]
        if form == 1:
            return [f"{head} {self.scalar(indent)}{self.comment()}"]
        if form == 2:
            return [f"{head} {self.flow(2)}{self.comment()}"]
        if form == 3:
            deeper = " " * (indent + 2)
            tail = self.draw(st.sampled_from([[], [""], ["", ""]]))
            return [
                f"{head} {self.draw(st.sampled_from(['|', '>-', '|+', '>']))}{self.comment()}",
                f"{deeper}text # of it",
                "",
                f"{deeper}  more",
                *tail,
            ]
        step = self.draw(st.integers(1, 4))
        if form == 4:
            return [head + self.comment(), *self.between(indent), *self.mapping(indent + step, depth - 1)]
        below = indent + (step if self.chance(2) else 0)
        return [head + self.comment(), *self.between(indent), *self.sequence(below, depth - 1)]

    def sequence(self, indent: int, depth: int) -> list[str]:
        lines: list[str] = []
        blanks = self.draw(st.integers(1, 3))
        for number in range(self.draw(st.integers(1, 3))):
            if number:
                lines += self.between(indent)
            dash, inner = " " * indent + "-", indent + 1 + blanks
            form = self.draw(st.integers(0, 4))
            if form == 0:
                lines.append(dash + self.comment())
            elif form == 1:
                lines.append(f"{dash}{' ' * blanks}{self.flow(1)}{self.comment()}")
            elif form == 2 and depth:
                below = self.sequence(inner, depth - 1)
                lines += [dash + " " * blanks + below[0].lstrip(" "), *below[1:]]
            elif form == 3:
                lines += [dash + self.comment(), *self.mapping(inner, max(depth - 1, 0))]
            else:
                below = self.mapping(inner, max(depth - 1, 0))
                lines += [dash + " " * blanks + below[0].lstrip(" "), *below[1:]]
        return lines


@st.composite
def documents(draw: st.DrawFn) -> str:
    writer = Writer(draw)
    lines = [*writer.between(0), *writer.mapping(0, 3), *writer.between(0)]
    text = "\n".join(lines) + draw(st.sampled_from(["\n", "\n", ""]))
    return draw(st.sampled_from(["", "\ufeff"])) + (text.replace("\n", "\r\n") if draw(st.booleans()) else text)


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in the data."""
    children: Any = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [p for key, child in children for p in [(*at, key), *places(child, (*at, key))]]


def at(data: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def load(text: str) -> Any:
    """PyYAML's reading, an oracle of its own: the documents here hold nothing that it reads otherwise than the Agent."""
    return yaml.load(text, yaml.CSafeLoader)


def typed(data: Any) -> Any:
    """Equal for equal values of equal types only."""
    if isinstance(data, dict):
        return {key: typed(value) for key, value in data.items()}
    return [typed(value) for value in data] if isinstance(data, list) else (type(data).__name__, data)


def has_only_meant_changes(before: str, after: str, data: Any) -> None:
    """Data as expected; no comment lost; line ends and BOM as before; the end of the file as before."""
    assert typed(load(after)) == typed(data)
    assert sorted(re.findall(r"# c\d+c", after)) == sorted(re.findall(r"# c\d+c", before))
    assert after.startswith("\ufeff") == before.startswith("\ufeff")
    if "\r\n" in before:
        assert "\n" not in after.replace("\r\n", "")
    else:
        assert "\r" not in after
    if after.strip("\ufeff") and "\n\n" not in before.replace("\r", ""):
        assert after.endswith("\n") == before.endswith("\n")


def run(text: str, operation: str, *arguments: Any) -> str:
    document = read(text.encode(), "other")
    return applied(document.data, getattr(edits, operation)(document, *arguments)).decode()


many = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@many
@given(documents(), st.data())
def test_setting_any_key_of_any_document(text: str, data: st.DataObject) -> None:
    """An existing value becomes another, or a mapping gets a new key, or new sections."""
    expected = load(text)
    path = data.draw(st.sampled_from(places(expected)))
    value = data.draw(st.sampled_from(VALUES))
    if isinstance(at(expected, path), dict) or (at(expected, path) is None and data.draw(st.booleans())):
        more = data.draw(st.sampled_from([("new",), ("new", "er")]))
        if at(expected, path) is None:
            at(expected, path[:-1])[path[-1]] = {}
        at(expected, path)[more[0]] = value if len(more) == 1 else {more[1]: value}
        path = (*path, *more)
    else:
        at(expected, path[:-1])[path[-1]] = value
    try:
        after = run(text, "set_key", path_text(path), value)
    except CannotEdit as refused:
        # What stands below a literal text at the end of a file without a last line end changes that text.
        assert "comment" in str(refused) or not text.endswith("\n"), refused
        return
    has_only_meant_changes(text, after, expected)


@many
@given(documents(), st.data())
def test_removing_any_key_of_any_document(text: str, data: st.DataObject) -> None:
    expected = load(text)
    path = data.draw(st.sampled_from(places(expected)))
    del at(expected, path[:-1])[path[-1]]
    try:
        after = run(text, "remove_key", path_text(path))
    except CannotEdit:
        assert "|+" in text or not text.endswith("\n")  # `|+` would take the blank lines that stay behind
        return
    has_only_meant_changes(text, after, expected or None)
    assert len(after) <= len(text) + 3


@many
@given(documents(), st.data())
def test_moving_any_key_of_any_document(text: str, data: st.DataObject) -> None:
    """Into any other mapping, or into each item of a list of mappings."""
    expected = load(text)
    paths = places(expected)
    path = data.draw(st.sampled_from([p for p in paths if isinstance(p[-1], str)]))
    homes = [p for p in [(), *paths] if isinstance(at(expected, p), dict) and p[: len(path)] != path]
    lists = [
        p
        for p in paths
        if isinstance(at(expected, p), list)
        and at(expected, p)
        and all(isinstance(i, dict) for i in at(expected, p))
        and p[: len(path)] != path
    ]
    home = data.draw(st.sampled_from([*homes, *((*p, None) for p in lists)]))
    value = copy.deepcopy(at(expected, path))
    new = data.draw(st.sampled_from(["new", path[-1]]))
    owners = at(expected, home[:-1]) if home and home[-1] is None else [at(expected, home)]
    assume(all(new not in owner for owner in owners))
    for owner in owners:
        owner[new] = copy.deepcopy(value)
    del at(expected, path[:-1])[path[-1]]
    try:
        after = run(text, "move_key", path_text(path), path_text((*home, new)))
    except CannotEdit:
        assert "|+" in text or not text.endswith("\n")  # `|+` takes the blank lines that stay behind
        return
    has_only_meant_changes(text, after, expected)


@many
@given(documents(), st.data())
def test_adding_an_item_to_any_list(text: str, data: st.DataObject) -> None:
    expected = load(text)
    lists = [p for p in places(expected) if isinstance(at(expected, p), list)]
    assume(lists)
    path = data.draw(st.sampled_from(lists))
    value = data.draw(st.sampled_from([v for v in VALUES if v is not None and v != {} and v != []]))
    if typed(value) not in typed(at(expected, path)):
        at(expected, path).append(value)
    try:
        after = run(text, "add_item", path_text(path), value)
    except CannotEdit:
        assert not text.endswith("\n")
        return
    has_only_meant_changes(text, after, expected)


@many
@given(documents(), st.data())
def test_renaming_any_key_changes_its_characters_only(text: str, data: st.DataObject) -> None:
    expected = load(text)
    path = data.draw(st.sampled_from([p for p in places(expected) if isinstance(p[-1], str)]))

    assert run(text, "rename_key", path_text(path), "renamed") == re.sub(rf"\b{path[-1]}\b", "renamed", text)
