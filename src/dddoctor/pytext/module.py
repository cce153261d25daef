"""What a parsed module defines: its imports and classes, and which class the Agent would take for the check."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from dddoctor.light import NamedTuple
from dddoctor.pytext.catalogue import could_be_standard
from dddoctor.pytext.nodes import walk

AGENT_CHECK = "AgentCheck"
# Where AgentCheck can be imported from (measured on 7.52: all of them work; Agent 5 has `checks` alone).
AGENT_CHECK_MODULES = frozenset(
    (
        "datadog_checks.base",
        "datadog_checks.base.checks",
        "datadog_checks.base.checks.base",
        "datadog_checks.checks",
        "datadog_checks.checks.base",
        "checks",
    )
)
# Classes of datadog_checks.base that are checks themselves and bring a `check` of their own.
CHECK_BASES = frozenset(
    ("OpenMetricsBaseCheck", "OpenMetricsBaseCheckV2", "PDHBaseCheck", "PerfCountersBaseCheck", "PerfCountersBaseCheckWithLegacySupport",
     "KubeLeaderElectionBaseCheck", "KubeletBase", "DatabaseCheck", "NetworkCheck", "WinWMICheck", "PrometheusCheck", "GenericPrometheusCheck")
)  # fmt: skip
_BUILTINS = frozenset(dir(builtins))


class Imported(NamedTuple):
    """`import module as local` (name None) or `from module import name as local`. `level` counts dots. `is_guarded`: inside try or if."""

    module: str
    name: str | None
    level: int
    node: ast.Import | ast.ImportFrom
    is_guarded: bool


class Module:
    """The top of a module: what runs when it is imported. Statements inside `if`, `try` and `with` count as the top."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.imports: dict[str, Imported] = {}
        self.all_imports: list[Imported] = []
        self.stars: list[str] = []
        self.classes: dict[str, ast.ClassDef] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.is_dynamic = False
        self._derives: dict[str, bool | None] = {}
        for statement, is_guarded in _top(tree.body, False):
            self._take(statement, is_guarded)
        for node in walk(tree):
            if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
                self.stars.append(node.module or "")
            elif (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("exec", "execfile", "globals", "locals", "vars", "type", "eval")
            ):
                is_harmless = node.func.id == "type" and len(node.args) == 1
                self.is_dynamic = self.is_dynamic or not is_harmless

    def _take(self, statement: ast.stmt, is_guarded: bool) -> None:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                found = Imported(alias.name, None, 0, statement, is_guarded)
                self.all_imports.append(found)
                self.imports[alias.asname or alias.name.partition(".")[0]] = found
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                found = Imported(statement.module or "", alias.name, statement.level, statement, is_guarded)
                self.all_imports.append(found)
                if alias.name != "*":
                    self.imports[alias.asname or alias.name] = found
        elif isinstance(statement, ast.ClassDef):
            self.classes[statement.name] = statement
        elif isinstance(statement, ast.FunctionDef):
            self.functions[statement.name] = statement

    # --- classes --------------------------------------------------------------------------------------------------------

    def base(self, node: ast.expr) -> str | None:
        """What a base class is: "AgentCheck", "check" (another check class of the Agent), "plain", the name of a class here, or None (unknown)."""
        if isinstance(node, ast.Name):
            if node.id in self.classes:
                return node.id
            found = self.imports.get(node.id)
            if found is None:
                return AGENT_CHECK if node.id == AGENT_CHECK else "plain" if node.id in _BUILTINS else None
            if found.name == AGENT_CHECK and (
                found.module in AGENT_CHECK_MODULES or found.module in ("datadog", "datadog_checks")
            ):
                return AGENT_CHECK
            if found.name in CHECK_BASES:
                return "check"
            return "plain" if found.level == 0 and could_be_standard(found.module.partition(".")[0]) else None
        if (
            isinstance(node, ast.Attribute)
            and node.attr == AGENT_CHECK
            and isinstance(node.value, (ast.Name, ast.Attribute))
        ):
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value  # type: ignore[assignment]
            found = self.imports.get(root.id) if isinstance(root, ast.Name) else None
            if found is not None and found.module.partition(".")[0] in ("datadog_checks", "checks"):
                return AGENT_CHECK
        return None

    def derives(self, name: str) -> bool | None:
        """Whether a class here is an AgentCheck; None where a base is unknown."""
        if name not in self._derives:
            self._derives[name] = None  # a class that derives from itself is nobody's check
            verdicts: list[bool | None] = []
            for node in self.classes[name].bases:
                found = self.base(node)
                if found in (AGENT_CHECK, "check"):
                    verdicts.append(True)
                elif found in self.classes and found is not None:
                    verdicts.append(self.derives(found))
                else:
                    verdicts.append(False if found == "plain" else None)
            self._derives[name] = True if True in verdicts else None if None in verdicts else False
        return self._derives[name]

    def chain(self, name: str) -> list[ast.ClassDef] | None:
        """The class and its bases here, if it derives from AgentCheck through single plain bases only; None where anything else may add names."""
        found: list[ast.ClassDef] = []
        while name in self.classes:
            node = self.classes[name]
            if node in found or len(node.bases) != 1 or node.keywords or node.decorator_list:
                return None
            found.append(node)
            name = self.base(node.bases[0]) or ""
        return found if name == AGENT_CHECK and found else None

    def leaves(self) -> list[str]:
        """Classes here that are checks and have no subclass here, in the order in which the Agent looks: by name.

        Source: Three::_findSubclassOf in rtloader/three/three.cpp (the sorted names of the module, the first class without subclasses).
        """
        used = {self.base(b) for c in self.classes.values() for b in c.bases}
        return sorted(n for n in self.classes if self.derives(n) and n not in used)

    def has_check_class(self) -> bool | None:
        """Whether the Agent finds a check class in this module; None where an import or a base may bring one."""
        if self.leaves():
            return True
        if self.stars or self.is_dynamic or any(self.derives(n) is None for n in self.classes):
            return None
        for found in self.imports.values():
            is_ours = found.name == AGENT_CHECK and found.module in AGENT_CHECK_MODULES
            if (
                found.name
                and found.name[:1].isupper()
                and not is_ours
                and not could_be_standard(found.module.partition(".")[0])
            ):
                return None
        return False

    def subclasses(self, name: str) -> list[ast.ClassDef]:
        """Classes here that derive from `name`, at any distance."""
        found: list[str] = []
        grew = True
        while grew:
            grew = False
            for other, node in self.classes.items():
                if other not in found and other != name and any(self.base(b) in (name, *found) for b in node.bases):
                    found.append(other)
                    grew = True
        return [self.classes[n] for n in found]


def bound_in_class(node: ast.ClassDef) -> set[str]:
    """Names that a class body binds, its methods' own names included."""
    found: set[str] = set()
    for statement, _ in _top(node.body, False):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(statement.name)
            continue
        for inner in walk(statement):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                found.add(inner.id)
            elif isinstance(inner, ast.alias):
                found.add((inner.asname or inner.name).partition(".")[0])
    return found


def method(chain: list[ast.ClassDef], name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function `name` of a class or its bases, the nearest; None also where it is bound in another way."""
    for node in chain:
        for statement, _ in _top(node.body, False):
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement.name == name:
                return statement
        if name in bound_in_class(node):
            return None
    return None


def _top(body: list[ast.stmt], is_guarded: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """Statements that run when a body runs, those of `if`, `try`, `with` and loops included."""
    todo = [(s, is_guarded) for s in reversed(body)]
    while todo:
        statement, guarded = todo.pop()
        yield statement, guarded
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        inner: list[ast.stmt] = []
        for name in ("body", "orelse", "finalbody"):
            inner += getattr(statement, name, [])
        for handler in getattr(statement, "handlers", []):
            inner += handler.body
        todo += [(s, guarded or not isinstance(statement, ast.With)) for s in reversed(inner)]
