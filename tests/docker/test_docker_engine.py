"""The tables, rules and repairs of Docker against a real engine. Skipped, with the reason in words, where none can run; in CI that is a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.docker.engine import KEY, Engine, NoEngine, running, wait_for

SLEEP = ("datadog/agent:7.52.0", "/bin/sleep", "600")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(running(tmp_path_factory.mktemp("docker")))
        except NoEngine as reason:
            if os.environ.get("CI") == "true":
                pytest.fail(str(reason))
            pytest.skip(str(reason))
        yield found


@pytest.fixture
def empty(engine: Engine) -> Iterator[Engine]:
    """An engine without containers, left so."""
    yield engine
    names = engine.docker("ps", "-aq").split()
    if names:
        engine.docker("rm", "-f", *names)


def test_a_container_as_it_was_started(empty: Engine) -> None:
    """What `docker run` was told is what the tables hold; the key is not."""
    empty.docker(
        "run", "-d", "--name", "dd-agent", "--restart", "unless-stopped", "-p", "127.0.0.1:8126:8126/tcp", "-m", "64m", "-e", f"DD_API_KEY={KEY}",
        "-v", "/proc/:/host/proc/:ro", "-v", "/run/docker.sock:/var/run/docker.sock:ro", *SLEEP,
    )  # fmt: skip
    container = empty.inspect("dd-agent")

    (row,) = empty.rows("SELECT * FROM containers")

    assert {k: row[k] for k in ("name", "id", "image", "state", "is_running", "is_looping", "exit_code", "restart_policy", "network_mode", "address", "memory_limit_bytes", "agent", "has_docker_socket", "has_proc", "has_cgroup")} == {
        "name": "dd-agent", "id": container["Id"][:12], "image": "datadog/agent:7.52.0", "state": "running", "is_running": 1, "is_looping": 0, "exit_code": None,
        "restart_policy": "unless-stopped", "network_mode": "bridge", "address": container["NetworkSettings"]["IPAddress"], "memory_limit_bytes": 64 * 1024 * 1024,
        "agent": "container:dd-agent", "has_docker_socket": 1, "has_proc": 1, "has_cgroup": 0,
    }  # fmt: skip
    assert empty.rows("SELECT port, protocol, is_published, host_address, host_port FROM container_ports") == [
        {"port": 8126, "protocol": "tcp", "is_published": 1, "host_address": "127.0.0.1", "host_port": 8126}
    ]
    (variable,) = empty.rows("SELECT name, value, length FROM container_env")
    assert variable == {"name": "DD_API_KEY", "value": "<key #1>", "length": 32}
    assert empty.rows("SELECT process FROM listeners WHERE port = 8126") == [{"process": "docker-proxy"}]
    assert empty.rows("SELECT name, is_agent FROM images") == [{"name": "datadog/agent:7.52.0", "is_agent": 1}]


def test_how_containers_end(empty: Engine) -> None:
    """By the kernel, by themselves again and again, never started, never able to start."""
    eat = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    empty.docker("create", "--name", "made", *SLEEP)
    empty.inside(["docker", "run", "--name", "eats", "-m", "8m", "--memory-swap", "8m", SLEEP[0], "/bin/sh", "-c", eat])
    empty.inside(["docker", "run", "--name", "wrong", SLEEP[0], "/bin/nothing"])
    empty.docker("run", "-d", "--name", "loops", "--restart", "always", SLEEP[0], "/bin/sh", "-c", "exit 3")
    wait_for(lambda: empty.inspect("loops")["RestartCount"] >= 3, "three restarts")

    rows = empty.rows("SELECT name, is_running, is_looping, exit_code, is_oom_killed, error IS NOT NULL AS has_error FROM containers")  # fmt: skip

    found = {r.pop("name"): tuple(r.values()) for r in rows}
    assert found["made"] == (0, 0, None, 0, 0)
    assert found["eats"] == (0, 0, 137, 1, 0)
    assert found["wrong"] == (0, 0, 127, 0, 1)
    assert found["loops"][1] == 1

    report = empty.report()
    said = {f["agent"]: f["severity"] for f in report["findings"] if f["rule"] == "agent-container-not-running"}
    assert said == {
        "container:made": "warning", "container:eats": "error", "container:wrong": "error", "container:loops": "error",
    }  # fmt: skip
    assert {f["rule"] for f in report["findings"] if f["agent"] == "container:eats" and f["explained_by"]} == {
        "agent-container-not-running"
    }, "the missing key explains why it does not run"


def test_the_restart_policy_is_set_and_taken_back(empty: Engine) -> None:
    """The repair changes the container that runs; undo gives it the policy it had."""
    empty.docker("run", "-d", "--name", "dd-agent", "-e", f"DD_API_KEY={KEY}", *SLEEP)
    started = empty.inspect("dd-agent")["State"]["StartedAt"]

    report = empty.report("--fix", "--yes", "--unsafe-fixes")

    assert [(a["rule"], a["status"]) for a in report["applied"]] == [
        ("agent-container-without-restart-policy", "repaired and proved")
    ]
    assert empty.inspect("dd-agent")["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert empty.inspect("dd-agent")["State"]["StartedAt"] == started, "the container was not restarted for it"

    undone = empty.doctor("undo", "--yes")

    assert undone.returncode == 0, undone.stderr
    assert empty.inspect("dd-agent")["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_no_container_is_no_finding(empty: Engine) -> None:
    """An engine alone is nothing to complain about."""
    report = empty.report()

    assert (report["findings"], report["unread"], report["broken"]) == ([], [], [])
