"""What the Agent asks of a check's class: that it finds one, that it can be made, and that it has a `check(self, instance)`."""

from __future__ import annotations

import ast

from dddoctor.light import NamedTuple
from dddoctor.pytext.module import CHECK_BASES, Module, bound_in_class, method
from dddoctor.pytext.names import Parents, Target
from dddoctor.pytext.nodes import walk
from dddoctor.pytext.parse import Lines
from dddoctor.pytext.reading import Defect

# How the Agent makes a check: by these keywords, then (deprecated) with agentConfig among them. Source: Three::getCheck in rtloader, measured on 7.52.
_NEW = ("name", "init_config", "instances")
_OLD = ("name", "init_config", "agentConfig", "instances")


class CheckClass(NamedTuple):
    """The class that the Agent takes. `has_class`: None where it cannot be told; `has_check_method` likewise. Offsets are those of the parsed text."""

    name: str | None
    start: int | None
    has_class: bool | None
    has_check_method: bool | None


def check_class(module: Module, lines: Lines) -> CheckClass:
    """The first check class by name that has no subclass here."""
    leaves = module.leaves()
    if not leaves:
        return CheckClass(None, None, module.has_check_class(), None)
    name = leaves[0]
    chain = module.chain(name)
    node = module.classes[name]
    has_method: bool | None = None
    if chain is not None:
        has_method = (
            any("check" in bound_in_class(c) for c in chain) or None
            if module.stars
            else any("check" in bound_in_class(c) for c in chain)
        )
    elif "check" in bound_in_class(node):
        has_method = True
    return CheckClass(name, lines.start(node), True, has_method)


def class_defects(module: Module, parents: Parents, lines: Lines, target: Target) -> list[Defect]:
    """What keeps the check's class from being made or run, as far as that is certain."""
    leaves = module.leaves()
    if not leaves:
        return []
    name = leaves[0]
    node, chain = module.classes[name], module.chain(name)
    found: list[Defect] = []
    if chain is None:
        own = method([node], "check")
        return _signature(own, lines) if own is not None and not node.decorator_list else []
    check = method(chain, "check")
    if check is not None:
        found += _signature(check, lines)
    elif not any("check" in bound_in_class(c) for c in chain) and not _is_set_outside(module, parents, name, "check"):
        start = lines.start(node)
        text = f"no `check(self, instance)` in its class {name}"
        found.append(Defect("no-check-method", name, text, start, start + len("class"), None, (), True, False))
    init = method(chain, "__init__")
    if init is not None and target.major >= 6 and not init.decorator_list:
        found += _init(init, chain, lines)
    return found


def _signature(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: Lines) -> list[Defect]:
    """`check` must take exactly one instance after self. Source: AgentCheck.run calls self.check(instance); texts recorded on 7.52."""
    kinds = {d.id for d in function.decorator_list if isinstance(d, ast.Name)}
    if len(kinds) != len(function.decorator_list) or kinds - {"staticmethod", "classmethod"}:
        return []
    arguments = function.args
    parameters = [*arguments.posonlyargs, *arguments.args]
    needed = len(parameters) - len(arguments.defaults)
    wanted = 1 if "staticmethod" in kinds else 2
    has_keyword_only = any(d is None for d in arguments.kw_defaults)
    start = lines.start(function)
    end = lines.offset(function.lineno, function.col_offset) + len("def")
    if isinstance(function, ast.AsyncFunctionDef):
        return [
            Defect(
                "check-is-async",
                "check",
                "an `async def check`, which the Agent never awaits: nothing in it runs",
                start,
                end,
                None,
                (),
                True,
                False,
            )
        ]
    is_right = needed <= wanted and (len(parameters) >= wanted or arguments.vararg is not None) and not has_keyword_only
    if is_right:
        return []
    shown = ", ".join(a.arg for a in parameters)
    text = f"`check({shown})` where the Agent calls `check(self, instance)`"
    insert = _missing_parameters(function, parameters, wanted, lines) if not kinds else None
    if insert is None:
        return [Defect("check-signature", "check", text, start, end, None, (), True, False)]
    at, words, corrected = insert
    return [Defect("check-signature", "check", text, start, end, corrected, ((at, at, words),), True, False)]


def _missing_parameters(
    function: ast.FunctionDef, parameters: list[ast.arg], wanted: int, lines: Lines
) -> tuple[int, str, str] | None:
    """(offset, text, the corrected header) for `check()`, `check(self)` and `check(instance)`; None for anything else."""
    arguments = function.args
    if len(parameters) >= wanted or arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        return None
    names = [a.arg for a in parameters]
    at = lines.text.find("(", lines.start(function)) + 1
    if names == ["self"]:
        end = lines.end(parameters[0])
        return end, ", instance", "def check(self, instance):"
    if not names:
        return at, "self, instance", "def check(self, instance):"
    first = names[0]
    calls_it_self = any(
        isinstance(n, ast.Attribute)
        and isinstance(n.value, ast.Name)
        and n.value.id == first
        and n.attr not in ("get", "items", "keys", "values", "copy", "pop")
        for n in walk(function)
    )
    return None if calls_it_self else (at, "self, ", f"def check(self, {first}):")


def _init(function: ast.FunctionDef | ast.AsyncFunctionDef, chain: list[ast.ClassDef], lines: Lines) -> list[Defect]:
    start = lines.start(function)
    end = start + len("def")
    arguments = function.args
    names = [a.arg for a in [*arguments.posonlyargs, *arguments.args]][1:]
    needed = names[: len(names) - len(arguments.defaults)] if arguments.defaults else names
    needed += [a.arg for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is None]
    takes = set(names) | {a.arg for a in arguments.kwonlyargs}
    fits = any(
        set(needed) <= set(given) and (arguments.kwarg is not None or set(given) <= takes) for given in (_NEW, _OLD)
    )
    shown = ", ".join(["self", *names, *(f"*{arguments.vararg.arg}" for _ in [0] if arguments.vararg)])
    if not fits:
        text = f"`__init__({shown})` where the Agent passes name, init_config and instances by keyword"
        return [Defect("init-signature", "__init__", text, start, end, None, (), True, False)]
    if not _calls_base(function, chain):
        text = "an `__init__` that does not call the one of AgentCheck, without which nothing can be submitted"
        return [Defect("init-without-super", "__init__", text, start, end, None, (), True, False)]
    return []


def _calls_base(function: ast.AST, chain: list[ast.ClassDef]) -> bool:
    """Whether any `….__init__(…)` or `super()…` is called; what it is called on is not judged."""
    return any(isinstance(n, ast.Attribute) and n.attr == "__init__" for n in walk(function)) or any(
        isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id in ("super", *(c.name for c in chain), *CHECK_BASES)
        for n in walk(function)
    )


def _is_set_outside(module: Module, parents: Parents, class_name: str, attribute: str) -> bool:
    """`MyCheck.check = something`, or computed names."""
    if module.is_dynamic or module.stars:
        return True
    return any(isinstance(n, ast.Attribute) and n.attr == attribute and isinstance(n.ctx, ast.Store) for n in parents)


def lone_check_function(module: Module, parents: Parents) -> ast.FunctionDef | None:
    """A `check(self, instance)` that stands beside the class it was meant for: the class has none, and nothing else uses the function."""
    leaves = module.leaves()
    function = module.functions.get("check")
    if len(leaves) != 1 or function is None or function.decorator_list:
        return None
    chain = module.chain(leaves[0])
    if chain is None or any("check" in bound_in_class(c) for c in chain):
        return None
    names = [a.arg for a in function.args.args]
    if names[:1] != ["self"] or any(isinstance(n, ast.Name) and n.id == "check" for n in parents):
        return None
    return function
