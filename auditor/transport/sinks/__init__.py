"""Sinks for alerts: an SNMP trap receiver, a mail server, a syslog server and an HTTPS receiver of Redfish events.

Each binds to one address that a person gave, takes what comes up to a bound, and tells an :class:`Inbox`. None of them
answers more than its protocol asks for, and none writes anything to disk or log.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import msgspec

from auditor.errors import InputError
from auditor.model.alert import Channel
from auditor.transport.sinks.inbox import Inbox

USUAL_PORTS: Final[dict[Channel, int]] = {"snmp": 10162, "mail": 10025, "syslog": 10514, "event": 10443}
"""Ports that need no privilege; the iLO's settings name the port for each channel."""


class SnmpUser(msgspec.Struct, frozen=True):
    """An SNMP v3 user whose notifications can be verified: protocols as the iLO names them, its engine id in hex."""

    name: str
    auth: str
    auth_passphrase: str
    privacy: str
    privacy_passphrase: str
    engine_id: str

    def __repr__(self) -> str:  # no passphrase may reach a log by way of a traceback
        return f"SnmpUser({self.name!r}, …)"


class Sink(Protocol):
    """One that listens: where, as people write it."""

    @property
    def place(self) -> str:
        """``udp 10.9.0.4:10162``."""
        ...

    @property
    def port(self) -> int:
        """The port it listens on."""
        ...

    def know(self, user: SnmpUser) -> None:
        """Makes notifications of that user readable; other sinks than SNMP's do nothing."""
        ...


def sink_for(
    channel: Channel, inbox: Inbox, address: str, port: int, context: ssl.SSLContext
) -> AbstractAsyncContextManager[Sink]:
    """The sink of a channel, which listens while its context is open; its libraries are loaded now.

    ``context`` serves STARTTLS of the mail server, and the HTTPS receiver.

    Errors:
        InputError: the libraries of the extra ``alerts`` are not installed; on entering: it cannot listen there.
    """
    try:
        if channel == "snmp":
            from auditor.transport.sinks import snmp

            return snmp.listening(inbox, address, port)
        if channel == "mail":
            from auditor.transport.sinks import mail

            return mail.listening(inbox, address, port, context)
        if channel == "syslog":
            from auditor.transport.sinks import syslog

            return syslog.listening(inbox, address, port)
        from auditor.transport.sinks import events

        return events.listening(inbox, address, port, context)
    except ImportError as error:
        raise InputError(
            f"a sink for {channel} needs a library that is not installed ({error.name})",
            untouched="Nothing was sent.",
            next_step="pip install 'httpd-ilo-auditor[alerts]'",
        ) from error


def cannot_listen(channel: Channel, address: str, port: int, error: OSError) -> InputError:
    """The error for an address or port that cannot be had."""
    return InputError(
        f"the sink for {channel} cannot listen on {address} port {port}: {error.strerror or error}",
        untouched="Nothing was sent.",
        next_step=f"Name an address of this machine (--listen) and a free port above 1023 (--port {channel}=PORT).",
    )
