"""Back ends that misbehave, on loopback: each hangs, refuses, resets, dribbles or stops half-way, in its own way."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 9000
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
FCGI_HALF = struct.pack(">BBHHBB", 1, 6, 1, 9000, 0, 0) + b"Content-Type: text/plain\r\n\r\n" + b"x" * 8972
DRIBBLE_SECONDS = 0.6


async def _request(reader: asyncio.StreamReader) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def _forever(reader: asyncio.StreamReader) -> None:
    """Until the other side goes away."""
    while await reader.read(65536):
        pass


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await _request(reader)
        writer.write(OK)


async def _answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the first request of a connection and hangs on the next."""
    await _request(reader)
    writer.write(OK)
    await _forever(reader)


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing."""
    await _forever(reader)


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)


async def _shut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes on the first bytes, whatever protocol they are."""
    await reader.read(65536)


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A piece at a time, each before a second is over."""
    await _request(reader)
    for piece in (b"HTTP/1.1 200 ", b"OK\r\n", b"Content-Length: 2\r\n", b"\r\no", b"k"):
        await asyncio.sleep(DRIBBLE_SECONDS)
        writer.write(piece)
    await _forever(reader)


async def _half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(HALF)
    await _forever(reader)


async def _cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(HALF)
    await writer.drain()


async def _pong(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers AJP's ping, and nothing else."""
    await reader.readexactly(5)
    writer.write(b"AB\x00\x01\x09")
    await _forever(reader)


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Switches protocols, then is idle."""
    await _request(reader)
    writer.write(SWITCH)
    await _forever(reader)


async def _cgi_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An SCGI answer that stops in its body."""
    await reader.read(65536)
    writer.write(b"Status: 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 9000)
    await _forever(reader)


async def _ajp_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An AJP answer that stops in its body: its header, one piece, and nothing more."""
    await reader.read(65536)
    header = b"\x04" + struct.pack(">H", 200) + b"\x00\x02OK\x00" + struct.pack(">H", 0)
    piece = b"\x03" + struct.pack(">H", 4000) + b"x" * 4000 + b"\x00"
    for part in (header, piece):
        writer.write(b"AB" + struct.pack(">H", len(part)) + part)
    await _forever(reader)


async def _any_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half an answer to the first bytes, whatever protocol they are."""
    await reader.read(65536)
    writer.write(HALF)
    await _forever(reader)


async def _fcgi_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A FastCGI answer that stops in its body."""
    await reader.read(8)
    writer.write(FCGI_HALF)
    await _forever(reader)


def _quiet(handler: Handler) -> Handler:
    """A connection that the other side ends is what these are for."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            await handler(reader, writer)
        with contextlib.suppress(Exception):
            writer.close()

    return handle


_LISTENING: dict[str, Handler] = {
    "ok": _answer,
    "once": _answer_once,
    "silent": _silence,
    "close": _close,
    "reset": _reset,
    "dribble": _dribble,
    "half": _half,
    "cut": _cut,
    "tunnel": _tunnel,
    "fcgi-half": _fcgi_half,
    "shut": _shut,
    "ajp-half": _ajp_half,
    "cgi-half": _cgi_half,
    "shut-half": _any_half,
    "pong": _pong,
}


@asynccontextmanager
async def misbehaving(tls: ssl.SSLContext) -> AsyncIterator[dict[str, str]]:
    """The back ends by name, as ``host:port`` (``socket``, ``dead-socket``: paths)."""
    async with AsyncExitStack() as stack:
        names = {}
        for name, handler in _LISTENING.items():
            server = await asyncio.start_server(_quiet(handler), "127.0.0.1", 0, backlog=512)
            stack.push_async_callback(_stopped, server)
            names[name] = _shown(server.sockets[0].getsockname())
        for name in ("silent", "tunnel", "half"):
            server = await asyncio.start_server(_quiet(_LISTENING[name]), "127.0.0.1", 0, backlog=512, ssl=tls)
            stack.push_async_callback(_stopped, server)
            names[f"tls-{name}"] = _shown(server.sockets[0].getsockname())
        names |= stack.enter_context(_sockets())
        yield names


async def _stopped(server: asyncio.Server) -> None:
    server.close()


def _shown(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


@contextlib.contextmanager
def _sockets():
    """What needs no program behind it: the kernel accepts, lets wait, or refuses."""
    with contextlib.ExitStack() as stack:
        hanging = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        # Accepted by the kernel alone until its queue is full; what comes then is not even answered.
        full = stack.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        # Not below pytest's own folder, which only its owner may enter.
        folder = Path(tempfile.mkdtemp())
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        unix.bind(str(folder / "s"))
        (folder / "s").chmod(0o777)
        unix.listen(64)
        refusing = socket.create_server(("127.0.0.3", 0))
        refused = refusing.getsockname()
        refusing.close()
        yield {
            "hang": _shown(hanging.getsockname()),
            "hang-port": str(hanging.getsockname()[1]),
            "full": _shown(full.getsockname()),
            "refuse": _shown(refused),
            "socket": str(folder / "s"),
            "dead-socket": str(folder / "nobody"),
        }
