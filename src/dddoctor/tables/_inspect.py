"""What Docker says of a container (`docker inspect`), read defensively: a field of another type or version is as if it were absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dddoctor.lazyre import lazy

SHORT_ID = 12
NO_TIME = "0001-01-01T00:00:00Z"  # what the engine writes for "never"
# datadog/agent, gcr.io/datadoghq/agent, public.ecr.aws/datadog/agent, registry.datadoghq.com/agent, datadoghq.azurecr.io/agent; Agent 5 was docker-dd-agent.
_IMAGE = lazy(
    r"(?:^|/)(?:datadog|datadoghq|registry\.datadoghq\.com|datadoghq\.azurecr\.io)/(?:agent|docker-dd-agent)(?=[:@]|$)"
)
_TIME = lazy(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)")

Inspect = Mapping[str, Any]


def part(value: Any, *names: str) -> Mapping[str, Any]:
    """The mapping below these keys; an empty one where something else stands on the way."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str:
    """A text; "" for anything else."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int | None:
    """A whole number; None for anything else (True is none)."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def texts(value: Any) -> list[str]:
    """The texts of a list; none for anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def name_of(container: Inspect) -> str:
    """Its name without the leading slash, else its short id; "" where it has neither."""
    return text(container.get("Name")).lstrip("/") or text(container.get("Id"))[:SHORT_ID]


def image_of(container: Inspect) -> str:
    """The image as it was asked for (`datadog/agent:7`), else its id."""
    return text(part(container, "Config").get("Image")) or text(container.get("Image"))


def variables_of(container: Inspect) -> dict[str, str]:
    """Its environment, the image's own variables included; the last of equal names counts. An entry without `=` takes a variable away."""
    found: dict[str, str] = {}
    for entry in texts(part(container, "Config").get("Env")):
        name, has_value, value = entry.partition("=")
        if has_value and name:
            found[name] = value
    return found


def is_agent_image(image: str) -> bool:
    """Whether an image's name is one of the Agent's own.

    >>> [is_agent_image(i) for i in ("datadog/agent:7", "gcr.io/datadoghq/agent", "datadog/cluster-agent:7", "me/agent")]
    [True, True, False, False]
    """
    return _IMAGE.search(image) is not None


def mounts_of(container: Inspect) -> Iterator[Mapping[str, Any]]:
    """Its mounts as the engine lists them, those with a destination."""
    mounts = container.get("Mounts")
    for mount in mounts if isinstance(mounts, list) else []:
        if isinstance(mount, Mapping) and text(mount.get("Destination")):
            yield mount


def ports_of(container: Inspect) -> dict[tuple[int, str], list[tuple[str, int | None]]]:
    """(port in the container, protocol) → where it is published: (address, port of the host; None = not known yet). No place: exposed only.

    A stopped container has no ports in force: what it was told at its start counts then.
    """
    found: dict[tuple[int, str], list[tuple[str, int | None]]] = {}
    in_force = part(container, "NetworkSettings", "Ports")
    wanted = part(container, "HostConfig", "PortBindings")
    for source in (part(container, "Config", "ExposedPorts"), in_force or wanted):
        for key, places in source.items():
            port, _, protocol = str(key).partition("/")
            if not port.isdigit():
                continue
            known = found.setdefault((int(port), protocol or "tcp"), [])
            for place in places if isinstance(places, list) else []:
                host_port = text(part(place).get("HostPort"))
                entry = (text(part(place).get("HostIp")), int(host_port) if host_port.isdigit() else None)
                if entry not in known:
                    known.append(entry)
    return found


def seconds_of(moment: Any) -> float | None:
    """An RFC 3339 time in seconds since the epoch; None for "never" and what is none."""
    import datetime

    found = _TIME.match(text(moment))
    if found is None or text(moment) == NO_TIME:
        return None
    year, month, day, hour, minute, second = (int(g) for g in found.groups()[:6])
    zone = found.group(8)
    shift = 0 if zone == "Z" else (int(zone[1:3]) * 60 + int(zone[-2:])) * (-1 if zone[0] == "-" else 1)
    try:
        start = datetime.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=datetime.timezone.utc)
    except ValueError:
        return None
    return start.timestamp() + float(found.group(7) or 0) - shift * 60
