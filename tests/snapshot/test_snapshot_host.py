"""A snapshot's text may be cut off, of another version, or written by somebody who means harm: it says what is sound, and no path of ours is opened."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from dddoctor.collector import CollectError, open_snapshot
from dddoctor.hosts.base import InputError, Ran, Unavailable
from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.hosts.snapshot_text import NotASnapshot, parse
from dddoctor.model import Kind

FILE, FOLDER, LINK = "81a4", "41ed", "a1ff"


def snapshot(*lines: str) -> bytes:
    """A snapshot with a root of which all names are known."""
    body = ["m is_live 1", f"s {FOLDER} 0 0 4096 1.5 2 1 65 /", "t 1 /", *lines]
    return ("dddoctor-snapshot 1\n" + "".join(f"{line}\n" for line in body) + f"end {len(body)}\n").encode(
        "utf-8", "surrogateescape"
    )


def host(*lines: str) -> SnapshotHost:
    return SnapshotHost(parse(snapshot(*lines)))


def entry(path: str, mode: str = FILE, size: int = 3) -> str:
    return f"s {mode} 0 0 {size} 1700000000.25 1 7 65 {path}"


# --- not one ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda t: t[: len(t) // 2], "cut off"),
        (lambda t: t[:-2], "cut off"),
        (lambda t: t.replace(b"t 1 /\n", b""), "cut off or was changed"),
        (lambda t: t + b"s 0\n", "cut off or was changed"),
        (lambda t: t.replace(b"snapshot 1", b"snapshot 2"), "newer dddoctor"),
        (lambda t: t.replace(b"snapshot 1", b"snapshot x"), "names no version"),
        (lambda t: b"\x1f\x8b" + t, "this is no snapshot"),
        (lambda t: b"", "this is no snapshot"),
    ],
)
def test_what_is_no_whole_snapshot_is_refused(damage: Callable[[bytes], bytes], words: str) -> None:
    with pytest.raises(NotASnapshot, match=words):
        parse(damage(snapshot()))


def test_a_folder_or_a_missing_file_is_told_in_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(CollectError, match=f"--snapshot {path}: "):
            open_snapshot(path)


# --- there, absent, not known -----------------------------------------------------------------------------------------


def test_absent_is_what_the_collector_saw_is_not_there() -> None:
    found = host(entry("/etc", FOLDER), "t 1 /etc", entry("/etc/hosts"), entry("/etc/deep", FOLDER))

    for path in ("/nowhere", "/etc/passwd", "/etc/hosts/below"):
        with pytest.raises(FileNotFoundError):
            found.stat(path)
    assert found.exists("/etc/hosts")
    assert found.listdir("/etc") == ["deep", "hosts"]
    assert found.glob("/etc/h*") == ["/etc/hosts"]
    assert found.glob("/nowhere/*.yaml") == []


def test_what_it_did_not_look_at_is_unavailable() -> None:
    found = host(
        entry("/etc", FOLDER),
        "t 1 /etc",
        entry("/etc/deep", FOLDER),
        entry("/etc/hosts"),
        "d /etc/shut",
        entry("/etc/shut", FOLDER),
    )

    for ask, kind in (
        (lambda: found.listdir("/etc/deep"), Kind.TARGET),
        (lambda: found.stat("/etc/deep/x"), Kind.TARGET),
        (lambda: found.read("/etc/hosts"), Kind.TARGET),
        (lambda: found.listdir("/etc/shut"), Kind.DENIED),
        (lambda: found.stat("/etc/shut/x"), Kind.DENIED),
        (lambda: found.run(["systemctl", "status"]), Kind.TARGET),
    ):
        with pytest.raises(Unavailable) as told:
            ask()
        assert told.value.kind is kind


def test_folders_of_work_are_known_but_for_those_that_were_not_entered() -> None:
    found = host(
        entry("/srv", FOLDER), entry("/srv/app", FOLDER), entry("/srv/app/.cache", FOLDER), entry("/srv/app/node_modules", FOLDER), entry("/srv/app/.venv", FOLDER), "w 4 /srv"
    )  # fmt: skip

    assert found.listdir("/srv/app") == [".cache", ".venv", "node_modules"]
    assert found.listdir("/srv/app/.venv") == []
    for path in ("/srv/app/.cache", "/srv/app/node_modules"):
        with pytest.raises(Unavailable):
            found.listdir(path)


def test_texts_keep_their_bytes() -> None:
    found = host(
        entry("/a", size=10),
        "f /a",
        "|first\r",
        "*se\udcffcond",
        "|",
        "e",
        entry("/b", size=3),
        "f /b",
        "|a: 1",
        "e",
        entry("/c", size=0),
    )

    assert found.read("/a") == b"first\r\nse\xffcond\n"
    assert found.changed_lines("/a") == {2}
    assert found.read("/b") == b"a: 1"
    assert found.read("/c") == b""
    assert found.stat("/a").mtime == 1700000000.25
    with pytest.raises(Unavailable, match="more than"):
        found.read("/a", limit_bytes=3)


def test_the_end_of_a_log_stands_where_it_stood() -> None:
    """Offsets and line numbers are the log's own: 3 lines in 20 bytes came before."""
    found = host(entry("/log", size=29), "g 20:3 /log", "|fourth", "|5", "|", "e")

    with found.open("/log") as file:
        whole = file.read()
        assert (len(whole), whole[20:], whole[:20].count(b"\n")) == (29, b"fourth\n5\n", 3)
        assert file.seek(-2, io.SEEK_END) == 27
        assert file.read(10) == b"5\n"
    with pytest.raises(Unavailable, match="only the end"):
        found.read("/log")


def test_a_log_of_a_terabyte_that_a_snapshot_claims_costs_nothing() -> None:
    found = host(entry("/log"), f"g {1 << 40}:{1 << 39} /log", "|end", "e")

    with found.open("/log") as file:
        file.seek(-3, io.SEEK_END)
        assert file.read() == b"end"


def test_commands_answer_as_they_did() -> None:
    found = host(
        "c datadog-agent\x1fstatus\x1f--json", '|{"a": 1}', "r 255", "!Error: x", "!", "e",
        "c df\x1f-k\x1f--\x1f/\x1f/tmp", "|rows", "r 0", "e", "c journalctl", "u tool journalctl is not installed here", "e", "c id", "r 124", "e",
        "c ls\x1f-l", "u denied only root may run a command as dd-agent", "e",
    )  # fmt: skip

    assert found.run(["datadog-agent", "status", "--json"]) == Ran(255, '{"a": 1}', "Error: x\n")
    assert found.run(["/opt/datadog-agent/bin/agent/agent", "status", "--json"], user="dd-agent").returncode == 255
    assert found.run(["df", "-k", "--", "/tmp"]).stdout == "rows"
    for argv, kind in (
        (["journalctl", "-u", "x"], Kind.TOOL),
        (["id"], Kind.TIMEOUT),
        (["ls", "-l"], Kind.DENIED),
        (["df", "-k", "--", "/x"], Kind.TARGET),
    ):
        with pytest.raises(Unavailable) as told:
            found.run(argv)
        assert told.value.kind is kind


# --- hostile ----------------------------------------------------------------------------------------------------------


def test_paths_that_climb_are_dropped() -> None:
    found = host(
        *(
            line
            for path in ("/etc/../../x", "etc/x", "//etc/x", "/etc/./x", "/e\0tc")
            for line in (entry(path), f"f {path}", "|owned", "e", f"k {path}", "> /")
        )
    )

    assert list(found.snapshot.entries) == ["/"]
    assert not found.snapshot.texts
    assert not found.snapshot.links


def test_links_are_followed_within_the_snapshot_only(tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.write_text("ours")
    found = host(
        entry("/a", LINK), "k /a", f"> {ours}", entry("/b", LINK), "k /b", "> b", entry("/c", LINK), "k /c", "> ../../etc/hosts", entry("/etc", FOLDER), "t 1 /etc",
        entry("/etc/hosts"), "f /etc/hosts", "|theirs", "e", entry("/d", LINK),
    )  # fmt: skip

    with pytest.raises(FileNotFoundError):
        found.read("/a")
    with pytest.raises(InputError, match="too many levels"):
        found.read("/b")
    assert found.read("/c") == b"theirs"
    assert found.stat("/c").target == "/etc/hosts"
    with pytest.raises(Unavailable, match="leads is not in the snapshot"):
        found.read("/d")
    assert ours.read_text() == "ours"


def test_a_link_in_a_folder_that_everybody_can_write_is_not_read_through() -> None:
    found = host(
        entry("/tmp", "41ff"), "t 1 /tmp", entry("/tmp/a", LINK), "k /tmp/a", "> /x", entry("/x"), "f /x", "|x", "e"
    )

    assert found.stat("/tmp/a").target == "/x"
    with pytest.raises(Unavailable, match="every user can write"):
        found.read("/tmp/a")


@pytest.mark.parametrize(
    "lines",
    [
        ["s zz 0 0 1 1 1 1 1 /x"], ["s"], ["s 81a4 0 0 99999999999999999999 1 1 1 1 /x"], ["s 81a4 0 0 1 nan 1 1 1 /x"], ["s 81a4 0 0 1 1 1 -1 1 /x"], ["a line of a later collector"],
        ["s 81a4 0 0"], ["s 81a4 0 0 " + "9" * 5000 + " 1 1 1 1 /x"], ["t x /x"], ["f"], ["f /x"], ["g 1 /x", "|a"], ["h /x", "#zz", "e"], ["k /x"],
        ["> /x"], ["c"], ["c a", "r x", "e"], [".sfoo"], ["p 1", ".s", ".u", ".a"], ["i a b"], ["l x"], ["m"], ["\x00\x01"], ["t 99999999999999 /" + "a/" * 3000 + "b"], ["y -rw-r--r-- 1 0 0 x"],
        ["f /x", *["|" + "a" * 10] * 5000],
    ],
)  # fmt: skip
def test_damaged_lines_say_nothing_and_break_nothing(lines: list[str]) -> None:
    found = host(*lines, entry("/y"), "f /y", "|y", "e")

    assert found.exists("/y") or lines[0][:1] in "fgc"
    for ask in (found.processes, found.listeners, found.containers, found.images):
        with pytest.raises((Unavailable, FileNotFoundError)):
            ask()
    assert found.environ() == {}


def test_a_process_is_read_from_the_kernels_own_lines() -> None:
    stat = "12 (trace agent) (x)) S 1 12 12 0 -1 4194560 1 0 0 0 5 3 0 0 20 0 11 0 250 1000 300 18446744073709551615 1"
    found = host(
        "m uid 0", "m pid 99", "m clock_ticks 100", "m page_bytes 4096", "f /proc/stat", "|cpu 1", "|btime 1700000000", "e", "f /etc/passwd", "e",
        "p 1", ".s1 (init) S 0 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 0 0", ".u0", ".a/sbin/init",
        "p 12", f".s{stat}", ".u998", ".a/opt/agent\x1frun\x1f-p\x1fa b", ".g0::/system.slice/datadog-agent.service", ".v", ".vDD_ENV=prod",
        "p 13", ".s13 (kworker) S 2",
        "l /proc/12/exe -> /opt/agent (deleted)", "l /proc/12/ns/pid -> pid:[1]", "l /proc/12/ns/net -> net:[1]", "l /proc/99/ns/pid -> pid:[1]", "l /proc/99/ns/net -> net:[2]",
        "f /proc/net/tcp", "|  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
        "|   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 4242 1", "e", "i 12 4242", "i 1 4242",
    )  # fmt: skip

    init, agent = found.processes()
    assert (init.pid, init.argv, init.is_exe_deleted) == (1, ("/sbin/init",), 0)
    assert (agent.name, agent.argv, agent.uid, agent.ppid) == (
        "trace agent) (x)",
        ("/opt/agent", "run", "-p", "a b"),
        998,
        1,
    )
    assert (agent.started_at, agent.exe, agent.is_exe_deleted, agent.is_foreign) == (1700000002.5, "/opt/agent", 1, 1)
    assert (agent.cgroup, agent.environ) == ("/system.slice/datadog-agent.service", {"DD_ENV": "prod"})
    assert [(s.protocol, s.address, s.port, s.pid, s.uid) for s in found.listeners()] == [
        ("tcp", "127.0.0.1", 8080, 12, 998)
    ]
    with pytest.raises(ConnectionRefusedError):
        found.request("http://127.0.0.1:5000/debug/vars")
    with pytest.raises(Unavailable):
        found.request("http://127.0.0.1:8080/")


def test_what_docker_said() -> None:
    listed = ["c docker\x1fps\x1f-aq", "|abc", "r 0", "e"]
    found = host(*listed, "c docker\x1finspect\x1fabc", '|[{"Name": "/b"}, {"Name": "/a"}, 3]', "r 0", "e")

    assert [c["Name"] for c in found.containers()] == ["/a", "/b"]
    assert found.images() == []
    with pytest.raises(FileNotFoundError):
        host().containers()
    for line, kind in (
        ("!permission denied while trying to connect", Kind.DENIED),
        ("!Cannot connect to the Docker daemon", Kind.TOOL),
    ):
        with pytest.raises(Unavailable) as told:
            host("c docker\x1fps\x1f-aq", "r 1", line, "e").containers()
        assert told.value.kind is kind
    with pytest.raises(Unavailable, match="damaged"):
        host(*listed, "c docker\x1finspect\x1fabc", "|[[[[", "r 0", "e").containers()
