"""Runs the cases: every server of theirs at once, every case at once."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import ExitStack
from pathlib import Path

from auditor.surfaces.httpd.answer import Answer
from tests.timeouts.back_ends import misbehaving
from tests.timeouts.cases import Case, servers_of
from tests.timeouts.certificate import make_certificate
from tests.timeouts.server import Outcome, Referee, identifiers


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
        with ExitStack() as stack:
            for referee in referees:
                await asyncio.to_thread(stack.enter_context, referee.running())
            places = [(referee, case) for referee in referees for case in referee.cases]
            await asyncio.gather(*(referee.prepare(case) for referee, case in places))
            started = {case.name: len(referee.log(case)) for referee, case in places}
            measured = await asyncio.gather(*(referee.ask(case) for referee, case in places))
            await asyncio.to_thread(stack.close)
    found = {}
    for (referee, case), one in zip(places, measured, strict=True):
        log = referee.log(case)[started[case.name] :]
        found[case.name] = Outcome(said[case.name], one, identifiers(log), identifiers(referee.main_log()), log)
    return found
