"""A syslog server, UDP and TCP on one port; a message is a datagram, or a line (RFC 6587, both framings)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from auditor.transport.sinks import SnmpUser, cannot_listen
from auditor.transport.sinks.inbox import Inbox

_LONGEST: Final = 8_192
_CONNECTIONS: Final = 32
_SILENCE_S: Final = 60.0
_FREE_TRIES: Final = 20
_COUNTED: Final = re.compile(rb"\d{1,4} (?=<)")


class SyslogSink:
    """The server; where it listens, once it does."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.place = ""

    def know(self, user: SnmpUser) -> None:
        """Does nothing: syslog knows no such users."""

    def take(self, line: bytes, source: str) -> None:
        """Keeps one message."""
        text = line[:_LONGEST].decode("utf-8", "replace").strip()
        if text and self._inbox.admits("syslog", source):
            self._inbox.put("syslog", source, (text,), self.place)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes the lines of one connection until it ends, is silent for long, or sends a line without end."""
        source = str(writer.get_extra_info("peername")[0])
        if len(self._open) >= _CONNECTIONS:
            self._inbox.refused["syslog"] += 1
            writer.close()
            return
        self._open.add(writer)
        try:
            with contextlib.suppress(TimeoutError, ValueError, OSError):
                await self._lines(reader, source)
        finally:
            self._open.discard(writer)
            writer.close()

    async def _lines(self, reader: asyncio.StreamReader, source: str) -> None:
        while True:
            async with asyncio.timeout(_SILENCE_S):
                line = await reader.readline()
            if not line:
                return
            counted = _COUNTED.match(line)
            self.take(line[counted.end() :] if counted else line, source)

    def close(self) -> None:
        """Ends every connection."""
        for writer in tuple(self._open):
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, sink: SyslogSink) -> None:
        self._sink = sink

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._sink.take(data, str(address[0]))


@asynccontextmanager
async def listening(inbox: Inbox, address: str, port: int) -> AsyncIterator[SyslogSink]:
    """Listens on a port, UDP and TCP; 0: any that is free for both.

    Errors:
        InputError: it cannot listen there.
    """
    sink = SyslogSink(inbox)
    loop = asyncio.get_running_loop()
    for left in range(_FREE_TRIES, 0, -1):
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(sink), local_addr=(address, port))
        except OSError as error:
            raise cannot_listen("syslog", address, port, error) from error
        sink.port = int(transport.get_extra_info("sockname")[1])
        try:
            server = await asyncio.start_server(sink.serve, address, sink.port, limit=_LONGEST)
        except OSError as error:
            transport.close()
            if port == 0 and left > 1:
                continue  # somebody has that number for TCP
            raise cannot_listen("syslog", address, sink.port, error) from error
        break
    sink.place = f"syslog {address}:{sink.port}"
    try:
        yield sink
    finally:
        transport.close()
        server.close()
        sink.close()
