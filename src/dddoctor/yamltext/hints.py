"""What is wrong in a text that the Agent accepts: swallowed lines, dashes and blanks that went missing, keys given twice, what stands behind the document.

Everything here must be silent on YAML that is merely unusual, and cheap on files where there is nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.lazyre import lazy
from dddoctor.yamltext.nodes import Document, Node

# Literal beginnings keep these fast. What they find is confirmed on the nodes.
_LOST_AFTER_DASH = lazy(r"\n *(?:- +)*-[A-Za-z_]")
_LOST_AFTER_COLON = lazy(r":\n +[\w.-]+:[^\s/]")
_LOST_WITH_CR = lazy(r":\r\n +[\w.-]+:[^\s/]")
_ODD = lazy("[\xa0\xad\u00ab\u00bb\u1680\u2000-\u200f\u2018-\u201f\u202f\u205f\u2060\u3000\ufeff]")
_TWO_COLONS = lazy(r"::(?:[ \t\r]|$)", re.MULTILINE)
_FLOW_COLON = lazy(r"\{[^}\n]*[\w\"']:[^\s/:\]}]")
_REPEATED = lazy(r"(\n *- [^\n]+)\1\r?\n")
_NESTED_NAME = lazy(r"\n +(?:logs|instances):")
_DIGIT_HASH = lazy(r"#(?<=\w#)")
_HALF = lazy(r"^[ ]*#+ ?[ ]*[A-Za-z_][\w.-]*:[ \t]*\r?$", re.MULTILINE)
_NESTED_MAIN = lazy(
    r"^[ ]+(?:apm_config|logs_config|process_config|api_key|dd_url|logs_enabled|dogstatsd_port|confd_path):",
    re.MULTILINE,
)


def is_unsuspicious(document: Document) -> bool:
    """Whether an accepted document can be left without looking further. Reads the text once."""
    if document.warnings or document.needs_decoding or document.rest_ignored_line is not None or document.bom_bytes:
        return False
    text = document.text
    if document.has_long_texts or "`" in text or (not text.isascii() and _ODD.search(text)):
        return False
    if _LOST_AFTER_DASH.search(text) or _LOST_AFTER_COLON.search(text) or ("\r" in text and _LOST_WITH_CR.search(text)):
        return False
    if "::" in text and _TWO_COLONS.search(text):
        return False
    if ':"' in text or ":'" in text or _REPEATED.search(text) or _NESTED_NAME.search(text):
        return False
    if ("{" in text and _FLOW_COLON.search(text)) or ("#" in text and _DIGIT_HASH.search(text)):
        return False
    if document.kind == "main":
        return not (_HALF.search(text) or _NESTED_MAIN.search(text))
    return document.kind != "check" or not _may_have_wrong_types(document)


def _may_have_wrong_types(document: Document) -> bool:
    """A quick look at the typed options of each instance, and at instances that a dash per key cut up."""
    root = document.root
    if root is None or root.kind != "map":
        return False
    children = root.children
    for position in range(0, len(children), 2):
        name = children[position].event.value
        value = children[position + 1]
        if name == "init_config":
            if value.kind == "seq" or (value.kind == "scalar" and (value.event.value or value.event.style)):
                return True
            if value.kind == "map" and any(
                key.event.value == "service" and inner.kind != "scalar" for key, inner in value.pairs
            ):
                return True
        elif name == "logs":
            if value.kind == "map":
                return True
        elif name == "instances":
            items = value.children
            if len(items) > 1 and all(len(item.children) == 2 for item in items):
                return True
            for item in items:
                options = item.children if item.kind == "map" else []
                for index in range(0, len(options), 2):
                    option = options[index].event.value
                    if option == "tags":
                        tags = options[index + 1]
                        if tags.kind != "seq" or any(tag.kind != "scalar" for tag in tags.children):
                            return True
                    elif option == "min_collection_interval":
                        if options[index + 1].type not in ("int", "float"):
                            return True
                    elif option in ("service", "name", "namespace"):
                        if options[index + 1].kind != "scalar":
                            return True
                    elif option in ("empty_default_hostname", "no_index") and options[index + 1].type != "bool":
                        return True
    return False


def nodes_of(document: Document) -> Iterator[tuple[Node, Node | None, Node | None]]:
    """Every node in document order with its parent and, for the value of a pair, its key. Aliases are not followed."""
    root = document.root
    if root is None:
        return
    stack: list[tuple[Node, Node | None, Node | None]] = [(root, None, None)]
    while stack:
        node, parent, key = stack.pop()
        yield node, parent, key
        if node.is_alias or not node.children:
            continue
        children = node.children
        if node.kind == "seq":
            stack.extend((child, node, None) for child in reversed(children))
        else:
            for position in range(len(children) - 2, -1, -2):
                stack.append((children[position + 1], node, children[position]))
                stack.append((children[position], node, None))
