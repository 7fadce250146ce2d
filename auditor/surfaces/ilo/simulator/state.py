"""What a virtual iLO knows and does: its resources, pending BIOS settings, POST, resets and licence."""

from __future__ import annotations

import copy
import datetime
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from auditor.surfaces.ilo.body import Body, Json, at, canonical, find, key_of, nest
from auditor.surfaces.ilo.links import Found, follow
from auditor.surfaces.ilo.members import MEMBERS, Member
from auditor.surfaces.ilo.registry import Registry, Setting, read_registry, settle

ROOT: Final = "/redfish/v1"
_SECOND: Final = datetime.timedelta(seconds=1)
_CLOCKS: Final = frozenset({"DateTime", "Time", "CurrentTime"})
_READINGS: Final = frozenset({"Reading", "ReadingCelsius", "PowerConsumedWatts", "LastPowerOutputWatts", "CPUUtil"})
_RESETS_ITSELF: Final = ("/SSH/", "/DisableWeakCiphers", "/TLSVersion/")
_ALSO_WRITABLE: Final = {
    "network_protocol": ("/Oem/Hpe/AlertMailSMTPAuthEnabled", "/Oem/Hpe/AlertMailSMTPAuthUser",
                         "/Oem/Hpe/AlertMailSMTPAuthPw"),
    "snmp": ("/ReadCommunities", "/TrapCommunities"),
    "snmp_destination": ("/AlertDestination", "/SNMPAlertProtocol", "/TrapCommunity", "/SecurityName"),
    "system": ("/AssetTag", "/IndicatorLED"),
}  # fmt: skip
_CREATED_NEED: Final = {
    "snmp_destinations": ("AlertDestination", "SNMPAlertProtocol"),
    "event_subscriptions": ("Destination", "Context"),
}


class Reply(msgspec.Struct, frozen=True):
    """A status, the ids of messages with their arguments, and a body or the place of a new resource."""

    status: int
    messages: tuple[tuple[str, tuple[str, ...]], ...] = ()
    body: Body | None = None
    location: str = ""


def _message(name: str, *arguments: str) -> tuple[str, tuple[str, ...]]:
    return name, arguments


class IloState:
    """The resources by path without case and trailing slash. Every method may be called from any thread.

    ``post_s`` and ``ilo_reset_s`` are how long POST and a reset of the iLO take, in seconds; ``clock`` only goes
    forward. ``dropped_sessions`` counts how often the iLO forgot its sessions.
    """

    def __init__(
        self,
        resources: Mapping[str, Body],
        *,
        post_s: float = 0.3,
        ilo_reset_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.RLock()
        self._clock = clock
        self._bodies: dict[str, Body] = {key_of(uri): copy.deepcopy(dict(body)) for uri, body in resources.items()}
        for uri in resources:
            self._bodies[key_of(uri)].setdefault("@odata.id", uri)
        self.post_s, self.ilo_reset_s = post_s, ilo_reset_s
        self.dropped_sessions = 0
        self.posts = 0
        self._reads = 0
        self._post_ends: float | None = None
        self._last_post = datetime.datetime.fromtimestamp(0, datetime.UTC)
        self._down_until = 0.0

    # -- for tests and the demo -----------------------------------------------------------------------------------

    def get(self, uri: str) -> Body:
        """A copy of a resource as it is now.

        Errors:
            KeyError: there is none.
        """
        with self._lock:
            self._settle()
            return copy.deepcopy(self._bodies[key_of(uri)])

    def set(self, uri: str, pointer: str, value: Json) -> None:
        """Sets one member by hand, as somebody at the web interface would; missing objects are made."""
        with self._lock:
            _merge(self._bodies[key_of(uri)], nest(((pointer, value),)))

    def add(self, uri: str, body: Body) -> None:
        """Adds or replaces a resource, and its collection's member where it has a collection."""
        with self._lock:
            self._bodies[key_of(uri)] = {**copy.deepcopy(body), "@odata.id": uri}
            self._recount(key_of(uri).rsplit("/", 1)[0])

    def remove(self, uri: str) -> None:
        """Removes a resource and its place in its collection.

        Errors:
            KeyError: there is none.
        """
        with self._lock:
            del self._bodies[key_of(uri)]
            self._recount(key_of(uri).rsplit("/", 1)[0])

    def uris(self) -> tuple[str, ...]:
        """Every resource's URI as the service spells it, sorted."""
        with self._lock:
            return tuple(sorted(str(body["@odata.id"]) for body in self._bodies.values()))

    def remove_alert_destination(self, address: str) -> bool:
        """Removes the SNMP alert destination with that address by hand; False where there is none."""
        with self._lock:
            for found in self._roles().values():
                if found.role == "snmp_destination" and found.body.get("AlertDestination") == address:
                    self.remove(found.uri)
                    return True
            return False

    def bios(self) -> dict[str, Setting]:
        """The current BIOS values."""
        return self._attributes("bios")

    def pending(self) -> dict[str, Setting]:
        """The BIOS values that wait for the next boot: those that differ from the current ones."""
        now = self.bios()
        return {name: value for name, value in self._attributes("bios_settings").items() if now.get(name) != value}

    def in_post(self) -> bool:
        """Whether the system runs its POST at the moment."""
        with self._lock:
            self._settle()
            return self._post_ends is not None

    # -- for the server -------------------------------------------------------------------------------------------

    def available(self) -> bool:
        """Whether the iLO answers at all; it does not during its own reset."""
        return self._clock() >= self._down_until

    def read(self, uri: str, *, expand: bool = False) -> Body | None:
        """The resource as a GET shows it: clocks and readings move on, ETags are given; None where there is none."""
        with self._lock:
            self._settle()
            self._reads += 1
            if key_of(uri) == f"{ROOT}/resourcedirectory":
                return self._directory()
            body = self._bodies.get(key_of(uri))
            if body is None:
                return None
            shown = self._shown(body)
            if expand and isinstance(members := shown.get("Members"), list):
                shown["Members"] = [self._expanded(one) for one in members]
            return shown

    def patch(self, uri: str, body: Body) -> Reply:
        """What a PATCH does; all of it or nothing."""
        with self._lock:
            self._settle()
            found = self._roles().get(key_of(uri))
            if key_of(uri) not in self._bodies:
                return Reply(404, (_message("Base.1.4.ResourceMissingAtURI", uri),))
            if found and found.role == "bios_settings":
                return self._patch_pending(found, body)
            if found is None:
                return Reply(405, (_message("Base.1.4.ActionNotSupported", "PATCH"),))
            return self._patch_members(found, body)

    def create(self, uri: str, body: Body) -> Reply:
        """What a POST to a collection or an action does."""
        with self._lock:
            self._settle()
            if "/actions/" in key_of(uri):
                return self._act(key_of(uri), body)
            found = self._roles().get(key_of(uri))
            if found is None or found.role not in _CREATED_NEED:
                return Reply(405 if key_of(uri) in self._bodies else 404)
            missing = [name for name in _CREATED_NEED[found.role] if not body.get(name)]
            if missing:
                return Reply(400, tuple(_message("Base.1.4.PropertyMissing", name) for name in missing))
            return self._create_member(found, body)

    def delete(self, uri: str) -> Reply:
        """What a DELETE does: destinations and subscriptions can be removed."""
        with self._lock:
            found = self._roles().get(key_of(uri))
            if found is None:
                return Reply(404)
            if found.role not in ("snmp_destination", "event_subscription"):
                return Reply(405)
            self.remove(uri)
            return Reply(200, (_message("Base.1.4.Success"),))

    # -- reading --------------------------------------------------------------------------------------------------

    def _roles(self) -> dict[str, Found]:
        return {key_of(found.uri): found for found in follow(ROOT, lambda uri: self._bodies.get(key_of(uri)))}

    def _of_role(self, role: str) -> Body | None:
        return next((found.body for found in self._roles().values() if found.role == role), None)

    def _attributes(self, role: str) -> dict[str, Setting]:
        with self._lock:
            self._settle()
            body = self._of_role(role) or {}
            return dict(cast("dict[str, Setting]", body.get("Attributes", {})))

    def _shown(self, body: Body) -> Body:
        shown: Body = _moved(copy.deepcopy(body), self._reads)
        if body is self._of_role("system"):
            state = "InPost" if self._post_ends is not None else "FinishedPost"
            _merge(shown, {"PowerState": "On", "Oem": {"Hpe": {"PostState": state}}})
        shown["@odata.etag"] = etag_of(shown)
        return shown

    def _expanded(self, member: Json) -> Json:
        body = self._bodies.get(key_of(str(at(member, "/@odata.id"))))
        return member if body is None else self._shown(body)

    def _directory(self) -> Body:
        instances: list[Json] = [
            {
                "@odata.id": body["@odata.id"],
                "@odata.type": body.get("@odata.type", ""),
                "ETag": etag_of(self._shown(body)),
                "HttpMethods": ["GET", "HEAD"],
            }
            for _, body in sorted(self._bodies.items())
        ]
        return {
            "@odata.id": f"{ROOT}/ResourceDirectory",
            "@odata.type": "#HpeiLOResourceDirectory.v2_0_0.HpeiLOResourceDirectory",
            "Id": "ResourceDirectory",
            "Name": "iLO Directory Service",
            "Instances": instances,
        }

    def _recount(self, key: str) -> None:
        collection = self._bodies.get(key)
        if collection is None or "Members" not in collection:
            return
        below = [one for one in self._bodies if one.startswith(f"{key}/") and "/" not in one[len(key) + 1 :]]
        collection["Members"] = [{"@odata.id": self._bodies[one]["@odata.id"]} for one in sorted(below)]
        collection["Members@odata.count"] = len(below)

    # -- changing -------------------------------------------------------------------------------------------------

    def _patch_pending(self, found: Found, body: Body) -> Reply:
        """Takes anything: the verdict comes only after POST."""
        attributes = body.get("Attributes")
        if not isinstance(attributes, dict):
            return Reply(400, (_message("Base.1.4.PropertyMissing", "Attributes"),))
        kept = found.body.setdefault("Attributes", {})
        if isinstance(kept, dict):
            kept.update(copy.deepcopy(attributes))
        return Reply(200, (_message("iLO.2.14.SystemResetRequired"),))

    def _patch_members(self, found: Found, body: Body) -> Reply:
        wanted = _leaves(body)
        messages = [refusal for pointer, value in wanted if (refusal := self._refusal(found, pointer, value))]
        if messages:
            licence = any(name.endswith("LicenseKeyRequired") for name, _ in messages)
            return Reply(403 if licence else 400, tuple(messages))
        _merge(self._bodies[key_of(found.uri)], body)
        hurt = [_writable(found.role, pointer) for pointer, _ in wanted]
        if not any(one and one.disruption == "iLO reset" for one in hurt):
            return Reply(200, (_message("Base.1.4.Success"),))
        if any(one and any(mark in one.pointer for mark in _RESETS_ITSELF) for one in hurt):
            self._reset_ilo()
        else:
            self._mark_pending_reset("SomePendingReset")
        return Reply(200, (_message("iLO.2.14.ResetRequired"),))

    def _refusal(self, found: Found, pointer: str, value: Json) -> tuple[str, tuple[str, ...]] | None:
        there, before = find(found.body, pointer)
        member = _writable(found.role, pointer)
        if not there:
            return _message("Base.1.4.PropertyUnknown", pointer)
        if member is None and pointer not in _ALSO_WRITABLE.get(found.role, ()):
            return _message("Base.1.4.PropertyNotWritable", pointer)
        if member and member.licence and not self._licensed(member.licence):
            return _message("iLO.2.14.LicenseKeyRequired", member.licence)
        if before is not None and value is not None and type(before) is not type(value):
            return _message("Base.1.4.PropertyValueTypeError", str(value), pointer)
        if pointer == "/StaticNTPServers" and self._ntp_by_dhcp():
            return _message("iLO.2.14.SNTPConfigurationManagedByDHCPAndIsReadOnly")
        return None

    def _licensed(self, feature: str) -> bool:
        features = at(self._of_role("licence") or {}, "/LicenseFeatures")
        return not isinstance(features, dict) or features.get(feature) is not False

    def _ntp_by_dhcp(self) -> bool:
        return any(
            at(found.body, "/DHCPv4/DHCPEnabled") is True and at(found.body, "/DHCPv4/UseNTPServers") is True
            for found in self._roles().values()
            if found.role == "manager_interface"
        )

    def _create_member(self, found: Found, body: Body) -> Reply:
        head = str(found.body["@odata.id"]).rstrip("/")
        number = 1
        while key_of(f"{head}/{number}") in self._bodies:
            number += 1
        uri = f"{head}/{number}"
        self.add(uri, {**body, "Id": str(number)})
        return Reply(201, (_message("Base.1.4.Created"),), location=uri)

    def _act(self, key: str, body: Body) -> Reply:
        if key.endswith("/actions/computersystem.reset"):
            if body.get("ResetType") not in ("ForceRestart", "GracefulRestart", "ColdBoot", "PushPowerButton", "On"):
                return Reply(400, (_message("Base.1.4.ActionParameterNotSupported", "ResetType"),))
            self._post_ends = self._clock() + self.post_s
            return Reply(200, (_message("Base.1.4.Success"),))
        if key.endswith("/actions/manager.reset"):
            self._reset_ilo()
            return Reply(200, (_message("iLO.2.14.ResetInProgress"),))
        return Reply(404, (_message("Base.1.4.ActionNotSupported", key.rsplit("/", 1)[-1]),))

    def _reset_ilo(self) -> None:
        self.dropped_sessions += 1
        self._down_until = self._clock() + self.ilo_reset_s
        self._mark_pending_reset("Current")

    def _mark_pending_reset(self, text: str) -> None:
        for found in self._roles().values():
            for pointer in ("/Oem/Hpe/ConfigurationSettings", "/ConfigurationSettings"):
                if found.role in ("manager", "network_protocol", "date_time") and find(found.body, pointer)[0]:
                    _merge(found.body, nest(((pointer, text),)))

    # -- POST -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Ends a POST whose time is over: pending values are tried, and the verdict is written."""
        if self._post_ends is None or self._clock() < self._post_ends:
            return
        self._post_ends = None
        self.posts += 1
        bios, settings = self._of_role("bios"), self._of_role("bios_settings")
        if bios is None or settings is None:
            return
        current = cast("dict[str, Setting]", bios.setdefault("Attributes", {}))
        asked = cast("dict[str, Setting]", settings.setdefault("Attributes", {}))
        wanted = {name: value for name, value in asked.items() if current.get(name) != value}
        after, refused = _tried(self._registry(str(bios.get("AttributeRegistry", ""))), current, wanted)
        bios["Attributes"], settings["Attributes"] = cast(Body, after), cast(Body, dict(after))
        verdict: list[Json] = [{"MessageId": "Base.1.0.Success"}]
        verdict += [
            {"MessageId": f"Base.1.0.{name}", "MessageArgs": [one], "RelatedProperties": [f"#/{one}"]}
            for one, name in refused
        ]
        # Each POST has a time of its own, even where two end within one second: it is how they are told apart.
        now = max(datetime.datetime.now(datetime.UTC).replace(microsecond=0), self._last_post + _SECOND)
        self._last_post = now
        mark: Body = {
            "Messages": verdict,
            "Time": now.isoformat(),
            "ETag": f"{zlib.crc32(canonical(cast(Body, after))):08X}",
        }
        _merge(bios, {"@Redfish.Settings": mark})

    def _registry(self, identity: str) -> Registry | None:
        for key, body in self._bodies.items():
            if "RegistryEntries" in body and (body.get("Id") == identity or key.endswith(identity.casefold())):
                return read_registry(body)
        return None


def _tried(
    registry: Registry | None, current: dict[str, Setting], wanted: dict[str, Setting]
) -> tuple[dict[str, Setting], list[tuple[str, str]]]:
    """What POST makes of pending values: the values afterwards, and each refused one with its message."""
    settled = settle(registry or Registry("", {}, ()), current, wanted)
    return settled.values, [(name, _verdict_on(name, current, why)) for name, why in settled.refused.items()]


def _verdict_on(name: str, current: dict[str, Setting], why: str) -> str:
    if name not in current:
        return "PropertyUnknown"
    return "PropertyNotWritable" if "read-only" in why or "locked" in why else "PropertyValueNotInList"


def _writable(role: str, pointer: str) -> Member | None:
    found = [one for one in MEMBERS if one.role == role and one.settable and one.pointer == pointer]
    if not found and pointer.startswith("/TimeZone"):
        found = [one for one in MEMBERS if one.role == role and one.pointer == "/TimeZone/Index"]
    return found[0] if found else None


def _leaves(body: Body, head: str = "") -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for name, value in body.items():
        pointer = f"{head}/{name}"
        found += _leaves(value, pointer) if isinstance(value, dict) and value else [(pointer, value)]
    return found


def _merge(body: Body, patch: Body) -> None:
    for name, value in patch.items():
        inner = body.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            _merge(inner, value)
        else:
            body[name] = copy.deepcopy(value)


def _moved(value: Any, reads: int) -> Any:
    """Clocks and readings as they are at the n-th read: none is twice the same."""
    if isinstance(value, list):
        return [_moved(one, reads) for one in value]
    if not isinstance(value, dict):
        return value
    for name, inner in value.items():
        if name in _CLOCKS and isinstance(inner, str) and inner[:2] == "20":
            value[name] = _later(inner, reads)
        elif name in _READINGS and isinstance(inner, int):
            value[name] = inner + reads % 7
        elif name == "CurrentPowerOnTimeSeconds" and isinstance(inner, int):
            value[name] = inner + reads
        elif isinstance(inner, dict | list) and name != "@Redfish.Settings":
            value[name] = _moved(inner, reads)
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
