"""A real venv on this machine: what the app lacks is installed into it by pip, proved, and put back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"


def _doctor(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DDDOCTOR_STATE": str(tmp_path / "state"), "PYTHONPATH": str(SOURCE)}
    return subprocess.run(
        [sys.executable, "-m", "dddoctor", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )


def _has(app: Path, module: str) -> bool:
    return (
        subprocess.run(
            [str(app / "venv/bin/python"), "-c", f"import {module}"], capture_output=True, check=False
        ).returncode
        == 0
    )


def test_a_missing_package_is_installed_into_the_apps_venv_and_undo_puts_the_old_one_back(tmp_path: Path) -> None:
    """`--fix` asks for unsafe repairs; the environment itself is kept beside and comes back as it was."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "app.py").write_text(
        "from flask import Flask\n\napp = Flask(__name__)\n\nif __name__ == '__main__':\n    app.run()\n",
        encoding="utf-8",
    )
    subprocess.run([sys.executable, "-m", "venv", str(app / "venv")], check=True)
    reach = subprocess.run([str(app / "venv/bin/python"), "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path / "try"), "itsdangerous"], capture_output=True, text=True, check=False)  # fmt: skip
    if reach.returncode:
        reason = "pip reaches no package index from here"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    checked = _doctor(tmp_path, "check", "--app", str(app), "--select", "python", "--format", "json")
    found = [f for f in json.loads(checked.stdout)["findings"] if f["rule"] == "app-import-missing"]
    assert len(found) == 1, checked.stdout + checked.stderr

    fixed = _doctor(
        tmp_path,
        "check",
        "--app",
        str(app),
        "--select",
        "python",
        "--fix",
        "--unsafe-fixes",
        "--yes",
        "--format",
        "json",
    )
    applied = [a for a in json.loads(fixed.stdout)["applied"] if a["rule"] == "app-import-missing"]
    assert [(a["status"], a["undo"]) for a in applied] == [("repaired and proved", "compensating")], fixed.stderr
    assert _has(app, "flask")

    undone = _doctor(tmp_path, "undo", "--yes")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert not _has(app, "flask")
    assert sorted(p.name for p in app.iterdir()) == ["app.py", "venv"]
