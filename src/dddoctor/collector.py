"""`dddoctor collect` and `check --snapshot`: the script that looks at a host without Python, and the files it makes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.hosts.snapshot_text import SNAPSHOT_LIMIT_BYTES, NotASnapshot, parse

SCRIPT = Path(__file__).parent / "data" / "collect.sh"
LIMIT_SECONDS = 600.0
_SLICE_SECONDS = 0.2


class CollectError(Exception):
    """No snapshot came of it. The message is one line for a person and says what to type."""


def script() -> bytes:
    """The POSIX-sh file. It works alone: `sh collect.sh > host.snapshot`."""
    return SCRIPT.read_bytes()


def arguments(root: Path | None, apps: Sequence[str]) -> list[str]:
    """Words for the script. A folder of the target is absolute. CollectError."""
    for app in apps:
        if not app.startswith("/") or "\n" in app:
            raise CollectError(f"--app {app}: write the folder's whole path on the target, from / on")
    words = [word for app in apps for word in ("--app", app)]
    return [*(["--root", str(root)] if root is not None and str(root) != "/" else []), *words]


def collect(root: Path | None, apps: Sequence[str], limit_seconds: float | None = None) -> bytes:
    """A snapshot of this machine, or of a folder that holds somebody's `/`. CollectError."""
    if root is not None and not root.is_dir():
        raise CollectError(f"--root {root}: no such folder")
    words = ["/bin/sh", str(SCRIPT), *arguments(root, apps)]
    data, said, code = run(words, b"", limit_seconds or LIMIT_SECONDS)
    if not data.startswith(b"dddoctor-snapshot") or code != 0:
        raise CollectError(f"the collector ended with {code}: {_last_line(said) or 'it said nothing'}")
    return data


def run(argv: Sequence[str], given: bytes, limit_seconds: float) -> tuple[bytes, str, int]:
    """(standard output, standard error, exit code) of a program that gets `given` as its input. CollectError where it takes too long or says too much."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        source.write(given)
        source.seek(0)
        try:
            process = subprocess.Popen(list(argv), stdin=source, stdout=out, stderr=error)
        except OSError as problem:
            raise CollectError(f"{argv[0]} cannot be started: {problem.strerror}") from None
        deadline = time.monotonic() + limit_seconds
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_SLICE_SECONDS)
                    break
                if os.fstat(out.fileno()).st_size > SNAPSHOT_LIMIT_BYTES:
                    raise CollectError(
                        f"{argv[0]} sent more than {SNAPSHOT_LIMIT_BYTES >> 20} MB, which no snapshot is"
                    )
                if time.monotonic() > deadline:
                    raise CollectError(f"{argv[0]} did not end within {limit_seconds:g} s; --timeout gives it longer")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if os.fstat(out.fileno()).st_size > SNAPSHOT_LIMIT_BYTES:
            raise CollectError(f"{argv[0]} sent more than {SNAPSHOT_LIMIT_BYTES >> 20} MB, which no snapshot is")
        out.seek(0)
        error.seek(0)
        return out.read(), error.read(65536).decode("utf-8", "replace"), process.returncode


def write(data: bytes, path: Path) -> None:
    """A new file of mode 0600: what a snapshot holds is the host's own business. CollectError where there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except FileExistsError:
        raise CollectError(f"--output {path}: there is such a file already; name another, or remove it") from None
    except OSError as error:
        raise CollectError(f"--output {path}: {error.strerror}") from error


def default_name(data: bytes) -> str:
    """`NAME.snapshot`, after the machine's name; `disk.snapshot` for a folder."""
    host = host_of(data)
    name = host.name if host.is_live else "disk"
    return ("".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-")[:64] or "host") + ".snapshot"


def open_snapshot(path: Path) -> SnapshotHost:
    """The host that a snapshot file tells of; `-` is standard input. CollectError with what is wrong with it."""
    import sys

    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(SNAPSHOT_LIMIT_BYTES + 1)
        else:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                data = file.read(SNAPSHOT_LIMIT_BYTES + 1)
    except OSError as error:
        raise CollectError(f"--snapshot {path}: {error.strerror}") from None
    if len(data) > SNAPSHOT_LIMIT_BYTES:
        raise CollectError(f"--snapshot {path}: larger than {SNAPSHOT_LIMIT_BYTES >> 20} MB, which no snapshot is")
    try:
        return host_of(data)
    except CollectError as error:
        raise CollectError(f"--snapshot {path}: {error}") from None


def host_of(data: bytes, name: str = "") -> SnapshotHost:
    """The host of a snapshot's text. CollectError."""
    try:
        return SnapshotHost(parse(data), name)
    except NotASnapshot as error:
        raise CollectError(str(error)) from None


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
