"""Python 2 code seen through Python 3's parser: what only Python 2 accepts, and the same text written so that the parser goes on.

The rewriting is for looking only. It keeps lines and names, not meaning, and is never offered as a repair.
"""

from __future__ import annotations

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.pytext.facts import COMPOUND
from dddoctor.pytext.scan import LogicalLine, Token, logical_lines

_NOT_AN_OPERAND = {"in", "is", "and", "or", "if", "else", "for", "as", "from", "import"}
_OLD_OCTAL = lazy(r"0[0-7]*[1-7][0-7]*[lL]?")
_LONG = lazy(r"(?:0[xX][0-9a-fA-F]+|\d+)[lL]")


class Site(NamedTuple):
    """One use of Python 2 syntax: `what` in words, where, and the spans that make Python 3's parser accept it (none: it parses, and fails when it runs)."""

    what: str
    start: int
    end: int
    spans: tuple[tuple[int, int, str], ...]


def sites(text: str) -> list[Site]:
    """Every use of syntax that Python 3 has not, in order of the text."""
    found: list[Site] = []
    for line in logical_lines(text):
        for statement in _statements(line):
            found += _statement_sites(statement)
        found += _token_sites(line.tokens)
        found += _tuple_parameters(line.tokens)
    return sorted(found, key=lambda s: s.start)


def tab_spans(text: str) -> list[tuple[int, int, str]]:
    """Tabs in indentation as Python 2 counts them: to the next multiple of eight."""
    found = []
    for line in logical_lines(text):
        blanks = text[line.line_start : line.start]
        if "\t" in blanks and not blanks.strip(" \t\f"):
            found.append((line.line_start, line.start, blanks.expandtabs(8)))
    return found


def _statements(line: LogicalLine) -> list[list[Token]]:
    """The simple statements of a logical line, and its header: split at `;` and at the header's colon."""
    found: list[list[Token]] = [[]]
    depth, in_lambda, is_header = 0, 0, line.head in COMPOUND or line.head == "async"
    for token in line.tokens:
        if token.kind == "name" and token.text == "lambda":
            in_lambda += 1
        if token.kind == "op":
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
            if depth == 0 and token.text == ";":
                found.append([])
                continue
            if depth == 0 and token.text == ":":
                if in_lambda:
                    in_lambda -= 1
                elif is_header:
                    is_header = False
                    found.append([])
                    continue
        found[-1].append(token)
    return [s for s in found if s]


def _statement_sites(tokens: list[Token]) -> list[Site]:
    head, rest = tokens[0], tokens[1:]
    if not rest or head.kind != "name":
        return []
    first, last = rest[0], rest[-1]
    if head.text == "print":
        if first.text == ">>":
            return [Site("print statement", head.start, last.end, ())]
        is_operand = (
            first.kind in ("number", "string")
            or first.text in ("`", "{", "~")
            or (first.kind == "name" and first.text not in _NOT_AN_OPERAND)
        )
        return (
            [Site("print statement", head.start, last.end, ((head.end, first.start, "("), (last.end, last.end, ")")))]
            if is_operand
            else []
        )
    if head.text == "exec" and (first.kind == "string" or (first.kind == "name" and first.text not in _NOT_AN_OPERAND)):
        return [Site("exec statement", head.start, last.end, ((head.end, first.start, "("), (last.end, last.end, ")")))]
    comma = _comma(rest)
    if comma is None:
        return []
    if head.text == "raise":
        return [
            Site(
                "raise with a comma", head.start, last.end, ((first.start, first.start, "("), (last.end, last.end, ")"))
            )
        ]
    if head.text == "except" and first.text != "(" or (head.text == "except" and comma.start > _closing(rest)):
        return [Site("except with a comma", head.start, last.end, ((comma.start, comma.end, " as"),))]
    return []


def _comma(tokens: list[Token]) -> Token | None:
    """The first comma outside brackets."""
    depth = 0
    for token in tokens:
        if token.kind == "op":
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
            if depth == 0 and token.text == ",":
                return token
    return None


def _closing(tokens: list[Token]) -> int:
    """Where the bracket that `tokens` begins with is closed."""
    depth = 0
    for token in tokens:
        if token.kind == "op":
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
            if depth == 0:
                return token.start
    return tokens[-1].end


def _token_sites(tokens: list[Token]) -> list[Site]:
    found = []
    ticks = [t for t in tokens if t.kind == "op" and t.text == "`"]
    if len(ticks) % 2 == 0:
        for opening, closing in zip(ticks[::2], ticks[1::2], strict=True):
            found.append(
                Site(
                    "backticks for repr",
                    opening.start,
                    closing.end,
                    ((opening.start, opening.end, "("), (closing.start, closing.end, ")")),
                )
            )
    for token in tokens:
        if token.text == "<>" and token.kind == "op":
            found.append(Site("<>", token.start, token.end, ((token.start, token.end, "!="),)))
        elif token.kind == "number" and _OLD_OCTAL.fullmatch(token.text):
            spans = [(token.start + 1, token.start + 1, "o")]
            if token.text[-1] in "lL":
                spans.append((token.end - 1, token.end, ""))
            found.append(Site("octal number with a leading 0", token.start, token.end, tuple(spans)))
        elif token.kind == "number" and _LONG.fullmatch(token.text):
            found.append(Site("long number", token.start, token.end, ((token.end - 1, token.end, ""),)))
        elif token.kind == "string" and token.text[:2].lower() == "ur":
            found.append(Site("ur string", token.start, token.end, ((token.start, token.start + 1, ""),)))
    return found


def _tuple_parameters(tokens: list[Token]) -> list[Site]:
    """`def f(self, (a, b))` and `lambda (a, b): …`: the brackets are dropped."""
    found = []
    for i, token in enumerate(tokens):
        if token.kind != "name" or token.text not in ("def", "lambda"):
            continue
        at = i + 1 if token.text == "lambda" else i + 3
        depth, opened, is_due = 0, 0, True
        spans: list[tuple[int, int, str]] = []
        for inner in tokens[at:]:
            if inner.kind == "op" and inner.text in "([{":
                if inner.text == "(" and is_due and depth == opened:
                    spans.append((inner.start, inner.end, ""))
                    opened += 1
                depth += 1
            elif inner.kind == "op" and inner.text in ")]}":
                if depth == 0:
                    break
                if depth == opened:
                    spans.append((inner.start, inner.end, ""))
                    opened -= 1
                depth -= 1
            elif depth == 0 and inner.text == ":":
                break
            is_due = inner.text in (",", "(")
        if spans:
            found.append(Site("tuple parameter", spans[0][0], spans[-1][1], tuple(spans)))
    return found
