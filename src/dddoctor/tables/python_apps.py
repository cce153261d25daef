"""Python web apps on this host, and how they are started: read as text, never imported."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, table
from dddoctor.tables._python_places import Folder, gap, names_in, search

if TYPE_CHECKING:
    from dddoctor.tables._python_sight import Sight
    from dddoctor.tables.python_env import Interpreter, Venv
    from dddoctor.tables.python_packages import Script

SOURCE_LIMIT_BYTES = 512 * 1024
FILES_LIMIT = 200  # Python files of one folder that are looked into
_ENTRY_NAMES = ("app.py", "wsgi.py", "application.py", "main.py", "run.py", "server.py", "manage.py", "__init__.py")
_VENV_PARTS = {
    "bin",
    "lib",
    "lib64",
    "include",
    "share",
    "Scripts",
    "Include",
    "Lib",
    "man",
    "local",
    "etc",
    "src",
    "pyvenv.cfg",
    "pip-selfcheck.json",
}
_BLOCKS = {
    "if",
    "try",
    "for",
    "while",
    "with",
    "def",
    "class",
    "else",
    "except",
    "finally",
    "elif",
    "async",
    "match",
    "case",
}
_REQUIREMENTS = lazy(r"requirements.*\.txt|pyproject\.toml|Pipfile|setup\.cfg|environment\.ya?ml")
_NAMES_DDTRACE = lazy(r"""(?:^|["'\s\[,;])ddtrace(?:$|[\s"'\],;=<>!~\[])""")


class App(NamedTuple):
    """One folder with a Python app: a source file in it imports flask or ddtrace. A package's app is the folder above the package.

    `app` is the folder, the key of the other tables; `file` its entry (the most likely one: app.py, wsgi.py, …, or the one that calls Flask(…)), `line` its first import of flask or
    ddtrace. `venv` is the virtual environment that the folder lies inside of, NULL where it does not. `is_named`: --app named it. `wanted_file` and `wanted_line`: where the app itself
    asks for ddtrace (an import outside of any block, a requirements file), NULL where nothing does.
    """

    app: str
    file: str
    line: int
    framework: str | None
    home: str | None
    venv: str | None
    is_named: int
    wanted_file: str | None
    wanted_line: int | None


class Launch(NamedTuple):
    """One way an app is started, as a file says it: a systemd unit, a Procfile, a shell script beside the app, a shell's history; or `shell`, which is what typing
    `ddtrace-run python3 app.py` would run now, by PATH.

    `python` is the program that runs the app and `environment` where its packages lie; `ddtrace_run` and `ddtrace_environment` the same for ddtrace-run. NULL where the command names none,
    or where it cannot be found. `is_traced`: the command begins with ddtrace-run. `is_bare`: it names programs without a folder, so which ones run depends on the PATH of that moment (an
    active venv, say). `has_ddtrace`: the environment that runs the app can import it.
    """

    app: str
    file: str | None
    line: int | None
    origin: str
    python: str | None
    environment: str | None
    ddtrace_run: str | None
    ddtrace_environment: str | None
    is_traced: int
    is_bare: int
    has_ddtrace: int | None


class Import(NamedTuple):
    """One module that a source file imports: its first part, the line, and whether it stands in a block (a function, a try, an if)."""

    module: str
    line: int
    is_conditional: bool


# --- apps -------------------------------------------------------------------------------------------------------------


@table("apps", App)
def collect_apps(host: Host, options: RunOptions) -> Iterator[App | Gap]:
    """Apps of `--app`, else of homes, /vagrant, /srv, /opt, /var/www and /app, two levels down."""
    found: dict[str, App] = {}
    for folder in search(host, options, apps_only=True):
        if isinstance(folder, Gap):
            yield folder
            continue
        for part, venv in _parts(host, folder):
            for row in _app(host, part, folder.home, venv, options):
                if isinstance(row, Gap):
                    yield row
                elif row.app not in found or _rank(row) < _rank(found[row.app]):
                    found[row.app] = _asking(row, found.get(row.app))
    yield from found.values()


def _rank(row: App) -> tuple[int, int]:
    """Flask apps before mere users of ddtrace, likely entry names first."""
    name = posixpath.basename(row.file)
    return (int(row.framework is None), _ENTRY_NAMES.index(name) if name in _ENTRY_NAMES else len(_ENTRY_NAMES))


def _asking(row: App, other: App | None) -> App:
    """The app, with the place that asks for ddtrace taken from `other` where it has none itself."""
    return (
        row._replace(wanted_file=other.wanted_file, wanted_line=other.wanted_line)
        if other and other.wanted_file and not row.wanted_file
        else row
    )


def _parts(host: Host, folder: Folder) -> Iterator[tuple[Folder, str | None]]:
    """The folder itself; of a venv also the folders that are no part of it (the old habit of a project inside its environment)."""
    if not folder.is_venv:
        yield folder, None
        return
    yield folder, folder.path
    for name in sorted(folder.names - _VENV_PARTS):
        if "." not in name:
            try:
                names = names_in(host, f"{folder.path}/{name}")
            except Unavailable:
                continue
            if names:
                yield Folder(f"{folder.path}/{name}", names, folder.home, False), folder.path


def _app(host: Host, folder: Folder, home: str | None, venv: str | None, options: RunOptions) -> Iterator[App | Gap]:
    sources = sorted(n for n in folder.names if n.endswith(".py") and not _is_test(n))
    if len(sources) > FILES_LIMIT:
        yield Gap(folder.path, Kind.TOOL, f"more than {FILES_LIMIT} Python files: the rest was not read", "")
    best: App | None = None
    app = posixpath.dirname(folder.path) if "__init__.py" in folder.names else folder.path
    named = any(app == p or app.startswith(p + "/") for p in ("/" + a.strip("/") for a in options.apps))
    for name in sorted(sources, key=lambda n: (n not in _ENTRY_NAMES, n))[:FILES_LIMIT]:
        file = f"{folder.path}/{name}"
        try:
            data = host.read(file, SOURCE_LIMIT_BYTES)
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            yield gap(file, error)
            continue
        if b"flask" not in data and b"ddtrace" not in data:
            continue
        text = data.decode("utf-8", "replace")
        imports = imports_of(text)
        first = next((i for i in imports if i.module in {"flask", "ddtrace"}), None)
        if first is None:
            continue
        framework = "flask" if any(i.module == "flask" for i in imports) else None
        traced = next((i for i in imports if i.module == "ddtrace" and not i.is_conditional), None)
        row = App(
            app,
            file,
            first.line,
            framework,
            home,
            venv,
            int(named),
            file if traced else None,
            traced.line if traced else None,
        )
        if best is None or (_rank(row), "Flask(" not in text) < (_rank(best), False):
            best = _asking(row, best)
        else:
            best = _asking(best, row)
    if best is None:
        return
    if not best.wanted_file:
        yield from _required(host, folder, best)
    else:
        yield best


def _required(host: Host, folder: Folder, row: App) -> Iterator[App | Gap]:
    """The app, with the line of a requirements file that names ddtrace."""
    for name in sorted(filter(_REQUIREMENTS.fullmatch, folder.names)):
        file = f"{folder.path}/{name}"
        try:
            lines = host.read(file, SOURCE_LIMIT_BYTES).decode("utf-8", "replace").split("\n")
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            yield gap(file, error, ("wanted_file", "wanted_line"), "apps")
            yield gap(
                file,
                error,
                ("wants_tracing", "wanted_file", "wanted_line", "is_used", "ddtrace_elsewhere"),
                "app_environments",
            )
            continue
        line = next(
            (n for n, text in enumerate(lines, 1) if not text.lstrip().startswith("#") and _NAMES_DDTRACE.search(text)),
            None,
        )
        if line:
            yield row._replace(wanted_file=file, wanted_line=line)
            return
    yield row


def _is_test(name: str) -> bool:
    return name.startswith("test_") or name.endswith("_test.py") or name in ("conftest.py", "setup.py")


def imports_of(text: str) -> list[Import]:
    """Absolute imports in order. Works on Python 2 and on files with errors, as far as their tokens go (ast would warn, and know one version only)."""
    from dddoctor.pytext.scan import logical_lines

    found: list[Import] = []
    for statement in logical_lines(text):
        words: list[str] = []
        start, is_block = statement.start, statement.start > statement.line_start
        for token in statement.tokens:
            if words and token.kind == "op" and (token.text == ";" or (token.text == ":" and words[0] in _BLOCKS)):
                found += _imported(words, text, start, is_block)
                is_block = is_block or token.text == ":"
                words = []
            elif token.kind in ("name", "op"):
                start = start if words else token.start
                words.append(token.text)
        found += _imported(words, text, start, is_block)
    return found


def _imported(words: list[str], text: str, start: int, is_conditional: bool) -> list[Import]:
    """The modules of one simple statement, as its words."""
    if words[:1] not in (["from"], ["import"]):
        return []
    line = text.count("\n", 0, start) + 1
    if words[0] == "from":
        return [Import(words[1], line, is_conditional)] if len(words) > 1 and words[1].isidentifier() else []
    parts = "".join(f" {w} " if w == "as" else w for w in words[1:]).split(",")
    names = [p.split(" as ")[0].split(".")[0].strip("() ") for p in parts]
    return [Import(n, line, is_conditional) for n in names if n.isidentifier()]


# --- how they are started ---------------------------------------------------------------------------------------------


@table("launches", Launch, of="apps")
def collect_launches(
    host: Host, vault: Vault, apps: list[App], interpreters: list[Interpreter], venvs: list[Venv], scripts: list[Script]
) -> Iterator[Launch | Gap]:
    """Command lines of units, Procfiles, scripts beside an app, and histories; then what PATH gives a shell. Those that belong to no app are left out."""
    if not apps:
        return
    look = _Lookup(host, vault, interpreters, venvs, scripts)
    yield from _unit_launches(look, apps)
    for app in apps:
        try:
            names = names_in(host, app.app) or frozenset()
        except Unavailable:
            continue  # the app's own row came from this folder, or is a gap already
        for name in sorted(n for n in names if n == "Procfile" or n.endswith(".sh")):
            yield from _text_launches(look, f"{app.app}/{name}", "procfile" if name == "Procfile" else "script", [app])
    for home in sorted({a.home for a in apps if a.home}):
        for name in (".bash_history", ".zsh_history"):
            yield from _text_launches(look, f"{home}/{name}", "history", [a for a in apps if a.home == home])
    for app in apps:
        yield from look.shell(app)
    yield from (gap(path, error) for path, error in look.unread.items())


class _Lookup:
    """Finds the programs that a command line names."""

    def __init__(
        self, host: Host, vault: Vault, interpreters: list[Interpreter], venvs: list[Venv], scripts: list[Script]
    ) -> None:
        self.host, self.vault, self.interpreters, self.venvs = host, vault, interpreters, venvs
        self._sights: dict[str | None, dict[str, Sight]] = {}
        self.unread: dict[str, Unavailable] = {}
        self.first = {s.name: s for s in scripts if s.is_first}
        self.by_path = {s.path: s for s in scripts}

    def program(self, word: str, folder: str) -> tuple[str | None, str | None]:
        """(path, environment) of a program as a shell in `folder` finds it; of a script, the environment of its first line."""
        script = (
            self.by_path.get(posixpath.normpath(posixpath.join(folder, word))) if "/" in word else self.first.get(word)
        )
        if script:
            self._note(script)
            return script.path, script.environment
        if "/" not in word:
            return None, None
        path = posixpath.normpath(posixpath.join(folder, word))
        root = posixpath.dirname(posixpath.dirname(path))
        from dddoctor.tables.python_packages import environment_of

        try:
            return self.vault.redact(path), environment_of(self.host, path, self.venvs)
        except (FileNotFoundError, InputError, Unavailable):
            return self.vault.redact(path), root if any(v.environment == root for v in self.venvs) else None

    def _note(self, script: Script) -> None:
        """Keep why the first line of a script is not known."""
        if script.environment is None:
            try:
                self.host.read(script.path)
            except Unavailable as error:
                self.unread[script.path] = error
            except (FileNotFoundError, InputError):
                pass

    def has_ddtrace(self, environment: str | None, home: str | None) -> int | None:
        if home not in self._sights:
            from dddoctor.tables._python_sight import sights_of

            self._sights[home] = {s.environment: s for s in sights_of(self.host, home, self.interpreters, self.venvs)}
        sight = self._sights[home].get(environment or "")
        return sight.has("ddtrace") if sight else None

    def shell(self, app: App) -> Iterator[Launch]:
        """What `ddtrace-run python3 FILE` and `ddtrace-run python FILE` would run. Left out where one of the two fits: then that is the one to type."""
        run = self.first.get("ddtrace-run")
        if run:
            self._note(run)
        pythons = [self.first[name] for name in ("python3", "python") if name in self.first]
        for python in pythons:
            self._note(python)
        if any(python.path in self.unread for python in pythons):
            return  # one of them may fit
        if run and run.environment and all(p.environment != run.environment for p in pythons):
            for python in pythons:
                traced = self.has_ddtrace(python.environment, app.home)
                yield Launch(
                    app.app,
                    None,
                    None,
                    "shell",
                    python.path,
                    python.environment,
                    run.path,
                    run.environment,
                    1,
                    1,
                    traced,
                )


def _unit_launches(look: _Lookup, apps: list[App]) -> Iterator[Launch | Gap]:
    people = sorted({f"{a.home}/.config/systemd/user" for a in apps if a.home})
    for folder in ("/etc/systemd/system", *people):
        try:
            names = names_in(look.host, folder) or frozenset()
        except Unavailable as error:
            yield gap(folder, error)
            continue
        for name in sorted(n for n in names if n.endswith(".service")):
            file = f"{folder}/{name}"
            try:
                text = look.host.read(file, SOURCE_LIMIT_BYTES).decode("utf-8", "replace")
            except (FileNotFoundError, InputError):
                continue
            except Unavailable as error:
                yield gap(file, error)
                continue
            yield from _unit(look, file, text, apps)


def _unit(look: _Lookup, file: str, text: str, apps: list[App]) -> Iterator[Launch]:
    working = "/"
    for line in text.split("\n"):
        if line.startswith("WorkingDirectory="):
            working = line.partition("=")[2].strip().lstrip("-") or "/"
    for number, line in enumerate(text.split("\n"), 1):
        key, _, value = line.partition("=")
        if key.strip() == "ExecStart" and value.strip():
            yield from _command(look, file, number, "unit", value.strip().lstrip("-@:+!"), working, apps)


def _text_launches(look: _Lookup, file: str, origin: str, apps: list[App]) -> Iterator[Launch | Gap]:
    try:
        text = look.host.read(file, SOURCE_LIMIT_BYTES).decode("utf-8", "replace")
    except (FileNotFoundError, InputError):
        return
    except Unavailable as error:
        yield gap(file, error)
        return
    seen: set[Launch] = set()
    for number, line in enumerate(text.split("\n"), 1):
        line = re.sub(r"^: \d+:\d+;", "", line).strip()  # zsh writes the time before the command
        if line.startswith("#") or not ("ddtrace-run" in line or origin != "history"):
            continue
        if origin == "procfile":
            line = line.partition(":")[2].strip()
        for row in _command(look, file, number, origin, line, None, apps):
            if row._replace(line=None) not in seen:
                seen.add(row._replace(line=None))
                yield row


def _command(
    look: _Lookup, file: str, line: int, origin: str, text: str, working: str | None, apps: list[App]
) -> Iterator[Launch]:
    """The launch of one command line, where it starts Python and belongs to an app."""
    import shlex

    try:
        words = shlex.split(text, comments=origin == "script")
    except ValueError:
        return
    if words and posixpath.basename(words[0]) in {"sh", "bash"} and "-c" in words[:-1]:
        inner = words[words.index("-c") + 1]
        entered = re.search(r"(?:source|\.)\s+(\S+)/bin/activate", inner)
        part = re.split(r"&&|;", inner)[-1].strip()
        try:
            words = shlex.split(part.removeprefix("exec "))
        except ValueError:
            return
        if entered and words and "/" not in words[0]:
            words = [
                f"{entered[1]}/bin/{w}" if w in {"python", "python3", "flask", "gunicorn", "ddtrace-run"} else w
                for w in words
            ]
    while words and (
        "=" in words[0] and re.match(r"[A-Za-z_]\w*=", words[0]) or words[0] in {"exec", "sudo", "nohup", "env", "time"}
    ):
        words = words[1:]
    if not words:
        return
    owners = _owners(words, working, apps)
    is_traced = posixpath.basename(words[0]) == "ddtrace-run"
    run = words[0] if is_traced else None
    rest = words[1:] if is_traced else words
    while is_traced and rest and rest[0].startswith("-"):
        rest = rest[1:]
    target = rest[0] if rest else None
    if target is None or not re.fullmatch(
        r"python[\d.]*|flask|gunicorn|uwsgi|celery|hypercorn|waitress-serve", posixpath.basename(target)
    ):
        return
    for app in owners:
        folder = working or app.app
        python, environment = look.program(target, folder)
        run_path, run_environment = look.program(run, folder) if run else (None, None)
        is_bare = "/" not in target and (run is None or "/" not in run)
        yield Launch(
            app.app,
            file,
            line,
            origin,
            python,
            environment,
            run_path,
            run_environment,
            int(is_traced),
            int(is_bare),
            look.has_ddtrace(environment, app.home),
        )


def _owners(words: Iterable[str], working: str | None, apps: list[App]) -> list[App]:
    """The apps that a command line starts: by the folder it runs in, a path in it, or the name of the entry file; a single app of a home owns its history."""
    if working is not None:
        by_folder = [
            a
            for a in apps
            if working.rstrip("/") == a.app or any(w.startswith(a.app + "/") and w.endswith(".py") for w in words)
        ]
        return by_folder[:1] or [a for a in apps if any(w.startswith(f"{a.app}/") for w in words)][:1]
    named = [
        a for a in apps if any(w.endswith(".py") and posixpath.basename(w) == posixpath.basename(a.file) for w in words)
    ]
    return named[:1] if named else apps if len(apps) == 1 else []
