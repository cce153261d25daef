"""Where a host keeps what its programs said: the files of each Agent, MySQL's error log, the journal, syslog. Each is read once, newest lines first."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import _log_lines, _log_stream
from dddoctor.tables._log_lines import Clock, Line
from dddoctor.tables._log_stream import Hit, Skim

AGENT_LOG_BYTES = 256 * 1024 * 1024
OTHER_LOG_BYTES = 8 * 1024 * 1024  # what is older is history
SECONDS_A_FILE = 3.0
YOUNG_SECONDS = 6 * 3600  # a log that begins later than this before its end: the one before it is read as well
JOURNAL_LINES, KERNEL_LINES = 3000, 5000
JOURNAL_SECONDS = 5.0

AGENT_UNITS, MYSQL_UNITS = ("datadog-agent*",), ("mysql", "mysqld", "mariadb")
JOURNAL = "the journal"
AGENT_PROGRAMS = ("agent", "trace-agent", "process-agent", "system-probe", "security-agent")
MYSQL_PROGRAMS = ("mysqld", "mariadbd", "mysqld_safe", "mysqld_multi", "mysql", "mariadb")
SYSTEM_LOGS = ("/var/log/syslog", "/var/log/messages", "/var/log/kern.log")
AUDIT_LOG = "/var/log/audit/audit.log"
MYSQL_LOGS = (
    "/var/log/mysql/error.log",
    "/var/log/mysqld.log",
    "/var/log/mysql/mysqld.log",
    "/var/log/mysql.err",
    "/var/log/mariadb/mariadb.log",
)
MYSQL_SIGNS = ("/usr/sbin/mysqld", "/usr/sbin/mariadbd", "/usr/libexec/mysqld", "/usr/libexec/mariadbd", *MYSQL_LOGS)
# setting, file name in the log folder, what the program writes once it has started
AGENT_LOGS = (
    ("agent", "log_file", "agent.log", b"Starting Datadog Agent v"),
    ("trace-agent", "apm_config.log_file", "trace-agent.log", b"Loaded configuration: "),
    ("process-agent", "process_config.log_file", "process-agent.log", b""),
    ("system-probe", "system_probe_config.log_file", "system-probe.log", b""),
)
_MYSQL_WORDS = (b"starting as process ", b"World-writable config file", b"Can't read dir of", b"required defaults file")
_SYSTEM_WORDS = (
    b"",
    b"Out of memory: Kill",
    b"out of memory: Kill",
    b'apparmor="DENIED"',
    b"avc:  denied",
    b"World-writable config file",
    b"Can't read dir of",
    b"datadog-agent",
    b"Started Datadog Agent",
    b"agent[",
    b"system-probe[",
)
# systemd up to 248 named the description, later ones the unit.
_STARTED = lazy(r'Started (?:datadog-agent\.service|"?Datadog Agent"?(?: |\.|$))')
_RESTARTS_ITSELF = lazy(r"datadog-agent\.service: Scheduled restart job, restart counter is at (\d+)")
_STOPPED = lazy(
    r'Stopping (?:datadog-agent\.service|"?Datadog Agent)'
)  # somebody's doing; after a failure systemd says nothing like it
_UPTIME = lazy(r"\A\[ *\d+\.\d+\] ")
_OPTION_FILE_BYTES = 600  # a server warns of option files just before it says that it starts


class Said(NamedTuple):
    """A line that somebody wrote. `writer` is agents, kernel or mysql; `log` as in the table; `file` None for the journal; `offset` its place in the file.

    `is_after_start`: whether it stands behind the newest start of its program; None where no start was met and it may be older than all that was read.
    `start_at` is the date of that start, None where not known. `is_start_exact`: the place is that of the process's first line; else it is that of a line
    which is written when much of the start is done.
    `more` counts lines that begin alike and were not looked at.
    """

    agent: str | None
    writer: str
    program: str
    log: str
    file: str | None
    offset: int | None
    line: Line
    is_after_start: bool | None
    start_at: float | None
    is_start_exact: bool
    more: int


class Ending(NamedTuple):
    """When a log ends: the date of its newest line, in seconds since the epoch."""

    at: float


class Restarting(NamedTuple):
    """systemd's last start of the core Agent was its own doing, after a failure; `times` in a row."""

    times: int


if TYPE_CHECKING:
    Heard = Said | Ending | Restarting | Gap


class Sources:
    """Reads one host's logs."""

    def __init__(self, host: Host) -> None:
        self.host, self.clock = host, Clock(host)

    # --- an Agent's files --------------------------------------------------------------------------------------------

    def agent_log(self, agent: str, program: str, path: str, mark: bytes) -> Iterator[Heard]:
        """Warnings and errors of a log of the Agent since its start; of the rotated one as well where the live one is young."""
        skim = yield from self._skim(path, mark)
        if skim is None:
            return
        began, ended = self._dates(path)
        if ended is not None:
            yield Ending(ended)
        older: Skim | None = None
        is_young = began is not None and ended is not None and ended - began < YOUNG_SECONDS
        if skim.start is None and skim.read_from == 0 and is_young:
            older = yield from self._skim(f"{path}.1", mark)
        if skim.start is None and skim.read_from > 0:
            read = (skim.size - skim.read_from) >> 20
            yield Gap(path, Kind.TOOL, f"only its last {read} MB were read, in which the program does not start")
        # Where INFO lines are there and no start among them, the start is older than all of them.
        known = skim.start is not None or (older or skim).start is not None or skim.has_info
        yield from self._said(agent, program, path, skim, known)
        if older is not None:
            yield from self._said(agent, program, f"{path}.1", older, older.start is not None or older.has_info)

    def _said(self, agent: str, program: str, path: str, skim: Skim, is_start_known: bool) -> Iterator[Said]:
        left = dict(skim.uncounted)
        mark = _log_lines.agent_line(_decoded(skim.start_text), self.clock)
        start_at = mark.at if mark is not None else None
        for hit in skim.hits:
            text = _log_lines.with_rest(_decoded(hit.text), _decoded(hit.after))
            line = _log_lines.agent_line(text, self.clock)
            if line is None:
                continue
            begins = skim.start if skim.first is None else skim.first
            is_after = None if not is_start_known else begins is None or hit.offset > begins
            more = _taken(left, hit)
            yield Said(
                agent,
                "agents",
                program,
                program,
                path,
                hit.offset,
                line,
                is_after,
                start_at,
                skim.first is not None,
                more,
            )

    def _dates(self, path: str) -> tuple[float | None, float | None]:
        """The dates of the first and the last line of a log that the Agent wrote."""
        try:
            with self.host.open(path) as file:
                first, last = _log_stream.edges(file)
        except (OSError, InputError, Unavailable):
            return None, None
        began = next((at for at in self._dated(first.split(b"\n")[:50])), None)
        return began, next((at for at in self._dated(reversed(last.split(b"\n")[-200:]))), None)

    def _dated(self, lines: Iterable[bytes]) -> Iterator[float]:
        for text in lines:
            line = _log_lines.agent_line(_decoded(text[: _log_stream.LINE_BYTES]), self.clock)
            if line is not None and line.at is not None:
                yield line.at

    def _skim(self, path: str, mark: bytes) -> Generator[Gap, None, Skim | None]:
        """Yields a gap or nothing, returns what was read; None where there is no such file or it cannot be read."""
        try:
            with self.host.open(path) as file:
                return _log_stream.skim_agent_log(file, mark, AGENT_LOG_BYTES, SECONDS_A_FILE)
        except FileNotFoundError:
            return None
        except (InputError, Unavailable, OSError) as error:
            yield self._gap(path, error)
        return None

    # --- MySQL -------------------------------------------------------------------------------------------------------

    def has_mysql(self) -> bool:
        return any(self._is_there(path) for path in MYSQL_SIGNS)

    def mysql_log(self, path: str) -> Iterator[Heard]:
        """What the server said of its option files and folders at its start."""
        skim = yield from self._words(path, _MYSQL_WORDS)
        if skim is None:
            return
        for hit in skim.hits:
            line = _log_lines.mysql_line(_decoded(hit.text), self.clock)
            is_after = None if skim.start is None else hit.offset > skim.start - _OPTION_FILE_BYTES
            if line.at is not None:
                yield Ending(line.at)
            yield Said(None, "mysql", "mysqld", "mysql", path, hit.offset, line, is_after, None, False, 0)

    # --- the system's logs -------------------------------------------------------------------------------------------

    def journal(self, agent: str | None, units: tuple[str, ...]) -> Iterator[Heard]:
        """The newest lines of these units. Unavailable(target) where the host has no journal."""
        arguments = [part for unit in units for part in ("-u", unit)]
        text = self._journalctl(JOURNAL_LINES, arguments)
        yield from self._system_lines(agent, None, reversed(_lines_with_rest(text)), None)

    def kernel_journal(self) -> Iterator[Heard]:
        """The kernel's messages since the machine started. Unavailable as `journal`."""
        text = self._journalctl(KERNEL_LINES, ["-k"])
        words = tuple(word.decode() for word in _SYSTEM_WORDS[1:5])
        lines = [(text, None) for text, _ in _lines_with_rest(text) if any(word in text for word in words)]
        yield from self._system_lines(None, None, reversed(lines), None)

    def _journalctl(self, count: int, arguments: list[str]) -> str:
        argv = ["journalctl", "--no-pager", "-o", "short-iso", "-n", str(count), *arguments]
        try:
            ran = self.host.run(argv, timeout_seconds=JOURNAL_SECONDS)
        except Unavailable as error:
            if error.kind is Kind.TOOL and not self._is_there("/run/systemd/system"):
                raise Unavailable(Kind.TARGET, "this host has no journal") from None
            raise
        if "insufficient permissions" in ran.stderr or "not seeing messages" in ran.stderr:
            raise Unavailable(Kind.DENIED, "only root, adm and systemd-journal may read all of it", "sudo")
        if ran.returncode != 0 and not ran.stdout.strip():
            said = _log_lines.printable(ran.stderr)[:200]
            if "No journal files were found" in said:
                raise Unavailable(Kind.TARGET, "this host keeps no journal")
            raise Unavailable(Kind.TOOL, f"journalctl: {said or f'it ended with {ran.returncode}'}")
        return ran.stdout

    def system_log(self, agent: str | None, path: str) -> Iterator[Heard]:
        """Of syslog, messages, kern.log or audit.log: what the journal would have."""
        skim = yield from self._words(path, _SYSTEM_WORDS)
        if skim is None or not skim.hits:
            return
        try:
            written = self.host.stat(path).mtime
        except (FileNotFoundError, InputError, Unavailable):
            return
        texts = ((_log_lines.with_rest(_decoded(h.text), _decoded(h.after)), h.offset) for h in skim.hits)
        yield from self._system_lines(agent, path, texts, written)

    def _system_lines(
        self,
        agent: str | None,
        path: str | None,
        texts: Iterable[tuple[str, int | None]],
        written: float | None,
    ) -> Iterator[Heard]:
        """`texts`: (line with its rest, offset in the file), newest first."""
        was_started, is_first = False, True
        started_at: float | None = None
        is_restart_known = False
        for text, offset in texts:
            line = _log_lines.system_line(text, self.clock, written or 4e9)
            if line is None:
                continue
            if is_first and line.at is not None:
                yield Ending(line.at)
                is_first = False
            program = line.program or ""
            log = "kernel" if program == "kernel" else "journal"
            if program == "systemd":
                is_restart_known = is_restart_known or _STOPPED.search(line.message) is not None
                again = _RESTARTS_ITSELF.search(line.message)
                if again is not None and was_started and not is_restart_known:
                    yield Restarting(int(again[1][:9]))
                is_restart_known = is_restart_known or was_started
                if not was_started and _STARTED.search(line.message) is not None:
                    was_started, started_at = True, line.at
            elif program == "kernel":
                said = line._replace(message=_UPTIME.sub("", line.message, count=1))
                yield Said(None, "kernel", program, log, path, offset, said, None, None, False, 0)
            elif program in MYSQL_PROGRAMS:
                yield Said(None, "mysql", "mysqld", log, path, offset, line, None, None, False, 0)
            elif program in AGENT_PROGRAMS:
                own = _log_lines.agent_line(line.message, self.clock)
                if own is not None and own.level not in ("warn", "error", "critical"):
                    continue
                said = own._replace(at=line.at if own.at is None else own.at) if own is not None else line
                is_after = not was_started if program == "agent" else None
                yield Said(agent, "agents", program, log, path, offset, said, is_after, started_at, True, 0)

    # --- reading -----------------------------------------------------------------------------------------------------

    def _words(self, path: str, words: tuple[bytes, ...]) -> Generator[Gap, None, Skim | None]:
        """As `_skim`, for lines in which one of `words` stands."""
        try:
            with self.host.open(path) as file:
                return _log_stream.skim_for_words(file, words, OTHER_LOG_BYTES, SECONDS_A_FILE)
        except FileNotFoundError:
            return None
        except (InputError, Unavailable, OSError) as error:
            yield self._gap(path, error)
        return None

    def _gap(self, path: str, error: Exception) -> Gap:
        if not isinstance(error, Unavailable):
            return Gap(path, Kind.TOOL, error.message if isinstance(error, InputError) else str(error))
        if error.kind is Kind.DENIED:
            try:
                self.host.stat(path)
            except FileNotFoundError:
                pass
            except (Unavailable, InputError):  # the folder is closed: one gap for all that may be in it
                folder = path.rpartition("/")[0]
                return Gap(folder, error.kind, f"permission denied: {folder}", error.remedy)
        return Gap(path, error.kind, error.reason, error.remedy)

    def _is_there(self, path: str) -> bool:
        try:
            return self.host.exists(path)
        except (InputError, Unavailable):
            return False

    def line_numbers(self, path: str, offsets: list[int]) -> dict[int, int]:
        try:
            with self.host.open(path) as file:
                return _log_stream.line_numbers(file, offsets, 16 * 1024 * 1024)
        except (OSError, InputError, Unavailable):
            return {}


def _lines_with_rest(text: str) -> list[tuple[str, int | None]]:
    """Messages of journalctl's text: the further lines of a message are indented."""
    found: list[tuple[str, int | None]] = []
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line[:1] not in ("", " ", "-", "\t"):
            rest = [r.strip() for r in lines[number + 1 : number + 4]] if lines[number + 1 : number + 2] else []
            kept = []
            for i, r in enumerate(rest):
                if lines[number + 1 + i][:1] != " ":
                    break
                kept.append(r)
            found.append(("\n".join([line, *kept]), None))
    return found


def _taken(left: dict[bytes, int], hit: Hit) -> int:
    """The number of uncounted lines that begin as this one does; once."""
    for head in left:
        if head in hit.text:
            return left.pop(head)
    return 0


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")
