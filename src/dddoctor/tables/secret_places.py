"""Secrets in places where they do not belong: Vagrantfiles, scripts, notes, shell histories, units; who can read them and whether git has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, table
from dddoctor.tables._passwords import is_weak
from dddoctor.tables.mounts import gap_of

if TYPE_CHECKING:
    from dddoctor.tables._git import Repositories

# Where newcomers keep their work (the folder itself and one below), and what every process of the host is given.
_HOMES = ("/vagrant", "/root", "/home/*", "/Users/*")
_SYSTEM = (
    ("/etc/environment", "profile"), ("/etc/profile", "profile"), ("/etc/profile.d/*.sh", "profile"), ("/etc/default/*", "profile"), ("/etc/cron.d/*", "script"),
    ("/etc/crontab", "script"), ("/etc/rc.local", "script"), ("/etc/systemd/system/*.service", "unit"), ("/etc/systemd/system/*.d/*.conf", "unit"),
)  # fmt: skip
_VAGRANT_KEYS = ".vagrant/machines/*/*/private_key"
_PROFILES = (
    ".bashrc",
    ".bash_profile",
    ".bash_aliases",
    ".bash_login",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
    ".kshrc",
)
_SCRIPTS = (".sh", ".bash", ".zsh", ".ksh", ".fish", ".ps1", ".bat", ".cmd")
_NOTES = (".md", ".markdown", ".txt", ".rst", ".org", ".adoc", ".rtf")
_CONFIGS = (".yaml", ".yml", ".json", ".ini", ".cfg", ".conf", ".toml", ".properties", ".tf", ".tfvars", ".xml", ".cnf")
# What a file is for, by its name in lower case; the first that fits.
_PLACES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("vagrantfile", lambda n: n.startswith("vagrantfile")),
    ("history", lambda n: n in (".histfile", ".history") or (n.startswith(".") and n.endswith("_history") and len(n) > 9 and "-" not in n and _is_words(n[1:-8]))),
    ("profile", lambda n: n in _PROFILES),
    ("dockerfile", lambda n: n.startswith("dockerfile") or ".dockerfile" in n),
    ("compose", lambda n: n.removeprefix("docker-").startswith("compose") and n.endswith((".yaml", ".yml")) and _is_words(n.replace(".", ""))),
    ("env", lambda n: n.startswith(".env") or n.endswith(".env")),
    ("script", lambda n: n.endswith(_SCRIPTS) or n in ("makefile", "jenkinsfile", "procfile") or (n.startswith(("bootstrap", "provision", "install", "setup")) and _is_words(n))),
    ("note", lambda n: n.endswith(_NOTES) or (n.startswith(("readme", "note", "todo", "answer")) and _is_words(n))),
    ("config", lambda n: n.endswith(_CONFIGS)),
    ("code", lambda n: n.endswith((".py", ".rb", ".js", ".ts", ".go", ".php", ".java", ".pl"))),
)  # fmt: skip
# Private by nature; and lock files, whose sums are no secrets.
_LEFT_OUT = frozenset({".my.cnf", ".netrc", ".pgpass", "package-lock.json", "npm-shrinkwrap.json"})
_FILE_LIMIT_BYTES = 1024 * 1024
_HISTORY_LIMIT_BYTES = 16 * 1024 * 1024
_FOLDER_LIMIT = 5000
# What a home may hold in any quantity; the scanner does about 4 MB a second.
_BULK = frozenset({"note", "config", "code"})
_BULK_LIMIT_BYTES = 12 * 1024 * 1024
_ROWS_LIMIT = 50
_DATADOG = lazy(r"\bdd[_-]|datadog", re.I)
_MYSQL = lazy(r"mysql|mariadb|identified\s+(?:with\s+\S+\s+)?by", re.I)
_ANY_KEY = lazy(r"(?:api|app(?:lication)?)[_ -]?key", re.I)


class Secret(NamedTuple):
    """One secret in clear text in a file that is not the Agent's own.

    `place`: vagrantfile, script, dockerfile, compose, env, history, profile, note, config, code, unit, private-key. `kind`: key (API key, 32
    hexadecimal digits), application-key, password, token, secret, private-key, pem, community, cookie, hash. `name` is the variable or key it stands
    under, NULL where its shape alone tells. `token` stands for the value, which is nowhere kept. `is_datadog` is 1 where the name or the line speaks of
    Datadog, or the value has the shape of its keys (32 or 40 hexadecimal digits) and stands by the words API key or application key. `is_placeholder` is 1 for one character repeated; documentation's placeholders have no row at all.
    `is_weak`: it is a password that is tried first. `is_mysql`: the line speaks of MySQL or MariaDB.
    `is_tracked` is 1 where git's index of the repository above has the file, NULL where that index could not be read.
    `is_readable_by_others`: every user of the host can read the file, the folders above it included.

    Source: text files up to 1 MB in --app folders, /vagrant and homes, one folder deep, chosen by name (histories up to 16 MB); /etc/environment,
    profiles, cron and units.
    """

    file: str
    line: int
    column: int
    place: str
    kind: str
    name: str | None
    token: str
    length: int
    is_hex: int
    is_datadog: int
    is_placeholder: int
    is_tracked: int | None
    is_readable_by_others: int
    is_weak: int
    is_mysql: int


@table("secrets", Secret)
def collect(host: Host, vault: Vault, options: RunOptions) -> Iterator[Secret | Gap]:
    """Ordered by folder and name. A folder or file that may not be read is a gap."""
    search = _Search(host, vault)
    for folder in options.apps:
        yield from search.folder(folder.rstrip("/") or "/", 1)
    for pattern in _HOMES:
        yield from search.folders(pattern)
    for pattern, place in _SYSTEM:
        for found in search.matches(pattern):
            yield from [found] if isinstance(found, Gap) else search.file(found, place)


class _Search:
    def __init__(self, host: Host, vault: Vault) -> None:
        self.host, self.vault = host, vault
        self.repositories: Repositories | None = None
        self.seen: set[str] = set()
        self.passable: dict[str, bool] = {"": True}
        self.bulk_bytes = 0

    def matches(self, pattern: str) -> Iterator[str | Gap]:
        if "*" not in pattern:
            yield pattern
            return
        try:
            yield from self.host.glob(pattern)
        except (Unavailable, InputError) as error:
            yield gap_of(pattern.partition("*")[0].rstrip("/"), error)

    def folders(self, pattern: str) -> Iterator[Secret | Gap]:
        for found in self.matches(pattern):
            yield from [found] if isinstance(found, Gap) else self.folder(found, 1)

    def folder(self, folder: str, depth: int) -> Iterator[Secret | Gap]:
        """The files of a folder whose names promise something, and those of the folders in it."""
        if folder in self.seen:
            return
        self.seen.add(folder)
        try:
            names = self.host.listdir(folder)
        except (FileNotFoundError, InputError):
            return
        except Unavailable as error:
            yield gap_of(folder, error)
            return
        if len(names) > _FOLDER_LIMIT:
            yield Gap(folder, Kind.TOOL, f"holds too many files: the first {_FOLDER_LIMIT} were looked at for secrets")
        for name in names[:_FOLDER_LIMIT]:
            path = f"{folder.rstrip('/')}/{name}"
            place = place_of(name)
            if place is not None:
                yield from self.file(path, place)
            elif name == ".vagrant":
                for found in self.matches(f"{folder.rstrip('/')}/{_VAGRANT_KEYS}"):
                    yield from [found] if isinstance(found, Gap) else self.file(found, "private-key")
            elif depth > 0 and not name.startswith(".") and self._is_own_work(path):
                yield from self.folder(path, depth - 1)

    def _is_own_work(self, path: str) -> bool:
        """Whether a path is a folder (no link) that is no virtual environment and no package store."""
        try:
            is_folder = self.host.stat(path, follow=False).kind == "directory"
            return (
                is_folder
                and path.rpartition("/")[2] not in {"node_modules", "vendor", "snap", "site-packages", "__pycache__"}
                and not self.host.exists(f"{path}/pyvenv.cfg")
            )
        except (FileNotFoundError, Unavailable, InputError):
            return False

    def file(self, path: str, place: str) -> Iterator[Secret | Gap]:
        """The secrets of one file. Links, folders and binaries have none; a text above the limit is not looked at."""
        if path in self.seen:
            return
        self.seen.add(path)
        limit = _HISTORY_LIMIT_BYTES if place == "history" else _FILE_LIMIT_BYTES
        try:
            found = self.host.stat(path)
            if found.kind != "file" or found.size_bytes > limit:
                return
            if place in _BULK:
                self.bulk_bytes += found.size_bytes
                if self.bulk_bytes > _BULK_LIMIT_BYTES:
                    yield Gap(
                        path.rpartition("/")[0],
                        Kind.TOOL,
                        "holds too much text: not all of its notes, configuration and code was looked at for secrets",
                    )
                    return
            data = self.host.read(path, limit)
        except FileNotFoundError:
            return
        except (Unavailable, InputError) as error:
            yield gap_of(path, error)
            return
        if b"\0" not in data[:8192]:
            yield from self._in_text(path, place, found, data.decode("utf-8", "replace"))

    def _in_text(self, path: str, place: str, found: Stat, text: str) -> Iterator[Secret | Gap]:
        from dddoctor.secrets import scan

        hits = scan(text)[:_ROWS_LIMIT]
        is_tracked: int | None = None
        if hits:
            try:
                if self.repositories is None:
                    from dddoctor.tables._git import Repositories

                    self.repositories = Repositories(self.host)
                is_tracked = self.repositories.is_tracked(path)
            except (Unavailable, InputError) as error:
                yield gap_of(path, error, ("is_tracked",))
        for hit in hits:
            value = text[hit.start : hit.end]
            line_start = text.rfind("\n", 0, hit.start) + 1
            line_end = text.find("\n", hit.end)
            line = text[line_start : line_end if line_end >= 0 else len(text)]
            is_hex = re.fullmatch(r"[0-9A-Fa-f]+", value) is not None
            yield Secret(
                file=path,
                line=text.count("\n", 0, hit.start) + 1,
                column=hit.start - line_start + 1,
                place=place,
                kind=hit.kind,
                name=self.vault.redact(hit.name) if hit.name is not None else None,
                token=self.vault.token(value, hit.kind),
                length=len(value),
                is_hex=int(is_hex),
                is_datadog=int(
                    _DATADOG.search(line) is not None
                    or (is_hex and len(value) in (32, 40) and _ANY_KEY.search(line) is not None)
                ),
                is_placeholder=int(len(set(value)) == 1),
                is_tracked=is_tracked,
                is_readable_by_others=int(
                    bool(found.mode & 0o004) and self._is_passable(found.target.rpartition("/")[0])
                ),
                is_weak=int(hit.kind == "password" and is_weak(value)),
                is_mysql=int(_MYSQL.search(line) is not None),
            )

    def _is_passable(self, folder: str) -> bool:
        """Whether every user may pass through a folder and those above it (the root itself always). What may not be asked about is taken for closed."""
        if folder not in self.passable:
            try:
                mode = self.host.stat(folder).mode
            except (FileNotFoundError, Unavailable, InputError):
                mode = 0
            self.passable[folder] = bool(mode & 0o001) and self._is_passable(folder.rpartition("/")[0])
        return self.passable[folder]


def place_of(name: str) -> str | None:
    """What a file of this name is for; None for names that promise no text to look at."""
    low = name.lower()
    if low in _LEFT_OUT or low.endswith((".lock", ".min.js")):
        return None
    return next((place for place, is_one in _PLACES if is_one(low)), None)


def _is_words(text: str) -> bool:
    """Letters, digits, underscores and dashes, or nothing."""
    return not text or text.replace("_", "a").replace("-", "a").isalnum()
