"""MySQL's and MariaDB's option files, in the order in which server and clients read them, and why some of them are passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Stat, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import _option_text, table
from dddoctor.tables._option_text import OptionText
from dddoctor.tables.mounts import MOUNTS_FILE, Mount, gap_of, keeper_of, mount_of, read_mounts

# The order of MySQL's manual ("Using Option Files"), and of my_print_defaults --help. What a build's SYSCONFDIR is, its program knows alone.
_GLOBAL = ("/etc/my.cnf", "/etc/mysql/my.cnf")
_SOME_BUILDS = ("/usr/etc/my.cnf", "/usr/local/etc/my.cnf", "/opt/homebrew/etc/my.cnf")
_HOMES = ("/root", "/home/*", "/Users/*")
_MARIADB_SIGNS = (
    "/usr/sbin/mariadbd",
    "/usr/libexec/mariadbd",
    "/usr/bin/mariadbd",
    "/etc/mysql/mariadb.cnf",
    "/etc/my.cnf.d/mariadb-server.cnf",
)
_MYSQL_SIGNS = ("/usr/sbin/mysqld", "/usr/libexec/mysqld", "/etc/mysql/mysql.cnf", "/etc/mysql/mysql.conf.d")
_FILE_LIMIT_BYTES = 1024 * 1024

WORLD_WRITABLE = "every user can write it"
NOT_PRIVATE = "others than its owner have rights on it"
WRONG_NAME = "its name does not end in .cnf"


class OptionFile(NamedTuple):
    """One option file, as named by the chain. Rows are ordered by `ordinal`, the order of reading; later values win.

    `real_file` is where links end (`/etc/mysql/my.cnf` is a link through /etc/alternatives on Debian). `is_repeat` is 1 where an earlier row has the
    same real file. `reader` is `server and clients` or `clients` (files in a home). `included_from` and `via_line` name the directive that leads here.
    `product` is mysql, mariadb, or NULL where files do not tell. `is_read`: 1, 0, or NULL where it depends on how the program was built.
    `is_ignored` is 1 where the programs pass this very file over for its mode; a file that only an ignored one includes has `is_read` 0 as well.
    `ignored_because` is the reason of either. `lost` names groups and options that are not in force for it, never values; empty where it sets nothing.
    `expected_mode` is what its mode should be. `is_ours_to_change`: whether this run may change the mode (its owner or root), NULL where that is no
    question. `is_readonly_mount`, `mount_type` and `managed_by` are as in `files`.

    Source: stat; mysys/my_default.c(c): a regular file with the others-write bit is skipped, whatever else it allows, folders are not looked at;
    MariaDB reads it all the same on a read-only mount. ~/.mylogin.cnf (MySQL) must be closed to everybody else.
    """

    file: str
    real_file: str | None
    ordinal: int
    included_from: str | None
    via_line: int | None
    reader: str
    product: str | None
    mode: str | None
    expected_mode: str | None
    owner: str | None
    is_repeat: int
    is_read: int | None
    is_ignored: int | None
    ignored_because: str | None
    lost: str | None
    mount_type: str | None
    is_readonly_mount: int | None
    managed_by: str | None
    is_ours_to_change: int | None


_UNKNOWN = (
    "real_file",
    "mode",
    "expected_mode",
    "owner",
    "is_read",
    "is_ignored",
    "ignored_because",
    "lost",
    "mount_type",
    "managed_by",
)


@table("mysql_option_files", OptionFile)
def collect(host: Host, vault: Vault) -> Iterator[OptionFile | Gap]:
    """The chain of this host; no rows where there is no option file."""
    yield from _Chain(host, vault).rows()


class _Place(NamedTuple):
    """Where a file is named: by a directive, or (None) by the programs themselves. `because` is why nothing here is read any more."""

    path: str
    reader: str
    included_from: str | None = None
    via_line: int | None = None
    depth: int = 0
    because: str | None = None
    is_certain: bool = True


class _Chain:
    def __init__(self, host: Host, vault: Vault) -> None:
        self.host, self.vault = host, vault
        self.ordinal = 0
        self.named: set[str] = set()
        self.real: set[str] = set()
        self.mounts: list[Mount] = []
        self.are_mounts_known = True

    def rows(self) -> Iterator[OptionFile | Gap]:
        try:
            self.mounts = read_mounts(self.host)
        except (Unavailable, InputError) as error:
            self.are_mounts_known = False
            yield gap_of(
                MOUNTS_FILE,
                error,
                ("mount_type", "managed_by", "is_readonly_mount", "is_ignored", "is_read", "ignored_because"),
            )
        try:
            self.product = _product(self.host)
        except (Unavailable, InputError) as error:
            self.product = None
            yield gap_of("*", error, ("product",))
        for path in _GLOBAL:
            yield from self._file(_Place(path, "server and clients"))
        for path in _SOME_BUILDS:
            yield from self._file(_Place(path, "server and clients", is_certain=False))
        for home in _HOMES:
            for name in (".my.cnf", ".mylogin.cnf"):
                yield from self._of_homes(f"{home}/{name}")

    def _of_homes(self, pattern: str) -> Iterator[OptionFile | Gap]:
        try:
            paths = self.host.glob(pattern)
        except (Unavailable, InputError) as error:
            yield gap_of(pattern.rpartition("/")[0], error)
            return
        for path in paths:
            yield from self._file(_Place(path, "clients"))

    def _file(self, place: _Place) -> Iterator[OptionFile | Gap]:
        """A file and what it includes; nothing where it is not there, which no program minds."""
        if place.path in self.named or place.depth > _option_text.INCLUDE_DEPTH:
            return
        try:
            found = self.host.stat(place.path)
        except FileNotFoundError:
            return
        except (Unavailable, InputError) as error:
            self.named.add(place.path)
            yield self._row(place, None, None)
            yield gap_of(place.path, error, _UNKNOWN)
            return
        if found.kind != "file":
            return
        self.named.add(place.path)
        text: OptionText | None = None
        if not place.path.endswith("/.mylogin.cnf"):  # scrambled: nothing to parse
            try:
                text = _option_text.parse(self._content(place.path, found))
            except FileNotFoundError:
                return  # gone since
            except (Unavailable, InputError) as error:
                yield gap_of(place.path, error, ("lost",))
                yield gap_of(place.path, error)  # what it includes is not known either
        row = self._row(place, found, text)
        yield row
        if text is not None:
            is_off = row.is_ignored or row.is_read == 0
            because = f"{row.file} is not read" if is_off else None
            yield from self._included(place, text, because)

    def _content(self, path: str, found: Stat) -> bytes:
        """The text. After `chmod -R 777 /etc/mysql` the link my.cnf stands in a folder that everybody can write, and links there are not followed
        when reading: then the real file is read by its own name, if that is an option file's."""
        is_option_file = found.target.endswith((".cnf", ".cnf.fallback"))
        return self.host.read(found.target if is_option_file else path, _FILE_LIMIT_BYTES)

    def _included(self, place: _Place, text: OptionText, because: str | None) -> Iterator[OptionFile | Gap]:
        for include in text.includes:
            if not include.path.startswith("/"):  # relative to where the program was started: not to be known
                continue
            if not include.is_folder:
                yield from self._file(
                    _Place(include.path, place.reader, place.path, include.line, place.depth + 1, because)
                )
                continue
            folder = include.path.rstrip("/")
            try:
                names = self.host.listdir(folder)
            except FileNotFoundError:
                continue
            except (Unavailable, InputError) as error:
                yield gap_of(folder, error)
                continue
            # In the order of bytes, which both sort by; the manual of MySQL promises no order.
            for name in sorted(names, key=os.fsencode):
                why = because if _option_text.is_read_in_folder(name) else because or WRONG_NAME
                yield from self._file(
                    _Place(f"{folder}/{name}", place.reader, place.path, include.line, place.depth + 1, why)
                )

    def _row(self, place: _Place, found: Stat | None, text: OptionText | None) -> OptionFile:
        self.ordinal += 1
        head = (
            place.path,
            found.target if found else None,
            self.ordinal,
            place.included_from,
            place.via_line,
            place.reader,
            self.product,
        )
        if found is None:
            return OptionFile(*head, *((None,) * 3), 0, *((None,) * 8))
        is_login = place.path.endswith("/.mylogin.cnf")
        mount = mount_of(found.target, self.mounts)
        is_readonly = int(bool(mount.is_readonly)) if mount else None
        is_ignored: int | None = int(
            bool(found.mode & (0o177 if is_login else 0o002)) and not (is_readonly and self.product != "mysql")
        )
        if place.because == WRONG_NAME:
            is_ignored = 0  # nobody looks at its mode
        elif is_ignored and not self.are_mounts_known:
            is_ignored = None  # MariaDB reads it on a read-only mount, and whether the mode can be set is not known
        is_read = 0 if is_ignored or place.because else 1 if place.is_certain and is_ignored == 0 else None
        is_repeat = int(found.target in self.real)
        self.real.add(found.target)
        return OptionFile(
            *head,
            mode=f"{found.mode:04o}",
            expected_mode=f"{_expected_mode(found.mode, place, is_login):04o}",
            owner=f"{found.owner}:{found.group}",
            is_repeat=is_repeat,
            is_read=is_read,
            is_ignored=is_ignored,
            ignored_because=(NOT_PRIVATE if is_login else WORLD_WRITABLE) if is_ignored else place.because,
            lost=self.vault.redact(_lost(text)) if text is not None and is_read == 0 else None,
            mount_type=mount.mount_type if mount else None,
            is_readonly_mount=is_readonly,
            managed_by=keeper_of(mount),
            is_ours_to_change=self._may_change(found),
        )

    def _may_change(self, found: Stat) -> int | None:
        """chmod is for the owner and root. Asked of this process, so only where it reads the real files."""
        if self.host.kind not in {"live", "root"}:
            return None
        return int(os.geteuid() in {0, found.uid})


def _expected_mode(mode: int, place: _Place, is_login: bool) -> int:
    """0644 for a file that everybody may read; files in a home hold passwords, so 0600. Rights that nobody had are not given."""
    if is_login or place.reader == "clients":
        return 0o600
    return 0o644 if mode & 0o004 else mode & 0o640


def _lost(text: OptionText) -> str:
    """What is not in force because a file is passed over, its include directives among it."""
    included = [i.path for i in text.includes]
    parts = [
        p
        for p in (_option_text.in_words(text), f"all that is included from {', '.join(included)}" if included else "")
        if p
    ]
    return "; ".join(parts)


def _product(host: Host) -> str | None:
    """mariadb or mysql, by what is installed; MariaDB ships a `mysqld` as well, so its own signs come first."""
    try:
        real = host.stat("/etc/mysql/my.cnf").target
    except FileNotFoundError:
        real = ""
    if real.endswith(("/mariadb.cnf", "/mysql.cnf")):
        return real.rpartition("/")[2].removesuffix(".cnf")
    if any(host.exists(sign) for sign in _MARIADB_SIGNS):
        return "mariadb"
    return "mysql" if any(host.exists(sign) for sign in _MYSQL_SIGNS) else None
