"""YAML text → Document, as the Agent's decoder (gopkg.in/yaml.v2 v2.4.0) reads it.

Events come from libyaml and are put together here, with a stack of our own: PyYAML's composer crashes on deep nesting and judges by rules that are not the Agent's.
Where libyaml and the Agent's port of an older one differ, the text is prepared before and looked at behind. All of it measured on Agent 7.72.4.
Without libyaml, and beyond libyaml 0.2.6's 1,000 levels, PyYAML's own parser is used; it refuses tabs behind a colon's blank, at a line's end and inside brackets, which the Agent accepts.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from dddoctor.lazyre import lazy
from dddoctor.yamltext.bytestext import FAR_BEHIND_BYTES, bad_character, decode, has_only_newlines, without_refused
from dddoctor.yamltext.nodes import Document, Node, Problem

MAX_DEPTH = 10_000
_TOO_DEEP_FOR_LIBYAML = "exceeded maximum nesting depth"  # of 1,000, from libyaml 0.2.6 on
_MAX_READ_AGAIN_CHARACTERS = 20_000_000  # what the retries may read in all
_ODD_KEYS = lazy(
    r"^(?:[-+.~\d].*|<<|[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE|null|Null|NULL|)$",
    re.MULTILINE,
)
_YAML_DIRECTIVE = lazy(r"%YAML[ \t]+(\S+)")


class _Refused(Exception):
    """The text is not what the Agent accepts. `mark` is where the reader stands, `context` where what was being read began (offsets)."""

    def __init__(self, text: str, kind: str, mark: int | None, context: int | None = None, while_: str = "") -> None:
        super().__init__(text)
        self.text, self.kind, self.mark, self.context, self.while_ = text, kind, mark, context, while_


def read(data: bytes, kind: str = "check") -> Document:
    """The document in `data`. `kind` says what the Agent decodes it into: "check" (conf.d), "main" (datadog.yaml and its like), "other" (anything)."""
    document = Document(data, kind)
    decode(document)
    document.has_plain_lines = has_only_newlines(document.text)
    bad = bad_character(document)
    text = document.text if bad is None else without_refused(document.text)
    try:
        _refuse_directive(text)
        _build(document, text)
    except _Refused as refused:
        # The Agent decodes bytes ahead of its parser, so what they say comes first.
        _refuse(document, refused if bad is None else _Refused(bad.message, "reader", bad.offset))
        return document
    if bad is not None and (
        document.rest_ignored_line is None
        or document.byte_offset(bad.offset) < document.byte_offset(document.end) + FAR_BEHIND_BYTES
    ):
        _refuse(document, _Refused(bad.message, "reader", bad.offset))
        return document
    if document.needs_decoding or not _is_plain_shape(document):
        from dddoctor.yamltext.decoder import judge

        judge(document)
    return document


def _refuse(document: Document, refused: _Refused) -> None:
    document.is_yaml = False
    document.root = None
    document.noticed = (refused.mark, refused.context)
    document.context = refused.while_
    document.problem = problem = _problem(document, refused)
    document.problems = [problem]


def _problem(document: Document, refused: _Refused) -> Problem:
    """The Agent's message with the line it prints, and the culprit's line.

    The Agent prints the mark's line for scanner errors, one too small for parser errors, and none on the first line or where its reader fails.
    """
    mark, context = refused.mark, refused.context
    at = None if mark is None else document.line_of(mark)
    printed = None
    if refused.kind in ("scanner", "parser"):
        if at is not None and at > 1:
            printed = at if refused.kind == "scanner" else at - 1
        elif context is not None and document.line_of(context) > 1:
            printed = document.line_of(context) - 1
    message = f"yaml: line {printed}: {refused.text}" if printed else f"yaml: {refused.text}"
    place = _culprit(document, refused)
    if place is None:
        return Problem(message, None, None, printed)
    return Problem(message, document.line_of(place), document.column_of(place), printed)


_CONTEXT_IS_CULPRIT = (
    "found unexpected end of stream",
    "did not find expected ',' or",
    "could not find expected ':'",
    "found unknown escape character",
)


def _culprit(document: Document, refused: _Refused) -> int | None:
    """Where the mistake stands, which is often before the place where it was noticed."""
    if refused.mark is None:
        return None
    if refused.context is not None and refused.text.startswith(_CONTEXT_IS_CULPRIT):
        return refused.mark if "escape" in refused.text else refused.context
    mark = min(refused.mark, len(document.text))
    if refused.text.startswith("mapping values are not allowed"):
        line = document.line_of(mark)
        above = line - 1
        while above >= 1 and not document.line_text(above).strip():
            above -= 1
        text = document.line_text(above).strip() if above >= 1 else ""
        here = document.line_text(line)
        if (
            text
            and not text.startswith("#")
            and ": " not in text
            and not text.endswith(":")
            and here.count(": ") + here.endswith(":") < 2
        ):
            start = document.line_starts()[above - 1]
            return start + len(document.line_text(above)) - len(document.line_text(above).lstrip())
    return mark


def _refuse_directive(text: str) -> None:
    """A %YAML other than 1.1 before the first document: refused by the Agent, accepted by libyaml 0.2.5."""
    if "%YAML" not in text:
        return
    offset = 0
    for line in text.splitlines(keepends=True):
        if line.startswith("%YAML"):
            match = _YAML_DIRECTIVE.match(line)
            if match and match[1] != "1.1":
                raise _Refused("found incompatible YAML document", "parser", offset)
        elif line.strip() and not line.startswith(("#", "%")) and not line.strip().startswith("#"):
            return
        offset += len(line)


def _unused(text: str) -> str:
    """A private character that the text does not hold."""
    return next(chr(code) for code in range(0xE100, 0xF800) if chr(code) not in text)


def _build(document: Document, text: str) -> None:
    """Fill `document` from `text` (as long as document.text). Raises _Refused.

    Three things that libyaml refuses and the Agent accepts are retried with a stand-in of the same length: a colon before `]`, `}`, `,` in a flow
    scalar, the escape `\\'`, and a comma or bracket in a tag.
    """
    stand_ins = document.stand_ins
    if "\ufeff" in text:
        character = _unused(text)
        stand_ins[character] = "\ufeff"
        text = text.replace("\ufeff", character)
    parser = _parser
    for _ in range(max(20, _MAX_READ_AGAIN_CHARACTERS // (len(text) + 1_000))):
        try:
            _build_once(document, text, parser(text))
            return
        except yaml.reader.ReaderError as error:  # NUL and its like were refused before; kept for PyYAML's own parser
            raise _Refused("control characters are not allowed", "reader", error.position) from None
        except yaml.MarkedYAMLError as error:
            if error.problem == _TOO_DEEP_FOR_LIBYAML and parser is _parser:
                parser = _slow_parser
                continue
            prepared = _with_stand_in(text, error, stand_ins)
            if prepared is None:
                raise _refused_from(error) from None
            text = prepared
    raise _Refused("found unknown escape character", "scanner", 0)


def _refused_from(error: yaml.MarkedYAMLError) -> _Refused:
    kind = "scanner" if isinstance(error, yaml.scanner.ScannerError) else "parser"
    mark = error.problem_mark.index if error.problem_mark else None
    context = error.context_mark.index if error.context_mark else None
    return _Refused(str(error.problem), kind, mark, context, str(error.context or ""))


def _with_stand_in(text: str, error: yaml.MarkedYAMLError, stand_ins: dict[str, str]) -> str | None:
    at = error.problem_mark.index if error.problem_mark else len(text)
    if error.problem == "found unexpected ':'" and text[at : at + 1] == ":":
        return _replaced(text, at, ":", stand_ins)
    if error.problem == "found unknown escape character" and text[at : at + 2] == "\\'":
        return _replaced(text, at, "\\'", stand_ins)
    if error.problem == "did not find expected whitespace or line break" and text[at : at + 1] in (
        ",",
        "[",
        "]",
        "{",
        "}",
    ):
        return text[:at] + "_" + text[at + 1 :]
    return None


def _replaced(text: str, at: int, original: str, stand_ins: dict[str, str]) -> str:
    """The text with `original` at `at` replaced by private characters; an escaped quote comes back as the quote alone."""
    wanted = original[-1]
    character = next(
        (known for known, value in stand_ins.items() if value == wanted and len(known) == len(original)), None
    )
    if character is None:
        first = _unused(text)
        character = first if len(original) == 1 else first + _unused(text + first)
        stand_ins[character] = wanted
    return text[:at] + character + text[at + len(original) :]


def _parser(text: str) -> Any:
    try:
        from yaml.cyaml import CParser  # type: ignore[attr-defined]
    except ImportError:
        return _slow_parser(text)
    return CParser(text)


def _slow_parser(text: str) -> Any:
    from dddoctor.yamltext.slowparser import SlowParser

    return SlowParser(text)


def _build_once(document: Document, text: str, parser: Any) -> None:
    """One pass over the events of the first document. Raises yaml.MarkedYAMLError and _Refused."""
    get = parser.get_event
    scalar_event, map_start, map_end = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.MappingEndEvent
    seq_start, seq_end, alias_event = yaml.SequenceStartEvent, yaml.SequenceEndEvent, yaml.AliasEvent
    node_of = Node
    top: list[Node] = []
    append = top.append
    stack: list[tuple[Any, Node]] = []
    anchors: dict[str, Node] = {}
    keys: list[str] = []
    may_have_anchor, may_have_tag = "&" in text, "!" in text
    needs_decoding = False
    flow_depth = block_depth = 0
    last_line = -1  # of what was read last
    flows: list[tuple[int, int]] = []  # outermost collections in brackets
    get()  # StreamStart
    if get().__class__ is yaml.StreamEndEvent:
        document.root = None
        return
    while True:
        event = get()
        kind = event.__class__
        if kind is scalar_event:
            node = node_of("scalar", event, _NO_CHILDREN, document)
            append(node)
            last_line = event.end_mark.line
            if event.start_mark.line != last_line:
                document.has_long_scalars = True
                if event.style in ("|", ">"):
                    last_line = -1  # the mark stands behind the blank lines that follow
                else:
                    document.has_long_texts = True
        elif kind is map_start or kind is seq_start:
            node = node_of("map" if kind is map_start else "seq", event, [], document)
            append(node)
            stack.append((append, node))
            append = node.children.append
            if event.flow_style:
                flow_depth += 1
            else:
                block_depth += 1
            if flow_depth > MAX_DEPTH or block_depth > MAX_DEPTH:
                raise _Refused(f"exceeded max depth of {MAX_DEPTH}", "scanner", event.start_mark.index)
        elif kind is map_end or kind is seq_end:
            append, node = stack.pop()
            children = node.children
            if node.event.flow_style:
                flow_depth -= 1
                node._end = event.end_mark.index
                last_line = event.end_mark.line
                if flow_depth == 0:
                    flows.append((node.event.start_mark.index, node._end))
            else:
                block_depth -= 1
                node._end = children[-1].end if children else node.event.end_mark.index
                if not children:
                    last_line = -1
            node._last_line = last_line
            if kind is map_end:
                try:
                    names = [key.event.value for key in children[::2]]
                except AttributeError:  # an alias or a collection as a key
                    needs_decoding = True
                else:
                    if len(set(names)) != len(names):
                        needs_decoding = True
                    keys += names
            continue
        elif kind is alias_event:
            name = event.anchor
            if name not in anchors:
                raise _Refused(f"unknown anchor '{name}' referenced", "decoder", event.start_mark.index)
            target = anchors[name]
            node = node_of(target.kind, event, target.children, document)
            node.target = target
            append(node)
            last_line = event.end_mark.line
            document.has_aliases = needs_decoding = True
            continue
        elif kind is yaml.DocumentEndEvent:
            break
        else:
            continue
        if may_have_anchor and event.anchor is not None:
            anchors[event.anchor] = node
        if may_have_tag and event.tag is not None:
            needs_decoding = True
    document.root = top[0]
    document.end = event.start_mark.index
    document.needs_decoding = needs_decoding or _ODD_KEYS.search("\n".join(keys)) is not None
    _refuse_what_libyaml_accepts(document, text, flows)
    if document.end < len(text):
        _look_behind(document)


_NO_CHILDREN: list[Node] = []


def _refuse_what_libyaml_accepts(document: Document, text: str, flows: list[tuple[int, int]]) -> None:
    """`?` in an unquoted scalar between brackets, and the escape `\\/`. Raises _Refused at the first one."""
    has_question = "?" in text and any("?" in text[start:end] for start, end in flows)
    has_slash = "\\/" in text
    if not has_question and not has_slash or document.root is None:
        return
    stack = [(document.root, False, "")]
    while stack:
        node, in_flow, closer = stack.pop()
        if node.is_alias:
            continue
        if node.kind != "scalar":
            is_flow = in_flow or bool(node.event.flow_style)
            if node.event.flow_style:
                closer = "]" if node.kind == "seq" else "}"
            stack.extend((child, is_flow, closer) for child in reversed(node.children))
        elif node.event.style == '"':
            if has_slash:
                source = text[node.start : node.event.end_mark.index]
                at = source.replace("\\\\", "__").find("\\/")
                if at >= 0:
                    raise _Refused("found unknown escape character", "scanner", node.start + at, node.start)
        elif in_flow and has_question and not node.event.style:
            at = text.find("?", node.value_start, node.event.end_mark.index)
            if at >= 0:
                raise _Refused(f"did not find expected ',' or '{closer}'", "parser", at, at)


def _look_behind(document: Document) -> None:
    """Note the first line behind the first document that holds anything but comments and end marks."""
    text = document.text
    line = first_marker = 0
    for line in range(document.line_of(document.end), len(document.line_starts()) + 1):
        start = max(document.line_starts()[line - 1], document.end)
        content = text[start : document.line_starts()[line - 1] + len(document.line_text(line))].strip()
        if not content or content.startswith("#") or content == "...":
            continue
        if content == "---" or content.startswith("--- #"):
            first_marker = first_marker or line
            continue
        document.rest_ignored_line = first_marker or line
        return


def _is_plain_shape(document: Document) -> bool:
    """Whether the shape is the usual one, so that no decoding is needed to know that the Agent accepts it without a warning."""
    root = document.root
    if document.kind == "other":
        return True
    if root is None:
        return document.kind == "main"
    if root.kind != "map":
        return False
    if document.kind == "main":
        return True
    has_instances = False
    children = root.children
    for position in range(0, len(children), 2):
        name = children[position].event.value
        if name == "instances":
            value = children[position + 1]
            if value.kind != "seq" or not value.children:
                return False
            for item in value.children:
                if item.kind != "map":
                    return False
            has_instances = True
        elif name not in ("init_config", "logs", "jmx_metrics"):
            return False
    return has_instances
