"""What changes by itself is split off; all else stays, known or not."""

from __future__ import annotations

import json

import pytest

from auditor.surfaces.ilo.volatile import without_volatile


@pytest.mark.parametrize(
    ("body", "stable"),
    [
        ({"@odata.etag": "x", "Id": "1"}, {"Id": "1"}),
        ({"@odata.context": "/redfish/v1/$metadata#Managers(Members(*))", "Id": "1"}, {"Id": "1"}),
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
        ({"AutoNeg": True, "FullDuplex": True, "SpeedMbps": 1000}, {"AutoNeg": True}),
        ({"AutoNeg": None, "FullDuplex": False, "SpeedMbps": None}, {"AutoNeg": None}),
        ({"FullDuplex": False, "SpeedMbps": 25000}, {}),
        (
            {"AutoNeg": False, "FullDuplex": True, "SpeedMbps": 100},
            {"AutoNeg": False, "FullDuplex": True, "SpeedMbps": 100},
        ),
        (
            {"PostMode": "PostToWait", "PostDiscoveryMode": "Auto", "EndOfPostDelaySeconds": 5, "PostState": "InPost"},
            {"PostMode": "PostToWait", "PostDiscoveryMode": "Auto", "EndOfPostDelaySeconds": 5},
        ),
        ({"PostMode": None, "PostDiscoveryMode": None, "EndOfPostDelaySeconds": None}, {}),
        (
            {"Reading": 24, "Thresholds": {"UpperCritical": {"Reading": 42}, "UpperCautionUser": {"Reading": 0}}},
            {"Thresholds": {"UpperCritical": {"Reading": 42}, "UpperCautionUser": {"Reading": 0}}},
        ),
        ({"BaseConfigs": [{"default": {"PowerState": "x"}}]}, {"BaseConfigs": [{"default": {"PowerState": "x"}}]}),
        ({"Voltages": [{"ReadingVolts": 1.8, "Name": "v"}]}, {"Voltages": [{"Name": "v"}]}),
        (
            {"CloudConnect": {"CloudConnectStatus": "x", "ConnectionType": "Direct"}},
            {"CloudConnect": {"ConnectionType": "Direct"}},
        ),
    ],
)
def test_only_what_changes_by_itself_is_taken(body: dict[str, object], stable: dict[str, object]) -> None:
    before = json.dumps(body)
    kept = without_volatile(body)  # type: ignore[arg-type]
    assert kept == stable
    assert without_volatile(kept) == stable
    assert json.dumps(body) == before


def test_it_is_taken_however_deep_it_stands() -> None:
    kept = without_volatile({"Fans": [{"Reading": 7, "a/b": {"Status": "x"}}, [{"Reading": 8}]]})
    assert kept == {"Fans": [{"a/b": {}}, [{}]]}


@pytest.mark.parametrize(
    "pointer",
    [
        "/@odata.etag",
        "/PowerControl/0/PowerMetrics",
        "/BootProgress",
        "/DateTime",
        "/IndicatorLED",
        "/Oem/Hpe/AggregateHealthStatus",
        "/Oem/Hpe/CloudConnect/CloudConnectStatus",
        "/Oem/Hpe/CurrentPowerOnTimeSeconds",
        "/Oem/Hpe/CurrentTime",
        "/Oem/Hpe/FirmwareIntegrity/LastScanResult",
        "/Oem/Hpe/FirmwareIntegrity/LastScanTime",
        "/Oem/Hpe/PostState",
        "/Oem/Hpe/SmartStorageBattery/0/ChargeLevelPercent",
        "/Oem/Hpe/SmartStorageBattery/0/RemainingChargeTimeSeconds",
        "/Oem/Hpe/State",
        "/Oem/Hpe/Time",
        "/PowerState",
        "/Status/Health",
        "/Status/State",
        "/CurrentCipher",
        "/LinkStatus",
        "/Fans/0/Reading",
        "/PowerControl/0/PowerConsumedWatts",
        "/PowerSupplies/0/LastPowerOutputWatts",
        "/PowerSupplies/0/LineInputVoltage",
        "/Temperatures/0/ReadingCelsius",
        "/Voltages/0/ReadingVolts",
    ],
)
def test_clocks_readings_and_states_that_an_ilo_shows_are_taken(pointer: str) -> None:
    name = pointer.rsplit("/", 1)[-1]
    kept = without_volatile(_with(pointer.split("/")[1:]))  # type: ignore[arg-type]
    assert f'"{name}"' not in json.dumps(kept)
    assert '"Stays"' in json.dumps(kept)


def _with(path: list[str]) -> dict[str, object]:
    """A body with 1 at a path whose numbers are places in lists; beside it a member that stays."""
    if len(path) == 1:
        return {path[0]: 1, "Stays": True}
    if len(path) > 1 and path[1].isdigit():
        return {path[0]: [_with(path[2:])], "Stays": True}
    return {path[0]: _with(path[1:]), "Stays": True}
