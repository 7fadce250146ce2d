"""Every shipped rule leads to a plan that does away with its findings, or says in both languages why it does not."""

from __future__ import annotations

from datetime import date
from functools import cache

import pytest

from auditor.model.policy import Rule
from auditor.plan.foreseen import foreseen
from auditor.policy.evaluate import evaluate
from auditor.policy.rulebook import write_rulebook
from auditor.policy.rules import LoadedPolicy, load_policy
from auditor.services.changes.wishes import wishes_of_findings
from auditor.services.check import host_facts_of, kinds_of, shipped_policy_files
from auditor.surfaces.interface import InterpretOptions
from auditor.surfaces.registry import surface
from tests.rule_cases import CORPUS, observe_case

TODAY = date(2026, 11, 22)


@cache
def policy() -> LoadedPolicy:
    return load_policy(shipped_policy_files(), kinds_of())


def rules() -> list[Rule]:
    return list(policy().rules)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_a_rule_has_a_remedy_or_says_what_to_do_by_hand(rule: Rule) -> None:
    assert sum((bool(rule.remedy), bool(rule.remedy_agreed), bool(rule.by_hand))) == 1
    written = write_rulebook(policy())
    if rule.by_hand:
        assert rule.ja is not None
        assert any("\u3040" <= character <= "\u9fff" for character in rule.ja.by_hand)
        assert f"- **Remedy**: by hand: {rule.by_hand}" in written
        assert f"- **対処**: {rule.ja.by_hand}" in written
    else:
        assert rule.ja is None or not rule.ja.by_hand


@pytest.mark.parametrize("rule", [one for one in rules() if one.remedy], ids=lambda rule: rule.id)
def test_a_remedy_does_away_with_every_finding_of_the_failing_case(rule: Rule) -> None:
    seen = observe_case(CORPUS / rule.id / "fail")
    facts = host_facts_of(seen)

    def findings(interpretation: object) -> list[object]:
        checked = evaluate(policy(), interpretation, facts, today=TODAY)  # type: ignore[arg-type]
        (result,) = [one for one in checked.results if one.rule == rule.id]
        return list(result.findings)

    found = findings(seen.interpretation)
    assert found
    face = surface(seen.target.surface)
    wishes = wishes_of_findings(rule, found)  # type: ignore[arg-type]
    made = face.propose(wishes, seen.collected, InterpretOptions(httpd_version="2.4.57"))
    assert made.steps, made.refusals
    assert made.refusals == ()
    assert findings(foreseen(seen.interpretation, made.effects)) == []


def test_what_a_rule_may_not_say_of_its_remedy_is_an_error_with_its_place() -> None:
    from auditor.errors import InputError

    head = (
        "format: auditor.policy/v1\nrules:\n- id: TEST-1\n  title: t\n  severity: low\n  kind: ilo.snmp\n"
        '  assert: self.alerts_enabled\n  message: "m"\n'
    )
    for more, says in (
        ("  remedy: {alerts_enabled: true}\n  by_hand: no\n", "it has a remedy"),
        ("  remedy_agreed: [ilo.smtp]\n", 'unknown kind "ilo.smtp"'),
        ("  remedy: {ilo.smtp.enabled: true}\n", 'unknown kind "ilo.smtp"'),
        ("  remedy: {ilo.snmp_destination.community: x}\n", "cannot be set by a plan"),
    ):
        with pytest.raises(InputError, match=says) as caught:
            load_policy([("f.yaml", (head + more).encode())], kinds_of())
        assert "f.yaml:" in str(caught.value)
