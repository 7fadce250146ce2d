"""What a plan disrupts in sum: one start of a server serves all its steps, hardware is counted by itself."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model.plan import DISRUPTIONS, Cohort, Disruption, Step, Wave
from auditor.plan.disruption import USUAL_S, disruption_sum, disruptions_of
from tests.fakes.plans import plan_for


def steps(*disruptions: Disruption) -> tuple[Step, ...]:
    one = plan_for("web1").cohorts[0].steps[0]
    return tuple(
        msgspec.structs.replace(one, id=str(number), disruption=what) for number, what in enumerate(disruptions)
    )


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (("none",), ()),
        (("reload", "reload"), ("reload",)),
        (("reload", "stop and start", "restart"), ("stop and start",)),
        (("iLO reset", "reboot", "reboot", "none"), ("iLO reset", "reboot")),
    ],
)
def test_one_target_goes_through_each_once(given_: tuple[Disruption, ...], expected: tuple[Disruption, ...]) -> None:
    assert disruptions_of(steps(*given_)) == expected


def test_the_sum_is_of_all_targets_and_takes_the_fleets_own_figures() -> None:
    plan = msgspec.structs.replace(
        plan_for("web1"),
        cohorts=(
            Cohort(("web1/httpd", "web2/httpd", "web3/httpd"), steps("reload", "reload"), ()),
            Cohort(("r1/ilo",), steps("reboot"), ()),
        ),
        waves=(Wave("canary", ("web1/httpd",), pause_s=60), Wave("all", ("web2/httpd", "web3/httpd", "r1/ilo"), 0, 99)),
    )
    found = disruption_sum(plan, {"reboot": 600})
    assert found.counts == (("reload", 3), ("reboot", 1))
    assert found.seconds == 3 * USUAL_S["reload"] + 600
    assert found.pauses_s == 60  # nothing is waited for after the last wave


@given(st.lists(st.sampled_from(DISRUPTIONS), min_size=1, max_size=6), st.integers(1, 5))
def test_more_targets_never_disrupt_less(kinds: list[Disruption], targets: int) -> None:
    plan = plan_for("web1")

    def of(number: int) -> int:
        names = tuple(f"web{one}/httpd" for one in range(number))
        return disruption_sum(
            msgspec.structs.replace(plan, cohorts=(Cohort(names, steps(*kinds), ()),), waves=(Wave("all", names),))
        ).seconds

    assert of(targets + 1) * targets == of(targets) * (targets + 1)
