"""Repairs of containers: what they plan, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dddoctor import actions
from dddoctor.actions import ACTIONS, Refused
from dddoctor.hosts.base import Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Command, Kind

actions.load_all()


def host(tmp_path: Path, **settings: Any) -> ExampleHost:
    container: Mapping[str, Any] = {"Name": "/dd-agent", "Id": "1" * 64, "HostConfig": settings, "State": {"Running": False}}  # fmt: skip
    return ExampleHost(tmp_path, docker=[container])


@pytest.mark.parametrize(
    ("before", "back"),
    [
        ({"Name": "no", "MaximumRetryCount": 0}, "no"),
        ({"Name": "", "MaximumRetryCount": 0}, "no"),
        ({"Name": "on-failure", "MaximumRetryCount": 3}, "on-failure:3"),
        ({"Name": "on-failure", "MaximumRetryCount": 0}, "on-failure"),
        (None, "no"),
    ],
)
def test_the_way_back_is_the_policy_it_had(tmp_path: Path, before: Any, back: str) -> None:
    plan = ACTIONS["set_restart_policy"]("dd-agent", "unless-stopped").plan(host(tmp_path, RestartPolicy=before))

    assert plan == [
        Command(("docker", "update", "--restart", "unless-stopped", "dd-agent"), ("docker", "update", "--restart", back, "dd-agent"))
    ]  # fmt: skip


def test_what_is_right_already_needs_nothing(tmp_path: Path) -> None:
    looked_at = host(tmp_path, RestartPolicy={"Name": "always"})

    assert ACTIONS["set_restart_policy"]("dd-agent", "always").plan(looked_at) == []


@pytest.mark.parametrize(
    ("name", "policy", "settings", "words"),
    [
        ("dd-agent", "sometimes", {}, "no restart policy"),
        ("dd-agent", "always", {"AutoRemove": True}, "--rm"),
        ("--all", "always", {}, "none that Docker gives"),
        ("other", "always", {}, "no container other any more"),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, policy: str, settings: dict[str, Any], words: str) -> None:
    """A name that docker would take for an option, a container that removes itself, one that is gone."""
    with pytest.raises(Refused, match=words):
        ACTIONS["set_restart_policy"](name, policy).plan(host(tmp_path, **settings))


def test_docker_that_may_not_be_asked_refuses(tmp_path: Path) -> None:
    closed = ExampleHost(tmp_path, docker=Unavailable(Kind.DENIED, "permission denied", "sudo"))

    with pytest.raises(Refused, match="could not be asked"):
        ACTIONS["start_container"]("dd-agent").plan(closed)


def test_starting_is_undone_by_stopping(tmp_path: Path) -> None:
    assert ACTIONS["start_container"]("dd-agent").plan(host(tmp_path)) == [
        Command(("docker", "start", "dd-agent"), ("docker", "stop", "dd-agent"))
    ]
