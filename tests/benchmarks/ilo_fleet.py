"""Many iLOs read at once on one core, against the limit that their latency sets and the library's synchronous client.

The limit is one host's GETs in sequence, times the latency: what 64 hosts would take at once if this side cost nothing.
The synchronous client asks for the same resources, one host a thread, in the same process and run.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from redfish import redfish_client

from auditor.cli import GARBAGE
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.ilo.client import Credentials, IloClient
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.interface import CollectOptions
from auditor.transport.executor import run_bounded
from tests.benchmarks.timing import Cost, compare, cost_of_call
from tests.fakes.plans import SEALER

HOSTS = 64
LATENCY_S = 0.02
LIMIT, CPU = 1.4, 0.2
"""What is aimed at: times the latency limit, and of the synchronous client's CPU."""
_LOGIN = {"AUDITOR_ILO_USERNAME": "auditor", "AUDITOR_ILO_PASSWORD": "a-password"}


@contextmanager
def _served() -> Iterator[IloEndpoint]:
    """The virtual iLOs, in a process of their own on another core."""
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "tests.benchmarks.ilo_server", str(LATENCY_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            told = json.loads(server.stdout.readline())
            os.sched_setaffinity(server.pid, {cores[-1]})
            os.sched_setaffinity(0, {cores[0]})
            yield IloEndpoint(told["url"], told["cafile"])
        finally:
            os.sched_setaffinity(0, set(cores))
            server.stdin.close()


def run() -> str:
    """The ratios in lines."""
    gc.set_threshold(*GARBAGE)  # as in a command's process, for both sides
    with _served() as endpoint:
        paths = _asked(endpoint)
        limit_s = len(paths) * LATENCY_S
        full = [cost_of_call(lambda: asyncio.run(_read(endpoint))) for _ in range(4)][1:]

        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_read(endpoint, Path(folder)))
            again = [cost_of_call(lambda: asyncio.run(_read(endpoint, Path(folder)))) for _ in range(3)]

        def ours() -> Cost:
            return cost_of_call(lambda: asyncio.run(_ask_all(endpoint, paths)))

        def theirs() -> Cost:
            return cost_of_call(lambda: _in_threads(endpoint, paths))

        asked, other = compare(ours, theirs, runs=3)
    walls = sorted(cost.wall for cost in full)
    ratio = sorted(one.cpu / two.cpu for one, two in zip(asked, other, strict=True))
    return (
        f"{HOSTS} iLOs at once, {len(paths)} GETs each of {LATENCY_S * 1000:.0f} ms, one core: a full read takes "
        f"{walls[len(walls) // 2] / limit_s:.2f} times the latency limit of {limit_s:.2f} s "
        f"({walls[0] / limit_s:.2f} to {walls[-1] / limit_s:.2f}); aim {LIMIT:g}; {_a_host(full)} of CPU a host\n"
        f"read again unchanged: {_median([cost.wall for cost in again]):.2f} s, {_a_host(again)} of CPU a host\n"
        f"the same GETs: {ratio[len(ratio) // 2]:.2f} of the synchronous client's CPU ({ratio[0]:.2f} to "
        f"{ratio[-1]:.2f}), {_a_host(asked)} against {_a_host(other)} a host; aim {CPU:g}"
    )


def _a_host(costs: list[Cost]) -> str:
    return f"{_median([cost.cpu for cost in costs]) / HOSTS * 1000:.1f} ms"


def _median(numbers: list[float]) -> float:
    return sorted(numbers)[len(numbers) // 2]


def _asked(endpoint: IloEndpoint) -> list[str]:
    """What a full read asks for, in order."""
    paths: list[str] = []
    send = IloClient._send

    async def noting(self: IloClient, client: object, method: str, path: str, *rest: object) -> object:
        if method == "GET":
            paths.append(path)
        return await send(self, client, method, path, *rest)  # type: ignore[arg-type]

    IloClient._send = noting  # type: ignore[method-assign,assignment]
    try:
        asyncio.run(_collect(endpoint, 0))
    finally:
        IloClient._send = send  # type: ignore[method-assign]
    return paths


async def _collect(endpoint: IloEndpoint, number: int, remember: Path | None = None) -> None:
    options = CollectOptions(SEALER, _LOGIN, remember=remember)
    collected = await collect(Target(f"web{number}", "ilo", endpoint), options)
    if collected.gaps or len(collected.documents) < 40:
        raise RuntimeError(f"not all was read: {collected.gaps}")


async def _read(endpoint: IloEndpoint, remember: Path | None = None) -> None:
    async for done in run_bounded(range(HOSTS), lambda number: _collect(endpoint, number, remember), at_once=HOSTS):
        if done.error is not None:
            raise done.error


async def _ask_all(endpoint: IloEndpoint, paths: list[str]) -> None:
    """Every host's GETs through our client, one after the other as the synchronous one asks, bodies decoded."""

    async def ask(_: int) -> None:
        async with IloClient(endpoint, Credentials("auditor", "a-password")) as client:
            for path in paths[1:]:  # the log-in asked for the root
                uri, mark, _query = path.partition("?")
                await client.get(uri, expand=bool(mark))

    async for done in run_bounded(range(HOSTS), ask, at_once=HOSTS):
        if done.error is not None:
            raise done.error


def _in_threads(endpoint: IloEndpoint, paths: list[str]) -> None:
    def ask(_: int) -> None:
        client = redfish_client(endpoint.url, "auditor", "a-password", cafile=endpoint.cafile, check_connectivity=False)
        client.login(auth="session")
        for path in paths:
            if client.get(path).dict is None:
                raise RuntimeError(f"no body at {path}")
        client.logout()

    with ThreadPoolExecutor(HOSTS) as pool:
        list(pool.map(ask, range(HOSTS)))
