"""What changes by itself: split off before anything is compared or stored. State is reported, never drift.

The catalogue names members, wherever they stand, and a few by the members above them. Values of BIOS attributes and
registries are never looked into.
"""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.body import Body, Json, escape

ANYWHERE: Final = frozenset(
    {
        "@odata.etag",
        "AddressState",
        "AggregateHealthStatus",
        "AveragePowerOutputWatts",
        "BootProgress",
        "ChargeLevelPercent",
        "CloudConnectStatus",
        "CurrentCipher",
        "CurrentPowerOnTimeSeconds",
        "CurrentTime",
        "DateTime",
        "DateTimeLocalOffset",
        "DeviceDiscoveryComplete",
        "ElapsedEraseTimeInMinutes",
        "EndOfPostDelaySeconds",
        "EstimatedEraseTimeInMinutes",
        "FailReason",
        "FullDuplex",
        "IndicatorLED",
        "IntrusionSensor",
        "IsColdBooting",
        "LastPowerOutputWatts",
        "LastResetTime",
        "LastScanResult",
        "LastScanTime",
        "LineInputVoltage",
        "LinkStatus",
        "LocationIndicatorActive",
        "MaxPowerOutputWatts",
        "MinimumSafelyAchievableCap",
        "MinimumSafelyAchievableCapValid",
        "PostDiscoveryCompleteTimeStamp",
        "PostDiscoveryMode",
        "PostMode",
        "PostState",
        "PowerConsumedWatts",
        "PowerMetric",
        "PowerMetrics",
        "PowerOnMinutes",
        "PowerState",
        "PowerSupplyStatus",
        "Reading",
        "ReadingCelsius",
        "RemainingChargeTimeSeconds",
        "SpeedMbps",
        "Status",
        "SystemROMAndiLOEraseComponentStatus",
        "SystemROMAndiLOEraseStatus",
        "SystemUsage",
        "UnmodifiedETag",
        "UserDataEraseComponentStatus",
        "UserDataEraseStatus",
        "UtcOffset",
        "iLOSelfTestResults",
    }
)
"""Members that are volatile wherever they stand. ``UtcOffset`` moves with the season; the time zone's index stays."""

BELOW: Final = frozenset(
    {
        ("@Redfish.Settings", "ETag"),
        ("@Redfish.Settings", "Time"),
        ("Hpe", "Time"),
        ("Hp", "Time"),
        ("Hpe", "State"),
        ("FrontPanelUSB", "State"),
    }
)
"""Members that are volatile only directly below the named one."""

_OPAQUE: Final = frozenset({"Attributes", "RegistryEntries"})


def split(body: Body) -> tuple[Body, tuple[tuple[str, Json], ...]]:
    """The body without its volatile members, and those: JSON pointer and value, sorted. Gives new bodies."""
    taken: list[tuple[str, Json]] = []
    kept = _object(body, "", "", taken)
    return kept, tuple(sorted(taken, key=lambda one: one[0]))


def is_volatile(above: str, name: str) -> bool:
    """Whether the member ``name`` below the member ``above`` changes by itself."""
    return name in ANYWHERE or (above, name) in BELOW


def _object(value: Body, above: str, pointer: str, taken: list[tuple[str, Json]]) -> Body:
    kept: Body = {}
    for name, inner in value.items():
        place = f"{pointer}/{escape(name)}"
        if is_volatile(above, name):
            taken.append((place, inner))
        else:
            kept[name] = inner if name in _OPAQUE else _any(inner, name, place, taken)
    return kept


def _any(value: Json, above: str, pointer: str, taken: list[tuple[str, Json]]) -> Json:
    if isinstance(value, dict):
        return _object(value, above, pointer, taken)
    if isinstance(value, list):
        return [_any(one, above, f"{pointer}/{number}", taken) for number, one in enumerate(value)]
    return value
