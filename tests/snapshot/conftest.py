"""A tree on disk for the tests of snapshots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def grow(tmp_path: Path) -> Callable[..., Path]:
    """grow(files={path: text}, links={path: to}, modes={path: "0600"}, …): a tree on disk, as in a rule's example."""
    from dddoctor.examples import build

    def make(**manifest: Any) -> Path:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        build(root, manifest)
        return root

    return make
