"""What changes by itself: split off before anything is compared or stored. State is reported, never drift.

The catalogue names members, wherever they stand, a few by the members above them, and a few settings that are state
only at times. Values of BIOS attributes, registries and thresholds are never looked into.
"""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.body import Body, Json

ANYWHERE: Final = frozenset(
    {
        "@odata.context",
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
        "EstimatedEraseTimeInMinutes",
        "FailReason",
        "FlashProgressPercent",
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
        "PostState",
        "PowerAllocatedWatts",
        "PowerAvailableWatts",
        "PowerConsumedWatts",
        "PowerInputWatts",
        "PowerMetric",
        "PowerMetrics",
        "PowerOnMinutes",
        "PowerOutputWatts",
        "PowerRequestedWatts",
        "PowerState",
        "PowerSupplyStatus",
        "Reading",
        "ReadingCelsius",
        "ReadingVolts",
        "RemainingChargeTimeSeconds",
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
"""Members that are volatile wherever they stand. ``@odata.context`` names what was selected and expanded (DSP0266), so
that two ways of reading would differ. ``UtcOffset`` moves with the season; the time zone's index stays."""

BELOW: Final = frozenset(
    {
        ("@Redfish.Settings", "ETag"),
        ("@Redfish.Settings", "Time"),
        ("SettingsResult", "ETag"),
        ("SettingsResult", "Time"),
        ("Hpe", "Time"),
        ("Hp", "Time"),
        ("Hpe", "State"),
        ("Hpe", "Result"),
        ("FrontPanelUSB", "State"),
        ("CloudConnect", "ExtendedStatusInfo"),
        ("CloudConnect", "InsightInfo"),
    }
)
"""Members that are volatile only directly below the named one."""

NEGOTIATED: Final = frozenset({"FullDuplex", "SpeedMbps"})
"""Settings of an interface whose ``AutoNeg`` is false, in the same object; elsewhere what was negotiated."""

UNAVAILABLE: Final = frozenset({"EndOfPostDelaySeconds", "PostDiscoveryMode", "PostMode"})
"""Settings of a system that are ``null`` while the iLO cannot tell them; the ``null`` is state."""

_EVER: Final = ANYWHERE | NEGOTIATED | UNAVAILABLE | {name for _, name in BELOW}
_OPAQUE: Final = frozenset({"Attributes", "BaseConfigs", "RegistryEntries", "Thresholds"})
"""Members whose inside is all settings, whatever its members are called: a threshold's ``Reading`` is no reading."""


def without_volatile(body: Body) -> Body:
    """The body without its volatile members, wherever they stand; a new one."""
    return _object(body, "")


def is_volatile(above: str, name: str, holder: Body) -> bool:
    """Whether the member ``name`` of ``holder``, which stands below the member ``above``, changes by itself."""
    if name in NEGOTIATED:
        return holder.get("AutoNeg") is not False
    if name in UNAVAILABLE:
        return holder.get(name) is None
    return name in ANYWHERE or (above, name) in BELOW


def _object(value: Body, above: str) -> Body:
    kept = value
    if not _EVER.isdisjoint(value):
        kept = {name: value[name] for name in value if name not in _EVER or not is_volatile(above, name, value)}
    return {
        name: _any(inner, name) if isinstance(inner, (dict, list)) and name not in _OPAQUE else inner
        for name, inner in kept.items()
    }


def _any(value: Json, above: str) -> Json:
    if isinstance(value, dict):
        return _object(value, above)
    if isinstance(value, list):
        return [_any(one, above) for one in value]
    return value
