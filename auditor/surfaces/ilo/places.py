"""How many requests run at once against one iLO, and how long each of them may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


class Places:
    """Room for a few requests at once, more where answers are slow; each ends at its deadline.

    ``at_first`` requests run at once. Each that takes longer than ``slow_s`` seconds lets one more run, up to ``most``,
    so that what hangs holds the others up no longer. After ``late_s`` seconds a request is cancelled. Waiting for a
    place counts as neither. One timer watches all, since most requests end long before they are slow.
    """

    def __init__(self, at_first: int, most: int, *, slow_s: float, late_s: float) -> None:
        self._room = asyncio.Semaphore(at_first)
        self._spare = most - at_first
        self._slow_s = slow_s
        self._late_s = late_s
        self._new: dict[asyncio.Timeout, float] = {}
        self._slow: dict[asyncio.Timeout, float] = {}
        self._watch: asyncio.TimerHandle | None = None

    async def run(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` gives, once there is room for it.

        Errors:
            TimeoutError: it did not end in time.
        """
        async with self._room, asyncio.timeout(None) as limit:
            self._new[limit] = asyncio.get_running_loop().time()
            if self._watch is None:
                self._rest()
            try:
                return await ask()
            finally:
                self._new.pop(limit, None)
                self._slow.pop(limit, None)

    def _look(self) -> None:
        """Ends what is late, and makes room beside what is slow."""
        now = asyncio.get_running_loop().time()
        for limit, begun in tuple(self._new.items()):
            if now >= begun + self._slow_s:
                self._slow[limit] = self._new.pop(limit)
                if self._spare:
                    self._spare -= 1
                    self._room.release()
        for limit, begun in tuple(self._slow.items()):
            if now >= begun + self._late_s:
                del self._slow[limit]
                limit.reschedule(now)
        self._rest()

    def _rest(self) -> None:
        """Looks again when the next request becomes slow or late; both are kept in the order of their beginning."""
        due = ((self._new, self._slow_s), (self._slow, self._late_s))
        times = [next(iter(running.values())) + after for running, after in due if running]
        self._watch = asyncio.get_running_loop().call_at(min(times), self._look) if times else None
