"""What makes a rule's findings go on one target, as wishes: its own remedy, or what the fleet's baselines agree on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor.model.finding import Finding
from auditor.model.plan import FindingRef, Wish
from auditor.model.policy import Rule
from auditor.model.resource import KindSpec
from auditor.services.changes.by_baseline import agreed_on, wishes_of_baselines
from auditor.services.changes.wishes import wishes_of_findings
from auditor.services.observe import Observed

if TYPE_CHECKING:
    from auditor.model.policy import Baseline


def wishes_by_rule(
    rule: Rule, findings: Sequence[Finding], seen: Observed, baselines: Sequence[Baseline], kinds: Sequence[KindSpec]
) -> tuple[tuple[Wish, ...], tuple[str, ...]]:
    """Wishes that make a rule's findings on a target go, and why there are none, a sentence each."""
    if rule.remedy:
        return wishes_of_findings(rule, findings), ()
    agreed = ", ".join(rule.remedy_agreed)
    if not agreed_on(baselines, seen, rule.remedy_agreed):
        return (), (
            f"{rule.id}: what to set is the fleet's to say, and no baseline of it that counts for {seen.target.name} "
            f"agrees on {agreed}. State it in a file of baselines/ (docs/policy.md), and plan again",
        )
    wishes, refusals = wishes_of_baselines(baselines, seen, kinds, rule.remedy_agreed)
    if not wishes and not refusals:
        return (), (f"{rule.id}: it is as the fleet's baselines agree on {agreed}; agree on something else first",)
    return wishes, refusals


def notes_on_what_stays(found: Sequence[FindingRef], fixes: Sequence[FindingRef]) -> tuple[str, ...]:
    """A sentence for each finding that the plan was asked to make go, and that it is not expected to."""
    return tuple(f"{one.rule} is expected to stay: {one.address}" for one in found if one not in fixes)
