"""What editors, terminals and web pages leave in a Ruby file, each with the spans that take it out. Texts are bytes read as Latin-1 (see lexer)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.lazyre import lazy
from dddoctor.rubytext.faults import Fault
from dddoctor.rubytext.lexer import Token, tokens

_FENCE = lazy(r"[ \t]*(?:`{3,}|~{3,})[ \t]*[\w+.-]*[ \t]*")
_PROMPT = lazy(
    r"(?:[\w.-]+@[\w.-]+:[^\r\n$#]*[$#]|\$)(?:[ \t]+(?:sudo[ \t]+)?(?:cat|vi|vim|nano|less|more|head|tail|vagrant|code|exit)?\b.*|[ \t]*)"
)
_EDITOR_END = lazy(
    r"""~|:(?:wq?|x|q)!?|--[ ]INSERT[ ]--.*|\^[XOGKC][ ].*|"[^"]*"[ ](?:\[[^\]]*\][ ])?\d+(?:L,[ ]\d+[CB]|[ ]lines,[ ]\d+[ ]characters).*""",
    re.VERBOSE,
)
_EDITOR_SIGNS = ("~", ":", "-", "^", '"')  # with one of these the lines above begin
_EDITOR_TOP = lazy(r"[ \t]*GNU nano [\d.]+[ \t].*")
# UTF-8 as bytes. Ruby takes each of these for a letter of a name.
_DOUBLE = lazy(r"\xe2\x80[\x9c\x9d\x9e\x9f]")
_SINGLE = lazy(r"\xe2\x80[\x98\x99\x9a\x9b]")
_BLANK = lazy(r"\xc2\xa0|\xe2\x80[\x80-\x8a\xaf]|\xe3\x80\x80")
_INVISIBLE = lazy(r"\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad")
_BOM = "\xef\xbb\xbf"
_QUOTES_BUDGET = 500_000  # characters that are read again, once for each quote; the rest is found in the next round


def whole_file(text: str) -> Fault | None:
    """An accident that leaves nothing else to look at: another file format, or two versions in one file."""
    if text[:2] in ("\xff\xfe", "\xfe\xff") or "\0" in text[:4096]:
        return Fault("utf-16", 0, "UTF-16")
    start = len(text) - len(text.lstrip())
    if text.startswith("{\\rtf", start):
        return Fault("rtf-header", start, "RTF")
    is_marked = "<<<<<<< " in text and ">>>>>>> " in text
    first = re.search(r"^<<<<<<< ", text, re.MULTILINE) if is_marked else None
    last = re.search(r"^>>>>>>> ", text, re.MULTILINE) if is_marked else None
    if first and last and first.start() < last.start() and re.search(r"^=======\r?$", text, re.MULTILINE):
        return Fault("merge-conflict", first.start(), "<<<<<<<", (), last.start())
    return None


def lines_around(text: str, file_name: str) -> list[Fault]:
    """Lines above and below the code that belong to the screen or page it was copied from."""
    if "__END__" in text and re.search(r"^__END__[ \t\r]*$", text, re.MULTILINE):
        return []
    lines = [
        (m.start(), m.group(1), m.end()) for m in re.finditer(r"([^\r\n]*)(?:\r\n|\n|\Z)", text) if m.end() > m.start()
    ]
    filled = [i for i, (_, line, _) in enumerate(lines) if line.strip()]
    found = [*_from(lines, filled, file_name, is_top=True), *_from(lines, filled[::-1], file_name, is_top=False)]
    return sorted({f.start: f for f in found}.values())


def _from(lines: list[tuple[int, str, int]], order: list[int], file_name: str, *, is_top: bool) -> Iterator[Fault]:
    for index in order:
        start, line, end = lines[index]
        bare = line.strip().removeprefix(_BOM)
        if bare[:1] in ("`", "~") and _FENCE.fullmatch(bare):
            kind = "markdown-fence"
        elif is_top and bare.rstrip(":") in (file_name, f"./{file_name}", "Vagrantfile") and bare:
            kind = "own-name-line"
        elif (bare[:1] == "$" or "@" in bare) and _PROMPT.fullmatch(bare):
            kind = "terminal-paste"
        elif (
            ("GNU nano" in bare and _EDITOR_TOP.fullmatch(bare))
            if is_top
            else (bare[:1] in _EDITOR_SIGNS and _EDITOR_END.fullmatch(bare))
        ):
            kind = "editor-line"
        else:
            return
        # The end of line before the last line goes too, where the file had none at its end.
        yield Fault(kind, start, bare[:20], ((start, end, ""),))


def characters(text: str, parses: bool) -> list[Fault]:
    """Characters that look like a blank, like nothing, or like a quote, where Ruby reads names: one fault a line and kind, each with all of that line's.

    A string that begins with a plain quote and ends with a typographic one counts only where the text does not parse.
    """
    if text.isascii():
        return []
    found: list[Fault] = []
    for kind, pattern, name, new in (
        ("non-breaking-space", _BLANK, "U+00A0", " "),
        ("invisible-character", _INVISIBLE, "U+200B", ""),
    ):
        if not pattern.search(text, 3):
            continue
        code = _code_spans(tokens(text))
        places = [m for m in pattern.finditer(text, 3 if text.startswith(_BOM) else 0) if _is_code(m.start(), code)]
        found += _by_line(text, kind, [(m.start(), m.end(), new) for m in places], name)
    return found or _smart_quotes(text, parses)


def _smart_quotes(text: str, parses: bool) -> list[Fault]:
    """Typographic quotes as Ruby's own, from the first place on: each tells what the later ones are, code or text."""
    if not re.search(r"\xe2\x80[\x98-\x9f]", text):
        return []
    changed = text
    for _ in range(max(1, _QUOTES_BUDGET // len(text))):
        all_tokens = tokens(changed)
        code = _code_spans(all_tokens)
        firsts = [
            next(((m.start(), m.end(), plain) for m in pattern.finditer(changed) if _is_code(m.start(), code)), None)
            for pattern, plain in ((_DOUBLE, '"'), (_SINGLE, "'"))
        ]
        opening = min((f for f in firsts if f is not None), default=None)
        mixed = None if parses else _closing_quote(all_tokens)
        place = min((p for p in (opening, mixed) if p is not None), default=None)
        if place is None:
            break
        start, end, plain = place
        # NULs keep the length, so that offsets stay those of the text; the lexer takes them for operators, and none is left inside of a string.
        changed = changed[:start] + plain + "\0" * (end - start - 1) + changed[end:]
        if place is opening:
            changed = _closed(changed, end, _DOUBLE if plain == '"' else _SINGLE, plain)
    return _by_line(
        text, "smart-quotes", [(m.start(), m.end(), m[0][0]) for m in re.finditer(r"[\"']\0+", changed)], None
    )


def _closed(text: str, start: int, pattern: re.Pattern[str], plain: str) -> str:
    """The text with the quote that ends what begins at `start` made plain too, where it stands on the same line."""
    end = text.find("\n", start)
    match = pattern.search(text, start, len(text) if end < 0 else end)
    if match is None:
        return text
    return text[: match.start()] + plain + "\0" * (match.end() - match.start() - 1) + text[match.end() :]


def _closing_quote(found: list[Token]) -> tuple[int, int, str] | None:
    """A string that begins with a plain quote and runs over its line because the one at its end is typographic."""
    for token in found:
        if token.kind == "string" and token.text[0] in "\"'" and "\n" in token.text:
            line = token.text[: token.text.index("\n")]
            closing = list(re.finditer(r"\xe2\x80[\x99\x9d]", line))
            if len(closing) > len(re.findall(r"\xe2\x80[\x98\x9c\x9e]", line)):
                return (token.start + closing[-1].start(), token.start + closing[-1].end(), token.text[0])
            return None
    return None


def _code_spans(found: list[Token]) -> list[tuple[int, int]]:
    return [
        (t.start, t.end) for t in found if t.kind in ("word", "keyword", "label", "op", "number", "symbol", "variable")
    ]


def _is_code(offset: int, code: list[tuple[int, int]]) -> bool:
    from bisect import bisect_right

    at = bisect_right(code, (offset, 1 << 60)) - 1
    return at >= 0 and code[at][0] <= offset < code[at][1]


def _by_line(text: str, kind: str, spans: list[tuple[int, int, str]], name: str | None) -> list[Fault]:
    by_line: dict[int, list[tuple[int, int, str]]] = {}
    for span in spans:
        by_line.setdefault(text.count("\n", 0, span[0]), []).append(span)
    return [
        Fault(
            kind,
            group[0][0],
            name or text[group[0][0] : group[0][1]].encode("latin-1").decode("utf-8", "replace"),
            tuple(group),
        )
        for group in by_line.values()
    ]
