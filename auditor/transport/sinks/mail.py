"""A mail server that takes every mail for the inbox and delivers none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from aiosmtpd.smtp import SMTP

from auditor.transport.sinks import SnmpUser, cannot_listen
from auditor.transport.sinks.inbox import Inbox
from auditor.transport.sinks.mail_content import LARGEST, mail_texts

_CONNECTIONS: Final = 32
_SILENCE_S: Final = 20.0


class MailSink:
    """The server; offers STARTTLS and no log-in, so that no password is ever sent to it."""

    def __init__(self, inbox: Inbox, context: ssl.SSLContext) -> None:
        self._inbox = inbox
        self._context = context
        self._sessions: list[Any] = []
        self.port = 0
        self.place = ""

    def know(self, user: SnmpUser) -> None:
        """Does nothing: mail knows no such users."""

    def session(self) -> asyncio.Protocol:
        """What serves one connection more; one too many is turned away."""
        self._sessions = [one for one in self._sessions if not _ended(one)]
        if len(self._sessions) >= _CONNECTIONS:
            self._inbox.refused["mail"] += 1
            return _TurnedAway()
        made = SMTP(
            self,
            data_size_limit=LARGEST,
            timeout=_SILENCE_S,
            tls_context=self._context,
            hostname="auditor",
            ident="auditor",
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
        )
        self._sessions.append(made)
        return cast(asyncio.Protocol, made)

    async def handle_EHLO(  # noqa: N802 - the library's name
        self, _: Any, session: Any, __: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """What is offered to a client: no log-in."""
        session.host_name = hostname
        return [one for one in responses if not one[4:].startswith("AUTH")]

    async def handle_DATA(self, _: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the library's name
        """Takes one mail."""
        source = str(session.peer[0])
        if not self._inbox.admits("mail", source):
            return "452 too many mails"
        content = bytes(envelope.content)
        self._inbox.put("mail", source, (str(envelope.mail_from or ""), *mail_texts(content)), self.place)
        return "250 taken"


def _ended(one: Any) -> bool:
    """Whether a connection was made and is over; what waits for being made counts as open."""
    return one.session is not None and (one.transport is None or one.transport.is_closing())


class _TurnedAway(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(b"421 too many connections\r\n")
        transport.close()


@asynccontextmanager
async def listening(inbox: Inbox, address: str, port: int, context: ssl.SSLContext) -> AsyncIterator[MailSink]:
    """Listens on a TCP port; 0: any free one.

    Errors:
        InputError: it cannot listen there.
    """
    sink = MailSink(inbox, context)
    try:
        server = await asyncio.get_running_loop().create_server(sink.session, address, port)
    except OSError as error:
        raise cannot_listen("mail", address, port, error) from error
    sink.port = int(server.sockets[0].getsockname()[1])
    sink.place = f"smtp {address}:{sink.port}"
    try:
        yield sink
    finally:
        server.close()
