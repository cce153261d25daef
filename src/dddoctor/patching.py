"""`check --fix` where the doctor cannot write (a snapshot, a host behind ssh): the patch, and the commands to type over there. Nothing is written."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dddoctor import patches
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.model import Change, Command, Create, Install, Mode, Owner, Remove, Rename, Safety, Service, Sql

if TYPE_CHECKING:
    from dddoctor.fixing import Asked
    from dddoctor.repair import Plan
    from dddoctor.secrets import Vault
    from dddoctor.session import Session

_OURS_MODE = 0o644  # what `patch` gives a new file, by root's usual umask


def print_for_there(session: Session, plan: Plan, asked: Asked) -> None:
    """The patch and the commands on standard output (or into --output, mode 0600), what is left out on standard error."""
    from dddoctor.fixing import write_private

    host, vault = session.host, session.vault
    found = patches_of(plan, host, vault)
    text = "".join(p.text for p in found)
    lines = commands(plan)
    parts = []
    if text:
        parts += [
            "# As root over there, with this text in fix.patch:  cd / && patch -p1 < fix.patch",
            text.rstrip("\n"),
        ]
    if lines:
        parts += [
            f"# {'Then, as' if text else 'As'} root over there, in this order:",
            *(vault.show(line) for line in lines),
        ]
    written = "\n".join(parts) + "\n" if parts else ""
    if asked.output is not None and str(asked.output) != "-":
        write_private(asked.output, written)
    else:
        sys.stdout.write(written)
    for line in left_out(session, plan, found, asked):
        print(vault.show(line), file=sys.stderr)


def patches_of(plan: Plan, host: object, vault: Vault) -> list[patches.FilePatch]:
    """As `fixing.plan_patches`; hunks in which the collector put a stand-in for a secret are withheld as well: they would not apply over there."""
    renames = plan.overlay.renames()
    found = []
    for path, (before, after) in plan.overlay.changed().items():
        stand_ins = (
            host.changed_lines(path) if isinstance(host, SnapshotHost) and before is not None else frozenset[int]()
        )
        to = next(
            (new + path[len(old) :] for old, new in renames.items() if path == old or path.startswith(old + "/")), path
        )
        found.append(patches.file_patch(path, before, after, vault, to=to, secret_lines=stand_ins))
    return [p for p in found if p.text or p.withheld]


def commands(plan: Plan) -> list[str]:
    """Shell commands for all that is no text, in the order in which it has to be done: files, then pip and others, then services."""
    from dddoctor.session import together

    changes = [*plan.changes, *(change for group, _ in together(plan.deferred) for change in group)]
    lines: list[str] = []
    for change in changes:
        lines += _installed(change, plan.overlay) if isinstance(change, Install) else _typed(change)
    return list(dict.fromkeys(lines))


def _installed(change: Install, host: Host) -> list[str]:
    """pip runs as the owner of the environment: what root installs there, its owner cannot replace any more."""
    try:
        owner = host.stat(change.environment).owner
    except (Unavailable, InputError, FileNotFoundError):
        owner = "root"
    pip = [f"{change.environment}/bin/pip", "install", *change.packages]
    return [shlex.join([*(["sudo", "-u", owner, "-H"] if owner != "root" else []), *pip])]


def _typed(change: Change) -> Sequence[str]:
    if isinstance(change, Mode):
        return [shlex.join(["chmod", f"{change.after:04o}", change.path])]
    if isinstance(change, Owner):
        return [shlex.join(["chown", change.after, change.path])]
    if isinstance(change, Rename):
        return [shlex.join(["mv", "-n", "--", change.path, change.to])]
    if isinstance(change, Remove):
        return [shlex.join(["rm", "--", change.path])]
    if isinstance(change, Create):
        owner = [shlex.join(["chown", change.owner, change.path])] if change.owner else []
        return [
            *owner,
            *([shlex.join(["chmod", f"{change.mode:04o}", change.path])] if change.mode != _OURS_MODE else []),
        ]
    if isinstance(change, Service):
        return [shlex.join(["systemctl", change.action, change.unit])]
    if isinstance(change, Sql):
        return [shlex.join(["mysql", "-e", change.text])]
    if isinstance(change, Command):
        return [shlex.join([*(["sudo", "-u", change.user] if change.user else []), *change.argv])]
    return []


def left_out(session: Session, plan: Plan, found: Sequence[patches.FilePatch], asked: Asked) -> list[str]:
    """What the patch does not hold, and why; a line each."""
    lines = []
    for patch in found:
        if patch.withheld:
            hunks = f"{patch.withheld} hunk{'s' * (patch.withheld != 1)}"
            lines.append(f"{hunks} of {patch.path} withheld because secrets stand in them: change these lines by hand")
    unsafe = (
        0
        if asked.unsafe_fixes
        else sum(_is_unsafe(f.fix.safety) for f in plan.left if f.fix and not f.fix.unavailable_because)
    )
    if unsafe:
        lines.append(f"{unsafe} more with --unsafe-fixes: they change what the host does")
    by_id = {f.id: f for f in (session.last.findings if session.last else ())}
    for name, reason in plan.refused.items():
        if name in by_id:
            lines.append(f"not repaired: {by_id[name].title} ({by_id[name].file or 'the host'}): {reason}")
    if not found and not plan.changes and not plan.deferred:
        lines.append("There is nothing that a patch or a command would repair.")
    lines.append("Nothing was written. When it is done over there, look again: a new snapshot, or the same command.")
    return lines


def _is_unsafe(safety: Safety) -> bool:
    return safety is Safety.UNSAFE
