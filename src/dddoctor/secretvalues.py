"""Secrets by the name before them, in free text: `password: X`, `TOKEN = 'X'`, blocks and lists below a key, the keys of additional endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.lazyre import lazy
from dddoctor.secretnames import (
    ASCII,
    DIRECTORY_WORDS,
    FILL,
    FOLD,
    LOOKS_RANDOM,
    OWN_NAMES,
    Found,
    is_secret_value,
    kind_of_name,
)

# --- names and values in free text -----------------------------------------------------------------------------------


_NAMED = lazy(
    r"(?:pass|pasw|pssw|pwd|pswd|psw|pw|secret|token|jwt|key|communit|auth|cookie|tenantid|psk|signature)[\w-]{0,48}(?P<close>\\?[\"'`]?\)?\]?)"
    r"(?P<before>[ \t]{0,12})(?P<sep>:=|=>|:(?!:|//)|[：﹕]|!?={1,3})(?P<after>[ \t]*)",
    ASCII,
)  # on the text in lower case: a third of the time of IGNORECASE
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_TWO_WORDS = lazy(
    r"(?<![\w-])(?:api|app|application|access|private|secret|license|auth|bearer|client|community|pass)[ ]$",
    ASCII | FOLD,
)
_LINE_START = lazy(r"[ \t]*(?:(?:[-#;*>+]|//|\d{1,3}[.)]|export|set|env|declare -x|ENV|ARG|Environment=)[ \t]*)*[\"']?")
_BLOCK = lazy(r"[ \t]*(?:(?:[!&]\S+[ \t]+)*(?P<style>[|>][-+0-9]*))?[ \t]*(?:#(?:[ \t#][^\n]*)?)?\r?")
_COMMAND = lazy(
    r"[ \t]+(?:[-/.|&;>]|\w+[=/]|(?:sudo|python\S*|pip\S*|ddtrace-run|flask|docker\S*|bash|sh|gunicorn|uwsgi|node|npm|ruby|java|vagrant|curl|mysql\S*|apt\S*|\./\S+)(?:\s|$))"
)
_ITEM = lazy(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^']|'')*)'|([^\s,\[\]\"'][^,\[\]\n]*)")
_QUOTE = {'"': lazy(r"\""), "'": lazy(r"(?<![A-Za-z])'|'(?![A-Za-z])"), "`": lazy("`")}
_BRACKETED = lazy(
    r"<[^<>\n]{1,60}>|\$\{[^}\n]*\}|\$\([^)\n]*\)|\{\{.*?\}\}|<%.*?%>|%%[\w.:-]+%%|ENC\[[^\]\n]*\]|&lt;[a-z-]+ #\d+&gt;"
)


_ASCII_LOWER = {upper: upper + 32 for upper in range(65, 91)}


def _lower(text: str) -> str:
    """Lower case of the ASCII letters: every character keeps its place, which `str.lower` does not promise."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def line_bounds(text: str, at: int) -> tuple[int, int]:
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if end < 0 else end


def _is_open(text: str, start: int, at: int, quote: str) -> bool:
    """Whether a quotation begun on this line is still open at `at`. Apostrophes within words do not count."""
    return sum(1 for _ in _QUOTE[quote].finditer(text, max(start, at - 4096), at)) % 2 == 1


def _quoted_end(text: str, start: int, quote: str, limit: int) -> int:
    """Where the quotation that begins before `start` ends; the end of the line where it never does."""
    at = start
    while at < limit:
        if text[at] == "\\" and quote != "'":
            at += 2
        elif text[at] == quote:
            if quote == "'" and text[at + 1 : at + 2] == "'":
                at += 2
            else:
                return at
        else:
            at += 1
    return limit


def _plain_end(text: str, at: int, m: re.Match[str], name_start: int, line: tuple[int, int]) -> int:
    """Where a value without quotes ends: it depends on whether it has the line to itself, or is part of a flow mapping, a query string, a sentence."""
    start, end = line
    if end > at and text[end - 1] == "\r":
        end -= 1
    bracketed = _BRACKETED.match(text, at)
    if bracketed and text[bracketed.end() : bracketed.end() + 1] in ("", *" \t\r\n\"'`,;&)}]@\\"):
        return bracketed.end()
    quote = next((q for q in "\"'`" if _is_open(text, start, m.start("sep"), q)), "")
    if quote:
        stop = text.find(quote, at, end)
        end = end if stop < 0 else stop - 1 if text[stop - 1] == "\\" else stop
        escaped = re.compile(r"\\[nrt]").search(text, at, end) if quote == '"' else None
        end = escaped.start() if escaped else end
    else:
        end = _first(
            r"\\+[nrt](?=[ \t]*-?[ \t]*[\"'\w.-]+[ \t]*[:=])", text, at, end
        )  # a line end within JSON within JSON
    if name_start > start and (text[name_start - 1] in "?&" or text.endswith(("\\u0026", "&amp;"), start, name_start)):
        stops = r"[&\s\"'<>#]|\\u0026"
    elif not quote and _depth(text, start, m.start("sep")) > 0:
        stops = r",(?=\s|$)|[}\]]|,\s*[\"'\w]+\s*[:=]|\s+#" + (r"|[;\s]" if m["sep"] == "=" else "")
    elif _LINE_START.fullmatch(text, start, name_start):
        if m["after"] or m["before"]:
            stops = r"\s+#" if m["sep"] == ":" else r"\s+[#;]"
        elif quote:
            stops = r"[;\s]"
        else:
            blank = _COMMAND.search(text, at, end)
            return (
                blank.start()
                if blank and not text[at : blank.start()].count(" ")
                else _trimmed(text, at, _first(r"\s+[#;]|\\$", text, at, end))
            )
    elif quote and m["sep"] == ":" and m["after"]:
        stops = r"(?!)"
    else:
        stops = r"[;\s]|,(?=\s|$)|,[\"'\w]+="
    return _trimmed(text, at, _first(stops, text, at, end))


def _first(pattern: str, text: str, at: int, end: int) -> int:
    found = re.compile(pattern).search(text, at, end)
    return found.start() if found else end


_OPENER = {")": "(", "}": "{", "]": "["}


def _trimmed(text: str, at: int, end: int) -> int:
    """Without trailing blanks, a comma, and a bracket that was opened before the value."""
    while end > at and (
        text[end - 1] in " \t," or (text[end - 1] in _OPENER and _OPENER[text[end - 1]] not in text[at:end])
    ):
        end -= 1
    return end


def _depth(text: str, start: int, at: int) -> int:
    part = text[max(start, at - 4096) : at]
    return part.count("{") + part.count("[") - part.count("}") - part.count("]")


def _items(text: str, at: int, end: int) -> Iterator[tuple[int, int]]:
    """The scalars of a flow list that opens at `at`, on one line or several."""
    close = text.find("]", at, at + 4096)
    for m in _ITEM.finditer(text, at + 1, end if close < 0 else close):
        if m[3] is None or ": " not in m[3]:
            group = next(g for g in (1, 2, 3) if m[g] is not None)
            yield m.start(group), m.start(group) + len(m[group].rstrip())


_KEY_LINE = lazy(r"[\"']?[\w./-]+[\"']?:(?:\s|$)")


def _below(text: str, eol: int, indent: int, is_text: bool, column: int) -> Iterator[tuple[int, int]]:
    """The value of a key that has nothing on its own line: a block scalar, a scalar on the next line, a block list. Mappings have names of their own.

    `indent` is that of the key's line, `column` the key's own (behind a dash it stands deeper): from there on left a text block ends at the next key.
    """
    at = eol + 1
    for _ in range(200):
        if at >= len(text):
            return
        end = line_bounds(text, at)[1]
        content = text[at:end].rstrip()
        body = content.lstrip(" ")
        deep, start = len(content) - len(body), at
        at = end + 1
        if not body:
            continue
        if deep < indent or (deep == indent and not body.startswith("- ")):
            return
        if is_text and deep <= column and _KEY_LINE.match(body):
            return
        if is_text:
            yield start + deep, start + len(content)
            continue
        item = re.compile(r"(?:- +)?([\"']?)(.*)").match(text, start + deep, start + len(content))
        if item is None or body.startswith("#"):
            continue
        if _KEY_LINE.match(text[item.start(1) : item.end()]):
            return
        if item[1]:
            yield item.start(2), _quoted_end(text, item.start(2), item[1], item.end())
        else:
            yield item.start(2), _first(r"\s+#", text, item.start(2), item.end())
            if not body.startswith("- "):
                return


def _values(text: str, m: re.Match[str], name_start: int) -> Iterator[tuple[int, int]]:
    """The value, or values, of the name that `m` ended."""
    at, line = m.end(), line_bounds(text, name_start)
    start, eol = line
    if at >= eol or _BLOCK.fullmatch(text, at, eol):
        prefix = text[start:name_start].rstrip("\"'")
        style = _BLOCK.fullmatch(text, at, eol)
        if m["sep"] == ":" and not prefix.strip(" -"):
            yield from _below(
                text,
                eol,
                len(prefix) - len(prefix.lstrip(" ")),
                style is not None and style["style"] is not None,
                len(prefix),
            )
        return
    if text.startswith(('\\"', "\\'"), at):
        yield at + 2, _first(r"(?<!\\)\\" + text[at + 1], text, at + 2, eol)
        return
    prefix_letters = re.compile(
        r"[bBrRuUfF]{1,2}(?=[\"'])|(?<=: )[!&][A-Za-z!]+[ \t]+(?=\S)|(?:str|bytes|SecretStr|Optional\[\w+\]|\w+ \| None)[ \t]*=[ \t]*"
    ).match(text, at)
    if prefix_letters:
        at = prefix_letters.end()
    quote = text[at : at + 1]
    if quote and quote in "\"'`":
        if _is_open(text, start, m.start("sep"), quote) and text[at + 1 : at + 2] in (
            "",
            " ",
            "\t",
            "\n",
            "\r",
            ",",
            ";",
            ".",
            ")",
            "]",
            "}",
        ):
            return  # it closes what was opened before the name: "`password:` is missing"
        if text.startswith(quote * 3, at):
            stop = text.find(quote * 3, at + 3)
            yield at + 3, len(text) if stop < 0 else stop
        else:
            stop = _quoted_end(text, at + 1, quote, eol)
            if text[stop + 1 : stop + 2].isalnum():  # the quotes are part of the value
                at, stop = at - 1, _plain_end(text, stop + 1, m, name_start, line)
            yield at + 1, stop
    elif quote == "[":
        yield from _items(text, at, len(text))
    elif quote == "{":
        if m["sep"] == ":" or m["sep"] == "=":
            bracketed = _BRACKETED.match(text, at)
            if not bracketed and not re.compile(r"\{[^{}\n]*:").match(text, at):
                yield at, _plain_end(text, at, m, name_start, line)
    else:
        if quote == "#" and m["after"]:  # a comment; one that begins without a blank may be the secret itself
            if text[at + 1 : at + 2] in ("", " ", "\t", "#", "\n"):
                return
            at += 1
        yield at, _plain_end(text, at, m, name_start, line)


_LONG_WORD = lazy(r"[0-9A-Za-z]{20,}(?=\s)|(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|" + FILL + r"+)(?=[/:.,;'\")\]}&|<>])")
_WORDS = lazy(r"[A-Za-z][A-Za-z'’-]*[,.:]?(?:[ \t]+\S|$)")
_YES_NO = lazy(r"(?:YES|NO)\b\W*(?:\w\W*)?")


def _is_sentence(text: str, start: int, begin: int, end: int, kind: str, name: str) -> bool:
    """Whether a message is about the secret and does not hold it: "open /etc/datadog-agent/auth_token: permission denied", "(using password: YES)"."""
    if kind == "password":
        return bool(_YES_NO.fullmatch(text, begin, end)) and text[max(0, start - 6) : start] == "using "
    if kind in ("community", "cookie"):
        return False
    before = text[start - 1 : start]
    is_message = " " in name or before == "/" or not _LINE_START.fullmatch(text, line_bounds(text, start)[0], start)
    if not is_message or not _WORDS.match(text, begin, line_bounds(text, begin)[1]):
        return False
    return not LOOKS_RANDOM.search(text[begin:end].split(" ", 1)[0])


_SCHEME = lazy(r"(?:Bearer|Basic|Token|Digest|Negotiate|ApiKey|OAuth)[ \t]+(?=\S)", FOLD)


def named_values(text: str) -> Iterator[Found]:
    """`name: value`, `name = value`, `NAME=value`, `"name": "value"`, `name=>value` for every name that means a secret."""
    covered = listed = (
        0  # ends of what was found, and of the last list: what stands in them is not looked at again (a long line would cost its square)
    )
    for m in _NAMED.finditer(_lower(text)):
        if m.start() < covered or (m.end() < listed and text.startswith("[", m.end())):
            continue
        start, lowest = m.start(), max(0, m.start() - 64)
        while start > lowest and text[start - 1] in _NAME_CHARS:
            start -= 1
        if start and text[start - 1] == "\\":
            if text.startswith("u0026", start):
                start += 5  # `&` as Go's JSON writes it
            elif text[start] in "nrt":
                start += 1  # a line end
        name = text[start : m.start("close")].lstrip("-.")
        start = m.start("close") - len(name)
        kind = kind_of_name(name) or kind_of_name(name.rsplit("-", 1)[-1] if name.startswith("e-") else "")
        if name.lower() == "passwd" and text[start - 1 : start] == "/":
            continue  # the file /etc/passwd
        if name == "auth":  # ~/.docker/config.json: base64 of user:password
            kind = "token"
        if kind is None and (two := _TWO_WORDS.search(text, max(0, start - 16), start)):
            start = two.start()
            name = text[start : m.start("close")]
            kind = kind_of_name(name)
        if kind is None:
            continue
        if text.startswith("[", m.end()):
            close = text.find("]", m.end(), m.end() + 4096)
            listed = m.end() + 4096 if close < 0 else close
        for begin, end in _values(text, m, start):
            value = text[begin:end]
            if name == "auth" and not _is_basic(value):
                continue
            if kind == "token" and (scheme := _SCHEME.match(value)):
                begin += scheme.end()
                value = text[begin:end]
            is_bare = text[begin - 1] not in "\"'"
            if not is_secret_value(value, kind, name, is_bare=is_bare) or (
                is_bare and not is_secret_value(value.rstrip("):,;") or "x", kind, name)
            ):
                continue
            if is_bare and _is_sentence(text, start, begin, end, kind, name):
                continue
            if kind in ("key", "application-key") and (only := _LONG_WORD.match(value)):
                end = begin + only.end()  # `api_key: 0123… (the old one)`
                value = text[begin:end]
            if name.lower().endswith("pwd") and not m["after"] and value in DIRECTORY_WORDS:
                continue  # `pwd:home` is a place
            word = value.strip("(),;")
            if is_bare and (
                (word == name and m["sep"] != ":") or (word in OWN_NAMES and (m["sep"] != ":" or word == name))
            ):
                continue  # code: password=password
            if is_bare and "]" in m["close"] and re.fullmatch(r"[A-Za-z_][\w.]*", word):
                continue  # code: headers["X-Auth-Token"] = header
            covered = max(covered, end)
            yield Found(begin, end, kind, name)


def _is_basic(value: str) -> bool:
    """Whether this is base64 of `user:password`."""
    import base64

    try:
        return len(value) >= 8 and b":" in base64.b64decode(value, validate=True)
    except ValueError:
        return False


_ENDPOINTS = lazy(r"additional_endpoints[\"']?[ \t]*[:=]", ASCII | FOLD)
_ENDPOINT = lazy(r"[ \t]*[\"']?https?://[^\s\"']+[\"']?[ \t]*:[ \t]*(.*)")


def endpoint_keys(text: str) -> Iterator[Found]:
    """Every leaf of an `additional_endpoints` mapping is a key, whatever it looks like."""
    for m in _ENDPOINTS.finditer(text):
        start, eol = line_bounds(text, m.start())
        brace = text.find("{", m.end(), eol)
        if brace >= 0:
            inside = re.compile(r"\[[^\[\]]*\]").finditer(text, brace, _closing(text, brace))
            spans = [span for b in inside for span in _items(text, b.start(), len(text))]
        else:
            spans, indent, at = [], len(text[start : m.start()]) - len(text[start : m.start()].lstrip(" -")), eol + 1
            while at < len(text):
                end = line_bounds(text, at)[1]
                line = text[at:end].rstrip()
                if (
                    line
                    and len(line) - len(line.lstrip(" ")) <= indent
                    and not line.lstrip(" ").startswith(("- ", "#"))
                ):
                    break
                url, item = (
                    _ENDPOINT.match(text, at, end),
                    re.compile(r"[ \t]*- +[\"']?([^\s\"'#:{}]+)[\"']?[ \t\r]*(?:#.*)?").fullmatch(text, at, end),
                )
                if url and url[1].startswith("["):
                    spans += _items(text, url.start(1), len(text))
                elif url and url[1].strip("\"' \r") and url[1][0] not in "|>#{&":
                    inner = re.compile(r"[\"']?([^\s\"']+)").match(text, url.start(1), end)
                    spans += [inner.span(1)] if inner else []
                elif item:
                    spans.append(item.span(1))
                at = end + 1
        yield from (Found(b, e, "key", "additional_endpoints") for b, e in spans if is_secret_value(text[b:e], "key"))


def _closing(text: str, brace: int) -> int:
    """Where the flow mapping that opens at `brace` ends; lists behind it are not its own."""
    depth = 0
    for m in re.compile(r"[{}]").finditer(text, brace, brace + 4096):
        depth += 1 if m[0] == "{" else -1
        if depth == 0:
            return m.end()
    return min(len(text), brace + 4096)
