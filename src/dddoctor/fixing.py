"""`check --fix`: plan on an overlay, show it, ask once, write, prove. Prompts and what is shown before consent live here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

from dddoctor import patches
from dddoctor.hosts.base import Host
from dddoctor.hosts.overlay import OverlayHost
from dddoctor.light import NamedTuple
from dddoctor.model import Applied, Finding, Report, Safety
from dddoctor.repair import Plan, PlannedFix
from dddoctor.secrets import Vault
from dddoctor.session import Session, UsageError, undo_class


class Asked(NamedTuple):
    """What the person said on the command line."""

    unsafe_fixes: bool
    is_agreed: bool
    show_only: bool
    show_secrets: bool
    output: Path | None


def fix_it(session: Session, report: Report, asked: Asked) -> Report | None:
    """Repair and return the proof's report; None where nothing was written (`--diff`: the patch was printed instead)."""
    can_ask = not asked.is_agreed and session.host.kind != "snapshot" and sys.stdin.isatty() and sys.stderr.isatty()
    allowed = [Safety.SAFE, *([Safety.UNSAFE] if asked.unsafe_fixes or (can_ask and not asked.show_only) else [])]
    plan = session.plan(allowed)
    if session.host.kind == "snapshot":
        from dddoctor.patching import print_for_there

        print_for_there(session, plan, asked)
        return None
    if asked.show_only:
        _write_patch(session, plan, asked)
        return None
    if asked.is_agreed:
        _leave_irreversible(plan)
    if plan.is_empty():
        report.applied = _refusals(report, plan, session.vault)
        return report
    out = sys.stderr
    show_plan(plan, session.host, session.vault, out)
    if can_ask:
        chosen = _ask(plan, out, asked.unsafe_fixes, session.vault)
        if chosen is None:
            print("Nothing was changed.", file=out)
            return report
        if chosen != frozenset(f.finding.id for f in [*plan.fixes, *plan.deferred]):
            plan = session.plan(allowed, chosen)
    elif not asked.is_agreed:
        print(
            "Nothing was changed: there is no terminal to ask at. Say --yes to apply this, or --diff to see it as a patch.",
            file=out,
        )
        return report
    return session.apply(plan)


def _leave_irreversible(plan: Plan) -> None:
    """Whoever said yes beforehand has not seen what cannot be taken back: that is asked at the prompt only."""
    for fix in [f for f in plan.deferred if undo_class(f.changes) == "irreversible"]:
        plan.deferred.remove(fix)
        plan.refused[fix.finding.id] = "it cannot be taken back; leave --yes out, and say yes to it at the prompt"


def _refusals(report: Report, plan: Plan, vault: Vault) -> list[Applied]:
    by_id = {f.id: f for f in report.findings}
    return [
        Applied(
            f.id,
            f.rule,
            f.fix.title if f.fix else f.title,
            "not repaired",
            (f.file,) if f.file else (),
            vault.show(reason),
        )
        for fid, reason in plan.refused.items()
        if (f := by_id.get(fid)) is not None
    ]


# --- showing ----------------------------------------------------------------------------------------------------------


def plan_patches(plan: Plan, base: Host, vault: Vault, *, with_secrets: bool = False) -> list[patches.FilePatch]:
    """One patch a file that the plan makes, changes or removes."""
    overlay = plan.overlay
    renames = overlay.renames()
    found = [
        patches.file_patch(p, b, a, vault, to=_new_name(p, renames), with_secrets=with_secrets)
        for p, (b, a) in overlay.changed().items()
    ]
    return [p for p in found if p.text or p.withheld]


def _new_name(path: str, renames: dict[str, str]) -> str:
    for old, new in renames.items():
        if path == old or path.startswith(old + "/"):
            return new + path[len(old) :]
    return path


def other_changes(overlay: OverlayHost, plan: Plan) -> list[str]:
    """Renames, modes, owners and commands, a line each."""
    lines = [patches.in_words(c) for c in plan.changes if type(c).__name__ in {"Rename", "Mode", "Owner", "Remove"}]
    return lines + list(dict.fromkeys(patches.in_words(c) for fix in plan.deferred for c in fix.changes))


def show_plan(plan: Plan, base: Host, vault: Vault, out: TextIO) -> None:
    """What would be done, whether it can be undone, and the patch."""
    fixes = [*plan.fixes, *plan.deferred]
    print(f"{len(fixes)} repair{'s' * (len(fixes) != 1)}, tried on a copy in memory first:", file=out)
    for number, fix in enumerate(fixes, 1):
        place = f"{fix.finding.file}:{fix.finding.line}" if fix.finding.line else fix.finding.file or ""
        title = fix.finding.fix.title if fix.finding.fix else fix.finding.title
        print(
            f"  {number}. {title}  [{_safety(fix)}; undo: {undo_class(fix.changes)}]\n     {vault.show(place)}",
            file=out,
        )
    for patch in plan_patches(plan, base, vault):
        print(f"\n{patch.text}".rstrip(), file=out)
        if patch.withheld:
            print(f"({_hunks(patch.withheld)} of {vault.show(patch.path)} withheld: secrets inside)", file=out)
    for line in other_changes(plan.overlay, plan):
        print(f"  {vault.show(line)}", file=out)
    print(file=out)


def _safety(fix: PlannedFix) -> str:
    return fix.finding.fix.safety.value if fix.finding.fix else "safe"


def _hunks(number: int) -> str:
    return f"{number} hunk{'s' * (number != 1)}"


def _write_patch(session: Session, plan: Plan, asked: Asked) -> None:
    found = plan_patches(plan, session.host, session.vault, with_secrets=asked.show_secrets)
    text = "".join(p.text for p in found)
    if asked.output is not None and str(asked.output) != "-":
        write_private(asked.output, text)
    else:
        sys.stdout.write(text)
    withheld = sum(p.withheld for p in found)
    if withheld:
        print(
            f"{_hunks(withheld)} withheld because secrets stand in them; `--fix --diff --show-secrets --output FILE` writes the exact patch.",
            file=sys.stderr,
        )
    for line in other_changes(plan.overlay, plan):
        print(f"and: {session.vault.show(line)}", file=sys.stderr)


def write_private(path: Path, text: str) -> None:
    """A new file of mode 0600: the patch may hold secrets. An existing file is replaced only if it is a plain one."""
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UsageError(f"--output {path}: not a plain file")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UsageError(f"--output {path}: {error.strerror}") from error


# --- asking -----------------------------------------------------------------------------------------------------------


def _ask(plan: Plan, out: TextIO, takes_unsafe: bool, vault: Vault) -> frozenset[str] | None:
    """The ids of the findings to repair; None = nothing."""
    fixes = [*plan.fixes, *plan.deferred]
    everything = frozenset(f.finding.id for f in fixes)
    has_unsafe = any(_safety(f) == "unsafe" for f in fixes)
    words = (
        "[y] all  [s] only the safe ones  [e] each in turn  [n] nothing: "
        if has_unsafe and not takes_unsafe
        else "[y] all  [e] each in turn  [n] nothing: "
    )
    while True:
        answer = _read(f"Apply? {words}", out)
        if answer in {"y", "yes"}:
            return everything
        if answer in {"n", "no", "", None}:
            return None
        if answer == "s":
            return frozenset(f.finding.id for f in fixes if _safety(f) == "safe") or None
        if answer == "e":
            return _ask_each(fixes, out, vault)


def _ask_each(fixes: list[PlannedFix], out: TextIO, vault: Vault) -> frozenset[str] | None:
    chosen = set()
    for fix in fixes:
        finding: Finding = fix.finding
        title = finding.fix.title if finding.fix else finding.title
        if _read(f"{title} ({vault.show(finding.file or finding.message)}; {_safety(fix)})? [y/n]: ", out) in {
            "y",
            "yes",
        }:
            chosen.add(finding.id)
    return frozenset(chosen) or None


def _read(prompt: str, out: TextIO) -> str | None:
    print(prompt, end="", file=out, flush=True)
    line = sys.stdin.readline()
    return line.strip().lower() if line else None
