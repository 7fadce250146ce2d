"""A server of virtual hosts made at random: what we say of each path, and how long the real one waits."""

from __future__ import annotations

import asyncio
import math
import ssl
from dataclasses import dataclass
from pathlib import Path
from random import Random

from auditor.surfaces.httpd.answer import Answer
from tests.timeouts.back_ends import misbehaving
from tests.timeouts.cases import CORPUS, Request
from tests.timeouts.certificate import make_certificate
from tests.timeouts.clients import Measured, measure
from tests.timeouts.compare import EARLY, LATE
from tests.timeouts.random_hosts import PATHS, main_server, virtual_host
from tests.timeouts.run import running
from tests.timeouts.server import Referee

_TOGETHER = 450
"""Requests at a time: the kernel lets no more connections wait for a back end that accepts none."""


@dataclass(frozen=True)
class Tried:
    """One path of one virtual host. ``lines`` are the virtual host's, ``refusing`` the back end that refuses, ``place``
    the virtual host and the path."""

    said: Answer
    measured: Measured
    lines: str
    refusing: str
    place: str

    def difference(self) -> str:
        """What we say and what came, where they differ; empty where not."""
        status, seconds = self._expected()
        came = self.measured
        if self.said.proxied and came.status in status and any(_near(came.seconds, one) for one in seconds):
            return ""
        if not self.said.proxied and came.seconds < LATE and came.status not in (502, 503, 504):
            return ""
        return f"{self.said.url}: {status} after {seconds} s is said, {came} came\n{self.lines}"

    def _expected(self) -> tuple[set[int | None], set[float | None]]:
        """Every status and time that may come: of a balancer any member may be asked."""
        if not self.said.proxied:
            return set(), set()
        failures = {one.when: one for one in self.said.failures}
        refused = self.refusing in self.said.target_url
        failure = failures["refused" if refused else "read"]
        seconds = {failure.seconds}
        if not failure.fails_over:
            seconds |= {one for _, one in self.said.members}
        return {failure.status}, seconds


def _near(seconds: float, wanted: float | None) -> bool:
    return seconds == math.inf if wanted is None else wanted - EARLY <= seconds < wanted + LATE


def random_outcomes(seed: int, hosts: int, folder: Path, version: str) -> list[Tried]:
    """Every path of some virtual hosts; the same ones for a seed. Balancers of mixed protocols are left out."""
    folder.mkdir()
    folder.chmod(0o755)
    certificate, key = make_certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    found = asyncio.run(_outcomes(Random(seed), hosts, folder, version, tls))
    return [one for one in found if len({url.partition(":")[0].lower() for url, _ in one.said.members}) < 2]


async def _outcomes(rng: Random, hosts: int, folder: Path, version: str, tls: ssl.SSLContext) -> list[Tried]:
    async with misbehaving(tls) as back_ends:
        referee = Referee("random", [], folder, back_ends)
        bodies = {f"r{number}": virtual_host(rng) for number in range(hosts)}
        referee.fill(CORPUS / "_servers/random.conf", bodies, main_server(rng))
        _serve(referee.tree / "www")
        port = referee.ports["port"]
        asked = [(name, path, f"http://{name}.example:{port}{path}") for name in bodies for path in PATHS]
        explainer = await asyncio.to_thread(referee.explainer, version)
        said = [explainer.explain(url) for _, _, url in asked]
        places = asyncio.Semaphore(_TOGETHER)

        async def ask(name: str, path: str) -> Measured:
            async with places:
                return await measure(("127.0.0.1", int(port)), f"{name}.example", Request(url=path))

        async with running([referee]):
            measured = await asyncio.gather(*(ask(name, path) for name, path, _ in asked))
    return [
        Tried(answer, came, bodies[name], back_ends["refuse"], f"{name}{path}")
        for (name, path, _), answer, came in zip(asked, said, measured, strict=True)
    ]


def _serve(root: Path) -> None:
    """Something to be sent for each path that is not proxied."""
    for path in PATHS:
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_dir():
            place.write_text("sent as it is", encoding="utf-8")
