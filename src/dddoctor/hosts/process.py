"""One command that cannot hang the doctor, flood it, or outlive it."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from dddoctor.hosts.base import Ran, Unavailable
from dddoctor.model import Kind

OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024  # stdout and stderr together
_GRACE_SECONDS = 0.5  # for output that is still under way when the program has ended, and for a killed program to end
_RUNNING: set[subprocess.Popen[bytes]] = set()  # what would outlive the doctor if it left now


def end_all() -> None:
    """Kill what still runs, without waiting: the doctor leaves, and a collector that it gave up may have a program running."""
    for process in list(_RUNNING):
        if process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)


def run_bounded(
    program: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    timeout_seconds: float,
    drop: tuple[int, int, Sequence[int]] | None = None,
) -> Ran:
    """The end of `program`. It runs in `/`, in a session of its own, with empty input; `drop` is (uid, gid, further groups) to run as.

    Unavailable(timeout) and Unavailable(tool, "… says more than …") after its whole process group was killed. What it leaves running in the background
    with our pipes open is not waited for.
    """
    identity = {} if drop is None else {"user": drop[0], "group": drop[1], "extra_groups": list(drop[2])}
    try:
        process = subprocess.Popen(  # type: ignore[call-overload]
            list(argv),
            executable=program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=dict(environment),
            start_new_session=True,
            **identity,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unavailable(
            Kind.TOOL, f"{argv[0]} cannot be started: {getattr(error, 'strerror', None) or error}"
        ) from None
    _RUNNING.add(process)
    try:
        stdout, stderr = _output(process, time.monotonic() + timeout_seconds)
    except _TooSlow:
        raise Unavailable(Kind.TIMEOUT, f"{argv[0]} did not end within {timeout_seconds:g} s", "--timeout") from None
    except _TooMuch:
        raise Unavailable(Kind.TOOL, f"{argv[0]} says more than {OUTPUT_LIMIT_BYTES >> 20} MB") from None
    finally:
        _end(process)
        _RUNNING.discard(process)
    return Ran(process.returncode, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace"))


class _TooSlow(Exception):
    pass


class _TooMuch(Exception):
    pass


def _output(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Both outputs, read until the program has ended and they are empty."""
    assert process.stdout is not None and process.stderr is not None
    chunks: dict[int, list[bytes]] = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    left = OUTPUT_LIMIT_BYTES
    ended_at: float | None = None
    with selectors.DefaultSelector() as selector:
        for pipe in chunks:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            now = time.monotonic()
            if ended_at is None and process.poll() is not None:
                ended_at = now
            until = deadline if ended_at is None else min(deadline, ended_at + _GRACE_SECONDS)
            if now >= until:
                break
            # A program that has closed its pipes or left them to a child gives no event when it ends: look now and then.
            for key, _ in selector.select(min(until - now, 0.1)):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fd)
                chunks[key.fd].append(chunk)
                left -= len(chunk)
                if left < 0:
                    raise _TooMuch
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise _TooSlow from None
    stdout, stderr = (b"".join(parts) for parts in chunks.values())
    return stdout, stderr


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the group if the program still runs, Ctrl-C included; one that even a kill does not end (a dead disk) is left behind."""
    if process.poll() is None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
