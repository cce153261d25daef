"""Secrets: none of the planted ones is in a snapshot's text; what stands in their places keeps shape, place and sameness."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from tests.snapshot.making import collected, host_of
from tests.test_secrets_end_to_end import Plant, plant

from dddoctor.collector import SCRIPT
from dddoctor.examples import build
from dddoctor.hosts.snapshot import SnapshotHost
from dddoctor.hosts.snapshot_text import parse
from dddoctor.rules import rule_files, rules_folder
from dddoctor.secrets import scan

KEY, OTHER = "0123456789abcdef0123456789abcdea", "fedcba9876543210fedcba98765432ab"
STREAM = (
    f"api_key: {KEY}\nDD_API_KEY={KEY} python app.py\npassword: 'Sommer-2031!'\nurl: https://joe:s3cr3tpw@db.lab/x\n"
    "mysql -u root -pHunter2hunter app\nAuthorization: Bearer abcDEF123456ghij\ntoken: ghp_abcdefghijklmnopqrstuvwxyz0123456789\n"
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq2lKz\nabcdEFGH0123\n-----END RSA PRIVATE KEY-----\n"
    "communities:\n  community_strings:\n    - 'abcPUBx1'\n  # no\nhash: *0123456789ABCDEF0123456789ABCDEF01234567\nplain: nothing here\n"
)


def _program() -> str:
    """The second half of collect.sh."""
    found = re.search(r"\nredact='\n(.*?)\n'\n", SCRIPT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def hidden_by(awk: Sequence[str], *texts: str) -> list[str]:
    """Each text as the collector's awk writes it."""
    stream = b"".join(
        b"\002F /f%d\n" % n + t.encode("utf-8", "surrogateescape") + b"\n\002E\n" for n, t in enumerate(texts)
    )
    ran = subprocess.run([*awk, "-v", "ROOT=", _program()], input=stream + b"\002Z\n", capture_output=True, check=True, env={"LC_ALL": "C"})  # fmt: skip
    assert ran.stderr == b""
    snapshot = parse(b"dddoctor-snapshot 1\n" + ran.stdout)
    return [snapshot.texts[f"/f{n}"].content.decode("utf-8", "surrogateescape") for n in range(len(texts))]


def hide(text: str) -> str:
    return hidden_by(("awk",), text)[0]


# --- planted secrets --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["loads", "broken"])
def planted(request: pytest.FixtureRequest) -> tuple[bytes, list[Plant], Path]:
    found = plant(request.param, 7)
    folder = Path(tempfile.mkdtemp(prefix="dddoctor-hiding-"))
    request.addfinalizer(lambda: __import__("shutil").rmtree(folder))
    root = folder / "root"
    build(root, found.manifest)
    text = collected(root, ("/srv/shop",))
    (folder / "host.snapshot").write_bytes(text)
    return text, found.secrets, folder


def test_no_planted_secret_is_in_the_snapshot(planted: tuple[bytes, list[Plant], Path]) -> None:
    text, secrets, _ = planted
    left = {(p.kind, p.place, tell) for p in secrets for tell in p.tells if tell.encode() in text}
    assert not left


def test_no_planted_secret_in_utf_16_is_in_the_snapshot(planted: tuple[bytes, list[Plant], Path]) -> None:
    text, secrets, _ = planted
    narrow = text.replace(b"\1", b"")
    assert not {(p.kind, p.place, tell) for p in secrets for tell in p.tells if tell.encode() in narrow}


def test_no_planted_secret_comes_out_of_a_check_of_the_snapshot(planted: tuple[bytes, list[Plant], Path]) -> None:
    """Nor does any stand-in: a report shows tokens, as on the host itself."""
    _, secrets, folder = planted
    for words in (
        ["check", "--format", "json"],
        ["check"],
        ["check", "--fix", "--unsafe-fixes"],
        ["query", "SELECT * FROM yaml_keys"],
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "dddoctor", words[0], *words[1:], "--snapshot", str(folder / "host.snapshot")], capture_output=True, text=True, check=False
        )  # fmt: skip
        assert ran.returncode in (0, 1, 3), ran.stderr
        assert len(ran.stdout) > 100
        for p in secrets:
            assert not [tell for tell in p.tells if tell in ran.stdout + ran.stderr], (words, p)


# --- what stays true --------------------------------------------------------------------------------------------------


def test_what_scan_finds_is_hidden_and_nothing_else() -> None:
    """The collector knows what `secrets.scan` knows, over every text of every rule's examples and of the planted host: two hands, one judgement."""
    texts = [t for t in plant("loads", 3).manifest["files"].values() if isinstance(t, str)]
    for path in rule_files(rules_folder()):
        for example in yaml.safe_load(path.read_text(encoding="utf-8"))["examples"]:
            texts += [t for t in (example.get("files") or {}).values() if isinstance(t, str) and "\0" not in t]
    texts = list(dict.fromkeys(texts))
    missed, over = [], []
    for before, after in zip(texts, hidden_by(("awk",), *texts), strict=True):
        assert len(before) == len(after)
        hidden = {i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}
        covered: set[int] = set()
        for found in scan(before):
            value = before[found.start : found.end]
            for again in re.finditer(re.escape(value), before) if len(value) >= 8 else [found]:
                start, end = again.span() if isinstance(again, re.Match) else (found.start, found.end)
                covered |= set(range(start, end))
            letters = {i for i in range(found.start, found.end) if before[i].isalnum() and before[i].isascii()}
            if (
                letters
                and len(letters & hidden) < len(letters) / 2
                and not _is_tried_first(before[found.start : found.end])
            ):
                missed.append((found.kind, before[max(0, found.start - 40) : found.end]))
        if hidden - covered:
            first = min(hidden - covered)
            over.append((before[max(0, first - 40) : first + 20], after[max(0, first - 40) : first + 20]))
    assert (missed, over) == ([], [])


def _is_tried_first(value: str) -> bool:
    """Passwords that everybody tries first become another such word; numbers stay numbers of the same notation."""
    return len(value) < 20 and (value.lower().rstrip("0123456789!?.*#$_-").isalpha() or value.isdigit())


def test_a_stand_in_keeps_lines_lengths_and_kinds_of_characters() -> None:
    shown = hide(STREAM)

    assert [len(line) for line in shown.split("\n")] == [len(line) for line in STREAM.split("\n")]
    key = re.search(r"api_key: (\S+)", shown)
    assert key is not None
    assert re.fullmatch(r"[0-9a-f]{32}", key[1])
    assert key[1] != KEY
    assert "plain: nothing here" in shown


def test_the_same_secret_has_the_same_stand_in_wherever_it_stands() -> None:
    first, second = hidden_by(
        ("awk",), f"api_key: {KEY}\napp: {OTHER}\n", f'{{"api_key": "{KEY}"}}\nexport DD_API_KEY={OTHER}\n'
    )
    keys = re.findall(r"[0-9a-f]{32}", first + second)

    assert len(keys) == 4
    assert (keys[0], keys[1]) == (keys[2], keys[3])
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    "value", ["123456789012345678901234567890", "12345678901234567890e5", "0123456", "1_000", "12:30:45"]
)
def test_what_yaml_takes_for_a_number_stays_one(value: str) -> None:
    """The rule that says so looks at the value's type."""
    shown = hide(f"password: {value}\n")

    before, after = yaml.safe_load(f"password: {value}\n"), yaml.safe_load(shown)
    assert type(before["password"]) is type(after["password"])
    assert shown != f"password: {value}\n"


@pytest.mark.parametrize(
    "line",
    [
        "api_key: <YOUR_API_KEY>", "password: ${DB_PASSWORD}", "api_key: ENC[datadog]", "api_key: ****************", "password: null",
        "password_file: /etc/datadog-agent/mysql_pw", "password = os.environ['DB']", "(using password: YES)", "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "open /etc/datadog-agent/auth_token: permission denied", "owner:joe@example.com", "pwd:home",
    ],
)  # fmt: skip
def test_placeholders_paths_and_sentences_stay(line: str) -> None:
    assert hide(line) == line


def test_a_password_that_everybody_tries_first_stays_such_a_word() -> None:
    from dddoctor.tables._passwords import is_weak

    for word in ("datadog", "Password1", "root", "123456"):
        shown = hide(f"password: {word}\n").removeprefix("password: ").rstrip()
        assert is_weak(shown)
        assert len(shown) == len(word)


def test_lines_with_a_stand_in_are_marked(tmp_path: Path) -> None:
    build(tmp_path, {"files": {"/etc/datadog-agent/datadog.yaml": f"site: x\napi_key: {KEY}\ntags: [a]\n"}})

    assert host_of(tmp_path).changed_lines("/etc/datadog-agent/datadog.yaml") == {2}


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ("C systemctl", "Environment=DD_API_KEY=SECRET DB_PASSWORD=SECRET"),
        ("C docker", '                "MYSQL_ROOT_PASSWORD=SECRET",'),
        ("C docker", '"Cmd": ["mysqld", "--password", "SECRET", "-uroot"],'),
        (
            "C datadog-agent",
            '{"config":{"api_key":"SECRET","proxy":{"https":"http://joe:SECRET@proxy:3128"}},"x":"password: SECRET"}',
        ),
        ("C journalctl", "2026-11-24T12:00:00+0000 host app[3]: cannot log in with password=SECRET"),
        ("P 7", "apython3\x1fapp.py\x1f--db-password\x1fSECRET\x1f--port\x1f8080"),
        ("P 7", "amysql\x1f-uroot\x1f-pSECRET\x1fshop"),
        ("P 7", "vDD_APP_KEY=SECRET"),
        ("S 81a4 0 0 1 1 1 1 1", "/srv/password=SECRET/x"),
    ],
)
def test_secrets_of_commands_processes_and_names_are_hidden(record: str, line: str) -> None:
    """Not only files have them."""
    secret = "hunterXY77zzQ"
    text = line.replace("SECRET", secret)
    stream = f"\002{record} {text}\n" if record.startswith("S ") else f"\002{record}\n{text}\n\002E\n"
    ran = subprocess.run(["awk", "-v", "ROOT=", _program()], input=stream.encode() + b"\002Z\n", capture_output=True, check=True, env={"LC_ALL": "C"})  # fmt: skip

    shown = ran.stdout.decode()
    assert secret not in shown
    assert re.search(re.escape(text).replace(secret, "[A-Za-z0-9]{13}"), shown)


def test_text_of_utf_16_is_carried_and_other_zero_bytes_are_not(tmp_path: Path) -> None:
    wide = f"api_key: {KEY}\r\nsite: datadoghq.eu\r\n"
    build(tmp_path, {"files": {}})
    folder = tmp_path / "etc/datadog-agent"
    folder.mkdir(parents=True)
    (folder / "datadog.yaml").write_bytes(("\ufeff" + wide).encode("utf-16-le"))
    (folder / "security-agent.yaml").write_bytes(("\ufeff" + wide).encode("utf-16-be"))
    (folder / "odd.yaml").write_bytes(b"a: \0\1b\n")

    text = collected(tmp_path)
    host = SnapshotHost(parse(text))

    assert KEY.encode() not in text.replace(b"\1", b"")
    for name in ("datadog.yaml", "security-agent.yaml"):
        shown = host.read(f"/etc/datadog-agent/{name}").decode("utf-16")
        assert len(shown) == len(wide)
        assert shown.endswith("site: datadoghq.eu\r\n")
    with pytest.raises(Exception, match="no plain text"):
        host.read("/etc/datadog-agent/odd.yaml")


def test_a_folder_whose_name_is_a_secret_keeps_what_is_in_it(tmp_path: Path) -> None:
    build(tmp_path, {"files": {"/etc/datadog-agent/conf.d/password=hunterXY77zzQ.d/conf.yaml": "instances: [{}]\n"}})

    text = collected(tmp_path)
    host = SnapshotHost(parse(text))

    assert b"hunterXY77zzQ" not in text
    (path,) = host.glob("/etc/datadog-agent/conf.d/*.d/conf.yaml")
    assert host.read(path) == b"instances: [{}]\n"
