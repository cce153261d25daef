"""Python interpreters and virtual environments, found by their files: nothing is run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, table
from dddoctor.tables._python_places import Folder, gap, names_in, open_homes, search, search_path

_PYTHON = lazy(r"(python|pypy)(\d(?:\.\d+)?)?")
_EXTRA_FOLDERS = (
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/opt/datadog-agent/embedded/bin",
    "/opt/homebrew/bin",
    "/opt/conda/bin",
    "/opt/miniconda3/bin",
    "/opt/anaconda3/bin",
)
_VERSIONS_FOLDERS = (
    "/Library/Frameworks/Python.framework/Versions",
    "/System/Library/Frameworks/Python.framework/Versions",
    "/usr/local/pyenv/versions",
)


class Interpreter(NamedTuple):
    """One installed Python program that is no virtual environment's own, once however many names lead to it.

    `environment` is its path after all links, the key of packages. `path` is the name that a person types (the first on PATH, else where it was found). `version` has as many parts as
    files tell ("3.11" by the name python3.11; "3.11.4" by a pyenv or Homebrew folder); `minor` is its first two. `owner`: system, local, python.org, pyenv, homebrew, conda, xcode, agent
    (the one inside the Datadog Agent, not meant for apps) or other. `is_on_path`: a folder of PATH holds a name for it. `has_ensurepip`: the module that puts pip into a new venv is there.

    Source: folder listings.
    """

    environment: str
    path: str
    version: str | None
    minor: str | None
    implementation: str
    owner: str
    prefix: str
    is_on_path: int
    has_ensurepip: int | None


class Venv(NamedTuple):
    """One virtual environment. `environment` is its folder, the key of packages; `file` is pyvenv.cfg (NULL for virtualenv before 20).

    `interpreter` is the program behind its bin/python, after all links (a key of interpreters; NULL where it leads nowhere: has_interpreter 0). `home` and `version` as pyvenv.cfg says;
    `minor` is the version of what would run, `lib_minor` that of the lib folder its packages lie in: where they differ, Python sees none of them.
    `includes_system_site`: as site.py reads it, which takes a missing key as true (3.3 on); `flag_line` is its line. `moved_from` is the folder that bin/activate was written for, where that
    is another one. `owner` is the user who owns the folder. `maker`: venv, virtualenv or uv, by what pyvenv.cfg says.
    """

    environment: str
    file: str | None
    python: str
    interpreter: str | None
    home: str | None
    version: str | None
    minor: str | None
    lib_minor: str | None
    includes_system_site: int | None
    flag_line: int | None
    has_interpreter: int | None
    has_pip: int | None
    moved_from: str | None
    owner: str | None
    maker: str | None
    are_packages_known: int


@table("interpreters", Interpreter)
def collect_interpreters(host: Host, options: RunOptions) -> Iterator[Interpreter | Gap]:
    """Python programs of PATH, of the usual folders, of pyenv, python.org, Homebrew and conda, and the Agent's own; ordered by PATH."""
    on_path, problem = search_path(host)
    if problem:
        yield gap("*", problem, ("is_on_path", "path"))
    folders = [*on_path, *(f for f in _EXTRA_FOLDERS if f not in on_path)]
    for found in [*_versions_folders(host), *_bundled(host, options)]:
        if isinstance(found, Gap):
            yield found
        else:
            folders.append(found)
    seen: set[str] = set()
    for folder in dict.fromkeys(folders):
        try:
            names = names_in(host, folder) or frozenset()
        except Unavailable as error:
            yield gap(folder, error)
            continue
        if "activate" in names and is_venv(host, posixpath.dirname(folder)):
            continue
        for name in sorted(filter(_PYTHON.fullmatch, names), key=lambda n: (n != "python3", n)):
            try:
                real = host.stat(f"{folder}/{name}").target
            except (FileNotFoundError, InputError):
                continue
            except Unavailable as error:
                yield gap(f"{folder}/{name}", error)
                continue
            if real not in seen and _is_python(real):
                seen.add(real)
                yield from _interpreter(host, real, f"{folder}/{name}", folder in on_path)


def _bundled(host: Host, options: RunOptions) -> Iterator[str]:
    """bin folders of Pythons that lie beside apps: conda environments, and whole Pythons unpacked below /opt or a home."""
    for folder in search(host, options, apps_only=bool(options.apps)):
        if isinstance(folder, Folder) and not folder.is_venv and {"bin", "lib"} <= folder.names:
            yield f"{folder.path}/bin"


def is_venv(host: Host, folder: str) -> bool:
    return "pyvenv.cfg" in (names_in(host, folder) or ())


def _is_python(real: str) -> bool:
    """Whether a link's end is a Python (pyenv's and asdf's shims are shell scripts called python, ending in a folder `shims`)."""
    return bool(_PYTHON.fullmatch(posixpath.basename(real))) and not posixpath.dirname(real).endswith("/shims")


def _versions_folders(host: Host) -> Iterator[str | Gap]:
    parents = list(_VERSIONS_FOLDERS)
    for home in open_homes(host):
        if isinstance(home, Gap):
            yield home
        else:
            parents += [
                f"{home}/.pyenv/versions",
                f"{home}/.local/share/uv/python",
                f"{home}/miniconda3/envs",
                f"{home}/anaconda3/envs",
            ]
            yield from (f"{home}/{base}/bin" for base in ("miniconda3", "anaconda3"))
    for parent in parents:
        try:
            names = names_in(host, parent) or frozenset()
        except Unavailable as error:
            yield gap(parent, error)
            continue
        yield from (f"{parent}/{name}/bin" for name in sorted(names))


def _interpreter(host: Host, real: str, path: str, is_on_path: bool) -> Iterator[Interpreter | Gap]:
    folder, name = posixpath.split(real)
    prefix = posixpath.dirname(folder)
    match = _PYTHON.fullmatch(name)
    minor = match[2] if match and match[2] and "." in match[2] else _minor_of_lib(host, prefix)
    version = minor
    full = re.search(r"/(\d+\.\d+\.\d+)(?:_\d+)?/", real)
    if full and (minor is None or full[1].startswith(minor + ".")):
        version, minor = full[1], ".".join(full[1].split(".")[:2])
    library = f"{prefix}/lib/python{minor}"
    try:
        names = (names_in(host, library) or frozenset()) if minor else frozenset()
        has_ensurepip = int("ensurepip" in names) if names else None
    except Unavailable as error:
        has_ensurepip = None
        yield gap(real, error, ("has_ensurepip",))
    implementation = "pypy" if name.startswith("pypy") else "cpython"
    yield Interpreter(real, path, version, minor, implementation, _owner(real), prefix, int(is_on_path), has_ensurepip)


def _minor_of_lib(host: Host, prefix: str) -> str | None:
    """The one python3.X folder in lib; several leave it open."""
    try:
        found = [n[6:] for n in names_in(host, f"{prefix}/lib") or () if re.fullmatch(r"python\d\.\d+", n)]
    except Unavailable:
        return None
    return found[0] if len(found) == 1 else None


def _owner(real: str) -> str:
    for mark, owner in (
        ("/datadog-agent/", "agent"), ("/.pyenv/", "pyenv"), ("/pyenv/versions/", "pyenv"), ("conda", "conda"), ("/Cellar/", "homebrew"), ("/opt/homebrew/", "homebrew"),
        ("/Library/Developer/", "xcode"), ("/Applications/Xcode", "xcode"), ("/System/Library/", "system"), ("/Library/Frameworks/Python.framework/", "python.org"),
    ):  # fmt: skip
        if mark in real:
            return owner
    if real.startswith("/usr/local/"):
        return "local"
    return "system" if real.startswith(("/usr/", "/bin/")) else "other"


# --- virtual environments ---------------------------------------------------------------------------------------------


@table("venvs", Venv)
def collect_venvs(host: Host, vault: Vault, options: RunOptions) -> Iterator[Venv | Gap]:
    """Virtual environments in homes, /vagrant, /srv, /opt, /var/www and around `--app`, ordered as found."""
    for folder in search(host, options):
        if isinstance(folder, Gap):
            yield folder
        elif folder.is_venv:
            yield from _venv(host, vault, folder)


def _venv(host: Host, vault: Vault, folder: Folder) -> Iterator[Venv | Gap]:
    root = folder.path
    settings: dict[str, str] = {}
    flag_line, file, unknown = None, None, []
    if "pyvenv.cfg" in folder.names:
        file = f"{root}/pyvenv.cfg"
        try:
            settings, flag_line = parse_pyvenv(host.read(file, 65536).decode("utf-8", "replace"))
        except (Unavailable, FileNotFoundError, InputError) as error:
            unknown = ["home", "version", "includes_system_site", "flag_line", "maker"]
            if isinstance(error, Unavailable):
                yield gap(root, error, tuple(unknown), "venvs")
    names, libs, owner = frozenset[str](), list[str](), None
    has_pip: int | None = None
    try:
        names = names_in(host, f"{root}/bin") or frozenset()
        has_pip = int(any(n.startswith("pip") for n in names))
        owner = host.stat(root).owner
    except Unavailable as error:
        yield gap(root, error, ("interpreter", "minor", "has_interpreter", "has_pip", "moved_from", "owner"), "venvs")
    try:
        libs = sorted(n[6:] for n in names_in(host, f"{root}/lib") or () if re.fullmatch(r"python\d\.\d+", n))
    except Unavailable as error:
        yield gap(root, error, ("lib_minor",), "venvs")
    has_interpreter, interpreter = _program(host, root, settings.get("home"))
    minor = _minor_of_program(host, interpreter) or _two(settings.get("version"))
    lib_minor = minor if minor in libs else (libs[0] if len(libs) == 1 else None)
    includes: int | None = int(settings.get("include-system-site-packages", "true").lower() == "true")
    if file is None:
        includes = (
            int("no-global-site-packages.txt" not in (names_in(host, f"{root}/lib/python{lib_minor}") or ()))
            if lib_minor
            else None
        )
    try:
        moved_from = _moved_from(host, root) if "activate" in names else None
    except Unavailable as error:
        moved_from = None
        yield gap(root, error, ("moved_from",), "venvs")
    home, version = settings.get("home"), settings.get("version")
    yield Venv(
        root, file, f"{root}/bin/python", interpreter, vault.redact(home) if home else None, vault.redact(version) if version else None, minor, lib_minor,
        None if unknown else includes, flag_line, has_interpreter, has_pip, vault.redact(moved_from) if moved_from else None, owner,
        None if unknown else settings.get("maker", "virtualenv"), int(_listable(host, site_folders_of_venv(root, lib_minor or minor))),
    )  # fmt: skip


def parse_pyvenv(text: str) -> tuple[dict[str, str], int | None]:
    """Keys in lower case → values, as site.py reads them (the last of a key counts), with `version` and `maker` unified; and the line of include-system-site-packages."""
    found: dict[str, str] = {}
    flag_line = None
    for number, line in enumerate(text.split("\n"), 1):
        key, equals, value = line.partition("=")
        if equals:
            name = key.strip().lower()
            found[name] = value.strip()
            if name == "include-system-site-packages":
                flag_line = number
    if "version_info" in found:  # virtualenv 20 and uv write version_info = 3.11.4.final.0
        found.setdefault("version", ".".join(found["version_info"].split(".")[:3]))
    found["maker"] = "uv" if "uv" in found else "virtualenv" if "virtualenv" in found else "venv"
    return found, flag_line


def _program(host: Host, root: str, home: str | None) -> tuple[int | None, str | None]:
    """(does the venv's Python lead to a program, which one after all links). A copied binary stands for the one in `home`."""
    for name in ("python", "python3", "python2"):
        try:
            real = host.stat(f"{root}/bin/{name}").target
        except (FileNotFoundError, InputError):
            continue
        except Unavailable:
            return None, None
        if not real.startswith(root + "/"):
            return 1, real
        return _copied_from(host, real, home)
    return 0, None


def _copied_from(host: Host, copy: str, home: str | None) -> tuple[int | None, str | None]:
    """A copied binary still takes the standard library from `home`; without `home` (virtualenv before 20) it stands alone."""
    if home is None:
        return 1, copy
    try:
        names = names_in(host, home)
    except Unavailable:
        return None, None
    if names is None:
        return 0, None
    for name in (posixpath.basename(copy), "python3", "python", "python2"):
        if name in names:
            try:
                return 1, host.stat(f"{home}/{name}").target
            except (FileNotFoundError, InputError, Unavailable):
                continue
    return None, None


def _minor_of_program(host: Host, real: str | None) -> str | None:
    if real is None:
        return None
    match = _PYTHON.fullmatch(posixpath.basename(real))
    if match and match[2] and "." in match[2]:
        return match[2]
    return _minor_of_lib(host, posixpath.dirname(posixpath.dirname(real)))


def _two(version: str | None) -> str | None:
    match = re.match(r"\d+\.\d+", version or "")
    return match[0] if match else None


def _moved_from(host: Host, root: str) -> str | None:
    """The folder in bin/activate, where it is not this one by another name. None too where it is computed (relocatable ones)."""
    try:
        text = host.read(f"{root}/bin/activate", 65536).decode("utf-8", "replace")
    except (FileNotFoundError, InputError):
        return None
    found = re.search(r"""^\s*(?:export\s+)?VIRTUAL_ENV=(["']?)(/[^"'$`\n]+)\1\s*$""", text, re.M)
    written = found[2].rstrip("/") if found else root
    if written == root:
        return None
    try:
        there, here = host.stat(written), host.stat(root)
    except (FileNotFoundError, InputError):
        return written
    return None if (there.device, there.inode) == (here.device, here.inode) else written


# --- where packages lie ---------------------------------------------------------------------------------------------


def site_folders_of_venv(root: str, minor: str | None) -> list[str]:
    return [f"{root}/{lib}/python{minor}/site-packages" for lib in ("lib", "lib64")] if minor else []


def site_folders_of(interpreter: Interpreter) -> list[str]:
    """Folders on the sys.path of a base interpreter, whether or not they exist. Source: site.py, Debian's and Apple's changes to it."""
    minor, prefix = interpreter.minor, interpreter.prefix
    if minor is None:
        return []
    plain = [f"{prefix}/lib/python{minor}/site-packages", f"{prefix}/lib64/python{minor}/site-packages"]
    if prefix in {"/usr", ""}:
        debian = [f"/usr/local/lib/python{minor}/dist-packages", f"/usr/lib/python{minor}/dist-packages"]
        shared = ["/usr/lib/python3/dist-packages"] if minor.startswith("3") else []
        fedora = [f"/usr/local/lib/python{minor}/site-packages", f"/usr/local/lib64/python{minor}/site-packages"]
        return [
            *debian,
            *shared,
            *fedora,
            f"/usr/lib/python{minor}/site-packages",
            f"/usr/lib64/python{minor}/site-packages",
            f"/Library/Python/{minor}/site-packages",
        ]
    if interpreter.owner == "system":
        return [f"/Library/Python/{minor}/site-packages", f"{prefix}/Extras/lib/python", *plain]
    if interpreter.owner in {"xcode", "homebrew"}:
        extra = {
            "xcode": f"/Library/Python/{minor}/site-packages",
            "homebrew": f"/opt/homebrew/lib/python{minor}/site-packages",
        }[interpreter.owner]
        return [
            extra,
            *([f"/usr/local/lib/python{minor}/site-packages"] if interpreter.owner == "homebrew" else []),
            *plain,
        ]
    return plain


def user_site(home: str, minor: str) -> str:
    """Where `pip install --user` puts packages."""
    return (
        f"{home}/Library/Python/{minor}/lib/python/site-packages"
        if home.startswith("/Users/")
        else f"{home}/.local/lib/python{minor}/site-packages"
    )


def _listable(host: Host, folders: list[str]) -> bool:
    try:
        for folder in folders:
            names_in(host, folder)
    except Unavailable:
        return False
    return True
