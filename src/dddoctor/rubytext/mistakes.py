"""What parses in a Vagrantfile and is not what was meant. Faults over the text that was read; their spans mend it.

Source: Vagrant 2.4. A provisioner's `inline` holds one text, so a second assignment replaces the first; the Docker *provider* runs machines in containers and
knows `image`, `build_dir`, `cmd` …; `pull_images`, `build_image` and `run` belong to the Docker *provisioner*, which installs Docker in the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dddoctor.lazyre import lazy
from dddoctor.rubytext.faults import Fault
from dddoctor.rubytext.lexer import Lines
from dddoctor.rubytext.literals import decoded
from dddoctor.rubytext.tree import walk
from dddoctor.rubytext.vagrantfile import Facts, Provider, Provisioner

_CONFIG_PARTS = frozenset(("vm", "ssh", "winrm"))
_PROVISIONER_ONLY = frozenset(("pull_images", "images", "build_image", "run", "post_install_provision"))
_PROVIDER_NEEDS = frozenset(("image", "build_dir", "dockerfile", "compose", "git_repo", "vagrant_vagrantfile"))
_ONE_OPTION = r"[a-z_]+(?:=[\w./:+-]+?)?"
_MOUNT_WORDS = r"(?:dmode|fmode|umask|dmask|uid|gid|vers)"
_DYNAMIC = lazy(
    rb"instance_eval|instance_exec|method_missing|define_method|\beval\b|\bbinding\b|^\s*(?:load|require_relative)\b",
    re.MULTILINE,
)


def mistakes(found: Facts, root: Any, text: str) -> list[Fault]:
    """All of one file, ordered by place."""
    faults = [
        *_repeated_inlines(found, text),
        *_docker_providers(found),
        *_receivers(found, root, text),
        *_mount_options(found),
    ]
    return sorted(faults, key=lambda f: f.start)


# --- inline twice -----------------------------------------------------------------------------------------------------


def _repeated_inlines(found: Facts, text: str) -> Iterator[Fault]:
    for provisioner in found.provisioners:
        plain = _plain_inlines(provisioner)
        for earlier, later in zip(plain, plain[1:], strict=False):
            yield Fault(
                "inline-set-twice",
                later.start_byte,
                _left(later),
                tuple(_joined(found, plain, text)),
                earlier.start_byte,
            )


def _plain_inlines(provisioner: Provisioner) -> list[Any]:
    """The assignments of `inline` that stand directly in the block and do not look at the value before."""
    if provisioner.body is None or provisioner.param is None:
        return []
    direct = {child.start_byte for child in provisioner.body.named_children if child.type == "assignment"}
    own = provisioner.param + b".inline"
    plain = [n for n in provisioner.inlines if n.start_byte in direct]
    if any(own in n.child_by_field_name("right").text for n in plain) or b"return" in provisioner.body.text:
        return []
    return plain


def _left(node: Any) -> str:
    return decoded(node.child_by_field_name("left").text)


def _joined(found: Facts, plain: list[Any], text: str) -> Iterator[tuple[int, int, str]]:
    """The spans that make one text of all: a here-document where all are simple lines that follow each other, else `+=` in place of each later `=`."""
    commands = [_simple(n.child_by_field_name("right")) for n in plain]
    between = [text[a.end_byte : b.start_byte] for a, b in zip(plain, plain[1:], strict=False)]
    tail = text[plain[-1].end_byte :].split("\n", 1)[0].strip()
    if None not in commands and not tail and all(not gap.strip() and gap.count("\n") == 1 for gap in between):
        lines = Lines(text)
        start = lines.start(lines.of(plain[0].start_byte))
        indent = text[start : plain[0].start_byte]
        if not indent.strip():
            step, newline = ("\t" if indent.endswith("\t") else "  "), "\r\n" if "\r\n" in text else "\n"
            mark = next(
                m for m in ("SHELL", "COMMANDS", "END_OF_COMMANDS") if not any(m in (c or "") for c in commands)
            )
            body = "".join(f"{indent}{step}{command}{newline}" for command in commands)
            head = _left(plain[0]).encode().decode("latin-1")
            yield (plain[0].start_byte, plain[-1].end_byte, f"{head} = <<-{mark}{newline}{body}{indent}{mark}")
            return
    for node in plain[1:]:
        right = node.child_by_field_name("right")
        equals = next(c for c in node.children if c.type == "=")
        yield (equals.start_byte, equals.end_byte, "+=")
        yield (right.start_byte, right.start_byte, '"\\n" + ')


def _simple(right: Any) -> str | None:
    """The inside of a string of one line that reads the same in a here-document; None for any other value."""
    if right.type != "string" or right.text[:1] not in (b'"', b"'") or b"\\" in right.text or b"\n" in right.text:
        return None
    inside = right.text[1:-1].decode("latin-1")
    if right.text[:1] == b"'" and re.search(r"#[{$@]", inside):
        return None
    return str(inside.strip()) or None


# --- provider and provisioner -----------------------------------------------------------------------------------------


def _docker_providers(found: Facts) -> Iterator[Fault]:
    docker = [p for p in found.providers if p.name == "docker"]
    can_run = any(_PROVIDER_NEEDS & set(p.methods) for p in docker)
    has_box = any(m.box_start is not None for m in found.machines)
    has_provisioner = any(p.kind == "docker" for p in found.provisioners)
    for provider in docker:
        clear = next((m for m in provider.methods if m in _PROVISIONER_ONLY), None)
        if clear is not None or (has_box and not can_run and not provider.methods):
            yield Fault(
                "provider-for-provisioner",
                provider.start,
                clear or "docker",
                () if has_provisioner or can_run else _as_provisioner(provider),
            )


def _as_provisioner(provider: Provider) -> tuple[tuple[int, int, str], ...]:
    method = provider.node.child_by_field_name("method")
    return ((method.start_byte, method.end_byte, "provision"),)


# --- receivers --------------------------------------------------------------------------------------------------------


def _receivers(found: Facts, root: Any, text: str) -> Iterator[Fault]:
    """`vm.box = …` without `config.` before it, and `cofnig.vm.box`: names that nothing in the file defines."""
    if not found.receivers or _DYNAMIC.search(text.encode("latin-1")):
        return
    bound = _bound_names(root)
    for node, method, reach, is_param in found.receivers:
        name = decoded(node.text)
        if is_param or name in bound:
            continue
        if name in _CONFIG_PARTS and reach:
            yield Fault(
                "receiver-missing",
                node.start_byte,
                name,
                ((node.start_byte, node.start_byte, reach[-1].encode().decode("latin-1") + "."),),
            )
        elif method == "vm" and name not in _CONFIG_PARTS:
            meant = [r for r in reach if _is_near(name, r)]
            spans = ((node.start_byte, node.end_byte, meant[0].encode().decode("latin-1")),) if len(meant) == 1 else ()
            yield Fault("receiver-unknown", node.start_byte, name, spans)


def _bound_names(root: Any) -> set[str]:
    """Names that are assigned or defined anywhere. Blocks' parameters are not among them: those count in their block only."""
    names: set[str] = set()
    for node in walk(root):
        if node.type in ("assignment", "operator_assignment", "for"):
            left = node.child_by_field_name("left") or node.child_by_field_name("pattern")
            if left is not None and left.type != "call":
                names |= {decoded(n.text) for n in walk(left) if n.type == "identifier"}
        elif node.type in ("method", "singleton_method", "alias", "exception_variable"):
            named = node.child_by_field_name("name") or (node.named_children[0] if node.named_children else None)
            if named is not None:
                names.add(decoded(named.text))
    return names


def _is_near(name: str, other: str) -> bool:
    """One letter more, less or other, or two neighbours swapped."""
    if abs(len(name) - len(other)) > 1 or min(len(name), len(other)) < 3:
        return False
    start = 0
    while start < min(len(name), len(other)) and name[start] == other[start]:
        start += 1
    a, b = name[start:], other[start:]
    return (
        a[1:] == b[1:]
        or a[1:] == b
        or a == b[1:]
        or (len(a) > 1 and len(b) > 1 and a[:2] == b[1::-1] and a[2:] == b[2:])
    )


# --- mount options ----------------------------------------------------------------------------------------------------


def _mount_options(found: Facts) -> Iterator[Fault]:
    """Two options in one word: two strings without a comma between them, which Ruby joins, or a text with a blank or nothing where the comma should be."""
    for folder in found.folders:
        node = folder.mount_options
        if node is None or node.type != "array":
            continue
        for child in node.named_children:
            if child.type == "chained_string":
                parts = child.named_children
                spans = tuple((p.end_byte, p.end_byte, ",") for p in parts[:-1])
                value = "".join(str(found.literals.value(p) or "") for p in parts)
                if len(parts) > 1 and all(re.fullmatch(_ONE_OPTION, str(found.literals.value(p) or "")) for p in parts):
                    yield Fault("mount-options-joined", child.start_byte, value, spans)
            elif child.type == "string":
                value = found.literals.value(child)
                if not isinstance(value, str) or len(value) != child.end_byte - child.start_byte - 2:
                    continue
                for match in re.finditer(
                    rf"(?<=\w)(\s+|(?={_MOUNT_WORDS}=))(?={_ONE_OPTION}(?:\s|,|$|{_MOUNT_WORDS}=))", value
                ):
                    before = re.split(r"[,\s]", value[: match.start()])[-1]
                    if "=" not in before or (not match[0] and not re.fullmatch(rf"{_MOUNT_WORDS}=\w+", before)):
                        continue
                    at = child.start_byte + 1
                    yield Fault(
                        "mount-options-joined", child.start_byte, value, ((at + match.start(), at + match.end(), ","),)
                    )
                    break
