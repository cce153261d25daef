"""What the Agent's status says of its checks: which loader's answer counts, what an error comes down to, and where it points. Pure functions over parsed JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.tables._agent_json import mapping, moment, number, sequence, whole, words

LONGEST_REPORT = 1200
LONGEST_SENTENCE = 240
_HEAD = 300

# What a loader says of a check that is not its own: no fault while another one loads it (reference: loaders; recorded on 7.52 and 7.72.4).
_NOT_MINE = (
    "not found in Catalog",
    "check is not a jmx check",
    "core check is disabled",
    "python is not initialized",
)
_OF_PYTHON = lazy(
    r"(?:unable to load python module|could not configure check instance for python check|Could not configure check) [^\s:]+: ",
    0,
)
_FRAME = lazy(r'File "([^"\n]+)", line (\d{1,9})\b')
_BASE_NAME = lazy(r"\(([A-Za-z0-9_.-]+\.py), line (\d{1,9})\)\s*$")
_OPENED = lazy(r"^open (/[^:\n]+): |\[Errno 13\] Permission denied: '(/[^'\n]+)'")
_INSTANCE_INDEX = lazy(r"\[(\d+)\]$")
_OF_THE_AGENT = lazy(r"/site-packages/|/embedded/lib/|<frozen |/datadog_checks/base/")


class Problem(NamedTuple):
    """One thing that the Agent reports of a check. `is_decisive` is 1 for the one that matters, 0 for an echo of it or a loader's "not mine".
    `echoes` counts the other loaders' answers beside it."""

    check_name: str
    kind: str
    loader: str | None
    instance: str | None
    text: str
    is_decisive: int
    echoes: int = 0


class Run(NamedTuple):
    """One instance that runs or has run. Times in seconds since the epoch."""

    check_name: str
    instance: str
    loader: str | None
    file: str | None
    source_index: int | None
    version: str | None
    runs: int | None
    errors: int | None
    metric_samples: int | None
    events: int | None
    service_checks: int | None
    average_ms: float | None
    interval_seconds: float | None
    last_run_at: float | None
    last_success_at: float | None
    last_error: str
    last_warnings: tuple[str, ...]
    running_since: float | None


def runs(status: Mapping[str, Any]) -> list[Run]:
    """All instances of `runnerStats`, by name and id; those that have never finished a run stand in `Running` alone."""
    stats = mapping(status.get("runnerStats"))
    running = {str(k): moment(v) for k, v in mapping(stats.get("Running")).items()}
    found: dict[str, Run] = {}
    for name, value in sorted(mapping(stats.get("Checks")).items()):
        entries = mapping(value)
        if "TotalRuns" in entries or "CheckName" in entries:  # the first releases of Agent 6: by id, not by name
            entries = {str(name): entries}
        for identity, one in sorted(entries.items()):
            run = mapping(one)
            if run:
                found[str(identity)] = _run(str(name), str(identity), run, running.pop(str(identity), None))
    for identity, since in sorted(running.items()):
        found.setdefault(identity, _run(identity.split(":", 1)[0], identity, {}, since))
    return list(found.values())


def _run(name: str, identity: str, run: Mapping[str, Any], since: float | None) -> Run:
    source = words(run.get("CheckConfigSource"))
    index = _INSTANCE_INDEX.search(source)  # 7.72.4 writes the instance's place in its file behind it
    path = source[: index.start()] if index else source
    interval = number(run.get("Interval"))
    return Run(
        words(run.get("CheckName")) or name.split(":", 1)[0],
        identity,
        words(run.get("CheckLoader")).lower() or None,
        path.removeprefix("file:") if path.startswith("file:/") else None,
        int(index[1]) if index else None,
        words(run.get("CheckVersion")) or None,
        whole(run.get("TotalRuns")),
        whole(run.get("TotalErrors")),
        whole(run.get("TotalMetricSamples")),
        whole(run.get("TotalEvents")),
        whole(run.get("TotalServiceChecks")),
        number(run.get("AverageExecutionTime")),
        interval / 1e9 if interval else None,
        moment(run.get("UpdateTimestamp")),
        moment(run.get("LastSuccessDate")),
        words(run.get("LastError")),
        tuple(w for w in (words(t) for t in sequence(run.get("LastWarnings"))) if w),
        since,
    )


def problems(status: Mapping[str, Any], instances: list[Run]) -> Iterator[Problem]:
    """Everything that is wrong with a check by the Agent's own word: configuration, loading, starting, running; by kind and name.

    The three (7.72.4: two) loaders answer for each check that none of them loads. Decisive is the answer of the one that knows the check; where all say
    that they do not, the Python loader's. A check of which an instance runs is only named where a loader knew it and still refused.
    """
    living = {r.check_name for r in instances}
    auto = mapping(status.get("autoConfigStats"))
    for name, text in sorted(mapping(auto.get("ConfigErrors")).items()):
        if words(text):
            yield Problem(str(name), "config", None, None, words(text), 1)
    for name, texts in sorted(mapping(auto.get("ResolveWarnings")).items()):
        for text in sequence(texts):
            if words(text):
                yield Problem(str(name), "resolve", None, None, words(text), 1)
    scheduler = mapping(status.get("checkSchedulerStats"))
    refused: dict[str, str] = {}
    for name, answers in sorted(mapping(scheduler.get("LoaderErrors")).items()):
        said = {str(k).split(" ")[0].lower(): words(v) for k, v in sorted(mapping(answers).items()) if words(v)}
        chosen = _decisive(str(name), said, str(name) in living)
        for loader, text in said.items():
            yield Problem(str(name), "loader", loader, None, text, int(loader == chosen), len(said) - 1)
        refused[str(name)] = "\n".join(said.values())
    for title, texts in sorted(mapping(mapping(status.get("pyLoaderStats")).get("ConfigureErrors")).items()):
        name = str(title).rsplit(" (", 1)[0]  # `my_metric (1.0.0)`
        for text in sequence(texts):
            if words(text):
                is_echo = words(text) in refused.get(name, "") or name in living
                yield Problem(name, "init", "python", None, words(text), int(not is_echo))
    for identity, text in sorted(mapping(scheduler.get("RunErrors")).items()):
        if words(text):
            yield Problem(str(identity).split(":", 1)[0], "start", None, str(identity), words(text), 1)
    yield from _jmx(mapping(status.get("JMXStatus")))
    seen: set[tuple[str, str]] = set()
    for run in instances:
        if run.last_error:
            short = essence(run.last_error)
            yield Problem(
                run.check_name,
                "run",
                run.loader,
                run.instance,
                run.last_error,
                int((run.check_name, short) not in seen),
            )
            seen.add((run.check_name, short))


def _decisive(name: str, said: Mapping[str, str], is_alive: bool) -> str | None:
    """The loader whose answer is the one to read."""
    knowing = [loader for loader, text in said.items() if not _is_not_mine(name, text)]
    for loader in ("python", "core", "jmx"):
        if loader in knowing:
            return loader
    if knowing:
        return knowing[0]
    # A check that is being imported for good has the answers of the loaders before Python's only: not a verdict yet.
    return "python" if "python" in said and not is_alive else None


def _is_not_mine(name: str, text: str) -> bool:
    text = text.removeprefix(f"unable to load python module {name}: ")  # 7.72.4
    absent = text in (
        f"unable to import module '{name}': No module named '{name}'",
        f"unable to import module '{name}': No module named {name}",  # Python 2
        f"No module named {name}",
        f"unable to import module '{name}': No module named '{name.split('.')[0]}'",
    )
    return absent or any(mark in text for mark in _NOT_MINE)


def _jmx(status: Mapping[str, Any]) -> Iterator[Problem]:
    checks = mapping(status.get("checks"))
    for part in ("failed_checks", "initialized_checks"):
        for name, entries in sorted(mapping(checks.get(part)).items()):
            for entry in sequence(entries):
                one = mapping(entry)
                if words(one.get("status")).upper() == "ERROR" and words(one.get("message")):
                    yield Problem(
                        str(name), "jmx", "jmx", words(one.get("instance_name")) or None, words(one["message"]), 1
                    )


# --- texts ------------------------------------------------------------------------------------------------------------


def essence(text: str) -> str:
    """An error in one sentence: of a traceback its last line, of a Python check's report its message. Not yet redacted."""
    message, traceback = _python_report(text)
    if message is not None:
        last = _last_line(traceback)
        if not message.strip() or (last and message in last):
            return _one_line(last or "the check ended with an error that has no text")
        return _one_line(message)
    text = _OF_PYTHON.sub("", text, 1)
    if "constructor API returned:" in text:
        part = text.split("constructor API returned:", 1)[1]
        part = part.partition("Deprecated constructor API returned:")[0]
        return _one_line(_last_line(part) if "Traceback" in part else part)
    if "Traceback (most recent call last)" in text:
        return _one_line(_last_line(text))
    return _one_line(text)


def place(text: str, check_name: str, checks_folder: str | None) -> tuple[str | None, int | None]:
    """(file, line) that an error points at, where that is a file of the person's own: not one of the Agent or its libraries."""
    opened = _OPENED.search(text)
    if opened:
        return opened[1] or opened[2], None
    frames = [
        f for f in _FRAME.findall(text.replace('\\"', '"')) if not _OF_THE_AGENT.search(f[0]) and f[0].startswith("/")
    ]
    if frames:
        return frames[-1][0], int(frames[-1][1])
    named = _BASE_NAME.search(text)
    if named and checks_folder and named[1] == f"{check_name}.py":  # a SyntaxError has the base name alone
        return f"{checks_folder.rstrip('/')}/{named[1]}", int(named[2])
    return None, None


def shortened(text: str, limit: int = LONGEST_REPORT) -> str:
    """Head and tail of a long text, cut between words so that no token is torn. The cause stands first in most reports and last in tracebacks."""
    if len(text) <= limit:
        return text
    head, tail = text[:_HEAD], text[-(limit - _HEAD) :]
    if limit <= _HEAD:
        return text[:limit].rsplit(None, 1)[0] + " …"
    return head.rsplit(None, 1)[0] + " … " + (tail.split(None, 1) + [""])[1]


def reported(text: str) -> str:
    """The words of a report that other rules may know it by: what a Python check said, else the text as it is."""
    message, traceback = _python_report(text)
    if message is None:
        return text
    return "\n".join(t for t in (message.strip(), _last_line(traceback)) if t)


def _python_report(text: str) -> tuple[str | None, str]:
    """(message, traceback) of what the base class of Python checks returns, `[{"message": …, "traceback": …}]`; (None, "") for other texts."""
    if not text.startswith("["):
        return None, ""
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None, ""
    first = mapping(found[0]) if isinstance(found, list) and found else {}
    if "message" not in first:
        return None, ""
    message = first.get("message")
    return message if isinstance(message, str) else "", words(first.get("traceback"))


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    flush = [line for line in lines if not line.startswith((" ", "\t", "Traceback (", "Make sure"))]
    return (flush or lines or [""])[-1].strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())
