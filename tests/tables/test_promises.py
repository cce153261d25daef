"""What a collector promises so that it need not be called (`of`, `asks` of @table) is what it does."""

from __future__ import annotations

from typing import Any

import pytest

from dddoctor import tables
from dddoctor.hosts.base import Unavailable
from dddoctor.hosts.root import RootHost
from dddoctor.model import Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions

tables.load_all()


def _called(name: str, host: Any) -> list[Any]:
    """All that a collector yields on a host whose tables are empty."""
    collector = tables.COLLECTORS[name]
    given = {"host": host, "vault": Vault(), "options": RunOptions()}
    return list(collector.function(*[given.get(need, []) for need in collector.needs]))


@pytest.mark.parametrize("name", [c.name for c in tables.COLLECTORS.values() if c.of is not None])
def test_without_the_rows_it_speaks_of_a_collector_says_nothing(name: str, tmp_path: Any) -> None:
    """And the table is one that it needs, so that its gaps become gaps here."""
    collector = tables.COLLECTORS[name]

    assert collector.of in collector.needs
    assert _called(name, RootHost(tmp_path)) == []


class _Silent(RootHost):
    """Denies every question that a live host could answer."""

    def _nothing_runs(self, what: str) -> Any:
        raise Unavailable(Kind.DENIED, f"no {what} for you", "sudo")


@pytest.mark.parametrize("name", [c.name for c in tables.COLLECTORS.values() if c.asks is not None])
def test_what_a_collector_asks_first_is_what_stops_it(name: str, tmp_path: Any) -> None:
    """The obstacle is passed on as it is, before anything is yielded."""
    host = _Silent(tmp_path)
    collector = tables.COLLECTORS[name]
    assert collector.asks is not None
    with pytest.raises(Unavailable) as asked:
        getattr(host, collector.asks)()

    with pytest.raises(Unavailable) as passed_on:
        _called(name, host)

    assert (passed_on.value.kind, passed_on.value.reason) == (asked.value.kind, asked.value.reason)
