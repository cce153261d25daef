"""Repairs of Python text, byte for byte: what is asked for changes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dddoctor.actions import Refused
from dddoctor.actions.python import AddPythonImport, RenamePythonName, RepairPythonText, ReplacePythonImport
from dddoctor.hosts.root import RootHost
from dddoctor.hosts.spans import apply_spans
from dddoctor.model import Edit

Run = Callable[..., bytes]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Writes a file, runs actions on it one after the other, gives the bytes that are left."""

    def go(before: str | bytes, *actions: object) -> bytes:
        file = tmp_path / "m.py"
        file.write_bytes(before.encode() if isinstance(before, str) else before)
        for action in actions:
            for change in action.plan(RootHost(tmp_path)):  # type: ignore[attr-defined]
                assert isinstance(change, Edit) and change.kind == "python"
                file.write_bytes(apply_spans(file.read_bytes(), change.spans))
        return file.read_bytes()

    return go


def repair(line: int, kind: str) -> object:
    return RepairPythonText("/m.py", line, kind)  # type: ignore[call-arg]


def rename(line: int, column: int, to: str) -> object:
    return RenamePythonName("/m.py", line, column, to)  # type: ignore[call-arg]


def add(statement: str) -> object:
    return AddPythonImport("/m.py", statement)  # type: ignore[call-arg]


def replace(line: int, module: str) -> object:
    return ReplacePythonImport("/m.py", line, module)  # type: ignore[call-arg]


AS_IT_STOOD = "from checks import AgentCheck\r\n\r\nclass MyMetric(AgentCheck):\r\ndef check(self, instance):\r\nself.guage('my_metric', random.randint(0, 1000))"


def test_the_file_as_it_really_stood_is_mended_and_keeps_its_line_ends(run: Run) -> None:
    """P1, P2, P3 and P4 in the order of the repair loop: text first."""
    after = run(
        AS_IT_STOOD,
        repair(4, "not-indented"),
        rename(5, 14, "gauge"),
        replace(1, "datadog_checks.base"),
        add("import random"),
    )

    assert after == (
        b"import random\r\nfrom datadog_checks.base import AgentCheck\r\n\r\nclass MyMetric(AgentCheck):\r\n"
        b"    def check(self, instance):\r\n        self.gauge('my_metric', random.randint(0, 1000))"
    )


def test_names_and_imports_can_be_planned_before_the_text_is_repaired(run: Run) -> None:
    """All fixes of a round are planned against the file as it stands, also those that wait."""
    assert b"self.gauge(" in run(AS_IT_STOOD, rename(5, 6, "gauge"))
    assert run(AS_IT_STOOD, add("import random")).startswith(b"import random\r\nfrom checks")


def test_utf_16_becomes_utf_8_with_the_same_text(run: Run) -> None:
    """The only repair that writes every byte anew."""
    assert run("x = 'é'\n".encode("utf-16"), repair(1, "utf-16")) == "x = 'é'\n".encode()


def test_a_file_in_another_encoding_keeps_it(run: Run) -> None:
    """Latin-1 bytes and BOMs around the repaired place stay."""
    assert run(b"# coding: latin-1\nx = '\xe9'`\n", repair(2, "stray-backtick")) == b"# coding: latin-1\nx = '\xe9'\n"
    assert run(b"\xef\xbb\xbf# \xe9\nx = 1`\n", repair(2, "stray-backtick")) == b"\xef\xbb\xbf# \xe9\nx = 1\n"


@pytest.mark.parametrize(
    ("before", "statement", "after"),
    [
        ("x = 1\n", "import os", "import os\n\nx = 1\n"),
        ("", "import os", "import os\n"),
        ("import sys\nx = 1\n", "import os", "import os\nimport sys\nx = 1\n"),
        (
            "import sys\nfrom a import b\n\nx = 1\n",
            "from c import d",
            "import sys\nfrom a import b\nfrom c import d\n\nx = 1\n",
        ),
        (
            "#!/usr/bin/python\n# licence\n\nimport sys\n",
            "import os",
            "#!/usr/bin/python\n# licence\n\nimport os\nimport sys\n",
        ),
        ('"""Doc\nof it."""\nx = 1\n', "import os", '"""Doc\nof it."""\nimport os\nx = 1\n'),
        (
            '"""Doc"""\nfrom __future__ import division\n\nx = 1\n',
            "import os",
            '"""Doc"""\nfrom __future__ import division\nimport os\n\nx = 1\n',
        ),
        (
            "from __future__ import division\nimport sys\n",
            "import os",
            "from __future__ import division\nimport os\nimport sys\n",
        ),
        (
            "try:\n    import a\nexcept ImportError:\n    a = None\n",
            "import os",
            "import os\n\ntry:\n    import a\nexcept ImportError:\n    a = None\n",
        ),
        ("import (\n", "import os", "import os\nimport (\n"),
        ("from a import (\n    b,\n)\nx = 1", "from c import d", "from a import (\n    b,\n)\nfrom c import d\nx = 1"),
        ('"""Doc"""', "import os", '"""Doc"""\nimport os'),
    ],
)
def test_an_import_goes_where_imports_are(run: Run, before: str, statement: str, after: str) -> None:
    """After the docstring and __future__; a plain import first in its block, a from last."""
    assert run(before, add(statement)) == after.encode()
    assert run(before, add(statement), add(statement)) == after.encode()


def test_another_module_for_the_same_name_changes_the_module_alone(run: Run) -> None:
    """Comments, other names and blanks stay."""
    assert (
        run("from  checks import AgentCheck as A  # why\n", replace(1, "datadog_checks.base"))
        == b"from  datadog_checks.base import AgentCheck as A  # why\n"
    )
    assert (
        run("from datadog_checks.base import AgentCheck\n", replace(1, "datadog_checks.base"))
        == b"from datadog_checks.base import AgentCheck\n"
    )


@pytest.mark.parametrize(
    ("before", "action"),
    [
        ("x = 1\n", repair(1, "stray-backtick")),
        ("x = 1`\n", repair(1, "markdown-fence")),
        ("for a in b:\nc()\nd()\n", repair(2, "not-indented")),
        ("x = 1\n", rename(1, 5, "gauge")),
        ("x = 1\n", rename(9, 1, "gauge")),
        ("x = 1\n", rename(1, 1, "a b")),
        ("x = 1\n", rename(1, 1, "class")),
        ("x = 1\n", add("import os; import sys")),
        ("x = 1\n", add("from os import *")),
        ("import os\n", replace(1, "datadog_checks.base")),
        ("x = 1\n", replace(1, "datadog_checks.base")),
        ("from a import b; c = 1\n", replace(1, "datadog_checks.base")),
        ("from a import b\n", replace(1, "a b")),
    ],
)
def test_what_is_not_certain_is_refused(run: Run, before: str, action: object) -> None:
    """In words, and before anything is written."""
    with pytest.raises(Refused):
        run(before, action)


def test_a_name_inside_a_text_is_no_name(run: Run) -> None:
    """The result must differ by one identifier."""
    with pytest.raises(Refused):
        run("x = 'guage'\n", rename(1, 6, "gauge"))
