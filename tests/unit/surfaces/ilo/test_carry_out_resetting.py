"""An iLO that takes the order to reset itself: only what it shows afterwards tells that it did."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import cast

import pytest

from auditor.errors import ApplyError
from auditor.surfaces.ilo.body import Body
from auditor.surfaces.ilo.carry_out.line import Line
from auditor.surfaces.ilo.carry_out.patching import Patching
from auditor.surfaces.ilo.carry_out.resetting import IloReset
from auditor.surfaces.ilo.carry_out.setting import Setting
from auditor.surfaces.interface import Caveat

URI = "/redfish/v1/Managers/1/NetworkProtocol"
SETTING = Setting("1", URI, (("/SSH/Port", 2222),), (("/SSH/Port", 22),), resets_ilo=True)


class Ilo:
    """It holds the new value at once, as an iLO shows what is stored; ``says`` is what it says of waiting settings."""

    def __init__(self, says: str | None, *, resets: bool) -> None:
        self.says, self.resets = says, resets
        self.target = SimpleNamespace(name="web1/ilo")
        self.options = SimpleNamespace(journal=SimpleNamespace(intent=self._note, done=self._note, failed=self._note))

    def _note(self, *_: str, **__: str) -> None: ...

    async def manager(self) -> Body:
        return {"Actions": {"#Manager.Reset": {"target": "/reset"}}, "Oem": {"Hpe": self._said()}}

    async def body(self, _: str) -> Body:
        return {"SSH": {"Port": 2222}}

    def _said(self) -> Body:
        return {} if self.says is None else {"ConfigurationSettings": self.says}

    async def client(self) -> Ilo:
        return self

    async def post(self, *_: object) -> None:
        if self.resets and self.says:
            self.says = "Current"

    async def sent(self, write: Awaitable[None], _: str) -> str:
        await write
        return ""

    async def gone(self) -> bool:
        return self.resets

    async def reached(self) -> None: ...

    async def poll(self, look: Callable[[], Awaitable[object]], _: float) -> object:
        return await look()

    def place(self, uri: str) -> str:
        return uri

    def reset(self) -> str:
        line = cast(Line, self)
        return asyncio.run(IloReset(line, Patching(line)).reset((SETTING,)))


def test_a_reset_that_did_not_take_place_is_no_success_although_the_values_show() -> None:
    assert Ilo("SomePendingReset", resets=True).reset() == "iLO reset; it answers again"
    with pytest.raises(ApplyError, match="wait for a reset of the iLO still"):
        Ilo("SomePendingReset", resets=False).reset()
    unseen = Ilo(None, resets=False).reset()
    assert isinstance(unseen, Caveat)
    assert "was not seen" in unseen
    assert not isinstance(Ilo(None, resets=True).reset(), Caveat)
