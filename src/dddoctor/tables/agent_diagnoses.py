"""What the Agent's own `diagnose` finds: the two suites that stay on this host."""

from __future__ import annotations

from collections.abc import Iterator

from dddoctor.hosts.base import Host, Unavailable
from dddoctor.lazyre import lazy
from dddoctor.light import NamedTuple
from dddoctor.model import Gap, Kind
from dddoctor.secrets import Vault
from dddoctor.tables import table
from dddoctor.tables._agent_commands import DIAGNOSE, DIAGNOSE_TEXT, ask, refusal
from dddoctor.tables._agent_json import document, mapping, sequence, whole, words
from dddoctor.tables._check_reports import LONGEST_SENTENCE, shortened
from dddoctor.tables._status_rows import AgentStatus
from dddoctor.tables.agents import Agent

_RESULTS = {0: "pass", 1: "fail", 2: "warning", 3: "error"}
_TEXT_RESULTS = {"PASS": "pass", "FAIL": "fail", "WARNING": "warning", "UNEXPECTED ERROR": "error"}
_SUITE = lazy(r"^=*Suite: (\S+)$")
_ENTRY = lazy(r"^\d+\. -{5,}$")
_VERDICT = lazy(r"^(PASS|FAIL|WARNING|UNEXPECTED ERROR)\s+(?:\[([^\]]*)\]\s+)?(.+)$")
_FIELD = lazy(r"^(Diagnosis|Remediation|Error|Description):\s*(.*)$")


class AgentDiagnosis(NamedTuple):
    """One diagnosis of `datadog-agent diagnose`. `suite`: check-datadog (what the checks say of themselves) or port-conflict; `name` is the Agent's (in
    port-conflict the setting: `cmd_port`). `verdict`: pass, fail, warning, error (the diagnosis itself failed). `reported` and `remediation` are the
    Agent's words, shortened; `check_name` where it speaks of one. Suites that ask the intake are never run here.

    Source: `diagnose --json` (about 7.57 on), its text before; asked of a running Agent only, since without one the command loads every check itself.
    """

    agent: str
    suite: str
    name: str
    verdict: str
    check_name: str | None
    category: str | None
    reported: str
    remediation: str | None


class Diagnosis(NamedTuple):
    """A diagnosis before it is redacted."""

    suite: str
    name: str
    verdict: str
    check_name: str
    category: str
    text: str
    remediation: str


@table("agent_diagnoses", AgentDiagnosis, limit_seconds=25.0, of="agent_status")
def collect(
    host: Host, vault: Vault, agents: list[Agent], agent_status: list[AgentStatus]
) -> Iterator[AgentDiagnosis | Gap]:
    """The diagnoses of each Agent that answers, in its order. One that does not answer has none and a gap of kind target: agent_status says why."""
    answering = {s.agent: s for s in agent_status if s.is_answering}
    for agent in agents:
        status = answering.get(agent.agent)
        if status is None:
            continue
        try:
            found = _ask(host, vault, agent)
        except Unavailable as error:
            yield Gap(agent.agent, error.kind, error.reason, error.remedy)
            continue
        for one in found:
            yield AgentDiagnosis(
                agent.agent,
                one.suite,
                vault.redact(one.name),
                one.verdict,
                one.check_name or None,
                vault.redact(one.category) or None,
                shortened(vault.redact(one.text), 2 * LONGEST_SENTENCE),
                shortened(vault.redact(one.remediation), LONGEST_SENTENCE) or None,
            )


def _ask(host: Host, vault: Vault, agent: Agent) -> list[Diagnosis]:
    """Unavailable where the command does not answer. Releases before about 7.57 know no --json, those before about 7.46 no suites."""
    ran = ask(host, agent, DIAGNOSE)
    if ran.returncode != 0 and refusal(ran)[0] == "unknown-command":
        ran = ask(host, agent, DIAGNOSE_TEXT)
        if ran.returncode != 0 and refusal(ran)[0] == "unknown-command":
            return []
    if ran.returncode != 0:
        raise Unavailable(Kind.TOOL, f"`datadog-agent diagnose`: {vault.redact(refusal(ran)[1])}")
    found = diagnoses(ran.stdout)
    if found is None:
        raise Unavailable(Kind.TOOL, "`datadog-agent diagnose` answers with something that cannot be read")
    return found


def diagnoses(text: str) -> list[Diagnosis] | None:
    """The diagnoses of either form of output; None for what is neither. A JSON that was cut gives its whole parts."""
    found = document(text)
    if found is not None and "runs" in found.values:
        return list(_from_json(found.values["runs"]))
    return list(_from_text(text)) if "=== Starting diagnose" in text else None


def _from_json(suites: object) -> Iterator[Diagnosis]:
    for suite in sequence(suites):
        for entry in sequence(mapping(suite).get("diagnoses")):
            one = mapping(entry)
            verdict = _RESULTS.get(whole(one.get("result", 0)) or 0)
            if verdict and words(one.get("name")):
                yield Diagnosis(
                    words(mapping(suite).get("suite_name")),
                    words(one.get("name")),
                    verdict,
                    words(one.get("check_name")),
                    words(one.get("category")),
                    words(one.get("diagnosis")) or words(one.get("rawerror")),
                    words(one.get("remediation")),
                )


def _from_text(text: str) -> Iterator[Diagnosis]:
    """`Suite: NAME`, then per diagnosis a number with dashes, `FAIL [category] name` and its fields, which may go over several lines."""
    suite, entry, field = "", dict[str, str](), ""
    for line in [*text.splitlines(), "1. --------------"]:
        stripped = line.strip()
        head = _SUITE.match(stripped.lstrip("."))
        if head or _ENTRY.match(stripped) or stripped.startswith("-------------------------"):
            if entry.get("verdict"):
                yield Diagnosis(
                    suite,
                    entry["name"],
                    entry["verdict"],
                    "",
                    entry.get("category", ""),
                    entry.get("Diagnosis", "").strip() or entry.get("Error", "").strip(),
                    entry.get("Remediation", "").strip(),
                )
            entry, field = {}, ""
            suite = head[1] if head else suite
        elif not entry and (verdict := _VERDICT.match(stripped)):
            entry = {"verdict": _TEXT_RESULTS[verdict[1]], "category": verdict[2] or "", "name": verdict[3]}
        elif entry and (named := _FIELD.match(stripped)):
            field = named[1]
            entry[field] = named[2]
        elif entry and field:
            entry[field] += f"\n{stripped}"
