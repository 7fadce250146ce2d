"""Many jobs at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from auditor.transport.executor import Done, run_bounded


async def gather(at_once: int, numbers: Iterator[int] | range, running: list[int]) -> list[Done[int, int]]:
    async def job(number: int) -> int:
        running[0] += 1
        running[1] = max(running[1], running[0])
        for _ in range(number % 5):
            await asyncio.sleep(0)
        running[0] -= 1
        if number % 7 == 3:
            raise ValueError(number)
        return number * 2

    return [done async for done in run_bounded(numbers, job, at_once=at_once)]


def test_every_job_is_done_once_and_failures_stay_alone() -> None:
    running = [0, 0]
    done = asyncio.run(gather(4, range(50), running))
    assert sorted(one.item for one in done) == list(range(50))
    assert {one.item for one in done if one.error} == {number for number in range(50) if number % 7 == 3}
    assert all(one.result == one.item * 2 for one in done if not one.error)
    assert running == [0, 4]


def test_results_come_as_they_are_ready() -> None:
    async def run() -> list[str]:
        release = asyncio.Event()

        async def job(name: str) -> None:
            if name == "slow":
                await release.wait()

        order = []
        async for done in run_bounded(["slow", "quick"], job, at_once=2):
            order.append(done.item)
            release.set()
        return order

    assert asyncio.run(run()) == ["quick", "slow"]


def test_items_are_taken_only_when_there_is_room() -> None:
    taken: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    async def run() -> None:
        async def job(number: int) -> int:
            return number

        stream = run_bounded(numbers(), job, at_once=3)
        await anext(stream)
        await stream.aclose()

    asyncio.run(run())
    assert len(taken) <= 3


def test_cancelling_cancels_the_running_jobs_and_waits_for_them() -> None:
    ended: list[str] = []

    async def job(_: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append("clean")

    async def consume() -> None:
        async for _ in run_bounded(range(10), job, at_once=3):
            pass

    async def run() -> None:
        task = asyncio.create_task(consume())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == ["clean"] * 3

    asyncio.run(run())


def test_no_room_at_all_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at_once"):
        asyncio.run(gather(0, range(1), [0, 0]))
