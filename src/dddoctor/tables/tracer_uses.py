"""What apps and the files that start them say to ddtrace that it no longer hears: removed calls, calls in the wrong order, variables of old releases."""

from __future__ import annotations

import ast
import re
from collections.abc import Generator, Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap
from dddoctor.secrets import Vault
from dddoctor.tables import table
from dddoctor.tables.mounts import gap_of
from dddoctor.tables.python_apps import App

_FILE_LIMIT_BYTES = 512 * 1024
# Removed names → (release that removed it, what stands for it now), from ddtrace's docs/upgrading.rst.
REMOVED_VARIABLES = {
    "DATADOG_SERVICE_NAME": ("1.0", "DD_SERVICE"), "DD_SERVICE_NAME": ("1.0", "DD_SERVICE"), "DATADOG_ENV": ("1.0", "DD_ENV"),
    "DATADOG_TRACE_ENABLED": ("1.0", "DD_TRACE_ENABLED"), "DATADOG_TRACE_AGENT_HOSTNAME": ("1.0", "DD_AGENT_HOST"),
    "DATADOG_TRACE_AGENT_PORT": ("1.0", "DD_TRACE_AGENT_PORT"), "DATADOG_TRACE_DEBUG": ("1.0", "DD_TRACE_DEBUG"), "DATADOG_PATCH_MODULES": ("1.0", "DD_PATCH_MODULES"),
    "DD_CALL_BASIC_CONFIG": ("1.0", ""), "DD_LOGGING_RATE_LIMIT": ("1.0", ""), "DD_GEVENT_PATCH_ALL": ("2.0", ""), "DD_AWS_TAG_ALL_PARAMS": ("2.0", ""),
    "DD_TRACE_SAMPLE_RATE": ("3.0", "DD_TRACE_SAMPLING_RULES"), "DD_ANALYTICS_ENABLED": ("3.0", ""), "DD_TRACE_ANALYTICS_ENABLED": ("3.0", ""),
}  # fmt: skip
_STARTERS = lazy(r"(?:.*\.sh|Procfile|Makefile|Dockerfile|\.flaskenv|\.env|(?:docker-)?compose.*\.ya?ml|.*\.service)$")
_UNITS = "/etc/systemd/system/*.service"


class TracerUse(NamedTuple):
    """One place in an app's code that ddtrace no longer takes as it was meant.

    `kind`: removed-middleware (`TraceMiddleware`, gone since 1.0), patched-too-early (ddtrace is imported by hand before `gevent.monkey.patch_all()`),
    set-too-late (a DD_ variable is put into os.environ behind the import of ddtrace). `name`: the call or the variable.

    Source: ddtrace's docs/upgrading.rst and troubleshooting.
    """

    app: str
    file: str
    line: int
    kind: str
    name: str


class RemovedVariable(NamedTuple):
    """One variable of an older ddtrace in a file that starts an app: its folder's scripts, .env, compose and Dockerfiles, and the units of this host.

    `removed_in`: the release that no longer reads it. `successor`: the variable that stands for it, empty where there is none. Values are not kept.
    """

    app: str
    file: str
    line: int
    name: str
    removed_in: str
    successor: str


@table("tracer_uses", TracerUse)
@table("removed_variables", RemovedVariable, of="apps")
def collect(host: Host, vault: Vault, apps: list[App]) -> Iterator[TracerUse | RemovedVariable | Gap]:
    """App by app; units are told for the first app only, since they do not say whose they are."""
    for number, app in enumerate(apps):
        text = yield from _text(host, app.file, "tracer_uses")
        if text is not None:
            yield from (TracerUse(app.app, app.file, line, kind, vault.redact(name)) for line, kind, name in uses(text))
        try:
            names = [n for n in host.listdir(app.app) if _STARTERS.match(n)]
            files = [f"{app.app}/{n}" for n in names] + (host.glob(_UNITS) if number == 0 else [])
        except (FileNotFoundError, InputError):
            continue
        except Unavailable as error:
            yield gap_of(app.app, error)._replace(table="removed_variables")
            continue
        for file in files:
            text = yield from _text(host, file, "removed_variables")
            for line, name in variables(text or ""):
                yield RemovedVariable(app.app, file, line, name, *REMOVED_VARIABLES[name])


def _text(host: Host, file: str, table_name: str) -> Generator[Gap, None, str | None]:
    try:
        return host.read(file, _FILE_LIMIT_BYTES).decode("utf-8", "replace")
    except (FileNotFoundError, InputError):
        return None
    except Unavailable as error:
        yield gap_of(file, error)._replace(table=table_name)
        return None


def variables(text: str) -> Iterator[tuple[int, str]]:
    """(line, name) of removed variables that are set in a text; comments do not count."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#") or ("DATADOG_" not in line and "DD_" not in line):
            continue
        for found in re.finditer(r"\b(DATADOG_[A-Z_]+|DD_[A-Z_]+)\b(?=\s*[=:])", line):
            if found[1] in REMOVED_VARIABLES:
                yield number, found[1]


def uses(text: str) -> list[tuple[int, str, str]]:
    """(line, kind, name) in an app's code, by line; empty where it does not parse."""
    if "ddtrace" not in text:
        return []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[tuple[int, str, str]] = []
    imported: int | None = None  # the first line at which ddtrace is imported by hand
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            by_hand = [n for n in names if n.split(".")[0] == "ddtrace" and n != "ddtrace.auto"]
            is_auto = (
                isinstance(node, ast.ImportFrom)
                and node.module == "ddtrace"
                and [a.name for a in node.names] == ["auto"]
            )
            if by_hand and not is_auto:
                imported = node.lineno if imported is None else min(imported, node.lineno)
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module or "").startswith("ddtrace.contrib")
                and any(a.name == "TraceMiddleware" for a in node.names)
            ):
                found.append((node.lineno, "removed-middleware", "TraceMiddleware"))
    if imported is None or ("patch_all" not in text and "environ" not in text):
        return sorted(found)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("monkey.patch_all")
            and node.lineno > imported
        ):
            found.append((node.lineno, "patched-too-early", "patch_all"))
        if isinstance(node, ast.Assign) and node.lineno > imported:
            for target in node.targets:
                key = (
                    target.slice
                    if isinstance(target, ast.Subscript) and ast.unparse(target.value) == "os.environ"
                    else None
                )
                if (
                    isinstance(key, ast.Constant)
                    and isinstance(key.value, str)
                    and re.match(r"DD_(TRACE_|AGENT_|SERVICE$|ENV$|VERSION$|PATCH_)", key.value)
                ):
                    found.append((node.lineno, "set-too-late", key.value))
    return sorted(found)
