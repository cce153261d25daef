"""What is known of the Agent's settings and checks: src/dddoctor/data, made by tools/build_catalogues.py. Read when first asked for, once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from dddoctor.datafiles import catalogue
from dddoctor.light import NamedTuple
from dddoctor.tables._near import nearest

# Typed by the Agent itself in the third decoding of an instance (measured on 7.52 and 7.72.4): a wrong type there stops the instance.
COMMON_TYPES = {
    "min_collection_interval": "int", "tags": "list", "service": "str", "name": "str", "namespace": "str", "empty_default_hostname": "bool", "no_index": "bool",
}  # fmt: skip
_TYPE_WORDS = {"string": "str"}
# Long enough that a custom check's own option is not taken for one of them.
_MYSQL_LOGIN = frozenset({"host", "server", "username", "user", "password", "pass"})
_UNMISTAKABLE = ("min_collection_interval", "empty_default_hostname")


class Option(NamedTuple):
    """What the catalogue says of one instance option. `is_known` is None where the check's options are not known (a custom check).

    `is_needed`: without the nearest one the check does not load or cannot log in; None where there is no nearest.
    """

    is_known: int | None
    expected_type: str | None
    nearest: str | None
    is_needed: int | None = None


class Checks:
    """The checks that an Agent ships, and the keys of their files."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.common: list[str] = data["common_instance"]
        self.top_level: frozenset[str] = frozenset(data["top_level"])
        self.go: dict[str, str] = data["go"]
        self._checks: dict[str, list[Any]] = data["checks"]
        self._types: dict[str, dict[str, str]] = data["types"]
        self._options: dict[str | None, _Judged] = {}
        self._names: dict[str, frozenset[str]] = {}

    def options(self, check: str | None) -> frozenset[str]:
        """The instance options of a shipped check, the common ones included; empty where they are not known."""
        if check is None or check not in self._checks:
            return frozenset()
        names = self._names.get(check)
        if names is None:
            row = self._checks[check]
            own = frozenset(row[1] if len(row) > 1 else ()) | frozenset(row[2] if len(row) > 2 else ())
            names = self._names[check] = own | frozenset(self.common) if own else frozenset()
        return names

    def option(self, check: str | None, key: str) -> Option:
        """Whether `key` is an option of this check's instances, of which type, and which one was probably meant."""
        return self.options_of(check)[key]

    def options_of(self, check: str | None) -> Mapping[str, Option]:
        """The same for every key that may be asked about."""
        known_check = check if check in self._checks else None  # all unknown checks are alike
        found = self._options.get(known_check)
        if found is None:
            found = self._options[known_check] = _Judged(self, known_check)
        return found

    def judge(self, check: str | None, key: str) -> Option:
        """Asked once of each key: `option` remembers."""
        expected = COMMON_TYPES.get(key) or self._types.get(check or "", {}).get(key)
        expected = _TYPE_WORDS.get(expected, expected) if expected else None
        known = self.options(check)
        if key in self.common or key in known:
            return Option(1, expected, None)
        # Most of a custom check's options are its own: only what can hardly be anything else is called a slip.
        if not known:
            return Option(None, None, nearest(key, _UNMISTAKABLE))
        near = nearest(key, known)
        return Option(0, None, near, None if near is None else int(near in self.required(check or "")))

    def required(self, check: str) -> frozenset[str]:
        """The options without which an instance does not load or, for mysql, cannot log in (measured with its check 15.8.0)."""
        if check == "mysql":
            return _MYSQL_LOGIN
        row = self._checks.get(check) or []
        return frozenset(row[3] if len(row) > 3 and row[3] else ())

    def nearest_top_level(self, check: str | None, key: str) -> str | None:
        """What a key at the top of a check's file was meant to be: a top-level key, else an option of its instances."""
        if key in self.common or key in self.options(check):
            return None
        return nearest(key, self.top_level) or nearest(key, _UNMISTAKABLE)


class _Judged(dict[str, Option]):
    """Options of one check, each judged when it is first asked for."""

    def __init__(self, checks: Checks, check: str | None) -> None:
        self.checks, self.check = checks, check

    def __missing__(self, key: str) -> Option:
        found = self[key] = self.checks.judge(self.check, key)
        return found


class KnownSetting(NamedTuple):
    """One key of datadog.yaml. `env` are the variables that set it, the first one set wins. `default` is None where none is known or it is empty."""

    type: str
    default: object
    env: tuple[str, ...]
    mac_default: object


class Settings:
    """The keys of datadog.yaml, in lower case."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._keys: dict[str, list[Any]] = data["keys"]
        self.removed: dict[str, str] = data["removed"]
        self._free_form: frozenset[str] = frozenset(data["free_form"])
        self._sections: dict[str, set[str]] | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def get(self, key: str) -> KnownSetting | None:
        row = self._keys.get(key)
        if row is None:
            return None
        kind, default, env, mac = (row + [None] * 4)[:4]
        return KnownSetting(
            kind, default, tuple(env) if env is not None else ("DD_" + key.upper().replace(".", "_"),), mac
        )

    def defaults(self) -> list[tuple[str, str, object, object]]:
        """(key, type, default, default on macOS where it differs) of the keys whose default is known and not empty: the documented ones and the ports."""
        return [
            (key, row[0], row[1], row[3] if len(row) > 3 else None)
            for key, row in self._keys.items()
            if len(row) > 1 and row[1] is not None
        ]

    def by_variable(self) -> dict[str, list[str]]:
        """Environment variable → keys that it sets."""
        found: dict[str, list[str]] = {}
        for key, row in self._keys.items():
            for name in row[2] if len(row) > 2 and row[2] is not None else ("DD_" + key.upper().replace(".", "_"),):
                found.setdefault(name, []).append(key)
        return found

    def sections(self) -> dict[str, set[str]]:
        """Section (empty = top level) → the names directly below it."""
        if self._sections is None:
            self._sections = {}
            for key in self._keys:
                parts = key.split(".")
                for n, name in enumerate(parts):
                    self._sections.setdefault(".".join(parts[:n]), set()).add(name)
        return self._sections

    def is_open(self, key: str) -> bool:
        """Whether any name may stand below this key: free sections, mappings and lists, and what has no declared type."""
        row = self._keys.get(key)
        return (
            key in self._free_form
            or f"{key}.*" in self._keys
            or (row is not None and row[0] in ("map", "list", "any", "duration"))
        )


@cache
def checks() -> Checks:
    return Checks(catalogue("checks.json"))


@cache
def settings() -> Settings:
    return Settings(catalogue("settings.json"))
