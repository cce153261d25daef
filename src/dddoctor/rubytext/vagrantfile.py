"""What a Vagrantfile tells Vagrant: boxes, provisioners, ports, folders, providers. Read from the tree, never executed.

Source of what the words mean: Vagrant's documentation (Vagrantfile, provisioning, networking, synced folders, Docker provider), 2.4.
"""

from __future__ import annotations

import re
from typing import Any

from dddoctor.light import NamedTuple
from dddoctor.rubytext.literals import Literals, decoded, joined_lines

_CONDITIONS = frozenset(
    (
        "if",
        "unless",
        "elsif",
        "else",
        "case",
        "when",
        "case_match",
        "in_clause",
        "while",
        "until",
        "for",
        "if_modifier",
        "unless_modifier",
        "while_modifier",
        "until_modifier",
        "rescue",
        "conditional",
    )
)
_DEPTH_LIMIT = 150


class Role(NamedTuple):
    """What a block's parameter stands for. `kind`: config, provider, provisioner, other; `part` is the Provider or Provisioner."""

    kind: str
    machine: str | None = None
    part: Any = None


class Machine:
    """One machine; `name` None = the settings that count for all. Offsets are those of the text that was read."""

    def __init__(self, name: str | None, start: int) -> None:
        self.name, self.start = name, start
        self.box: str | None = None
        self.box_start: int | None = None
        self.memory_mb: int | None = None
        self.memory_start: int | None = None


class Provisioner:
    """One `config.vm.provision`. `lines` is its shell text, `path` the script it names; `is_known` is False where the file does not tell all of them, `is_run_known` the same for `run`.

    `inlines` are the plain assignments of `.inline` to the parameter `param` of its block, whose inside is `body`.
    """

    def __init__(
        self, node: Any, kind: str | None, name: str | None, machine: str | None, is_conditional: bool
    ) -> None:
        self.node, self.start = node, node.start_byte
        self.kind, self.name, self.machine, self.is_conditional = kind, name, machine, is_conditional
        self.run = "once"
        self.is_run_known = True
        self.lines: list[tuple[int, str]] = []
        self.is_known = True
        self.path: str | None = None
        self.param: bytes | None = None
        self.inlines: list[Any] = []
        self.body: Any = None


class Provider:
    """One `config.vm.provider`. `methods` are the names called or set on its block's parameter."""

    def __init__(self, node: Any, name: str | None) -> None:
        self.node, self.start, self.name = node, node.start_byte, name
        self.methods: list[str] = []


class Port(NamedTuple):
    start: int
    machine: str | None
    guest: int | None
    host: int | None
    auto_correct: bool
    protocol: str
    guest_node: Any


class Network(NamedTuple):
    """A network by which the guest has an address of its own: private_network or public_network."""

    start: int
    machine: str | None
    kind: str


class Folder(NamedTuple):
    start: int
    machine: str | None
    source: str | None
    target: str | None
    type: str | None
    is_disabled: bool
    mount_options: Any


class Facts:
    """All of one file. `receivers` are (name node, the method called on it, the config parameters in reach, whether it is a parameter) of what stands before a dot."""

    def __init__(self, literals: Literals) -> None:
        self.literals = literals
        self.machines: list[Machine] = []
        self.provisioners: list[Provisioner] = []
        self.providers: list[Provider] = []
        self.ports: list[Port] = []
        self.networks: list[Network] = []
        self.folders: list[Folder] = []
        self.receivers: list[tuple[Any, str, tuple[str, ...], bool]] = []
        self.is_configured = False

    def machine(self, name: str | None, start: int) -> Machine:
        found = next((m for m in self.machines if m.name == name), None)
        if found is None:
            found = Machine(name, start)
            self.machines.append(found)
        return found


def facts(root: Any, text: str) -> Facts:
    """The facts of a file that parses."""
    reader = _Reader(Facts(Literals(root, text)))
    reader.visit(root, {}, None, False, 0)
    return reader.facts


def chain(node: Any) -> tuple[Any, list[str]] | None:
    """(the identifier it begins with, the methods called on it in turn): `config.vm.box` is (config, [vm, box]). None for anything else."""
    methods: list[str] = []
    while node is not None and node.type == "call":
        method = node.child_by_field_name("method")
        receiver = node.child_by_field_name("receiver")
        if method is None or receiver is None:
            return None
        methods.insert(0, decoded(method.text))
        node = receiver
    if node is None or node.type != "identifier" or not methods:
        return None
    return node, methods


class _Reader:
    def __init__(self, found: Facts) -> None:
        self.facts, self.values = found, found.literals

    def visit(self, node: Any, scope: dict[str, Role], machine: str | None, conditional: bool, depth: int) -> None:
        if depth > _DEPTH_LIMIT:
            return
        if node.type == "call":
            self._call(node, scope, machine, conditional, depth)
            return
        if node.type in ("assignment", "operator_assignment"):
            self._assignment(node, scope, machine, conditional)
        elif node.type == "method":
            scope = {name: Role("other") for name in _param_names(node.child_by_field_name("parameters"))}
        inner = conditional or node.type in _CONDITIONS
        for child in node.named_children:
            self.visit(child, scope, machine, inner, depth + 1)

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, node: Any, scope: dict[str, Role], machine: str | None, conditional: bool, depth: int) -> None:
        block = node.child_by_field_name("block")
        names = _param_names(block.child_by_field_name("parameters")) if block is not None else []
        roles = [Role("other")] * len(names)
        inner_machine = machine
        if _is_configure(node):
            self.facts.is_configured = True
            roles = [Role("config"), *roles][: len(names)]
            self.facts.machine(None, node.start_byte)
        linked = chain(node)
        if linked is not None:
            self._receiver(linked, scope)
            role = scope.get(decoded(linked[0].text))
            if role is not None and role.kind == "config":
                made, inner_machine = self._config_call(node, linked[1], role, block, names, conditional)
                roles = [*made, *roles][: len(names)]
            elif role is not None and role.kind == "provider":
                self._provider_call(node, linked[1], role)
        inner = {**scope, **dict(zip(names, roles, strict=False))} if names else scope
        for child in node.named_children:
            if child is block or (
                block is not None and child.start_byte == block.start_byte and child.type == block.type
            ):
                is_loop = linked is None or scope.get(decoded(linked[0].text), Role("other")).kind == "other"
                for part in child.named_children:
                    self.visit(
                        part, inner, inner_machine, conditional or (is_loop and not _is_configure(node)), depth + 1
                    )
            elif linked is None or child.start_byte != linked[0].start_byte:
                self.visit(child, scope, machine, conditional, depth + 1)

    def _config_call(
        self, node: Any, methods: list[str], role: Role, block: Any, names: list[str], conditional: bool
    ) -> tuple[list[Role], str | None]:
        """The roles of the block's parameters, and the machine the block speaks of."""
        arguments = node.child_by_field_name("arguments")
        plain = (
            [
                a
                for a in arguments.named_children
                if a.type not in ("pair", "comment", "hash_splat_argument", "block_argument")
            ]
            if arguments is not None
            else []
        )
        options = dict(self.values.pairs(arguments)) if arguments is not None else {}
        if plain and plain[-1].type == "hash":
            options.update(self.values.pairs(plain[-1]))
        first = self.values.value(plain[0]) if plain else None
        word = first if isinstance(first, str) else None
        if methods == ["vm", "define"]:
            name = word or f"(line {node.start_point[0] + 1})"
            self.facts.machine(name, node.start_byte)
            return [Role("config", name)], name
        if methods == ["vm", "provider"]:
            provider = Provider(node, word)
            self.facts.providers.append(provider)
            return [Role("provider", role.machine, provider), Role("config", role.machine)], role.machine
        if methods == ["vm", "provision"]:
            return [
                Role(
                    "provisioner",
                    role.machine,
                    self._provision(node, word, options, arguments, role, block, names, conditional),
                )
            ], role.machine
        if methods == ["vm", "network"]:
            self._network(node, word, options, arguments, role)
        elif methods == ["vm", "forward_port"] and len(plain) > 1:
            guest, host = self.values.value(plain[0]), self.values.value(plain[1])
            self.facts.ports.append(
                Port(node.start_byte, role.machine, _number(guest), _number(host), False, "tcp", plain[0])
            )
        elif methods == ["vm", "synced_folder"] and plain:
            target = self.values.value(plain[1]) if len(plain) > 1 else None
            mount = next(
                (
                    p.child_by_field_name("value")
                    for p in (arguments.named_children if arguments else ())
                    if p.type == "pair" and self.values.key(p) == "mount_options"
                ),
                None,
            )
            kind = options.get("type")
            self.facts.folders.append(
                Folder(
                    node.start_byte,
                    role.machine,
                    word,
                    target if isinstance(target, str) else None,
                    kind if isinstance(kind, str) else None,
                    options.get("disabled") is True,
                    mount,
                )
            )
        return [], role.machine

    def _provision(
        self,
        node: Any,
        word: str | None,
        options: dict[str, Any],
        arguments: Any,
        role: Role,
        block: Any,
        names: list[str],
        conditional: bool,
    ) -> Provisioner:
        kind = options.get("type") if isinstance(options.get("type"), str) else word
        name = word if "type" in options else None
        found = Provisioner(node, kind, name, role.machine, conditional)
        run = options.get("run", "once")
        found.run, found.is_run_known = (run, True) if isinstance(run, str) else ("once", False)
        if "type" in options and not isinstance(options["type"], str):
            found.kind = None
        if arguments is not None:
            for pair in (p for p in arguments.named_children if p.type == "pair"):
                self._option(found, self.values.key(pair), pair.child_by_field_name("value"))
            if any(a.type == "hash_splat_argument" for a in arguments.named_children):
                found.is_known = found.is_run_known = False
        if block is not None and names:
            found.param = names[0].encode()
            found.body = block.child_by_field_name("body")
        self.facts.provisioners.append(found)
        return found

    def _option(self, found: Provisioner, key: str | None, value: Any) -> None:
        if key == "inline":
            lines = self.values.lines(value)
            found.lines += lines or []
            found.is_known = found.is_known and lines is not None
        elif key == "path":
            path = self.values.value(value)
            found.path = path if isinstance(path, str) else None
            found.is_known = found.is_known and isinstance(path, str)

    def _network(self, node: Any, word: str | None, options: dict[str, Any], arguments: Any, role: Role) -> None:
        if word in ("private_network", "public_network", "hostonly", "bridged"):
            self.facts.networks.append(Network(node.start_byte, role.machine, word))
        elif word == "forwarded_port":
            guest = next(
                (
                    p.child_by_field_name("value")
                    for p in arguments.named_children
                    if p.type == "pair" and self.values.key(p) == "guest"
                ),
                None,
            )
            protocol = options.get("protocol")
            self.facts.ports.append(
                Port(
                    node.start_byte,
                    role.machine,
                    _number(options.get("guest")),
                    _number(options.get("host")),
                    options.get("auto_correct") is True,
                    protocol if isinstance(protocol, str) else "tcp",
                    guest,
                )
            )
        elif word is None:
            self.facts.networks.append(Network(node.start_byte, role.machine, "unknown"))

    def _provider_call(self, node: Any, methods: list[str], role: Role) -> None:
        role.part.methods.append(methods[0])
        if methods == ["customize"] and node.child_by_field_name("arguments") is not None:
            values = [self.values.value(a) for a in node.child_by_field_name("arguments").named_children]
            words = values[0] if values and isinstance(values[0], list) else []
            if "--memory" in words[:-1]:
                at = words.index("--memory") + 1
                self._memory(role, _number(words[at]), node.start_byte)

    def _memory(self, role: Role, value: int | None, start: int) -> None:
        machine = self.facts.machine(role.machine, start)
        machine.memory_mb, machine.memory_start = value, start

    # --- assignments --------------------------------------------------------------------------------------------------

    def _assignment(self, node: Any, scope: dict[str, Role], machine: str | None, conditional: bool) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        is_element = left is not None and left.type == "element_reference"
        linked = chain(left.child_by_field_name("object") if is_element else left) if left is not None else None
        if linked is None:
            return
        role = scope.get(decoded(linked[0].text))
        methods = linked[1]
        if role is None or role.kind == "other":
            return
        if role.kind == "config" and methods == ["vm", "box"]:
            found = self.facts.machine(role.machine, node.start_byte)
            value = self.values.value(right)
            found.box, found.box_start = (
                (value if isinstance(value, str) and not conditional else None),
                node.start_byte,
            )
        elif role.kind == "provider":
            role.part.methods.append(methods[0])
            is_memory = methods == ["memory"] or (is_element and methods == ["vmx"] and b"memsize" in left.text)
            if is_memory:
                self._memory(role, None if conditional else _number(self.values.value(right)), node.start_byte)
        elif role.kind == "provisioner" and node.type == "assignment" and methods in (["inline"], ["path"]):
            self._option(role.part, methods[0], right)
            if methods == ["inline"]:
                role.part.inlines.append(node)
        elif role.kind == "provisioner" and methods == ["inline"]:
            more = self.values.lines(right)  # `+=`
            role.part.lines = joined_lines(role.part.lines, more or [])
            role.part.is_known = role.part.is_known and more is not None

    def _receiver(self, linked: tuple[Any, list[str]], scope: dict[str, Role]) -> None:
        if not self.facts.is_configured:
            return
        name = decoded(linked[0].text)
        reach = tuple(n for n, role in scope.items() if role.kind == "config")
        self.facts.receivers.append((linked[0], linked[1][0], reach, name in scope))


def _is_configure(node: Any) -> bool:
    """`Vagrant.configure(…)` or, in the first version, `Vagrant::Config.run`."""
    receiver, method = node.child_by_field_name("receiver"), node.child_by_field_name("method")
    if receiver is None or method is None:
        return False
    return bool(
        (receiver.text == b"Vagrant" and method.text == b"configure")
        or (receiver.text == b"Vagrant::Config" and method.text == b"run")
    )


def _param_names(node: Any) -> list[str]:
    """The names of a block's, lambda's or method's parameters, in order."""
    names: list[str] = []
    todo = list(reversed(node.named_children)) if node is not None else []
    while todo:
        child = todo.pop()
        if child.type == "identifier":
            names.append(decoded(child.text))
        else:
            name = child.child_by_field_name("name")
            todo += [name] if name is not None else list(reversed(child.named_children))
    return names


def _number(value: Any) -> int | None:
    """A whole number, also of `"1024"`."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()) else None
