"""Write tests/data/recorded.json: what files real Agents were given and what they made of them.

    python tools/choose_recordings.py FOLDER      # FOLDER/VERSION/SCENARIO, as a lab writes them down

A scenario folder holds `files/` (what was written into the host), `NAME.out`/`.err`/`.rc` of the commands asked, parts of the logs and, where modes were
changed, a listing or `what-was-done.txt`. Kept are the files, links, modes and owners, and at most five short lines of the Agent's own words: enough to say
why a doctor should or should not find something there. Keys become obviously invented ones of the same length and kind.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

OUT = Path(__file__).parents[1] / "tests" / "data" / "recorded.json"
CONFIG = "/etc/datadog-agent"
INVENTED = "0badc0de0badc0de0badc0de0badc0de"
SAID_LINES, SAID_LENGTH = 5, 150
LEFT_OUT = re.compile(
    r"scrubber|.*flare.*|.*-with-apm-check|trace-env-.*|trace-api-key-in-env"
)  # not about files, or a build that nobody has
USUAL_MODES = {
    f"{CONFIG}/datadog.yaml": 0o640,
    "/var/log/datadog": 0o750,
    f"{CONFIG}/auth_token": 0o600,
    f"{CONFIG}/ipc_cert.pem": 0o600,
}
# Said by the answers of the commands alone ("permission denied", "others have rights on it"), not by a listing.
SAID_MODES = {
    "conf-place-unreadable": (f"{CONFIG}/conf.d/my_metric.yaml", "0600 root:root"),
    "code-unreadable": (f"{CONFIG}/checks.d/my_metric.py", "0600 root:root"),
    "modes-code-readable-by-root-only": (f"{CONFIG}/checks.d/my_metric.py", "0600 root:root"),
    "trace-yaml-unreadable": (f"{CONFIG}/datadog.yaml", "0600 root:root"),
    "nodetreemodel-unreadable": (f"{CONFIG}/datadog.yaml", "0600 root:root"),
    "unprivileged-user-datadog.yaml-0644": (f"{CONFIG}/datadog.yaml", "0644 dd-agent:dd-agent"),
    "secrets-backend-good": (f"{CONFIG}/secret.sh", "0500 dd-agent:dd-agent"),
    "secrets-backend-fails": (f"{CONFIG}/secret.sh", "0500 dd-agent:dd-agent"),
    "secrets-backend-root-owned": (f"{CONFIG}/secret.sh", "0700 root:root"),
    "secrets-backend-world-exec": (f"{CONFIG}/secret.sh", "0755 dd-agent:dd-agent"),
}
CONTENT = {"modes-auth-token-short": "abc\n"}
NOT_THERE = {  # where the answers say so
    "modes-config-folder-not-writable": [f"{CONFIG}/auth_token"],
    "config-dir-not-writable-by-dd-agent": [f"{CONFIG}/auth_token"],
    "stopped-never-started": [f"{CONFIG}/auth_token"],
    "trace-no-datadog-yaml": [f"{CONFIG}/datadog.yaml"],
    "nodetreemodel-missing-file": [f"{CONFIG}/datadog.yaml"],
    "secrets-backend-missing": [f"{CONFIG}/secret.sh"],
}
NOISE = re.compile(
    r"Workloadmeta|Unknown environment variable: DD_PROFILING|no_proxy|resolv|name resolution|TLS handshake|Unable to load the check: unable|trying to decode|ntp|"
    r"Got a request|orchestrator|maxprocs|comp/forwarder"
)


def main(folder: Path) -> None:
    """All scenarios of all versions, one line each in the file."""
    lines: list[str] = []
    usual: dict[str, dict[str, Any]] = {}
    for version in sorted(p.name for p in folder.iterdir() if p.is_dir()):
        found = {
            p.name: scenario(p)
            for p in sorted((folder / version).iterdir())
            if p.is_dir() and not LEFT_OUT.fullmatch(p.name)
        }
        usual[version] = usual_files(found.values())
        told = said_by_index(folder / version)
        for name, data in found.items():
            data["usual"] = sorted(p for p, text in usual[version].items() if data["files"].get(p) == text)
            data["files"] = {p: t for p, t in data["files"].items() if p not in data["usual"]}
            index = told.get(name)
            data["said"] = (index and shortened(list(index_lines(index)))) or said(folder / version / name)
            data["refused"] = refused_by_index(index) if index else refused(folder / version / name)
            kept = {k: v for k, v in data.items() if v}
            lines.append(f"{json.dumps(f'{version}/{name}')}: {json.dumps(kept, ensure_ascii=True)}")
    scenarios = ",\n".join(lines)
    OUT.write_text(f'{{"usual": {json.dumps(usual, indent=1)},\n"scenarios": {{\n{scenarios}\n}}}}\n', encoding="utf-8")
    print(f"{len(lines)} scenarios, {OUT.stat().st_size} bytes")


def scenario(folder: Path) -> dict[str, Any]:
    """files (path → text, or {"base64": …}), links, modes (path → "0600 root:root") and removed of one scenario."""
    files: dict[str, Any] = {}
    links: dict[str, str] = {}
    base = folder / "files"
    for path in sorted(base.rglob("*")):
        target = "/" + path.relative_to(base).as_posix()
        if target.endswith(".symlink"):
            links[target.removesuffix(".symlink")] = path.read_text(encoding="utf-8").strip()
        elif path.is_file() and target not in ("/setup.sql", f"{CONFIG}/install_info"):
            files[target] = as_text(path.read_bytes())
    modes = dict(listed(folder))
    if folder.name in SAID_MODES:
        modes |= dict([SAID_MODES[folder.name]])
    if (folder / "modes.txt").is_file():
        links |= dict(re.findall(r"(\S+) -> (\S+)$", (folder / "modes.txt").read_text(encoding="utf-8"), re.M))
        links = {p if p.startswith("/") else f"{CONFIG}/checks.d/{p}": to for p, to in links.items()}
    data: dict[str, Any] = {"files": files, "links": links, "modes": modes}
    done = folder / "what-was-done.txt"
    if done.is_file():
        removed = sorted(carried_out(done.read_text(encoding="utf-8"), files, links, modes))
        data["removed"] = [
            p for p in removed if p not in modes or p.endswith("datadog.yaml")
        ]  # the Agent made the others again
    data["removed"] = [*data.get("removed", []), *NOT_THERE.get(folder.name, [])]
    if folder.name in CONTENT:
        files[f"{CONFIG}/auth_token"] = CONTENT[folder.name]
    return data


def as_text(data: bytes) -> Any:
    """The text where it is UTF-8 without bytes that JSON readers dislike, else {"base64": …}; keys replaced."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(invent(data.decode("latin-1")).encode("latin-1")).decode()}
    return invent(text)


def invent(text: str) -> str:
    """Two keys of the lab become one invented key; longer and shorter forms of them stay longer and shorter."""
    text = re.sub(r"7c5de1a09b3f48e26ad0915c4fbe8237", INVENTED, text)
    text = re.sub(r"5f0c0de5a1b2c3d4e5f60718293a4b5", INVENTED[:31], text)
    return re.sub(re.escape(INVENTED[:31]) + "c", INVENTED, text)


def listed(folder: Path) -> Iterator[tuple[str, str]]:
    """(path, "0600 owner:group") of what differs from a fresh installation, from the listings taken after the Agent had run (else before)."""
    seen: dict[str, str] = {}
    for name in ("modes.txt", "modes-after-root.txt", "modes-after.txt"):
        if (folder / name).is_file():
            seen |= dict(ls_listing((folder / name).read_text(encoding="utf-8")))
    for name in ("find.out", "find-modes.out"):
        if (folder / name).is_file():
            seen |= dict(find_listing((folder / name).read_text(encoding="utf-8")))
    for path, (letters, owner) in ((p, v.split(" ", 1)) for p, v in seen.items()):
        mode = sum(1 << (8 - i) for i, c in enumerate(letters[1:10]) if c != "-")
        usual = USUAL_MODES.get(path, 0o755 if letters[0] == "d" else mode & 0o755 | 0o400)
        is_ours = path.startswith((CONFIG, "/var/log/datadog", "/opt/datadog-agent/run"))
        if letters[0] != "l" and (mode != usual or owner != ("dd-agent:dd-agent" if is_ours else "root:root")):
            yield path, f"{mode:04o} {owner}" + (" folder" if letters[0] == "d" else "")


def ls_listing(text: str) -> Iterator[tuple[str, str]]:
    folder = ""
    for line in text.splitlines():
        words = line.split(None, 8)
        if not line or line.startswith("/") and line.endswith(":"):
            folder = line[:-1]
        elif len(words) == 9 and words[8].startswith("/"):
            yield words[8], f"{words[0]} {words[2]}:{words[3]}"
        elif len(words) == 9 and len(words[0]) >= 10 and folder and words[8] not in (".", ".."):
            yield f"{folder}/{words[8]}", f"{words[0]} {words[2]}:{words[3]}"
        elif len(words) == 9 and words[8] == "." and folder:
            yield folder, f"{words[0]} {words[2]}:{words[3]}"


def find_listing(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        m = re.match(r"([-dl][-rwxstST]{9}) (?:\d+ )?(\S+:\S+) \d+ (/.*?)\s*$", line)
        if m:
            yield m[3], f"{m[1]} {m[2]}"


def carried_out(done: str, files: dict[str, Any], links: dict[str, str], modes: dict[str, str]) -> Iterator[str]:
    """The few shell commands of what-was-done.txt, done to the tree; yields what they removed."""
    for command in re.split(r";\s*|\n", done):
        words = command.split()
        path = words[-1] if words else ""
        if command.startswith(("rm ", "ln ")) and "while" not in command:
            files.pop(path, None)
            yield path
        if command.startswith("ln "):
            links[path] = words[-2]
        elif command.startswith("mkdir"):
            modes[path] = "0755 dd-agent:dd-agent folder"
        elif command.startswith("echo ") and ">" in words:
            files[path] = words[1] + "\n"
        elif command.startswith(": >"):
            files[path] = ""
        elif words[:1] == ["chmod"] and words[1].isdigit() and path not in modes:
            modes[path] = f"0{words[1]} {'root:root' if 'root' in done else 'dd-agent:dd-agent'}" + (
                "" if re.search(r"yaml|pem|log|token", path.rsplit("/", 1)[-1]) else " folder"
            )


def usual_files(found: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The text that stands most often at a path, for the paths that many scenarios have."""
    counts = Counter((p, t) for data in found for p, t in data["files"].items() if isinstance(t, str))
    usual: dict[str, str] = {}
    for (path, text), count in counts.most_common():
        if count >= 20:
            usual.setdefault(path, text)
    return usual


# --- the Agent's own words --------------------------------------------------------------------------------------------


def said(folder: Path) -> list[str]:
    """Configuration errors, warnings and errors of the log, and why the process ended, without the noise of every start."""
    lines: list[str] = []
    for name in ("configcheck.out", "agent.log", "agent.log.part", "journal.out", "agent-run.err"):
        if (folder / name).is_file():
            text = (folder / name).read_text(encoding="utf-8", errors="replace")
            lines += configuration_errors(text) if name == "configcheck.out" else log_lines(text)
    return shortened(lines)


def configuration_errors(text: str) -> list[str]:
    part = text.partition("=== Configuration errors ===")[2].partition("\n===")[0]
    return [re.sub(r"\s+", " ", p) for p in part.strip().split("\n\n") if p.strip()]


def log_lines(text: str) -> list[str]:
    text = re.sub(r"\n {2,}", " ", text)
    found = [m.split(" | ")[-1] for m in re.findall(r"^.*\| (?:WARN|ERROR|CRITICAL) \|.*$", text, re.M)]
    found += re.findall(r"Scheduling check \S+ with an interval of \S+", text)
    return found + re.findall(r"(?:Error: |unable to load Datadog config file: |seelog internal error: ).*", text)


def refused(folder: Path) -> list[str]:
    """The checks and services that the Agent did not take or that ended, by name."""
    configcheck, log, journal, rc = (
        (folder / n).read_text(encoding="utf-8", errors="replace") if (folder / n).is_file() else ""
        for n in ("configcheck.out", "agent.log", "journal.out", "agent-run.rc")
    )
    found = {e.split(":")[0] for e in configuration_errors(configcheck) if re.match(r"\S+: ", e)}
    found |= set(
        re.findall(r"invalid configuration section for check \[?(\S+?)\]?:|Could not configure check (\S+?):", log)
        and ["check"]
    )
    found |= set(re.findall(r"Unable to load a check from instance of config '([^']+)'", log))
    ended = bool(re.search(r"^.*Error: ", journal, re.M)) or rc.strip() not in ("", "0")
    return sorted(found | ({"agent"} if ended else set()))


def refused_by_index(data: dict[str, Any]) -> list[str]:
    found = {
        c.split(" ")[0]
        for key in ("config_errors", "configure_errors", "python_loader_error", "run_errors")
        for c in data.get(key, {})
    }
    found |= {c.split(":")[0] for c, run in data.get("instances", {}).items() if run["errors"]}
    found |= {"agent"} if data.get("agent_error") else set()
    trace = data.get("trace_agent") or {"runs": True}
    return sorted(found | (set() if trace.get("runs") else {"trace-agent"}))


def said_by_index(version: Path) -> dict[str, dict[str, Any]]:
    """What the index files hold by scenario, where a version has them."""
    return {
        name: data
        for path in sorted(version.glob("index-*.json"))
        for name, data in json.loads(path.read_text(encoding="utf-8")).items()
    }


def index_lines(data: dict[str, Any]) -> Iterator[str]:
    if data.get("agent_error"):
        yield f"ended: {data['agent_error']}"
    for key, words in (
        ("config_errors", "config error"),
        ("python_loader_error", "Python loader"),
        ("run_errors", "run error"),
    ):
        for check, text in data.get(key, {}).items():
            yield (
                f"{words} {check}: {text.strip().splitlines()[0]} … {text.strip().splitlines()[-1]}"
                if "\n" in text.strip()
                else f"{words} {check}: {text}"
            )
    for check, run in data.get("instances", {}).items():
        yield f"{check.split(':')[0]} ran, last error: {run['last_error'] or ('none' if not run['errors'] else '(empty)')}"
    if data.get("run_times_s"):
        yield f"ran at {data['run_times_s'][:5]} s"
    trace = data.get("trace_agent", {})
    if trace:
        yield f"trace-agent {'runs' if trace.get('runs') else 'ended ' + str(trace.get('rc'))}, listens {trace.get('listens')}"
    for line in data.get("log", []):
        yield line.split(" | ")[-1]


def shortened(lines: list[str]) -> list[str]:
    kept = dict.fromkeys(
        invent(re.sub(r"\s+", " ", line))[:SAID_LENGTH].strip() for line in lines if not NOISE.search(line)
    )
    return list(kept)[:SAID_LINES]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
