"""Secrets by their own shape (PEM, tokens, keys of 32 and 40 digits, addresses with a password), and by the command or sentence around them."""

from __future__ import annotations

import functools
import re
from collections.abc import Container, Iterator

from dddoctor.lazyre import lazy
from dddoctor.secretnames import (
    ASCII,
    FILL,
    FOLD,
    LINES,
    LOOKS_RANDOM,
    Found,
    is_placeholder,
    is_secret_value,
    kind_of_name,
    set_of,
)
from dddoctor.secretvalues import line_bounds

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
_PROSE = set_of(
    "option options flag to is and or for in parameter argument value values with from if the a an on instead as that which when only was are by of at"
)
_PORTS = lazy(r"(?:[\d.]+:)?\d+:\d+(?:/\w+)?")


@functools.lru_cache(maxsize=64)
def _phrase(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace("VALUE", _VALUE), ASCII | FOLD | LINES)


def phrases(text: str) -> Iterator[Found]:
    """Secrets that a command, a statement or a sentence gives away: `mysql -pX`, `IDENTIFIED BY 'X'`, `--token X`, `ENV NAME X`, `<password>X</password>`."""
    text = text.replace("\\040", "    ")  # a blank as ~/.mysql_history has it; every character keeps its place
    whole = text.lower()
    for either, kind, pattern in _ON_SEVERAL:
        if any(word in whole for word in either.split("|")):
            yield from _hits(_phrase(pattern), kind, text, 0, len(text))
    at = 0
    for line in text.split("\n"):
        low = line.lower()
        if is_phrase(low):
            for words, kind, pattern in _ON_A_LINE_BY_WORDS:
                for word in words:
                    if word in low:
                        yield from _hits(_phrase(pattern), kind, text, at, at + len(line))
                        break
        at += len(line) + 1


def is_phrase(low: str) -> bool:
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
        elif group == "random" and not (LOOKS_RANDOM.search(value) or (kind == "token" and len(value) >= 20)):
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


def shapes(text: str) -> Iterator[Found]:
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


def bare(text: str, known: Container[tuple[int, int]]) -> Iterator[Found]:
    """Words of 32 (API key) or 40 (application key) hexadecimal digits, but for sums, commits, trace and machine ids that are named as such."""
    for m in _HEX.finditer(text) if _MAY_BE_HEX.search(text[::4]) else ():
        value = m[0]
        start, end = m.span()
        if set(value) == {"0"} or (start, end) in known:
            continue
        line_start, line_end = line_bounds(text, start)
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
_MAIL_NAMES = set_of(
    "mailto sip sips xmpp acct npm owner email mail contact team user username author maintainer notify creator to from cc bcc name by reply-to mailto_ login account"
)


def userinfo(text: str) -> Iterator[Found]:
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
