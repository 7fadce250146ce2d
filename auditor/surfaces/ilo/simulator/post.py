"""What a POST makes of pending BIOS values: the values afterwards, and the verdict that it writes."""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Iterable
from typing import cast

from auditor.surfaces.ilo.body import Body, Json, canonical
from auditor.surfaces.ilo.dependencies import settle
from auditor.surfaces.ilo.registry import Registry, Setting, read_registry


def boot(
    registry: Registry | None, current: dict[str, Setting], asked: dict[str, Setting], now: datetime.datetime
) -> tuple[dict[str, Setting], Body]:
    """The values after a POST that ends at ``now``, and its mark in ``@Redfish.Settings``.

    Success is one message alone; each refused value adds one.
    """
    known = registry or Registry("", {}, ())
    orders = {name for name, rule in known.rules.items() if rule.write_only}
    if asked.get("RestoreDefaults") == "Yes":
        asked = {name: known.rules[name].default for name in current if name in known.rules} | {
            name: value for name, value in asked.items() if current.get(name) != value
        }
    wanted = {name: value for name, value in asked.items() if current.get(name) != value and name not in orders}
    settled = settle(known, current, wanted)
    messages: list[Json] = [{"MessageId": "Base.1.0.Success"}]
    messages += [
        {"MessageId": f"Base.1.0.{_verdict_on(name, current, why)}", "MessageArgs": [name],
         "RelatedProperties": [f"#/{name}"]}
        for name, why in settled.refused.items()
    ]  # fmt: skip
    etag = f"{zlib.crc32(canonical(cast(Body, settled.values))):08X}"
    return settled.values, {"Messages": messages, "Time": now.isoformat(), "ETag": etag}


def registry_among(bodies: Iterable[tuple[str, Body]], identity: str) -> Registry | None:
    """The attribute registry with that id among bodies by path, or None."""
    for key, body in bodies:
        if "RegistryEntries" in body and (body.get("Id") == identity or key.endswith(identity.casefold())):
            return read_registry(body)
    return None


def _verdict_on(name: str, current: dict[str, Setting], why: str) -> str:
    if name not in current:
        return "PropertyUnknown"
    return "PropertyNotWritable" if "read-only" in why or "locked" in why else "PropertyValueNotInList"
