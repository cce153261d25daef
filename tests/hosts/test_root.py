"""RootHost: a folder as a host, with everything that can stand in a file's place."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dddoctor.hosts import files
from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.hosts.root import RootHost
from dddoctor.model import Kind

Put = Callable[..., Path]
Block = Callable[[], AbstractContextManager[None]]


def obstacle(ask: Callable[[], object]) -> tuple[Kind, str, str]:
    with pytest.raises(Unavailable) as caught:
        ask()
    return caught.value.kind, caught.value.reason, caught.value.remedy


def wrong(ask: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        ask()
    return str(caught.value)


# --- what may stand in a file's place ---------------------------------------------------------------------------------


def test_a_file_is_read_byte_for_byte(tree: Path, put: Put) -> None:
    content = b"\xef\xbb\xbfa: 1\r\n\x00\xff no newline"
    put("/etc/datadog-agent/datadog.yaml", content)

    assert RootHost(tree).read("/etc/datadog-agent/datadog.yaml") == content


def test_an_empty_file_is_empty(tree: Path, put: Put) -> None:
    put("/empty")

    assert RootHost(tree).read("/empty") == b""


def test_what_is_absent_is_file_not_found(tree: Path, put: Put) -> None:
    put("/etc/passwd", "")
    host = RootHost(tree)

    for path in ("/nope", "/nope/deeper", "/etc/passwd/below-a-file", "/etc/" + "n" * 300, "/\ud800"):
        for ask in (host.read, host.stat, host.listdir, host.readlink):
            with pytest.raises(FileNotFoundError):
                ask(path)
        assert not host.exists(path)


def test_a_sparse_file_of_500_mb_is_not_read(tree: Path, put: Put) -> None:
    os.truncate(put("/var/log/big.log"), 500 * 1024 * 1024)

    assert obstacle(lambda: RootHost(tree).read("/var/log/big.log")) == (
        Kind.TOOL,
        "/var/log/big.log is 500 MB, more than the 16 MB that are read",
        "",
    )


def test_the_limit_itself_is_read(tree: Path, put: Put) -> None:
    put("/x", "12345")
    host = RootHost(tree)

    assert host.read("/x", 5) == b"12345"
    assert obstacle(lambda: host.read("/x", 4))[1] == "/x is 5 bytes, more than the 4 bytes that are read"


def test_a_named_pipe_is_told_and_neither_opened_nor_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "pipe")

    assert wrong(lambda: RootHost(tree).read("/pipe")) == "/pipe: is a named pipe, not a file"
    with pytest.raises(OSError, match="No such device or address"):  # nobody has it open for reading
        os.open(tree / "pipe", os.O_WRONLY | os.O_NONBLOCK)


def test_a_socket_and_a_directory_are_no_files(tree: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tree / "agent.sock"))
    (tree / "conf.d").mkdir()
    host = RootHost(tree)

    assert wrong(lambda: host.read("/agent.sock")) == "/agent.sock: is a socket, not a file"
    assert wrong(lambda: host.read("/conf.d")) == "/conf.d: is a directory, not a file"
    assert wrong(lambda: host.read("/")) == "/: is a directory, not a file"
    assert (host.stat("/agent.sock").kind, host.stat("/conf.d").kind) == ("socket", "directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
def test_a_device_is_no_file(tree: Path) -> None:
    try:
        os.mknod(tree / "zero", 0o020666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this container may not make device nodes")

    assert wrong(lambda: RootHost(tree).read("/zero")) == "/zero: is a device, not a file"


def test_a_file_is_no_directory(tree: Path, put: Put) -> None:
    put("/conf.d")

    assert wrong(lambda: RootHost(tree).listdir("/conf.d")) == "/conf.d: is not a directory"


def test_a_path_with_nul_is_refused_in_words(tree: Path) -> None:
    assert wrong(lambda: RootHost(tree).read("/a\0b")) == "/a\\0b: holds a NUL character, which no path can"


# --- links ------------------------------------------------------------------------------------------------------------


def test_links_resolve_inside_the_root(tree: Path, put: Put) -> None:
    put("/etc/mysql/mysql.cnf", "[mysqld]\n")
    (tree / "etc/alternatives").mkdir()
    (tree / "etc/alternatives/my.cnf").symlink_to("/etc/mysql/mysql.cnf")
    (tree / "etc/mysql/my.cnf").symlink_to("../alternatives/my.cnf")
    host = RootHost(tree)

    assert host.read("/etc/mysql/my.cnf") == b"[mysqld]\n"
    assert host.stat("/etc/mysql/my.cnf").target == "/etc/mysql/mysql.cnf"
    assert host.stat("/etc/mysql/my.cnf", follow=False).kind == "link"
    assert host.readlink("/etc/mysql/my.cnf") == "../alternatives/my.cnf"


def test_a_link_that_climbs_out_stops_at_the_root(tree: Path, put: Put) -> None:
    """As chroot would: what the outside holds under that name is never seen."""
    outside = tree.parent / f"{tree.name}-outside"
    outside.write_text("secret")
    try:
        put("/etc/x", "inside")
        (tree / "up").symlink_to("../../../../../../etc")
        (tree / "escape").symlink_to(f"../{outside.name}")
        (tree / "absolute").symlink_to(outside)
        host = RootHost(tree)

        assert host.read("/up/x") == b"inside"
        assert host.read("/up/../../../etc/x") == b"inside"
        assert not host.exists("/escape")
        assert not host.exists("/absolute")
        assert not host.exists(f"/../{outside.name}")
    finally:
        outside.unlink()


def test_loops_are_told(tree: Path) -> None:
    (tree / "self").symlink_to("self")
    (tree / "a").symlink_to("b")
    (tree / "b").symlink_to("a/deeper")
    host = RootHost(tree)

    assert wrong(lambda: host.read("/self")) == "/self: leads through too many levels of links"
    assert wrong(lambda: host.stat("/a")) == "/a: leads through too many levels of links"
    assert wrong(lambda: host.listdir("/self/x")) == "/self/x: leads through too many levels of links"
    assert not host.exists("/self")
    assert host.stat("/self", follow=False).kind == "link"


def test_a_link_that_leads_nowhere_is_absent_but_listed(tree: Path) -> None:
    (tree / "dangling.yaml").symlink_to("/nowhere")
    host = RootHost(tree)

    with pytest.raises(FileNotFoundError):
        host.read("/dangling.yaml")
    assert host.glob("/*.yaml") == host.glob("/dangling.yaml") == ["/dangling.yaml"]


def test_no_link_is_read_through_in_a_folder_that_every_user_can_write(tree: Path, put: Put) -> None:
    put("/etc/shadow", "root:hash", mode=0o600)
    put("/etc/datadog-agent/conf.d/real.yaml", "a: 1\n")
    conf_d = tree / "etc/datadog-agent/conf.d"
    (conf_d / "x.yaml").symlink_to("/etc/shadow")
    (conf_d / "all").symlink_to("/etc")
    conf_d.chmod(0o777)
    host = RootHost(tree)

    for path, link in {"x.yaml": "x.yaml", "all/shadow": "all"}.items():
        assert obstacle(lambda path=path: host.read(f"/etc/datadog-agent/conf.d/{path}")) == (  # type: ignore[misc]
            Kind.TOOL,
            f"/etc/datadog-agent/conf.d/{link} is a link in a folder that every user can write; it is not followed",
            "",
        )
    assert host.read("/etc/datadog-agent/conf.d/real.yaml") == b"a: 1\n"
    assert host.stat("/etc/datadog-agent/conf.d/x.yaml").target == "/etc/shadow"


def test_a_folder_that_turns_into_a_link_never_leads_out(tree: Path, put: Put) -> None:
    outside = tree.parent / f"{tree.name}-outside"
    outside.mkdir()
    (outside / "conf.yaml").write_text("outside")
    put("/conf.d/x.d/conf.yaml", "inside")
    (tree / "conf.d/link").symlink_to(outside)
    is_over = threading.Event()

    def swap() -> None:
        at, aside, link = tree / "conf.d/x.d", tree / "conf.d/aside", tree / "conf.d/link"
        while not is_over.is_set():
            at.rename(aside)
            link.rename(at)
            at.rename(link)
            aside.rename(at)

    swapper = threading.Thread(target=swap)
    swapper.start()
    host, seen = RootHost(tree), set()
    try:
        for _ in range(3000):
            try:
                seen.add(host.read("/conf.d/x.d/conf.yaml"))
            except (FileNotFoundError, Unavailable):
                continue
    finally:
        is_over.set()
        swapper.join()
        (outside / "conf.yaml").unlink()
        outside.rmdir()
    assert seen == {b"inside"}


# --- permissions ------------------------------------------------------------------------------------------------------


def test_without_the_permission_sudo_is_the_remedy(tree: Path, put: Put, unprivileged: Block) -> None:
    put("/etc/datadog-agent/datadog.yaml", "api_key: x", mode=0o000)
    put("/etc/closed/inner.yaml", "a: 1")
    (tree / "etc/closed").chmod(0o700 if os.geteuid() == 0 else 0o000)
    host = RootHost(tree)
    try:
        with unprivileged():
            assert obstacle(lambda: host.read("/etc/datadog-agent/datadog.yaml")) == (
                Kind.DENIED,
                "permission denied: /etc/datadog-agent/datadog.yaml",
                "sudo",
            )
            assert host.stat("/etc/datadog-agent/datadog.yaml").mode == 0
            for ask in (
                lambda: host.listdir("/etc/closed"),
                lambda: host.stat("/etc/closed/inner.yaml"),
                lambda: host.exists("/etc/closed/inner.yaml"),
                lambda: host.glob("/etc/closed/*.yaml"),
                lambda: host.glob("/etc/*/inner.yaml"),
            ):
                assert obstacle(ask)[0] is Kind.DENIED
    finally:
        (tree / "etc/closed").chmod(0o755)


def test_a_folder_that_may_be_passed_but_not_listed_is_passed(tree: Path, put: Put, unprivileged: Block) -> None:
    put("/etc/closed/inner.yaml", "a: 1")
    (tree / "etc/closed").chmod(0o711)
    host = RootHost(tree)

    with unprivileged():
        assert host.read("/etc/closed/inner.yaml") == b"a: 1"
        if os.geteuid() != (tree / "etc/closed").stat().st_uid:
            assert obstacle(lambda: host.listdir("/etc/closed"))[0] is Kind.DENIED


def test_unreadable_paths_behave_as_without_the_permission(tree: Path, put: Put) -> None:
    put("/etc/datadog-agent/datadog.yaml", "api_key: x")
    put("/etc/datadog-agent/conf.d/x.yaml", "a: 1")
    (tree / "link.yaml").symlink_to("/etc/datadog-agent/datadog.yaml")
    host = RootHost(tree, ["/etc/datadog-agent/datadog.yaml", "/etc/datadog-agent/conf.d"])

    for ask in (
        lambda: host.read("/etc/datadog-agent/datadog.yaml"),
        lambda: host.read("/link.yaml"),
        lambda: host.listdir("/etc/datadog-agent/conf.d"),
        lambda: host.read("/etc/datadog-agent/conf.d/x.yaml"),
        lambda: host.stat("/etc/datadog-agent/conf.d/x.yaml"),
        lambda: host.glob("/etc/datadog-agent/conf.d/*"),
    ):
        assert obstacle(ask)[::2] == (Kind.DENIED, "sudo")
    assert host.stat("/etc/datadog-agent/datadog.yaml").kind == "file"
    assert host.stat("/etc/datadog-agent/conf.d").kind == "directory"
    assert host.listdir("/etc/datadog-agent") == ["conf.d", "datadog.yaml"]


# --- files that change ------------------------------------------------------------------------------------------------


def test_a_file_that_changes_once_while_it_is_read_is_read_again(
    tree: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, left = put("/x", "old"), [b"new and longer"]
    real = files._content

    def content(descriptor: int, size_bytes: int, limit_bytes: int) -> bytes:
        read = real(descriptor, size_bytes, limit_bytes)
        if left:
            file.write_bytes(left.pop())
        return read

    monkeypatch.setattr(files, "_content", content)

    assert RootHost(tree).read("/x") == b"new and longer"


def test_a_file_that_keeps_changing_is_told(tree: Path, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put("/x", "old")
    real = files._content

    def content(descriptor: int, size_bytes: int, limit_bytes: int) -> bytes:
        read = real(descriptor, size_bytes, limit_bytes)
        file.write_bytes(read + b"more")
        return read

    monkeypatch.setattr(files, "_content", content)

    assert obstacle(lambda: RootHost(tree).read("/x")) == (Kind.TOOL, "/x changes while it is read", "")


# --- listing and patterns ---------------------------------------------------------------------------------------------


def test_a_pattern_matches_within_a_component_only(tree: Path, put: Put) -> None:
    for path in (
        "/c/a.d/conf.yaml",
        "/c/b.d/conf.yaml",
        "/c/b.d/x.yml",
        "/c/file.d",
        "/c/.hidden.d/conf.yaml",
        "/c/d/conf.yaml",
    ):
        put(path)
    host = RootHost(tree)

    assert host.glob("/c/*.d/*.yaml") == ["/c/.hidden.d/conf.yaml", "/c/a.d/conf.yaml", "/c/b.d/conf.yaml"]
    assert host.glob("/c/?.d/conf.yaml") == ["/c/a.d/conf.yaml", "/c/b.d/conf.yaml"]
    assert host.glob("/c/*") == ["/c/.hidden.d", "/c/a.d", "/c/b.d", "/c/d", "/c/file.d"]
    assert host.glob("/nope/*") == host.glob("/c/file.d/*") == host.glob("/c/a.d/nope") == []
    assert host.glob("/") == ["/"]


def test_brackets_and_line_ends_in_names_are_ordinary(tree: Path, put: Put) -> None:
    put("/c/[ab].yaml")
    put("/c/a.yaml")
    put("/c/a\nb.yaml")
    host = RootHost(tree)

    assert host.glob("/c/[ab].yaml") == ["/c/[ab].yaml"]
    assert host.glob("/c/a*b.yaml") == ["/c/a\nb.yaml"]


def test_a_pattern_passes_through_links_to_folders(tree: Path, put: Put) -> None:
    put("/real/conf.yaml")
    (tree / "c").mkdir()
    (tree / "c/x.d").symlink_to("/real")

    assert RootHost(tree).glob("/c/*.d/*.yaml") == ["/c/x.d/conf.yaml"]


def test_a_name_that_is_no_utf_8_can_be_listed_and_read(tree: Path) -> None:
    (tree / os.fsdecode(b"caf\xe9.yaml")).write_bytes(b"a: 1\n")
    host = RootHost(tree)

    assert [host.read(path) for path in host.glob("/*.yaml")] == [b"a: 1\n"]


# --- what a stat says -------------------------------------------------------------------------------------------------


def test_names_come_from_the_target_and_unknown_numbers_stay_numbers(tree: Path, put: Put) -> None:
    file = put("/x", "12345", mode=0o4640)
    uid, gid = file.stat().st_uid, file.stat().st_gid
    put("/etc/passwd", f"broken line\nagent:x:{uid}:{gid}::/:/bin/false\nlater:x:{uid}:0::/:/bin/false\n")

    stat = RootHost(tree).stat("/x")

    assert (stat.mode, stat.kind, stat.owner, stat.size_bytes, stat.links) == (0o4640, "file", "agent", 5, 1)
    assert stat.group == ("root" if gid == 0 else str(gid))


def test_a_folder_runs_nothing_and_has_no_environment(tree: Path) -> None:
    host: Host = RootHost(tree)

    assert obstacle(lambda: host.run(["systemctl", "status"]))[0] is Kind.TARGET
    assert obstacle(host.environ)[0] is Kind.TARGET
    assert (host.kind, host.name) == ("root", str(tree))


def test_no_file_stays_open(tree: Path, put: Put) -> None:
    put("/etc/x.yaml", "a: 1")
    (tree / "up").symlink_to("../../etc/../etc")
    (tree / "loop").symlink_to("loop")
    gc.collect()  # what other tests left behind would close in the middle of this one
    before = len(os.listdir("/dev/fd"))
    host = RootHost(tree)

    for path in ("/etc/x.yaml", "/up/x.yaml", "/loop", "/etc", "/nope", "/etc/x.yaml/y", "/up/.."):
        for ask in (host.read, host.stat, host.readlink, host.listdir, host.glob, host.exists):
            try:
                ask(path)
            except (FileNotFoundError, InputError, Unavailable):
                continue

    del host, ask  # a host keeps one folder open
    assert len(os.listdir("/dev/fd")) == before


def test_a_folder_that_was_put_in_the_place_of_another_is_seen(tree: Path, put: Put) -> None:
    """The folder of the last path is kept open, yet only for as long as the path leads to it."""
    for number in range(3):
        put(f"/etc/conf.d/{number}.yaml", "old")
        put(f"/etc/new/{number}.yaml", "new")
    host = RootHost(tree)

    assert [host.read(f"/etc/conf.d/{n}.yaml") for n in range(3)] == [b"old"] * 3
    (tree / "etc/conf.d").rename(tree / "etc/gone")
    (tree / "etc/new").rename(tree / "etc/conf.d")
    assert [host.read(f"/etc/conf.d/{n}.yaml") for n in range(3)] == [b"new"] * 3
    (tree / "etc/conf.d").rename(tree / "etc/new")
    (tree / "etc/conf.d").symlink_to("/etc/gone")
    assert [host.read(f"/etc/conf.d/{n}.yaml") for n in range(3)] == [b"old"] * 3
    assert host.stat("/etc/conf.d/1.yaml").target == "/etc/gone/1.yaml"
