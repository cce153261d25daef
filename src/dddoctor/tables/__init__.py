"""The registry of tables. A table is a NamedTuple (its fields are the columns) and a collector that yields its rows and gaps.

    class Listener(NamedTuple):
        '''One listening socket …'''
        port: int

    @table("listeners", Listener)
    def collect(host: Host) -> Iterator[Listener | Gap]: ...

A collector's parameters name what it needs, as pytest names fixtures: `host`, `vault` (dddoctor.secrets.Vault), `options` (RunOptions), or a table,
whose rows arrive as a list. One collector fills several tables when `@table` is stacked; its rows are told apart by their class.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from dddoctor.light import NamedTuple

BUILT_IN = ("host", "vault", "options")


class RunOptions(NamedTuple):
    """What the person asked for, as far as collectors care. `apps` are folders on the target (--app)."""

    apps: tuple[str, ...] = ()
    network: bool = False
    deep: bool = False


class Collector(NamedTuple):
    """One function that fills `tables`. `limit_seconds` is how long the run waits for it."""

    name: str
    function: Callable[..., Iterator[Any]]
    needs: tuple[str, ...]
    limit_seconds: float


class Table(NamedTuple):
    """`complete_when`: "table.column" that is 1 where this table's rows are all there (rules.md, outcomes)."""

    name: str
    row: type[Any]
    collector: str
    complete_when: str | None
    columns: tuple[str, ...]
    types: tuple[str, ...]
    doc: str


TABLES: dict[str, Table] = {}
COLLECTORS: dict[str, Collector] = {}

F = TypeVar("F", bound=Callable[..., Iterator[Any]])


def table(
    name: str, row: type[Any], *, complete_when: str | None = None, limit_seconds: float = 8.0
) -> Callable[[F], F]:
    """Register `row`'s table and its collector. The types of the columns come from the annotations as written (int, str, float, with or without None)."""

    def register(function: F) -> F:
        collector = f"{function.__module__}.{function.__name__}"
        code = function.__code__
        COLLECTORS[collector] = Collector(collector, function, code.co_varnames[: code.co_argcount], limit_seconds)
        types = tuple(
            str(t if isinstance(t, str) else getattr(t, "__forward_arg__", getattr(t, "__name__", t)))
            for t in row.__annotations__.values()
        )
        TABLES[name] = Table(
            name, row, collector, complete_when, tuple(row._fields), types, (row.__doc__ or "").strip()
        )
        return function

    return register


def describe() -> list[list[Any]]:
    """The registry as plain data: what `restore` takes, so that a run need not import the tables that it does not fill."""
    return [
        [
            t.name,
            t.collector,
            t.complete_when,
            t.columns,
            t.types,
            COLLECTORS[t.collector].needs,
            COLLECTORS[t.collector].limit_seconds,
        ]
        for t in TABLES.values()
    ]


def restore(described: list[list[Any]]) -> None:
    """Fill the registry from `describe`'s data; a collector's module is imported when it is first called."""
    for name, collector, complete_when, columns, types, needs, limit_seconds in described:
        if name not in TABLES:
            TABLES[name] = Table(name, tuple, collector, complete_when, tuple(columns), tuple(types), "")
            COLLECTORS.setdefault(collector, Collector(collector, _imported(collector), tuple(needs), limit_seconds))


def _imported(collector: str) -> Callable[..., Iterator[Any]]:
    def first_call(*arguments: Any) -> Iterator[Any]:
        importlib.import_module(collector.rpartition(".")[0])  # its @table calls replace the entries
        return COLLECTORS[collector].function(*arguments)

    return first_call


def load_all() -> None:
    """Import every table module of this package, so that TABLES is complete."""
    import pkgutil

    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
