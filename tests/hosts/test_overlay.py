"""OverlayHost: what a host will look like, before anything is written."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.overlay import DoesNotFit, OverlayHost
from dddoctor.hosts.root import RootHost
from dddoctor.hosts.spans import apply_spans
from dddoctor.model import Change, Command, Create, Edit, Kind, Mode, Owner, Remove, Rename, Span

Put = Callable[..., Path]


def edit(host: Host, path: str, start: int, end: int, new: bytes, intent: tuple[str, ...] = ("a",)) -> Edit:
    return Edit(path, hashlib.sha256(host.read(path)).hexdigest(), (Span(start, end, new),), intent, "yaml")


def test_an_edit_is_seen_here_and_not_on_disk(tree: Path, put: Put) -> None:
    file = put("/x.yaml", "a: 1\n", mode=0o640)
    host = OverlayHost(RootHost(tree))

    host.apply(edit(host, "/x.yaml", 3, 4, b"22"))

    assert host.read("/x.yaml") == b"a: 22\n"
    assert (host.stat("/x.yaml").size_bytes, host.stat("/x.yaml").mode) == (6, 0o640)
    assert host.stat("/x.yaml").mtime > file.stat().st_mtime
    assert file.read_bytes() == b"a: 1\n"
    assert host.changed() == {"/x.yaml": (b"a: 1\n", b"a: 22\n")}


def test_edits_of_several_rounds_become_one(tree: Path, put: Put) -> None:
    put("/x.yaml", "a: 1\nb: 2\nc: 3\n")
    base = RootHost(tree)
    host = OverlayHost(base)

    host.apply(edit(host, "/x.yaml", 0, 0, b"# new\n", ("a",)))
    host.apply(edit(host, "/x.yaml", 19, 20, b"4", ("c",)))

    sha = hashlib.sha256(base.read("/x.yaml")).hexdigest()
    assert host.merged() == [Edit("/x.yaml", sha, (Span(0, 0, b"# new\n"), Span(13, 14, b"4")), ("a", "c"), "yaml")]


def test_an_edit_that_is_taken_back_leaves_no_change(tree: Path, put: Put) -> None:
    put("/x.yaml", "a: 1\n")
    host = OverlayHost(RootHost(tree))
    host.apply(edit(host, "/x.yaml", 3, 4, b"2"))
    host.apply(edit(host, "/x.yaml", 3, 4, b"1"))

    assert (host.merged(), host.changed()) == ([], {})


def test_an_edit_of_another_text_does_not_fit(tree: Path, put: Put) -> None:
    put("/x.yaml", "a: 1\n")
    host = OverlayHost(RootHost(tree))
    stale = edit(host, "/x.yaml", 3, 4, b"2")
    host.apply(stale)

    with pytest.raises(DoesNotFit, match="^/x.yaml holds another text than the one that was repaired$"):
        host.apply(stale)
    assert host.read("/x.yaml") == b"a: 2\n"


def test_an_edit_through_a_link_changes_the_file_that_it_leads_to(tree: Path, put: Put) -> None:
    put("/etc/mysql/mysql.cnf", "[mysqld]\n")
    (tree / "etc/alternatives").mkdir()
    (tree / "etc/alternatives/my.cnf").symlink_to("/etc/mysql/mysql.cnf")
    (tree / "etc/mysql/my.cnf").symlink_to("/etc/alternatives/my.cnf")
    host = OverlayHost(RootHost(tree))

    host.apply(edit(host, "/etc/mysql/my.cnf", 0, 0, b"# x\n"))
    host.apply(Mode("/etc/mysql/my.cnf", 0o644, 0o600))

    for path in ("/etc/mysql/my.cnf", "/etc/alternatives/my.cnf", "/etc/mysql/mysql.cnf"):
        assert (host.read(path), host.stat(path).mode) == (b"# x\n[mysqld]\n", 0o600)
    assert host.stat("/etc/mysql/my.cnf", follow=False).kind == "link"
    assert host.readlink("/etc/mysql/my.cnf") == "/etc/alternatives/my.cnf"
    assert [c.path if isinstance(c, Mode) else c.file for c in host.merged() if isinstance(c, (Edit, Mode))] == [
        "/etc/mysql/mysql.cnf",
        "/etc/mysql/mysql.cnf",
    ]


def test_a_new_file_stands_where_its_folder_is_listed(tree: Path, put: Put) -> None:
    put("/etc/datadog-agent/conf.d/x.yaml")
    put("/etc/passwd", "dd-agent:x:107:113::/:/bin/false\n")
    host = OverlayHost(RootHost(tree))

    host.apply(Create("/etc/datadog-agent/conf.d/mysql.d/conf.yaml", b"instances: [{}]\n", 0o640, "dd-agent:dd-agent"))

    path = "/etc/datadog-agent/conf.d/mysql.d/conf.yaml"
    stat = host.stat(path)
    assert host.read(path) == b"instances: [{}]\n"
    assert (stat.kind, stat.mode, stat.owner, stat.uid, stat.size_bytes) == ("file", 0o640, "dd-agent", 107, 16)
    assert host.stat("/etc/datadog-agent/conf.d/mysql.d").kind == "directory"
    assert host.listdir("/etc/datadog-agent/conf.d") == ["mysql.d", "x.yaml"]
    assert host.glob("/etc/datadog-agent/conf.d/*.d/*.yaml") == [path]
    assert host.changed() == {path: (None, b"instances: [{}]\n")}


def test_later_changes_of_a_new_file_go_into_its_creation(tree: Path, put: Put) -> None:
    host = OverlayHost(RootHost(tree))

    host.apply(Create("/new", b"a: 1\n", 0o644, "a:b"))
    host.apply(edit(host, "/new", 3, 4, b"2"))
    host.apply(Mode("/new", 0o644, 0o600))
    host.apply(Owner("/new", "a:b", "c:d"))

    assert host.merged() == [Create("/new", b"a: 2\n", 0o600, "c:d")]


def test_a_new_file_that_is_removed_again_leaves_nothing(tree: Path) -> None:
    host = OverlayHost(RootHost(tree))
    host.apply(Create("/a/b/new", b"", 0o644))
    host.apply(Remove("/a/b/new"))

    assert (host.merged(), host.listdir("/"), host.exists("/a")) == ([], [], False)


def test_a_removed_file_is_absent(tree: Path, put: Put) -> None:
    put("/conf.d/apm.yaml", "a: 1")
    put("/conf.d/x.yaml")
    host = OverlayHost(RootHost(tree))
    host.apply(Remove("/conf.d/apm.yaml"))

    with pytest.raises(FileNotFoundError):
        host.read("/conf.d/apm.yaml")
    assert (host.listdir("/conf.d"), host.glob("/conf.d/*")) == (["x.yaml"], ["/conf.d/x.yaml"])
    assert host.changed() == {"/conf.d/apm.yaml": (b"a: 1", None)}
    host.apply(Create("/conf.d/apm.yaml", b"new", 0o644))
    assert host.changed() == {"/conf.d/apm.yaml": (b"a: 1", b"new")}
    assert host.merged() == [Remove("/conf.d/apm.yaml"), Create("/conf.d/apm.yaml", b"new", 0o644, None)]


def test_a_folder_is_newer_once_a_name_in_it_is_gone(tree: Path, put: Put) -> None:
    """As on a disk: the folder itself, none above or beside it. That is how a removed check's file asks for a restart."""
    put("/conf.d/apm.yaml", "instances: [{}]\n")
    put("/other.d/x.yaml", "")
    os.utime(tree / "conf.d", (1000, 1000))
    host = OverlayHost(RootHost(tree))
    before = host.stat("/conf.d").mtime

    host.apply(Remove("/conf.d/apm.yaml"))

    assert before == 1000
    assert host.stat("/conf.d").mtime > before
    assert host.stat("/other.d").mtime == (tree / "other.d").stat().st_mtime


def test_a_renamed_folder_takes_along_what_is_below(tree: Path, put: Put) -> None:
    put("/conf.d/x/conf.yaml", "a: 1\n")
    put("/conf.d/x/old.yaml")
    host = OverlayHost(RootHost(tree))

    host.apply(edit(host, "/conf.d/x/conf.yaml", 3, 4, b"2"))
    host.apply(Remove("/conf.d/x/old.yaml"))
    host.apply(Create("/conf.d/x/new.yaml", b"", 0o644))
    host.apply(Rename("/conf.d/x", "/conf.d/x.d"))
    host.apply(Mode("/conf.d/x.d/conf.yaml", 0o644, 0o640))

    assert host.listdir("/conf.d") == ["x.d"]
    assert host.listdir("/conf.d/x.d") == ["conf.yaml", "new.yaml"]
    assert host.read("/conf.d/x.d/conf.yaml") == b"a: 2\n"
    assert not host.exists("/conf.d/x")
    assert not host.exists("/conf.d/x/conf.yaml")
    assert host.renames() == {"/conf.d/x": "/conf.d/x.d"}
    assert host.modes() == {"/conf.d/x.d/conf.yaml": (0o644, 0o640)}
    assert [type(change) for change in host.merged()] == [Edit, Remove, Create, Rename, Mode]


def test_a_name_that_was_given_away_can_be_taken(tree: Path, put: Put) -> None:
    put("/a", "first")
    put("/b", "second")
    host = OverlayHost(RootHost(tree))
    for path, to in (("/a", "/c"), ("/b", "/a"), ("/c", "/b")):
        host.apply(Rename(path, to))

    assert (host.read("/a"), host.read("/b"), host.listdir("/")) == (b"second", b"first", ["a", "b"])
    assert host.renames() == {"/a": "/b", "/b": "/a"}


def test_a_rename_that_is_taken_back_leaves_no_change(tree: Path, put: Put) -> None:
    put("/a/x")
    host = OverlayHost(RootHost(tree))
    host.apply(Rename("/a", "/b"))
    host.apply(Rename("/b", "/a"))

    assert (host.merged(), host.renames(), host.glob("/*/*")) == ([], {}, ["/a/x"])


def test_mode_and_owner_are_seen_through_the_base_of_an_example(tree: Path, put: Put) -> None:
    put("/x", mode=0o666)
    host = OverlayHost(ExampleHost(tree, owners={"/x": "vagrant:vagrant"}))

    host.apply(Mode("/x", 0o666, 0o640))
    host.apply(Owner("/x", "vagrant:vagrant", "root:root"))

    stat = host.stat("/x")
    assert (stat.mode, stat.owner, stat.group, stat.uid, stat.gid) == (0o640, "root", "root", 0, 0)
    assert host.merged() == [Mode("/x", 0o666, 0o640), Owner("/x", "vagrant:vagrant", "root:root")]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (Create("/file", b"", 0o644), "/file is there already"),
        (Create("/dangling", b"", 0o644), "/dangling is there already"),
        (Remove("/nope"), "/nope is not there"),
        (Remove("/folder"), "/folder is a directory, which no repair removes"),
        (Rename("/nope", "/x"), "/nope is not there"),
        (Rename("/file", "/other"), "/other is there already"),
        (Rename("/file", "/nope/file"), "/nope/file is not there"),
        (Rename("/file", "/other/file"), "/other/file is not there"),
        (Rename("/folder", "/folder/below"), "/folder cannot be moved into itself"),
        (Mode("/file", 0o600, 0o640), "/file has mode 0644, not 0600"),
        (Owner("/file", "a:b", "c:d"), "/file belongs to root:root, not a:b"),
        (Edit("/loop", "", (), (), "text"), "/loop: leads through too many levels of links"),
    ],
)
def test_a_change_that_does_not_fit_is_refused_and_changes_nothing(
    tree: Path, put: Put, change: Change, sentence: str
) -> None:
    put("/file")
    put("/other")
    put("/folder/x")
    (tree / "dangling").symlink_to("/nowhere")
    (tree / "loop").symlink_to("loop")
    host = OverlayHost(ExampleHost(tree))

    with pytest.raises(DoesNotFit) as caught:
        host.apply(change)
    assert str(caught.value) == sentence
    assert (host.merged(), host.changed()) == ([], {})


def test_a_command_has_no_effect_to_show(tree: Path) -> None:
    with pytest.raises(TypeError):
        OverlayHost(RootHost(tree)).apply(Command(("true",)))


def test_obstacles_of_the_base_stay_obstacles(tree: Path, put: Put) -> None:
    put("/closed/x")
    put("/y", "a: 1")
    host = OverlayHost(RootHost(tree, ["/closed"]))
    host.apply(edit(host, "/y", 0, 1, b"b"))

    for ask in (lambda: host.read("/closed/x"), lambda: host.listdir("/closed"), lambda: host.exists("/closed/x")):
        with pytest.raises(Unavailable) as caught:
            ask()
        assert caught.value.kind is Kind.DENIED
    with pytest.raises(Unavailable):
        host.run(["id"])
    with pytest.raises(InputError):
        host.read("/closed")


def test_no_link_is_read_through_in_a_folder_that_every_user_can_write_until_that_is_repaired(
    tree: Path, put: Put
) -> None:
    put("/etc/shadow", "hash")
    put("/c/y")
    (tree / "c/x").symlink_to("/etc/shadow")
    (tree / "c").chmod(0o777)
    host = OverlayHost(RootHost(tree))
    host.apply(Create("/c/new", b"", 0o644))

    with pytest.raises(Unavailable, match="it is not followed"):
        host.read("/c/x")
    host.apply(Mode("/c", 0o777, 0o755))
    assert host.read("/c/x") == b"hash"


# --- against a real disk ----------------------------------------------------------------------------------------------

NAMES = ("a", "b", "c.d")
some_path = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
some_change = st.one_of(
    st.tuples(st.just("edit"), some_path, st.sampled_from([b"1", b"22\n", b""])),
    st.tuples(st.just("create"), some_path, st.sampled_from([b"", b"new\n"])),
    st.tuples(st.just("remove"), some_path, st.just(b"")),
    st.tuples(st.just("mode"), some_path, st.sampled_from([b"700", b"755"])),
    st.tuples(st.just("rename"), some_path, some_path.map(str.encode)),
)
some_link = st.tuples(some_path, st.one_of(some_path, st.sampled_from(["..", "a", "../b", "b/../a"])))


def as_change(host: Host, kind: str, path: str, detail: bytes) -> Change:
    """A change of the present view; it may not fit."""
    if kind == "edit":
        content = host.read(path)
        spans = (Span(len(content) // 2, len(content), detail),)
        return Edit(path, hashlib.sha256(content).hexdigest(), spans, (), "text")
    if kind == "create":
        host.stat(path.rpartition("/")[0] or "/")  # into a folder that is there
        return Create(path, detail, 0o640, None)
    if kind == "mode":
        return Mode(path, host.stat(path).mode, int(detail, 8))
    return Remove(path) if kind == "remove" else Rename(path, detail.decode())


def on_disk(tree: Path, change: Change) -> None:
    """The same change, made for real."""

    def real(path: str) -> Path:
        return tree / RootHost(tree).stat(path).target.lstrip("/")

    def named(path: str) -> Path:
        folder, _, name = path.rpartition("/")
        return real(folder or "/") / name

    if isinstance(change, Edit):
        file = real(change.file)
        file.write_bytes(apply_spans(file.read_bytes(), change.spans))
    elif isinstance(change, Create):
        named(change.path).write_bytes(change.content)
        named(change.path).chmod(change.mode)
    elif isinstance(change, Remove):
        named(change.path).unlink()
    elif isinstance(change, Rename):
        named(change.path).rename(named(change.to))
    elif isinstance(change, Mode):
        real(change.path).chmod(change.after)


def everything(host: Host, folder: str = "/") -> dict[str, object]:
    """All that can be asked about each path of a host."""
    found: dict[str, object] = {}
    for name in host.listdir(folder):
        path = folder.rstrip("/") + "/" + name
        stat = host.stat(path, follow=False)
        known: list[object] = [stat.kind, stat.target, host.exists(path)]
        if stat.kind == "link":
            known.append(host.readlink(path))
            known.append(host.stat(path).target if host.exists(path) else None)
        else:
            known.append(stat.mode)
        if stat.kind == "file":
            known += [host.read(path), stat.size_bytes]
        found[path] = known
        if stat.kind == "directory":
            found |= everything(host, path)
    for pattern in ("/*/*", "/a/*", "/*/b"):
        found[pattern] = host.glob(pattern)
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(some_path, max_size=6), st.lists(some_link, max_size=3), st.lists(some_change, max_size=8))
def test_the_view_is_what_the_changes_make_of_a_disk(
    files: list[str], links: list[tuple[str, str]], changes: list[tuple[str, str, bytes]]
) -> None:
    """Applied one by one, and again as the one merged list."""
    with tempfile.TemporaryDirectory(prefix="dddoctor-hosts-") as folder:
        base, one_by_one, at_once = (Path(folder) / name for name in ("base", "one-by-one", "at-once"))
        base.mkdir()
        for path in files:
            file = base / path.lstrip("/")
            if not any(parent.is_file() for parent in (file, *file.parents)) and not file.is_dir():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"at {path}\nend\n")
        for path, target in links:
            link = base / path.lstrip("/")
            if link.parent.is_dir() and not link.parent.is_symlink() and not os.path.lexists(link):
                link.symlink_to(target)
        for copy in (one_by_one, at_once):
            shutil.copytree(base, copy, symlinks=True)
        host = OverlayHost(RootHost(base))
        for kind, path, detail in changes:
            try:
                change = as_change(host, kind, path, detail)
                host.apply(change)
            except (DoesNotFit, FileNotFoundError, InputError):
                continue
            on_disk(one_by_one, change)
        for change in host.merged():
            on_disk(at_once, change)

        assert everything(host) == everything(RootHost(one_by_one))
        assert everything(host) == everything(RootHost(at_once))
