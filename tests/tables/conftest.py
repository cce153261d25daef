"""A small tree on disk as a host, for the tests of tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dddoctor.hosts.root import RootHost


@pytest.fixture
def host_of(tmp_path: Path) -> Callable[..., RootHost]:
    """host_of(files, links={…}, unreadable=(…)): `files` and `links` by target path; each call adds to the same tree."""

    def make(
        files: dict[str, str | bytes], links: dict[str, str] | None = None, unreadable: tuple[str, ...] = ()
    ) -> RootHost:
        root = tmp_path / "host"
        root.mkdir(exist_ok=True)
        for path, content in files.items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        for path, to in (links or {}).items():
            link = root / path.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(to)
        return RootHost(root, unreadable)

    return make
