"""Two faults at a time in one host: exactly the two planted ones are roots, whatever follows from them, and none hides the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.lab.scenarios import CONF_D, MAIN
from tests.lab.test_scenarios import AT_ONCE, causes
from tests.lab.vm import VM


class Fault(NamedTuple):
    """One independent fault: the shell line that makes it (the Agent is down then), and the rule that names it."""

    rule: str
    line: str


def _check(name: str, text: str) -> str:
    return f"install -d -o dd-agent -g dd-agent {CONF_D}/{name}.d; printf '{text}' > {CONF_D}/{name}.d/conf.yaml; chown dd-agent: {CONF_D}/{name}.d/conf.yaml"


CODE = 'from datadog_checks.base import AgentCheck\\n\\n\\nclass MyMetric(AgentCheck):\\n    def check(self, instance):\\n        self.gauge("my_metric", 1)\\n'
FAULTS = (
    Fault("log-level-unknown", f"echo 'log_level: dbug' >> {MAIN}"),
    Fault("apm-disabled", f"printf 'apm_config:\\n  enabled: false\\n' >> {MAIN}"),
    Fault("misspelt-setting", f"echo 'logs_enabeld: true' >> {MAIN}"),
    Fault("instance-does-not-load", _check("uptime", "instances:\\n  - min_collection_interval: 45`\\n")),
    Fault("no-instances", _check("memory", "init_config:\\n\\ninstances:\\n")),
    Fault("check-file-does-not-load", _check("load", "init_config:\\n\\ninstances:\\n\\t- {}\\n")),
    Fault(
        "apm-check-leftover", f"printf 'instances: [{{}}]\\n' > {CONF_D}/apm.yaml; chown dd-agent: {CONF_D}/apm.yaml"
    ),
    Fault(
        "check-names-differ",
        f"printf '{CODE}' > /etc/datadog-agent/checks.d/my_metric.py; printf 'instances: [{{}}]\\n' > {CONF_D}/my_metrics.yaml; chown dd-agent: /etc/datadog-agent/checks.d/my_metric.py {CONF_D}/my_metrics.yaml",
    ),
    Fault("agent-file-world-writable", "chmod o+w /etc/datadog-agent/checks.d"),
    Fault("agent-secret-readable", f"chmod 0644 {MAIN}"),
    Fault("option-file-world-writable", "chmod 0666 /etc/mysql/mariadb.cnf"),
    Fault(
        "port-taken-by-another",
        "systemd-run --quiet --unit=taker --service-type=exec python3 -c 'import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind((\"127.0.0.1\",8125)); time.sleep(900)'",
    ),
)
PAIRS = list(combinations(FAULTS, 2))


def diagnose(source: Path, pair: tuple[Fault, Fault]) -> list[tuple[str, str | None, int | None]]:
    """The causes that the doctor names in a fresh host with both faults."""
    with VM(source) as vm:
        vm.sh("systemctl stop datadog-agent")
        for fault in pair:
            vm.sh(fault.line)
        vm.restart_agent(wait=False)
        if any(f.rule == "log-level-unknown" for f in pair):
            vm.wait_for(lambda: vm.unit("ActiveState")["ActiveState"] == "failed", "the unit's failure")
        else:
            vm.wait_for_agent()
        return causes(vm.check())


@pytest.fixture(scope="session")
def diagnosed(source: Path) -> Iterator[dict[str, Future[list[tuple[str, str | None, int | None]]]]]:
    """What is said of every pair, some at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {f"{a.rule} + {b.rule}": pool.submit(diagnose, source, (a, b)) for a, b in PAIRS}
        pool.shutdown(cancel_futures=True)


def test_of_any_two_faults_both_are_roots_and_nothing_else_is(
    diagnosed: dict[str, Future[list[tuple[str, str | None, int | None]]]],
) -> None:
    """All pairs of twelve; each pair in a host of its own."""
    wrong = {}
    for name, future in diagnosed.items():
        roots = {rule for rule, _, _ in future.result()}
        if roots != set(name.split(" + ")):
            wrong[name] = sorted(roots)
    assert wrong == {}
    assert len(diagnosed) == 66
