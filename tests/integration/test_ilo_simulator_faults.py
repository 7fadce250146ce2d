"""The virtual iLO's faults: what each is on the wire, what a reader makes of it, and the command line's way to them."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import ssl
import subprocess
import sys
from typing import Any

import aiohttp
import pytest

from auditor.errors import CollectError, InputError
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.body import path_of
from auditor.surfaces.ilo.client import Credentials, IloClient
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.ilo.simulator.certificate import CertificateKind
from auditor.surfaces.ilo.simulator.faults import KINDS, FaultKind, parse_fault
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from tests.virtual_ilo import BIOS, MANAGER, PASSWORD, ROOT, SNMP, USERNAME, options, target, with_ilo

pytestmark = pytest.mark.integration

BASIC = {"Authorization": "Basic " + base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()}


async def raw(ilo: VirtualIlo, uri: str, **arguments: Any) -> tuple[int, dict[str, str], bytes]:
    """One GET as any client would send it, body and all."""
    context = ssl.create_default_context(cafile=ilo.cafile)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), headers=BASIC) as session,
        session.get(ilo.url + uri, allow_redirects=False, **arguments) as response,
    ):
        return response.status, dict(response.headers), await response.read()


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("empty", "malformed"),
        ("page", "malformed"),
        ("moved", "unsupported"),
        ("drip", "timed out"),
        ("latency", "timed out"),
        ("bomb", "too large"),
        ("huge", "too large"),
    ],
)
def test_a_reader_names_the_cause_and_reads_on(kind: FaultKind, cause: str) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add(kind, "/SnmpService")
        endpoint = IloEndpoint(ilo.url, ilo.cafile)
        async with IloClient(endpoint, Credentials(USERNAME, PASSWORD), request_s=0.6) as ours:
            with pytest.raises(CollectError) as caught:
                await ours.get(SNMP)
            assert caught.value.cause == cause
            assert (await ours.get(MANAGER)).ok
        assert ilo.sessions == {}

    with_ilo(act)


def test_what_each_answer_is_on_the_wire() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async def spoiled(kind: FaultKind, seconds: float | None = None) -> tuple[int, dict[str, str], bytes]:
            ilo.faults.clear()
            ilo.faults.add(kind, seconds=seconds)
            return await raw(ilo, SNMP)

        good = await raw(ilo, SNMP)
        assert (await spoiled("empty"))[::2] == (200, b"")
        status, headers, body = await spoiled("page")
        assert (status, headers["Content-Type"].split(";")[0], body[:9]) == (200, "text/html", b"<!DOCTYPE")
        status, headers, body = await spoiled("wrong type")
        assert (status, headers["Content-Type"].split(";")[0]) == (200, "text/plain")
        assert json.loads(body) == json.loads(good[2])
        for kind, code in (("redirect", 307), ("moved", 308)):
            status, headers, _ = await spoiled(kind)  # type: ignore[arg-type]
            assert status == code
            assert headers["Location"].startswith(f"https://other.example{SNMP}")
        status, headers, _ = await spoiled("busy", 7)
        assert (status, headers["Retry-After"]) == (503, "7")
        status, _, body = await spoiled("drip", 0.0)
        assert (status, json.loads(body)) == (200, json.loads(good[2]))
        assert len((await spoiled("huge"))[2]) > 100 * 2**20 - 1
        assert len((await spoiled("bomb"))[2]) > 100 * 2**20 - 1

    with_ilo(act)


def test_a_bomb_is_small_on_its_way() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("bomb")
        context = ssl.create_default_context(cafile=ilo.cafile)
        connector = aiohttp.TCPConnector(ssl=context)
        async with (
            aiohttp.ClientSession(connector=connector, headers=BASIC, auto_decompress=False) as session,
            session.get(ilo.url + SNMP) as response,
        ):
            assert response.headers["Content-Encoding"] == "gzip"
            assert len(await response.read()) < 2**18

    with_ilo(act)


def _links(value: object) -> list[str]:
    if isinstance(value, list):
        return [link for one in value for link in _links(one)]
    if isinstance(value, dict):
        mine = [value["@odata.id"]] if isinstance(value.get("@odata.id"), str) else []
        return mine + [link for one in value.values() for link in _links(one)]
    return []


@pytest.mark.parametrize("kind", ["dots", "slashes", "cycle"])
def test_links_lead_astray(kind: FaultKind) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add(kind)
        body = json.loads((await raw(ilo, MANAGER))[2])
        links = _links({name: one for name, one in body.items() if name != "@odata.id"})
        assert len(links) > 4
        if kind == "cycle":
            assert set(links) == {MANAGER}
        else:
            assert all(path_of(link) is None for link in links)
            assert all("etc" in link for link in links)
        assert body["@odata.id"] == MANAGER

    with_ilo(act)


@pytest.mark.parametrize("kind", ["dots", "slashes", "cycle", "names"])
@pytest.mark.parametrize("path", ["", "/Managers/1", "/SNMPAlertDestinations"])
def test_a_collection_ends_and_keeps_no_name_that_climbs(kind: FaultKind, path: str) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add(kind, path)
        collected = await collect(target(ilo), options(deadline_s=8.0))
        assert not any(".." in one.name.split("/") for one in collected.documents)
        assert not any("etc/passwd" in one.name or "climbed" in one.name for one in collected.documents)
        assert "timed out" not in {gap.cause for gap in collected.gaps}
        if kind in ("dots", "slashes"):
            assert collected.gaps
        if path:
            assert collected.document(BIOS) is not None
        assert ilo.sessions == {}

    with_ilo(act)


def test_a_body_of_another_type_is_judged_by_what_it_holds() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("wrong type")
        async with IloClient(IloEndpoint(ilo.url, ilo.cafile), Credentials(USERNAME, PASSWORD)) as ours:
            assert (await ours.get(SNMP)).body["SNMPv1Enabled"] is True

    with_ilo(act)


@pytest.mark.parametrize(
    ("kind", "word"), [("self-signed", "self"), ("expired", "expired"), ("wrong-name", "not valid for")]
)
def test_a_bad_certificate_is_not_trusted_and_no_request_is_sent(kind: CertificateKind, word: str) -> None:
    async def act(ilo: VirtualIlo) -> None:
        cafile = "" if kind == "self-signed" else ilo.cafile
        with pytest.raises(CollectError) as caught:
            async with IloClient(IloEndpoint(ilo.url, cafile), Credentials(USERNAME, PASSWORD)):
                pytest.fail("logged in")
        assert caught.value.cause == "not trusted"
        assert word in caught.value.what
        assert ilo.requests == []

    with_ilo(act, certificate=kind)


def test_a_self_signed_certificate_is_trusted_where_it_was_pinned() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with IloClient(IloEndpoint(ilo.url, ilo.cafile), Credentials(USERNAME, PASSWORD)) as ours:
            assert (await ours.get(SNMP)).ok

    with_ilo(act, certificate="self-signed")


# -- the command line -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_can_be_written(kind: str) -> None:
    fault = parse_fault(f"{kind.replace(' ', '-')}:/Managers/1:3:0.5")
    assert (fault.kind, fault.path, fault.times, fault.seconds) == (kind, "/managers/1", 3, 0.5)
    bare = parse_fault(kind.replace(" ", "-").upper())
    assert (bare.kind, bare.path, bare.times, bare.seconds) == (kind, "", None, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("slow", "no fault"),
        ("", "no fault"),
        ("hang:/x:many", "no number of times"),
        ("hang:/x:0", "no number of times"),
        ("hang:/x:-1", "no number of times"),
        ("hang:/x:1:soon", "no number of seconds"),
        ("hang:/x:1:nan", "no number of seconds"),
        ("hang:/x:1:-2", "no number of seconds"),
        ("hang:/x:1:99999", "no number of seconds"),
        ("hang:/x:1:2:3", "too many parts"),
    ],
)
def test_a_fault_that_is_none_is_an_input_error(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        parse_fault(text)
    assert text in str(caught.value)
    assert caught.value.next_step


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "auditor", "simulate", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("ilo5", "--fault", "slow"), "lost-reply"),
        (("ilo5", "--certificate", "old"), "wrong-name"),
        (("ilo5", "--session-limit", "0"), "session-limit"),
        (("ilo5", "--post-seconds", "-1"), "post-seconds"),
    ],
)
def test_the_command_says_what_it_could_have_been(words: tuple[str, ...], names: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert names in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_the_command_serves_with_faults_and_switches() -> None:
    words = [
        "--fault", "busy:/SnmpService:1", "--fault", "refused:/Managers/1/DateTime", "--no-expand", "--no-etag",
        "--session-limit", "1", "--certificate", "self-signed",
    ]  # fmt: skip
    command = [sys.executable, "-m", "auditor", "simulate", "ilo6", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())

            async def look() -> None:
                known = Credentials(told["username"], told["password"])
                async with IloClient(IloEndpoint(told["url"], told["cafile"]), known) as ours:
                    snmp = await ours.get(SNMP)  # busy once, then well
                    assert snmp.etag == ""
                    assert "@odata.etag" not in snmp.body
                    with pytest.raises(CollectError) as caught:
                        await ours.get(f"{MANAGER}/DateTime")
                    assert caught.value.cause == "not permitted"
                    listed = await ours.get(f"{ROOT}/Managers", expand=True)
                    assert listed.body["Members"] == [{"@odata.id": MANAGER}]
                    with pytest.raises(CollectError, match="SessionLimitExceeded"):
                        async with IloClient(IloEndpoint(told["url"], told["cafile"]), known):
                            pytest.fail("a second session")

            asyncio.run(look())
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
