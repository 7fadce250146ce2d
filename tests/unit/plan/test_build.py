from __future__ import annotations

import msgspec
import pytest

from auditor.errors import EXIT_REFUSED, InputError, RefusedError
from auditor.model.plan import NoUndo, Origin, Proposal, Wave
from auditor.model.resource import Address
from auditor.model.snapshot import Gap
from auditor.plan.build import PlanRequest, build_plan, check_plan, disruption_of, with_unseen
from auditor.report.sentences import said
from tests.fakes.plans import NOON, edit_step, effect, plan_for, proposal

REQUEST = PlanRequest("because", "ops1", Origin("set", ("x",)), NOON, 24)


def test_targets_that_change_alike_share_their_steps() -> None:
    other = Proposal("web3/httpd", (edit_step(after=20),), (effect(after=20),))
    plan = build_plan([proposal("web2/httpd"), other, proposal("web1/httpd")], REQUEST)
    assert [cohort.targets for cohort in plan.cohorts] == [("web1/httpd", "web2/httpd"), ("web3/httpd",)]
    check_plan(plan)


def test_a_targets_name_does_not_part_what_is_alike() -> None:
    def named(target: str) -> Proposal:
        step = edit_step()
        condition = step.preconditions[0]
        address = Address(target, "httpd.server", "main", "timeout")
        own = msgspec.structs.replace(condition, address=address)
        effects = (msgspec.structs.replace(effect(), address=address),)
        return Proposal(target, (msgspec.structs.replace(step, preconditions=(own,)),), effects)

    plan = build_plan([named("web1/httpd"), named("web2/httpd")], REQUEST)
    assert len(plan.cohorts) == 1
    assert b"web1" not in msgspec.json.encode(plan.cohorts[0].steps)


def test_one_target_goes_first_where_there_are_several() -> None:
    plan = build_plan([proposal(f"web{number}/httpd") for number in (3, 1, 2)], REQUEST)
    assert [(wave.name, wave.targets) for wave in plan.waves] == [
        ("canary", ("web1/httpd",)),
        ("all", ("web2/httpd", "web3/httpd")),
    ]
    assert all(wave.stop_after == 0 for wave in plan.waves)


def test_it_expires_by_the_fleets_rule() -> None:
    plan = build_plan([proposal("web1/httpd")], REQUEST)
    assert (plan.created, plan.expires) == ("2026-11-22T12:00:00Z", "2026-11-23T12:00:00Z")


def test_nothing_to_do_is_no_plan() -> None:
    with pytest.raises(RefusedError, match="so already"):
        build_plan([Proposal("web1/httpd", (), ())], REQUEST)
    with pytest.raises(RefusedError, match="web1/httpd: already so: timeout is 60 s") as caught:
        build_plan([Proposal("web1/httpd", (), (), notes=("already so: timeout is 60 s",))], REQUEST)
    assert caught.value.exit_code == EXIT_REFUSED
    with pytest.raises(RefusedError, match="cannot be separated"):
        build_plan([Proposal("web1/httpd", (), (), ("cannot be separated",))], REQUEST)


def test_what_is_left_out_stands_in_the_plan() -> None:
    partly = msgspec.structs.replace(proposal("web1/httpd"), refusals=("the other one cannot be set",))
    assert "not part of this plan: web1/httpd: the other one cannot be set" in build_plan([partly], REQUEST).notes


def test_a_step_without_a_way_back_needs_a_consent_of_its_own() -> None:
    step = msgspec.structs.replace(edit_step("9"), undo=NoUndo("firmware cannot go back"))
    final = Proposal("web1/httpd", (step,), (effect(),))
    with pytest.raises(RefusedError, match="firmware cannot go back"):
        build_plan([final], REQUEST)
    plan = build_plan([final], PlanRequest("because", "ops1", REQUEST.origin, NOON, 24, consents=("9",)))
    check_plan(plan)
    with pytest.raises(RefusedError, match="step 9"):
        check_plan(msgspec.structs.replace(plan, irreversible_consents=()))


@pytest.mark.parametrize("change", [{"reason": "  "}, {"author": ""}, {"expiry_hours": 0}])
def test_a_plan_says_why_who_and_how_long(change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        build_plan([proposal("web1/httpd")], PlanRequest(**{**vars(REQUEST), **change}))


def test_a_crafted_plan_is_refused() -> None:
    plan = plan_for("web1/httpd")
    for crafted in (
        msgspec.structs.replace(plan, waves=(Wave("all", ("web2/httpd",)),)),
        msgspec.structs.replace(plan, cohorts=(*plan.cohorts, *plan.cohorts)),
        msgspec.structs.replace(plan, expires="never"),
        msgspec.structs.replace(plan, waves=(Wave("all", ("web1/httpd",), -1),)),
        msgspec.structs.replace(plan, waves=(), cohorts=()),
    ):
        with pytest.raises(InputError):
            check_plan(crafted)


def test_the_heaviest_disruption_counts() -> None:
    heavy = msgspec.structs.replace(edit_step("2"), disruption="reboot")
    assert disruption_of([edit_step(), heavy]) == "reboot"
    assert disruption_of([]) == "none"


def test_what_was_not_seen_and_may_hide_an_effect_stands_in_the_plan() -> None:
    gaps = (
        Gap("conf.d/own.conf:7", "malformed", "httpd's own check refuses it"),
        Gap("conf.d/key.conf", "not permitted", kinds=("httpd.server", "httpd.route")),
        Gap("bin/httpd", "not permitted", kinds=("httpd.module",)),
        Gap("/redfish/v1/X", "licence", complete=True),
    )
    plan = build_plan([with_unseen(proposal("web1/httpd"), gaps), proposal("web2/httpd")], REQUEST)
    expected = (
        "web1/httpd: not all of it was seen, so not every effect may be listed: "
        "conf.d/own.conf:7 (httpd's own check refuses it), conf.d/key.conf (not permitted)"
    )
    assert plan.notes == (expected,)
    assert "未収集" in said(plan.notes[0], "ja")
    many = tuple(Gap(f"f{number}", "malformed") for number in range(11))
    assert with_unseen(proposal("web1/httpd"), many).notes[0].endswith("f7 (malformed), and 3 more")
    without = Proposal("web1/httpd", (), (), ("it cannot be done",))
    assert with_unseen(without, gaps) == without
