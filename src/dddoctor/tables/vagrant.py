"""Vagrantfiles: what keeps them from loading, what they set up, and what their provisioners run. Read as text, never executed."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, table
from dddoctor.tables._python_places import search
from dddoctor.tables.mounts import gap_of

if TYPE_CHECKING:
    from dddoctor.rubytext import Vagrant
    from dddoctor.tables._vagrant_commands import Provisioning

FILE_LIMIT_BYTES = 256 * 1024
_LOADED = ("Vagrantfile", "vagrantfile")  # in this order: Vagrant's environment.rb
_DISGUISED = r"(?i)vagrantfile\.(?:txt|text|rtf|rb|docx?)"
# The whole folder of an Agent, or one that its package fills. (checks.d and folders of single checks are empty in the package.)
_AGENT_FOLDERS = r"/etc(?:/(?:dd-agent|datadog-agent)(?:/conf\.d)?)?|/opt/datadog-agent(?:/(?:bin|embedded|run).*)?|/"
_FACT_TABLES = (
    "vagrant_machines",
    "vagrant_provisioners",
    "vagrant_ports",
    "vagrant_folders",
    "provision_commands",
    "vagrant_loads",
)


class Vagrantfile(NamedTuple):
    """One Vagrantfile, or one saved under a name that Vagrant does not look for (`Vagrantfile.txt`, only where no Vagrantfile lies beside it).

    `folder` is where it lies. `is_loaded`: Vagrant reads a file of this name. `parses`: Ruby accepts it as it is. `is_known`: what it sets up could be read, if need be over the
    corrected text; the other tables have its rows then. `is_of_this_guest`: it lies in /vagrant, where the machine that it describes sees it. `machine_count` counts `config.vm.define`
    (0 = one machine without a name). `has_docker`: it installs Docker in the machine (NULL: it may, by means that are not looked into, or by its box). `has_address`: a private or
    public network makes the machine reachable without forwarded ports. `has_web_server`: its provisioners name a web server or a packet filter, which may serve or pass on any port. `is_provisioning_known`: all that the provisioners run stands here or in scripts beside; 0 with Ansible, Chef, Puppet, Salt, addresses, expressions.

    Source: text files up to 256 kB, in --app folders, homes, /vagrant, /srv, /opt, /var/www and /app, two folders deep.
    """

    file: str
    folder: str
    is_loaded: int
    parses: int | None
    is_known: int | None
    is_of_this_guest: int
    machine_count: int | None
    has_docker: int | None
    has_address: int | None
    has_web_server: int | None
    is_provisioning_known: int | None


class VagrantDefect(NamedTuple):
    """One defect of a Vagrantfile's text. `kind` says what, `name` is the word it is about, `correction` what the changed lines will read (NULL where none is proven), `also` a second place.

    Not loaded: unclosed-block, surplus-end, missing-do, misspelt-end, unclosed-string, unclosed-heredoc, unclosed-bracket, surplus-bracket, syntax-error. No Ruby: rtf-header, utf-16,
    merge-conflict, markdown-fence, own-name-line, terminal-paste, editor-line, smart-quotes, non-breaking-space, invisible-character. Not meant: inline-set-twice,
    provider-for-provisioner, receiver-missing, receiver-unknown, mount-options-joined.
    """

    file: str
    line: int
    column: int
    kind: str
    name: str | None
    correction: str | None
    also: str | None


class VagrantMachine(NamedTuple):
    """The settings of one machine (`machine` NULL: those of the only one, or of all). `box` NULL: not set here, or by an expression. `memory_mb` as given to the provider.

    `box_system`, `box_version` and `box_bits` are what the box's name tells (`ubuntu/trusty32`: ubuntu, 14.04, 32).
    """

    file: str
    machine: str | None
    line: int
    box: str | None
    box_line: int | None
    box_system: str | None
    box_version: str | None
    box_bits: int | None
    memory_mb: int | None
    memory_line: int | None


class VagrantProvisioner(NamedTuple):
    """One `config.vm.provision`, in order. `kind` is shell, docker, file, ansible …; `run` is once (the default), always or never, NULL where an expression says it; `script` the file it names."""

    file: str
    machine: str | None
    line: int
    kind: str | None
    name: str | None
    run: str | None
    script: str | None
    is_conditional: int


class VagrantPort(NamedTuple):
    """One forwarded port. `is_mentioned`: the provisioners name the guest's port somewhere, so something may serve it."""

    file: str
    machine: str | None
    line: int
    guest: int | None
    host: int | None
    auto_correct: int
    protocol: str
    is_mentioned: int


class VagrantFolder(NamedTuple):
    """One synced folder that is on. `hides_agent`: mounted there it covers files of an Agent's package."""

    file: str
    machine: str | None
    line: int
    source: str | None
    target: str | None
    type: str | None
    hides_agent: int


class ProvisionCommand(NamedTuple):
    """One command of a shell provisioner that starts something. `file` and `line` are where it stands: the Vagrantfile, or the script that it names.

    `kind`: docker-run, docker (any other docker command), background (`python app.py &`). `name` and `image` are those of the container, `is_agent` 1 where that is an Agent. `is_detached`
    (-d), `is_removed` (--rm), `has_restart` (--restart). `is_guarded`: it stands in an `if` or behind `||`, so it may not run. `is_name_handled`: another command removes, starts or looks
    for the container. `run` is that of the provisioner, at `provisioner_line` of `vagrantfile`.
    """

    file: str
    line: int
    vagrantfile: str
    machine: str | None
    provisioner_line: int
    run: str | None
    kind: str
    program: str
    name: str | None
    image: str | None
    is_agent: int
    is_detached: int
    is_removed: int
    has_restart: int
    is_guarded: int
    is_name_handled: int


class VagrantLoad(NamedTuple):
    """Something large that runs in the machine: MySQL, Docker, an installed Agent, an Agent in a container. From the provisioners; in the guest itself, also from what is installed."""

    file: str
    load: str


@table("vagrant_defects", VagrantDefect)
@table("vagrantfiles", Vagrantfile)
@table("vagrant_machines", VagrantMachine)
@table("vagrant_provisioners", VagrantProvisioner)
@table("vagrant_ports", VagrantPort)
@table("vagrant_folders", VagrantFolder)
@table("provision_commands", ProvisionCommand)
@table("vagrant_loads", VagrantLoad)
def collect(host: Host, vault: Vault, options: RunOptions) -> Iterator[Any]:
    """Ordered by folder. A file that may not be read has its row, and gaps everywhere else; what does not parse even when corrected is known by its defects alone."""
    for folder in search(host, options):
        if isinstance(folder, Gap):
            yield folder
            continue
        name = next((n for n in _LOADED if n in folder.names), None)
        if name is not None:
            yield from _file(host, vault, f"{folder.path.rstrip('/')}/{name}")
            continue
        for name in sorted(n for n in folder.names if n[:12].lower() == "vagrantfile." and re.fullmatch(_DISGUISED, n)):
            yield Vagrantfile(
                f"{folder.path.rstrip('/')}/{name}",
                folder.path,
                0,
                None,
                None,
                int(folder.path == "/vagrant"),
                None,
                None,
                None,
                None,
                None,
            )


def _file(host: Host, vault: Vault, file: str) -> Iterator[Any]:
    folder = posixpath.dirname(file) or "/"
    is_own = int(folder == "/vagrant")
    try:
        data = host.read(file, FILE_LIMIT_BYTES)
    except FileNotFoundError:
        return
    except (Unavailable, InputError) as error:
        yield Vagrantfile(file, folder, 1, None, None, is_own, None, None, None, None, None)
        yield gap_of(
            file,
            error,
            (
                "parses",
                "is_known",
                "machine_count",
                "has_docker",
                "has_address",
                "has_web_server",
                "is_provisioning_known",
            ),
            "vagrantfiles",
        )
        for name in ("vagrant_defects", *_FACT_TABLES):
            yield gap_of(file, error, None, name)
        return
    from dddoctor.rubytext import analyse

    vagrant = analyse(data, posixpath.basename(file))
    for defect in vagrant.defects:
        also = None if defect.also is None else json.dumps([{"file": file, "line": defect.also}])
        correction = None if defect.correction is None else vault.redact(defect.correction)
        yield VagrantDefect(
            file, defect.line, defect.column, defect.kind, vault.redact(defect.name) or None, correction, also
        )
    if vagrant.facts is None:
        yield Vagrantfile(file, folder, 1, 0, 0, is_own, None, None, None, None, None)
        for name in _FACT_TABLES:
            yield Gap(file, Kind.TOOL, "what it sets up is not known: it does not parse", "", None, name)
        return
    yield from _facts(host, vault, file, folder, is_own, vagrant)


def _facts(host: Host, vault: Vault, file: str, folder: str, is_own: int, vagrant: Vagrant) -> Iterator[Any]:
    from dddoctor.rubytext.boxes import box_of
    from dddoctor.tables._vagrant_commands import provisioning

    assert vagrant.facts is not None
    found, shown = vagrant.facts, _Shown(vault)
    work = provisioning(host, file, vagrant)
    for script, error in work.unread:
        yield gap_of(script, error, None, "provision_commands")
        yield gap_of(file, error, ("has_docker", "has_web_server", "is_provisioning_known"), "vagrantfiles")
        yield gap_of(file, error, ("is_mentioned",), "vagrant_ports")
    names = [m.name for m in found.machines if m.name is not None]
    yield Vagrantfile(
        file,
        folder,
        1,
        int(vagrant.reading.parses),
        1,
        is_own,
        len(names),
        _has_docker(host, vagrant, work, is_own),
        int(bool(found.networks)),
        int(
            work.speaks_of("web")
            or (
                bool(is_own)
                and _is_there(host, "/etc/nginx", "/etc/apache2", "/etc/httpd", "/etc/haproxy", "/etc/caddy")
            )
        ),
        int(work.is_known),
    )
    for machine in found.machines:
        box = box_of(machine.box) if machine.box else None
        yield VagrantMachine(
            file, shown(machine.name), vagrant.line(machine.start), shown(machine.box), None if machine.box_start is None else vagrant.line(machine.box_start),
            box.system if box else None, box.version if box else None, box.bits if box else None,
            machine.memory_mb, None if machine.memory_start is None else vagrant.line(machine.memory_start),
        )  # fmt: skip
    for p in found.provisioners:
        yield VagrantProvisioner(
            file,
            shown(p.machine),
            vagrant.line(p.start),
            shown(p.kind),
            shown(p.name),
            p.run if p.is_run_known else None,
            shown(p.path),
            int(p.is_conditional),
        )
    for port in found.ports:
        is_mentioned = port.guest is not None and re.search(rf"(?<!\d){port.guest}(?!\d)", work.mentions) is not None
        yield VagrantPort(
            file,
            shown(port.machine),
            vagrant.line(port.start),
            port.guest,
            port.host,
            int(port.auto_correct),
            port.protocol,
            int(is_mentioned),
        )
    for synced in found.folders:
        if not synced.is_disabled:
            target = posixpath.normpath(synced.target) if synced.target else None
            hides = target is not None and re.fullmatch(_AGENT_FOLDERS, target) is not None
            yield VagrantFolder(
                file,
                shown(synced.machine),
                vagrant.line(synced.start),
                shown(synced.source),
                shown(target),
                synced.type,
                int(hides),
            )
    yield from _commands(file, vagrant, work, shown)
    yield from _loads(host, file, vagrant, work, is_own)


class _Shown:
    """Text of the file as a row may hold it."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault

    def __call__(self, text: str | None) -> str | None:
        return None if text is None else self.vault.redact(text)


def _has_docker(host: Host, vagrant: Vagrant, work: Provisioning, is_own: int) -> int | None:
    from dddoctor.rubytext.boxes import box_of

    assert vagrant.facts is not None
    if (
        any(p.kind in ("docker", "docker_compose") for p in vagrant.facts.provisioners)
        or work.speaks_of("docker")
        or (is_own and _is_there(host, "/usr/bin/docker", "/usr/bin/dockerd"))
    ):
        return 1
    boxes = [m.box for m in vagrant.facts.machines if m.box_start is not None]
    is_bare = bool(boxes) and all(b is not None and box_of(b).is_bare for b in boxes)
    return 0 if work.is_known and is_bare else None


def _is_there(host: Host, *paths: str) -> bool:
    for path in paths:
        try:
            if host.exists(path):
                return True
        except (Unavailable, InputError):
            return True  # not to be called missing
    return False


def _commands(file: str, vagrant: Vagrant, work: Provisioning, shown: _Shown) -> Iterator[ProvisionCommand]:
    from dddoctor.rubytext.shell import docker_run
    from dddoctor.tables._vagrant_commands import background_apps, docker_words, is_agent_image, names_container

    everything = [c for part in work.parts for c in part.commands]
    for part in work.parts:
        p = part.provisioner

        def row(command: Any, kind: str, run: Any = None, *, part: Any = part, p: Any = p) -> ProvisionCommand:
            others = [c for c in everything if c is not command]
            return ProvisionCommand(
                part.file, command.offset, file, shown(p.machine), vagrant.line(p.start), p.run if p.is_run_known else None, kind, shown(posixpath.basename(command.words[0])) or "",
                shown(run.name) if run else None, shown(run.image) if run else None, int(run is not None and is_agent_image(run.image)), int(run is not None and run.is_detached),
                int(run is not None and run.is_removed), int(run is not None and run.has_restart), int(command.is_guarded or command.after == "||"),
                int(run is not None and run.name is not None and names_container(others, run.name)),
            )  # fmt: skip

        for command in part.commands:
            run = docker_run(command)
            if run is not None:
                yield row(command, "docker-run", run)
            elif docker_words(command):
                yield row(command, "docker")
        for command in background_apps(part):
            yield row(command, "background")


def _loads(host: Host, file: str, vagrant: Vagrant, work: Provisioning, is_own: int) -> Iterator[VagrantLoad]:
    from dddoctor.rubytext.shell import docker_run
    from dddoctor.tables._vagrant_commands import is_agent_image

    assert vagrant.facts is not None
    runs = [r for part in work.parts for c in part.commands if (r := docker_run(c)) is not None]

    def here(*paths: str) -> bool:
        if not is_own:
            return False
        try:
            return any(host.exists(p) for p in paths)
        except (Unavailable, InputError):
            return False

    if work.speaks_of("mysql") or here("/usr/sbin/mysqld", "/usr/sbin/mariadbd", "/usr/libexec/mysqld"):
        yield VagrantLoad(file, "MySQL")
    if (
        runs
        or work.speaks_of("docker")
        or any(p.kind == "docker" for p in vagrant.facts.provisioners)
        or here("/usr/bin/dockerd")
    ):
        yield VagrantLoad(file, "Docker")
    if work.speaks_of("agent") or here("/opt/datadog-agent/bin"):
        yield VagrantLoad(file, "an installed Agent")
    if any(is_agent_image(r.image) for r in runs):
        yield VagrantLoad(file, "an Agent in a container")
