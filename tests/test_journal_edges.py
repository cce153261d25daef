"""The journal where others work on the same host: links, files that are there already, changes since; and steps that are no files."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dddoctor import journal_commands, journal_services
from dddoctor.demo import tree_hash
from dddoctor.hosts.base import Ran
from dddoctor.journal import Journal, JournalError, Runner, TargetId
from dddoctor.model import Change, Command, Create, Edit, Install, Mode, Owner, Rename, Service, Span, Sql

TEXT = b"one\ntwo\nthree\n"
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two owners")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "etc/app").mkdir(parents=True)
    (made / "etc/app/a.yaml").write_bytes(TEXT)
    return made


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def _edit(file: str, word: bytes = b"zwei") -> Edit:
    return Edit(file, hashlib.sha256(TEXT).hexdigest(), (Span(4, 7, word),), ("*",), "text")


def _apply(journal: Journal, root: Path, changes: Sequence[Change]) -> str:
    run = journal.begin(TargetId.of("root", root), "test")
    run.apply(changes, "test")
    run.commit()
    return run.id


def _refusal(journal: Journal, root: Path, change: Change) -> str:
    run = journal.begin(TargetId.of("root", root), "test")
    with pytest.raises(JournalError) as caught:
        run.apply([change], "test")
    run.rollback()
    return str(caught.value)


# --- links ------------------------------------------------------------------------------------------------------------


def test_the_file_behind_a_link_is_changed_and_the_link_stays(journal: Journal, root: Path) -> None:
    """Debian's /etc/mysql/my.cnf leads over /etc/alternatives; absolute links lead below the root."""
    (root / "etc/alternatives").mkdir()
    (root / "etc/alternatives/app").symlink_to("/etc/app/a.yaml")
    (root / "etc/link").symlink_to("alternatives/app")
    (root / "etc/folder").symlink_to("../etc/app/.")
    before = tree_hash(root)
    _apply(
        journal, root, [_edit("/etc/link"), Mode("/etc/link", 0o644, 0o600), Create("/etc/folder/b.yaml", b"b", 0o644)]
    )

    assert (root / "etc/app/a.yaml").read_bytes() == b"one\nzwei\nthree\n" and (root / "etc/link").is_symlink()
    assert stat.S_IMODE((root / "etc/app/a.yaml").stat().st_mode) == 0o600 and (root / "etc/app/b.yaml").exists()
    assert journal.undo(None, TargetId.of("root", root)).refused == []
    assert tree_hash(root) == before


def test_no_link_leads_out_of_the_root(journal: Journal, root: Path, tmp_path: Path) -> None:
    """Neither upwards nor by an absolute path."""
    (tmp_path / "victim").write_bytes(TEXT)
    (root / "etc/up").symlink_to("../../../../../../../../../../../.." + str(tmp_path / "victim"))
    (root / "etc/straight").symlink_to(tmp_path / "victim")
    (root / "etc/round").symlink_to("round")

    reasons = [_refusal(journal, root, _edit(f"/etc/{name}")) for name in ("up", "straight", "round")]

    assert ["not there" in reasons[0], "not there" in reasons[1], "circle" in reasons[2]] == [True] * 3
    assert (tmp_path / "victim").read_bytes() == TEXT


@is_root
def test_root_follows_no_link_that_another_user_has_made(journal: Journal, root: Path) -> None:
    """Somebody said `chmod -R a+rwx`: the owner of the Agent's folder could aim at a file of root's. A link to his own file gains him nothing."""
    (root / "etc/shadow").write_bytes(TEXT)
    os.chown(root / "etc/app", 1234, 1234)
    os.chown(root / "etc/app/a.yaml", 1234, 1234)
    for name, target in (("evil", "../shadow"), ("own", "a.yaml")):
        (root / "etc/app" / name).symlink_to(target)
        os.chown(root / "etc/app" / name, 1234, 1234, follow_symlinks=False)

    assert "another user" in _refusal(journal, root, _edit("/etc/app/evil"))
    assert (root / "etc/shadow").read_bytes() == TEXT
    _apply(journal, root, [_edit("/etc/app/own")])
    assert (root / "etc/app/a.yaml").read_bytes() != TEXT


# --- what is there already --------------------------------------------------------------------------------------------


def test_nothing_is_made_over_what_is_there(journal: Journal, root: Path) -> None:
    """A pipe, a dangling link, a folder, a file that may not be read: whatever has the name keeps it."""
    os.mkfifo(root / "etc/app/pipe")
    (root / "etc/app/dangling").symlink_to("nowhere")
    (root / "etc/app/folder").mkdir()
    (root / "etc/app/closed").write_bytes(b"mine")
    (root / "etc/app/closed").chmod(0)
    before = tree_hash(root)

    for name in ("pipe", "dangling", "folder", "closed", "a.yaml"):
        assert "there already" in _refusal(journal, root, Create(f"/etc/app/{name}", b"x", 0o644))
        if name != "a.yaml":
            assert "there already" in _refusal(journal, root, Rename("/etc/app/a.yaml", f"/etc/app/{name}"))
    assert tree_hash(root) == before


def test_a_pipe_is_not_waited_for(journal: Journal, root: Path) -> None:
    os.mkfifo(root / "etc/passwd")
    os.mkfifo(root / "etc/machine-id")
    os.mkfifo(root / "etc/app/pipe")

    assert "no regular file" in _refusal(journal, root, _edit("/etc/app/pipe"))
    assert "called nobody9" in _refusal(journal, root, Create("/etc/app/x", b"", 0o600, "nobody9:nobody9"))


# --- owners, ACLs, attributes ---------------------------------------------------------------------------------------


def test_attributes_and_acls_survive_an_edit_and_its_undo(journal: Journal, root: Path) -> None:
    file = root / "etc/app/a.yaml"
    # user::rw- user:1234:r-- group::r-- mask::r-- other::---, as the kernel keeps it
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *e)
        for e in ((1, 6, 2**32 - 1), (2, 4, 1234), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1))
    )
    try:
        os.setxattr(file, "user.note", b"mine")
        os.setxattr(file, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no attributes or ACLs")
    mode = file.stat().st_mode

    def kept() -> bool:
        return (os.getxattr(file, "user.note"), os.getxattr(file, "system.posix_acl_access"), file.stat().st_mode) == (
            b"mine",
            acl,
            mode,
        )

    _apply(journal, root, [_edit("/etc/app/a.yaml")])
    assert kept() and file.read_bytes() != TEXT
    journal.undo(None, TargetId.of("root", root))
    assert kept() and file.read_bytes() == TEXT


@is_root
def test_owners_are_given_back_with_the_bits_that_chown_clears(journal: Journal, root: Path) -> None:
    """Names are those of the target's own passwd file."""
    (root / "etc/passwd").write_text("dd-agent:x:1234:1235::/:/bin/sh\n")
    (root / "etc/group").write_text("dd-agent:x:1235:\n")
    file = root / "etc/app/a.yaml"
    os.chown(file, 1, 1)
    file.chmod(0o4755)
    _apply(
        journal,
        root,
        [
            Owner("/etc/app/a.yaml", "1:1", "dd-agent:dd-agent"),
            _edit("/etc/app/a.yaml"),
            Create("/etc/app/x", b"", 0o600, "dd-agent:dd-agent"),
        ],
    )

    owned = [(p.stat().st_uid, p.stat().st_gid, stat.S_IMODE(p.stat().st_mode)) for p in (file, root / "etc/app/x")]
    assert owned == [(1234, 1235, 0o4755), (1234, 1235, 0o600)]
    assert journal.undo(None, TargetId.of("root", root)).refused == []
    assert (file.stat().st_uid, file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (1, 1, 0o4755)


# --- changes since ----------------------------------------------------------------------------------------------------


def test_undo_refuses_a_file_whose_mode_was_changed_since(journal: Journal, root: Path) -> None:
    target = TargetId.of("root", root)
    _apply(journal, root, [_edit("/etc/app/a.yaml")])
    (root / "etc/app/a.yaml").chmod(0o600)

    assert "another mode" in journal.undo(None, target).refused[0]
    assert journal.history(target)[0].status == "applied"
    assert journal.undo(None, target, force=True).refused == []
    assert stat.S_IMODE((root / "etc/app/a.yaml").stat().st_mode) == 0o644


def test_the_time_of_a_folder_in_which_others_have_worked_since_stays(journal: Journal, root: Path) -> None:
    _apply(journal, root, [_edit("/etc/app/a.yaml")])
    (root / "etc/app/other").write_bytes(b"")
    os.utime(root / "etc/app", ns=(5, 5))

    journal.undo(None, TargetId.of("root", root))

    assert (root / "etc/app").stat().st_mtime_ns > 5


def test_runs_of_one_second_are_undone_last_first(journal: Journal, root: Path) -> None:
    target, before = TargetId.of("root", root), tree_hash(root)
    runs = [_apply(journal, root, [Create(f"/etc/app/{n}", b"x", 0o644)]) for n in range(8)]

    assert [e.id for e in journal.history(target)] == runs[::-1]
    for left in range(7, -1, -1):
        journal.undo(None, target)
        assert sorted(p.name for p in (root / "etc/app").iterdir()) == sorted([*map(str, range(left)), "a.yaml"])
    assert tree_hash(root) == before


def _interrupted(journal: Journal, root: Path, change: Change) -> None:
    """A run that was killed before it could commit."""
    child = os.fork()
    if child == 0:
        journal.begin(TargetId.of("root", root), "test").apply([change], "test")
        os._exit(0)
    os.waitpid(child, 0)


def test_what_an_interrupted_run_cannot_take_back_is_said_once_and_bars_nothing(journal: Journal, root: Path) -> None:
    """Somebody has worked on after the crash: his text stays, an earlier run can still be undone, and --force takes the rest."""
    target = TargetId.of("root", root)
    first = _apply(journal, root, [Create("/etc/app/first", b"x", 0o644)])
    _interrupted(journal, root, _edit("/etc/app/a.yaml"))
    (root / "etc/app/a.yaml").write_bytes(b"mine\n")

    said = journal.recover(target)
    again = journal.begin(target, "test")
    again.commit()

    assert len(said) == 1 and "interrupted" in said[0] and "has changed since" in said[0] and again.notes == []
    assert (root / "etc/app/a.yaml").read_bytes() == b"mine\n"
    assert [e.status for e in journal.history(target)] == ["partly undone", "applied"]
    assert journal.undo(first, target).refused == []
    assert journal.undo(None, target, force=True).refused == []
    assert (root / "etc/app/a.yaml").read_bytes() == TEXT


def test_undo_after_a_crash_tells_what_it_could_not_take_back(journal: Journal, root: Path) -> None:
    _interrupted(journal, root, _edit("/etc/app/a.yaml"))
    (root / "etc/app/a.yaml").write_bytes(b"mine\n")

    result = journal.undo(None, TargetId.of("root", root))

    assert (result.done, len(result.refused)) == ([], 1)


def test_a_line_that_a_crash_cut_off_hides_nothing(journal: Journal, root: Path, tmp_path: Path) -> None:
    """The power failed while the next step was written down."""
    target, before = TargetId.of("root", root), tree_hash(root)
    _interrupted(journal, root, _edit("/etc/app/a.yaml"))
    log = next((tmp_path / "state/runs").glob("*/journal.jsonl"))
    log.write_bytes(log.read_bytes() + b'{"step": {"op": "wri')

    assert journal.undo(None, target).refused == []
    assert tree_hash(root) == before
    assert [e.status for e in journal.history(target)] == ["undone"]


def test_a_rollback_goes_on_after_what_it_cannot_take_back(journal: Journal, root: Path) -> None:
    run = journal.begin(TargetId.of("root", root), "test")
    run.apply([Create("/etc/app/x", b"x", 0o644), _edit("/etc/app/a.yaml")], "test")
    (root / "etc/app/a.yaml").write_bytes(b"mine\n")

    result = run.rollback()

    assert (len(result.refused), (root / "etc/app/x").exists(), (root / "etc/app/a.yaml").read_bytes()) == (
        1,
        False,
        b"mine\n",
    )


def test_a_full_disk_stops_the_run_before_the_file_is_touched(
    journal: Journal, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is written first; and what was done is taken back although that cannot be noted."""
    before = tree_hash(root)
    run = journal.begin(TargetId.of("root", root), "test")
    run.apply([Create("/etc/app/x", b"x", 0o644)], "test")

    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("dddoctor.journal.write_line", full)
        patch.setattr("dddoctor.journal_record.write_line", full)
        with pytest.raises(JournalError, match=r"a.yaml was not touched: .*No space left"):
            run.apply([_edit("/etc/app/a.yaml")], "test")
        assert run.rollback().refused == []
    assert tree_hash(root) == before
    assert journal.recover(TargetId.of("root", root)) != [] and tree_hash(root) == before


def test_purge_keeps_a_run_that_is_still_to_be_taken_back(journal: Journal, root: Path, tmp_path: Path) -> None:
    _apply(journal, root, [Create("/etc/app/x", b"x", 0o644)])
    _interrupted(journal, root, _edit("/etc/app/a.yaml"))
    (tmp_path / "state/runs/20200101-000000-abcdef").mkdir()  # a crash before the first line

    assert journal.purge() == 1
    assert [e.status for e in journal.history()] == ["interrupted"]
    assert len(list((tmp_path / "state/runs").iterdir())) == 1


# --- commands, SQL, services ------------------------------------------------------------------------------------------


class Recorder:
    """Stands for a live host: remembers what was run, and says of every unit that it is up and enabled for `enabled`."""

    def __init__(self, fails: str = "", enabled: str = "disabled") -> None:
        self.calls: list[str] = []
        self.fails, self.enabled = fails, enabled

    def run(self, argv: Sequence[str], timeout_seconds: float = 1, user: str | None = None) -> Ran:
        if argv[1:2] == ["show"]:
            text = f"LoadState=loaded\nActiveState=active\nUnitFileState={self.enabled}\nMainPID=7\nNRestarts=0\n"
            return Ran(0, text, "")
        self.calls.append(" ".join(argv) + (f" as {user}" if user else ""))
        return Ran(1 if self.fails and self.fails in self.calls[-1] else 0, "", "no such thing")

    def sql(self, text: str) -> None:
        self.calls.append(text)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_services, "SETTLED_SECONDS", 0.0)


DEFERRED: list[Change] = [
    Command(("usermod", "-aG", "adm", "dd-agent"), ("gpasswd", "-d", "dd-agent", "adm")),
    Sql("GRANT PROCESS ON *.* TO 'datadog'@'localhost'", "REVOKE PROCESS ON *.* FROM 'datadog'@'localhost'"),
    Service("datadog-agent", "enable"),
    Service("datadog-agent", "restart"),
]


def test_commands_are_undone_backwards_and_services_restarted_when_all_is_back(journal: Journal) -> None:
    target, host = TargetId.of("live", Path("/")), Recorder()
    runner = Runner(host.run, host.sql)
    run = journal.begin(target, "test", runner)
    run.apply(DEFERRED, "test")
    run.commit()
    made, host.calls = host.calls, []

    assert journal.undo(None, target, runner=runner).refused == []
    assert made == [
        "usermod -aG adm dd-agent",
        "GRANT PROCESS ON *.* TO 'datadog'@'localhost'",
        "systemctl --no-ask-password enable -- datadog-agent",
        "systemctl --no-ask-password restart -- datadog-agent",
    ]
    assert host.calls == [
        "REVOKE PROCESS ON *.* FROM 'datadog'@'localhost'", "gpasswd -d dd-agent adm",
        "systemctl --no-ask-password restart -- datadog-agent", "systemctl --no-ask-password disable -- datadog-agent",
    ]  # fmt: skip


def test_the_intent_of_a_command_is_in_the_journal_before_it_runs(journal: Journal) -> None:
    target = TargetId.of("live", Path("/"))
    seen: list[Any] = []

    def run(argv: Sequence[str], timeout_seconds: float = 1, user: str | None = None) -> Ran:
        seen.append(journal.history(target)[0].changes)
        return Ran(0, "", "")

    journal.begin(target, "test", Runner(run)).apply(DEFERRED[:1], "test")

    assert seen == [("ran: usermod -aG adm dd-agent",)]


def test_a_command_that_fails_is_told_and_one_without_a_way_back_stays(journal: Journal) -> None:
    target, host = TargetId.of("live", Path("/")), Recorder(fails="false")
    run = journal.begin(target, "test", Runner(host.run))
    run.apply([Command(("true",))], "test")
    with pytest.raises(JournalError, match="`false` ended with 1: no such thing"):
        run.apply([Command(("false",), ("true",))], "test")

    assert run.rollback().refused == ["`true` was run and cannot be taken back"]


def test_in_a_folder_and_without_a_runner_nothing_runs(journal: Journal, root: Path) -> None:
    assert "running host only" in _refusal(journal, root, DEFERRED[0])
    run = journal.begin(TargetId.of("live", Path("/")), "test")
    with pytest.raises(JournalError, match="running host only"):
        run.apply(DEFERRED[3:], "test")
    run.rollback()


# --- pip --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment whose python is a script: `pip install bad` fails half done."""
    made = tmp_path / "venv"
    (made / "bin").mkdir(parents=True)
    (made / "lib").mkdir()
    (made / "lib/old.py").write_bytes(b"old")
    (made / "pyvenv.cfg").write_bytes(b"home = /usr/bin\n")
    (made / "bin/python").write_text(
        f'#!/bin/sh\npwd > {made}/lib/where\nrm -f {made}/lib/old.py\nfor last; do :; done\n[ "$last" != bad ]\n'
    )
    (made / "bin/python").chmod(0o755)
    os.utime(made / "lib", ns=(7, 7))
    return made


def _install(journal: Journal, environment: Path, package: str) -> None:
    run = journal.begin(TargetId.of("live", Path("/")), "test")
    try:
        run.apply([Install(str(environment), (package,))], "test")
    except BaseException:
        run.rollback()
        raise
    run.commit()


def test_undo_puts_the_very_environment_back(journal: Journal, environment: Path) -> None:
    """pip works on a copy; the files that were there are never touched. It runs in `/`, where nobody can lay a pip.py."""
    before, inode = tree_hash(environment), (environment / "lib/old.py").stat().st_ino
    _install(journal, environment, "flask")
    assert (environment / "lib/where").read_text() == "/\n" and not (environment / "lib/old.py").exists()

    assert journal.undo(None, TargetId.of("live", Path("/"))).refused == []
    assert tree_hash(environment) == before and (environment / "lib/old.py").stat().st_ino == inode
    assert [p.name for p in environment.parent.iterdir() if "dddoctor" in p.name] == []


def test_an_installation_that_fails_leaves_the_environment_as_it_was(journal: Journal, environment: Path) -> None:
    before = tree_hash(environment)
    with pytest.raises(JournalError, match="the environment is as it was"):
        _install(journal, environment, "bad")

    assert tree_hash(environment) == before
    assert [p.name for p in environment.parent.iterdir() if "dddoctor" in p.name] == []


@pytest.mark.parametrize("dies_at", ["copying", "copied", "renamed", "installed"])
def test_a_crash_while_installing_loses_nothing(
    dies_at: str, journal: Journal, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that is half done must never take the environment's place."""
    before, as_owner, rename = tree_hash(environment), journal_commands._as_owner, Path.rename

    def dying(step: dict[str, Any], argv: list[str]) -> Any:
        if argv[0] == "cp" and dies_at == "copying":
            os.mkdir(step["fresh"])  # noqa: PTH102
            os._exit(9)
        ran = as_owner(step, argv)
        if (argv[0] == "cp" and dies_at == "copied") or (argv[0] != "cp" and dies_at == "installed"):
            os._exit(9)
        return ran

    def rename_and_die(path: Path, target: Any) -> Any:
        made = rename(path, target)
        if dies_at == "renamed":
            os._exit(9)
        return made

    child = os.fork()
    if child == 0:
        monkeypatch.setattr(journal_commands, "_as_owner", dying)
        monkeypatch.setattr(Path, "rename", rename_and_die)
        _install(journal, environment, "flask")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

    assert journal.undo(None, TargetId.of("live", Path("/"))).refused == []
    assert tree_hash(environment) == before
    assert [p.name for p in environment.parent.iterdir() if "dddoctor" in p.name] == []


def test_what_is_no_environment_is_not_installed_into(journal: Journal, environment: Path) -> None:
    (environment / "pyvenv.cfg").unlink()
    with pytest.raises(JournalError, match="no virtual environment"):
        _install(journal, environment, "flask")


def test_purge_removes_the_environment_that_was_kept(journal: Journal, environment: Path) -> None:
    _install(journal, environment, "flask")

    assert journal.purge() == 1
    assert [p.name for p in environment.parent.iterdir() if "dddoctor" in p.name] == []
