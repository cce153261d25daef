"""Docker's containers and images, as `docker inspect` has them: what runs, with which ports, folders and variables."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import table
from dddoctor.tables._clock import now_on
from dddoctor.tables.agents import Agent

if TYPE_CHECKING:
    from dddoctor.secrets import Vault
    from dddoctor.tables._inspect import Inspect

SETTLED_SECONDS = 30  # what has run this long since its last start is in no loop
_DOCKER_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/var/run", "/run", "/host/var/run/docker.sock")
_CGROUPS = ("/host/sys/fs/cgroup", "/host/sys/fs", "/host/sys")
_MANAGERS = (
    ("com.docker.compose.project", "compose"),
    ("io.kubernetes.pod.name", "kubernetes"),
    ("com.docker.swarm.service.name", "swarm"),
    ("com.amazonaws.ecs.cluster", "ecs"),
    ("com.hashicorp.nomad.alloc_id", "nomad"),
)
# Variables of the Agent's images and of tracers that no setting of datadog.yaml stands behind.
_OTHER_VARIABLES = frozenset(
    ["DD_INSIDE_CI", "DD_PROXY_HTTP", "DD_PROXY_HTTPS", "DD_PROXY_NO_PROXY", "DD_SERVICE", "DD_VERSION", "DD_ENV", "DD_POD_NAME", "DD_PYTHON_VERSION", "DD_CONF_NODETREEMODEL",
     "DD_PROFILING_STACK_V2_ENABLED", "DD_AGENT_HOST", "DD_HOSTNAME", "DD_TAGS", "DD_SITE", "DD_API_KEY", "DD_APP_KEY", "DD_URL", "DD_BUNDLED_AGENT", "DD_GIT_COMMIT_SHA", "DD_GIT_REPOSITORY_URL"]
)  # fmt: skip
# What people write where the Agent's variable belongs (Agent 5's images and other tools take some of them).
_MEANT = {
    "API_KEY": "DD_API_KEY", "DATADOG_API_KEY": "DD_API_KEY", "DD_APIKEY": "DD_API_KEY", "DD_KEY": "DD_API_KEY", "APM_ENABLED": "DD_APM_ENABLED", "LOGS_ENABLED": "DD_LOGS_ENABLED",
    "NON_LOCAL_TRAFFIC": "DD_DOGSTATSD_NON_LOCAL_TRAFFIC", "DD_NON_LOCAL_TRAFFIC": "DD_DOGSTATSD_NON_LOCAL_TRAFFIC", "APM_NON_LOCAL_TRAFFIC": "DD_APM_NON_LOCAL_TRAFFIC",
    "DD_APM_CONFIG_ENABLED": "DD_APM_ENABLED",
}  # fmt: skip


class Container(NamedTuple):
    """One container of Docker, running or not.

    `id` are the first 12 digits; `image` as it was asked for. `state`: created running paused restarting exited dead. `is_running`: its program runs now; between two restarts it does not.
    `is_looping`: it is between two restarts, or was restarted at least twice and last started less than 30 s ago. `exit_code` is that of its last end, NULL where it never ended or runs;
    137 with `is_oom_killed` is the kernel's out-of-memory killer. `error` is what kept it from starting. `started_at` in seconds since the epoch. `restart_policy`: no, always, on-failure,
    unless-stopped; `is_removed_at_end` is --rm. `network_mode`: bridge, host, none, the name of a network, or `container:NAME`; `is_host_network`: its ports are the host's own.
    `address` is its own in the first network. `memory_limit_bytes` NULL: none. `command` with its arguments. `is_agent`: a Datadog Agent runs in it; `agent` is then its key of `agents` and
    `agent_major` 5, 6 or 7, as image and tag tell. `has_docker_socket`, `has_proc`, `has_cgroup`: the host's are mounted where the Agent looks for them.
    `has_own_host_name`: its host name is not the host's (Docker makes up one from the id). `managed_by`: compose, kubernetes, swarm, ecs, nomad: who would make it anew, by its labels.
    `has_replacement` (an Agent's container that does not run): another Agent is installed here or runs in another container.

    Source: `inspect` of the engine's API (1.41 recorded), through its socket.
    """

    name: str
    id: str
    image: str
    state: str
    is_running: int
    is_looping: int
    exit_code: int | None
    is_oom_killed: int
    error: str | None
    started_at: float | None
    restart_policy: str
    restart_count: int
    is_removed_at_end: int
    network_mode: str
    is_host_network: int
    address: str | None
    memory_limit_bytes: int | None
    command: str
    is_agent: int
    agent: str | None
    agent_major: int | None
    has_docker_socket: int
    has_proc: int
    has_cgroup: int
    has_own_host_name: int
    managed_by: str | None
    has_replacement: int | None


class ContainerMount(NamedTuple):
    """One folder, file or volume that a container sees. `type`: bind volume tmpfs. `source` is the path on the host (of a volume, the engine's own folder)."""

    container: str
    agent: str | None
    type: str
    source: str | None
    destination: str
    is_read_only: int


class ContainerPort(NamedTuple):
    """One port of a container. `is_published`: it is reachable as `host_port` at `host_address` of the host (`0.0.0.0` all, `127.0.0.1` the host alone); else the image only names it.

    Without meaning where `is_host_network` of the container is 1.
    """

    container: str
    agent: str | None
    port: int
    protocol: str
    is_published: int
    host_address: str | None
    host_port: int | None


class ContainerVariable(NamedTuple):
    """One environment variable of a container, the image's own included. Secrets are tokens; `length`, `is_hex` and `is_placeholder` describe such a value (NULL for `ENC[…]`).

    `has_quotes`: the value begins and ends with the same quote, which the shell did not take away (`- KEY="x"` in a compose file). `setting`: the key of datadog.yaml that it sets.
    `is_known` (containers of an Agent, names with DD_): the Agent knows the variable. `nearest`: the variable that was probably meant; of DD_SITE, the site.
    """

    container: str
    agent: str | None
    name: str
    value: str
    length: int | None
    is_hex: int | None
    is_placeholder: int | None
    has_quotes: int
    setting: str | None
    is_known: int | None
    nearest: str | None


class Image(NamedTuple):
    """One image by one of its names; `name` NULL for one without. `is_agent`: it is an Agent's own."""

    id: str
    name: str | None
    created_at: float | None
    size_bytes: int | None
    is_agent: int


Row = Container | ContainerMount | ContainerPort | ContainerVariable | Gap


@table("containers", Container, limit_seconds=12.0)
@table("container_mounts", ContainerMount)
@table("container_ports", ContainerPort)
@table("container_env", ContainerVariable, asks="containers")
def collect(host: Host, vault: Vault, agents: list[Agent]) -> Iterator[Row]:
    """All containers, by name. No Docker here: no rows and no gap."""
    try:
        found = host.containers()
    except FileNotFoundError:
        return
    now = now_on(host)
    rows = [row for container in found for row in rows_of(container, vault, now)]
    has_other = any(a.kind in ("package", "app", "process") for a in agents)
    runs = any(isinstance(r, Container) and r.is_agent and r.is_running and not r.is_looping for r in rows)
    for row in rows:
        if isinstance(row, Container) and row.is_agent and not row.is_running:
            yield row._replace(has_replacement=int(has_other or runs))
        else:
            yield row


@table("images", Image, limit_seconds=12.0, asks="images")
def collect_images(host: Host) -> Iterator[Image | Gap]:
    """All images, by name."""
    from dddoctor.tables._inspect import SHORT_ID, is_agent_image, number, text, texts

    try:
        found = host.images()
    except FileNotFoundError:
        return
    rows: list[Image] = []
    for image in found:
        number_of = text(image.get("Id")).removeprefix("sha256:")[:SHORT_ID]
        created = number(image.get("Created"))
        size = number(image.get("Size"))
        names: list[str | None] = [n for n in texts(image.get("RepoTags")) if n != "<none>:<none>"]
        for name in names or [None]:
            is_agent = int(name is not None and is_agent_image(name))
            rows.append(Image(number_of, name, None if created is None else float(created), size, is_agent))
    yield from sorted(rows, key=lambda i: (i.name or "", i.id))


def rows_of(container: Inspect, vault: Vault, now: float) -> Iterator[Row]:
    """Everything that the tables hold of one container. `now`: seconds since the epoch."""
    from dddoctor.tables import _inspect as inspect
    from dddoctor.tables._running_agents import agent_container

    name = inspect.name_of(container)
    if not name:
        yield Gap("*", Kind.TOOL, "Docker named a container without a name or an id")
        return
    found = agent_container(container)
    agent = f"container:{found.name}" if found is not None else None
    mounts = [_mount(vault, name, agent, m) for m in inspect.mounts_of(container)]
    places = {m.destination.rstrip("/") or "/" for m in mounts}
    yield _container(container, vault, now, name, agent, None if found is None else found.major, places)
    yield from mounts
    for (port, protocol), published in sorted(inspect.ports_of(container).items()):
        if not published:
            yield ContainerPort(name, agent, port, protocol, 0, None, None)
        for address, host_port in published:
            yield ContainerPort(name, agent, port, protocol, 1, address or "0.0.0.0", host_port)
    for variable, value in inspect.variables_of(container).items():
        yield _variable(vault, name, agent, variable, value)


def _container(
    container: Inspect, vault: Vault, now: float, name: str, agent: str | None, major: int | None, places: set[str]
) -> Container:
    from dddoctor.tables import _inspect as inspect

    state, settings = inspect.part(container, "State"), inspect.part(container, "HostConfig")
    words = inspect.text(state.get("Status")).lower()
    is_running = bool(state.get("Running")) and not state.get("Restarting") and words in ("running", "")
    started = inspect.seconds_of(state.get("StartedAt"))
    restarts = inspect.number(container.get("RestartCount")) or 0
    is_young = is_running and started is not None and 0 <= now - started < SETTLED_SECONDS
    exit_code = inspect.number(state.get("ExitCode"))
    has_ended = not is_running and words not in ("created", "paused", "running")
    has_failed = words == "created" and bool(exit_code)
    mode = inspect.text(settings.get("NetworkMode")) or "bridge"
    networks = inspect.part(container, "NetworkSettings", "Networks")
    addresses = [inspect.text(inspect.part(n).get("IPAddress")) for n in networks.values()]
    command = [inspect.text(container.get("Path")), *inspect.texts(container.get("Args"))]
    limit = inspect.number(settings.get("Memory"))
    labels = inspect.part(container, "Config", "Labels")
    return Container(
        name=vault.redact(name),
        id=inspect.text(container.get("Id"))[: inspect.SHORT_ID],
        image=vault.redact(inspect.image_of(container)),
        state=words or ("running" if is_running else "exited"),
        is_running=int(is_running),
        is_looping=int(words == "restarting" or bool(state.get("Restarting")) or (is_young and restarts >= 2)),
        exit_code=exit_code if has_ended or has_failed else None,
        is_oom_killed=int(state.get("OOMKilled") is True),
        error=vault.redact(inspect.text(state.get("Error"))) or None,
        started_at=started,
        restart_policy=inspect.text(inspect.part(settings, "RestartPolicy").get("Name")) or "no",
        restart_count=restarts,
        is_removed_at_end=int(settings.get("AutoRemove") is True),
        network_mode="bridge" if mode == "default" else mode,
        is_host_network=int(mode == "host"),
        address=next((a for a in addresses if a), None),
        memory_limit_bytes=limit or None,
        command=vault.redact(" ".join(w for w in command if w)),
        is_agent=int(agent is not None),
        agent=agent,
        agent_major=major,
        has_docker_socket=int(any(p in places for p in _DOCKER_SOCKETS)),
        has_proc=int("/host/proc" in places or "/host" in places),
        has_cgroup=int(any(p in places for p in _CGROUPS) or "/host" in places),
        has_own_host_name=int(inspect.text(settings.get("UTSMode")) != "host" and mode != "host"),
        managed_by=next((m for label, m in _MANAGERS if label in labels), None),
        has_replacement=None,
    )


def _mount(vault: Vault, name: str, agent: str | None, mount: Inspect) -> ContainerMount:
    from dddoctor.tables._inspect import text

    return ContainerMount(
        name,
        agent,
        text(mount.get("Type")) or "bind",
        vault.redact(text(mount.get("Source"))) or None,
        vault.redact(text(mount.get("Destination"))),
        int(mount.get("RW") is False),
    )


def _variable(vault: Vault, container: str, agent: str | None, name: str, value: str) -> ContainerVariable:
    import re

    from dddoctor.secrets import is_placeholder

    bare = value.strip()
    is_handle = bare.startswith("ENC[")
    has_quotes = len(bare) > 1 and bare[0] in "\"'" and bare[-1] == bare[0]
    is_known, setting, near = _judged(name, bare, agent is not None)
    return ContainerVariable(
        container,
        agent,
        vault.redact(name),
        vault.redact_value(name, value),
        None if is_handle else len(bare),
        None if is_handle else int(re.fullmatch(r"[0-9a-fA-F]+", bare) is not None),
        None if is_handle else int(is_placeholder(bare)),
        int(has_quotes),
        setting,
        is_known,
        near,
    )


def _judged(name: str, value: str, is_in_agent: bool) -> tuple[int | None, str | None, str | None]:
    """`is_known`, `setting` and `nearest` of a variable."""
    from dddoctor.tables._near import nearest
    from dddoctor.tables.settings import meant_site

    if not is_in_agent:
        return None, None, None
    if name in _MEANT:
        return (0 if name.startswith("DD_") else None), None, _MEANT[name]
    if not name.startswith("DD_"):
        return None, None, None
    known = _variables()
    if name in known or name in _OTHER_VARIABLES:
        setting = min(known.get(name, [""]), key=len) or None  # of several the one that is named like the variable
        return 1, setting, meant_site(value) if name == "DD_SITE" and value else None
    near = nearest(name[3:], [other[3:] for other in known])  # the prefix is no likeness
    return 0, None, f"DD_{near}" if near else None


@cache
def _variables() -> dict[str, list[str]]:
    """The variables that the Agent reads → the settings they set."""
    from dddoctor.tables import _catalogue

    return _catalogue.settings().by_variable()
