"""Making and removing members of a collection: never twice, and never another's.

A member is known by what it says. Where it stands is the iLO's choice, which may number anew; that place is in the
journal before anything else happens, and decides where several say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.errors import ApplyError, RefusedError
from auditor.surfaces.ilo.body import Body, nest, same_path
from auditor.surfaces.ilo.carry_out import line as timing
from auditor.surfaces.ilo.carry_out import members, secrets
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.setting import Membership, shown
from auditor.surfaces.ilo.links import member_uris
from auditor.surfaces.ilo.membership import shows_all
from auditor.surfaces.interface import Caveat

CREATE: Final = "create"
DELETE: Final = "delete"


@dataclass(frozen=True)
class Memberships:
    """The members that a plan makes and removes on one iLO."""

    line: Line

    async def check(self, one: Membership, *, forward: bool) -> str:
        """What is there now, as a sentence.

        Errors:
            RefusedError: it cannot be told which member is meant, or all of the collection's.
        """
        found = await self._found(one)
        if len(found) > 1 and not self._chosen(one, found):
            raise RefusedError(
                f"{len(found)} members say the same, so which one is meant cannot be told: {', '.join(found[:4])}.",
                where=self.line.place(one.collection),
                untouched="Nothing was changed.",
            )
        if found and one.wanted and one.secrets and forward:
            raise RefusedError(
                f"{found[0]} says the same already, and whether its secrets are those of the plan cannot be read.",
                where=self.line.place(one.collection),
                untouched="Nothing was changed.",
                next_step="Remove it first, or ask for its secrets where it stands.",
            )
        if bool(found) == one.wanted:
            return await self._left(one) or f"{one.collection} is as wanted already{_unread(one)}"
        return f"{one.collection} is {'without it' if one.wanted else 'with it'}, as expected"

    async def carry_out(self, one: Membership) -> str:
        """Makes or removes the member, unless that is so already.

        Errors:
            ApplyError: the iLO refuses, or does not show it afterwards.
        """
        found = await self._found(one)
        if bool(found) == one.wanted:
            return await self._left(one) or f"{one.collection} is as wanted already{_unread(one)}"
        return await self._create(one) if one.wanted else await self._delete(one, found)

    async def is_there(self, one: Membership) -> bool:
        """Whether the collection has such a member."""
        return bool(await self._found(one))

    async def until_there(self, one: Membership) -> None:
        """Reads until the collection has such a member; only that proves it.

        Errors:
            ApplyError: it has none after a while.
        """

        async def look() -> bool | None:
            return True if await self._found(one) else None

        if await self.line.poll(look, timing.SHOWN_WITHIN_S) is None:
            raise ApplyError(f"read back: {shown(one.content)} is not there.", where=self.line.place(one.collection))

    async def _until_fewer(self, one: Membership, before: int) -> None:
        """Reads until one member less says this: another's that says the same may stay."""

        async def look() -> bool | None:
            return True if len(await self._found(one)) < before else None

        if await self.line.poll(look, timing.SHOWN_WITHIN_S) is None:
            raise ApplyError(f"read back: {shown(one.content)} is still there.", where=self.line.place(one.collection))

    async def _create(self, one: Membership) -> str:
        values = secrets.revealed(one.secrets, self.line.options)
        journal = self.line.options.journal
        journal.intent(one.step, CREATE, collection=one.collection, content=shown(one.content))
        client = await self.line.client()
        body = nest((*one.content, *values))
        refusal, answer = await self.line.answered(client.post(one.collection, body), one.collection)
        if refusal:
            journal.failed(one.step, CREATE, why=refusal)
            raise ApplyError(refusal, where=self.line.place(one.collection))
        uri = answer.location if answer else ""
        if not uri:  # the answer was lost, or said nothing: it is never sent again
            await self.until_there(one)
            uri = next(iter(await self._found(one)))
        journal.done(one.step, CREATE, uri=uri)
        await self.until_there(one)
        made = await self.line.body(uri) if one.secrets else {}
        if wrong := secrets.contradicted(made, values):
            raise ApplyError(f"read back: {wrong} is another than was sent.", where=self.line.place(uri))
        return f"{uri} made{secrets.not_shown(made, one.secrets)}"

    async def _delete(self, one: Membership, found: Sequence[str]) -> str:
        uri = self._chosen(one, found) or (found[0] if len(found) == 1 else "")
        if not uri:
            raise ApplyError(
                f"{len(found)} members say the same, so which one is ours cannot be told: {', '.join(found[:4])}.",
                where=self.line.place(one.collection),
            )
        journal = self.line.options.journal
        journal.intent(one.step, DELETE, uri=uri, content=shown(one.content))
        client = await self.line.client()
        refusal = await self.line.sent(client.delete(uri), uri)
        if refusal:
            journal.failed(one.step, DELETE, why=refusal)
            raise ApplyError(refusal, where=self.line.place(uri))
        await self._until_fewer(one, len(found))
        journal.done(one.step, DELETE, uri=uri)
        return f"{uri} removed"

    def _chosen(self, one: Membership, found: Sequence[str]) -> str:
        """Which of several is meant: the one that the journal says was made, else the one that the plan names."""
        meant = self._made(one) or one.uri
        return next((uri for uri in found if same_path(uri, meant)), "")

    def _made(self, one: Membership) -> str:
        """Where the journal says that the member was made; empty where it was not."""
        made = [
            detail.get("uri", "")
            for step, act, mark, detail in self.line.options.journal.entries()
            if (step, act, mark) == (one.step, CREATE, "done")
        ]
        return made[-1] if made else ""

    async def _left(self, one: Membership) -> str:
        """Of a member that is to go and is not found: that something else is said by now where the plan had made it.

        It may be ours, changed by somebody or by the iLO, or another's that the iLO numbered anew: a person tells.
        """
        acts = [act for step, act, _, _ in self.line.options.journal.entries() if step == one.step]
        uri = "" if one.wanted or DELETE in acts else self._made(one)  # one that was removed already may be there anew
        if not uri or await self.line.body_or_none(uri) is None:
            return ""
        return Caveat(f"{uri}, where the plan made it, is there, says something else and is left")

    async def _found(self, one: Membership) -> tuple[str, ...]:
        """Where the members stand that say this.

        Errors:
            RefusedError: the collection does not show all of its members.
        """
        collection = await self.line.body(one.collection)
        if not shows_all(collection):
            raise RefusedError(
                "the collection does not show all of its members.",
                where=self.line.place(one.collection),
                untouched="Nothing was changed.",
            )
        uris = member_uris(collection)
        bodies: list[tuple[str, Body | None]] = [(uri, await self.line.body_or_none(uri)) for uri in uris]
        return tuple(uri for uri, body in bodies if body is not None and members.says(body, one.content))


def _unread(one: Membership) -> str:
    """The end of a sentence about a member that is there already: its secrets may be others."""
    return ", as far as can be read" if one.wanted and one.secrets else ""
