"""Blocking work beside an event loop, or without one."""

from __future__ import annotations

import asyncio
import threading

import pytest

from auditor.transport.threads import aside, need_loop, run_to_end


async def places(*, waits: bool) -> tuple[threading.Thread, threading.Thread]:
    """Where the coroutine ran, and where its blocking work did."""
    if waits:
        need_loop()
        await asyncio.sleep(0)
    return threading.current_thread(), await aside(threading.current_thread)


def test_who_waits_for_nothing_runs_right_here() -> None:
    here = threading.current_thread()
    assert run_to_end(lambda: places(waits=False)) == (here, here)


def test_who_waits_gets_an_event_loop_and_its_blocking_work_a_thread() -> None:
    coroutine, work = run_to_end(lambda: places(waits=True))
    assert coroutine is threading.current_thread()
    assert work is not coroutine


def test_inside_an_event_loop_blocking_work_is_done_beside_it() -> None:
    coroutine, work = asyncio.run(places(waits=False))
    assert work is not coroutine


def test_errors_come_as_they_were_raised() -> None:
    async def fails() -> None:
        await aside(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        run_to_end(fails)
