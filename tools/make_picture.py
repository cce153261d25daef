"""Draw docs/demo.svg from a real run: the doctor on the demo's broken VM, as a terminal shows it. Run after the console report has changed."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from dddoctor.demo import make_vm
from dddoctor.model import Safety
from dddoctor.reports import console
from dddoctor.session import CheckOptions, Session

DOCS = Path(__file__).parent.parent / "docs"
WIDTH = 100


def draw(name: str, title: str, text: str, line_limit: int) -> None:
    """One SVG of a terminal with the first lines of a text."""
    canvas = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    canvas.print(Text.from_ansi("\n".join(text.split("\n")[:line_limit])))
    (DOCS / name).write_text(canvas.export_svg(title=title, unique_id="dddoctor"), encoding="utf-8")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "vm"
        os.environ["DDDOCTOR_STATE"] = str(Path(folder) / "state")
        make_vm(root)
        session = Session(CheckOptions(root, command="dddoctor check --root ./vm"))
        draw("check.svg", "dddoctor check --root ./vm", console.render(session.check(), width=WIDTH, color=True), 46)
        report = session.apply(session.plan([Safety.SAFE, Safety.UNSAFE]))
        draw("fix.svg", "dddoctor check --root ./vm --fix --yes", console.render(report, width=WIDTH, color=True), 40)
    return 0


if __name__ == "__main__":
    sys.exit(main())
