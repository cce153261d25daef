"""Candidates for what no editor shows: control characters, odd blanks, byte order marks, encodings, and what came along with copied text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from dddoctor.lazyre import lazy
from dddoctor.yamltext.lines import Candidate, Line, Replacement, removed
from dddoctor.yamltext.nodes import Document

CONTROLS = lazy("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_ODD_BLANKS = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE = "\u200b-\u200f\u2060\ufeff\xad"
_ODD = lazy(f"[{_ODD_BLANKS}{_INVISIBLE}]")
_UNICODE_DASH = lazy(r"(\s*)[\u2010-\u2015\u2212\u2022\u00b7](?=[ \xa0])")
_FENCE = lazy(r"(?:`{3,}|~{3,})[ \t]*[\w+-]*[ \t]*")
_FILE_NAME = lazy(r"(?:[\w.~-]*/)*[\w.-]+\.(?:ya?ml|txt|conf|cfg)(?:\.\w+)?:?")
_PROMPT = lazy(
    r"(?:\([\w.-]+\) ?)?(?:\[?[\w.-]+@[\w.-]+(?:[: ]\S*?)?\]?[$#%>]|[$%>]|[\w.-]+[$#]|PS [A-Za-z]:\\[^>]*>)(?: .*)?"
)
_COMMAND = lazy(
    r"(?:sudo|cat|vi|vim|nano|less|more|tail|head|echo|cd|ls|tee|emacs|service|systemctl|datadog-agent) .*|cat ?<<.*"
)
_EDITOR = lazy(
    r'"[^"]+" (?:\[[^\]]*\] ?)*(?:\d+L, \d+[CB](?: written)?|\[New\]?.*)?|:(?:wq|w|q|x|q!|wq!|qa|qa!|x!)|--? ?(?:INSERT|VISUAL|REPLACE) ?--?'
    r"|\[ ?(?:Wrote|Read) \d+ lines? ?\]|\^[A-Z] .*\^[A-Z] .*|GNU nano .*|\(END\)|~"
)
_HEREDOC = lazy(r"(?:EOF|EOT|EOL|END)")
_DIFF = lazy(r"(?:--- |\+\+\+ )\S.*|@@ .*@@.*|diff --git .*|index [0-9a-f]+\.\.[0-9a-f]+.*")
_CONFLICT = lazy(r"(?:<{7}|>{7}|\|{7})(?: .*)?|={7}")
_CONFLICT_MARKS = ("<" * 7, ">" * 7, "|" * 7, "=" * 7)
_NUMBERED = lazy(r"[ \t]*(\d+)(?:[:|]?[ \t]|[:|]|$)")
_RTF_GROUP = lazy(
    r"\{\\(?:\*|fonttbl|colortbl|stylesheet|info|listtable|listoverridetable)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}\n?"
)
_RTF_TOKEN = lazy(
    r"\\'([0-9a-fA-F]{2})|\\u(-?\d+) ?\??|\\([a-zA-Z]+)(-?\d+)? ?|\\([\\{}])|\\\n|\\~|\\([^a-zA-Z])|([{}])|\n"
)

# Name: (pattern, what is said, a quick look at what such a line must have).
JUNK: dict[str, tuple[re.Pattern[str], str, Callable[[str], bool]]] = {
    "fence": (_FENCE, "a Markdown fence is part of the file", lambda s: s[:1] in ("`", "~")),
    "name": (_FILE_NAME, "the file's name stands in it as a line", lambda s: any(e in s for e in (".y", ".txt", ".c"))),
    "editor": (_EDITOR, "a line of the editor's screen is part of the file", lambda s: s[:1] in tuple('":-[^G(~')),
    "prompt": (_PROMPT, "a line of a terminal is part of the file", lambda s: any(c in s for c in "$#%>")),
    "command": (_COMMAND, "a line of a terminal is part of the file", lambda s: " " in s or "<<" in s),
    "heredoc": (_HEREDOC, "the end mark of a shell's here-document is part of the file", lambda s: s[:1] == "E"),
    "diff": (
        _DIFF,
        "the head of a patch is part of the file",
        lambda s: s[:1] in ("-", "+", "@", "d", "i") and " " in s,
    ),
}


def character_candidates(document: Document) -> Iterator[Candidate]:
    """What the Agent's reader refuses, byte by byte."""
    text = document.text
    if text.startswith("\ufeff"):
        marks = len(text) - len(text.lstrip("\ufeff"))
        yield Candidate(
            "second-bom",
            1,
            1,
            "a second byte order mark: every later line at column 0 loses its first letter",
            ((0, marks, ""),),
            column=1,
        )
        return
    found = list(CONTROLS.finditer(text))
    if not found:
        return
    lines = sorted({document.line_of(match.start()) for match in found})
    at = found[0].start()
    count = len(found)
    if text.count("\x00") * 3 > len(text) and document.encoding == "utf-8":
        return
    name = {"\x00": "a NUL character", "\x1b": "an escape character (of a terminal)"}.get(
        text[at], f"the control character U+{ord(text[at]):04X}"
    )
    said = (
        name
        if count == 1
        else f"{name} and {count - 1} more control characters"
        if count > 2
        else f"{name} and one more control character"
    )
    yield Candidate(
        "control-character",
        lines[0],
        1,
        f"{said}; the Agent's reader refuses the whole file for it, also in a comment",
        tuple((match.start(), match.end(), "") for match in found),
        tuple(lines[1:]),
        column=document.column_of(at),
    )


def without_utf16(document: Document) -> str | None:
    """The text of a file that is UTF-16 without a byte order mark, None if it is not."""
    data = document.data
    if document.encoding != "utf-8" or len(data) % 2 or data.count(b"\x00") * 3 < len(data):
        return None
    for encoding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if zeros.count(b"\x00") * 10 >= len(zeros) * 9:
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                return None
    return None


def odd_blanks(line: Line) -> tuple[Replacement, ...]:
    """Odd blanks at the indent, behind a dash or a colon become blanks; invisible characters there go."""
    text = line.text
    edges = re.compile(
        f"^[ \t{_ODD_BLANKS}{_INVISIBLE}]+|(?<=-)[ {_ODD_BLANKS}{_INVISIBLE}]+|(?<=:)[ {_ODD_BLANKS}{_INVISIBLE}]+|[{_ODD_BLANKS}{_INVISIBLE}]+$"
    )
    found: list[Replacement] = []
    for match in edges.finditer(text):
        for odd in _ODD.finditer(match[0]):
            at = line.start + match.start() + odd.start()
            found.append((at, at + 1, " " if re.match(f"[{_ODD_BLANKS}]", odd[0]) else ""))
    return tuple(found)


def odd_blank_candidates(lines: list[Line], chosen: list[Line]) -> Iterator[Candidate]:
    """One candidate for all such lines: who copied one line copied them all."""
    replacements: list[Replacement] = []
    places = []
    for line in lines:
        if line.is_code and not line.text.isascii():
            found = odd_blanks(line)
            if found:
                replacements += found
                places.append(line.number)
    if places:
        name = (
            "a no-break space"
            if "\xa0" in "".join(lines[place - 1].text for place in places)
            else "an invisible character"
        )
        say = f"{name} stands where a blank belongs; for the Agent it is a letter"
        yield Candidate("odd-blank", places[0], 1, say, tuple(replacements), tuple(places[1:]))
    for line in chosen:
        match = None if line.text.isascii() else _UNICODE_DASH.match(line.text)
        if match:
            at = line.start + match.end() - 1
            yield Candidate(
                "odd-dash",
                line.number,
                1,
                "this list item begins with a typographic dash or bullet, not with `-`",
                ((at, at + 1, "-"),),
            )
        if line.content.startswith(("* ", "+ ", "• ")):
            at = line.content_start
            yield Candidate(
                "odd-dash",
                line.number,
                1,
                f"this list item begins with `{line.content[0]}`, not with `-`",
                ((at, at + 1, "-"),),
            )
        at = line.text.find("\uff1a")
        if at > 0 and re.fullmatch(r"[\w.-]+", line.text[:at].strip().lstrip("- ")):
            wide = line.start + at
            yield Candidate(
                "odd-colon",
                line.number,
                1,
                "a full-width colon stands behind the key",
                ((wide, wide + 1, ":" if line.text[at + 1 : at + 2] == " " else ": "),),
            )


def _junk_of(line: Line) -> tuple[str, str] | None:
    stripped = line.text.strip()
    for name, (pattern, say, may_be) in JUNK.items():
        if may_be(stripped) and pattern.fullmatch(stripped):
            return name, say
    return None


def junk_candidates(text: str, lines: list[Line]) -> Iterator[Candidate]:
    """Lines at the top and at the end that came along: fences, prompts, file names, an editor's status, RTF, line numbers."""
    if text.startswith("{\\rtf"):
        yield from rtf_candidates(text, lines)
        return
    code = [line for line in lines if line.text.strip() and not line.text.lstrip().startswith("#")]
    top: list[tuple[Line, str]] = []
    for line in code:
        junk = _junk_of(line)
        if junk is None:
            break
        top.append((line, junk[1]))
    end: list[tuple[Line, str]] = []
    for line in reversed(code[len(top) :]):
        junk = _junk_of(line)
        if junk is None or (junk[0] == "name" and line.number != code[-1].number):
            break
        if junk[0] == "command" and line.indent:
            break  # `service reader` at the depth of options is one that lacks its colon
        end.append((line, junk[1]))
    found = [*top, *reversed(end)]
    if found:
        replacements = tuple(removed(text, line, line) for line, _ in found)
        yield Candidate(
            "leading-junk" if top else "trailing-junk",
            found[0][0].number,
            1,
            found[0][1],
            replacements,
            tuple(line.number for line, _ in found[1:]),
        )
        if top and end:
            yield Candidate(
                "leading-junk",
                top[0][0].number,
                1,
                top[0][1],
                tuple(removed(text, line, line) for line, _ in top),
                tuple(line.number for line, _ in top[1:]),
            )
    fences = [line for line in code if line.text.lstrip()[:1] in ("`", "~") and _FENCE.fullmatch(line.text.strip())]
    if fences:
        yield Candidate(
            "leading-junk",
            fences[0].number,
            1,
            JUNK["fence"][1],
            tuple(removed(text, line, line) for line in fences),
            tuple(line.number for line in fences[1:]),
        )
    templates = [line for line in code if "{{" in line.text and re.fullmatch(r"\s*\{\{.*\}\}\s*", line.text)]
    if templates:
        say = "a line of a template (`{{ … }}`) was not filled in"
        gone = tuple(removed(text, line, line) for line in templates)
        yield Candidate(
            "template-left-in",
            templates[0].number,
            1,
            say,
            gone,
            tuple(line.number for line in templates[1:]),
            is_guess=True,
        )
    yield from _number_candidates(lines, code)


def _number_candidates(lines: list[Line], code: list[Line]) -> Iterator[Candidate]:
    """Every line begins with its number."""
    if not (code and code[0].text.lstrip()[:1].isdigit()):
        return
    matches = [(line, _NUMBERED.match(line.text)) for line in code]
    if len(matches) < 2 or not all(match for _, match in matches):
        return
    numbers = [int(match[1]) for _, match in matches if match]
    if any(after - before < 1 for before, after in zip(numbers, numbers[1:], strict=False)):
        return
    for extra in (0, 1, 2):  # cat -n puts a tab behind the number, others one or two blanks
        replacements = []
        least = 1_000
        for line, match in matches:
            end = limit = match.end() if match else 0
            while line.text[end : end + 1] == " " and end < limit + extra:
                end += 1
            replacements.append((line.start, line.start + end, ""))
            least = min(least, len(line.text[end:]) - len(line.text[end:].lstrip()))
        say = "every line begins with its line number"
        yield Candidate(
            "leading-junk", code[0].number, 1 if least == 0 else 2, say, tuple(replacements), end_line=code[-1].number
        )
        if least == 0:
            return


def rtf_candidates(text: str, lines: list[Line]) -> Iterator[Candidate]:
    """The plain text of a file that a word processor saved as RTF; or, where only the head of such a file is left, the file without it."""
    say = "the file was saved as RTF by a word processor, not as plain text"
    yield Candidate("leading-junk", 1, 1, say, ((0, len(text), rtf_to_text(text)),), end_line=lines[-1].number)
    head = []
    for line in lines:
        if not line.text.startswith(("{\\", "\\")):
            break
        head.append(line)
    replacements: list[Replacement] = []
    for line in head:
        rest = _RTF_TOKEN.sub("", _RTF_GROUP.sub("", line.text)).strip()
        keeps = bool(rest) and line.text.endswith(rest)
        replacements.append((line.start, line.end - len(rest), "") if keeps else removed(text, line, line))
    last = next((line for line in reversed(lines) if line.text.strip()), lines[-1])
    if last.text.strip() == "}" and last not in head:
        replacements.append(removed(text, last, last))
    yield Candidate(
        "leading-junk",
        1,
        1,
        "the head of an RTF file stands before the text",
        tuple(replacements),
        end_line=head[-1].number,
    )


def rtf_to_text(text: str) -> str:
    """Control words dropped, line ends and characters kept. Good for what TextEdit and Word write of a plain text, not for tables and pictures."""
    body = _RTF_GROUP.sub("", text.replace("\r\n", "\n"))
    parts: list[str] = []
    done = 0
    for match in _RTF_TOKEN.finditer(body):
        parts.append(body[done : match.start()])
        done = match.end()
        byte, code, word, _, escaped, other, brace = match.groups()
        if byte:
            parts.append(bytes([int(byte, 16)]).decode("cp1252", "replace"))
        elif code:
            parts.append(chr(int(code) % 65536))
        elif word:
            parts.append(
                {
                    "par": "\n",
                    "line": "\n",
                    "tab": "\t",
                    "lquote": "‘",
                    "rquote": "’",
                    "ldblquote": "“",
                    "rdblquote": "”",
                    "emdash": "—",
                    "endash": "–",
                }.get(word, "")
            )
        elif escaped:
            parts.append(escaped)
        elif match[0] == "\\\n":
            parts.append("\n")
        elif match[0] == "\\~":
            parts.append("\xa0")
        elif other or brace or match[0] == "\n":
            continue
    parts.append(body[done:])
    return "".join(parts).lstrip("\n").rstrip() + "\n"


def conflict_line(line: Line) -> bool:
    """A mark that git leaves where two versions could not be merged."""
    return line.text[:7] in _CONFLICT_MARKS and bool(_CONFLICT.fullmatch(line.text.rstrip()))
