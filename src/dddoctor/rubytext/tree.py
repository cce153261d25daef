"""The parser: tree-sitter's grammar of Ruby. Imported only where there is a Ruby file to look at (its compiled grammar is 2 MB)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_RESERVED = frozenset(
    b"begin break case class def do else elsif end ensure for if in module next redo rescue retry return then undef unless until when while yield".split()
)
SIZE_LIMIT_BYTES = 512 * 1024


@lru_cache(maxsize=1)
def _parser() -> Any:
    import tree_sitter

    return tree_sitter.Parser(tree_sitter.Language(_grammar()))


def _grammar() -> Any:
    """The compiled grammar, taken from its file: the package around it would also import what finds query files, which takes longer than the parsing."""
    from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader
    from importlib.util import find_spec, module_from_spec, spec_from_loader

    package = find_spec("tree_sitter_ruby")
    for folder in package.submodule_search_locations or () if package else ():
        for suffix in EXTENSION_SUFFIXES:
            path = os.path.join(folder, f"_binding{suffix}")
            if os.path.exists(path):
                name = "tree_sitter_ruby._binding"
                spec = spec_from_loader(name, ExtensionFileLoader(name, path), origin=path)
                assert spec is not None
                binding: Any = module_from_spec(spec)
                return binding.language()
    import tree_sitter_ruby

    return tree_sitter_ruby.language()


def parse(data: bytes) -> Any:
    """The root node. Offsets are bytes of `data`."""
    return _parser().parse(data).root_node


def first_error(root: Any) -> int | None:
    """The offset of the first place that is not Ruby; None where the whole parses.

    The grammar takes an `end` too many for a variable of that name: such a word counts as an error here.
    """
    places = []
    for node in walk(root):
        if (
            node.is_error
            or node.is_missing
            or node.type == "identifier"
            and node.text in _RESERVED
            and not _is_name(node)
        ):
            places.append(node.start_byte)
    return min(places, default=0 if root.has_error else None)


def _is_name(node: Any) -> bool:
    """Whether a reserved word stands where any name may: behind a dot, or as the name that is defined."""
    before = node.prev_sibling
    return (before is not None and before.type in (".", "&.", "::", "def")) or (
        node.parent is not None
        and node.parent.type in ("alias", "undef", "method", "singleton_method", "keyword_parameter")
    )


def walk(root: Any) -> Iterator[Any]:
    """Every node in document order, without recursion."""
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        todo += reversed(node.children)
