"""All that is known of one custom check's file: its text corrected, its class, and every defect, at the file's own lines."""

from __future__ import annotations

import ast

from dddoctor.light import NamedTuple
from dddoctor.pytext.catalogue import catalogue
from dddoctor.pytext.checkclass import CheckClass, check_class, class_defects, lone_check_function
from dddoctor.pytext.imports import Neighbours, import_defects
from dddoctor.pytext.module import Module
from dddoctor.pytext.names import Nearest, Parents, Target, undefined_names, unknown_attributes
from dddoctor.pytext.nodes import parents_of
from dddoctor.pytext.parse import Lines
from dddoctor.pytext.reading import Defect, Reading, add_reindented, read
from dddoctor.pytext.submissions import submission_defects


class Context(NamedTuple):
    """Where a file stands. `is_imported`: another file of checks.d imports it, so that classes may derive from its own."""

    file_name: str
    target: Target
    near: Neighbours
    is_imported: bool


class Analysis(NamedTuple):
    """`defects` in order of the file, offsets in characters of its text. `obstacle`: why names and classes could not be judged."""

    reading: Reading
    found_class: CheckClass
    defects: list[Defect]
    obstacle: str


NO_CLASS = CheckClass(None, None, None, None)


def analyse(data: bytes, context: Context, nearest: Nearest) -> Analysis:
    """Read and judge a file. Never raises for the file's sake."""
    reading = read(data, context.file_name, context.target.python, context.target.version)
    if reading.tree is None:
        return Analysis(reading, NO_CLASS, reading.defects, reading.obstacle)
    try:
        found_class, defects = _Judge(reading, context, nearest).run()
    except RecursionError:
        return Analysis(
            reading, NO_CLASS, reading.defects, "its code is nested too deeply for its names to be followed"
        )
    return Analysis(reading, found_class, sorted([*reading.defects, *defects], key=lambda d: d.start), "")


class _Judge:
    """One file, over its corrected text."""

    def __init__(self, reading: Reading, context: Context, nearest: Nearest) -> None:
        assert reading.tree is not None
        self.reading, self.context, self.nearest = reading, context, nearest
        self.known = catalogue()
        self._look_at(reading.tree)

    def _look_at(self, tree: ast.Module) -> None:
        self.tree = tree
        self.module = Module(tree)
        self.parents: Parents = parents_of(tree)
        self.lines = Lines(self.reading.draft.text)

    def run(self) -> tuple[CheckClass, list[Defect]]:
        target = self.context.target
        names = self._names()
        if not self.reading.is_guess:
            if lone_check_function(self.module, self.parents) is not None:
                names = self._moved("method-outside-class") or names
            if any(d.name == "self" and d.is_blocking for d in names):
                names = self._moved("not-indented") or names
        attributes = unknown_attributes(
            self.module, self.parents, self.lines, self.known, target, self.nearest, not self.context.is_imported
        )
        imports = import_defects(self.module, self.lines, self.known, target, self.context.near)
        if self.reading.is_guess:
            # The arrangement of the lines is a guess: only what holds in any of them.
            names = [d for d in names if d.correction is not None]
            attributes = [d for d in attributes if d.correction is not None]
            return NO_CLASS, [self._placed(d) for d in [*names, *attributes, *imports]]
        classes = class_defects(self.module, self.parents, self.lines, target)
        if any(d.kind == "method-outside-class" for d in self.reading.defects):
            classes = [d for d in classes if d.kind != "no-check-method"]
        if any(d.kind == "check-signature" for d in classes):
            names = [d for d in names if d.name not in ("self", "instance")]  # its repair defines them
        submits = submission_defects(self.module, self.parents, self.lines, self.known, target)
        found = check_class(self.module, self.lines)
        if found.start is not None:
            found = found._replace(start=self.reading.draft.original(found.start))
        return found, [self._placed(d) for d in [*names, *attributes, *imports, *classes, *submits]]

    def _names(self) -> list[Defect]:
        return undefined_names(self.tree, self.parents, self.lines, self.known, self.context.target, self.nearest)

    def _moved(self, kind: str) -> list[Defect] | None:
        """Indent what parses and stands in the wrong place; the names found after that, None where it is not clear where it belongs."""
        if self.context.target.python == "2" and self.reading.sites:
            return None
        from dddoctor.pytext.reindent import reindent

        found = reindent(self.reading.draft.text)
        function = lone_check_function(self.module, self.parents)
        if found is None:
            if kind == "method-outside-class" and function is not None:
                at = self.reading.draft.original(self.lines.start(function))
                self.reading.defects.append(
                    Defect(
                        kind,
                        "check",
                        "a method `check` that stands outside its class",
                        at,
                        at + 3,
                        None,
                        (),
                        True,
                        False,
                    )
                )
            return None
        add_reindented(self.reading, kind, found.spans, found.text)
        self._look_at(found.tree)
        return self._names()

    def _placed(self, defect: Defect) -> Defect:
        """The defect at the places of the file as it stands."""
        draft = self.reading.draft
        start, end = draft.original_span(defect.start, defect.end)
        spans = tuple((*draft.original_span(s, e), new) for s, e, new in defect.spans)
        return defect._replace(start=start, end=end, spans=spans, also=tuple(draft.original(o) for o in defect.also))
