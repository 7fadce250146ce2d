"""A resource that was asked for with what stands below it, taken apart again: each part is a document of its own. Pure.

``$expand=.`` gives the resources below one whole, one level deep and never through ``Links`` (DSP0266; HPE's
documentation asks for the update service so). A collection of at most one member need not be asked for then.
"""

from __future__ import annotations

from auditor.surfaces.ilo.body import Body, Json, key_of
from auditor.surfaces.ilo.links import links_of, member_uris, path_below, target_of


def taken_apart(role: str, body: Body) -> tuple[Body, tuple[tuple[str, Body], ...]]:
    """The body as it is without expanding, and the collections of at most one member that stood in it, by URI.

    Left out are collections that are not looked at, and larger ones: one request gives all of their members, and only
    their links are here.
    """
    wanted = {key_of(uri) for one in links_of(role) if one.members and (uri := target_of(one, body))}
    found: list[tuple[str, Body]] = []
    plain: Body = {name: _plain(value, found, wanted) for name, value in body.items()}
    return plain, tuple((uri, below) for uri, below in found if key_of(uri) in wanted)


def _plain(value: Json, found: list[tuple[str, Body]], wanted: set[str]) -> Json:
    if isinstance(value, list):
        return [_plain(one, found, wanted) for one in value]
    if not isinstance(value, dict):
        return value
    place = path_below(value)
    if place is None:
        failed = "error" in value or "@Message.ExtendedInfo" in value
        own = value.get("@odata.id")
        if isinstance(own, str) and (failed or key_of(own) in wanted):  # not whole here: its link is all that it says
            return {"@odata.id": own}
        return {name: _plain(one, found, wanted) for name, one in value.items()}
    listed, members = value.get("Members"), member_uris(value)
    told = value.get("Members@odata.count")  # without it an empty list may be one that was cut off here
    if isinstance(listed, list) and told == len(members) == len(listed) <= 1:
        found.append((place, {**value, "Members": [{"@odata.id": uri} for uri in members]}))
    return {"@odata.id": value["@odata.id"]}
