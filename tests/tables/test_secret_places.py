"""Secrets in Vagrantfiles, scripts, notes and histories: where they stand and who gets at them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from dddoctor.hosts.base import Unavailable
from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, _git, secret_places
from dddoctor.tables._git import Index, Repositories
from dddoctor.tables.secret_places import Secret

KEY = "0badc0de" * 4


def write(root: Path, path: str, text: str = "", mode: int = 0o644) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(mode)


def rows(root: Path, vault: Vault | None = None, apps: tuple[str, ...] = ()) -> list[Secret]:
    return [
        r for r in secret_places.collect(RootHost(root), vault or Vault(), RunOptions(apps)) if isinstance(r, Secret)
    ]


def test_a_key_in_the_vagrantfile_is_a_whole_row_and_its_value_is_nowhere(tmp_path: Path) -> None:
    write(tmp_path, "/vagrant/Vagrantfile", f"# é\n  env: {{ DD_API_KEY: '{KEY}' }}\n")
    vault = Vault()

    [row] = rows(tmp_path, vault)

    assert row == Secret(
        "/vagrant/Vagrantfile",
        2,
        23,
        "vagrantfile",
        "key",
        "DD_API_KEY",
        vault.token(KEY, "key"),
        32,
        1,
        1,
        0,
        0,
        1,
        0,
        0,
    )
    assert KEY not in repr(row)


def test_places_are_told_by_their_names() -> None:
    names = "Vagrantfile .bash_history .zshrc Dockerfile.dev docker-compose.yml .env setup.sh README.md app.py conf.json photo.png .my.cnf package-lock.json id_rsa"

    assert [secret_places.place_of(n) for n in names.split()] == [
        "vagrantfile", "history", "profile", "dockerfile", "compose", "env", "script", "note", "code", "config", None, None, None, None,
    ]  # fmt: skip


def test_homes_are_looked_at_one_folder_deep_and_virtual_environments_are_not(tmp_path: Path) -> None:
    for path in (
        "/home/me/a.sh",
        "/home/me/exercise/b.sh",
        "/home/me/exercise/deep/c.sh",
        "/home/me/venv/d.sh",
        "/root/e.sh",
        "/srv/f.sh",
        "/opt/app/g.sh",
    ):
        write(tmp_path, path, f"export DD_API_KEY={KEY}\n")
    write(tmp_path, "/home/me/venv/pyvenv.cfg", "home = /usr/bin\n")

    assert [r.file for r in rows(tmp_path, apps=("/opt/app/",))] == [
        "/opt/app/g.sh",
        "/root/e.sh",
        "/home/me/a.sh",
        "/home/me/exercise/b.sh",
    ]


def test_what_every_process_is_given_is_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "/etc/environment", f"DD_API_KEY={KEY}\n")
    write(
        tmp_path, "/etc/systemd/system/datadog-agent.service.d/key.conf", f"[Service]\nEnvironment=DD_API_KEY={KEY}\n"
    )

    assert [(r.file, r.line, r.place) for r in rows(tmp_path)] == [
        ("/etc/environment", 1, "profile"),
        ("/etc/systemd/system/datadog-agent.service.d/key.conf", 2, "unit"),
    ]


@pytest.mark.parametrize(
    ("mode", "folder_mode", "readable"),
    [(0o644, 0o755, 1), (0o600, 0o755, 0), (0o644, 0o750, 0), (0o644, 0o711, 1), (0o640, 0o777, 0)],
)
def test_a_file_is_readable_by_others_only_through_open_folders(
    tmp_path: Path, mode: int, folder_mode: int, readable: int
) -> None:
    write(tmp_path, "/home/me/run.sh", f"DD_API_KEY={KEY} ./x\n", mode)
    (tmp_path / "home/me").chmod(folder_mode)

    assert [r.is_readable_by_others for r in rows(tmp_path)] == [readable]


def test_a_hex_word_is_datadogs_only_where_the_line_says_so(tmp_path: Path) -> None:
    write(tmp_path, "/root/a.txt", f"my datadog key {KEY}\nmy api key: {KEY[::-1]}\nsomething {KEY[8:]}deadbeef\n")

    assert [(r.line, r.is_datadog) for r in rows(tmp_path)] == [(1, 1), (2, 1), (3, 0)]


def test_binaries_links_and_large_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "/root/a.sh", f"\0DD_API_KEY={KEY}\n")
    write(tmp_path, "/root/b.txt", f"DD_API_KEY={KEY}\n" + "x" * 1_100_000)
    (tmp_path / "root/c.sh").mkdir()
    (tmp_path / "root/d.sh").symlink_to("/nowhere")

    assert rows(tmp_path) == []


def test_a_home_that_may_not_be_listed_is_a_gap(tmp_path: Path) -> None:
    write(tmp_path, "/home/me/run.sh", f"DD_API_KEY={KEY}\n")

    found = list(secret_places.collect(RootHost(tmp_path, unreadable={"/home/me"}), Vault(), RunOptions()))

    assert [(g.where, g.kind, g.remedy) for g in found if isinstance(g, Gap)] == [("/home/me", Kind.DENIED, "sudo")]


def test_much_text_is_looked_at_up_to_a_limit_and_scripts_always(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_places, "_BULK_LIMIT_BYTES", 100)
    for name in ("a.txt", "b.txt", "c.json"):
        write(tmp_path, f"/root/{name}", f"DD_API_KEY={KEY}\n" + " " * 20)
    write(tmp_path, "/root/z.sh", f"DD_API_KEY={KEY}\n")

    found = list(secret_places.collect(RootHost(tmp_path), Vault(), RunOptions()))

    assert [r.file for r in found if isinstance(r, Secret)] == ["/root/a.txt", "/root/z.sh"]
    assert {(g.where, g.kind) for g in found if isinstance(g, Gap)} == {("/root", Kind.TOOL)}


# --- git -------------------------------------------------------------------------------------------------------------


def entry(name: str, *, id_bytes: int = 20, is_extended: bool = False) -> bytes:
    raw = name.encode()
    made = struct.pack(">10I", 0, 0, 0, 0, 1, 2, 0o100644, 0, 0, 5) + bytes(range(1, id_bytes + 1))
    made += struct.pack(">H", len(raw) | (0x4000 if is_extended else 0)) + (b"\0\0" if is_extended else b"") + raw
    return made + b"\0" * (8 - len(made) % 8)


def index(version: int, count: int, body: bytes) -> bytes:
    return b"DIRC" + struct.pack(">II", version, count) + body + bytes(20)


def test_an_index_of_version_3_with_extended_flags_is_read() -> None:
    body = entry("Vagrantfile") + entry("a/very/long/name/of/a/file.txt", is_extended=True) + entry("z")

    assert _git.parse_index(index(3, 3, body)) == Index(
        frozenset({"Vagrantfile", "a/very/long/name/of/a/file.txt", "z"}), True
    )


def test_object_ids_of_32_bytes_are_passed_over_whole() -> None:
    body = entry("a", id_bytes=32) + entry("b/c", id_bytes=32)

    assert _git.parse_index(index(2, 2, body), 32) == Index(frozenset({"a", "b/c"}), True)


def test_a_split_index_is_not_taken_for_the_whole() -> None:
    body = entry("a") + b"link" + struct.pack(">I", 20) + bytes(20)

    assert _git.parse_index(index(2, 1, body)) == Index(frozenset({"a"}), False)


@pytest.mark.parametrize(
    "data", [b"", b"DIRC", b"DIRC\0\0\0\x09\0\0\0\0", b"DIRC\0\0\0\x02\0\0\0\x05" + bytes(30), b"nonsense" * 9]
)
def test_bytes_that_are_no_index_are_unavailable(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r/.git").mkdir(parents=True)
    (tmp_path / "r/.git/index").write_bytes(data)

    with pytest.raises(Unavailable):
        Repositories(RootHost(tmp_path)).is_tracked("/r/x")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("version", ["2", "4"])
def test_an_index_as_git_writes_it_is_read(tmp_path: Path, version: str) -> None:
    """Also a submodule-like `.git` file, a folder without repository, and a repository without index."""
    for path in (
        "/r/Vagrantfile",
        "/r/sub/a.sh",
        "/r/sub/ab.sh",
        "/r/untracked.sh",
        "/none/x",
        "/fresh/x",
        "/tree/Vagrantfile",
    ):
        write(tmp_path, path, "x\n")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str, folder: str = "r") -> None:
        subprocess.run(
            ["git", *words], cwd=tmp_path / folder, check=True, capture_output=True, env=environment, timeout=20
        )

    git("init", "-q")
    git("init", "-q", folder="fresh")
    git("add", "Vagrantfile", "sub")
    git("update-index", "--index-version", version)
    write(tmp_path, "/tree/.git", "gitdir: ../r/.git\n")
    tracked = Repositories(RootHost(tmp_path)).is_tracked

    paths = [
        "/r/Vagrantfile",
        "/r/sub/a.sh",
        "/r/sub/ab.sh",
        "/r/untracked.sh",
        "/none/x",
        "/fresh/x",
        "/tree/Vagrantfile",
        "/tree/other",
    ]
    assert [tracked(p) for p in paths] == [1, 1, 1, 0, 0, 0, 1, 0]


def test_an_unreadable_index_leaves_the_column_open_with_a_gap(tmp_path: Path) -> None:
    write(tmp_path, "/root/x/run.sh", f"DD_API_KEY={KEY}\n")
    (tmp_path / "root/x/.git").mkdir()
    (tmp_path / "root/x/.git/index").write_bytes(index(2, 1, entry("run.sh")))

    found = list(secret_places.collect(RootHost(tmp_path, unreadable={"/root/x/.git/index"}), Vault(), RunOptions()))

    assert [(g.where, g.columns) for g in found if isinstance(g, Gap)] == [("/root/x/run.sh", ("is_tracked",))]
    assert [r.is_tracked for r in found if isinstance(r, Secret)] == [None]
