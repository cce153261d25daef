"""The report for machines: a public interface. Keys are added, never renamed; docs/schema/report.schema.json describes them."""

from __future__ import annotations

import json
from typing import Any

from dddoctor.model import Excerpt, Finding, Report

SCHEMA_VERSION = 1


def render(report: Report) -> str:
    """JSON, indented by two, keys in the order of the schema, ending in a line break. Lone surrogates of undecodable file names stay escaped."""
    return json.dumps(document(report), indent=2, ensure_ascii=True) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The report as plain dictionaries and lists. Only `started_at` and `duration_seconds` differ between two runs on an unchanged host."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"version": report.tool_version, "rules": report.rule_count},
        "target": {
            "kind": report.target.kind,
            "name": report.target.name,
            "os": report.target.os,
            "agent_version": report.target.agent_version,
        },
        "started_at": report.started_at,
        "duration_seconds": report.duration_seconds,
        "healthy": report.healthy,
        "partial": report.partial,
        "summary": report.counts(),
        "causes": list(report.causes),
        "findings": [_finding(f) for f in report.findings],
        "cleared": list(report.cleared),
        "unread": [
            {"what": u.what, "kind": u.kind.value, "reason": u.reason, "remedy": u.remedy, "rules": list(u.rules)}
            for u in report.unread
        ],
        "skipped": [{"rule": s.rule, "reason": s.reason, "remedy": s.remedy} for s in report.skipped],
        "broken": [{"rule": b.rule, "error": b.error} for b in report.broken],
        "applied": [
            {
                "finding": a.finding,
                "rule": a.rule,
                "title": a.title,
                "status": a.status,
                "files": list(a.files),
                "reason": a.reason,
                "undo": a.undo,
            }
            for a in report.applied
        ],
        "head": [{"label": h.label, "text": h.text} for h in report.head],
        "run_id": report.run_id,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    fix = finding.fix
    return {
        "id": finding.id,
        "rule": finding.rule,
        "title": finding.title,
        "area": finding.area,
        "severity": finding.severity.value,
        "message": finding.message,
        "agent": finding.agent,
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "excerpt": _excerpt(finding.excerpt),
        "also": [{"file": file, "line": line} for file, line in finding.also],
        "why": finding.why,
        "advice": finding.advice,
        "avoid": finding.avoid,
        "fix": None
        if fix is None
        else {
            "title": fix.title,
            "safety": fix.safety.value,
            "steps": list(fix.steps),
            "diff": fix.diff,
            "unavailable_because": fix.unavailable_because,
        },
        "explained_by": list(finding.explained_by),
        "possibly_explained_by": list(finding.possibly_explained_by),
        "possibly_because": list(finding.possibly_because),
        "links": list(finding.links),
    }


def _excerpt(excerpt: Excerpt | None) -> dict[str, Any] | None:
    if excerpt is None:
        return None
    return {
        "lines": [{"number": number, "text": text} for number, text in excerpt.lines],
        "marked": excerpt.marked,
        "column": excerpt.column,
        "end_column": excerpt.end_column,
    }
