"""The journal's steps that are no files: pip, commands, SQL, services. The intent is written first, so that a crash leaves the way back in the record."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dddoctor import journal_services
from dddoctor.hosts.base import InputError, Ran, Unavailable
from dddoctor.journal_files import JournalError
from dddoctor.light import NamedTuple
from dddoctor.model import Command, Install, Service, Sql

INSTALL_LIMIT_SECONDS = 900
COMMAND_LIMIT_SECONDS = 120
_SAFE_PATH = "/usr/local/bin:/usr/bin:/bin"
OPERATIONS = frozenset({"install", "command", "sql", "service"})


class Runner(NamedTuple):
    """Who acts on a live target. `run` is Host.run; `sql` executes statements and raises JournalError where the server refuses."""

    run: Callable[..., Ran]
    sql: Callable[[str], None] | None = None


def describe(
    change: Install | Command | Sql | Service, root: Path, run_id: str, runner: Runner | None = None
) -> dict[str, Any]:
    """The step of a change, with all that taking it back needs. JournalError where it cannot be made here."""
    if isinstance(change, Install):
        return _install_step(change, root, run_id)
    if str(root) != "/":
        raise JournalError("commands run on the running host only, not in a folder")
    if isinstance(change, Command):
        return {
            "op": "command",
            "path": change.argv[0],
            "argv": list(change.argv),
            "undo": list(change.undo),
            "user": change.user,
        }
    if isinstance(change, Sql):
        return {"op": "sql", "path": "MySQL", "text": change.text, "undo": change.undo}
    if runner is None:
        raise JournalError(f"`systemctl {change.action} {change.unit}` can be run on the running host only")
    return journal_services.describe(change, runner.run)


def make(step: dict[str, Any], runner: Runner | None) -> None:
    """Make a step that the journal describes already."""
    if step["op"] == "install":
        _install(step)
    elif step["op"] == "command":
        _run(runner, step["argv"], COMMAND_LIMIT_SECONDS, step["user"])
    elif step["op"] == "sql":
        _sql(runner, step["text"])
    elif runner is not None:
        journal_services.make(step, runner.run)


def take_back(step: dict[str, Any], runner: Runner | None) -> None:
    """The way back, whether the step was made or only begun. JournalError where there is none."""
    if step["op"] == "install":
        _uninstall(step)
    elif step["op"] == "command":
        if not step["undo"]:
            raise JournalError(f"`{' '.join(step['argv'])}` was run and cannot be taken back")
        _run(runner, step["undo"], COMMAND_LIMIT_SECONDS, step["user"])
    elif step["op"] == "sql":
        if not step["undo"]:
            raise JournalError("an SQL statement was executed and cannot be taken back")
        _sql(runner, step["undo"])
    elif runner is None:
        raise JournalError(f"{step['path']} can be put back on the running host only")
    else:
        journal_services.take_back(step, runner.run)


def _run(runner: Runner | None, argv: Sequence[str], limit_seconds: float, user: str | None = None) -> None:
    if runner is None:
        raise JournalError(f"`{' '.join(argv)}` can be run on the running host only")
    try:
        ran = runner.run(argv, limit_seconds, user)
    except (Unavailable, InputError, OSError) as error:
        raise JournalError(f"`{' '.join(argv)}`: {error}") from error
    if ran.returncode:
        raise JournalError(f"`{' '.join(argv)}` ended with {ran.returncode}: {_last_line(ran.stderr or ran.stdout)}")


def _sql(runner: Runner | None, text: str) -> None:
    if runner is None or runner.sql is None:
        raise JournalError("there is no connection to MySQL to do this with")
    runner.sql(text)


# --- Python environments ----------------------------------------------------------------------------------------------


def _install_step(change: Install, root: Path, run_id: str) -> dict[str, Any]:
    if str(root) != "/":
        raise JournalError("packages are installed on the running host only, not in a folder")
    folder = Path(change.environment)
    try:
        stat = folder.stat()
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror}") from error
    if not (folder / "pyvenv.cfg").is_file():
        raise JournalError(f"{folder} is no virtual environment; packages of the system are not touched")
    if os.geteuid() not in {0, stat.st_uid}:
        raise JournalError(f"{folder} belongs to another user; run this as its owner or with sudo")
    if any(p.startswith("-") for p in change.packages):
        raise JournalError("a package's name cannot begin with a dash")
    beside = folder.parent / f".{folder.name}.dddoctor-{run_id}"
    return {
        "op": "install",
        "path": str(folder),
        "packages": list(change.packages),
        "fresh": f"{beside}-new",
        "kept": str(beside),
        "uid": stat.st_uid,
        "gid": stat.st_gid,
    }


def _install(step: dict[str, Any]) -> None:
    """pip works on a copy that has taken the environment's place; the environment itself is kept beside it, untouched.

    pip runs as the environment's owner, without the caller's environment and folder. A failure puts the environment back.
    """
    folder, fresh, kept = Path(step["path"]), Path(step["fresh"]), Path(step["kept"])
    copied = _as_owner(step, ["cp", "-a", "--", step["path"], step["fresh"]])
    if copied.returncode:
        _remove(step, fresh)
        raise JournalError(f"{folder} could not be copied first: {_last_line(copied.stderr)}")
    folder.rename(kept)
    fresh.rename(folder)
    done = _as_owner(
        step,
        [
            f"{folder}/bin/python",
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
            *step["packages"],
        ],
    )
    if done.returncode:
        _uninstall(step)
        raise JournalError(
            f"pip could not install {', '.join(step['packages'])}: {_last_line(done.stderr)}; the environment is as it was"
        )


def _uninstall(step: dict[str, Any]) -> None:
    """Whatever of the installation was done: `kept` is there from the first rename on, and only while the environment is not back."""
    folder, fresh, kept = Path(step["path"]), Path(step["fresh"]), Path(step["kept"])
    away = kept.with_name(f"{kept.name}-away")
    try:
        if kept.is_dir():
            if folder.exists():
                folder.rename(away)
            kept.rename(folder)
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror}; the environment as it was is {kept}") from error
    _remove(step, fresh)
    _remove(step, away)


def forget(step: dict[str, Any]) -> None:
    """Remove what was kept for taking the step back."""
    if step["op"] == "install":
        _remove(step, Path(step["kept"]))


def _remove(step: dict[str, Any], folder: Path) -> None:
    """As the owner, who may fail where `sudo pip` left files of root; then by a walk that no link can lead astray."""
    if folder.is_dir() and not folder.is_symlink():
        _as_owner(step, ["rm", "-rf", "--", str(folder)])
        if folder.is_dir() and shutil.rmtree.avoids_symlink_attacks:
            shutil.rmtree(folder, ignore_errors=True)


def _as_owner(step: dict[str, Any], argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run as the environment's owner, in `/`: `python -m` imports from the working folder first."""
    who: dict[str, Any] = (
        {"user": step["uid"], "group": step["gid"], "extra_groups": []}
        if os.geteuid() == 0 and step["uid"] != 0
        else {}
    )
    environment = {"PATH": _SAFE_PATH, "LC_ALL": "C", "HOME": "/nonexistent"}
    wanted = {
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "pip_index_url",
        "pip_find_links",
        "pip_no_index",
        "pip_cert",
        "ssl_cert_file",
    }
    environment |= {k: v for k, v in os.environ.items() if k.lower() in wanted}
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=INSTALL_LIMIT_SECONDS,
            check=False,
            cwd="/",
            **who,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return subprocess.CompletedProcess(argv, 1, "", f"{argv[0]}: {error}")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no message"])[-1][:200]
