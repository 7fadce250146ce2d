"""Work that runs to its end whatever cancels its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """Runs to its end whatever cancels the caller: what was begun is never left half."""
    task = asyncio.ensure_future(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            current = asyncio.current_task()
            if current is not None:
                current.uncancel()
    return task.result()


async def awaited(work: Awaitable[T]) -> T:
    """A coroutine of whatever can be awaited."""
    return await work
