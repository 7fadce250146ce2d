"""What a virtual iLO is served from: a personality, a folder of bodies, bodies that are given, or a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from auditor.errors import InputError
from auditor.surfaces.ilo.body import Body, MalformedError, decode, key_of
from auditor.surfaces.ilo.simulator.personalities import NAMES, build
from auditor.surfaces.ilo.simulator.state import ROOT

_MAX_FILES: Final = 5_000


def load(source: str | Path | Mapping[str, Body]) -> dict[str, Body]:
    """The bodies by URI of a personality, a folder of JSON, or bodies that are given.

    Errors:
        InputError: there is no such personality or folder, or the folder holds no Redfish service root.
    """
    if isinstance(source, Mapping):
        found = dict(source)
    elif str(source) in NAMES:
        return build(str(source))
    elif Path(source).is_dir():
        found = _folder(Path(source))
    else:
        raise InputError(
            f"{str(source)!r} is neither a personality ({', '.join(NAMES)}) nor a folder",
            next_step="Give the folder that holds the bodies as JSON files.",
        )
    if not any(key_of(uri) == ROOT for uri in found):
        raise InputError(
            f"{source if not isinstance(source, Mapping) else 'the snapshot'} holds no Redfish root",
            next_step="The root is the body of /redfish/v1: redfish/v1/index.json, or a JSON file that says so itself.",
        )
    return found


def _folder(folder: Path) -> dict[str, Body]:
    found: dict[str, Body] = {}
    for number, path in enumerate(sorted(folder.rglob("*.json"))):
        if number >= _MAX_FILES:
            raise InputError(f"{folder} holds more than {_MAX_FILES} files")
        try:
            body = decode(path.read_bytes())
        except (MalformedError, OSError):
            continue  # not a body: a virtual iLO serves what can be served
        uri = body.get("@odata.id")
        if not isinstance(uri, str):
            uri = _uri_of(path.relative_to(folder).as_posix())
        if uri is not None and key_of(uri).startswith(ROOT):
            found[uri] = body
    return found


def _uri_of(path: str) -> str | None:
    """A file's place as a URI: ``…/redfish/v1/X/index.json`` and ``…/redfish/v1/X.json`` are ``/redfish/v1/X``."""
    _, mark, tail = f"/{path}".partition(f"{ROOT}/")
    return f"{ROOT}/{tail.removesuffix('.json').removesuffix('/index')}" if mark else None


def documents(contents: Mapping[str, bytes]) -> dict[str, Body]:
    """The bodies of a snapshot's documents, by name, for serving them."""
    return {name: decode(content) for name, content in contents.items() if name.startswith("/redfish/")}
