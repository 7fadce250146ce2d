"""HTTP towards one iLO: aiohttp's verified connections and its parser, without a session around them.

A session looks at each request for redirects, cookies, proxies, passwords in files, traces and repetitions. None of
them is wanted towards an iLO, and looking for them costs more than all else that is done for a request. Of its session
the library's client needs ``request`` alone. Deadlines are the caller's: whoever is cancelled leaves no connection.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Mapping
from types import TracebackType
from typing import Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

MAX_BODY: Final = 8 * 1024 * 1024
_CHUNK: Final = 65_536
_IDLE_S: Final = 15.0
"""A connection that rested longer may be closed by now over there, without a word that has come."""
_ALWAYS: Final = f"Accept-Encoding: gzip, deflate\r\nUser-Agent: {SERVER_SOFTWARE}\r\n"
_UNSAFE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

Headers = Mapping[str, str]


class TooLargeError(aiohttp.ClientPayloadError):
    """A body is longer than allowed; reading stopped there."""


class NoHttpError(aiohttp.ClientError):
    """What came is no HTTP answer."""


class Received:
    """An answer, read as a whole: status, headers, body."""

    def __init__(self, status: int, headers: CIMultiDictProxy[str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self._body = body

    async def read(self) -> bytes:
        """The body, after any compression was undone."""
        return self._body

    def get_encoding(self) -> str:
        """What texts in Redfish are encoded in (DSP0266)."""
        return "utf-8"


class _Exchange:
    """A request that is sent where ``async with`` begins, as a session's is."""

    def __init__(self, answer: Awaitable[Received]) -> None:
        self._answer = answer

    def __aenter__(self) -> Awaitable[Received]:
        return self._answer

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


class Wire:
    """Connections to the server at ``base``, at most ``most``, held against ``trusted``; opened within ``connect_s``.

    Nothing is sent twice, no answer leads elsewhere, and what nobody asked for is no answer.
    """

    def __init__(
        self, base: URL, trusted: ssl.SSLContext | aiohttp.Fingerprint, *, most: int, connect_s: float
    ) -> None:
        self._connector = aiohttp.TCPConnector(ssl=trusted, limit=most)
        self._resting: list[tuple[Connection, float]] = []
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._place = aiohttp.ClientRequest("GET", base, loop=loop)
        self._opening = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        self._host = f"Host: {base.host_port_subcomponent}\r\n"

    def request(
        self,
        method: str,
        url: URL,
        *,
        headers: CIMultiDict[str],
        params: Mapping[str, str] | None = None,
        json: object = None,
        data: bytes | None = None,
        allow_redirects: bool = False,
    ) -> _Exchange:
        """One request, as ``aiohttp.ClientSession.request``; ``url`` is one of this server's.

        ``data`` is sent as it is, under the type that ``headers`` give it.

        Errors, on entering:
            aiohttp.ClientError: there is no connection, or no whole answer; :class:`NoHttpError` and
                :class:`TooLargeError` among them.
            TimeoutError: no connection was opened in time.
            ValueError: a header holds what none may hold.
        """
        if allow_redirects:
            raise ValueError("no redirect is followed here")
        target = url.extend_query(params) if params else url
        return _Exchange(self._exchange(method, target.raw_path_qs, headers, json if data is None else data))

    async def close(self) -> None:
        """Ends every connection."""
        await self._connector.close()  # waits only for those that nobody gave back before
        for connection, _ in self._resting:
            connection.close()
        self._resting.clear()

    async def _exchange(self, method: str, path: str, headers: CIMultiDict[str], body: object) -> Received:
        request = self._written(method, path, headers, body)
        connection = await self._connected()
        try:
            received = await _answered(connection, request)
        except BaseException as error:
            _abandon(connection)
            if isinstance(error, OSError) and not isinstance(error, (aiohttp.ClientError, TimeoutError)):
                raise aiohttp.ClientOSError(*error.args) from error
            raise
        if _is_usable(connection):
            self._resting.append((connection, self._clock()))
        else:
            connection.close()
        return received

    async def _connected(self) -> Connection:
        """A connection on which nothing stands that nobody asked for: it would be taken for the next answer."""
        while self._resting:
            connection, since = self._resting.pop()
            if _is_usable(connection) and self._clock() - since <= _IDLE_S:
                return connection
            connection.close()
        return await self._connector.connect(self._place, [], self._opening)

    def _written(self, method: str, path: str, headers: CIMultiDict[str], body: object) -> bytes:
        if _UNSAFE.search("".join(headers.values())):
            raise ValueError("a header would hold a control character")
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        content = b""
        if isinstance(body, bytes):
            content = body
        elif body is not None:
            content = json.dumps(body).encode()
            lines += "Content-Type: application/json\r\n"
        if method != "GET":
            lines += f"Content-Length: {len(content)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\n{self._host}{lines}{_ALWAYS}\r\n"
        return head.encode("utf-8", "surrogateescape") + content


def _abandon(connection: Connection) -> None:
    """Closes a connection at once: whoever is on the other side may not be there to say farewell to."""
    if connection.transport is not None:
        connection.transport.abort()
    connection.close()


def _is_usable(connection: Connection) -> bool:
    protocol = connection.protocol
    return protocol is not None and protocol.is_connected() and not protocol.should_close


async def _answered(connection: Connection, request: bytes) -> Received:
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None:
        raise aiohttp.ServerDisconnectedError
    protocol.set_response_params(read_until_eof=True)
    transport.write(request)
    try:
        message, payload = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:  # more is to come
            message, payload = await protocol.read()
    except HttpProcessingError as error:
        raise NoHttpError(error.message) from error
    return Received(message.code, message.headers, await _body(payload))


async def _body(payload: StreamReader) -> bytes:
    kept: list[bytes] = []
    length = 0
    while not payload.at_eof():
        kept.append(await payload.read(_CHUNK))
        length += len(kept[-1])
        if length > MAX_BODY:
            raise TooLargeError(f"more than {MAX_BODY} bytes")
    return b"".join(kept)
