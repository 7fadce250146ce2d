"""An HTTPS receiver of Redfish events."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiohttp import web

from auditor.transport.sinks import SnmpUser, cannot_listen
from auditor.transport.sinks.inbox import MAX_TEXTS, Inbox

_LARGEST: Final = 256 * 1024
_DEEPEST: Final = 20


class EventSink:
    """The receiver; any path is taken, since a subscription's destination may name any."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.port = 0
        self.place = ""

    def know(self, user: SnmpUser) -> None:
        """Does nothing: events know no such users."""

    async def handle(self, request: web.Request) -> web.Response:
        """Takes one event; what is no JSON is answered 400."""
        source = str(request.remote or "")
        if request.method != "POST":
            return web.Response(status=405)
        if not self._inbox.admits("event", source):
            return web.Response(status=503, headers={"Retry-After": "30"})
        try:
            texts = tuple(_strings(msgspec.json.decode(await request.read())))[:MAX_TEXTS]
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            self._inbox.could_not_read("event", source)
            return web.Response(status=400)
        self._inbox.put("event", source, texts, self.place)
        return web.Response(status=204)


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    """Every text of a JSON value, names of members left out, as deep as events go."""
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner, depth + 1)


@asynccontextmanager
async def listening(inbox: Inbox, address: str, port: int, context: ssl.SSLContext) -> AsyncIterator[EventSink]:
    """Listens on a TCP port with TLS; 0: any free one.

    Errors:
        InputError: it cannot listen there.
    """
    sink = EventSink(inbox)
    application = web.Application(client_max_size=_LARGEST)
    application.router.add_route("*", "/{tail:.*}", sink.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address, port, ssl_context=context).start()
        except OSError as error:
            raise cannot_listen("event", address, port, error) from error
        sink.port = int(runner.addresses[0][1])
        sink.place = f"https {address}:{sink.port}"
        yield sink
    finally:
        await runner.cleanup()
