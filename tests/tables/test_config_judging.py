"""A large host's check files are judged in a second process: the rows must be the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.secrets import Vault
from dddoctor.tables import _config_judging, agents, configuration
from dddoctor.tables._config_judging import Judging

KEY = "0123456789abcdef00000000000c0ffe"
PASSWORD = "correct-Horse-7-battery"


def make(root: Path, count: int) -> RootHost:
    """Files of every kind; some hold secrets, one repeats a secret of another where no key names it."""
    folder = root / "etc/datadog-agent/conf.d/http_check.d"
    folder.mkdir(parents=True)
    (root / "etc/datadog-agent/datadog.yaml").write_text("api_key: " + KEY + "\n")
    texts = [
        "instances:\n  - {name: a, url: 'http://a'}\n",
        "instances:\n  - name: a\n   url: b\n",
        "",
        f"instances:\n  - name: a\n    password: {PASSWORD}\n",
        f"instances:\n  - name: {PASSWORD}\n",
        "logs: [{type: file, path: /var/log/x}]\n",
        "init_config:\n\ttimeout: 1\n",
        "insatnces: []\ninstances: [{}]\n# \ue0d0\n",
    ]
    for number in range(count):
        (folder / f"{number:04}.yaml").write_text(texts[number % len(texts)])
    (folder / "link.yaml").symlink_to("0000.yaml")
    (folder / "gone.yaml").symlink_to("nowhere.yaml")
    return RootHost(root)


def rows_of(host: RootHost) -> list[Any]:
    """All rows, secrets as they are shown: tokens are random."""
    vault = Vault()
    found = list(configuration.collect(host, vault, [a for a in agents.collect(host) if isinstance(a, agents.Agent)]))
    return [tuple(vault.show(v) if isinstance(v, str) else v for v in row) for row in found] + [type(r) for r in found]


@pytest.mark.parametrize("count", [1, 49, 50, 51, 333])
def test_the_second_process_gives_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """In the same order within a table, and with the same secrets hidden."""
    host = make(tmp_path, count)
    alone = rows_of(host)
    monkeypatch.setattr(_config_judging, "ALONE", 0)

    assert sorted(map(repr, rows_of(host))) == sorted(map(repr, alone))
    assert KEY not in repr(alone) and PASSWORD not in repr(alone)


def test_without_a_second_process_everything_is_judged_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host where no further process can be started."""
    host = make(tmp_path, 120)
    alone = rows_of(host)
    monkeypatch.setattr(_config_judging, "ALONE", 0)
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))

    assert sorted(map(repr, rows_of(host))) == sorted(map(repr, alone))


def test_a_second_process_that_ends_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are judged here."""
    host = make(tmp_path, 420)
    alone = rows_of(host)
    monkeypatch.setattr(_config_judging, "ALONE", 0)
    send, sent = Judging._send, []

    def send_and_kill(self: Judging) -> None:
        send(self)
        sent.append(1)
        if len(sent) == 3 and self._helper is not None:
            self._helper._process.kill()

    monkeypatch.setattr(Judging, "_send", send_and_kill)

    assert sorted(map(repr, rows_of(host))) == sorted(map(repr, alone))
    assert len(sent) > 4
