"""Which environment runs each app, and what it imports that is not there: joined from apps, launches, venvs and interpreters, and folder listings."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables._python_places import gap, names_in
from dddoctor.tables._python_sight import PACKAGES, Sight, sights_of
from dddoctor.tables.python_apps import SOURCE_LIMIT_BYTES, App, Launch, imports_of
from dddoctor.tables.python_env import Interpreter, Venv

# Modules of older standard libraries that this Python no longer has: Python 2's, and those that 3.12 and 3.13 dropped.
_OLD_STANDARD = frozenset({
    "urllib2", "urlparse", "ConfigParser", "Queue", "StringIO", "cStringIO", "cPickle", "commands", "httplib", "cookielib", "HTMLParser", "thread", "sets", "md5", "sha",
    "imp", "asynchat", "asyncore", "distutils", "smtpd", "aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "mailcap", "msilib", "nis", "nntplib",
    "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib", "lib2to3", "__builtin__",
})  # fmt: skip
_CHANGES_PATH = lazy(r"\bsys\s*\.\s*path\b|\baddsitedir\b|\bpkgutil\.extend_path\b")
_VENV_NAME = lazy(r"\.?(?:v|virtual)?env(?:[\d._-].*)?|.*[._-]v?env")
_UNKNOWN = (
    "environment", "python", "is_venv", "has_flask", "has_ddtrace", "flask_elsewhere", "ddtrace_elsewhere", "complete_elsewhere", "uses_inherited", "install_into", "is_elsewhere_known",
    "is_found", "found_in", "elsewhere",
)  # fmt: skip
LOCAL_FILES_LIMIT = 30
PRELOAD = "/etc/ld.so.preload"


class AppEnvironment(NamedTuple):
    """The environment that runs an app. One row an app.

    `environment` is a key of venvs or interpreters, `python` the program to type. `chosen_by`: unit, procfile or script (a command line says it), inside (the app lies in the venv), beside
    (a venv in the app's folder), active (VIRTUAL_ENV of the person), near (a venv next to the folder or in the same home that has what the app imports), path (an installed Python), container
    (a Dockerfile builds it, and nothing starts it here: environment NULL), hidden (a folder in the app's that may be its venv could not be looked into: environment NULL).
    `is_used`: something beside the imports says that the app is meant to run here (--app, a command line, a venv in its folder, a wish for ddtrace).
    `has_flask`, `has_ddtrace`: visible there, NULL = unknown. `flask_elsewhere`, `ddtrace_elsewhere`: another environment that has it, the best known first; for ddtrace the venvs of other
    projects and the Agent's own Python are left out unless this app asks for it. `complete_elsewhere`: another that has all that the app imports, where this one has not.
    `imports_ddtrace`: the app does not start without it. `uses_inherited`: something that it needs is there only by include-system-site-packages. `wants_tracing`, `wanted_file`,
    `wanted_line`: an import, a requirements file or a command line asks for ddtrace. `install_into`: the venv that pip can repair; NULL for an installed Python and a venv without one.
    `is_elsewhere_known`: 0 where `ddtrace_elsewhere` is NULL and an environment that counts for it could not be looked into.
    `is_injected`: /etc/ld.so.preload names Datadog's launcher, which gives every Python a ddtrace of its own (single-step instrumentation).
    """

    app: str
    file: str
    environment: str | None
    python: str | None
    chosen_by: str
    is_venv: int
    is_used: int
    has_flask: int | None
    has_ddtrace: int | None
    flask_elsewhere: str | None
    ddtrace_elsewhere: str | None
    complete_elsewhere: str | None
    imports_ddtrace: int
    uses_inherited: int
    wants_tracing: int
    wanted_file: str | None
    wanted_line: int | None
    install_into: str | None
    is_injected: int | None
    is_elsewhere_known: int


class AppImport(NamedTuple):
    """One module that an app imports, in its entry file or in a file of its own folder that this one imports.

    `package` is what pip calls it, for a known set (NULL else). `is_conditional`: in a function, a try or an if. `is_found` in the app's environment (NULL = unknown: a folder could not be
    listed, or the code changes sys.path); 1 for the standard library and the app's own files. `found_in`: the environment; `elsewhere`: another one that has it, where this one does not.
    `hidden_by`: a file of the app itself that is called like one of the known packages, and so is imported in its place.
    """

    app: str
    file: str
    line: int
    module: str
    package: str | None
    is_conditional: int
    is_standard: int
    is_local: int
    is_found: int | None
    found_in: str | None
    elsewhere: str | None
    hidden_by: str | None


class _Wanted(NamedTuple):
    """An import of an app, resolved as far as its own files go."""

    file: str
    line: int
    module: str
    is_conditional: bool
    is_standard: bool
    is_local: bool
    hidden_by: str | None


@table("app_environments", AppEnvironment)
@table("app_imports", AppImport, of="apps")
def collect(
    host: Host, apps: list[App], launches: list[Launch], interpreters: list[Interpreter], venvs: list[Venv]
) -> Iterator[AppEnvironment | AppImport | Gap]:
    """Each app with its environment, then its imports."""
    if not apps:
        return
    try:
        active = host.environ().get("VIRTUAL_ENV")
    except Unavailable:
        active = None
    chosen = []
    for app in apps:
        wanted, is_open, problems = _imports(host, app)
        for file, error in problems:
            yield gap(file, error, None, "app_imports")
        sights = sights_of(host, app.home, interpreters, venvs)
        sight, why = _choose(app, launches, sights, wanted, active)
        hidden = _hidden_venv(host, app) if why in {"near", "path"} else None
        if hidden is not None:
            sight, why = None, "hidden"
            yield gap(app.file, hidden, _UNKNOWN)
        chosen.append((app, wanted, is_open, sights, sight, why))
    injected = None
    try:
        injected = int(b"datadog" in host.read(PRELOAD, 65536))
    except (FileNotFoundError, InputError):
        injected = 0
    except Unavailable as error:
        yield gap(PRELOAD, error, ("is_injected",), "app_environments")
    used = {sight.environment for _, _, _, _, sight, _ in chosen if sight}
    for app, wanted, is_open, sights, sight, why in chosen:
        yield from _rows(host, app, launches, wanted, is_open, sights, sight, why, used, injected)


# --- choosing ---------------------------------------------------------------------------------------------------------


def _choose(
    app: App, launches: list[Launch], sights: list[Sight], wanted: list[_Wanted], active: str | None
) -> tuple[Sight | None, str]:
    """(the environment that runs the app, how that is known)."""
    by_key = {s.environment: s for s in sights}
    for launch in launches:
        # A script that says `python` means whatever was active when it ran.
        if (
            launch.app == app.app
            and (launch.origin == "unit" or launch.origin in {"procfile", "script"} and not launch.is_bare)
            and launch.environment in by_key
        ):
            return by_key[launch.environment], launch.origin
    modules = _needed(wanted)
    if app.venv in by_key:
        return by_key[app.venv], "inside"
    venvs = [s for s in sights if s.venv]
    is_shared = app.app in {
        app.home,
        "/srv",
        "/opt",
        "/var/www",
        "/",
    }  # a folder of many things: a venv there may be another's
    beside = _best([s for s in venvs if posixpath.dirname(s.environment) == app.app], modules)
    if beside and not is_shared:
        return beside, "beside"
    if app.is_named and active and active in by_key:
        return by_key[active], "active"
    above = app.app if is_shared else posixpath.dirname(app.app)
    near = [s for s in venvs if posixpath.dirname(s.environment) == above] or [
        s for s in venvs if app.home and s.environment.startswith(app.home + "/")
    ]
    best = _best(near, modules)
    installed = [s for s in sights if not s.venv and s.owner != "agent"]
    if best and _count(best, modules) and not any(_count(s, modules) > _count(best, modules) for s in installed):
        return best, "near"
    if best and len(near) == 1 and not any(_count(s, modules) for s in installed):
        return best, "near"
    return _best(installed, modules), "path"


def _hidden_venv(host: Host, app: App) -> Unavailable | None:
    """Why a folder of the app's that is called like a venv could not be looked into."""
    try:
        names = [n for n in names_in(host, app.app) or () if _VENV_NAME.fullmatch(n)]
    except Unavailable as error:
        return error
    for name in sorted(names):
        try:
            names_in(host, f"{app.app}/{name}")
        except Unavailable as error:
            return error
    return None


def _needed(wanted: list[_Wanted]) -> set[str]:
    """Modules that an environment must have for the app to start."""
    return {w.module for w in wanted if not w.is_conditional and not w.is_standard and not w.is_local}


def _best(sights: list[Sight], modules: set[str]) -> Sight | None:
    """The one that has most of the modules; of equals one that has a Python, then the first."""
    return max(sights, key=lambda s: (_count(s, modules), not s.venv or s.venv.has_interpreter != 0), default=None)


def _count(sight: Sight, modules: set[str]) -> int:
    return sum(sight.has(m) == 1 for m in modules)


# --- imports ----------------------------------------------------------------------------------------------------------


def _imports(host: Host, app: App) -> tuple[list[_Wanted], bool, list[tuple[str, Unavailable]]]:
    """(imports of the entry and of the app's own files that it imports, whether the code changes sys.path, files that could not be read)."""
    found: list[_Wanted] = []
    problems: list[tuple[str, Unavailable]] = []
    todo, seen, is_open = [app.file], set[str](), False
    local = _local_names(host, app)
    while todo and len(seen) < LOCAL_FILES_LIMIT:
        file = todo.pop(0)
        if file in seen:
            continue
        seen.add(file)
        try:
            text = host.read(file, SOURCE_LIMIT_BYTES).decode("utf-8", "replace")
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            problems.append((file, error))
            continue
        is_open = is_open or bool(("path" in text or "addsitedir" in text) and _CHANGES_PATH.search(text))
        for one in imports_of(text):
            standard = one.module in sys.stdlib_module_names or one.module in _OLD_STANDARD
            is_local = not standard and one.module in local
            hidden_by = local[one.module] if is_local and one.module in PACKAGES else None
            found.append(_Wanted(file, one.line, one.module, one.is_conditional, standard, is_local, hidden_by))
            if is_local and not one.is_conditional:
                todo += [
                    f"{folder}/{one.module}{end}"
                    for folder in (posixpath.dirname(app.file), app.app)
                    for end in (".py", "/__init__.py")
                ]
    return found, is_open, problems


def _local_names(host: Host, app: App) -> dict[str, str | None]:
    """Modules in the folders that Python searches first, the entry file's and, for `python -m` and flask, the app's: name → its .py file, None for folders and compiled modules."""
    found: dict[str, str | None] = {}
    for folder in (app.app, posixpath.dirname(app.file)):
        try:
            names = names_in(host, folder) or frozenset()
        except Unavailable:
            continue
        found.update({n.split(".")[0]: None for n in names if "." not in n or n.endswith(".so")})
        found.update({n[:-3]: f"{folder}/{n}" for n in names if n.endswith(".py")})
    return {
        name: file
        for name, file in found.items()
        if file or name not in {posixpath.basename(app.venv or ""), "venv", "env"}
    }


# --- rows -------------------------------------------------------------------------------------------------------------


def _rows(
    host: Host,
    app: App,
    launches: list[Launch],
    wanted: list[_Wanted],
    is_open: bool,
    sights: list[Sight],
    sight: Sight | None,
    why: str,
    used: set[str],
    injected: int | None,
) -> Iterator[AppEnvironment | AppImport | Gap]:
    mine = [x for x in launches if x.app == app.app and x.origin != "shell"]
    in_container = _has_container_file(host, app.app)
    if in_container and why == "path" and not any(x.origin in {"unit", "history"} for x in mine):
        sight, why = None, "container"
    traced = next((x for x in mine if x.is_traced), None)
    wanted_file, wanted_line = (
        (app.wanted_file, app.wanted_line) if app.wanted_file or not traced else (traced.file, traced.line)
    )
    others = [s for s in sights if s is not sight and s.owner != "agent"] + [
        s for s in sights if s is not sight and s.owner == "agent"
    ]
    free = (
        others
        if wanted_file
        else [
            s for s in others if s.owner != "agent" and (not s.venv or (_is_near(s, app) and s.environment not in used))
        ]
    )
    has_flask, has_ddtrace = (sight.has("flask"), sight.has("ddtrace")) if sight else (None, None)
    venv = sight.venv if sight else None
    modules = _needed(wanted)
    started = [x for x in mine if x.origin in {"unit", "history"} or (x.environment and not in_container)]
    is_used = bool(app.is_named or started or (not in_container and (wanted_file or why in {"inside", "beside"})))
    can_install = (
        venv is not None and venv.has_interpreter == 1 and (venv.lib_minor is None or venv.lib_minor == venv.minor)
    )
    ddtrace_elsewhere = _first_with(free, "ddtrace") if has_ddtrace == 0 else None
    yield AppEnvironment(
        app.app, app.file, sight.environment if sight else None, sight.python if sight else None, why, int(venv is not None), int(is_used), has_flask, has_ddtrace,
        _first_with(others, "flask") if has_flask == 0 else None, ddtrace_elsewhere,
        next((s.environment for s in others if _count(s, modules) == len(modules)), None) if sight and _count(sight, modules) < len(modules) else None,
        int("ddtrace" in modules), int(bool(sight and any(sight.inherits(m) for m in modules))), int(wanted_file is not None), wanted_file, wanted_line,
        venv.environment if venv and can_install else None, injected, int(has_ddtrace != 0 or ddtrace_elsewhere is not None or not any(s.problem for s in free)),
    )  # fmt: skip
    if sight and sight.problem:
        yield gap(
            app.file,
            sight.problem,
            (
                "has_flask",
                "has_ddtrace",
                "is_found",
                "flask_elsewhere",
                "ddtrace_elsewhere",
                "complete_elsewhere",
                "elsewhere",
            ),
        )
    elif sight and sight.is_open and None in {has_flask, has_ddtrace}:
        yield Gap(
            app.file,
            Kind.TARGET,
            f"{sight.environment}: code decides at start what can be imported there",
            "",
            ("has_flask", "has_ddtrace", "is_found"),
        )
    hidden = next((s.problem for s in others if s.problem), None)
    if hidden and 0 in {has_flask, has_ddtrace}:
        yield gap(app.file, hidden, ("flask_elsewhere", "ddtrace_elsewhere", "complete_elsewhere", "elsewhere"))
    seen: set[tuple[str, bool]] = set()
    for one in wanted:
        if (one.module, one.is_conditional) in seen:
            continue
        seen.add((one.module, one.is_conditional))
        own = one.is_standard or one.is_local
        there = 1 if own else sight.has(one.module) if sight else None
        if there == 0 and is_open:
            there = None
        yield AppImport(
            app.app, one.file, one.line, one.module, PACKAGES.get(one.module), int(one.is_conditional), int(one.is_standard), int(one.is_local), there,
            sight.environment if there and sight and not own else None, _first_with(others, one.module) if there == 0 else None, one.hidden_by,
        )  # fmt: skip


def _has_container_file(host: Host, folder: str) -> bool:
    """Whether the app is built into an image: then this host's Pythons say little about it."""
    for place in (folder, posixpath.dirname(folder)):
        try:
            names = names_in(host, place) or frozenset()
        except Unavailable:
            continue
        if any(n == "Dockerfile" or n.startswith(("Dockerfile.", "docker-compose", "compose.y")) for n in names):
            return True
    return False


def _is_near(sight: Sight, app: App) -> bool:
    """A venv in the app's folder or next to it. Those of other projects say nothing about this one."""
    return posixpath.dirname(sight.environment) in {app.app, posixpath.dirname(app.app)}


def _first_with(sights: list[Sight], module: str) -> str | None:
    return next((s.environment for s in sights if s.has(module) == 1), None)
