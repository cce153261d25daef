"""CachedHost: each question once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dddoctor.hosts.base import READ_LIMIT_BYTES, Host, InputError, Process, Stat, Unavailable
from dddoctor.hosts.cache import FILE_LIMIT_BYTES, CachedHost, _bare
from dddoctor.hosts.root import RootHost
from dddoctor.model import Kind

Put = Callable[..., Path]


class CountingHost(RootHost):
    """A folder that counts what it is asked."""

    def __init__(self, folder: Path, unreadable: tuple[str, ...] = ()) -> None:
        self.asked: Counter[str] = Counter()
        super().__init__(folder, unreadable)

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        self.asked[f"read {path}"] += 1
        return super().read(path, limit_bytes)

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        self.asked[f"stat {path}"] += 1
        return super().stat(path, follow=follow)

    def listdir(self, path: str) -> list[str]:
        self.asked[f"listdir {path}"] += 1
        return super().listdir(path)

    def processes(self) -> list[Process]:
        self.asked["processes"] += 1
        return []

    def only_of_this_kind(self) -> str:
        return "answered"


def test_each_question_reaches_the_host_once(tree: Path, put: Put) -> None:
    put("/c/x", "a: 1")
    base = CountingHost(tree)
    base.stat("/")  # who owns it is read from passwd and group, once for each host
    base.asked.clear()
    host: Host = CachedHost(base)

    for _ in range(3):
        assert host.read("/c/x") == b"a: 1"
        assert host.listdir("/c") == ["x"]
        assert host.stat("/c/x").size_bytes == 4
        assert host.exists("/c/x")

    assert base.asked == {"read /c/x": 1, "listdir /c": 1, "stat /c/x": 1}


def test_a_list_that_was_given_out_can_be_changed_without_harm(tree: Path, put: Put) -> None:
    put("/c/x")
    host = CachedHost(RootHost(tree))
    host.listdir("/c").clear()
    host.glob("/c/*").clear()

    assert (host.listdir("/c"), host.glob("/c/*")) == (["x"], ["/c/x"])


def test_obstacles_are_remembered_without_growing(tree: Path, put: Put) -> None:
    put("/closed", "x")
    (tree / "folder").mkdir()
    base = CountingHost(tree, ("/closed",))
    host = CachedHost(base)

    for path, expected in (("/closed", Unavailable), ("/folder", InputError), ("/nope", FileNotFoundError)):
        depths = []
        for _ in range(4):
            with pytest.raises(expected) as caught:
                host.read(path)
            depths.append(len(caught.traceback))
        assert base.asked[f"read {path}"] == 1
        assert depths[1] == depths[2] == depths[3]


def test_a_large_file_is_read_anew_each_time(tree: Path, put: Put) -> None:
    put("/big", b"x" * (FILE_LIMIT_BYTES + 1))
    base = CountingHost(tree)
    host = CachedHost(base)

    assert len(host.read("/big")) == len(host.read("/big")) == FILE_LIMIT_BYTES + 1
    assert base.asked["read /big"] == 2


def test_the_limit_of_a_later_question_counts(tree: Path, put: Put) -> None:
    put("/x", "12345")
    host = CachedHost(RootHost(tree))

    assert host.read("/x") == b"12345"
    with pytest.raises(Unavailable, match="more than the 4 bytes"):
        host.read("/x", 4)
    assert host.read("/x", 5) == b"12345"


def test_what_only_this_kind_of_host_answers_is_passed_on(tree: Path) -> None:
    host = CachedHost(CountingHost(tree))

    assert host.only_of_this_kind() == "answered"
    assert not hasattr(host, "nobody_answers_this")


def test_what_runs_is_asked_once_obstacles_included(tree: Path) -> None:
    base = CountingHost(tree)
    host = CachedHost(base)

    host.processes()
    host.processes().append(None)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(Unavailable, match="nothing runs in a folder"):
            host.listeners()

    assert (host.processes(), base.asked["processes"]) == ([], 1)


def test_who_asks_while_the_answer_is_under_way_waits_for_it(tree: Path) -> None:
    """An engine takes half a second to list its containers, and several tables want them at once."""
    begun, go_on = threading.Event(), threading.Event()

    class SlowHost(CountingHost):
        def processes(self) -> list[Process]:
            begun.set()
            go_on.wait(5)
            return super().processes()

    base = SlowHost(tree)
    host = CachedHost(base)
    answers: list[object] = []
    threads = [threading.Thread(target=lambda: answers.append(host.processes())) for _ in range(3)]
    threads[0].start()
    begun.wait(5)
    for thread in threads[1:]:
        thread.start()
    assert host.exists("/")  # others are not kept waiting
    go_on.set()
    for thread in threads:
        thread.join(5)

    assert (answers, base.asked["processes"]) == ([[], [], []], 1)


def test_a_remembered_error_says_the_same_and_holds_nothing_alive() -> None:
    """5,000 paths that are not there took 18 MB with what their tracebacks hold."""
    for error in (FileNotFoundError(2, "not there", "/x"), FileNotFoundError("/x"), Unavailable(Kind.DENIED, "no", "sudo"), InputError("/x", "is a link")):  # fmt: skip
        try:
            raise error
        except Exception as caught:
            bare = _bare(caught)

        assert (type(bare), str(bare), vars(bare)) == (type(error), str(error), vars(error))
        assert (bare.__traceback__, bare.__context__) == (None, None)
