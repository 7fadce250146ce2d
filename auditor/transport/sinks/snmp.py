"""An SNMP trap receiver: v1 and v2c of any community, v3 traps and informs of users that are known."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from pyasn1.codec.ber import decoder
from pyasn1.error import PyAsn1Error
from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import ntfrcv
from pysnmp.error import PySnmpError
from pysnmp.proto import api
from pysnmp.proto.rfc1902 import OctetString

from auditor.errors import InputError
from auditor.transport.sinks import SnmpUser, cannot_listen
from auditor.transport.sinks.inbox import Inbox

_LONGEST: Final = 16_384
_AUTH: Final[Mapping[str, Any]] = {
    "MD5": config.USM_AUTH_HMAC96_MD5,
    "SHA": config.USM_AUTH_HMAC96_SHA,
    "SHA224": config.USM_AUTH_HMAC128_SHA224,
    "SHA256": config.USM_AUTH_HMAC192_SHA256,
    "SHA384": config.USM_AUTH_HMAC256_SHA384,
    "SHA512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIVACY: Final[Mapping[str, Any]] = {
    "DES": config.USM_PRIV_CBC56_DES,
    "AES": config.USM_PRIV_CFB128_AES,
    "AES128": config.USM_PRIV_CFB128_AES,
    "AES192": config.USM_PRIV_CFB192_AES,
    "AES256": config.USM_PRIV_CFB256_AES,
}


def protocol_of(name: str) -> str:
    """A protocol's name without signs: ``SHA-256`` and ``HMAC-SHA256`` are ``SHA256``."""
    return "".join(one for one in name.upper().removeprefix("HMAC") if one.isalnum()).removeprefix("HMAC")


class SnmpSink:
    """The receiver. v1 and v2c are read whatever their community is; v3 only where it verifies."""

    def __init__(self, inbox: Inbox, bound: socket.socket) -> None:
        self._inbox = inbox
        self._known: set[tuple[str, str]] = set()
        self._engine = SnmpEngine()
        self.port = int(bound.getsockname()[1])
        self.place = f"udp {bound.getsockname()[0]}:{self.port}"
        six = bound.family == socket.AF_INET6
        transport = (_Socket6 if six else _Socket4)()
        transport.take = self._take
        domain = udp6.DOMAIN_NAME if six else udp.DOMAIN_NAME
        config.add_transport(self._engine, domain, transport.open_server_mode(sock=bound))
        ntfrcv.NotificationReceiver(self._engine, self._notified)

    def know(self, user: SnmpUser) -> None:
        """Makes v3 notifications of that user, from that engine, readable.

        Errors:
            InputError: a protocol, passphrase or engine id is none.
        """
        if (user.name, user.engine_id) in self._known:
            return
        auth, privacy = _AUTH.get(protocol_of(user.auth)), _PRIVACY.get(protocol_of(user.privacy))
        try:
            if auth is None or privacy is None:
                raise ValueError(f"{user.auth} with {user.privacy} is not known")
            engine_id = OctetString(bytes.fromhex(user.engine_id.removeprefix("0x")))
            secrets = (auth, user.auth_passphrase, privacy, user.privacy_passphrase)
            # A trap is verified with the sender's engine id, an inform with ours.
            config.add_v3_user(self._engine, user.name, *secrets, securityEngineId=engine_id)
            config.add_v3_user(self._engine, user.name, *secrets)
        except (ValueError, PySnmpError, PyAsn1Error) as error:
            raise InputError(f"the SNMP user {user.name!r} cannot be used: {str(error)[:200]}") from None
        self._known.add((user.name, user.engine_id))

    def close(self) -> None:
        """Stops listening."""
        self._engine.close_dispatcher()

    def _take(self, datagram: bytes, source: str) -> bool:
        """Reads a datagram of v1 or v2c; True: it is of v3, which the engine reads."""
        if len(datagram) > _LONGEST or not self._inbox.admits("snmp", source):
            return False
        try:
            version = int(api.decodeMessageVersion(datagram))
            if version == 3:
                self._inbox.could_not_read("snmp", source)  # taken back where it verifies
                return True
            texts = _texts_of(datagram, api.PROTOCOL_MODULES[version])
        except (PySnmpError, PyAsn1Error, KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError):
            self._inbox.could_not_read("snmp", source)
            return False
        if texts:
            self._inbox.put("snmp", source, texts, self.place)
        return False

    def _notified(self, engine: Any, _: Any, engine_id: Any, context: Any, values: Any, __: Any) -> None:
        message = engine.observer.get_execution_context("rfc3412.receiveMessage:request")
        source = str(message["transportAddress"][0])
        if int(message["securityLevel"]) < 2:
            return  # says a user's name without proving it
        self._inbox.could_not_read("snmp", source, -1)
        sender = bytes(engine_id).hex()
        texts = [f"0x{sender}", bytes(context).decode("utf-8", "replace"), *_shown(values)]
        self._inbox.put("snmp", source, tuple(texts), self.place)


def _texts_of(datagram: bytes, protocol: Any) -> tuple[str, ...]:
    """The readable parts of a v1 or v2c notification; none where the message is no notification."""
    message, _ = decoder.decode(datagram, asn1Spec=protocol.Message())
    pdu = protocol.apiMessage.get_pdu(message)
    if pdu.isSameTypeWith(protocol.TrapPDU()):
        if protocol is api.PROTOCOL_MODULES[api.SNMP_VERSION_1]:
            head = [protocol.apiTrapPDU.get_enterprise(pdu), protocol.apiTrapPDU.get_agent_address(pdu)]
            return (*(one.prettyPrint() for one in head), *_shown(protocol.apiTrapPDU.get_varbinds(pdu)))
        return tuple(_shown(protocol.apiTrapPDU.get_varbinds(pdu)))
    return ()


def _shown(values: Any) -> list[str]:
    found = []
    for _, value in values:
        raw = bytes(value) if hasattr(value, "asOctets") else None
        found.append(raw.decode("utf-8", "replace") if raw is not None else str(value.prettyPrint()))
    return found


class _Taking:
    """A socket of the library that shows each datagram to us first."""

    take: Any = None

    def datagram_received(self, datagram: bytes, address: Any) -> None:
        """Hands on what the engine is to read."""
        if self.take(datagram, str(address[0])):
            super().datagram_received(datagram, address)  # type: ignore[misc]  # the library's class beside it


class _Socket4(_Taking, udp.UdpAsyncioTransport):  # type: ignore[misc]  # the library has no annotations
    pass


class _Socket6(_Taking, udp6.Udp6AsyncioTransport):  # type: ignore[misc]  # the library has no annotations
    pass


@asynccontextmanager
async def listening(inbox: Inbox, address: str, port: int) -> AsyncIterator[SnmpSink]:
    """Listens on a UDP port; 0: any free one.

    Errors:
        InputError: it cannot listen there.
    """
    try:
        six = ipaddress.ip_address(address).version == 6
        bound = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            bound.bind((address, port))
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        raise cannot_listen("snmp", address, port, error) from error
    sink = SnmpSink(inbox, bound)
    try:
        yield sink
    finally:
        sink.close()
