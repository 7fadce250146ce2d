from __future__ import annotations

import pytest

from auditor.errors import RefusedError
from auditor.model.plan import BiosAttributes, RedfishPatch
from auditor.surfaces.ilo.carry_out.members import (
    members_of,
    pending,
    post_is_over,
    reset_action,
    standing,
    verdict,
)


def test_a_change_names_members_by_pointer() -> None:
    assert members_of(RedfishPatch("/u", (("/Oem/Hpe/A", "true"),))) == (("/Oem/Hpe/A", True),)
    assert members_of(BiosAttributes("/u", "/s", (("A/B", '"On"'),))) == (("/Attributes/A~1B", "On"),)


@pytest.mark.parametrize("value", ['"auditor-secret:01234567:0123456789abcdef0123456789abcdef"', "{", ""])
def test_a_secret_or_no_json_is_never_sent(value: str) -> None:
    with pytest.raises(RefusedError):
        members_of(RedfishPatch("/u", (("/A", value),)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"A": True, "B": 2}, "wanted"),
        ({"A": False, "B": 1}, "previous"),
        ({"A": True, "B": 1}, "mixed"),
        ({"A": True, "B": 3}, "other"),
        ({"A": 1, "B": 2}, "other"),
        ({}, "other"),
    ],
)
def test_where_members_stand(body: dict[str, object], expected: str) -> None:
    wanted, previous = (("/A", True), ("/B", 2)), (("/A", False), ("/B", 1))
    assert standing(body, wanted, previous) == expected  # type: ignore[arg-type]


def test_pending_is_what_differs_from_the_present() -> None:
    current = {"Attributes": {"A": "x", "B": 1}}
    settings = {"Attributes": {"A": "y", "B": 1, "RestoreDefaults": "No", "Hidden": "Yes"}}
    assert pending(current, settings) == {"A": "y", "Hidden": "Yes"}
    assert pending(current, {}) == {}


@pytest.mark.parametrize(
    ("ids", "good"),
    [
        (["Base.1.0.Success"], True),
        (["Base.1.0.Success", "Base.1.0.PropertyUnknown"], False),
        (["Base.1.0.Success", "Base.1.0.Success"], False),
        (["iLO.2.14.SystemResetRequired"], False),
        ([], False),
    ],
)
def test_success_is_exactly_one_success(ids: list[str], good: bool) -> None:
    assert verdict({"@Redfish.Settings": {"Messages": [{"MessageId": one} for one in ids]}})[0] is good
    assert verdict({})[0] is False
    assert verdict({"@Redfish.Settings": {"Messages": [{"MessageId": "Base.1.0.Success"}, None]}})[0] is False


def test_the_gentlest_restart_that_is_allowed() -> None:
    def system(*kinds: str) -> dict[str, object]:
        action = {"target": "/t", "ResetType@Redfish.AllowableValues": list(kinds)}
        return {"Actions": {"#ComputerSystem.Reset": action}}

    name = "ComputerSystem.Reset"
    assert reset_action(system("ForceRestart", "GracefulRestart"), name) == ("/t", "GracefulRestart")
    assert reset_action(system("On", "ForceRestart"), name) == ("/t", "ForceRestart")
    assert reset_action(system("On"), name) == ("/t", "")
    assert reset_action({}, name) == ("", "")


def test_post_is_over_or_not() -> None:
    assert post_is_over({"Oem": {"Hpe": {"PostState": "FinishedPost"}}})
    assert not post_is_over({"Oem": {"Hpe": {"PostState": "InPost"}}})
