"""The command line: options in, session, report out, exit code. Nothing is decided here."""

# No `from __future__ import annotations` here: typer would compile each annotation of a command twice, which took 2 ms of every start.

import sys
from pathlib import Path
from typing import Annotated

import typer

from dddoctor import checking
from dddoctor.checking import fail, finish, guarded
from dddoctor.model import RuleError

app = typer.Typer(
    name="dddoctor",
    help="Find what is wrong with a host that runs the Datadog Agent, repair it, prove it, take it back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
rules_app = typer.Typer(help="List, test and write rules.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(rules_app, name="rules")

Root = Annotated[
    Path | None, typer.Option("--root", metavar="DIR", help="Look at a folder or mounted disk instead of this machine.")
]
Snapshot = Annotated[
    Path | None,
    typer.Option("--snapshot", metavar="FILE", help="Look at what `dddoctor collect` wrote on another host."),
]
Ssh = Annotated[
    str | None,
    typer.Option("--ssh", metavar="HOST", help="Look at a host through ssh; nothing is installed or left there."),
]
SshConfig = Annotated[
    Path | None,
    typer.Option(
        "--ssh-config", metavar="FILE", help="With --ssh: what `vagrant ssh-config` prints, or any ssh configuration."
    ),
]
Rules = Annotated[list[Path] | None, typer.Option("--rules", metavar="DIR", help="More rules, from a folder of yours.")]
Apps = Annotated[
    list[str] | None,
    typer.Option("--app", metavar="DIR", help="An application's folder on the target (may be repeated)."),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask. Safe repairs only, unless --unsafe-fixes says otherwise.")
]


def run() -> None:
    """Run the command line and exit with its code."""
    _build_only(sys.argv[1] if len(sys.argv) > 1 else "")
    guarded(lambda: app(prog_name="dddoctor"))


def _build_only(typed: str) -> None:
    """Where a command's name was typed, forget the others: typer would build each of them anew, at 1 ms each."""
    named = [c for c in app.registered_commands if c.callback is not None and (c.name or c.callback.__name__) == typed]
    if named:
        app.registered_commands, app.registered_groups = named, []


@app.command()
def check(
    root: Root = None,
    snapshot: Snapshot = None,
    ssh: Ssh = None,
    ssh_config: SshConfig = None,
    app_folders: Apps = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what can be repaired, after showing it; prove it.")
    ] = False,
    unsafe_fixes: Annotated[
        bool, typer.Option("--unsafe-fixes", help="Also repairs that change what the host does.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="With --fix: print the patch and change nothing.")] = False,
    show_secrets: Annotated[
        bool,
        typer.Option("--show-secrets", help="With --diff --output FILE: the exact patch, into a file of mode 0600."),
    ] = False,
    yes: Yes = False,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="console or json.")] = "console",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the report here; - is standard output.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option("--select", metavar="AREA|RULE", help="Only these (commas, or repeated).")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", metavar="AREA|RULE", help="All but these.")] = None,
    rules: Rules = None,
    network: Annotated[
        bool,
        typer.Option("--network", help="Also ask whether Datadog is reached, and whether it takes the API key."),
    ] = False,
    fail_on: Annotated[
        str, typer.Option("--fail-on", metavar="SEVERITY", help="Exit 1 from this severity on: error, warning, info.")
    ] = "warning",
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", help="How long to wait for one probe.")
    ] = None,
    until_healthy: Annotated[
        bool,
        typer.Option("--until-healthy", help="Look again until the host is healthy, for --timeout or ten minutes."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the tracebacks of our own bugs.")] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Tell on standard error how long each collector and rule took.")
    ] = False,
) -> None:
    """Say what is wrong, where, which problem causes which, and how to repair it."""
    checking.check(
        root, app_folders, fix, unsafe_fixes, diff, show_secrets, yes, format_, output, select, ignore, rules, network, fail_on, timeout, until_healthy, debug, profile, snapshot, ssh, ssh_config
    )  # fmt: skip


@app.command()
def explain(
    what: Annotated[
        str, typer.Argument(metavar="RULE | 'PASTED ERROR'", help="A rule's id, or words you saw somewhere.")
    ],
    rules: Rules = None,
) -> None:
    """What a rule means, or what an error you paste most likely means."""
    from dddoctor import explaining
    from dddoctor import rules as rule_files

    try:
        found = rule_files.load(user_folders=tuple(rules or ()))
    except RuleError as error:
        raise fail(str(error)) from error
    text, is_known = explaining.explain(what, found.rules)
    sys.stdout.write(text)
    finish(0 if is_known else 1)


@app.command("tables")
def list_tables(name: Annotated[str | None, typer.Argument(metavar="[NAME]")] = None) -> None:
    """The tables a host is made of, or the columns of one."""
    from dddoctor import explaining, tables

    tables.load_all()
    if name is not None and name not in tables.TABLES:
        raise fail(f"no table is called {name}; see `dddoctor tables`")
    sys.stdout.write(
        explaining.describe_table(tables.TABLES[name]) if name else explaining.describe_tables(tables.TABLES)
    )


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT, or - to read it from standard input.")],
    root: Root = None,
    snapshot: Snapshot = None,
    ssh: Ssh = None,
    ssh_config: SshConfig = None,
    app_folders: Apps = None,
    network: Annotated[bool, typer.Option("--network", help="Also tables that are filled by asking Datadog.")] = False,
    format_: Annotated[str, typer.Option("--format", metavar="FORMAT", help="table, json or csv.")] = "table",
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="SECONDS")] = None,
) -> None:
    """Ask the tables anything: dddoctor query "SELECT file, line FROM yaml_defects"."""
    from dddoctor import querying
    from dddoctor.session import UsageError, open_elsewhere, open_host

    checking.require_one_target(root, snapshot, ssh, ssh_config)
    if format_ not in {"table", "json", "csv"}:
        raise fail(f"--format {format_}: write table, json or csv")
    text = sys.stdin.read() if sql == "-" else sql
    try:
        apps = tuple(app_folders or ())
        is_elsewhere = snapshot is not None or ssh is not None
        host = open_elsewhere(snapshot, ssh, ssh_config, apps, timeout) if is_elsewhere else open_host(root)
        answer = querying.ask(text, host, apps, timeout, network)
    except (UsageError, querying.QueryError) as error:
        raise fail(str(error)) from error
    sys.stdout.write(querying.render(answer, format_))
    for line in answer.gaps:
        print(line, file=sys.stderr)
    finish(0)


@app.command()
def collect(
    root: Root = None,
    app_folders: Apps = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="The snapshot (default: NAME.snapshot); - is standard output."),
    ] = None,
    script: Annotated[
        bool, typer.Option("--script", help="Print the collector itself, a shell script for hosts without Python.")
    ] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="SECONDS")] = None,
) -> None:
    """Write what the doctor reads on this machine into one file, without its secrets, to be looked at elsewhere."""
    from dddoctor import collector

    try:
        data = collector.script() if script else collector.collect(root, tuple(app_folders or ()), timeout)
        path = output or (None if script else Path(collector.default_name(data)))
        if path is None or str(path) == "-":
            sys.stdout.buffer.write(data)
        else:
            collector.write(data, path)
            print(f"{path}: {len(data) >> 10} kB; look at it with `dddoctor check --snapshot {path}`", file=sys.stderr)
    except collector.CollectError as error:
        raise fail(str(error)) from error
    finish(0)


@app.command()
def history(
    purge: Annotated[bool, typer.Option("--purge", help="Forget all runs: they can no longer be undone.")] = False,
) -> None:
    """The repairs made so far, newest first."""
    from dddoctor import undoing

    sys.stdout.write(undoing.purge() if purge else undoing.history())


@app.command()
def undo(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A run of `dddoctor history`; the last one of this target if left out."),
    ] = None,
    root: Root = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show what would change, and change nothing.")] = False,
    yes: Yes = False,
    force: Annotated[bool, typer.Option("--force", help="Also where a file has changed since the repair.")] = False,
) -> None:
    """Take the last repair back, byte for byte."""
    from dddoctor import undoing
    from dddoctor.session import UsageError

    try:
        code, text = undoing.undo(run_id, root, show_only=diff, is_agreed=yes, force=force)
    except UsageError as error:
        raise fail(str(error)) from error
    sys.stdout.write(text)
    finish(code)


@app.command()
def demo(
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Leave the broken VM in this folder, to play with.")
    ] = None,
) -> None:
    """Build a broken VM as a folder, diagnose it, repair it, prove it, undo it."""
    from dddoctor import demo as the_demo
    from dddoctor.session import UsageError

    try:
        code = the_demo.run(keep, sys.stdout)
    except UsageError as error:
        raise fail(str(error)) from error
    finish(code)


@rules_app.command("list")
def list_rules(rules: Rules = None) -> None:
    """All rules by area, with their titles."""
    from dddoctor import explaining
    from dddoctor import rules as rule_files

    try:
        sys.stdout.write(explaining.list_rules(rule_files.load(user_folders=tuple(rules or ())).rules))
    except RuleError as error:
        raise fail(str(error)) from error


@rules_app.command("test")
def test_rules(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]…", help="Rule files or folders; all shipped rules if left out."),
    ] = None,
) -> None:
    """Run the examples of rules; exit 1 where one fails."""
    from dddoctor import explaining
    from dddoctor import rules as rule_files

    try:
        code = explaining.test_rules(
            [p for path in paths or [rule_files.rules_folder()] for p in _rule_paths(path)], sys.stdout
        )
    except RuleError as error:
        raise fail(str(error)) from error
    finish(code)


def _rule_paths(path: Path) -> list[Path]:
    from dddoctor import rules as rule_files

    if path.is_dir():
        return rule_files.rule_files(path)
    if not path.exists():
        raise fail(f"{path}: no such file or folder")
    return [path]


@rules_app.command("new")
def new_rule(
    name: Annotated[str, typer.Argument(metavar="AREA/ID")],
    from_file: Annotated[
        Path | None,
        typer.Option("--from-file", metavar="FILE", help="A file that shows the defect; it becomes the first example."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--rules", metavar="DIR", help="Where to write it (default: ./rules).")
    ] = None,
) -> None:
    """Write the skeleton of a rule."""
    from dddoctor import explaining
    from dddoctor.session import UsageError

    try:
        path = explaining.new_rule(name, from_file, folder or Path("rules"))
    except (UsageError, OSError) as error:
        raise fail(str(error)) from error
    print(f"{path}: fill in the query, then `dddoctor rules test {path}`")


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False) -> None:
    """Find what is wrong with a host that runs the Datadog Agent, repair it, prove it, take it back."""
    if version:
        from dddoctor import __version__

        print(f"dddoctor {__version__}")
        raise typer.Exit
