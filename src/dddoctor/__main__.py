"""The entry point. What needs no command line is answered before typer is imported (design.md, "Speed")."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress


def program() -> None:
    """What the installed command runs: main, then leave at once. Taking every object and module apart first would cost 15 ms."""
    gc.set_threshold(50_000, 20, 20)  # a run makes many objects and little garbage
    code: object = 0
    try:
        main()
    except SystemExit as asked:
        code = asked.code
        if not isinstance(code, int) and code is not None:
            print(code, file=sys.stderr)
            code = 1
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):  # closed by its reader, or by us
                stream.flush()
    end_programs()
    os._exit(code if isinstance(code, int) else 0)


def end_programs() -> None:
    """Nothing that was asked outlives the doctor: a program that hangs is killed with it."""
    process = sys.modules.get("dddoctor.hosts.process")
    if process is not None:
        process.end_all()


def main() -> None:
    """Run the command line; exits with its code."""
    if sys.argv[1:] == ["--version"]:
        from dddoctor import __version__

        print(f"dddoctor {__version__}")
        return
    if "_DDDOCTOR_COMPLETE" in os.environ or sys.argv[1:2] == ["--show-completion"]:
        from dddoctor import completion

        sys.exit(completion.main(sys.argv[1:], os.environ))
    if sys.argv[1:2] == ["check"]:
        from dddoctor import plain

        given = plain.read(sys.argv[2:])
        if given is not None:
            from dddoctor import checking

            checking.guarded(lambda: checking.check(**given))
            return
    from dddoctor.cli import run

    run()


if __name__ == "__main__":
    program()
