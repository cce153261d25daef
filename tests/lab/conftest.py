"""What the lab's tests share: where no VM can be had they are skipped with the reason, and fail where the environment says CI=true."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab import root
from tests.lab.vm import VM, wheel


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The doctor as its users get it: the wheel of the working tree, bound into every VM of this run."""
    try:
        root.build()
    except root.CannotBuild as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no lab here: {reason}")
        pytest.skip(f"no lab here: {reason}")
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def vm(source: Path) -> Iterator[VM]:
    """A fresh host whose Agent answers."""
    with VM(source) as started:
        started.wait_for_agent()
        yield started
