"""How a check submits: wrong arguments, tags that become nonsense, and checks that never submit or never come back."""

from __future__ import annotations

import ast

from dddoctor.pytext.catalogue import Catalogue
from dddoctor.pytext.module import Module, bound_in_class, method
from dddoctor.pytext.names import Parents, Target, runs_at_import
from dddoctor.pytext.nodes import children, walk
from dddoctor.pytext.parse import Lines
from dddoctor.pytext.reading import Defect

DEFAULT_INTERVAL_SECONDS = 15
_NEEDS = {"service_check": 2, "increment": 1, "decrement": 1, "event": 1}


def submission_defects(
    module: Module, parents: Parents, lines: Lines, known: Catalogue, target: Target
) -> list[Defect]:
    """Defects of the calls that send data. Each was recorded on 7.52: what the Agent says to it stands in the text."""
    found: list[Defect] = []
    chains = [c for n in module.leaves() if (c := module.chain(n)) is not None]
    methods = {c for chain in chains for node in chain for c in walk(node)}
    own = {n for chain in chains for node in chain for n in bound_in_class(node)}
    for node in parents:
        if (
            isinstance(node, ast.Call)
            and node in methods
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            name = node.func.attr
            if node.func.value.id == "self" and name in known.submits and name not in own:
                found += _call(node, name, lines, known, target)
        if (
            isinstance(node, ast.Call)
            and _dotted(node.func) in ("os._exit", "os.abort")
            and not isinstance(parents.get(node), ast.Attribute)
        ):
            found.append(
                _at(
                    "ends-agent",
                    _dotted(node.func),
                    "a call that ends the whole Agent, without a word in agent.log",
                    node,
                    lines,
                )
            )
        if isinstance(node, ast.While) and runs_at_import(node, parents) and _is_endless(node):
            found.append(
                _at(
                    "endless-loop",
                    "while",
                    "an endless loop that runs when the file is imported: the Agent never gets past it",
                    node,
                    lines,
                    blocks=True,
                )
            )
    for chain in chains:
        found += _endless_check(chain, lines)
    is_stopped = any(d.kind in ("endless-loop", "ends-agent") for d in found)
    if chains and not module.is_dynamic and not is_stopped:
        found += _never_submits(chains[0], lines, known)
    return found


def _at(kind: str, name: str, text: str, node: ast.AST, lines: Lines, *, blocks: bool = False) -> Defect:
    return Defect(kind, name, text, lines.start(node), lines.end(node), None, (), True, blocks)


def _call(node: ast.Call, name: str, lines: Lines, known: Catalogue, target: Target) -> list[Defect]:
    parameters = known.submits[name]
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        return []
    given = {k.arg: k.value for k in node.keywords if k.arg is not None}
    if target.major >= 6 and name != "event":
        unknown = [k for k in given if k not in parameters]
        if unknown:
            return [
                _at(
                    "wrong-argument",
                    unknown[0],
                    f"`{name}(…, {unknown[0]}=…)`, an argument that `{name}` does not have",
                    node,
                    lines,
                )
            ]
        if len(node.args) > len(parameters):
            return [
                _at(
                    "wrong-argument",
                    name,
                    f"{len(node.args)} arguments for `{name}`, which takes {len(parameters)}",
                    node,
                    lines,
                )
            ]
    needs = _NEEDS.get(name, 2)
    missing = [p for p in parameters[len(node.args) : needs] if p not in given]
    if missing and target.major >= 6:
        return [_at("wrong-argument", missing[0], f"`{name}` without its `{missing[0]}`", node, lines)]
    arguments = dict(zip(parameters, node.args, strict=False)) | given
    found = _tags(arguments["tags"], name, target, lines) if "tags" in arguments else []
    value = arguments.get("value")
    if "tags" in arguments and name not in ("event", "service_check"):
        found += _tag_texts(arguments["tags"], value, name, lines)
    if name == "monotonic_count" and value is not None and _has_random(value):
        text = "a random number as the value of `monotonic_count`, which sends the rise since the last run and drops every fall"
        found.append(_at("random-count", name, text, node, lines))
    if target.major >= 6 and name not in ("event", "service_check"):
        found += _name_and_value(arguments, name, lines)
    return found


def _name_and_value(arguments: dict[str, ast.expr], name: str, lines: Lines) -> list[Defect]:
    """Literals that never become a sample (measured on 7.52): None as a name ends the run, as a value it is dropped; a text that is no number gives a warning."""
    metric, value = arguments.get("name"), arguments.get("value")
    if isinstance(metric, ast.Constant) and metric.value is None:
        return [_at("wrong-argument", "name", f"None as the name of `{name}`, which ends the run", metric, lines)]
    if isinstance(value, (ast.List, ast.Tuple, ast.Dict, ast.Set)):
        return [
            _at(
                "wrong-argument",
                "value",
                f"a {type(value).__name__.lower()} as the value of `{name}`, which takes one number",
                value,
                lines,
            )
        ]
    if isinstance(value, ast.Constant) and value.value is None:
        return [
            _at(
                "value-lost", name, f"None as the value of `{name}`, which the Agent drops without a word", value, lines
            )
        ]
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and not _is_number(value.value):
        return [
            _at(
                "value-lost",
                name,
                f"a text that is no number as the value of `{name}`, which gives a warning and no sample",
                value,
                lines,
            )
        ]
    return []


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _tags(tags: ast.expr, name: str, target: Target, lines: Lines) -> list[Defect]:
    """A text as tags becomes one tag for each of its characters, a dict its keys; items that are no text are dropped; all with status [OK] (measured on 7.52)."""
    if isinstance(tags, ast.Constant) and isinstance(tags.value, (int, float)) and target.major >= 6:
        return [
            _at("wrong-argument", "tags", f"a number as the tags of `{name}`, which takes a list of texts", tags, lines)
        ]
    if isinstance(tags, (ast.List, ast.Tuple)) and target.major >= 6 and any(_is_no_text(t) for t in tags.elts):
        return [
            _at(
                "tags-dropped",
                name,
                f"tags of `{name}` that are no texts, which the Agent drops without a word",
                tags,
                lines,
            )
        ]
    if isinstance(tags, ast.Constant) and isinstance(tags.value, str) or isinstance(tags, ast.JoinedStr):
        return [
            _at("tags-text", name, f"tags of `{name}` as one text, of which each character becomes a tag", tags, lines)
        ]
    if isinstance(tags, (ast.Dict, ast.DictComp)) and not (isinstance(tags, ast.Dict) and not tags.keys):
        return [
            _at("tags-mapping", name, f"tags of `{name}` as a dict, of which only the keys become tags", tags, lines)
        ]
    return []


def _tag_texts(tags: ast.expr, value: ast.expr | None, name: str, lines: Lines) -> list[Defect]:
    """Tags that make a metric of each value, and the reserved key `host` (measured on 7.52: a plain tag; the metric's host stays the Agent's)."""
    if not isinstance(tags, (ast.List, ast.Tuple)):
        return []
    found = []
    own = _plain_name(value)
    for item in tags.elts:
        start = item.values[0] if isinstance(item, ast.JoinedStr) and item.values else item
        if isinstance(start, ast.Constant) and isinstance(start.value, str) and start.value.startswith("host:"):
            text = f"a tag `host:…` in `{name}`, a key that stands for the host which sends"
            found.append(_at("host-tag", name, text, item, lines))
        if not isinstance(item, (ast.JoinedStr, ast.BinOp, ast.Call)):
            continue
        names = {n.id for n in ast.walk(item) if isinstance(n, ast.Name)}
        if _has_random(item) or (own is not None and own in names):
            text = f"its own value in a tag of `{name}`, so that each value makes a metric of its own"
            found.append(_at("value-as-tag", name, text, item, lines))
    return found


def _plain_name(value: ast.expr | None) -> str | None:
    """The variable that is submitted, also through `float(…)` and the like; None for anything else."""
    while (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id in ("float", "int", "round")
        and value.args
    ):
        value = value.args[0]
    return value.id if isinstance(value, ast.Name) else None


def _has_random(node: ast.expr) -> bool:
    """Whether a call of the random module stands in it, by the names that it is used by."""
    return any(
        isinstance(n, ast.Call)
        and (
            ast.unparse(n.func).startswith("random.")
            or (isinstance(n.func, ast.Name) and n.func.id in ("randint", "randrange", "uniform"))
        )
        for n in ast.walk(node)
    )


def _is_no_text(item: ast.expr) -> bool:
    """A literal that is neither str nor bytes; a stray None in a list is often meant, so it does not count."""
    if isinstance(item, ast.Constant):
        return not isinstance(item.value, (str, bytes)) and item.value is not None
    return isinstance(item, (ast.Tuple, ast.List, ast.Dict, ast.Set))


def _is_endless(node: ast.While) -> bool:
    if not (isinstance(node.test, ast.Constant) and node.test.value):
        return False
    return not any(isinstance(n, (ast.Break, ast.Return, ast.Raise)) for n in walk(node)) and not any(
        isinstance(n, ast.Call) and ast.unparse(n.func).rpartition(".")[2] in ("exit", "_exit", "quit")
        for n in walk(node)
    )


def _endless_check(chain: list[ast.ClassDef], lines: Lines) -> list[Defect]:
    """A `check` that never returns or sleeps longer than its interval: it keeps one of the Agent's runners (measured on 7.52)."""
    check = method(chain, "check")
    found: list[Defect] = []
    todo: list[ast.AST] = list(check.body) if check is not None else []
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        if isinstance(node, ast.While) and _is_endless(node):
            found.append(
                _at(
                    "endless-loop",
                    "while",
                    "an endless loop in its `check`, which therefore never comes back",
                    node,
                    lines,
                )
            )
            continue
        if isinstance(node, ast.Call) and _dotted(node.func) in ("time.sleep", "sleep") and len(node.args) == 1:
            seconds = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if isinstance(seconds, (int, float)) and seconds >= DEFAULT_INTERVAL_SECONDS:
                text = f"a sleep of {seconds:g} seconds in its `check`, longer than the 15 seconds between two runs"
                found.append(_at("long-sleep", "sleep", text, node, lines))
        todo += children(node)
    return found


def _never_submits(chain: list[ast.ClassDef], lines: Lines, known: Catalogue) -> list[Defect]:
    """A `check` that only computes, prints or returns: status says [OK] with 0 samples (measured on 7.52)."""
    check = method(chain, "check")
    if check is None:
        return []
    is_silent = True
    for node in chain:
        for inner in (n for statement in node.body for n in walk(statement)):
            if not is_silent:
                break
            if isinstance(inner, ast.Name) and inner.id == "self" and isinstance(inner.ctx, ast.Load):
                is_silent = is_silent and not _may_submit(inner, node)
            if isinstance(inner, ast.Name) and inner.id in ("super", "AgentCheck", "aggregator", "statsd"):
                is_silent = False
            if isinstance(inner, ast.Attribute) and (
                inner.attr in known.submits or inner.attr in ("set", "statsd", "send_log", "set_metadata")
            ):
                is_silent = False
    body = [s for s in check.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if not is_silent or not body or any(isinstance(s, ast.Raise) for s in body):
        return []
    says = (
        "prints"
        if any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print" for n in walk(check))
        else ""
    )
    has_value = any(isinstance(n, ast.Return) and n.value is not None for n in walk(check))
    words = says + " and " if says else "returns its value and " if has_value else ""
    return [_at("never-submits", "check", f"a `check` that {words}submits nothing", check, lines)]


def _may_submit(node: ast.Name, root: ast.ClassDef) -> bool:
    """self given away, or a call of anything that may submit: only log, instance data and the like are known to be harmless."""
    harmless = {
        "log",
        "warning",
        "init_config",
        "instance",
        "instances",
        "name",
        "hostname",
        "check_id",
        "warnings",
        "agentConfig",
    }
    for inner in walk(root):
        if isinstance(inner, ast.Attribute) and inner.value is node:
            return inner.attr not in harmless
    return True


def _dotted(node: ast.expr) -> str:
    """`a` or `a.b` as written, "" for anything else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
