"""Members that a plan made and that say something else by now."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.membership import Memberships
from auditor.surfaces.ilo.carry_out.setting import Membership
from auditor.surfaces.interface import Caveat

ALL = "/redfish/v1/EventService/Subscriptions"
OURS = Membership("1", ALL, (("/Destination", "https://a.example/"),), wanted=False)


def line(bodies: dict[str, Body], *acts: str) -> Line:
    entries = [("1", act, "done", {"uri": f"{ALL}/7", "run": "1"}) for act in ("create", *acts)]

    async def body(uri: str) -> Body:
        return bodies[uri]

    async def body_or_none(uri: str) -> Body | None:
        return bodies.get(uri)

    journal = SimpleNamespace(entries=lambda: entries)
    made = SimpleNamespace(body=body, body_or_none=body_or_none, options=SimpleNamespace(journal=journal), place=str)
    return cast(Line, made)


def test_what_the_plan_made_and_is_not_found_again_is_not_said_to_be_gone() -> None:
    there: dict[str, Body] = {
        ALL: {"Members": [{"@odata.id": f"{ALL}/7"}]},
        f"{ALL}/7": {"Destination": "https://a.example:443/"},  # as the iLO writes it, or somebody else did
    }
    for said in (
        asyncio.run(Memberships(line(there)).carry_out(OURS)),
        asyncio.run(Memberships(line(there)).check(OURS, forward=False)),
    ):
        assert isinstance(said, Caveat)
        assert f"{ALL}/7, where the plan made it, is there" in said
    assert not isinstance(asyncio.run(Memberships(line(there, "delete")).carry_out(OURS)), Caveat)
    gone: dict[str, Body] = {ALL: {"Members": []}}
    said = asyncio.run(Memberships(line(gone)).carry_out(OURS))
    assert not isinstance(said, Caveat)
    assert "is as wanted already" in said
