"""What a Vagrantfile's provisioners run: their inline text and the scripts they name, as commands with their file and line."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple

if TYPE_CHECKING:
    from dddoctor.rubytext import Vagrant
    from dddoctor.rubytext.shell import Command
    from dddoctor.rubytext.vagrantfile import Provisioner

SCRIPT_LIMIT_BYTES = 512 * 1024
# Patterns are compiled where they are used (re keeps them): most hosts have no Vagrantfile.
# Provisioners whose work lies in files that are not looked at.
_OPAQUE = frozenset(
    (
        "ansible",
        "ansible_local",
        "chef",
        "chef_solo",
        "chef_client",
        "chef_zero",
        "chef_apply",
        "puppet",
        "puppet_server",
        "salt",
        "cfengine",
        "podman",
    )
)
_INSTALLS = r"(?:apt-get|apt|aptitude|yum|dnf|snap|zypper|apk|pacman)\b[^\n;|&]*\s"
_TEXTS = {
    "docker": rf"(?m){_INSTALLS}(?:docker(?:\.io|-ce|-engine|-cli)?|lxc-docker|moby-engine)(?=[=\s:;&|]|$)|(?:get|test)\.docker\.com",
    "mysql": rf"{_INSTALLS}[^\n;|&]*?(?:mysql|mariadb|percona)(?:-community)?-server",
    "agent": rf"install_(?:script|agent)\w*\.sh|dd-agent/\S*/?install|{_INSTALLS}(?:datadog-agent|datadog-signing)",
    "web": r"\b(?:nginx|apache2?|httpd|haproxy|caddy|traefik|lighttpd|varnish|tomcat\d*|iptables|socat|nftables|firewall-cmd|docker[- ]compose)\b",
}  # fmt: skip
_ABOUT_CONTAINERS = frozenset(
    ("rm", "start", "restart", "stop", "kill", "inspect", "container", "update", "rename", "top", "compose")
)
_IMAGE_OF_AGENT = r"(?:^|/)(?:datadog/(?:agent|docker-dd-agent)|datadoghq/agent)(?::|@|$)"


class Part(NamedTuple):
    """The commands of one provisioner that stand in one file."""

    file: str
    provisioner: Provisioner
    commands: tuple[Command, ...]


class Provisioning(NamedTuple):
    """All of one Vagrantfile. `text` is everything that its provisioners run, `mentions` that and what the Vagrantfile says of them; `is_known`: nothing of it lies where it could not be read.

    `unread`: (file, error) of scripts that are there and may not be read.
    """

    parts: tuple[Part, ...]
    text: str
    mentions: str
    is_known: bool
    unread: tuple[tuple[str, Unavailable | InputError], ...]

    def speaks_of(self, what: str) -> bool:
        """Whether the text installs docker, mysql or the agent, or anything names a web server, or containers that another file describes (`web`)."""
        return re.search(_TEXTS[what], self.mentions if what == "web" else self.text) is not None


def is_agent_image(image: str | None) -> bool:
    return image is not None and re.search(_IMAGE_OF_AGENT, image) is not None


def provisioning(host: Host, file: str, vagrant: Vagrant) -> Provisioning:
    """Read what the provisioners run. Scripts are looked for beside the Vagrantfile, where Vagrant takes relative paths from."""
    from dddoctor.rubytext.shell import commands

    assert vagrant.facts is not None
    parts: list[Part] = []
    texts: list[str] = []
    unread: list[tuple[str, Unavailable | InputError]] = []
    is_known = True
    for provisioner in vagrant.facts.provisioners:
        if provisioner.kind in _OPAQUE or provisioner.kind is None:
            is_known = False
        lines = [(vagrant.line(offset), text) for offset, text in provisioner.lines]
        if lines:
            texts += [text for _, text in lines]
            parts.append(Part(file, provisioner, tuple(commands(lines))))
        is_known = is_known and (provisioner.is_known or provisioner.kind != "shell")
        if provisioner.path is None or provisioner.kind != "shell":
            continue
        script = posixpath.normpath(posixpath.join(posixpath.dirname(file), provisioner.path))
        found = _script(host, script) if "://" not in provisioner.path else None
        if isinstance(found, (Unavailable, InputError)):
            unread.append((script, found))
            is_known = False
        elif found is None:
            is_known = False
        else:
            texts += [text for _, text in found]
            parts.append(Part(script, provisioner, tuple(commands(found))))
    text = "\n".join(texts)
    said = "\n".join(p.node.text.decode("utf-8", "replace") for p in vagrant.facts.provisioners)
    return Provisioning(tuple(parts), text, f"{text}\n{said}", is_known, tuple(unread))


def _script(host: Host, path: str) -> list[tuple[int, str]] | Unavailable | InputError | None:
    try:
        data = host.read(path, SCRIPT_LIMIT_BYTES)
    except FileNotFoundError:
        return None
    except (Unavailable, InputError) as error:
        return error
    return [
        (number, line)
        for number, line in enumerate(data.decode("utf-8", "replace").replace("\r\n", "\n").split("\n"), 1)
    ]


def docker_words(command: Command) -> tuple[str, ...]:
    """The words behind `docker`; empty for any other program."""
    if not command.words or command.words[0].rpartition("/")[2] != "docker":
        return ()
    return command.words[1:]


def names_container(all_commands: Sequence[Command], name: str) -> bool:
    """Whether some other command removes, starts, updates or looks for this container, or removes all: then a second run may well work."""
    own = re.compile(rf"(?<![\w./:-]){re.escape(name)}(?![\w.:-])")
    for index, command in enumerate(all_commands):
        words = docker_words(command)
        if "prune" in words or any("docker ps" in word for word in words):
            return True
        if (
            words
            and words[0] in _ABOUT_CONTAINERS
            and "run" not in words[:2]
            and any(own.search(word) for word in words[1:])
        ):
            return True
        if words[:1] == ("ps",):
            piped = [command]
            while piped[-1].after == "|" and index + len(piped) < len(all_commands):
                piped.append(all_commands[index + len(piped)])
            if any(own.search(word) for c in piped for word in c.words):
                return True
        if not words and any(re.search(r"\bdocker\b", word) and own.search(word) for word in command.words):
            return True
    return False


def background_apps(part: Part) -> Iterator[Command]:
    """Commands that start a program and leave it running: `python app.py &`."""
    for command in part.commands:
        if command.after == "&" and re.fullmatch(
            r"(?:.*/)?(?:python[\d.]*|flask|ddtrace-run|gunicorn|node|java|ruby)", command.words[0]
        ):
            yield command
