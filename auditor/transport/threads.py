"""Blocking work of coroutines: in a thread where an event loop runs, right here where none does.

An event loop costs as much as reading a large tree. Who only reads files needs none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class LoopNeededError(Exception):
    """A coroutine has to wait, and no event loop runs. Caught by :func:`run_to_end`."""


async def aside(function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """What a blocking function gives; an event loop that runs goes on meanwhile."""
    if not _loop_runs():
        return function(*args, **kwargs)
    import asyncio

    return await asyncio.to_thread(function, *args, **kwargs)


def need_loop() -> None:
    """Says that what comes next has to wait for something.

    Errors:
        LoopNeededError: no event loop runs.
    """
    if not _loop_runs():
        raise LoopNeededError


def run_to_end(make: Callable[[], Coroutine[Any, Any, _R]]) -> _R:
    """Runs a coroutine; an event loop is started only where it asks for one, and the coroutine then begins anew."""
    coroutine = make()
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]  # StopIteration carries what the coroutine returned
    except LoopNeededError:
        pass
    finally:
        coroutine.close()
    import asyncio

    return asyncio.run(make())


def _loop_runs() -> bool:
    loaded = sys.modules.get("asyncio")
    if loaded is None:
        return False
    try:
        loaded.get_running_loop()
    except RuntimeError:
        return False
    return True
