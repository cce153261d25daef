"""Secrets by their names and values: which keys hold one, which values are none (placeholders, paths, handles). Pure functions on text."""

from __future__ import annotations

import functools
import re

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


FILL = "\ue0d2"  # stands in place of what is hidden already; see `secrets`
LOOKS_RANDOM = lazy(r"[0-9]|[A-Z].*[A-Z]|[=/+~!$%^*]|[a-z_.-][A-Z]")


def set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# --- names -----------------------------------------------------------------------------------------------------------

_CAMEL = lazy(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PASS_WORD = lazy(
    r"(?:.*(?:password|passwd|passphrase|passcode|passwort|pwd|pass)|pswd|psw|pw|pas?sw?o?r?d|passwrod|passwod|pass?word|pssword|paswd)s?"
)  # misspelt, too
_NOT_PASS = set_of(
    "bypass compass encompass surpass trespass overpass underpass bandpass lowpass highpass multipass keepass oldpwd"
)
# password_<word>: a setting about passwords, not one
_ABOUT_PASSWORDS = set_of(
    "file files path dir url uri field type policy length len min max ttl age expiry expire expires expired lifetime interval timeout enabled enable "
    "disabled disable required encoding algorithm alg method hint prompt command cmd env var variable store manager safe plugin validation reuse history "
    "attempts retries warning check rotation reset strength user username name label format mode provider source script backend authentication auth column "
    "through thru over by rate ratio fail failed filter percent percentage regex pattern keyfile"
)
_KEY_OF = set_of(
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
_NOTHING = set_of(
    "null none nil ~ undefined true false yes no on off {} [] str string bytes bytestring int integer bool boolean object any secretstr "
    "… | > |- >- |+ redacted hidden masked apikey appkey api_key app_key api-key app-key"
)
_ASKING = set_of("your insert enter put replace here")
_PLACEHOLDER_WORDS = _ASKING | set_of(
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
OWN_NAMES = set_of("password passwd pass pwd pw token api_key app_key secret")
_NSSWITCH = lazy(r"(?:files|compat|systemd|db|ldap|sss|nis|winbind)(?:\s.*)?")
_PLAIN_URL = lazy(r"https?://[^@?\s]*")
DIRECTORY_WORDS = set_of("home tmp root work src app var etc opt usr here there")


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
