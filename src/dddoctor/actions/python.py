"""Repairs of Python text: indentation and stray characters, misspelt names, imports. Each result is parsed before it is offered."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Sequence

from dddoctor.actions import Refused, action
from dddoctor.hosts.base import Host
from dddoctor.lazyre import lazy
from dddoctor.model import Change, Edit, Span
from dddoctor.pytext.parse import parse
from dddoctor.pytext.reindent import apply_spans
from dddoctor.pytext.scan import LogicalLine, logical_lines
from dddoctor.pytext.source import Source

_NAME = lazy(r"[A-Za-z_]\w*")
_STATEMENT = lazy(r"import [A-Za-z_][\w.]*|from [A-Za-z_][\w.]* import [A-Za-z_]\w*")
_MODULE = lazy(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@action("text")
class RepairPythonText:
    """Correct one defect of a Python file's text: lost indentation, a stray backtick, a Markdown fence … Params: file, line and kind of its row.

    The correction is computed again from the file; other text than was diagnosed is refused.
    """

    file: str
    line: int
    kind: str

    def plan(self, host: Host) -> list[Change]:
        data = host.read(self.file)
        for python in ("3", "2"):
            source, spans = _correction(data, self.file, python, self.line, self.kind)
            if spans:
                return [_edit(self.file, source, spans)]
        raise Refused(f"no certain correction of line {self.line} is known any more")


@action("edit")
class RenamePythonName:
    """Write another name at one place. Params: file, line, column (characters from 1), to (the name that was meant)."""

    file: str
    line: int
    column: int
    to: str

    def plan(self, host: Host) -> list[Change]:
        source = Source(host.read(self.file))
        if not _NAME.fullmatch(self.to):
            raise Refused(f"{self.to!r} is no name")
        start = source.offset(self.line, self.column)
        found = _NAME.match(source.text, start) if start is not None else None
        if found is None:
            raise Refused(f"there is no name at line {self.line}, column {self.column} any more")
        if found.group() == self.to:
            return []
        spans = [(found.start(), found.end(), self.to)]
        before, after = parse(source.text).tree, parse(apply_spans(source.text, spans)).tree
        if before is not None and (after is None or not _differ_by_name(before, after, found.group(), self.to)):
            raise Refused(f"`{found.group()}` at line {self.line} is no name that can be changed alone")
        return [_edit(self.file, source, spans)]


@action("edit")
class AddPythonImport:
    """Add an import statement where the file's imports are. Params: file, statement (`import random`, `from datadog_checks.base import AgentCheck`).

    A plain `import` goes before the first import, a `from` after the last one of that block; after the docstring and `from __future__` in any case.
    """

    file: str
    statement: str

    def plan(self, host: Host) -> list[Change]:
        source = Source(host.read(self.file))
        if not _STATEMENT.fullmatch(self.statement):
            raise Refused(f"{self.statement!r} is no import of one name")
        lines = logical_lines(source.text)
        if any(_words(line) == self.statement and line.line_start == line.start for line in lines):
            return []
        spans = [_import_span(source.text, lines, self.statement)]
        before, after = parse(source.text).tree, parse(apply_spans(source.text, spans)).tree
        if before is not None and (after is None or not _differ_by_statement(before, after, self.statement)):
            raise Refused("there is no place for the import that leaves the rest of the file as it is")
        return [_edit(self.file, source, spans)]


@action("edit")
class ReplacePythonImport:
    """Import the same name from another module. Params: file, line (of the statement), module (`datadog_checks.base`)."""

    file: str
    line: int
    module: str

    def plan(self, host: Host) -> list[Change]:
        source = Source(host.read(self.file))
        if not _MODULE.fullmatch(self.module):
            raise Refused(f"{self.module!r} is no module's name")
        line = next((s for s in logical_lines(source.text) if source.place(s.start)[0] == self.line), None)
        at = (
            next((i for i, t in enumerate(line.tokens) if t.text == "import"), 0)
            if line is not None and line.head == "from"
            else 0
        )
        if line is None or at < 2 or any(t.text == ";" for t in line.tokens):
            raise Refused(f"line {self.line} is no `from … import …` of its own")
        first, last = line.tokens[1], line.tokens[at - 1]
        if source.text[first.start : last.end] == self.module:
            return []
        spans = [(first.start, last.end, self.module)]
        before, after = parse(source.text).tree, parse(apply_spans(source.text, spans)).tree
        if before is not None and after is None:
            raise Refused("the file would no longer parse")
        return [_edit(self.file, source, spans)]


def _correction(data: bytes, file: str, python: str, line: int, kind: str) -> tuple[Source, list[tuple[int, int, str]]]:
    """The spans of the defect of this kind that begins on this line; none where there is none, or no proven correction of it."""
    from dddoctor.pytext import Context, Neighbours, Target, analyse

    context = Context(
        file.rpartition("/")[2],
        Target(python, None, 7 if python == "3" else 5, None),
        Neighbours(frozenset(), None, False),
        False,
    )
    reading = analyse(data, context, lambda name, known: None)
    source = reading.reading.source
    found = [d for d in reading.defects if d.kind == kind and d.spans and source.place(d.start)[0] == line]
    spans = sorted({s for d in found for s in d.spans})
    return source, [s for s in spans if source.text[s[0] : s[1]] != s[2] or source.is_utf16]


def _edit(file: str, source: Source, spans: Sequence[tuple[int, int, str]]) -> Edit:
    """The change in bytes. UTF-16, which no Python reads, becomes UTF-8 as a whole."""
    sha = hashlib.sha256(source.data).hexdigest()
    if source.is_utf16:
        text = apply_spans(source.text, list(spans))
        return Edit(file, sha, (Span(0, len(source.data), text.encode("utf-8")),), ("*",), "python")
    made = tuple(
        Span(source.byte_offset(start), source.byte_offset(end), source.encode(new)) for start, end, new in spans
    )
    return Edit(file, sha, made, ("*",), "python")


def _words(line: LogicalLine) -> str:
    """A statement with single blanks, for comparing."""
    return re.sub(r" ?\. ?", ".", " ".join(t.text for t in line.tokens))


def _import_span(text: str, lines: list[LogicalLine], statement: str) -> tuple[int, int, str]:
    """Where the import goes, with its line end (that of the file)."""
    newline = "\r\n" if "\r\n" in text else "\n"
    top = [line for line in lines if line.line_start == line.start]
    at = 1 if top and len(top[0].tokens) == 1 and top[0].tokens[0].kind == "string" else 0  # the docstring stays first
    while at < len(top) and [t.text for t in top[at].tokens[:2]] == ["from", "__future__"]:
        at += 1
    block = at
    while block < len(top) and top[block].head in ("import", "from"):
        block += 1
    if block > at:
        line = top[at] if statement.startswith("import ") else top[block - 1]
        if statement.startswith("import "):
            return line.line_start, line.line_start, statement + newline
        return _after(text, line, statement, newline)
    if at:  # nothing but the docstring or __future__ before it
        return _after(text, top[at - 1], statement, newline)
    if top:
        return top[0].line_start, top[0].line_start, statement + newline + newline
    return len(text), len(text), ("" if not text or text.endswith("\n") else newline) + statement + newline


def _after(text: str, line: LogicalLine, statement: str, newline: str) -> tuple[int, int, str]:
    found = re.compile(r"[^\r\n]*(\r\n|\r|\n)?").match(text, line.end)
    assert found is not None  # the pattern takes anything
    if found.group(1):
        return found.end(), found.end(), statement + newline
    return found.end(), found.end(), newline + statement


def _differ_by_name(before: ast.AST, after: ast.AST, old: str, new: str) -> bool:
    """Whether exactly one identifier differs, from `old` to `new`."""
    pairs = list(zip(ast.walk(before), ast.walk(after), strict=False))
    changed = 0
    for one, two in pairs:
        if type(one) is not type(two):
            return False
        for (field, a), (_, b) in zip(ast.iter_fields(one), ast.iter_fields(two), strict=True):
            if isinstance(a, (ast.AST, list)) or a == b:
                continue
            if field not in ("id", "attr", "arg", "name") or (a, b) != (old, new):
                return False
            changed += 1
    return changed == 1


def _differ_by_statement(before: ast.Module, after: ast.Module, statement: str) -> bool:
    """Whether `after` is `before` and one more statement."""
    added = ast.dump(ast.parse(statement).body[0])
    old = [ast.dump(s) for s in before.body]
    new = [ast.dump(s) for s in after.body]
    at = next((i for i, dumped in enumerate(new) if i >= len(old) or dumped != old[i]), None)
    return at is not None and new[at] == added and new[:at] + new[at + 1 :] == old
