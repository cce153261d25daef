"""`check --ssh HOST`: the collector's script runs over there, from standard input, and its snapshot comes back. Nothing is written on that host."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from dddoctor.collector import CollectError, arguments, host_of, run, script
from dddoctor.hosts.snapshot import SnapshotHost

CONNECT_SECONDS = 15
LIMIT_SECONDS = 300.0
# No prompt, no terminal, nothing of this side handed over. Which keys and hosts are trusted is for the person's own configuration to say.
_OPTIONS = (
    "BatchMode=yes", f"ConnectTimeout={CONNECT_SECONDS}", "ServerAliveInterval=15", "ServerAliveCountMax=3", "ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes",
    "PermitLocalCommand=no", "RequestTTY=no", "LogLevel=ERROR",
)  # fmt: skip


def command(host: str, config: Path | None, words: Sequence[str]) -> list[str]:
    """The argv of ssh. `sudo` is used where it asks for no password; the account's own search path goes along, which sudo would replace."""
    given = " ".join(shlex.quote(word) for word in ("-s", "--", *words))
    there = (
        f'if sudo -n true 2>/dev/null; then exec sudo -n env DDDOCTOR_PATH="$PATH" sh {given}; else exec sh {given}; fi'
    )
    options = [part for option in _OPTIONS for part in ("-o", option)]
    return [
        "ssh",
        "-T",
        *options,
        *(["-F", str(config)] if config is not None else []),
        "--",
        host,
        f"sh -c {shlex.quote(there)}",
    ]


def fetch(host: str, config: Path | None, apps: Sequence[str] = (), limit_seconds: float | None = None) -> SnapshotHost:
    """The host as it is now. CollectError with what ssh said and what to type."""
    if host.startswith("-") or not host or any(c.isspace() for c in host):
        raise CollectError(
            f"--ssh {host!r}: write a host as ssh knows it: name, user@name, or a Host of its configuration"
        )
    if config is not None and not config.is_file():
        raise CollectError(f"--ssh-config {config}: no such file (`vagrant ssh-config > FILE` writes one)")
    argv = command(host, config, arguments(None, apps))
    data, said, code = run(argv, script(), limit_seconds or LIMIT_SECONDS)
    if code != 0 or not data.startswith(b"dddoctor-snapshot"):
        raise CollectError(f"--ssh {host}: {_reason(said, code, host, config)}")
    try:
        return host_of(data, host)
    except CollectError as error:
        raise CollectError(f"--ssh {host}: {error}") from None


def _reason(said: str, code: int, host: str, config: Path | None) -> str:
    """One line: what went wrong, and what to type."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    line = lines[-1][:300] if lines else f"it ended with {code}"
    by_hand = shlex.join(["ssh", *(["-F", str(config)] if config is not None else []), host, "true"])
    if code == 255 or code == 127:
        trust = "Host key verification failed" in said or "No host key is known" in said
        hint = (
            "it asks whether you trust that host's key" if trust else "when that works without a question, so does this"
        )
        return f"ssh says: {line}. Type `{by_hand}`: {hint}"
    return f"the collector ended with {code} over there: {line}"
