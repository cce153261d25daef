"""Which candidates to try on a text that the Agent refuses: those for the lines where the reader gave up, and those for the file as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dddoctor.yamltext.characters import character_candidates, junk_candidates, odd_blank_candidates, without_utf16
from dddoctor.yamltext.indents import dash_candidates, depth_candidates, header_candidates, tab_candidates
from dddoctor.yamltext.lines import Candidate, Line, Replacement
from dddoctor.yamltext.marks import colon_cost, directive, mark_candidates, question_mark, sibling_candidates
from dddoctor.yamltext.nodes import Document
from dddoctor.yamltext.shapes import shape_candidates, top_level_names

_WINDOW = 10  # lines of code above the place where the reader gave up


def unique(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Candidates that change something, each change once (the cheapest)."""
    found: dict[tuple[Replacement, ...], Candidate] = {}
    for candidate in candidates:
        if candidate.replacements:
            known = found.get(candidate.replacements)
            if known is None or candidate.cost < known.cost:
                found[candidate.replacements] = candidate
    return list(found.values())


def candidates_for(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    text = document.text
    if document.is_yaml:
        yield from shape_candidates(document, lines)
        yield from junk_candidates(text, lines)
        yield from odd_blank_candidates(lines, [line for line in lines if line.is_code][:200])
        return
    plain = without_utf16(document)
    if plain is not None:
        say = "the file is UTF-16 without a byte order mark, which the Agent cannot read; save it as UTF-8"
        yield Candidate("utf-16-without-bom", 1, 1, say, ((0, len(text), plain),))
        return
    message = document.problem.message if document.problem else ""
    bad = [] if text.isascii() else [match.start() for match in re.finditer("[\ud800-\udfff]", text)]
    if bad:
        places = sorted({document.line_of(at) for at in bad})
        say = "a byte that is no UTF-8 (the file was saved in another encoding); the Agent refuses the whole file for it, also in a comment"
        replacements = tuple((at, at + 1, "?") for at in bad)
        yield Candidate(
            "bad-encoding",
            places[0],
            1,
            say,
            replacements,
            tuple(places[1:]),
            column=document.column_of(bad[0]),
            is_guess=True,
        )
        return
    found = list(character_candidates(document))
    if found:
        yield from found
        return
    if document.noticed[0] is None or message.startswith("yaml: unknown anchor"):
        # The text is YAML; its values are not what the Agent can decode. Moving lines is no way out.
        place = document.problem.line if document.problem else None
        if place is not None and "aliasing" not in message and "contains itself" not in message:
            yield from mark_candidates(lines[place - 1], text, 3)
        return
    yield from junk_candidates(text, lines)
    mark = min(document.noticed[0] if document.noticed[0] is not None else 0, len(text))
    context = document.noticed[1]
    here = document.line_of(mark)
    chosen = _window(lines, here, _WINDOW)
    if context is not None and (
        "quoted scalar" in document.context or "flow" in document.context or "simple key" in document.context
    ):
        chosen += _window(lines, document.line_of(context), 3)
    chosen = sorted(set(chosen))
    yield from odd_blank_candidates(lines, chosen)
    yield from tab_candidates(lines, top_level_names(document.kind))
    for line in lines[:here]:
        if line.text.startswith("%"):
            candidate = directive(line, text)
            if candidate:
                yield candidate
    if "',' or" in message and text[mark : mark + 1] == "?":
        candidate = question_mark(lines[here - 1], mark)
        if candidate:
            yield candidate
    for line in chosen:
        yield from mark_candidates(line, text, colon_cost(lines, line.number - 1))
        yield from sibling_candidates(lines, line.number - 1)
        yield from header_candidates(lines, line.number - 1)
        yield from depth_candidates(lines, line.number - 1)
        yield from dash_candidates(lines, line.number - 1)
    top = next((line for line in lines if line.is_code), None)
    if top is not None and top not in chosen:
        yield from mark_candidates(top, text, 1)


def _window(lines: list[Line], number: int, count: int) -> list[Line]:
    """The last lines of code up to a line, and the next one."""
    found: list[Line] = []
    for line in reversed(lines[:number]):
        if line.is_code:
            found.append(line)
            if len(found) > count:
                break
    return found + [line for line in lines[number : number + 1] if line.is_code]
