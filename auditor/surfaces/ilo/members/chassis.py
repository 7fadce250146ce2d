"""What watches heat and power."""

from __future__ import annotations

from typing import Final

from auditor.surfaces.ilo.members.form import OEM, of, one

THRESHOLD: Final = (
    *of(
        "ilo.threshold",
        "temperature",
        one("upper_critical", "/UpperThresholdCritical", "number", "Degrees Celsius that count as critical."),
        one("upper_fatal", "/UpperThresholdFatal", "number", "Degrees Celsius at which the server is switched off."),
        one(
            "user_warning",
            f"{OEM}/WarningTempUserThreshold",
            "number",
            "Degrees Celsius at which a warning is sent, set by people; 0 means none.",
        ),
        one(
            "user_critical",
            f"{OEM}/CriticalTempUserThreshold",
            "number",
            "Degrees Celsius at which a critical alert is sent, set by people; 0 means none.",
        ),
    ),
    *of(
        "ilo.threshold",
        "sensor",
        one("upper_critical", "/Thresholds/UpperCritical/Reading", "number", ""),
        one("upper_fatal", "/Thresholds/UpperFatal/Reading", "number", ""),
        one("user_warning", "/Thresholds/UpperCautionUser/Reading", "number", ""),
        one("user_critical", "/Thresholds/UpperCriticalUser/Reading", "number", ""),
    ),
    *of(
        "ilo.threshold",
        "thermal",
        one(
            "thermal_configuration",
            f"{OEM}/ThermalConfiguration",
            "text",
            "How the fans are driven: `OptimalCooling`, `IncreasedCooling`, `MaximumCooling`…",
        ),
        one("fan_percent_minimum", f"{OEM}/FanPercentMinimum", "number", "The least speed of the fans in per cent."),
    ),
    *of(
        "ilo.threshold",
        "power",
        one(
            "power_trigger",
            f"{OEM}/SNMPPowerThresholdAlert/Trigger",
            "text",
            "What the power alert watches: `Disabled`, `PeakPowerConsumption`, `AveragePowerConsumption`.",
        ),
        one("power_watts", f"{OEM}/SNMPPowerThresholdAlert/ThresholdWatts", "number", "Watts that raise it."),
        one("power_minutes", f"{OEM}/SNMPPowerThresholdAlert/DurationInMin", "number", "For how many minutes."),
        one("high_efficiency_mode", f"{OEM}/HighEfficiencyMode", "text", "How the power supplies share the load."),
        one("brownout_recovery", f"{OEM}/BrownoutRecoveryEnabled", "boolean", "A brownout is ridden out."),
    ),
    *of(
        "ilo.threshold",
        "power_domain",
        one("high_efficiency_mode", "/HighEfficiencyMode", "text", ""),
    ),
)
