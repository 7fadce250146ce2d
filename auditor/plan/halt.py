"""Somebody's wish, in the midst of a run, that nothing else is begun; what is under way is ended as it was begun."""

from __future__ import annotations

import asyncio
import contextlib


class Halt:
    """Whether a run may begin another target. It may, unless :meth:`ask` was called.

    While a person is asked (:meth:`wait` was called), what is under way goes on and a run waits with the next target.
    """

    def __init__(self) -> None:
        self._why = ""
        self._asked: asyncio.Event | None = None
        self._answered: asyncio.Event | None = None

    @property
    def stops(self) -> bool:
        """Whether nothing else may be begun now: it was asked for, or a person is being asked."""
        return bool(self._why) or (self._answered is not None and not self._answered.is_set())

    def wait(self) -> None:
        """A person is being asked; :meth:`ask` or :meth:`go_on` is the answer."""
        self._answered = asyncio.Event()

    def ask(self, why: str) -> None:
        """Nothing else is begun; ``why`` ends the sentence about each target that was not."""
        self._why = why
        for event in (self._asked, self._answered):
            if event is not None:
                event.set()

    def go_on(self) -> None:
        """The run goes on as if nobody had asked."""
        if self._answered is not None:
            self._answered.set()

    async def decided(self) -> str:
        """Waits for a person who is being asked; why nothing else is begun, empty where the run goes on."""
        if self._answered is not None:
            await self._answered.wait()
        return self._why

    async def pause(self, seconds: float) -> None:
        """Waits for so long, or until nothing else is to be begun anyway."""
        self._asked = asyncio.Event()
        if self._why:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), seconds)
