"""Hundreds of invented secrets in every place and notation that the doctor reads, and every way out of it: none of them comes out again.

The host is tests/data/secrets/host.yaml. Only the journal's private folder and `--diff --show-secrets --output FILE` may hold them.
"""

from __future__ import annotations

import base64
import fcntl
import functools
import html
import json
import os
import pty
import random
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
import yaml

from dddoctor import checking, explaining, querying, tables
from dddoctor import session as the_session
from dddoctor.collecting import Tables
from dddoctor.examples import build
from dddoctor.hosts.base import READ_LIMIT_BYTES
from dddoctor.hosts.cache import CachedHost
from dddoctor.hosts.root import RootHost
from dddoctor.redaction import redacted_diff, redacted_lines
from dddoctor.reports import console
from dddoctor.rules import load
from dddoctor.secrets import Vault
from dddoctor.session import CheckOptions, Session
from dddoctor.tables import RunOptions

SOURCE = Path(__file__).parents[1] / "src"
MANIFEST = Path(__file__).parent / "data" / "secrets" / "host.yaml"
ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Plant(NamedTuple):
    """A secret: as it is written, and the texts that give it away (the secret decoded, its lines, its halves)."""

    kind: str
    place: str
    written: str
    tells: tuple[str, ...]


class Planted(NamedTuple):
    """A filled manifest."""

    manifest: dict[str, Any]
    secrets: list[Plant]
    harmless: list[tuple[str, str]]


class _Dice:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def text(self, length: int, alphabet: str = ALPHABET) -> str:
        return "".join(self.dice.choice(alphabet) for _ in range(length))

    def hex(self, length: int) -> str:
        return self.text(length, "0123456789abcdef")

    def upper(self, length: int) -> str:
        return self.text(length, "ABCDEFGHJKLMNPQRSTUVWXYZ234567")

    def digits(self, length: int) -> str:
        return self.text(length, "0123456789")

    def password(self) -> str:
        """As people choose them: letters, digits, a sign, sometimes an umlaut."""
        return self.text(7) + self.dice.choice("!+-_.=^~%*") + self.text(4) + self.dice.choice(["", "", "", "ä"])

    def pem(self) -> str:
        lines = [self.text(64, ALPHABET + "+/01") for _ in range(6)]
        return "\n".join(
            ["-----BEGIN RSA PRIVATE KEY-----", *lines, self.text(30) + "==", "-----END RSA PRIVATE KEY-----"]
        )


KINDS: dict[str, Callable[[_Dice], str]] = {
    "api_key": lambda d: d.hex(32),
    "app_key": lambda d: d.hex(40),
    "app_key_new": lambda d: "ddapp_" + d.text(34),
    "hex64": lambda d: d.hex(64),
    "hex_word": lambda d: "a" + d.hex(31),  # also a name in Python
    "python_word": lambda d: "npm_" + d.text(36),
    "password": lambda d: d.password(),
    "weak": lambda d: d.dice.choice(["winter", "sommer", "herbst"]) + d.digits(4),
    "phrase": lambda d: f"{d.text(8)} {d.text(6)}; {d.text(7)}",
    "url_password": lambda d: f"{d.text(7)}@{d.text(4)}/{d.text(3)}",
    "yaml_escaped": lambda d: f'{d.text(7)}"{d.text(5)}\\{d.text(6)}',
    "token": lambda d: d.text(30),
    "github": lambda d: "ghp_" + d.text(36),
    "gitlab": lambda d: "glpat-" + d.text(20),
    "slack": lambda d: f"xoxb-{d.digits(11)}-{d.digits(12)}-{d.text(24)}",
    "slack_hook": lambda d: f"T{d.upper(8)}/B{d.upper(8)}/{d.text(24)}",
    "aws_id": lambda d: "AKIA" + d.upper(16),
    "aws_secret": lambda d: d.text(40),
    "google": lambda d: "AIza" + d.text(35),
    "stripe": lambda d: "sk_live_" + d.text(24),
    "sendgrid": lambda d: f"SG.{d.text(22)}.{d.text(43)}",
    "npm": lambda d: "npm_" + d.text(36),
    "pypi": lambda d: "pypi-AgEIcHlwaS5vcmc" + d.text(40),
    "docker": lambda d: "dckr_pat_" + d.text(27),
    "hashicorp": lambda d: "hvs." + d.text(24),
    "jwt": lambda d: f"eyJhbGciOiJIUzI1NiJ9.eyJ{d.text(30)}.{d.text(43)}",
    "basic": lambda d: base64.b64encode(f"joe:{d.text(12)}".encode()).decode(),
    "pem": lambda d: d.pem(),
    "community": lambda d: d.text(9),
    "cookie": lambda d: f"sid={d.text(24)}",
    "mysql_hash": lambda d: "*" + d.text(40, "0123456789ABCDEF"),
    "crypt": lambda d: f"$6${d.text(8)}${d.text(86)}",
}


def _written(kind: str, secret: str) -> str:
    """The secret as its place wants it."""
    if kind == "url_password":
        return quote(secret, safe="")
    if kind == "yaml_escaped":
        return f"\\x{ord(secret[0]):02x}" + secret[1:].replace("\\", "\\\\").replace('"', '\\"')
    return secret


def _tells(kind: str, secret: str) -> Iterator[str]:
    """Texts that give a secret away, none of which stands anywhere else."""
    parts = [secret, _written(kind, secret)]
    if kind == "pem":
        parts = secret.split("\n")[1:-1]
    elif kind == "basic":
        parts += base64.b64decode(secret).decode().split(":")[1:]
    elif kind == "cookie":
        parts += [secret[4:]]
    elif kind == "slack_hook":
        parts += secret.split("/")[2:]
    for part in parts:
        yield part
        if len(part) >= 12 and kind != "weak":
            known = re.match(
                r"[A-Za-z]+[_.-]|AIza|AKIA|eyJhbGciOiJIUzI1NiJ9\.|\$6\$|pypi-AgEIcHlwaS5vcmc|am9l", part
            )  # what all of its kind begin with
            rest = part[known.end() :] if known else part
            yield from (half for half in (rest[: len(rest) // 2], rest[len(rest) // 2 :]) if len(half) >= 6)


def plant(variant: str, seed: int) -> Planted:
    """The manifest with fresh secrets. `variant`: which text stands at the main file's end."""
    source: dict[str, Any] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    dice, known = _Dice(seed), dict[str, str]()
    secrets: list[Plant] = []
    harmless: list[tuple[str, str]] = []

    def fill(text: str, place: str) -> str:
        def put(m: re.Match[str]) -> str:
            kind, name = m[1], m[2]
            if name in known:
                return known[name]
            secret = KINDS[kind](dice)
            written = _written(kind, secret)
            secrets.append(Plant(kind, place, written, tuple(_tells(kind, secret))))
            indent = m.string[m.string.rfind("\n", 0, m.start()) + 1 : m.start()]
            written = written.replace("\n", "\n" + indent) if not indent.strip() else written
            if name:
                known[name] = written
            return written

        def keep(m: re.Match[str]) -> str:
            harmless.append((place, m[1]))
            return m[1]

        text = text.replace("<<main>>\n", str(source["main_files"][variant]))
        return re.sub(r"<<([a-z_0-9]+)(#\w+)?>>", put, re.sub(r"<<!(.+?)>>(?!>)", keep, text))

    manifest: dict[str, Any] = {"modes": source["modes"], "files": {}, "binary": {}, "links": {}}
    for path, text in source["files"].items():
        where = fill(path, path)
        manifest["files"][where] = fill(text, where)
    for path, text in source["utf_16"].items():
        manifest["binary"][path] = base64.b64encode(("\ufeff" + fill(text, path)).encode("utf-16-le")).decode()
    for path, to in source["links"].items():
        manifest["links"][path] = fill(to, path)
    return Planted(manifest, secrets, harmless)


# --- finding them again -----------------------------------------------------------------------------------------------

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _forms(tell: str) -> set[str]:
    """A text as JSON, Python, HTML, a URL, base64 or hexadecimal digits would write it."""
    return {
        tell,
        json.dumps(tell)[1:-1],
        repr(tell)[1:-1],
        html.escape(tell),
        quote(tell),
        quote(tell, safe=""),
        tell.encode().hex(),
    }


@functools.lru_cache(maxsize=4096)
def _needles(plant_: Plant) -> tuple[str, ...]:
    return tuple({re.sub(r"\s+", "", form) for tell in plant_.tells for form in _forms(tell)})


def leaks(outputs: dict[str, str], secrets: Iterable[Plant]) -> list[str]:
    """(where it came out, what) for every secret, or half of one, that an output holds; line ends, indentation and colours do not hide it."""
    found = []
    for name, text in outputs.items():
        squeezed = re.sub(r"[\s│▸|\0]+", "", _ESCAPE.sub("", text))
        for p in secrets:
            hit = next((n for n in _needles(p) if n in squeezed), None)
            if hit:
                found.append(f"{name}: {p.kind} of {p.place}: {p.written[:60]!r} (by {hit!r})")
    return found


def test_the_search_finds_a_secret_however_it_is_written() -> None:
    """Else all that follows would prove nothing."""
    secret = Plant("password", "/a", 'Zx"9kLm+4Tpq8', tuple(_tells("password", 'Zx"9kLm+4Tpq8')))
    ways = [
        'Zx"9kL\n    m+4Tpq8',
        'Zx\\"9kLm+4Tpq8',
        "Zx%229kLm%2B4Tpq8",
        "Zx&quot;9kLm+4Tpq8",
        "\x1b[1mm+4Tpq8\x1b[0m",
        'Z\0x\0"\09\0k\0L\0',
        b'Zx"9kLm+4Tpq8'.hex(),
    ]

    assert [w for w in [*ways, "Zx9k and Lm4T"] if leaks({"out": w}, [secret])] == ways


# --- the hosts and everything that comes out of them -------------------------------------------------------------------


class Host(NamedTuple):
    """A filled host on disk. `outputs`: what each command wrote, standard output and error apart."""

    planted: Planted
    root: Path
    state: Path
    outputs: dict[str, str]


def _doctor(host: Host, name: str, *arguments: str, columns: int = 100) -> None:
    environment = {**os.environ, "DDDOCTOR_STATE": str(host.state), "PYTHONPATH": str(SOURCE), "COLUMNS": str(columns)}
    done = subprocess.run(
        [sys.executable, "-m", "dddoctor", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, 1}, (name, done.stderr)
    host.outputs[f"{name}: standard output"], host.outputs[f"{name}: standard error"] = done.stdout, done.stderr


def _at_a_terminal(host: Host, name: str, answers: str, *arguments: str) -> None:
    """The command at a terminal of 40 columns: colours, and questions that are answered."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 40, 0, 0))
    environment = {
        **{k: v for k, v in os.environ.items() if k not in {"COLUMNS", "NO_COLOR"}},
        "DDDOCTOR_STATE": str(host.state),
        "PYTHONPATH": str(SOURCE),
        "TERM": "xterm",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "dddoctor", *arguments], stdin=slave, stdout=slave, stderr=slave, env=environment
    ):
        os.close(slave)
        os.write(master, answers.encode())
        text = b""
        try:
            while chunk := os.read(master, 65536):
                text += chunk
        except OSError:  # the terminal is gone: the command has ended
            pass
    os.close(master)
    host.outputs[name] = text.decode("utf-8", "replace")


def _made(folder: Path, variant: str, seed: int) -> Host:
    planted = plant(variant, seed)
    build(folder / "host", planted.manifest)
    return Host(planted, folder / "host", folder / "state", {})


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """The host whose main file loads, after a life: checked, repaired, undone, and repaired again at a terminal."""
    folder = tmp_path_factory.mktemp("secrets")
    made = _made(folder, "loads", 1)
    here, repair = ("--root", str(made.root)), ("check", "--fix", "--unsafe-fixes", "--root", str(made.root))
    _doctor(made, "check", "check", *here)
    _doctor(made, "check, 40 columns", "check", *here, columns=40)
    _doctor(made, "check as JSON", "check", "--format", "json", *here)
    _doctor(made, "the plan of a repair", *repair)
    _doctor(made, "the patch", *repair, "--diff")
    _doctor(made, "the exact patch", *repair, "--diff", "--show-secrets", "--output", str(folder / "exact.patch"))
    for name in ("by patch", "by exact patch"):
        shutil.copytree(made.root, folder / name, symlinks=True)
    _doctor(made, "the repair", *repair, "--yes")
    shutil.copytree(made.root, folder / "repaired", symlinks=True)
    _doctor(made, "history", "history")
    _doctor(made, "what undo would do", "undo", "--diff", *here)
    _doctor(made, "undo", "undo", "--yes", *here)
    _doctor(made, "history after undo", "history")
    _at_a_terminal(made, "each repair at a terminal", "e\n" + "y\n" * 80, *repair)
    _at_a_terminal(made, "undo at a terminal", "y\n", "undo", *here)
    return made


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """The host whose main file does not load."""
    made = _made(tmp_path_factory.mktemp("broken"), "broken", 2)
    here = ("--root", str(made.root))
    _doctor(made, "check as JSON", "check", "--format", "json", *here)
    _doctor(made, "the repair", "check", "--fix", "--unsafe-fixes", "--yes", *here)
    _doctor(made, "what undo would do", "undo", "--diff", *here)
    return made


def test_there_are_more_than_two_hundred_secrets_of_more_than_twenty_kinds_and_forty_look_alikes() -> None:
    """As many as were promised, each of its own."""
    planted = plant("loads", 1)

    assert len({p.written for p in planted.secrets}) >= 250
    assert {p.kind for p in planted.secrets} == set(KINDS) and len(KINDS) > 20
    assert len(set(planted.harmless)) >= 50


OUTPUTS = (
    "check", "check, 40 columns", "check as JSON", "the plan of a repair", "the patch", "the exact patch", "the repair", "history", "what undo would do", "undo",
    "history after undo", "each repair at a terminal", "undo at a terminal",
)  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_secret_comes_out_of(host: Host, name: str) -> None:
    """Neither whole nor in part, and no token of the inside either."""
    outputs = {k: v for k, v in host.outputs.items() if k.startswith(name)}

    assert any(outputs.values())
    assert leaks(outputs, host.planted.secrets) == []
    assert not re.search("[\ue0d0-\ue0d2]|ue0d[012]", "".join(outputs.values()), re.I)


def test_no_secret_comes_out_of_a_host_whose_main_file_is_broken(broken: Host) -> None:
    """A text that does not parse is quoted in messages and corrections."""
    assert all(broken.outputs[f"{n}: standard output"] for n in ("check as JSON", "the repair", "what undo would do"))
    assert leaks(broken.outputs, broken.planted.secrets) == []


def test_the_host_is_diagnosed_and_repaired_all_the_same(host: Host) -> None:
    """What is hidden is hidden by recognising it, not by saying nothing."""
    report = json.loads(host.outputs["check as JSON: standard output"])

    assert len(report["findings"]) > 40 and len({f["rule"] for f in report["findings"]}) > 15
    assert len(re.findall(r"<[a-z-]+ #\d+>", host.outputs["check as JSON: standard output"])) > 100
    assert "repaired and proved" in host.outputs["the repair: standard output"]
    assert not report["broken"]


def test_two_runs_give_equal_json(host: Host) -> None:
    """Tokens are random for the run; a finding whose identity has one (a variable that is called like a key, a file) is the same finding all the same."""
    first, second = (Session(CheckOptions(host.root)).check() for _ in range(2))
    names = {f.id: (f.rule, f.file, f.line, f.message) for f in first.findings}

    assert names == {f.id: (f.rule, f.file, f.line, f.message) for f in second.findings}
    assert any("<" in f"{rule} {file} {message}" for rule, file, _, message in names.values())


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["loads", "broken"])
def test_no_secret_is_in_a_row_of_any_table(request: pytest.FixtureRequest, variant: str) -> None:
    """Rules see rows: what is in none cannot come out of a rule that nobody has written yet."""
    made: Host = request.getfixturevalue("host" if variant == "loads" else "broken")
    tables.load_all()
    store = Tables(CachedHost(RootHost(made.root)), Vault(), RunOptions(("/home/vagrant/app",)))
    store.ensure(tables.TABLES)
    columns: dict[str, str] = {}
    for table in [*tables.TABLES, "gaps"]:
        names, rows = store.database.select(f"SELECT * FROM {table}")
        columns.update({f"{table}.{name}": "\n".join(str(row[i]) for row in rows) for i, name in enumerate(names)})

    assert not store.failures
    assert sum(store.counts.values()) > 500
    assert leaks(columns, made.planted.secrets) == []


def test_no_secret_comes_out_of_a_query(host: Host) -> None:
    """Every table, in each format."""
    tables.load_all()
    outputs: dict[str, str] = {}
    for table in [*tables.TABLES, "gaps"]:
        answer = querying.ask(f"SELECT * FROM {table}", RootHost(host.root), (), None)
        outputs |= {f"{table} as {f}": querying.render(answer, f) for f in ("table", "json", "csv")}
        outputs[f"{table}: standard error"] = "\n".join(answer.gaps)

    assert leaks(outputs, host.planted.secrets) == []


def test_no_piece_of_a_secret_can_be_cut_out_by_a_query(host: Host) -> None:
    """`substr`, `hex` and `replace` get a token, which has nothing in common with the secret."""
    sql = "SELECT substr(value, 2, 9) AS a, hex(value) AS b, replace(value, ':', '') AS c, upper(value) AS d, quote(source) AS e, json_quote(value) AS f, group_concat(value) AS g FROM yaml_keys GROUP BY file, line, path"
    answer = querying.ask(sql, RootHost(host.root), (), None)

    assert len(answer.rows) > 100
    assert leaks({f: querying.render(answer, f) for f in ("table", "json", "csv")}, host.planted.secrets) == []


@pytest.mark.parametrize("place", sorted({p for p, _ in plant("loads", 1).harmless}))
def test_what_only_looks_like_a_secret_stays_readable(host: Host, place: str) -> None:
    """In the lines that a finding shows; and what a loaded file holds, in its rows."""
    words = [h for p, h in host.planted.harmless if p == place]
    vault = Vault()
    lines = vault.show("\n".join(redacted_lines((host.root / place.lstrip("/")).read_bytes(), vault)))
    values = "\n".join(
        str(r[0])
        for r in querying.ask(f"SELECT value FROM yaml_keys WHERE file = '{place}'", RootHost(host.root), (), None).rows
    )

    assert [w for w in words if w not in lines] == []
    assert not values or [w for w in words if w not in values] == []


SAYS_NOTHING = {
    "/etc/datadog-agent/auth_token",
    "/usr/local/bin/secrets",
}  # 64 digits alone, and `{"value": "…"}`: no rule shows a line of these


def test_each_file_can_be_shown_whole(host: Host, broken: Host) -> None:
    """Whatever lines a rule of tomorrow shows, and by a vault that knows nothing of other files."""
    shown: dict[str, str] = {}
    for made in (host, broken):
        for path, text in made.planted.manifest["files"].items():
            vault = Vault()
            shown[f"{made.root}{path}"] = (
                "" if path in SAYS_NOTHING else vault.show("\n".join(redacted_lines(text.encode(), vault)))
            )

    assert leaks(shown, [*host.planted.secrets, *broken.planted.secrets]) == []


def test_nothing_is_hidden_but_secrets(host: Host) -> None:
    """Line by line through every file: only those with a secret change, and the passwords that are words keep to their own lines."""
    pieces = re.compile("|".join(re.escape(line) for p in host.planted.secrets for line in p.written.split("\n")))
    vault = Vault()
    changed = []
    for _ in range(2):  # the second time every secret is known
        changed = [
            line.strip()
            for text in host.planted.manifest["files"].values()
            for line, shown in zip(text.split("\n"), redacted_lines(text.encode(), vault), strict=True)
            if line != shown and not pieces.search(line)
        ]

    assert changed == [
        "- lab1",
        "password: datadog",
        "community_string: public",
        "db_password: vagrant",
        "root_password: '3306'",
    ]


# --- rules that show too much, and rules that break --------------------------------------------------------------------

USER_RULE = """\
id: {id}
title: A rule of the user
severity: warning
query: |
  {query}
message: "{message}"
why: To see what comes out.
advice: "Look at {{value}} in {{file}}."
checked: "2026-11"
{fix}examples:
  - {{name: fires, files: {{/etc/datadog-agent/datadog.yaml: "site: a\\n"}}, finds: [{{line: 1}}]}}
"""
SHOWS = "SELECT k.file, k.line, k.agent, k.path, coalesce(k.value, '') AS value, coalesce(k.source, '') AS source, k.value || k.path AS whole FROM yaml_keys AS k WHERE k.value IS NOT NULL"
FIX = 'fix: {title: Set it, safety: unsafe, steps: [{set_yaml: {file: "{file}", key: "{path}", value: "{value}"}}]}\n'
BREAKS = "SELECT k.file, k.line, k.agent, k.path, k.value FROM yaml_keys AS k ORDER BY k.value DESC"
DEFECTS = "SELECT d.file, d.line, d.agent, d.text AS value, coalesce(d.correction, '') AS source, d.kind AS path FROM yaml_defects AS d"


def test_no_secret_comes_out_of_a_user_rule(host: Host, tmp_path: Path) -> None:
    """One that shows the values of rows and writes them into a repair, one that breaks on a NULL, with --debug."""
    (tmp_path / "rules").mkdir(mode=0o700)
    both = "{path} is {value}, written {source}"
    for name, query, message, fix in (
        ("shows-values", SHOWS, both, FIX),
        ("breaks", BREAKS, "{path} is {value}", ""),
        ("shows-defects", DEFECTS, both, ""),
    ):
        (tmp_path / "rules" / f"{name}.yaml").write_text(
            USER_RULE.format(id=name, query=query, message=message, fix=fix), encoding="utf-8"
        )
    mine = host._replace(outputs={})
    _doctor(
        mine,
        "check",
        "check",
        "--root",
        str(host.root),
        "--rules",
        str(tmp_path / "rules"),
        "--select",
        "shows-values,breaks,shows-defects",
        "--debug",
    )
    _doctor(
        mine,
        "JSON",
        "check",
        "--root",
        str(host.root),
        "--rules",
        str(tmp_path / "rules"),
        "--debug",
        "--format",
        "json",
    )
    _doctor(
        mine,
        "diff",
        "check",
        "--root",
        str(host.root),
        "--rules",
        str(tmp_path / "rules"),
        "--fix",
        "--unsafe-fixes",
        "--diff",
    )
    report = json.loads(mine.outputs["JSON: standard output"])

    assert [b["rule"] for b in report["broken"]] == ["breaks"] and "Traceback" in mine.outputs["check: standard error"]
    assert sum(f["rule"] == "shows-values" for f in report["findings"]) > 100
    assert leaks(mine.outputs, host.planted.secrets) == []


class _Buggy(RootHost):
    """A host that meets a bug of ours at every configuration file, with the file's text in the exception."""

    def read(self, path: str, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
        data = super().read(path, limit_bytes)
        if path.endswith((".yaml", ".py", ".cnf")):
            raise ValueError(f"cannot make sense of {path}: {data.decode('utf-8', 'replace')}")
        return data


def test_no_secret_comes_out_of_a_bug_of_ours(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception quotes what it could not digest; it goes to the report, and its traceback to --debug."""
    monkeypatch.setattr(the_session, "open_host", lambda root: _Buggy(root))
    report = Session(CheckOptions(host.root)).check()
    traces = "".join(f"{b.error}\n{b.trace}" for b in report.broken)

    assert "cannot make sense of" in traces
    assert report.healthy is not True
    assert (
        leaks(
            {"console": checking.render(report, "console"), "json": checking.render(report, "json"), "traces": traces},
            host.planted.secrets,
        )
        == []
    )


def test_no_secret_comes_out_in_any_shape_of_the_console(host: Host) -> None:
    """Narrow, wide, with and without colours, in ASCII."""
    report = Session(CheckOptions(host.root)).check()
    outputs = {
        f"{w} {c} {a}": console.render(report, width=w, color=c, ascii_only=a)
        for w in (20, 40, 100, 300)
        for c in (True, False)
        for a in (True, False)
    }

    assert leaks(outputs, host.planted.secrets) == []


def test_pasted_words_are_not_repeated(host: Host) -> None:
    """People paste whole lines of a log or a file."""
    rules = load().rules
    answers = {
        path: explaining.explain(f"yaml: line 4: did not find expected key\n{text}", rules)[0]
        for path, text in host.planted.manifest["files"].items()
    }

    assert len("".join(answers.values())) > 10_000
    assert leaks(answers, host.planted.secrets) == []


def test_no_secret_of_a_file_gets_into_the_rule_that_is_made_from_it(host: Host, tmp_path: Path) -> None:
    """Rules are shared; their first example is somebody's file."""
    made = {}
    for n, path in enumerate(p for p in host.planted.manifest["files"] if "/conf.d/" in p):
        made[path] = explaining.new_rule(f"conf-d/rule-{n}", host.root / path.lstrip("/"), tmp_path).read_text(
            encoding="utf-8"
        )

    assert len(made) > 30 and "min_colection_interval" in "".join(made.values())
    assert leaks(made, host.planted.secrets) == []


# --- patches ------------------------------------------------------------------------------------------------------------


def _texts(root: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(root)): p.read_bytes()
        for p in root.rglob("*")
        if p.is_file() and not p.is_symlink() and not p.name.endswith(".orig")
    }


def _patched(root: Path, patch: bytes) -> dict[str, bytes]:
    done = subprocess.run(["patch", "-p1"], cwd=root, input=patch, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
    return _texts(root)


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch(1) here")
def test_the_exact_patch_is_private_whole_and_makes_what_the_repair_makes(host: Host) -> None:
    """The one output that may hold secrets: a file of mode 0600."""
    file = host.root.parent / "exact.patch"
    text = file.read_text(encoding="utf-8")

    assert file.stat().st_mode & 0o777 == 0o600
    assert sum(p.written in text for p in host.planted.secrets) > 20
    assert _patched(host.root.parent / "by exact patch", file.read_bytes()) == _texts(host.root.parent / "repaired")


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch(1) here")
def test_the_patch_without_secrets_applies_too(host: Host) -> None:
    """It holds the hunks without a secret, and says how many it leaves out."""
    repaired, before = _texts(host.root.parent / "repaired"), _texts(host.root)
    after = _patched(host.root.parent / "by patch", host.outputs["the patch: standard output"].encode())

    changed = {path for path in after if after[path] != before[path]}
    assert changed == {"etc/datadog-agent/conf.d/plain.yaml"}
    assert after["etc/datadog-agent/conf.d/plain.yaml"] == repaired["etc/datadog-agent/conf.d/plain.yaml"]
    assert re.search(r"\d+ hunks withheld because secrets stand in them", host.outputs["the patch: standard error"])


def test_undo_gives_every_byte_back_and_the_journal_is_private(host: Host) -> None:
    """The journal holds the old bytes, secrets included: for its owner alone."""
    kept = b"".join(p.read_bytes() for p in host.state.rglob("old-*"))

    assert {f"/{p}": d for p, d in _texts(host.root).items() if f"/{p}" in host.planted.manifest["files"]} == {
        p: t.encode() for p, t in host.planted.manifest["files"].items()
    }
    assert sum(p.written.encode() in kept for p in host.planted.secrets) > 20
    assert {oct(p.stat().st_mode & 0o077) for p in [host.state, *host.state.rglob("*")]} == {"0o0"}


# --- whole files --------------------------------------------------------------------------------------------------------


def test_a_line_of_a_private_key_is_hidden_where_its_header_is_out_of_sight() -> None:
    """A hunk shows three lines before a change: the body of a key, and no `BEGIN`."""
    body = "\n".join(f"    {_Dice(n).text(64)}" for n in range(9))
    text = f"a:\n  key: |\n    -----BEGIN PRIVATE KEY-----\n{body}\n    -----END PRIVATE KEY-----\n  port: 1\n"

    shown = redacted_diff(text.encode(), text.replace("port: 1", "port: 2").encode(), "a/x", "b/x", Vault())

    assert shown.splitlines() == ["--- a/x", "+++ b/x", "@@ -11,4 +11,4 @@", " ", " ", " ", "-  port: 1", "+  port: 2"]


def test_a_diff_for_people_is_the_usual_one_where_there_is_no_secret() -> None:
    """Two hunks, a missing last newline, and lines that are added at the end."""
    before = "".join(f"line {n}\n" for n in range(1, 21)) + "last"

    shown = redacted_diff(
        before.encode(), before.replace("line 3\n", "").replace("last", "last\nmore\n").encode(), "a/x", "b/x", Vault()
    )

    assert shown == (
        "--- a/x\n+++ b/x\n@@ -1,6 +1,5 @@\n line 1\n line 2\n-line 3\n line 4\n line 5\n line 6\n"
        "@@ -18,4 +17,5 @@\n line 18\n line 19\n line 20\n-last\n\\ No newline at end of file\n+last\n+more\n"
    )
