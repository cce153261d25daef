"""The catalogues in src/dddoctor/data: read when first asked for, once for all that want them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any


@cache
def catalogue(name: str) -> Any:
    """The data of one JSON file, shared: nobody changes it. Raises OSError, ValueError."""
    return json.loads((Path(__file__).parent / "data" / name).read_text(encoding="utf-8"))
