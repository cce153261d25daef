"""What editors, terminals and web pages leave in a Python file: each accident with the spans that take it out."""

from __future__ import annotations

import re

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.pytext.facts import COMPOUND
from dddoctor.pytext.scan import Token, logical_lines, tokens

_FENCE = lazy(r"[ \t]*(`{3,}|~{3,})[ \t]*[\w+.-]*[ \t]*")
_PROMPT = lazy(r"(?:\[?[\w.-]+@[\w.-]+[: ][^\s$#]*\]?[$#]|\$)[ \t]+(?:sudo[ \t]+)?[\w./~-]+(?:[ \t].*)?")
_EDITOR = lazy(
    r"""~|:(?:wq?|x|q)!?|--[ ]INSERT[ ]--|\^[XOGKC]\b.*|[ ]*GNU[ ]nano[ ].*|"[^"]*"[ ](?:\[[^\]]*\][ ])?\d+(?:L,[ ]\d+[CB]|[ ]lines,[ ]\d+[ ]characters)(?:[ ]written)?""",
    re.VERBOSE,
)
_HEREDOC_END = lazy(r"EOF|EOT|END_OF_FILE")
_BLANKS = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
_DOUBLE, _SINGLE = "\u201c\u201d\u201e\u201f\u2033", "\u2018\u2019\u201a\u201b\u2032"
_LINE = lazy(r"([^\r\n]*)(\r\n|\r|\n|\Z)")


class Accident(NamedTuple):
    """`spans` against the text looked at, ordered; none where only a person can tell what was meant. `text` completes "the file has …"."""

    kind: str
    name: str
    text: str
    start: int
    end: int
    spans: tuple[tuple[int, int, str], ...]


def accidents(text: str, file_name: str = "") -> list[Accident]:
    """The accidents of one kind at most, so that each is found over the text that the earlier ones left. Ordered by place."""
    if text.lstrip()[:5] == "{\\rtf":
        return [
            Accident(
                "rtf-header",
                "RTF",
                "a word processor's RTF header instead of plain text",
                0,
                len(_line_at(text, 0)),
                (),
            )
        ]
    if re.search(r"^<<<<<<< ", text, re.MULTILINE) and re.search(r"^>>>>>>> ", text, re.MULTILINE):
        m = re.search(r"^<<<<<<< [^\r\n]*", text, re.MULTILINE)
        assert m is not None
        return [
            Accident("merge-conflict", "<<<<<<<", "the marks of a merge that was not finished", m.start(), m.end(), ())
        ]
    found = _whole_lines(text, file_name) or _prompts(text)
    if found:
        return found
    all_tokens = tokens(text)
    return _characters(text, all_tokens) or _smart_quotes(all_tokens) or _backticks(text)


def leftover_lines(text: str, file_name: str) -> list[Accident]:
    """Lines that Python parses and no author means: the file's own name first, the end mark of a here-document last."""
    return [a for a in _whole_lines(text, file_name) if a.kind in ("own-name-line", "heredoc-end")]


def missing_colons(text: str) -> list[Accident]:
    """Headers (`def`, `class`, `if` …) without their colon."""
    found = []
    for line in logical_lines(text):
        head = line.tokens[1].text if line.head == "async" and len(line.tokens) > 1 else line.head
        if head not in COMPOUND or head in ("match", "case") or line.tokens[0].kind != "name":
            continue
        depth, lambdas, has_colon = 0, 0, False
        for token in line.tokens:
            if token.kind == "op":
                depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
                if depth == 0 and token.text == ":":
                    has_colon = has_colon or lambdas == 0
                    lambdas = max(0, lambdas - 1)
            elif token.text == "lambda":
                lambdas += 1
        if not has_colon and depth == 0 and "\n" not in text[line.start : line.end]:
            found.append(
                Accident(
                    "missing-colon",
                    head,
                    f"no colon at the end of its `{head}` line",
                    line.start,
                    line.end,
                    ((line.end, line.end, ":"),),
                )
            )
    return found


def bad_bytes(text: str) -> Accident | None:
    """Bytes that are no UTF-8, where Python looks at them: in strings and names, not in comments (measured on 3.8 to 3.13)."""
    if text.isascii() or not re.search("[\ud800-\udfff]", text):
        return None
    for token in tokens(text):
        if token.kind != "comment" and re.search("[\ud800-\udfff]", token.text):
            return Accident("bad-encoding", "encoding", "bytes that are not UTF-8", token.start, token.end, ())
    return None


def _line_at(text: str, start: int) -> str:
    m = _LINE.match(text, start)
    return m.group(1) if m else ""


def _whole_lines(text: str, file_name: str) -> list[Accident]:
    """Lines that are no code at all. Those inside long strings are left alone."""
    in_strings = _lines_in_strings(text)
    own_name = re.compile(r"#?[\w./~-]*?" + re.escape(file_name) + r":?[ \t]*") if file_name else None
    found: list[Accident] = []
    lines = [(m.start(), m.group(1), m.end()) for m in _LINE.finditer(text) if m.end() > m.start()]
    filled = [start for start, line, _ in lines if line.strip()]
    first, last = (filled[0], filled[-1]) if filled else (-1, -1)
    for start, line, end in lines:
        if start in in_strings or not line.strip():
            continue
        if _FENCE.fullmatch(line):
            what = ("markdown-fence", line.strip(), "a Markdown fence")
        elif line.strip() == "`":
            what = ("stray-backtick", "`", "a stray backtick")
        elif own_name and start == first and not line.startswith("#") and own_name.fullmatch(line):
            what = ("own-name-line", file_name, "its own name as the first line")
        elif start == last and start != first and _HEREDOC_END.fullmatch(line.strip()):
            what = ("heredoc-end", line.strip(), "the end mark of a here-document")
        elif _EDITOR.fullmatch(line.rstrip()):
            what = ("editor-line", line.strip()[:20], "a line of the editor's screen")
        elif _PROMPT.fullmatch(line) and not line.startswith(("#", "@")):
            what = ("terminal-paste", "prompt", "a line of the terminal")
        else:
            continue
        found.append(Accident(*what, start, start + len(line), ((start, end, ""),)))
    return found


def _lines_in_strings(text: str) -> set[int]:
    found: set[int] = set()
    if '"""' not in text and "'''" not in text:
        return found
    for token in tokens(text):
        if token.kind == "string" and not token.is_open:
            found |= {token.start + m.end() for m in re.finditer(r"\r\n|\r|\n", token.text)}
    return found


def _prompts(text: str) -> list[Accident]:
    """`>>> ` and `... ` of an interactive Python before each line."""
    if ">>>" not in text:
        return []
    lines = [m for m in _LINE.finditer(text) if m.group(1).strip()]
    marked = [re.match(r"(?:>>>|\.\.\.)(?: |$)", m.group(1)) for m in lines]
    if not lines or not all(marked) or not lines[0].group(1).startswith(">>>"):
        return []
    spans = tuple((m.start(), m.start() + len(k.group()), "") for m, k in zip(lines, marked, strict=True) if k)
    return [
        Accident(
            "terminal-paste", ">>>", "the prompts of an interactive Python", lines[0].start(), lines[-1].end(), spans
        )
    ]


def _characters(text: str, all_tokens: list[Token]) -> list[Accident]:
    """Blanks and invisible characters that only look like blanks, outside strings and comments."""
    found = []
    others = [t for t in all_tokens if t.kind == "other"]
    blanks = [t for t in others if t.text in _BLANKS]
    hidden = [t for t in others if t.text in _INVISIBLE]
    control = [t for t in others if ord(t.text) < 32 or ord(t.text) == 127]
    if "\0" in text:
        control += [t for t in _nul_tokens(text) if t not in control]
        control.sort(key=lambda t: t.start)
    for kind, what, group, new in (
        ("non-breaking-space", "a non-breaking space between code", blanks, " "),
        ("invisible-character", "an invisible character between code", hidden, ""),
        ("control-character", "a control character", control, ""),
    ):
        if group:
            name = f"U+{ord(group[0].text):04X}"
            found.append(
                Accident(
                    kind,
                    name,
                    f"{what} ({name})",
                    group[0].start,
                    group[0].end,
                    tuple((t.start, t.end, new) for t in group),
                )
            )
    return found[:1]


def _nul_tokens(text: str) -> list[Token]:
    return [Token("other", "\0", m.start(), m.end()) for m in re.finditer("\0", text)]


def _smart_quotes(all_tokens: list[Token]) -> list[Accident]:
    """Typographic quotes where Python wants its own. Double ones first: single ones inside them are text."""
    for family, plain in ((_DOUBLE, '"'), (_SINGLE, "'")):
        group = [t for t in all_tokens if t.kind == "other" and t.text in family]
        if group:
            return [
                Accident(
                    "smart-quotes",
                    group[0].text,
                    "typographic quotes",
                    group[0].start,
                    group[0].end,
                    tuple((t.start, t.end, plain) for t in group),
                )
            ]
    for token in all_tokens:
        if token.kind == "string" and token.is_open and "\n" not in token.text:
            at = next((i for i, c in enumerate(token.text) if c in _DOUBLE + _SINGLE), None)
            if at is not None:
                quote = next(c for c in token.text if c in "\"'")
                where = token.start + at
                return [
                    Accident(
                        "smart-quotes",
                        token.text[at],
                        "a typographic quote that ends a string",
                        where,
                        where + 1,
                        ((where, where + 1, quote),),
                    )
                ]
    return []


def _backticks(text: str) -> list[Accident]:
    """A backtick too many on a line, or a whole line between two. Pairs inside a line are Python 2's repr and left to python2."""
    found = []
    for line in logical_lines(text):
        ticks = [t for t in line.tokens if t.kind == "op" and t.text == "`"]
        is_wrapped = len(ticks) == 2 and ticks[0] is line.tokens[0] and ticks[1] is line.tokens[-1]
        if ticks and (len(ticks) % 2 or is_wrapped):
            spans = tuple((t.start, t.end, "") for t in ticks)
            found.append(Accident("stray-backtick", "`", "a stray backtick", ticks[0].start, ticks[0].end, spans))
    return found
