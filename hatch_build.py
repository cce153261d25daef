"""Build hook: the wheel holds the rule sources and, beside the code, the same rules compiled to one file of JSON lines (docs/architecture.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileRules(BuildHookInterface[Any]):
    """Loads every rule (a mistake in one stops the build) and writes src/dddoctor/data/rules.jsonl into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or self.target_name != "wheel":
            return
        root = Path(self.root)
        sys.path.insert(0, str(root / "src"))
        try:
            from dddoctor import rules

            text = rules.compile_rules(root / "rules")
        finally:
            sys.path.pop(0)
        made = root / "build" / "rules.jsonl"
        made.parent.mkdir(exist_ok=True)
        made.write_text(text, encoding="utf-8")
        build_data["force_include"][str(made)] = "dddoctor/data/rules.jsonl"
        build_data["force_include"][str(root / "rules")] = "dddoctor/_rules"
