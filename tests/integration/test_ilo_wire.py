"""HTTP towards an iLO, byte by byte: a server on loopback that answers what a test says."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from auditor.surfaces.ilo import wire
from auditor.surfaces.ilo.wire import NoHttpError, Received, TooLargeError, Wire

pytestmark = pytest.mark.integration

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers each request with the next of ``answers``; ``b""`` closes, None leaves it without an answer.

    ``asked`` are the requests as they came, each with the number of its connection.
    """

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[int, bytes]] = []
        self.connections = 0
        self.ended = asyncio.Event()
        self.come = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        self.serving: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        if task := asyncio.current_task():
            self.serving.append(task)
        number = self.connections
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.asked.append((number, head + await reader.readexactly(length)))
                self.come.set()
                answer = self.answers.pop(0)
                if answer == b"":
                    break
                writer.write(answer or b"")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.ended.set()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def act(server: Server, what: Callable[[Wire, URL], Awaitable[None]]) -> None:
    async def run() -> None:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        base = URL(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        ours = Wire(base, ssl.create_default_context(), most=1, connect_s=5)
        try:
            async with asyncio.timeout(30):
                await what(ours, base)
        finally:
            await ours.close()
            listening.close()
            await asyncio.gather(*server.serving)  # each ends with its connection

    asyncio.run(run())


async def ask(ours: Wire, url: URL, method: str = "GET", *, json: object = None, **headers: str) -> Received:
    async with ours.request(method, url, headers=CIMultiDict(headers), json=json) as answer:
        return answer


def test_one_connection_serves_one_request_after_the_other() -> None:
    server = Server(OK, OK, OK)

    async def three(ours: Wire, base: URL) -> None:
        assert await (await ask(ours, base / "redfish/v1/")).read() == b"{}"
        await ask(ours, (base / "redfish/v1/Managers").with_query({"$expand": "."}), Accept="*/*")
        await ask(ours, base / "redfish/v1/Sessions", "POST", json={"UserName": "audit"})

    act(server, three)
    assert [number for number, _ in server.asked] == [1, 1, 1]
    first, second, third = (request.decode() for _, request in server.asked)
    assert first.startswith("GET /redfish/v1/ HTTP/1.1\r\nHost: 127.0.0.1:")
    assert second.startswith("GET /redfish/v1/Managers?$expand=. HTTP/1.1\r\n")
    assert "\r\nAccept: */*\r\n" in second
    assert "\r\nContent-Type: application/json\r\n" in third
    assert third.endswith('\r\n\r\n{"UserName": "audit"}')


def test_a_body_comes_in_parts_compressed_or_until_the_end() -> None:
    packed = gzip.compress(b'{"a": 1}')
    parts = b"%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (3, packed[:3], len(packed) - 3, packed[3:])
    server = Server(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n" + parts,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nX-Auth-Token: t\r\n\r\n{}",
    )

    async def four(ours: Wire, base: URL) -> None:
        assert await (await ask(ours, base)).read() == b'{"a": 1}'
        assert ((nothing := await ask(ours, base)).status, await nothing.read()) == (204, b"")
        assert ((hinted := await ask(ours, base)).status, await hinted.read()) == (200, b"{}")
        task = asyncio.create_task(ask(ours, base))
        while len(server.asked) < 4:
            await asyncio.sleep(0)
        server.writers[-1].close()  # without a length, the end of the connection is the end of the body
        last = await task
        assert (last.status, last.headers["x-auth-token"], await last.read()) == (404, "t", b"{}")

    act(server, four)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", aiohttp.ServerDisconnectedError),
        (b"SSH-2.0-server\r\n", NoHttpError),
        (b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", NoHttpError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", NoHttpError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", aiohttp.ClientError),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_goes_wrong_is_an_error_and_nothing_is_sent_again(
    answer: bytes, error: type[Exception], method: str
) -> None:
    server = Server(OK, answer, OK)

    async def fail_and_go_on(ours: Wire, base: URL) -> None:
        await ask(ours, base)
        with pytest.raises(error):
            await ask(ours, base, method)
        assert (await ask(ours, base)).status == 200

    act(server, fail_and_go_on)
    assert [number for number, _ in server.asked] == [1, 1, 2]


def test_a_body_that_ends_early_is_no_body() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", OK)

    async def cut(ours: Wire, base: URL) -> None:
        task = asyncio.create_task(ask(ours, base))
        await server.come.wait()
        server.writers[-1].close()
        with pytest.raises(aiohttp.ClientPayloadError):
            await task

    act(server, cut)


@pytest.mark.parametrize("told", [b"Content-Length: 1000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n3e8\r\n"])
def test_reading_stops_at_the_bound(told: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BODY", 100)
    server = Server(b"HTTP/1.1 200 OK\r\n" + told + b"x" * 1000, OK)

    async def much(ours: Wire, base: URL) -> None:
        with pytest.raises(TooLargeError, match="more than 100 bytes"):
            await ask(ours, base)
        await server.ended.wait()  # its connection is closed
        assert (await ask(ours, base)).status == 200

    act(server, much)
    assert server.connections == 2


def test_a_connection_that_is_to_end_ends_at_once() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", OK)

    async def two(ours: Wire, base: URL) -> None:
        assert await (await ask(ours, base)).read() == b"{}"
        await server.ended.wait()
        assert (await ask(ours, base)).status == 200

    act(server, two)
    assert server.connections == 2


def test_a_cancelled_request_takes_its_connection_with_it() -> None:
    server = Server(None, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nours")

    async def cancel(ours: Wire, base: URL) -> None:
        task = asyncio.create_task(ask(ours, base))
        await server.come.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.ended.wait()
        assert await (await ask(ours, base)).read() == b"ours"

    act(server, cancel)
    assert server.connections == 2


@pytest.mark.parametrize("when", ["with the answer", "later"])
def test_an_answer_that_nobody_asked_for_is_not_the_next_one(when: str) -> None:
    other = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nothers"
    ours_ = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nours"
    server = Server(OK + (other if when == "with the answer" else b""), ours_)

    async def two(ours: Wire, base: URL) -> None:
        assert await (await ask(ours, base)).read() == b"{}"
        if when == "later":
            server.writers[-1].write(other)
            await server.writers[-1].drain()
            for _ in range(50):  # it has arrived by then, and whether it has or not, it is nobody's answer
                await asyncio.sleep(0)
        assert await (await ask(ours, base)).read() == b"ours"

    act(server, two)
    assert server.connections == 2


@pytest.mark.parametrize("value", ["a\r\nX-Other: b", "a\nb", "a\x00b"])
def test_a_header_cannot_bring_another_with_it(value: str) -> None:
    server = Server()

    async def smuggle(ours: Wire, base: URL) -> None:
        with pytest.raises(ValueError, match="control character"):
            await ask(ours, base, "PATCH", json={}, **{"If-Match": value})

    act(server, smuggle)
    assert server.asked == []


def test_no_redirect_is_followed() -> None:
    server = Server(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    async def stay(ours: Wire, base: URL) -> None:
        assert (await ask(ours, base)).status == 307
        with pytest.raises(ValueError, match="redirect"):
            ours.request("GET", base, headers=CIMultiDict(), allow_redirects=True)

    act(server, stay)
    assert len(server.asked) == 1
