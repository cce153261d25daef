"""Which Agents this host has: by their files, and what is only seen running or in a container. Everything that follows is asked per Agent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from dddoctor.hosts.base import Host, InputError, Process, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table

CONFIG_DIR = "/etc/datadog-agent"
AGENT_5_DIR = "/etc/dd-agent"
INSTALL_DIR = "/opt/datadog-agent"
FLEET_DIR = "/opt/datadog-packages/datadog-agent/stable"  # the installer's packages, from about 7.60 on
MAC_DIR = "/opt/datadog-agent/etc"
DEFAULT_MAJOR = 7
SMALL_FILE_BYTES = 1024 * 1024


class Agent(NamedTuple):
    """One Agent that this host has: its files, a process, or a container, running or not.

    `agent` is its key: `package`, `app` (macOS), `leftover:5` (a configuration folder that no installed Agent reads), `process:PATH` (one that runs from
    another place than a package's), `container:NAME` (the first 12 digits of its id where Docker may not be asked).
    `major` is never NULL: /etc/dd-agent is 5, /etc/datadog-agent is 7 unless files say 6. `version` such as `7.52.0`, NULL where nothing tells.
    `config_dir` and `main_file` are where on this host it reads its settings, whether or not the file is there. A container has its own files: there
    `config_dir` is the folder that is mounted as its configuration folder, NULL where none is, and `main_file` is NULL, because the container's
    environment counts before it. Of a process both are NULL where another Agent of this table reads the same folder. `python_version` is that of its
    own Python: `3.11` where the folder tells, `3` where only the major does. `container` is the container's name.
    Where Docker or the processes may not be asked, `container` has a gap; on a folder there is none, because nothing runs there.

    Source: /opt/datadog-agent/version-manifest.{json,txt}, run/version-history.json, /var/lib/dpkg/status; the folders of embedded/lib; the command
    lines of processes; `docker inspect` (image, DOCKER_DD_AGENT and AGENT_VERSION).
    """

    agent: str
    kind: str
    major: int
    version: str | None
    config_dir: str | None
    main_file: str | None
    install_dir: str | None
    python_version: str | None
    container: str | None


@table("agents", Agent)
def collect(host: Host) -> Iterator[Agent | Gap]:
    """The packaged Agent, the macOS app and leftovers of Agent 5, then processes and containers. None of them here: no rows and no gap."""
    look = _Look(host)
    known = list(_by_files(look))
    yield from known
    yield from _seen_elsewhere(look, known)
    yield from look.gaps


def _by_files(look: _Look) -> Iterator[Agent]:
    """What files alone tell, the same on a live host and on its disk."""
    config = look.is_folder(CONFIG_DIR)
    old_config = look.is_folder(AGENT_5_DIR)
    install = next((d for d in (INSTALL_DIR, FLEET_DIR) if look.is_folder(d)), None)
    has_program = install is not None and look.exists(f"{install}/bin/agent/agent")
    has_program_5 = install is not None and look.exists(f"{install}/agent/agent.py")
    # Agent 5 is there and 6/7 is not: whoever follows today's pages beside it makes an /etc/datadog-agent that nothing reads.
    is_5 = has_program_5 and not has_program or (old_config and not config and not has_program)
    is_mac = not config and install == INSTALL_DIR and _is_mac_folder(look)
    if is_mac:
        look.agent = "app"
        yield from _mac_app(look)
    elif is_5:
        yield Agent(
            "package", "package", 5, look.version_5(), AGENT_5_DIR, f"{AGENT_5_DIR}/datadog.conf", install, "2.7", None
        )
        if config:
            yield Agent("leftover:7", "leftover", 7, None, CONFIG_DIR, f"{CONFIG_DIR}/datadog.yaml", None, None, None)
    elif config or has_program:
        yield from _packaged(look, install, has_program)
        if old_config:
            yield Agent("leftover:5", "leftover", 5, None, AGENT_5_DIR, f"{AGENT_5_DIR}/datadog.conf", None, None, None)


def _seen_elsewhere(look: _Look, known: Sequence[Agent]) -> Iterator[Agent]:
    """Agents that run from another place than a package's, and those in containers. Nothing on a host where nothing runs."""
    containers: dict[str, str] = {}
    try:
        all_of_them = look.host.containers()
        from dddoctor.tables._running_agents import agent_container

        for inspected in all_of_them:
            found = agent_container(inspected)
            if found is not None and found.container_id not in containers:
                containers[found.container_id] = f"container:{found.name}"
                yield Agent(
                    f"container:{found.name}", "container", found.major, found.version, found.config_source, None, None, None, found.name
                )  # fmt: skip
    except FileNotFoundError:  # no Docker here
        pass
    except Unavailable as error:
        if error.kind is not Kind.TARGET:
            look.gaps.append(Gap("Docker", error.kind, error.reason, error.remedy, ("container",)))
    try:
        processes = look.host.processes()
    except Unavailable as error:
        if error.kind is not Kind.TARGET:
            look.gaps.append(Gap("processes", error.kind, error.reason, error.remedy, ("container",)))
        return
    yield from _running(look, processes, known, containers)


def _running(
    look: _Look, processes: Sequence[Process], known: Sequence[Agent], containers: Mapping[str, str]
) -> Iterator[Agent]:
    from dddoctor.tables._running_agents import config_argument, seen_processes

    has_package = any(a.kind in ("package", "app") for a in known)
    folders = {a.config_dir for a in known}
    named: set[str] = set()
    for seen in seen_processes(processes):
        if seen.program != "agent" or seen.is_foreign or (seen.is_packaged and has_package and not seen.container_id):
            continue
        if seen.container_id is not None:
            # One that Docker did not tell: it may not be asked, or another engine runs it (containerd, podman).
            key = f"container:{seen.container_id[:12]}"
            if seen.container_id not in containers and key not in named:
                named.add(key)
                yield Agent(key, "container", DEFAULT_MAJOR, None, None, None, None, None, seen.container_id[:12])
            continue
        key = f"process:{seen.path or seen.process.name}"
        if key in named:
            continue
        named.add(key)
        is_5 = bool(seen.path) and str(seen.path).endswith(".py")
        folder = config_argument(seen.process.argv) or (AGENT_5_DIR if is_5 else CONFIG_DIR)
        install = (seen.path or "").removesuffix("/bin/agent/agent")
        install_dir = install if seen.path and install != seen.path else None
        look.agent = key
        version = look.version(install_dir)
        major = 5 if is_5 else _major(version) or DEFAULT_MAJOR
        if folder in folders:
            yield Agent(key, "process", major, version, None, None, install_dir, None, None)
        else:
            main_file = f"{folder}/{'datadog.conf' if is_5 else 'datadog.yaml'}"
            yield Agent(key, "process", major, version, folder, main_file, install_dir, None, None)


def _packaged(look: _Look, install: str | None, has_program: bool) -> Iterator[Agent]:
    version = look.version(install)
    package = look.package() if version is None and not has_program else None
    main_file = f"{CONFIG_DIR}/datadog.yaml"
    if package is not None and not package.is_installed:
        # `apt remove` keeps the configuration (purge does not): files without an Agent.
        major = _major(package.version) or DEFAULT_MAJOR
        yield Agent(f"leftover:{major}", "leftover", major, None, CONFIG_DIR, main_file, None, None, None)
        return
    version = version or (package.version if package else None)
    major = _major(version) or (6 if install and look.exists(f"{install}/embedded/bin/python2") else DEFAULT_MAJOR)
    yield Agent(
        "package",
        "package",
        major,
        version,
        CONFIG_DIR,
        main_file,
        install,
        look.python(install, major, main_file),
        None,
    )


def _mac_app(look: _Look) -> Iterator[Agent]:
    """The app of macOS keeps its configuration below /opt/datadog-agent/etc (Agent 5 too, as datadog.conf)."""
    version = look.version(INSTALL_DIR)
    is_5 = look.exists(f"{MAC_DIR}/datadog.conf") and not look.exists(f"{MAC_DIR}/datadog.yaml")
    major = (
        5 if is_5 else _major(version) or (6 if look.exists(f"{INSTALL_DIR}/embedded/bin/python2") else DEFAULT_MAJOR)
    )
    main_file = f"{MAC_DIR}/datadog.conf" if is_5 else f"{MAC_DIR}/datadog.yaml"
    yield Agent(
        "app", "app", major, version, MAC_DIR, main_file, INSTALL_DIR, look.python(INSTALL_DIR, major, main_file), None
    )


def _is_mac_folder(look: _Look) -> bool:
    """Linux packages can leave an empty `etc` there: only one that holds a configuration counts."""
    return any(
        look.exists(f"{MAC_DIR}/{n}")
        for n in ("datadog.yaml", "datadog.yaml.example", "datadog.conf", "conf.d", "checks.d")
    )


class Package(NamedTuple):
    """What dpkg knows. `is_installed` is False where only the configuration files are left."""

    version: str | None
    is_installed: bool


class _Look:
    """Questions that may fail; what failed is in `gaps`."""

    def __init__(self, host: Host) -> None:
        self.host, self.gaps, self.agent = host, list[Gap](), "package"

    def is_folder(self, path: str) -> bool:
        try:
            return self.host.stat(path).kind == "directory"
        except FileNotFoundError:
            return False
        except InputError as error:
            self.gaps.append(Gap(path, Kind.TOOL, error.message))
            return False
        except Unavailable as error:
            self.gaps.append(Gap(path, error.kind, error.reason, error.remedy))
            return False

    def exists(self, path: str) -> bool:
        try:
            return self.host.exists(path)
        except (Unavailable, InputError):
            return False

    def text(self, path: str) -> str | None:
        """The text of a small optional file; None where it is absent or cannot be read (the version is then unknown, not wrong)."""
        try:
            return self.host.read(path).decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except InputError as error:
            self.gaps.append(Gap(self.agent, Kind.TOOL, error.message, "", ("version",)))
        except Unavailable as error:
            self.gaps.append(Gap(self.agent, error.kind, error.reason, error.remedy, ("version",)))
        return None

    def version(self, install: str | None) -> str | None:
        """The version of the files on disk; a process that was not restarted after an upgrade can still be older."""
        if install is None:
            return None
        manifest = self.text(f"{install}/version-manifest.json")
        found = manifest_version(manifest) if manifest else None
        if found is None and (manifest := self.text(f"{install}/version-manifest.txt")):
            found = manifest_version(manifest)
        if found is None and (history := self.text(f"{install}/run/version-history.json")):
            found = history_version(history)
        return found

    def version_5(self) -> str | None:
        package = self.package()
        found = self.version(INSTALL_DIR) or (package.version if package else None)
        return found if _major(found) == 5 else None

    def package(self) -> Package | None:
        status = self.text("/var/lib/dpkg/status")
        return dpkg_package(status) if status else None

    def python(self, install: str | None, major: int, main_file: str) -> str | None:
        """The Agent's own Python: 7 has 3 only; 6 has both, and runs 2 unless `python_version` says 3 (6.14 to 6.x)."""
        if major == 5:
            return "2.7"
        names: list[str] = []
        with suppress(FileNotFoundError, InputError, Unavailable):
            names = self.host.listdir(f"{install}/embedded/lib") if install else []
        found = sorted(
            (m.group(1) for n in names if (m := re.fullmatch(r"python([23]\.\d+)", n))),
            key=lambda v: [int(p) for p in v.split(".")],
        )
        if major == 6:
            wanted = self._python_6(main_file)
            if wanted is None:
                return None
            return next((v for v in reversed(found) if v.startswith(wanted)), wanted)
        threes = [v for v in found if v.startswith("3.")]
        return threes[-1] if threes else "3"

    def _python_6(self, main_file: str) -> str | None:
        from dddoctor.tables._documents import main_document

        try:
            root = main_document(self.host, main_file).root
        except FileNotFoundError:
            return "2"
        except (Unavailable, InputError):
            return None  # config_files has the gap of this file
        for key, value in root.pairs if root is not None and root.kind == "map" else []:
            if str(key.value).lower() == "python_version":
                return "3" if str(value.value).startswith("3") else "2"
        return "2"


def manifest_version(text: str) -> str | None:
    """The Agent's version in an omnibus version-manifest: JSON (`build_version`) or text (first line `agent 7.52.0`)."""
    if text.lstrip().startswith("{"):
        try:
            return _plain(str(json.loads(text).get("build_version", "")))
        except (ValueError, AttributeError, RecursionError):
            return None
    return _plain(text.splitlines()[0]) if text.strip() else None


def history_version(text: str) -> str | None:
    """The last version that ran here, of run/version-history.json."""
    try:
        entries = json.loads(text).get("entries") or []
        return _plain(str(entries[-1].get("version", ""))) if entries else None
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return None


def dpkg_package(status: str) -> Package | None:
    """The stanza of `datadog-agent` in dpkg's status file; None where there is none."""
    head = "Package: datadog-agent\n"
    start = 0 if status.startswith(head) else status.find(f"\n{head}") + 1
    if not status.startswith(head, start):
        return None
    end = status.find("\n\n", start)
    fields = dict(
        line.split(": ", 1)
        for line in status[start : len(status) if end < 0 else end].splitlines()
        if ": " in line and line[:1] not in " \t"
    )
    return Package(_plain(fields.get("Version", "").split(":", 1)[-1]), fields.get("Status", "").endswith(" installed"))


def _plain(text: str) -> str | None:
    """`7.52.0` out of `1:7.52.0-1`, `agent 7.52.0`, `7.52.0+git.3`."""
    found = re.search(r"(?<![\d.])(\d+\.\d+(?:\.\d+)?)", text)
    return found.group(1) if found else None


def _major(version: str | None) -> int | None:
    return int(version.split(".", 1)[0]) if version else None
