"""Whether dd-agent may use Docker's socket, by owner, group and mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap
from dddoctor.tables.agents import Agent
from dddoctor.tables.docker_access import DockerAccess, collect, groups_of

PACKAGE = Agent(
    "package", "package", 7, None, "/etc/datadog-agent", "/etc/datadog-agent/datadog.yaml", "/opt/datadog-agent", "3", None
)  # fmt: skip
GROUPS = "root:x:0:\ndocker:x:997:vagrant\ndd-agent:x:998:\n"
PASSWD = "dd-agent:x:999:998::/opt/datadog-agent:/usr/sbin/nologin\n"


def rows(tmp_path: Path, mode: int, owner: str, groups: str = GROUPS, unreadable: tuple[str, ...] = ()) -> list[object]:
    for path, text in {"/etc/passwd": PASSWD, "/etc/group": groups, "/var/run/docker.sock": ""}.items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "var/run/docker.sock").chmod(mode)
    return list(collect(ExampleHost(tmp_path, unreadable, owners={"/var/run/docker.sock": owner}), [PACKAGE]))


@pytest.mark.parametrize(
    ("mode", "owner", "groups", "is_open"),
    [
        (0o660, "root:docker", GROUPS, 0),
        (0o660, "root:docker", GROUPS.replace("vagrant", "vagrant,dd-agent"), 1),
        (0o660, "root:dd-agent", GROUPS, 1),
        (0o640, "root:dd-agent", GROUPS, 0),
        (0o666, "root:root", GROUPS, 1),
        (0o600, "dd-agent:root", GROUPS, 1),
    ],
)
def test_the_right_to_write_decides(tmp_path: Path, mode: int, owner: str, groups: str, is_open: int) -> None:
    """The user's own group and the groups that list it count."""
    user, _, group = owner.partition(":")

    assert rows(tmp_path, mode, owner, groups) == [
        DockerAccess("package", "/var/run/docker.sock", "dd-agent", user, group, f"{mode:04o}", is_open)
    ]


def test_groups_that_cannot_be_read_leave_it_open(tmp_path: Path) -> None:
    gap, row = rows(tmp_path, 0o660, "root:docker", unreadable=("/etc/group",))

    assert isinstance(gap, Gap) and gap.columns == ("is_open",)
    assert isinstance(row, DockerAccess) and row.is_open is None


def test_no_socket_no_row(tmp_path: Path) -> None:
    assert list(collect(ExampleHost(tmp_path), [PACKAGE])) == []


def test_broken_lines_of_the_group_file_are_left_out() -> None:
    assert groups_of("dd", "dd:x\n:::\n", "a\nb:x:1\nc:x:2:dd \n") == {"c"}
