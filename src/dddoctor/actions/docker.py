"""Repairs of containers that Docker makes in place: no container is made anew, and none is removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dddoctor.actions import Refused, action
from dddoctor.hosts.base import Host, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.model import Change, Command

_NAME = lazy(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # what the engine allows; such a name is never taken for an option
_POLICIES = ("no", "always", "unless-stopped", "on-failure")


@action("command")
class SetRestartPolicy:
    """Let Docker start a container again when the machine or the container ends. Params: container (its name), policy (no, always, unless-stopped, on-failure).

    Refused for a container that removes itself (--rm): Docker allows no policy there. The way back is the policy that it had.
    """

    container: str
    policy: str

    def plan(self, host: Host) -> list[Change]:
        if self.policy not in _POLICIES:
            raise Refused(f"{self.policy} is no restart policy")
        settings = _part(_found(host, self.container), "HostConfig")
        if settings.get("AutoRemove") is True:
            raise Refused("it was started with --rm, and Docker removes it when it ends")
        before = _part(settings, "RestartPolicy")
        name = str(before.get("Name") or "no")
        if name == self.policy:
            return []
        count = before.get("MaximumRetryCount")
        back = f"{name}:{count}" if name == "on-failure" and count else name
        update = ("docker", "update", "--restart")
        return [Command((*update, self.policy, self.container), (*update, back, self.container))]


@action("command")
class StartContainer:
    """Start a container that is there and does not run. Params: container (its name)."""

    container: str

    def plan(self, host: Host) -> list[Change]:
        state = _part(_found(host, self.container), "State")
        if state.get("Running") is True:
            return []
        return [Command(("docker", "start", self.container), ("docker", "stop", self.container))]


@action("command")
class StopContainer:
    """Stop a container that runs; it stays where it is. Params: container (its name)."""

    container: str

    def plan(self, host: Host) -> list[Change]:
        if _part(_found(host, self.container), "State").get("Running") is not True:
            return []
        return [Command(("docker", "stop", self.container), ("docker", "start", self.container))]


def _found(host: Host, name: str) -> Mapping[str, Any]:
    """What Docker says of the container now."""
    if not _NAME.fullmatch(name):
        raise Refused("its name is none that Docker gives")
    try:
        found = next((c for c in host.containers() if str(c.get("Name") or "").lstrip("/") == name), None)
    except (FileNotFoundError, Unavailable) as error:
        raise Refused("Docker could not be asked") from error
    if found is None:
        raise Refused(f"there is no container {name} any more")
    return found


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
