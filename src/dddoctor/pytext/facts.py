"""What one statement tells about where it may stand, read from its tokens: the evidence for repairing lost indentation."""

from __future__ import annotations

from dddoctor.light import NamedTuple
from dddoctor.pytext.scan import LogicalLine, Token

COMPOUND = {"class", "def", "if", "elif", "else", "for", "while", "try", "except", "finally", "with", "match", "case"}
CLAUSES = {
    "elif": {"if", "elif"},
    "else": {"if", "elif", "for", "while", "try", "except"},
    "except": {"try", "except"},
    "finally": {"try", "except", "else"},
}
_KEYWORDS = {
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
    "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "None", "True", "False",
}  # fmt: skip


class Fact(NamedTuple):
    """One statement. `head`: its first word, `async` skipped. `opens`: it is a header whose block stands on the lines after it.

    `params`: of a def, in order. `loads`: names it reads (def headers: none). `binds`: names it assigns. `decorates`: it is a decorator line.
    """

    head: str
    opens: bool
    params: tuple[str, ...]
    loads: frozenset[str]
    binds: frozenset[str]
    decorates: bool
    is_static: bool
    is_main_guard: bool
    needs_function: bool

    @property
    def is_def(self) -> bool:
        return self.head == "def"

    @property
    def is_method(self) -> bool:
        return self.head == "def" and self.params[:1] in (("self",), ("cls",))


def fact(line: LogicalLine) -> Fact:
    """The evidence of one statement."""
    tokens = line.tokens
    words = [t.text for t in tokens[:2]]
    head = words[1] if words[0] == "async" and len(words) > 1 and words[1] in ("def", "for", "with") else words[0]
    if tokens[0].kind != "name" and tokens[0].text != "@":
        head = ""
    opens = head in COMPOUND and tokens[-1].text == ":"
    if head in ("match", "case") and not opens:
        head = ""
    is_header_of_def = head == "def"
    params = _params(tokens) if is_header_of_def else ()
    loads = frozenset() if is_header_of_def else frozenset(_loads(tokens))
    return Fact(
        head,
        opens,
        params,
        loads,
        frozenset(_binds(tokens, head)),
        head == "@",
        head == "@" and len(tokens) > 1 and tokens[1].text in ("staticmethod", "classmethod", "property"),
        head == "if" and len(tokens) > 1 and tokens[1].text == "__name__",
        head in ("return",) or any(t.text == "yield" for t in tokens if t.kind == "name"),
    )


def _params(tokens: list[Token]) -> tuple[str, ...]:
    """Parameter names of a def header."""
    found, depth, is_name_due = [], 0, False
    for token in tokens:
        if token.text in "([{" and token.kind == "op":
            depth += 1
            is_name_due = depth == 1
        elif token.text in ")]}" and token.kind == "op":
            depth -= 1
            if depth == 0:
                break
        elif depth == 1 and token.text == ",":
            is_name_due = True
        elif depth == 1 and is_name_due and token.kind == "name":
            found.append(token.text)
            is_name_due = False
    return tuple(found)


def _loads(tokens: list[Token]) -> list[str]:
    found, depth = [], 0
    for i, token in enumerate(tokens):
        if token.kind == "op":
            depth += token.text in ("(", "[", "{")
            depth -= token.text in (")", "]", "}")
        if token.kind != "name" or token.text in _KEYWORDS or (i and tokens[i - 1].text == "."):
            continue
        after = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if after == "=" and (depth > 0 or i == 0):
            continue
        found.append(token.text)
    return found


def _binds(tokens: list[Token], head: str) -> list[str]:
    if head in ("def", "class"):
        at = next((i for i, t in enumerate(tokens) if t.text == head), 0)
        return [t.text for t in tokens[at + 1 : at + 2]]
    if head in ("import", "from"):
        return [
            t.text
            for i, t in enumerate(tokens)
            if t.kind == "name" and t.text not in _KEYWORDS and (i + 1 == len(tokens) or tokens[i + 1].text == ",")
        ]
    if head == "for":
        until = next((i for i, t in enumerate(tokens) if t.text == "in"), len(tokens))
        return [t.text for t in tokens[1:until] if t.kind == "name"]
    found = [
        t.text
        for i, t in enumerate(tokens[:-1])
        if t.kind == "name" and tokens[i + 1].text == "=" and (i == 0 or tokens[i - 1].text in (",", "="))
    ]
    found += [tokens[i + 1].text for i, t in enumerate(tokens[:-1]) if t.text == "as" and tokens[i + 1].kind == "name"]
    for word, end in (("lambda", ":"), ("for", "in")):
        for i, token in enumerate(tokens):
            if token.kind == "name" and token.text == word:
                until = next((j for j in range(i + 1, len(tokens)) if tokens[j].text == end), i)
                found += [t.text for t in tokens[i + 1 : until] if t.kind == "name"]
    return found
