"""Messages in logs that say what is wrong, one row for each kind of message: the newest, how often, and whether it still counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import _log_lines, _log_sources, table
from dddoctor.tables._clock import now_on
from dddoctor.tables._log_patterns import OTHER, Match, Pattern, Patterns
from dddoctor.tables._log_sources import Ending, Restarting, Said, Sources
from dddoctor.tables.agents import Agent
from dddoctor.tables.files import LOG_FOLDER, MAC_LOG_FOLDER
from dddoctor.tables.settings import Setting

if TYPE_CHECKING:
    from dddoctor.secrets import Vault
    from dddoctor.tables._log_sources import Heard

REPORTED_CHARACTERS = 500
_REDACTED_CHARACTERS = 4000  # of a message so much is looked at for secrets, before it is cut
EACH_LIMIT = 20  # of one kind of message, so many names
OTHER_LIMIT = 3  # so many kinds of messages that are not known
OTHER_COUNT = 10  # that often one must have come
OTHER_EVERY = 900.0
SAME_SECOND = 2.0  # dates in logs have whole seconds, and a process is a little older than its first line
STARTING_SECONDS = 10.0  # 7.72.4 opens its ports before it writes "Starting Datadog Agent"
YOUNG_PROCESS_SECONDS = 90.0  # the Agent can take 40 s to fail
_TIMES = ("is_running", "is_since_start", "is_current")


class LogMessage(NamedTuple):
    """The newest of all messages of one kind, from one program. Of kinds with a subject (a check, an account, a path) one row for each subject.

    `agent` is NULL for the kernel and MySQL. `log`: agent, trace-agent, process-agent, system-probe (the Agent's files), mysql (its error log), journal,
    kernel. `program` wrote it: agent, trace-agent, …, mysqld, kernel. `file` is NULL for the journal; `line` is NULL there and far down in a large file.
    `pattern` is the id of the kind (data/log_patterns.json), `other` for errors that are not known and come again and again. `severity` is that of the line
    (critical error warn), NULL where the format has none. `reported` is the message without date and place, secrets redacted, at most 500 characters.
    `check_name` is the check that logged it. `name`, `address`, `path`, `amount` are the words of the message by kind: a host name, `user'@'host`, the
    end of an error; `host:port` or a URL; a file; a number as the message has it (memory of a killed process in kB, MB of the trace-agent, events per second).
    `message_count` is exact up to 100 messages that begin alike, beyond that about right. `first_seen_at` and `last_seen_at` are in seconds since the epoch;
    the first is that of the oldest message that was looked at.
    `is_running`: whether the program runs now, NULL on a folder. `is_since_start`: said by the process that runs now (by the last one where none does).
    `is_current`: it still counts: said since the start and, of what is repeated while its cause lasts, within the time in which it would have come again,
    seen from now (on a folder, from the end of its logs); of what ends the program, only where it did not start again since. 0 is history. NULL where
    dates, zones or start are not known.

    Source: the Agent's log files by its settings, and the rotated one of a young log; journalctl; syslog, messages, kern.log where there is no journal;
    audit.log; MySQL's error log. Of these the newest 8 MB, of the Agent's own logs all back to its start.
    """

    agent: str | None
    log: str
    program: str
    file: str | None
    line: int | None
    pattern: str
    severity: str | None
    reported: str
    check_name: str | None
    name: str | None
    address: str | None
    path: str | None
    amount: float | None
    message_count: int
    first_seen_at: float | None
    last_seen_at: float | None
    is_running: int | None
    is_since_start: int | None
    is_current: int | None


class _Kept:
    """All messages of one kind and subject from one source; `said` is the newest."""

    def __init__(self, said: Said, match: Match | None, check_name: str | None) -> None:
        self.said, self.match, self.check_name = said, match, check_name
        self.count, self.first_at = 0, said.line.at

    def add(self, said: Said) -> None:
        self.count += 1 + said.more
        if said.line.at is not None and (self.first_at is None or said.line.at < self.first_at):
            self.first_at = said.line.at


@table("log_messages", LogMessage, limit_seconds=20.0)
def collect(host: Host, vault: Vault, agents: list[Agent], settings: list[Setting]) -> Iterator[LogMessage | Gap]:
    """By Agent, program and kind. A log that is not there has no rows; one that may not be read is a gap."""
    collection = _Collection(host, vault)
    for heard in _hear(Sources(host), agents, settings):
        if isinstance(heard, Gap):
            yield heard
        else:
            collection.take(heard)
    yield from collection.rows()


def _hear(sources: Sources, agents: list[Agent], settings: list[Setting]) -> Iterator[Heard]:
    own = [a for a in agents if a.kind in ("package", "app") and a.major >= 6]
    for agent in own:
        folder = MAC_LOG_FOLDER if agent.kind == "app" else LOG_FOLDER
        files = {s.key: s.value for s in settings if s.agent == agent.agent and s.key.endswith("log_file")}
        for program, key, name, mark in _log_sources.AGENT_LOGS:
            yield from sources.agent_log(agent.agent, program, files.get(key) or f"{folder}/{name}", mark)
    has_mysql = sources.has_mysql()
    if has_mysql:
        for path in _log_sources.MYSQL_LOGS:
            yield from sources.mysql_log(path)
    if own or has_mysql:
        yield from _hear_system(sources, own[0].agent if own else None, has_mysql)


def _hear_system(sources: Sources, agent: str | None, has_mysql: bool) -> Iterator[Heard]:
    """The journal; where the host has none, the files in which syslog writes the same."""
    try:
        if agent is not None:
            yield from sources.journal(agent, _log_sources.AGENT_UNITS)
        if has_mysql:
            yield from sources.journal(None, _log_sources.MYSQL_UNITS)
        yield from sources.kernel_journal()
    except Unavailable as error:
        if error.kind is not Kind.TARGET:
            yield Gap(_log_sources.JOURNAL, error.kind, error.reason, error.remedy)
        for path in _log_sources.SYSTEM_LOGS:
            yield from sources.system_log(agent, path)
    yield from sources.system_log(agent, _log_sources.AUDIT_LOG)


class _Collection:
    """Puts messages of one kind together and decides which of them still count."""

    def __init__(self, host: Host, vault: Vault) -> None:
        self.host, self.vault = host, vault
        self.sources = Sources(host)
        self.patterns = Patterns()
        self.kept: dict[tuple[str | None, ...], _Kept] = {}  # of one source each
        self.names: dict[tuple[str | None, ...], set[str]] = {}
        self.newest_at = 0.0
        self.restarts = 0  # of the core Agent, by systemd itself, one after the other

    def take(self, heard: Said | Ending | Restarting) -> None:
        if isinstance(heard, Ending):
            self.newest_at = max(self.newest_at, heard.at)
        elif isinstance(heard, Restarting):
            self.restarts = heard.times
        else:
            self._take(heard)

    def _take(self, said: Said) -> None:
        check_name, message = None, said.line.message
        if said.writer == "agents":
            check_name, message = _log_lines.of_check(message)
            message = _log_lines.error_of_check(message)
        match = self.patterns.match(said.writer, message, check_name)
        if match is None and not self._is_worth_telling(said, message):
            return
        subject = _subject(match, check_name) if match else _kind_of(message)
        kind = match.pattern.id if match else OTHER
        family = (said.agent, said.program, kind)
        names = self.names.setdefault(family, set())
        if subject not in names and len(names) >= EACH_LIMIT:
            return
        names.add(subject)
        # The Agent's rotated log goes on where the live one begins; syslog and kern.log say the same twice.
        key = (*family, subject, said.log, said.file if said.log in ("journal", "kernel") else None)
        if key not in self.kept:
            self.kept[key] = _Kept(said._replace(line=said.line._replace(message=message)), match, check_name)
        self.kept[key].add(said)

    def _is_worth_telling(self, said: Said, message: str) -> bool:
        return (
            said.writer == "agents" and said.line.level in ("error", "critical") and not self.patterns.is_noise(message)
        )

    def rows(self) -> Iterator[LogMessage | Gap]:
        if not self.kept:
            return
        clock = _Running(self.host)
        yield from clock.gaps
        is_live = self.host.kind == "live" or getattr(self.host, "is_live", False)
        now = now_on(self.host) if is_live else self.newest_at
        merged: dict[tuple[str | None, ...], list[_Kept]] = {}
        for key, kept in self.kept.items():
            merged.setdefault(key[:-2], []).append(kept)
        numbers = self._line_numbers([max(group, key=_newest) for group in merged.values()])
        found = [self._row(group, clock, now, numbers) for group in merged.values()]
        others = sorted((r for r in found if r.pattern == OTHER), key=lambda r: -r.message_count)
        shown = [r for r in others if r.message_count >= OTHER_COUNT][:OTHER_LIMIT]
        rows = [r for r in found if r.pattern != OTHER or r in shown]
        yield from sorted(rows, key=lambda r: (r.agent or "", r.program, r.pattern, r.name or "", r.path or ""))

    def _row(self, group: list[_Kept], clock: _Running, now: float, numbers: dict[tuple[str, int], int]) -> LogMessage:
        newest = max(group, key=_newest)
        said, match = newest.said, newest.match
        line = numbers.get((said.file, said.offset)) if said.file and said.offset is not None else None
        firsts = [k.first_at for k in group if k.first_at is not None]
        is_running = clock.is_running(said.program)
        pattern = match.pattern if match else None
        since = clock.is_since_start(said, pattern is not None and pattern.ends)
        return LogMessage(
            said.agent,
            said.log,
            said.program,
            said.file,
            line,
            pattern.id if pattern else OTHER,
            said.line.level,
            self._shown(said.line.message, REPORTED_CHARACTERS) or "",
            newest.check_name,
            self._shown(match.name if match else _kind_of(said.line.message)),
            self._shown(match.address if match else None),
            self._shown(match.path if match else None),
            match.amount if match else None,
            max(k.count for k in group),
            min(firsts) if firsts else None,
            said.line.at,
            is_running,
            None if since is None else int(since),
            self._is_current(pattern, said, since, clock, now),
        )

    def _is_current(
        self, pattern: Pattern | None, said: Said, since: bool | None, clock: _Running, now: float
    ) -> int | None:
        at = said.line.at
        if pattern is not None and pattern.ends:
            # A program that runs has started since and stays, unless systemd keeps starting what then ends once more.
            is_loop = self.restarts > 1 and at is not None
            if clock.is_running(said.program) == 1:
                return int(is_loop and clock.is_young(said.program, now, at or 0.0))
            if since is False and clock.is_running(said.program) is None:
                return int(is_loop and now - (at or 0.0) < YOUNG_PROCESS_SECONDS)
            if since is False and self.restarts:
                return 1
            return None if since is None else int(since)
        every = pattern.every if pattern is not None else OTHER_EVERY
        if since is False or every == 0.0:
            return None if since is None else int(since)
        return None if at is None else int(now - at <= every)

    def _shown(self, text: str | None, limit: int = 200) -> str | None:
        """The words of a message as a row may hold them."""
        if text is None:
            return None
        redacted = self.vault.redact(_log_lines.printable(text[:_REDACTED_CHARACTERS]))
        return redacted if len(redacted) <= limit else redacted[: limit - 1] + "…"

    def _line_numbers(self, kept: list[_Kept]) -> dict[tuple[str, int], int]:
        by_file: dict[str, list[int]] = {}
        for one in kept:
            if one.said.file is not None and one.said.offset is not None:
                by_file.setdefault(one.said.file, []).append(one.said.offset)
        return {
            (file, offset): line
            for file, offsets in by_file.items()
            for offset, line in self.sources.line_numbers(file, offsets).items()
        }


def _newest(kept: _Kept) -> tuple[float, bool]:
    """Of equal dates the file's line: it has a place."""
    return kept.said.line.at or 0.0, kept.said.file is not None


def _subject(match: Match, check_name: str | None) -> str:
    if match.pattern.by == "checks":
        return check_name or ""
    return (match.path or match.name or "") if match.pattern.each else ""


def _kind_of(message: str) -> str:
    """The beginning of an unknown message without what varies: numbers, quoted words."""
    return _VARIES.sub("…", message.split("\n", 1)[0])[:80]


_VARIES = lazy(r"\"[^\"]*\"|'[^']*'|\S*\d\S*")


class _Running:
    """Which of the programs run, and since when. On a folder that is not known."""

    def __init__(self, host: Host) -> None:
        self.gaps: list[Gap] = []
        self.started: dict[str, float] | None = None  # program → start of the oldest process
        try:
            processes = host.processes()
        except Unavailable as error:
            if error.kind is not Kind.TARGET:
                self.gaps.append(Gap("*", error.kind, error.reason, error.remedy, _TIMES))
            return
        self.started = {}
        for process in processes:
            program = _program(process.exe or (process.argv[0] if process.argv else process.name), process.argv)
            if program is not None and process.is_foreign != 1:
                self.started[program] = min(process.started_at, self.started.get(program, process.started_at))

    def is_running(self, program: str) -> int | None:
        return None if self.started is None or program == "kernel" else int(program in self.started)

    def is_since_start(self, said: Said, is_end: bool) -> bool | None:
        """Whether a message is of the process that runs, or of the last one where none does; None where it cannot be told.

        `is_end`: with this message a process ends, so that a start that is told behind it was another's.
        """
        at = said.line.at
        started = self.started.get(said.program) if self.started is not None else None
        if started is not None and at is not None:
            # The start that is told in the log is that of this process: its place decides. Dates alone would keep what came in the second before.
            is_its_start = said.start_at is not None and abs(said.start_at - started) < STARTING_SECONDS
            if said.is_start_exact and is_its_start and said.is_after_start is False:
                return False
            return at >= started - SAME_SECOND
        if said.is_after_start is False and not said.is_start_exact and not is_end:
            return at is not None and said.start_at is not None and at >= said.start_at - STARTING_SECONDS
        return said.is_after_start

    def is_young(self, program: str, now: float, at: float) -> bool:
        """Whether the program runs so short a time after a message that it may be on its way to say it again."""
        started = self.started.get(program) if self.started is not None else None
        return started is not None and now - started < YOUNG_PROCESS_SECONDS and started - at < YOUNG_PROCESS_SECONDS


def _program(path: str, argv: tuple[str, ...]) -> str | None:
    name = path.rpartition("/")[2]
    if name == "agent":
        return "agent" if "run" in argv[1:3] or "start" in argv[1:3] else None
    if name in ("mysqld", "mariadbd"):
        return "mysqld"
    return name if name in _log_sources.AGENT_PROGRAMS else None
