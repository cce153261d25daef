"""Python text of custom checks: read, corrected and judged, never imported or run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dddoctor.pytext.analysis import Analysis, Context, analyse
    from dddoctor.pytext.imports import Neighbours
    from dddoctor.pytext.names import Target
    from dddoctor.pytext.reading import Defect, Reading, read

__all__ = ["Analysis", "Context", "Defect", "Neighbours", "Reading", "Target", "analyse", "read"]
_WHERE = {"Neighbours": "imports", "Target": "names", "Defect": "reading", "Reading": "reading", "read": "reading"}


def __getattr__(name: str) -> Any:
    """Judging code needs a dozen modules; who only wants its words (`pytext.scan`) need not import them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_WHERE.get(name, 'analysis')}"), name)
