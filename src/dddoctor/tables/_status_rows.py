"""Rows of what the Agent says of itself, from its status in JSON. Pure: an answer and the vault in, rows out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dddoctor.light import NamedTuple
from dddoctor.secrets import Vault
from dddoctor.tables._agent_json import mapping, number, sequence, whole, words
from dddoctor.tables._check_reports import LONGEST_SENTENCE, Problem, Run, essence, place, problems, reported, shortened

_VERDICTS = {
    "API Key valid": "valid",
    "API Key invalid": "invalid",
    "Unable to reach the API Key validation endpoint": "unreachable",
}


class AgentStatus(NamedTuple):
    """What one Agent answers when it is asked for its status. One row per packaged Agent of version 6 or later.

    `is_answering` 1: `status --json` answered. 0: it refused, and `why_not` says how: `not-listening` (nobody on cmd_port), `token-missing`, `token-closed`,
    `token-damaged`, `token-refused`, `certificate`, `settings-closed`, `settings-broken`, `another-program` (cmd_port belongs to something else), `silent`,
    `other`; `reported` is the line that the command printed. NULL: the command could not be tried or did not end (a gap says why).
    `source`: `status`, or `expvar` where only the debug port answered: then `version`, `hostname`, `started_at`, and all on APM and logs are NULL.
    `running_seconds` counts from the Agent's own start to its answer. `hostname` is the one that it reports under, `hostname_error` why the configured one
    is not used. `python_error`: why its Python could not be started, NULL where it runs. `ntp_offset_seconds`: 0 where it was never measured.
    `is_apm_answering`: whether the trace-agent's debug port (`apm_port`, 0 = it has none) answered the Agent; `apm_error` is what it said instead.
    `…_key_count`: API keys that the intake accepted, refused, that could not be tried, and that are empty. `sent_count`, `dropped_count`: payloads;
    `dns_…`, `connection_…`, `tls_error_count`: failed attempts to send one; `forbidden_count`: answers 403. All since the start.

    Source: `datadog-agent status --json` as the Agent's user (6.0 on), else http://127.0.0.1:5000/debug/vars.
    """

    agent: str
    is_answering: int | None
    why_not: str | None
    reported: str | None
    source: str | None
    version: str | None
    flavor: str | None
    pid: int | None
    started_at: float | None
    running_seconds: float | None
    hostname: str | None
    hostname_provider: str | None
    hostname_error: str | None
    main_file: str | None
    python_version: str | None
    python_error: str | None
    ntp_offset_seconds: float | None
    is_apm_answering: int | None
    apm_port: int | None
    apm_error: str | None
    is_logs_running: int | None
    valid_key_count: int | None
    invalid_key_count: int | None
    unreachable_key_count: int | None
    empty_key_count: int | None
    sent_count: int | None
    dropped_count: int | None
    dns_error_count: int | None
    connection_error_count: int | None
    tls_error_count: int | None
    forbidden_count: int | None


class CheckRun(NamedTuple):
    """One instance of a check that the Agent runs. `instance` is the Agent's id (`mysql:HASH`, `cpu`); join by check_name and file, never by it.

    `file` and `source_index`: where its configuration stands (the index from 7.72.4 on). `loader`: `python`, `core` (7.72.4 on). Counts are since the
    Agent's start: `runs_count`, `errors_count`, `samples_count` (metrics), `events_count`, `service_checks_count`. `average_ms` and `interval_seconds` as the
    Agent has them. `last_run_at`, `last_success_at`: seconds since the epoch, NULL = never. `last_error`, `last_warning`: one sentence, NULL where the last
    run was fine. `running_since`: a run that has not ended; an instance that never finished one has only that.

    Source: `runnerStats` of the status.
    """

    agent: str
    check_name: str
    instance: str
    loader: str | None
    file: str | None
    source_index: int | None
    version: str | None
    runs_count: int | None
    errors_count: int | None
    samples_count: int | None
    events_count: int | None
    service_checks_count: int | None
    average_ms: float | None
    interval_seconds: float | None
    last_run_at: float | None
    last_success_at: float | None
    last_error: str | None
    last_warning: str | None
    running_since: float | None


class CheckError(NamedTuple):
    """One thing that the running Agent reports of a check. `kind`: config (the file does not load), resolve (a template does not resolve), loader (no loader
    took it), init (its constructor failed), start (it was not started), run (its last run failed), warning (its last run warned), jmx.

    `is_decisive` is 1 for the report to read, 0 for its echoes: of the loaders' answers (`loader`: python, core, jmx) only one says why, the others say that
    the check is not theirs; `echo_count` is how many others answered. `reported` holds the Agent's words, shortened; `sentence` what they come down to.
    `file` and `line` where the error points at code or configuration of the person's own, else NULL. `is_outdated` 1: files of the check were written, or
    taken away, more than 2 s after the Agent's start, so this is of what stood there before; NULL where that is not known. `ordinal` counts a check's rows.

    Source: `autoConfigStats`, `checkSchedulerStats`, `pyLoaderStats`, `runnerStats`, `JMXStatus` of the status.
    """

    agent: str
    check_name: str
    kind: str
    loader: str | None
    instance: str | None
    is_decisive: int
    echo_count: int
    sentence: str
    reported: str
    file: str | None
    line: int | None
    is_outdated: int | None
    ordinal: int


class TailedSource(NamedTuple):
    """One log source that the running Agent has taken up. `check_name` is the configuration's name; `state`: ok, error, pending (nobody serves it: a type that
    this build has not), other. `reported` is what the Agent says of an error. `type`, `path`, `service`, `source` as it reads them, NULL where not set.

    Source: `logsStats.integrations` of the status; empty where log collection is off.
    """

    agent: str
    check_name: str
    type: str | None
    path: str | None
    service: str | None
    source: str | None
    state: str
    reported: str | None


def status_row(agent: str, status: Mapping[str, Any], vault: Vault) -> AgentStatus:
    """The facts of an answer, whatever its version; NULL for what it does not hold. `is_answering` and its reasons are the caller's to fill."""

    def text(value: Any) -> str | None:
        return shortened(vault.redact(words(value)), LONGEST_SENTENCE) or None

    started, answered = number(status.get("agent_start_nano")), number(status.get("time_nano"))
    age = (answered - started) / 1e9 if started and answered else None
    provider = mapping(status.get("hostnameStats"))
    name_error = words(mapping(provider.get("errors")).get("'hostname' configuration/environment"))
    python = [words(e) for e in sequence(mapping(status.get("pythonInit")).get("Errors"))]
    apm = mapping(status.get("apmStats"))
    forwarder = mapping(status.get("forwarderStats"))
    sent = mapping(forwarder.get("Transactions"))
    by_type = mapping(sent.get("ErrorsByType"))
    by_code = mapping(sent.get("HTTPErrorsByCode"))
    keys = key_verdicts(forwarder)
    logs = mapping(status.get("logsStats")).get("is_running")
    return AgentStatus(
        agent=agent,
        is_answering=None,
        why_not=None,
        reported=None,
        source=None,
        version=text(status.get("version")),
        flavor=text(status.get("flavor")),
        pid=whole(status.get("pid")),
        started_at=started / 1e9 if started else None,
        running_seconds=age if age is not None and age >= 0 else None,
        hostname=text(mapping(mapping(status.get("metadata")).get("meta")).get("hostname")),
        hostname_provider=text(provider.get("provider")),
        hostname_error=text(name_error) if name_error and name_error != "hostname is empty" else None,
        main_file=text(status.get("conf_file")),
        python_version=text(status.get("python_version")),
        python_error=text("; ".join(e for e in python if e)),
        ntp_offset_seconds=number(status.get("ntpOffset")),
        is_apm_answering=int(not words(apm.get("error"))) if apm else None,
        apm_port=whole(apm.get("port")),
        apm_error=text(apm.get("error")),
        is_logs_running=int(logs) if isinstance(logs, bool) else None,
        valid_key_count=keys.count("valid") if forwarder else None,
        invalid_key_count=keys.count("invalid") if forwarder else None,
        unreachable_key_count=keys.count("unreachable") if forwarder else None,
        empty_key_count=keys.count("empty") if forwarder else None,
        sent_count=whole(sent.get("Success")),
        dropped_count=whole(sent.get("Dropped")),
        dns_error_count=whole(by_type.get("DNSErrors")),
        connection_error_count=whole(by_type.get("ConnectionErrors")),
        tls_error_count=whole(by_type.get("TLSErrors")),
        forbidden_count=whole(by_code.get("403", 0)) if sent else None,
    )


def key_verdicts(forwarder: Mapping[str, Any]) -> list[str]:
    """One word per API key: empty, valid, invalid, unreachable, other. A refused key stands under `APIKeyFailure` (7.72.4) or `APIKeyStatus`."""
    said = {**mapping(forwarder.get("APIKeyStatus")), **mapping(forwarder.get("APIKeyFailure"))}
    found = []
    for name, verdict in sorted(said.items()):
        ending = str(name).partition("ending with")[2].strip() if "ending with" in str(name) else "?"
        found.append(_VERDICTS.get(words(verdict), "other") if ending else "empty")
    return found


def run_row(agent: str, run: Run, vault: Vault) -> CheckRun:
    def sentence(text: str) -> str | None:
        return shortened(vault.redact(essence(text)), LONGEST_SENTENCE) or None

    return CheckRun(
        agent,
        run.check_name,
        run.instance,
        run.loader,
        run.file,
        run.source_index,
        run.version,
        run.runs,
        run.errors,
        run.metric_samples,
        run.events,
        run.service_checks,
        run.average_ms,
        run.interval_seconds,
        run.last_run_at,
        run.last_success_at,
        sentence(run.last_error),
        sentence(run.last_warnings[0]) if run.last_warnings else None,
        run.running_since,
    )


def source_rows(agent: str, status: Mapping[str, Any], vault: Vault) -> Iterator[TailedSource]:
    """The log sources of an answer, in its order."""

    def text(value: Any) -> str | None:
        return shortened(vault.redact(words(value)), LONGEST_SENTENCE) or None

    for entry in sequence(mapping(status.get("logsStats")).get("integrations")):
        for one in sequence(mapping(entry).get("sources")):
            source = mapping(one)
            options = mapping(source.get("configuration"))
            said = words(source.get("status"))
            state = next((s for s in ("ok", "error", "pending") if said.lower().startswith(s)), "other")
            yield TailedSource(
                agent,
                text(mapping(entry).get("name")) or "?",
                text(source.get("type")),
                text(options.get("Path")),
                text(options.get("Service")),
                text(options.get("Source")),
                state,
                text(said.partition(":")[2]) if state == "error" else None,
            )


def error_rows(
    agent: str, status: Mapping[str, Any], instances: list[Run], vault: Vault, checks_folder: str | None = None
) -> Iterator[CheckError]:
    """All reports of an answer, by check: errors first, then the warnings of runs, each text once per check. `checks_folder` holds where the answer
    does not name it. `is_outdated` is the caller's to fill."""
    folder = words(mapping(status.get("config")).get("additional_checksd")) or checks_folder
    numbers: dict[str, int] = {}

    def row(problem: Problem) -> CheckError:
        name, kind, loader, instance, text, decisive, echoes = problem
        numbers[name] = numbers.get(name, 0) + 1
        file, line = place(text, name, folder)
        return CheckError(
            agent,
            name,
            kind,
            loader,
            instance,
            decisive,
            echoes,
            shortened(vault.redact(essence(text)), LONGEST_SENTENCE),
            shortened(vault.redact(reported(text))),
            file,
            line,
            None,
            numbers[name],
        )

    for problem in problems(status, instances):
        yield row(problem)
    seen: set[tuple[str, str]] = set()
    for run in instances:
        for warning in run.last_warnings:
            if (run.check_name, warning) not in seen:
                seen.add((run.check_name, warning))
                yield row(Problem(run.check_name, "warning", run.loader, run.instance, warning, 1))
