"""One credential for many iLOs: what one of them refused is tried on no other."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from auditor.errors import CollectError
from auditor.model.snapshot import Gap
from auditor.model.target import IloEndpoint, Target
from auditor.services.observe import observe
from auditor.surfaces.ilo.client import Credentials, IloClient
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.ilo.simulator.certificate import make_certificates
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import InterpretOptions
from auditor.transport.log_ins import LogIns
from tests.virtual_ilo import PASSWORD, ROOT, SNMP, USERNAME, options, target, with_ilo

pytestmark = pytest.mark.integration

MANY = 16


async def serving(stack: contextlib.AsyncExitStack, passwords: Sequence[str]) -> list[VirtualIlo]:
    return [await stack.enter_async_context(VirtualIlo("ilo5", USERNAME, one)) for one in passwords]


async def gaps_of(
    ilos: Sequence[VirtualIlo], environment: Mapping[str, str], *, variables: Sequence[str] = (), at_once: int = MANY
) -> dict[str, tuple[Gap, ...]]:
    """Every target's gaps, all looked at in one run."""
    names = variables or ["AUDITOR_ILO_PASSWORD"] * len(ilos)
    targets = [
        Target(f"web{n}", "ilo", IloEndpoint(ilo.url, ilo.cafile, password_env=name))
        for n, (ilo, name) in enumerate(zip(ilos, names, strict=True))
    ]
    usual = options()
    told = msgspec.structs.replace(usual, environment={**usual.environment, **environment}, deadline_s=60.0)
    looked = observe(targets, None, told, InterpretOptions(), at_once=at_once)
    return {one.target.host: one.collected.gaps async for one in looked}


def whole(gaps: Sequence[Gap]) -> list[Gap]:
    return [gap for gap in gaps if gap.what == "whole target"]


def test_of_sixteen_at_once_one_is_tried_with_a_wrong_password() -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ilos = await serving(stack, [PASSWORD] * MANY)
            gaps = await gaps_of(ilos, {"AUDITOR_ILO_PASSWORD": "out-of-date"})
            assert sum(ilo.refused_logins for ilo in ilos) == 1
            assert sum(("POST" in method) for ilo in ilos for method, _ in ilo.requests) == 1
        [tried] = [n for n, ilo in enumerate(ilos) if ilo.refused_logins]
        for n, ilo in enumerate(ilos):
            [gap] = gaps[f"web{n}"]
            assert (gap.what, gap.cause) == ("whole target", "refused")
            refused = f"{ilo.url}: the log-in was refused"
            told = refused if n == tried else f"not tried to log in, since {ilos[tried].url} refused"
            assert gap.detail.startswith(told)
            assert "AUDITOR_ILO_PASSWORD" in gap.next_step
            assert "out-of-date" not in repr(gap)

    asyncio.run(run())


def test_a_right_password_opens_all_of_them() -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ilos = await serving(stack, [PASSWORD] * 6)
            gaps = await gaps_of(ilos, {})
            assert [(ilo.refused_logins, ilo.opened_sessions, ilo.sessions) for ilo in ilos] == [(0, 1, {})] * 6
            assert not any(whole(one) for one in gaps.values())

    asyncio.run(run())


def test_a_password_of_its_own_for_each_is_tried_once_each() -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ilos = await serving(stack, [PASSWORD] * 5)
            names = [f"PASSWORD_{n}" for n in range(5)]
            wrong = {name: f"out-of-date-{n}" for n, name in enumerate(names)} | {"PASSWORD_3": PASSWORD}
            gaps = await gaps_of(ilos, wrong, variables=names)
            assert [ilo.refused_logins for ilo in ilos] == [1, 1, 1, 0, 1]
            assert not whole(gaps["web3"])

    asyncio.run(run())


def test_the_same_password_under_two_names_is_one_password() -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ilos = await serving(stack, [PASSWORD] * 2)
            await gaps_of(ilos, {"ONE": "out-of-date", "TWO": "out-of-date"}, variables=["ONE", "TWO"])
            assert sum(ilo.refused_logins for ilo in ilos) == 1

    asyncio.run(run())


def test_a_refusal_after_a_success_stops_those_that_come_later() -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ilos = await serving(stack, [PASSWORD, "another-password", PASSWORD])
            gaps = await gaps_of(ilos, {}, at_once=1)
            assert [ilo.refused_logins for ilo in ilos] == [0, 1, 0]
            assert not whole(gaps["web0"])
            [gap] = gaps["web2"]
            assert ilos[1].url in gap.detail
            assert "username_env" in gap.next_step
            assert ilos[2].opened_sessions == 0

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["hang", "drop", "busy"])
def test_an_ilo_that_does_not_decide_holds_up_nobody_for_good(kind: str) -> None:
    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            ilos = await serving(stack, [PASSWORD] * 3)
            ilos[0].faults.add(kind, "/Sessions", method="POST")  # type: ignore[arg-type]
            usual = msgspec.structs.replace(options(), deadline_s=8.0)
            targets = [Target(f"web{n}", "ilo", IloEndpoint(one.url, one.cafile)) for n, one in enumerate(ilos)]
            seen = {one.target.host: one.seen async for one in observe(targets, None, usual, InterpretOptions())}
            assert seen == {"web0": False, "web1": True, "web2": True}

    asyncio.run(run())


def test_an_ilo_that_is_away_is_noticed_while_it_waits_for_its_turn() -> None:
    """Its sessions are remembered, so that its log-in would be the first thing that it is asked."""

    async def act(ilo: VirtualIlo) -> None:
        log_ins = LogIns()
        ilo.faults.add("drop")
        endpoint = IloEndpoint(ilo.url, ilo.cafile)
        client = IloClient(endpoint, Credentials(USERNAME, PASSWORD), sessions="/s", log_ins=log_ins)
        async with log_ins.turn(USERNAME, PASSWORD, "another"):
            with pytest.raises(CollectError) as caught:
                async with client:
                    pytest.fail("logged in")
            assert caught.value.cause == "unreachable"
        assert {method for method, _ in ilo.requests} == {"GET"}

    with_ilo(act)


def test_whoever_waits_for_a_turn_is_cancelled_at_once_and_sends_nothing() -> None:
    async def act(ilo: VirtualIlo) -> None:
        log_ins = LogIns()
        endpoint = IloEndpoint(ilo.url, ilo.cafile)
        async with log_ins.turn(USERNAME, PASSWORD, "another"):
            client = IloClient(endpoint, Credentials(USERNAME, PASSWORD), log_ins=log_ins)
            entering = asyncio.create_task(client.__aenter__())
            while not ilo.requests:
                await asyncio.sleep(0.01)
            entering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await entering
        assert (ilo.opened_sessions, [method for method, _ in ilo.requests]) == (0, ["GET"])

    with_ilo(act)


def test_whoever_waited_all_its_time_says_for_what() -> None:
    async def act(ilo: VirtualIlo) -> None:
        usual = msgspec.structs.replace(options(), deadline_s=0.5)
        async with usual.log_ins.turn(USERNAME, PASSWORD, "another"):
            [gap] = (await collect(target(ilo), usual)).gaps
        assert (gap.what, gap.cause) == ("whole target", "timed out")
        assert "not tried to log in within 0.5 s" in gap.detail
        assert {method for method, _ in ilo.requests} == {"GET"}

    with_ilo(act)


def test_a_session_that_ends_may_be_renewed_although_another_ilo_refused_since() -> None:
    async def act(ilo: VirtualIlo) -> None:
        log_ins = LogIns()
        endpoint = IloEndpoint(ilo.url, ilo.cafile)
        async with IloClient(endpoint, Credentials(USERNAME, PASSWORD), log_ins=log_ins) as ours:
            async with log_ins.turn(USERNAME, PASSWORD, "another") as one:
                one.refused()
            ilo.faults.add("expired", "/SnmpService", times=1)
            assert (await ours.get(SNMP)).ok
        assert (ilo.opened_sessions, ilo.sessions) == (2, {})

    with_ilo(act)


ANSWERS = {
    "a status line that is none": b"HTTP/1.1 2OO perhaps\r\n\r\n",
    "no HTTP at all": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a header line without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    "an encoding that is none": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_error_about_an_answer_does_not_hold_the_request(answer: bytes, tmp_path: Path) -> None:
    """aiohttp's errors do: with its headers, and so with the session's token."""
    token = "a-token-that-nobody-may-see"
    cafile, server_file = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                seen.append(asked)
                if asked.startswith(b"POST"):
                    told = (
                        b"HTTP/1.1 201 Created\r\nX-Auth-Token: " + token.encode() + b"\r\nContent-Length: 2\r\n\r\n{}"
                    )
                elif b"/Managers" in asked:
                    told = answer
                else:
                    body = b'{"RedfishVersion": "1.6.0"}'
                    told = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
                writer.write(told)
                await writer.drain()
                if told == answer:
                    writer.close()
                    return

    async def run() -> BaseException:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        async with server:
            port = server.sockets[0].getsockname()[1]
            endpoint = IloEndpoint(f"https://127.0.0.1:{port}", str(cafile))
            async with IloClient(endpoint, Credentials(USERNAME, PASSWORD), request_s=5.0) as ours:
                with pytest.raises(CollectError) as caught:
                    await ours.get(f"{ROOT}/Managers")
        return caught.value

    error: BaseException | None = asyncio.run(run())
    assert any(token.encode() in asked for asked in seen), "it was sent"
    while error is not None:
        assert token not in f"{error!r} {error} {vars(error)!r}"
        error = error.__cause__ or error.__context__
