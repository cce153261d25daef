"""How an Agent is recognised where no file names it: by a process of its own, or by a container that it runs in. Pure; nothing is asked of a host here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dddoctor.hosts.base import Process
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.tables import _inspect as inspect

# Where packages, the installer (7.6x on) and the macOS app put their programs; what runs from elsewhere is no packaged Agent.
PACKAGE_FOLDERS = ("/opt/datadog-agent/", "/opt/datadog-packages/datadog-agent/")
OTHER_PROGRAMS = ("trace-agent", "process-agent", "system-probe", "security-agent", "datadog-cluster-agent")
_CORE_NAMES = ("agent", "datadog-agent")
_SERVING = ("run", "start")  # `agent status` and its like are commands of a person, not the service
# Agent 5: packaging/supervisor.conf of 5.32.9.
_AGENT_5_SCRIPTS = {"agent.py": "agent", "ddagent.py": "forwarder", "dogstatsd.py": "dogstatsd"}
_CONTAINER_ID = lazy(r"([0-9a-f]{64})")
_OWN_UNIT = lazy(r"/system\.slice/[^/]+\.service\Z")
_UNIT = lazy(r"/([^/]+\.service)(?:/|\Z)")
_VERSION = lazy(r"(?<![\d.])(\d+)(\.\d+(?:\.\d+)?)?(?![\d.])")


class Seen(NamedTuple):
    """One process of an Agent. `program` is the word of its binary (agent, trace-agent …); `path` that binary, None where it may not be seen and the
    command line names none. `container_id` is set for one in a container. `is_foreign`: it belongs to another machine that shares this kernel."""

    process: Process
    program: str
    path: str | None
    container_id: str | None
    is_foreign: bool
    is_packaged: bool


class ContainerAgent(NamedTuple):
    """A container that an Agent runs in. `config_source`: the folder of the host that is mounted as its configuration folder, None = its own."""

    name: str
    container_id: str
    major: int
    version: str | None
    is_running: int
    pid: int | None
    started_at: float | None
    config_source: str | None
    image: str


def seen_processes(processes: Iterable[Process]) -> list[Seen]:
    """The processes of Agents, by pid. A child of such a process that has not become a program of its own yet is left out."""
    found = [s for s in map(_seen, processes) if s is not None]
    alike = {(s.process.pid, s.program) for s in found}
    return [s for s in found if (s.process.ppid, s.program) not in alike]


def _seen(process: Process) -> Seen | None:
    argv = process.argv
    started_by = argv[0] if argv else ""
    path = process.exe or (started_by if started_by.startswith("/") else None)
    if len(argv) > 1 and argv[1].startswith(PACKAGE_FOLDERS) and not (path or "").startswith(PACKAGE_FOLDERS):
        path, argv = argv[1], argv[1:]  # a script, whose interpreter is the program that runs
    name = (path or started_by).rpartition("/")[2]
    container_id, is_foreign = where(process)
    is_packaged = bool(path) and str(path).startswith(PACKAGE_FOLDERS)
    if name in _CORE_NAMES:
        if not set(argv[1:8]) & set(_SERVING):
            return None
        program = "agent"
    elif name in OTHER_PROGRAMS:
        program = name
    elif name.startswith("python") and (script := _script_of_agent_5(argv)):
        program, path = script
        is_packaged = path.startswith(PACKAGE_FOLDERS)
    else:
        return None
    if not is_packaged and not _names_datadog(process, path):
        return None
    return Seen(process, program, path, container_id, is_foreign, is_packaged)


def _script_of_agent_5(argv: tuple[str, ...]) -> tuple[str, str] | None:
    for word in argv[1:4]:
        folder, _, name = word.rpartition("/")
        # `agent.py info` is a person's command; supervisor.conf starts the collector with `foreground`.
        if name in _AGENT_5_SCRIPTS and folder.endswith("/agent") and (name != "agent.py" or "foreground" in argv):
            return _AGENT_5_SCRIPTS[name], word
    return None


def _names_datadog(process: Process, path: str | None) -> bool:
    """`agent run` alone could be anybody's: something of it must say whose."""
    words = (path or "", *process.argv, process.cwd or "")
    environ = process.environ or {}
    return any("datadog" in w.lower() or "/dd-agent" in w for w in words) or "DOCKER_DD_AGENT" in environ


def where(process: Process) -> tuple[str | None, bool]:
    """(id of its container, does it belong to another machine on this kernel). A service with a network of its own (PrivateNetwork=) is this machine's."""
    if process.is_foreign == 0:
        return None, False
    group = process.cgroup or ""
    found = _CONTAINER_ID.search(group)
    if found:
        return found[1], False
    return None, process.is_foreign == 1 and not _OWN_UNIT.match(group)


def unit_of(process: Process) -> str | None:
    """The systemd unit that a process of this machine belongs to, by its group; None where it was started in a session."""
    found = _UNIT.search(process.cgroup or "")
    return found[1] if found and not found[1].startswith("user@") else None


def config_argument(argv: tuple[str, ...]) -> str | None:
    """The folder of `-c`/`--cfgpath` (a folder, or a .yaml in it); None where it takes the usual one."""
    words = list(argv)
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in ("-c", "--cfgpath"):
            value = value if equals else (words[number + 1] if number + 1 < len(words) else "")
            if value.startswith("/"):
                return value.rpartition("/")[0] or "/" if value.endswith((".yaml", ".yml")) else value.rstrip("/")
    return None


# --- containers -------------------------------------------------------------------------------------------------------


def agent_container(inspected: Mapping[str, Any]) -> ContainerAgent | None:
    """The Agent that `docker inspect` of one container shows; None for another container, whatever shape the answer has.

    An image built on the Agent's has its variable DOCKER_DD_AGENT. Labels decide nothing: any container may carry those of Autodiscovery.
    """
    image, environ = inspect.image_of(inspected), inspect.variables_of(inspected)
    if "DOCKER_DD_AGENT" not in environ and not inspect.is_agent_image(image):
        return None
    version, major = _image_version(image, environ)
    major = 5 if "docker-dd-agent" in image else major or 7
    state = inspect.part(inspected, "State")
    is_running = state.get("Running") is True
    return ContainerAgent(
        inspect.name_of(inspected),
        inspect.text(inspected.get("Id")),
        major,
        version if (version or "").startswith(f"{major}.") else None,  # images of Agent 5 had numbers of their own
        int(is_running),
        (inspect.number(state.get("Pid")) or None) if is_running else None,
        inspect.seconds_of(state.get("StartedAt")) if is_running else None,
        _mounted_at(inspected, "/etc/dd-agent" if major == 5 else "/etc/datadog-agent"),
        image,
    )


def _mounted_at(inspected: Mapping[str, Any], place: str) -> str | None:
    """The host's path that is mounted exactly at `place`; None where the container has its own there."""
    for mount in inspect.mounts_of(inspected):
        if inspect.text(mount.get("Destination")).rstrip("/") == place:
            source = inspect.text(mount.get("Source")).rstrip("/")
            return source if source.startswith("/") else None
    return None


def _image_version(image: str, environ: Mapping[str, str]) -> tuple[str | None, int | None]:
    """(version, major) by the image's variable or tag: `7.52.0-jmx` tells both, `7` or `6-jmx` the major only, `latest` nothing.

    AGENT_VERSION (`1:5.32.9-1`) is what images of Agent 5 have.
    """
    for text in (environ.get("AGENT_VERSION", "").split(":")[-1], _tag(image)):
        found = _VERSION.search(text)
        if found and 5 <= int(found[1]) <= 99:
            return (found[1] + found[2] if found[2] else None), int(found[1])
    return None, None


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]
