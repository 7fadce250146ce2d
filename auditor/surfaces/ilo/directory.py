"""The iLO's ResourceDirectory: every resource with its ETag, in one answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from auditor.surfaces.ilo.body import Body, at, key_of, link, path_of

MAX_LISTED: Final = 20_000
_MAX_ETAG: Final = 200
_PLACES: Final = ("/Oem/Hpe/Links/ResourceDirectory", "/Oem/Hp/Links/ResourceDirectory")


def directory_of(root: Body) -> str | None:
    """Where the service root says that the directory is, or None where it has none."""
    return next((uri for pointer in _PLACES if (uri := link(root, pointer))), None)


def listed_etags(directory: Body) -> Mapping[str, str]:
    """The ETag of each resource by its path without case and trailing slash.

    Left out, so that it is read each time: what has no ETag, what is listed twice with different ones, and what
    stands behind the first :data:`MAX_LISTED` entries.
    """
    entries = at(directory, "/Instances")
    found: dict[str, str] = {}
    doubtful: set[str] = set()
    for entry in entries[:MAX_LISTED] if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        uri, etag = entry.get("@odata.id"), entry.get("ETag")
        place = path_of(uri) if isinstance(uri, str) else None
        if place is None:
            continue
        key = key_of(place)
        usable = isinstance(etag, str) and 0 < len(etag) <= _MAX_ETAG
        if not usable or found.setdefault(key, str(etag)) != etag:
            doubtful.add(key)
    return {key: etag for key, etag in found.items() if key not in doubtful}
