"""What a virtual iLO knows and does: its resources, pending BIOS settings, POST, resets and licence."""

from __future__ import annotations

import copy
import datetime
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, cast

from auditor.surfaces.ilo.body import Body, Json, at, find, key_of, nest
from auditor.surfaces.ilo.links import Found, follow, member_uris
from auditor.surfaces.ilo.members import MEMBERS, Member
from auditor.surfaces.ilo.registry import Setting
from auditor.surfaces.ilo.simulator import creating, resets
from auditor.surfaces.ilo.simulator.motion import etag_of, moved
from auditor.surfaces.ilo.simulator.parts import Message, Part, Reply, Upload, act_for, message, receive_for
from auditor.surfaces.ilo.simulator.post import boot, registry_among

ROOT: Final = "/redfish/v1"
_DIRECTORY: Final = f"{ROOT}/resourcedirectory"
_SECOND: Final = datetime.timedelta(seconds=1)
_RESETS_ITSELF: Final = ("/SSH/", "/DisableWeakCiphers", "/TLSVersion/")
_ALSO_WRITABLE: Final = {
    "network_protocol": ("/Oem/Hpe/AlertMailSMTPAuthEnabled", "/Oem/Hpe/AlertMailSMTPAuthUser",
                         "/Oem/Hpe/AlertMailSMTPAuthPw"),
    "snmp": ("/ReadCommunities", "/TrapCommunities"),
    "snmp_destination": ("/AlertDestination", "/SNMPAlertProtocol", "/TrapCommunity", "/SecurityName"),
    "system": ("/AssetTag", "/IndicatorLED"),
}  # fmt: skip


class IloState:
    """The resources by path without case and trailing slash. Every method may be called from any thread.

    ``post_s`` and ``ilo_reset_s`` are how long POST and a reset of the iLO take, in seconds; ``clock`` only goes
    forward. ``dropped_sessions`` counts how often the iLO forgot its sessions. ``parts`` are what it does beyond
    reading, setting and its resets.
    """

    def __init__(
        self,
        resources: Mapping[str, Body],
        *,
        post_s: float = 0.3,
        ilo_reset_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
        parts: tuple[Part, ...] = (),
    ) -> None:
        self._lock = threading.RLock()
        self.clock = clock
        self._parts = (resets.PART, *parts)
        self._bodies: dict[str, Body] = {key_of(uri): copy.deepcopy(dict(body)) for uri, body in resources.items()}
        for uri in resources:
            self._bodies[key_of(uri)].setdefault("@odata.id", uri)
        self._kept: dict[str, Body] = {}
        self.post_s, self.ilo_reset_s = post_s, ilo_reset_s
        self.dropped_sessions = 0
        self.posts = 0
        self._reads = 0
        self._settling = False
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
            self._kept.pop(key_of(uri), None)
            self._recount(key_of(uri).rsplit("/", 1)[0])

    def kept(self, uri: str) -> Body:
        """What was set of a resource that it does not show (pass phrases, headers)."""
        with self._lock:
            return copy.deepcopy(self._kept.get(key_of(uri), {}))

    def has(self, uri: str) -> bool:
        """Whether there is such a resource."""
        with self._lock:
            return key_of(uri) in self._bodies

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
        return self.clock() >= self._down_until

    def types(self) -> tuple[Json, ...]:
        """The type of every resource."""
        with self._lock:
            return tuple(body.get("@odata.type") for body in self._bodies.values())

    def allowed(self, uri: str) -> tuple[str, ...]:
        """The methods that a resource or an action takes; none where there is neither."""
        with self._lock:
            key = key_of(uri)
            body, found = self._bodies.get(key), self._roles().get(key)
            role = found.role if found else ""
            reads = body is not None or key == _DIRECTORY
            posts = any(act_for(uri, (part.actions, part.creates)) for part in self._parts) or role in creating.CREATED
            posts = posts or receive_for(uri, self._parts) is not None
            patches = role not in ("", "root") and body is not None and "Members" not in body
            deletes = role in creating.DELETED
            if body is not None:
                patches = patches or act_for(_parent(uri), tuple(part.patches for part in self._parts)) is not None
                deletes = deletes or act_for(_parent(uri), tuple(part.deletes for part in self._parts)) is not None
            offers = {"GET": reads, "HEAD": reads, "POST": posts, "PATCH": patches, "DELETE": deletes}
            methods = tuple(method for method, is_there in offers.items() if is_there)
            return (*methods, "OPTIONS") if methods else ()

    def read(self, uri: str) -> Body | None:
        """The resource as a GET shows it: clocks and readings move on, ETags are given; None where there is none."""
        with self._lock:
            self._settle()
            self._reads += 1
            if key_of(uri) == _DIRECTORY:
                return self._directory()
            body = self._bodies.get(key_of(uri))
            return None if body is None else self._shown(body)

    def patch(self, uri: str, body: Body) -> Reply:
        """What a PATCH does; all of it or nothing."""
        with self._lock:
            self._settle()
            if key_of(uri) not in self._bodies:
                return _missing(uri)
            if "PATCH" not in self.allowed(uri):
                return Reply(405, (message("Base.1.4.OperationNotAllowed"),))
            body = {name: value for name, value in body.items() if not name.startswith("@odata.")}
            if not body:
                return Reply(400, (message("Base.1.4.NoOperation"),))
            if act := act_for(_parent(uri), tuple(part.patches for part in self._parts)):
                return act(self, uri, body)
            found = self._roles()[key_of(uri)]
            if found.role == "bios_settings":
                return self._patch_pending(found, body)
            return self._patch_members(found, body)

    def create(self, uri: str, body: Body) -> Reply:
        """What a POST to a collection or an action does."""
        with self._lock:
            self._settle()
            if act := act_for(uri, tuple(part.actions for part in self._parts)):
                return act(self, uri, body)
            if "/actions/" in key_of(uri):
                return Reply(404, (message("Base.1.4.ActionNotSupported", uri.rsplit("/", 1)[-1]),))
            if act := act_for(uri, tuple(part.creates for part in self._parts)):
                return act(self, uri, body)
            found = self._roles().get(key_of(uri))
            if found is None or found.role not in creating.CREATED:
                return self._no_such(uri)
            others = [self._bodies[key_of(one)] for one in member_uris(found.body) if key_of(one) in self._bodies]
            if refusals := creating.refusals(found.role, body, others):
                return Reply(400, refusals)
            return self._create_member(found, *creating.member_of(found.role, body))

    def receive(self, uri: str, fields: Mapping[str, Upload]) -> Reply:
        """What a POST of a form does."""
        with self._lock:
            self._settle()
            take = receive_for(uri, self._parts)
            if take is None:
                return self._no_such(uri)
            return take(self, uri, fields)

    def delete(self, uri: str) -> Reply:
        """What a DELETE does: destinations, subscriptions and SNMP users can be removed."""
        with self._lock:
            self._settle()
            if "DELETE" not in self.allowed(uri):
                return self._no_such(uri)
            if act := act_for(_parent(uri), tuple(part.deletes for part in self._parts)):
                return act(self, uri, {})
            self.remove(uri)
            return Reply(200, (message("Base.1.4.Success"),))

    # -- for parts ------------------------------------------------------------------------------------------------

    def start_post(self) -> None:
        """Restarts the system: its POST takes ``post_s``, and then tries the pending BIOS values."""
        self._post_ends = self.clock() + self.post_s

    def reset_ilo(self) -> None:
        """Resets the iLO: it answers nothing for ``ilo_reset_s``, and has forgotten its sessions then."""
        self.dropped_sessions += 1
        self._down_until = self.clock() + self.ilo_reset_s
        self._mark_pending_reset("Current")

    def of_role(self, role: str) -> Body | None:
        """The first resource of a role (see :mod:`auditor.surfaces.ilo.links`), itself and no copy; None: none."""
        return next((found.body for found in self._roles().values() if found.role == role), None)

    def all_of_role(self, role: str) -> tuple[Body, ...]:
        """Every resource of a role, themselves and no copies."""
        return tuple(found.body for found in self._roles().values() if found.role == role)

    def licensed(self, feature: str) -> bool:
        """Whether the licence has a feature; one that the licence does not name is there."""
        features = at(self.of_role("licence") or {}, "/LicenseFeatures")
        return not isinstance(features, dict) or features.get(feature) is not False

    # -- reading --------------------------------------------------------------------------------------------------

    def _roles(self) -> dict[str, Found]:
        return {key_of(found.uri): found for found in follow(ROOT, lambda uri: self._bodies.get(key_of(uri)))}

    def _no_such(self, uri: str) -> Reply:
        if key_of(uri) not in self._bodies:
            return _missing(uri)
        return Reply(405, (message("Base.1.4.OperationNotAllowed"),))

    def _attributes(self, role: str) -> dict[str, Setting]:
        with self._lock:
            self._settle()
            found = (self.of_role(role) or {}).get("Attributes")
            return dict(cast("dict[str, Setting]", found)) if isinstance(found, dict) else {}

    def _shown(self, body: Body) -> Body:
        shown: Body = moved(copy.deepcopy(body), self._reads)
        if str(body.get("@odata.type")).startswith("#ComputerSystem."):
            state = "InPost" if self._post_ends is not None else "FinishedPost"
            _merge(shown, {"PowerState": "On", "Oem": {"Hpe": {"PostState": state}}})
        shown["@odata.etag"] = etag_of(shown)
        return shown

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
            return Reply(400, (message("Base.1.4.PropertyMissing", "Attributes"),))
        kept = found.body.setdefault("Attributes", {})
        if isinstance(kept, dict):
            kept.update(copy.deepcopy(attributes))
        return Reply(200, (message("iLO.2.14.SystemResetRequired"),))

    def _patch_members(self, found: Found, body: Body) -> Reply:
        wanted = _leaves(body)
        messages = [refusal for pointer, value in wanted if (refusal := self._refusal(found, pointer, value))]
        messages += creating.unfit_values(found.role, body)
        if messages:
            licence = any(name.endswith("LicenseKeyRequired") for name, _ in messages)
            return Reply(403 if licence else 400, tuple(messages))
        shown, kept = creating.parted(found.role, body)
        _merge(self._bodies[key_of(found.uri)], shown)
        self._kept.setdefault(key_of(found.uri), {}).update(kept)
        hurt = [_writable(found.role, pointer) for pointer, _ in wanted]
        if not any(one and one.disruption == "iLO reset" for one in hurt):
            return Reply(200, (message("Base.1.4.Success"),))
        if any(one and any(mark in one.pointer for mark in _RESETS_ITSELF) for one in hurt):
            self.reset_ilo()
        else:
            self._mark_pending_reset("SomePendingReset")
        return Reply(200, (message("iLO.2.14.ResetRequired"),))

    def _refusal(self, found: Found, pointer: str, value: Json) -> Message | None:
        there, before = find(found.body, pointer)
        member = _writable(found.role, pointer)
        if not there:
            return message("Base.1.4.PropertyUnknown", pointer)
        if member is None and pointer not in _ALSO_WRITABLE.get(found.role, ()):
            return message("Base.1.4.PropertyNotWritable", pointer)
        if member and member.licence and not self.licensed(member.licence):
            return message("iLO.2.14.LicenseKeyRequired", member.licence)
        if pointer == "/Oem/Hpe/DowngradePolicy" and before == "NoDowngrade" != value:
            return message("iLO.2.14.DowngradePolicyAlreadySet")
        if before is not None and value is not None and type(before) is not type(value):
            return message("Base.1.4.PropertyValueTypeError", str(value), pointer)
        if pointer == "/StaticNTPServers" and self._ntp_by_dhcp():
            return message("iLO.2.14.SNTPConfigurationManagedByDHCPAndIsReadOnly")
        return None

    def _ntp_by_dhcp(self) -> bool:
        return any(
            at(found.body, "/DHCPv4/DHCPEnabled") is True and at(found.body, "/DHCPv4/UseNTPServers") is True
            for found in self._roles().values()
            if found.role == "manager_interface"
        )

    def _create_member(self, found: Found, body: Body, kept: Body) -> Reply:
        head = str(found.body["@odata.id"]).rstrip("/")
        number = 1
        while key_of(f"{head}/{number}") in self._bodies:
            number += 1
        uri = f"{head}/{number}"
        self.add(uri, {**body, "Id": str(number)})
        self._kept[key_of(uri)] = kept
        return Reply(201, (message("Base.1.4.Created"),), location=uri)

    def _mark_pending_reset(self, text: str) -> None:
        for found in self._roles().values():
            for pointer in ("/Oem/Hpe/ConfigurationSettings", "/ConfigurationSettings"):
                if found.role in ("manager", "network_protocol", "date_time") and find(found.body, pointer)[0]:
                    _merge(found.body, nest(((pointer, text),)))

    # -- POST -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """What time has brought: parts do theirs, and a POST that is over tries the pending values."""
        if not self._settling:  # a part reads the state, which settles it
            self._settling = True
            try:
                for part in self._parts:
                    if part.settle is not None:
                        part.settle(self)
            finally:
                self._settling = False
        if self._post_ends is None or self.clock() < self._post_ends:
            return
        self._post_ends = None
        self.posts += 1
        for part in self._parts:
            if part.booted is not None:
                part.booted(self)
        bios, settings = self.of_role("bios"), self.of_role("bios_settings")
        if bios is None or settings is None:
            return
        if not isinstance(bios.get("Attributes"), dict) or not isinstance(settings.get("Attributes"), dict):
            return  # of settings in another form, POST is not known to make anything
        current, asked = (
            cast("dict[str, Setting]", bios["Attributes"]),
            cast("dict[str, Setting]", settings["Attributes"]),
        )
        # Each POST has a time of its own, even where two end within one second: it is how they are told apart.
        now = max(datetime.datetime.now(datetime.UTC).replace(microsecond=0), self._last_post + _SECOND)
        self._last_post = now
        registry = registry_among(self._bodies.items(), str(bios.get("AttributeRegistry", "")))
        after, mark = boot(registry, current, asked, now)
        bios["Attributes"], settings["Attributes"] = cast(Body, after), cast(Body, dict(after))
        _merge(bios, {"@Redfish.Settings": mark})


def _missing(uri: str) -> Reply:
    return Reply(404, (message("Base.1.4.ResourceMissingAtURI", uri),))


def _parent(uri: str) -> str:
    return uri.rstrip("/").rsplit("/", 1)[0]


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
