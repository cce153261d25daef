"""Make the compact catalogues of src/dddoctor/data from the two source lists: `python tools/build_catalogues.py FOLDER`.

FOLDER holds config-keys.yaml (the keys of datadog.yaml and their environment variables, defaults, versions) and integrations.yaml (the checks that an
Agent ships, their options). Both are facts taken from the Agent's and the integrations' public sources; the head of each file names them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parents[1] / "src" / "dddoctor" / "data"
TYPES = {
    "list of strings": "list",
    "list of objects": "list",
    "list of custom object": "list",
    "list of custom objects": "list",
    "object": "map",
    "number": "float",
}
ALSO_WITH_DEFAULT = ("cmd_host",)
# Read by the trace-agent alone, so not declared where the list was taken from; source cmd/trace-agent and comp/trace/config.
ALSO_KNOWN: dict[str, list[Any]] = {"apm_config.api_key": ["string", None, []]}


def settings(source: dict[str, Any]) -> dict[str, Any]:
    """`keys`: lower-case dotted key → [type, default, environment variables, macOS default]; trailing empty parts are left out.

    The variables are left out where they are the one that the rule gives (DD_ + the key in capitals). `removed`: key → last version that knew it.
    """
    keys: dict[str, list[Any]] = dict(ALSO_KNOWN)
    removed: dict[str, str] = {}
    system_probe: list[str] = []
    for entry in source["keys"]:
        key = entry["key"].lower()
        if entry["file"] != "datadog.yaml":
            system_probe.append(key)
            continue
        kind = TYPES.get(entry["type"], entry["type"])
        usual = "DD_" + key.upper().replace(".", "_")
        by_os = entry.get("default_by_os") or {}
        default = by_os.get("linux", entry["default"])
        is_asked_for = entry["public"] or "port" in key.rsplit(".", 1)[-1] or key in ALSO_WITH_DEFAULT
        if kind == "map" or default in ([], {}, "") or not is_asked_for or key.endswith("dd_url"):
            default = None  # empty is as good as unset; what no page documents, no rule asks for; an address follows from the site
        mac = by_os.get("macos")
        row = [kind, default, None if entry["env"] == [usual] else entry["env"], mac if mac != default else None]
        while len(row) > 1 and row[-1] is None:
            row.pop()
        keys[key] = row
        if "removed_after" in entry:
            removed[key] = str(entry["removed_after"])
    return {
        "free_form": sorted(s.lower() for s in source["free_form_sections"]),
        "keys": keys,
        "removed": removed,
        "system_probe": sorted(system_probe),
    }


def checks(source: dict[str, Any]) -> dict[str, Any]:
    """`checks`: name → [kind, options, options that the code reads besides, required]; `go`: names of the checks inside the Agent; `types`: check → option → type."""
    found: dict[str, list[Any]] = {}
    common = set(source["common_instance_options"])
    for entry in source["integrations"]:
        kind = entry["kind"].split(" ")[0] if not entry["kind"].startswith("logs") else "logs"
        row: list[Any] = [
            kind,
            [o for o in entry["options"] if o not in common],
            entry.get("also_read") or [],
            entry.get("required") or [],
        ]
        while len(row) > 1 and not row[-1]:
            row.pop()
        found[entry["name"]] = row
    mysql = {o["option"]: TYPES.get(o["type"], o["type"]) for o in source["mysql_options"] if "." not in o["option"]}
    return {
        "common_instance": source["common_instance_options"],
        "common_init": source["common_init_config_options"],
        "top_level": source["top_level_keys_of_a_check_file"],
        "jmx": source["jmx_checks_by_name"],
        "go": {e["name"]: e["shipped"] for e in source["go_core_checks"]},
        "checks": found,
        "types": {"mysql": mysql},
    }


def write(name: str, data: dict[str, Any]) -> None:
    """One line per entry, so that a new Agent's changes read well in a diff, and no blanks within."""
    parts = []
    for key, value in data.items():
        if isinstance(value, dict):
            lines = ",\n".join(
                f"{json.dumps(k)}:{json.dumps(v, ensure_ascii=False, separators=(',', ':'))}"
                for k, v in sorted(value.items())
            )
            parts.append(f"{json.dumps(key)}:{{\n{lines}\n}}")
        else:
            parts.append(f"{json.dumps(key)}:{json.dumps(value, ensure_ascii=False, separators=(',', ':'))}")
    (DATA / name).write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


def main(folder: Path) -> None:
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for source, name, make in (
        ("config-keys.yaml", "settings.json", settings),
        ("integrations.yaml", "checks.json", checks),
    ):
        write(name, make(yaml.load((folder / source).read_text(encoding="utf-8"), loader)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
