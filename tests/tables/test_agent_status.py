"""What the Agent says of itself: asked by its own command, read whatever its version, never trusted with a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dddoctor.hosts.base import Answer, Ran, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables._agent_commands import PROGRAM, STATUS, refusal
from dddoctor.tables._agent_json import document, moment
from dddoctor.tables._check_reports import essence, place, problems, runs, shortened
from dddoctor.tables._status_rows import (
    AgentStatus,
    CheckError,
    CheckRun,
    TailedSource,
    error_rows,
    key_verdicts,
    source_rows,
    status_row,
)
from dddoctor.tables.agent_status import Row, collect
from dddoctor.tables.agents import Agent

ASKED = (PROGRAM, *STATUS)
PACKAGE = Agent(
    "package", "package", 7, "7.72.4", "/etc/datadog-agent", "/etc/datadog-agent/datadog.yaml", "/opt/datadog-agent", "3.13", None
)  # fmt: skip
EXPVAR = "http://127.0.0.1:5000/debug/vars"


@pytest.fixture
def rows_of(tmp_path: Path) -> Callable[..., list[Row]]:
    """rows_of(end, answers={url: …}, agent=…): what the collector yields where the command ends so."""

    def collected(
        end: Ran | Unavailable | str,
        answers: Mapping[str, Answer | Unavailable] | None = None,
        agent: Agent = PACKAGE,
        files: Mapping[str, str] | None = None,
    ) -> list[Row]:
        for path, text in (files or {}).items():
            (tmp_path / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path[1:]).write_text(text, encoding="utf-8")
        ran = Ran(0, end, "") if isinstance(end, str) else end
        host = ExampleHost(tmp_path, commands={ASKED: ran}, sockets=[], answers=answers)
        return list(collect(host, Vault(), [agent]))

    return collected


def only(rows: list[Row], kind: type[Any]) -> list[Any]:
    return [r for r in rows if isinstance(r, kind)]


# --- asking -------------------------------------------------------------------------------------------------------------


def test_a_folder_is_not_asked(tmp_path: Path) -> None:
    """Nothing runs in a folder: one obstacle of kind target, which spoils no report."""
    with pytest.raises(Unavailable) as error:
        list(collect(ExampleHost(tmp_path), Vault(), [PACKAGE]))

    assert error.value.kind is Kind.TARGET


@pytest.mark.parametrize(
    "agent",
    [
        PACKAGE._replace(agent="leftover:7", kind="leftover"),
        PACKAGE._replace(agent="container:dd", kind="container"),
        PACKAGE._replace(major=5),
        PACKAGE._replace(install_dir=None),
    ],
    ids=lambda a: f"{a.agent} {a.major}",
)
def test_what_has_no_command_is_not_asked(agent: Agent, tmp_path: Path) -> None:
    """Leftovers, containers, Agent 5 and a folder of settings alone have no rows, and running one is not even tried."""
    assert list(collect(ExampleHost(tmp_path), Vault(), [agent])) == []


def test_without_root_the_debug_port_tells_what_it_knows(rows_of: Callable[..., list[Row]]) -> None:
    """Checks and their errors are known; the version, the host name and APM are a gap that sudo would fill."""
    body = {
        "runner": {"Checks": {"cpu": {"cpu": {"CheckName": "cpu", "TotalRuns": 3}}}},
        "pid": 81,
        "cmdline": ["agent"],
    }

    rows = rows_of(
        Unavailable(Kind.DENIED, "only root may run a command as dd-agent", "sudo"),
        {EXPVAR: Answer(200, json.dumps(body).encode())},
    )

    (status,) = only(rows, AgentStatus)
    assert (status.source, status.is_answering, status.pid, status.version) == ("expvar", None, 81, None)
    assert [r.check_name for r in only(rows, CheckRun)] == ["cpu"]
    assert {(g.table, g.remedy) for g in only(rows, Gap)} == {("agent_status", "sudo"), ("tailed_sources", "sudo")}
    assert "version" in next(g.columns for g in only(rows, Gap) if g.columns)


def test_without_root_and_debug_port_nothing_is_said(rows_of: Callable[..., list[Row]]) -> None:
    """One gap for all tables: neither "the Agent is down" nor "no check has an error"."""
    assert rows_of(Unavailable(Kind.DENIED, "only root may", "sudo")) == [
        Gap("package", Kind.DENIED, "only root may", "sudo")
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>a shop</html>"),
        Answer(404, b"{}"),
        Answer(200, b'{"runner_up": 1}'),
        Unavailable(Kind.TIMEOUT, "silent"),
    ],
    ids=["page", "404", "other JSON", "silent"],
)
def test_another_program_on_the_debug_port_is_not_believed(
    answer: Answer | Unavailable, rows_of: Callable[..., list[Row]]
) -> None:
    """5000 is the port of many a web app."""
    assert only(rows_of(Unavailable(Kind.TOOL, "not installed here"), {EXPVAR: answer}), AgentStatus) == []


def test_the_debug_port_of_the_main_file_is_asked(rows_of: Callable[..., list[Row]]) -> None:
    """`expvar_port` moves it."""
    rows = rows_of(
        Unavailable(Kind.DENIED, "no", "sudo"),
        {"http://127.0.0.1:5055/debug/vars": Answer(200, b'{"CheckScheduler": {}}')},
        files={"/etc/datadog-agent/datadog.yaml": "expvar_port: 5055\n"},
    )

    assert [s.source for s in only(rows, AgentStatus)] == ["expvar"]


def test_an_agent_that_does_not_end_is_silent(rows_of: Callable[..., list[Row]]) -> None:
    """A silent listener on one of its ports hangs `status`: said as seen, and its checks are a gap of kind timeout."""
    rows = rows_of(Unavailable(Kind.TIMEOUT, "datadog-agent did not end within 10 s", "--timeout"))

    assert [(s.is_answering, s.why_not) for s in only(rows, AgentStatus)] == [(0, "silent")]
    assert {(g.table, g.kind) for g in only(rows, Gap)} == {
        (t, Kind.TIMEOUT) for t in ("check_runs", "check_errors", "tailed_sources")
    }


def test_an_agent_that_is_down_has_a_row_and_no_obstacle(rows_of: Callable[..., list[Row]]) -> None:
    """A refused connection is an answer: the checks are out of reach because there are none."""
    said = 'Error: could not reach agent: Get "https://localhost:5001/agent/status": dial tcp [::1]:5001: connect: connection refused\n'

    rows = rows_of(Ran(255, "Getting the status from the agent.\n", said))

    assert [(s.is_answering, s.why_not) for s in only(rows, AgentStatus)] == [(0, "not-listening")]
    assert {g.kind for g in only(rows, Gap)} == {Kind.TARGET}


def test_success_without_json_is_a_tool_gap(rows_of: Callable[..., list[Row]]) -> None:
    """Not an Agent that is down: an answer that the doctor cannot read."""
    assert [g.kind for g in only(rows_of("Agent (v5.32)\n"), Gap)] == [Kind.TOOL]


def test_a_cut_answer_gives_its_whole_parts_and_a_gap(rows_of: Callable[..., list[Row]]) -> None:
    """Everything before the cut stands."""
    rows = rows_of(
        '{"version": "7.72.4", "autoConfigStats": {"ConfigErrors": {"a": "yaml: x"}}, "checkSchedulerStats": {"Loa'
    )

    assert [e.check_name for e in only(rows, CheckError)] == ["a"]
    assert only(rows, Gap) == [Gap("package", Kind.TOOL, "the Agent's answer ends in the middle")]


def test_secrets_of_an_error_become_tokens(rows_of: Callable[..., list[Row]]) -> None:
    """status hides less than a report may show."""
    error = json.dumps(
        [
            {
                "message": "cannot connect to mysql://dd:hunter2hunter2@db:3306/x api_key=0badc0de0badc0de0badc0de0badc0de",
                "traceback": "",
            }
        ]
    )
    answer = {"runnerStats": {"Checks": {"m": {"m:1": {"CheckName": "m", "TotalRuns": 1, "LastError": error}}}}}

    text = repr(rows_of(json.dumps(answer)))

    assert "hunter2hunter2" not in text
    assert "0badc0de" not in text


@pytest.mark.parametrize(
    ("stderr", "reason"),
    [
        ("Error: unable to read artifact: open /etc/datadog-agent/auth_token: no such file or directory", "token-missing"),
        ("Error: unable to read authentication token file: open /etc/datadog-agent/auth_token: permission denied", "token-closed"),
        ("Error: invalid authentication token: must be at least 32 characters in length", "token-damaged"),
        ('Error: Get "https://localhost:5001/agent/status": net/http: invalid header field value for "Authorization"', "token-damaged"),
        ("Error: status code: 403, body: invalid session token", "token-refused"),
        ("Error: error while fetching IPC cert: unable to read artifact: open /etc/datadog-agent/ipc_cert.pem: no such file", "certificate"),
        ("Error: cannot access the Datadog config file (open /etc/datadog-agent/datadog.yaml: permission denied); try", "settings-closed"),
        ("Error: unable to load Datadog config file: Error loading config: Config File Not Found: open /etc/datadog-agent/datadog.yaml: permission denied", "settings-closed"),
        ("Error: unable to load Datadog config file: While parsing config: yaml: line 4: found character", "settings-broken"),
        ('Error: Get "https://localhost:5001/agent/status": tls: first record does not look like a TLS handshake', "another-program"),
        ("Error: unknown flag: --json", "unknown-command"),
        ("error: Could not load proxy setting\nError: cmd_host: address was set to a non-loopback IP address: 0.0.0.0", "other"),
    ],
)  # fmt: skip
def test_refusals_are_told_apart(stderr: str, reason: str) -> None:
    """The same obstacle is worded differently by 7.52 and 7.72.4."""
    assert refusal(Ran(255, "", stderr + "\n"))[0] == reason


# --- reading ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '2026-11-24 07:00:00 UTC | CORE | WARN | (x.go:1) | {"a": 1} is odd\n{"version": "7.72.4"}\n',
        '\n{\n  "version": "7.72.4"\n}\ntrailing words\n',
        '{broken\n{"version": "7.72.4"}',
        '{"version": "7.72.4\x01"}',
    ],
    ids=["log line before", "words after", "a brace before", "control character"],
)
def test_an_answer_is_found_among_other_text(text: str) -> None:
    """CLI warnings go to either stream, by version."""
    found = document(text)

    assert found is not None
    assert str(found.values["version"]).startswith("7.72.4")


@pytest.mark.parametrize("text", ["", "no", "[1, 2]", "{}", "{", '{"a"', "[" * 5000, '{"a": ' * 5000], ids=len)
def test_what_is_no_answer_is_none(text: str) -> None:
    """Never an exception, also for absurd nesting."""
    assert document(text) is None


def test_wrong_types_cost_what_they_stand_for_and_nothing_else() -> None:
    """Another version, or a damaged answer: what is sound is read."""
    odd = {
        "version": 7, "pid": "x", "runnerStats": {"Checks": {"a": 7, "b": {"b:1": None, "b:2": {"TotalRuns": "3", "LastWarnings": "no"}}}, "Running": 3},
        "checkSchedulerStats": {"LoaderErrors": {"c": ["x"], "d": {"Python Check Loader": 5}}, "RunErrors": None}, "autoConfigStats": [],
        "pyLoaderStats": {"ConfigureErrors": {"e (1)": "x"}}, "forwarderStats": {"APIKeyStatus": ["x"], "Transactions": 1}, "apmStats": "off",
        "ntpOffset": "NaN", "pythonInit": {"Errors": "x"}, "JMXStatus": {"checks": {"failed_checks": {"f": {"g": 1}}}},
    }  # fmt: skip

    found = runs(odd)

    assert [(r.instance, r.runs) for r in found] == [("b:2", 3)]
    assert list(problems(odd, found)) == []
    assert status_row("package", odd, Vault())._replace(agent="")[:3] == ("", None, None)


def test_the_first_releases_list_checks_by_id() -> None:
    """6.0 has no level of names."""
    found = runs({"runnerStats": {"Checks": {"cpu": {"CheckName": "cpu", "TotalRuns": 2}, "disk:1": {"TotalRuns": 1}}}})

    assert [(r.check_name, r.instance, r.runs) for r in found] == [("cpu", "cpu", 2), ("disk", "disk:1", 1)]


def test_an_instance_that_never_came_back_is_in_running_alone() -> None:
    """Recorded on 7.52: an endless first run."""
    (run,) = runs({"runnerStats": {"Checks": {}, "Running": {"my_metric:f2": "2026-11-24T07:20:00Z"}}})

    assert (run.check_name, run.runs, run.running_since) == ("my_metric", None, 1795504800.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1795504225, 1795504225.0),
        ("2026-11-24T07:02:26.25Z", 1795503746.25),
        ("2026-11-24T09:02:26+02:00", 1795503746.0),
        (0, None),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        ("2026-13-40T99:00:00Z", None),
        (True, None),
    ],
)
def test_times_of_either_version_are_seconds(value: Any, seconds: float | None) -> None:
    """7.52 writes seconds, 7.72.4 RFC 3339."""
    assert moment(value) == seconds


def test_the_source_of_an_instance_is_its_file_and_index() -> None:
    """7.72.4 writes the index behind the path, 7.52 does not."""
    sources = [
        "file:/etc/datadog-agent/conf.d/a.d/conf.yaml[1]",
        "file:/etc/datadog-agent/conf.d/a.yaml",
        "container:docker://1",
    ]
    found = runs(
        {
            "runnerStats": {
                "Checks": {"a": {f"a:{i}": {"CheckName": "a", "CheckConfigSource": s} for i, s in enumerate(sources)}}
            }
        }
    )

    assert [(r.file, r.source_index) for r in found] == [
        ("/etc/datadog-agent/conf.d/a.d/conf.yaml", 1),
        ("/etc/datadog-agent/conf.d/a.yaml", None),
        (None, None),
    ]


def test_of_three_loaders_the_one_that_knows_the_check_decides() -> None:
    """A Go check that refuses its configuration is not a Python check that is missing."""
    status = {"checkSchedulerStats": {"LoaderErrors": {"uptime": {
        "Core Check Loader": "Could not configure check uptime: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `45s` into int",
        "JMX Check Loader": "check is not a jmx check, or unable to determine if it's so",
        "Python Check Loader": "unable to import module 'uptime': No module named 'uptime'"}}}}  # fmt: skip

    found = list(problems(status, []))

    assert [(p.loader, p.is_decisive, p.echoes) for p in found] == [("core", 1, 2), ("jmx", 0, 2), ("python", 0, 2)]


def test_the_words_of_a_newer_python_loader_are_known() -> None:
    """7.72.4 puts `unable to load python module NAME:` before them."""
    status = {"checkSchedulerStats": {"LoaderErrors": {"uptime": {
        "Core Check Loader": "Could not configure check uptime: yaml: unmarshal errors:\n  line 1: x",
        "Python Check Loader": "unable to load python module uptime: unable to import module 'uptime': No module named 'uptime'"}}}}  # fmt: skip

    assert [(p.loader, p.is_decisive) for p in problems(status, [])] == [("core", 1), ("python", 0)]
    assert essence("unable to load python module m: unable to import module 'm': No module named 'm'") == (
        "unable to import module 'm': No module named 'm'"
    )


def test_a_check_that_is_still_being_imported_is_not_judged() -> None:
    """Only the loaders before Python's have answered (recorded: a loop at import)."""
    status = {
        "checkSchedulerStats": {
            "LoaderErrors": {"m": {"JMX Check Loader": "check is not a jmx check, or unable to determine if it's so"}}
        }
    }

    assert [p.is_decisive for p in problems(status, [])] == [0]


def test_a_loader_that_passes_a_running_check_on_is_no_fault() -> None:
    """7.72.4: the Go twin of disk is off, the Python one runs."""
    status = {
        "checkSchedulerStats": {
            "LoaderErrors": {
                "disk": {"Core Check Loader": "refused to load the check instance: disk core check is disabled"}
            }
        },
        "runnerStats": {"Checks": {"disk": {"disk:1": {"CheckName": "disk", "TotalRuns": 1}}}},
    }

    assert [p.is_decisive for p in problems(status, runs(status))] == [0]


def test_jmx_answers_count() -> None:
    """JMXFetch reports for itself."""
    status = {"JMXStatus": {"checks": {"failed_checks": {"tomcat": [{"instance_name": "t", "status": "ERROR", "message": "Cannot connect"}]},
                                       "initialized_checks": {"kafka": [{"status": "OK", "message": ""}]}}}}  # fmt: skip

    assert [(p.check_name, p.kind, p.instance, p.text) for p in problems(status, [])] == [
        ("tomcat", "jmx", "t", "Cannot connect")
    ]


TRACEBACK = 'Traceback (most recent call last):\n  File "/opt/datadog-agent/embedded/lib/python3.11/site-packages/datadog_checks/base/checks/base.py", line 1224, in run\n    self.check(instance)\n  File "/etc/datadog-agent/checks.d/m.py", line 8, in check\n    boom\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps([{"message": "no x", "traceback": TRACEBACK + "KeyError: no x\n"}]), "KeyError: no x"),
        (json.dumps([{"message": "", "traceback": TRACEBACK + "NotImplementedError\n"}]), "NotImplementedError"),
        (json.dumps([{"message": "two\nlines", "traceback": TRACEBACK + "Exception: two\nlines\n"}]), "two lines"),
        ("[not json", "[not json"),
        ("error invoking 'run' method: " + TRACEBACK + "SystemExit: 3\n", "SystemExit: 3"),
        ("unable to import module 'm': " + TRACEBACK + "ModuleNotFoundError: No module named 'flask'\n", "ModuleNotFoundError: No module named 'flask'"),
        ("could not configure check instance for python check m: yaml: unmarshal errors:\n  line 1: x", "yaml: unmarshal errors: line 1: x"),
        ("could not invoke 'm' python check constructor. New constructor API returned:\n" + TRACEBACK + "KeyError: 'url'\nDeprecated constructor API returned:\nM() takes 2", "KeyError: 'url'"),
        ("could not invoke 'm' python check constructor. New constructor API returned:\nM() got 'name'Deprecated constructor API returned:\nM() got 'name'", "M() got 'name'"),
    ],
    ids=["message", "no message", "two lines", "no JSON", "plain", "import", "options", "constructor", "signature"],
)  # fmt: skip
def test_an_error_comes_down_to_one_sentence(text: str, sentence: str) -> None:
    """Of a traceback the last line, of a report its message."""
    assert essence(text) == sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (json.dumps([{"message": "x", "traceback": TRACEBACK}]), ("/etc/datadog-agent/checks.d/m.py", 8)),
        ("unable to import module 'm': invalid syntax (m.py, line 5)", ("/etc/datadog-agent/checks.d/m.py", 5)),
        ("unable to import module 'm': invalid syntax (other.py, line 5)", (None, None)),
        ("open /etc/datadog-agent/conf.d/m.yaml: permission denied", ("/etc/datadog-agent/conf.d/m.yaml", None)),
        ("PermissionError: [Errno 13] Permission denied: '/etc/datadog-agent/checks.d/m.py'", ("/etc/datadog-agent/checks.d/m.py", None)),
        ('File "/opt/datadog-agent/embedded/lib/python3.11/site-packages/datadog_checks/mysql/mysql.py", line 124', (None, None)),
        ("refused", (None, None)),
        ('File "/etc/datadog-agent/checks.d/m.py", line 99999999999999999999, in x', (None, None)),
    ],
)  # fmt: skip
def test_an_error_points_at_the_persons_own_file_only(text: str, expected: tuple[str | None, int | None]) -> None:
    """Never into the Agent's own packages: there is nothing to mend."""
    assert place(text, "m", "/etc/datadog-agent/checks.d") == expected


def test_a_long_text_is_cut_between_words() -> None:
    """A token has no blank in it, so none is torn."""
    text = " ".join(f"word{i}" for i in range(1000))

    short = shortened(text, 500)

    assert len(short) <= 510
    assert set(short.split()) - {"…"} <= set(text.split())


@pytest.mark.parametrize(
    ("stats", "verdicts"),
    [
        ({"APIKeyStatus": {"API key ending with ": "Unable to reach the API Key validation endpoint"}}, ["empty"]),
        ({"APIKeyStatus": {}, "APIKeyFailure": {"API key ending with dc0de": "API Key invalid"}}, ["invalid"]),
        ({"APIKeyStatus": {"API key ending with dc0de": "API Key valid", "API key ending with 12345": "Unexpected response code"}}, ["other", "valid"]),
        ({"APIKeyStatus": {"API key ending with dc0de": "Unable to reach the API Key validation endpoint"}, "APIKeyFailure": None}, ["unreachable"]),
        ({}, []),
    ],
)  # fmt: skip
def test_each_api_key_has_a_verdict(stats: Mapping[str, Any], verdicts: list[str]) -> None:
    """An empty one is not "unreachable", which is what the Agent calls it."""
    assert key_verdicts(stats) == verdicts


def test_log_sources_are_read_with_their_state(rows_of: Callable[..., list[Row]]) -> None:
    """Recorded on 7.72.4."""
    answer = {"logsStats": {"is_running": True, "integrations": [{"name": "shop", "sources": [
        {"type": "file", "configuration": {"Path": "/var/log/a.log", "Service": "s"}, "status": "Error: cannot read file"},
        {"type": "journald", "configuration": {}, "status": "Pending"}]}]}}  # fmt: skip

    assert only(rows_of(json.dumps(answer)), TailedSource) == [
        TailedSource("package", "shop", "file", "/var/log/a.log", "s", None, "error", "cannot read file"),
        TailedSource("package", "shop", "journald", None, None, None, "pending", None),
    ]


def test_a_report_on_files_that_were_changed_is_outdated(rows_of: Callable[..., list[Row]]) -> None:
    """The Agent reads files once; the check whose files are older than its start is judged, the other is not."""
    answer = {
        "agent_start_nano": 1_600_000_000_000_000_000, "time_nano": 1_600_000_600_000_000_000,
        "autoConfigStats": {"ConfigErrors": {"edited": "yaml: x", "../../etc/passwd": "yaml: x"}},
    }  # fmt: skip

    rows = rows_of(json.dumps(answer), files={"/etc/datadog-agent/conf.d/edited.d/conf.yaml": "instances: [{}]\n"})

    assert {e.check_name: e.is_outdated for e in only(rows, CheckError)} == {"edited": 1, "../../etc/passwd": None}


# --- any input ----------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([
    "runnerStats", "Checks", "Running", "checkSchedulerStats", "LoaderErrors", "RunErrors", "autoConfigStats", "ConfigErrors", "ResolveWarnings", "pyLoaderStats",
    "ConfigureErrors", "pythonInit", "Errors", "JMXStatus", "checks", "failed_checks", "initialized_checks", "forwarderStats", "APIKeyStatus", "APIKeyFailure",
    "Transactions", "ErrorsByType", "logsStats", "integrations", "sources", "configuration", "status", "message", "hostnameStats", "metadata", "meta", "hostname",
    "apmStats", "error", "port", "CheckName", "TotalRuns", "LastError", "LastWarnings", "CheckConfigSource", "UpdateTimestamp", "Interval", "agent_start_nano",
    "time_nano", "ntpOffset", "my_metric", "my_metric:1", "Python Check Loader", "config", "additional_checksd",
])  # fmt: skip
TEXTS = st.sampled_from([
    "", "x", "ERROR", "Error: no", "API Key invalid", "file:/etc/a.yaml[0]", "2026-11-24T07:20:00Z", "[{\"message\": 3}]", "[{}]", "[", "1e999", "\u0000",
    "unable to import module 'a': Traceback (most recent call last):\n  File \"/a.py\", line 99999999999999999999, in x\n", "constructor API returned:",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=40,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=12), st.integers(0, 400))
def test_no_answer_makes_a_parser_raise(answer: dict[str, Any], cut: int) -> None:
    """The keys of any version with values of any shape, whole and cut: rows of the declared types, or none."""
    vault = Vault()
    text = json.dumps(answer)
    for found in (document(text), document(text[:cut])):
        values = found.values if found else {}
        instances = runs(values)
        rows = [
            status_row("package", values, vault),
            *error_rows("package", values, instances, vault),
            *source_rows("package", values, vault),
        ]

        assert all(v is None or isinstance(v, (str, int, float)) for row in rows for v in row)
        assert all(abs(v) < 2**63 for row in rows for v in row if isinstance(v, int))
