"""JSON: every field of the result, typed, in a stable order; documented in docs/formats.md."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import msgspec

from auditor.model.drift import AttributeChange, DriftReport, TargetDrift
from auditor.model.finding import CheckReport, Evidence, Finding, RuleResult, TargetCheck
from auditor.model.policy import SEVERITIES, Wording
from auditor.model.resource import Address
from auditor.model.snapshot import ExpectedGap, Gap, Waiting
from auditor.model.source import Source
from auditor.model.value import Value
from auditor.report import outline
from auditor.report.escape import safe_json
from auditor.report.interface import Style

CHECK: Final = "auditor.check/v1"
DRIFT: Final = "auditor.drift/v1"

Json = dict[str, Any]


def write(document: Json) -> str:
    """A document as JSON text for people and programs: indented, UTF-8, unprintable characters escaped."""
    try:
        text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    except ValueError:  # a hostile body said 1e999, which JSON cannot hold as a number
        text = json.dumps(_finite(document), ensure_ascii=False, indent=2, allow_nan=False)
    return safe_json(text) + "\n"


def write_line(document: Json) -> str:
    """A part of a document as JSON text on one line, without its line end."""
    return safe_json(json.dumps(document, ensure_ascii=False))


def render_check(report: CheckReport, style: Style) -> str:
    """The check as ``auditor.check/v1``."""
    counts = outline.outcome_counts(report)
    severities = dict.fromkeys(reversed(SEVERITIES), 0)
    for finding in report.findings:
        severities[finding.severity] += 1
    return write(
        {
            "format": CHECK,
            "auditor_version": style.version,
            "taken_at": report.taken_at,
            "complete": report.complete,
            "summary": {
                "targets": len(report.targets),
                "rules": report.rules,
                "outcomes": counts,
                "findings": severities,
                "known_findings": sum(finding.known for finding in report.findings),
                "gaps": sum(len(target.gaps) for target in report.targets),
                "waiting": sum(len(target.waiting) for target in report.targets),
            },
            "notes": list(report.notes),
            "targets": [_target_check(target) for target in report.targets],
        }
    )


def render_drift(report: DriftReport, style: Style) -> str:
    """The drift as ``auditor.drift/v1``."""
    seen, everything = outline.coverage(report)
    return write(
        {
            "format": DRIFT,
            "auditor_version": style.version,
            "taken_at": report.taken_at,
            "complete": report.complete,
            "summary": {
                "targets": everything,
                "seen": seen,
                "changes": sum(len(target.changes) for target in report.targets),
                "text_changes": sum(len(target.text_changes) for target in report.targets),
                "gaps": sum(len(target.gaps) for target in report.targets),
                "waiting": sum(len(target.waiting) for target in report.targets),
            },
            "notes": list(report.notes),
            "targets": [_target_drift(target) for target in report.targets],
        }
    )


def address_json(address: Address | None) -> Json | None:
    """An address in its parts and as text; None stays None."""
    if address is None:
        return None
    return {
        "text": str(address),
        "target": address.target,
        "kind": address.kind,
        "name": address.name,
        "attribute": address.attribute,
    }


def source_json(source: Source | None) -> Json | None:
    """A source with its ``type``: ``file``, ``redfish``, ``fact`` or ``inventory``; None stays None."""
    return None if source is None else dict(msgspec.to_builtins(source))


def value_json(value: Value | None) -> Json | None:
    """A value with its ``type``; None (not there) stays None."""
    return None if value is None else dict(msgspec.to_builtins(value))


def gap_json(gap: Gap) -> Json:
    """A gap; ``kinds`` empty means: all kinds of the surface.

    Neither ``complete`` nor ``expected`` (by whom, until when, why; else None) makes anything incomplete.
    """
    return {
        "what": gap.what,
        "cause": gap.cause,
        "detail": gap.detail,
        "next_step": gap.next_step,
        "kinds": list(gap.kinds),
        "complete": gap.complete,
        "expected": {"owner": gap.owner, "until": gap.until, "reason": gap.reason}
        if isinstance(gap, ExpectedGap)
        else None,
    }


def waiting_json(one: Waiting) -> Json:
    """What is set and not yet effective; ``then`` null: the target does not say what."""
    return {
        "address": address_json(one.address),
        "now": value_json(one.now),
        "then": value_json(one.then),
        "until": one.until,
        "source": source_json(one.source),
    }


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
        case float() if not math.isfinite(value):
            return str(value)
    return value


def _target_check(target: TargetCheck) -> Json:
    return {
        "target": target.target,
        "surface": target.surface,
        "gaps": [gap_json(gap) for gap in target.gaps],
        "waiting": [waiting_json(one) for one in target.waiting],
        "results": [_result(result) for result in target.results],
    }


def _result(result: RuleResult) -> Json:
    return {
        "rule": result.rule,
        "title": result.title,
        "severity": result.severity,
        "outcome": result.outcome,
        "examined": result.examined,
        "reason": result.reason,
        "findings": [_finding(finding) for finding in result.findings],
        "waived": [_finding(finding) for finding in result.waived],
        "not_evaluated": [
            {"address": address_json(address), "reason": reason} for address, reason in result.not_evaluated
        ],
        "title_ja": result.ja.title if result.ja else "",
        "expected": result.expected,
    }


def _finding(finding: Finding) -> Json:
    return {
        "rule": finding.rule,
        "title": finding.title,
        "severity": finding.severity,
        "fingerprint": finding.fingerprint,
        "known": finding.known,
        "address": address_json(finding.address),
        "message": finding.message,
        "source": source_json(finding.source),
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "rationale": finding.rationale,
        "references": list(finding.references),
        "ja": _wording(finding.ja),
    }


def _wording(wording: Wording | None) -> Json | None:
    """A finding's own text; what its rule says of remedies stands in the rulebook."""
    told = ("title", "message", "rationale")
    return None if wording is None else {name: getattr(wording, name) for name in told}


def _evidence(evidence: Evidence) -> Json:
    return {"source": source_json(evidence.source), "text": evidence.text}


def _target_drift(target: TargetDrift) -> Json:
    return {
        "target": target.target,
        "surface": target.surface,
        "seen": target.seen,
        "since": target.since,
        "since_revision": target.since_revision,
        "gaps": [gap_json(gap) for gap in target.gaps],
        "waiting": [waiting_json(one) for one in target.waiting],
        "changes": [change_json(change) for change in target.changes],
        "text_changes": [
            {
                "document": change.document,
                "before_line": change.before_line,
                "before": list(change.before),
                "after_line": change.after_line,
                "after": list(change.after),
            }
            for change in target.text_changes
        ],
    }


def change_json(change: AttributeChange) -> Json:
    """A change: both values with their sources, the cause of an effect, and by whose hand."""
    return {
        "address": address_json(change.address),
        "kind": change.kind,
        "before": value_json(change.before),
        "after": value_json(change.after),
        "before_source": source_json(change.before_source),
        "after_source": source_json(change.after_source),
        "agreed_by": change.agreed_by,
        "age": change.age,
        "effect_of": address_json(change.effect_of),
        "attribution": {
            "hand": change.attribution.hand,
            "text": change.attribution.text,
            "reference": change.attribution.reference,
        },
    }
