"""Requests at once: a few at first, more beside slow ones, none longer than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from auditor.surfaces.ilo.places import Places

LONG_S = 60.0


def act(what: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await what()

    asyncio.run(bounded())


class Asked:
    """Requests that last until they are let go; ``running`` and ``most`` at once."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.running = self.most = 0
        self.changed = asyncio.Condition()

    async def ask(self) -> str:
        async with self.changed:
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        return "answered"

    async def until(self, running: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: self.running >= running)


def test_a_few_run_at_once_and_the_others_wait() -> None:
    async def two_of_five() -> None:
        asked, places = Asked(), Places(2, 4, slow_s=LONG_S, late_s=LONG_S)
        tasks = [asyncio.create_task(places.run(asked.ask)) for _ in range(5)]
        await asked.until(2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert asked.running == 2
        asked.go.set()
        assert await asyncio.gather(*tasks) == ["answered"] * 5
        assert asked.most == 2

    act(two_of_five)


def test_slow_ones_let_others_run_up_to_the_bound() -> None:
    async def four_of_nine() -> None:
        asked, places = Asked(), Places(2, 4, slow_s=0.01, late_s=LONG_S)
        tasks = [asyncio.create_task(places.run(asked.ask)) for _ in range(9)]
        await asked.until(4)
        await asyncio.sleep(0.05)  # time for a fifth, were there one
        assert asked.running == 4
        asked.go.set()
        await asyncio.gather(*tasks)
        assert asked.most == 4

    act(four_of_nine)


def test_what_is_late_ends_and_each_after_its_own_time() -> None:
    async def three() -> None:
        places = Places(1, 1, slow_s=0.01, late_s=0.04)
        cancelled = []

        async def hang(number: int) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise

        async def quick() -> str:
            return "answered"

        late = [asyncio.create_task(places.run(lambda number=number: hang(number))) for number in range(3)]
        last = asyncio.create_task(places.run(quick))
        for one in late:
            with pytest.raises(TimeoutError):
                await one
        assert cancelled == [0, 1, 2]
        assert await last == "answered"

    act(three)


def test_a_cancellation_is_none_of_its_time_outs() -> None:
    async def cancel() -> None:
        asked, places = Asked(), Places(1, 1, slow_s=LONG_S, late_s=LONG_S)
        task = asyncio.create_task(places.run(asked.ask))
        await asked.until(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        asked.go.set()
        assert await places.run(asked.ask) == "answered"  # its place is free again

    act(cancel)


def test_an_error_of_the_request_s_own_passes_through() -> None:
    async def fail() -> None:
        async def wrong() -> None:
            raise ValueError("no HTTP")

        places = Places(1, 1, slow_s=LONG_S, late_s=LONG_S)
        for _ in range(3):
            with pytest.raises(ValueError, match="no HTTP"):
                await places.run(wrong)

    act(fail)
