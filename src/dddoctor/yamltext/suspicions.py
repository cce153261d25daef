"""Defects in a text that the Agent accepts, confirmed on its nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dddoctor.lazyre import lazy
from dddoctor.yamltext.characters import odd_blanks
from dddoctor.yamltext.hints import nodes_of
from dddoctor.yamltext.indents import header_above, header_name
from dddoctor.yamltext.lines import Candidate, Line, Replacement, changed, lines_of, removed
from dddoctor.yamltext.nodes import Document, Node
from dddoctor.yamltext.scalars import resolve_plain
from dddoctor.yamltext.shapes import MAIN_KEYS, TYPED_OPTIONS, settings, wrong_types

_ODD_EDGE = lazy(
    "^[\xa0\u1680\u2000-\u200f\u202f\u205f\u2060\u3000\ufeff\xad]|[\xa0\u1680\u2000-\u200f\u202f\u205f\u2060\u3000\ufeff\xad]$"
)
_SMART = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"}
_SMART_REST = lazy("[ \t]+#[^\n“”„«»‘’‚]*[“”„«»‘’‚](?=[ \t]*\r?(?:\n|$))")
_TAG = lazy(r"[A-Za-z_][\w.-]*:[\w./-]+")
_WORD_VALUE = lazy(r"[A-Za-z_][\w.-]*:(?![/\s\\])\S.*")
_SECRET = lazy(r"pass|secret|token|key|pwd|credential", re.IGNORECASE)
_MAIN_ONLY = frozenset(
    ["apm_config", "logs_config", "process_config", "api_key", "dd_url", "logs_enabled", "confd_path"]
)


def suspicions(document: Document) -> Iterator[Candidate]:
    """In no particular order. `replacements` may be empty; the caller proves them."""
    taken: set[int] = set()
    lines = lines_of(document.text)
    if document.kind == "check":
        for wrong in wrong_types(document):
            node = wrong.node
            taken.add(node.start)
            end = node.end_line
            yield Candidate(
                wrong.kind,
                node.line,
                1,
                wrong.text,
                wrong.replacements,
                end_line=end if end > node.line else None,
                column=node.column,
            )
        yield from _dash_per_key(document, lines)
        yield from _nested_names(document, lines)
        for name, value in document.top_level():
            if name.raw == "logs" and value.kind == "map" and value.children and not value.is_alias:
                say = "`logs` holds keys; the Agent wants a list of log sources, each behind a dash, and collects none of this"
                yield Candidate(
                    "wrong-type", value.line, 1, say, (), (), value.end_line, value.column, is_blocking=False
                )
    if document.warnings or document.needs_decoding:
        yield from _duplicates(document, lines)
    for node, parent, key in nodes_of(document):
        if node.kind == "scalar" and not node.is_alias and node.start not in taken:
            yield from _of_scalar(document, lines, node, parent, key)
    yield from _repeated(document, lines)
    if document.kind == "main":
        yield from _half_uncommented(document, lines)
        yield from _nested_sections(document, lines)
    yield from _around(document)


def _candidate(
    node: Node, kind: str, text: str, replacements: tuple[Replacement, ...] = (), also: tuple[int, ...] = ()
) -> Candidate:
    end = node.end_line
    return Candidate(
        kind, node.line, 1, text, replacements, also, end if end > node.line else None, node.column, is_blocking=False
    )


def _of_scalar(
    document: Document, lines: list[Line], node: Node, parent: Node | None, key: Node | None
) -> Iterator[Candidate]:
    event = node.event
    raw: str = event.value
    is_plain = not event.style
    is_key = parent is not None and parent.kind == "map" and key is None
    if is_plain and event.start_mark.line != event.end_mark.line:
        yield from _swallowed(document, lines, node, parent, key)
        return
    if not is_plain or not raw:
        if is_plain and event.tag is not None or is_plain and event.anchor is not None:
            yield from _lost_to_tag(document, node)
        return
    if is_key:
        yield from _of_key(node, parent)
    elif (
        raw.endswith("`")
        and "`" not in (bare := raw.rstrip("`"))
        and bare
        and not (key is not None and _SECRET.search(key.raw))
    ):
        count = len(raw) - len(bare)
        say = (
            "a backtick stands behind the value and is part of it"
            if count == 1
            else f"{count} backticks stand behind the value and are part of it"
        )
        yield _candidate(node, "stray-backtick", say, ((node.end - count, node.end, ""),))
    elif key is not None and "#" in raw:
        head = raw.split("#", 1)[0]
        if head and not head.endswith(" ") and resolve_plain(head)[0] in ("int", "float", "bool"):
            at = node.value_start + len(head)
            say = "no blank before `#`, so the comment is part of the value"
            yield _candidate(node, "no-blank-before-comment", say, ((at, at, " "),))
    elif key is not None and _WORD_VALUE.fullmatch(raw) and key.line < node.line and not key.raw.endswith("tags"):
        at = node.value_start + raw.index(":") + 1
        say = f"no blank behind the colon, so `{key.raw}` holds a text where keys belong"
        yield _candidate(node, "no-blank-after-colon", say, ((at, at, " "),))
    if not raw.isascii():
        yield from _odd_characters(lines, node, raw)


def _of_key(node: Node, parent: Node | None) -> Iterator[Candidate]:
    raw: str = node.event.value
    start, end = node.value_start, node.end
    if re.match(r"-[A-Za-z_]", raw):
        say = "no blank behind the dash, so it is part of the key"
        is_flow = parent is not None and parent.event.flow_style
        after_list = False
        if parent is not None and not is_flow:
            position = parent.children.index(node)
            before = parent.children[position - 1] if position else None
            after_list = (
                before is not None and before.kind == "seq" and not before.is_alias and before.column == node.column
            )
        # Behind a list at its own column, or as the only key, the line is an item; else the dash is too much.
        is_item = not is_flow and parent is not None and (after_list or len(parent.children) == 2)
        change: Replacement = (start + 1, start + 1, " ") if is_item else (start, start + 1, "")
        if not is_item:
            say = "a dash stands before the key and is part of it"
        yield _candidate(node, "no-blank-after-dash", say, (change,))
    elif re.match(r"""[A-Za-z_][\w.-]*:["']""", raw):
        at = start + raw.index(":") + 1
        yield _candidate(
            node,
            "no-blank-after-colon",
            "no blank behind the colon, so the quoted text is part of the key",
            ((at, at, " "),),
        )
    elif raw.endswith(":"):
        yield _candidate(
            node, "double-colon", "two colons behind the key: the first one is part of it", ((end - 1, end, ""),)
        )
    elif ":" in raw and parent is not None and parent.event.flow_style and _WORD_VALUE.fullmatch(raw):
        position = parent.children.index(node)
        value = parent.children[position + 1]
        if value.kind == "scalar" and value.start == value.end:
            at = start + raw.index(":") + 1
            yield _candidate(
                node,
                "no-blank-after-colon",
                "no blank behind the colon, so all of it is a key without a value",
                ((at, at, " "),),
            )


def _odd_characters(lines: list[Line], node: Node, raw: str) -> Iterator[Candidate]:
    start, end = node.value_start, node.end
    if raw[0] in _SMART and raw[-1] in _SMART and len(raw) > 1:
        inner = raw[1:-1]
        quote = _SMART[raw[0]] if _SMART[raw[0]] not in inner and "\\" not in inner else "'"
        new = quote + (inner.replace("'", "''") if quote == "'" else inner) + quote
        yield _candidate(
            node, "smart-quotes", "typographic quotes do not quote: they are part of the text", ((start, end, new),)
        )
    elif raw[0] in _SMART and (close := _SMART_REST.match(node.document.text, end)):
        # ` #` inside the quotes that do not quote: the rest is a comment.
        inner = node.document.text[start + 1 : close.end() - 1]
        new = "'" + inner.replace("'", "''") + "'"
        yield _candidate(
            node, "smart-quotes", "typographic quotes do not quote: the text ends at ` #`", ((start, close.end(), new),)
        )
    elif _ODD_EDGE.search(raw):
        text = node.document.text[start:end]
        new = _ODD_EDGE.sub("", text)
        while _ODD_EDGE.search(new):
            new = _ODD_EDGE.sub("", new)
        line = lines[node.line - 1]
        if line.text[: node.column - 1].strip(" -") == "" and odd_blanks(line):
            say = (
                "a no-break space or an invisible character stands where a blank belongs; for the Agent it is a letter"
            )
            yield _candidate(node, "odd-blank", say, odd_blanks(line))
        elif new:
            say = "a no-break space or an invisible character is part of this word; for the Agent it is a letter"
            yield _candidate(node, "odd-blank", say, ((start, end, new),))


def _lost_to_tag(document: Document, node: Node) -> Iterator[Candidate]:
    """`password: !Secret1` is empty for the Agent: the text is taken for a tag; `&name` for an anchor."""
    event = node.event
    text = document.text[node.start : node.start + 200].split("\n", 1)[0]
    word = text.split(" ", 1)[0].rstrip("\r")
    if (
        event.tag is not None
        and not event.tag.startswith("tag:yaml.org,2002:")
        and event.tag != "!"
        and text.startswith("!")
    ):
        say = "`!` begins a tag, so the value is empty; a text that begins with it needs quotes"
    elif event.anchor is not None and text.startswith("&") and not document.has_aliases:
        say = "`&` begins an anchor, so the value is empty; a text that begins with it needs quotes"
    else:
        return
    quoted = "'" + word.replace("'", "''") + "'"
    yield _candidate(node, "value-needs-quotes", say, ((node.start, node.start + len(word), quoted),))


def _swallowed(
    document: Document, lines: list[Line], node: Node, parent: Node | None, key: Node | None
) -> Iterator[Candidate]:
    """A plain text that goes on over lines which look like items or keys."""
    first, last = node.line, node.end_line
    inside = [line for line in lines[first:last] if line.is_code]
    items = [line for line in inside if line.dashes]
    if (
        items
        and parent is not None
        and parent.kind == "seq"
        and not parent.event.flow_style
        and not lines[first - 1].text[: node.column - 1].strip(" -")
    ):
        opening = lines[first - 1]
        column = opening.columns[max(len(opening.columns) - 2, 0)]
        replacements = tuple(change for line in items for change in changed(line, " " * column + line.body))
        if len(items) != len(inside):
            replacements = ()
        say = "list items at different depths: the deeper one is part of the text of the one above it"
        yield Candidate(
            "sibling-depth",
            first,
            1,
            say,
            replacements,
            tuple(line.number for line in items),
            last,
            node.column,
            is_blocking=False,
        )
        return
    if (
        items and len(items) == len(inside) and all(re.fullmatch(r"[\w./:@-]+", line.code) for line in items)
    ):  # not a text with a minus in it
        say = "a list item stands below a value and is part of its text"
        yield Candidate(
            "sibling-depth",
            first,
            1,
            say,
            (),
            tuple(line.number for line in items),
            last,
            node.column,
            is_blocking=False,
        )
        return
    opening = lines[first - 1]
    if (
        parent is not None
        and parent.kind == "seq"
        and len(opening.columns) > 1
        and inside
        and all(_TAG.fullmatch(line.code) for line in (opening, *inside))
    ):
        start = opening.columns[-2]
        replacements = tuple(
            change
            for line in inside
            for change in changed(line, " " * start + opening.dashes[start - opening.column :] + line.content)
        )
        say = "no dash before this list item, so it is part of the text of the one above it"
        yield Candidate(
            "dash-lost", inside[0].number, 1, say, replacements, (first,), last, inside[0].column + 1, is_blocking=False
        )
        return
    if key is not None and key.raw.endswith("tags"):
        return
    words = [line for line in inside if _WORD_VALUE.fullmatch(line.code)]
    is_all = (
        bool(inside)
        and len(words) == len(inside)
        and _WORD_VALUE.fullmatch(lines[first - 1].content)
        and key is not None
        and key.line < first
    )
    if words and (is_all or any(_is_option(line.code) for line in words)):
        replacements = ()
        if is_all:
            opening = lines[first - 1]
            found = []
            for line in [opening, *inside]:
                at = line.content_start + line.content.index(":") + 1
                found.append((at, at, " "))
            replacements = tuple(found)
        say = "no blank behind the colon, so this line is part of a text"
        place = first if is_all else words[0].number
        yield Candidate(
            "no-blank-after-colon",
            place,
            1,
            say,
            replacements,
            tuple(line.number for line in words if line.number != place),
            is_blocking=False,
        )


def _is_option(code: str) -> bool:
    name = code.split(":", 1)[0]
    return (
        name in TYPED_OPTIONS
        or name in MAIN_KEYS
        or name in ("instances", "init_config", "host", "port", "password", "username", "url", "enabled")
    )


def _duplicates(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """A key given twice: the last one counts. A merge that overwrites what stands before it."""
    for mapping, _, _ in nodes_of(document):
        if mapping.kind != "map" or mapping.is_alias:
            continue
        seen: dict[tuple[str, object], tuple[Node, Node]] = {}
        for key, value in mapping.pairs:
            if key.kind != "scalar" or key.is_merge_key:
                if key.kind == "scalar":
                    yield from _overwritten(key, value, seen)
                continue
            name: tuple[str, object] = ("str", key.raw) if mapping is document.root else (key.type, key.value)
            known = seen.get(name)
            seen[name] = (key, value)
            if known is None:
                continue
            same = _source(value) == _source(known[1])
            replacements = _without_pair(document, lines, key, value) if same and not mapping.event.flow_style else ()
            say = (
                f"`{key.raw}` is given twice with the same value"
                if same
                else f"`{key.raw}` is given twice: the Agent takes the last one and drops the one in line {known[0].line}"
            )
            yield Candidate(
                "duplicate-key",
                key.line,
                1,
                say,
                replacements,
                (known[0].line,),
                value.end_line if value.end_line > key.line else None,
                key.column,
                is_blocking=False,
            )


def _overwritten(key: Node, value: Node, seen: dict[tuple[str, object], tuple[Node, Node]]) -> Iterator[Candidate]:
    sources = value.children if value.kind == "seq" else [value]
    for source in sources:
        target = source.target or source
        for name, inner in target.pairs:
            known = seen.get((name.type, name.value)) if name.kind == "scalar" else None
            if known is not None and _source(known[1]) != _source(inner):
                say = f"what `<<` merges here overwrites `{name.raw}` above it: the Agent takes what comes last; put `<<` first"
                yield Candidate(
                    "merged-key-wins", key.line, 1, say, (), (known[0].line,), None, key.column, is_blocking=False
                )


def _source(node: Node) -> str:
    return " ".join(node.document.text[node.start : node.end].split())


def _without_pair(document: Document, lines: list[Line], key: Node, value: Node) -> tuple[Replacement, ...]:
    """The lines of a pair gone, where nothing else stands on them."""
    first, last = lines[key.line - 1], lines[max(value.end_line, key.line) - 1]
    if (
        first.dashes
        or first.text[: key.column - 1].strip()
        or value.kind != "scalar"
        and not value.is_alias
        and value.event.flow_style
        and last is not first
    ):
        return ()
    return (removed(document.text, first, last),)


def _dash_per_key(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """One instance cut up by a dash before each key: items of one key each, no key twice, and one of them an option that makes no instance."""
    instances = next((value for key, value in document.top_level() if key.raw == "instances"), None)
    if (
        instances is None
        or instances.kind != "seq"
        or instances.event.flow_style
        or len(instances.children) < 2
        or instances.is_alias
    ):
        return
    keys = []
    for item in instances.children:
        if (
            item.kind != "map"
            or item.is_alias
            or item.event.flow_style
            or len(item.children) != 2
            or item.children[0].kind != "scalar"
        ):
            return
        keys.append(item.children[0].raw)
    if len(set(keys)) != len(keys) or not any(name in TYPED_OPTIONS for name in keys):
        return
    replacements: list[Replacement] = []
    for item in instances.children[1:]:
        line = lines[item.line - 1]
        if not line.dashes or line.text[: item.column - 1].strip(" -"):
            return
        at = line.start + line.column
        replacements.append((at, at + 1, " "))
    say = "a dash before each key makes an instance of each key; one instance has one dash, before its first key"
    also = tuple(item.line for item in instances.children[2:])
    yield Candidate(
        "dash-per-key",
        instances.children[1].line,
        1,
        say,
        tuple(replacements),
        also,
        instances.end_line,
        lines[instances.children[1].line - 1].column + 1,
        is_blocking=False,
    )


def _nested_names(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """`logs:` with sources below it inside an instance, `instances:` inside init_config: the Agent looks for both at the top level only."""
    for key, value in document.top_level():
        if key.raw == "instances" and value.kind == "seq":
            holders: list[Node] = value.children
            wanted: tuple[str, ...] = ("logs",)
        elif key.raw == "init_config" and value.kind == "map":
            holders, wanted = [value], ("logs", "instances")
        else:
            continue
        for holder in holders:
            for option, inner in holder.pairs if holder.kind == "map" and not holder.is_alias else []:
                if (
                    option.raw not in wanted
                    or inner.kind != "seq"
                    or not inner.children
                    or inner.event.flow_style
                    or any(item.kind != "map" for item in inner.children)
                ):
                    continue
                if option.raw == "logs" and not all(
                    any(name.raw == "type" for name, _ in item.pairs) for item in inner.children
                ):
                    continue
                yield _moved_out(lines, holder, option, inner, key.raw)


def _moved_out(lines: list[Line], holder: Node, option: Node, inner: Node, above: str) -> Candidate:
    """A key and what stands below it moved to column 0; without a correction where something follows it that would move along."""
    first, last = lines[option.line - 1], lines[inner.end_line - 1]
    column = first.column
    moved = (
        [first]
        if inner.column - 1 < column
        else [line for line in lines[first.number - 1 : last.number] if line.text.strip()]
    )
    replacements: tuple[Replacement, ...] = ()
    if not first.dashes and option is holder.children[-2] and all(line.column >= column for line in moved):
        replacements = tuple(change for line in moved for change in changed(line, line.text[column:]))
    say = f"`{option.raw}` is indented, so it belongs to `{above}`; the Agent looks for it at the top level"
    return Candidate(
        "sibling-depth", first.number, 1, say, replacements, (), last.number, option.column, is_blocking=False
    )


def _repeated(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """A line that stands twice: the first line of an instance, which makes an instance of its own, or a tag."""
    for key, value in document.top_level():
        if key.raw == "tags":
            yield from _repeated_tags(document, lines, value)
        if key.raw not in ("instances", "logs") or value.kind != "seq" or value.event.flow_style:
            continue
        items = value.children
        for item, following in zip(items, items[1:], strict=False):
            if (
                item.kind != "map"
                or item.is_alias
                or following.kind != "map"
                or following.is_alias
                or len(item.children) != 2
                or len(following.children) <= 2
            ):
                continue
            line, next_line = lines[item.line - 1], lines[following.line - 1]
            if line.text == next_line.text and item.end_line == item.line:
                say = "this line stands twice: the first of them is an item of its own, with this one option"
                gone = (removed(document.text, line, line),)
                yield Candidate(
                    "repeated-line", item.line, 1, say, gone, (following.line,), None, item.column, is_blocking=False
                )
        for item in items:
            for option, tags in item.pairs if item.kind == "map" and not item.is_alias else []:
                if option.raw == "tags":
                    yield from _repeated_tags(document, lines, tags)


def _repeated_tags(document: Document, lines: list[Line], tags: Node) -> Iterator[Candidate]:
    if tags.kind != "seq" or tags.is_alias or tags.event.flow_style:
        return
    for tag, following in zip(tags.children, tags.children[1:], strict=False):
        line = lines[following.line - 1]
        if tag.kind == "scalar" and tag.source == following.source != "" and lines[tag.line - 1].text == line.text:
            gone = (removed(document.text, line, line),) if following.end_line == following.line else ()
            yield Candidate(
                "repeated-line",
                following.line,
                1,
                "this tag stands twice",
                gone,
                (tag.line,),
                None,
                following.column,
                is_blocking=False,
            )


def _half_uncommented(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """A child without its comment sign while its section's own line still has one: it belongs to the section above instead."""
    for section, value in document.top_level():
        if value.kind != "map" or value.is_alias or value.event.flow_style:
            continue
        for option, _ in value.pairs:
            header = header_above(lines, option.line - 1)
            if header is None or header.number < section.line or option.kind != "scalar":
                continue
            name = header_name(header)
            if name == section.raw or not _is_section(name) or not _belongs(name, section.raw, option.raw):
                continue
            new = header.indent + re.sub(r"^#+ ?", "", header.content)
            say = f"`{name}:` above this line is commented out, so `{option.raw}` belongs to `{section.raw}`"
            yield Candidate(
                "half-uncommented",
                option.line,
                1,
                say,
                changed(header, new),
                (header.number,),
                None,
                option.column,
                is_blocking=False,
            )


def _is_section(name: str) -> bool:
    return any(setting.startswith(name + ".") for setting in settings())


def _belongs(header: str, section: str, option: str) -> bool:
    """Whether the option is known in the commented-out section and not in the one it fell into."""
    known = settings()
    return f"{header}.{option}" in known and f"{section}.{option}" not in known


def _nested_sections(document: Document, lines: list[Line]) -> Iterator[Candidate]:
    """A section of the top level below another key."""
    for section, value in document.top_level():
        if value.kind != "map" or value.is_alias or value.event.flow_style:
            continue
        for option, inner in value.pairs:
            if option.kind == "scalar" and option.raw in _MAIN_ONLY and f"{section.raw}.{option.raw}" not in settings():
                first, last = option.line, max(inner.end_line, option.line)
                indent = option.column - 1
                moved = [line for line in lines[first - 1 : last] if line.text.strip()]
                is_last = value.children[-2] is option
                replacements: tuple[Replacement, ...] = ()
                if is_last and all(line.column >= indent for line in moved):
                    replacements = tuple(change for line in moved for change in changed(line, line.text[indent:]))
                say = f"`{option.raw}` is indented, so it belongs to `{section.raw}`, where the Agent does not look for it"
                yield Candidate(
                    "sibling-depth",
                    first,
                    1,
                    say,
                    replacements,
                    (),
                    last if last > first else None,
                    option.column,
                    is_blocking=False,
                )


def _around(document: Document) -> Iterator[Candidate]:
    """What stands behind the first document, and the file's encoding."""
    behind = document.rest_ignored_line
    if behind is not None:
        text = document.line_text(behind)
        say = "the Agent reads the first document only and nothing from here on"
        kind = "second-document" if text.startswith("---") else "rest-ignored"
        yield Candidate(kind, behind, 1, say, (), (), None, 1, is_blocking=False)
    if document.encoding.startswith("utf-16"):
        yield Candidate(
            "utf-16",
            1,
            1,
            "the file is UTF-16; the Agent reads it, other tools may not",
            (),
            (),
            None,
            1,
            is_blocking=False,
        )
    elif document.bom_bytes:
        yield Candidate(
            "byte-order-mark",
            1,
            1,
            "the file begins with a byte order mark; the Agent reads it, other tools may not",
            (),
            (),
            None,
            1,
            is_blocking=False,
        )
