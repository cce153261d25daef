"""What the doctor speaks of: data without behaviour. Standard library only; every other module may import this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dddoctor.light import NamedTuple, field, record

if TYPE_CHECKING:
    from dddoctor.changes import (
        DEFERRED as DEFERRED,
    )
    from dddoctor.changes import (
        Change as Change,
    )
    from dddoctor.changes import (
        Command as Command,
    )
    from dddoctor.changes import (
        Create as Create,
    )
    from dddoctor.changes import (
        Edit as Edit,
    )
    from dddoctor.changes import (
        Install as Install,
    )
    from dddoctor.changes import (
        Mode as Mode,
    )
    from dddoctor.changes import (
        Owner as Owner,
    )
    from dddoctor.changes import (
        Remove as Remove,
    )
    from dddoctor.changes import (
        Rename as Rename,
    )
    from dddoctor.changes import (
        Service as Service,
    )
    from dddoctor.changes import (
        Span as Span,
    )
    from dddoctor.changes import (
        Sql as Sql,
    )


def __getattr__(name: str) -> Any:
    """The changes are part of the model, but only repairs need them: their classes are made at first use."""
    if not name.startswith("__"):  # every `from … import` asks for __path__
        from dddoctor import changes

        if name in changes.__all__:
            return getattr(changes, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Severity(str, Enum):
    """error: data is lost · warning: will bite, or silently wrong · info: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 is the worst; sorts findings."""
        return ("error", "warning", "info").index(self.value)


class Safety(str, Enum):
    """safe: does exactly what was meant · unsafe: needs a yes · manual: shown, never run."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    MANUAL = "manual"


class Kind(str, Enum):
    """Why a host could not answer. target: this kind of host has none of it; the others are obstacles."""

    TARGET = "target"
    DENIED = "denied"
    TIMEOUT = "timeout"
    TOOL = "tool"


class Gap(NamedTuple):
    """Something that could not be looked at.

    `where` is the file, agent or other subject the hole is at; `"*"` = everywhere in the table.
    `columns=None`: the rows of `where` are missing. `columns=(…)`: the row is there and these are NULL.
    `remedy` is the least that would help ("sudo", "--network"), empty where nothing would.
    `table` names the table when a collector fills several; None = each table of the collector.
    """

    where: str
    kind: Kind
    reason: str
    remedy: str = ""
    columns: tuple[str, ...] | None = None
    table: str | None = None


# --- rules -----------------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """One call of an action; parameters as written, placeholders unfilled."""

    action: str
    params: Mapping[str, Any]


class Fix(NamedTuple):
    """`needs_live`: a step runs a command, so only a live host can be repaired."""

    title: str
    safety: Safety
    steps: tuple[Step, ...] = ()
    needs_live: bool = False


class Link(NamedTuple):
    """`brings`: state and the 0/1/NULL column (`if_column`) that says whether this row brings it; None = always."""

    state: str
    if_column: str | None = None


class Clear(NamedTuple):
    """A sentence shown when the rule passed and some finding is near. `proof`: a query over the rule's own tables that must give a row besides."""

    say: str
    rules: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    proof: str | None = None


class Rule(NamedTuple):
    """A rule file, checked. `reads` maps each table that the query reads to its columns; `absent` maps each table
    read under an absence to the columns that tie it to the outer row (none = not tied). Without rows in all of `joined` the query has none."""

    id: str
    area: str
    title: str
    severity: Severity
    query: str
    message: str
    why: str
    columns: tuple[str, ...]
    first_table: str
    reads: Mapping[str, tuple[str, ...]]
    absent: Mapping[str, tuple[str, ...]] = _NOTHING
    applies_to: Mapping[str, str] = _NOTHING
    fold: str = ""
    advice: str = ""
    avoid: str = ""
    identity: tuple[str, ...] = ()
    brings: tuple[Link, ...] = ()
    shows: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    clears: tuple[Clear, ...] = ()
    fix: Fix | None = None
    links: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    checked: str = ""
    path: str = ""
    is_user_rule: bool = False
    joined: tuple[str, ...] = ()


class State(NamedTuple):
    """A condition through which findings meet. `keys` are column names; none = host-wide. `brings`: states that follow from it."""

    id: str
    sentence: str
    keys: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()


# --- findings and the report -----------------------------------------------------------------------------------------


@record
class FixOffer:
    """What a finding's fix would do. `diff` is filled when repairs are planned; `unavailable_because` says why it is not offered."""

    title: str
    safety: Safety
    steps: list[str] = field(default_factory=list)
    diff: str | None = None
    unavailable_because: str | None = None

    @property
    def is_offered(self) -> bool:
        """Whether `--fix` would try it."""
        return self.safety is not Safety.MANUAL and self.unavailable_because is None


class Excerpt(NamedTuple):
    """Lines around a place, secrets already redacted. `lines` are (number, text); `marked` is the line of the finding; columns are 1-based characters."""

    lines: tuple[tuple[int, str], ...]
    marked: int
    column: int | None = None
    end_column: int | None = None


@record
class Finding:
    """One proven defect. `row` holds the query's columns (tokens for secrets); `identity` is the id without the ordinal of equal
    findings. Neither is part of a report."""

    id: str
    rule: str
    area: str
    title: str
    severity: Severity
    message: str
    agent: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    excerpt: Excerpt | None = None
    also: list[tuple[str, int | None]] = field(default_factory=list)
    why: str = ""
    advice: str = ""
    avoid: str = ""
    fold: str = ""
    fix: FixOffer | None = None
    explained_by: list[str] = field(default_factory=list)
    possibly_explained_by: list[str] = field(default_factory=list)
    possibly_because: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    row: dict[str, Any] = field(default_factory=dict)
    identity: str = ""


class Unread(NamedTuple):
    """One thing that could not be looked at, with what it costs: the rules that wanted it."""

    what: str
    kind: Kind
    reason: str
    remedy: str
    rules: tuple[str, ...]


class Skipped(NamedTuple):
    rule: str
    reason: str
    remedy: str


class Broken(NamedTuple):
    """A bug of ours. `trace` goes to --debug only."""

    rule: str
    error: str
    trace: str = ""


class Applied(NamedTuple):
    """One repair. `status`: "repaired and proved", "applied, not proved", "not repaired"; `reason` says why not; `undo` is the undo class."""

    finding: str
    rule: str
    title: str
    status: str
    files: tuple[str, ...] = ()
    reason: str = ""
    undo: str = "exact"


@record
class Target:
    """What was looked at. `kind`: live, root, snapshot, flare, container."""

    kind: str
    name: str
    os: str | None = None
    agent_version: str | None = None


class HeadLine(NamedTuple):
    """One of the three first lines of a report: (label, sentence), such as ("Agent", "package 7.72.4, /etc/datadog-agent")."""

    label: str
    text: str


@record
class Report:
    """All that a run found out. `findings` are sorted: causes first (worst first, then file and line), each followed by what it explains.

    `healthy`: True = nothing found and everything looked at; False = findings at or above the threshold; None = nothing found, but not all could be looked at.
    """

    target: Target
    tool_version: str
    rule_count: int
    started_at: str
    duration_seconds: float
    healthy: bool | None
    partial: bool
    findings: list[Finding]
    causes: list[str]
    cleared: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    head: list[HeadLine] = field(default_factory=list)
    run_id: str | None = None
    command: str = "dddoctor check"

    def counts(self) -> dict[str, int]:
        """Findings by severity, `fixable` (what --fix would repair, with a yes where it asks) and skipped rules."""
        found = {s.value: sum(f.severity is s for f in self.findings) for s in Severity}
        return {**found, "fixable": len(self.repairable()), "skipped": len(self.skipped)}

    def repairable(self) -> frozenset[str]:
        """Ids of findings that `--fix` would repair: a fix is offered, it was not tried in vain in this run, and no cause that stays keeps it waiting."""
        failed = {a.finding for a in self.applied if a.status == "not repaired"}
        found = {f.id: f for f in self.findings if f.id not in failed and f.fix and f.fix.is_offered}
        present = {f.id for f in self.findings}
        while True:
            waiting = [
                f.id for f in found.values() if any(cause in present and cause not in found for cause in f.explained_by)
            ]
            if not waiting:
                return frozenset(found)
            for name in waiting:
                del found[name]


class RuleError(Exception):
    """A rule file is wrong: refuse to start, name the line and what to write instead."""

    def __init__(self, path: str, line: int | None, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")
        self.path, self.line, self.message = path, line, message


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Worst first, then file and line; stable."""
    return sorted(findings, key=lambda f: (f.severity.rank, f.file or "~", f.line or 0, f.column or 0, f.rule, f.id))
