"""The table of the Agent's own files: modes, owners, and what makes chmod void."""

from __future__ import annotations

from pathlib import Path

import pytest

from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.tables import _modes, files
from dddoctor.tables._modes import Account
from dddoctor.tables.agents import Agent
from dddoctor.tables.files import File

PACKAGE = Agent(
    "package",
    "package",
    7,
    "7.52.0",
    "/etc/datadog-agent",
    "/etc/datadog-agent/datadog.yaml",
    "/opt/datadog-agent",
    None,
    None,
)
KEY = "0badc0de" * 4


def write(root: Path, path: str, text: str = "", mode: int = 0o644) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(mode)


def with_account(root: Path) -> None:
    write(root, "/etc/passwd", "root:x:0:0::/root:/bin/sh\ndd-agent:x:115:120::/opt/datadog-agent:/bin/false\n")
    write(root, "/etc/group", "root:x:0:\nadm:x:4:syslog,dd-agent\ndd-agent:x:120:\n")


def collected(host: RootHost, agent: Agent = PACKAGE) -> list[File | Gap]:
    return list(files.collect(host, [agent]))


def by_file(rows: list[File | Gap]) -> dict[str, File]:
    return {r.file: r for r in rows if isinstance(r, File)}


def test_a_world_writable_main_file_has_a_full_row(tmp_path: Path) -> None:
    with_account(tmp_path)
    write(tmp_path, "/etc/datadog-agent/datadog.yaml", f"api_key: {KEY}\n", 0o666)

    row = by_file(collected(ExampleHost(tmp_path)))["/etc/datadog-agent/datadog.yaml"]

    assert row == File(
        "/etc/datadog-agent/datadog.yaml", "package", "main-file", "0666", "0640", "root:root", "dd-agent:dd-agent", None, None, 1, 1, 1, None, 1, None, 42, None, None
    )  # fmt: skip


def test_the_kinds_follow_from_the_places(tmp_path: Path) -> None:
    for path in (
        "datadog.yaml", "auth_token", "ipc_cert.pem", "environment", "system-probe.yaml", "install_info", "checks.d/a.py", "checks.d/lib/b.py", "checks.d/x.txt",
        "conf.d/a.yaml", "conf.d/b.d/conf.yaml.default", "conf.d/b.d/deep/c.yaml",
    ):  # fmt: skip
        write(tmp_path, f"/etc/datadog-agent/{path}", "x\n")
    write(tmp_path, "/var/log/datadog/agent.log", "x\n")
    write(tmp_path, "/opt/datadog-agent/run/agent.pid", "1")

    rows = by_file(collected(RootHost(tmp_path)))

    assert {path.removeprefix("/etc/datadog-agent"): (row.kind, row.check_name) for path, row in rows.items()} == {
        "": ("config-folder", None),
        "/auth_token": ("token", None),
        "/checks.d": ("checks-folder", None),
        "/checks.d/a.py": ("check-code", "a"),
        "/checks.d/lib": ("checks-folder", None),
        "/checks.d/lib/b.py": ("check-code", None),
        "/checks.d/x.txt": ("other", None),
        "/conf.d": ("config-folder", None),
        "/conf.d/a.yaml": ("config-file", "a"),
        "/conf.d/b.d": ("config-folder", "b"),
        "/conf.d/b.d/conf.yaml.default": ("config-file", "b"),
        "/conf.d/b.d/deep": ("config-folder", None),
        "/conf.d/b.d/deep/c.yaml": ("config-file", None),
        "/datadog.yaml": ("main-file", None),
        "/environment": ("environment-file", None),
        "/install_info": ("other", None),
        "/ipc_cert.pem": ("certificate", None),
        "/system-probe.yaml": ("root-config-file", None),
        "/opt/datadog-agent/run": ("run-folder", None),
        "/opt/datadog-agent/run/agent.pid": ("run-file", None),
        "/var/log/datadog": ("log-folder", None),
        "/var/log/datadog/agent.log": ("log-file", None),
    }


def test_examples_are_listed_only_where_everybody_may_write(tmp_path: Path) -> None:
    """A package ships two hundred of them; `chmod -R` opens the folder as well."""
    write(tmp_path, "/etc/datadog-agent/conf.d/a.d/conf.yaml.example", "x\n")
    write(tmp_path, "/etc/datadog-agent/conf.d/b.d/conf.yaml.example", "x\n", 0o777)
    (tmp_path / "etc/datadog-agent/conf.d/b.d").chmod(0o777)

    rows = by_file(collected(RootHost(tmp_path)))

    assert [(r.file, r.expected_mode) for r in rows.values() if r.kind == "example"] == [
        ("/etc/datadog-agent/conf.d/b.d/conf.yaml.example", "0644")
    ]


def test_a_link_is_judged_by_what_it_leads_to_and_not_by_the_package(tmp_path: Path) -> None:
    with_account(tmp_path)
    write(tmp_path, "/vagrant/my_metric.yaml", "instances: [{}]\n", 0o777)
    (tmp_path / "etc/datadog-agent/conf.d").mkdir(parents=True)
    (tmp_path / "etc/datadog-agent/conf.d/my_metric.yaml").symlink_to("/vagrant/my_metric.yaml")
    write(tmp_path, "/proc/mounts", "/dev/sda1 / ext4 rw 0 0\nvagrant /vagrant vboxsf rw 0 0\n")

    row = by_file(collected(ExampleHost(tmp_path)))["/etc/datadog-agent/conf.d/my_metric.yaml"]

    assert (row.target, row.mode, row.expected_mode, row.expected_owner) == (
        "/vagrant/my_metric.yaml",
        "0777",
        "0775",
        None,
    )
    assert (row.mount_type, row.managed_by) == ("vboxsf", "the vboxsf mount at /vagrant")


def test_a_linked_folder_is_a_row_but_not_entered(tmp_path: Path) -> None:
    write(tmp_path, "/vagrant/x/conf.yaml", "instances: [{}]\n")
    (tmp_path / "etc/datadog-agent/conf.d").mkdir(parents=True)
    (tmp_path / "etc/datadog-agent/conf.d/x.d").symlink_to("/vagrant/x")

    assert "/etc/datadog-agent/conf.d/x.d/conf.yaml" not in by_file(collected(RootHost(tmp_path)))


def test_a_configuration_folder_that_is_itself_a_link_is_entered(tmp_path: Path) -> None:
    with_account(tmp_path)
    write(tmp_path, "/data/agent/conf.d/x.yaml", "instances: [{}]\n")
    (tmp_path / "etc").mkdir(exist_ok=True)
    (tmp_path / "etc/datadog-agent").symlink_to("/data/agent")

    row = by_file(collected(RootHost(tmp_path)))["/etc/datadog-agent/conf.d/x.yaml"]

    assert (row.target, row.expected_mode, row.expected_owner) == (
        "/data/agent/conf.d/x.yaml",
        "0644",
        "dd-agent:dd-agent",
    )


def test_a_folder_that_may_not_be_listed_is_a_gap_and_stays_a_row(tmp_path: Path) -> None:
    write(tmp_path, "/etc/datadog-agent/conf.d/x.yaml", "instances: [{}]\n")

    rows = collected(RootHost(tmp_path, unreadable={"/etc/datadog-agent/conf.d"}))

    assert "/etc/datadog-agent/conf.d" in by_file(rows)
    assert [(g.where, g.kind, g.remedy, g.columns) for g in rows if isinstance(g, Gap)] == [
        ("/etc/datadog-agent/conf.d", Kind.DENIED, "sudo", None)
    ]


def test_a_main_file_that_may_not_be_read_says_so_with_the_remedy(tmp_path: Path) -> None:
    """Run without root, as in V14: the mode is known, the content is not."""
    write(tmp_path, "/etc/datadog-agent/datadog.yaml", "site: datadoghq.eu\n", 0o640)

    rows = collected(RootHost(tmp_path, unreadable={"/etc/datadog-agent/datadog.yaml"}))

    row = by_file(rows)["/etc/datadog-agent/datadog.yaml"]
    assert (row.mode, row.holds_secret) == ("0640", None)
    assert [(g.where, g.kind, g.remedy, g.columns) for g in rows if isinstance(g, Gap)] == [
        ("/etc/datadog-agent/datadog.yaml", Kind.DENIED, "sudo", None),  # a secret backend that it names
        ("/etc/datadog-agent/datadog.yaml", Kind.DENIED, "sudo", ("holds_secret",)),
    ]


def test_the_secret_backend_is_found_where_the_main_file_names_it(tmp_path: Path) -> None:
    write(tmp_path, "/etc/datadog-agent/datadog.yaml", "secret_backend_command: /usr/local/bin/fetch  # ours\r\n")
    write(tmp_path, "/usr/local/bin/fetch", "#!/bin/sh\n", 0o755)

    row = by_file(collected(RootHost(tmp_path)))["/usr/local/bin/fetch"]

    assert (row.kind, row.mode, row.agent) == ("secret-backend", "0755", "package")


def test_without_an_account_of_the_agent_no_owner_is_expected(tmp_path: Path) -> None:
    write(tmp_path, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    write(tmp_path, "/etc/datadog-agent/datadog.yaml", "site: datadoghq.eu\n", 0o600)

    rows = collected(ExampleHost(tmp_path))

    row = by_file(rows)["/etc/datadog-agent/datadog.yaml"]
    assert (row.expected_mode, row.expected_owner, row.is_usable_by_agent) == ("0640", None, None)
    assert not [g for g in rows if isinstance(g, Gap)]


def test_root_keeps_what_the_package_leaves_to_it(tmp_path: Path) -> None:
    with_account(tmp_path)
    write(tmp_path, "/etc/datadog-agent/compliance.d/cis.yaml", "x: 1\n")
    write(tmp_path, "/etc/datadog-agent/managed/datadog-agent/stable/datadog.yaml", "x: 1\n")

    rows = by_file(collected(ExampleHost(tmp_path)))

    assert rows["/etc/datadog-agent/compliance.d/cis.yaml"].expected_owner == "root:root"
    assert rows["/etc/datadog-agent/managed/datadog-agent/stable/datadog.yaml"].expected_owner is None


@pytest.mark.parametrize(
    ("kind", "mode", "is_packaged", "holds_secret", "expected"),
    [
        ("main-file", 0o666, True, False, 0o640),
        ("token", 0o777, True, True, 0o600),
        ("root-config-file", 0o666, True, False, 0o440),
        ("config-file", 0o777, True, False, 0o644),
        ("config-file", 0o777, True, True, 0o640),
        ("config-folder", 0o777, True, False, 0o755),
        ("config-folder", 0o2777, True, False, 0o2755),
        ("log-folder", 0o777, True, False, 0o750),
        ("other", 0o777, True, False, 0o775),
        ("main-file", 0o666, False, True, 0o660),
        ("secret-backend", 0o755, False, False, 0o700),
        ("secret-backend", 0o555, True, False, 0o500),
        ("config-file", 0o666, False, False, 0o664),
    ],
)
def test_the_expected_mode(kind: str, mode: int, is_packaged: bool, holds_secret: bool, expected: int) -> None:
    """Off the package's ground (macOS, Agent 5) only the others' rights are taken away."""
    assert oct(_modes.expected_mode(kind, mode, is_packaged=is_packaged, holds_secret=holds_secret)) == oct(expected)


@pytest.mark.parametrize(
    ("kind", "owner", "mode", "usable"),
    [
        ("main-file", "root:root", 0o600, 0),
        ("main-file", "root:root", 0o644, 1),
        ("main-file", "root:dd-agent", 0o640, 1),
        ("main-file", "root:adm", 0o640, 1),
        ("main-file", "dd-agent:dd-agent", 0o044, 0),
        ("config-folder", "root:root", 0o754, 0),
        ("config-folder", "root:root", 0o755, 1),
        ("log-file", "root:root", 0o644, 0),
        ("log-file", "root:root", 0o666, 1),
    ],
)
def test_what_the_agent_may_use(tmp_path: Path, kind: str, owner: str, mode: int, usable: int) -> None:
    """The first class that fits decides: an owner without the right to read is shut out, whatever others may."""
    write(tmp_path, "/x", "", mode)
    account = Account("dd-agent", "dd-agent", frozenset({"dd-agent", "adm"}))

    assert _modes.is_usable_by(account, kind, ExampleHost(tmp_path, owners={"/x": owner}).stat("/x")) == usable


def test_the_account_carries_its_other_groups(tmp_path: Path) -> None:
    with_account(tmp_path)

    assert _modes.account_of(RootHost(tmp_path), "dd-agent") == Account(
        "dd-agent", "dd-agent", frozenset({"dd-agent", "adm"})
    )


def test_holds_secret_is_not_fooled_by_placeholders_and_handles() -> None:
    texts = [
        f"api_key: {KEY}\n",
        "password: blue-Kettle-91\n",
        "api_key: ENC[key]\n",
        "api_key: <YOUR_API_KEY>\n",
        "instances: [{}]\n",
    ]

    assert [files.holds_secret(t.encode()) for t in texts] == [True, True, False, False, False]


def test_a_link_leads_no_further_than_a_closed_folder(tmp_path: Path) -> None:
    """The target's own mode does not matter then; a folder that the Agent's group may pass is open."""
    with_account(tmp_path)
    write(tmp_path, "/etc/datadog-agent/datadog.yaml")
    (tmp_path / "etc/datadog-agent/checks.d").mkdir()
    for name, folder, mode in (("a", "/srv/shut", 0o700), ("b", "/srv/open", 0o710)):
        write(tmp_path, f"{folder}/in/{name}.py")
        (tmp_path / folder[1:]).chmod(mode)
        (tmp_path / f"etc/datadog-agent/checks.d/{name}.py").symlink_to(f"{folder}/in/{name}.py")
    rows = by_file(collected(ExampleHost(tmp_path, owners={"/srv/open": "root:dd-agent"})))

    assert [
        (rows[f"/etc/datadog-agent/checks.d/{name}.py"].closed_folder, rows[f"/etc/datadog-agent/checks.d/{name}.py"].is_usable_by_agent)
        for name in "ab"
    ] == [("/srv/shut", 0), (None, 1)]  # fmt: skip


def test_whether_the_agent_may_make_files_in_a_folder(tmp_path: Path) -> None:
    """Its token is written into the configuration folder at the first start."""
    with_account(tmp_path)
    write(tmp_path, "/etc/datadog-agent/datadog.yaml")
    shown = [
        by_file(collected(ExampleHost(tmp_path, owners=owners)))["/etc/datadog-agent"].is_writable_by_agent
        for owners in ({}, {"/etc/datadog-agent": "dd-agent:dd-agent"})
    ]

    assert shown == [0, 1]
