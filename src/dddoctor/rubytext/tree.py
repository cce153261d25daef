"""The parser: tree-sitter's grammar of Ruby. Imported only where there is a Ruby file to look at (its compiled grammar is 2 MB)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

SIZE_LIMIT_BYTES = 512 * 1024


@lru_cache(maxsize=1)
def _parser() -> Any:
    import tree_sitter
    import tree_sitter_ruby

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_ruby.language()))


def parse(data: bytes) -> Any:
    """The root node. Offsets are bytes of `data`."""
    return _parser().parse(data).root_node


def first_error(root: Any) -> int | None:
    """The offset of the first place that is not Ruby; None where the whole parses."""
    if not root.has_error:
        return None
    places = [n.start_byte for n in walk(root) if n.is_error or n.is_missing]
    return min(places, default=0)


def walk(root: Any) -> Iterator[Any]:
    """Every node in document order, without recursion."""
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        todo += reversed(node.children)
