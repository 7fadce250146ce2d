"""What the BIOS of an iLO's system means: values, what waits, the verdict, and what stands beside them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from auditor.model.resource import Address, Attribute, Resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Waiting
from auditor.model.value import Boolean, Many, Number, Secret, Text, Undetermined, Value, texts
from auditor.surfaces.ilo.bodies import Bodies, attributes_of, first, listed, place_of, resource_of, text_at, unique
from auditor.surfaces.ilo.body import Body, Json, at, escape, find
from auditor.surfaces.ilo.kinds import STATE_OF_BIOS
from auditor.surfaces.ilo.links import Found
from auditor.surfaces.ilo.registry import Registry, Setting, alike

_NOT_COMPARED: Final = frozenset({
    "EraseUserDefaults", "ProductId", "RestoreDefaults", "RestoreManufacturingDefaults", "RomSelection",
    "SaveUserDefaults", "SecureBootStatus", "SerialNumber", "ServerConfigLockStatus", "SgxOwnerEpochEncrypt",
    "Tpm20SoftwareInterfaceStatus", "Tpm2Operation", "TpmChipId", "TpmFips", "TpmFipsModeSwitch",
    "TpmModeSwitchOperation", "TpmOperation", "TpmState", "TpmType", "UserDefaultsState",
})  # fmt: skip
"""What the registries of iLO 5, 6 and 7 call unique, read-only, fixed or only written: where none says so itself."""
_ABOUT: Final = frozenset({"AttributeRegistry", "Description", "Id", "Modified", "Name", "Type"})
"""Members of iLO 4's flat BIOS resource that are no attributes."""


def boots(bodies: Bodies) -> Iterable[Resource]:
    """What each BIOS keeps beside its attributes."""
    kind, taken = "ilo.boot", set[str]()
    for bios in bodies.of("bios"):
        attributes = [
            attribute
            for role in ("bios_boot", "bios_tls", "bios_kms", "bios_lock")
            for attribute in attributes_of(bodies, kind, role, first(bodies.of(role, bios.owner)))
        ]
        yield from resource_of(kind, unique(taken, bios.owner), attributes, place_of(bodies, bios))


def attributes_at(body: Body) -> str:
    """The pointer of the object that holds the BIOS attributes: the whole body on iLO 4, which names no such object."""
    flat = "Attributes" not in body and text_at(body, "/Type").startswith("HpBios.")
    return "" if flat else "/Attributes"


def holds_attributes(body: Body) -> bool:
    """Whether a body is one of BIOS settings at all."""
    return isinstance(at(body, attributes_at(body)), dict)


def settings(body: Body | None) -> dict[str, Setting]:
    """The BIOS attributes of a body; values that are no plain ones are left out."""
    values = at(body, attributes_at(body)) if body else None
    if not isinstance(values, dict):
        return {}
    if "Attributes" not in (body or {}):
        values = {name: value for name, value in values.items() if name not in _ABOUT and not name.startswith("@")}
    return {name: value for name, value in values.items() if not isinstance(value, list | dict)}


def pending(current: dict[str, Setting], waiting: dict[str, Setting], registry: Registry | None) -> tuple[str, ...]:
    """The names of settings that wait for the next boot, sorted."""

    def waits(name: str, value: Setting) -> bool:
        if name in current:
            return not alike(current[name], value)
        rule = registry.rules.get(name) if registry else None
        return rule is None or not rule.write_only or value != rule.default

    return tuple(sorted(name for name, value in waiting.items() if waits(name, value)))


def waiting(bodies: Bodies) -> Iterable[Waiting]:
    """What is set on each BIOS and waits for the next boot, with the value in effect."""
    taken: set[str] = set()
    for bios in bodies.of("bios"):
        name = unique(taken, bios.owner)
        registry = bodies.registry(text_at(bios.body, "/AttributeRegistry"))
        found = first(bodies.of("bios_settings", bios.owner))
        if found is None or not _both_hold_attributes(bios, found):
            continue
        now, then = settings(bios.body), settings(found.body)
        for attribute in pending(now, then, registry):
            rule = registry.rules.get(attribute) if registry else None
            yield Waiting(
                Address("", "ilo.bios", name, attribute),
                None if now.get(attribute) is None else _plain(now[attribute]),
                None if then[attribute] is None else _plain(then[attribute]),
                "reboot" if rule is None or rule.reset_required else "none",
                place_of(bodies, found, f"{attributes_at(found.body)}/{escape(attribute)}"),
            )


def _both_hold_attributes(bios: Found, waiting: Found) -> bool:
    return holds_attributes(bios.body) and holds_attributes(waiting.body)


def bioses(bodies: Bodies) -> Iterable[Resource]:
    """The BIOS settings of each system, and what is waiting."""
    taken: set[str] = set()
    for bios in bodies.of("bios"):
        identity = text_at(bios.body, "/AttributeRegistry")
        registry = bodies.registry(identity)
        attributes = [
            Attribute(name, _plain(value), place_of(bodies, bios, f"{attributes_at(bios.body)}/{escape(name)}"))
            for name, value in settings(bios.body).items()
            if value is not None and name not in STATE_OF_BIOS and _compared(registry, name)
        ]
        attributes += [*_bios_state(bodies, bios, registry), *_verdict(bodies, bios)]
        if identity:
            attributes.append(Attribute("registry", Text(identity), place_of(bodies, bios, "/AttributeRegistry")))
        yield from resource_of("ilo.bios", unique(taken, bios.owner), attributes, place_of(bodies, bios))


def _compared(registry: Registry | None, name: str) -> bool:
    if registry is None or name not in registry.rules:
        return name not in _NOT_COMPARED
    return registry.rules[name].comparable


def _plain(value: Setting) -> Value:
    if isinstance(value, bool):
        return Boolean(value)
    if isinstance(value, int | float):
        return Number(value)
    text = str(value)
    return Secret(text) if SEALED.fullmatch(text.encode("utf-8", "replace")) else Text(text)


def _bios_state(bodies: Bodies, bios: Found, registry: Registry | None) -> list[Attribute]:
    waiting = first(bodies.of("bios_settings", bios.owner))
    if waiting is None:
        why = "the pending settings could not be read"
        return [Attribute("pending", Undetermined(why), place_of(bodies, bios, "/@Redfish.Settings"))]
    if not _both_hold_attributes(bios, waiting):
        why = "the settings that were read hold no attributes"
        return [Attribute("pending", Undetermined(why), place_of(bodies, waiting, "/Attributes"))]
    names = pending(settings(bios.body), settings(waiting.body), registry)
    return [Attribute("pending", texts(*names), place_of(bodies, waiting, "/Attributes"))]


def _verdict(bodies: Bodies, bios: Found) -> list[Attribute]:
    """Applied is exactly one ``Success``; a ``Success`` beside other messages is a change that was not taken whole."""
    pointer = "/SettingsResult/Messages" if "SettingsResult" in bios.body else "/@Redfish.Settings/Messages"
    place = place_of(bodies, bios, pointer)
    there, messages = find(bios.body, pointer)
    if not holds_attributes(bios.body):
        why = Undetermined("what stands where the BIOS should be holds no attributes")
        return [Attribute(name, why, place_of(bodies, bios)) for name in ("verdict", "rejected")]
    if there and messages is not None and not isinstance(messages, list):
        why = Undetermined("what POST said of the last change is no list of messages")
        return [Attribute("verdict", why, place)]
    named = [(_message_name(one), one if isinstance(one, dict) else {}) for one in listed(messages)]
    others = [_said(name, one) for name, one in named if name != "Success"]
    succeeded = sum(name == "Success" for name, _ in named)
    verdict = "none" if not named else "applied" if succeeded == 1 and not others else "rejected"
    return [Attribute("verdict", Text(verdict), place), Attribute("rejected", Many(tuple(map(Text, others))), place)]


def _message_name(message: Json) -> str:
    """A message's name in its registry; what names none is one too, so that it is no success."""
    told = (text_at(message, "/MessageId") or text_at(message, "/MessageID")) if isinstance(message, dict) else ""
    return re.split(r"[.:]", told)[-1] or "a message without a name"


def _said(name: str, message: Body) -> str:
    arguments = [one for one in listed(message.get("MessageArgs")) if isinstance(one, str)]
    return f"{name}: {', '.join(arguments)}" if arguments else name
