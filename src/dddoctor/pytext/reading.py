"""One Python file read to the end: each mistake of its text is corrected on a draft and reading goes on, so that one run names them all.

Lines and columns are always those of the file as it stands.
"""

from __future__ import annotations

import ast

from dddoctor.light import NamedTuple
from dddoctor.pytext import accidents as accidents_of
from dddoctor.pytext.accidents import Accident
from dddoctor.pytext.parse import Parsed, is_newer_syntax, parse
from dddoctor.pytext.source import Draft, Source

ROUNDS_LIMIT = 20
_INDENTATION = (
    ("inconsistent use of tabs", "mixed-tabs"),
    ("unindent does not match", "uneven-indentation"),
    ("unexpected indent", "unexpected-indentation"),
    ("expected an indented block", "not-indented"),
    ("outside function", "not-indented"),
)
# These are no code whatever the rest of the file is, so they may go even if something else is still wrong.
_ALWAYS = {"markdown-fence", "own-name-line", "heredoc-end", "editor-line", "terminal-paste"}
_WORDS = {
    "mixed-tabs": "tabs and blanks mixed in its indentation",
    "uneven-indentation": "a line that stands at no level of its block",
    "unexpected-indentation": "a line that stands too far right",
    "not-indented": "code that is not indented under its header",
    "method-outside-class": "a method that stands outside its class",
}


class Defect(NamedTuple):
    """One thing wrong. Offsets and `spans` (ordered) are characters of the file's text. `text` completes "the file has …".

    `correction`: the corrected lines, where proven. `is_certain`: the Agent's Python will stumble over it. `is_blocking`: it cannot load the file.
    """

    kind: str
    name: str
    text: str
    start: int
    end: int
    correction: str | None = None
    spans: tuple[tuple[int, int, str], ...] = ()
    is_certain: bool = True
    is_blocking: bool = True
    also: tuple[int, ...] = ()


class Reading:
    """`tree` is that of `draft.text`, the corrected text; None where correcting came to an end. `python`: "2", "3" or None (unknown).

    `sites` are uses of Python 2 syntax, in offsets of the file. `obstacle`: why it could not be judged (nothing is then known of it).
    `is_guess`: several block structures fit, and `tree` is one of them: enough to look for names, not to repair.
    """

    def __init__(self, source: Source, python: str | None) -> None:
        self.source, self.draft, self.python = source, Draft(source.text), python
        self.tree: ast.Module | None = None
        self.defects: list[Defect] = []
        self.sites: list[Defect] = []
        self.obstacle = ""
        self.is_guess = False

    @property
    def parses(self) -> int | None:
        """Whether the Agent's Python takes the text as it stands; None where that depends on a Python that is not known."""
        if self.obstacle:
            return None
        blocking = [
            d
            for d in self.defects
            if d.is_blocking and d.kind not in ("method-outside-class", "own-name-line", "heredoc-end")
        ]
        if any(d.is_certain for d in blocking):
            return 0
        return None if blocking else 1


def read(data: bytes, file_name: str = "", python: str | None = "3", version: tuple[int, ...] | None = None) -> Reading:
    """Read a file for the Python ("2", "3", None = unknown; `version` as far as known) that will run it. `file_name` without folder, to recognise it in the text."""
    source = Source(data)
    reading = Reading(source, python)
    if source.is_utf16:
        reading.defects.append(_utf16(source))
    elif source.unknown_encoding:
        reading.defects.append(
            Defect(
                "bad-encoding",
                source.unknown_encoding,
                f"a coding line with an encoding unknown to Python: {source.unknown_encoding}",
                0,
                0,
            )
        )
    elif (
        python == "2"
        and not source.text.isascii()
        and source.encoding == "utf-8"
        and source.bom_bytes == 0
        and b"coding" not in data[:400]
    ):
        reading.defects.append(_no_encoding_line(source))
    elif python != "2" and source.encoding == "utf-8" and (bad := accidents_of.bad_bytes(source.text)):
        reading.defects.append(Defect(bad.kind, bad.name, bad.text, bad.start, bad.end))
    reading.tree = _Rounds(reading, file_name, version).run()
    reading.defects.sort(key=lambda d: d.start)
    return reading


class _Rounds:
    """Correct, look again, until Python parses the draft or no correction is left."""

    def __init__(self, reading: Reading, file_name: str, version: tuple[int, ...] | None) -> None:
        self.reading, self.draft, self.file_name, self.version = reading, reading.draft, file_name, version
        self.is_translated = self.are_tabs_expanded = False

    def run(self) -> ast.Module | None:
        for accident in accidents_of.leftover_lines(self.draft.text, self.file_name):
            self._correct([accident])
        parsed = parse(self.draft.text, self.version)
        for _ in range(ROUNDS_LIMIT):
            if parsed.tree is not None or parsed.obstacle:
                break
            if not self._step(parsed):
                self._give_up(parsed)
                break
            parsed = parse(self.draft.text, self.version)
        if parsed.obstacle:
            self.reading.obstacle = parsed.obstacle
        if parsed.tree is None:
            guessed = self._guess(parsed)
            self.reading.defects = [
                d if d.kind in _ALWAYS else d._replace(correction=None, spans=()) for d in self.reading.defects
            ]
            return guessed
        return parsed.tree

    def _guess(self, parsed: Parsed) -> ast.Module | None:
        if not any(words in parsed.message for words, _ in _INDENTATION):
            return None
        from dddoctor.pytext.reindent import reindent

        found = reindent(self.draft.text, is_guess=True)
        if found is None:
            return None
        self.draft.apply(found.spans)
        self.reading.is_guess = True
        return found.tree

    def _step(self, parsed: Parsed) -> bool:
        """One correction of the draft; whether there was one."""
        text = self.draft.text
        found = accidents_of.accidents(text, self.file_name)
        if found and not found[0].spans:
            self.reading.defects += [self._defect(a, None, ()) for a in found]
            return False
        if found:
            self._correct(found)
            return True
        if not self.is_translated:
            self.is_translated = True
            if self._translate():
                return True
        if self.reading.python == "2" and not self.are_tabs_expanded:
            self.are_tabs_expanded = True
            from dddoctor.pytext.python2 import tab_spans

            spans = tab_spans(text)
            if spans:
                self.draft.apply(spans)
                return True
        colons = accidents_of.missing_colons(text)
        if colons:
            self._correct(colons)
            return True
        return self._reindent(parsed)

    def _correct(self, found: list[Accident]) -> None:
        made = []
        for accident in reversed(found):  # from the end, so that the offsets of the others stay true
            corrected = _corrected_line(self.draft.text, accident)
            defect = self._defect(accident, corrected, ())
            spans = self.draft.apply(list(accident.spans))
            made.append(defect._replace(spans=tuple(spans)))
        self.reading.defects += made[::-1]

    def _defect(self, accident: Accident, correction: str | None, spans: tuple[tuple[int, int, str], ...]) -> Defect:
        start, end = self.draft.original_span(accident.start, accident.end)
        return Defect(accident.kind, accident.name, accident.text, start, end, correction, spans)

    def _translate(self) -> bool:
        """Write Python 2 syntax so that the parser goes on; under a Python 3 it is a defect."""
        from dddoctor.pytext import python2

        found = python2.sites(self.draft.text)
        spans: list[tuple[int, int, str]] = []
        for site in found:
            if not any(
                s[0] < e[1] and e[0] < s[1] for s in site.spans for e in spans
            ):  # one that overlaps waits for the next look
                spans += site.spans
        self.reading.sites = [
            Defect("python2-syntax", s.what, f"Python 2 syntax ({s.what})", *self.draft.original_span(s.start, s.end))
            for s in found
        ]
        if found and self.reading.python != "2":
            first = self.reading.sites[0]
            line = _line_of(self.draft.text, found[0].start)
            corrected = _corrected(self.draft.text, [s for s in found[0].spans if line[0] <= s[0] <= line[1]], *line)
            self.reading.defects.append(
                first._replace(
                    correction=corrected if found[0].spans else None,
                    is_certain=self.reading.python == "3",
                    also=tuple(d.start for d in self.reading.sites[1:]),
                )
            )
        if spans:
            self.draft.apply(sorted(spans))
        return bool(spans)

    def _reindent(self, parsed: Parsed) -> bool:
        kind = next((k for words, k in _INDENTATION if words in parsed.message), None)
        if kind is None:
            return False
        from dddoctor.pytext.reindent import reindent  # most files need none of it

        found = reindent(self.draft.text)
        if found is None:
            return False
        self.add_reindented(kind, found.spans, found.text)
        return True

    def add_reindented(self, kind: str, spans: list[tuple[int, int, str]], text: str) -> None:
        add_reindented(self.reading, kind, spans, text)

    def _give_up(self, parsed: Parsed) -> None:
        """What nothing could correct: in Python's words, at Python's line."""
        if any(d.kind in ("rtf-header", "merge-conflict") for d in self.reading.defects):
            return
        if is_newer_syntax(self.draft.text, parsed.message, self.version):
            self.reading.obstacle = "its syntax is newer than the Python that runs the doctor"
            return
        kind = next((k for words, k in _INDENTATION if words in parsed.message), "syntax-error")
        at = self.draft.original(parsed.offset) if parsed.offset is not None else 0
        is_certain = not (kind == "mixed-tabs" and self.reading.python is None)
        self.reading.defects.append(
            Defect(kind, kind, _WORDS.get(kind) or f"a syntax error: {parsed.message}", at, at, is_certain=is_certain)
        )


def add_reindented(reading: Reading, kind: str, spans: list[tuple[int, int, str]], text: str) -> None:
    """Record a proven re-indentation of the draft and make it."""
    first, last = spans[0][0], spans[-1][0]
    before = reading.draft.text
    shift = sum(len(new) - (end - start) for start, end, new in spans[:-1])
    corrected = _block(text, _line_of(text, first)[0], _line_of(text, last + shift + len(spans[-1][2]))[1])
    codes = [len(before) - len(before[_line_of(before, s[0])[0] :].lstrip(" \t\f")) for s in spans]
    start = reading.draft.original(
        next((c for c in codes if before[c : c + 1] != "#"), codes[0])
    )  # comments move along, they are not at fault
    end = reading.draft.original(_line_of(before, last)[1])
    is_certain = not (kind == "mixed-tabs" and reading.python is None)
    moved = reading.draft.apply(spans)
    reading.defects.append(
        Defect(
            kind, kind, _WORDS[kind], start, end, corrected, tuple(moved), is_certain, kind != "method-outside-class"
        )
    )


def _utf16(source: Source) -> Defect:
    text = source.text
    return Defect(
        "utf-16", source.encoding, "UTF-16 text, which Python does not read", 0, 0, None, ((0, len(text), text),)
    )


def _no_encoding_line(source: Source) -> Defect:
    text = source.text
    at = next(i for i, c in enumerate(text) if not c.isascii())
    start = text.find("\n") + 1 if text.startswith("#!") else 0
    end = "\r\n" if "\r\n" in text else "\n"
    line = "# -*- coding: utf-8 -*-"
    return Defect(
        "no-encoding-line",
        f"U+{ord(text[at]):04X}",
        "a character beyond ASCII and no coding line, which Python 2 refuses",
        at,
        at + 1,
        line,
        ((start, start, line + end),),
    )


def _corrected_line(text: str, accident: Accident) -> str | None:
    start, end = _line_of(text, accident.start)
    inside = [s for s in accident.spans if start <= s[0] and s[1] <= end]
    return _corrected(text, inside, start, end) if inside else None


def _corrected(text: str, spans: list[tuple[int, int, str]], start: int, end: int) -> str:
    pieces, at = [], start
    for s, e, new in sorted(spans):
        pieces += [text[at:s], new]
        at = e
    return "".join([*pieces, text[at:end]]).strip()


def _line_of(text: str, offset: int) -> tuple[int, int]:
    """(start, end without its line end) of the line that holds a character."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    ends = [i for i in (text.find("\n", offset), text.find("\r", offset)) if i >= 0]
    return start, min(ends) if ends else len(text)


def _block(text: str, start: int, end: int, lines: int = 12) -> str:
    """Some lines of a text, cut after twelve."""
    found = text[start:end].splitlines()
    return "\n".join([*found[:lines], "…"] if len(found) > lines else found)
