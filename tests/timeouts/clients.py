"""Clients that ask one request and measure: a plain one, and those that are slow, idle or switch protocols."""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.timeouts.cases import Request


@dataclass(frozen=True)
class Measured:
    """The status (None: none came), seconds until the end of what the case is about, and whether a body was cut.

    Infinite seconds: the client lost its patience before anything came.
    """

    status: int | None
    seconds: float
    cut: bool


async def prepare(address: tuple[str, int], host: str, request: Request) -> None:
    """Asks what is to be asked before, one after the other."""
    for url in request.before:
        await _ask(address, urlsplit(url).netloc or host, Request(url=url))


async def measure(address: tuple[str, int], host: str, request: Request) -> Measured:
    """Asks the request itself and measures."""
    try:
        async with asyncio.timeout(request.patience):
            return await _ask(address, host, request)
    except TimeoutError:
        return Measured(None, math.inf, cut=False)


async def _ask(address: tuple[str, int], host: str, request: Request) -> Measured:
    parts = urlsplit(request.url)
    tls = None
    if parts.scheme in ("https", "wss") and request.client != "no handshake":
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(
        *address, ssl=tls, server_hostname=host.partition(":")[0] if tls else None
    )
    try:
        if request.client == "no handshake":
            writer.write(b"\x16\x03\x01")  # httpd's kernel hands over no connection on which nothing came
            await _until_closed(reader)
            return Measured(None, time.monotonic() - started, cut=False)
        writer.write(_text(request, host, path))
        status, length, chunked = await _head(reader)
        if request.client == "idle" and status is not None:
            await reader.readexactly(length or 0)
            started = time.monotonic()
            await _until_closed(reader)
            return Measured(None, time.monotonic() - started, cut=False)
        if request.client == "tunnel" and status == 101:
            started = time.monotonic()
            await _until_closed(reader)
            return Measured(status, time.monotonic() - started, cut=False)
        body = b"" if status is None else await _body(reader, length)
        cut = status is not None and (len(body) < (length or 0) or (chunked and not body.endswith(b"0\r\n\r\n")))
        return Measured(status, time.monotonic() - started, cut)
    finally:
        writer.close()
        with contextlib.suppress(Exception):
            await writer.wait_closed()


def _text(request: Request, host: str, path: str) -> bytes:
    head = f"{request.method} {path or '/'} HTTP/1.1\r\nHost: {host}\r\n"
    match request.client:
        case "slow header":
            return head.encode()
        case "slow body":
            return f"{head}Content-Length: 200\r\n\r\n0123456789".encode()
        case "upgrade" | "tunnel":
            key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            return f"{head}Upgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode()
        case "idle":
            return f"{head}\r\n".encode()
    body = "b" * request.body
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{head}Connection: close\r\n{length}\r\n{body}".encode()


async def _head(reader: asyncio.StreamReader) -> tuple[int | None, int | None, bool]:
    """Status and Content-Length, None each where none came; whether the body comes in chunks."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None, None, False
    length = re.search(r"(?im)^content-length: *(\d+)", head)
    chunked = re.search(r"(?im)^transfer-encoding: *chunked", head) is not None
    return int(head.split(None, 2)[1]), int(length[1]) if length else None, chunked


async def _body(reader: asyncio.StreamReader, length: int | None) -> bytes:
    if length is None:
        return await _until_closed(reader)
    with contextlib.suppress(ConnectionError):
        try:
            return await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            return error.partial
    return b""


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await reader.read(65536):
            found += piece
    return found
