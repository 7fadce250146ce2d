"""What verifies a change: a finding that nobody can tell of any more is not gone, and a silent probe shows nothing."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from auditor.model.plan import FindingRef, Plan, Probe
from auditor.model.resource import Address
from auditor.model.target import LocalTree, Target
from auditor.plan.verification import Judgement, unforeseen
from auditor.services.changes import verifying
from auditor.services.changes.verifying import Verifying
from auditor.surfaces.interface import Caveat
from tests.fakes.plans import plan_for

PLACE = Address("web1/httpd", "httpd.route", "main /api")
FIXED = FindingRef("HTTPD-TIMEOUT-001", PLACE)


@pytest.fixture
def plan() -> Plan:
    return msgspec.structs.replace(plan_for("web1/httpd"), fixes=(FIXED,))


def test_what_was_to_go_is_gone_only_where_a_rule_can_tell(plan: Plan) -> None:
    before = Judgement({"f": FIXED})
    assert unforeseen(plan, "web1/httpd", before, Judgement({})) == []
    (still,) = unforeseen(plan, "web1/httpd", before, before)
    assert "is still found" in still
    for open_ in (Judgement({}, places=frozenset({FIXED})), Judgement({}, rules=frozenset({FIXED.rule}))):
        (untold,) = unforeseen(plan, "web1/httpd", before, open_)
        assert "cannot be evaluated" in untold
        assert "which the plan was to fix" in untold
    other = Judgement({}, places=frozenset({FindingRef(FIXED.rule, Address("web1/httpd", "httpd.route", "main /b"))}))
    assert unforeseen(plan, "web1/httpd", before, other) == []


def test_a_probe_that_nobody_answers_before_and_after_is_no_proof(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(url: str, host: str = "") -> tuple[int, str]:
        return 0, "Connection refused"

    monkeypatch.setattr(verifying, "status_of", silent)
    probes = (Probe("http://127.0.0.1:1/"), Probe("http://127.0.0.1:1/health", status=200))
    asking = msgspec.structs.replace(plan, probes=probes)
    target = Target("web1", "httpd", LocalTree("/etc/httpd"))
    one = Verifying(None, asking, target, "forward", frozenset())  # type: ignore[arg-type]
    said = asyncio.run(one.begin(None))
    assert [isinstance(text, Caveat) for text in said] == [True, False]
    assert "shows nothing of this change" in said[0]
    assert [text for text in one.told() if "probe" in text] == ["probe http://127.0.0.1:1/health answers as it must"]
    (wrong,) = asyncio.run(one._objections(expected=True))
    assert "/health: no answer" in wrong
