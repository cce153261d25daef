"""The entry point. What needs no command line is answered before typer is imported (design.md, "Speed")."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; exits with its code."""
    if sys.argv[1:] == ["--version"]:
        from dddoctor import __version__

        print(f"dddoctor {__version__}")
        return
    if "_DDDOCTOR_COMPLETE" in os.environ or sys.argv[1:2] == ["--show-completion"]:
        from dddoctor import completion

        sys.exit(completion.main(sys.argv[1:], os.environ))
    from dddoctor.cli import run

    run()


if __name__ == "__main__":
    main()
