"""YAML text → values as the Agent decodes them, with positions, defects and proven corrections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dddoctor.yamltext.nodes import Document, Key, Node, Problem
from dddoctor.yamltext.reader import read
from dddoctor.yamltext.walk import Entry, walk

if TYPE_CHECKING:
    from dddoctor.model import Span
    from dddoctor.yamltext.diagnosis import Defect

__all__ = ["Document", "Entry", "Key", "Node", "Problem", "correct", "defects", "read", "walk"]


def defects(document: Document) -> list[Defect]:
    """What is wrong with the text and the shape of a file, by line; empty for what is merely unusual."""
    from dddoctor.yamltext.hints import is_unsuspicious

    if document.parses and is_unsuspicious(document):
        return []
    from dddoctor.yamltext.diagnosis import diagnose

    return diagnose(document)


def correct(data: bytes, kind: str, line: int, defect_kind: str) -> tuple[Span, ...] | None:
    """The proven correction of the defect of that kind in that line, as spans of bytes; None where there is none."""
    from dddoctor.model import Span

    document = read(data, kind)
    for defect in defects(document):
        if defect.line == line and defect.kind == defect_kind and defect.correction is not None:
            if defect_kind == "utf-16-without-bom":
                return (Span(0, len(data), defect.replacements[0][2].encode()),)
            found = (
                (document.byte_offset(start), document.byte_offset(end), document.encode(new))
                for start, end, new in defect.replacements
            )
            return tuple(Span(start, end, new) for start, end, new in found)
    return None
