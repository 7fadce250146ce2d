"""A walk along an iLO's links: one document a resource, every resource that could not be read a gap.

A document is canonical JSON, volatile members split off and secrets sealed, so that an unchanged machine gives the
same bytes. Unknown members are kept.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

import msgspec

from auditor.errors import CollectError
from auditor.model.snapshot import Collected, Document, Fact, Gap
from auditor.model.target import Target
from auditor.surfaces.ilo.body import Body, at, key_of, path_of, same_path
from auditor.surfaces.ilo.client import ROOT, IloClient
from auditor.surfaces.ilo.directory import directory_of, listed_etags
from auditor.surfaces.ilo.documents import as_documents
from auditor.surfaces.ilo.expanded import taken_apart
from auditor.surfaces.ilo.gaps import UNUSABLE, WHOLE, gap_of, together
from auditor.surfaces.ilo.kept_registries import is_shared, shared_registry
from auditor.surfaces.ilo.links import (
    LINKS,
    MAX_OWNERS,
    Link,
    expanded_members,
    links_of,
    member_uris,
    registry_location,
    target_of,
    unusable_link,
)
from auditor.surfaces.ilo.membership import doubts
from auditor.surfaces.ilo.recall import Kept, Recall, told
from auditor.surfaces.ilo.registry import compact
from auditor.surfaces.interface import CollectOptions

MAX_DOCUMENTS: Final = 1_000
_NO_EXPAND: Final = ("absent", "unsupported", "malformed", "unreachable", "too large", "not permitted")
_REGISTRIES: Final = next(one for one in LINKS if one.to == "registries")
_FACTS: Final = (
    ("root", "redfish_version", "/RedfishVersion"),
    ("root", "vendor", "/Vendor"),
    ("root", "product", "/Product"),
    ("manager", "generation", "/Model"),
    ("manager", "firmware", "/FirmwareVersion"),
    ("system", "system_model", "/Model"),
    ("system", "system_rom", "/BiosVersion"),
    ("bios", "bios_registry", "/AttributeRegistry"),
)


class Walk:
    """One walk along the links. ``bodies`` holds what was read, by path without case and trailing slash."""

    def __init__(self, options: CollectOptions, recall: Recall | None = None, directory: str = "") -> None:
        self.bodies: dict[str, tuple[str, Body]] = {}
        self.gaps: list[Gap] = []
        self.recall = recall or Recall(None, use=False)
        self.directory = directory
        self.begun = time.time()
        self.distrusted: frozenset[str] = frozenset()
        self._etags: dict[str, str] = {}
        self._kinds: dict[str, tuple[str, ...]] = {}
        self._sealed: tuple[tuple[Document, ...], tuple[Gap, ...]] | None = None
        self._facts: dict[str, Fact] = {}
        self._options = options
        self._visited: set[tuple[str, str]] = set()
        self._reading: dict[str, asyncio.Future[Body | None]] = {}
        self._expand = False
        self._truncated = False
        self._descriptions: dict[str, Body] = {}

    async def run(self, client: IloClient) -> None:
        """Walks from the service root; what cannot be read becomes one of :attr:`gaps`."""
        self._client = client
        self._options.observe(f"reading {client.endpoint.url}")
        if self._options.remember is not None:
            self.directory = self.directory or directory_of(client.root) or ""
        if self.directory:
            await self._list()
            self._take_root()
        root = await self._read(path_of(ROOT) or ROOT, ())
        if root is None:  # then nothing was seen, and nothing is to be stored or agreed
            self.gaps = [msgspec.structs.replace(gap, what=WHOLE) for gap in self.gaps]
            return
        await self._find_directory(root)
        self._expand = isinstance(at(root, "/ProtocolFeaturesSupported/ExpandQuery"), dict)
        await self._visit("root", ROOT, root)
        await self._registries(root)
        self._options.observe(f"read {len(self.bodies)} resources in {client.gets} requests")

    def _take_root(self) -> None:
        """Spares a second look at the service root where the directory says that the first one showed all of it."""
        place = path_of(ROOT) or ROOT
        etag = self._client.root.get("@odata.etag")
        if etag and etag == self.recall.listed.get(key_of(place)) and not self.recall.holds(place):
            self._adopt(place, self._client.root)

    async def _find_directory(self, root: Body) -> None:
        """Reads the directory that the root names, where that was not done; without one all is read."""
        named = directory_of(root) or ""
        if not same_path(named, self.directory):
            self.directory, self.recall.listed = named, {}
            if named and self._options.remember is not None:
                await self._list()

    async def _list(self) -> None:
        try:
            self.recall.listed = listed_etags((await self._client.get(self.directory)).body)
        except CollectError as error:
            self.recall.listed = {}
            self._options.observe(f"all is read, since the directory cannot be: {error.what}")

    async def _visit(self, role: str, uri: str, body: Body) -> None:
        if not self._enter(role, uri, body):
            return
        places = [(one, target_of(one, body)) for one in links_of(role)]
        async with asyncio.TaskGroup() as group:
            for one, wanted in places:
                if wanted is None:
                    self._no_link(one, uri, body)
                else:
                    group.create_task(self._follow(one, wanted))

    def _enter(self, role: str, uri: str, body: Body) -> bool:
        """Whether the resource was not visited in that role before; now it was."""
        key = (role, key_of(uri))
        if key in self._visited:
            return False
        self._visited.add(key)
        self._note_facts(role, uri, body)
        return True

    async def _follow(self, one: Link, wanted: str) -> None:
        if not one.members:
            expand = self._expand and (one.whole or one.to == "registries")
            found = await self._read(wanted, one.kinds, expand=expand, needed=one.needed)
            if found is not None and one.whole:
                found, below = taken_apart(one.to, found)
                self.bodies[key_of(wanted)] = (self.bodies[key_of(wanted)][0], found)
                for place, body_below in below:
                    self._adopt(place, body_below)
            if found is not None and one.to == "registries":
                self._descriptions = _described(found)
                found = _with_links_only(found, member_uris(found)) if self._descriptions else found
                self.bodies[key_of(wanted)] = (self.bodies[key_of(wanted)][0], found)
            if found is not None:
                await self._visit(one.to, wanted, found)
            return
        members = await self._members(wanted, one)
        if not links_of(one.members):
            for place, member in members.items():
                self._enter(one.members, place, member)
            return
        async with asyncio.TaskGroup() as group:
            for place, member in list(members.items())[:MAX_OWNERS]:
                group.create_task(self._visit(one.members, place, member))

    def _no_link(self, one: Link, uri: str, body: Body) -> None:
        if (pointer := unusable_link(one, body)) is not None:
            self.gaps.append(Gap(f"{uri}#{pointer}", "malformed", UNUSABLE, "", one.kinds))
            return
        if one.quiet:
            return
        detail = "" if one.needed else "this generation has none"
        self.gaps.append(
            Gap(f"{uri}#{one.pointers[0]}", "absent", detail or "the link is missing", "", one.kinds, not one.needed)
        )

    # -- reading --------------------------------------------------------------------------------------------------

    async def _read(
        self, uri: str, kinds: tuple[str, ...], *, expand: bool = False, needed: bool = True
    ) -> Body | None:
        """The body at ``uri``, read once however many links lead there; None where it is a gap.

        What is ``needed`` hides something also where the iLO says that its licence lacks it.
        """
        key = key_of(uri)
        if key in self._reading:
            return await asyncio.shield(self._reading[key])
        if len(self._reading) >= MAX_DOCUMENTS:
            if not self._truncated:
                self._truncated = True
                self.gaps.append(Gap("further resources", "too large", f"more than {MAX_DOCUMENTS} resources"))
            return None
        waiting: asyncio.Future[Body | None] = asyncio.get_running_loop().create_future()
        self._reading[key] = waiting
        body: Body | None = None
        self._kinds[key] = kinds
        try:
            body = self._recalled(uri) or await self._ask(uri, kinds, expand=expand, needed=needed)
        finally:
            waiting.set_result(body)
        return body

    def _recalled(self, uri: str) -> Body | None:
        found = self.recall.body(uri)
        if found is None:
            return None
        self.bodies[key_of(uri)] = found
        return found[1]

    async def _ask(self, uri: str, kinds: tuple[str, ...], *, expand: bool, needed: bool) -> Body | None:
        try:
            body = (await self._client.get(uri, expand=expand)).body
        except CollectError as error:
            if expand and error.cause in _NO_EXPAND:
                return await self._ask(uri, kinds, expand=False, needed=needed)
            if error is not self._client.lost:  # which is told once, for all that was not read
                self.gaps.append(gap_of(uri, error, kinds, complete=error.cause == "licence" and not needed))
            return None
        self._keep(uri, body)
        return body

    def _keep(self, uri: str, body: Body) -> None:
        own = body.get("@odata.id")
        spelled = path_of(own) if isinstance(own, str) else None
        self.bodies[key_of(uri)] = (spelled if spelled and same_path(spelled, uri) else uri, body)
        self._etags[key_of(uri)] = str(body.get("@odata.etag", ""))

    async def _members(self, uri: str, one: Link) -> dict[str, Body]:
        """The members of a collection by URI, from the expanded collection or one by one."""
        if self._fewer_requests_expanded(uri):
            self.recall.dismiss(uri)
        collection = await self._read(uri, one.kinds, expand=self._expand, needed=one.needed)
        if collection is None:
            return {}
        if self._expand and self.recall.lists_others(uri, collection):
            plain = await self._ask(uri, one.kinds, expand=False, needed=one.needed) or {}
            if len(member_uris(plain)) > len(member_uris(collection)):
                collection = plain  # what was asked for expanded was not all
        wanted = member_uris(collection)
        keys = {key_of(place) for place in wanted}
        self.gaps += doubts(uri, one, collection)
        found: dict[str, Body] = {}
        for body in expanded_members(collection) or ():
            place = path_of(str(body.get("@odata.id", "")))
            if place is not None and key_of(place) in keys:
                self._adopt(place, body)
                found[place] = body
                keys.discard(key_of(place))
        missing = [place for place in wanted if key_of(place) in keys]
        read = {place: await self._read(place, one.kinds) for place in missing if self.recall.holds(place)}
        asked = [place for place in missing if place not in read]
        read |= zip(asked, await asyncio.gather(*(self._read(place, one.kinds) for place in asked)), strict=True)
        found |= {place: seen for place in missing if (seen := read[place]) is not None}
        self.bodies[key_of(uri)] = (self.bodies[key_of(uri)][0], _with_links_only(collection, wanted))
        return found

    def _fewer_requests_expanded(self, uri: str) -> bool:
        """Whether several members of a remembered collection must be read: one request gives them all."""
        remembered = self.recall.body(uri) if self._expand and key_of(uri) not in self._reading else None
        return remembered is not None and sum(not self.recall.holds(one) for one in member_uris(remembered[1])) > 1

    def _adopt(self, place: str, body: Body) -> None:
        """Takes a member's body out of an expanded collection as if it had been asked for."""
        if key_of(place) in self._reading:
            return
        waiting: asyncio.Future[Body | None] = asyncio.get_running_loop().create_future()
        waiting.set_result(body)
        self._reading[key_of(place)] = waiting
        self._keep(place, body)

    async def _registries(self, root: Body) -> None:
        """The attribute registry of each BIOS: from the list of registries to its description to itself."""
        listed = target_of(_REGISTRIES, root)
        wanted = {
            name
            for _, body in tuple(self.bodies.values())
            if isinstance(name := body.get("AttributeRegistry"), str) and name
        }
        if listed is None or not wanted:
            return
        collection = self.bodies.get(key_of(listed))
        for name in sorted(wanted)[:MAX_OWNERS]:
            uri = _named(collection[1], name) if collection else None
            if uri and (told := self._descriptions.get(key_of(uri))):
                self._adopt(uri, told)
            described = await self._read(uri, ("ilo.bios",)) if uri else None
            place = registry_location(described) if described else None
            if place is None:
                if collection and (uri is None or described is not None):
                    whole = not any(doubts(listed, _REGISTRIES, collection[1]))
                    why = "the BIOS's attribute registry is not offered"
                    self.gaps.append(Gap(name, "absent", why, "", ("ilo.bios",), uri is None and whole))
                continue
            etag = self.recall.listed.get(key_of(place), "")
            if self.recall.holds(place) or not is_shared(name):
                body, _ = await self._registry(place)
            else:
                body = await shared_registry(name, etag, self._options, partial(self._registry, place))
            if body is not None:
                self.bodies[key_of(place)] = (place, body)
                self._etags.setdefault(key_of(place), etag)

    async def _registry(self, place: str) -> tuple[Body | None, str]:
        """An attribute registry as it is kept, and the ETag that it bears."""
        body = await self._read(place, ("ilo.bios",))
        if body is not None and not isinstance(at(body, "/RegistryEntries/Attributes"), list):
            self.gaps.append(Gap(place, "malformed", "it is no attribute registry", "", ("ilo.bios",)))
        return None if body is None else compact(body), self._etags.get(key_of(place), "")

    # -- the result -----------------------------------------------------------------------------------------------

    def _note_facts(self, role: str, uri: str, body: Body) -> None:
        for frm, name, pointer in _FACTS:
            value = at(body, pointer)
            if frm == role and isinstance(value, str) and value:
                self._facts.setdefault(name, Fact(name, value[:200], f"{uri}#{pointer}"))

    @property
    def outdated(self) -> bool:
        """Whether what was remembered does not go with what was read anew, so that all must be read."""
        return self.recall.outdated(self.bodies, self._documents()[0], self.firmware)

    @property
    def firmware(self) -> str:
        """The iLO's firmware, as it says; empty where it does not."""
        fact = self._facts.get("firmware")
        return str(fact.value) if fact else ""

    async def doubt(self) -> None:
        """Notes whose ETag stayed the same although the content changed; asked once more, since both may be new."""
        suspects = self.recall.suspects(self._documents()[0])
        if suspects:
            before = self.recall.listed
            await self._list()
            suspects = frozenset(key for key in suspects if self.recall.listed.get(key) == before[key])
            self.recall.listed = before
        self.distrusted = suspects | self.recall.distrusted(self.firmware)
        self.gaps += told(self.distrusted, self.bodies, self._kinds)

    def kept(self) -> tuple[Kept, ...]:
        """What to remember: nothing that holds a gap, nothing whose ETag is not to be trusted."""
        hidden = {key_of(gap.what) for gap in self.gaps if "#" not in gap.what}
        return self.recall.kept(self.bodies, self._etags, self._documents()[0], self.distrusted | hidden)

    def _documents(self) -> tuple[tuple[Document, ...], tuple[Gap, ...]]:
        if self._sealed is None:
            self._sealed = as_documents(self.bodies.values(), self._options.sealer, self.recall.content())
        return self._sealed

    def collected(self, target: Target) -> Collected:
        """What the walk found, sealed and sorted."""
        documents, doubles = self._documents()
        gaps = {*together(self.gaps), *doubles}
        ordered = tuple(sorted(gaps, key=lambda gap: (gap.what != WHOLE, gap.what, gap.cause, gap.detail)))
        facts = tuple(self._facts[name] for name in sorted(self._facts))
        return Collected(target.name, "ilo", documents, facts, ordered)


def _with_links_only(collection: Body, wanted: tuple[str, ...]) -> Body:
    """An expanded collection as it is without expanding: its members have documents of their own."""
    return {**collection, "Members": [{"@odata.id": uri} for uri in wanted]}


def _described(registries: Body) -> dict[str, Body]:
    """The descriptions of registries that an expanded list holds, by path without case and trailing slash."""
    listed = at(registries, "/Members")
    told = [one for one in listed if isinstance(one, dict) and "Location" in one] if isinstance(listed, list) else []
    return {key_of(str(one.get("@odata.id", ""))): one for one in told}


def _named(collection: Body, registry: str) -> str | None:
    """The member of the list of registries that describes this one."""
    name = registry.casefold()
    return next((uri for uri in member_uris(collection) if key_of(uri).rsplit("/", 1)[-1] == name), None)
