"""What this machine's Docker engine says, through its socket alone: no engine on another machine is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dddoctor.hosts.base import Unavailable
from dddoctor.model import Kind

if TYPE_CHECKING:
    from docker import APIClient

TIMEOUT_SECONDS = 3.0  # of one question
CONTAINERS_LIMIT = 500

T = TypeVar("T")


def containers(socket: str) -> list[Mapping[str, Any]]:
    """`inspect` of every container, by name. One that is removed meanwhile is left out. Unavailable(denied), (timeout), (tool)."""

    def ask(client: APIClient) -> list[Mapping[str, Any]]:
        import docker.errors

        found = []
        listed = client.containers(all=True)
        if len(listed) > CONTAINERS_LIMIT:
            raise Unavailable(
                Kind.TOOL, f"there are {len(listed)} containers, more than the {CONTAINERS_LIMIT} that are looked at"
            )
        for entry in listed:
            try:
                found.append(client.inspect_container(entry["Id"]))
            except docker.errors.NotFound:
                continue
        return sorted(found, key=lambda c: str(c.get("Name", "")))

    return _asked(socket, ask)


def images(socket: str) -> list[Mapping[str, Any]]:
    """The list of images. Errors as `containers`."""
    return _asked(socket, lambda client: list(client.images()))


def _asked(socket: str, ask: Callable[[APIClient], T]) -> T:
    """The answer, or Unavailable in words that say what is the matter with the engine."""
    if os.path.lexists(socket) and not os.access(
        socket, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids
    ):
        raise Unavailable(Kind.DENIED, f"permission denied: {socket}", "sudo")
    import docker.errors
    import requests.exceptions
    from docker import APIClient

    try:
        client = APIClient(base_url=f"unix://{socket}", version="auto", timeout=TIMEOUT_SECONDS)
        try:
            return ask(client)
        finally:
            client.close()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise _obstacle(socket, error) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:  # an answer of another shape
        raise Unavailable(Kind.TOOL, f"the Docker engine at {socket} cannot be asked: {error}") from None


def _obstacle(socket: str, error: BaseException) -> Unavailable:
    causes: list[BaseException] = []
    pending: list[object] = [error]
    while pending and len(causes) < 20:
        cause = pending.pop()
        if isinstance(cause, BaseException) and cause not in causes:
            causes.append(cause)
            pending += [cause.__cause__, cause.__context__, *cause.args, getattr(cause, "reason", None)]
    if any(
        isinstance(c, TimeoutError) or type(c).__name__ in {"ReadTimeout", "ConnectTimeout", "ReadTimeoutError"}
        for c in causes
    ):
        return Unavailable(
            Kind.TIMEOUT, f"the Docker engine at {socket} did not answer within {TIMEOUT_SECONDS:g} s", "--timeout"
        )
    if any(isinstance(c, PermissionError) for c in causes):
        return Unavailable(Kind.DENIED, f"permission denied: {socket}", "sudo")
    if any(isinstance(c, (ConnectionRefusedError, FileNotFoundError)) for c in causes):
        return Unavailable(Kind.TOOL, "the Docker engine does not run")
    return Unavailable(Kind.TOOL, f"the Docker engine at {socket} cannot be asked: {error}")
