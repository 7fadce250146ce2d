"""Runs the cases: every server of theirs at once, some cases at a time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from auditor.surfaces.httpd.answer import Answer
from tests.timeouts.back_ends import misbehaving
from tests.timeouts.cases import Case, servers_of
from tests.timeouts.certificate import make_certificate
from tests.timeouts.clients import Measured
from tests.timeouts.server import Outcome, Referee, identifiers

_TOGETHER = 48
"""Cases at a time: what begins them all at once would be measured with them."""


def outcomes(cases: list[Case], folder: Path, version: str) -> dict[str, Outcome]:
    """What is said and what comes of each case, by name."""
    certificate, key = make_certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    names = {"certificate": str(certificate), "key": str(key)}
    return asyncio.run(_outcomes(cases, folder, version, tls, names))


async def _outcomes(
    cases: list[Case], folder: Path, version: str, tls: ssl.SSLContext, names: dict[str, str]
) -> dict[str, Outcome]:
    async with misbehaving(tls) as back_ends:
        referees = [Referee(name, some, folder, {**names, **back_ends}) for name, some in servers_of(cases).items()]
        # Before anything is measured: it needs the processor, and the measured time is the wall's.
        said: dict[str, Answer] = {}
        for referee in referees:
            said |= await asyncio.to_thread(referee.say, version)
        places = [(referee, case) for referee in referees for case in referee.cases]
        # What was asked before a case shall not be long ago.
        places.sort(key=lambda one: not one[1].request.before)
        turns = asyncio.Semaphore(_TOGETHER)

        async def ask(referee: Referee, case: Case) -> Measured:
            async with turns:
                return await referee.ask(case)

        async with running(referees):
            await asyncio.gather(*(referee.prepare(case) for referee, case in places))
            started = {case.name: len(referee.log(case)) for referee, case in places}
            measured = await asyncio.gather(*(ask(referee, case) for referee, case in places))
    found = {}
    for (referee, case), one in zip(places, measured, strict=True):
        log = referee.log(case)[started[case.name] :]
        found[case.name] = Outcome(said[case.name], one, identifiers(log), identifiers(referee.main_log()), log)
    return found


@asynccontextmanager
async def running(referees: list[Referee]) -> AsyncIterator[None]:
    """All servers at once."""
    servers = [referee.running() for referee in referees]
    try:
        await asyncio.gather(*(asyncio.to_thread(server.__enter__) for server in servers))
        yield
    finally:
        for server in servers:
            server.let_nobody_finish()
        await asyncio.gather(*(asyncio.to_thread(server.__exit__) for server in servers))
