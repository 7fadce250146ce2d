"""The documents that every Redfish service has beside its resources: version, OData service and metadata."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Final

from auditor.surfaces.ilo.body import Body, Json

ROOT: Final = "/redfish/v1"
METADATA: Final = f"{ROOT}/$metadata"
ODATA: Final = f"{ROOT}/odata"
_EDMX: Final = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM: Final = "http://docs.oasis-open.org/odata/ns/edm"


def versions() -> Body:
    """What stands at ``/redfish``."""
    return {"v1": f"{ROOT}/"}


def odata(root: Body) -> Body:
    """The OData service document: the root, and what it links to."""
    linked = {
        name: one["@odata.id"] for name, one in root.items() if isinstance(one, dict) and set(one) == {"@odata.id"}
    }
    value: list[Json] = [
        {"kind": "Singleton", "name": name, "url": url} for name, url in ({"Service": f"{ROOT}/", **linked}).items()
    ]
    return {"@odata.context": METADATA, "value": value}


def metadata(types: Iterable[Json]) -> bytes:
    """The OData metadata document for resources of these types (``#Manager.v1_5_1.Manager``)."""
    ET.register_namespace("edmx", _EDMX)
    whole = ET.Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    spaces = sorted({one.lstrip("#").rsplit(".", 1)[0] for one in types if isinstance(one, str) and "." in one})
    for space in spaces:
        name = space.split(".", 1)[0]
        reference = ET.SubElement(whole, f"{{{_EDMX}}}Reference", Uri=schema_of(f"#{name}.{name}").rstrip("/"))
        ET.SubElement(reference, f"{{{_EDMX}}}Include", Namespace=space)
    services = ET.SubElement(whole, f"{{{_EDMX}}}DataServices")
    schema = ET.SubElement(services, f"{{{_EDM}}}Schema", Namespace="Service")
    root = next((one for one in spaces if one.startswith("ServiceRoot.")), "ServiceRoot")
    ET.SubElement(schema, f"{{{_EDM}}}EntityContainer", Name="Service", Extends=f"{root}.ServiceContainer")
    return bytes(ET.tostring(whole, encoding="utf-8", xml_declaration=True))


def schema_of(type_: str) -> str:
    """Where an iLO says that the schema of a type stands."""
    return f"{ROOT}/SchemaStore/en/{type_.lstrip('#').split('.', 1)[0]}.json/"
