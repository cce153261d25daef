"""`systemctl mask` leaves a link to /dev/null where the unit was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dddoctor.hosts.base import InputError
from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap
from dddoctor.tables._environment import Variable, variables
from dddoctor.tables._modes import user_of_unit

UNIT = "/etc/systemd/system/datadog-agent.service"


def host(folder: Path, to: str) -> RootHost:
    """A tree whose /dev/null is no file, as the real one is none; a FIFO needs no right to make."""
    for name in ("dev", "etc/systemd/system/datadog-agent.service.d", "usr/lib/systemd/system"):
        (folder / name).mkdir(parents=True)
    os.mkfifo(folder / "dev/null")
    os.mkfifo(folder / "dev/other")
    (folder / UNIT.lstrip("/")).symlink_to(to)
    (folder / f"usr/lib/systemd/system/{UNIT.rpartition('/')[2]}").write_text("[Service]\nUser=dd-agent\n")
    (folder / f"{UNIT.lstrip('/')}.d/a.conf").write_text("[Service]\nEnvironment=DD_SITE=datadoghq.eu\n")
    return RootHost(folder)


def test_a_masked_unit_holds_nothing_and_is_no_obstacle(tmp_path: Path) -> None:
    masked = host(tmp_path, "/dev/null")

    assert user_of_unit(masked) == "dd-agent"
    assert list(variables(masked, "/etc/datadog-agent", "datadog-agent.service")) == [
        Variable("DD_SITE", "datadoghq.eu", "unit", f"{UNIT}.d/a.conf", 2)
    ]


def test_another_thing_that_is_no_file_is_an_obstacle(tmp_path: Path) -> None:
    other = host(tmp_path, "/dev/other")

    with pytest.raises(InputError):
        user_of_unit(other)
    assert [g.where for g in variables(other, "/etc/datadog-agent", "datadog-agent.service") if isinstance(g, Gap)] == [
        UNIT
    ]
