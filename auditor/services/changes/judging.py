"""The rules by which a plan's findings are told, before and after it is carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.model.plan import FindingRef
from auditor.plan.verification import Judgement
from auditor.services.changes.desk import Desk
from auditor.services.observe import Observed

if TYPE_CHECKING:
    from auditor.model.policy import Waiver
    from auditor.policy.rules import LoadedPolicy


@dataclass(frozen=True)
class Judged:
    """The rules, and the waivers of them, by which a plan's expected findings are told."""

    policy: LoadedPolicy
    waivers: tuple[Waiver, ...] = ()


def judgement_of(desk: Desk, seen: Observed, judged_by: Judged) -> Judgement:
    """What the rules find on one target, and where they could not tell."""
    from auditor.policy.evaluate import evaluate
    from auditor.services.check import host_facts_of

    today = desk.clock().date()
    checked = evaluate(judged_by.policy, seen.interpretation, host_facts_of(seen), judged_by.waivers, today)
    found = {
        finding.fingerprint: FindingRef(finding.rule, finding.address)
        for result in checked.results
        for finding in result.findings
    }
    places = {FindingRef(result.rule, address) for result in checked.results for address, _ in result.not_evaluated}
    whole = {one.rule for one in checked.results if one.outcome == "not evaluated" and not one.not_evaluated}
    return Judgement(found, frozenset(places), frozenset(whole))
