"""What a check found: outcomes, findings and their count."""

from __future__ import annotations

from typing import Literal

import msgspec

from auditor.model.policy import Severity, Wording
from auditor.model.resource import Address
from auditor.model.snapshot import Gap, Waiting
from auditor.model.source import Source
from auditor.model.value import Value

Outcome = Literal["pass", "fail", "waived", "not applicable", "not evaluated"]


class Evidence(msgspec.Struct, frozen=True):
    """A place that supports a finding, with what stands there."""

    source: Source
    text: str = ""


class Finding(msgspec.Struct, frozen=True):
    """A rule that one resource does not meet, with its evidence.

    ``message`` is the rule's, filled in. ``source`` is the place to look first; ``evidence`` the others.
    ``fingerprint`` names the finding across runs (rule and address; no line numbers), 16 hexadecimal digits.
    ``remedies`` are the addresses and wanted values a plan would ask for; ``remedy_safe`` says that it changes
    nothing else. ``known`` marks a finding that was recorded before: it is shown, and does not count as new.
    ``ja`` is the rule's text in Japanese, its message filled in; None where the rule has none.
    """

    rule: str
    title: str
    severity: Severity
    address: Address
    message: str
    fingerprint: str
    source: Source | None = None
    evidence: tuple[Evidence, ...] = ()
    rationale: str = ""
    references: tuple[str, ...] = ()
    known: bool = False
    remedies: tuple[tuple[Address, Value], ...] = ()
    remedy_safe: bool = False
    ja: Wording | None = None


class RuleResult(msgspec.Struct, frozen=True):
    """One rule on one target: its outcome and, where it could not be evaluated or was waived, why.

    The outcome is the worst of its resources': fail, not evaluated, waived, pass, not applicable.
    ``examined`` counts the resources looked at. ``ja`` holds the title in Japanese, where the rule has one.
    ``expected``: it could not be evaluated for gaps alone that the inventory declares.
    """

    rule: str
    title: str
    severity: Severity
    target: str
    outcome: Outcome
    examined: int = 0
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    waived: tuple[Finding, ...] = ()
    not_evaluated: tuple[tuple[Address, str], ...] = ()
    ja: Wording | None = None
    expected: bool = False


class TargetCheck(msgspec.Struct, frozen=True):
    """All rules on one target, with what could not be seen of it, and what is set there and not yet effective."""

    target: str
    surface: str
    results: tuple[RuleResult, ...]
    gaps: tuple[Gap, ...] = ()
    waiting: tuple[Waiting, ...] = ()


class CheckReport(msgspec.Struct, frozen=True):
    """A check of several targets. ``rules`` counts the rules that apply to the surfaces seen.

    ``complete`` is False when a target or a rule could not be examined, or nothing was examined at all.
    ``notes`` are sentences on what was asked with: expired waivers, waivers of rules that do not exist.
    """

    targets: tuple[TargetCheck, ...]
    rules: int
    complete: bool
    taken_at: str = ""
    notes: tuple[str, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every finding, in order of target, rule and address."""
        return tuple(finding for target in self.targets for result in target.results for finding in result.findings)
