"""What a Python environment can import, by listing the folders of its sys.path."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.tables._python_places import names_in
from dddoctor.tables.python_env import Interpreter, Venv, site_folders_of, site_folders_of_venv, user_site
from dddoctor.tables.python_packages import parse_dist

# What pip calls the packages whose modules have another name; and the few that the doctor itself would install.
PACKAGES = {
    "flask": "flask", "ddtrace": "ddtrace", "datadog": "datadog", "requests": "requests", "sqlalchemy": "sqlalchemy", "flask_sqlalchemy": "flask-sqlalchemy", "flask_cors": "flask-cors",
    "flask_login": "flask-login", "flask_migrate": "flask-migrate", "pymysql": "pymysql", "yaml": "pyyaml", "dotenv": "python-dotenv", "redis": "redis", "gunicorn": "gunicorn",
    "jinja2": "jinja2", "werkzeug": "werkzeug", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "bs4": "beautifulsoup4", "dateutil": "python-dateutil", "flask_restful": "flask-restful",
}  # fmt: skip
_HARMLESS_PTH = lazy(r"distutils-precedence|_virtualenv|a1_coverage|.*-nspkg")


class Sight:
    """What one environment can import: names in the folders of its sys.path, its own and those it inherits."""

    def __init__(
        self,
        host: Host,
        environment: str,
        python: str,
        owner: str,
        folders: Sequence[str],
        inherited: Sequence[str],
        venv: Venv | None,
    ) -> None:
        self.environment, self.python, self.owner, self.venv = environment, python, owner, venv
        self._host, self._folders, self._inherited = host, folders, inherited
        self._names: set[str] | None = None
        self._own: set[str] = set()
        self.problem: Unavailable | None = None
        self.is_open = False  # code decides what can be imported (an editable install's finder)

    def has(self, module: str) -> int | None:
        """1, 0, or None where that cannot be known."""
        if self._names is None:
            self._names = set()
            for folder in self._folders:
                self._list(folder)
            self._own = set(self._names)
            for folder in self._inherited:
                self._list(folder)
        if module in self._names:
            return 1
        return None if self.problem or self.is_open else 0

    def inherits(self, module: str) -> bool:
        """Whether the module is there, and only through include-system-site-packages."""
        return self.has(module) == 1 and module not in self._own

    def _list(self, folder: str) -> None:
        assert self._names is not None
        try:
            names = names_in(self._host, folder) or frozenset()
            for name in names:
                self._names.add(name.split(".")[0])
                if name.endswith((".dist-info", ".egg-info")) and parse_dist(name):
                    self._names |= {m for m, p in PACKAGES.items() if p == (parse_dist(name) or ("",))[0]}
            for name in sorted(n for n in names if n.endswith((".pth", ".egg-link"))):
                self._follow(f"{folder}/{name}", folder)
        except Unavailable as error:
            self.problem = error

    def _follow(self, file: str, folder: str) -> None:
        """Folders that a .pth file adds. A line of code in one may add anything."""
        assert self._names is not None
        if _HARMLESS_PTH.fullmatch(posixpath.basename(file).removesuffix(".pth")):
            return
        try:
            lines = self._host.read(file, 65536).decode("utf-8", "replace").splitlines()
        except (FileNotFoundError, InputError):
            return
        for line in map(str.strip, lines):
            if line.startswith("import"):
                self.is_open = True
            elif line and not line.startswith("#"):
                self._names |= {
                    n.split(".")[0]
                    for n in names_in(self._host, posixpath.normpath(posixpath.join(folder, line))) or ()
                }


def sights_of(host: Host, home: str | None, interpreters: list[Interpreter], venvs: list[Venv]) -> list[Sight]:
    """Environments that could run an app, the ones a person would reach for first: venvs, Pythons on PATH, others, the Agent's own last."""
    by_key = {p.environment: p for p in interpreters}
    found = []
    for venv in venvs:
        folders = (
            site_folders_of_venv(venv.environment, venv.minor or venv.lib_minor) if venv.has_interpreter != 0 else []
        )
        base = by_key.get(venv.interpreter or "")
        inherits = venv.includes_system_site is not None and bool(venv.includes_system_site)
        sight = Sight(
            host,
            venv.environment,
            venv.python,
            "venv",
            folders,
            _base_folders(base, home) if base and inherits else [],
            venv,
        )
        # An inherited package may be there where pyvenv.cfg or the interpreter behind it is not known.
        sight.is_open = venv.includes_system_site is None or (inherits and base is None and venv.has_interpreter != 0)
        sight.problem = _unread(host, venv.file) if venv.includes_system_site is None and venv.file else None
        found.append(sight)
    for python in sorted(interpreters, key=lambda p: (p.owner == "agent", not p.is_on_path)):
        found.append(Sight(host, python.environment, python.path, python.owner, _base_folders(python, home), [], None))
        found[-1].is_open = python.minor is None
    return found


def _unread(host: Host, file: str) -> Unavailable | None:
    try:
        host.read(file, 65536)
    except Unavailable as error:
        return error
    except (FileNotFoundError, InputError):
        pass
    return None


def _base_folders(python: Interpreter, home: str | None) -> list[str]:
    return [*site_folders_of(python), *([user_site(home, python.minor)] if home and python.minor else [])]
