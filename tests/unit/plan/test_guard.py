from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from auditor.errors import RefusedError
from auditor.plan.approvals import Signer, Verdict
from auditor.plan.guard import Known, reasons_to_refuse, refuse
from tests.fakes.plans import NOON, SEALER, plan_for

GOOD = Verdict(Signer(("ops1",), "SHA256:a"), (Signer(("lead1",), "SHA256:b"),), 1, ())
KNOWN = Known(plan_for("web1/httpd"), "ab" * 32, "forward", NOON, SEALER.key_id, GOOD, {}, frozenset({"web1/httpd"}))


def test_a_good_plan_may_be_applied() -> None:
    assert reasons_to_refuse(KNOWN) == ()
    refuse(KNOWN)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"now": NOON + timedelta(days=30)}, "expired"),
        ({"now": NOON - timedelta(days=30)}, "still to come"),
        ({"key_id": "00000000"}, "fleet key"),
        ({"verdict": None}, "not verified"),
        ({"verdict": replace(GOOD, reasons=("it has 0 of 1 approvals",))}, "0 of 1"),
        ({"targets": frozenset()}, "web1/httpd is not in the inventory"),
        ({"outcomes": {"web1/httpd": ("applied",)}}, "used once"),
        ({"outcomes": {"web1/httpd": ("applied", "rolled back")}}, "rolled back"),
        ({"outcomes": {"web1/httpd": ("incomplete",)}}, "needs a person"),
    ],
)
def test_each_reason_refuses_alone(change: dict[str, object], why: str) -> None:
    with pytest.raises(RefusedError, match=why) as caught:
        refuse(replace(KNOWN, **change))
    assert caught.value.exit_code == 4
    assert "Nothing was changed" in str(caught.value)


def test_every_reason_is_named_at_once() -> None:
    known = replace(KNOWN, now=NOON + timedelta(days=30), key_id="00000000", verdict=None)
    assert len(reasons_to_refuse(known)) == 3


def test_what_was_taken_back_may_be_tried_again() -> None:
    assert reasons_to_refuse(replace(KNOWN, outcomes={"web1/httpd": ("taken back",)})) == ()


def test_going_back_needs_a_plan_that_stands_and_neither_approval_nor_time() -> None:
    back = replace(KNOWN, direction="back", verdict=None, now=NOON + timedelta(days=999))
    assert reasons_to_refuse(replace(back, outcomes={"web1/httpd": ("applied",)})) == ()
    assert reasons_to_refuse(back) == ("it was never applied",)
    again = replace(back, outcomes={"web1/httpd": ("applied", "rolled back")})
    assert reasons_to_refuse(again) == ("it was rolled back already",)
    failed = replace(back, outcomes={"web1/httpd": ("taken back",)})
    assert reasons_to_refuse(failed) == ("it was taken back when it failed, and does not stand",)


def test_a_plan_that_names_no_key_is_not_applied_but_taken_back() -> None:
    plan = KNOWN.plan
    unbound = msgspec.structs.replace(plan, origin=msgspec.structs.replace(plan.origin, key_id=""))
    said = "it does not say with which fleet's key it was made"
    assert reasons_to_refuse(replace(KNOWN, plan=unbound)) == (said,)
    applied = replace(KNOWN, plan=unbound, direction="back", outcomes={"web1/httpd": ("applied",)})
    assert reasons_to_refuse(applied) == (), "what stands can be taken back"
