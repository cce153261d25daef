"""Python's own verdict on a text, without its warnings and without its crashes."""

from __future__ import annotations

import ast
import re
import sys
import threading
import warnings

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_lock = threading.Lock()  # warnings.catch_warnings changes a global; collectors run side by side
_SURROGATE = lazy("[\ud800-\udfff]")
LINE_END = lazy(r"\r\n|\r|\n")


class Parsed(NamedTuple):
    """`tree` or an error. `message`, `offset` (characters, None where Python names no line): the SyntaxError. `obstacle`: Python could not judge it here."""

    tree: ast.Module | None
    message: str = ""
    offset: int | None = None
    error_kind: str = ""
    obstacle: str = ""


def parse(text: str, version: tuple[int, ...] | None = None) -> Parsed:
    """Parse and compile, nothing is executed; compiling finds `return` outside a function and the like.

    `version` is the Python to judge for, as far as the running one can: syntax that is newer is refused. Undecodable bytes are let through (`bad_bytes`).
    """
    clean = _SURROGATE.sub("\ufffd", text)
    # 3.14 takes `except A, b:`, which no Agent's Python so far does.
    wanted = version[1] if version is not None and len(version) > 1 and version[0] == 3 else 13
    try:
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(clean, feature_version=(3, wanted)) if wanted < sys.version_info[1] else ast.parse(clean)
            compile(tree, "<check>", "exec", dont_inherit=True)
    except SyntaxError as error:  # IndentationError and TabError are such
        offset = _offset(clean, error.lineno, error.offset) if error.lineno else None
        return Parsed(None, str(error.msg), offset, type(error).__name__)
    except ValueError as error:  # NUL bytes, before Python 3.12
        return Parsed(None, str(error), None, "ValueError")
    except (RecursionError, MemoryError, OverflowError) as error:
        return Parsed(
            None, obstacle=f"its code is nested too deeply or too long to be parsed here ({type(error).__name__})"
        )
    return Parsed(tree)


def _offset(text: str, line: int, column: int | None) -> int:
    """Characters before Python's line (which also ends at a lone CR) and column."""
    start = 0
    for _ in range(line - 1):
        m = LINE_END.search(text, start)
        if m is None:
            break
        start = m.end()
    m = LINE_END.search(text, start)
    end = m.start() if m else len(text)
    return min(start + max(0, (column or 1) - 1), end)


def is_newer_syntax(text: str, message: str, version: tuple[int, ...] | None) -> bool:
    """Whether a text may fail only because the Python that runs the doctor is older than the one it is written for."""
    mine = sys.version_info[:2]
    if version is not None and len(version) > 1 and version <= mine:
        return False
    if mine < (3, 12) and (
        "f-string" in message
        or re.search(r"^[ \t]*(?:type[ \t]+\w+[^=\n]*=|(?:async[ \t]+)?(?:def|class)[ \t]+\w+\[)", text, re.MULTILINE)
    ):
        return True
    return mine < (3, 11) and re.search(r"^[ \t]*except[ \t]*\*", text, re.MULTILINE) is not None


class Lines:
    """Offsets of a text for ast's places: lines as Python counts them, columns in UTF-8 bytes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(m.end() for m in LINE_END.finditer(text))]
        self.is_ascii = text.isascii()

    def offset(self, line: int, byte_column: int) -> int:
        start = self.starts[min(line, len(self.starts)) - 1]
        if self.is_ascii:
            return start + byte_column
        end = self.starts[line] if line < len(self.starts) else len(self.text)
        piece = _SURROGATE.sub("\ufffd", self.text[start:end])
        return start + len(piece.encode("utf-8")[:byte_column].decode("utf-8", "ignore"))

    def start(self, node: ast.AST) -> int:
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]
