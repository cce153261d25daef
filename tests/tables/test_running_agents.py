"""Agents that no file names: by their processes and containers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.base import Process, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.tables._running_agents import ContainerAgent, agent_container, config_argument, seen_processes, unit_of
from dddoctor.tables.agents import Agent, collect

ID = "4f5e9d3c2b1a" * 5 + "4f5e"


def process(argv: str, pid: int = 81, **given: Any) -> Process:
    words = tuple(argv.split())
    values: dict[str, Any] = {
        "pid": pid, "ppid": 1, "name": words[0].rpartition("/")[2], "argv": words, "user": "dd-agent", "uid": 996, "started_at": 1000.0,
        "exe": words[0] if words[0].startswith("/") else None, "is_exe_deleted": 0, "cwd": "/", "cgroup": "/system.slice/datadog-agent.service",
        "environ": {}, "is_foreign": 0, "rss_bytes": None,
    }  # fmt: skip
    return Process(**{**values, **given})


def inspected(**given: Any) -> dict[str, Any]:
    return {
        "Id": ID,
        "Name": "/dd-agent",
        "Config": {"Image": "datadog/agent:7.52.0-jmx", "Env": ["DOCKER_DD_AGENT=true"]},
        "State": {"Running": True, "Pid": 912, "StartedAt": "2026-11-24T07:01:25.5Z"},
        **given,
    }


def seen(*processes: Process) -> list[tuple[str, str | None, bool]]:
    return [(s.program, s.path, s.is_packaged) for s in seen_processes(processes)]


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        ("/opt/datadog-agent/bin/agent/agent run -p /opt/datadog-agent/run/agent.pid", "agent"),
        ("/opt/datadog-agent/bin/agent/agent start", "agent"),
        ("/opt/datadog-packages/datadog-agent/7.70.0-1/bin/agent/agent run", "agent"),
        ("/opt/datadog-agent/embedded/bin/trace-agent --config /etc/datadog-agent/datadog.yaml", "trace-agent"),
        ("/usr/bin/python3 /opt/datadog-agent/embedded/bin/trace-agent --config x", "trace-agent"),
        (
            "/opt/datadog-agent/embedded/bin/python /opt/datadog-agent/agent/agent.py foreground --use-local-forwarder",
            "agent",
        ),
        ("/opt/datadog-agent/embedded/bin/python /opt/datadog-agent/agent/ddagent.py", "forwarder"),
    ],
)
def test_processes_of_the_packages_are_told_by_their_place(argv: str, program: str) -> None:
    assert [s[0] for s in seen(process(argv))] == [program]


@pytest.mark.parametrize(
    "argv",
    [
        "/opt/datadog-agent/bin/agent/agent status --json",
        "/opt/datadog-agent/embedded/bin/python /opt/datadog-agent/agent/agent.py info",
        "/usr/bin/agent run",
        "/usr/share/elastic-agent/elastic-agent run",
        "/usr/bin/consul agent run",
        "trace-agent",
        "[kthreadd]",
    ],
)
def test_a_persons_command_and_another_products_agent_are_none(argv: str) -> None:
    """`agent run` alone could be anybody's: something of it must say whose."""
    assert seen(process(argv)) == []


def test_a_process_without_arguments_is_survived() -> None:
    assert seen_processes([process("x")._replace(argv=(), exe=None, cgroup=None, cwd=None, environ=None)]) == []


def test_the_child_that_was_forked_and_is_no_program_yet_is_left_out() -> None:
    run = "/opt/datadog-agent/bin/agent/agent run"

    assert [s.process.pid for s in seen_processes([process(run, 81), process(run, 90, ppid=81)])] == [81]


@pytest.mark.parametrize(
    ("cgroup", "is_foreign", "container", "foreign"),
    [
        (f"/system.slice/docker-{ID}.scope", 1, ID, False),
        (f"/docker/{ID}", None, ID, False),
        ("/machine.slice/systemd-nspawn@x.service/payload/system.slice/datadog-agent.service", 1, None, True),
        ("/system.slice/datadog-agent.service", 1, None, False),  # PrivateNetwork=
        (f"/docker/{ID}", 0, None, False),  # the doctor itself is in that container
        ("/system.slice/datadog-agent.service", None, None, False),
    ],
)
def test_whose_a_process_is_by_its_group(
    cgroup: str, is_foreign: int | None, container: str | None, foreign: bool
) -> None:
    [found] = seen_processes([process("/opt/datadog-agent/bin/agent/agent run", cgroup=cgroup, is_foreign=is_foreign)])

    assert (found.container_id, found.is_foreign) == (container, foreign)


def test_the_unit_of_a_process() -> None:
    assert unit_of(process("x")) == "datadog-agent.service"
    assert unit_of(process("x", cgroup="/user.slice/user-1000.slice/session-2.scope")) is None
    assert unit_of(process("x", cgroup="/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope")) is None


@pytest.mark.parametrize(
    ("argv", "folder"),
    [
        ("agent run -c /home/me/dd", "/home/me/dd"),
        ("agent run --cfgpath=/home/me/dd/datadog.yaml", "/home/me/dd"),
        ("agent -c", None),
        ("agent run -c relative", None),
        ("agent run", None),
    ],
)
def test_where_a_process_was_told_to_read(argv: str, folder: str | None) -> None:
    assert config_argument(tuple(argv.split())) == folder


def test_a_container_of_the_agents_image() -> None:
    assert agent_container(inspected()) == ContainerAgent(
        "dd-agent", ID, 7, "7.52.0", 1, 912, 1795503685.5, None, "datadog/agent:7.52.0-jmx"
    )


def test_an_image_that_was_built_on_the_agents_is_one_and_labels_decide_nothing() -> None:
    own = inspected(Config={"Image": "me/agent", "Env": ["DOCKER_DD_AGENT=true", "DD_TAGS=a"]})
    web = inspected(Config={"Image": "nginx", "Env": [], "Labels": {"com.datadoghq.ad.check_names": '["nginx"]'}})
    cluster = inspected(Config={"Image": "datadog/cluster-agent:7.52.0", "Env": None})

    found = agent_container(own)
    assert found is not None
    assert (found.major, found.version) == (7, None)
    assert agent_container(web) is None
    assert agent_container(cluster) is None


@pytest.mark.parametrize(
    ("image", "major", "version"),
    [
        ("gcr.io/datadoghq/agent:latest", 7, None),
        ("public.ecr.aws/datadog/agent:6-jmx", 6, None),
        ("localhost:5000/datadog/agent:7.72.4", 7, "7.72.4"),
        ("datadog/agent@sha256:" + "0" * 64, 7, None),
        ("datadog/docker-dd-agent:12.6.5230-alpine", 5, None),
    ],
)
def test_the_version_of_an_image_by_its_tag(image: str, major: int, version: str | None) -> None:
    """The images of Agent 5 had numbers of their own."""
    found = agent_container(inspected(Config={"Image": image}))

    assert found is not None
    assert (found.major, found.version) == (major, version)


def test_which_folder_of_the_host_is_the_containers_configuration() -> None:
    mounted = inspected(Mounts=[{"Type": "bind", "Source": "/srv/dd/", "Destination": "/etc/datadog-agent"}])
    part = inspected(Mounts=[{"Type": "bind", "Source": "/srv/conf.d", "Destination": "/conf.d"}])

    assert [c.config_source for c in (agent_container(mounted), agent_container(part)) if c] == ["/srv/dd", None]


@pytest.mark.parametrize("broken", [{}, {"Config": 3, "State": []}, {"Config": {"Image": 7, "Env": {"a": 1}}}])
def test_an_answer_of_any_shape_is_survived(broken: dict[str, Any]) -> None:
    assert agent_container(broken) is None
    found = agent_container(inspected(State="x", Mounts=[3, {"Destination": None}], Name=None, Id=None))
    assert found is not None
    assert (found.is_running, found.pid, found.started_at, found.config_source) == (0, None, None, None)


def agents(tmp_path: Path, files: tuple[str, ...] = (), **given: Any) -> list[Agent | Gap]:
    for file in files:
        path = tmp_path / file.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return list(collect(ExampleHost(tmp_path, **given)))


def test_on_a_folder_files_alone_count(tmp_path: Path) -> None:
    """Nothing runs there, and that is no gap."""
    assert [a.agent for a in agents(tmp_path, ("/etc/datadog-agent/datadog.yaml",))] == ["package"]  # type: ignore[union-attr]


def test_package_container_and_a_tarball_side_by_side(tmp_path: Path) -> None:
    found = agents(
        tmp_path,
        ("/opt/datadog-agent/bin/agent/agent", "/etc/datadog-agent/datadog.yaml"),
        processes=[
            process("/opt/datadog-agent/bin/agent/agent run", 81),
            process("/home/me/datadog/bin/agent/agent run -c /home/me/dd", 82),
            process("agent run", 83, cgroup=f"/docker/{ID}", is_foreign=1, exe="/opt/datadog-agent/bin/agent/agent"),
        ],
        docker=[inspected(), {"Id": "0", "Name": "/web", "Config": {"Image": "nginx"}}],
    )

    assert [a for a in found if isinstance(a, Gap)] == []
    assert found[1:] == [
        Agent("container:dd-agent", "container", 7, "7.52.0", None, None, None, None, "dd-agent"),
        Agent(
            "process:/home/me/datadog/bin/agent/agent", "process", 7, None, "/home/me/dd", "/home/me/dd/datadog.yaml", "/home/me/datadog", None, None,
        ),
    ]  # fmt: skip
    assert [a.agent for a in found][0] == "package"  # type: ignore[union-attr]


def test_a_process_that_reads_the_packages_folder_leaves_it_to_the_package(tmp_path: Path) -> None:
    """Each file would be judged twice."""
    found = agents(
        tmp_path,
        ("/etc/datadog-agent/datadog.yaml",),
        processes=[process("/home/me/datadog/bin/agent/agent run")],
    )

    assert [(a.agent, a.config_dir) for a in found if isinstance(a, Agent)] == [
        ("package", "/etc/datadog-agent"),
        ("process:/home/me/datadog/bin/agent/agent", None),
    ]


def test_what_docker_does_not_tell_a_process_may(tmp_path: Path) -> None:
    """A person who may not ask Docker still sees the command lines of its containers."""
    found = agents(
        tmp_path,
        processes=[process("agent run", cgroup=f"/docker/{ID}", is_foreign=None, cwd=None, environ=None, exe="/opt/datadog-agent/bin/agent/agent")],
        docker=Unavailable(Kind.DENIED, "permission denied: /var/run/docker.sock", "sudo"),
    )  # fmt: skip

    assert found == [
        Agent("container:4f5e9d3c2b1a", "container", 7, None, None, None, None, None, "4f5e9d3c2b1a"),
        Gap("Docker", Kind.DENIED, "permission denied: /var/run/docker.sock", "sudo", ("container",)),
    ]


def test_processes_that_may_not_be_seen_are_a_gap(tmp_path: Path) -> None:
    found = agents(tmp_path, processes=Unavailable(Kind.DENIED, "hidden", "sudo"), docker=[])

    assert found == [Gap("processes", Kind.DENIED, "hidden", "sudo", ("container",))]
