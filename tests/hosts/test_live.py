"""LiveHost on the machine that runs the tests: commands that hang, flood, or cannot be trusted."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dddoctor.hosts.base import Host, Ran, Unavailable
from dddoctor.hosts.live import LiveHost, writer_besides
from dddoctor.model import Kind

Put = Callable[..., Path]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


def refused(ask: Callable[[], object]) -> tuple[Kind, str, str]:
    with pytest.raises(Unavailable) as caught:
        ask()
    return caught.value.kind, caught.value.reason, caught.value.remedy


def test_files_are_this_machines(tree: Path, put: Put) -> None:
    file = put("/x", "here")
    host: Host = LiveHost()

    assert host.read(str(file)) == b"here"
    assert (host.kind, host.name) == ("live", os.uname().nodename)
    assert host.environ() == dict(os.environ)
    assert host.stat("/").owner == "root"


def test_a_file_whose_size_the_system_does_not_know_is_read_whole() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has /proc")

    assert b"\nPid:" in LiveHost().read("/proc/self/status")
    assert refused(lambda: LiveHost().read("/proc/self/status", 10))[1].endswith("more than the 10 bytes that are read")


def test_a_command_runs_with_a_clean_environment_and_no_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/nowhere.so")
    monkeypatch.setenv("DD_API_KEY", "not for others")

    ran = LiveHost().run(["env"])

    names = {line.partition("=")[0] for line in ran.stdout.splitlines()}
    assert names - {"__CF_USER_TEXT_ENCODING"} == {"PATH", "LC_ALL", "HOME", "USER", "LOGNAME"}
    assert LiveHost().run(["cat"]) == Ran(0, "", "")


def test_both_outputs_and_the_exit_code_come_back() -> None:
    assert LiveHost().run(["sh", "-c", r"printf 'a\377'; echo b >&2; exit 3"]) == Ran(3, "a\ufffd", "b\n")
    assert LiveHost().run(["sh", "-c", "kill -9 $$"]).returncode == -9


def test_a_command_that_hangs_is_killed_with_all_that_it_started(tree: Path, put: Put) -> None:
    mark = tree / "still-alive"
    script = f"(sleep 0.6; touch {mark}) & sleep 20"
    start = time.monotonic()

    kind, reason, remedy = refused(lambda: LiveHost().run(["sh", "-c", script], timeout_seconds=0.2))

    assert (kind, remedy) == (Kind.TIMEOUT, "--timeout")
    assert reason.endswith("did not end within 0.2 s")
    assert time.monotonic() - start < 2
    time.sleep(0.7)
    assert not mark.exists()


def test_a_command_that_closes_its_output_and_hangs_is_killed() -> None:
    start = time.monotonic()

    assert (
        refused(lambda: LiveHost().run(["sh", "-c", "exec >&- 2>&-; sleep 20"], timeout_seconds=0.2))[0] is Kind.TIMEOUT
    )
    assert time.monotonic() - start < 2


def test_what_is_left_in_the_background_is_not_waited_for() -> None:
    start = time.monotonic()

    assert LiveHost().run(["sh", "-c", "sleep 3 & echo started"]).stdout == "started\n"
    assert time.monotonic() - start < 2


def test_a_command_that_never_stops_talking_is_killed() -> None:
    kind, reason, _ = refused(lambda: LiveHost().run(["yes"]))

    assert (kind, reason.endswith("says more than 16 MB")) == (Kind.TOOL, True)


def test_a_program_is_looked_up_in_fixed_folders_only(tree: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("/bin/only-on-path", "#!/bin/sh\n", mode=0o755)
    monkeypatch.setenv("PATH", f"{tree}/bin")

    assert refused(lambda: LiveHost().run(["only-on-path"])) == (Kind.TOOL, "only-on-path is not installed here", "")
    with pytest.raises(ValueError, match="bare name or an absolute path"):
        LiveHost().run(["bin/only-on-path"])


def test_a_program_is_not_run_where_others_could_have_put_it(tree: Path, put: Put) -> None:
    program = put("/bin/tool", "#!/bin/sh\necho run\n", mode=0o755)
    program.parent.chmod(0o757)

    kind, reason, _ = refused(lambda: LiveHost().run([str(program)]))

    assert kind is Kind.TOOL
    assert reason == f"{program} is not run, because every user can write {os.path.realpath(program.parent)}"


@pytest.mark.parametrize(
    ("mode", "owner", "group", "runs_as", "expected"),
    [
        (0o755, 0, 0, 0, None),
        (0o755, 0, 50, 1000, None),
        (0o775, 0, 0, 1000, None),
        (0o775, 0, 50, 0, "group"),
        (0o757, 0, 0, 0, "others"),
        (0o1777, 0, 0, 0, "others"),
        (0o755, 107, 107, 0, "owner"),
        (0o755, 107, 107, 107, None),
        (0o755, 107, 107, 1000, "owner"),
    ],
)
def test_who_could_have_written_a_program(
    mode: int, owner: int, group: int, runs_as: int, expected: str | None
) -> None:
    assert writer_besides(mode, owner, group, runs_as) == expected


@needs_root
def test_a_command_runs_as_another_user_without_roots_groups() -> None:
    ran = LiveHost().run(["sh", "-c", "id -un; id -G"], user="nobody")

    user, groups = ran.stdout.splitlines()
    assert user == "nobody"
    assert "0" not in groups.split()


def test_another_user_needs_root(unprivileged: Callable[[], AbstractContextManager[None]]) -> None:
    with unprivileged():
        assert refused(lambda: LiveHost().run(["id"], user="root")) == (
            Kind.DENIED,
            "only root may run a command as root",
            "sudo",
        )


def test_a_user_that_is_not_there_is_told() -> None:
    assert refused(lambda: LiveHost().run(["id"], user="no-such-user")) == (
        Kind.TOOL,
        "there is no user no-such-user here",
        "",
    )
