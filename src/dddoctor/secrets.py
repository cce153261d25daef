"""The vault: a secret goes in, a token comes out, and nothing leads back. Rows hold tokens; `show` writes them as `<key #1>`.

Which texts are secrets: `secretscan`. A token is `U+E0D0 kind:12 hex digits U+E0D1`, random for the run: nobody can type one, and two runs have nothing in common.
"""

from __future__ import annotations

import json
import os
import re
import threading

from dddoctor.lazyre import lazy
from dddoctor.secretscan import FILL, KINDS, Found, is_placeholder, is_secret_value, kind_of_name, scan

__all__ = ["KINDS", "Found", "Vault", "is_placeholder", "is_secret_key", "scan"]

_OPEN, _CLOSE = "\ue0d0", "\ue0d1"
_TOKEN_FORM = f"{_OPEN}([a-z-]+):([0-9a-f]{{12}}){_CLOSE}"
_TORN_FORM = f"{_OPEN}(?:{'|'.join(KINDS)}):[0-9a-f]{{0,12}}|(?:[a-z-]{{0,16}}:)?[0-9a-f]{{1,12}}{_CLOSE}"  # what is left of a token in a text that was cut
_TOKEN, _TORN = lazy(_TOKEN_FORM), lazy(_TORN_FORM)
_ESCAPED = lazy(r"\\u[eE]0[dD]0([a-z-]+):([0-9a-f]{12})\\u[eE]0[dD]1")  # a token after json.dumps with ensure_ascii
_HELD = lazy(f"{_TOKEN_FORM}|{_TORN_FORM}|[{_OPEN}{_CLOSE}{FILL}]")
_SHOWN = lazy(r"<(?:" + "|".join(KINDS) + r") #\d+>|&lt;(?:" + "|".join(KINDS) + r") #\d+&gt;")

# Passwords that are also ordinary words of a host: hidden under their key, never hunted elsewhere ("/etc/datadog-agent" must stay readable).
_ORDINARY = {
    "datadog", "vagrant", "ubuntu", "debian", "centos", "localhost", "password", "passwd", "secret", "mysql", "mariadb", "postgres", "root", "admin",
    "administrator", "agent", "default", "public", "private", "example", "monitor", "monitoring", "service", "server", "client", "database", "production",
    "staging", "development", "changeme", "username", "dd-agent", "datadog-agent", "mysql-server", "performance_schema", "information_schema",
}  # fmt: skip
_CLEAN_LIMIT = 20_000  # texts remembered as free of secrets
_FEW = 24


def is_secret_key(name: str) -> bool:
    """Whether the value under this key, variable, header or path (`instances[0].password`) is a secret."""
    return kind_of_name(name) is not None


def _strength(secret: str) -> int:
    """How far a known secret is looked for in other texts: 2 = anywhere, 1 = where it stands as a word of its own, 0 = nowhere.

    0 is for what would garble everything: shorter than 6, short plain words, numbers (a line number, a port). Those stay hidden under their own key, by `scan`.
    """
    if secret.lower() in _ORDINARY or len(secret) < 6:
        return 0
    if secret.isdigit():
        return 1 if len(secret) >= 16 else 0
    if secret.isalpha() and (secret.islower() or secret.isupper() or secret[1:].islower()):
        return 1 if len(secret) >= 10 else 0
    return 2 if len(secret) >= 8 else 1


def _spellings(secret: str) -> set[str]:
    """The secret as JSON, HTML, a URL, YAML or a shell would write it."""
    from urllib.parse import quote

    as_html = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        as_html,
        as_html.replace('"', "&quot;").replace("'", "&#x27;"),
    }
    forms |= {quote(secret), quote(secret, safe=""), secret.replace("'", "''"), secret.replace("'", "\\'")}
    return {f for f in forms if len(f) >= 6}


def _decoded(value: str, before: str) -> str:
    """A quoted value without the escapes of its quotes, so that `"a\\"b"` and `a"b` are one secret."""
    if before == '"' and "\\" in value:
        return re.sub(r"\\([\"\\/])", r"\1", value)
    return value.replace("''", "'") if before == "'" else value


class Vault:
    """Keeps the secrets of one run. Safe to use from several threads; there is no way to get a secret back out.

    Rows: `token` for a value known to be one, `redact` for any other text. Output: `show`.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}  # secret → token
        self._anywhere: dict[str, str] = {}  # spelling → token
        self._as_word: dict[str, str] = {}
        self._by_prefix: dict[str, list[str]] = {}  # first six characters → spellings
        self._numbers: dict[str, int] = {}  # token → number at output
        self._clean: set[str] = set()
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Vault({len(self._tokens)} secrets)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a vault is never written anywhere")

    def is_secret_key(self, name: str) -> bool:
        """Whether the value under this name is a secret; takes a key or a whole path."""
        return kind_of_name(name) is not None

    def token(self, secret: str, kind: str = "key") -> str:
        """The token of a value known to be a secret: the same secret, the same token, whatever the kind said later.

        Placeholders (`<YOUR_API_KEY>`, `****`, `ENC[…]`, `${VAR}`, empty, true, null) and tokens come back as they are.
        """
        bare = secret.strip(" \t\r\n\xa0\"'“”‘’\\") or secret  # quotes within a value do not make it another secret
        if is_placeholder(bare) or _TOKEN.fullmatch(bare):
            return secret
        with self._lock:
            known = self._tokens.get(bare)
            if known is None:
                known = f"{_OPEN}{kind if kind in KINDS else 'secret'}:{os.urandom(6).hex()}{_CLOSE}"
                self._learn(bare, known)
            return known

    def _learn(self, secret: str, token: str) -> None:
        self._tokens[secret] = token
        parts = [secret]
        if "\n" in secret or "\\n" in secret:  # a block: each of its lines gives it away when shown alone
            parts += [
                line for line in re.split(r"\s*\n\s*|\\n", secret) if len(line) >= 16 and not line.startswith("-----")
            ]
        if token.startswith(f"{_OPEN}cookie"):
            parts += re.findall(r"=([^;\s]+)", secret)
        for part in parts:
            strength = _strength(part)
            if not strength:
                continue
            for form in _spellings(part):
                into = self._anywhere if strength == 2 else self._as_word
                if form not in into:
                    into[form] = token
                    self._by_prefix.setdefault(form[:6], []).append(form)
        self._clean.clear()

    def redact(self, text: str) -> str:
        """The text with every secret in it replaced by its token: what `scan` recognises, and every secret known already. Tokens in it stay."""
        if text in self._clean or len(text) < 3:
            return text
        text, spans = self._spans(text)
        out, at = [], 0
        for start, end, token in spans:
            if start >= at:
                out += [text[at:start], token]
                at = end
            elif end > at:
                at = end  # the rest of a secret that begins within another
        return "".join(out) + text[at:] if out else text

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where secrets stand in a text, which are known from then on; the whole of it where it holds characters that are ours alone."""
        if _OPEN in text or _CLOSE in text or FILL in text:
            return [(0, len(text))]
        return [(start, end) for start, end, _ in self._spans(text)[1]]

    def _spans(self, text: str) -> tuple[str, list[tuple[int, int, str]]]:
        """The text without characters of its own that could pass for a token, and (start, end, token) of the secrets in it, ordered."""
        knowledge = len(self._tokens)
        masked = text
        if _OPEN in text or _CLOSE in text or FILL in text:
            text = _HELD.sub(
                lambda m: m[0] if len(m[0]) > 1 else "\ufffd", text
            )  # such characters of the file itself must not pass for a token
            masked = _HELD.sub(lambda m: FILL * len(m[0]), text)
        masked = (
            _SHOWN.sub(lambda m: FILL * len(m[0]), masked)
            if " #" in masked and ("<" in masked or "&lt;" in masked)
            else masked
        )
        known = self._known(masked)
        found = scan(masked)
        if not known and not found:
            with self._lock:
                if len(self._clean) < _CLEAN_LIMIT and len(text) < 400 and knowledge == len(self._tokens):
                    self._clean.add(text)
            return text, []
        spans = [
            (f.start, f.end, self.token(_decoded(text[f.start : f.end], text[f.start - 1 : f.start]), f.kind))
            for f in found
        ]
        if found:
            known = self._known(masked)  # the secrets just learnt may stand elsewhere in the same text
        return text, sorted(spans + known, key=lambda s: (s[0], -s[1]))

    def knows(self, text: str) -> bool:
        """Whether a secret that is known already stands in the text."""
        return bool(self._known(text))

    @property
    def is_empty(self) -> bool:
        """Whether no secret was found so far."""
        return not self._tokens

    def _known(self, text: str) -> list[tuple[int, int, str]]:
        """Where secrets known already stand in a text."""
        with self._lock:
            if not self._by_prefix:
                return []
            total = len(self._anywhere) + len(self._as_word)
            if total <= _FEW:
                forms = [f for group in (self._anywhere, self._as_word) for f in group if f in text]
            else:
                by_prefix, seen = self._by_prefix, set()
                for at in range(len(text) - 5):
                    head = text[at : at + 6]
                    if head in by_prefix:
                        seen.add(head)
                forms = [f for head in seen for f in by_prefix[head] if f in text]
            hits = []
            for form in forms:
                token, at = self._anywhere.get(form), text.find(form)
                edge = "" if token else ("/.-" if form.isalpha() else "")
                while at >= 0:
                    end = at + len(form)
                    if token or not (_joins(text[at - 1 : at], edge) or _joins(text[end : end + 1], edge)):
                        hits.append((at, end, token or self._as_word[form]))
                    at = text.find(form, end)
            return hits

    def redact_value(self, name: str, text: str) -> str:
        """The value of a key or path `name`: a token as a whole where the name says it is a secret, else `redact`.

        Use it for values whose key is known: `redact("hunter2")` alone cannot know.
        """
        kind = kind_of_name(name)
        if kind is None or not is_secret_value(text, kind, name):
            return self.redact(text)
        if text.startswith("["):
            try:
                items = json.loads(text)
            except ValueError:
                items = None
            if isinstance(items, list) and all(
                isinstance(i, str) for i in items
            ):  # each is a secret of its own, which may stand elsewhere alone
                return json.dumps(
                    [self.token(i, kind) if is_secret_value(i, kind, name) else self.redact(i) for i in items],
                    ensure_ascii=False,
                )
        return self.token(text, kind)

    def has_token(self, text: str) -> bool:
        """Whether a text holds a token: such a text is not fit to be written into a file."""
        return (_OPEN in text or _CLOSE in text) and _TORN.search(text) is not None

    def show(self, text: str) -> str:
        """The text for a person: tokens as `<key #1>`, numbered by first appearance in the run's output; and once more every secret that slipped through. Idempotent."""
        text = self.redact(_ESCAPED.sub(f"{_OPEN}\\1:\\2{_CLOSE}", text) if "\\u" in text else text)
        if _OPEN not in text and _CLOSE not in text:
            return text
        return _TORN.sub("<secret>", _TOKEN.sub(self._shown, text))

    def _shown(self, token: re.Match[str]) -> str:
        with self._lock:
            return f"<{token[1]} #{self._numbers.setdefault(token[0], len(self._numbers) + 1)}>"


def _joins(neighbour: str, also: str) -> bool:
    return bool(neighbour) and (neighbour.isalnum() or neighbour == "_" or neighbour in also)
