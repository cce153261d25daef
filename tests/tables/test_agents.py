"""Which Agents a host has, by its files alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.tables.agents import Agent, Package, collect, dpkg_package, history_version, manifest_version

LINUX = ("/etc/datadog-agent", "/etc/datadog-agent/datadog.yaml")
MAC = ("/opt/datadog-agent/etc", "/opt/datadog-agent/etc/datadog.yaml")
HostOf = Callable[..., RootHost]
OLD = ("/etc/dd-agent", "/etc/dd-agent/datadog.conf")


def test_a_folder_of_configuration_is_an_agent_7(host_of: HostOf) -> None:
    """Without any file that tells the version, the major is 7 and the version unknown."""
    host = host_of({"/etc/datadog-agent/conf.d/a.yaml": ""})

    assert list(collect(host)) == [Agent("package", "package", 7, None, *LINUX, None, "3", None)]


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("/opt/datadog-agent/version-manifest.json", '{"build_version": "7.72.4"}', "7.72.4"),
        ("/opt/datadog-agent/version-manifest.txt", "agent 7.52.0\n\nComponent  Installed Version\n", "7.52.0"),
        (
            "/opt/datadog-agent/run/version-history.json",
            '{"entries": [{"version": "6.5.2"}, {"version": "7.51.0"}]}',
            "7.51.0",
        ),
        (
            "/var/lib/dpkg/status",
            "Package: a\nVersion: 1\n\nPackage: datadog-agent\nStatus: install ok installed\nVersion: 1:7.52.1-1\n",
            "7.52.1",
        ),
    ],
)
def test_the_version_comes_from_the_files_that_tell_it(host_of: HostOf, file: str, text: str, version: str) -> None:
    host = host_of({"/etc/datadog-agent/datadog.yaml": "", file: text})

    assert [(a.major, a.version) for a in collect(host) if isinstance(a, Agent)] == [(7, version)]


def test_agent_6_is_told_by_its_version_and_runs_python_2_unless_told_otherwise(host_of: HostOf) -> None:
    files = {
        "/etc/datadog-agent/datadog.yaml": "Python_Version: 3\n",
        "/opt/datadog-agent/version-manifest.txt": "agent 6.20.0\n",
        "/opt/datadog-agent/embedded/lib/python3.8/os.py": "",
        "/opt/datadog-agent/embedded/lib/python2.7/os.py": "",
    }

    assert list(collect(host_of(files))) == [
        Agent("package", "package", 6, "6.20.0", *LINUX, "/opt/datadog-agent", "3.8", None)
    ]
    files["/etc/datadog-agent/datadog.yaml"] = ""
    assert list(collect(host_of(files))) == [
        Agent("package", "package", 6, "6.20.0", *LINUX, "/opt/datadog-agent", "2.7", None)
    ]


def test_the_python_of_agent_7_is_the_folder_with_the_highest_minor_version(host_of: HostOf) -> None:
    """Compared as numbers: 3.11 is above 3.9."""
    lib = "/opt/datadog-agent/embedded/lib"
    host = host_of(
        {
            "/etc/datadog-agent/datadog.yaml": "",
            f"{lib}/python3.9/os.py": "",
            f"{lib}/python3.11/os.py": "",
            f"{lib}/libz.so": "",
        }
    )

    assert [a.python_version for a in collect(host) if isinstance(a, Agent)] == ["3.11"]


def test_the_app_of_macos_keeps_its_configuration_in_its_own_folder(host_of: HostOf) -> None:
    host = host_of(
        {"/opt/datadog-agent/etc/datadog.yaml": "", "/opt/datadog-agent/version-manifest.txt": "agent 7.52.0\n"}
    )

    assert list(collect(host)) == [Agent("app", "app", 7, "7.52.0", *MAC, "/opt/datadog-agent", "3", None)]


def test_an_empty_etc_of_the_linux_package_is_no_macos_app(host_of: HostOf, tmp_path: Path) -> None:
    (tmp_path / "host/opt/datadog-agent/etc").mkdir(parents=True)

    assert list(
        collect(host_of({"/opt/datadog-agent/bin/agent/agent": "", "/etc/datadog-agent/datadog.yaml": ""}))
    ) == [Agent("package", "package", 7, None, *LINUX, "/opt/datadog-agent", "3", None)]


def test_the_folder_of_agent_5_beside_a_newer_one_is_a_leftover(host_of: HostOf) -> None:
    host = host_of({"/etc/datadog-agent/datadog.yaml": "", "/etc/dd-agent/datadog.conf": ""})

    assert list(collect(host)) == [
        Agent("package", "package", 7, None, *LINUX, None, "3", None),
        Agent("leftover:5", "leftover", 5, None, *OLD, None, None, None),
    ]


def test_agent_5_alone_is_the_package(host_of: HostOf) -> None:
    assert list(collect(host_of({"/etc/dd-agent/datadog.conf": ""}))) == [
        Agent("package", "package", 5, None, *OLD, None, "2.7", None)
    ]


def test_a_new_folder_beside_an_installed_agent_5_is_read_by_nothing(host_of: HostOf) -> None:
    """Who follows today's pages on a host with Agent 5 makes an /etc/datadog-agent."""
    host = host_of(
        {
            "/etc/dd-agent/datadog.conf": "",
            "/etc/datadog-agent/datadog.yaml": "",
            "/opt/datadog-agent/agent/agent.py": "",
        }
    )

    assert list(collect(host)) == [
        Agent("package", "package", 5, None, *OLD, "/opt/datadog-agent", "2.7", None),
        Agent("leftover:7", "leftover", 7, None, *LINUX, None, None, None),
    ]


def test_a_removed_package_leaves_its_configuration(host_of: HostOf) -> None:
    status = "Package: datadog-agent\nStatus: deinstall ok config-files\nVersion: 1:6.5.2-1\n"
    host = host_of({"/etc/datadog-agent/datadog.yaml": "", "/var/lib/dpkg/status": status})

    assert list(collect(host)) == [Agent("leftover:6", "leftover", 6, None, *LINUX, None, None, None)]


def test_a_host_without_an_agent_has_no_rows_and_no_gap(host_of: HostOf) -> None:
    assert list(collect(host_of({"/etc/hostname": "h\n"}))) == []


def test_what_cannot_be_looked_at_is_a_gap_and_not_absence(host_of: HostOf) -> None:
    host = host_of({"/etc/datadog-agent/datadog.yaml": ""}, unreadable=("/etc",))

    gaps = [row for row in collect(host) if isinstance(row, Gap)]
    assert [(g.where, g.kind, g.remedy) for g in gaps] == [
        ("/etc/datadog-agent", Kind.DENIED, "sudo"),
        ("/etc/dd-agent", Kind.DENIED, "sudo"),
    ]


def test_an_unreadable_version_file_leaves_the_version_unknown(host_of: HostOf) -> None:
    file = "/opt/datadog-agent/version-manifest.txt"
    host = host_of({"/etc/datadog-agent/datadog.yaml": "", file: "agent 7.52.0\n"}, unreadable=(file,))

    rows = list(collect(host))
    assert [r.version for r in rows if isinstance(r, Agent)] == [None]
    assert [(r.where, r.columns) for r in rows if isinstance(r, Gap)] == [("package", ("version",))]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"build_version": 7}', '{"entries": "x"}', '{"entries": [1]}', "no version here", "[" * 100_000],
)
def test_a_version_file_of_any_content_is_survived(text: str) -> None:
    """They belong to the package, but a disk can hold anything."""
    assert manifest_version(text) in (None, "7.0")
    assert history_version(text) is None


def test_the_status_of_dpkg_is_read_by_stanza() -> None:
    """A package whose name only begins alike is another one."""
    text = "Package: datadog-agent-dbg\nVersion: 1:7.1.0-1\n\nPackage: datadog-agent\nStatus: install ok installed\nDescription: x\n more: y\nVersion: 1:7.52.1-1\n"

    assert dpkg_package(text) == Package("7.52.1", True)
    assert dpkg_package("Package: datadog-agent-dbg\nVersion: 1\n") is None
