"""What ran when a snapshot was made: processes, ports and containers, out of the lines that the collector took from /proc and from Docker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from dddoctor.hosts.base import Process, Socket, Unavailable
from dddoctor.hosts.live_processes import parse_cgroup, parse_net
from dddoctor.hosts.snapshot_text import Said, Snapshot
from dddoctor.lazyre import lazy
from dddoctor.model import Kind

_DELETED = " (deleted)"
_BOOT_TIME = lazy(r"(?m)^btime (\d{1,11})$")
_PROTOCOLS = ("tcp", "tcp6", "udp", "udp6")


def processes(snapshot: Snapshot, user_name: Callable[[int], str]) -> list[Process]:
    """By pid. Unavailable(tool) where there was no /proc, Unavailable(denied) where it showed only the collector's own."""
    found = []
    boot = _BOOT_TIME.search(_kernel_text(snapshot, "/proc/stat"))
    for name, lines in snapshot.processes.items():
        if name.isdecimal() and len(name) < 9 and boot is not None:
            with suppress(ValueError, LookupError):  # a line of another shape
                found.append(_process(snapshot, int(name), lines, float(boot[1]), user_name))
    if not found:
        raise Unavailable(Kind.TOOL, "the collector found no /proc, which tells what runs")
    if all(p.pid != 1 for p in found):
        raise Unavailable(Kind.DENIED, "only the collector's own processes were shown to it", "collect again with sudo")
    return sorted(found, key=lambda p: p.pid)


def _process(
    snapshot: Snapshot, pid: int, lines: Sequence[str], boot: float, user_name: Callable[[int], str]
) -> Process:
    by_letter: dict[str, list[str]] = {}
    for line in lines:
        by_letter.setdefault(line[:1], []).append(line[1:])
    before, _, after = by_letter["s"][0].rpartition(")")
    name, fields = before.partition("(")[2], after.split()
    argv = by_letter.get("a", [""])[0].rstrip("\x1f")
    exe = snapshot.process_links.get(f"/proc/{pid}/exe")
    own = snapshot.meta.get("pid", "")
    spaces = [
        (snapshot.process_links.get(f"/proc/{pid}/ns/{n}"), snapshot.process_links.get(f"/proc/{own}/ns/{n}"))
        for n in ("pid", "net")
    ]
    uid, ppid, ticks, pages = (_number(t) for t in (by_letter["u"][0], fields[1], fields[19], fields[21]))
    is_root = snapshot.meta.get("uid") == "0"
    return Process(
        pid=pid,
        ppid=ppid,
        name=name,
        argv=tuple(argv.split("\x1f")) if argv else (),
        user=user_name(uid),
        uid=uid,
        started_at=boot + ticks / max(1, _number(snapshot.meta.get("clock_ticks", "100"))),
        exe=exe.removesuffix(_DELETED) if exe else None,
        is_exe_deleted=int(exe.endswith(_DELETED) and not exe.startswith("/memfd:")) if exe else 0 if is_root else None,
        cwd=snapshot.process_links.get(f"/proc/{pid}/cwd"),
        cgroup=parse_cgroup("\n".join(by_letter["g"])) if "g" in by_letter else None,
        environ=_variables(by_letter["v"]) if "v" in by_letter else None,
        is_foreign=None if any(None in pair for pair in spaces) else int(any(a != b for a, b in spaces)),
        rss_bytes=pages * min(1 << 21, _number(snapshot.meta.get("page_bytes", "4096"))),
    )


def _number(text: str) -> int:
    """ValueError for what no kernel means."""
    if len(text) > 13 or not text.isdecimal():
        raise ValueError(text)
    return int(text)


def _variables(lines: Sequence[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines)
    return {name: value for name, equals, value in pairs if equals}


def listeners(snapshot: Snapshot) -> list[Socket]:
    """By port. Unavailable(tool) where /proc/net was not there."""
    found = []
    is_told = False
    for protocol in _PROTOCOLS:
        text = _kernel_text(snapshot, f"/proc/net/{protocol}")
        is_told = is_told or bool(text)
        for bound in parse_net(text, protocol):
            owners = sorted(snapshot.sockets.get(bound.inode, ()), key=lambda pid: (pid == 1, pid))
            found.append(Socket(protocol, bound.address, bound.port, owners[0] if owners else None, bound.uid))
    if not is_told:
        raise Unavailable(Kind.TOOL, "the collector found no /proc/net, which tells what ports are taken")
    return sorted(found, key=lambda s: (s.port, s.protocol, s.address))


def _kernel_text(snapshot: Snapshot, path: str) -> str:
    text = snapshot.texts.get(path)
    return text.content.decode("utf-8", "replace") if text is not None else ""


def docker_objects(snapshot: Snapshot, word: str) -> list[Mapping[str, Any]]:
    """What `docker inspect` (word: inspect) or `docker image inspect` (image) printed. FileNotFoundError without Docker, Unavailable as the engine was."""
    asked = {argv: said for argv, said in snapshot.commands.items() if argv[:1] == ("docker",)}
    if not asked:
        raise FileNotFoundError("docker")
    listed = next((said for argv, said in asked.items() if argv[1:2] == ("ps",)), None)
    if listed is not None:
        _require_answer(listed)
    said = next((said for argv, said in asked.items() if argv[1:2] == (word,)), None)
    if said is None:
        return []
    if not said.stdout.strip().startswith("["):
        _require_answer(said)
    try:
        objects = json.loads(said.stdout)
    except (ValueError, RecursionError):
        raise Unavailable(Kind.TOOL, "what docker said of its containers is damaged in the snapshot") from None
    found = [o for o in objects if isinstance(o, dict)] if isinstance(objects, list) else []
    return sorted(found, key=lambda o: str(o.get("Name") or o.get("Id") or ""))


def _require_answer(said: Said) -> None:
    if said.kind:
        raise Unavailable(Kind.TOOL, said.reason)
    if "permission denied" in said.stderr.lower():
        raise Unavailable(Kind.DENIED, "the collector was not permitted to ask Docker", "collect again with sudo")
    if said.returncode != 0:
        raise Unavailable(
            Kind.TOOL, f"docker did not answer: {said.stderr.strip()[:200] or f'it ended with {said.returncode}'}"
        )
