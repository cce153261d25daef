"""Which programs answer to an Agent's name, and who can write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap
from dddoctor.tables import agents as agents_of
from dddoctor.tables.agent_commands import AgentCommand, collect

AGENT = "/opt/datadog-agent/bin/agent/agent"


def rows(folder: Path, links: dict[str, str] | None = None, modes: dict[str, int] | None = None, **given: Any) -> list[AgentCommand | Gap]:  # fmt: skip
    for file in (AGENT, "/usr/bin/true"):
        target = folder / file.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("")
        target.chmod(0o755)
    for file, to in (links or {}).items():
        (folder / file.lstrip("/")).symlink_to(to)
    for file, mode in (modes or {}).items():
        (folder / file.lstrip("/")).chmod(mode)
    host = ExampleHost(folder, **given)
    return list(collect(host, [a for a in agents_of.collect(host) if not isinstance(a, Gap)]))


OWN = AgentCommand("package", "", AGENT, AGENT, None, "0755", "root:root", None, None)


def test_the_command_is_a_link_to_the_program(tmp_path: Path) -> None:
    assert rows(tmp_path, {"/usr/bin/datadog-agent": AGENT}) == [
        OWN,
        AgentCommand(
            "package", "datadog-agent", "/usr/bin/datadog-agent", AGENT, None, "0755", "root:root", None, None
        ),
    ]


def test_a_folder_that_is_another_name_is_looked_into_once(tmp_path: Path) -> None:
    """On today's systems /bin is a link to /usr/bin."""
    assert len(rows(tmp_path, {"/bin": "usr/bin", "/usr/bin/datadog-agent": AGENT})) == 2


def test_the_path_of_the_person_says_what_a_shell_would_take(tmp_path: Path) -> None:
    (tmp_path / "home/me").mkdir(parents=True)
    (tmp_path / "home/me/datadog-agent").write_text("")

    found = rows(tmp_path, {"/usr/bin/datadog-agent": AGENT}, env={"PATH": "/home/me:/usr/bin:relative"})

    assert [(r.file, r.agent, r.is_on_path) for r in found[1:] if isinstance(r, AgentCommand)] == [
        ("/home/me/datadog-agent", None, 1),
        ("/usr/bin/datadog-agent", "package", 1),
    ]


def test_a_link_to_a_program_that_is_gone(tmp_path: Path) -> None:
    assert rows(tmp_path, {"/usr/bin/datadog-agent": "/nowhere"})[1:] == [
        AgentCommand(None, "datadog-agent", "/usr/bin/datadog-agent", None, None, None, None, None, None)
    ]


def test_who_can_write_the_program_or_a_folder_above_it(tmp_path: Path) -> None:
    [own] = rows(tmp_path, modes={"/opt/datadog-agent/bin": 0o777})
    assert own == OWN._replace(writable_place="/opt/datadog-agent/bin", writable_by="every user")

    [own] = rows(tmp_path, modes={AGENT: 0o777})
    assert own == OWN._replace(mode="0777", writable_place=AGENT, writable_by="every user")

    modes = {AGENT: 0o755, "/opt/datadog-agent/bin": 0o755}
    [own] = rows(tmp_path, modes=modes, owners={"/opt": "vagrant:vagrant", AGENT: "dd-agent:dd-agent"})
    assert own == OWN._replace(owner="dd-agent:dd-agent", writable_place="/opt", writable_by="vagrant")


def test_in_a_copy_that_somebody_made_for_himself_owners_say_nothing(tmp_path: Path) -> None:
    [own] = rows(tmp_path, owners={"/": "me:me", "/opt": "me:me", AGENT: "me:me"})

    assert own == OWN._replace(owner="me:me")


def test_a_folder_that_may_not_be_entered_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "usr/local/bin").mkdir(parents=True)
    found = rows(tmp_path, unreadable=("/usr/local/bin",))

    assert [r.where for r in found if isinstance(r, Gap)] == [
        "/usr/local/bin/datadog-agent",
        "/usr/local/bin/dd-agent",
    ]
