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
    """One function that fills `tables`. `limit_seconds` is how long the run waits for it. `of`, `asks`: see `table`."""

    name: str
    function: Callable[..., Iterator[Any]]
    needs: tuple[str, ...]
    limit_seconds: float
    of: str | None = None
    asks: str | None = None


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
    name: str,
    row: type[Any],
    *,
    complete_when: str | None = None,
    limit_seconds: float = 8.0,
    of: str | None = None,
    asks: str | None = None,
) -> Callable[[F], F]:
    """Register `row`'s table and its collector. The types of the columns come from the annotations as written (int, str, float, with or without None).

    Two promises of a collector, so that its module need not be imported where it has nothing to say (import and call take about 0.5 ms): `of` is a table
    that it needs, and without rows there it yields nothing; `asks` is a question of the host without arguments (processes, containers …) that it asks
    first of all, whatever else it knows, and whose Unavailable it passes on. Of stacked tables one gives them for all.
    """

    def register(function: F) -> F:
        collector = f"{function.__module__}.{function.__name__}"
        code = function.__code__
        known = COLLECTORS.get(collector)
        is_stacked = known is not None and known.function is function
        COLLECTORS[collector] = Collector(
            collector,
            function,
            code.co_varnames[: code.co_argcount],
            limit_seconds,
            of or (known.of if known is not None and is_stacked else None),
            asks or (known.asks if known is not None and is_stacked else None),
        )
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
            COLLECTORS[t.collector].of,
            COLLECTORS[t.collector].asks,
        ]
        for t in TABLES.values()
    ]


def restore(described: list[list[Any]]) -> None:
    """Fill the registry from `describe`'s data; a collector's module is imported when it is first called."""
    for name, collector, complete_when, columns, types, needs, limit_seconds, of, asks in described:
        if name not in TABLES:
            TABLES[name] = Table(name, tuple, collector, complete_when, tuple(columns), tuple(types), "")
            COLLECTORS.setdefault(
                collector, Collector(collector, _imported(collector), tuple(needs), limit_seconds, of, asks)
            )


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
