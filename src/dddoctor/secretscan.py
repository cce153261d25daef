"""What a secret looks like: in the name of a key, by its own shape, and by the words around it. Pure functions on text.

At least what the Agent's own scrubber hides is hidden (pkg/util/scrubber, 7.78; measured on 7.52 with a configuration of 30 secrets), with one
deliberate difference: the Agent hides the value of every key that contains `pass` (`password_file`, `passive_checks`), and every word of 32 or 40
hexadecimal digits (a git commit, an md5 sum); here a path, a lifetime, or a sum that is named as one stays readable.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Container, Iterator

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

ASCII, FOLD, LINES = re.ASCII, re.IGNORECASE, re.MULTILINE


class Found(NamedTuple):
    """A secret in a text: characters `start` to `end` (exclusive), quotes not included.

    `kind` is one of key (API key), application-key, password, token, secret, private-key, pem (certificates and other PEM blocks), community, cookie, hash.
    `name` is the key or variable it stands under, as written; None where its shape alone gave it away.
    """

    start: int
    end: int
    kind: str
    name: str | None


KINDS = ("key", "application-key", "password", "token", "secret", "private-key", "pem", "community", "cookie", "hash")


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- names -----------------------------------------------------------------------------------------------------------

_CAMEL = lazy(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PASS_WORD = lazy(
    r"(?:.*(?:password|passwd|passphrase|passcode|passwort|pwd|pass)|pswd|psw|pw|pas?sw?o?r?d|passwrod|passwod|pass?word|pssword|paswd)s?"
)  # misspelt, too
_NOT_PASS = _set_of(
    "bypass compass encompass surpass trespass overpass underpass bandpass lowpass highpass multipass keepass oldpwd"
)
# password_<word>: a setting about passwords, not one
_ABOUT_PASSWORDS = _set_of(
    "file files path dir url uri field type policy length len min max ttl age expiry expire expires expired lifetime interval timeout enabled enable "
    "disabled disable required encoding algorithm alg method hint prompt command cmd env var variable store manager safe plugin validation reuse history "
    "attempts retries warning check rotation reset strength user username name label format mode provider source script backend authentication auth column "
    "through thru over by rate ratio fail failed filter percent percentage regex pattern keyfile"
)
_KEY_OF = _set_of(
    "api app application access private priv auth authentication privacy consumer encryption encrypt signing sign master account license licence secret "
    "shared preshared session deploy storage admin service websocket"
)
_JOINED_KEY = lazy(
    r".*(?:api|app|application|access|private|priv|auth|secret|account|license|licence|status|pass|psk|encryption|signing)keys?"
)
_KEY_KINDS = {"app": "application-key", "application": "application-key", "private": "private-key"}
_EXACT = {
    "authorization": "token", "proxy_authorization": "token", "www_authorization": "token", "auth_tenantid": "token", "lodauth": "token",
    "authority": "token", "cookie": "cookie", "set_cookie": "cookie", "cookies": "cookie", "rediscli_auth": "password", "x_amz_signature": "token",
    "rocommunity": "community", "rwcommunity": "community", "trapcommunity": "community", "psk": "secret", "requirepass": "password",
    "masterauth": "password",
}  # fmt: skip
_ENDPOINT_LEAF = lazy(
    r"additional_endpoints(?:\[(?:\"[^\"]*\"|'[^']*')\]|\.(?:https?://[^\s\[\]]+|[^.\[\]]+))(?:\[[\d*]*\])?$"
)
_LAST_SEGMENT = lazy(r"(?:\[\"((?:[^\"\\]|\\.)*)\"\]|\['([^']*)'\]|([^.\[\]]+))(?:\[[\d*]*\])*$")


@functools.lru_cache(maxsize=8192)
def kind_of_name(name: str) -> str | None:
    """The kind of secret that stands under a key, variable, header or path of this name; None for a harmless name.

    >>> kind_of_name("instances[0].password"), kind_of_name("DD_API_KEY"), kind_of_name("password_file")
    ('password', 'key', None)
    """
    if "additional_endpoints" in name and _ENDPOINT_LEAF.search(name):
        return "key"
    if name in ("PWD", "OLDPWD"):
        return None
    if name == "_auth":  # npm
        return "token"
    last = _LAST_SEGMENT.search(name) if "." in name or "[" in name or "]" in name else None
    plain = name if last is None else next(g for g in last.groups() if g is not None)
    words = [w for w in re.split(r"[^a-z0-9]+", _CAMEL.sub("_", plain).lower()) if w]
    while len(words) > 1 and words[-1].isdigit():
        words.pop()
    words = [w.rstrip("0123456789") or w for w in words]
    if not words:
        return None
    flat, tail, before = "_".join(words), words[-1], words[-2] if len(words) > 1 else ""
    if flat in _EXACT:
        return _EXACT[flat]
    if "communit" in flat and (
        tail == "community" or flat.endswith(("community_string", "community_strings", "communitystring"))
    ):
        return "community"
    if tail not in _ABOUT_PASSWORDS and any(_PASS_WORD.fullmatch(w) and w not in _NOT_PASS for w in words):
        return "password"
    if tail.endswith(("token", "tokens", "jwt")) or (
        "token" in words and tail in ("id", "value", "secret", "key", "string")
    ):
        return None if words[0] in ("max", "min", "num", "total", "count", "prompt", "completion") else "token"
    if tail.endswith("secret") or ("secret" in words and tail in ("id", "key", "value", "string", "base")):
        return "secret"
    if tail in ("key", "keys") and before in _KEY_OF:
        return _KEY_KINDS.get(before, "key" if before == "api" else "secret")
    if tail.endswith(("key", "keys")) and _JOINED_KEY.fullmatch(tail):
        return "application-key" if "app" in tail else "key" if "api" in tail else "secret"
    if words[0] == "x" and tail in ("key", "token", "auth", "secret", "passcode", "signature"):
        return "token"
    return None


# --- values ----------------------------------------------------------------------------------------------------------

_PLACEHOLDER = lazy(
    r"ENC\[[^\]]*\]|!?<[A-Za-z]+\d?(?:[ _.:'’/-]+(?:[A-Za-z]+|\d+))*(?: #\d+)?>|&lt;[a-z-]+ #\d+&gt;|<%.*%>"
    r"|[*•]{6,}[0-9A-Za-z]{0,5}"  # the Agent leaves the last four or five characters of a key
    r"|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Z_][A-Z0-9_]*|\$[0-9@*]|\{\{.*\}\}|%%[\w.:-]+%%|%[A-Z_][A-Z0-9_]*%|%[sdr]|%\(\w+\)s|\{\w*\}"
    r"|[\[(](?i:redacted|hidden|masked|scrubbed|removed|withheld|filtered)[\])]|0{32}(?:0{8})?|Optional\[\w+\]"
)
_PLACEHOLDER_STARTS = frozenset("E!<&*•$%{[(0O")  # with one of these they all begin
_NOTHING = _set_of(
    "null none nil ~ undefined true false yes no on off {} [] str string bytes bytestring int integer bool boolean object any secretstr "
    "… | > |- >- |+ redacted hidden masked apikey appkey api_key app_key api-key app-key"
)
_ASKING = _set_of("your insert enter put replace here")
_PLACEHOLDER_WORDS = _ASKING | _set_of(
    "a my the our own new real this with in datadog dd api app application access secret key token apikey password passwd pass string community goes account"
)
_LOWER_VARIABLE = lazy(r"\$([a-z_][a-z0-9_]*)")
_ROOTED = lazy(
    r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\](?:etc|var|opt|home|root|run|usr|tmp|srv|mnt|secrets?|apps?|vagrant|Users|Library|private|data|certs?|config|keys?|proc|dev)(?:[/\\].*)?"
)
_FILE = lazy(
    r"(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.+@ -]+)+\.(?:pem|key|crt|cer|p12|pfx|jks|txt|json|ya?ml|conf|cnf|ini|env|py|rb|sh|token|secret|keytab)"
)
_CODE = lazy(  # a call, a member, a subscript: where the secret comes from, not the secret
    r"(?:(?:await\s+)?[A-Za-z_]\w*(?:(?:\.[A-Za-z_]\w*)+\((?:[^()'\"\n]|['\"][^'\"\n]*['\"])*\)?|\((?:['\"].*)?\)|\(['\"][\w.-]+['\"].*|\[['\"][\w.-]+['\"]\])(?:[.,;)\]}\s].*)?"
    r"|(?:os\.)?(?:environ|getenv)\b.*|process\.env\b.*|ENV(?:\[|\.fetch).*|System\.getenv.*"
    r"|(?:self|cls|this|args|opts|options|config|conf|settings|instance|params|kwargs|app|request|env|cfg|node)\.[\w.]*(?:pass|password|passwd|pwd|token|key|secret)[,;)]*|@(?:\w*_)?(?:pass|password|passwd|pwd|token|key|secret))"
)
_OWN_NAMES = _set_of("password passwd pass pwd pw token api_key app_key secret")
_NSSWITCH = lazy(r"(?:files|compat|systemd|db|ldap|sss|nis|winbind)(?:\s.*)?")
_PLAIN_URL = lazy(r"https?://[^@?\s]*")
_DIRECTORY_WORDS = _set_of("home tmp root work src app var etc opt usr here there")


def is_placeholder(value: str) -> bool:
    """Whether a value stands for a secret without being one: empty, `<YOUR_API_KEY>`, `****`, `ENC[…]`, `${VAR}`, true, null.

    >>> is_placeholder("ENC[db_password]"), is_placeholder("***************************e8237"), is_placeholder("hunter2")
    (True, True, False)
    """
    text = value.strip().strip("\"'").strip()
    low = text.lower()
    if (
        not text
        or low in _NOTHING
        or (text[0] in "xX*•#.…?-_" and len(text) > 1 and len(set(low)) == 1)
        or (text[0] in _PLACEHOLDER_STARTS and _PLACEHOLDER.fullmatch(text))
    ):
        return True
    if text[0] == "$":
        variable = _LOWER_VARIABLE.fullmatch(text)
        return variable is not None and kind_of_name(variable[1]) is not None
    words = set(low.replace("_", " ").replace("-", " ").split()) if len(text) < 60 else set()
    if len(words) < 2 or not words <= _PLACEHOLDER_WORDS:
        return False
    return bool(words & _ASKING) or bool(words & {"api", "app", "application", "access"} and words & {"key", "token"})


def is_secret_value(value: str, kind: str, name: str = "", *, is_bare: bool = False) -> bool:
    """Whether this value under a name of this kind is one to hide: no placeholder and no path.

    `is_bare`: it stands in a text without quotes, and may be a piece of a program (`instance.get('password')`).
    """
    text = value.strip()
    if is_placeholder(text) or (FILL in text and not text.strip(FILL + "\"', ")):
        return False
    if (text[:1] in "/\\~." or text[1:2] == ":") and (_ROOTED.fullmatch(text) or _FILE.fullmatch(text)):
        return False
    if (
        is_bare
        and ("(" in text or "[" in text or "." in text or "@" in text or "env" in text)
        and _CODE.fullmatch(text)
    ):
        return False
    if kind in ("key", "application-key") and text.startswith((".*", "(.*", "[^")):
        return False  # `sed 's/api_key:.*/api_key: …/'`
    if kind == "community" and text.isdigit() and len(text) < 3:
        return False  # a counter
    if kind in ("password", "community"):
        return not (name.lower() == "passwd" and _NSSWITCH.fullmatch(text))
    # `token: 5` is a count; `authority: https://…` an address
    return not ((text.isdigit() and len(text) < 8) or _PLAIN_URL.fullmatch(text))


# --- names and values in free text -----------------------------------------------------------------------------------

FILL = "\ue0d2"  # stands in place of what is hidden already; see `secrets`

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


def _line_bounds(text: str, at: int) -> tuple[int, int]:
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
        end = _line_bounds(text, at)[1]
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
    at, line = m.end(), _line_bounds(text, name_start)
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
    is_message = " " in name or before == "/" or not _LINE_START.fullmatch(text, _line_bounds(text, start)[0], start)
    if not is_message or not _WORDS.match(text, begin, _line_bounds(text, begin)[1]):
        return False
    return not _LOOKS_RANDOM.search(text[begin:end].split(" ", 1)[0])


_SCHEME = lazy(r"(?:Bearer|Basic|Token|Digest|Negotiate|ApiKey|OAuth)[ \t]+(?=\S)", FOLD)


def _named(text: str) -> Iterator[Found]:
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
            if name.lower().endswith("pwd") and not m["after"] and value in _DIRECTORY_WORDS:
                continue  # `pwd:home` is a place
            word = value.strip("(),;")
            if is_bare and (
                (word == name and m["sep"] != ":") or (word in _OWN_NAMES and (m["sep"] != ":" or word == name))
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


def _endpoint_keys(text: str) -> Iterator[Found]:
    """Every leaf of an `additional_endpoints` mapping is a key, whatever it looks like."""
    for m in _ENDPOINTS.finditer(text):
        start, eol = _line_bounds(text, m.start())
        brace = text.find("{", m.end(), eol)
        if brace >= 0:
            inside = re.compile(r"\[[^\[\]]*\]").finditer(text, brace, _closing(text, brace))
            spans = [span for b in inside for span in _items(text, b.start(), len(text))]
        else:
            spans, indent, at = [], len(text[start : m.start()]) - len(text[start : m.start()].lstrip(" -")), eol + 1
            while at < len(text):
                end = _line_bounds(text, at)[1]
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


# --- shapes ----------------------------------------------------------------------------------------------------------

_SHAPE_STARTS = lazy(
    r"-----BEGIN|ddapp_|DDRCM_|gh[pousr]_|github_pat|glpat-|xox[a-z]-|xapp-|AIza|[srp]k[_-]|SG\.|npm_|pypi-|dckr_|hvs\.|shp[aspc]|ya29|dop_v1|eyJ|A[KS]IA|hooks\.slack|\*(?=[0-9A-F])|\$(?=[0-9A-Zagpy])|0x2441"
)
# One of these is in every text where the pattern above finds something; `in` is ten times as fast.
_SHAPE_WORDS = (
    "-----BEGIN",
    "ddapp_",
    "DDRCM_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat",
    "glpat-",
    "xox",
    "xapp-",
    "AIza",
    "sk_",
    "rk_",
    "pk_",
    "sk-",
    "rk-",
    "pk-",
    "SG.",
    "npm_",
    "pypi-",
    "dckr_",
    "hvs.",
    "shp",
    "ya29",
    "dop_v1",
    "eyJ",
    "AKIA",
    "ASIA",
    "hooks.slack",
    "*",
    "$",
    "0x2441",
)
_SHAPES = lazy(
    r"""
      (?P<pem>-----BEGIN\ (?P<what>[A-Z0-9 ]+)-----(?:(?:(?!-----BEGIN)[\s\S])*?-----END\ [A-Z0-9 ]+-----|(?:\s*[A-Za-z0-9+/=:,\ -]*(?:\n|\\n|$))*))
    | (?<![A-Za-z0-9])(?P<application>ddapp_[A-Za-z0-9]{20,}|DDRCM_[A-Za-z0-9_-]{8,})
    | (?<![A-Za-z0-9])(?P<token>gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeoprs]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{10,}
        |AIza[\w-]{30,}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|sk-(?:ant-|proj-)?[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_[A-Za-z0-9]{30,}
        |pypi-[\w-]{16,}|dckr_pat_[\w-]{16,}|hvs\.[\w-]{20,}|shp(?:at|ss|ca|pa)_[0-9a-fA-F]{20,}|ya29\.[\w-]{20,}|dop_v1_[0-9a-f]{32,}
        |eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|eyJ[\w-]{8,}\.eyJ[\w-]{8,})
    | (?<![A-Za-z0-9])(?P<aws>(?:AKIA|ASIA)[A-Z0-9]{12,16})(?![A-Za-z0-9])(?:[\s,:;|"']{1,3}(?P<awssecret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=]))?
    | hooks\.slack\.com/(?:services|workflows)/(?P<hook>[A-Za-z0-9/_-]{10,})
    | (?P<hash>(?<![0-9A-Za-z*])\*[0-9A-F]{40}(?![0-9A-Za-z])|\$A\$[0-9A-F]{3}\$(?:\\.|[^'\n]){20,140}|0x24412430[0-9A-Fa-f]{60,}
        |\$(?:1|2[abxy]|5|6|7|y|gy|apr1|argon2id?|pbkdf2-sha\d+)\$[^\s:'"]{8,})
    """,
    re.VERBOSE,
)
# (a word that the line must hold in lower case, kind, pattern). VALUE is a word, or one in quotes. The last group of a pattern is the secret; `name`, where
# there is one, must be the name of a secret and gives the kind. One pattern of them all would be tried at every character: ten times as slow.
_ON_A_LINE = (
    ("bearer", "token", r"\bBearer[ \t]+(?!\w+=[\"\\])(?P<random>[\w.~+/=-]{6,})"),
    ("basic ", "token", r"\bBasic[ \t]+(?P<random>[A-Za-z0-9+/]{6,}={0,2})(?![\w.])"),
    ("password", "password", r"\bPASSWORD\s*\(\s*\\?(?P<q>['\"])(?P<v>(?:\\.|(?!(?P=q))[^\\\n])+)"),
    ("password", "password", r"\bSET\s+PASSWORD\s+(?:FOR\s+\S+\s*)?=\s*(?:PASSWORD\s*\()?\s*VALUE"),
    ("-p", "password", r"\b(?:mysql|mariadb)(?:-?(?:admin|dump|import|show|check|slap|pump|sh))?(?:\.exe)?[\"']?[ \t,][^\n|;&]{0,400}?[\s\"']-p(?![ \t\n])VALUE"),
    ("-", "", r"(?<!\S)[\"'\[]?-{1,2}(?P<name>[a-z][\w-]{0,40})(?:[ \t]+|[\"'],[ \t]*(?=[\"']))(?![-\s|&;>])VALUE"),
    ("curl", "password", r"\bcurl\b[^\n]{0,400}?\s(?:-u|-U|--user|--proxy-user)[ =]?[\"']?[^\s:\"']+:(?P<v>[^\s\"']+)"),
    ("sshpass", "password", r"\bsshpass\s+-p\s*VALUE"),
    ("redis-cli", "password", r"\bredis-cli\b[^\n]{0,200}?\s-a\s*VALUE"),
    ("htpasswd", "password", r"\bhtpasswd\s+-\w*b\w*\s+\S+\s+\S+\s+VALUE"),
    ("chpasswd", "password", r"\becho\s+[\"']?[\w.-]+:(?P<v>[^\s\"']+)[\"']?\s*\|\s*(?:sudo\s+)?chpasswd"),
    ("docker", "password", r"\bdocker\s+login\b[^\n]{0,200}?\s-p\s+VALUE"),
    ("snmp", "community", r"\bsnmp[a-z]+\b[^\n]{0,200}?\s-c\s*VALUE"),
    ("snmp", "password", r"\bsnmp[a-z]+\b[^\n]{0,200}?\s-A\s*VALUE"),
    ("snmp", "password", r"\bsnmp[a-z]+\b[^\n]{0,200}?\s-X\s*VALUE"),
    ("community", "community", r"\b(?:r[ow]|trap)community6?[ \t]+VALUE"),
    ("community", "community", r"\bsnmp-server\s+community\s+VALUE"),
    ("com2sec", "community", r"^[ \t]*com2sec6?(?:[ \t]+-Cn[ \t]+\S+)?[ \t]+\S+[ \t]+\S+[ \t]+VALUE"),
    (" password", "password", r"[\w/-]*pass(?:word)?[\w-]*[ \t]+password[ \t]+VALUE"),
    ("env|arg|set", "", r"^[ \t]*(?:ENV|ARG|setenv|set[ \t]+-g?x)[ \t]+(?P<name>\w+)[ \t]+(?![=\s])(?P<v>[^\n]+)"),
    ("password|requirepass|masterauth", "password", r"^[ \t]*(?:password|requirepass|masterauth)[ \t]+(?P<alone>\S+)[ \t\r]*$"),
    (" is|\tis| was|\twas", "password", r"\bpass(?:word|wd|phrase)?[ \t]+(?:is|was)[ \t]*:?[ \t]*[\"'`]?(?P<random>[^\s\"'`,\\]+)"),
    ("api key|api-key", "key", r"\bapi[ -]key(?:[ \t]+(?:is|was))?[ \t]*:?[ \t]*[\"'`]?(?P<random>[^\s\"'`,\\(){}\[\]<>]+)"),
    ("app key|app-key|application key|application-key", "application-key", r"\bapp(?:lication)?[ -]key(?:[ \t]+(?:is|was))?[ \t]*:?[ \t]*[\"'`]?(?P<random>[^\s\"'`,\\(){}\[\]<>]+)"),
    ("</", "", r"<(?P<name>[\w:.-]+)>(?P<v>[^<>\n]+)</"),
    ("(\"|('|( |(\t", "", r"\w\([ \t]*[\"'](?P<name>[\w.-]+)[\"'][ \t]*,[ \t]*[\"'](?P<argument>[^\"'\n]+)[\"']"),
    ("auth=|auth |auth\t|auth(", "password", r"\b(?:auth[ \t]*=[ \t]*\(|HTTP(?:Basic|Digest)Auth\()[ \t]*['\"][^'\"\n]*['\"][ \t]*,[ \t]*['\"](?P<v>[^'\"\n]+)['\"]"),
    ("sig=|sas=|signature=", "token", r"[?&](?:sig|sas|x-amz-signature|x-goog-signature)=(?P<v>[^&\s\"'<>]+)"),
)  # fmt: skip
_ON_SEVERAL = (
    ("identified", "password", r"\bIDENTIFIED\s+(?:(?:VIA|WITH)\s+\S+\s+)?(?:BY|AS|USING)\s+(?:PASSWORD\s*)?\(?\s*\\?(?P<q>['\"])(?P<v>(?:\\.|''|(?!(?P=q))[^\\\n])+)"),
    ("login", "password", r"\blogin\s+\S+\s+password\s+VALUE"),
    ("<key>", "", r"<key>(?P<name>[\w.-]+)</key>\s*<string>(?P<v>[^<]+)</string>"),
    ("value|default", "", r"[\"']?\bname[\"']?\s*[:=]\s*[\"']?(?P<name>[\w.-]+)[\"']?\s*,?\s*[\"']?(?:value|default)[\"']?\s*[:=][ \t]*VALUE"),
)  # fmt: skip
_ON_A_LINE_BY_WORDS = tuple((tuple(words.split("|")), kind, pattern) for words, kind, pattern in _ON_A_LINE)
_VALUE = r"(?:\"(?P<vd>[^\"\n]+)\"|'(?P<vs>[^'\n]+)'|(?P<vp>[^\s\"'`;|,)]+))"
_PROSE = _set_of(
    "option options flag to is and or for in parameter argument value values with from if the a an on instead as that which when only was are by of at"
)
_LOOKS_RANDOM = lazy(r"[0-9]|[A-Z].*[A-Z]|[=/+~!$%^*]|[a-z_.-][A-Z]")
_PORTS = lazy(r"(?:[\d.]+:)?\d+:\d+(?:/\w+)?")


@functools.lru_cache(maxsize=64)
def _phrase(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("VALUE", _VALUE), ASCII | FOLD | LINES)


def _phrases(text: str) -> Iterator[Found]:
    """Secrets that a command, a statement or a sentence gives away: `mysql -pX`, `IDENTIFIED BY 'X'`, `--token X`, `ENV NAME X`, `<password>X</password>`."""
    text = text.replace("\\040", "    ")  # a blank as ~/.mysql_history has it; every character keeps its place
    whole = text.lower()
    for either, kind, pattern in _ON_SEVERAL:
        if any(word in whole for word in either.split("|")):
            yield from _hits(_phrase(pattern), kind, text, 0, len(text))
    at = 0
    for line in text.split("\n"):
        low = line.lower()
        if _is_phrase(low):
            for words, kind, pattern in _ON_A_LINE_BY_WORDS:
                for word in words:
                    if word in low:
                        yield from _hits(_phrase(pattern), kind, text, at, at + len(line))
                        break
        at += len(line) + 1


def _is_phrase(low: str) -> bool:
    """Whether a line in lower case may hold a phrase: it has a word of one, and something that parts words."""
    if not (" " in low or "(" in low or "<" in low or "&" in low or "," in low or "\t" in low):
        return False
    if (
        "(" in low
        or "<" in low
        or "&" in low
        or '"-' in low
        or "'-" in low
        or "[-" in low
        or "\t-" in low
        or "sig=" in low
        or "sas=" in low
        or "signature=" in low
    ):
        return True
    if "-" in low:  # the dash of a list's item is no option of a command
        options = low.replace(" - ", "   ")
        if " -" in options or (options.startswith("-") and not options.startswith("- ")):
            return True
    return (
        "pass" in low
        or "community" in low
        or "key" in low
        or "com2sec" in low
        or "bearer " in low
        or "basic " in low
        or low.lstrip().startswith(("env", "arg", "set"))
    )


def _hits(pattern: re.Pattern[str], kind: str, text: str, at: int, limit: int) -> Iterator[Found]:
    while m := pattern.search(text, at, limit):
        at = m.start() + 1  # a hit may hold others: `mysql --host x -psecret --password other`
        group = m.lastgroup or ""
        start = m.start(group)
        value = text[start : m.end(group)].rstrip()
        name = m["name"] if "name" in pattern.groupindex else None
        if name is not None:
            named = kind_of_name(name)
            if (
                named is None
                or value.lower() in _PROSE
                or not is_secret_value(value, named, name)
                or (group == "argument" and kind_of_name(value))
            ):
                continue
            yield Found(start, start + len(value), named, name)
        elif is_placeholder(value.rstrip(")]}.,;")) or not value.strip(FILL) or _PORTS.fullmatch(value):
            continue
        elif group == "random" and not (_LOOKS_RANDOM.search(value) or (kind == "token" and len(value) >= 20)):
            continue  # "Bearer authentication", "the password is wrong"
        elif group == "alone" and value.lower() in (
            "required",
            "wrong",
            "incorrect",
            "sufficient",
            "requisite",
            "include",
            "optional",
        ):
            continue
        else:
            yield Found(start, start + len(value), kind, None)


def _shapes(text: str) -> Iterator[Found]:
    if not any(map(text.__contains__, _SHAPE_WORDS)):
        return
    covered = 0
    for begins in _SHAPE_STARTS.finditer(text):
        m = _SHAPES.match(text, begins.start()) if begins.start() >= covered else None
        if m is None:
            continue
        covered = m.end()
        if m["pem"]:
            yield Found(
                m.start(), m.start() + len(m["pem"].rstrip()), "private-key" if "PRIVATE" in m["what"] else "pem", None
            )
        elif m["application"]:
            yield Found(*m.span("application"), "application-key", None)
        elif m["aws"]:
            yield Found(*m.span("aws"), "token", None)
            if m["awssecret"]:
                yield Found(*m.span("awssecret"), "secret", None)
        elif m["hash"]:
            yield Found(*m.span("hash"), "hash", None)
        else:
            yield Found(*m.span("token" if m["token"] else "hook"), "token", None)


_MAY_BE_HEX = lazy(r"[0-9a-fA-F]{8}")  # in every fourth character: 32 digits in a row leave 8, and little else does
_HEX = lazy(r"(?<![0-9A-Za-z])[0-9a-fA-F]{32}(?:[0-9a-fA-F]{8})?(?![0-9A-Za-z])")
_SUM_BEFORE = lazy(
    r"(?:(?<![A-Za-z])(?:md5|sha-?1|sha|sha256)\s*\([^)\n]*\)\s*=\s*"
    r"|(?<![A-Za-z])(?:md5|md5sum|sha-?1|sha1sum|sha|checksum|hash|digest|etag|finger[ _-]?print|thumbprint|commit|rev|revision|ref|head|tree|parent|object|blob|trace[ _.-]?id"
    r"|span[ _.-]?id|request[ _.-]?id|correlation[ _.-]?id|machine[ _-]?id|boot[ _-]?id|boot|invocation(?:[ _-]?id)?|uuid|guid|build[ _-]?id|checkout|--hard|cherry-pick|merge"
    r"|recv-keys?|serial|vcs[ _-]ref)(?:_?(?:sha|hash|id|sum))?\\?[\"'\])]*\s*(?:[:=@(]|is|at)?\s*\\?[\"']?"
    r"|\b00-|/journal/|^\d{6} (?:blob|tree|commit) )$",
    ASCII | FOLD | LINES,
)
_SUM_AFTER = lazy(
    r" [ *]\S*(?:/\S|\.(?:py|deb|rpm|so|tar|t?gz|xz|bz2|zip|json|ya?ml|txt|md|js|css|sh|conf|cnf|whl|iso|img|box|exe|jar))|[ \t]+(?:refs/|HEAD\b)| \d+ \S+\.\w+[ \t]*$",
    ASCII | LINES,
)
_FILE_SUFFIX = lazy(
    r"\.(?:js|css|map|png|jpe?g|gif|svg|ico|woff2?|ttf|html?|json|py[co]?|so|whl|t?gz|zip|deb|rpm|log|tmp|pack|idx|conf|lock)\b",
    ASCII,
)
_VCS_WORD = lazy(
    r"(?:git|/commits?/|/tree/|/blob/|/archive/|/raw/|/compare/|svn|hg\+)[^\s\"']*$|(?:^|[\s\"'])[\w.-]+/[\w./-]+@$",
    ASCII | FOLD,
)
_KEYRING = lazy(r"gpg|apt-key|keyserver|keyring|finger ?print|recv-key|signed-by", ASCII | FOLD)


def _bare(text: str, known: Container[tuple[int, int]]) -> Iterator[Found]:
    """Words of 32 (API key) or 40 (application key) hexadecimal digits, but for sums, commits, trace and machine ids that are named as such."""
    for m in _HEX.finditer(text) if _MAY_BE_HEX.search(text[::4]) else ():
        value = m[0]
        start, end = m.span()
        if set(value) == {"0"} or (start, end) in known:
            continue
        line_start, line_end = _line_bounds(text, start)
        before, after = text[max(line_start, start - 200) : start], text[end : min(line_end, end + 200)]
        if not after.startswith("@"):
            is_first = not before.strip(" \t^+-") or before[-1:] in ("'", '"')
            if _SUM_BEFORE.search(before) or (is_first and _SUM_AFTER.match(after)):
                continue
            if before[-1:] in ("/", ".", "-", "_") and _FILE_SUFFIX.match(after):
                continue
            if len(value) == 32 and re.fullmatch(r"[ \t]+/\S+ ", before) and re.fullmatch(r"(?: obsolete)?\s*", after):
                continue  # Conffiles of a dpkg status
            if len(value) == 40 and (_VCS_WORD.search(before) or _KEYRING.search(before)):
                continue
        yield Found(start, end, "key" if len(value) == 32 else "application-key", None)


_URL = lazy(r"://([^\s/:@\"'<>?#`]*):(?=[^\s\"'<>`]*@)")
_TAIL = lazy(r"[^\s\"'<>`]{1,1024}")
_NO_SCHEME = lazy(
    r"(?<![\w/@.:+%-])([A-Za-z_][\w.-]*):([^\s:@/\"'<>,;()`]+)@(?:/|(?P<host>[A-Za-z0-9\[(][\w.-]*))", ASCII
)
_MAIL_NAMES = _set_of(
    "mailto sip sips xmpp acct npm owner email mail contact team user username author maintainer notify creator to from cc bcc name by reply-to mailto_ login account"
)


def _userinfo(text: str) -> Iterator[Found]:
    """`scheme://user:PASSWORD@host`, and `user:PASSWORD@host` without a scheme."""
    for m in _URL.finditer(text) if "://" in text else ():
        tail = _TAIL.match(text, m.end())
        if tail is None:
            continue
        authority = re.split(r"[/?#]", tail[0], maxsplit=1)[0]
        at = authority.rfind("@")
        if at < 0:
            if re.match(r"\d*(?:[/?#]|$)", tail[0]):
                continue  # a port; the @ is further on
            at = tail[0].rfind("@")  # a raw slash in the password
        if at > 0 and not is_placeholder(tail[0][:at]):
            yield Found(m.end(), m.end() + at, "password", None)
    for m in _NO_SCHEME.finditer(text):
        name, value, host = m[1].lower(), m[2], m["host"] or ""
        if is_placeholder(value) or host.startswith("sha256") or re.fullmatch(r"\d+(?:\.\d+){0,2}", host):
            continue
        is_mail = name in _MAIL_NAMES or name.rsplit("_", 1)[-1] in _MAIL_NAMES
        if is_mail and "." in host and not text.startswith(":", m.end()):
            continue  # owner:joe@example.com
        yield Found(*m.span(2), "password", None)


_PLAIN_SIGNS = str.maketrans("_./-", "aaaa")


def scan(text: str) -> list[Found]:
    """The secrets of a text, in order, not overlapping. Placeholders and `ENC[…]` handles are none.

    Works on a line, a value or a whole file; a file gives more (values on the next line, blocks, PEM). Linear in the length of the text.
    """
    length = len(text)
    if length < 12 and (not text or text.translate(_PLAIN_SIGNS).isalnum()):
        return []
    # Most texts hold no secret: find that out with as few steps as possible (plain `in` is several times faster than one pattern of all the words).
    low = text.lower()
    named = (
        "pas" in low
        or "pw" in low
        or "key" in low
        or "secret" in low
        or "token" in low
        or "auth" in low
        or "communit" in low
        or "cookie" in low
        or "psw" in low
        or "pss" in low
        or "psk" in low
        or "jwt" in low
        or "sig" in low
    )
    hits: list[Found] = []
    if length >= 12 and (
        "_" in text
        or "-" in text
        or "." in text
        or "$" in text
        or "*" in text
        or "eyJ" in text
        or "AI" in text
        or "SIA" in text
        or "KIA" in text
        or "0x" in text
    ):
        hits += _shapes(text)  # before the phrases: of two hits at the same place the first one names the kind
    if named or "tenantid" in low:
        if (
            ":" in low or "=" in low or "：" in low or "﹕" in low
        ):  # the wide ones of Asian keyboards are a mistake, and what follows them is a secret all the same
            hits += _named(text)
        hits += _phrases(text)
    elif "identified" in low or (("-" in low or "b" in low or "&" in low) and _is_phrase(low)):
        hits += _phrases(text)
    if "additional_endpoints" in low:
        hits += _endpoint_keys(text)
    if "@" in text:
        hits += _userinfo(text)
    if length >= 32:
        hits += _bare(text, {(f.start, f.end) for f in hits})
    if not hits:
        return hits
    hits = [f for f in hits if f.end > f.start and text[f.start : f.end].strip(FILL + " \t\r\n\"'")]
    hits.sort(key=lambda f: (f.start, -f.end, f.name is None))
    merged: list[Found] = []
    for found in hits:
        if merged and found.start < merged[-1].end:
            if found.end > merged[-1].end:
                merged[-1] = merged[-1]._replace(end=found.end)
        else:
            merged.append(found)
    return merged
