"""Trees on a real disk for the tests of hosts."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def tree() -> Iterator[Path]:
    """An empty folder that every user can pass through, unlike tmp_path."""
    folder = Path(tempfile.mkdtemp(prefix="dddoctor-hosts-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def put(tree: Path) -> Callable[..., Path]:
    """put("/etc/x", "text", mode=0o644): write one file below the tree."""

    def write(path: str, text: str | bytes = "", mode: int = 0o644) -> Path:
        file = tree / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        file.chmod(mode)
        return file

    return write


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """A block that runs without root's rights, also where the tests run as root."""

    @contextmanager
    def block() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return block
