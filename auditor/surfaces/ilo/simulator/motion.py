"""What changes in a virtual iLO without anybody changing it: clocks and readings. ETags ignore the clocks."""

from __future__ import annotations

import datetime
import zlib
from typing import Any, Final

from auditor.surfaces.ilo.body import Body, Json, canonical

_CLOCKS: Final = frozenset({"DateTime", "Time", "CurrentTime"})
_READINGS: Final = frozenset({"Reading", "ReadingCelsius", "PowerConsumedWatts", "LastPowerOutputWatts", "CPUUtil"})


def moved(value: Any, reads: int) -> Any:
    """Clocks and readings as they are at the n-th read: none is twice the same. Changes ``value`` itself."""
    if isinstance(value, list):
        return [moved(one, reads) for one in value]
    if not isinstance(value, dict):
        return value
    for name, inner in value.items():
        if name in _CLOCKS and isinstance(inner, str) and inner[:2] == "20":
            value[name] = _later(inner, reads)
        elif name in _READINGS and isinstance(inner, int):
            value[name] = inner + reads % 7
        elif name == "CurrentPowerOnTimeSeconds" and isinstance(inner, int):
            value[name] = inner + reads
        elif isinstance(inner, dict | list) and name not in ("@Redfish.Settings", "Thresholds"):
            value[name] = moved(inner, reads)
    return value


def _later(text: str, seconds: int) -> str:
    try:
        start = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    return (start + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def etag_of(body: Body) -> str:
    """The ETag of a body: of all but its clocks."""
    return f'W/"{zlib.crc32(canonical(_without_clocks(body))):08X}"'


def _without_clocks(value: Json) -> Json:
    if isinstance(value, list):
        return [_without_clocks(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_clocks(one) for name, one in value.items() if name not in _CLOCKS | {"@odata.etag"}}
    return value
