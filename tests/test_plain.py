"""A plain check is read without typer exactly as typer reads it."""

from __future__ import annotations

import inspect
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from dddoctor import checking, plain
from dddoctor.cli import app

SOURCE = Path(__file__).parents[1] / "src"
CHECK: Any = get_command(app).commands["check"]  # type: ignore[attr-defined]
WORDS = [
    "--root", "/mnt", "--root=/mnt", "--root=", "--app", "/srv/a", "--app=/srv/b", "--format", "json", "--format=console", "--output", "-", "--output=x.json",
    "--select", "apm,mysql", "--ignore", "vagrant", "--rules", "my", "--fail-on", "error", "--timeout", "2.5", "--timeout=x", "--debug", "--debug=1", "--fix",
    "--yes", "-y", "--help", "--", "--nope", "--form", "word", "", "-x", "--root=a=b", "--until-healthy", "--profile", "--profile=1",
]  # fmt: skip


def _named(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters that differ from their defaults."""
    usual = inspect.signature(REAL_CHECK).parameters
    return {k: v for k, v in given.items() if v != usual[k].default and v is not None}


REAL_CHECK = checking.check


@pytest.mark.parametrize("seed", range(8))
def test_what_is_read_is_what_typer_reads(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever words are typed: either typer's answer, or none."""
    rng = random.Random(seed)
    read = 0
    typed: dict[str, Any] = {}
    bind = inspect.signature(REAL_CHECK).bind
    monkeypatch.setattr(checking, "check", lambda *values: typed.update(bind(*values).arguments))
    for _ in range(150):
        words = [rng.choice(WORDS) for _ in range(rng.randrange(6))]
        given = plain.read(words)
        if given is not None:
            read += 1
            typed.clear()
            CHECK.main(list(words), prog_name="check", standalone_mode=False)
            assert _named(given) == _named(typed), words

    assert read > 20


@pytest.mark.parametrize(
    "words",
    [
        ["--fix"],
        ["--help"],
        ["--root"],
        ["--root", "--debug"],
        ["--timeout", "soon"],
        ["x"],
        ["--nope"],
        ["--root", "a", "--root", "b"],
    ],
)
def test_what_is_not_plain_is_left_to_typer(words: list[str]) -> None:
    """Repairs, help, and everything that could be wrong."""
    assert plain.read(words) is None


def test_the_words_that_make_a_plain_check() -> None:
    """All kinds of values."""
    words = [
        "--root",
        "/mnt",
        "--app",
        "/a",
        "--app=/b",
        "--format",
        "json",
        "--output",
        "-",
        "--select",
        "apm",
        "--timeout",
        "3",
        "--debug",
        "--rules",
        "r",
    ]

    assert plain.read(words) == {
        "root": Path("/mnt"), "app_folders": ["/a", "/b"], "format_": "json", "output": Path("-"), "select": ["apm"], "timeout": 3.0, "debug": True,
        "rules": [Path("r")],
    }  # fmt: skip


def test_a_plain_check_does_without_typer(tmp_path: Path) -> None:
    """Its import takes longer than the check of a healthy host."""
    code = "import sys, atexit; from dddoctor.__main__ import main; atexit.register(lambda: print('typer' in sys.modules)); main()"
    command = [sys.executable, "-c", code, "check", "--root", str(tmp_path), "--format", "json"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PYTHONPATH": str(SOURCE)}, timeout=60, check=False
    )

    assert done.stdout.endswith("False\n"), done.stderr
