"""What time it is on the target: now on a live host, the time of the snapshot on one that was stored."""

from __future__ import annotations

import time

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy

YOUNG_SECONDS = 40.0  # the trace-agent may wait so long before it listens (measured on 7.72.4: 32 and 38 s)
_BOOT_TIME = lazy(r"^btime (\d+)$", 8)  # re.MULTILINE


def now_on(host: Host) -> float:
    """Seconds since the epoch. A stored host says by `taken_at` when it was looked at."""
    taken_at = getattr(host, "taken_at", None)
    return float(taken_at) if isinstance(taken_at, (int, float)) else time.time()


def is_young(started_at: float | None, now: float) -> int | None:
    """1 for a process that started less than 40 s ago: its ports and its health are not to be judged yet."""
    return None if started_at is None else int(now - started_at < YOUNG_SECONDS)


def boot_time(host: Host) -> float | None:
    """When the machine started, in seconds since the epoch, by its clock of now; None where /proc/stat does not tell."""
    try:
        found = _BOOT_TIME.search(host.read("/proc/stat").decode("ascii", "replace"))
    except (FileNotFoundError, InputError, Unavailable):
        return None
    return float(found[1]) if found else None
