"""Collecting an iLO: follows links, one document a resource, every resource that could not be read a gap.

A document is canonical JSON, volatile members split off and secrets sealed, so that an unchanged machine gives the
same bytes. Unknown members are kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, get_args

import msgspec

from auditor.errors import CollectError, InputError
from auditor.model.snapshot import Cause, Collected, Document, Fact, Gap
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.ilo.body import Body, at, key_of, path_of, same_path
from auditor.surfaces.ilo.client import ROOT, IloClient, credentials_of
from auditor.surfaces.ilo.directory import directory_of, listed_etags
from auditor.surfaces.ilo.documents import as_documents
from auditor.surfaces.ilo.expanded import taken_apart
from auditor.surfaces.ilo.gaps import UNUSABLE, late, no_turn, together
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
from auditor.surfaces.ilo.recall import Kept, Memory, Recall, told
from auditor.surfaces.ilo.registry import compact
from auditor.surfaces.ilo.remembered import FORMAT, Shelf
from auditor.surfaces.interface import CollectOptions

MAX_DOCUMENTS: Final = 1_000
WHOLE: Final = "whole target"
_REST: Final = "the rest of the target"
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


Beside = Callable[[IloClient], Awaitable[None]]


async def collect(target: Target, options: CollectOptions, beside: Beside | None = None) -> Collected:
    """All that can be read of the iLO. A failure is a gap with its cause; nothing is raised for one.

    ``beside`` asks something else first, with the same log-in.

    Errors:
        InputError: the target is no iLO, its address is none, or its authority file cannot be used.
    """
    endpoint = target.location
    if not isinstance(endpoint, IloEndpoint):
        raise InputError(f"{target.name} is not reached as an iLO", next_step="Give it a URI  ilo://HOST[:PORT]")
    if not endpoint.verify:
        options.observe(f"{target.name}: WARNING: the certificate is not verified, as the inventory says")
    walk = _Walk(options)
    ours: IloClient | None = None
    try:
        async with asyncio.timeout(options.deadline_s):
            credentials = credentials_of(endpoint, options.environment)
            shelf = _shelf(target.name, endpoint, credentials.username, options)
            memory = shelf.read() if shelf else None
            usable = memory is not None and memory.is_fresh(time.time(), options.full_after_s)
            request_s = min(30.0, options.deadline_s / 4)  # so that one late resource, tried twice, leaves time
            sessions = memory.sessions if memory and usable else ""
            ours = IloClient(endpoint, credentials, request_s=request_s, sessions=sessions, log_ins=options.log_ins)
            async with ours as client:
                if beside is not None:
                    await beside(client)
                for use in (True, False) if usable else (False,):
                    walk = _Walk(options, Recall(memory, use=use), memory.directory if memory and use else "")
                    await walk.run(client)
                    if client.lost is not None or not walk.outdated:
                        break
                if client.lost is not None:
                    raise client.lost
                if shelf:
                    await _remember(shelf, walk, client, memory, options)
    except CollectError as error:
        walk.gaps.append(_gap(_REST if walk.bodies else WHOLE, error, ()))
    except TimeoutError:
        if ours is not None and ours.waiting:
            walk.gaps.append(no_turn(WHOLE, options.deadline_s))
        else:
            walk.gaps.append(late(_REST if walk.bodies else WHOLE, options.deadline_s, len(walk.bodies)))
    return walk.collected(target)


async def _remember(
    shelf: Shelf, walk: _Walk, client: IloClient, memory: Memory | None, options: CollectOptions
) -> None:
    """Keeps what was read for the next time; what was told of a lying ETag stands in the walk's gaps then."""
    await walk.doubt()
    if not walk.bodies:
        return
    spared = walk.recall.used and memory
    kept = Memory(
        FORMAT,
        shelf.whose,
        memory.full_at if spared and memory else walk.begun,
        walk.directory,
        client.sessions,
        walk.kept(),
        walk.firmware,
        tuple(sorted(walk.distrusted)),
    )
    try:
        if kept != memory:
            shelf.write(kept)
    except OSError as error:
        options.observe(f"not remembered for the next time: {error.strerror or error}")


def _shelf(target: str, endpoint: IloEndpoint, username: str, options: CollectOptions) -> Shelf | None:
    if options.remember is None:
        return None
    return Shelf(options.remember, target, endpoint, username, options.sealer)


class _Walk:
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
        if (role, key_of(uri)) in self._visited:
            return
        self._visited.add((role, key_of(uri)))
        self._note_facts(role, uri, body)
        async with asyncio.TaskGroup() as group:
            for one in links_of(role):
                group.create_task(self._follow(one, uri, body))

    async def _follow(self, one: Link, uri: str, body: Body) -> None:
        wanted = target_of(one, body)
        if wanted is None:
            self._no_link(one, uri, body)
            return
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
        async with asyncio.TaskGroup() as group:
            for place, member in list(members.items())[: MAX_OWNERS if links_of(one.members) else None]:
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
                self.gaps.append(_gap(uri, error, kinds, complete=error.cause == "licence" and not needed))
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
        self.gaps += doubts(uri, one, collection)
        found: dict[str, Body] = {}
        for body in expanded_members(collection) or ():
            place = path_of(str(body.get("@odata.id", "")))
            if place is not None and any(same_path(place, one) for one in wanted):
                self._adopt(place, body)
                found[place] = body
        missing = [place for place in wanted if not any(same_path(place, one) for one in found)]
        read = await asyncio.gather(*(self._read(place, one.kinds) for place in missing))
        found |= {place: body for place, body in zip(missing, read, strict=True) if body is not None}
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


def _gap(what: str, error: CollectError, kinds: tuple[str, ...], *, complete: bool = False) -> Gap:
    """The gap that an error is. It hides nothing where it is ``complete``: what cannot be there without a licence."""
    cause: Cause = next((one for one in get_args(Cause) if one == error.cause), "unreachable")
    return Gap(what, cause, error.what, error.next_step or "", kinds, complete)


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
