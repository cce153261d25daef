"""Logs become rows: recorded logs of real Agents, formats and clocks, large and broken files, and what of it still counts."""

from __future__ import annotations

import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dddoctor.hosts.base import Process, Ran, Unavailable
from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.root import RootHost
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import _log_lines, _log_sources, _log_stream, agents
from dddoctor.tables._log_lines import Clock, Line
from dddoctor.tables._log_stream import Hit
from dddoctor.tables.log_messages import LogMessage, collect
from dddoctor.tables.settings import Setting

BERLIN = Path("/usr/share/zoneinfo/Europe/Berlin")
RECORDED = Path(__file__).parent.parent / "data" / "log-messages.yaml"
MAIN = "/etc/datadog-agent/datadog.yaml"
LOG = "/var/log/datadog/agent.log"
AGENT = "2024-05-06 {time} UTC | CORE | {level} | (pkg/a/b.go:71 in f) | {message}\n"
STARTED = AGENT.format(time="07:36:25", level="INFO", message="Starting Datadog Agent v7.72.4")
HostOf = Callable[..., RootHost]


def said(message: str, time: str = "07:36:30", level: str = "ERROR") -> str:
    return AGENT.format(time=time, level=level, message=message)


PORT_5000 = said(
    "Error creating expvar server on 127.0.0.1:5000: listen tcp 127.0.0.1:5000: bind: address already in use"
)


def rows_of(
    host: RootHost, settings: list[Setting] | None = None, vault: Vault | None = None
) -> list[LogMessage | Gap]:
    known = [a for a in agents.collect(host) if not isinstance(a, Gap)]
    return list(collect(host, vault or Vault(), known, settings or []))


def messages(found: list[LogMessage | Gap]) -> list[LogMessage]:
    return [r for r in found if isinstance(r, LogMessage)]


def running(name: str = "agent", started_at: float = 0.0) -> Process:
    argv = (f"/opt/datadog-agent/bin/agent/{name}", "run") if name == "agent" else (f"/usr/sbin/{name}",)
    return Process(1000, 1, name, argv, "dd-agent", 110, started_at, argv[0], 0, "/", "/", {}, 0, 1)


def live(
    tmp_path: Path,
    files: dict[str, str],
    processes: list[Process] | Unavailable | None = None,
    commands: dict[tuple[str, ...], Ran | Unavailable] | None = None,
) -> ExampleHost:
    for path, text in {MAIN: "", **files}.items():
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return ExampleHost(tmp_path, processes=processes, commands=commands)


JOURNAL = ("journalctl", "--no-pager", "-o", "short-iso", "-n", "3000", "-u", "datadog-agent*")
KERNEL = ("journalctl", "--no-pager", "-o", "short-iso", "-n", "5000", "-k")


# --- what real Agents wrote ------------------------------------------------------------------------------------------


def recorded() -> list[Any]:
    cases = yaml.load(RECORDED.read_text("utf-8"), yaml.CSafeLoader)
    return [pytest.param(case["files"], case["rows"], id=name) for name, case in cases.items()]


@pytest.mark.parametrize(("files", "rows"), recorded())
def test_recorded_logs_give_these_rows_and_no_others(
    host_of: HostOf, files: dict[str, str], rows: list[dict[str, Any]]
) -> None:
    """The rows were compared with what the recordings say (tools/choose_log_lines.py); a sound Agent's noise gives none."""
    found = rows_of(host_of({MAIN: "", **files}))

    columns = sorted({c for r in rows for c in r} | {"program", "pattern"})
    assert [{c: getattr(m, c) for c in columns if getattr(m, c) is not None} for m in messages(found)] == rows
    assert [g for g in found if isinstance(g, Gap) and g.kind is not Kind.TARGET] == []


# --- formats and clocks ----------------------------------------------------------------------------------------------


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """The clock of a host in Berlin."""
    if not BERLIN.exists():
        pytest.skip("this machine has no time zones (package tzdata)")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "localtime").write_bytes(BERLIN.read_bytes())
    return Clock(RootHost(tmp_path))


@pytest.mark.parametrize(
    ("date", "time", "zone", "epoch"),
    [
        ("2024-07-02", "10:40:18", "UTC", 1719916818.0),
        ("2024-07-02", "10:40:18", "Z", 1719916818.0),
        ("2024-07-02", "10:40:18", "-0400", 1719931218.0),
        ("2024-07-02", "10:40:18", "+05:30", 1719897018.0),
        ("2024-07-02", "10:40:18", "+02", 1719909618.0),
        ("2024-07-02", "10:40:18", "CEST", 1719909618.0),
        ("2024-12-02", "10:40:18", "CET", 1733132418.0),
        ("2024-10-27", "02:30:00", "CEST", 1729989000.0),  # this hour comes twice
        ("2024-10-27", "02:30:00", "CET", 1729992600.0),
        ("2024-12-02", "10:40:18", None, 1733132418.0),
        ("2024-07-02", "10:40:18", "CST", None),  # three zones are called so, and none of them is this host's
        ("2024-13-02", "10:40:18", "UTC", None),
        ("2024-07-02", "25:40:18", "UTC", None),
    ],
)
def test_a_date_is_understood_in_its_own_zone(
    clock: Clock, date: str, time: str, zone: str | None, epoch: float | None
) -> None:
    assert clock.epoch(date, time, zone) == epoch


@pytest.mark.skipif(not BERLIN.exists(), reason="this machine has no time zones (package tzdata)")
def test_a_zone_whose_file_is_not_there_is_known_by_its_name(tmp_path: Path) -> None:
    """A snapshot has links, not what is behind them. A file that is no zone, and a name that is none, leave UTC."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "localtime").symlink_to(BERLIN)

    assert Clock(RootHost(tmp_path)).epoch("2024-07-02", "10:40:18", "CEST") == 1719909618.0
    (tmp_path / "etc" / "localtime").unlink()
    (tmp_path / "etc" / "localtime").write_bytes(b"TZif2\x00")
    assert Clock(RootHost(tmp_path)).epoch("2024-07-02", "10:40:18", None) == 1719916818.0


def test_a_date_without_a_year_is_the_last_such_day(clock: Clock) -> None:
    """syslog leaves the year out; a line of 31 December read in January is of the year before."""
    january = 1735689600.0 + 86400 * 3  # 4 January 2025

    assert clock.epoch_without_year("Dec", "31", "22:00:00", january) == 1735678800.0
    assert clock.epoch_without_year("Jan", "3", "10:00:00", january) == 1735894800.0
    assert clock.epoch_without_year("Foo", "3", "10:00:00", january) is None
    assert clock.epoch_without_year("Feb", "30", "10:00:00", january) is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "2024-07-02 10:40:18 UTC | CORE | ERROR | (a/b.go:71 in (*T).f) | a | b",
            (1719916818.0, "core", "error", "a | b"),
        ),  # fmt: skip
        ("2024-07-02T10:40:18-04:00 | TRACE | WARN | (a.go:1 in f) | x", (1719931218.0, "trace", "warn", "x")),
        (
            "2024-07-02T10:40:18Z | SYS-PROBE | CRITICAL | (a.go:1 in f) | x",
            (1719916818.0, "sys-probe", "critical", "x"),
        ),  # fmt: skip
        (
            '{"agent":"core","time":"2024-07-02 10:40:18 UTC","level":"ERROR","file":"a.go","line":"1","func":"f","msg":"say \\"x\\""}',
            (1719916818.0, "core", "error", 'say "x"'),
        ),  # fmt: skip
        ('{"agent":"core","time":3,"level":null,"msg":"x"}', (None, "core", "none", "x")),
        ('{"agent":"core","time":"2024-07-02 10:40:18 UTC","lev', None),
        ('{"msg": 7}', None),
        ("[" * 2000, None),
        ("Traceback (most recent call last):", None),
        ("", None),
    ],
)
def test_lines_of_the_agent_in_all_its_formats(
    clock: Clock, text: str, line: tuple[float | None, str, str, str] | None
) -> None:
    found = _log_lines.agent_line(text, clock)

    assert (tuple(found) if found else None) == line


@pytest.mark.parametrize(
    ("message", "check", "rest"),
    [
        ("check:ntp | Error running check: x", "ntp", "Error running check: x"),
        ("check:my_http:site:db0dfe0f | Running check...", "my_http", "Running check..."),
        ("mysql:e2d0b0a0 | (mysql.py:395) | error!", "mysql", "error!"),
        ("my_http:site:db0dfe0f | (my_http.py:7) | x | y", "my_http", "x | y"),
        ("- | (core.py:87) | Error querying x", None, "Error querying x"),
        ("unknown | (core.py:261) | QueryManager", None, "QueryManager"),
        ("one | two", None, "one | two"),
    ],
)
def test_a_message_names_the_check_that_wrote_it(message: str, check: str | None, rest: str) -> None:
    assert _log_lines.of_check(message) == (check, rest)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ('[{"message": "the pump is \\u00e9teinte", "traceback": "x"}]', "the pump is éteinte"),
        (
            '[{"message":"(1045, \\"Access denied for user \'d\'@\'h\' (using password: "********"',
            "(1045, \"Access denied for user 'd'@'h' (using password: ",
        ),  # fmt: skip
        (
            '[{"message": "", "traceback": "Traceback:\\n  File \\"x\\"\\nNotImplementedError\\n"}]',
            "NotImplementedError",
        ),  # fmt: skip
        (
            "error invoking 'run' method: Traceback (most recent call last):\n  File \"x\"\nSystemExit: 3",
            "SystemExit: 3",
        ),  # fmt: skip
        ("[{not json", "[{not json"),
        ("signal: killed", "signal: killed"),
    ],
)
def test_the_error_of_a_check_is_taken_out_of_what_wraps_it(message: str, error: str) -> None:
    assert _log_lines.error_of_check(f"Error running check: {message}") == f"Error running check: {error}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("2024-07-02T10:40:18+0000 box agent[81]: Error: x", (1719916818.0, "agent", None, "Error: x")),
        ("2024-07-02T10:40:18.123456+00:00 box kernel: Out of memory", (1719916818.0, "kernel", None, "Out of memory")),
        (
            "Jul  2 12:40:18 box systemd[1]: Started Datadog Agent.",
            (1719916818.0, "systemd", None, "Started Datadog Agent."),
        ),  # fmt: skip
        (
            "type=AVC msg=audit(1719916818.243:24287): avc:  denied  { read }",
            (1719916818.0, "kernel", None, "avc:  denied  { read }"),
        ),  # fmt: skip
        ("-- Logs begin at Thu 2024-07-02 --", None),
    ],
)
def test_lines_of_the_system(clock: Clock, text: str, line: tuple[float | None, str, str | None, str] | None) -> None:
    found = _log_lines.system_line(text, clock, 1720000000.0)

    assert (tuple(found) if found else None) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("2024-07-02T10:40:18.000001Z 0 [System] x", (1719916818.0, "0 [System] x")),
        ("2024-07-02 12:40:18 0 [Note] x", (1719916818.0, "0 [Note] x")),
        ("240702  9:40:18 [Note] x", (1719906018.0, "[Note] x")),
        ("mysqld: [Warning] World-writable", (None, "mysqld: [Warning] World-writable")),
    ],
)
def test_lines_of_mysql(clock: Clock, text: str, line: tuple[float | None, str]) -> None:
    assert _log_lines.mysql_line(text, clock) == Line(line[0], "mysqld", None, line[1])


# --- files of any size and kind --------------------------------------------------------------------------------------


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 16, 64, 4096])
@pytest.mark.parametrize("text", [b"", b"\n", b"one\ntwo\nthree\n", b"one\n\n\ntwo", b"no end", b"a" * 50 + b"\nb\n"])
def test_blocks_hold_every_line_that_fits_once(text: bytes, block_bytes: int) -> None:
    blocks = list(_log_stream.newest_first(io.BytesIO(text), len(text), block_bytes))

    read = [line for b in reversed(blocks) for line in b.data[b.begin :].split(b"\n") if line]
    lines = [line for line in text.split(b"\n") if line]
    short = [line for line in lines if len(line) + 1 < block_bytes]  # and its end
    assert [line for line in read if line in short] == short
    assert all(any(line.startswith(r) for line in lines) for r in read)
    for block in blocks:
        assert text[block.offset : block.offset + len(block.data)] == block.data
        assert block.offset + block.begin == 0 or text[block.offset + block.begin - 1] == 10


def test_a_file_that_is_emptied_while_it_is_read_ends_there() -> None:
    assert list(_log_stream.newest_first(io.BytesIO(b"one\ntwo\n"), 1000, 16)) == []


def test_newest_lines_come_first_and_of_very_many_alike_the_rest_is_counted() -> None:
    many = "".join(said(f"the same thing again and again and again, number {n}") for n in range(500))

    skim = _log_stream.skim_agent_log(io.BytesIO((STARTED + many).encode()), b"Starting Datadog", 1 << 30, 9.0)

    assert len(skim.hits) == _log_stream.MANY
    assert skim.hits[0].text.endswith(b"number 499")
    assert sum(skim.uncounted.values()) == 500 - _log_stream.MANY
    assert (skim.start, skim.read_from) == (0, 0)


def test_the_count_of_a_flood_is_that_of_all_its_lines(host_of: HostOf) -> None:
    flood = "".join(said("API Key invalid, dropping transaction for https://a.example/intake/") for _ in range(2500))

    [row] = messages(rows_of(host_of({MAIN: "", LOG: STARTED + flood})))

    assert (row.pattern, row.message_count, row.line) == ("intake-key", 2500, 2501)


def test_a_line_without_end_of_300_mb_costs_no_memory(tmp_path: Path) -> None:
    """A file of NUL bytes, as a crash leaves them: nothing is found, nothing is kept, and what was not read is said."""
    host = live(tmp_path, {LOG: STARTED})
    with (tmp_path / LOG.lstrip("/")).open("ab") as file:
        file.truncate(300 * 1024 * 1024)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + PORT_5000.encode())
    tracemalloc.start()
    found = rows_of(host)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [m.pattern for m in messages(found)] == ["port-expvar"]
    assert peak < 16 * 1024 * 1024


def test_binary_garbage_windows_line_ends_and_control_characters_do_no_harm(host_of: HostOf) -> None:
    garbage = bytes(range(256)) * 40
    line = said("Error creating expvar server on 127.0.0.1:5000: \x1b[31maddress already in use\x00").replace(
        "\n", "\r\n"
    )

    [row] = messages(
        rows_of(host_of({MAIN: "", LOG: STARTED.encode() + garbage + b"\n" + (line + STARTED[:30]).encode() + garbage}))
    )

    assert (row.pattern, row.reported) == (
        "port-expvar",
        "Error creating expvar server on 127.0.0.1:5000: [31maddress already in use",
    )


def test_what_follows_a_message_without_a_date_belongs_to_it() -> None:
    text = _log_lines.with_rest("a", "  line 1: b\ncode=x\n2024-05-06 07:36:30 UTC | CORE | c\n")

    assert text == "a\n  line 1: b\ncode=x"


def test_a_log_in_json_at_a_place_of_its_own(host_of: HostOf) -> None:
    """`log_file` and `log_format_json` of datadog.yaml."""
    head = '{"agent":"core","time":"2024-05-06 07:36:25 UTC","level":"%s","file":"a.go","line":"1","func":"f","msg":"%s"}\n'
    text = head % ("INFO", "Starting Datadog Agent v7.72.4") + head % ("WARN", "Max events per second reached (current=300.00/s, max=200.00/s)")  # fmt: skip
    setting = Setting("package", "log_file", "/srv/a.log", "str", "file", MAIN, 1, "str", None, None, None, None)

    [row] = messages(rows_of(host_of({MAIN: "", "/srv/a.log": text}), [setting]))

    assert (row.file, row.line, row.pattern, row.amount, row.name, row.severity, row.is_current) == (
        "/srv/a.log",
        2,
        "apm-events",
        300.0,
        "200.00",
        "warn",
        1,
    )


def test_the_log_before_is_read_where_the_live_one_is_young(host_of: HostOf) -> None:
    files = {MAIN: "", LOG: said("x", "08:00:00", "INFO"), f"{LOG}.1": STARTED + PORT_5000}

    [row] = messages(rows_of(host_of(files)))

    assert (row.file, row.line, row.is_since_start, row.is_current) == (f"{LOG}.1", 2, 1, 1)


def test_the_log_before_is_not_read_where_the_live_one_goes_back_far_enough(host_of: HostOf) -> None:
    files = {MAIN: "", LOG: said("x", "01:00:00", "INFO") + said("x", "08:00:00", "INFO"), f"{LOG}.1": PORT_5000}

    assert messages(rows_of(host_of(files))) == []


def test_logs_that_may_not_be_read_are_gaps_and_absent_ones_are_not(host_of: HostOf) -> None:
    found = rows_of(host_of({MAIN: "", LOG: PORT_5000}, unreadable=(LOG,)))

    assert found == [Gap(LOG, Kind.DENIED, f"permission denied: {LOG}", "sudo")]


def test_a_closed_log_folder_is_one_gap(host_of: HostOf) -> None:
    found = rows_of(host_of({MAIN: "", LOG: PORT_5000}, unreadable=("/var/log/datadog",)))

    assert found == [Gap("/var/log/datadog", Kind.DENIED, "permission denied: /var/log/datadog", "sudo")] * 4


def test_a_log_that_is_a_folder_is_a_gap(host_of: HostOf) -> None:
    [gap] = rows_of(host_of({MAIN: "", f"{LOG}/x": ""}))

    assert isinstance(gap, Gap) and (gap.where, gap.kind) == (LOG, Kind.TOOL)


def test_secrets_in_messages_become_tokens(host_of: HostOf) -> None:
    vault = Vault()
    key, password = "0badc0de0badc0de0badc0de0badc0de", "blue-Kettle-91"
    line = said(f"API Key invalid, dropping transaction for https://a.example/api?api_key={key} password={password}")

    [row] = messages(rows_of(host_of({MAIN: "", LOG: STARTED + line}), vault=vault))

    assert key not in repr(row) and password not in repr(row)
    assert vault.has_token(row.reported) and vault.has_token(str(row.address))


# --- what still counts -----------------------------------------------------------------------------------------------

OLD, NOW = -900000000.0, 1.0e10  # long before, and long after, the dates in these logs


@pytest.mark.parametrize(
    ("text", "process", "is_since_start", "is_current"),
    [
        (STARTED + PORT_5000, None, 1, 1),
        (PORT_5000 + said("x", "07:36:59", "INFO") + STARTED.replace("07:36:25", "07:46:25"), None, 0, 0),
        # 7.72.4 opens its ports before it says that it starts
        (said("x", "07:30:00", "INFO") + PORT_5000 + STARTED.replace("07:36:25", "07:36:31"), None, 1, 1),
        (PORT_5000, None, None, None),  # no start and no INFO: it may be of an earlier one
        (said("x", "07:00:00", "INFO") + PORT_5000, None, 1, 1),  # the start is older than all of the log
        (PORT_5000, running(started_at=OLD), 1, 1),
        (STARTED + PORT_5000, running(started_at=NOW), 0, 0),
        (STARTED + PORT_5000, running("mysqld"), 1, 1),  # the Agent does not run: said by the last one
    ],
)
def test_what_is_said_at_the_start_counts_until_the_next(
    tmp_path: Path, text: str, process: Process | None, is_since_start: int | None, is_current: int | None
) -> None:
    [row] = messages(rows_of(live(tmp_path, {LOG: text}, [process] if process else None)))

    assert (row.is_since_start, row.is_current) == (is_since_start, is_current)
    assert row.is_running == (None if process is None else int(process.name == "agent"))


FEATURES = said("0 Features detected from environment: ", "07:36:25", "INFO")


@pytest.mark.parametrize(
    ("text", "is_since_start"),
    [
        (PORT_5000.replace("07:36:30", "07:36:25") + FEATURES + STARTED, 0),  # the last words of the process before
        (FEATURES + PORT_5000.replace("07:36:30", "07:36:25") + STARTED, 1),
        (FEATURES + STARTED + PORT_5000.replace("07:36:30", "07:36:25"), 1),
    ],
)
def test_of_one_second_the_place_decides_to_which_process_a_message_belongs(
    tmp_path: Path, text: str, is_since_start: int
) -> None:
    """After a repair and a restart within a second, what the old process said last is history."""
    for processes in ([running(started_at=1714980985.3)], None):
        [row] = messages(rows_of(live(tmp_path, {LOG: said("x", "07:30:00", "INFO") + text}, processes)))
        assert (row.is_since_start, row.is_current) == (is_since_start, is_since_start)


@pytest.mark.parametrize(("last", "is_current"), [("07:50:00", 1), ("07:51:31", 0)])
def test_what_is_repeated_while_it_lasts_counts_for_a_while(host_of: HostOf, last: str, is_current: int) -> None:
    """On a folder the end of the logs is now: 15 minutes for a failed connection."""
    failed = said('Error while processing transaction: error while sending transaction, rescheduling it: Post "https://a.example/intake/": EOF')  # fmt: skip

    [row] = messages(rows_of(host_of({MAIN: "", LOG: STARTED + failed + said("x", last, "INFO")})))

    assert (row.pattern, row.is_since_start, row.is_current) == ("intake-broken", 1, is_current)


ENDS = said("Error while getting hostname, exiting: unable to reliably determine the host name.")
FAILED = (
    "2024-05-06T07:36:30+0000 box agent[74]: Error: unknown log level: dbug\n"
    "2024-05-06T07:36:30+0000 box systemd[1]: datadog-agent.service: Failed with result 'exit-code'.\n"
)
AGAIN = (
    "2024-05-06T07:36:31+0000 box systemd[1]: datadog-agent.service: Scheduled restart job, restart counter is at {}.\n"
    "2024-05-06T07:36:31+0000 box systemd[1]: Started datadog-agent.service - Datadog Agent.\n"
)
BY_HAND = (
    "2024-05-06T07:36:40+0000 box systemd[1]: Stopping datadog-agent.service - Datadog Agent...\n"
    "2024-05-06T07:36:41+0000 box systemd[1]: Started datadog-agent.service - Datadog Agent.\n"
)


@pytest.mark.parametrize(
    ("journal", "processes", "is_current"),
    [
        (FAILED, [], 1),
        (FAILED + AGAIN.format(3), [], 1),  # just between two tries
        (FAILED + AGAIN.format(3), [running(started_at=1714980991.0)], 1),  # the next try, which has only begun
        (FAILED + AGAIN.format(1), [running(started_at=1714980991.0)], 0),  # once is no loop (a stale PID file)
        (FAILED + AGAIN.format(3) + BY_HAND, [running(started_at=1714981001.0)], 0),  # somebody mended it
        (FAILED + AGAIN.format(3), [running(started_at=1714985000.0)], 0),
    ],
)
def test_an_error_that_ends_the_agent_counts_while_it_does_not_stay_up(
    tmp_path: Path, journal: str, processes: list[Process], is_current: int
) -> None:
    init = running("init")
    commands: dict[tuple[str, ...], Ran | Unavailable] = {JOURNAL: Ran(0, journal, ""), KERNEL: Ran(0, "", "")}

    [row] = messages(rows_of(live(tmp_path, {}, [init, *processes], commands)))

    assert (row.log, row.file, row.pattern, row.is_current) == ("journal", None, "start-log-level", is_current)


def test_one_message_in_log_and_journal_is_one_row(tmp_path: Path) -> None:
    journal = "2024-05-06T07:36:30+0000 box agent[74]: " + ENDS + "2024-05-06T07:36:30+0000 box agent[74]: Error: Error while getting hostname, exiting: unable to reliably determine the host name.\n"  # fmt: skip
    commands: dict[tuple[str, ...], Ran | Unavailable] = {JOURNAL: Ran(0, journal, ""), KERNEL: Ran(0, "", "")}

    [row] = messages(rows_of(live(tmp_path, {LOG: ENDS}, [running("init")], commands)))

    assert (row.log, row.file, row.line, row.message_count) == ("agent", LOG, 1, 2)


# --- the journal ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "gap"),
    [
        (
            Ran(
                1,
                "",
                "Hint: You are currently not seeing messages from other users and the system.\nNo journal files were opened due to insufficient permissions.\n",
            ),
            (Kind.DENIED, "sudo"),
        ),  # fmt: skip
        (
            Ran(
                0,
                "-- No entries --\n",
                "Hint: You are currently not seeing messages from other users and the system.\n",
            ),
            (Kind.DENIED, "sudo"),
        ),  # fmt: skip
        (Ran(1, "", "Failed to add filter for units: Bad message\n"), (Kind.TOOL, "")),
        (Unavailable(Kind.TIMEOUT, "journalctl did not end within 5 s", "--timeout"), (Kind.TIMEOUT, "--timeout")),
        (Ran(1, "", "No journal files were found.\n"), None),
        (Unavailable(Kind.TOOL, "journalctl is not installed here"), None),  # and no systemd: there is no journal
    ],
)
def test_a_journal_that_cannot_be_read_is_a_gap_and_none_is_not(
    tmp_path: Path, end: Ran | Unavailable, gap: tuple[Kind, str] | None
) -> None:
    """syslog has the same lines, where somebody writes it."""
    files = {"/var/log/syslog": "May  6 07:36:30 box agent[74]: Error: unknown log level: dbug\n"}
    found = rows_of(live(tmp_path, files, [running("init")], {JOURNAL: end}))

    assert [(g.where, g.kind, g.remedy) for g in found if isinstance(g, Gap)] == (
        [("the journal", *gap)] if gap else []
    )
    assert [(m.log, m.file, m.pattern) for m in messages(found)] == [("journal", "/var/log/syslog", "start-log-level")]


def test_processes_that_cannot_be_seen_make_the_times_unknown(tmp_path: Path) -> None:
    denied = Unavailable(Kind.DENIED, "no /proc", "sudo")

    found = rows_of(live(tmp_path, {LOG: PORT_5000}, denied))

    [gap] = [g for g in found if isinstance(g, Gap)]
    assert gap == Gap("*", Kind.DENIED, "no /proc", "sudo", ("is_running", "is_since_start", "is_current"))


def test_without_an_agent_and_mysql_no_log_is_looked_at(tmp_path: Path) -> None:
    """The kernel's messages of somebody else's machine are nobody's business here."""
    target = tmp_path / "var" / "log" / "syslog"
    target.parent.mkdir(parents=True)
    target.write_text(
        "May  6 07:36:30 box kernel: Out of memory: Killed process 1 (x) total-vm:1kB, anon-rss:1kB\n", encoding="utf-8"
    )

    assert rows_of(RootHost(tmp_path)) == []


def test_words_of_another_log_are_found_newest_first_and_once_a_line() -> None:
    text = b"START a\nx one one\ny\nz one\n"

    skim = _log_stream.skim_for_words(io.BytesIO(text), (b"START", b"one"), 1 << 20, 9.0)

    assert skim.hits == [Hit(20, b"z one", b""), Hit(8, b"x one one", b"y\nz one\n")]
    assert skim.start == 0


SENDING = 'Error while processing transaction: error while sending transaction, rescheduling it: Post "https://a.example/intake/": '


@pytest.mark.parametrize(
    ("writer", "message", "pattern", "words"),
    [
        ("agents", "Error: unable to load Datadog config file: While parsing config: yaml: line 4: did not find expected key", "start-config-invalid", ("yaml: line 4: did not find expected key", None, None, None)),
        ("agents", "Error: unable to load Datadog config file: open /etc/datadog-agent/datadog.yaml: no such file or directory", "start-config-missing", (None, None, "/etc/datadog-agent/datadog.yaml", None)),
        ("agents", "Error: you must specify an API Key, either via a configuration file or the DD_API_KEY env var", "start-key-missing", (None, None, None, None)),
        ("agents", "Fatal Python error: init_fs_encoding: failed to get the Python codec", "start-python", ("init_fs_encoding: failed to get the Python codec", None, None, None)),
        ("agents", "panic: runtime error: invalid memory address", "crash", ("runtime error: invalid memory address", None, None, None)),
        ("agents", "cannot write /opt/datadog-agent/run/registry.json: no space left on device", "disk-full", (None, None, "/opt/datadog-agent/run/registry.json", None)),
        ("agents", "GUI server didn't achieved to start:  listen tcp 127.0.0.1:5002: bind: address already in use", "port-gui", (None, "127.0.0.1:5002", None, None)),
        ("agents", SENDING + "EOF", "intake-broken", ("EOF", "https://a.example/intake/", None, None)),
        ("agents", SENDING + "dial tcp: lookup a.example. on 10.0.2.3:53: read udp 10.0.2.15:1->10.0.2.3:53: i/o timeout", "intake-dns", ("a.example", "https://a.example/intake/", None, None)),
        ("agents", SENDING + "net/http: request canceled (Client.Timeout exceeded while awaiting headers)", "intake-timeout", ("Client.Timeout", "https://a.example/intake/", None, None)),
        ("agents", "Dropped 12 transactions in this retry attempt: 12 because the workers are too busy", "intake-dropping", (None, None, None, 12.0)),
        ("agents", "Privileges error accessing the BINARY LOGS (must grant REPLICATION CLIENT): (1381, 'You are not using binary logging')", "mysql-binlog-off", (None, None, None, None)),
        ("agents", "Privileges error getting replication status (must grant REPLICATION CLIENT): (1227, 'Access denied; you need SUPER, REPLICATION CLIENT')", "mysql-grant-replication", (None, None, None, None)),
        ("kernel", "Out of memory: Killed process 7 (mysqld) total-vm:9kB, anon-rss:421888kB, file-rss:0kB", "oom-kill", ("mysqld", None, None, 421888.0)),
        ("mysql", "mysqld: [ERROR] Could not open required defaults file: /home/me/my.cnf", "mysql-file-denied", (None, None, "/home/me/my.cnf", None)),
        ("app", "ModuleNotFoundError: No module named 'ddtrace'", "app-ddtrace-missing", ("ddtrace", None, None, None)),
        ("app", "Loading ddtrace before using gevent monkey patching is not supported", "app-gevent-late", (None, None, None, None)),
        ("app", "ddtrace.internal.uwsgi.uWSGIConfigError: master option must be enabled", "app-uwsgi-option", None),
        ("app", "ddtrace-run has known compatibility issues with uWSGI where the tracer is not started properly", "app-uwsgi-run", (None, None, None, None)),
        ("app", "Worker (pid:7) was sent code 139!", "app-crash", (None, None, None, None)),
        ("app", "AttributeError: 'Flask' object has no attribute 'try_trigger_before_first_request_functions'", "app-flask-too-new", (None, None, None, None)),
        ("app", "ImportError: cannot import name '_rand' from 'ddtrace.internal' (unknown location)", "app-foreign-build", (None, None, None, None)),
        ("app", "ddtrace-run: failed to bootstrap: args '['flsk', 'run']'", "app-not-launched", None),
        ("agents", "GET /agent/status from 127.0.0.1:37854 took 2ms", None, None),
        ("kernel", "Error: unknown log level: dbug", None, None),
    ],
)  # fmt: skip
def test_texts_that_no_recording_has(
    writer: str, message: str, pattern: str | None, words: tuple[str | None, ...] | None
) -> None:
    """Of the Agent's source, issue threads and manuals: the kind of a message, and its name, address, path and amount."""
    from dddoctor.tables._log_patterns import Patterns

    found = Patterns().match(writer, message)

    assert (found.pattern.id if found else None) == pattern
    if found is not None and words is not None:
        assert (found.name, found.address, found.path, found.amount) == words


def test_every_pattern_is_one_that_a_rule_or_a_reader_can_name() -> None:
    """Each id is spelt as an id, each expression compiles, and a word that is looked for first stands in what the expression wants."""
    from dddoctor.tables._log_patterns import Patterns

    known = Patterns()._known
    assert all(p.id == p.id.lower() and " " not in p.id and p.has and p.every >= 0 for p in known)
    assert {p.by for p in known} == {"agents", "app", "checks", "kernel", "mysql"}
    assert _log_sources.AGENT_PROGRAMS[0] == "agent"
