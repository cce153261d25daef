"""A lab VM by hand: `python -m tests.lab start NAME` · `run NAME COMMAND…` · `as USER NAME COMMAND…` · `stop NAME` · `list` · `build`.

`run h1 dddoctor check` runs the doctor as it is in the working tree; `run h1 datadog-agent status` asks the Agent; edits inside are gone when it stops.
"""

from __future__ import annotations

import os
import sys

from tests.lab import root
from tests.lab.vm import ENVIRONMENT, VM


def main(arguments: list[str]) -> int:
    """0, or the command's own code; 2 for wrong usage."""
    match arguments:
        case ["build"]:
            print(root.build())
        case ["start", name]:
            vm = VM(name=f"lab-{name}", outlives=True).start()
            vm.wait_for_agent()
            print(f"{name}: process {vm.leader}; its tree is {vm.mounted}")
        case ["stop", name]:
            VM.attach(f"lab-{name}").stop()
        case ["list"]:
            print(*sorted(p.stem for p in root.cache().glob("*.leader")), sep="\n")
        case ["run", name, *command] if command:
            _enter(VM.attach(f"lab-{name}").argv(command))
        case ["as", user, name, *command] if command:
            _enter(VM.attach(f"lab-{name}").argv(command, user))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def _enter(argv: list[str]) -> None:
    terminal = {"TERM": os.environ["TERM"]} if "TERM" in os.environ else {}
    os.execvpe(argv[0], argv, {**ENVIRONMENT, **terminal})


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (root.CannotBuild, FileNotFoundError) as error:
        sys.exit(f"no such VM, or none can be: {error}")
