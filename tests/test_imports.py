"""Imports go one way (docs/architecture.md): a module may import those to its left in ORDER; reports import model alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "dddoctor"
# Groups that may import each other stand together; a group may import itself.
ORDER = [
    {"model", "changes", "lazyre", "light", "datafiles"},
    {"secrets", "secretscan", "secretnames", "secretvalues", "secretshapes", "redaction"},
    {"yamltext", "pytext", "rubytext"},
    {"hosts"},
    {"tables"},
    {"actions"},
    {"sql", "sqlscan"},
    {"rules", "rulefiles"},
    {"collecting", "engine"},
    {"causes"},
    {"journal", "journal_files", "journal_commands", "journal_services", "journal_record"},
    {"repair", "examples", "patches"},
    {"setup"},
    {"collector", "remote"},
    {"session"},
    {"fixing", "patching", "undoing", "querying", "explaining"},
    {"checking"},
    {"demo"},
    {"completion", "plain"},
    {"cli", "__main__"},
]
RANK = {name: i for i, group in enumerate(ORDER) for name in group}


def _imports(path: Path) -> set[str]:
    """Names of dddoctor's own top-level modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "dddoctor":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names if a.name != "__version__"}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("dddoctor.")}
    return found


def _top(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_imports_only_from_its_left(path: Path) -> None:
    """One direction keeps every step plain data for the next."""
    me = _top(path)
    if me == "__init__":
        return
    for other in _imports(path) - {me}:
        if me == "reports":
            assert other == "model", f"reports import model alone, not {other}"
        else:
            assert other == "reports" or other in RANK, f"{other} has no place in ORDER"
            assert me in RANK, f"{me} has no place in ORDER"
            if other == "reports":
                assert me == "checking", f"{me} imports reports"
            else:
                assert RANK[other] <= RANK[me], f"{me} imports {other}, which stands to its right"
