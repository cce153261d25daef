"""Many files, two judges: the doctor says of each what the real Agent says, and counts the same instances in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tests.lab.generated import generate
from tests.lab.vm import VM

CONF_D = "/etc/datadog-agent/conf.d"
COUNT, SEED = 200, 7724


def agent_verdicts(vm: VM, names: Mapping[str, str]) -> dict[str, str]:
    """`rejected`, `not seen`, or the number of instances, by the check's name: from status and configcheck."""
    status = json.loads(vm.agent("status", "--json").stdout)
    rejected = set(status["autoConfigStats"]["ConfigErrors"])
    loaded: dict[str, int] = {}
    for section in re.split(r"^=== ", vm.agent("configcheck").stdout, flags=re.MULTILINE):
        name = section.partition(" check ===")[0]
        loaded[name] = loaded.get(name, 0) + section.count("\nConfig for instance ID:")
    return {n: "rejected" if n in rejected else str(loaded[n]) if n in loaded else "not seen" for n in names}


def doctor_verdicts(vm: VM, names: Mapping[str, str]) -> dict[str, str]:
    """The same from the doctor's tables."""
    text = vm.dddoctor(
        "query", "--format", "json",
        "SELECT f.check_name, f.is_loaded, f.size_bytes, count(i.instance) AS instances FROM config_files AS f"
        " LEFT JOIN instances AS i ON i.file = f.file AND i.agent = f.agent WHERE f.check_name LIKE 'gen%' GROUP BY f.file",
    ).stdout  # fmt: skip
    rows = {row["check_name"]: row for row in json.loads(text)}
    return {
        n: str(rows[n]["instances"])
        if rows[n]["is_loaded"]
        else "not seen"
        if not rows[n]["size_bytes"]
        else "rejected"
        for n in names
    }


def test_the_doctor_judges_files_as_the_real_agent_does(vm: VM, tmp_path: Path) -> None:
    """200 files with accidents in one host: accepted, refused, and how many instances."""
    texts = generate(COUNT, SEED)
    vm.write_many({f"{CONF_D}/{name}.d/conf.yaml": text for name, text in texts.items()})
    vm.restart_agent(checks=True)

    agents = agent_verdicts(vm, texts)
    doctors = doctor_verdicts(vm, texts)

    assert (
        len(set(agents.values())) >= 4
    )  # refused ones, empty ones, one instance and several: the sample is worth something
    assert {n: (agents[n], doctors[n], texts[n]) for n in texts if agents[n] != doctors[n]} == {}
