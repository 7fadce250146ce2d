"""What the server's own check lets through and its reload then dies of, looked for before anything is changed.

``-t`` opens no log, starts no program, binds no port and loads no key: a garbage certificate, a key that does not
match, a port in use, a missing program and a changed MPM all pass it, and end the server at the next reload. A reload
reads everything anew, so that what ends the server counts wherever it stands, touched by the plan or not.
"""

from __future__ import annotations

import datetime
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from auditor.errors import RefusedError
from auditor.model.plan import DISRUPTIONS, Disruption
from auditor.surfaces.httpd.activation import Endpoint, added, endpoint, listened, needed, sentence
from auditor.surfaces.httpd.capacity import MPMS, capacity
from auditor.surfaces.httpd.carry_out import keys
from auditor.surfaces.httpd.carry_out.needs import endings
from auditor.surfaces.httpd.carry_out.places import FATAL, Place, places
from auditor.surfaces.httpd.carry_out.surroundings import Standing, Surroundings
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.servers import split_servers
from auditor.surfaces.interface import Caveat

if TYPE_CHECKING:
    from cryptography import x509

_HIDDEN: Final = "it may not be looked at"
_SHOWN: Final = "{0.source}: what OpenSSL makes of {0.name} {0.arguments} shows at the reload alone"
_TOGETHER: Final = "{} certificates and their keys belong together"


@dataclass(frozen=True)
class Now:
    """How the plan has the change take effect, the ports that the server listens on, whether it runs, and the time."""

    way: Disruption
    ports: Container[int]
    runs: bool
    time: datetime.datetime


async def preflight(before: Resolved, after: Resolved, machine: Surroundings, now: Now) -> tuple[str, ...]:
    """What was looked at, a sentence each; as a caveat what could not be told, or bodes ill.

    Errors:
        RefusedError: the server would not survive the reload, or would not do what the change says.
    """
    new = added(before.directives, after.directives)
    _refuse_unread(before, after)
    return (
        *_endings(new, after),
        *_activated(before, after, now.way),
        *_capacity(new, after),
        *await _ports(new, before, after, machine, now),
        *await _places(new, after, machine),
        *await _Certificates(new, after, machine, now.time).look(),
    )


def _refuse_unread(before: Resolved, after: Resolved) -> None:
    """What the plan has the server read in, and was not collected, may hold anything."""
    for gap in after.gaps:
        if gap not in before.gaps:
            raise RefusedError(f"{gap.detail or gap.cause}.", where=gap.what, untouched="Nothing was changed.")


def _endings(new: Sequence[Directive], after: Resolved) -> list[str]:
    """What ends the server by its configuration alone."""
    fresh = set(map(id, new))
    said: list[str] = []
    for one in endings(after):
        if one.directive is None:
            raise RefusedError(f"{one.why}.", where=after.main_file, untouched="Nothing was changed.")
        if one.certain:
            raise _refused(one.directive, one.why)
        if id(one.directive) in fresh:
            said.append(Caveat(f"{one.directive.source}: {one.why}, unless it is compiled in"))
    return said


def _activated(before: Resolved, after: Resolved, way: Disruption) -> list[str]:
    """What needs more than a reload, where the plan is for that."""
    found = needed(before, after)
    for one in found:
        if DISRUPTIONS.index(one.need.disruption) > DISRUPTIONS.index(way):
            raise _refused(one.directive, f"{sentence(one)}, and the plan is for a {way}")
    return [sentence(one) for one in found]


def _capacity(new: Sequence[Directive], after: Resolved) -> list[str]:
    """A capacity that the server would cut down to its limits is not what the plan says."""
    touched = [one for one in new if one.name.lower() in ("maxrequestworkers", "maxclients", "threadsperchild")]
    mpm = next((name for name in MPMS if any(module == f"mpm_{name}_module" for module, _ in after.modules)), "")
    if not touched or not mpm:
        return []
    found = capacity(split_servers(after)[0], mpm)
    if found.written is not None and found.cut_by.startswith("ServerLimit"):
        raise _refused(
            found.written,
            f"{found.written.name} {found.written.arguments} would be cut down to {found.workers} by {found.cut_by}",
        )
    return [f"{found.workers} requests at once"]


async def _ports(
    new: Sequence[Directive], before: Resolved, after: Resolved, machine: Surroundings, now: Now
) -> list[str]:
    """Each port that the server does not hold must be free, and its address one of the machine's."""
    held, here = listened(before.directives), listened(after.directives)
    said: list[str] = []
    for directive in after.directives:
        one = endpoint(directive)
        if one is None:
            if directive.name.lower() == "listen" and directive in new:
                raise _refused(directive, f"where Listen {directive.arguments} listens cannot be told")
            continue
        if directive in new and (clash := next((other for other in here if one.overlaps(other)), None)):
            raise _refused(directive, f"port {one.port} cannot be listened on: {_shown(clash)} overlaps it")
        own = one in held or any(one.overlaps(other) for other in held)
        if own and (not now.runs or one.port in now.ports):
            continue  # the server itself holds it, or will as before
        try:
            why = await machine.port(one.host, one.port)
        except ValueError as error:
            raise _refused(directive, f"port {one.port} cannot be listened on: {error}") from error
        if why:
            raise _refused(directive, f"port {one.port} cannot be listened on: {why}")
        said.append(f"port {one.port} is free")
    return said


def _shown(one: Endpoint) -> str:
    host = f"[{one.host}]" if ":" in one.host else one.host
    return f"Listen {host}:{one.port}" if host else f"Listen {one.port}"


async def _places(new: Sequence[Directive], after: Resolved, machine: Surroundings) -> list[str]:
    """Programs and folders: those that end the server wherever they stand, others where the plan brings them."""
    fresh = set(map(id, new))
    types = next((one for one in reversed(after.directives) if one.name.lower() == "typesconfig"), None)
    found = [
        one
        for directive in after.directives
        if (directive.name.lower() in FATAL or id(directive) in fresh)
        and (directive is types or directive.name.lower() != "typesconfig")  # the last one alone is read
        for one in places(directive, after.server_root)
    ]
    paths = sorted({path for one in found for path in _looked_at(one)})
    standing = dict(zip(paths, await machine.standing(paths), strict=True)) if paths else {}
    said: dict[str, None] = {}
    for one in found:
        why = one.unknown or _objection(one, standing)
        if not why:
            if id(one.directive) in fresh:
                said[f"{_purpose(one)} {one.path} is there"] = None
        elif one.unknown or one.directive.doubts:
            if one.unknown and "variable" in one.unknown and id(one.directive) in fresh:
                raise _refused(one.directive, f"whether {_purpose(one)} is there cannot be told: {why}")
            said[Caveat(f"{one.directive.source}: whether {_purpose(one)} is there cannot be told: {why}")] = None
        elif why == _HIDDEN:
            said[Caveat(f"{one.directive.source}: whether {one.path} is there cannot be told: {why}")] = None
        else:
            raise _refused(one.directive, why)
    return list(said)


def _looked_at(place: Place) -> tuple[str, ...]:
    if place.unknown:
        return ()
    return (place.path, _parent(place.path)) if place.wanted == "file in a folder" else (place.path,)


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _purpose(place: Place) -> str:
    name = place.directive.name
    return f"the program of {name}" if place.wanted == "program" else f"the place of {name}"


def _objection(place: Place, standing: dict[str, Standing]) -> str:
    found = standing[place.path]
    if place.wanted == "program":
        if found == "program":
            return ""
        what = "is no program that may be started" if found in ("file", "folder") else "is not there"
        return _HIDDEN if found == "hidden" else f"the program {place.path} of {place.directive.name} {what}"
    if place.wanted == "file":
        if found in ("file", "program", "hidden"):
            return _HIDDEN if found == "hidden" else ""
        return f"{place.path} of {place.directive.name} {'is a folder' if found == 'folder' else 'is not there'}"
    folder = place.path if place.wanted == "folder" else _parent(place.path)
    if standing[folder] == "hidden":
        return _HIDDEN
    if standing[folder] != "folder":
        return f"the folder {folder} of {place.directive.name} is not there"
    if place.wanted == "file in a folder" and found == "folder":
        return f"{place.path} of {place.directive.name} is a folder"
    return ""


class _Certificates:
    """What mod_ssl loads at a reload, each file read once."""

    def __init__(
        self, new: Sequence[Directive], after: Resolved, machine: Surroundings, now: datetime.datetime
    ) -> None:
        self._new, self._after, self._machine, self._now = set(map(id, new)), after, machine, now
        self._contents: dict[str, bytes] = {}
        self._pairs: set[tuple[str, str]] = set()
        self._said: dict[str, None] = {}

    async def look(self) -> list[str]:
        for server in keys.loaded(self._after):
            for directive, why in server.wrong:
                raise _refused(directive, why)
            for pair in server.pairs:
                await self._pair(pair)
            for directive in (*server.chains, *server.authorities):
                await self._certificates(directive, 0 if directive in server.chains else 1)
            for directive in server.lists:
                await self._list(directive)
            for directive in server.tickets:
                await self._ticket(directive)
            for directive in server.ciphers:
                await self._ciphers(directive)
            for directive in server.untold:
                if id(directive) in self._new:
                    self._said[Caveat(_SHOWN.format(directive))] = None
        if self._pairs:
            one = len(self._pairs) == 1
            self._said["the certificate and its key belong together" if one else _TOGETHER.format(len(self._pairs))] = (
                None
            )
        return list(self._said)

    async def _pair(self, pair: keys.Pair) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if self._elsewhere(pair.certificate) or self._elsewhere(pair.key):
            return
        paths = self._path(pair.certificate), self._path(pair.key)
        if paths in self._pairs:
            return
        found = (await self._certificates(pair.certificate, 1))[0]
        for why in keys.misgivings(found, self._now):
            self._said[Caveat(f"{pair.certificate.source}: {paths[0]}: {why}")] = None
        try:
            public = await self._machine.public_key(paths[1])
        except ValueError as error:
            if "passphrase" in str(error) and id(pair.key) not in self._new:
                self._said[Caveat(f"{pair.key.source}: {error}")] = None
                return
            raise _refused(pair.key, str(error)) from error
        if public != found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
            raise _refused(pair.key, "the key does not belong to the certificate")
        self._pairs.add(paths)

    async def _certificates(self, directive: Directive, least: int) -> list[x509.Certificate]:
        try:
            return keys.certificates_of(await self._content(directive), least=least)
        except ValueError as error:
            raise _refused(directive, str(error)) from error

    async def _list(self, directive: Directive) -> None:
        try:
            keys.check_list(await self._content(directive))
        except ValueError as error:
            raise _refused(directive, str(error)) from error

    async def _ticket(self, directive: Directive) -> None:
        path = self._path(directive)
        try:
            size = await self._machine.size(path)
        except ValueError as error:
            raise _refused(directive, str(error)) from error
        if size < keys.TICKET_BYTES:
            raise _refused(directive, f"{path} has {size} bytes, and {keys.TICKET_BYTES} are read of it")

    async def _ciphers(self, directive: Directive) -> None:
        """A list that OpenSSL takes none of; another OpenSSL than the server's may think otherwise of older ones."""
        text, tls13 = keys.ciphers_of(directive)
        try:
            why = await self._machine.ciphers(text, tls13=tls13)
        except ValueError as error:
            if id(directive) in self._new:
                self._said[Caveat(f"{directive.source}: whether it has any cipher cannot be told: {error}")] = None
            return
        if why and id(directive) in self._new:
            raise _refused(directive, f"{directive.name} {directive.arguments}: {why}")
        if why:
            self._said[Caveat(f"{directive.source}: {directive.name} {directive.arguments}: {why}")] = None

    async def _content(self, directive: Directive) -> bytes:
        path = self._path(directive)
        if path not in self._contents:
            self._contents[path] = await self._machine.content(path)
        return self._contents[path]

    def _elsewhere(self, directive: Directive) -> bool:
        """Whether no file holds it, which is said: a token, an engine, or a store."""
        word = directive.arguments.strip("\"' ").lower()
        if word.startswith(("pkcs11:", "engine:", "store:")):
            self._said[Caveat(f"{directive.source}: what {word.partition(':')[0]} holds cannot be looked at")] = None
            return True
        return False

    def _path(self, directive: Directive) -> str:
        return keys.path_of(directive, self._after.server_root)


def _refused(directive: Directive, why: str) -> RefusedError:
    return RefusedError(f"{why}.", where=str(directive.source), untouched="Nothing was changed.")
