"""Where each Agent sends to, whether it is reached, and whether its API key is taken there. Only with --network: these questions leave the host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from dddoctor.hosts.base import Host, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.tables import RunOptions, table
from dddoctor.tables.agents import Agent
from dddoctor.tables.settings import SITES, Setting

if TYPE_CHECKING:
    from dddoctor.hosts.outbound import Outgoing, Reached
    from dddoctor.secrets import Vault

DEFAULT_SITE = "datadoghq.com"
ASK_SECONDS = 6.0
_NOT_ASKED = Gap("*", Kind.TARGET, "this leaves the host, so it is asked only with --network", "--network")
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
# Only hosts of Datadog are ever given a key.
_DATADOG = lazy(r"(?:[a-z0-9-]+\.)*(?:datadoghq\.(?:com|eu)|ddog-gov\.com)")
_KEY = lazy(r"[0-9a-fA-F]{32}")
_PLAIN_HOST = lazy(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


class Endpoint(NamedTuple):
    """One address that an Agent sends to, and what a request without a key met there.

    `purpose`: metrics, api (key validation), traces, logs. `url` as the Agent builds it from `setting` (site, dd_url …), with `file` and `line` where that is set. `proxy`: the one in use,
    without its password. `resolves`, `connects`, `tls_ok`: 0/1, NULL where an earlier step failed (or there is no TLS). `is_reached`: an HTTP answer came, whatever its status.
    `failed`: name, connection, proxy, tls, answer; NULL where none did. `reported`: the system's words for it.

    Source: a request of this host, by the settings in force; addresses as in the Agent's documentation (endpoints derived from the site).
    """

    agent: str
    purpose: str
    url: str
    host: str
    port: int
    setting: str
    file: str | None
    line: int | None
    proxy: str | None
    address: str | None
    resolves: int | None
    connects: int | None
    tls_ok: int | None
    is_reached: int
    failed: str | None
    status: int | None
    reported: str | None


class ApiKeyStatus(NamedTuple):
    """What Datadog says of an Agent's API key. `verdict`: valid, invalid, wrong-site (another site takes it: `valid_at`), unknown (`reported` says why). `key` is a token.

    Source: GET https://api.SITE/api/v1/validate with the key in a header: 200 valid, 403 not valid at that site. Only sites of Datadog are asked.
    """

    agent: str
    key: str
    site: str
    verdict: str
    valid_at: str | None
    reported: str | None
    file: str | None
    line: int | None


@table("endpoints", Endpoint, limit_seconds=30.0)
@table("api_key_status", ApiKeyStatus, limit_seconds=30.0)
def collect(
    host: Host, vault: Vault, options: RunOptions, agents: list[Agent], settings: list[Setting]
) -> Iterator[Endpoint | ApiKeyStatus | Gap]:
    """By Agent. Without --network nothing is asked: a gap of kind target, which costs no rule its health."""
    if not options.network:
        yield _NOT_ASKED
        return
    from dddoctor.tables.settings import plain_settings

    for agent in agents:
        if agent.main_file is None or agent.major < 6 or agent.kind in ("leftover", "container"):
            continue
        own = {s.key: s for s in settings if s.agent == agent.agent}
        if not own:
            continue
        plain = {**plain_settings(host, agent), **_proxies_of_environment(host, agent, own)}
        yield from _endpoints(host, vault, agent, own, plain)
        yield from _key(host, vault, agent, own, plain)


# --- the addresses ----------------------------------------------------------------------------------------------------


class Wanted(NamedTuple):
    """One address, before it is asked."""

    purpose: str
    url: str
    setting: str


def wanted_of(plain: Mapping[str, str], version: str | None) -> list[Wanted]:
    """The addresses that these settings make, metrics first. None for a site that is no host name: another rule tells."""
    site = plain.get("site", "").strip() or DEFAULT_SITE
    if not _PLAIN_HOST.fullmatch(site):
        return []
    prefix = "-".join(version.split(".")[:3]) if version and version.count(".") >= 2 else ""
    metrics = f"https://{prefix}-app.agent.{site}" if prefix else f"https://app.{site}"
    found = [_of("metrics", plain, "dd_url", metrics)]
    if "dd_url" not in plain:
        found.append(Wanted("api", f"https://api.{site}", "site"))
    if plain.get("apm_config.enabled", "true") in _TRUE:
        found.append(_of("traces", plain, "apm_config.apm_dd_url", f"https://trace.agent.{site}"))
    if plain.get("logs_enabled", "") in _TRUE:
        own = plain.get("logs_config.logs_dd_url", "")
        plain = {**plain, "logs_config.logs_dd_url": own if "://" in own or not own else f"https://{own}"}
        found.append(_of("logs", plain, "logs_config.logs_dd_url", f"https://agent-http-intake.logs.{site}"))
    return found


def _of(purpose: str, plain: Mapping[str, str], setting: str, default: str) -> Wanted:
    own = plain.get(setting, "").strip()
    return Wanted(purpose, own, setting) if own else Wanted(purpose, default, "site")


def _proxies_of_environment(host: Host, agent: Agent, own: Mapping[str, Setting]) -> dict[str, str]:
    """HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the Agent's own service, in either case: they win over the file and lose to DD_PROXY_*."""
    import json

    from dddoctor.tables._environment import variables
    from dddoctor.tables.settings import CORE_UNIT

    found: dict[str, str] = {}
    for variable in variables(host, agent.config_dir or "", CORE_UNIT) if agent.kind == "package" else ():
        if isinstance(variable, Gap) or not variable.value:
            continue
        name = variable.name.upper()
        key = {"HTTP_PROXY": "proxy.http", "HTTPS_PROXY": "proxy.https", "NO_PROXY": "proxy.no_proxy"}.get(name)
        if key is not None and (key not in own or own[key].origin in ("file", "default")):
            found[key] = json.dumps(variable.value.split(",")) if name == "NO_PROXY" else variable.value
    return found


def proxy_of(plain: Mapping[str, str], host: str, scheme: str) -> str | None:
    """The proxy that the Agent uses for a host; None for none (no_proxy names hosts exactly, or domains where `no_proxy_nonexact_match` is on)."""
    import json

    proxy = plain.get(f"proxy.{scheme}", "").strip()
    if not proxy:
        return None
    try:
        listed = json.loads(plain.get("proxy.no_proxy", "[]"))
    except ValueError:
        listed = plain.get("proxy.no_proxy", "").split()
    is_loose = plain.get("no_proxy_nonexact_match", "") in _TRUE
    for entry in listed if isinstance(listed, list) else []:
        name = str(entry).strip().lower()
        if name in ("*", host) or (is_loose and host.endswith(f".{name.lstrip('.')}")):
            return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _endpoints(
    host: Host, vault: Vault, agent: Agent, own: Mapping[str, Setting], plain: Mapping[str, str]
) -> Iterator[Endpoint | Gap]:
    from urllib.parse import urlsplit

    from dddoctor.hosts.outbound import Outgoing

    wanted = wanted_of(plain, agent.version)
    if agent.version is None:
        reason = "the Agent's version is unknown, and with it the name that it sends to"
        yield Gap(agent.agent, Kind.TOOL, reason, "", ("url", "host"), "endpoints")
    is_verified = plain.get("skip_ssl_validation", "") not in _TRUE
    asked: list[tuple[Wanted, Outgoing]] = []
    for one in wanted:
        split = urlsplit(one.url)
        if split.scheme in ("http", "https") and split.hostname:  # others are told by the rules of the settings
            proxy = proxy_of(plain, split.hostname.lower(), split.scheme)
            asked.append((one, Outgoing(one.url, {}, proxy, is_verified, ASK_SECONDS)))
    for (one, request), answer in zip(asked, _all(host, [r for _, r in asked]), strict=True):
        if isinstance(answer, Unavailable):
            yield Gap(agent.agent, answer.kind, answer.reason, answer.remedy, None, "endpoints")
            continue
        yield _row(vault, agent, own.get(one.setting), one, request, answer)


def _row(
    vault: Vault, agent: Agent, setting: Setting | None, one: Wanted, request: Outgoing, answer: Reached
) -> Endpoint:
    from urllib.parse import urlsplit

    from dddoctor.hosts.outbound import STEPS

    split = urlsplit(one.url)
    is_tls = split.scheme == "https"
    step = len(STEPS) if answer.failed is None else STEPS.index(answer.failed)

    def passed(name: str) -> int | None:
        at = STEPS.index(name)
        return 1 if step > at else 0 if step == at else None

    return Endpoint(
        agent=agent.agent,
        purpose=one.purpose,
        url=vault.redact(one.url),
        host=vault.redact(split.hostname or ""),
        port=split.port or (443 if is_tls else 80),
        setting=one.setting,
        file=setting.file if setting else None,
        line=setting.line if setting else None,
        proxy=None if request.proxy is None else vault.redact(_without_account(request.proxy)),
        address=answer.address,
        resolves=passed("name"),
        connects=passed("connection"),
        tls_ok=passed("tls") if is_tls else None,
        is_reached=int(answer.failed is None),
        failed=answer.failed,
        status=answer.status,
        reported=vault.redact(answer.why)[:300] or None,
    )


def _without_account(proxy: str) -> str:
    from urllib.parse import urlsplit

    split = urlsplit(proxy)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}"


def _all(host: Host, requests: Sequence[Outgoing]) -> list[Reached | Unavailable]:
    """The answers, in order; asked side by side, because each may wait for its time limit."""
    import threading

    from dddoctor.hosts.outbound import Reached, reach

    found: list[Reached | Unavailable] = [Reached("answer", "no answer in time")] * len(requests)

    def work(number: int, request: Outgoing) -> None:
        try:
            found[number] = reach(host, request)
        except Unavailable as error:
            found[number] = error
        except ValueError as error:
            found[number] = Reached("name", str(error))

    threads = [
        threading.Thread(target=work, args=(n, r), name="dddoctor-endpoint", daemon=True)
        for n, r in enumerate(requests)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ASK_SECONDS + 2)
    return list(found)


# --- the key ----------------------------------------------------------------------------------------------------------


def _key(
    host: Host, vault: Vault, agent: Agent, own: Mapping[str, Setting], plain: Mapping[str, str]
) -> Iterator[ApiKeyStatus | Gap]:
    """The verdict on one Agent's key. A key of another shape is told by other rules and sent nowhere."""
    key = plain.get("api_key", "").strip()
    if not _KEY.fullmatch(key):
        return
    verdict, valid_at, reported = "unknown", cast("str | None", None), cast("str | None", None)
    setting = own.get("api_key")
    site = plain.get("site", "").strip().lower() or DEFAULT_SITE
    if "dd_url" in plain or not _DATADOG.fullmatch(site):
        reported = "the Agent sends to an address of your own, and a key is given to Datadog's sites alone"
    else:
        try:
            verdict, reported = verdict_of(_ask(host, [site], key, plain)[0])
            if verdict == "invalid":
                others = [s for s in SITES if s != site]
                answers = _ask(host, others, key, plain)
                valid_at = next((s for s, a in zip(others, answers, strict=True) if verdict_of(a)[0] == "valid"), None)
                verdict = "wrong-site" if valid_at else verdict
        except Unavailable as error:
            yield Gap(agent.agent, error.kind, error.reason, error.remedy, None, "api_key_status")
            return
    yield ApiKeyStatus(
        agent.agent,
        vault.token(key, "key"),
        vault.redact(site),
        verdict,
        valid_at,
        None if reported is None else vault.redact(reported)[:300],
        setting.file if setting else None,
        setting.line if setting else None,
    )


def _ask(host: Host, sites: Sequence[str], key: str, plain: Mapping[str, str]) -> list[Reached]:
    """The answers of the sites' validation. The certificate is always checked here: the key goes with the request."""
    from dddoctor.hosts.outbound import Outgoing

    requests = [
        Outgoing(
            f"https://api.{site}/api/v1/validate", {"DD-API-KEY": key}, proxy_of(plain, f"api.{site}", "https"), True, ASK_SECONDS
        )
        for site in sites
    ]  # fmt: skip
    found: list[Reached] = []
    for answer in _all(host, requests):
        if isinstance(answer, Unavailable):
            raise answer
        found.append(answer)
    return found


def verdict_of(answer: Reached) -> tuple[str, str | None]:
    """(verdict, why it is unknown) of one site's answer: 200 `{"valid": true}` and 403 `{"errors": …}` as documented; anything else, a proxy's page say, decides nothing."""
    if answer.failed is not None:
        return "unknown", answer.why
    said = _object(answer.body)
    if answer.status == 403 and ("errors" in said or "status" in said):
        return "invalid", None
    if answer.status == 200 and said.get("valid") is True:
        return "valid", None
    return "unknown", f"the answer was HTTP {answer.status}, not Datadog's own"


def _object(body: bytes) -> Mapping[str, Any]:
    import json

    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
