"""Small tables about what single files and paths tell: names, paths of settings, logs, option files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dddoctor.examples import build
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import agents, configuration, log_paths, os_names, setting_paths, settings
from dddoctor.tables.instances import LogSource
from dddoctor.tables.log_paths import LogPath
from dddoctor.tables.os_names import OsName
from dddoctor.tables.setting_paths import SettingPath

MAIN = "/etc/datadog-agent/datadog.yaml"
ACCOUNT = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\ndd-agent:x:110:110::/:/bin/false\n",
    "/etc/group": "adm:x:4:\ndd-agent:x:110:\n",
}


def host_of(folder: Path, files: dict[str, str], **more: Any) -> ExampleHost:
    build(folder, {"files": ACCOUNT | files, **more})
    return ExampleHost(folder)


def agents_of(host: ExampleHost) -> list[agents.Agent]:
    return [a for a in agents.collect(host) if isinstance(a, agents.Agent)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("# c\n\ndb1\nother\n", ("db1", 1, 3)), ("LOCALHOST\n", ("LOCALHOST", 0, 1)), ("(none)", ("(none)", 0, 1))],
)
def test_the_first_line_that_is_no_comment_names_the_host(
    text: str, expected: tuple[str, int, int], tmp_path: Path
) -> None:
    name, is_usable, line = expected

    assert list(os_names.collect(host_of(tmp_path, {"/etc/hostname": text}), Vault())) == [
        OsName("/etc/hostname", line, name, is_usable)
    ]


def test_only_paths_that_somebody_set_are_looked_at(tmp_path: Path) -> None:
    """A relative path, an empty one and the defaults are no rows."""
    text = "confd_path: /srv/conf.d/\nlog_file: agent.log\nrun_path: ''\napm_config: {receiver_socket: /run/x/apm.socket}\n"
    host = host_of(tmp_path, {MAIN: text}, folders=["/srv/conf.d"])
    found = [s for s in settings.collect(host, Vault(), agents_of(host)) if isinstance(s, settings.Setting)]

    assert list(setting_paths.collect(host, agents_of(host), found)) == [
        SettingPath("package", "confd_path", "/srv/conf.d", "file", MAIN, 1, 1, "/srv", 1, 0, 0),
        SettingPath(
            "package", "apm_config.receiver_socket", "/run/x/apm.socket", "file", MAIN, 4, 0, "/run/x", 0, None, 1
        ),
    ]


def test_logs_are_judged_as_the_agents_user_sees_them(tmp_path: Path) -> None:
    conf = "/etc/datadog-agent/conf.d/a.yaml"
    text = "logs:\n- {type: file, path: /l/a}\n- {type: file, path: '/l/shut/*/x.log'}\n- {type: file, path: /l/none}\n- {type: file, path: 'C:\\l'}\n- {type: journald}\n"
    host = host_of(
        tmp_path, {conf: text, "/l/a": "", "/l/shut/in/x.log": ""}, modes={"/l/a": "0640", "/l/shut": "0700"}
    )
    rows = configuration.collect(host, Vault(), agents_of(host))
    sources = [r for r in rows if isinstance(r, LogSource)]

    assert list(log_paths.collect(host, agents_of(host), sources)) == [
        LogPath("package", conf, "a", 2, "/l/a", 0, 1, 0, None, "0640", "root:root", "root", 1),
        LogPath("package", conf, "a", 3, "/l/shut", 1, 1, 0, None, "0700", "root:root", "root", 0),
        LogPath("package", conf, "a", 4, "/l/none", 0, 0, None, None, None, None, None, None),
    ]


def test_a_log_that_may_not_be_asked_about_has_its_row_and_a_gap(tmp_path: Path) -> None:
    conf = "/etc/datadog-agent/conf.d/a.yaml"
    build(tmp_path, {"files": ACCOUNT | {conf: "logs: [{type: file, path: /l/a/b}]\n", "/l/a/b": ""}})
    host = ExampleHost(tmp_path, {"/l/a"})
    rows = configuration.collect(host, Vault(), agents_of(host))
    found = list(log_paths.collect(host, agents_of(host), [r for r in rows if isinstance(r, LogSource)]))

    assert [type(f) for f in found] == [LogPath, Gap]
    assert isinstance(found[0], LogPath)
    assert found[0].is_there is None
