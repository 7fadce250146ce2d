"""Many jobs, a few at a time, results as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
R = TypeVar("R")


class Done(msgspec.Struct, Generic[T, R], frozen=True):
    """One job that ended: its item, and its result or the error it raised."""

    item: T
    result: R | None = None
    error: Exception | None = None


async def run_bounded(
    items: Iterable[T], job: Callable[[T], Awaitable[R]], *, at_once: int
) -> AsyncIterator[Done[T, R]]:
    """Runs ``job`` on every item, at most ``at_once`` at a time, and gives each as soon as it is done.

    The order is that of completion. An item is taken from ``items`` only when there is room for it, and a result is
    kept only until it is asked for, so a fleet is never held as a whole. An error ends its own job only. When the
    iteration is cancelled or left early, the running jobs are cancelled and waited for.
    """
    if at_once < 1:
        raise ValueError("at_once must be at least 1")
    waiting = iter(items)
    running: dict[asyncio.Task[R], T] = {}
    try:
        while True:
            while len(running) < at_once:
                try:
                    item = next(waiting)
                except StopIteration:
                    break
                running[asyncio.ensure_future(_call(job, item))] = item
            if not running:
                return
            finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                item = running.pop(task)
                error = None if task.cancelled() else task.exception()
                if task.cancelled():
                    yield Done(item, error=RuntimeError("the job was cancelled"))
                elif isinstance(error, Exception):
                    yield Done(item, error=error)
                elif error is not None:
                    raise error
                else:
                    yield Done(item, result=task.result())
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _call(job: Callable[[T], Awaitable[R]], item: T) -> R:
    return await job(item)
