"""The answers of a virtual iLO that has a fault: in place of the true one, or made of it."""

from __future__ import annotations

import asyncio
import functools
import json
import zlib
from collections.abc import Callable
from typing import Final

from aiohttp import web

from auditor.surfaces.ilo.body import Body, Json
from auditor.surfaces.ilo.simulator.answers import answer_of
from auditor.surfaces.ilo.simulator.faults import Fault
from auditor.surfaces.ilo.simulator.parts import Reply, message

_ELSEWHERE: Final = "https://other.example"
_HUGE: Final = 100 * 1024 * 1024
_CHUNK: Final = b"x" * 65_536
_PAGE: Final = b"<!DOCTYPE html><title>Log in</title><form><input name=user></form>"
_JSON: Final = "application/json"
_CLIMBING: Final = ("..", "../../climbed", "..%2f..%2fclimbed", "a/../../climbed", "/etc/climbed", ".git", "a\x00b", "")


async def instead(fault: Fault, request: web.Request) -> web.StreamResponse | None:
    """What is answered in place of the true answer; None where the fault leaves one to be made."""
    match fault.kind:
        case "latency":
            await asyncio.sleep(fault.lasts_s)
            return None
        case "hang":
            await asyncio.Event().wait()
            return None
        case "drop":
            return drop(request)
        case "cut":
            return await _cut(request)
        case "huge":
            return await _stream_huge(request)
        case _:
            return _whole(fault, request)


def _whole(fault: Fault, request: web.Request) -> web.StreamResponse | None:
    """An answer that is whole but wrong."""
    match fault.kind:
        case "busy":
            return _busy(fault)
        case "malformed":
            return web.Response(body=b'{"Id": "1", "Name": ', content_type=_JSON)
        case "deep":
            return web.Response(body=b'{"a":' * 1000 + b"1" + b"}" * 1000, content_type=_JSON)
        case "bomb":
            return web.Response(body=_bomb(), content_type=_JSON, headers={"Content-Encoding": "gzip"})
        case "empty":
            return web.Response(content_type=_JSON)
        case "page":
            return web.Response(body=_PAGE, content_type="text/html")
        case "redirect":
            return web.Response(status=307, headers={"Location": f"{_ELSEWHERE}{request.path}"})
        case "moved":
            return web.Response(status=308, headers={"Location": f"{_ELSEWHERE}{request.path.rstrip('/')}/"})
        case "refused":
            return answer_of(Reply(403, (message("Base.1.4.InsufficientPrivilege"),)))
        case "licence":
            return answer_of(Reply(403, (message("iLO.2.14.LicenseKeyRequired"),)))
        case "absent":
            return answer_of(Reply(404, (message("Base.1.4.ResourceMissingAtURI", request.path),)))
        case _:
            return None


def _busy(fault: Fault) -> web.Response:
    return web.Response(status=503, headers={"Retry-After": str(round(fault.lasts_s))})


async def made_of(fault: Fault, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """What the fault makes of the true answer."""
    if fault.kind == "lost reply":
        return drop(request)
    if not isinstance(answer, web.Response) or not isinstance(answer.body, bytes) or answer.status != 200:
        return answer
    if fault.kind == "drip":
        return await _drip(request, answer.body, fault.lasts_s)
    if fault.kind == "wrong type":
        return web.Response(body=answer.body, content_type="text/plain")
    spoil = _SPOILED.get(fault.kind)
    if spoil is None:
        return answer
    return web.json_response(spoil(json.loads(answer.body)), headers={"Cache-Control": "no-cache"})


def drop(request: web.Request) -> web.StreamResponse:
    """Closes the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "5000", "Content-Type": _JSON})
    await response.prepare(request)
    await response.write(b'{"Id": "1", "Name": "half')
    if request.transport is not None:
        request.transport.close()
    return response


async def _stream_huge(request: web.Request) -> web.StreamResponse:
    """A body of 100 MB, never held as a whole; it ends where the client hangs up."""
    response = web.StreamResponse(headers={"Content-Type": _JSON})
    await response.prepare(request)
    await response.write(b'{"a":"')
    for _ in range(_HUGE // len(_CHUNK)):
        if request.transport is None or request.transport.is_closing():
            return response
        await response.write(_CHUNK)
        await asyncio.sleep(0)  # otherwise nobody is told that the client hung up
    await response.write(b'"}')
    return response


@functools.cache
def _bomb() -> bytes:
    """100 MB of JSON, gzipped."""
    packer = zlib.compressobj(wbits=31)
    parts = [packer.compress(b'{"a":"')]
    parts += [packer.compress(_CHUNK) for _ in range(_HUGE // len(_CHUNK))]
    return b"".join([*parts, packer.compress(b'"}'), packer.flush()])


async def _drip(request: web.Request, body: bytes, pause_s: float) -> web.StreamResponse:
    """The true body, one byte at a time."""
    response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": _JSON})
    await response.prepare(request)
    for number in range(len(body)):
        await response.write(body[number : number + 1])
        await asyncio.sleep(pause_s)
    return response


# -- bodies that lead astray --------------------------------------------------------------------------------------


def _links_to(spell: Callable[[str], str]) -> Callable[[Body], Body]:
    """Gives every link of a body, but the name of the body itself, another target."""

    def walk(value: Json) -> Json:
        if isinstance(value, list):
            return [walk(one) for one in value]
        if isinstance(value, dict):
            return {
                name: spell(one) if name == "@odata.id" and isinstance(one, str) else walk(one)
                for name, one in value.items()
            }
        return value

    return lambda body: {name: one if name == "@odata.id" else walk(one) for name, one in body.items()}


def _cycle(body: Body) -> Body:
    itself = str(body.get("@odata.id", "/redfish/v1"))
    return _links_to(lambda _: itself)(body)


def _with_climbing_names(body: Body) -> Body:
    climbing: Body = dict.fromkeys(_CLIMBING, "climbed")
    return {**body, **climbing, "Oem": {"Hpe": dict(climbing), **climbing}, "Id": "../../climbed", "Name": ".."}


_SPOILED: Final[dict[str, Callable[[Body], Body]]] = {
    "cycle": _cycle,
    "dots": _links_to(lambda uri: f"{uri.rstrip('/')}/../../../../etc/passwd"),
    "slashes": _links_to(lambda uri: f"{uri.rstrip('/')}%2f..%2F..%2f..%2f..%2Fetc%2Fpasswd"),
    "names": _with_climbing_names,
}
