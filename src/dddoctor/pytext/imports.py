"""Imports that the Agent's Python cannot make, and those that only still work."""

from __future__ import annotations

import ast

from dddoctor.light import NamedTuple
from dddoctor.pytext.catalogue import PYTHON_2_MODULES, Catalogue, could_be_standard, standard_modules
from dddoctor.pytext.module import AGENT_CHECK, Imported, Module
from dddoctor.pytext.names import Target
from dddoctor.pytext.parse import Lines
from dddoctor.pytext.reading import Defect


class Neighbours(NamedTuple):
    """Modules that can be imported: `siblings` of checks.d, `installed` in the Agent's site-packages (None: that folder is not to be seen)."""

    siblings: frozenset[str]
    installed: frozenset[str] | None
    is_package: bool


def import_defects(module: Module, lines: Lines, known: Catalogue, target: Target, near: Neighbours) -> list[Defect]:
    """One defect an import statement. Imports inside `try` or `if` are somebody's precaution and not judged."""
    found: list[Defect] = []
    seen: set[ast.AST] = set()
    for imported in module.all_imports:
        if imported.is_guarded or imported.node in seen:
            continue
        defect = _judge(imported, lines, known, target, near)
        if defect is not None:
            seen.add(imported.node)
            found.append(defect)
    return found


def _judge(imported: Imported, lines: Lines, known: Catalogue, target: Target, near: Neighbours) -> Defect | None:
    start, end = lines.start(imported.node), lines.end(imported.node)
    top = imported.module.partition(".")[0]
    if imported.level:
        return None if near.is_package else _relative(imported, start, end, near)
    if imported.name == AGENT_CHECK and (top == "datadog" or imported.module == "datadog_checks"):
        text = f"an import of AgentCheck from `{imported.module}`, which has none"
        return Defect("wrong-import", imported.module, text, start, end, _agent_check_import(imported, target))
    if top == "checks" and target.major >= 6 and "checks" not in near.siblings:
        text = f"the old import path `{imported.module}`"
        return Defect(
            "legacy-import", imported.module, text, start, end, _agent_check_import(imported, target), (), True, False
        )
    return _missing(imported, top, start, end, known, target, near)


def _agent_check_import(imported: Imported, target: Target) -> str | None:
    """Today's import of AgentCheck, where the statement imports nothing else and the Agent has that module."""
    names = imported.node.names
    if (
        target.agent_check is None
        or len(names) != 1
        or imported.module not in ("checks", "datadog", "datadog_checks")
        or names[0].name != AGENT_CHECK
    ):
        return None
    if target.agent_check == imported.module:
        return None
    return f"from {target.agent_check} import AgentCheck" + (f" as {names[0].asname}" if names[0].asname else "")


def _relative(imported: Imported, start: int, end: int, near: Neighbours) -> Defect:
    """Checks of checks.d are modules of their own and have no package to be relative to (measured on 7.52)."""
    text = f"a relative import, and a check is no part of a package: `{'.' * imported.level}{imported.module or imported.name}`"
    correction = None
    names = imported.node.names
    if imported.level == 1 and imported.module in near.siblings:
        correction = f"from {imported.module} import " + ", ".join(
            f"{a.name} as {a.asname}" if a.asname else a.name for a in names
        )
    elif imported.level == 1 and not imported.module and all(a.name in near.siblings for a in names):
        correction = "import " + ", ".join(f"{a.name} as {a.asname}" if a.asname else a.name for a in names)
    return Defect("relative-import", imported.module or imported.name or ".", text, start, end, correction)


def _missing(
    imported: Imported, top: str, start: int, end: int, known: Catalogue, target: Target, near: Neighbours
) -> Defect | None:
    if top in near.siblings or (near.installed is not None and top in near.installed):
        return None
    if top in PYTHON_2_MODULES:
        if target.python != "3":
            return None
        instead = PYTHON_2_MODULES[top]
        return Defect(
            "python2-module", top, f"an import of `{top}`, a module of Python 2 (Python 3: {instead})", start, end
        )
    if top in known.bundled or top.startswith("_") or top in standard_modules(target.version):
        return None
    if could_be_standard(top):
        is_gone = target.version is not None and len(target.version) > 1
        text = f"an import of `{top}`, which Python {'.'.join(map(str, target.version or ()))} no longer has"
        return Defect("missing-module", top, text, start, end) if is_gone and target.python == "3" else None
    is_certain = near.installed is not None
    text = (
        f"an import of `{top}`, which is not installed in the Agent's Python"
        if is_certain
        else f"an import of `{top}`, which does not come with the Agent"
    )
    return Defect("missing-module", top, text, start, end, None, (), is_certain, is_certain)
