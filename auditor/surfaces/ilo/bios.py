"""What the BIOS of an iLO's system means: values, what waits, the verdict, and what stands beside them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, cast

import msgspec

from auditor.model.resource import Address, Attribute, Resource
from auditor.model.secret import SEALED
from auditor.model.snapshot import Gap, Waiting
from auditor.model.value import Boolean, Many, Number, Secret, Text, Undetermined, Value, texts
from auditor.surfaces.ilo.bodies import Bodies, attributes_of, first, listed, place_of, resource_of, text_at, unique
from auditor.surfaces.ilo.body import Body, Json, at, canonical, escape, find, same_path
from auditor.surfaces.ilo.kinds import STATE_OF_BIOS
from auditor.surfaces.ilo.links import Found, links_of, target_of
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
_KINDS: Final = ("ilo.bios",)
_LOOK: Final = "Look at the iLO itself for what waits for the next boot."
_NAMED: Final = 8


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
    return {name: value for name, value in _told(body).items() if not isinstance(value, list | dict)}


def _told(body: Body | None) -> Body:
    """The BIOS attributes of a body, whatever their values are; where they stand among other members, plain ones."""
    values = at(body, attributes_at(body)) if body else None
    if not isinstance(values, dict) or "Attributes" in (body or {}):
        return values if isinstance(values, dict) else {}
    about = {
        name for name, value in values.items() if name in _ABOUT or name[:1] == "@" or isinstance(value, list | dict)
    }
    return {name: value for name, value in values.items() if name not in about}


class Pending(msgspec.Struct, frozen=True):
    """The names of settings that wait for the next boot, and of those of which it is ``unclear``; both sorted."""

    waits: tuple[str, ...]
    unclear: tuple[str, ...]


def pending(bios: Body, waiting: Body, registry: Registry | None) -> Pending:
    """What waits of the pending settings in ``waiting``, the current ones being those of ``bios``.

    Unclear is a pending value that is null, a list or an object, unless the current one is the very same.
    """
    current = _told(bios)

    def waits(name: str, value: Json) -> bool:
        if name in current:
            now = current[name]
            return isinstance(now, list | dict) or not alike(now, cast(Setting, value))
        rule = registry.rules.get(name) if registry else None
        return rule is None or not rule.write_only or value != rule.default

    plain, unclear = list[str](), list[str]()
    for name, value in _told(waiting).items():
        if isinstance(value, list | dict) or value is None:
            if canonical(current.get(name)) != canonical(value):
                unclear.append(name)
        elif waits(name, value):
            plain.append(name)
    return Pending(tuple(sorted(plain)), tuple(sorted(unclear)))


def waiting(bodies: Bodies) -> Iterable[Waiting]:
    """What is set on each BIOS and waits for the next boot, with the value in effect."""
    taken: set[str] = set()
    for bios in bodies.of("bios"):
        name = unique(taken, bios.owner)
        registry = bodies.registry(text_at(bios.body, "/AttributeRegistry"))
        found = first(bodies.of("bios_settings", bios.owner))
        if found is None or doubt_of(bodies, bios):
            continue
        now, then = settings(bios.body), settings(found.body)
        listed = pending(bios.body, found.body, registry)
        for attribute in sorted((*listed.waits, *listed.unclear)):
            rule = registry.rules.get(attribute) if registry else None
            yield Waiting(
                Address("", "ilo.bios", name, attribute),
                None if now.get(attribute) is None else _plain(now[attribute]),
                _plain(then[attribute]) if attribute in listed.waits else Undetermined(_unclear((attribute,))),
                "reboot" if rule is None or rule.reset_required else "none",
                place_of(bodies, found, f"{attributes_at(found.body)}/{escape(attribute)}"),
            )


def _unclear(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"the pending value of {', '.join(one[:80] for one in names[:_NAMED])}{more} is no text, number or switch"


def doubt_of(bodies: Bodies, bios: Found) -> str:
    """Why nothing can be said of what waits on this BIOS; empty where the pending settings can be compared."""
    found = first(bodies.of("bios_settings", bios.owner))
    if found is None:
        return "the pending settings could not be read"
    if any(same_path(found.uri, one.uri) for one in bodies.of("bios")):
        return "the link to the pending settings leads to current ones"
    if not holds_attributes(bios.body) or not holds_attributes(found.body):
        return "the settings that were read hold no attributes"
    return ""


def doubts(bodies: Bodies) -> Iterable[Gap]:
    """A gap for each BIOS of which it is not known what waits, where reading it went well and told nobody so."""
    for bios in bodies.of("bios"):
        link = f"{bodies.name(bios.uri)}#/@Redfish.Settings/SettingsObject"
        target = next(
            (uri for one in links_of("bios") if one.to == "bios_settings" and (uri := target_of(one, bios.body))), None
        )
        found = first(bodies.of("bios_settings", bios.owner))
        if found is None and target is not None and bodies.get(target) is not None:
            yield Gap(link, "not recognised", "the link leads to the pending settings of another system", _LOOK, _KINDS)
        elif found is not None and any(same_path(found.uri, one.uri) for one in bodies.of("bios")):
            yield Gap(link, "not recognised", doubt_of(bodies, bios), _LOOK, _KINDS)
        elif found is not None and (unclear := pending(bios.body, found.body, None).unclear):
            yield Gap(bodies.name(found.uri), "not recognised", _unclear(unclear), _LOOK, _KINDS)


def bioses(bodies: Bodies) -> Iterable[Resource]:
    """The BIOS settings of each system, and what is waiting."""
    taken: set[str] = set()
    for bios in bodies.of("bios"):
        identity = text_at(bios.body, "/AttributeRegistry")
        registry = bodies.registry(identity)
        attributes = [
            Attribute(name, _value(value), place_of(bodies, bios, f"{attributes_at(bios.body)}/{escape(name)}"))
            for name, value in _told(bios.body).items()
            if name not in STATE_OF_BIOS and _compared(registry, name)
        ]
        attributes += [*_bios_state(bodies, bios, registry), *_verdict(bodies, bios)]
        if identity:
            attributes.append(Attribute("registry", Text(identity), place_of(bodies, bios, "/AttributeRegistry")))
        yield from resource_of("ilo.bios", unique(taken, bios.owner), attributes, place_of(bodies, bios))


def _compared(registry: Registry | None, name: str) -> bool:
    if registry is None or name not in registry.rules:
        return name not in _NOT_COMPARED
    return registry.rules[name].comparable


def _value(value: Json) -> Value:
    if value is None or isinstance(value, list | dict):
        return Undetermined("the iLO shows no text, number or switch for it")
    return _plain(value)


def _plain(value: Setting) -> Value:
    if isinstance(value, bool):
        return Boolean(value)
    if isinstance(value, int | float):
        return Number(value)
    text = str(value)
    return Secret(text) if SEALED.fullmatch(text.encode("utf-8", "replace")) else Text(text)


def _bios_state(bodies: Bodies, bios: Found, registry: Registry | None) -> list[Attribute]:
    found = first(bodies.of("bios_settings", bios.owner))
    if why := doubt_of(bodies, bios):
        place = place_of(bodies, found, "/Attributes") or place_of(bodies, bios, "/@Redfish.Settings")
        return [Attribute("pending", Undetermined(why), place)]
    listed = pending(bios.body, found.body if found else {}, registry)
    sure = listed.waits or not listed.unclear  # what surely waits is reason enough, and is told by name
    value = texts(*listed.waits) if sure else Undetermined(_unclear(listed.unclear))
    return [Attribute("pending", value, place_of(bodies, found, "/Attributes"))]


def _verdict(bodies: Bodies, bios: Found) -> list[Attribute]:
    """Applied is exactly one ``Success``; a ``Success`` beside other messages is a change that was not taken whole."""
    head = "SettingsResult" if "SettingsResult" in bios.body else "@Redfish.Settings"
    pointer = f"/{head}/Messages"
    place = place_of(bodies, bios, pointer)
    there, messages = find(bios.body, pointer)
    if not holds_attributes(bios.body):
        why = Undetermined("what stands where the BIOS should be holds no attributes")
        return [Attribute(name, why, place_of(bodies, bios)) for name in ("verdict", "rejected")]
    if not isinstance(bios.body.get(head), dict):
        return [Attribute("verdict", Undetermined("the iLO does not show what POST said of the last change"), place)]
    if there and messages is not None and not isinstance(messages, list):
        why = Undetermined("what POST said of the last change is no list of messages")
        return [Attribute("verdict", why, place)]
    named = [(_message_name(one), one if isinstance(one, dict) else {}) for one in listed(messages)]
    others = [_said(name, one) for name, one in named if name != "Success"]
    succeeded = sum(name == "Success" for name, _ in named)
    if succeeded > 1:
        others.append(f"Success, {succeeded} times")
    verdict = "none" if not named else "applied" if succeeded == 1 and not others else "rejected"
    return [Attribute("verdict", Text(verdict), place), Attribute("rejected", Many(tuple(map(Text, others))), place)]


def _message_name(message: Json) -> str:
    """A message's name in its registry; what names none is one too, so that it is no success."""
    told = (text_at(message, "/MessageId") or text_at(message, "/MessageID")) if isinstance(message, dict) else ""
    return re.split(r"[.:]", told)[-1] or "a message without a name"


def _said(name: str, message: Body) -> str:
    arguments = [one for one in listed(message.get("MessageArgs")) if isinstance(one, str)]
    return f"{name}: {', '.join(arguments)}" if arguments else name
