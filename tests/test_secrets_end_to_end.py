"""Hundreds of invented secrets in every place and notation that the doctor reads, and every way out of it: none of them comes out again.

The host is tests/data/secrets/host.yaml. Only the journal's private folder and `--diff --show-secrets --output FILE` may hold them.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import yaml

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
        return "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, self.text(30) + "==", "-----END RSA PRIVATE KEY-----"])


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
            known = re.match(r"[A-Za-z]+[_.-]|AIza|AKIA|eyJhbGciOiJIUzI1NiJ9\.|\$6\$|pypi-AgEIcHlwaS5vcmc|am9l", part)  # what all of its kind begin with
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


_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _forms(tell: str) -> set[str]:
    """A text as JSON, Python, HTML, a URL, base64 or hexadecimal digits would write it."""
    return {tell, json.dumps(tell)[1:-1], repr(tell)[1:-1], html.escape(tell), quote(tell), quote(tell, safe=""), tell.encode().hex()}


@functools.lru_cache(maxsize=4096)
def _needles(plant_: Plant) -> tuple[str, ...]:
    return tuple({re.sub(r"\s+", "", form) for tell in plant_.tells for form in _forms(tell)})


def leaks(outputs: dict[str, str], secrets: Iterable[Plant]) -> list[str]:
    """(where it came out, what) for every secret, or half of one, that an output holds; line ends, indentation and colours do not hide it."""
    found = []
    for name, text in outputs.items():
        plain = _ESCAPE.sub("", text)
        squeezed = re.sub(r"[\s│▸]+", "", plain)
        for p in secrets:
            hit = next((n for n in _needles(p) if n in squeezed), None)
            if hit:
                found.append(f"{name}: {p.kind} of {p.place}: {p.written[:60]!r} (by {hit!r})")
    return found
