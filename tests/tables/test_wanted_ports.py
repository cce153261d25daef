"""Which ports an Agent opens, by its settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.secrets import Vault
from dddoctor.tables import agents, settings, wanted_ports
from dddoctor.tables.wanted_ports import WantedPort

HostOf = Callable[..., RootHost]
PROGRAMS = {"/opt/datadog-agent/bin/agent/agent": "", "/opt/datadog-agent/embedded/bin/trace-agent": ""}


def ports(host: RootHost) -> list[WantedPort]:
    found = [a for a in agents.collect(host) if isinstance(a, agents.Agent)]
    known = [s for s in settings.collect(host, Vault(), found) if isinstance(s, settings.Setting)]
    return list(wanted_ports.collect(host, found, known))


def short(rows: list[WantedPort]) -> dict[str, tuple[Any, ...]]:
    return {r.purpose: (r.port, r.protocol, r.address, r.is_enabled, r.is_set) for r in rows}


def test_an_empty_file_gives_the_ports_of_the_documentation(host_of: HostOf) -> None:
    """The GUI is off on Linux, and no OTLP endpoint is written."""
    found = ports(host_of({"/etc/datadog-agent/datadog.yaml": "site: datadoghq.eu\n", **PROGRAMS}))

    assert short(found) == {
        "commands": (5001, "tcp", "127.0.0.1", 1, 0),
        "expvar": (5000, "tcp", "127.0.0.1", 1, 0),
        "dogstatsd": (8125, "udp", "127.0.0.1", 1, 0),
        "traces": (8126, "tcp", "127.0.0.1", 1, 0),
        "trace-debug": (5012, "tcp", "127.0.0.1", 1, 0),
    }
    assert [r.has_program for r in found] == [1] * 5
    assert [r.purpose for r in found if r.is_fatal] == ["commands", "traces"]


def test_settings_move_ports_and_say_where(host_of: HostOf) -> None:
    """Spelling of the file counts for nothing; the place is the line of the key."""
    text = "GUI_port: 5002\ndogstatsd_non_local_traffic: true\nbind_host: 10.0.0.5\nexpvar_port: 5500\napm_config:\n  receiver_port: 9126\notlp_config:\n  receiver:\n    protocols:\n      grpc:\n        endpoint: 0.0.0.0:4317\n"
    found = ports(host_of({"/etc/datadog-agent/datadog.yaml": text, **PROGRAMS}))

    assert short(found) == {
        "commands": (5001, "tcp", "127.0.0.1", 1, 0),
        "expvar": (5500, "tcp", "127.0.0.1", 1, 1),
        "gui": (5002, "tcp", "127.0.0.1", 1, 1),
        "dogstatsd": (8125, "udp", "0.0.0.0", 1, 0),
        "traces": (9126, "tcp", "10.0.0.5", 1, 1),
        "trace-debug": (5012, "tcp", "127.0.0.1", 1, 0),
        "otlp-grpc": (4317, "tcp", "0.0.0.0", 1, 1),
    }
    traces = next(r for r in found if r.purpose == "traces")
    assert (traces.setting, traces.file, traces.line, traces.origin) == (
        "apm_config.receiver_port", "/etc/datadog-agent/datadog.yaml", 6, "file",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("apm_config:\n  enabled: false\n", [("traces", 0), ("trace-debug", 0)]),
        ("apm_config:\n  enabled: disabled\n", [("traces", 0), ("trace-debug", 0)]),
        ("apm_config:\n  receiver_port: http\n", [("trace-debug", 1)]),
        ("apm_config:\n  receiver_port: 0\n", [("trace-debug", 1)]),
        ("apm_config: true\n", [("traces", 1)]),
    ],
)
def test_what_is_switched_off_or_unusable(host_of: HostOf, text: str, expected: list[tuple[str, int]]) -> None:
    """A word counts as 0, so nothing is opened; a scalar in the section's place wipes the debug port and leaves the receiver."""
    found = ports(host_of({"/etc/datadog-agent/datadog.yaml": text, **PROGRAMS}))

    assert [(r.purpose, r.is_enabled) for r in found if r.program == "trace-agent"] == expected


def test_a_broken_main_file_has_no_ports(host_of: HostOf) -> None:
    """What it would open is not known, and nothing is concluded."""
    assert ports(host_of({"/etc/datadog-agent/datadog.yaml": "site: [\n", **PROGRAMS})) == []


def test_a_folder_without_an_agent_wants_ports_that_no_program_opens(host_of: HostOf) -> None:
    """Rules ask `has_program`."""
    found = ports(host_of({"/etc/datadog-agent/datadog.yaml": "site: datadoghq.eu\n"}))

    assert {r.has_program for r in found} == {0}


def test_agent_5_has_its_own(host_of: HostOf) -> None:
    """Forwarder and dogstatsd; `use_dogstatsd: no` switches the latter off."""
    found = ports(host_of({"/etc/dd-agent/datadog.conf": "[Main]\nuse_dogstatsd: no\nlisten_port: 17999\n"}))

    assert short(found) == {
        "forwarder": (17999, "tcp", "127.0.0.1", 1, 1),
        "dogstatsd": (8125, "udp", "127.0.0.1", 0, 0),
    }
