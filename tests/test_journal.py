"""The journal: what it has written it can take back, and a crash at any instant loses nothing."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dddoctor.demo import tree_hash
from dddoctor.journal import Journal, JournalError, TargetId
from dddoctor.model import Change, Create, Edit, Mode, Owner, Remove, Rename, Span

TEXT = b"one\ntwo\nthree\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small host with old times."""
    made = tmp_path / "root"
    (made / "etc/app").mkdir(parents=True)
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        path = made / "etc/app" / name
        path.write_bytes(TEXT)
        path.chmod(0o640)
        os.utime(path, ns=(1_500_000_000_123_456_789, 1_500_000_000_987_654_321))
    (made / "etc/link.yaml").symlink_to("app/a.yaml")
    for folder in (made / "etc/app", made / "etc", made):
        os.utime(folder, ns=(1_500_000_000_000_000_001, 1_500_000_000_000_000_002))
    return made


def _edit(file: str, old: bytes = TEXT) -> Edit:
    return Edit(file, hashlib.sha256(old).hexdigest(), (Span(4, 7, b"zwei"),), ("*",), "text")


CHANGES: dict[str, list[Change]] = {
    "edit": [_edit("/etc/app/a.yaml")],
    "create": [Create("/etc/app/new/deep/x.yaml", b"x\n", 0o600)],
    "remove": [Remove("/etc/app/b.yaml")],
    "remove a link": [Remove("/etc/link.yaml")],
    "rename": [Rename("/etc/app/c.yaml", "/etc/app/d.yaml")],
    "rename a folder": [Rename("/etc/app", "/etc/app.d")],
    "mode": [Mode("/etc/app/a.yaml", 0o640, 0o600), Mode("/etc/app", 0o755, 0o700)],
    "owner": [Owner("/etc/app/a.yaml", f"{os.getuid()}:{os.getgid()}", f"{os.getuid()}:{os.getgid()}")],
    "all": [_edit("/etc/app/a.yaml"), Create("/etc/app/x", b"x", 0o644), Remove("/etc/app/b.yaml"), Rename("/etc/app/c.yaml", "/etc/app/d.yaml"), Mode("/etc/app/a.yaml", 0o640, 0o604)],
}  # fmt: skip


def _whole_hash(root: Path) -> str:
    """With the times of folders, which undo gives back as well."""
    times = [(str(p.relative_to(root)), p.lstat().st_mtime_ns) for p in sorted(root.rglob("*")) if p.is_dir()]
    return tree_hash(root) + repr(times)


def _apply(root: Path, state: Path, changes: Sequence[Change]) -> str:
    run = Journal(state).begin(TargetId.of("root", root), "test")
    run.apply(changes, "test")
    run.commit()
    return run.id


@pytest.mark.parametrize("kind", CHANGES)
def test_undo_gives_back_bytes_modes_and_times(kind: str, root: Path, tmp_path: Path) -> None:
    """For every kind of change, and all of them in one run."""
    before = _whole_hash(root)
    run_id = _apply(root, tmp_path / "state", CHANGES[kind])
    if kind != "owner":
        assert _whole_hash(root) != before
    result = Journal(tmp_path / "state").undo(run_id, TargetId.of("root", root))

    assert result.refused == []
    assert _whole_hash(root) == before


@pytest.mark.parametrize("kind", CHANGES)
def test_a_rollback_gives_the_old_tree(kind: str, root: Path, tmp_path: Path) -> None:
    """Where a later change fails, the earlier ones are taken back."""
    before = _whole_hash(root)
    run = Journal(tmp_path / "state").begin(TargetId.of("root", root), "test")
    run.apply(CHANGES[kind], "test")
    run.rollback()

    assert _whole_hash(root) == before


# The system calls that change anything, or make a change last; the crash comes before or after each of them.
_CALLS = (
    "open",
    "fsync",
    "rename",
    "unlink",
    "mkdir",
    "rmdir",
    "chown",
    "fchown",
    "fchmod",
    "utime",
    "symlink",
    "write",
)


def _crash_at(number: int, is_after: bool, work: Any) -> bool:
    """Run `work` in a child that dies at its number-th system call; whether it died (False = it had fewer calls)."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    count = 0

    def hooked(function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == number and not is_after:
                os._exit(9)
            result = function(*arguments, **named)
            if count == number:
                os._exit(9)
            return result

        return call

    try:
        for name in _CALLS:
            setattr(os, name, hooked(getattr(os, name)))
        work()
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(8)
    os._exit(0)


@pytest.mark.parametrize("kind", ["edit", "create", "remove", "rename", "rename a folder", "mode", "all"])
def test_a_crash_before_or_after_any_system_call_loses_nothing(kind: str, root: Path, tmp_path: Path) -> None:
    """Each file is old or new; the next undo, or the next run, gives the old tree."""
    before, state = _whole_hash(root), tmp_path / "state"
    target = TargetId.of("root", root)
    for is_after in (False, True):
        number = 1
        while _crash_at(number, is_after, lambda: _apply(root, state, CHANGES[kind])):
            for name in ("etc/app/a.yaml", "etc/app.d/a.yaml"):
                if (root / name).exists():
                    assert (root / name).read_bytes() in {TEXT, b"one\nzwei\nthree\n"}
            if any(e.status != "undone" for e in Journal(state).history(target)):
                assert Journal(state).undo(None, target).refused == []
            assert _whole_hash(root) == before, (kind, number, is_after)
            number += 1
            assert number < 400
        Journal(state).undo(None, target)
        assert _whole_hash(root) == before


def test_a_crash_while_undoing_loses_nothing(root: Path, tmp_path: Path) -> None:
    """Undo again ends it."""
    before, target = _whole_hash(root), TargetId.of("root", root)
    number, state = 1, tmp_path / "state"
    while True:
        run_id = _apply(root, state, CHANGES["all"])
        crashed = _crash_at(number, False, lambda: Journal(state).undo(run_id, target))  # noqa: B023 (run at once)
        if any(e.id == run_id and e.status != "undone" for e in Journal(state).history(target)):
            assert Journal(state).undo(run_id, target).refused == []
        assert _whole_hash(root) == before, number
        if not crashed:
            break
        number += 1


def test_the_next_run_takes_an_interrupted_one_back_and_says_so(root: Path, tmp_path: Path) -> None:
    """What was left is cleared before anything new is written."""
    before, state = _whole_hash(root), tmp_path / "state"

    def half() -> None:
        Journal(state).begin(TargetId.of("root", root), "test").apply(CHANGES["edit"], "test")
        os._exit(9)

    _crash_at(10**6, False, half)
    run = Journal(state).begin(TargetId.of("root", root), "test")
    run.commit()

    assert _whole_hash(root) == before
    assert any("interrupted" in note for note in run.notes)


def test_undo_refuses_a_file_that_was_changed_since_and_force_does_not(root: Path, tmp_path: Path) -> None:
    """Somebody's later work is not thrown away unasked."""
    target, state = TargetId.of("root", root), tmp_path / "state"
    _apply(root, state, [*CHANGES["edit"], _edit("/etc/app/b.yaml")])
    (root / "etc/app/a.yaml").write_bytes(b"mine\n")
    result = Journal(state).undo(None, target)

    assert (len(result.done), len(result.refused), "has changed since" in result.refused[0]) == (1, 1, True)
    assert (root / "etc/app/a.yaml").read_bytes() == b"mine\n"
    assert (root / "etc/app/b.yaml").read_bytes() == TEXT
    assert Journal(state).undo(None, target, force=True).refused == []
    assert (root / "etc/app/a.yaml").read_bytes() == TEXT


def test_a_file_that_changed_since_it_was_read_is_not_written(root: Path, tmp_path: Path) -> None:
    """The edit was planned against another text."""
    run = Journal(tmp_path / "state").begin(TargetId.of("root", root), "test")
    with pytest.raises(JournalError, match="has changed since it was read"):
        run.apply([_edit("/etc/app/a.yaml", b"another text\n")], "test")
    run.rollback()

    assert (root / "etc/app/a.yaml").read_bytes() == TEXT


def test_a_file_with_another_name_is_not_written(root: Path, tmp_path: Path) -> None:
    """A hard link may lead anywhere."""
    os.link(root / "etc/app/a.yaml", root / "etc/other")
    run = Journal(tmp_path / "state").begin(TargetId.of("root", root), "test")
    with pytest.raises(JournalError, match="hard links"):
        run.apply(CHANGES["edit"], "test")
    run.rollback()


def test_a_link_on_the_way_is_not_followed(root: Path, tmp_path: Path) -> None:
    """Not even inside the root: it may be changed meanwhile."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.yaml").write_bytes(TEXT)
    (root / "etc/away").symlink_to(tmp_path / "outside")
    run = Journal(tmp_path / "state").begin(TargetId.of("root", root), "test")
    with pytest.raises(JournalError, match="link"):
        run.apply([_edit("/etc/away/a.yaml")], "test")
    run.rollback()

    assert (tmp_path / "outside" / "a.yaml").read_bytes() == TEXT


def test_two_runs_exclude_each_other(root: Path, tmp_path: Path) -> None:
    """The second one says so and writes nothing."""
    target, journal = TargetId.of("root", root), Journal(tmp_path / "state")
    first = journal.begin(target, "test")
    with pytest.raises(JournalError, match="another run"):
        journal.begin(target, "test")
    first.commit()

    journal.begin(target, "test").commit()


def test_a_run_of_another_target_is_not_taken_back(root: Path, tmp_path: Path) -> None:
    """Without an ID the last run of this target counts; with one, the target must be the same."""
    run_id = _apply(root, tmp_path / "state", CHANGES["edit"])
    (tmp_path / "other").mkdir()
    other = TargetId.of("root", tmp_path / "other")

    with pytest.raises(JournalError, match="nothing to undo"):
        Journal(tmp_path / "state").undo(None, other)
    with pytest.raises(JournalError, match="belongs to"):
        Journal(tmp_path / "state").undo(run_id, other)


def test_the_state_is_private(root: Path, tmp_path: Path) -> None:
    """It holds what the repaired files held."""
    _apply(root, tmp_path / "state", CHANGES["all"])
    for path in [tmp_path / "state", *(tmp_path / "state").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_state_folder_that_others_may_enter_is_refused(root: Path, tmp_path: Path) -> None:
    """Somebody could have put a run there."""
    (tmp_path / "state").mkdir(mode=0o777)
    (tmp_path / "state").chmod(0o777)

    with pytest.raises(JournalError, match="0700"):
        Journal(tmp_path / "state").begin(TargetId.of("root", root), "test")


def test_purge_forgets(root: Path, tmp_path: Path) -> None:
    """And nothing can be undone then."""
    _apply(root, tmp_path / "state", CHANGES["edit"])

    assert Journal(tmp_path / "state").purge() == 1
    assert Journal(tmp_path / "state").history() == []
