"""What a target says of a change that waits to be confirmed."""

from __future__ import annotations

import asyncio

import pytest

from auditor.model.plan import TargetOutcome
from auditor.plan.confirming import settled
from auditor.surfaces.interface import Deadline, DeadlineAct
from tests.fakes.plans import FakeHost, FakeTransaction


class Waiting(FakeTransaction):
    """A change that waits as ``state`` says."""

    state = "none"

    async def deadline(self, act: DeadlineAct) -> Deadline:
        del act
        return Deadline(self.state)


@pytest.mark.parametrize(
    ("state", "act", "outcome"),
    [
        ("none", "disarm", "already"),
        ("none", "ask", "applied"),
        ("none", "confirm", "applied"),
        ("pending", "disarm", "applied"),
        ("disarmed", "disarm", "already"),
        ("confirmed", "confirm", "confirmed"),
    ],
)
def test_what_the_target_knows_nothing_of_can_be_rolled_back_and_is_never_confirmed(
    state: str, act: DeadlineAct, outcome: TargetOutcome
) -> None:
    transaction = Waiting(FakeHost(), 30, 60)
    transaction.state = state
    assert asyncio.run(settled("web1/httpd", transaction, act, "noon")).outcome == outcome
