"""Sinks against what nobody should send: bounded, never stopped, and nothing that is no alert becomes one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import smtplib
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from pyasn1.codec.ber import encoder
from pysnmp.proto import api

from auditor.errors import InputError
from auditor.model.alert import CHANNELS, Channel
from auditor.surfaces.ilo.simulator.traps import Trap, TrapSender, TrapUser
from auditor.transport.sinks import Sink, SnmpUser, sink_for
from auditor.transport.sinks.certificate import context_of
from auditor.transport.sinks.inbox import MAX_OF_ONE, Inbox

pytestmark = pytest.mark.integration

HERE = "127.0.0.1"
USER = ("alerts", "SHA", "an-auth-passphrase", "AES", "a-privacy-passphrase", "0x800000e80453494d")


def with_sink(channel: Channel, act: Callable[[Sink, Inbox], Awaitable[None]]) -> Inbox:
    async def run() -> Inbox:
        inbox = Inbox()
        async with sink_for(channel, inbox, HERE, 0, context_of("", HERE)) as sink:
            await act(sink, inbox)
        return inbox

    return asyncio.run(run())


async def until(inbox: Inbox, condition: Callable[[], bool]) -> None:
    """Waits until something arrived that makes the condition true."""
    async with asyncio.timeout(20):
        while not condition():
            inbox.changed.clear()
            if not condition():
                await inbox.changed.wait()


def send_udp(port: int, *datagrams: bytes) -> None:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        for one in datagrams:
            sender.sendto(one, (HERE, port))


def test_nonsense_on_the_snmp_port_is_counted_and_a_trap_after_it_still_arrives() -> None:
    chance = random.Random(4)
    noise = [chance.randbytes(length) for length in (0, 1, 2, 40, 600, 1400)]
    noise += [b"\x30\x80" * 400, b"\x30\x82\xff\xff\x02\x01\x03", b"\x30\x03\x02\x01\x09", b"\x30\x03\x02\x01\x00"]

    async def act(sink: Sink, inbox: Inbox) -> None:
        send_udp(sink.port, *noise)
        sender = TrapSender()
        await sender.send(Trap(HERE, sink.port, "web1-ilo", "any community"))
        await until(inbox, lambda: bool(inbox.received))
        sender.close()

    inbox = with_sink("snmp", act)
    assert len(inbox.received) == 1
    assert "web1-ilo" in inbox.received[0].texts
    assert inbox.unreadable["snmp", HERE] >= 5


def test_a_v2c_trap_of_any_community_is_read_and_an_inform_or_a_question_is_no_alert() -> None:
    def datagram(kind: str, *texts: str) -> bytes:
        protocol = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
        pdu = getattr(protocol, kind)()
        protocol.apiPDU.set_defaults(pdu)
        protocol.apiPDU.set_varbinds(pdu, [("1.3.6.1.2.1.1.5.0", protocol.OctetString(text)) for text in texts])
        message = protocol.Message()
        protocol.apiMessage.set_defaults(message)
        protocol.apiMessage.set_community(message, "any community")
        protocol.apiMessage.set_pdu(message, pdu)
        return bytes(encoder.encode(message))

    async def act(sink: Sink, inbox: Inbox) -> None:
        send_udp(sink.port, datagram("GetRequestPDU", "web8-ilo"), datagram("SNMPv2TrapPDU", "web9-ilo"))
        await until(inbox, lambda: bool(inbox.received))

    (received,) = with_sink("snmp", act).received
    assert received.texts == ("web9-ilo",)
    assert (received.channel, received.source) == ("snmp", HERE)


@pytest.mark.parametrize("wrong", [2, 4])
def test_a_v3_trap_is_taken_only_where_it_verifies(wrong: int) -> None:
    forged = [*USER]
    forged[wrong] = "some-other-passphrase"

    async def act(sink: Sink, inbox: Inbox) -> None:
        sink.know(SnmpUser(*USER))
        sender = TrapSender()
        await sender.send(Trap(HERE, sink.port, "forged", user=TrapUser(*forged)))
        await until(inbox, lambda: inbox.unreadable["snmp", HERE] == 1)
        await sender.send(Trap(HERE, sink.port, "true", user=TrapUser(*USER)))
        await until(inbox, lambda: bool(inbox.received))
        sender.close()

    inbox = with_sink("snmp", act)
    assert [("true" in one.texts, one.texts[0]) for one in inbox.received] == [(True, USER[5])]


def test_a_flood_from_one_sender_is_bounded_and_said() -> None:
    async def act(sink: Sink, inbox: Inbox) -> None:
        sent = 0
        while not inbox.refused["syslog"]:
            send_udp(sink.port, *[b"<1>flood"] * 50)
            sent += 50
            await asyncio.sleep(0)
            assert sent < 200_000

    inbox = with_sink("syslog", act)
    assert len(inbox.received) == MAX_OF_ONE


def test_syslog_over_tcp_takes_both_framings_and_ends_a_line_without_end() -> None:
    async def act(sink: Sink, inbox: Inbox) -> None:
        _, writer = await asyncio.open_connection(HERE, sink.port)
        writer.write(b"<134>one web1-ilo\n24 <134>two web1-ilo counted\n")
        await writer.drain()
        await until(inbox, lambda: len(inbox.received) == 2)
        writer.close()
        reader, writer = await asyncio.open_connection(HERE, sink.port)
        with contextlib.suppress(OSError):
            writer.write(b"x" * 100_000)
            await writer.drain()
        async with asyncio.timeout(20):
            with contextlib.suppress(OSError):
                assert await reader.read() == b""
        writer.close()

    inbox = with_sink("syslog", act)
    assert [one.texts[0] for one in inbox.received] == ["<134>one web1-ilo", "<134>two web1-ilo counted"]


def test_the_event_receiver_takes_json_posts_and_nothing_else() -> None:
    async def act(sink: Sink, inbox: Inbox) -> None:
        url = f"https://{HERE}:{sink.port}/any/path"
        async with aiohttp.ClientSession() as client:

            async def status(method: str, **sent: object) -> int:
                async with client.request(method, url, ssl=False, **sent) as answer:  # type: ignore[arg-type]
                    return answer.status

            assert await status("GET") == 405
            assert await status("POST", data=b"{") == 400
            assert await status("POST", data=b"[" * 100_000) == 400
            assert await status("POST", data=b"x" * 300_000) == 413
            assert await status("POST", json={"Events": [{"EventId": "auditor-1"}], "Context": "c"}) == 204

    inbox = with_sink("event", act)
    assert [set(one.texts) for one in inbox.received] == [{"auditor-1", "c"}]


def test_the_mail_server_offers_no_log_in_and_takes_no_huge_mail() -> None:
    async def act(sink: Sink, inbox: Inbox) -> None:
        def client() -> None:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with smtplib.SMTP(HERE, sink.port, timeout=20) as server:
                server.starttls(context=context)
                server.ehlo()
                assert not server.has_extn("auth")
                with pytest.raises(smtplib.SMTPResponseException, match="exceeds"):
                    server.sendmail(
                        "a@web1-ilo", ["b@example.org"], b"Subject: x\r\n\r\n" + b"y" * 60 + b"\r\n" * 700_000
                    )
                broken = (
                    b"Subject: =?utf-8?b?d2ViMS1pbG8=?= test\r\nContent-Type: text/plain; charset=none\r\n\r\n\xff\xfe"
                )
                server.sendmail("a@web1-ilo", ["b@example.org"], broken)

        await asyncio.to_thread(client)

    inbox = with_sink("mail", act)
    assert len(inbox.received) == 1
    assert "web1-ilo" in "".join(inbox.received[0].texts)


def test_a_mail_connection_too_many_is_turned_away_and_one_that_ended_makes_room() -> None:
    async def act(sink: Sink, inbox: Inbox) -> None:
        async def greeting() -> tuple[bytes, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(HERE, sink.port)
            return (await reader.readline())[:3], writer

        open_ = [await greeting() for _ in range(33)]
        assert [code for code, _ in open_].count(b"220") == 32
        assert open_[-1][0] == b"421"
        for _, writer in open_:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(20):
            while (again := await greeting())[0] != b"220":
                again[1].close()
        again[1].close()

    assert with_sink("mail", act).refused["mail"] >= 1


def test_no_passphrase_reaches_a_log_or_a_representation(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def act(sink: Sink, inbox: Inbox) -> None:
        sink.know(SnmpUser(*USER))
        sender = TrapSender()
        await sender.send(Trap(HERE, sink.port, "true", user=TrapUser(*USER)))
        await until(inbox, lambda: bool(inbox.received))
        sender.close()

    with_sink("snmp", act)
    for secret in (USER[2], USER[4]):
        assert secret not in caplog.text
        assert secret not in repr(SnmpUser(*USER))


@pytest.mark.parametrize("channel", CHANNELS)
def test_without_the_extra_only_what_needs_it_says_how_to_get_it(
    channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("auditor.transport.sinks.snmp", "auditor.transport.sinks.mail"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delattr(sys.modules["auditor.transport.sinks"], name.rpartition(".")[2], raising=False)
    for name in [one for one in sys.modules if one.split(".")[0] in ("pysnmp", "pyasn1", "aiosmtpd")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("pysnmp", "pyasn1", "aiosmtpd"):
        monkeypatch.setitem(sys.modules, name, None)
    if channel in ("snmp", "mail"):
        with pytest.raises(InputError, match=r"pip install 'httpd-ilo-auditor\[alerts\]'"):
            sink_for(channel, Inbox(), HERE, 0, context_of("", HERE))
    else:
        assert sink_for(channel, Inbox(), HERE, 0, context_of("", HERE)) is not None
