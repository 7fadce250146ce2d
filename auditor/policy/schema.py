"""JSON Schemas of the files that people write, for their editors; shipped in ``auditor/policy/schemas``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from auditor.policy.forms import BaselineForm, CatalogueForm, PolicyForm, WaiversForm

FORMS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "policy": PolicyForm,
    "baseline": BaselineForm,
    "waivers": WaiversForm,
    "firmware-catalogue": CatalogueForm,
}
FOLDER: Final = Path(__file__).parent / "schemas"


def schema_of(name: str) -> bytes:
    """The schema of a name of :data:`FORMS`, as it should stand in its file."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(FORMS[name])}
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


def write_schemas(folder: Path = FOLDER) -> None:
    """Writes every schema anew: after a change of the forms."""
    folder.mkdir(exist_ok=True)
    for name in FORMS:
        (folder / f"{name}.json").write_bytes(schema_of(name))


if __name__ == "__main__":
    write_schemas()
