"""What the Agent wants of a file's shape: candidates where it is another, and options of an instance whose type keeps the instance from running."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from dddoctor.datafiles import catalogue
from dddoctor.light import NamedTuple
from dddoctor.yamltext.decoder import CHECK_FIELDS
from dddoctor.yamltext.indents import depth_candidates
from dddoctor.yamltext.lines import COLON_WORD, KEY, Candidate, Line, Replacement, changed, removed
from dddoctor.yamltext.marks import DASH_WORD, NO_COLON, colon_cost
from dddoctor.yamltext.nodes import Document, Node

# Top-level keys by which a main file is known (a few are enough: they only decide which of two documents is the file).
MAIN_KEYS = frozenset(
    [
        "api_key",
        "site",
        "dd_url",
        "hostname",
        "tags",
        "env",
        "apm_config",
        "logs_config",
        "process_config",
        "logs_enabled",
        "log_level",
        "proxy",
        "additional_endpoints",
        "dogstatsd_port",
        "confd_path",
        "additional_checksd",
        "secret_backend_command",
        "hostname_fqdn",
        "bind_host",
        "cmd_port",
        "expvar_port",
        "GUI_port",
        "use_dogstatsd",
        "skip_ssl_validation",
    ]
)
# Of each instance; int takes a float too. Source: CommonInstanceConfig of the Agent's integration package; measured on 7.72.4 (Go checks) and 7.52 (Python checks).
TYPED_OPTIONS = {
    "min_collection_interval": "int",
    "tags": "list",
    "service": "text",
    "name": "text",
    "namespace": "text",
    "empty_default_hostname": "bool",
    "no_index": "bool",
}


@lru_cache(maxsize=1)
def settings() -> frozenset[str]:
    """Names of the Agent's settings, dotted; empty where the catalogue is not there."""
    try:
        return frozenset(catalogue("settings.json")["keys"])
    except (OSError, KeyError, ValueError):
        return frozenset()


@lru_cache(maxsize=4)
def top_level_names(kind: str) -> frozenset[str]:
    """Keys that the Agent knows at the top level of such a file."""
    if kind == "check":
        return frozenset(CHECK_FIELDS)
    return MAIN_KEYS | {name.split(".", 1)[0] for name in settings()} if kind == "main" else frozenset()


class Wrong(NamedTuple):
    """A value of a type that the Agent cannot use. `replacements` mend it where that is certain."""

    node: Node
    kind: str
    text: str
    replacements: tuple[Replacement, ...]
    is_blocking: bool = True


def shape_candidates(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """Ways to give a file that is YAML the shape that the Agent decodes into."""
    code = [line for line in lines if line.is_code]
    yield from _behind_candidates(document, lines)
    dashed = [line for line in code if DASH_WORD.match(line.content)]
    if dashed:
        replacements = tuple((line.content_start + 1, line.content_start + 1, " ") for line in dashed)
        say = "no blank behind the dash, so it is part of the key or the text"
        yield Candidate(
            "no-blank-after-dash",
            dashed[0].number,
            1,
            say,
            replacements,
            tuple(line.number for line in dashed[1:]),
            column=dashed[0].column + 1,
        )
        for line in dashed if len(dashed) < 10 else []:
            yield Candidate(
                "no-blank-after-dash",
                line.number,
                1,
                say,
                ((line.content_start + 1, line.content_start + 1, " "),),
                column=line.column + 1,
            )
    yield from _lost_blanks(lines, code)
    for position, line in enumerate(lines):
        match = re.match(r"([A-Za-z_]\w*):(?=\s|$)", line.content)
        names = CHECK_FIELDS if document.kind == "check" else MAIN_KEYS
        if match and match[1] in names and line.column > 0 and not line.dashes:
            for candidate in depth_candidates(lines, position):
                yield candidate._replace(cost=1)
    root = document.root
    if document.kind == "check" and root is not None and root.kind == "map":
        for key, value in root.pairs:
            if key.raw == "instances":
                yield from _instances_candidates(lines, value)
    if document.kind == "main" and root is not None and root.kind == "seq" and not root.event.flow_style:
        yield from _dashes_at_top(lines, root)
    if document.kind == "check" and len(code) < 200:
        for position, line in enumerate(lines):
            if line.dashes:
                # `- host db1` may as well lack its colon.
                is_guess = not KEY.match(line.content) and NO_COLON.match(line.content) is not None
                yield from (one._replace(is_guess=is_guess) for one in depth_candidates(lines, position))


def _behind_candidates(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """What the Agent does not see because the first document ends early."""
    behind = document.rest_ignored_line
    root = document.root
    if behind is None:
        return
    rest = lines[behind - 1]
    if rest.text.startswith("---"):
        first = next((line for line in lines if line.is_code), rest)
        names = MAIN_KEYS if document.kind == "main" else CHECK_FIELDS.keys()
        known = {key.raw for key, _ in document.top_level()} & set(names)
        if first.number < rest.number and not known and first.text.rstrip() == "---":
            say = (
                "the file begins with a document of its own (front matter), and the Agent reads only the first document"
            )
            yield Candidate(
                "front-matter", first.number, 1, say, (removed(document.text, first, rest),), end_line=rest.number
            )
        elif not document.has_shape and rest.text.rstrip() == "---":
            say = "a second document begins here, and the Agent reads only the first one"
            yield Candidate("second-document", rest.number, 1, say, (removed(document.text, rest, rest),))
        return
    if root is not None and root.kind == "map" and root.column > 1 and rest.column == 0:
        indent = root.column - 1
        inside = [line for line in lines if line.start < rest.start and line.number >= root.line and line.text.strip()]
        if all(line.column >= indent for line in inside):
            replacements = tuple(change for line in inside for change in changed(line, line.text[indent:]))
            blanks = "a blank" if indent == 1 else f"{indent} blanks"
            say = f"{blanks} before the first key: the Agent takes the first line without them for the end of the file and reads nothing from there on"
            yield Candidate("leading-blank-first-key", root.line, 1, say, replacements, column=1)


def _lost_blanks(lines: list[Line], code: list[Line]) -> Iterator[Candidate]:
    """`key:value` where a key is wanted: all of them at once, and each alone."""
    found = [
        line
        for line in code
        if colon_cost(lines, line.number - 1) < (2 if line.dashes else 3)
        and COLON_WORD.match(line.content)
        and not re.search(r":(?:\s|$)", line.code)
        and "://" not in line.content
    ]
    if not found or len(found) > 200:
        return
    groups = [found] if len(found) == 1 else [found, *[[line] for line in found[:20]]]
    for group in groups:
        replacements = []
        for line in group:
            match = COLON_WORD.match(line.content)
            at = line.content_start + (match.end() if match else 0)
            replacements.append((at, at, " "))
        first = group[0]
        name = COLON_WORD.match(first.content)
        say = f"no blank behind the colon of `{name[0] if name else ''}`, so this is no key"
        yield Candidate(
            "no-blank-after-colon",
            first.number,
            1,
            say,
            tuple(replacements),
            tuple(line.number for line in group[1:]),
            column=replacements[0][0] - first.start + 1,
        )


def _instances_candidates(lines: list[Line], value: Node) -> Iterator[Candidate]:
    """A mapping where a list of mappings belongs."""
    if value.kind != "map" or value.is_alias or not value.children:
        return
    say = "`instances` is a mapping; the Agent wants a list of mappings, so a dash is missing"
    if value.event.flow_style:
        yield Candidate(
            "instances-is-mapping", value.line, 1, say, ((value.start, value.start, "["), (value.end, value.end, "]"))
        )
        return
    first = value.line
    last = value.end_line
    replacements: list[Replacement] = []
    for line in lines[first - 1 : last]:
        if not line.text.strip():
            continue
        at = line.start + min(line.column, value.column - 1)
        replacements.append((at, at, "- " if line.number == first else "  "))
    yield Candidate(
        "instances-is-mapping",
        first,
        1,
        say,
        tuple(replacements),
        end_line=last if last > first else None,
        column=value.column,
    )


def _dashes_at_top(lines: list[Line], root: Node) -> Iterator[Candidate]:
    """`- api_key: x` and `- site: y`: settings written as a list."""
    replacements: list[Replacement] = []
    column = root.column - 1
    for line in lines[root.line - 1 :]:
        if not line.text.strip():
            continue
        if line.column == column and line.dashes:
            width = len(re.match(r"-[ \t]*", line.dashes)[0])  # type: ignore[index]
            replacements.append((line.start, line.start + column + width, ""))
        elif line.column > column + 1:
            replacements.append((line.start, line.start + column + 2, ""))
        elif line.is_code:
            return
    say = "the file is a list; settings are keys at column 0, without dashes"
    yield Candidate("wrong-top-level", root.line, 2, say, tuple(replacements), end_line=lines[-1].number)


def first_problem(document: Document) -> tuple[str, int, int, str]:
    """Kind, line, column and words for a file of the wrong shape that nothing mends."""
    root = document.root
    if document.kind == "check" and root is not None and root.kind == "map":
        for key, value in root.pairs:
            if key.raw == "instances" and not (document.problem and "docker_images" in document.problem.message):
                return _instances_problem(document, key, value)
        problem = document.problem
        if problem is not None and "docker_images" in problem.message:
            return (
                "old-section",
                problem.line or 1,
                1,
                "`docker_images` is no longer read; the Agent wants `ad_identifiers`",
            )
        if problem is not None and "unmarshal errors" in problem.message:
            return "wrong-type", problem.line or 1, problem.column or 1, _type_words(problem.message)
    if document.kind != "check" and root is not None and root.kind == "map":
        place = document.problem
        return (
            "invalid-key",
            (place.line if place else None) or 1,
            (place.column if place else None) or 1,
            "a list or mapping stands where a key belongs",
        )
    if root is None or root.kind == "map" or root.type == "null":
        return "no-instances", 1, 1, "the file has no `instances`, so the check has nothing to run"
    name = "a list" if root.kind == "seq" else "a text"
    wanted = "`instances` and other keys" if document.kind == "check" else "settings, each with its key"
    return "wrong-top-level", root.line, root.column, f"the whole file is {name}; the Agent wants {wanted}"


def _instances_problem(document: Document, key: Node, value: Node) -> tuple[str, int, int, str]:
    problem = document.problem
    if value.type == "null" or (value.kind == "seq" and not value.children):
        return "no-instances", key.line, key.column, "`instances` is empty, so the check has nothing to run"
    if value.kind == "map":
        return (
            "instances-is-mapping",
            value.line,
            value.column,
            "`instances` is a mapping; the Agent wants a list of mappings",
        )
    if value.kind == "scalar":
        return (
            "instances-is-text",
            value.line,
            value.column,
            "`instances` is a text; the Agent wants a list of mappings",
        )
    for position, item in enumerate(value.children):
        if item.kind != "map" and item.type != "null":
            name = "a list" if item.kind == "seq" else "a text or number"
            return (
                "wrong-instance",
                item.line,
                item.column,
                f"instance {position + 1} is {name}; the Agent wants keys with values",
            )
    line = problem.line if problem and problem.line else value.line
    return "wrong-type", line, 1, _type_words(problem.message) if problem else "a value has the wrong type"


def _type_words(message: str) -> str:
    found = re.search(r"cannot unmarshal (!!\w+).* into (.+)$", message, re.MULTILINE)
    names = {
        "!!str": "a text",
        "!!int": "a number",
        "!!float": "a number",
        "!!bool": "true or false",
        "!!map": "a mapping",
        "!!seq": "a list",
    }
    wants = {"bool": "true or false", "[]string": "a list of texts", "string": "a text"}
    if not found:
        return message.removeprefix("the ")
    return f"{names.get(found[1], 'a value')} stands where the Agent wants {wants.get(found[2], 'something else')}"


def wrong_types(document: Document) -> Iterator[Wrong]:
    """Options whose type keeps an instance from running, though the Agent accepts the file (its third decoding, of each instance)."""
    for key, value in document.top_level():
        name = key.event.value if key.target is None and key.kind == "scalar" else ""
        if name == "instances" and value.kind == "seq":
            for item in value.children:
                if item.kind == "map":
                    yield from _wrong_options(item)
        elif name == "init_config":
            target = value.target or value
            if target.kind == "seq" or (target.kind == "scalar" and target.type != "null"):
                what = "a list" if target.kind == "seq" else "a text"
                is_empty = target.kind == "seq" and not target.children
                yield Wrong(
                    value,
                    "wrong-type",
                    f"`init_config` is {what}, not a mapping: the check never runs",
                    _emptied(value, is_empty),
                )
            elif target.kind == "map":
                for option, inner in target.pairs:
                    if option.raw == "service" and inner.kind != "scalar":
                        yield Wrong(
                            inner, "wrong-type", "`service` takes a text: with anything else the check never runs", ()
                        )


def _emptied(value: Node, is_empty: bool) -> tuple[Replacement, ...]:
    return ((value.start, value.end, "{}"),) if is_empty and not value.is_alias else ()


def _wrong_options(instance: Node) -> Iterator[Wrong]:
    children = instance.children
    for position in range(0, len(children), 2):
        key = children[position]
        name = key.event.value if key.kind == "scalar" and key.target is None else ""
        wanted = TYPED_OPTIONS.get(name)
        if wanted is None:
            continue
        value = children[position + 1]
        if value.kind == "scalar":
            if wanted == "text" or value.type == "null":
                continue
            if wanted == "list":
                yield _text_for_list(value)
            elif wanted == "int" and value.type not in ("int", "float"):
                yield _text_for_number(name, value)
            elif wanted == "bool" and value.type != "bool":
                yield _text_for_bool(name, value)
        elif wanted == "list":
            if value.kind == "map":
                yield Wrong(
                    value,
                    "wrong-type",
                    "`tags` is a mapping; the Agent wants a list of `key:value` texts, else the instance never runs",
                    (),
                )
            else:
                yield from _wrong_items(value)
        else:
            what = "true or false" if wanted == "bool" else "a number" if wanted == "int" else "a text"
            yield Wrong(value, "wrong-type", f"`{name}` takes {what}; with anything else the instance never runs", ())


def _wrong_items(value: Node) -> Iterator[Wrong]:
    for item in value.children:
        if item.kind == "scalar":
            continue
        say = "a tag is a mapping, not a text (a blank behind its colon), so the instance never runs"
        if item.kind == "seq":
            say = "a tag is a list, not a text, so the instance never runs"
        is_last = item is value.children[-1]
        yield Wrong(item, "wrong-type", say, () if is_last and _is_followed(value) else _joined_tag(item))


def _is_followed(value: Node) -> bool:
    """Whether options follow at the column of the list's dashes: its last item may have been the first option of the next instance."""
    document = value.document
    for number in range(value.end_line + 1, len(document.line_starts()) + 1):
        text = document.line_text(number)
        if text.strip() and not text.lstrip().startswith("#"):
            return len(text) - len(text.lstrip()) == value.column - 1 and not text.lstrip().startswith("-")
    return False


def _joined_tag(item: Node) -> tuple[Replacement, ...]:
    """`env: dev` as an item → `env:dev`."""
    if item.is_alias or item.kind != "map" or len(item.children) != 2 or item.event.flow_style:
        return ()
    key, value = item.children
    if any("already set" in warning.message for warning in item.document.warnings):
        return ()  # perhaps the first option of the next instance, which now is part of this one
    if (
        any(node.kind != "scalar" or node.is_alias or node.style != "plain" for node in (key, value))
        or not value.source
        or key.line != value.line
    ):
        return ()
    return ((key.end + 1, value.start, ""),)


def _text_for_list(value: Node) -> Wrong:
    say = "`tags` is a text; the Agent wants a list, else the instance never runs"
    source = value.source
    words = [word for word in re.split(r"[,\s]+", value.raw) if word]
    if value.is_alias or value.style not in ("plain", "single", "double") or value.type != "str" or not words:
        return Wrong(value, "wrong-type", say, ())
    if "\n" in source:
        return Wrong(value, "wrong-type", say + " (dashes are missing)", _dashed(value))
    separators = re.sub(r"[^,\s]+", "", value.raw)
    if len(words) > 1 and "," not in separators:
        return Wrong(value, "wrong-type", say, ())
    if len(words) > 1 and any(" " in part.strip() for part in value.raw.split(",")):
        return Wrong(value, "wrong-type", say, ())
    if any(not re.fullmatch(r"[A-Za-z0-9_./:@+<>=-]+", word) for word in words):
        return Wrong(value, "wrong-type", say, ())
    if source.startswith("-") and len(words) == 1:
        return Wrong(
            value,
            "no-blank-after-dash",
            "no blank behind the dash, so this is a text, not a list item",
            ((value.start + 1, value.start + 1, " "),),
        )
    items = ", ".join(_quoted_tag(word) for word in words)
    return Wrong(value, "wrong-type", say, ((value.value_start, value.end, f"[{items}]"),))


def _dashed(value: Node) -> tuple[Replacement, ...]:
    """One dash before each line of a plain text that stands below its key."""
    if value.style != "plain" or value.anchor or value.tag:
        return ()
    document = value.document
    lines = range(value.line, value.end_line + 1)
    replacements = []
    for number in lines:
        text = document.line_text(number)
        word = text.strip()
        if not re.fullmatch(r"[A-Za-z0-9_./@+-]+:[A-Za-z0-9_./:@+-]+", word) or (
            number == value.line and text[: value.column - 1].strip()
        ):
            return ()
        at = document.line_starts()[number - 1] + len(text) - len(text.lstrip())
        replacements.append((at, at, "- "))
    return tuple(replacements)


def _quoted_tag(word: str) -> str:
    return word if re.fullmatch(r"[A-Za-z_][\w./-]*:[A-Za-z_][\w./-]*", word) else f"'{word}'"


def _text_for_number(name: str, value: Node) -> Wrong:
    say = f"`{name}` is {'true or false' if value.type == 'bool' else 'a text'}, not a number: the instance never runs"
    raw = value.raw.strip()
    if value.is_alias or value.type != "str":
        return Wrong(value, "wrong-type", say, ())
    number = raw.strip("`")
    if "`" in raw and re.fullmatch(r"[1-9]\d{0,8}", number):
        return Wrong(
            value,
            "stray-backtick",
            f"a backtick stands behind the value, so `{name}` is a text, not a number: the instance never runs",
            ((value.start, value.end, number),),
        )
    if re.fullmatch(r"[1-9]\d{0,8}", raw) and value.style in ("single", "double") and not value.tag:
        return Wrong(value, "wrong-type", say + " (quotes make it a text)", ((value.value_start, value.end, raw),))
    comment = re.fullmatch(r"(\d+)#.*", raw)
    if comment and value.style == "plain":
        at = value.start + len(comment[1])
        return Wrong(
            value,
            "no-blank-before-comment",
            f"no blank before `#`, so the comment is part of the value of `{name}`: the instance never runs",
            ((at, at, " "),),
        )
    return Wrong(value, "wrong-type", say, ())


def _text_for_bool(name: str, value: Node) -> Wrong:
    say = f"`{name}` is a text or a number, not true or false: the instance never runs"
    raw = value.raw.strip()
    if raw in ("true", "false") and value.style in ("single", "double") and not value.is_alias and not value.tag:
        return Wrong(value, "wrong-type", say + " (quotes make it a text)", ((value.value_start, value.end, raw),))
    return Wrong(value, "wrong-type", say, ())
