"""The log-ins of one run: what one machine refused is not tried on the next, since accounts lock."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


class LogIn:
    """One log-in that may be tried, unless :attr:`refused_by` names the machine that refused these credentials."""

    def __init__(self, state: _State, place: str, refused_by: str) -> None:
        self.refused_by = refused_by
        self._state = state
        self._place = place

    def accepted(self) -> None:
        """Says that the machine let us in."""
        self._state.accepted_by.add(self._place)

    def refused(self) -> None:
        """Says that the machine knows no such account, or not with this password."""
        self._state.refused_by = self._state.refused_by or self._place
        self._state.accepted_by.discard(self._place)


class _State:
    """What became of one pair of name and password. The turn is asked for only until one machine has decided."""

    def __init__(self) -> None:
        self.accepted_by: set[str] = set()
        self.refused_by = ""
        self._turn: asyncio.Lock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def turn(self) -> asyncio.Lock:
        import asyncio

        loop = asyncio.get_running_loop()
        if self._turn is None or self._loop is not loop:  # a run may have several loops, one after the other
            self._turn, self._loop = asyncio.Lock(), loop
        return self._turn


class LogIns:
    """Every log-in of one run, by what is logged in with. Neither names nor passwords are kept, only keyed digests.

    Until one machine has accepted or refused a pair of name and password, one machine at a time is tried with it;
    afterwards all at once, or none. A machine that accepted it in this run may be logged in to again even where
    another refused it since.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._states: dict[bytes, _State] = {}

    def is_contended(self, username: str, password: str) -> bool:
        """Whether somebody tries these credentials at this moment and nobody knows yet whether they are right."""
        state = self._state(username, password)
        return not state.accepted_by and state.turn.locked()

    @contextlib.asynccontextmanager
    async def turn(self, username: str, password: str, place: str) -> AsyncIterator[LogIn]:
        """Waits until these credentials may be tried at ``place``, and gives the log-in that is to be tried then."""
        state = self._state(username, password)
        async with contextlib.AsyncExitStack() as held:
            if not state.accepted_by and not state.refused_by:
                await held.enter_async_context(state.turn)
                if state.accepted_by or state.refused_by:
                    await held.aclose()  # decided while we waited
            barred = place not in state.accepted_by
            yield LogIn(state, place, state.refused_by if barred else "")

    def _state(self, username: str, password: str) -> _State:
        told = f"{len(username)}:{username}{password}".encode("utf-8", "surrogatepass")
        return self._states.setdefault(hashlib.blake2b(told, key=self._key).digest(), _State())
