"""Where an Agent sends, by its settings; and the verdict on its key. Nothing is asked without --network, and nothing leaves this machine here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dddoctor.hosts.example import ExampleHost
from dddoctor.hosts.outbound import Outgoing, Reached
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import RunOptions, agents, endpoints, settings
from dddoctor.tables.endpoints import ApiKeyStatus, Endpoint, Wanted, proxy_of, verdict_of, wanted_of

KEY = "0badc0de0badc0de0badc0de0badc0de"
VALIDATE = "https://api.{}/api/v1/validate"
REFUSED = Reached(None, "", "192.0.2.1", 403, b'{"errors": ["Forbidden"]}')
TAKEN = Reached(None, "", "192.0.2.1", 200, b'{"valid": true}')


class Recording(ExampleHost):
    """Keeps what is asked of the outside."""

    def __init__(self, folder: Path, outside: Mapping[str, Reached]) -> None:
        super().__init__(folder, outside=outside)
        self.asked: list[Outgoing] = []

    def reach(self, request: Outgoing) -> Reached:
        self.asked.append(request)
        return super().reach(request)


def host(tmp_path: Path, text: str, outside: Mapping[str, Reached] | None = None, environment: str = "") -> Recording:
    for path, content in {
        "/etc/datadog-agent/datadog.yaml": text,
        "/etc/datadog-agent/environment": environment,
        "/opt/datadog-agent/version-manifest.txt": "agent 7.72.4\n",
    }.items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return Recording(tmp_path, outside or {})


def rows(looked_at: Recording, *, network: bool = True, vault: Vault | None = None) -> list[Any]:
    found = [a for a in agents.collect(looked_at) if isinstance(a, agents.Agent)]
    vault = vault or Vault()
    known = [s for s in settings.collect(looked_at, vault, found) if isinstance(s, settings.Setting)]
    return list(endpoints.collect(looked_at, vault, RunOptions(network=network), found, known))


def test_without_the_option_nothing_is_asked(tmp_path: Path) -> None:
    """The gap is of kind target: it costs no rule its verdict on the host."""
    looked_at = host(tmp_path, f"api_key: {KEY}\n")

    (gap,) = rows(looked_at, network=False)

    assert isinstance(gap, Gap) and (gap.where, gap.kind, gap.remedy) == ("*", Kind.TARGET, "--network")
    assert looked_at.asked == []


def test_addresses_are_asked_without_the_key(tmp_path: Path) -> None:
    """Whatever the answer, it came; only the validation gets the key, in a header."""
    looked_at = host(tmp_path, f"api_key: {KEY}\nsite: datadoghq.eu\n", {VALIDATE.format("datadoghq.eu"): TAKEN})
    vault = Vault()

    found = rows(looked_at, vault=vault)

    assert [(r.purpose, r.host, r.is_reached, r.status) for r in found if isinstance(r, Endpoint)] == [
        ("metrics", "7-72-4-app.agent.datadoghq.eu", 1, 404),
        ("api", "api.datadoghq.eu", 1, 404),
        ("traces", "trace.agent.datadoghq.eu", 1, 404),
    ]
    (key,) = [r for r in found if isinstance(r, ApiKeyStatus)]
    assert (key.site, key.verdict, key.valid_at, key.file, key.line) == (
        "datadoghq.eu", "valid", None, "/etc/datadog-agent/datadog.yaml", 1,
    )  # fmt: skip
    assert vault.has_token(key.key) and KEY not in repr(found)
    assert [r.url for r in looked_at.asked if KEY in repr(r.headers)] == [VALIDATE.format("datadoghq.eu")]
    assert not any(KEY in r.url for r in looked_at.asked)


def test_a_key_of_another_site_is_found_there(tmp_path: Path) -> None:
    """403 at its own site: the others are asked, all of them Datadog's."""
    outside = {
        VALIDATE.format(s): REFUSED for s in settings.SITES if s != "us5.datadoghq.com"
    } | {VALIDATE.format("us5.datadoghq.com"): TAKEN}  # fmt: skip
    found = rows(host(tmp_path, f"api_key: {KEY}\nsite: datadoghq.eu\n", outside))

    (key,) = [r for r in found if isinstance(r, ApiKeyStatus)]
    assert (key.verdict, key.valid_at) == ("wrong-site", "us5.datadoghq.com")


def test_a_key_that_nobody_knows(tmp_path: Path) -> None:
    outside = {VALIDATE.format(s): REFUSED for s in settings.SITES}
    (key,) = [r for r in rows(host(tmp_path, f"api_key: {KEY}\n", outside)) if isinstance(r, ApiKeyStatus)]

    assert (key.site, key.verdict, key.valid_at) == ("datadoghq.com", "invalid", None)


@pytest.mark.parametrize("text", ["dd_url: https://intake.example.test\n", "site: evil.example.test\n", "site: datadoghq.com.evil.example.test\n"])  # fmt: skip
def test_a_key_goes_to_datadog_alone(tmp_path: Path, text: str) -> None:
    """Whoever may write datadog.yaml must not be sent the key by the doctor."""
    looked_at = host(tmp_path, f"api_key: {KEY}\n{text}")

    (key,) = [r for r in rows(looked_at) if isinstance(r, ApiKeyStatus)]

    assert key.verdict == "unknown" and not any(KEY in repr(r.headers) for r in looked_at.asked)


@pytest.mark.parametrize("value", ["<YOUR_API_KEY>", "ENC[key]", "0badc0de", ""])
def test_what_is_no_key_is_sent_nowhere(tmp_path: Path, value: str) -> None:
    looked_at = host(tmp_path, f"api_key: {value}\n")

    assert not [r for r in rows(looked_at) if isinstance(r, ApiKeyStatus)]
    assert not any("validate" in r.url for r in looked_at.asked)


def test_the_steps_of_a_failure(tmp_path: Path) -> None:
    """What came before it worked, what comes after is not known."""
    outside = {
        "https://7-72-4-app.agent.datadoghq.eu": Reached("tls", "certificate verify failed: x", "192.0.2.1"),
        "https://api.datadoghq.eu": Reached("name", "no such name"),
    }
    found = rows(host(tmp_path, "site: datadoghq.eu\napm_config:\n  enabled: false\n", outside))

    assert [(r.purpose, r.resolves, r.connects, r.tls_ok, r.is_reached, r.failed) for r in found] == [
        ("metrics", 1, 1, 0, 0, "tls"),
        ("api", 0, None, None, 0, "name"),
    ]


def test_a_proxys_account_stays_out_of_the_row(tmp_path: Path) -> None:
    """It is used, and not shown; the service's own HTTPS_PROXY wins over the file."""
    text = "site: datadoghq.eu\nproxy:\n  https: http://me:Xk29vLq8mT@10.0.0.9:3128\n  no_proxy: [trace.agent.datadoghq.eu]\n"
    looked_at = host(tmp_path, text)

    found = rows(looked_at)

    assert [r.proxy for r in found] == ["http://10.0.0.9:3128", "http://10.0.0.9:3128", None]
    assert looked_at.asked[0].proxy == "http://me:Xk29vLq8mT@10.0.0.9:3128" and "Xk29vLq8mT" not in repr(found)

    other = host(tmp_path, text, environment="HTTPS_PROXY=http://10.0.0.7:80\nNO_PROXY=a,api.datadoghq.eu\n")
    assert [r.proxy for r in rows(other)] == ["http://10.0.0.7:80", None, "http://10.0.0.7:80"]


@pytest.mark.parametrize(
    ("plain", "version", "expected"),
    [
        ({}, "7.52.0", [("metrics", "https://7-52-0-app.agent.datadoghq.com"), ("api", "https://api.datadoghq.com"), ("traces", "https://trace.agent.datadoghq.com")]),
        ({"apm_config.enabled": "false"}, None, [("metrics", "https://app.datadoghq.com"), ("api", "https://api.datadoghq.com")]),
        ({"dd_url": "https://in.example.test", "apm_config.enabled": "false", "logs_enabled": "true"}, "7.52.0",
         [("metrics", "https://in.example.test"), ("logs", "https://agent-http-intake.logs.datadoghq.com")]),
        ({"logs_enabled": "true", "logs_config.logs_dd_url": "logs.example.test:443", "apm_config.enabled": "false", "site": "us3.datadoghq.com"}, "7.52.0",
         [("metrics", "https://7-52-0-app.agent.us3.datadoghq.com"), ("api", "https://api.us3.datadoghq.com"), ("logs", "https://logs.example.test:443")]),
        ({"site": "https://app.datadoghq.eu/"}, "7.52.0", []),
    ],
)  # fmt: skip
def test_addresses_follow_the_settings(
    plain: dict[str, str], version: str | None, expected: list[tuple[str, str]]
) -> None:
    found: list[Wanted] = wanted_of(plain, version)

    assert [(w.purpose, w.url) for w in found] == expected


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ({}, None),
        ({"proxy.https": "10.0.0.9:3128"}, "http://10.0.0.9:3128"),
        ({"proxy.https": "http://p:1", "proxy.no_proxy": '["api.datadoghq.eu"]'}, None),
        ({"proxy.https": "http://p:1", "proxy.no_proxy": '["datadoghq.eu"]'}, "http://p:1"),
        ({"proxy.https": "http://p:1", "proxy.no_proxy": '["datadoghq.eu"]', "no_proxy_nonexact_match": "true"}, None),
        ({"proxy.https": "http://p:1", "proxy.no_proxy": "not json"}, "http://p:1"),
    ],
)
def test_which_proxy_counts(plain: dict[str, str], expected: str | None) -> None:
    assert proxy_of(plain, "api.datadoghq.eu", "https") == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (TAKEN, "valid"),
        (REFUSED, "invalid"),
        (Reached(None, "", None, 403, b"<html>Blocked</html>"), "unknown"),
        (Reached(None, "", None, 200, b"<html>Sign in</html>"), "unknown"),
        (Reached(None, "", None, 429, b'{"errors": ["slow down"]}'), "unknown"),
        (Reached("connection", "no answer in time"), "unknown"),
    ],
)
def test_only_the_documented_answers_are_verdicts(answer: Reached, expected: str) -> None:
    """A company's filter answers 403 too."""
    assert verdict_of(answer)[0] == expected
