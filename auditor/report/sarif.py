"""SARIF 2.1.0, as code hosts and editors read it.

Rules keep their ids; files are relative URIs below a base that names the target; a Redfish resource, which is no
file, is a logical location. What could not be seen or evaluated is a notification, and the run then says that its
execution was not successful.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

from auditor.model.drift import AttributeChange, DriftReport, TextChange
from auditor.model.finding import CheckReport, Evidence, Finding, RuleResult
from auditor.model.policy import Severity
from auditor.model.resource import Address
from auditor.model.snapshot import Gap, Waiting
from auditor.model.source import FileSource, InventorySource, RedfishSource, Source
from auditor.report import outline
from auditor.report.escape import visible
from auditor.report.interface import Style
from auditor.report.json import Json, write
from auditor.report.messages import Words
from auditor.report.waiting import waiting_text

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS: Final[dict[Severity, str]] = {
    "info": "note",
    "low": "note",
    "medium": "warning",
    "high": "error",
    "critical": "error",
}

_DRIFT_RULES: Final = (
    ("DRIFT-ADDED", "Something is there that was not agreed"),
    ("DRIFT-CHANGED", "A value is not the agreed one"),
    ("DRIFT-REMOVED", "Something agreed is gone"),
    ("DRIFT-TEXT", "Lines of a document are not the agreed ones"),
)


def render_check(report: CheckReport, style: Style) -> str:
    """Findings as results, waived ones suppressed; gaps and what was not evaluated or licensed as notifications."""
    rules = _rules(report)
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    results: list[Json] = []
    notifications: list[Json] = []
    for target in report.targets:
        for outcome in target.results:
            results += [_finding(finding, index) for finding in outcome.findings]
            results += [_waived(finding, outcome, index) for finding in outcome.waived]
        notifications += [_gap(target.target, gap) for gap in target.gaps]
        notifications += [_waiting(one) for one in target.waiting]
    notifications += [_not_evaluated(result, reason, index) for result, reason in outline.not_evaluated(report)]
    notifications += [_not_applicable(result, index) for result in outline.unlicensed(report)]
    notifications += [_notification("note", visible(note), level="note") for note in report.notes]
    if not outline.examined(report):
        notifications.append(_notification("nothing-examined", "Nothing was examined: this is no pass."))
    names = [target.target for target in report.targets]
    return write(_log(rules, results, notifications, report.complete, names, style))


def render_drift(report: DriftReport, style: Style) -> str:
    """Changes as results, effects of others included; targets not seen and gaps as notifications."""
    rules = [{"id": rule, "shortDescription": {"text": text}} for rule, text in _DRIFT_RULES]
    results: list[Json] = []
    notifications: list[Json] = []
    for target in report.targets:
        results += [_change(change) for change in target.changes]
        results += [_text_change(target.target, change) for change in target.text_changes]
        notifications += [_gap(target.target, gap) for gap in target.gaps]
        notifications += [_waiting(one) for one in target.waiting]
        if not target.seen and not target.gaps:
            notifications.append(_notification("not-seen", f"{visible(target.target)}: not seen"))
    notifications += [_notification("note", visible(note), level="note") for note in report.notes]
    names = [target.target for target in report.targets]
    return write(_log(rules, results, notifications, report.complete, names, style))


def _log(
    rules: list[Json],
    results: list[Json],
    notifications: list[Json],
    complete: bool,
    targets: Iterable[str],
    style: Style,
) -> Json:
    driver: Json = {"name": "auditor", "rules": rules}
    if style.version:
        driver["semanticVersion"] = style.version
    run: Json = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": complete, "toolExecutionNotifications": notifications}],
        "originalUriBaseIds": {
            base: {"description": {"text": text}} for name in targets for base, text in _bases(name)
        },
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _bases(target: str) -> tuple[tuple[str, str], ...]:
    shown = visible(target)
    return (
        (shown, f"The root of the tree of {shown}"),
        (f"{shown} /", f"The root directory of the machine of {shown}"),
    )


def _rules(report: CheckReport) -> list[Json]:
    """Every rule that was applied, by id."""
    found: dict[str, Json] = {}
    for target in report.targets:
        for result in target.results:
            first = next(iter((*result.findings, *result.waived)), None)
            rule = found.setdefault(result.rule, _rule(result))
            if first is not None and first.rationale:
                rule.setdefault("fullDescription", {"text": visible(first.rationale)})
            if first is not None and first.references:
                text = "\n".join(visible(reference) for reference in first.references)
                rule.setdefault("help", {"text": text})
    return [found[rule] for rule in sorted(found)]


def _rule(result: RuleResult) -> Json:
    return {
        "id": result.rule,
        "shortDescription": {"text": visible(result.title)},
        "defaultConfiguration": {"level": _LEVELS[result.severity]},
        "properties": {"severity": result.severity},
    }


def _finding(finding: Finding, index: dict[str, int]) -> Json:
    result: Json = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "kind": "fail",
        "level": _LEVELS[finding.severity],
        "message": {"text": visible(finding.message)},
        "locations": [_location(finding.address, finding.source)],
        "partialFingerprints": {"auditorFinding/v1": finding.fingerprint},
        "properties": {"severity": finding.severity, "target": finding.address.target, "known": finding.known},
    }
    related = [_related(finding.address, evidence) for evidence in finding.evidence]
    if related:
        result["relatedLocations"] = related
    return result


def _waived(finding: Finding, outcome: RuleResult, index: dict[str, int]) -> Json:
    reason = {"kind": "external", "status": "accepted", "justification": visible(outcome.reason) or "waived"}
    return _finding(finding, index) | {"suppressions": [reason]}


def _related(address: Address, evidence: Evidence) -> Json:
    location = _location(address, evidence.source)
    return location | {"message": {"text": visible(evidence.text)}} if evidence.text else location


def _waiting(one: Waiting) -> Json:
    text = f"{visible(str(one.address))}: {waiting_text(one, Words('en'))}"
    return _notification("not-yet-effective", f"Set, but not yet effective: {text}", level="note")


def _location(address: Address, source: Source | None) -> Json:
    logical: list[Json] = [{"fullyQualifiedName": str(address), "kind": "resource"}]
    match source:
        case FileSource(file, line, last_line):
            region = {"startLine": max(1, line), "endLine": max(1, line, last_line)}
            physical = {"artifactLocation": _artifact(address.target, file), "region": region}
            return {"physicalLocation": physical, "logicalLocations": logical}
        case RedfishSource(uri, pointer):
            name = f"{address.target}{uri}#{pointer}" if pointer else f"{address.target}{uri}"
            logical.append({"fullyQualifiedName": name, "name": uri, "kind": "member" if pointer else "resource"})
        case InventorySource():
            logical.append({"fullyQualifiedName": visible(str(source)), "kind": "declaration"})
    return {"logicalLocations": logical}


def _artifact(target: str, file: str) -> Json:
    """A relative URI below the target's tree, or below its machine's root for a file outside the tree."""
    base = f"{visible(target)} /" if file.startswith("/") else visible(target)
    encoded = quote(file.lstrip("/").encode("utf-8", "surrogatepass"))
    return {"uri": encoded, "uriBaseId": base}


def _change(change: AttributeChange) -> Json:
    before, after = outline.both_values(change, "absent", "absent")
    said = f"{before} → {after}" if change.address.attribute or change.kind == "changed" else change.kind
    text = f"{visible(str(change.address))}: {said}"
    if change.attribution.hand != "unknown" or change.attribution.text:
        text += f" ({visible(', '.join(filter(None, (change.attribution.hand, change.attribution.text))))})"
    if change.age:
        text += f", {change.age} than agreed in {visible(change.agreed_by)}"
    source = change.after_source or change.before_source
    return {
        "ruleId": f"DRIFT-{change.kind.upper()}",
        "ruleIndex": {"added": 0, "changed": 1, "removed": 2}[change.kind],
        "kind": "fail",
        "level": "warning",
        "message": {"text": text},
        "locations": [_location(change.address, source)],
        "partialFingerprints": {"auditorChange/v1": _fingerprint(str(change.address), change.kind, after)},
        "properties": {
            "target": change.address.target,
            "effect": change.effect_of is not None,
            "hand": change.attribution.hand,
        },
    }


def _text_change(target: str, change: TextChange) -> Json:
    lines = "\n".join(
        (*(f"- {visible(line)}" for line in change.before), *(f"+ {visible(line)}" for line in change.after))
    )
    location: Json = {"physicalLocation": {"artifactLocation": _artifact(target, change.document)}}
    if change.after_line:
        last = change.after_line + max(1, len(change.after)) - 1
        location["physicalLocation"]["region"] = {"startLine": change.after_line, "endLine": last}
    else:
        location = {"logicalLocations": [{"fullyQualifiedName": f"{target}{change.document}", "kind": "resource"}]}
    return {
        "ruleId": "DRIFT-TEXT",
        "ruleIndex": 3,
        "kind": "fail",
        "level": "note",
        "message": {"text": f"{visible(change.document)}\n{lines}"},
        "locations": [location],
        "partialFingerprints": {"auditorChange/v1": _fingerprint(target, change.document, *change.after)},
        "properties": {"target": target},
    }


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _gap(target: str, gap: Gap) -> Json:
    expected = outline.expected_text(gap, Words("en"))
    parts = [f"{target}: {gap.what}: {gap.cause}", gap.detail, expected or gap.next_step]
    text = ". ".join(visible(part).rstrip(".") for part in parts if part)
    return _notification("gap", text, level="warning" if gap.counts else "note")


def _not_evaluated(result: RuleResult, reason: str, index: dict[str, int]) -> Json:
    text = f"{result.target}: {result.rule} could not be evaluated: {reason or 'no reason given'}"
    rule = {"id": result.rule, "index": index[result.rule]}
    return _notification("not-evaluated", visible(text)) | {"associatedRule": rule}


def _not_applicable(result: RuleResult, index: dict[str, int]) -> Json:
    text = f"{result.target}: {result.rule} does not apply: {result.reason}"
    rule = {"id": result.rule, "index": index[result.rule]}
    return _notification("not-applicable", visible(text), level="note") | {"associatedRule": rule}


def _notification(kind: str, text: str, level: str = "warning") -> Json:
    found: dict[str, Any] = {"descriptor": {"id": kind}, "level": level, "message": {"text": text}}
    return found
