"""Fill the tables: run collectors in the order of their needs, each with a time limit, and keep what could not be looked at as gaps."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from dddoctor import tables
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.model import Gap, Kind
from dddoctor.sql import Database
from dddoctor.tables import Collector, RunOptions

BATCH_ROWS = 2000
BATCH_SECONDS = 0.5  # rows that come slowly are handed over after this time, so that the run hears of their collector
HELP_AFTER_SECONDS = (
    0.1  # when every running collector has been silent this long and others wait, one more worker starts
)
LONGEST_FACTOR = 15  # a collector that goes on yielding rows may take this many times its limit
MAX_WORKERS = 16
# Tables whose rows the engine, the repair loop and the report ask for as objects.
_KEPT_ROWS = frozenset({"agents", "config_files", "custom_checks", "os"})
# What a collector has passed through the vault itself, row by row.
_HIDDEN_ALREADY = frozenset({"pattern", "parent", "value", "source", "token", "text", "correction", "lost"})
# A name that could hold a secret: it sets something, or has a word as long as a token. Asking the vault about every path would cost 25 µs each.
_MAY_HOLD_SECRET = lazy(r"[=:@]|[A-Za-z0-9]{14}")


class Tables:
    """The tables of one run: a database, the gaps by table, and the rows as objects where a collector asks for them.

    Collectors run in daemon threads, so one that hangs for good (a dead mount) costs its time limit and never the exit.
    """

    def __init__(
        self,
        host: Host,
        vault: Any,
        options: RunOptions,
        limit_seconds: float | None = None,
        replaced: Mapping[str, list[Any]] | None = None,
    ) -> None:
        self.host, self.vault, self.options, self.limit_seconds = host, vault, options, limit_seconds
        self.database = Database(tables.TABLES.values())
        self.gaps: dict[str, list[Gap]] = {}
        self.failures: dict[str, tuple[str, str]] = {}  # table → (error, traceback): a bug of ours
        self.counts: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self._rows: dict[str, list[Any]] = {}
        self._wanted_rows: set[str] = {
            n for c in tables.COLLECTORS.values() for n in c.needs if n in tables.TABLES
        } | _KEPT_ROWS
        self._by_row: dict[type[Any], str] = {}
        self._of_collector: dict[str, list[str]] = {}
        for t in tables.TABLES.values():
            self._of_collector.setdefault(t.collector, []).append(t.name)
        self._names: dict[str, tuple[int, ...]] = {}  # table → the columns that hold names: of files, checks, modules
        self._harmless: set[str] = set()

    def ensure(self, names: Iterable[str]) -> None:
        """Collect these tables and what they need, where that has not happened yet. Never raises for a host's sake."""
        waiting = self._closure(names)
        if waiting:
            _Run(self, waiting).until_done()
            self.database.measure()

    def rows(self, name: str) -> list[Any]:
        return self._rows.get(name, [])

    def add_gap(self, table: str, gap: Gap) -> None:
        gap = gap._replace(where=self._hidden(gap.where), reason=self._hidden(gap.reason))
        known = self.gaps.setdefault(table, [])
        if gap not in known:
            known.append(gap)
            columns = ",".join(gap.columns) if gap.columns is not None else None
            self.database.insert("gaps", [(table, gap.where, gap.kind.value, gap.reason, gap.remedy, columns)])

    def _closure(self, names: Iterable[str]) -> dict[str, Collector]:
        found: dict[str, Collector] = {}
        todo = [n for n in names if n in tables.TABLES]
        while todo:
            name = todo.pop()
            collector = tables.COLLECTORS[tables.TABLES[name].collector]
            if name in self.counts or collector.name in found:
                continue
            found[collector.name] = collector
            todo += [n for n in collector.needs if n in tables.TABLES]
        return found

    def _arguments(self, collector: Collector) -> list[Any]:
        given: dict[str, Any] = {"host": self.host, "vault": self.vault, "options": self.options}
        return [given[n] if n in given else self._rows.get(n, []) for n in collector.needs]

    def _take(self, names: list[str], batch: list[Any]) -> None:
        """Rows and gaps of one collector, told apart by their class."""
        by_class: dict[type[Any], list[Any]] = defaultdict(list)
        for row in batch:
            by_class[row.__class__].append(row)
        for gap in by_class.pop(Gap, ()):
            for name in [gap.table] if gap.table else names:
                self.add_gap(name, gap)
        for row_class, found in by_class.items():
            name = self._by_row.get(row_class) or self._table_of(row_class)
            self.database.insert(name, self._without_secrets(name, found))
            self.counts[name] = self.counts.get(name, 0) + len(found)
            if name in self._wanted_rows:
                self._rows.setdefault(name, []).extend(found)

    def _table_of(self, row: type[Any]) -> str:
        """The table of a row's class; known once the collector's module is imported."""
        self._by_row = {t.row: t.name for t in tables.TABLES.values()}
        return self._by_row[row]

    def _without_secrets(self, table: str, rows: list[Any]) -> list[Any]:
        """The rows as the database holds them: a file, a check or a module whose *name* is a secret has a token for a name there.

        Collectors get the rows as they are, since they have to open those files. A repair refuses a token.
        """
        if table not in self._names:
            known = tables.TABLES[table]
            self._names[table] = tuple(
                i for i, c in enumerate(known.columns) if known.types[i].startswith("str") and c not in _HIDDEN_ALREADY
            )
        columns, hidden = self._names[table], {}
        for i in columns:  # few names stand in many rows
            for name in {row[i] for row in rows} - self._harmless:
                if name and (shown := self._hidden(name)) != name:
                    hidden[name] = shown
        if not hidden:
            return rows
        return [tuple(hidden.get(v, v) if i in columns else v for i, v in enumerate(row)) for row in rows]

    def _hidden(self, name: str) -> str:
        if self.vault is None or not _MAY_HOLD_SECRET.search(name):
            self._harmless.add(name)
            return name
        return str(self.vault.redact(name))

    def _finish(self, collector: Collector, seconds: float) -> None:
        self.seconds[collector.name] = seconds
        names = self._of_collector[collector.name]
        for name in names:
            count = self.counts.setdefault(name, 0)
            self.database.index(name, tables.TABLES[name].columns, count)
        # Rows that could not be read are missing in every table that is made from them.
        for needed in collector.needs:
            for gap in self.gaps.get(needed, ()):
                if gap.columns is None:
                    for name in names:
                        self.add_gap(name, gap._replace(table=None))

    def _give_up(self, collector: Collector, gap: Gap) -> None:
        """A collector that failed or took too long: its tables are empty and have one gap everywhere."""
        for name in self._of_collector[collector.name]:
            self.database.clear(name)
            self.counts[name] = 0
            self._rows[name] = []
            self.add_gap(name, gap)


class _Run:
    """One scheduling of collectors over worker threads."""

    def __init__(self, store: Tables, waiting: dict[str, Collector]) -> None:
        self.store, self.waiting = store, waiting
        self.results: SimpleQueue[tuple[str, Collector, Any]] = SimpleQueue()
        self.tasks: SimpleQueue[Collector | None] = SimpleQueue()
        self.running: dict[str, float] = {}  # since when
        self.heard: dict[str, float] = {}  # when rows last came
        self.queued: set[str] = set()
        self.abandoned: set[str] = set()
        self.workers = 0

    def until_done(self) -> None:
        self._queue_ready()
        self._start_worker()
        while self.waiting:
            try:
                what, collector, value = self.results.get(timeout=self._patience())
            except Empty:
                self._look_at_the_clock()
                continue
            if collector.name in self.abandoned:
                continue
            if what == "started":
                self.running[collector.name] = self.heard[collector.name] = value
            elif what == "rows":
                self.heard[collector.name] = time.monotonic()
                batch, taken = value
                self.store._take(self.store._of_collector[collector.name], batch)
                taken.release()
            else:
                if what == "done":
                    self.store._take(self.store._of_collector[collector.name], value)
                self._end(what, collector, value)
            if len(self.running) > 0 and what != "rows":
                self._look_at_the_clock()
        for _ in range(self.workers):
            self.tasks.put(None)

    def _end(self, what: str, collector: Collector, value: Any) -> None:
        started = self.running.pop(collector.name, time.monotonic())
        if what == "unavailable":
            self.store._give_up(collector, Gap("*", value.kind, value.reason, value.remedy))
        elif what == "failed":
            error, trace = value
            self.store._give_up(collector, Gap("*", Kind.TOOL, f"a bug of the doctor in {collector.name}: {error}"))
            for name in self.store._of_collector[collector.name]:
                self.store.failures[name] = (error, trace)
        self._leave(collector, time.monotonic() - started)

    def _leave(self, collector: Collector, seconds: float) -> None:
        del self.waiting[collector.name]
        self.store._finish(collector, seconds)
        self._queue_ready()

    def _queue_ready(self) -> None:
        """Hand out the collectors whose needs are there; those that speak of the rows of an empty table are done without being called."""
        names_waiting = {n for c in self.waiting.values() for n in self.store._of_collector[c.name]}
        for collector in self.waiting.values():
            if collector.name not in self.queued and not names_waiting & set(collector.needs):
                self.queued.add(collector.name)
                if collector.of is not None and not self.store.counts.get(collector.of):
                    self._leave(collector, 0.0)
                    return  # which has looked at the others
                self.tasks.put(collector)

    def _limit(self, collector: Collector) -> float:
        limit = self.store.limit_seconds
        return collector.limit_seconds if limit is None else min(limit, collector.limit_seconds)

    def _patience(self) -> float:
        now = time.monotonic()
        ends = [self.heard[n] + self._limit(self.waiting[n]) - now for n in self.running]
        return max(0.005, min([HELP_AFTER_SECONDS, *ends]))

    def _look_at_the_clock(self) -> None:
        now = time.monotonic()
        for name, started in list(self.running.items()):
            collector = self.waiting[name]
            limit = self._limit(collector)
            if now - self.heard[name] > limit or now - started > limit * LONGEST_FACTOR:
                self.abandoned.add(name)
                del self.running[name]
                self.store._give_up(
                    collector, Gap("*", Kind.TIMEOUT, f"did not answer within {limit:g} s", "--timeout")
                )
                self.workers -= 1  # its thread is lost
                self._leave(collector, now - started)
        is_stuck = self.running and min(now - self.heard[n] for n in self.running) > HELP_AFTER_SECONDS
        has_work = any(n in self.queued and n not in self.running for n in self.waiting)
        if has_work and self.workers < MAX_WORKERS and (is_stuck or self.workers == 0):
            self._start_worker()

    def _start_worker(self) -> None:
        self.workers += 1
        threading.Thread(target=self._work, name="dddoctor-collector", daemon=True).start()

    def _hand_over(self, collector: Collector, batch: list[Any]) -> None:
        """Give rows away and wait until they are in the database: two threads that compute at once would only take Python's lock from each other."""
        taken = threading.Lock()
        taken.acquire()
        self.results.put(("rows", collector, (batch, taken)))
        taken.acquire()  # for good, where the run has given this collector up

    def _work(self) -> None:
        while True:
            collector = self.tasks.get()
            if collector is None:
                return
            self.results.put(("started", collector, time.monotonic()))
            try:
                if collector.asks is not None:
                    with suppress(FileNotFoundError):  # there is none: for the collector to say
                        getattr(self.store.host, collector.asks)()
                batch: list[Any] = []
                since = time.monotonic()
                for row in collector.function(*self.store._arguments(collector)):
                    batch.append(row)
                    if len(batch) >= BATCH_ROWS or (len(batch) % 64 == 0 and time.monotonic() - since > BATCH_SECONDS):
                        self._hand_over(collector, batch)
                        batch, since = [], time.monotonic()
                self.results.put(("done", collector, batch))
            except Unavailable as error:
                self.results.put(("unavailable", collector, error))
            except InputError as error:
                self.results.put(("unavailable", collector, Unavailable(Kind.TOOL, str(error))))
            except Exception as error:  # our bug: the tables become unavailable, the run goes on
                import traceback

                self.results.put(("failed", collector, (f"{type(error).__name__}: {error}", traceback.format_exc())))
