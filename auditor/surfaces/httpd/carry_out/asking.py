"""Requests to a server's own addresses, from the machine on which it runs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Final, Protocol

from auditor.surfaces.httpd.carry_out.running import Address, generation_of

_BODY: Final = 64 * 1024
_STATUS_FROM: Final = 4
Request = tuple[Address, bytes]


class Asker(Protocol):
    """Sends each request to its address and gives each answer, empty where none came."""

    async def __call__(self, requests: Sequence[Request], /) -> list[bytes]:
        """The answers, in order."""
        ...


async def answers_of(asker: Asker, addresses: Sequence[Address]) -> tuple[frozenset[Address], int | None]:
    """The addresses at which a child answers, and the generation that mod_status tells where it is open to us.

    The kernel accepts connections even when no child lives, so each is asked.
    """
    status = addresses[:_STATUS_FROM]
    requests = [(one, b"OPTIONS * HTTP/1.0\r\n\r\n") for one in addresses]
    requests += [(one, _status_of(one)) for one in status]
    answers = await asker(requests)
    answering = frozenset(one for one, answer in zip(addresses, answers, strict=False) if answer)
    told = map(generation_of, answers[len(addresses) :])
    return answering, next((found for found in told if found is not None), None)


async def ask_here(requests: Sequence[Request]) -> list[bytes]:
    """Asks servers of this machine."""
    return list(await asyncio.gather(*(asyncio.to_thread(_ask, *one) for one in requests)))


def _status_of(address: Address) -> bytes:
    host = address[0] if ":" not in address[0] else f"[{address[0]}]"
    return f"GET /server-status?auto HTTP/1.0\r\nHost: {host}:{address[1]}\r\n\r\n".encode()


def _ask(address: Address, request: bytes) -> bytes:
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=2) as connection:
        connection.sendall(request)
        while len(received) < _BODY:
            part = connection.recv(8192)
            if not part:
                break
            received += part
    return received
