"""Files in which nothing is wrong: no finding above info, whoever wrote them and however."""

from __future__ import annotations

import importlib.metadata
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.agent_files import (
    CONF_D,
    EMITTERS,
    INVENTED_KEY,
    MAIN,
    check_data,
    example_of_check,
    example_of_main,
    integrations,
    main_data,
    session_over,
)

from dddoctor.model import Report, Severity

SEED = 47
# What it names would have to be there.
NEEDS_MORE = frozenset(["secret_backend_command"])


def above_info(report: Report) -> list[str]:
    return [f"{f.rule} {f.file}:{f.line} {f.message}" for f in report.findings if f.severity is not Severity.INFO]


def check_files(report: Report) -> str:
    return next(line.text for line in report.head if line.label == "In force")


@pytest.mark.parametrize("emitter", EMITTERS, ids=lambda emitter: emitter.__name__)
@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_files_made_from_the_catalogues(
    emitter: Callable[[random.Random, Any], str], seed: int, tmp_path: Path
) -> None:
    """A file of each integration with its required and some known options, and a datadog.yaml of 60 known settings of the right types."""
    rng = random.Random(seed)
    files: dict[str, str | bytes] = {
        f"{CONF_D}/{check}.d/conf.yaml": emitter(rng, check_data(rng, check)) for check in integrations()
    }
    files[MAIN] = emitter(rng, main_data(rng, 60, without=NEEDS_MORE))
    report = session_over(tmp_path, files).check()

    assert check_files(report) == f"{MAIN}, {len(integrations())} check files"
    assert above_info(report) == []
    assert (report.healthy, report.broken) == (True, [])


@pytest.mark.parametrize("seed", range(SEED, SEED + 8))
def test_main_files_of_known_settings(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    text = EMITTERS[seed % len(EMITTERS)](rng, main_data(rng, 200, without=NEEDS_MORE))

    assert above_info(session_over(tmp_path, {MAIN: text}).check()) == []


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_shipped_examples_with_some_options_switched_on(share: float, tmp_path: Path) -> None:
    """One host with a file of each integration, made of what is shipped; nothing but `# ` was taken away."""
    rng = random.Random(f"{SEED} {share}")
    files: dict[str, str | bytes] = {
        f"{CONF_D}/{check}.d/conf.yaml": example_of_check(rng, check, share=share) for check in integrations()
    }
    files[MAIN] = example_of_main(rng, 0, share=share)
    report = session_over(tmp_path, files).check()

    assert check_files(report) == f"{MAIN}, {len(integrations())} check files"
    assert above_info(report) == []
    assert (report.healthy, report.broken) == (True, [])


@pytest.mark.parametrize("seed", range(SEED, SEED + 6))
def test_the_shipped_main_file_with_some_settings_switched_on(seed: int, tmp_path: Path) -> None:
    """Sections and children alike; what stays behind its `#` says nothing."""
    rng = random.Random(seed)
    text = example_of_main(rng, 250, share=rng.choice([0.05, 0.3, 1.0]), without=NEEDS_MORE)

    assert above_info(session_over(tmp_path, {MAIN: text}).check()) == []


UNUSUAL = {
    "anchors, aliases and merges": "init_config:\ninstances:\n  - &first\n    host: a\n    tags: &t [env:test]\n  - <<: *first\n    host: b\n  - {<<: *first, host: c, tags: *t}\n",
    "a list of merges": "init_config: {}\ninstances:\n  - <<: [{host: a, service: s}, {port: 80}]\n    tags:\n    - env:test\n",
    "document marks and a directive": "%YAML 1.1\n---\ninit_config:\ninstances:\n  - host: a\n...\n",
    "tags of YAML": "init_config:\ninstances:\n  - host: !!str 1\n    port: !!int '80'\n    tags: !!seq [env:test]\n",
    "blocks of text": "init_config:\ninstances:\n  - query: |-\n      SELECT a: b,\n        `c`\n      # no comment\n      - FROM t\n    text: >+\n      folded\n       more\n\n    host: a\n",
    "a text over lines": 'init_config:\ninstances:\n  - text: several words\n      that go on\n    quoted: "over\n      lines: two"\n    host: a\n',
    "explicit keys": "? init_config\n:\n? instances\n:\n  - host: a\n",
    "quoted keys": "\"init_config\":\n'instances':\n  - \"host\": 'a'\n    'port': 80\n",
    "brackets over lines, comma at the end": "init_config:\ninstances: [\n  {host: a,\n   tags: [env:test,\n     role:db,\n   ],\n  },\n]\n",
    "lists at the depth of their key": "init_config:\ninstances:\n- host: a\n  tags:\n  - env:test\n  - role:db\n- host: b\n  tags:\n  - env:test\n",
    "CRLF": "init_config:\r\n\r\ninstances:\r\n  - host: a\r\n    tags:\r\n      - env:test\r\n",
    "no newline at the end": "init_config:\ninstances:\n  - host: a",
    "comments everywhere": "# it's `so`\ninit_config: # none: yet\n#instances:\ninstances:   # -host: x\n# - a\n  - host: a # “quoted”\n    # tags:\n    #\tport: 1\n    tags: # two\n      # - env:old\n      - env:test # c\n",
    "colons that need no blank": "init_config:\ninstances:\n  - url: http://h:80/?a=b:c\n    time: 12:30\n    mac: 00:1b:44:11:3a:b7\n    image: registry.example.test:5000/a/b:1.0\n    tags: [a:b, 'c: d', \"e:f\"]\n",
    "dashes and minus": "init_config:\ninstances:\n  - offset: -5\n    flag: --verbose\n    range: 1-5\n    name: a-b\n    list:\n      - -1\n      - -x\n      - - nested\n        - again\n",
    "numbers, truth and nothing": "init_config: ~\ninstances:\n  - a: 0x1F\n    b: 0o17\n    c: 1_000\n    d: .inf\n    e: yes\n    f: null\n    g:\n    h: 1e3\n    i: 2026-11-24\n",
    "other scripts": "init_config:\ninstances:\n  - host: größe\n    name: データ\n    note: naïve café – ok\n",
    "an empty instance": "init_config:\ninstances:\n  - {}\n",
    "an instance that is a dash": "init_config:\ninstances:\n  -\n",
    "a dash on its own line": "init_config:\ninstances:\n\n  -\n    host: a\n\n    tags:\n      -\n        env:test\n",
    "all at one glance": "{init_config: , instances: [{host: a, port: 80}, {host: b}]}\n",
    "JSON": '{"init_config": null, "instances": [{"host": "a:b", "tags": ["env:test"]}]}',
    "JSON with tabs": '{\n\t"init_config": null,\n\t"instances": [\n\t\t{"host": "a"}\n\t]\n}\n',
    "logs alone": "logs:\n  - type: file\n    path: /var/log/*.log\n    service: shop\n    source: python\n    log_processing_rules:\n      - type: exclude_at_match\n        name: x\n        pattern: '^\\d{4}-\\w+: `.*`$'\n",
    "autodiscovery": 'ad_identifiers:\n  - redis\ninit_config:\ninstances:\n  - host: \'%%host%%\'\n    port: "%%port%%"\n    password: "%%env_REDIS%%"\n',
    "a key that holds an anchor": "x-common: &common\n  service: shop\ninit_config:\ninstances:\n  - <<: *common\n    host: a\n",
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_and_valid(name: str, tmp_path: Path) -> None:
    """In the file of a custom check and in that of one whose options are not listed."""
    class_ = "from datadog_checks.base import AgentCheck\n\n\nclass Own(AgentCheck):\n    def check(self, instance):\n        self.gauge('own.value', 1)\n"
    files: dict[str, str | bytes] = {
        MAIN: f"api_key: {INVENTED_KEY}\nlogs_enabled: true\n", "/etc/datadog-agent/checks.d/own.py": class_, f"{CONF_D}/own.d/conf.yaml": UNUSUAL[name],
    }  # fmt: skip

    assert above_info(session_over(tmp_path, files).check()) == []


def shipped() -> list[tuple[str, str]]:
    """(check, text) of the example and default files that installed packages of integrations carry."""
    found = []
    for distribution in importlib.metadata.distributions():
        if not (distribution.metadata["Name"] or "").lower().startswith("datadog"):
            continue
        for file in distribution.files or []:
            if file.name in ("conf.yaml.example", "conf.yaml.default"):
                check = file.parts[-3]
                found.append(
                    (check if check.isidentifier() else "own", Path(str(file.locate())).read_text(encoding="utf-8"))
                )
    return sorted(found)


def test_files_that_packages_ship(tmp_path: Path) -> None:
    """As they are, their placeholders filled in. Where no package of an integration is installed, the written ones above must do."""
    files = shipped()
    if not files:
        pytest.skip("no package with a conf.yaml.example is installed (datadog-checks-dev carries four)")
    for number, (check, text) in enumerate(files):
        filled = re.sub(r"<([A-Z][A-Z0-9_]*)>", lambda match: match[1].lower(), text)
        host: dict[str, str | bytes] = {
            MAIN: f"api_key: {INVENTED_KEY}\nlogs_enabled: true\n",
            f"{CONF_D}/{check}.d/conf.yaml": filled,
        }
        # All of an example may be commented out.
        report = session_over(tmp_path / str(number), host, ignore=("check-without-code", "no-instances")).check()

        assert above_info(report) == [], filled
