"""The values of a Ruby file's literals, as far as text tells: strings, here-documents, numbers, lists, and names that are assigned once."""

from __future__ import annotations

import re
from typing import Any

from dddoctor.rubytext.lexer import Heredoc, tokens
from dddoctor.rubytext.tree import walk

RUBY_VALUE = "__ruby__"  # stands for `#{…}` in the text of a command
_ESCAPES = {"n": "\n", "t": "\t", "s": " ", "r": "\r", "0": "\0", "e": "\x1b"}
_NAMES = ("identifier", "constant", "global_variable", "instance_variable", "class_variable")
_DEPTH_LIMIT = 8


def decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def joined_lines(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines of two texts, one put behind the other: the last line of the first goes on in the first of the second."""
    if not left or not right:
        return [*left, *right]
    return [*left[:-1], (left[-1][0] if left[-1][1] else right[0][0], left[-1][1] + right[0][1]), *right[1:]]


class Literals:
    """Values of the nodes of one file. `text` is the file as Latin-1 (see lexer)."""

    def __init__(self, root: Any, text: str) -> None:
        self.text = text
        self.heredocs: dict[int, Heredoc] = (
            {t.start: t.heredoc for t in tokens(text) if t.heredoc is not None} if "<<" in text else {}
        )
        self.assigned: dict[bytes, Any] = {}
        self._find_names(root)

    def _find_names(self, root: Any) -> None:
        """Names with one assignment in the whole file; a second one makes the value unknown."""
        unknown: set[bytes] = set()
        for node in walk(root):
            if node.type not in ("assignment", "operator_assignment"):
                continue
            left = node.child_by_field_name("left")
            if left is None or left.type not in _NAMES:
                continue
            if node.type == "operator_assignment" or left.text in self.assigned:
                unknown.add(left.text)
            self.assigned[left.text] = node.child_by_field_name("right")
        for name in unknown:
            self.assigned[name] = None

    def value(self, node: Any, depth: int = 0) -> Any:
        """str, int, bool, list or dict of a literal; None where the file does not tell (or says nil)."""
        if node is None or depth > _DEPTH_LIMIT:
            return None
        kind = node.type
        if kind in ("string", "chained_string", "bare_string", "heredoc_beginning"):
            lines = self.lines(node)
            text = None if lines is None else "\n".join(line for _, line in lines)
            return None if text is None or RUBY_VALUE in text else text
        if kind in ("simple_symbol", "hash_key_symbol", "bare_symbol"):
            return decoded(node.text).lstrip(":")
        if kind == "delimited_symbol":
            return decoded(node.text)[2:-1] if b"#{" not in node.text else None
        if kind == "integer":
            digits = node.text.decode("latin-1").replace("_", "")
            return int(digits) if re.fullmatch(r"[1-9]\d{0,17}|0", digits) else None
        if kind in ("true", "false"):
            return kind == "true"
        if kind in ("array", "string_array", "symbol_array"):
            return [self.value(child, depth + 1) for child in node.named_children if child.type != "comment"]
        if kind == "hash":
            return dict(self.pairs(node, depth + 1))
        if kind in _NAMES:
            return self.value(self.assigned.get(node.text), depth + 1)
        if kind == "parenthesized_statements" and node.named_child_count == 1:
            return self.value(node.named_children[0], depth + 1)
        if (
            kind == "call"
            and node.child_by_field_name("method") is not None
            and node.child_by_field_name("method").text in (b"freeze", b"to_s", b"strip", b"dup")
        ):
            return self.value(node.child_by_field_name("receiver"), depth + 1)
        return None

    def pairs(self, node: Any, depth: int = 0) -> list[tuple[str, Any]]:
        """(key, value) of the pairs directly in a hash or an argument list; keys that are no plain names are left out."""
        found = []
        for child in node.named_children:
            if child.type == "pair":
                key = self.key(child)
                if key is not None:
                    found.append((key, self.value(child.child_by_field_name("value"), depth + 1)))
        return found

    def key(self, pair: Any) -> str | None:
        node = pair.child_by_field_name("key")
        value = self.value(node) if node is not None else None
        return value if isinstance(value, str) else None

    def lines(self, node: Any, depth: int = 0) -> list[tuple[int, str]] | None:
        """(offset, text) of each line of a text, in order; `#{…}` reads `__ruby__`. None where the file does not tell."""
        if node is None or depth > _DEPTH_LIMIT:
            return None
        if node.type in _NAMES:
            return self.lines(self.assigned.get(node.text), depth + 1)
        if node.type == "heredoc_beginning":
            found = self.heredocs.get(node.start_byte)
            return None if found is None else self._heredoc_lines(found)
        if node.type == "chained_string":
            joined: list[tuple[int, str]] = []
            for child in node.named_children:
                joined = joined_lines(joined, self.lines(child, depth + 1) or [])
            return joined
        if node.type in ("string", "bare_string"):
            return self._string_lines(node)
        if node.type == "call" and node.child_by_field_name("receiver") is not None:
            # `<<-X.gsub(…)`, `text.strip`: near enough to the text for finding commands in it.
            method = node.child_by_field_name("method")
            if method is not None and method.text in (
                b"gsub",
                b"strip",
                b"freeze",
                b"chomp",
                b"lstrip",
                b"undent",
                b"strip_heredoc",
                b"dup",
                b"to_s",
            ):
                return self.lines(node.child_by_field_name("receiver"), depth + 1)
            if method is not None and method.text == b"join":
                return self._joined(node.child_by_field_name("receiver"), depth)
        if node.type == "binary" and node.child_by_field_name("operator").text == b"+":
            left = self.lines(node.child_by_field_name("left"), depth + 1)
            right = self.lines(node.child_by_field_name("right"), depth + 1)
            return joined_lines(left, right) if left is not None and right is not None else None
        return None

    def _joined(self, node: Any, depth: int) -> list[tuple[int, str]] | None:
        if node is None or node.type != "array":
            return None
        found: list[tuple[int, str]] = []
        for child in node.named_children:
            found += self.lines(child, depth + 1) or []
        return found

    def _heredoc_lines(self, heredoc: Heredoc) -> list[tuple[int, str]]:
        found, at = [], heredoc.start
        for line in self.text[heredoc.start : heredoc.end].splitlines(keepends=True):
            content = decoded(line.rstrip("\r\n").encode("latin-1"))
            if not heredoc.is_raw:
                content = re.sub(r"#\{[^}]*\}", RUBY_VALUE, content)
                content = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), content)
            found.append((at, content))
            at += len(line)
        return [*found, (heredoc.end, "")]

    def _string_lines(self, node: Any) -> list[tuple[int, str]]:
        is_raw = node.type == "string" and node.text[:1] == b"'" or node.text[:2] == b"%q"
        found: list[tuple[int, str]] = [(node.start_byte, "")]
        for child in node.named_children:
            if child.type == "interpolation":
                found[-1] = (found[-1][0], found[-1][1] + RUBY_VALUE)
            elif child.type == "escape_sequence":
                mark = decoded(child.text)[1:]
                text = (
                    (mark if mark in ("'", "\\") else "\\" + mark)
                    if is_raw
                    else _ESCAPES.get(mark, "" if mark == "\n" else mark)
                )
                self._extend(found, text, child.start_byte)
            else:
                self._extend(found, decoded(child.text), child.start_byte)
        return found

    def _extend(self, found: list[tuple[int, str]], text: str, offset: int) -> None:
        """Add text to the last line, and a line for each end of line in it."""
        for index, part in enumerate(text.split("\n")):
            if index:
                found.append((offset, part))
            else:
                found[-1] = (found[-1][0] if found[-1][1] else offset, found[-1][1] + part)
            offset += len(part.encode()) + 1
