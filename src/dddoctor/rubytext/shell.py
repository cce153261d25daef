"""The commands of a shell text, as far as finding `docker run` in it needs: words, what joins them, where they stand. Nothing is expanded or executed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple

_HEREDOC = lazy(r"<<(-?)\s*(?:\\?([A-Za-z_]\w*)|'([^']+)'|\"([^\"]+)\")")
_ASSIGNMENT = lazy(r"[A-Za-z_]\w*\+?=.*", re.DOTALL)
_PREFIXES = frozenset(
    (
        "sudo",
        "env",
        "nohup",
        "time",
        "exec",
        "command",
        "then",
        "do",
        "else",
        "if",
        "elif",
        "while",
        "until",
        "!",
        "{",
        "(",
    )
)
_TESTS = frozenset(("[", "[[", "test", "grep", "egrep", "which", "type", "hash"))
_SUDO_VALUES = frozenset(("-u", "-g", "-h", "-p", "-C", "-r", "-t"))
_LENGTH_LIMIT = 200_000

# Options of `docker run` that take no value (docker 27; `docker run --help`).
_DOCKER_FLAGS = frozenset(
    ("--detach", "--interactive", "--tty", "--rm", "--privileged", "--init", "--read-only", "--publish-all", "--no-healthcheck", "--oom-kill-disable", "--sig-proxy",
     "--disable-content-trust", "--quiet", "--help", "--use-api-socket")
)  # fmt: skip


class Command(NamedTuple):
    """One simple command. `words` without sudo, variables and `if`; `before` and `after` are the operators around it (`""` at an end of line, `&&`, `||`, `|`, `;`, `&`).

    `offset` is that of the line it begins on. `is_guarded`: it stands in an `if`, a loop or a function, behind `||`, or behind a test and `&&`, so it may not run.
    """

    offset: int
    words: tuple[str, ...]
    before: str
    after: str
    is_guarded: bool


class DockerRun(NamedTuple):
    """`docker run` taken apart. `name` and `image` as written; None where they are not there."""

    name: str | None
    image: str | None
    is_detached: bool
    is_removed: bool
    has_restart: bool


def commands(lines: Sequence[tuple[int, str]]) -> list[Command]:
    """The simple commands of a text given as (offset, line), in order; those in bodies of here-documents and in comments are none."""
    found: list[Command] = []
    depth = 0
    before = ""
    is_tested = False
    for offset, words, after in _split(lines):
        is_tested = before == "||" or (is_tested and before in ("&&", "|"))
        head = words[0] if words else ""
        if head in ("fi", "done", "esac", "}", ")"):
            depth = max(0, depth - 1)
        bare = _bare(words)
        opens = (
            head in ("if", "while", "until", "for", "case")
            or (len(words) > 1 and words[-1] in ("{", "("))
            or head in ("{", "(")
        )
        if bare:
            found.append(Command(offset, tuple(bare), before, after, depth > 0 or opens or is_tested))
            is_tested = is_tested or bare[0] in _TESTS
        if opens:
            depth += 1
        before = after
    return found


def _bare(words: Sequence[str]) -> list[str]:
    """The words from the program on: without `sudo -E`, `env A=b`, `if`, `then`, assignments."""
    at = 0
    while at < len(words):
        word = words[at]
        if word in _PREFIXES:
            at += 1
            while word in ("sudo", "env") and at < len(words) and words[at].startswith("-"):
                at += 2 if words[at] in _SUDO_VALUES else 1
        elif _ASSIGNMENT.fullmatch(word):
            at += 1
        else:
            break
    return list(words[at:])


def _split(lines: Sequence[tuple[int, str]]) -> list[tuple[int, list[str], str]]:
    """(offset, words, the operator behind) of each simple command."""
    result: list[tuple[int, list[str], str]] = []
    words: list[str] = []
    word: str | None = None
    quote = ""
    nesting = 0  # inside of $( … ): all one word
    start = lines[0][0] if lines else 0
    waiting: list[str] = []
    total = 0

    def end(operator: str) -> None:
        nonlocal words, word
        if word is not None:
            words.append(word)
        if words or operator:
            if words:
                result.append((start, words, operator))
            elif result and not result[-1][2]:
                result[-1] = (result[-1][0], result[-1][1], operator)
        words, word = [], None

    for offset, line in lines:
        total += len(line)
        if total > _LENGTH_LIMIT:
            break
        if waiting and not quote:
            if line.strip() == waiting[0]:
                waiting.pop(0)
            continue
        if not words and word is None:
            start = offset
        at, is_continued = 0, False
        while at < len(line):
            char = line[at]
            if quote:
                if char == "\\" and quote == '"' and at + 1 < len(line):
                    word = (word or "") + line[at + 1]
                    at += 1
                elif char == quote:
                    quote = ""
                else:
                    word = (word or "") + char
            elif char == "\\":
                if at + 1 >= len(line) or not line[at + 1 :].strip():
                    is_continued = at + 1 >= len(line)
                    break
                word = (word or "") + line[at + 1]
                at += 1
            elif char in "'\"":
                quote, word = char, word or ""
            elif line.startswith("$(", at):
                nesting, word = nesting + 1, (word or "") + "$("
                at += 1
            elif nesting and char == ")":
                nesting, word = nesting - 1, (word or "") + ")"
            elif nesting:
                word = (word or "") + char
            elif char in " \t\r":
                if word is not None:
                    words.append(word)
                    word = None
            elif char == "#" and word is None:
                break
            elif line.startswith("<<", at) and not line.startswith("<<<", at) and _HEREDOC.match(line, at):
                match = _HEREDOC.match(line, at)
                assert match is not None
                waiting.append(match[2] or match[3] or match[4])
                at = match.end() - 1
            elif line[at : at + 2] in ("&&", "||"):
                end(line[at : at + 2])
                start = offset
                at += 1
            elif char in ";|" or (char == "&" and line[at - 1 : at] not in (">", "<") and line[at + 1 : at + 2] != ">"):
                end(char)
                start = offset
            else:
                word = (word or "") + char
            at += 1
        if quote or nesting:
            word = (word or "") + "\n"
        elif not is_continued:
            end("")
        elif word is not None:
            words.append(word)
            word = None
    end("")
    return result


def docker_run(command: Command) -> DockerRun | None:
    """The parts of `docker run …`; None for any other command."""
    words = list(command.words)
    if not words or words[0].rpartition("/")[2] not in ("docker", "podman"):
        return None
    at = 1
    while at < len(words) and words[at].startswith("-"):
        at += 1 if "=" in words[at] or words[at] in ("-D", "--debug", "--tls", "--tlsverify") else 2
    if words[at : at + 2] == ["container", "run"]:
        at += 1
    if words[at : at + 1] != ["run"]:
        return None
    at += 1
    options: dict[str, str] = {}
    image = None
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-") or word == "-":
            image = word
            break
        key, equals, value = word.partition("=")
        if not word.startswith("--"):
            # -dit, -p 80:80, -p80:80: letters without a value may stand together, the last one may take one.
            letters = word[1:]
            if set(letters) <= set("ditPq"):
                options.update(dict.fromkeys(letters, ""))
                continue
            key, value = f"-{letters[0]}", letters[1:]
            if letters[0] in "ditPq":
                options.update(dict.fromkeys([c for c in letters if c in "ditPq"], ""))
                value = ""
        elif key in _DOCKER_FLAGS:
            options[key] = value or "true"
            continue
        if not value and not equals:
            value = words[at] if at < len(words) else ""
            at += 1
        options[key] = value
    return DockerRun(
        name=options.get("--name") or None,
        image=image,
        is_detached="d" in options or options.get("--detach") == "true",
        is_removed=options.get("--rm") == "true",
        has_restart=options.get("--restart", "no") not in ("no", ""),
    )
