"""`dddoctor demo`: the write-up's broken VM as a folder, diagnosed, repaired, proved, and put back byte for byte. Everything happens in that folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from dddoctor import fixing
from dddoctor.checking import render
from dddoctor.examples import build
from dddoctor.model import Report, Safety
from dddoctor.session import CheckOptions, Session, UsageError, target_id

MANIFEST = Path(__file__).parent / "data" / "demo_vm.yaml"


def run(keep: Path | None, out: TextIO) -> int:
    """Build, check, repair, prove, undo. Returns 0 where the repaired VM was proved and the undo gave the old tree back, else 1.

    With `keep` the broken VM is left in that folder for the person to play with.
    """
    with _workplace(keep) as (root, state):
        make_vm(root)
        if keep is not None:
            _say(
                out,
                f"The broken VM is in {root}. Look at it with\n\n    dddoctor check --root {root}\n\nand repair it with\n\n    dddoctor check --root {root} --fix\n",
            )
            return 0
        os.environ["DDDOCTOR_STATE"] = str(state)
        before = tree_hash(root)
        _say(out, f"A broken VM, built in {root}. Nothing else on this machine is touched.\n")
        _say(out, "$ dddoctor check --root VM")
        session = Session(CheckOptions(root, command="dddoctor check --root VM"))
        first = session.check()
        _say(out, render(first, "console"))
        _say(out, "$ dddoctor check --root VM --fix --unsafe-fixes --yes")
        repaired = _repair(session, out)
        _say(out, render(repaired, "console"))
        _say(out, "$ dddoctor undo --root VM --yes")
        is_back = _undo(root, session, before, out)
        return 0 if is_back and _is_proved(first, repaired) else 1


@contextmanager
def _workplace(keep: Path | None) -> Iterator[tuple[Path, Path]]:
    """(the VM's folder, a private journal folder); both are removed again unless the VM is to be kept."""
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise UsageError(f"--keep {keep}: the folder must be new or empty")
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve(), keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="dddoctor-demo-") as folder:
        (Path(folder) / "state").mkdir(mode=0o700)
        yield Path(folder) / "vm", Path(folder) / "state"


def make_vm(root: Path) -> None:
    """Write the tree of data/demo_vm.yaml below `root`."""
    import yaml

    manifest: dict[str, Any] = yaml.load(
        MANIFEST.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    root.mkdir(parents=True, exist_ok=True)
    build(root, manifest)


def _repair(session: Session, out: TextIO) -> Report:
    plan = session.plan([Safety.SAFE, Safety.UNSAFE])
    fixing.show_plan(plan, session.host, session.vault, out)
    return session.apply(plan)


def _undo(root: Path, session: Session, before: str, out: TextIO) -> bool:
    from dddoctor.journal import Journal

    result = Journal().undo(None, target_id(session.host, root))
    _say(out, f"{len(result.done)} changes taken back.")
    is_back = tree_hash(root) == before
    _say(
        out,
        "The tree has its old hash again." if is_back else "The tree differs from what it was: this is a bug of ours.",
    )
    return is_back


def _is_proved(first: Report, repaired: Report) -> bool:
    """Whether there was something to repair, and only what a person must do by hand is left."""
    return first.healthy is False and bool(repaired.applied) and not repaired.repairable()


def _say(out: TextIO, text: str) -> None:
    out.write(text + "\n")


def tree_hash(root: Path) -> str:
    """One hash over every path below a folder: kind, mode, owner, modification time and content or link target."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        stat = path.lstat()
        digest.update(
            f"{path.relative_to(root)}\0{stat.st_mode}\0{stat.st_uid}:{stat.st_gid}\0".encode(
                "utf-8", "surrogateescape"
            )
        )
        if path.is_symlink():
            digest.update(os.fsencode(path.readlink()))
        elif path.is_file():
            digest.update(f"{stat.st_mtime_ns}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
