"""Apply changes so that a crash at any instant loses nothing, and take them back (repairs.md, "The journal").

A run is a folder `runs/ID` in the state folder: `journal.jsonl`, whose lines are synced before and after each step, and `old-N`, the bytes that a step
replaces. The state folder is 0700 and its files 0600: they hold what the repaired files held. Each step is described, with everything needed to take it
back, before it is made. What is left of a run that crashed is taken back by the next run or by `undo`.
"""

from __future__ import annotations

import contextlib
import datetime
import difflib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dddoctor.hosts.spans import apply_spans
from dddoctor.journal_files import Files, JournalError, Seen, sha256_hex
from dddoctor.model import Change, Create, Edit, Install, Mode, Owner, Remove, Rename

__all__ = ["Entry", "Journal", "JournalError", "Run", "TargetId", "UndoResult"]


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
        real = Path(os.path.realpath(root))
        stat = real.stat()
        try:
            text = (real / "etc/machine-id").read_text(encoding="ascii", errors="replace").strip()
        except OSError:
            text = ""
        return cls(kind, str(real), text or None, stat.st_dev, stat.st_ino)

    def is_same(self, other: TargetId) -> bool:
        """By path, and by machine-id where both have one, else by device and inode."""
        if self.path != other.path:
            return False
        if self.machine_id and other.machine_id:
            return self.machine_id == other.machine_id
        return (self.device, self.inode) == (other.device, other.inode)


class Entry(NamedTuple):
    """A run for `history`. `status`: applied, undone, partly undone, interrupted."""

    id: str
    started_at: str
    status: str
    target: str
    command: str
    changes: tuple[str, ...]


class UndoResult(NamedTuple):
    """What was taken back, and what was left with the reason; a line each."""

    done: list[str]
    refused: list[str]


@dataclass
class _Record:
    """A run as its journal file tells it."""

    folder: Path
    target: TargetId
    command: str
    started_at: str
    steps: list[dict[str, Any]]
    is_committed: bool
    undone: set[int]

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def status(self) -> str:
        if self.steps and len(self.undone) == len(self.steps):
            return "undone"
        if self.undone:
            return "partly undone"
        return "applied" if self.is_committed else "interrupted"


def state_folder() -> Path:
    """/var/lib/dddoctor for root, else the user's state folder; DDDOCTOR_STATE overrides."""
    override = os.environ.get("DDDOCTOR_STATE")
    if override:
        return Path(override)
    if os.geteuid() == 0:
        return Path("/var/lib/dddoctor")
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "dddoctor"


class Journal:
    """The runs of this machine's doctor, against any target."""

    def __init__(self, state: Path | None = None) -> None:
        self.state = state or state_folder()

    def begin(self, target: TargetId, command: str) -> Run:
        """Start a run; what an interrupted one left of this target is taken back first. JournalError where another run is going on."""
        lock = self._lock()
        notes = self._recover(target)
        now = datetime.datetime.now(datetime.timezone.utc)
        folder = self.state / "runs" / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        folder.mkdir(mode=0o700)
        run = Run(folder, target, lock)
        run.notes = notes
        run.write({"begin": target._asdict(), "command": command, "started_at": now.isoformat(timespec="seconds")})
        _sync_folder(folder.parent)
        return run

    def history(self, target: TargetId | None = None) -> list[Entry]:
        """All runs that changed something, newest first."""
        found = []
        for record in self._records():
            if record.steps and (target is None or record.target.is_same(target)):
                lines = tuple(in_words(s) for s in record.steps)
                found.append(Entry(record.id, record.started_at, record.status, record.target.path, record.command, lines))
        return found

    def recover(self, target: TargetId) -> list[str]:
        """Take back what an interrupted run left of this target; a sentence for each."""
        with self._locked():
            return self._recover(target)

    def undo(self, run_id: str | None, target: TargetId, force: bool = False) -> UndoResult:
        """Take a run back, by default the last one of this target that is not undone. JournalError where there is none."""
        with self._locked():
            notes = self._recover(target)
            record = self._wanted(run_id, target, notes)
            if record is None:
                return UndoResult(notes, [])
            return self._take_back(record, force=force)

    def undo_diff(self, run_id: str | None, target: TargetId) -> str:
        """What `undo` would change, as a unified diff and lines for modes, owners and names."""
        record = self._wanted(run_id, target, [])
        if record is None:
            return ""
        files = Files(Path(record.target.path))
        lines: list[str] = []
        for step in reversed(record.steps):
            if step["n"] in record.undone:
                continue
            if step["op"] == "write":
                old, now = (record.folder / step["blob"]).read_bytes(), files.read_or_none(step["path"]) or b""
                lines += difflib.unified_diff(_text(now), _text(old), f"a{step['path']}", f"b{step['path']}")
            else:
                lines.append(f"{in_words(step, is_undo=True)}\n")
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)

    def purge(self) -> int:
        """Forget all runs and their old bytes; how many."""
        with self._locked():
            records = self._records()
            for record in records:
                for path in record.folder.iterdir():
                    path.unlink()
                record.folder.rmdir()
            return len(records)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _lock(self) -> int:
        try:
            for folder in (self.state, self.state / "runs"):
                folder.mkdir(mode=0o700, parents=folder is self.state, exist_ok=True)
            stat = self.state.stat()
            if stat.st_uid != os.geteuid() or stat.st_mode & 0o077:
                raise JournalError(f"the state folder {self.state} must belong to you alone (mode 0700)")
            lock = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise JournalError(f"the journal cannot be written to {self.state}: {error.strerror}; nothing was changed") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise JournalError("another run of dddoctor is repairing or undoing right now; wait for it to end") from error
        return lock

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._lock()
        try:
            yield
        finally:
            os.close(lock)

    def _records(self) -> list[_Record]:
        """All readable runs, newest first. A last line that a crash cut off is ignored: its step was not begun."""
        try:
            folders = sorted((p for p in (self.state / "runs").iterdir() if p.is_dir()), reverse=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalError(f"the journal {self.state} cannot be read: {error.strerror}") from error
        return [r for r in map(_read_record, folders) if r is not None]

    def _wanted(self, run_id: str | None, target: TargetId, notes: list[str]) -> _Record | None:
        records = [r for r in self._records() if r.steps]
        if run_id is not None:
            found = next((r for r in records if r.id == run_id), None)
            if found is None:
                raise JournalError(f"no run is called {run_id}; see `dddoctor history`")
            if not found.target.is_same(target):
                raise JournalError(f"run {run_id} belongs to {found.target.path}, not to this target")
            if found.status == "undone":
                raise JournalError(f"run {run_id} is undone already")
            return found
        mine = [r for r in records if r.target.is_same(target) and r.status != "undone"]
        if not mine and not notes:
            raise JournalError("there is nothing to undo on this target")
        return mine[0] if mine and not notes else None

    def _recover(self, target: TargetId) -> list[str]:
        notes = []
        for record in self._records():
            if record.is_committed or record.status == "undone" or not record.target.is_same(target):
                continue
            result = self._take_back(record, force=False)
            notes += [f"a run of {record.started_at} was interrupted; {line}" for line in [*result.done, *result.refused]]
        return notes

    def _take_back(self, record: _Record, *, force: bool) -> UndoResult:
        files = Files(Path(record.target.path))
        done: list[str] = []
        refused: list[str] = []
        stuck: set[str] = set()
        with (record.folder / "journal.jsonl").open("ab") as log:
            for step in reversed(record.steps):
                if step["n"] in record.undone:
                    continue
                paths = {step["path"], step.get("to", step["path"])}
                if paths & stuck:
                    refused.append(f"{in_words(step)}: a later change of it could not be taken back")
                    continue
                try:
                    files.take_back(step, record.folder, force=force)
                except JournalError as error:
                    stuck |= paths
                    refused.append(str(error))
                    continue
                done.append(in_words(step, is_undo=True))
                log.write(json.dumps({"undone": step["n"]}).encode() + b"\n")
                log.flush()
                os.fsync(log.fileno())
        return UndoResult(done, refused)


class Run:
    """One run: apply, then commit or roll back. The lock is held until then."""

    def __init__(self, folder: Path, target: TargetId, lock: int) -> None:
        self.folder, self.target, self._lock = folder, target, lock
        self.id = folder.name
        self.notes: list[str] = []
        self._files = Files(Path(target.path))
        self._steps: list[dict[str, Any]] = []
        descriptor = os.open(folder / "journal.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._log = os.fdopen(descriptor, "ab")

    def write(self, line: dict[str, Any]) -> None:
        """Append a line to the journal and sync it."""
        self._log.write(json.dumps(line).encode() + b"\n")
        self._log.flush()
        os.fsync(self._log.fileno())

    def apply(self, changes: Sequence[Change], why: str) -> None:
        """Make the changes in their order. JournalError names the one that cannot be made; those before it stand until commit or rollback."""
        for change in changes:
            for step, content in self._steps_of(change):
                self._make({**step, "n": len(self._steps) + 1, "why": why}, content)

    def _make(self, step: dict[str, Any], content: bytes | None) -> None:
        old = step.pop("old", None)
        if old is not None:
            step["blob"] = f"old-{step['n']}"
            _write_private(self.folder / step["blob"], old)
            _sync_folder(self.folder)
        self.write({"step": step})
        self._steps.append(step)
        self._files.make(step, content)
        self.write({"done": step["n"]})

    def _steps_of(self, change: Change) -> Iterator[tuple[dict[str, Any], bytes | None]]:
        """(description with all that taking back needs, new content) of each primitive step of a change."""
        files = self._files
        if isinstance(change, Edit):
            seen = files.look(change.file, with_content=True)
            assert seen.content is not None
            if sha256_hex(seen.content) != change.base_sha:
                raise JournalError(f"{change.file} has changed since it was read; run the doctor again")
            if seen.links > 1:
                raise JournalError(f"{change.file} has other names (hard links), which would part from it")
            after = apply_spans(seen.content, change.spans)
            yield {"op": "write", "path": change.file, "old": seen.content, "seen": seen.described(), "new_sha": sha256_hex(after), "temp": _temp_name()}, after
        elif isinstance(change, Create):
            for folder in files.missing_folders(change.path):
                yield {"op": "mkdir", "path": folder, "mode": 0o755, "owner": files.numbers(change.owner), "parent": files.times_of_folder(folder)}, None
            files.refuse_existing(change.path)
            yield {"op": "create", "path": change.path, "mode": change.mode, "owner": files.numbers(change.owner), "new_sha": sha256_hex(change.content),
                   "temp": _temp_name(), "parent": files.times_of_folder(change.path)}, change.content  # fmt: skip
        elif isinstance(change, Remove):
            seen = files.look(change.path, with_content=True)
            yield {"op": "remove", "path": change.path, "old": seen.content, "seen": seen.described(), "back": _temp_name()}, None
        elif isinstance(change, Rename):
            files.refuse_existing(change.to)
            seen = files.look(change.path, with_content=False)
            yield {"op": "rename", "path": change.path, "to": change.to, "seen": seen.described(), "to_parent": files.times_of_folder(change.to)}, None
        elif isinstance(change, Mode):
            seen = self._unchanged(change.path, change.before, None)
            yield {"op": "mode", "path": change.path, "before": change.before, "after": change.after, "seen": seen.described()}, None
        elif isinstance(change, Owner):
            seen = self._unchanged(change.path, None, files.numbers(change.before))
            yield {"op": "owner", "path": change.path, "before": [seen.uid, seen.gid], "after": files.numbers(change.after), "seen": seen.described()}, None
        elif isinstance(change, Install):
            yield files.install_step(change, self.id), None
        else:
            raise JournalError(f"{type(change).__name__} is not something this version can apply")

    def _unchanged(self, path: str, mode: int | None, owner: list[int] | None) -> Seen:
        seen = self._files.look(path, with_content=False)
        if (mode is not None and seen.mode != mode) or (owner is not None and owner != [seen.uid, seen.gid]):
            raise JournalError(f"{path} has changed since it was looked at; run the doctor again")
        if seen.links > 1 and not seen.is_folder:
            raise JournalError(f"{path} has other names (hard links), which would change with it")
        return seen

    def commit(self) -> None:
        """The run stands; it can be undone."""
        self.write({"commit": True})
        self._close()

    def rollback(self) -> None:
        """Take back what was applied so far."""
        try:
            for step in reversed(self._steps):
                self._files.take_back(step, self.folder, force=False)
                self.write({"undone": step["n"]})
        finally:
            self._close()

    def _close(self) -> None:
        self._log.close()
        os.close(self._lock)


def _read_record(folder: Path) -> _Record | None:
    try:
        lines = (folder / "journal.jsonl").read_bytes().splitlines()
    except OSError:
        return None
    record: _Record | None = None
    for raw in lines:
        try:
            line = json.loads(raw)
        except ValueError:
            break
        if "begin" in line:
            record = _Record(folder, TargetId(**line["begin"]), line["command"], line["started_at"], [], False, set())
        elif record is None:
            return None
        elif "step" in line:
            record.steps.append(line["step"])
        elif "commit" in line:
            record.is_committed = True
        elif "undone" in line:
            record.undone.add(line["undone"])
    return record


def in_words(step: dict[str, Any], *, is_undo: bool = False) -> str:
    """A step, or its taking back, as a line for people."""
    op, path = step["op"], step["path"]
    if op in {"mode", "owner"}:
        before, after = (f"{v:04o}" if op == "mode" else f"{v[0]}:{v[1]}" for v in (step["before"], step["after"]))
        return f"{op} of {path}: {after} back to {before}" if is_undo else f"{op} of {path}: {before} to {after}"
    if op == "rename":
        return f"{step['to']} renamed back to {path}" if is_undo else f"{path} renamed to {step['to']}"
    words = {"write": ("edited", "old text back in"), "create": ("created", "removed"), "mkdir": ("made the folder", "removed the folder"),
             "remove": ("removed", "put back"), "install": ("installed " + ", ".join(step.get("packages", ())) + " into", "put back the old environment")}  # fmt: skip
    return f"{words[op][is_undo]} {path}"


def _temp_name() -> str:
    return f".dddoctor-{secrets.token_hex(8)}"


def _text(data: bytes) -> list[str]:
    return data.decode("utf-8", "surrogateescape").splitlines(keepends=True)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
