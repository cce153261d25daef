"""Docker's containers as tables: what an engine said (tests/data/docker-inspect.json, Docker 20.10), and answers of shapes it never gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.base import Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables._inspect import is_agent_image, ports_of, seconds_of
from dddoctor.tables.agents import Agent
from dddoctor.tables.containers import (
    Container,
    ContainerMount,
    ContainerPort,
    ContainerVariable,
    collect,
    collect_images,
    rows_of,
)

RECORDED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "data" / "docker-inspect.json").read_text(encoding="utf-8")
)
KEY = "0badc0de0badc0de0badc0de0badc0de"
NOW = 1_795_600_000.0


def recorded(name: str) -> list[Any]:
    container = next(c for c in RECORDED if c["Name"] == f"/{name}")
    return list(rows_of(container, Vault(), NOW))


def test_a_running_agent_is_a_row_of_each_kind() -> None:
    """The container with what stands around it: mounts by the engine's order, ports, variables with the key as a token."""
    rows = recorded("dd-agent")

    first = rows[0]
    assert isinstance(first, Container)
    assert first._replace(started_at=None) == Container(
        name="dd-agent", id="e577a2b3913d", image="datadog/agent:7.52.0", state="running", is_running=1, is_looping=0, exit_code=None, is_oom_killed=0, error=None,
        started_at=None, restart_policy="unless-stopped", restart_count=2, is_removed_at_end=0, network_mode="bridge", is_host_network=0, address="172.17.0.2",
        memory_limit_bytes=None, command="/bin/sleep 1000", is_agent=1, agent="container:dd-agent", agent_major=7, has_docker_socket=1, has_proc=1, has_cgroup=1,
        has_own_host_name=1, managed_by=None, has_replacement=None,
    )  # fmt: skip
    assert [r for r in rows if isinstance(r, ContainerMount)][1] == ContainerMount(
        "dd-agent", "container:dd-agent", "bind", "/var/run/docker.sock", "/var/run/docker.sock", 1
    )
    assert [r for r in rows if isinstance(r, ContainerPort)] == [
        ContainerPort("dd-agent", "container:dd-agent", 8126, "tcp", 1, "127.0.0.1", 8126)
    ]
    key, site = (r for r in rows if isinstance(r, ContainerVariable))
    assert (key.name, key.length, key.is_hex, key.is_placeholder, key.setting, key.is_known) == (
        "DD_API_KEY", 32, 1, 0, "api_key", 1,
    )  # fmt: skip
    assert KEY not in repr(rows) and Vault().has_token(key.value)
    assert (site.value, site.setting, site.nearest) == ("datadoghq.eu", "site", None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("oom", ("exited", 0, 0, 137, 1, None)),
        ("looping", ("restarting", 0, 1, 1, 0, None)),
        ("madeonly", ("created", 0, 0, None, 0, None)),
    ],
)
def test_how_a_container_ended_is_told_apart(name: str, expected: tuple[Any, ...]) -> None:
    """137 with OOMKilled is the kernel; between two restarts the engine says Running, and it does not run; one never started has no code."""
    found = recorded(name)[0]

    assert (
        found.state,
        found.is_running,
        found.is_looping,
        found.exit_code,
        found.is_oom_killed,
        found.error,
    ) == expected


def test_what_kept_a_container_from_starting_is_kept() -> None:
    """It is `created`, with a code and the engine's words."""
    found = recorded("nofile")[0]

    assert (found.state, found.exit_code) == ("created", 127)
    assert found.error is not None and "/bin/nofile" in found.error


def test_a_young_container_that_was_restarted_twice_is_in_a_loop() -> None:
    """Between two ends of a loop it runs for a moment."""
    container = {
        "Name": "/a", "Id": "1" * 64, "RestartCount": 3, "Config": {"Image": "datadog/agent:7"},
        "State": {"Status": "running", "Running": True, "StartedAt": "2026-11-24T12:00:00Z"},
    }  # fmt: skip
    started = seconds_of("2026-11-24T12:00:00Z")
    assert started is not None

    assert [next(iter(rows_of(container, Vault(), started + later))).is_looping for later in (5, 90)] == [1, 0]  # type: ignore[union-attr]


def test_ports_of_a_stopped_container_are_those_it_was_told() -> None:
    """A stopped container has none in force; an exposed port alone is not published; a port without a number of the host is not known yet."""
    stopped = {
        "Config": {"ExposedPorts": {"8125/udp": {}, "8126/tcp": {}}},
        "HostConfig": {
            "PortBindings": {"8126/tcp": [{"HostIp": "", "HostPort": "9126"}], "80/tcp": [{"HostPort": ""}]}
        },
        "NetworkSettings": {"Ports": {}},
    }

    assert ports_of(stopped) == {(8125, "udp"): [], (8126, "tcp"): [("", 9126)], (80, "tcp"): [("", None)]}


def test_variables_are_judged_by_what_the_agent_knows() -> None:
    """A misspelt name, one of Agent 5, quotes that are part of the value, a handle of a secret backend; other containers are not judged."""
    container = {
        "Name": "/a",
        "Id": "1" * 64,
        "Config": {
            "Image": "datadog/agent:7",
            "Env": [
                "DD_APM_ENABLE=true", f"API_KEY={KEY}", f'DD_API_KEY="{KEY}"', "DD_SITE=https://app.datadoghq.eu/", "DD_APP_KEY=ENC[app]", "DD_MINE=1", "PATH=/bin", "NO_VALUE", "=x",
            ],
        },
    }  # fmt: skip
    rows = {r.name: r for r in rows_of(container, Vault(), NOW) if isinstance(r, ContainerVariable)}

    assert {n: (r.is_known, r.nearest) for n, r in rows.items()} == {
        "DD_APM_ENABLE": (0, "DD_APM_ENABLED"),
        "API_KEY": (None, "DD_API_KEY"),
        "DD_API_KEY": (1, None),
        "DD_SITE": (1, "datadoghq.eu"),
        "DD_APP_KEY": (1, None),
        "DD_MINE": (0, None),
        "PATH": (None, None),
    }
    assert (rows["DD_API_KEY"].has_quotes, rows["DD_API_KEY"].length) == (1, 34)
    assert (rows["DD_APP_KEY"].value, rows["DD_APP_KEY"].length) == ("ENC[app]", None)
    other = {"Name": "/b", "Id": "2" * 64, "Config": {"Image": "me/shop", "Env": ["DD_SERVIE=x"]}}
    judged = [r.is_known for r in rows_of(other, Vault(), NOW) if isinstance(r, ContainerVariable)]
    assert judged == [None]


def test_secrets_are_tokens_wherever_they_stand() -> None:
    """A password in a variable, in the command line, in the engine's error and in a mount's path."""
    secret = "Xk29vLq8mT"
    container = {
        "Name": "/db", "Id": "1" * 64, "Path": "mysqld", "Args": [f"--password={secret}"], "State": {"Status": "exited", "Error": f"exec: password={secret}"},
        "Config": {"Image": "mysql:8", "Env": [f"MYSQL_ROOT_PASSWORD={secret}"]},
        "Mounts": [{"Type": "bind", "Source": f"/srv/{secret}", "Destination": "/x", "RW": True}],
    }  # fmt: skip

    assert secret not in repr(list(rows_of(container, Vault(), NOW))[0])
    assert secret not in repr([r for r in rows_of(container, Vault(), NOW) if isinstance(r, ContainerVariable)])


@pytest.mark.parametrize(
    "broken",
    [
        {"Name": "/a"},
        {"Name": 7, "Id": "b" * 64, "State": "running", "Config": None, "HostConfig": [], "Mounts": {"x": 1}},
        {"Name": "/a", "State": {"Status": None, "Running": "yes", "ExitCode": "1", "StartedAt": 12}, "Mounts": [None, {}, {"Destination": 3}]},
        {"Name": "/a", "Config": {"Env": [None, 3, "A"], "ExposedPorts": {"x/tcp": {}, "99": None}, "Image": ["x"], "Labels": "no"}, "NetworkSettings": {"Networks": {"n": None}, "Ports": {"80/tcp": "x"}}},
        {"Name": "/a", "HostConfig": {"RestartPolicy": "always", "Memory": "8m", "NetworkMode": 3, "PortBindings": [1]}, "RestartCount": True, "Args": "x"},
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_read_as_far_as_it_goes(broken: dict[str, Any]) -> None:
    """One row, nothing raised."""
    rows = list(rows_of(broken, Vault(), NOW))

    assert isinstance(rows[0], Container)


def test_a_container_without_name_and_id_is_a_gap() -> None:
    assert list(rows_of({}, Vault(), NOW)) == [Gap("*", Kind.TOOL, "Docker named a container without a name or an id")]


def test_no_docker_is_an_empty_table_and_a_closed_one_a_gap(tmp_path: Path) -> None:
    """A host without Docker has nothing to look at; one that may not be asked is not called empty."""
    none = ExampleHost(tmp_path, processes=[])
    closed = ExampleHost(tmp_path, docker=Unavailable(Kind.DENIED, "permission denied", "sudo"))

    assert list(collect(none, Vault(), [])) == [] and list(collect_images(none)) == []
    with pytest.raises(Unavailable, match="permission denied"):
        list(collect(closed, Vault(), []))


def test_a_stopped_agent_is_replaced_by_an_installed_one(tmp_path: Path) -> None:
    """Left beside the package it is history; alone it is the Agent that is missing."""
    stopped = {"Name": "/a", "Id": "1" * 64, "State": {"Status": "exited"}, "Config": {"Image": "datadog/agent:7"}}
    host = ExampleHost(tmp_path, docker=[stopped])
    package = Agent("package", "package", 7, None, "/etc/datadog-agent", None, None, None, None)

    found = [
        [r.has_replacement for r in collect(host, Vault(), agents) if isinstance(r, Container)]
        for agents in ([], [package])
    ]

    assert found == [[0], [1]]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T01:00:10.5+01:00", 10.5),
        ("0001-01-01T00:00:00Z", None),
        ("2026-13-40T00:00:00Z", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_of_the_engine_are_seconds(text: str | None, seconds: float | None) -> None:
    """Docker writes UTC, Podman an offset; the year 1 means never."""
    assert seconds_of(text) == seconds


def test_images_of_the_agent_are_known_by_name() -> None:
    names = ["datadog/agent", "docker.io/datadog/agent:7", "gcr.io/datadoghq/agent:7.52.0-jmx", "public.ecr.aws/datadog/agent@sha256:ab", "datadoghq.azurecr.io/agent:7", "datadog/docker-dd-agent"]  # fmt: skip
    others = ["datadog/cluster-agent:7", "datadog/dogstatsd", "me/agent", "mydatadog/agents", "datadog/agent-dev/x"]

    assert [is_agent_image(n) for n in names + others] == [True] * 6 + [False] * 5
