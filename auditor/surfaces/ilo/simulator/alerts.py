"""Test alerts of the virtual iLO: it really sends them to where its own settings say, or says so and sends nothing.

It sends within this machine only: a snapshot's destinations are those of real receivers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Coroutine, Mapping
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from auditor.surfaces.ilo.body import Body, Json, at
from auditor.surfaces.ilo.simulator.parts import Part, Reply, message

if TYPE_CHECKING:
    from auditor.surfaces.ilo.simulator.state import IloState
    from auditor.surfaces.ilo.simulator.traps import TrapSender

_GIVE_UP_S: Final = 10.0
_HPE: Final = "/Oem/Hpe"


class Alerts:
    """What one virtual iLO sends. ``lies``: it answers 200 and sends nothing.

    ``passphrases`` are those of its SNMP v3 users, by name: authentication and privacy. ``sent`` counts what was sent,
    by channel, ``failed`` what its receiver refused or could not be reached with.
    """

    def __init__(self, passphrases: Mapping[str, tuple[str, str]] | None = None) -> None:
        self.lies = False
        self.passphrases = dict(passphrases or {})
        self.sent: list[str] = []
        self.failed: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._traps: TrapSender | None = None
        self.part = Part(
            actions={
                "/actions/hpeilosnmpservice.sendsnmptestalert": self._traps_out,
                "/actions/oem/hpe/hpeilomanagernetworkservice.sendtestalertmail": self._mail_out,
                "/actions/oem/hpe/hpeilomanagernetworkservice.sendtestsyslog": self._syslog_out,
                "/actions/eventservice.submittestevent": self._events_out,
            }
        )

    async def stop(self) -> None:
        """Gives up what is still being sent."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._traps is not None:
            self._traps.close()
            self._traps = None

    # -- the actions ----------------------------------------------------------------------------------------------

    def _traps_out(self, state: IloState, _: str, __: Body) -> Reply:
        service = state.of_role("snmp") or {}
        if service.get("AlertsEnabled") is not True:
            return Reply(400, (message("iLO.2.14.SNMPDisabled"),))
        port = at(state.of_role("network_protocol") or {}, f"{_HPE}/SNMPTrapPort")
        name = _sys_name(state, service)
        for destination in state.all_of_role("snmp_destination"):
            self._start("snmp", self._trap(state, service, destination, port if isinstance(port, int) else 162, name))
        return Reply(200, (message("Base.1.4.Success"),))

    async def _trap(self, state: IloState, service: Body, destination: Body, port: int, name: str) -> None:
        from auditor.surfaces.ilo.simulator.traps import Trap, TrapSender, TrapUser

        protocol = str(destination.get("SNMPAlertProtocol"))
        user = None
        if protocol.startswith("SNMPv3"):
            who = str(destination.get("SecurityName"))
            known = next((one for one in state.all_of_role("snmp_user") if one.get("SecurityName") == who), None)
            if known is None or service.get("SNMPv3TrapEnabled") is False:
                raise LookupError(who)
            auth, privacy = self._passphrases_of(state, known, who)
            engine_id = str(known.get("UserEngineID") or service.get("SNMPv3EngineID"))
            protocols = str(known.get("AuthProtocol")), str(known.get("PrivacyProtocol"))
            user = TrapUser(who, protocols[0], auth, protocols[1], privacy, engine_id)
        elif service.get("SNMPv1Enabled") is False or service.get("SNMPv1TrapEnabled") is False:
            raise LookupError("v1 traps are off")
        if self._traps is None:
            self._traps = TrapSender()
        host = await asyncio.to_thread(_here, str(destination.get("AlertDestination")))
        community = str(destination.get("TrapCommunity") or "public")
        await self._traps.send(Trap(host, port, name, community, user, confirmed=protocol.endswith("Inform")))

    def _passphrases_of(self, state: IloState, user: Body, name: str) -> tuple[str, str]:
        """Those that were set, else those it began with.

        Errors:
            LookupError: there are none.
        """
        usual = self.passphrases.get(name, ("", ""))
        kept = state.kept(str(user.get("@odata.id")))
        auth, privacy = kept.get("AuthPassphrase", usual[0]), kept.get("PrivacyPassphrase", usual[1])
        if not auth or not privacy:
            raise LookupError(name)
        return str(auth), str(privacy)

    def _mail_out(self, state: IloState, _: str, __: Body) -> Reply:
        settings = at(state.of_role("network_protocol") or {}, _HPE)
        if refused := _refusal(state, settings, "EmailAlert", "AlertMail"):
            return refused
        self._start("mail", asyncio.to_thread(_send_mail, dict(_body(settings)), _host_name(state)))
        return Reply(200, (message("Base.1.4.Success"),))

    def _syslog_out(self, state: IloState, _: str, __: Body) -> Reply:
        settings = at(state.of_role("network_protocol") or {}, _HPE)
        if refused := _refusal(state, settings, "RemoteSyslog", "RemoteSyslog"):
            return refused
        self._start("syslog", asyncio.to_thread(_send_syslog, dict(_body(settings)), _host_name(state)))
        return Reply(200, (message("Base.1.4.Success"),))

    def _events_out(self, state: IloState, _: str, body: Body) -> Reply:
        if not body.get("MessageId") and not body.get("EventType"):
            return Reply(400, (message("Base.1.4.ActionParameterMissing", "MessageId"),))
        for subscription in state.all_of_role("event_subscription"):
            self._start("event", _send_event(dict(subscription), dict(body)))
        return Reply(200, (message("Base.1.4.Success"),))

    # -- sending --------------------------------------------------------------------------------------------------

    def _start(self, channel: str, sending: Coroutine[Any, Any, None]) -> None:
        if self.lies:
            sending.close()
            return
        task = asyncio.get_running_loop().create_task(self._send(channel, sending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, channel: str, sending: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                await sending
            self.sent.append(channel)
        except (OSError, LookupError, TimeoutError, ValueError, smtplib.SMTPException, aiohttp.ClientError):
            self.failed.append(channel)  # an iLO tells nobody either


def _refusal(state: IloState, settings: Json, feature: str, switch: str) -> Reply | None:
    if not state.licensed(feature):
        return Reply(403, (message("iLO.2.14.LicenseKeyRequired"),))
    if _body(settings).get(f"{switch}Enabled") is not True:
        return Reply(400, (message(f"iLO.2.14.{switch}Disabled"),))
    return None


def _body(value: Json) -> Body:
    return value if isinstance(value, dict) else {}


def _host_name(state: IloState) -> str:
    return str((state.of_role("network_protocol") or {}).get("HostName", ""))


def _sys_name(state: IloState, service: Body) -> str:
    if service.get("TrapSourceHostname") == "System":
        return str((state.of_role("system") or {}).get("HostName", ""))
    return _host_name(state)


def _send_mail(settings: Body, name: str) -> None:
    mail = EmailMessage()
    mail["From"] = f"{name}@{settings.get('AlertMailSenderDomain') or 'ilo.invalid'}"
    mail["To"] = str(settings.get("AlertMailEmail"))
    mail["Subject"] = f"{name}: test alert"
    mail.set_content(f"Test alert of {name}, sent by request.\n")
    place = _here(str(settings.get("AlertMailSMTPServer"))), _port(settings, "AlertMailSMTPPort", 25)
    with smtplib.SMTP(*place, timeout=_GIVE_UP_S) as server:
        if settings.get("AlertMailSMTPSecureEnabled") is True:
            server.starttls(context=_trusting())
        server.send_message(mail)


def _send_syslog(settings: Body, name: str) -> None:
    place = _here(str(settings.get("RemoteSyslogServer"))), _port(settings, "RemoteSyslogPort", 514)
    family, kind, _, _, address = socket.getaddrinfo(*place, type=socket.SOCK_DGRAM)[0]
    with contextlib.closing(socket.socket(family, kind)) as sender:
        sender.sendto(f"<134>{name} test message, sent by request".encode(), address)


async def _send_event(subscription: Body, event: Body) -> None:
    body = {
        "@odata.type": "#Event.v1_0_0.Event",
        "Id": "1",
        "Name": "Event",
        "Context": subscription.get("Context", ""),
        "Events": [event],
    }
    destination = URL(str(subscription.get("Destination")))
    await asyncio.to_thread(_here, destination.host or "")
    sending: dict[str, Any] = {"json": body, "ssl": _trusting(), "allow_redirects": False}
    async with aiohttp.ClientSession() as client, client.post(destination, **sending) as answer:
        answer.raise_for_status()


def _here(host: str) -> str:
    """The address of a host, where that is this machine's loopback.

    Errors:
        LookupError: it is another.
    """
    address = str(socket.getaddrinfo(host, None)[0][4][0])
    if not ipaddress.ip_address(address).is_loopback:
        raise LookupError(f"{host} is no loopback address")
    return address


def _port(settings: Body, name: str, usual: int) -> int:
    port = settings.get(name)
    return port if isinstance(port, int) else usual


def _trusting() -> ssl.SSLContext:
    """A real iLO does not verify receivers unless it is told to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
