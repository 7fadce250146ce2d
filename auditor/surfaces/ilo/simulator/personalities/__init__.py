"""Descriptions of a virtual iLO's resources: one base, and what each generation has otherwise."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final, cast

import msgspec

from auditor.surfaces.ilo.body import Body, Json, key_of

NAMES: Final = ("ilo5", "ilo6", "ilo7")
_ROOT: Final = "/redfish/v1"
_ARROW: Final = "-> "


def build(name: str) -> dict[str, Body]:
    """The resources of a personality by URI as the service spells them, ready to be served.

    Errors:
        KeyError: there is no such personality.
    """
    if name not in NAMES:
        raise KeyError(name)
    base = _load("base.json")
    for path, patch in _load(f"{name}.json").items():
        if patch is None:
            del base[path]
        else:
            base[path] = _merged(base.get(path), patch)
    tree = {uri_of(path): _expanded(body) for path, body in base.items()}
    _add_bios(tree)
    for uri, body in tree.items():
        body["@odata.id"] = uri
    fill_collections(tree)
    return tree


def fill_collections(tree: dict[str, Body]) -> None:
    """Gives collections (``Members`` is ``*``) the members that stand below them."""
    for uri, body in tree.items():
        if body.get("Members") != "*":
            continue
        head = key_of(uri) + "/"
        members = [one for one in tree if key_of(one).startswith(head) and "/" not in key_of(one)[len(head) :]]
        body["Members"] = [{"@odata.id": one} for one in members]
        body["Members@odata.count"] = len(members)


def uri_of(path: str) -> str:
    """A path of the description as a URI."""
    return f"{_ROOT}/{path}" if path else _ROOT


class _Described(msgspec.Struct, frozen=True):
    """A BIOS: attributes (name, type, default, values, extras), maps that force values, locks, and own values."""

    attributes: tuple[tuple[Any, ...], ...]
    forces: tuple[tuple[str, Any, dict[str, Any]], ...]
    locks: dict[str, tuple[str, ...]]
    current: dict[str, Any]


def _read(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()


def _load(name: str) -> dict[str, Json]:
    return msgspec.json.decode(_read(name), type=dict[str, Any])


def _merged(value: Json, patch: Json) -> Json:
    """JSON Merge Patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, inner in patch.items():
        if inner is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), inner)
    return result


def _expanded(value: Json) -> Body:
    def walk(one: Json) -> Json:
        if isinstance(one, str) and one.startswith(_ARROW):
            return {"@odata.id": uri_of(one.removeprefix(_ARROW))}
        if isinstance(one, list):
            return [walk(item) for item in one]
        if isinstance(one, dict):
            return {name: walk(item) for name, item in one.items()}
        return one

    return cast(Body, walk(value))


def _add_bios(tree: dict[str, Body]) -> None:
    """The BIOS's values, its registry, and the registry's place among the registries."""
    described = msgspec.json.decode(_read("registry.json"), type=_Described)
    bios, settings = tree[uri_of("systems/1/bios/")], tree[uri_of("systems/1/bios/settings/")]
    identity = str(bios["AttributeRegistry"])
    values = _defaults(described)
    bios["Attributes"], settings["Attributes"] = dict(values), dict(values)
    place = uri_of(f"registrystore/registries/en/{identity.casefold()}")
    tree[uri_of(f"Registries/{identity}")] = {
        "@odata.type": "#MessageRegistryFile.v1_0_4.MessageRegistryFile",
        "Id": identity,
        "Languages": ["en"],
        "Location": [{"Language": "en", "Uri": place}],
        "Name": f"{identity} Message Registry File",
        "Registry": identity,
    }
    tree[place] = _registry(identity, described)


def _defaults(described: _Described) -> Body:
    readable = [row for row in described.attributes if not (len(row) > 4 and row[4].get("WriteOnly"))]
    return {**{row[0]: row[2] for row in readable}, **described.current}


def _registry(identity: str, described: _Described) -> Body:
    dependencies: list[Json] = [
        _map(source, "EQU", value, name, "CurrentValue", wanted)
        for source, value, forced in described.forces
        for name, wanted in forced.items()
    ]
    dependencies += [
        _map(source, "NEQ", "Custom", name, "GrayOut", True)
        for source, names in described.locks.items()
        for name in names
    ]
    return {
        "@odata.type": "#AttributeRegistry.v1_2_1.AttributeRegistry",
        "Id": identity,
        "Language": "en",
        "Name": f"{identity} BIOS Attribute Registry",
        "OwningEntity": "simulated",
        "RegistryVersion": "1.0.0",
        "RegistryEntries": {
            "Attributes": [_attribute(row) for row in described.attributes],
            "Dependencies": dependencies,
            "Menus": [],
        },
    }


def _attribute(row: tuple[Any, ...]) -> Body:
    name, type_, default = row[:3]
    entry: Body = {
        "AttributeName": name,
        "DisplayName": name,
        "HelpText": f"What the simulated BIOS does about {name}.",
        "Type": type_,
        "DefaultValue": default,
        "ReadOnly": False,
        "GrayOut": False,
        "MenuPath": "./",
    }
    if len(row) > 3 and row[3] is not None:
        entry["Value"] = [{"ValueName": value, "ValueDisplayName": value} for value in row[3]]
    if len(row) > 4:
        entry.update(row[4])
    return entry


def _map(source: Json, operator: str, value: Json, name: str, property_: str, wanted: Json) -> Body:
    condition: Body = {
        "MapFromAttribute": source,
        "MapFromProperty": "CurrentValue",
        "MapFromCondition": operator,
        "MapFromValue": value,
    }
    inner: Body = {
        "MapFrom": [condition],
        "MapToAttribute": name,
        "MapToProperty": property_,
        "MapToValue": wanted,
    }
    return {"DependencyFor": source, "Type": "Map", "Dependency": inner}
