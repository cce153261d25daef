"""What an Agent's Python can import, as far as its folders show: site-packages, the wheels of integrations, and the code files of checks.d."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables._catalogue import checks
from dddoctor.tables.agents import INSTALL_DIR, Agent

if TYPE_CHECKING:
    from dddoctor.pytext import Target

_SUFFIX = lazy(r"\.(?:py|pyc|so|cpython-[\w-]+\.so|abi3\.so)$")


class CodeFile(NamedTuple):
    """One module of checks.d. `is_package`: a folder with an `__init__.py`, whose text is what runs."""

    check_name: str
    file: str
    is_package: bool


class Modules(NamedTuple):
    """`installed`: top-level names in site-packages, `wheels`: names below datadog_checks there; both None where that folder is not to be seen.

    `obstacle` says why, as (folder, error), where it is there and may not be listed.
    """

    installed: frozenset[str] | None
    wheels: frozenset[str] | None
    obstacle: tuple[str, Unavailable] | None = None


def shipped_checks() -> dict[str, str]:
    """The checks that come with an Agent 7 package, with their kind: python, jmx, logs, go. Source: the catalogue of checks (data/checks.json)."""
    known = checks()
    return {**{name: row[0] for name, row in known._checks.items()}, **dict.fromkeys(known.go, "go")}


def version_of(text: str | None) -> tuple[int, ...] | None:
    """`3.11` as (3, 11); None for an unknown version."""
    parts = text.split(".") if text else []
    return tuple(int(p) for p in parts) if parts and all(map(str.isdecimal, parts)) else None


def modules_of(host: Host, agent: Agent) -> Modules:
    """What is installed in the Agent's own Python. From a folder that may not be listed nothing is concluded."""
    version = agent.python_version
    if agent.install_dir is None:
        return Modules(None, None, _obstacle_at(host, INSTALL_DIR) if agent.kind == "package" else None)
    folder = f"{agent.install_dir}/embedded/lib"
    try:
        if not version or "." not in version:
            _names(host, folder)  # is the version not known because this may not be listed?
            return Modules(None, None)
        folder = f"{folder}/python{version}/site-packages"
        names = _names(host, folder)
        if not names:
            return Modules(None, None)
        folder += "/datadog_checks"
        wheels = _names(host, folder) or frozenset()
        # What `pip install --user` as dd-agent left: its home is the install folder.
        folder = f"{agent.install_dir}/.local/lib/python{version}/site-packages"
        own = _names(host, folder) or frozenset()
    except Unavailable as error:
        return Modules(None, None, (folder, error))
    return Modules(names | own, wheels)


def _obstacle_at(host: Host, folder: str) -> tuple[str, Unavailable] | None:
    try:
        host.exists(folder)
    except Unavailable as error:
        return folder, error
    except InputError:
        pass
    return None


def _names(host: Host, folder: str) -> frozenset[str] | None:
    try:
        listed = host.listdir(folder)
    except (FileNotFoundError, InputError):
        return None
    return frozenset(_SUFFIX.sub("", n) for n in listed if not n.endswith((".dist-info", ".egg-info", ".pth")))


def target_of(agent: Agent, modules: Modules) -> Target:
    """The Agent as the judge of Python text sees it."""
    from dddoctor.pytext.names import Target

    version = version_of(agent.python_version)
    python = str(version[0]) if version else None
    return Target(python, version, agent.major, _agent_check(agent, modules))


def _agent_check(agent: Agent, modules: Modules) -> str | None:
    """Where AgentCheck is imported from: `datadog_checks.base` came with Agent 6.6 (the documentation of custom checks); Agent 5 has `checks` alone."""
    if agent.major == 5:
        return "checks"
    if modules.wheels is not None:
        return "datadog_checks.base" if "base" in modules.wheels else None
    if agent.major >= 7:
        return "datadog_checks.base"
    version = version_of(agent.version)
    return "datadog_checks.base" if version is not None and version >= (6, 6) else None


def code_files(host: Host, folder: str) -> Iterator[CodeFile | Gap]:
    """The modules of a checks.d folder, by name; a folder without `__init__.py` is none. Nothing where the folder is absent."""
    try:
        names = host.listdir(folder)
    except FileNotFoundError:
        return
    except InputError as error:
        yield Gap(folder, Kind.TOOL, error.message)
        return
    except Unavailable as error:
        yield Gap(folder, error.kind, error.reason, error.remedy)
        return
    for name in names:
        path = f"{folder}/{name}"
        if name.endswith(".py") and name != "__init__.py" and not name.startswith("."):
            yield CodeFile(name[:-3], path, False)
        elif "." not in name and name != "__pycache__":
            try:
                if host.exists(f"{path}/__init__.py"):
                    yield CodeFile(name, f"{path}/__init__.py", True)
            except InputError:
                continue
            except Unavailable as error:
                yield Gap(path, error.kind, error.reason, error.remedy)


def is_there(host: Host, path: str) -> bool:
    try:
        return host.exists(path)
    except (Unavailable, InputError):
        return False
