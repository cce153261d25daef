"""Names that nothing defines: missing imports, and attributes that neither the class nor AgentCheck has."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.pytext.catalogue import PYTHON_2_BUILTINS, Catalogue
from dddoctor.pytext.module import AGENT_CHECK, Module, bound_in_class
from dddoctor.pytext.nodes import children, walk
from dddoctor.pytext.parse import Lines
from dddoctor.pytext.reading import Defect

Nearest = Callable[[str, Iterable[str]], "str | None"]
Parents = dict[ast.AST, ast.AST]
_DATETIME = frozenset(
    ("now", "utcnow", "today", "strptime", "fromtimestamp", "utcfromtimestamp", "combine", "fromisoformat")
)
# Functions that are hardly anything else than this one, wherever they stand without their module.
_FROM = {
    "randint": "random", "sleep": "time", "defaultdict": "collections", "OrderedDict": "collections", "namedtuple": "collections", "deque": "collections",
    "timedelta": "datetime", "Popen": "subprocess", "check_output": "subprocess",
}  # fmt: skip
# Libraries of the Agent that checks use most, with what they are used for.
_BUNDLED = {
    "requests": frozenset(
        ("get", "post", "put", "delete", "head", "patch", "request", "Session", "exceptions", "codes", "auth")
    ),
    "yaml": frozenset(("safe_load", "load", "dump", "safe_dump", "YAMLError", "safe_load_all")),
}
_OTHER_WORLD = lazy(
    r"PY2|PY3|version_info|python_version|TYPE_CHECKING|__name__"
)  # branches that the Agent may never run
_BOTH = lazy("PY2|PY3|version_info|python_version")
_INJECTED = frozenset(("get_ipython", "reveal_type", "_"))  # defined by somebody else, where at all
IMPORT = lazy(r"(?:import [A-Za-z_][\w.]*|from [A-Za-z_][\w.]* import [A-Za-z_]\w*)")


class Target(NamedTuple):
    """The Agent's side of it: `python` "2", "3" or None; `agent_check` the module to import AgentCheck from, None where that is not known."""

    python: str | None
    version: tuple[int, ...] | None
    major: int
    agent_check: str | None


def undefined_names(
    tree: ast.Module, parents: Parents, lines: Lines, known: Catalogue, target: Target, nearest: Nearest
) -> list[Defect]:
    """One defect a name, at its first use; offsets are those of the parsed text. Silent where a star import or `exec` may define it.

    Raises RecursionError for code that is nested more deeply than pyflakes can follow.
    """
    from pyflakes import checker, messages

    found: dict[str, list[ast.Name]] = {}
    places = {(n.lineno, n.col_offset): n for n in parents if isinstance(n, ast.Name)}
    builtins = PYTHON_2_BUILTINS if target.python != "3" else ()
    result: Any = checker.Checker(tree, builtins=set(builtins) | {"__path__", "WindowsError"}, withDoctest=False)
    for message in result.messages:
        if isinstance(message, messages.UndefinedName):
            node = places.get((message.lineno, message.col))
            if (
                node is not None
                and node.id == message.message_args[0]
                and node.id not in _INJECTED
                and not _is_never_run(node, parents, target)
            ):
                found.setdefault(node.id, []).append(node)
    if any(
        isinstance(n, (ast.Name, ast.Attribute)) and _BOTH.fullmatch(n.id if isinstance(n, ast.Name) else n.attr)
        for n in parents
    ):
        found = {
            k: v for k, v in found.items() if k not in PYTHON_2_BUILTINS
        }  # written for both Pythons: which branch runs is not followed
    bound = {n.id for n in parents if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    bound |= {n.arg for n in parents if isinstance(n, ast.arg)} | {
        n.name for n in parents if isinstance(n, (ast.FunctionDef, ast.ClassDef))
    }
    return [
        _undefined(name, nodes, parents, lines, known, target, nearest(name, bound)) for name, nodes in found.items()
    ]


def _undefined(
    name: str, nodes: list[ast.Name], parents: Parents, lines: Lines, known: Catalogue, target: Target, near: str | None
) -> Defect:
    nodes = sorted(nodes, key=lambda n: (n.lineno, n.col_offset))
    start = lines.start(nodes[0])
    is_old = target.python == "3" and name in PYTHON_2_BUILTINS
    correction = None if is_old else missing_import(name, nodes, parents, known, target)
    text = f"`{name}`, a built-in of Python 2 only" if is_old else f"the name `{name}`, which nothing defines"
    if correction is None and near is not None and not is_old:
        text += f" (did you mean `{near}`?)"
    also = tuple(lines.start(n) for n in nodes[1:])
    is_blocking = any(runs_at_import(n, parents) for n in nodes)
    return Defect(
        "python2-name" if is_old else "undefined-name",
        name,
        text,
        start,
        start + len(name),
        correction,
        (),
        True,
        is_blocking,
        also,
    )


def missing_import(name: str, nodes: list[ast.Name], parents: Parents, known: Catalogue, target: Target) -> str | None:
    """The import statement that defines a name as it is used at all `nodes`; None where it is no module or not certain."""
    if name in known.exports:
        module = target.agent_check
        return f"from {module} import {name}" if module and (module != "checks" or name == AGENT_CHECK) else None
    used = [_attributes_of(n, parents) for n in nodes]
    first = {u[0] if u else None for u in used}
    if name == "datetime" and first <= _DATETIME:
        return "from datetime import datetime"
    if None in first:
        source = _FROM.get(name)
        return (
            f"from {source} import {name}"
            if source and all(isinstance(parents.get(n), ast.Call) or not u for n, u in zip(nodes, used, strict=True))
            else None
        )
    has = known.attributes(name)
    if has is None:
        return f"import {name}" if first <= _BUNDLED.get(name, frozenset()) else None
    if not known.is_in_python(name, target.python):
        return None
    if first <= has:
        return f"import {name}"
    inner = {f"{name}.{u[0]}" for u in used}
    if (
        len(inner) == 1
        and (of_inner := known.attributes(next(iter(inner)))) is not None
        and known.is_in_python(next(iter(inner)), target.python)
    ):
        return f"import {next(iter(inner))}" if all(len(u) < 2 or u[1] in of_inner for u in used) else None
    return None


def _attributes_of(node: ast.AST, parents: Parents) -> list[str]:
    """`a.b.c` at `a`: ["b", "c"]."""
    found = []
    parent = parents.get(node)
    while isinstance(parent, ast.Attribute) and parent.value is node:
        found.append(parent.attr)
        node, parent = parent, parents.get(parent)
    return found


def _is_never_run(node: ast.AST, parents: Parents, target: Target) -> bool:
    """Annotations that Python does not evaluate, branches for another Python, names whose absence is expected."""
    child, parent = node, parents.get(node)
    while parent is not None:
        if isinstance(parent, (ast.arg, ast.AnnAssign)) and parent.annotation is child:
            return _annotations_are_lazy(node, parents, target) or (
                isinstance(parent, ast.AnnAssign) and not runs_at_import(parent, parents)
            )
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) and parent.returns is child:
            return _annotations_are_lazy(node, parents, target)
        if (
            isinstance(parent, (ast.If, ast.IfExp))
            and child is not parent.test
            and _OTHER_WORLD.search(ast.unparse(parent.test))
        ):
            return True
        if (
            isinstance(parent, ast.Try)
            and child in parent.body
            and any("NameError" in ast.unparse(h.type) for h in parent.handlers if h.type is not None)
        ):
            return True
        child, parent = parent, parents.get(parent)
    return False


def _annotations_are_lazy(node: ast.AST, parents: Parents, target: Target) -> bool:
    root = node
    while root in parents:
        root = parents[root]
    has_future = any(
        isinstance(s, ast.ImportFrom) and s.module == "__future__" and any(a.name == "annotations" for a in s.names)
        for s in getattr(root, "body", [])
    )
    return has_future or (target.version is not None and len(target.version) > 1 and target.version >= (3, 14))


def runs_at_import(node: ast.AST, parents: Parents) -> bool:
    """Whether a place is reached when the module is imported: outside function bodies; decorators and defaults count as outside."""
    child, parent = node, parents.get(node)
    while parent is not None:
        if isinstance(parent, ast.Lambda) and child is parent.body:
            return False
        if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)) and child in parent.body:
            return False
        if isinstance(parent, ast.If) and child in parent.body and "__name__" in ast.unparse(parent.test):
            return False
        child, parent = parent, parents.get(parent)
    return True


def unknown_attributes(
    module: Module, parents: Parents, lines: Lines, known: Catalogue, target: Target, nearest: Nearest, is_final: bool
) -> list[Defect]:
    """`self.guage(…)`: attributes of self that a class certainly has not. Only for classes that are AgentCheck and code of this file alone.

    `is_final`: nobody else derives from the classes here, so that a name without a near one is unknown for certain, too.
    """
    found: list[Defect] = []
    if module.stars or _sets_attributes_freely(parents):
        return found
    assigned = {n.attr for n in parents if isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load)}
    mentioned = {
        n.value for n in parents if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }  # getattr, hasattr, mock names
    for name, node in module.classes.items():
        chain = module.chain(name)
        if chain is None or any(
            m in bound_in_class(c) for c in chain for m in ("__getattr__", "__getattribute__", "__slots__", "__class__")
        ):
            continue
        below = module.subclasses(name)
        own = set().union(*(bound_in_class(c) for c in [*chain, *below]))
        has = (
            known.names(target.major)
            | own
            | assigned
            | mentioned
            | set(dir(object))
            | {"__dict__", "__module__", "__doc__"}
        )
        methods = [*known.callable_names(target.major), *(n for n in own if not n.startswith("_"))]
        for attribute in _attributes_of_self(node):
            attr = attribute.attr
            if (
                attr in has
                or (attr.startswith("__") and not attr.endswith("__"))
                or _expects_absence(attribute, parents)
            ):
                continue
            parent = parents.get(attribute)
            is_call = isinstance(parent, ast.Call) and parent.func is attribute
            near = (
                nearest(attr, methods)
                if is_call
                else nearest(attr, {n for n in has - mentioned | own | assigned if not n.startswith("_")})
            )
            if near is None and not (is_final and not below):
                continue
            what = "method" if is_call else "attribute"
            end = lines.end(attribute)
            text = (
                f"`self.{attr}`, a {what} that AgentCheck does not have"
                if is_call
                else f"`self.{attr}`, an attribute that nothing sets"
            )
            found.append(
                Defect(
                    f"unknown-{what}",
                    attr,
                    text,
                    end - len(attr),
                    end,
                    near,
                    (),
                    True,
                    runs_at_import(attribute, parents),
                )
            )
    return found


def _attributes_of_self(node: ast.ClassDef) -> list[ast.Attribute]:
    """Reads of an attribute of self in the methods of a class, functions inside them included."""
    found: list[ast.Attribute] = []
    for function in node.body:
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list):
            continue
        parameters = [*function.args.posonlyargs, *function.args.args]
        if not parameters:
            continue
        name = parameters[0].arg
        todo: list[ast.AST] = list(function.body)
        while todo:
            inner = todo.pop()
            if isinstance(inner, ast.Name) and inner.id == name and not isinstance(inner.ctx, ast.Load):
                found = [f for f in found if f not in _all_below(function)]  # self is something else from here on
                break
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                arguments = inner.args
                if any(a.arg == name for a in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]):
                    continue
            if isinstance(inner, ast.ClassDef):
                continue
            if (
                isinstance(inner, ast.Attribute)
                and isinstance(inner.value, ast.Name)
                and inner.value.id == name
                and isinstance(inner.ctx, ast.Load)
            ):
                found.append(inner)
            todo += children(inner)
    return sorted(found, key=lambda a: (a.lineno, a.col_offset))


def _all_below(node: ast.AST) -> set[ast.AST]:
    return set(walk(node))


def _sets_attributes_freely(nodes: Iterable[ast.AST]) -> bool:
    """Whether the module sets attributes whose names it computes."""
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr == "__dict__":
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name in ("setattr", "__setattr__") and not any(
                isinstance(a, ast.Constant) and isinstance(a.value, str) for a in node.args[:2]
            ):
                return True
            if name in ("vars", "exec", "eval", "execfile", "locals"):
                return True
    return False


def _expects_absence(node: ast.AST, parents: Parents) -> bool:
    """Inside a try that catches AttributeError, or everything."""
    child, parent = node, parents.get(node)
    while parent is not None:
        if isinstance(parent, ast.Try) and child in parent.body:
            for handler in parent.handlers:
                if handler.type is not None and "AttributeError" in ast.unparse(handler.type):
                    return True
        child, parent = parent, parents.get(parent)
    return False
