"""The ports that each installed Agent opens, or tries to: from its settings and their defaults. Compared with `listeners` by rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.light import NamedTuple
from dddoctor.tables import table
from dddoctor.tables.agents import Agent
from dddoctor.tables.settings import Setting

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool
_ANY = frozenset({"0.0.0.0", "::", "*", "[::]", ""})
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})
LOOPBACK = "127.0.0.1"
_AGENT_5_PORTS = (("listen_port", 17123, "tcp", "forwarder"), ("dogstatsd_port", 8125, "udp", "dogstatsd"))


class WantedPort(NamedTuple):
    """One port that an Agent of this host opens when it runs.

    `protocol`: tcp, udp. `purpose`: commands (the CLI's), expvar, gui, traces, trace-debug, dogstatsd, otlp-grpc, otlp-http, health; of Agent 5 forwarder, dogstatsd. `program` opens it:
    agent, trace-agent. `setting` is the key to change, spelt as the documentation has it; `address` what it is bound to (`127.0.0.1`, `0.0.0.0`), `is_any`: every address. `is_enabled`:
    it is not switched off. `is_set`: file or environment say the port; `is_switch_set`: they say that it is on. `is_fatal`: the program ends when the port is taken; of the others the Agent
    goes on without it. `has_program`: the program is installed (NULL where that is not known). `file` and `line`: where the port is set, NULL for a default.
    Agents in containers have none: what they publish is in container_ports.

    Source: section "Ports" of the Agent's documentation; measured on 7.52 and 7.72.4 what ends when a port is taken.
    """

    agent: str
    port: int
    protocol: str
    purpose: str
    program: str
    setting: str
    address: str
    is_any: int
    is_enabled: int
    is_set: int
    is_switch_set: int
    is_fatal: int
    has_program: int | None
    origin: str
    file: str | None
    line: int | None


@table("wanted_ports", WantedPort)
def collect(host: Host, agents: list[Agent], settings: list[Setting]) -> Iterator[WantedPort]:
    """By Agent. One whose settings are not known has no rows, and the gap of `settings`."""
    for agent in agents:
        if agent.main_file is None or agent.kind in ("leftover", "container"):
            continue
        own = {s.key: s for s in settings if s.agent == agent.agent}
        if agent.major == 5:
            yield from _agent_5(agent, own)
        elif own:
            yield from _Ports(agent, own, _programs(host, agent)).rows()


def _programs(host: Host, agent: Agent) -> dict[str, int | None]:
    """Which of the Agent's programs are installed."""
    found: dict[str, int | None] = {"agent": None, "trace-agent": None}
    if agent.install_dir is None:
        return found if agent.kind == "process" else {"agent": 0, "trace-agent": 0}
    for name, place in (("agent", "bin/agent/agent"), ("trace-agent", "embedded/bin/trace-agent")):
        with suppress(Unavailable, InputError):
            found[name] = int(host.exists(f"{agent.install_dir}/{place}"))
    return found


class _Ports:
    """Reads the ports out of the settings of one Agent 6 or 7."""

    def __init__(self, agent: Agent, settings: Mapping[str, Setting], programs: Mapping[str, int | None]) -> None:
        self.agent, self.settings, self.programs = agent, settings, programs

    def rows(self) -> Iterator[WantedPort]:
        apm_on, apm_set = self._is_on("apm_config.enabled", True), self._is_set("apm_config.enabled")
        bind = self._text("bind_host")
        dogstatsd = "0.0.0.0" if self._is_on("dogstatsd_non_local_traffic", False) else bind or LOOPBACK
        traces = "0.0.0.0" if self._is_on("apm_config.apm_non_local_traffic", False) else bind or LOOPBACK
        yield from self._port("commands", "agent", "cmd_port", 5001, self._text("cmd_host") or LOOPBACK, is_fatal=1)
        yield from self._port("expvar", "agent", "expvar_port", 5000, LOOPBACK)
        yield from self._port("gui", "agent", "GUI_port", None, LOOPBACK, is_switch_set=self._is_set("gui_port"))
        yield from self._port(
            "dogstatsd", "agent", "dogstatsd_port", 8125, dogstatsd,
            protocol="udp", is_on=self._is_on("use_dogstatsd", True), is_switch_set=self._is_set("use_dogstatsd"),
        )  # fmt: skip
        yield from self._port(
            "traces", "trace-agent", "apm_config.receiver_port", 8126, traces, is_on=apm_on, is_switch_set=apm_set, is_fatal=1
        )  # fmt: skip
        yield from self._port("trace-debug", "trace-agent", "apm_config.debug.port", None, LOOPBACK, is_on=apm_on)
        yield from self._port("health", "agent", "health_port", None, "0.0.0.0")
        for protocol in ("grpc", "http"):
            yield from self._endpoint(protocol)

    def _port(
        self, purpose: str, program: str, setting: str, default: int | None, address: str, *,
        protocol: str = "tcp", is_on: bool = True, is_switch_set: int = 0, is_fatal: int = 0,
    ) -> Iterator[WantedPort]:  # fmt: skip
        """The row of one port; none for 0, -1 and what is no number (the Agent takes a word for 0)."""
        found = self.settings.get(setting.lower())
        if found is None:
            # A section that a scalar wiped (7.52) has lost its defaults, but the trace receiver's port stays.
            if default is None:
                return
            port = default
        else:
            text = (found.value or "").strip()
            if not text.isdigit() or not 0 < int(text) < 65536:
                return
            port = int(text)
        bare = LOOPBACK if address.lower() in _LOOPBACK_NAMES else address
        yield WantedPort(
            self.agent.agent,
            port,
            protocol,
            purpose,
            program,
            setting,
            bare,
            int(bare in _ANY),
            int(is_on),
            self._is_set(setting.lower()),
            is_switch_set,
            is_fatal,
            self.programs.get(program),
            "default" if found is None else found.origin,
            None if found is None else found.file,
            None if found is None else found.line,
        )

    def _endpoint(self, protocol: str) -> Iterator[WantedPort]:
        """The OTLP receiver listens only where its endpoint is written, `0.0.0.0:4317`."""
        key = f"otlp_config.receiver.protocols.{protocol}.endpoint"
        found = self.settings.get(key)
        if found is None or found.origin == "default" or not found.value:
            return
        address, _, port = found.value.rpartition(":")
        if not port.isdigit() or not 0 < int(port) < 65536:
            return
        bare = LOOPBACK if address.lower() in _LOOPBACK_NAMES else address.strip("[]") or "0.0.0.0"
        yield WantedPort(
            self.agent.agent, int(port), "tcp", f"otlp-{protocol}", "agent", key, bare, int(bare in _ANY), 1, 1, 1, 0, self.programs.get("agent"), found.origin, found.file, found.line
        )  # fmt: skip

    def _text(self, key: str) -> str:
        found = self.settings.get(key)
        return (found.value or "").strip() if found is not None else ""

    def _is_on(self, key: str, default: bool) -> bool:
        found = self.settings.get(key)
        return default if found is None or found.value is None else found.value in _TRUE

    def _is_set(self, key: str) -> int:
        found = self.settings.get(key)
        return int(found is not None and found.origin != "default")


def _agent_5(agent: Agent, settings: Mapping[str, Setting]) -> Iterator[WantedPort]:
    """Agent 5's forwarder takes what its other parts send; dogstatsd is on unless `use_dogstatsd: no`."""
    for setting, default, protocol, purpose in _AGENT_5_PORTS:
        found = settings.get(setting)
        text = (found.value or "").strip() if found is not None else str(default)
        if not text.isdigit() or not 0 < int(text) < 65536:
            continue
        switch = settings.get("use_dogstatsd") if purpose == "dogstatsd" else None
        is_on = switch is None or (switch.value or "").strip().lower() not in ("no", "false", "0", "off")
        is_any = settings.get("non_local_traffic")
        address = "0.0.0.0" if is_any is not None and (is_any.value or "").lower() in ("yes", "true", "1") else LOOPBACK
        yield WantedPort(
            agent.agent, int(text), protocol, purpose, purpose, setting, address, int(address in _ANY), int(is_on), int(found is not None), 0, 0,
            None, "file" if found is not None else "default", found.file if found is not None else None, found.line if found is not None else None,
        )  # fmt: skip
