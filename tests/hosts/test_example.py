"""ExampleHost: the same answers whoever runs the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dddoctor.hosts.base import Host, Ran, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Kind

Put = Callable[..., Path]


def test_all_belongs_to_root_but_what_the_example_says(tree: Path, put: Put) -> None:
    put("/etc/a")
    put("/etc/b")
    (tree / "link").symlink_to("/etc/b")
    host: Host = ExampleHost(tree, owners={"/etc/b": "dd-agent:adm"})

    a, b, link = host.stat("/etc/a"), host.stat("/link"), host.stat("/link", follow=False)

    assert (a.owner, a.group, a.uid, a.gid) == ("root", "root", 0, 0)
    assert (b.owner, b.group) == ("dd-agent", "adm")
    assert 0 not in (b.uid, b.gid)
    assert link.owner == "root"


def test_numbers_come_from_the_passwd_of_the_example(tree: Path, put: Put) -> None:
    put("/etc/passwd", "dd-agent:x:107:113::/:/bin/false\n")
    put("/x")

    assert ExampleHost(tree, owners={"/x": "dd-agent:dd-agent"}).stat("/x").uid == 107


def test_commands_answer_by_name_or_path_and_others_are_unknown(tree: Path) -> None:
    refused = Unavailable(Kind.DENIED, "no", "sudo")
    host = ExampleHost(tree, commands={("systemctl", "show"): Ran(0, "x", ""), ("docker", "ps"): refused})

    assert host.run(["/usr/bin/systemctl", "show"]) == host.run(["systemctl", "show"]) == Ran(0, "x", "")
    with pytest.raises(Unavailable) as caught:
        host.run(["docker", "ps"])
    assert (caught.value.kind, caught.value.remedy) == (Kind.DENIED, "sudo")
    with pytest.raises(Unavailable, match="`id -u`") as caught:
        host.run(["id", "-u"])
    assert caught.value.kind is Kind.TARGET


def test_an_environment_is_there_when_the_example_has_one(tree: Path) -> None:
    assert ExampleHost(tree, env={"PATH": "/bin"}).environ() == {"PATH": "/bin"}
    assert ExampleHost(tree, env={}).environ() == {}
    with pytest.raises(Unavailable):
        ExampleHost(tree).environ()
