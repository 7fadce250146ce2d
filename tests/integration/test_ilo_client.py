"""The connection to an iLO, against the virtual one over real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from auditor.errors import CollectError, InputError
from auditor.model.target import IloEndpoint
from auditor.report.sentences import said
from auditor.surfaces.ilo.client import Credentials, IloClient, credentials_of
from auditor.surfaces.ilo.simulator import spoiling
from auditor.surfaces.ilo.simulator.certificate import make_certificates
from auditor.surfaces.ilo.simulator.faults import FaultKind
from auditor.surfaces.ilo.simulator.server import VirtualIlo, run_in_thread
from tests.virtual_ilo import BIOS, MANAGER, PASSWORD, PROTOCOL, SNMP, USERNAME, collected_from, with_ilo

pytestmark = pytest.mark.integration

KNOWN = Credentials(USERNAME, PASSWORD)


def client(ilo: VirtualIlo, *, request_s: float = 5.0, credentials: Credentials = KNOWN, **more: Any) -> IloClient:
    endpoint = IloEndpoint(ilo.url, more.pop("cafile", ilo.cafile), **more)
    return IloClient(endpoint, credentials, request_s=request_s)


def gets(ilo: VirtualIlo, path: str) -> int:
    return sum(method == "GET" and path in asked for method, asked in ilo.requests)


def test_one_log_in_and_one_log_out() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            assert len(ilo.sessions) == 1
            assert (await ours.get(SNMP)).body["AlertsEnabled"] is True
        assert ilo.sessions == {}
        assert ilo.opened_sessions == 1
        assert [method for method, path in ilo.requests if "/Sessions" in path] == ["POST", "DELETE"]

    with_ilo(act)


def test_no_connection_is_left_where_the_loop_ends_with_it() -> None:
    async def act(url: str, cafile: str) -> None:
        async with IloClient(IloEndpoint(url, cafile), KNOWN) as ours:
            await asyncio.gather(*(ours.get(place) for place in (SNMP, MANAGER, PROTOCOL, BIOS)))

    with run_in_thread(VirtualIlo("ilo5", USERNAME, PASSWORD)) as ilo, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.run(act(ilo.url, ilo.cafile))
        gc.collect()
        assert [str(one.message) for one in told if issubclass(one.category, ResourceWarning)] == []


def test_it_logs_out_when_cancelled() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("hang", "/SnmpService")

        async def work() -> None:
            async with client(ilo) as ours:
                await ours.get(SNMP)

        task = asyncio.create_task(work())
        while not gets(ilo, "/SnmpService"):
            await asyncio.sleep(0.01)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ilo.sessions == {}
        assert ilo.opened_sessions == 1

    with_ilo(act)


def test_it_logs_out_when_cancelled_while_logging_in() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("latency", "/Sessions", seconds=0.2, method="POST")

        async def work() -> None:
            async with client(ilo):
                pytest.fail("went on")

        task = asyncio.create_task(work())
        while not any(method == "POST" for method, _ in ilo.requests):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (ilo.opened_sessions, ilo.sessions) == (1, {})

    with_ilo(act)


def test_a_refused_credential_is_tried_once() -> None:
    async def act(ilo: VirtualIlo) -> None:
        with pytest.raises(CollectError, match="refused") as caught:
            async with client(ilo, credentials=Credentials(USERNAME, "wrong-password")):
                pytest.fail("logged in")
        assert ilo.refused_logins == 1
        assert caught.value.cause == "refused"
        assert "AUDITOR_ILO_PASSWORD" in str(caught.value)
        assert "wrong-password" not in str(caught.value)

    with_ilo(act)


def test_an_expired_session_is_renewed_once() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            ilo.faults.add("expired", "/SnmpService", times=1)
            answers = await asyncio.gather(*(ours.get(SNMP) for _ in range(6)))
            assert all(answer.ok for answer in answers)
            assert ilo.opened_sessions == 2
            ilo.faults.add("expired", "/SnmpService", times=1)
            with pytest.raises(CollectError) as caught:
                await ours.get(SNMP)
            assert caught.value.cause == "refused"
        assert ilo.opened_sessions == 2
        assert ilo.sessions == {}

    with_ilo(act)


def test_too_many_sessions_are_said_so() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo):
            with pytest.raises(CollectError, match="SessionLimitExceeded") as caught:
                async with client(ilo):
                    pytest.fail("logged in")
            assert caught.value.cause == "unreachable"
        assert ilo.opened_sessions == 1

    with_ilo(act, session_limit=1)


def test_an_unknown_authority_is_not_trusted_and_sees_no_password() -> None:
    async def act(ilo: VirtualIlo) -> None:
        with pytest.raises(CollectError) as caught:
            async with client(ilo, cafile=""):
                pytest.fail("logged in")
        assert caught.value.cause == "not trusted"
        assert 'issuer "CN=Virtual iLO authority"' in caught.value.what
        assert "SHA256:" in caught.value.what
        assert "--cafile" in str(caught.value.next_step)
        assert ilo.requests == []

    with_ilo(act)


def test_another_machine_s_certificate_is_not_trusted(tmp_path: Path) -> None:
    other, _ = make_certificates(tmp_path)

    async def act(ilo: VirtualIlo) -> None:
        with pytest.raises(CollectError) as caught:
            async with client(ilo, cafile=str(other)):
                pytest.fail("logged in")
        assert caught.value.cause == "not trusted"
        assert ilo.requests == []

    with_ilo(act)


def test_verification_is_off_only_where_the_inventory_says_so() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo, cafile="", verify=False) as ours:
            assert (await ours.get(SNMP)).ok

    with_ilo(act)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_file_of_no_use_is_an_input_error(tmp_path: Path, content: str | None) -> None:
    cafile = tmp_path / "ca.pem"
    if content:
        cafile.write_text(content)

    async def act(ilo: VirtualIlo) -> None:
        with pytest.raises(InputError, match=r"ca\.pem"):
            async with client(ilo, cafile=str(cafile)):
                pytest.fail("logged in")

    with_ilo(act)


def test_nobody_listening_is_unreachable() -> None:
    async def run() -> None:
        async with VirtualIlo("ilo5") as gone:
            url, cafile = gone.url, gone.cafile
            Path(cafile).read_bytes()
            endpoint = IloEndpoint(url)
        with pytest.raises(CollectError, match="cannot reach") as caught:
            async with IloClient(endpoint, KNOWN):
                pytest.fail("logged in")
        assert caught.value.cause == "unreachable"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("hang", "timed out"),
        ("cut", "unreachable"),
        ("drop", "unreachable"),
        ("malformed", "malformed"),
        ("deep", "malformed"),
        ("huge", "too large"),
        ("bomb", "too large"),
        ("redirect", "unsupported"),
        ("refused", "not permitted"),
        ("absent", "absent"),
        ("licence", "licence"),
        ("busy", "unreachable"),
    ],
)
def test_every_fault_has_its_cause_and_the_session_is_closed(fault: FaultKind, cause: str) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add(fault, "/SnmpService")
        async with client(ilo, request_s=0.5) as ours:
            with pytest.raises(CollectError) as caught:
                await ours.get(SNMP)
            assert caught.value.cause == cause
            assert "/SnmpService" in str(caught.value)
            advice = caught.value.next_step or ""
            assert bool(advice) == (cause not in ("absent", "licence"))
            assert not advice or said(advice, "ja") != advice
            assert (await ours.get(MANAGER)).ok
        assert ilo.sessions == {}

    with_ilo(act)


@pytest.mark.parametrize("fault", ["busy", "drop", "cut"])
def test_reads_are_repeated_a_few_times(fault: FaultKind) -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add(fault, "/SnmpService", times=2)
        async with client(ilo) as ours:
            assert (await ours.get(SNMP)).ok
        assert gets(ilo, "/SnmpService") == 3

    with_ilo(act)


def test_writes_are_never_repeated() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("lost reply", "/SnmpService", method="PATCH")
        ilo.faults.add("drop", "/SNMPAlertDestinations", method="POST")
        async with client(ilo) as ours:
            with pytest.raises(CollectError):
                await ours.patch(SNMP, {"AlertsEnabled": False})
            with pytest.raises(CollectError):
                await ours.post(f"{SNMP}/SNMPAlertDestinations", {"AlertDestination": "10.9.0.9"})
            assert (await ours.get(SNMP)).body["AlertsEnabled"] is False
        writes = [method for method, path in ilo.requests if "/SnmpService" in path and method != "GET"]
        assert writes == ["PATCH", "POST"]

    with_ilo(act)


@pytest.mark.parametrize("fault", ["lost reply", "drop", "busy"])
@pytest.mark.parametrize("method", ["PATCH", "POST", "DELETE"])
def test_a_write_is_sent_once_whatever_becomes_of_it(fault: FaultKind, method: str) -> None:
    async def act(ilo: VirtualIlo) -> None:
        place = f"{SNMP}/SNMPAlertDestinations/2"
        ilo.faults.add(fault, "/SNMPAlertDestinations", method=method)
        async with client(ilo) as ours:
            await ours.get(SNMP)  # so that a connection stands, which a client may try again on another one
            with contextlib.suppress(CollectError):
                answer = await (ours.delete(place) if method == "DELETE" else getattr(ours, method.lower())(place, {}))
                assert answer.status == 503
        assert [one for one, path in ilo.requests if "/SNMPAlertDestinations" in path] == [method]

    with_ilo(act)


@pytest.mark.parametrize(("told", "slept"), [("0", 0.0), ("3", 3.0), ("900", 5.0), ("soon", 0.2), ("-1", 0.2)])
def test_a_busy_ilo_is_given_the_time_it_asks_for(told: str, slept: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spoiling, "_busy", lambda _: web.Response(status=503, headers={"Retry-After": told}))
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("busy", "/SnmpService", times=1)
        async with client(ilo) as ours:
            with monkeypatch.context() as patched:
                patched.setattr("auditor.surfaces.ilo.client.asyncio.sleep", pause)
                assert (await ours.get(SNMP)).ok
        assert pauses == [slept]

    with_ilo(act)


def test_few_connections_serve_a_whole_read(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[object] = set()
    handle = VirtualIlo._handle

    async def counting(self: VirtualIlo, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        seen.add(request.transport.get_extra_info("peername"))
        return await handle(self, request)

    monkeypatch.setattr(VirtualIlo, "_handle", counting)

    async def act(ilo: VirtualIlo) -> None:
        await collected_from(ilo)
        assert 1 <= len(seen) <= 4
        assert len(ilo.requests) > 20

    with_ilo(act)


def test_a_redirect_to_another_origin_carries_no_token() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with VirtualIlo("ilo5") as thief, client(ilo) as ours:
            ilo.faults.add("redirect", "/SnmpService")
            with pytest.raises(CollectError):
                await ours.get(SNMP)
            with pytest.raises(CollectError):
                await ours.get(f"{thief.url}{SNMP}")
            assert thief.requests == []

    with_ilo(act)


def test_paths_without_a_slash_are_followed_to_those_with_one() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            assert (await ours.get(SNMP)).ok
            assert (await ours.get("/redfish/v1/Managers", expand=True)).ok
            assert (await ours.patch(SNMP, {"AlertsEnabled": False})).ok
        assert ilo.sessions == {}
        assert ilo.state.get(SNMP)["AlertsEnabled"] is False

    with_ilo(act, slash_redirects=True)


def test_what_does_not_speak_redfish_is_not_supported() -> None:
    async def act(ilo: VirtualIlo) -> None:
        ilo.faults.add("absent", "/redfish/v1")
        with pytest.raises(CollectError, match="does not speak Redfish") as caught:
            async with client(ilo):
                pytest.fail("logged in")
        assert caught.value.cause == "unsupported"
        assert [method for method, _ in ilo.requests] == ["GET"]

    with_ilo(act)


def test_nothing_is_logged_of_token_or_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens: list[str] = []

    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            tokens.extend(ilo.sessions)
            await ours.get(SNMP)
            ilo.faults.add("cut", "/SnmpService")
            with pytest.raises(CollectError) as caught:
                await ours.get(SNMP)
            said = f"{caught.value!r} {ours!r} {caught.getrepr(style='long')}"
            assert PASSWORD not in said
            assert not any(token in said for token in tokens)

    with_ilo(act)
    assert tokens
    assert PASSWORD not in caplog.text
    assert not any(token in caplog.text for token in tokens)
    assert PASSWORD not in repr(KNOWN)


def test_an_etag_guards_a_write() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            etag = (await ours.get(SNMP)).etag
            assert (await ours.patch(SNMP, {"AlertsEnabled": False}, etag=etag)).ok
            late = await ours.patch(SNMP, {"AlertsEnabled": True}, etag=etag)
            assert late.status == 412
            assert late.says("PreconditionFailed")
        assert ilo.state.get(SNMP)["AlertsEnabled"] is False

    with_ilo(act)


def test_log_in_again_after_a_reset_of_the_ilo() -> None:
    async def act(ilo: VirtualIlo) -> None:
        async with client(ilo) as ours:
            assert (await ours.post(f"{MANAGER}/Actions/Manager.Reset", {"ResetType": "ForceRestart"})).ok
            with pytest.raises(CollectError):
                await ours.log_in_again()
            while not ilo.state.available():
                await asyncio.sleep(0.02)
            await ours.log_in_again()
            assert (await ours.get(BIOS)).ok
        assert ilo.sessions == {}

    with_ilo(act, ilo_reset_s=0.2)


@pytest.mark.parametrize("url", ["http://h", "https://u:p@h", "https://h/path", "https://h?x=1", "ilo://h", "https://"])
def test_an_address_of_no_use_is_an_input_error(url: str) -> None:
    async def run() -> None:
        with pytest.raises(InputError):
            async with IloClient(IloEndpoint(url), KNOWN):
                pytest.fail("connected")

    asyncio.run(run())


def test_credentials_are_looked_up_by_name() -> None:
    endpoint = IloEndpoint("https://h", username_env="U", password_env="P")
    assert credentials_of(endpoint, {"U": "a", "P": "b"}) == Credentials("a", "b")
    with pytest.raises(CollectError, match="P not set") as caught:
        credentials_of(endpoint, {"U": "a", "P": ""})
    assert caught.value.cause == "refused"
