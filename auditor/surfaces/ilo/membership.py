"""Whether a collection shows all of its members: what says that it does not is a gap over what they may be. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.model.snapshot import Gap
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.links import MAX_MEMBERS, MAX_OWNERS, Link, member_uris

_ANY = Link("", "", (), ())
_NEXT = ("Members@odata.nextLink", "@odata.nextLink")


def doubts(uri: str, one: Link, collection: Body) -> Iterator[Gap]:
    """The gaps of a collection that was read at ``uri`` by the link ``one``; none where it shows all there is."""
    members, told = collection.get("Members"), collection.get("Members@odata.count")
    if not isinstance(members, list):
        yield Gap(uri, "malformed", "a collection without Members", "", one.kinds)
        return
    named = len(member_uris(collection))
    if len(members) > MAX_MEMBERS:
        yield too_many(uri, one, MAX_MEMBERS)
    elif named < len(members):
        yield Gap(uri, "malformed", f"{len(members) - named} members name no resource", "", one.kinds)
    if one.members in ("manager", "system", "chassis") and named > MAX_OWNERS:
        yield too_many(uri, one, MAX_OWNERS)
    if isinstance(told, int) and told > len(members):
        yield Gap(uri, "undetermined", f"{told} members are told and {len(members)} listed", "", one.kinds)
    if any(name in collection for name in _NEXT):
        yield Gap(uri, "undetermined", "the collection goes on elsewhere", "", one.kinds)
    if one.filled and not members:
        yield Gap(uri, "undetermined", "it lists none, and every iLO has some", "Look again later.", one.kinds)


def shows_all(collection: Body) -> bool:
    """Whether a collection shows all of its members."""
    return next(doubts("", _ANY, collection), None) is None


def too_many(uri: str, one: Link, limit: int) -> Gap:
    """The gap of what stands behind the first ``limit`` members."""
    return Gap(uri, "too large", f"more than {limit} members; the others were not read", "", one.kinds)
