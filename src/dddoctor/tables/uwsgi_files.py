"""uWSGI as an app's files start it: its .ini files, and command lines that begin with ddtrace-run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.tables import table
from dddoctor.tables.mounts import gap_of
from dddoctor.tables.python_apps import App

_FILE_LIMIT_BYTES = 256 * 1024
_STARTERS = lazy(r"(?:.*\.sh|Procfile|Makefile|Dockerfile)$")
_TRACED = lazy(r"\bddtrace-run(?:[ \t]+-\S+)*[ \t]+(?:\S*/)?uwsgi\b")


class UwsgiFile(NamedTuple):
    """One file of an app that starts uWSGI. `kind`: ini (a file with a `[uwsgi]` section) or command (a line `ddtrace-run uwsgi …`).

    Of an ini file: `has_threads` (enable-threads, or threads above 0), `process_count` (processes or workers, 1 where neither is set, NULL where it is an
    expression), `has_master`, `has_lazy_apps`, `has_skip_atexit`, `imports_ddtrace` (`import = ddtrace…`). NULL for commands.

    Source: ddtrace/internal/uwsgi.py names what it insists on.
    """

    app: str
    file: str
    line: int
    kind: str
    has_threads: int | None
    process_count: int | None
    has_master: int | None
    has_lazy_apps: int | None
    has_skip_atexit: int | None
    imports_ddtrace: int | None


@table("uwsgi_files", UwsgiFile, of="apps")
def collect(host: Host, apps: list[App]) -> Iterator[UwsgiFile | Gap]:
    """App by app, by name: files in the app's own folder."""
    for app in apps:
        try:
            names = host.listdir(app.app)
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            yield gap_of(app.app, error)
            continue
        for name in names:
            is_ini = name.endswith(".ini")
            if not is_ini and not _STARTERS.match(name):
                continue
            file = f"{app.app}/{name}"
            try:
                text = host.read(file, _FILE_LIMIT_BYTES).decode("utf-8", "replace")
            except (FileNotFoundError, InputError):
                continue
            except Unavailable as error:
                yield gap_of(file, error)
                continue
            if is_ini:
                found = options(text)
                if found is not None:
                    yield _row(app.app, file, *found)
                continue
            for number, line in enumerate(text.split("\n"), 1):
                if not line.lstrip().startswith("#") and _TRACED.search(line):
                    yield UwsgiFile(app.app, file, number, "command", *(None,) * 6)


def _row(app: str, file: str, line: int, said: dict[str, str]) -> UwsgiFile:
    count = said.get("processes", said.get("workers", "1"))
    return UwsgiFile(
        app,
        file,
        line,
        "ini",
        int(_is_on(said.get("enable-threads")) or (said.get("threads", "0").isdigit() and int(said.get("threads", "0")) > 0)),
        int(count) if count.isdigit() else None,
        int(_is_on(said.get("master"))),
        int(_is_on(said.get("lazy-apps")) or _is_on(said.get("lazy"))),
        int(_is_on(said.get("skip-atexit"))),
        int("ddtrace" in said.get("import", "") + said.get("shared-import", "")),
    )  # fmt: skip


def options(text: str) -> tuple[int, dict[str, str]] | None:
    """(line of `[uwsgi]`, option → value) of an .ini text, the last of equal ones; None where it has no such section."""
    start: int | None = None
    inside = False
    said: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.lower().startswith("[uwsgi]")
            if inside and start is None:
                start = number
        elif inside and stripped and stripped[0] not in "#;":
            name, _, value = stripped.partition("=")
            said[name.strip().lower().replace("_", "-")] = re.sub(r"\s[;#].*", "", value).strip()
    return None if start is None else (start, said)


def _is_on(value: str | None) -> bool:
    return value is not None and value.lower() not in ("false", "0", "no", "off")
