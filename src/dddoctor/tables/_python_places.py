"""Where newcomers put Python things: home folders, the folders that may hold an app or a venv, and the search path of a shell."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import RunOptions

# Debian's /etc/login.defs; the order that a shell on an untouched Linux uses.
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FOLDER_LIMIT = 800
_SKIPPED = {
    "node_modules",
    "__pycache__",
    "site-packages",
    "dist-packages",
    "snap",
    "go",
    "Library",
    "Applications",
    "Music",
    "Pictures",
    "Movies",
    "proc",
    "sys",
}
_ENV_FOLDERS = {".virtualenvs", ".venvs"}  # folders of environments
_SHOWN_HIDDEN = {".venv", ".env", *_ENV_FOLDERS}
_NOT_SEARCHED = {"/opt/datadog-agent", "/opt/datadog-packages"}
# Where poetry, pipenv, pyenv-virtualenv and hatch keep the environments of projects that lie elsewhere in the same home.
_MANAGED = (
    ".cache/pypoetry/virtualenvs",
    ".local/share/virtualenvs",
    ".pyenv/versions",
    ".local/share/hatch/env/virtual",
    "Library/Caches/pypoetry/virtualenvs",
)
_FILE_ENDINGS = (
    ".py",
    ".pyc",
    ".txt",
    ".md",
    ".yaml",
    ".yml",
    ".json",
    ".log",
    ".sh",
    ".cfg",
    ".toml",
    ".ini",
    ".html",
    ".css",
    ".js",
    ".png",
    ".gz",
    ".zip",
    ".deb",
    ".conf",
    ".rst",
)


class Folder(NamedTuple):
    """One folder that was looked into. `home` is the home it belongs to, None outside of homes; `is_venv` = it holds pyvenv.cfg or an old virtualenv's parts."""

    path: str
    names: frozenset[str]
    home: str | None
    is_venv: bool


def gap(where: str, error: Unavailable, columns: tuple[str, ...] | None = None, table: str | None = None) -> Gap:
    """The gap that an unanswered question leaves."""
    return Gap(where, error.kind, error.reason, error.remedy, columns, table)


def names_in(host: Host, folder: str) -> frozenset[str] | None:
    """Names in a folder; None where it is absent or no folder. Raises Unavailable."""
    try:
        return frozenset(host.listdir(folder))
    except (FileNotFoundError, InputError):
        return None


def names_in_or_none(host: Host, folder: str) -> frozenset[str] | None:
    """Names in a folder; None where they cannot be had, for whatever reason (which was said already)."""
    try:
        return names_in(host, folder)
    except Unavailable:
        return None


def homes(host: Host) -> Iterator[str | Gap]:
    """Home folders of people, by where systems put them."""
    for parent in ("/home", "/Users"):
        try:
            found = names_in(host, parent) or frozenset()
        except Unavailable as error:
            yield gap(parent, error)
            continue
        for name in sorted(found - {"Shared", "lost+found"}):
            if not name.startswith("."):
                yield f"{parent}/{name}"
    yield "/root"


def open_homes(host: Host) -> Iterator[str | Gap]:
    """Homes that exist and may be looked into; a gap for each that may not."""
    for home in homes(host):
        if isinstance(home, Gap):
            yield home
            continue
        try:
            if names_in(host, home) is not None:
                yield home
        except Unavailable as error:
            yield gap(home, error)


def search(host: Host, options: RunOptions, *, apps_only: bool = False) -> Iterator[Folder | Gap]:
    """Folders that may hold an app or a venv: homes, /vagrant, /srv, /opt/*, /var/www, /app, and `--app`; each two levels down.

    With `apps_only` and `--app`, the given folders alone: the person said where the app is.
    """
    seen: set[str] = set()
    for app in options.apps:
        root = "/" + app.strip("/")
        home = next((h for h in (f"/{p}" for p in _home_prefix(root)) if root == h or root.startswith(h + "/")), None)
        yield from _walk(host, root, home, 2, seen)
        if not apps_only:
            yield from _siblings(host, root, home, seen)
    if apps_only and options.apps:
        return
    for place in homes(host):
        if isinstance(place, Gap):
            yield place
        else:
            yield from _walk(host, place, place, 2, seen)
            if not apps_only and place in seen and names_in_or_none(host, place):
                for managed in _MANAGED:
                    yield from _walk(host, f"{place}/{managed}", place, 1, seen)
    for root in ("/vagrant", "/srv", "/app", "/var/www", "/usr/src/app"):
        yield from _walk(host, root, None, 2, seen)
    try:
        below_opt = sorted(names_in(host, "/opt") or ())
    except Unavailable as error:
        yield gap("/opt", error)
        below_opt = []
    for name in below_opt:
        if f"/opt/{name}" not in _NOT_SEARCHED and not name.endswith(_FILE_ENDINGS):
            yield from _walk(host, f"/opt/{name}", None, 1, seen)
    if len(seen) >= FOLDER_LIMIT:
        yield Gap(
            "*",
            Kind.TOOL,
            f"more than {FOLDER_LIMIT} folders may hold an app: the rest was not searched",
            "--app FOLDER",
        )


def _home_prefix(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    if parts[0] in {"home", "Users"} and len(parts) > 1:
        return ["/".join(parts[:2])]
    return ["root"] if parts[0] == "root" else []


def _siblings(host: Host, app: str, home: str | None, seen: set[str]) -> Iterator[Folder | Gap]:
    """Folders beside a given app that are named like an environment."""
    parent = posixpath.dirname(app)
    try:
        names = names_in(host, parent) or frozenset()
    except Unavailable as error:
        yield gap(parent, error)
        return
    for name in sorted(names):
        if "env" in name.lower():
            yield from _walk(host, f"{parent.rstrip('/')}/{name}", home, int(name in _ENV_FOLDERS), seen)


def _walk(host: Host, path: str, home: str | None, depth: int, seen: set[str]) -> Iterator[Folder | Gap]:
    if path in seen or len(seen) >= FOLDER_LIMIT:
        return
    seen.add(path)
    try:
        names = names_in(host, path)
    except Unavailable as error:
        yield gap(path, error)
        return
    if names is None:
        return
    try:
        is_venv = "pyvenv.cfg" in names or ("bin" in names and "lib" in names and _is_old_virtualenv(host, path))
    except Unavailable as error:
        yield gap(path, error)
        return
    yield Folder(path, names, home, is_venv)
    if is_venv or depth < 0:
        return
    for name in sorted(names):
        if name in _SKIPPED or name.endswith(_FILE_ENDINGS) or (name.startswith(".") and name not in _SHOWN_HIDDEN):
            continue
        if depth == 0 and "env" not in name.lower():
            continue  # at the last level only what is named like an environment is opened
        below = 1 if name in _ENV_FOLDERS else depth - 1
        yield from _walk(host, f"{path.rstrip('/')}/{name}", home, below, seen)


def _is_old_virtualenv(host: Host, path: str) -> bool:
    """virtualenv before 20 wrote no pyvenv.cfg; it left bin/activate, and a python in bin."""
    names = names_in(host, f"{path}/bin") or frozenset()
    return "activate" in names and bool(names & {"python", "python2", "python3"})


def search_path(host: Host) -> tuple[list[str], Unavailable | None]:
    """Folders of PATH in order, and what kept us from knowing them (then they are the system's usual ones).

    A folder host has no shell: there PATH is what /etc/environment sets, else what the system gives a fresh login (macOS: /etc/paths).
    """
    problem = None
    try:
        text = host.environ().get("PATH", "")
    except Unavailable:
        text = ""
    if not text:
        text, problem = _path_of_files(host)
    return list(dict.fromkeys(p.rstrip("/") or "/" for p in text.split(":") if p.startswith("/"))), problem


def _path_of_files(host: Host) -> tuple[str, Unavailable | None]:
    for file in ("/etc/environment", "/etc/paths"):
        try:
            lines = host.read(file, 65536).decode("utf-8", "replace").splitlines()
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            return USUAL_PATH, error
        if file == "/etc/paths":
            return ":".join(line.strip() for line in lines if line.strip()), None
        for line in lines:
            name, _, value = line.strip().removeprefix("export ").partition("=")
            if name.strip() == "PATH" and value.strip():
                return value.strip().strip("\"'"), None
    return USUAL_PATH, None
