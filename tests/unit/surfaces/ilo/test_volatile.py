"""What changes by itself is split off; all else stays, known or not."""

from __future__ import annotations

import pytest

from auditor.surfaces.ilo.volatile import split


@pytest.mark.parametrize(
    ("body", "stable"),
    [
        ({"@odata.etag": "x", "Id": "1"}, {"Id": "1"}),
        ({"Oem": {"Hpe": {"Time": "now", "Model": "m"}}}, {"Oem": {"Hpe": {"Model": "m"}}}),
        ({"Oem": {"Hpe": {"State": "Idle", "DowngradePolicy": "x"}}}, {"Oem": {"Hpe": {"DowngradePolicy": "x"}}}),
        ({"State": "Disabled", "SecurityStatus": "Ok"}, {"State": "Disabled", "SecurityStatus": "Ok"}),
        ({"Temperatures": [{"ReadingCelsius": 20, "Name": "a"}]}, {"Temperatures": [{"Name": "a"}]}),
        ({"PowerState": "On", "Status": {"Health": "OK"}}, {}),
        (
            {"@Redfish.Settings": {"Time": "t", "ETag": "e", "Messages": []}},
            {"@Redfish.Settings": {"Messages": []}},
        ),
        ({"ConfigurationSettings": "SomePendingReset"}, {"ConfigurationSettings": "SomePendingReset"}),
        ({"Attributes": {"PowerState": "On", "Status": "x"}}, {"Attributes": {"PowerState": "On", "Status": "x"}}),
        ({"NeverSeenBefore": {"Deep": [1]}}, {"NeverSeenBefore": {"Deep": [1]}}),
    ],
)
def test_only_what_changes_by_itself_is_taken(body: dict[str, object], stable: dict[str, object]) -> None:
    kept, taken = split(body)  # type: ignore[arg-type]
    assert kept == stable
    assert split(kept) == (stable, ())
    assert bool(taken) == (body != stable)


def test_what_was_taken_is_named_by_pointer() -> None:
    _, taken = split({"Fans": [{"Reading": 7, "a/b": {"Status": "x"}}]})
    assert taken == (("/Fans/0/Reading", 7), ("/Fans/0/a~1b/Status", "x"))
