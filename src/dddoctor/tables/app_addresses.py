"""Where a web app listens, as its code and the command lines that start it say. Read as text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import table
from dddoctor.tables.mounts import gap_of
from dddoctor.tables.python_apps import App

_FILE_LIMIT_BYTES = 512 * 1024
# Compiled where they are used (re keeps them): most hosts have no app.
_LOOPBACK = r"127(?:\.\d+){3}|localhost|::1|\[::1\]"
_RUN = r"(?m)^[ \t]*(?:\w+[ \t]*=[ \t]*)?([A-Za-z_]\w*)\.run\("
_FLASK_NAMES = r"(?m)^[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*(?:flask\.)?(?:Flask|create_app|make_app)\("
_NAMES = r"(?:.*\.sh|Procfile|Makefile|Dockerfile|\.flaskenv|\.env)"
_SERVERS = r"\b(?:flask\b(?:[ \t]+(?:-\S+|--app[ =]\S+))*[ \t]+run|python[\d.]*[ \t]+-m[ \t]+flask\b[^|;&\n]*?[ \t]run|gunicorn|uwsgi|waitress-serve|hypercorn)\b([^|;&\n]*)"


class AppAddress(NamedTuple):
    """One address at which an app listens. `origin`: code (`app.run(…)`), command (`flask run`, gunicorn … in a script, a unit, a history, an environment file), or default, where nothing
    says it and Flask's own counts: 127.0.0.1, port 5000.

    `address` is a name or number, `*` for all; NULL and `port` NULL where an expression gives it. `is_loopback`: only programs on the same host reach it.

    Source: Flask 3 (`app.run`, `flask run`: 127.0.0.1:5000), gunicorn 22 (127.0.0.1:8000).
    """

    app: str
    file: str
    line: int
    origin: str
    address: str | None
    port: int | None
    is_loopback: int | None


@table("app_addresses", AppAddress, of="apps")
def collect(host: Host, apps: list[App]) -> Iterator[AppAddress | Gap]:
    """Ordered by app; of each at least one row where its entry can be read."""
    for app in apps:
        if app.framework != "flask":
            continue
        rows: list[AppAddress] = []
        for file, origin in _sources(host, app, len(apps) == 1):
            if isinstance(origin, Gap):
                yield origin
                continue
            try:
                text = host.read(file, _FILE_LIMIT_BYTES).decode("utf-8", "replace")
            except (FileNotFoundError, InputError):
                continue
            except Unavailable as error:
                yield gap_of(file, error)
                continue
            found = in_code(text) if origin == "code" else in_commands(text)
            rows += [
                AppAddress(
                    app.app,
                    file,
                    line,
                    origin,
                    address,
                    port,
                    None if address is None else int(re.fullmatch(_LOOPBACK, address) is not None),
                )
                for line, address, port in found
            ]
        yield from rows or [AppAddress(app.app, app.file, app.line, "default", "127.0.0.1", 5000, 1)]


def _sources(host: Host, app: App, is_only: bool) -> Iterator[tuple[str, str | Gap]]:
    yield app.file, "code"
    folders = [(app.app, _NAMES)]
    if is_only:
        folders.append(("/etc/systemd/system", r".*\.service"))
    for folder, names in folders:
        try:
            yield from ((f"{folder}/{n}", "command") for n in host.listdir(folder) if re.fullmatch(names, n))
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            yield folder, gap_of(folder, error)
    if is_only and app.home:
        yield from ((posixpath.join(app.home, name), "command") for name in (".bash_history", ".zsh_history"))


def in_code(text: str) -> list[tuple[int, str | None, int | None]]:
    """(line, address, port) of each `app.run(…)` where app is a Flask object of the same file."""
    names = {m[1] for m in re.finditer(_FLASK_NAMES, text)} | {"app", "application"}
    found: list[tuple[int, str | None, int | None]] = []
    for match in re.finditer(_RUN, text):
        if match[1] not in names:
            continue
        inside = _arguments(text, match.end())
        address, port = (
            _option(inside, "host", 0, r"""["']([^"']*)["']""", "127.0.0.1"),
            _option(inside, "port", 1, r"""["']?(\d{1,5})["']?""", "5000"),
        )
        found.append((text.count("\n", 0, match.start()) + 1, _shown(address), int(port) if port else None))
    return found


def _arguments(text: str, at: int) -> str:
    """The text up to the closing bracket; everything where there is none within 500 characters."""
    depth = 1
    for index, char in enumerate(text[at : at + 500], at):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[at:index]
    return text[at : at + 500]


def _option(arguments: str, name: str, position: int, pattern: str, default: str) -> str | None:
    """The literal of a keyword or of the positional argument; the default where it is not given, None where it is an expression."""
    keyword = re.search(rf"(?<!\w){name}\s*=\s*([^,]+)", arguments)
    plain = [a.strip() for a in arguments.split(",") if a.strip() and not re.match(r"\s*\w+\s*=[^=]|\s*\*", a)]
    given = keyword[1] if keyword else plain[position] if len(plain) > position else None
    if given is None:
        return None if "**" in arguments else default
    literal = re.fullmatch(pattern, given.strip())
    return literal[1] if literal else None


def in_commands(text: str) -> list[tuple[int, str | None, int | None]]:
    """(line, address, port) of each command line or variable that starts a server or says where it listens."""
    found: list[tuple[int, str | None, int | None]] = []
    variables = {m[1]: m[2] for m in re.finditer(r"\bFLASK_RUN_(HOST|PORT)=[\"']?([\w.:\[\]*-]+)", text)}
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#"):
            continue
        for match in re.finditer(_SERVERS, line):
            is_flask = "flask" in match[0].split(match[1])[0] if match[1] else "flask" in match[0]
            host, port = (
                ("127.0.0.1", "5000")
                if is_flask
                else ("127.0.0.1", "8000")
                if match[0].startswith("gunicorn")
                else (None, None)
            )
            if is_flask:
                host, port = variables.get("HOST", host), variables.get("PORT", port)
            bind = re.search(r"(?:-b|--bind|--listen|--http|--http-socket)[ =]*([\w.\[\]*]*):([^\s,]+)", match[1])
            if bind:
                host, port = bind[1] or "*", bind[2]
            given_host = re.search(r"(?:--host|-h)[ =]+(\S+)", match[1])
            given_port = re.search(r"(?:--port|-p)[ =]+(\S+)", match[1])
            host, port = (given_host[1] if given_host else host), (given_port[1] if given_port else port)
            found.append((number, _shown(host), int(port) if port and re.fullmatch(r"\d{1,5}", port) else None))
    if not found and variables:
        first = next(n for n, t in enumerate(text.split("\n"), 1) if "FLASK_RUN_" in t)
        number_text = variables.get("PORT", "5000")
        found.append(
            (first, _shown(variables.get("HOST", "127.0.0.1")), int(number_text) if number_text.isdigit() else None)
        )
    return found


def _shown(address: str | None) -> str | None:
    """An address as a row holds it: None for anything that is no plain name or number (a variable)."""
    if address is None:
        return None
    bare = address.strip("\"'")
    return "*" if bare in ("0.0.0.0", "::", "*", "") else bare if re.fullmatch(r"[\w.:\[\]-]{1,80}", bare) else None
