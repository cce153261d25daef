"""Apply changes so that a crash at any instant loses nothing, and take them back (repairs.md, "The journal").

A run is a folder `runs/ID` in the state folder: `journal.jsonl`, whose lines are synced before and after each step, and `old-N`, the bytes that a step
replaces. The state folder is 0700 and its files 0600: they hold what the repaired files held. Each step is described, with everything needed to take it
back, before it is made. What is left of a run that crashed is taken back by the next run or by `undo`.
journal_record reads that folder, journal_files makes the steps on files, journal_commands the others.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dddoctor import journal_commands
from dddoctor.hosts.spans import apply_spans
from dddoctor.journal_commands import Runner
from dddoctor.journal_files import Files, JournalError, Seen, sha256_hex
from dddoctor.journal_record import (
    Record,
    TargetId,
    appending,
    in_words,
    read_record,
    sync_folder,
    write_line,
    write_private,
)
from dddoctor.light import NamedTuple
from dddoctor.model import Change, Create, Edit, Mode, Owner, Remove, Rename

__all__ = ["Entry", "Journal", "JournalError", "Run", "Runner", "TargetId", "UndoResult"]


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

    def begin(self, target: TargetId, command: str, runner: Runner | None = None) -> Run:
        """Start a run; what an interrupted one left of this target is taken back first. JournalError where another run is going on.

        `runner` runs commands, SQL and services; without one such changes are refused.
        """
        lock = self._lock()
        try:
            recovered = self._recover(target, runner)
            now = datetime.datetime.now(datetime.timezone.utc)
            folder = self.state / "runs" / f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
            folder.mkdir(mode=0o700)
            run = Run(folder, target, lock, runner)
            run.notes = [*recovered.done, *recovered.refused]
            run.write(
                {
                    "begin": target._asdict(),
                    "command": command,
                    "started_at": now.isoformat(timespec="seconds"),
                    "order": time.time_ns(),
                }
            )
            sync_folder(folder.parent)
        except OSError as error:
            os.close(lock)
            raise JournalError(
                f"the journal cannot be written to {self.state}: {error.strerror}; nothing was changed"
            ) from error
        except BaseException:
            os.close(lock)
            raise
        return run

    def history(self, target: TargetId | None = None) -> list[Entry]:
        """All runs that changed something, newest first."""
        found = []
        for record in self._records():
            if record.steps and (target is None or record.target.is_same(target)):
                lines = tuple(in_words(s) for s in record.steps)
                found.append(
                    Entry(record.id, record.started_at, record.status, record.target.path, record.command, lines)
                )
        return found

    def recover(self, target: TargetId, runner: Runner | None = None) -> list[str]:
        """Take back what an interrupted run left of this target; a sentence for each. What has changed since stays, and is said once."""
        with self._locked():
            recovered = self._recover(target, runner)
            return [*recovered.done, *recovered.refused]

    def undo(
        self, run_id: str | None, target: TargetId, force: bool = False, runner: Runner | None = None
    ) -> UndoResult:
        """Take a run back, by default the last one of this target that is not undone: one that was interrupted, if there is one. JournalError where there is none."""
        with self._locked():
            recovered = self._recover(target, runner)
            if run_id is None and (recovered.done or recovered.refused):
                return recovered
            return _take_back(self._wanted(run_id, target), force=force, runner=runner)

    def undo_diff(self, run_id: str | None, target: TargetId) -> str:
        """What `undo` would change, as a unified diff without its secrets, and lines for modes, owners and names."""
        from dddoctor.redaction import redacted_diff
        from dddoctor.secrets import Vault

        vault = Vault()
        record = self._wanted(run_id, target)
        files = Files(Path(record.target.path))
        lines: list[str] = []
        for step in reversed(record.steps):
            if step["n"] in record.undone:
                continue
            if step["op"] == "write":
                old, now = (record.folder / step["blob"]).read_bytes(), files.read_or_none(step["path"]) or b""
                lines.append(redacted_diff(now, old, f"a{step['path']}", f"b{step['path']}", vault))
            else:
                lines.append(f"{in_words(step, is_undo=True)}\n")
        return "".join(lines)

    def purge(self) -> int:
        """Forget all runs and what was kept of them; how many. One that was interrupted stays: it is still to be taken back."""
        count = 0
        with self._locked():
            for folder in self._folders():
                record = read_record(folder)
                if record is not None and record.steps and record.status == "interrupted":
                    continue
                for step in record.steps if record else ():
                    journal_commands.forget(step)
                for path in folder.iterdir():
                    path.unlink()
                folder.rmdir()
                count += bool(record and record.steps)
        return count

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
            raise JournalError(
                f"the journal cannot be written to {self.state}: {error.strerror}; nothing was changed"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise JournalError(
                "another run of dddoctor is repairing or undoing right now; wait for it to end"
            ) from error
        return lock

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = self._lock()
        try:
            yield
        finally:
            os.close(lock)

    def _folders(self) -> list[Path]:
        try:
            return sorted(p for p in (self.state / "runs").iterdir() if p.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JournalError(f"the journal {self.state} cannot be read: {error.strerror}") from error

    def _records(self) -> list[Record]:
        """All readable runs, newest first."""
        found = [r for r in map(read_record, self._folders()) if r is not None]
        return sorted(found, key=lambda r: (r.order, r.id), reverse=True)

    def _wanted(self, run_id: str | None, target: TargetId) -> Record:
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
        if not mine:
            raise JournalError("there is nothing to undo on this target")
        return mine[0]

    def _recover(self, target: TargetId, runner: Runner | None) -> UndoResult:
        done: list[str] = []
        refused: list[str] = []
        for record in self._records():
            if (
                record.is_committed
                or record.is_recovered
                or not record.steps
                or record.status == "undone"
                or not record.target.is_same(target)
            ):
                continue
            result = _take_back(record, force=False, runner=runner)
            with contextlib.suppress(OSError), appending(record.folder) as write:
                write({"recovered": True})
            done += [f"a run of {record.started_at} was interrupted: {line}" for line in result.done]
            refused += [f"a run of {record.started_at} was interrupted: {line}" for line in result.refused]
        return UndoResult(done, refused)


def _take_back(record: Record, *, force: bool, runner: Runner | None) -> UndoResult:
    """Take back the steps of a run that are not taken back yet, the last one first; services at the end, when their files are back."""
    files = Files(Path(record.target.path))
    done: list[str] = []
    refused: list[str] = []
    stuck: set[str] = set()
    services = [s for s in record.steps if s["op"] == "service"]
    backwards = [s for s in reversed(record.steps) if s["op"] != "service"] + services[::-1]
    if record.is_undoing:
        for step in record.steps:
            step["left"] = [0]  # an undo that crashed has worked in these folders: their times tell nothing
    with appending(record.folder) as write:
        with contextlib.suppress(OSError):
            write({"undoing": True})
        for step in backwards:
            if step["n"] in record.undone:
                continue
            paths = {step["path"], step.get("to", step["path"])}
            if paths & stuck and step["op"] not in journal_commands.OPERATIONS:
                refused.append(f"{in_words(step)}: a later change of it could not be taken back")
                continue
            try:
                if step["op"] in journal_commands.OPERATIONS:
                    journal_commands.take_back(step, runner)
                else:
                    files.take_back(step, record.folder, force=force)
            except JournalError as error:
                stuck |= paths
                refused.append(str(error))
                continue
            done.append(in_words(step, is_undo=True))
            record.undone.add(step["n"])
            with contextlib.suppress(
                OSError
            ):  # a full disk must not end a rollback; what is back already is found to be so next time
                write({"undone": step["n"]})
    return UndoResult(done, refused)


class Run:
    """One run: apply, then commit or roll back. The lock is held until then."""

    def __init__(self, folder: Path, target: TargetId, lock: int, runner: Runner | None = None) -> None:
        self.folder, self.target, self._lock, self._runner = folder, target, lock, runner
        self.id = folder.name
        self.notes: list[str] = []
        self._files = Files(Path(target.path))
        self._steps: list[dict[str, Any]] = []
        descriptor = os.open(folder / "journal.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._log = os.fdopen(descriptor, "ab", buffering=0)

    def write(self, line: dict[str, Any]) -> None:
        """Append a line to the journal and sync it."""
        write_line(self._log, line)

    def apply(self, changes: Sequence[Change], why: str) -> None:
        """Make the changes in their order. JournalError names the one that cannot be made; those before it stand until commit or rollback."""
        for change in changes:
            for step, content in self._steps_of(change):
                self._make({**step, "n": len(self._steps) + 1, "why": why}, content)

    def _make(self, step: dict[str, Any], content: bytes | None) -> None:
        old = step.pop("old", None)
        try:
            if old is not None:
                step["blob"] = f"old-{step['n']}"
                write_private(self.folder / step["blob"], old)
                sync_folder(self.folder)
            self.write({"step": step})
        except OSError as error:
            raise JournalError(
                f"{step['path']} was not touched: the journal cannot be written ({error.strerror})"
            ) from error
        self._steps.append(step)
        if step["op"] in journal_commands.OPERATIONS:
            journal_commands.make(step, self._runner)
        else:
            self._files.make(step, content)
            step["left"] = [
                times[1] for p in (step["path"], step.get("to")) if p and (times := self._files.times_of_folder(p))
            ]
        self.write({"done": step["n"], "left": step.get("left")})

    def _steps_of(self, change: Change) -> Iterator[tuple[dict[str, Any], bytes | None]]:
        """(description with all that taking back needs, new content) of each primitive step of a change."""
        files = self._files
        if isinstance(change, Edit):
            path = files.real(change.file)
            seen = files.look(path, with_content=True)
            assert seen.content is not None
            if sha256_hex(seen.content) != change.base_sha:
                raise JournalError(f"{change.file} has changed since it was read; run the doctor again")
            if seen.links > 1:
                raise JournalError(f"{change.file} has other names (hard links), which would part from it")
            after = apply_spans(seen.content, change.spans)
            yield (
                {
                    "op": "write",
                    "path": path,
                    "old": seen.content,
                    "seen": seen.described(),
                    "new_sha": sha256_hex(after),
                    "temp": _temp_name(),
                },
                after,
            )
        elif isinstance(change, Create):
            path = files.real(change.path, follow_last=False)
            for folder in files.missing_folders(path):
                yield (
                    {
                        "op": "mkdir",
                        "path": folder,
                        "mode": 0o755,
                        "owner": files.numbers(change.owner),
                        "parent": files.times_of_folder(folder),
                    },
                    None,
                )
            files.refuse_existing(path)
            yield {"op": "create", "path": path, "mode": change.mode, "owner": files.numbers(change.owner), "new_sha": sha256_hex(change.content),
                   "temp": _temp_name(), "parent": files.times_of_folder(path)}, change.content  # fmt: skip
        elif isinstance(change, Remove):
            path = files.real(change.path, follow_last=False)
            seen = files.look(path, with_content=True)
            yield (
                {"op": "remove", "path": path, "old": seen.content, "seen": seen.described(), "back": _temp_name()},
                None,
            )
        elif isinstance(change, Rename):
            path, to = files.real(change.path, follow_last=False), files.real(change.to, follow_last=False)
            files.refuse_existing(to)
            seen = files.look(path, with_content=False)
            yield (
                {
                    "op": "rename",
                    "path": path,
                    "to": to,
                    "seen": seen.described(),
                    "to_parent": files.times_of_folder(to),
                },
                None,
            )
        elif isinstance(change, Mode):
            path = files.real(change.path)
            seen = self._unchanged(path, change.before, None)
            yield (
                {"op": "mode", "path": path, "before": change.before, "after": change.after, "seen": seen.described()},
                None,
            )
        elif isinstance(change, Owner):
            path = files.real(change.path)
            seen = self._unchanged(path, None, files.numbers(change.before))
            yield (
                {
                    "op": "owner",
                    "path": path,
                    "before": [seen.uid, seen.gid],
                    "after": files.numbers(change.after),
                    "seen": seen.described(),
                },
                None,
            )
        else:
            yield journal_commands.describe(change, files.root, self.id, self._runner), None

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

    def rollback(self) -> UndoResult:
        """Take back what was applied so far; what cannot be (it was changed meanwhile) is named and stays."""
        try:
            record = Record(self.folder, self.target, "", "", self._steps, 0, False, False, False, set())
            result = _take_back(record, force=False, runner=self._runner)
            with contextlib.suppress(OSError):
                self.write({"recovered": True})
        finally:
            self._close()
        return result

    def _close(self) -> None:
        self._log.close()
        os.close(self._lock)


def _temp_name() -> str:
    return f".dddoctor-{secrets.token_hex(8)}"
