"""Classes that are cheap to define behave as the library's own."""

from __future__ import annotations

import copy
import pickle
import typing

import pytest

from dddoctor.light import NamedTuple, field, record


class Row(NamedTuple):
    """A row."""

    file: str
    line: int = 1
    also: str | None = None

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


class Own(typing.NamedTuple):
    """The library's."""

    file: str
    line: int = 1
    also: str | None = None


@record
class Thing:
    """An object with a list of its own."""

    name: str
    size: int = 0
    items: list[str] = field(default_factory=list)


def test_a_row_is_a_tuple_with_names() -> None:
    """As typing.NamedTuple has it."""
    row, own = Row("/a", also="x"), Own("/a", also="x")

    assert (tuple(row), hash(row), Row._fields) == (tuple(own), hash(own), Own._fields)
    assert (row.file, row.line, row.also, row.place) == ("/a", 1, "x", "/a:1")
    assert row._asdict() == own._asdict()
    assert repr(row) == repr(own).replace("Own", "Row")
    assert row._replace(line=7) == Row("/a", 7, "x")
    assert Row._make(["/b", 2, None]) == Row("/b", 2)
    assert copy.copy(row) == row == pickle.loads(pickle.dumps(row))
    assert type(copy.copy(row)) is Row
    assert Row.__doc__ == "A row."


def test_a_row_can_be_matched() -> None:
    """By position, as other named tuples."""
    match Row("/a", 3):
        case Row(file, line):
            assert (file, line) == ("/a", 3)


def test_rows_and_things_stay_the_same_however_many_there_are() -> None:
    """After some objects a class gets a constructor of its own."""

    class Many(NamedTuple):
        """Of its own test."""

        a: int
        b: int = 2

    @record
    class Objects:
        """Of its own test."""

        a: int
        b: list[int] = field(default_factory=list)

    for n in range(100):
        assert (Many(n), Many(n, 3), Many(b=4, a=n)) == ((n, 2), (n, 3), (n, 4))
        thing = Objects(a=n)
        thing.b.append(n)
        assert (thing.a, thing.b, Objects(n, [5]).b) == (n, [n], [5])
        with pytest.raises(TypeError, match="missing"):
            Many(b=n)  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            Many(n, a=n)  # type: ignore[misc]
        with pytest.raises(TypeError):
            Objects(n, a=n)  # type: ignore[misc]


@pytest.mark.parametrize("wrong", [lambda: Row(), lambda: Row("/a", nothing=1), lambda: Row._make(["/a"])])  # type: ignore[call-arg]
def test_a_wrong_row_is_refused(wrong: typing.Callable[[], object]) -> None:
    """Missing, unknown, too few."""
    with pytest.raises(TypeError):
        wrong()
    with pytest.raises(ValueError, match="no field nothing"):
        Row("/a")._replace(nothing=1)  # type: ignore[call-arg]


def test_a_row_cannot_be_changed() -> None:
    """Nor get further attributes."""
    row: typing.Any = Row("/a")
    for name in ("file", "further"):
        with pytest.raises(AttributeError):
            setattr(row, name, "x")


def test_a_field_without_a_default_behind_one_that_has_one_is_refused() -> None:
    """When the class is defined."""
    with pytest.raises(TypeError, match="without a default"):
        exec(
            "from __future__ import annotations\nclass Bad(NamedTuple):\n    a: int = 1\n    b: int\n",
            {"NamedTuple": NamedTuple},
        )


def test_a_record_fills_its_fields() -> None:
    """By position or name; each object has its own list."""
    first, second = Thing("a", items=["x"]), Thing("b", 2)
    second.items.append("y")

    assert [(t.name, t.size, t.items) for t in (first, second, Thing("c"))] == [
        ("a", 0, ["x"]),
        ("b", 2, ["y"]),
        ("c", 0, []),
    ]
    with pytest.raises(TypeError):
        Thing()  # type: ignore[call-arg]
