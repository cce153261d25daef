"""What traced apps say of their tracing, in the logs that lie beside them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from dddoctor.hosts.base import Host, InputError, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import _log_lines, _log_stream, table
from dddoctor.tables._log_lines import Clock
from dddoctor.tables._log_patterns import Match, Patterns
from dddoctor.tables._log_stream import Hit
from dddoctor.tables.log_messages import REPORTED_CHARACTERS
from dddoctor.tables.python_apps import App

LOG_BYTES = 8 * 1024 * 1024
LOG_SECONDS = 2.0
FILES_LIMIT = 20
# Server logs that are no app's own; they are read where the host has one app only.
_SHARED = ("/var/log/gunicorn/*.log", "/var/log/uwsgi/*.log", "/var/log/uwsgi/app/*.log", "/var/log/supervisor/*.log")
_IS_LOG = lazy(r".+\.(?:log|err|out)")
# What servers of Python write when they start: what stands before it is of an earlier process.
_STARTS = (b"Running on http", b"Starting gunicorn", b"*** Starting uWSGI", b"Serving Flask app", b"Application startup complete")  # fmt: skip
_DATED = lazy(r"[\[(]?(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)? ?(Z|[+-]\d\d:?\d\d)?")


class AppMessage(NamedTuple):
    """The newest of all messages of one kind in the logs of one app; of kinds with a subject (an integration, an option) one row for each.

    `app` is the key of `apps`. `file` and `line` are its place (`line` NULL far down in a large file). `pattern` is the id of the kind (data/log_patterns.json).
    `reported` is the line, secrets redacted, at most 500 characters. `name` and `address` are its words: an integration, an option, the end of an error; the URL
    that traces are sent to. `message_count` is at most 100. `last_seen_at` is in seconds since the epoch, NULL where the line has no date.
    `is_since_start`: it stands behind the last start of a server in that log; NULL where the log names none. 0 is history.

    Source: `*.log`, `*.err`, `*.out` in the app's folder and its `log` and `logs`; of a host with one app those of gunicorn, uWSGI and supervisor. The newest 8 MB of
    each. Texts of ddtrace 0.5x to 4.
    """

    app: str
    file: str
    line: int | None
    pattern: str
    reported: str
    name: str | None
    address: str | None
    message_count: int
    last_seen_at: float | None
    is_since_start: int | None


@table("app_messages", AppMessage, of="apps")
def collect(host: Host, vault: Vault, apps: list[App]) -> Iterator[AppMessage | Gap]:
    """By app and kind. Apps whose logs are elsewhere, or nowhere, have no rows."""
    look = _Look(host, vault)
    for app in apps:
        for file in list(look.logs(app, len(apps) == 1))[:FILES_LIMIT]:
            yield from look.messages(app.app, file)


class _Look:
    """Reads the logs of apps."""

    def __init__(self, host: Host, vault: Vault) -> None:
        self.host, self.vault = host, vault
        self.clock, self.patterns = Clock(host), Patterns()

    def logs(self, app: App, is_only: bool) -> Iterator[str]:
        for folder in (app.app, f"{app.app}/log", f"{app.app}/logs"):
            try:
                names = self.host.listdir(folder)
            except (FileNotFoundError, InputError, Unavailable):
                continue  # the folder of an app that may not be listed is a gap of `apps`
            yield from (posixpath.join(folder, name) for name in names if _IS_LOG.fullmatch(name))
        for pattern in _SHARED if is_only else ():
            try:
                yield from self.host.glob(pattern)
            except Unavailable:
                continue

    def messages(self, app: str, file: str) -> Iterator[AppMessage | Gap]:
        words = tuple(dict.fromkeys(word.encode() for word in self.patterns.words("app")))
        try:
            with self.host.open(file) as opened:
                skim = _log_stream.skim_for_words(opened, (b"", *_STARTS, *words), LOG_BYTES, LOG_SECONDS)
        except (FileNotFoundError, InputError):
            return
        except (Unavailable, OSError) as error:
            known = error if isinstance(error, Unavailable) else Unavailable(Kind.TOOL, str(error))
            yield Gap(file, known.kind, known.reason, known.remedy)
            return
        start = max((h.offset for h in skim.hits if any(s in h.text for s in _STARTS)), default=None)
        found: dict[tuple[str, str], tuple[Hit, Match, str]] = {}
        counts: dict[tuple[str, str], int] = {}
        for hit in skim.hits:
            text = hit.text.decode("utf-8", "replace")
            match = self.patterns.match("app", text)
            if match is not None:
                key = (match.pattern.id, (match.name or "") if match.pattern.each else "")
                found.setdefault(key, (hit, match, text))
                counts[key] = counts.get(key, 0) + 1
        if found:
            lines = self._lines(file, [hit.offset for hit, _, _ in found.values()])
            for key, (hit, match, text) in sorted(found.items()):
                since = None if start is None else int(hit.offset > start)
                dated = _DATED.search(text[:60])
                at = self.clock.epoch(*dated.groups()) if dated else None
                reported = self._shown(text, REPORTED_CHARACTERS) or ""
                name, address = self._shown(match.name), self._shown(match.address)
                yield AppMessage(
                    app, file, lines.get(hit.offset), key[0], reported, name, address, counts[key], at, since
                )

    def _lines(self, file: str, offsets: list[int]) -> dict[int, int]:
        try:
            with self.host.open(file) as opened:
                return _log_stream.line_numbers(opened, offsets, 2 * LOG_BYTES)
        except (OSError, InputError, Unavailable):
            return {}

    def _shown(self, text: str | None, limit: int = 200) -> str | None:
        if text is None:
            return None
        redacted = self.vault.redact(_log_lines.printable(text[:4000]))
        return redacted if len(redacted) <= limit else redacted[: limit - 1] + "…"
