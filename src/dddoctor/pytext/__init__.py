"""Python text of custom checks: read, corrected and judged, never imported or run."""

from __future__ import annotations

from dddoctor.pytext.analysis import Analysis, Context, analyse
from dddoctor.pytext.imports import Neighbours
from dddoctor.pytext.names import Target
from dddoctor.pytext.reading import Defect, Reading, read

__all__ = ["Analysis", "Context", "Defect", "Neighbours", "Reading", "Target", "analyse", "read"]
