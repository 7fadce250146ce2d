"""Collecting an iLO: all that can be read of it, with one log-in and within a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from auditor.errors import CollectError, InputError
from auditor.model.snapshot import Collected
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.ilo.client import IloClient, credentials_of
from auditor.surfaces.ilo.gaps import WHOLE, gap_of, late, no_turn
from auditor.surfaces.ilo.recall import Memory, Recall
from auditor.surfaces.ilo.remembered import FORMAT, Shelf
from auditor.surfaces.ilo.walk import Walk
from auditor.surfaces.interface import CollectOptions

_REST: Final = "the rest of the target"

Beside = Callable[[IloClient], Awaitable[None]]


async def collect(target: Target, options: CollectOptions, beside: Beside | None = None) -> Collected:
    """All that can be read of the iLO. A failure is a gap with its cause; nothing is raised for one.

    ``beside`` asks something else first, with the same log-in.

    Errors:
        InputError: the target is no iLO, its address is none, or its authority file cannot be used.
    """
    endpoint = target.location
    if not isinstance(endpoint, IloEndpoint):
        raise InputError(f"{target.name} is not reached as an iLO", next_step="Give it a URI  ilo://HOST[:PORT]")
    if not endpoint.verify:
        options.observe(f"{target.name}: WARNING: the certificate is not verified, as the inventory says")
    walk = Walk(options)
    ours: IloClient | None = None
    try:
        async with asyncio.timeout(options.deadline_s):
            credentials = credentials_of(endpoint, options.environment)
            shelf = _shelf(target.name, endpoint, credentials.username, options)
            memory = shelf.read() if shelf else None
            usable = memory is not None and memory.is_fresh(time.time(), options.full_after_s)
            request_s = min(30.0, options.deadline_s / 4)  # so that one late resource, tried twice, leaves time
            sessions = memory.sessions if memory and usable else ""
            ours = IloClient(endpoint, credentials, request_s=request_s, sessions=sessions, log_ins=options.log_ins)
            async with ours as client:
                if beside is not None:
                    await beside(client)
                for use in (True, False) if usable else (False,):
                    walk = Walk(options, Recall(memory, use=use), memory.directory if memory and use else "")
                    await walk.run(client)
                    if client.lost is not None or not walk.outdated:
                        break
                if client.lost is not None:
                    raise client.lost
                if shelf:
                    await _remember(shelf, walk, client, memory, options)
    except CollectError as error:
        walk.gaps.append(gap_of(_REST if walk.bodies else WHOLE, error, ()))
    except TimeoutError:
        if ours is not None and ours.waiting:
            walk.gaps.append(no_turn(WHOLE, options.deadline_s))
        else:
            walk.gaps.append(late(_REST if walk.bodies else WHOLE, options.deadline_s, len(walk.bodies)))
    return walk.collected(target)


async def _remember(
    shelf: Shelf, walk: Walk, client: IloClient, memory: Memory | None, options: CollectOptions
) -> None:
    """Keeps what was read for the next time; what was told of a lying ETag stands in the walk's gaps then."""
    await walk.doubt()
    if not walk.bodies:
        return
    spared = walk.recall.used and memory
    kept = Memory(
        FORMAT,
        shelf.whose,
        memory.full_at if spared and memory else walk.begun,
        walk.directory,
        client.sessions,
        walk.kept(),
        walk.firmware,
        tuple(sorted(walk.distrusted)),
    )
    try:
        if kept != memory:
            shelf.write(kept)
    except OSError as error:
        options.observe(f"not remembered for the next time: {error.strerror or error}")


def _shelf(target: str, endpoint: IloEndpoint, username: str, options: CollectOptions) -> Shelf | None:
    if options.remember is None:
        return None
    return Shelf(options.remember, target, endpoint, username, options.sealer)
