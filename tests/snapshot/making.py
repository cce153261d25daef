"""What the snapshot tests share: trees that the collector is let loose on, and hosts made of what it wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dddoctor.collecting import Tables
from dddoctor.collector import SCRIPT
from dddoctor.engine import Evaluation, evaluate
from dddoctor.hosts.base import Host
from dddoctor.hosts.cache import CachedHost
from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.hosts.snapshot_text import parse
from dddoctor.model import Kind, Rule
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions

SHELL = ("/bin/sh",)


def missing(what: str) -> NoReturn:
    """Skip with the reason; on the build server, where everything is installed, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not here")
    pytest.skip(f"{what} is not here")


def program(name: str) -> str:
    """The path of a program that the test needs."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or missing(name)


def collected(root: Path, apps: Sequence[str] = (), shell: Sequence[str] = SHELL) -> bytes:
    """The collector's text about a folder that holds somebody's `/`."""
    words = [*shell, str(SCRIPT), "--root", str(root), *(w for app in apps for w in ("--app", app))]
    ran = subprocess.run(words, capture_output=True, timeout=120, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
    return ran.stdout


def host_of(root: Path, apps: Sequence[str] = ()) -> SnapshotHost:
    return SnapshotHost(parse(collected(root, apps)))


def evaluated(host: Host, rules: Sequence[Rule], apps: Sequence[str] = ()) -> Evaluation:
    return evaluate(rules, Tables(CachedHost(host), Vault(), RunOptions(apps=tuple(apps))))


def said(evaluation: Evaluation) -> list[tuple[Any, ...]]:
    """What must be equal on both sides: which finding, where, how bad, whether a repair is offered."""
    return sorted(
        (f.id, f.rule, f.file, f.line, f.column, f.severity.value, str(f.fix.safety) if f.fix else None)
        for f in evaluation.findings
    )


def holes(evaluation: Evaluation) -> set[tuple[str, Kind, str]]:
    """What could not be looked at, and where."""
    return {(table, gap.kind, gap.where) for table, gaps in evaluation.store.gaps.items() for gap in gaps}
