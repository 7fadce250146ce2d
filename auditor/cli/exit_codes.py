"""The exit code of every result, in one place; it never depends on the format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal

from auditor.errors import (
    EXIT_FINDINGS,
    EXIT_INCOMPLETE,
    EXIT_INPUT,
    EXIT_INTERNAL,
    EXIT_OK,
    EXIT_PERSON_NEEDED,
    EXIT_REFUSED,
    EXIT_TAKEN_BACK,
)
from auditor.model.drift import DriftReport
from auditor.model.finding import CheckReport
from auditor.model.policy import SEVERITIES, Severity

if TYPE_CHECKING:
    from auditor.services.what_if import WhatIf

Threshold = Severity | Literal["never"]

_SERIOUS: Final = (
    EXIT_INTERNAL,
    EXIT_PERSON_NEEDED,
    EXIT_TAKEN_BACK,
    EXIT_REFUSED,
    EXIT_INCOMPLETE,
    EXIT_INPUT,
    EXIT_FINDINGS,
    EXIT_OK,
)


def most_serious(codes: Iterable[int]) -> int:
    """The code that wins among several: 70, 6, 5, 4, 3, 2, 1, 0; none gives 0."""
    return min(codes, key=_SERIOUS.index, default=EXIT_OK)


def exit_code_of(report: CheckReport, fail_on: Threshold) -> int:
    """3 where something could not be examined, else 1 for a finding at or above the threshold, else 0.

    Waived findings and those known before do not count; ``never`` lets no finding count.
    """
    codes = [EXIT_OK if report.complete else EXIT_INCOMPLETE]
    if fail_on != "never":
        least = SEVERITIES.index(fail_on)
        new = (finding for finding in report.findings if not finding.known)
        if any(SEVERITIES.index(finding.severity) >= least for finding in new):
            codes.append(EXIT_FINDINGS)
    return most_serious(codes)


def exit_code_of_drift(report: DriftReport, fail_on: Threshold) -> int:
    """3 where something could not be compared, else 1 for any change, else 0.

    A change has no severity, so it counts at every threshold but ``never``.
    """
    codes = [EXIT_OK if report.complete else EXIT_INCOMPLETE]
    if fail_on != "never" and any(target.changes or target.text_changes for target in report.targets):
        codes.append(EXIT_FINDINGS)
    return most_serious(codes)


def exit_code_of_what_if(answers: Iterable[WhatIf]) -> int:
    """4 where something that is asked for would be refused, else 3 where an answer may be another, else 0."""
    codes = [EXIT_OK]
    for answer in answers:
        if answer.proposal.refusals:
            codes.append(EXIT_REFUSED)
        if not answer.complete:
            codes.append(EXIT_INCOMPLETE)
    return most_serious(codes)
