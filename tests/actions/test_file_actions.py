"""Actions on whole files: what they plan, what they find already right, and what they refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dddoctor import actions
from dddoctor.actions import Refused, files
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Change, Mode, Owner, Remove, Rename

assert files


@pytest.fixture
def host(tmp_path: Path) -> ExampleHost:
    for path, mode in (("real.cnf", 0o666), ("a.yaml", 0o644), ("taken.yaml", 0o600)):
        (tmp_path / path).write_text("x")
        (tmp_path / path).chmod(mode)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.cnf").symlink_to("real.cnf")
    (tmp_path / "dangling").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "pipe")
    return ExampleHost(tmp_path, unreadable={"/closed"}, owners={"/a.yaml": "dd-agent:dd-agent"})


def plan(host: ExampleHost, name: str, **params: str) -> list[Change]:
    made: list[Change] = actions.ACTIONS[name](**params).plan(host)
    return made


def test_a_mode_is_set_on_the_file_behind_a_link(host: ExampleHost) -> None:
    assert plan(host, "set_mode", path="/link.cnf", mode="0644") == [Mode("/real.cnf", 0o666, 0o644)]


def test_what_is_right_already_needs_nothing(host: ExampleHost) -> None:
    assert plan(host, "set_mode", path="/a.yaml", mode="0644") == []
    assert plan(host, "set_owner", path="/a.yaml", owner="dd-agent:dd-agent") == []
    assert plan(host, "rename_file", file="/a.yaml", to="a.yaml") == []
    assert plan(host, "rename_file", file="/gone.yaml", to="taken.yaml") == []
    assert plan(host, "remove_file", file="/gone.yaml") == []


def test_an_owner_is_user_and_group(host: ExampleHost) -> None:
    assert plan(host, "set_owner", path="/link.cnf", owner="root:dd-agent") == [
        Owner("/real.cnf", "root:root", "root:dd-agent")
    ]


def test_a_file_is_renamed_in_its_folder_or_to_a_path(host: ExampleHost) -> None:
    assert plan(host, "rename_file", file="/a.yaml", to="b.yaml") == [Rename("/a.yaml", "/b.yaml")]
    assert plan(host, "rename_file", file="/a.yaml", to="/folder/b.yaml") == [Rename("/a.yaml", "/folder/b.yaml")]
    assert plan(host, "rename_file", file="/dangling", to="other") == [Rename("/dangling", "/other")]


def test_a_file_or_dangling_link_is_removed(host: ExampleHost) -> None:
    assert plan(host, "remove_file", file="/a.yaml") == [Remove("/a.yaml")]
    assert plan(host, "remove_file", file="/dangling") == [Remove("/dangling")]


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("set_mode", {"path": "/gone", "mode": "0644"}, "is not there"),
        ("set_mode", {"path": "/a.yaml", "mode": "644"}, "four octal digits"),
        ("set_mode", {"path": "/a.yaml", "mode": "u+rw"}, "four octal digits"),
        ("set_mode", {"path": "/pipe", "mode": "0644"}, "is a fifo"),
        ("set_mode", {"path": "/dangling", "mode": "0644"}, "is not there"),
        ("set_owner", {"path": "/a.yaml", "owner": "root"}, "user:group"),
        ("set_owner", {"path": "/a.yaml", "owner": "root:../x"}, "user:group"),
        ("rename_file", {"file": "/a.yaml", "to": "taken.yaml"}, "already there"),
        ("rename_file", {"file": "/a.yaml", "to": "dangling"}, "already there"),
        ("rename_file", {"file": "/gone", "to": "new"}, "is not there"),
        ("rename_file", {"file": "/a.yaml", "to": "../x"}, "no name"),
        ("rename_file", {"file": "/a.yaml", "to": "/none/x"}, "the folder /none is not there"),
        ("remove_file", {"file": "/folder"}, "is a directory"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    host: ExampleHost, name: str, params: dict[str, str], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        plan(host, name, **params)


def test_the_stages_put_renames_before_modes() -> None:
    assert [actions.STAGES[n] for n in ("rename_file", "remove_file", "set_mode", "set_owner")] == [2, 2, 3, 3]
