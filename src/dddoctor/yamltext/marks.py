"""Candidates for punctuation: dashes, colons, quotes, brackets, backticks, escapes, directives."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.lazyre import lazy
from dddoctor.yamltext.lines import COLON_WORD, KEY, Candidate, Line, changed, removed

DASH_WORD = lazy(r"""-(?=["']?[A-Za-z_{\[])""")
NO_COLON = lazy(r"[A-Za-z_][\w.-]*(?=[ \t]+[^\s:=])")
_JOINED = lazy(r"[A-Za-z_][\w.-]*:(?!//)(?=[^\s:])")
_BRACKET_VALUE = lazy(r"[A-Za-z_][\w.-]*:(?=[\[{][\"'{\[\w])")
_WRONG_COLON = lazy(r"([A-Za-z_][\w.-]*)(?:;|[ \t]*=|[ \t]*=>)(?=[ \t]+\S)")
_SMART = {"“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "‛": "'"}
_SMART_PAIR = lazy("[“”„‟][^“”„‟\n]*[“”„‟]|[‘’‚‛][^‘’‚‛\n]*[‘’‚‛]")
_NEXT_KEY = lazy(r"[ \t]+(?=[A-Za-z_][\w.-]*:(?:[ \t]|$))")
BACKTICK_LINE = lazy(r"[ \t]*`+[ \t]*")
_WHY_QUOTES = {
    "@": "`@` cannot begin a value without quotes",
    "`": "a backtick cannot begin a value without quotes",
    "%": "`%` cannot begin a value without quotes",
    "*": "`*` begins an alias, and there is no such anchor",
    "&": "`&` begins an anchor, not a text",
    "!": "`!` begins a tag, not a text",
    "|": "`|` begins a block of text",
    ">": "`>` begins a block of text",
}


def is_among_texts(lines: list[Line], position: int) -> bool:
    """Whether a list item like `env:prod` has a neighbour like it, or stands below `tags:`: then its colon needs no blank."""
    line = lines[position]
    if not line.dashes or KEY.match(line.content):
        return False
    above = next((other for other in reversed(lines[:position]) if other.is_code), None)
    below = next((other for other in lines[position + 1 :] if other.is_code), None)
    if above is not None and re.fullmatch(r"\w*tags:", above.code):
        return True
    return any(
        other is not None and other.dashes and COLON_WORD.match(other.content) and not KEY.match(other.content)
        for other in (above, below)
    )


def colon_cost(lines: list[Line], position: int) -> int:
    """What it costs to take `word:word` of a line for a key that lacks a blank: 1 where keys stand, 2 where it may be a text, 3 among texts.

    A list item is a text more often than not, but for the items of `instances`; and there, one behind a key without a value may be that key's item.
    """
    line = lines[position]
    above = next((other for other in reversed(lines[:position]) if other.is_code), None)
    if is_among_texts(lines, position):
        return 2 if above is not None and above.dashes and above.column > line.column else 3
    if above is None:
        return 1
    if not line.dashes:
        return 2 if above.opens and above.columns[-1] == line.column else 1
    if above.dashes and above.column > line.column and not KEY.match(above.content):
        return 2
    owner = next(
        (
            other
            for other in reversed(lines[:position])
            if other.is_code and not other.dashes and other.column <= line.column
        ),
        None,
    )
    if owner is None or owner.code not in ("instances:", "logs:"):
        return 2
    return 2 if above is not owner and above.opens else 1


def mark_candidates(line: Line, text: str, colon_cost: int) -> Iterator[Candidate]:
    """Everything that can be wrong with the punctuation of one line of code."""
    yield from backticks(line, text)
    yield from _no_blank_after_dash(line)
    yield from _no_blank_after_colon(line, colon_cost)
    yield from _colon_lost(line)
    yield from _quotes(line)
    yield from _brackets(line)
    yield from _values(line)
    yield from _escapes(line)


def sibling_candidates(lines: list[Line], position: int) -> Iterator[Candidate]:
    """The line made a key, where a key stands below it at its column: a text would not be followed by one."""
    line = lines[position]
    below = next((other for other in lines[position + 1 :] if other.is_code), None)
    if (
        below is None
        or below.dashes
        or not KEY.match(below.content)
        or below.column != len(line.indent) + len(line.dashes)
        or KEY.match(line.content)
    ):
        return
    cost = colon_cost(lines, position)
    joined = _JOINED.match(line.content)
    if joined:
        at = line.content_start + joined.end()
        say = f"no blank behind the colon of `{joined[0]}`, so this is no key"
        yield Candidate(
            "no-blank-after-colon", line.number, cost, say, ((at, at, " "),), column=line.content_start - line.start + 1
        )
        return
    match = NO_COLON.match(line.content)
    if match:
        at = line.content_start + match.end()
        yield Candidate(
            "colon-lost",
            line.number,
            2,
            "no colon behind the key",
            ((at, at, ":"),),
            column=at - line.start + 1,
            is_guess=" " in line.code[match.end() :].strip() and line.code[-1] not in "\"'",  # a text that goes on here
        )


def backticks(line: Line, text: str) -> Iterator[Candidate]:
    """A backtick of Markdown: alone, at the end, around a value."""
    if "`" not in line.text:
        return
    if BACKTICK_LINE.fullmatch(line.text):
        yield Candidate(
            "stray-backtick", line.number, 1, "a backtick stands on a line of its own", (removed(text, line, line),)
        )
        return
    stripped = line.text.rstrip()
    if line.text.count("`") == 1 and stripped.endswith("`"):
        yield Candidate(
            "stray-backtick",
            line.number,
            1,
            "a backtick stands behind the value",
            changed(line, stripped[:-1] + line.text[len(stripped) :]),
            column=len(stripped),
        )
    at = line.text.find("`")
    before = line.text[:at].rstrip()
    if not before or before.endswith((":", "-", "[", ",", "{")):
        yield Candidate(
            "stray-backtick",
            line.number,
            1,
            "a backtick cannot begin a value",
            changed(line, line.text.replace("`", "")),
            column=at + 1,
        )


def _no_blank_after_dash(line: Line) -> Iterator[Candidate]:
    """`-key: value`, also behind another dash, and between brackets (`{-key: value}`), where the dash is simply too much."""
    match = DASH_WORD.match(line.content)
    if match:
        at = line.content_start
        say = (
            "no blank behind the dash, so it is part of the key"
            if KEY.match(line.content)
            else "no blank behind the dash, so this is a text, not a list item"
        )
        yield Candidate(
            "no-blank-after-dash", line.number, 1, say, ((at + 1, at + 1, " "),), column=at - line.start + 1
        )
        if KEY.match(line.content):
            yield Candidate(
                "no-blank-after-dash",
                line.number,
                2,
                "a dash stands before the key",
                ((at, at + 1, ""),),
                column=at - line.start + 1,
            )


def _no_blank_after_colon(line: Line, cost: int) -> Iterator[Candidate]:
    bracket = _BRACKET_VALUE.match(line.content)
    if bracket:
        at = line.content_start + bracket.end()
        say = f"no blank behind the colon of `{bracket[0]}`, so this is no key"
        yield Candidate(
            "no-blank-after-colon", line.number, cost, say, ((at, at, " "),), column=line.content_start - line.start + 1
        )
        return
    match = COLON_WORD.match(line.content)
    if match and not KEY.match(line.content):
        at = line.content_start + match.end()
        yield Candidate(
            "no-blank-after-colon",
            line.number,
            cost,
            f"no blank behind the colon of `{match[0]}`, so this is no key",
            ((at, at, " "),),
            column=at - line.start + 1,
        )


def _colon_lost(line: Line) -> Iterator[Candidate]:
    before_bracket = (
        NO_COLON.match(line.content) if "[{" in line.content or " {" in line.content or " [" in line.content else None
    )
    if before_bracket and re.match(r"[ \t]+[\[{]", line.content[before_bracket.end() :]):
        at = line.content_start + before_bracket.end()
        yield Candidate(
            "colon-lost", line.number, 1, "no colon behind the key", ((at, at, ":"),), column=at - line.start + 1
        )
        return
    if KEY.match(line.content):
        return
    match = _WRONG_COLON.match(line.content)
    if match:
        wrong = line.content[match.end(1) : match.end()].strip()
        start, end = line.content_start + match.end(1), line.content_start + match.end()
        yield Candidate(
            "colon-lost",
            line.number,
            2,
            f"`{wrong}` stands where a colon belongs",
            ((start, end, ":"),),
            column=start - line.start + 1,
        )
        return
    match = NO_COLON.match(line.content)
    if match:
        at = line.content_start + match.end()
        # A text may go on here instead; brackets, quotes, numbers and truth values are values of a key.
        is_value = re.fullmatch(r"[ \t]+(?:[\[{\"'].*|-?\d+|true|false|yes|no)", line.code[match.end() :]) is not None
        yield Candidate(
            "colon-lost",
            line.number,
            3,
            "no colon behind the key",
            ((at, at, ":"),),
            column=at - line.start + 1,
            is_guess=not is_value,
        )
    elif re.fullmatch(r"[A-Za-z_][\w.-]*", line.code):
        at = line.content_start + len(line.code)
        yield Candidate(
            "colon-lost",
            line.number,
            3,
            "no colon behind this word",
            ((at, at, ":"),),
            column=at - line.start + 1,
            is_guess=True,
        )


def _quotes(line: Line) -> Iterator[Candidate]:
    """A quote that is opened and not closed, or that something follows; smart quotes that do not quote."""
    smart = None if line.content.isascii() else _SMART_PAIR.search(line.content)
    if smart:
        new = "".join(_SMART.get(character, character) for character in line.text)
        yield Candidate(
            "smart-quotes",
            line.number,
            1,
            "typographic quotes do not quote",
            changed(line, new),
            column=line.text.find(smart[0]) + 1,
        )
    for quote in ('"', "'"):
        count = line.content.count(quote)
        if not count:
            continue
        code = line.code
        at = line.content_start + len(code)
        value = line.value_start if line.value_start is not None else line.content_start
        if count % 2:
            column = line.text.find(quote) + 1
            say = "a quote is opened here and not closed"
            yield Candidate("unclosed-quote", line.number, 2, say, ((at, at, quote),), column=column)
            if at < line.end:  # what looked like a comment is part of the text
                yield Candidate("unclosed-quote", line.number, 3, say, ((line.end, line.end, quote),), column=column)
            if code.endswith(quote) and not line.text[value - line.start :].startswith(quote):
                yield Candidate(
                    "unclosed-quote",
                    line.number,
                    2,
                    "a quote is closed here that was not opened",
                    ((value, value, quote),),
                    column=len(line.indent) + len(code),
                )
            single = line.text.find(quote)
            yield Candidate(
                "unclosed-quote",
                line.number,
                4,
                say,
                ((line.start + single, line.start + single + 1, ""),),
                column=column,
            )
        start = value - line.start
        if line.text[start : start + 1] == quote:
            close = line.text.find(quote, start + 1)
            rest = line.text[close + 1 :] if close > 0 else ""
            if re.fullmatch(r"[ \t]*,[ \t]*", rest):
                comma = line.start + close + 1 + rest.index(",")
                yield Candidate(
                    "comma-at-end",
                    line.number,
                    1,
                    "a comma ends the line; YAML wants none outside brackets",
                    ((comma, comma + 1, ""),),
                    column=comma - line.start + 1,
                )
            elif rest.strip() and not rest.lstrip().startswith("#"):
                yield Candidate(
                    "text-after-quote",
                    line.number,
                    3,
                    "more text follows the closing quote",
                    changed(line, line.text[:start] + _quoted(line.text[start:].rstrip())),
                    column=close + 2,
                    is_guess=True,
                )
    if KEY.match(line.content) and line.code.endswith((",", ";")):
        comma = line.content_start + len(line.code) - 1
        yield Candidate(
            "comma-at-end",
            line.number,
            2,
            "a comma ends the line; YAML wants none outside brackets",
            ((comma, comma + 1, ""),),
            column=comma - line.start + 1,
        )


def _brackets(line: Line) -> Iterator[Candidate]:
    """Brackets opened and not closed on the line, or the other way round (quotes are skipped)."""
    open_: list[str] = []
    quote = ""
    surplus = []
    for position, character in enumerate(line.content):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (position == 0 or line.content[position - 1] in " [{,:"):
            quote = character
        elif character == "#" and position and line.content[position - 1] in " \t":
            break
        elif character in "[{":
            open_.append(character)
        elif character in "]}":
            if open_ and (open_[-1] == "[") == (character == "]"):
                open_.pop()
            else:
                surplus.append(position)
    if surplus:
        at = line.content_start + surplus[-1]
        say = f"`{line.content[surplus[-1]]}` closes a bracket that was not opened"
        yield Candidate(
            "unclosed-bracket",
            line.number,
            2,
            say,
            tuple((line.content_start + p, line.content_start + p + 1, "") for p in surplus),
            column=at - line.start + 1,
        )
    if open_:
        closers = "".join({"[": "]", "{": "}"}[character] for character in reversed(open_))
        at = line.content_start + len(line.code)
        column = line.text.find(open_[-1]) + 1
        say = f"`{open_[-1]}` is opened here and not closed"
        yield Candidate("unclosed-bracket", line.number, 2, say, ((at, at, closers),), column=column)
        trimmed = line.code.rstrip(", ")
        if trimmed != line.code:
            end = line.content_start + len(trimmed)
            yield Candidate("unclosed-bracket", line.number, 2, say, ((end, at, closers),), column=column)


def _values(line: Line) -> Iterator[Candidate]:
    """Values that need quotes: a sign at the beginning that means something else, or a colon inside."""
    start = line.value_start
    if start is None:
        if not line.dashes or KEY.match(line.content):
            return
        start = line.content_start
    value = line.text[start - line.start :]
    code = value.rstrip()
    comment = re.search(r"[ \t]#", code)
    if comment and code[0] not in "\"'":
        code = code[: comment.start()].rstrip()
    if code.startswith("{{") or not code or code[0] in "\"'[{#":
        template = re.fullmatch(r"\{\{[^{}]*\}\}", code)
        if template:
            say = "`{{ … }}` of a template was not filled in"
            in_quotes = ((start, start + len(code), _quoted(code)),)
            yield Candidate(
                "template-left-in", line.number, 1, say, in_quotes, column=start - line.start + 1, is_guess=True
            )
        return
    column = start - line.start + 1
    new = _quoted(code)
    if code.startswith("!!"):
        return
    if code[0] in _WHY_QUOTES and not (code[0] in "|>" and re.fullmatch(r"[|>][-+0-9]*", code)):
        if code[0] == "*" and not code.strip("*"):
            say = "the value is masked with `*`, which begins an alias: nothing in this file loads"
            yield Candidate(
                "alias-mask", line.number, 1, say, ((start, start + len(code), new),), column=column, is_guess=True
            )
            return
        if code[0] == "`":
            return
        say = _WHY_QUOTES[code[0]]
        if code.startswith("%%"):
            say = "a template variable needs quotes, since `%` cannot begin a value"
        kind = "undefined-alias" if code[0] == "*" else "value-needs-quotes"
        yield Candidate(kind, line.number, 2, say, ((start, start + len(code), new),), column=column)
    elif re.search(r":(?:[ \t]|$)", code):
        yield Candidate(
            "colon-in-value",
            line.number,
            2,
            "a colon and a blank inside a value need quotes around it",
            ((start, start + len(code), new),),
            column=column,
        )
        split = _NEXT_KEY.search(code)
        if split:
            indent = " " * (len(line.indent) + len(line.dashes))
            yield Candidate(
                "joined-lines",
                line.number,
                2,
                "two keys stand on one line",
                ((start + split.start(), start + split.end(), "\n" + indent),),
                column=column + split.end(),
            )
    elif code[:2] in ("- ", "? ") or code == "-":
        yield Candidate(
            "value-needs-quotes",
            line.number,
            3,
            f"`{code[0]}` cannot begin a value on the line of its key",
            ((start, start + len(code), new),),
            column=column,
        )


def _quoted(code: str) -> str:
    return "'" + code.replace("'", "''") + "'"


def _escapes(line: Line) -> Iterator[Candidate]:
    """A backslash in double quotes that begins no escape the Agent knows."""
    for match in re.finditer(r'"((?:[^"\\]|\\.)*)"', line.content):
        inner = match[1]
        if "\\" not in inner:
            continue
        start, end = line.content_start + match.start(), line.content_start + match.end()
        column = start - line.start + 1
        unknown = re.search(r"(?<!\\)(?:\\\\)*\\([^0abtnvfre \"'\\N_LPxuU\t])", inner)
        if unknown and unknown[1] == "/":
            new = re.sub(r"(?<!\\)((?:\\\\)*)\\/", r"\1/", match[0])
            yield Candidate(
                "bad-escape",
                line.number,
                1,
                "the Agent does not know the escape `\\/`",
                ((start, end, new),),
                column=column,
            )
        elif "'" not in inner:
            yield Candidate(
                "bad-escape",
                line.number,
                2,
                "a backslash in double quotes begins an escape",
                ((start, end, "'" + inner + "'"),),
                column=column,
            )
        if not unknown or unknown[1] != "/":
            new = '"' + inner.replace("\\", "\\\\") + '"'
            yield Candidate(
                "bad-escape",
                line.number,
                2,
                "a backslash in double quotes begins an escape",
                ((start, end, new),),
                column=column,
            )


def question_mark(line: Line, at: int) -> Candidate | None:
    """Quotes around the text between brackets that holds the `?` at offset `at`."""
    text, position = line.text, at - line.start
    if not 0 <= position < len(text):
        return None
    start = max(text.rfind(sign, 0, position) for sign in "[{,") + 1
    colon = text.rfind(": ", 0, position)
    start = max(start, colon + 2) if colon >= 0 else start
    while start < position and text[start] == " ":
        start += 1
    end = min((found for found in (text.find(sign, position) for sign in ",]}") if found >= 0), default=len(text))
    inner = text[start:end].rstrip()
    if not inner or "'" in inner or '"' in inner:
        return None
    say = "`?` in a text between brackets needs quotes (the Agent's parser is stricter here than others)"
    return Candidate(
        "question-mark-in-flow",
        line.number,
        1,
        say,
        ((line.start + start, line.start + start + len(inner), f"'{inner}'"),),
        column=position + 1,
    )


def directive(line: Line, text: str) -> Candidate | None:
    if re.match(r"%YAML[ \t]", line.text) and not re.match(r"%YAML[ \t]+1\.1\b", line.text):
        return Candidate(
            "yaml-directive",
            line.number,
            1,
            "the Agent reads YAML 1.1 only and refuses every other `%YAML` line",
            (removed(text, line, line),),
        )
    return None
