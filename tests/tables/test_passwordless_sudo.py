"""sudo without a password, and files that sudo does not take."""

from __future__ import annotations

from pathlib import Path

from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap
from dddoctor.tables.passwordless_sudo import PasswordlessSudo, collect, parse_grants

GRANT = "vagrant ALL=(ALL) NOPASSWD: ALL\n"


def rows(folder: Path, files: dict[str, int], unreadable: tuple[str, ...] = (), owners: dict[str, str] | None = None) -> list[PasswordlessSudo | Gap]:  # fmt: skip
    for path, mode in files.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(GRANT)
        target.chmod(mode)
    return list(collect(ExampleHost(folder, unreadable, owners=owners)))


def test_lines_with_nopasswd_and_no_others() -> None:
    text = (
        "# a ALL=(ALL) NOPASSWD: ALL\nDefaults:me !requiretty\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL) NOPASSWD:ALL\n"
        "dd-agent ALL=(root) \\\n  NOPASSWD: /bin/ls\nCmnd_Alias X = /bin/a # NOPASSWD:\nb ALL=(ALL) PASSWD: ALL # NOPASSWD: not yet\n"
    )

    assert list(parse_grants(text)) == [(4, "%sudo"), (5, "dd-agent")]


def test_a_text_of_any_shape_is_survived() -> None:
    assert list(parse_grants("\\")) == []
    assert list(parse_grants("=\n\x00 = NOPASSWD")) == []


def test_which_files_sudo_reads_and_which_it_refuses(tmp_path: Path) -> None:
    folder = "/etc/sudoers.d"
    found = rows(
        tmp_path,
        {f"{folder}/a": 0o440, f"{folder}/b": 0o646, f"{folder}/c": 0o664, f"{folder}/d": 0o440, f"{folder}/e.bak": 0o440, f"{folder}/f~": 0o440},
        owners={f"{folder}/c": "root:admin", f"{folder}/d": "vagrant:vagrant"},
    )  # fmt: skip

    assert [(r.file[-1], r.mode, r.is_ignored_because) for r in found if isinstance(r, PasswordlessSudo)] == [
        ("a", "0440", None),
        ("b", "0646", "everybody can write it"),
        ("c", "0664", "the group admin can write it"),
        ("d", "0440", "it belongs to vagrant instead of root"),
    ]


def test_what_a_plain_user_may_not_read_is_a_gap(tmp_path: Path) -> None:
    found = rows(tmp_path, {"/etc/sudoers": 0o440, "/etc/sudoers.d/a": 0o440}, ("/etc/sudoers", "/etc/sudoers.d"))

    assert [r.where for r in found if isinstance(r, Gap)] == ["/etc/sudoers", "/etc/sudoers.d"]
    assert not [r for r in found if isinstance(r, PasswordlessSudo)]


def test_a_host_without_sudo_has_no_rows(tmp_path: Path) -> None:
    assert rows(tmp_path, {}) == []
