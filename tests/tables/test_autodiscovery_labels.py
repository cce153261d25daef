"""Labels of Autodiscovery: JSON in a text, three of which belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from dddoctor.hosts.example import ExampleHost
from dddoctor.secrets import Vault
from dddoctor.tables.autodiscovery_labels import AutodiscoveryLabel, collect, judged

SOUND = {"check_names": '["redisdb", "tcp_check"]', "init_configs": "[{}, {}]", "instances": "[{}, {}]"}


@pytest.mark.parametrize(
    ("labels", "problems"),
    [
        (SOUND, {}),
        ({**SOUND, "logs": "[{}]", "checks": "{}"}, {}),
        ({**SOUND, "check_names": "[redisdb]"}, {"check_names": "not-json"}),
        ({**SOUND, "instances": "[{}]"}, {"instances": "lengths-differ"}),
        ({**SOUND, "instances": "{}"}, {"instances": "wrong-shape"}),
        ({"check_names": '["a"]'}, {"check_names": "partner-missing"}),
        ({"instances": "["}, {"instances": "not-json"}),
        ({"logs": ""}, {"logs": "not-json"}),
        ({"tags": "not json, and not ours to judge"}, {}),
        ({"checks": "[" * 100_000}, {"checks": "not-json"}),
    ],
)
def test_what_is_wrong_with_labels(labels: dict[str, str], problems: dict[str, str]) -> None:
    assert {name: problem for name, problem, _ in judged(labels) if problem} == problems


def test_rows_name_the_container_and_not_the_value(tmp_path: Path) -> None:
    """A value may hold a password; other labels are left out."""
    container = {
        "Name": "/db", "Id": "1" * 64,
        "Config": {"Labels": {"com.datadoghq.ad.instances": '[{"password": "Xk29vLq8mT"', "maintainer": "me", "com.datadoghq.ad.logs": 7}},
    }  # fmt: skip

    found = list(collect(ExampleHost(tmp_path, docker=[container]), Vault()))

    assert [(r.container, r.name, r.problem) for r in found] == [("db", "instances", "not-json"), ("db", "logs", "not-json")]  # fmt: skip
    assert all(isinstance(r, AutodiscoveryLabel) for r in found) and "Xk29vLq8mT" not in repr(found)
