"""Many virtual iLOs at one address, as cheap as they can be, so that a benchmark measures its client.

Run as a program it prints one JSON line with ``url`` and ``cafile``, and serves until its standard input is closed.
Bodies are rendered once; every answer comes after a set time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from auditor.surfaces.ilo.body import canonical, key_of
from auditor.surfaces.ilo.simulator.certificate import make_certificates
from auditor.surfaces.ilo.simulator.personalities import build
from auditor.surfaces.ilo.simulator.query import view
from auditor.surfaces.ilo.simulator.state import IloState

_SESSION: Final = "/redfish/v1/SessionService/Sessions/1"


def _answer(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def _pages() -> dict[str, bytes]:
    """Every answer by path in lower case, the expanded ones with their query."""
    state = IloState(build("ilo5"))
    pages = {}
    for uri in (*state.uris(), "/redfish/v1/ResourceDirectory"):
        key = key_of(uri)
        for query, asked in (("", {}), ("?$expand=.", {"$expand": "."})):
            read = state.read(uri)
            assert read is not None
            body = view(read, asked, state.get("/redfish/v1")["ProtocolFeaturesSupported"], state.read).body
            pages[key + query] = _answer(json.dumps(body, separators=(",", ":")).encode())
    return pages


class _Connection(asyncio.Protocol):
    def __init__(self, pages: dict[str, bytes], latency_s: float) -> None:
        self._pages, self._latency_s = pages, latency_s
        self._loop = asyncio.get_running_loop()
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = 0
            if (at := head.lower().find(b"\r\ncontent-length:")) >= 0:
                length = int(head[at + 17 :].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            method, path = head.split(b" ", 2)[:2]
            self._loop.call_later(self._latency_s, self._transport.write, self._page(method, path.decode()))  # type: ignore[attr-defined]

    def _page(self, method: bytes, path: str) -> bytes:
        if method == b"POST":
            return _answer(b"{}", "201 Created", f"X-Auth-Token: {'0' * 32}\r\nLocation: {_SESSION}\r\n")
        if method == b"DELETE":
            return _answer(b"{}")
        uri, mark, query = unquote(path).partition("?")
        return self._pages.get(key_of(uri) + mark + query) or _answer(canonical({}), "404 Not Found")


async def _serve(latency_s: float, folder: Path) -> None:
    cafile, server_file = make_certificates(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    pages = _pages()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(pages, latency_s), "127.0.0.1", 0, ssl=context, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"https://127.0.0.1:{port}", "cafile": str(cafile)}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(_serve(float(sys.argv[1]), Path(place)))
