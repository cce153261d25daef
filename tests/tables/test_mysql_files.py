"""MySQL's option files: what its programs read, in which order, and what they pass over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import _option_text, mysql_files
from dddoctor.tables._option_text import Include, OptionText
from dddoctor.tables.mysql_files import OptionFile


def write(root: Path, path: str, text: str = "", mode: int = 0o644) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(mode)


def rows(host: RootHost) -> list[OptionFile]:
    return [r for r in mysql_files.collect(host, Vault()) if isinstance(r, OptionFile)]


# --- the text --------------------------------------------------------------------------------------------------------


def test_groups_options_and_directives_are_read_and_values_are_not() -> None:
    text = b"# c\n[client]\npassword = 'x#y'\nuser=root ; not a comment\n[ mysqld ]\nbind_address=0.0.0.0\nskip-networking # c\n! includedir  /etc/mysql/conf.d/ \n!include /a b.cnf\n"

    assert _option_text.parse(text) == OptionText(
        {"client": ["password", "user"], "mysqld": ["bind-address", "skip-networking"]},
        [Include(8, True, "/etc/mysql/conf.d/"), Include(9, False, "/a b.cnf")],
        None,
    )


@pytest.mark.parametrize(
    ("text", "fatal"),
    [
        (b"port = 1\n[mysqld]\n", (1, "an option stands before the first group")),
        (b"[mysqld]\n[client\n", (2, "the group's name has no closing bracket")),
        (b"[mysqld]\n!includedir\n", (2, "`!includedir` names nothing")),
        (b"[mysqld]\n!INCLUDEDIR /x\n!includes /x\n", None),
    ],
)
def test_what_makes_every_program_give_up(text: bytes, fatal: tuple[int, str] | None) -> None:
    """As my_print_defaults of MariaDB 10.11 does; unknown directives are passed over."""
    assert _option_text.parse(text).fatal == fatal


def test_a_last_line_without_a_line_feed_loses_a_character() -> None:
    """Measured: `!includedir /etc/mysql/conf.d` at the end of a file looks for /etc/mysql/conf."""
    paths = [
        _option_text.parse(t).includes[0].path
        for t in (
            b"!includedir /etc/mysql/conf.d",
            b"!includedir /etc/mysql/conf.d/",
            b"!includedir /etc/mysql/conf.d\r\n",
        )
    ]

    assert paths == ["/etc/mysql/conf.", "/etc/mysql/conf.d", "/etc/mysql/conf.d"]


def test_a_secret_without_an_equals_sign_does_not_become_a_name() -> None:
    assert _option_text.parse(b"[client]\npassword blue-Kettle-91\n").groups == {"client": ["password"]}


def test_what_a_file_sets_is_told_by_names_and_counted_when_long() -> None:
    names = ["a", "b", "c", "d", "e", "a", "f"]

    assert (
        _option_text.in_words(OptionText({"mysqld": names, "client": [], "mysql": ["prompt"]}, [], None))
        == "[mysqld] a, b, c, d and 2 more; [mysql] prompt"
    )


# --- the chain -------------------------------------------------------------------------------------------------------


def test_the_real_file_behind_the_alternatives_is_a_whole_row(tmp_path: Path) -> None:
    write(
        tmp_path,
        "/etc/mysql/mariadb.cnf",
        "[client-server]\nsocket = /run/x.sock\n!includedir /etc/mysql/conf.d/\n",
        0o666,
    )
    write(tmp_path, "/etc/mysql/conf.d/a.cnf", "[mysqld]\nport = 1\n")
    (tmp_path / "etc/alternatives").mkdir()
    (tmp_path / "etc/mysql/my.cnf").symlink_to("/etc/alternatives/my.cnf")
    (tmp_path / "etc/alternatives/my.cnf").symlink_to("/etc/mysql/mariadb.cnf")

    first, second = rows(RootHost(tmp_path))

    owner = RootHost(tmp_path).stat("/etc/mysql/mariadb.cnf")
    assert first == OptionFile(
        "/etc/mysql/my.cnf", "/etc/mysql/mariadb.cnf", 1, None, None, "server and clients", "mariadb", "0666", "0644", f"{owner.owner}:{owner.group}", 0, 0, 1,
        mysql_files.WORLD_WRITABLE, "[client-server] socket; all that is included from /etc/mysql/conf.d/", None, None, None, int(os.geteuid() in (0, owner.uid)),
    )  # fmt: skip
    assert (second.file, second.included_from, second.via_line, second.is_ignored, second.is_read) == (
        "/etc/mysql/conf.d/a.cnf",
        "/etc/mysql/my.cnf",
        3,
        0,
        0,
    )
    assert (second.ignored_because, second.lost) == ("/etc/mysql/my.cnf is not read", "[mysqld] port")


def test_a_folder_is_read_as_measured(tmp_path: Path) -> None:
    """`.cnf` in lower case, hidden ones and names with two dots too, in the order of bytes; no folders, no other names (MariaDB 10.11)."""
    write(tmp_path, "/etc/mysql/my.cnf", "[mysqld]\n!includedir /etc/mysql/conf.d/\n")
    for name in ("a.cnf", "b.ini", "c.conf", "d.local.cnf", ".hidden.cnf", "e.CNF", "f.cnf.bak", "10-z.cnf"):
        write(tmp_path, f"/etc/mysql/conf.d/{name}", "[mysqld]\nport = 1\n")
    write(tmp_path, "/etc/mysql/conf.d/sub/s.cnf", "[mysqld]\nport = 1\n")

    found = rows(RootHost(tmp_path))

    assert [r.file.rpartition("/")[2] for r in found if r.is_read] == [
        "my.cnf",
        ".hidden.cnf",
        "10-z.cnf",
        "a.cnf",
        "d.local.cnf",
    ]
    assert [(r.file.rpartition("/")[2], r.ignored_because, r.is_ignored) for r in found if not r.is_read] == [
        (name, mysql_files.WRONG_NAME, 0) for name in ("b.ini", "c.conf", "e.CNF", "f.cnf.bak")
    ]


@pytest.mark.parametrize(
    ("mode", "ignored"), [(0o666, 1), (0o646, 1), (0o602, 1), (0o777, 1), (0o664, 0), (0o644, 0), (0o600, 0)]
)
def test_only_the_others_right_to_write_counts(tmp_path: Path, mode: int, ignored: int) -> None:
    write(tmp_path, "/etc/mysql/my.cnf", "[mysqld]\nport = 1\n", mode)

    assert [r.is_ignored for r in rows(RootHost(tmp_path))] == [ignored]


def test_a_loop_of_includes_ends(tmp_path: Path) -> None:
    write(
        tmp_path,
        "/etc/mysql/my.cnf",
        "[mysqld]\n!include /etc/mysql/b.cnf\n!include /nowhere.cnf\n!include relative.cnf\n",
    )
    write(tmp_path, "/etc/mysql/b.cnf", "!include /etc/mysql/my.cnf\n!include /etc/mysql/b.cnf\n")

    assert [(r.ordinal, r.file) for r in rows(RootHost(tmp_path))] == [
        (1, "/etc/mysql/my.cnf"),
        (2, "/etc/mysql/b.cnf"),
    ]


def test_the_order_is_global_files_first_and_homes_last(tmp_path: Path) -> None:
    for path in (
        "/home/b/.my.cnf",
        "/home/a/.my.cnf",
        "/root/.my.cnf",
        "/etc/mysql/my.cnf",
        "/usr/etc/my.cnf",
        "/etc/my.cnf",
    ):
        write(tmp_path, path, "[client]\nuser = x\n")

    assert [(r.file, r.reader, r.is_read) for r in rows(RootHost(tmp_path))] == [
        ("/etc/my.cnf", "server and clients", 1),
        ("/etc/mysql/my.cnf", "server and clients", 1),
        ("/usr/etc/my.cnf", "server and clients", None),
        ("/root/.my.cnf", "clients", 1),
        ("/home/a/.my.cnf", "clients", 1),
        ("/home/b/.my.cnf", "clients", 1),
    ]


def test_mylogin_must_be_closed_to_everybody_else(tmp_path: Path) -> None:
    write(tmp_path, "/home/a/.mylogin.cnf", "\0\0", 0o640)
    write(tmp_path, "/home/b/.mylogin.cnf", "\0\0", 0o600)

    assert [(r.is_ignored, r.ignored_because, r.expected_mode) for r in rows(RootHost(tmp_path))] == [
        (1, mysql_files.NOT_PRIVATE, "0600"),
        (0, None, "0600"),
    ]


def test_after_chmod_r_777_the_link_in_the_open_folder_is_still_understood(tmp_path: Path) -> None:
    """Links in folders that everybody can write are not followed when reading; the real option file is read by its own name."""
    write(tmp_path, "/etc/mysql/mysql.cnf", "[mysqld]\nport = 1\n", 0o777)
    (tmp_path / "etc/mysql/my.cnf").symlink_to("/etc/mysql/mysql.cnf")
    (tmp_path / "etc/mysql").chmod(0o777)

    [row] = rows(RootHost(tmp_path))

    assert (row.product, row.is_ignored, row.lost) == ("mysql", 1, "[mysqld] port")


def test_a_file_that_may_not_be_read_keeps_its_row(tmp_path: Path) -> None:
    write(tmp_path, "/etc/mysql/my.cnf", "[mysqld]\nport = 1\n", 0o666)

    found = list(mysql_files.collect(RootHost(tmp_path, unreadable={"/etc/mysql/my.cnf"}), Vault()))

    assert [(g.where, g.kind, g.remedy, g.columns) for g in found if isinstance(g, Gap)] == [
        ("/etc/mysql/my.cnf", Kind.DENIED, "sudo", ("lost",)),
        ("/etc/mysql/my.cnf", Kind.DENIED, "sudo", None),
    ]
    assert [(r.is_ignored, r.lost) for r in found if isinstance(r, OptionFile)] == [(1, None)]


def test_only_the_owner_and_root_may_change_a_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "/etc/mysql/my.cnf", "[mysqld]\nport = 1\n", 0o666)
    owner = (tmp_path / "etc/mysql/my.cnf").stat().st_uid
    answers = []
    for user in (0, owner, owner + 4711):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        answers += [r.is_ours_to_change for r in rows(RootHost(tmp_path))]

    assert answers == [1, 1, 0]


def test_without_mysql_there_is_neither_row_nor_gap(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()

    assert list(mysql_files.collect(RootHost(tmp_path), Vault())) == []
