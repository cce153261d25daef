"""Repairs of a Vagrantfile: the bytes that change, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dddoctor.actions import ACTIONS, STAGES, Refused, load_all
from dddoctor.hosts.root import RootHost
from dddoctor.hosts.spans import apply_spans
from dddoctor.model import Edit

FILE = "/vagrant/Vagrantfile"
HEAD = b'Vagrant.configure("2") do |config|\r\n'


load_all()


def planned(root: Path, data: bytes, name: str, **params: Any) -> bytes | None:
    """The file after the action's only edit; None where it is right already."""
    place = root / FILE.lstrip("/")
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(data)
    changes = ACTIONS[name](file=FILE, **params).plan(RootHost(root))
    assert place.read_bytes() == data
    if not changes:
        return None
    [edit] = changes
    assert isinstance(edit, Edit)
    assert (edit.file, edit.kind) == (FILE, "text")
    return apply_spans(data, edit.spans)


def test_an_end_is_added_and_nothing_else_changes(tmp_path: Path) -> None:
    """BOM, carriage returns, bytes that are no UTF-8, a missing last newline."""
    data = (
        b"\xef\xbb\xbf# \xff\r\n"
        + HEAD
        + b'  config.vm.provider "v" do |v|\r\n    v.cpus = 1\r\n\r\n  config.vm.box = "x"\r\nend'
    )

    assert planned(tmp_path, data, "repair_vagrantfile", line=3, kind="unclosed-block") == data.replace(
        b"cpus = 1\r\n", b"cpus = 1\r\n  end\r\n"
    )


def test_text_comes_before_settings() -> None:
    assert (
        STAGES["repair_vagrantfile"]
        < STAGES["correct_vagrantfile"]
        == STAGES["set_guest_port"]
        == STAGES["add_docker_provisioner"]
    )


def test_what_was_diagnosed_and_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no certain correction of line 1"):
        planned(tmp_path, HEAD + b"end\n", "repair_vagrantfile", line=1, kind="unclosed-block")


def test_a_setting_waits_until_the_file_parses(tmp_path: Path) -> None:
    data = HEAD + b'  vm.box = "x"\r\n'

    with pytest.raises(Refused, match="has to parse first"):
        planned(tmp_path, data, "correct_vagrantfile", line=2, kind="receiver-missing")
    assert (
        planned(tmp_path, data + b"end\r\n", "correct_vagrantfile", line=2, kind="receiver-missing")
        == HEAD + b'  config.vm.box = "x"\r\nend\r\n'
    )


def test_the_guests_port(tmp_path: Path) -> None:
    data = (
        HEAD
        + b'  config.vm.network "forwarded_port", host: 80, guest: 80 # 80\r\n  config.vm.network "forwarded_port", guest: PORT, host: 1\r\nend\r\n'
    )

    assert planned(tmp_path, data, "set_guest_port", line=2, port=5050) == data.replace(b"guest: 80", b"guest: 5050")
    assert planned(tmp_path, data, "set_guest_port", line=2, port=80) is None
    for line, port in ((3, 5050), (4, 5050), (2, 0)):
        with pytest.raises(Refused):
            planned(tmp_path, data, "set_guest_port", line=line, port=port)


def test_a_docker_provisioner_is_put_before_another(tmp_path: Path) -> None:
    data = (
        HEAD + b'\tconfig.vm.define "a" do |a|\r\n\t\ta.vm.provision "shell", inline: "docker ps"\r\n\tend\r\nend\r\n'
    )
    after = planned(tmp_path, data, "add_docker_provisioner", line=3)

    assert after == data.replace(b"\t\ta.vm", b'\t\ta.vm.provision "docker"\r\n\t\ta.vm', 1)
    assert planned(tmp_path, after, "add_docker_provisioner", line=4) is None
    with pytest.raises(Refused):
        planned(tmp_path, data, "add_docker_provisioner", line=2)
