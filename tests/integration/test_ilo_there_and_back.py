"""What is proposed for an iLO leads there, and its undo back, dependents included."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from auditor.model.plan import AttributeIs, Cohort, Direction, Origin, Plan, Wish
from auditor.model.resource import parse_address
from auditor.model.value import Boolean, Text, Value
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.ilo.surface import SURFACE
from auditor.surfaces.interface import ActOptions, InterpretOptions
from tests.virtual_ilo import SEALER, options, target, with_ilo

pytestmark = pytest.mark.integration

WISHES: dict[str, Value] = {
    'ilo.snmp["1"].cold_start_trap': Boolean(True),
    'ilo.bios["1"].WorkloadProfile': Text("LowLatency"),
    'ilo.bios["1"].AutoPowerOn': Text("RestoreLastState"),
    'ilo.security["1"].tls_1_0': Boolean(False),
}


class Journal:
    """A journal in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str, Mapping[str, str]]] = []

    def intent(self, step: str, act: str, **detail: str) -> None:
        self.lines.append((step, act, "intent", detail))

    def done(self, step: str, act: str, **detail: str) -> None:
        self.lines.append((step, act, "done", detail))

    def failed(self, step: str, act: str, **detail: str) -> None:
        self.lines.append((step, act, "failed", detail))

    def entries(self) -> tuple[tuple[str, str, str, Mapping[str, str]], ...]:
        return tuple(self.lines)


async def carry_out(ilo: VirtualIlo, plan: Plan, direction: Direction) -> None:
    acting = ActOptions(plan, "0" * 64, Journal(), SEALER, options().environment)
    transaction = SURFACE.begin(target(ilo), plan.cohorts[0].steps, direction, acting)
    try:
        await transaction.prepare()
        await transaction.perform()
    finally:
        await transaction.finish()


def test_there_every_postcondition_holds_and_back_everything_is_as_before() -> None:
    async def act(ilo: VirtualIlo) -> None:
        before = await SURFACE.collect(target(ilo), options())
        wishes = tuple(Wish(parse_address(address), value) for address, value in WISHES.items())
        proposal = SURFACE.propose(wishes, before, InterpretOptions())
        assert proposal.refusals == ()
        cohort = Cohort((before.target,), proposal.steps, proposal.effects)
        made, until = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
        plan = Plan("a reason", "author", made, until, Origin("set", ()), (), (cohort,))

        await carry_out(ilo, plan, "forward")
        there = SURFACE.interpret(await SURFACE.collect(target(ilo), options()), InterpretOptions())
        conditions = [one for step in proposal.steps for one in step.postconditions if isinstance(one, AttributeIs)]
        assert len(conditions) > len(WISHES)
        for one in conditions:
            resource = there.find(one.address.kind, one.address.name)
            assert resource is not None
            assert resource.value(one.address.attribute) == one.value
        for effect in proposal.effects:
            resource = there.find(effect.address.kind, effect.address.name)
            assert resource is not None
            assert resource.value(effect.address.attribute) == effect.after

        await carry_out(ilo, plan, "back")
        assert await SURFACE.collect(target(ilo), options()) == before
        assert ilo.sessions == {}
        assert ilo.state.posts == 2

    with_ilo(act, post_s=0.1)
