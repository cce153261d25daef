"""The packages of each Python environment, and the commands of PATH and of venvs that belong to them: read from files, nothing is run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import table
from dddoctor.tables._python_places import gap, names_in, open_homes, search_path
from dddoctor.tables.python_env import Interpreter, Venv, is_venv, site_folders_of, site_folders_of_venv, user_site

_PYTHON = lazy(r"python(\d(\.\d+)?)?")
_TOOLS = lazy(r"python(\d(\.\d+)?)?|pip(\d(\.\d+)?)?|flask|gunicorn|uwsgi|ddtrace-run|virtualenv")
_VENV_TOOLS = ("pip", "flask", "gunicorn", "ddtrace-run")
_DIST = lazy(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._]*?(?:-[A-Za-z][A-Za-z0-9._]*)*)-(?P<version>\d[^-]*)(?:-py\d[\d.]*)?\.(?:dist-info|egg-info|egg)"
)


class Package(NamedTuple):
    """One installed distribution. `environment` is a key of interpreters or venvs; `name` in lower case with single dashes (PEP 503); `version` by the name of its folder.

    `home`: only the person of that home sees it (pip install --user); NULL = everybody. `location` is the folder on sys.path.
    """

    environment: str
    name: str
    version: str | None
    location: str
    home: str | None


class Script(NamedTuple):
    """One Python command: python, pip, flask, gunicorn, uwsgi, virtualenv or ddtrace-run, in a folder of PATH or in a venv's bin.

    `position` counts the folders of PATH from 0, NULL for a venv that is not on it; `is_first`: a shell that types `name` gets this one. `interpreter` is the program that its first line
    names, as written (NULL for a Python itself and for a binary); `environment` is where that program's packages lie. `is_dangling`: the named program does not exist.
    """

    path: str
    name: str
    position: int | None
    is_first: int
    interpreter: str | None
    environment: str | None
    is_dangling: int | None


@table("packages", Package, complete_when="venvs.are_packages_known")
def collect_packages(host: Host, interpreters: list[Interpreter], venvs: list[Venv]) -> Iterator[Package | Gap]:
    """Distributions by the names of their metadata folders, per environment; what a venv inherits is listed at its interpreter only."""
    people: list[str] = []
    for home in open_homes(host):
        if isinstance(home, Gap):
            yield home
        else:
            people.append(home)
    for python in interpreters:
        places: list[tuple[str, str | None]] = [(f, None) for f in site_folders_of(python)]
        if python.minor and python.owner != "agent":
            places += [(user_site(home, python.minor), home) for home in people]
        yield from _packages(host, python.environment, places)
    for venv in venvs:
        yield from _packages(
            host,
            venv.environment,
            [(f, None) for f in site_folders_of_venv(venv.environment, venv.lib_minor or venv.minor)],
        )


def _packages(host: Host, environment: str, places: list[tuple[str, str | None]]) -> Iterator[Package | Gap]:
    seen: set[str] = set()
    for location, home in places:
        try:
            names = names_in(host, location)
            real = host.stat(location).target if names else location
        except Unavailable as error:
            yield gap(environment, error, None, "packages")
            continue
        except (FileNotFoundError, InputError):
            continue
        if not names or real in seen:  # lib64 is a link to lib on Fedora
            continue
        seen.add(real)
        for name in sorted(names):
            parsed = parse_dist(name)
            if parsed:
                yield Package(environment, parsed[0], parsed[1], location, home)


def parse_dist(name: str) -> tuple[str, str | None] | None:
    """A metadata folder's name → (normalised name, version): "Flask-3.0.3.dist-info" → ("flask", "3.0.3"). None for anything else."""
    if name.endswith(".egg-link"):
        return normalised(name[:-9]), None
    match = _DIST.fullmatch(name)
    if match:
        return normalised(match["name"]), match["version"]
    return (normalised(name[:-9]), None) if name.endswith(".egg-info") else None


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# --- commands ---------------------------------------------------------------------------------------------------------


@table("scripts", Script)
def collect_scripts(
    host: Host, vault: Vault, interpreters: list[Interpreter], venvs: list[Venv]
) -> Iterator[Script | Gap]:
    """Python commands in the folders of PATH in order, then those of venvs that are not on it."""
    on_path, problem = search_path(host)
    if problem:
        yield gap("*", problem, ("position", "is_first"))
    taken: set[str] = set()
    listed: set[str] = set()
    for position, folder in enumerate(on_path):
        try:
            names = names_in(host, folder) or frozenset()
        except Unavailable as error:
            yield gap(folder, error)
            continue
        for name in sorted(filter(_TOOLS.fullmatch, names)):
            found = list(_script(host, vault, f"{folder}/{name}", name, position, name not in taken, venvs))
            if any(isinstance(row, Script) for row in found):
                taken.add(name)
            listed.add(f"{folder}/{name}")
            yield from found
    for venv in venvs:
        try:
            names = names_in(host, f"{venv.environment}/bin") or frozenset()
        except Unavailable as error:
            yield gap(venv.environment, error)
            continue
        for name in _VENV_TOOLS:
            path = f"{venv.environment}/bin/{name}"
            if name in names and path not in listed:
                yield from _script(host, vault, path, name, None, False, venvs)


def _script(
    host: Host, vault: Vault, path: str, name: str, position: int | None, is_first: bool, venvs: list[Venv]
) -> Iterator[Script | Gap]:
    try:
        if _PYTHON.fullmatch(name):
            yield Script(
                path,
                name,
                position,
                int(is_first),
                None,
                None if _is_shim(host, path) else environment_of(host, path, venvs),
                0,
            )
            return
        head = host.read(path).decode("utf-8", "replace")[:2048]
    except InputError:
        return
    except FileNotFoundError:
        yield Script(path, name, position, 0, None, None, 1)
        return
    except Unavailable as error:
        yield Script(path, name, position, int(is_first), None, None, None)
        yield gap(path, error, ("interpreter", "environment", "is_dangling"), "scripts")
        return
    program = parse_shebang(head)
    if program is None or not program.startswith("/"):
        yield Script(path, name, position, int(is_first), vault.redact(program) if program else None, None, None)
        return
    try:
        environment: str | None = environment_of(host, program, venvs)
        is_dangling: int | None = 0
    except FileNotFoundError:
        environment, is_dangling = None, 1
    except (InputError, Unavailable):
        environment, is_dangling = None, None
    yield Script(path, name, position, int(is_first), vault.redact(program), environment, is_dangling)


def _is_shim(host: Host, path: str) -> bool:
    """Whether a command called python is a script that picks one when it runs (pyenv, asdf); those are small. Raises Unavailable for a small one that cannot be read."""
    small = 16384
    return host.stat(path).size_bytes < small and host.read(path, small).startswith(b"#!")


def parse_shebang(head: str) -> str | None:
    """The program of a script's first line: an absolute path, or the bare name that `env` looks up. None for a binary and for a shell script.

    pip writes long paths, and paths with blanks, as a second line of shell: `'''exec' "/long/bin/python" "$0" "$@"`.
    """
    if not head.startswith("#!"):
        return None
    first, _, rest = head[2:].partition("\n")
    words = first.split()
    if not words:
        return None
    if posixpath.basename(words[0]) == "env":
        return next((w for w in words[1:] if not w.startswith("-") and "=" not in w), None)
    if words[0] in {"/bin/sh", "/usr/bin/sh", "/bin/bash"}:
        trick = re.match(r"""'''exec'\s+(?:"([^"\n]+)"|(\S+))""", rest)
        return (trick[1] or trick[2]) if trick else None
    return words[0]


def environment_of(host: Host, program: str, venvs: list[Venv]) -> str:
    """The environment whose packages a program sees: the venv whose bin it stands in, else its own path after all links. Raises as Host.stat."""
    target = host.stat(program).target
    root = posixpath.dirname(posixpath.dirname(program))
    if any(v.environment == root for v in venvs) or is_venv(host, root):
        return root
    return target
