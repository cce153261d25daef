"""Processes and sockets of the machine that runs the tests, and the texts of /proc that they are read from."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dddoctor.hosts import live_processes
from dddoctor.hosts.live import LiveHost
from dddoctor.hosts.live_processes import parse_cgroup, parse_net, parse_stat

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
Block = Callable[[], AbstractContextManager[None]]

# A MySQL server, a trace-agent and a DogStatsD socket, one connection and one connected UDP socket among them.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   106        0 19216 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1FBE 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 19388 1 0000000000000000 100 0 0 10 0
   2: 0100007F:9C40 0100007F:1FBE 01 00000000:00000000 00:00000000 00000000  1000        0 20001 1 0000000000000000 20 4 30 10 -1
   3: broken
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17001 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:1388 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 17002 1 0000000000000000 100 0 0 10 0
"""
UDP = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  311: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000   107        0 19390 2 0000000000000000 0
  312: 0100007F:A001 0100007F:0035 01 00000000:00000000 00:00000000 00000000   107        0 19391 2 0000000000000000 0
"""


@pytest.mark.skipif(sys.byteorder != "little", reason="the recorded addresses are of a little-endian machine")
def test_listening_sockets_are_read_from_the_kernels_text() -> None:
    found = [
        (b.protocol, b.address, b.port, b.uid, b.inode)
        for text, name in ((TCP, "tcp"), (TCP6, "tcp6"), (UDP, "udp"))
        for b in parse_net(text, name)
    ]

    assert found == [
        ("tcp", "127.0.0.1", 3306, 106, 19216),
        ("tcp", "127.0.0.1", 8126, 107, 19388),
        ("tcp6", "::", 22, 0, 17001),
        ("tcp6", "::1", 5000, 107, 17002),
        ("udp", "127.0.0.1", 8125, 107, 19390),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/system.slice/datadog-agent.service\n", "/system.slice/datadog-agent.service"),
        (
            "12:memory:/docker/4ba2\n1:name=systemd:/docker/4ba2\n0::/system.slice/containerd.service\n",
            "/system.slice/containerd.service",
        ),
        ("12:memory:/user.slice\n1:name=systemd:/user.slice/user-0.slice/session-1.scope\n0::/\n", "/user.slice/user-0.slice/session-1.scope"),
        ("4:memory:/docker/4ba2\n3:pids:/\n", "/docker/4ba2"),
        ("0::/\n", "/"),
        ("", None),
    ],
)  # fmt: skip
def test_the_group_that_names_the_unit_is_chosen(text: str, expected: str | None) -> None:
    assert parse_cgroup(text) == expected


@pytest.mark.parametrize(("name", "state"), [("agent", "S"), ("(sd-pam)", "S"), ("my prog) R 1", "Z"), ("", "I")])
def test_a_name_can_hold_anything(name: str, state: str) -> None:
    """Whoever starts a program chooses its name: blanks and parentheses in it shift nothing."""
    text = f"812 ({name}) {state} 1 812 812 0 -1 4194560 100 0 0 0 5 3 0 0 20 0 12 0 7012 1267712000 27044 18446744073709551615\n"

    assert tuple(parse_stat(text)) == (name, state, 1, 7012, 27044)


@pytest.mark.parametrize("text", ["", "812 (agent", "812 (agent) S 1", "812 (agent) S x " + "0 " * 30])
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_stat(text)


@linux
def test_psutil_says_the_same() -> None:
    """What macOS is asked with, here against /proc: names are cut at 15 characters by the kernel and mended by psutil."""
    child = subprocess.Popen(["sleep", "30"])
    try:
        ours = next(p for p in LiveHost().processes() if p.pid == child.pid)
        theirs = next(p for p in live_processes._psutil_processes(LiveHost()._user_name) if p.pid == child.pid)
    finally:
        child.kill()
        child.wait()

    same = ("pid", "ppid", "name", "argv", "user", "uid", "exe", "cwd", "environ")
    assert [getattr(ours, n) for n in same] == [getattr(theirs, n) for n in same]
    assert abs(ours.started_at - theirs.started_at) < 1


@linux
def test_psutil_finds_the_same_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        theirs = [s for s in live_processes._psutil_listeners() if s.port == port]

    assert [(s.protocol, s.address, s.pid) for s in theirs] == [("tcp", "127.0.0.1", os.getpid())]


@linux
def test_a_process_of_this_machine_is_listed_with_all_that_it_shows(tree: Path) -> None:
    environment = {"PATH": "/bin", "DD_SERVICE": "shop"}
    before = time.time()
    child = subprocess.Popen(["sleep", "30"], env=environment, cwd=tree)
    try:
        found = {p.pid: p for p in LiveHost().processes()}
        sleeper = found[child.pid]
    finally:
        child.kill()
        child.wait()

    assert list(found) == sorted(found)
    assert (sleeper.name, sleeper.argv, sleeper.ppid, sleeper.uid) == (
        "sleep",
        ("sleep", "30"),
        os.getpid(),
        os.geteuid(),
    )
    assert (sleeper.environ, sleeper.cwd, sleeper.is_exe_deleted, sleeper.is_foreign) == (environment, str(tree), 0, 0)
    assert sleeper.exe == os.path.realpath(str(shutil.which("sleep")))
    assert abs(sleeper.started_at - before) < 5
    assert sleeper.rss_bytes is not None and sleeper.rss_bytes > 0
    assert sleeper.user == LiveHost()._user_name(os.geteuid())


@linux
def test_a_program_that_was_removed_since_its_start_is_told(tree: Path) -> None:
    program = tree / "sleeper"
    shutil.copy(str(shutil.which("sleep")), program)
    child = subprocess.Popen([str(program), "30"])
    try:
        program.unlink()
        found = next(p for p in LiveHost().processes() if p.pid == child.pid)
    finally:
        child.kill()
        child.wait()

    assert (found.exe, found.is_exe_deleted) == (str(program), 1)


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="whose processes are others' without root is not known here")
def test_without_root_what_others_hide_is_unknown_and_the_process_is_there(unprivileged: Block) -> None:
    child = subprocess.Popen(["sleep", "30"])
    try:
        with unprivileged():
            found = next(p for p in LiveHost().processes() if p.pid == child.pid)
    finally:
        child.kill()
        child.wait()

    assert found.argv == ("sleep", "30")
    assert (found.exe, found.is_exe_deleted, found.environ, found.cwd) == (None, None, None, None)


@pytest.mark.parametrize(
    ("family", "kind", "protocol", "address"),
    [
        (socket.AF_INET, socket.SOCK_STREAM, "tcp", "127.0.0.1"),
        (socket.AF_INET, socket.SOCK_DGRAM, "udp", "127.0.0.1"),
        (socket.AF_INET, socket.SOCK_STREAM, "tcp", "0.0.0.0"),
    ],
)
@linux
def test_a_socket_that_listens_is_found_with_its_process(
    family: socket.AddressFamily, kind: socket.SocketKind, protocol: str, address: str
) -> None:
    with socket.socket(family, kind) as server:
        server.bind((address, 0))
        if kind == socket.SOCK_STREAM:
            server.listen()
        port = server.getsockname()[1]
        found = [s for s in LiveHost().listeners() if s.port == port]

    assert [(s.protocol, s.address, s.pid, s.uid) for s in found] == [(protocol, address, os.getpid(), os.geteuid())]


@linux
def test_a_bound_socket_that_takes_no_connections_is_no_listener() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

        assert [s for s in LiveHost().listeners() if s.port == port] == []
