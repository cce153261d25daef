"""Asking the Agent: its own read-only commands, as its own user, and what their refusals mean.

Exit codes: 0, or 255 with the reason on stderr (`Error: …`); 7.52 and 7.72.4 word the same things differently (reference: commands, IPC).
"""

from __future__ import annotations

from dddoctor.hosts.base import Host, InputError, Ran, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.model import Kind
from dddoctor.tables.agents import Agent

PROGRAM = "datadog-agent"
USER = "dd-agent"
STATUS = ("status", "--json")
CONFIGCHECK = ("configcheck",)
# Two suites that stay on this host; the connectivity suites send the key out. The names are regular expressions.
DIAGNOSE = ("diagnose", "--json", "--include", "^check-datadog$", "--include", "^port-conflict$")
DIAGNOSE_TEXT = tuple(word for word in DIAGNOSE if word != "--json")  # up to about 7.57
COMMAND_SECONDS = 10.0

_ERROR = lazy(r"^Error: (.+)$", 0)
_REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("unknown-command", ("unknown flag:", "unknown shorthand flag", "unknown command")),
    ("token-refused", ("invalid session token",)),
    (
        "token-damaged",
        (
            'invalid header field value for "Authorization"',
            "invalid authentication token",
            "no session token provided",
        ),
    ),
    ("certificate", ("error while fetching IPC cert", "ipc_cert.pem", "failed to decode PEM block", "x509: ")),
    ("settings-closed", ("cannot access the Datadog config file", "datadog.yaml: permission denied")),
    ("token-closed", ("auth_token: permission denied",)),
    ("token-missing", ("auth_token: no such file or directory",)),
    ("settings-broken", ("unable to load Datadog config file", "Error loading config", "cannot unmarshal")),
    ("not-listening", ("connection refused", "actively refused")),
    (
        "another-program",
        (
            "does not look like a TLS handshake",
            "server gave HTTP response to HTTPS client",
            "tls: ",
            "malformed HTTP response",
            "EOF",
        ),
    ),
    ("silent", ("Client.Timeout exceeded", "context deadline exceeded", "i/o timeout")),
)


def program_of(agent: Agent) -> str | None:
    """How this Agent's command is called; None for one that is not asked: without files of a program, in a container, of version 5, started by hand."""
    if agent.kind not in ("package", "app") or agent.major < 6 or agent.install_dir is None:
        return None
    return PROGRAM


def ask(host: Host, agent: Agent, words: tuple[str, ...], seconds: float = COMMAND_SECONDS) -> Ran:
    """Run one of the Agent's commands as the user that the Agent runs as. Unavailable as `Host.run`.

    The packages put a link `datadog-agent` on the path; where it is missing, the program in the install folder is the same.
    """
    program = program_of(agent)
    if program is None:
        raise Unavailable(Kind.TARGET, "this Agent is not asked")
    user = USER if agent.kind == "package" else _owner(host, agent)
    try:
        return host.run((program, *words), seconds, user)
    except Unavailable as error:
        if error.kind is not Kind.TOOL:
            raise
        if "not installed here" in error.reason:
            try:
                return host.run((f"{agent.install_dir}/bin/agent/agent", *words), seconds, user)
            except Unavailable as second:
                raise (error if second.kind is Kind.TARGET else second) from None
        owner = _owner(host, agent) if "no user" in error.reason else None
        if owner in (None, "root", user):
            raise
        return host.run((program, *words), seconds, owner)


def _owner(host: Host, agent: Agent) -> str | None:
    """Whoever owns the settings: on macOS the Agent runs as the person who installed it, elsewhere only where somebody renamed dd-agent."""
    try:
        return host.stat(agent.config_dir or "/").owner
    except (FileNotFoundError, InputError, Unavailable):
        return None


def refusal(ran: Ran) -> tuple[str, str]:
    """(reason, the line that says so) of a command that failed. Reasons: see the column `why_not` of agent_status; `other` where none fits."""
    said = f"{ran.stderr}\n{ran.stdout}"
    lines = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
    line = next((m[1] for text in lines if (m := _ERROR.match(text))), lines[0] if lines else "")
    for reason, marks in _REASONS:
        if any(mark in line for mark in marks):
            return reason, line
    for reason, marks in _REASONS:
        if any(mark in said for mark in marks):
            return reason, line
    return "other", line or f"it ended with {ran.returncode}"
