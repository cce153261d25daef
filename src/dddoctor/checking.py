"""The command `check`, and how commands begin and end. Without typer, so that a plain check need not import it (`plain`)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dddoctor.model import RuleError, Severity

if TYPE_CHECKING:
    from dddoctor.model import Report
    from dddoctor.session import CheckOptions, Session

EXIT_USAGE = 2
EXIT_UNSURE = 3
HEALTHY_LIMIT_SECONDS = 600.0
HEALTHY_POLL_SECONDS = 2.0
EXIT_BUG = 70  # EX_SOFTWARE of sysexits.h
_NEEDS_NO_QUOTES = str.maketrans("@%+=:,./-_", "a" * 10)


def guarded(call: Callable[[], object]) -> None:
    """Make a call and exit with its code."""
    try:
        call()
    except KeyboardInterrupt:
        print("interrupted; nothing is half done", file=sys.stderr)
        if (process := sys.modules.get("dddoctor.hosts.process")) is not None:
            process.end_all()
        os._exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:  # our bug, told as ours; nothing was left half done (the journal takes care of that)
        from dddoctor.secrets import Vault

        if "--debug" in sys.argv:
            import traceback

            print(Vault().show(traceback.format_exc()), file=sys.stderr)
        print(
            f"dddoctor: a bug of ours ({type(error).__name__}: {Vault().show(str(error))}); --debug shows where",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_BUG) from None


def fail(message: str) -> SystemExit:
    """One line about a wrong use; to be raised."""
    print(f"dddoctor: {message}", file=sys.stderr)
    return SystemExit(EXIT_USAGE)


def _session(options: CheckOptions) -> Session:
    """A session, or exit 2 with one line: a wrong option, a broken rule file."""
    from dddoctor.session import Session, UsageError

    try:
        return Session(options)
    except (UsageError, RuleError) as error:
        raise fail(str(error)) from error


def finish(code: int) -> None:
    """Exit at once: a probe that hangs must not delay it."""
    sys.stdout.flush()
    sys.stderr.flush()
    raise SystemExit(code)


def check(
    root: Path | None = None,
    app_folders: Sequence[str] | None = None,
    fix: bool = False,
    unsafe_fixes: bool = False,
    diff: bool = False,
    show_secrets: bool = False,
    yes: bool = False,
    format_: str = "console",
    output: Path | None = None,
    select: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
    rules: Sequence[Path] | None = None,
    network: bool = False,
    fail_on: str = "warning",
    timeout: float | None = None,
    until_healthy: bool = False,
    debug: bool = False,
    profile: bool = False,
    snapshot: Path | None = None,
    ssh: str | None = None,
    ssh_config: Path | None = None,
) -> None:
    """What `dddoctor check` does. Ends in SystemExit."""
    from dddoctor.session import CheckOptions

    if format_ not in {"console", "json"}:
        raise fail(f"--format {format_}: write console or json")
    if fail_on not in {s.value for s in Severity}:
        raise fail(f"--fail-on {fail_on}: write error, warning or info")
    if show_secrets and not (diff and output):
        raise fail("--show-secrets goes with --diff --output FILE")
    if (diff or unsafe_fixes or yes) and not fix:
        raise fail(f"{'--diff' if diff else '--unsafe-fixes' if unsafe_fixes else '--yes'} goes with --fix")
    if until_healthy and diff:
        raise fail("--until-healthy waits for a host that gets well, and --diff changes nothing: leave one out")
    require_one_target(root, snapshot, ssh, ssh_config)
    if until_healthy and snapshot is not None:
        raise fail("--until-healthy looks again and again, and a snapshot stays as it is: leave one out")
    if show_secrets and (snapshot is not None or ssh is not None):
        raise fail("--show-secrets: what comes from elsewhere comes without its secrets, so there are none to show")
    options = CheckOptions(
        root, tuple(app_folders or ()), _split(select), _split(ignore), tuple(rules or ()), network=network, fail_on=Severity(fail_on), timeout_seconds=timeout, command=_command_line(), snapshot=snapshot, ssh=ssh, ssh_config=ssh_config
    )  # fmt: skip
    session = _session(options)
    report = session.check()
    if fix:
        from dddoctor.fixing import Asked, fix_it
        from dddoctor.session import UsageError

        try:
            fixed = fix_it(
                session,
                report,
                Asked(
                    unsafe_fixes, yes, diff, show_secrets, output if diff or session.host.kind == "snapshot" else None
                ),
            )
        except UsageError as error:
            raise fail(str(error)) from error
        if fixed is None:
            finish(exit_code(report))
            return
        report = fixed
    if until_healthy:
        report = _until_healthy(session, report, timeout)
    _write(render(report, format_, output), output)
    if profile:
        sys.stderr.write(timings(session))
    if debug:
        for broken in report.broken:
            print(f"{broken.rule}: {broken.error}\n{broken.trace}", file=sys.stderr)
    finish(exit_code(report))


def require_one_target(root: Path | None, snapshot: Path | None, ssh: str | None, ssh_config: Path | None) -> None:
    """Exit 2 where more than one host is named."""
    named = [name for name, value in (("--root", root), ("--snapshot", snapshot), ("--ssh", ssh)) if value is not None]
    if len(named) > 1:
        raise fail(f"{' and '.join(named)} name different hosts: leave one out")
    if ssh_config is not None and ssh is None:
        raise fail("--ssh-config FILE goes with --ssh HOST")


def _until_healthy(session: Session, report: Report, timeout: float | None) -> Report:
    """Look again until the host is healthy or the time is up; the last report. What is going on is told on a terminal only."""
    import time

    limit = HEALTHY_LIMIT_SECONDS if timeout is None else timeout
    started = time.monotonic()
    is_told = sys.stderr.isatty()
    while not report.healthy:
        left = started + limit - time.monotonic()
        if left <= 0:
            break
        if is_told:
            found = sum(f.severity.rank <= session.options.fail_on.rank for f in report.findings)
            what = f"{found} left to repair" if found else "not everything could be looked at"
            print(f"\r\x1b[KNot healthy yet ({what}); {left:.0f} s left", end="", file=sys.stderr, flush=True)
        time.sleep(min(HEALTHY_POLL_SECONDS, left))
        report = session.again()
    if is_told:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    return report


def timings(session: Session) -> str:
    """How long each collector and rule of the last look took, the slowest first; what took less than 0.1 ms is summed up. Collectors run side by side."""
    assert session.last is not None
    lines = []
    for what, seconds in (("collectors", session.last.store.seconds), ("rules", session.last.seconds)):
        lines.append(f"{what}: {sum(seconds.values()) * 1000:.1f} ms in all")
        slowest = sorted(seconds.items(), key=lambda item: (-item[1], item[0]))
        lines += [f"  {s * 1000:9.1f} ms  {name.removeprefix('dddoctor.tables.')}" for name, s in slowest if s >= 1e-4]
        quick = [s for _, s in slowest if s < 1e-4]
        lines += [f"  {sum(quick) * 1000:9.1f} ms  {len(quick)} others"] * bool(quick)
    return "\n".join(lines) + "\n"


def exit_code(report: Report) -> int:
    """0 healthy · 1 findings · 3 nothing found, but not everything could be looked at."""
    return 0 if report.healthy else 1 if report.healthy is False else EXIT_UNSURE


def render(report: Report, format_: str, output: Path | None = None) -> str:
    """The report in the asked format; the console's shape comes from where it goes."""
    if format_ == "json":
        from dddoctor.reports import json as json_report

        return json_report.render(report)
    import shutil

    from dddoctor.reports import console

    is_terminal = output is None and sys.stdout.isatty()
    width = shutil.get_terminal_size((100, 24)).columns  # COLUMNS, else the terminal, else 100
    encoding = (sys.stdout.encoding or "ascii").lower()
    return console.render(
        report,
        width=width,
        color=is_terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb",
        ascii_only="utf" not in encoding,
    )


def _write(text: str, output: Path | None) -> None:
    if output is None or str(output) == "-":
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise fail(f"--output {output}: {error.strerror}") from error


def _split(values: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(v.strip() for value in values or () for v in value.split(",") if v.strip())


def _command_line() -> str:
    """What was typed, with `sudo` where it ran through it: the commands that a report shows begin like this one."""
    words = ["dddoctor", *sys.argv[1:]]
    if os.geteuid() == 0 and "SUDO_USER" in os.environ:
        words.insert(0, "sudo")
    if all(w and w.isascii() and w.translate(_NEEDS_NO_QUOTES).isalnum() for w in words):
        return " ".join(words)
    import shlex

    return shlex.join(words)
