"""What was there at a revision and is not, or the other way round, as wishes."""

from __future__ import annotations

import msgspec
import pytest

from auditor.model.plan import Wish
from auditor.model.resource import Address, Attribute, AttributeSpec, KindSpec, Resource, make_resource
from auditor.model.snapshot import Gap, Interpretation
from auditor.model.value import Boolean, Text
from auditor.services.changes.restore import restore_values

KIND = "ilo.snmp_destination"
SPECS = (AttributeSpec("protocol", "text", "", settable=True), AttributeSpec("user_known", "boolean", ""))


def _state(*names: str) -> Interpretation:
    def one(name: str) -> Resource:
        said = [Attribute("protocol", Text("SNMPv3Trap")), Attribute("user_known", Boolean(value=True))]
        return make_resource(KIND, name, said)

    return Interpretation("web1/ilo", "ilo", tuple(one(name) for name in names))


def test_a_member_is_made_again_with_what_it_said_and_a_later_one_goes() -> None:
    wishes, refusals = restore_values(_state("a"), _state("b"), (KindSpec(KIND, "", SPECS, made=True),))
    assert refusals == ()
    assert set(wishes) == {
        Wish(Address("web1/ilo", KIND, "a", "present"), Boolean(value=True)),
        Wish(Address("web1/ilo", KIND, "a", "protocol"), Text("SNMPv3Trap")),
        Wish(Address("web1/ilo", KIND, "b", "present"), None),
    }


def test_what_no_plan_makes_is_refused_by_name() -> None:
    wishes, refusals = restore_values(_state("a"), _state(), (KindSpec(KIND, "", SPECS),))
    assert wishes == ()
    assert len(refusals) == 2


@pytest.mark.parametrize(("unseen", "text"), [("then", "was there then was not seen"), ("now", "is there now cannot")])
def test_what_a_state_could_not_see_is_neither_removed_nor_made(unseen: str, text: str) -> None:
    gap = Gap("/redfish/v1/managers/1/snmpservice/snmpalertdestinations", "timed out", kinds=(KIND,))
    states = {"then": _state(), "now": _state("a")} if unseen == "then" else {"then": _state("a"), "now": _state()}
    states[unseen] = msgspec.structs.replace(states[unseen], gaps=(gap,))
    kinds = (KindSpec(KIND, "", SPECS, made=True),)
    wishes, refusals = restore_values(states["then"], states["now"], kinds)
    assert wishes == ()
    assert len(refusals) == 1
    assert text in refusals[0]
    assert "timed out" in refusals[0]
    other = msgspec.structs.replace(states[unseen], gaps=(msgspec.structs.replace(gap, kinds=("ilo.time",)),))
    states[unseen] = other
    assert restore_values(states["then"], states["now"], kinds)[0]
