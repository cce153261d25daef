"""What a run's folder in the state folder holds, as text and as data: which target, which steps, how far they went."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from dddoctor.journal_files import Files, JournalError
from dddoctor.light import NamedTuple


class TargetId(NamedTuple):
    """Which host a run belongs to. `machine_id` is the target's /etc/machine-id; `device` and `inode` are those of its `/`."""

    kind: str
    path: str
    machine_id: str | None
    device: int
    inode: int

    @classmethod
    def of(cls, kind: str, root: Path) -> TargetId:
        """The identity of the host whose `/` is this folder."""
        from dddoctor.hosts.root import real_folder

        real = Path(real_folder(root))
        stat = real.stat()
        files = Files(real)
        try:
            text = (files.read_or_none(files.real("/etc/machine-id")) or b"").decode("ascii", "replace").strip()
        except JournalError:
            text = ""
        return cls(kind, str(real), text or None, stat.st_dev, stat.st_ino)

    def is_same(self, other: TargetId) -> bool:
        """By path, and by machine-id where both have one, else by device and inode."""
        if self.path != other.path:
            return False
        if self.machine_id and other.machine_id:
            return self.machine_id == other.machine_id
        return (self.device, self.inode) == (other.device, other.inode)


@dataclass
class Record:
    """A run as its journal file tells it."""

    folder: Path
    target: TargetId
    command: str
    started_at: str
    steps: list[dict[str, Any]]
    order: int  # time_ns of the begin: two runs of one second have an order
    is_committed: bool
    is_recovered: bool
    is_undoing: bool
    undone: set[int]

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def status(self) -> str:
        if self.steps and len(self.undone) == len(self.steps):
            return "undone"
        if self.undone or self.is_recovered:
            return "partly undone"
        return "applied" if self.is_committed else "interrupted"


def read_record(folder: Path) -> Record | None:
    try:
        lines = (folder / "journal.jsonl").read_bytes().splitlines()
    except OSError:
        return None
    record: Record | None = None
    for raw in lines:
        try:
            line = json.loads(raw)
        except ValueError:
            continue  # cut off by a crash: its step was not begun
        if "begin" in line:
            record = Record(
                folder,
                TargetId(**line["begin"]),
                line["command"],
                line["started_at"],
                [],
                line.get("order", 0),
                False,
                False,
                False,
                set(),
            )
        elif record is None:
            return None
        elif "step" in line:
            record.steps.append(line["step"])
        elif "done" in line:
            record.steps[-1]["left"] = line.get("left") or [0]
        elif "undoing" in line:
            record.is_undoing = True
        elif "recovered" in line:
            record.is_recovered = True
        elif "commit" in line:
            record.is_committed = True
        elif "undone" in line:
            record.undone.add(line["undone"])
    return record


@contextlib.contextmanager
def appending(folder: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Write synced lines at the end of a run's journal, after whatever a crash left there."""
    with (folder / "journal.jsonl").open("ab+", buffering=0) as log:
        if log.tell():
            log.seek(-1, os.SEEK_END)
            if log.read(1) != b"\n":
                log.write(b"\n")

        def write(line: dict[str, Any]) -> None:
            write_line(log, line)

        yield write


def write_line(log: FileIO, line: dict[str, Any]) -> None:
    """One line, complete and synced, or OSError. The file is unbuffered: on a full disk nothing is left to be written at its close."""
    data = json.dumps(line).encode() + b"\n"
    if log.write(data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(log.fileno())


def in_words(step: dict[str, Any], *, is_undo: bool = False) -> str:
    """A step, or its taking back, as a line for people."""
    op, path = step["op"], step["path"]
    if op in {"mode", "owner"}:
        before, after = (f"{v:04o}" if op == "mode" else f"{v[0]}:{v[1]}" for v in (step["before"], step["after"]))
        # No colon behind the path: `auth_token: 0600` reads like a secret and would be hidden as one.
        return (
            f"{op} of {path} from {after} back to {before}" if is_undo else f"{op} of {path} from {before} to {after}"
        )
    if op == "rename":
        return f"{step['to']} renamed back to {path}" if is_undo else f"{path} renamed to {step['to']}"
    if op == "service":
        return _service_taken_back(step) if is_undo else f"ran: systemctl {step['action']} {path}"
    if op in {"command", "sql"}:
        what = " ".join(step["argv"]) if op == "command" else "an SQL statement"
        return f"took back: {what}" if is_undo else f"ran: {what}"
    words = {"write": ("edited", "old text back in"), "create": ("created", "removed"), "mkdir": ("made the folder", "removed the folder"),
             "remove": ("removed", "put back"), "install": ("installed " + ", ".join(step.get("packages", ())) + " into", "put back the old environment")}  # fmt: skip
    return f"{words[op][is_undo]} {path}"


def _service_taken_back(step: dict[str, Any]) -> str:
    """What journal_services makes of it: the state of before, not the opposite of what was done."""
    action, path = step["action"], step["path"]
    was_up = (step.get("before") or {}).get("active") in {"active", "reloading"}
    if action == "stop" or action in {"enable", "disable", "mask", "unmask"}:
        return f"took back: {action} {path}"
    return f"{path} {'restarted' if was_up else 'stopped'} again"


def write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
