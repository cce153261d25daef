"""`history` and `undo`: what was repaired on which target, and taking it back."""

from __future__ import annotations

import sys
from pathlib import Path

from dddoctor.journal import Journal, JournalError
from dddoctor.secrets import Vault
from dddoctor.session import UsageError, open_host, runner_of, target_id


def history() -> str:
    """All runs, newest first: id, when, target, command, files."""
    show = Vault().show
    entries = Journal().history()
    if not entries:
        return "No repairs so far.\n"
    lines = []
    for e in entries:
        lines.append(f"{e.id}  {e.started_at}  {e.status:10}  {show(e.target)}  {show(e.command)}")
        lines += [f"    {show(line)}" for line in e.changes]
    return "\n".join(lines) + "\n"


def purge() -> str:
    """Forget all runs; their old bytes are deleted."""
    count = Journal().purge()
    return f"Forgot {count} run{'s' * (count != 1)}; they can no longer be undone.\n"


def undo(run_id: str | None, root: Path | None, *, show_only: bool, is_agreed: bool, force: bool) -> tuple[int, str]:
    """(exit code, text): 0 done, 1 something is left."""
    host = open_host(root)
    target = target_id(host, root)
    journal = Journal()
    try:
        patch = Vault().show(journal.undo_diff(run_id, target))
        if show_only:
            return 0, patch
        if not is_agreed:
            if not sys.stdin.isatty():
                raise UsageError("nothing was undone: there is no terminal to ask at; say --yes, or --diff to see it")
            print(patch, file=sys.stderr)
            print("Take this back? [y/n]: ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
                return 0, "Nothing was changed.\n"
        result = journal.undo(run_id, target, force=force, runner=runner_of(host))
    except JournalError as error:
        raise UsageError(Vault().show(str(error))) from error
    lines = [f"undone: {line}" for line in result.done] + [f"left as it is: {line}" for line in result.refused]
    return (1 if result.refused else 0), Vault().show("\n".join(lines) + "\n")
