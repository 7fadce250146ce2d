"""The facts that the rules on hops rest on, seen at a real httpd; what we compute is set beside what it does."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from auditor.model.declared import About, Declaration, What
from auditor.model.resource import Resource
from auditor.model.secret import Sealer
from auditor.model.snapshot import Interpretation
from auditor.model.source import InventorySource
from auditor.model.target import LocalTree, Target
from auditor.model.value import Boolean, Duration, NoLimit, Number, Value
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.resources import interpret
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.servers import RunningHttpd, free_port, httpd_binary, load_modules

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("httpd")]

GET = "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class BackEnd:
    """A back end on loopback; ``serve`` gets each connection with its first request, in a thread of its own.

    ``accepted`` counts connections that sent a request; ``released`` ends the waiting of those that hang.
    """

    def __init__(self, serve: Callable[[BackEnd, socket.socket, bytes], None], port: int = 0) -> None:
        self.serve = serve
        self.listening = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port = self.listening.getsockname()[1]
        self.released = threading.Event()
        self.accepted = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self.listening.accept()[0]
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._run, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _run(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
        with connection, suppress(OSError):
            if first := connection.recv(65536):
                with self._lock:
                    self.accepted += 1
                self.serve(self, connection, first)
        with self._lock:
            self._open.discard(connection)

    def close(self) -> None:
        """Lets all go that hang, and waits until everything is closed."""
        self.released.set()
        with self._lock:
            left = [self.listening, *self._open]
        for one in left:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for one in self._threads:
            one.join(10)


def hang(back_end: BackEnd, connection: socket.socket, first: bytes) -> None:
    """Never answers."""
    back_end.released.wait(30)


def answer(back_end: BackEnd, connection: socket.socket, first: bytes) -> None:
    """Answers every request."""
    connection.sendall(ANSWER)
    while connection.recv(65536):
        connection.sendall(ANSWER)


def close_on_the_second(back_end: BackEnd, connection: socket.socket, first: bytes) -> None:
    """Answers once and closes as soon as the next request arrives: the race, lost every time."""
    connection.sendall(ANSWER)
    connection.recv(65536)
    connection.close()


def swallow(back_end: BackEnd, connection: socket.socket, first: bytes) -> None:
    """Takes a body to its end, which the client's half of the test knows, then answers."""
    connection.settimeout(15)
    text = first
    while not text.endswith(b"END"):
        part = connection.recv(65536)
        if not part:
            return
        text = text[-2:] + part
    connection.sendall(ANSWER)


@contextmanager
def back_ends(*serve: Callable[[BackEnd, socket.socket, bytes], None]) -> Iterator[list[BackEnd]]:
    with ExitStack() as stack:
        made = [BackEnd(one) for one in serve]
        for one in made:
            stack.callback(one.close)
        yield made


def write(tree: Path, port: int, modules: str, body: str) -> Path:
    """The tree, written: one main file that listens on loopback."""
    for name in ("conf", "logs"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    user = "User nobody\nGroup #65534\n" if os.geteuid() == 0 else ""
    (tree / "conf/httpd.conf").write_text(
        f'ServerRoot "{tree}"\nPidFile logs/httpd.pid\nDefaultRuntimeDir logs\nErrorLog logs/error_log\n{user}'
        f"ServerName main.example\nListen 127.0.0.1:{port}\n{load_modules('authz_core', *modules.split())}{body}"
    )
    return tree


def running(tree: Path, port: int) -> RunningHttpd:
    return RunningHttpd(tree, "conf/httpd.conf", tree / "logs/httpd.pid", wait_port=port)


def declare(about: About, pattern: str, what: What, value: float) -> Declaration:
    return Declaration("group", about, pattern, what, value, InventorySource("auditor.yaml", 1))


def meaning(tree: Path, *declared: Declaration) -> Interpretation:
    target = Target("web1", "httpd", LocalTree(str(tree), main_file="conf/httpd.conf"))
    collected = asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32))))
    return interpret(collected, InterpretOptions("2.4.62", declared=declared))


def found(seen: Interpretation, kind: str, name: str) -> Resource:
    resource = seen.find(kind, name)
    assert resource is not None, [one.name for one in seen.of_kind(kind)]
    return resource


def number(value: Value | None) -> float:
    match value:
        case Number(number):
            return number
        case Duration(seconds):
            return seconds
        case NoLimit():
            return float("inf")
    raise AssertionError(value)


def ask(port: int, request: str, timeout: float = 20) -> str:
    """What comes back, headers and body; empty where the connection is closed without an answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(timeout)
        connection.sendall(request.encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts).decode("latin-1")


def status(port: int, path: str = "/") -> int:
    return int(ask(port, GET.format(path=path)).split()[1])


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- the reset race ---------------------------------------------------------------------------------------------

IDLE_S = 1.1
"""How long connections lie idle between two requests: what the back end is said to keep them for."""

REUSE = ("", "ttl=1", "ttl=30", "disablereuse=On", "ping=1", "ttl=1 ping=1")


def test_a_request_is_lost_where_we_say_that_it_may_be(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda mpm: lose_requests(tmp_path / mpm, mpm), ("event", "prefork")))


def lose_requests(tree: Path, mpm: str) -> None:
    port = free_port()
    one_child = "StartServers 1\nServerLimit 1\nMaxRequestWorkers 1\n"
    if mpm == "event":
        one_child = "StartServers 1\nServerLimit 1\nThreadsPerChild 25\nMaxRequestWorkers 25\n"
    with back_ends(*[close_on_the_second] * len(REUSE)) as ends:
        lines = [
            f"ProxyPass /r{number} http://127.0.0.1:{end.port}/ {parameters}\n"
            for number, (end, parameters) in enumerate(zip(ends, REUSE, strict=True))
        ]
        write(tree, port, f"mpm_{mpm} proxy proxy_http", one_child + "".join(lines))
        seen = meaning(tree, declare("back end", "http://127.0.0.1*", "keep_alive", IDLE_S))
        said = [found(seen, "httpd.worker", f"main http://127.0.0.1:{end.port}/").value("reset_race") for end in ends]
        with running(tree, port):
            assert {status(port, f"/r{number}") for number in range(len(REUSE))} == {200}
            time.sleep(IDLE_S)  # idle time is what ttl= counts
            lost = [status(port, f"/r{number}") == 502 for number in range(len(REUSE))]
            assert asked_twice(port, "/r0") == (b"HTTP/1.1 200", b"")
        log = (tree / "logs/error_log").read_text()
    assert said == [Boolean(one) for one in lost]
    assert lost == (
        [True, False, True, False, True, False] if mpm == "event" else [True, True, True, False, True, True]
    )
    # A client whose own connection is kept alive gets no answer at all, and there is no AH00898.
    assert log.count("AH01102") == sum(lost) + 1
    assert log.count("AH00898") == sum(lost)


def asked_twice(port: int, path: str) -> tuple[bytes, bytes]:
    """How two answers to one kept-alive connection begin."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(10)
        begun = []
        for _ in range(2):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            begun.append(client.recv(65536)[:12])
        return begun[0], begun[1]


# --- uploads ----------------------------------------------------------------------------------------------------

# RequestReadTimeout, bytes, bytes a second. What is cut and what is not lie far apart, for a loaded machine's sake.
UPLOADS = (
    ("body=1", 3_000, 1_000),
    ("body=3", 1_000, 1_000),
    ("body=1,MinRate=2000", 4_000, 1_000),
    ("body=2,MinRate=300", 2_600, 1_000),
    ("body=2,MinRate=2000", 2_600, 1_000),
    ("body=1-2,MinRate=300", 4_000, 1_000),
    ("body=0", 2_000, 1_000),
    ("body=1", 300_000, 100_000),
    ("body=2,MinRate=20000", 260_000, 100_000),
)


def upload(address: tuple[str, int], size: int, rate: int) -> int:
    """The status of an upload at an even rate."""
    with socket.create_connection(address) as connection:
        connection.sendall(
            f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n".encode()
        )
        body = b"x" * (size - 3) + b"END"
        started, sent, got = time.monotonic(), 0, b""
        while sent < size and not got:
            due = min(size, int((time.monotonic() - started) * rate))
            connection.setblocking(True)
            try:
                connection.sendall(body[sent:due])
            except OSError:
                break
            sent = due
            time.sleep(0.05)
            connection.setblocking(False)
            with suppress(BlockingIOError):
                got = connection.recv(65536)
        connection.settimeout(15)
        while not got:
            got = connection.recv(65536)
        return int(got.split()[1])


def test_uploads_are_cut_where_we_say_so(tmp_path: Path) -> None:
    port = free_port()
    addresses = [f"127.0.0.{11 + number}" for number in range(len(UPLOADS))]
    with back_ends(swallow) as (end,):
        body = "".join(f"Listen {address}:{port}\n" for address in addresses)
        for address, (limit, _, _) in zip(addresses, UPLOADS, strict=True):
            body += f"<VirtualHost {address}:{port}>\nRequestReadTimeout {limit}\n"
            body += f"ProxyPass / http://127.0.0.1:{end.port}/ disablereuse=On\n</VirtualHost>\n"
        tree = write(tmp_path / "h", port, "mpm_event reqtimeout proxy proxy_http", body)
        said = []
        for address, (_, size, rate) in zip(addresses, UPLOADS, strict=True):
            declared = (declare("server", "", "upload_size", size), declare("server", "", "upload_rate", rate))
            route = found(meaning(tree, *declared), "httpd.route", f"{address}:{port} /")
            said.append(number(route.value("upload_time")) < number(route.value("upload_cut_after")))
        with running(tree, port), ThreadPoolExecutor(len(UPLOADS)) as pool:
            asked = [
                pool.submit(upload, (address, port), size, rate)
                for address, (_, size, rate) in zip(addresses, UPLOADS, strict=True)
            ]
            seen = [one.result() for one in asked]
        log = (tree / "logs/error_log").read_text()
    assert seen == [200 if one else 408 for one in said]
    assert said == [False, True, False, True, True, False, True, False, True]
    # Small bodies are cut while httpd still gathers them, large ones on their way to the back end.
    assert log.count("AH01095") == 3
    assert log.count("AH02608") == log.count("AH01097") == 1


# --- exhaustion -------------------------------------------------------------------------------------------------

FIVE = {
    "event": "StartServers 1\nServerLimit 1\nThreadsPerChild 5\nMaxRequestWorkers 5\n",
    "worker": "StartServers 1\nServerLimit 1\nThreadsPerChild 5\nMaxRequestWorkers 5\n",
    "prefork": "StartServers 5\nMaxRequestWorkers 5\n",
}


def test_a_stalled_route_takes_as_many_workers_as_we_say_and_then_nobody_is_answered(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda mpm: exhaust(tmp_path / mpm, mpm), FIVE))


def exhaust(tree: Path, mpm: str) -> None:
    port = free_port()
    with back_ends(hang, hang, answer) as (slow, pooled, well):
        body = f"Timeout 60\nProxyPass /slow http://127.0.0.1:{slow.port}/\n"
        body += f"ProxyPass /pool http://127.0.0.1:{pooled.port}/ max=2 acquire=200\n"
        body += f"ProxyPass /well http://127.0.0.1:{well.port}/ disablereuse=On\n"
        write(tree, port, f"mpm_{mpm} proxy proxy_http", FIVE[mpm] + body)
        seen = meaning(tree, declare("route", "*", "arrivals", 2.0))
        route, bounded = (found(seen, "httpd.route", f"main /{name}") for name in ("slow", "pool"))
        workers = int(number(route.value("workers")))
        assert number(route.value("workers_held")) == 120
        assert number(route.value("full_after")) == workers / 2
        held = number(bounded.value("workers_held"))
        assert held == (120 if mpm == "prefork" else 3)  # two connections, and 2/s × 0.2 s
        with running(tree, port):
            assert status(port, "/well") == 200
            with stalled(port, "/slow", slow, workers):
                assert_nobody_is_answered(port)
                assert slow.accepted == workers
            pool = workers if held > workers else 2
            with stalled(port, "/pool", pooled, pool):
                if pool < workers:
                    assert status(port, "/pool") == 503
                    assert status(port, "/well") == 200
                else:
                    assert_nobody_is_answered(port)
                assert pooled.accepted == pool
        log = (tree / "logs/error_log").read_text()
    assert log.count("AH00941") == (1 if pool < workers else 0)


@contextmanager
def stalled(port: int, path: str, back_end: BackEnd, count: int) -> Iterator[None]:
    """That many requests with a back end that hangs; in the end it lets them go, as a time-out would."""
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]
        for one in clients:
            one.sendall(GET.format(path=path).encode())
        until(lambda: back_end.accepted == count)
        yield
        back_end.close()
        for one in clients:
            one.settimeout(15)
            assert one.recv(12) == b"HTTP/1.1 502"


def assert_nobody_is_answered(port: int) -> None:
    with pytest.raises(TimeoutError):
        ask(port, GET.format(path="/well"), timeout=0.4)


ARITHMETIC = (
    "", "MaxRequestWorkers 1000", "MaxRequestWorkers 410", "MaxRequestWorkers 10", "MaxClients 300",
    "MaxClients 100\nMaxRequestWorkers 200", "MaxRequestWorkers 200\nMaxClients 100", "MaxRequestWorkers 0",
    "MaxRequestWorkers abc", "MaxRequestWorkers 50k", "ServerLimit 4", "ServerLimit 0", "ServerLimit 32\n"
    "MaxRequestWorkers 800", "ServerLimit 30000\nMaxRequestWorkers 25000", "ThreadsPerChild 64",
    "ThreadsPerChild 100", "ThreadsPerChild 0", "ServerLimit 4\nThreadsPerChild 10",
    "ThreadLimit 10\nThreadsPerChild 20", "ThreadsPerChild 70\nThreadLimit 80",
)  # fmt: skip
_NOW = re.compile(r"(?:decreasing|increasing)(?: MaxRequestWorkers)? to(?: nearest multiple)? (\d+)")


def capacity_said(tree: Path, usual: int) -> int:
    """What httpd's own check says of MaxRequestWorkers: its last word, else what is written."""
    binary = httpd_binary()
    assert binary is not None
    command = [str(binary), "-d", str(tree), "-f", str(tree / "conf/httpd.conf"), "-t"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert "Syntax OK" in done.stderr, done.stderr
    words = [line for line in done.stderr.splitlines() if "MaxRequestWorkers of" in line]
    return int(_NOW.search(words[-1])[1]) if words else usual  # type: ignore[index]


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_we_count_workers_as_httpd_does(tmp_path: Path, mpm: str) -> None:
    wrong = []
    for number_, lines in enumerate(ARITHMETIC):
        if mpm == "prefork" and "Thread" in lines:
            continue
        tree = write(tmp_path / str(number_), free_port(), f"mpm_{mpm}", f"{lines}\n")
        written = re.findall(r"Max(?:RequestWorkers|Clients) (\d+)", lines)
        usual = int(written[-1]) if written else 256 if mpm == "prefork" else 400
        ours = number(found(meaning(tree), "httpd.server", "main").value("request_workers"))
        theirs = capacity_said(tree, usual)
        if ours != theirs:
            wrong.append((lines, ours, theirs))
    assert wrong == []


# --- balancers --------------------------------------------------------------------------------------------------

BALANCERS = "mpm_event slotmem_shm proxy proxy_http proxy_ajp proxy_balancer lbmethod_byrequests"


def members(name: str, parameters: str, *urls: str) -> str:
    """A balancer and the route to it."""
    lines = "".join(f"BalancerMember {one}\n" for one in urls)
    return f"<Proxy balancer://{name}>\n{lines}{parameters}\n</Proxy>\nProxyPass /{name} balancer://{name}/\n"


def test_a_balancer_refuses_as_long_and_tries_as_often_as_we_say(tmp_path: Path) -> None:
    port, behind = free_port(), free_port()
    recoveries, attempts = ("On", "Off"), ("", "maxattempts=0", "maxattempts=2")
    with back_ends(*[hang] * (2 * len(attempts))) as ends:
        body = "".join(
            members(f"r{one}".lower(), f"ProxySet forcerecovery={one}", f"http://127.0.0.1:{behind}/{one} retry=1")
            for one in recoveries
        )
        by_way = {f"a{at}": ends[2 * at : 2 * at + 2] for at in range(len(attempts))}
        for way, (name, group) in zip(attempts, by_way.items(), strict=True):
            urls = (f"ajp://127.0.0.1:{one.port} timeout=1" for one in group)
            body += members(name, f"ProxySet {way}" if way else "", *urls)
        tree = write(tmp_path / "h", port, BALANCERS, body)
        seen = meaning(tree, declare("server", "", "front_timeout", 60))
        refuses = [
            number(found(seen, "httpd.balancer", f"main balancer://r{one.lower()}").value("refuses_for"))
            for one in recoveries
        ]
        routes = [found(seen, "httpd.route", f"main /{name}") for name in by_way]
        with running(tree, port), ThreadPoolExecutor(len(attempts)) as pool:
            asked = [pool.submit(status, port, f"/{name}") for name in by_way]
            assert [status(port, f"/r{one.lower()}") for one in recoveries] == [503, 503]  # nobody listens
            end = BackEnd(answer, behind)
            try:
                again = [status(port, f"/r{one.lower()}") for one in recoveries]
                time.sleep(max(refuses) + 0.1)  # the time that retry= counts
                assert [status(port, f"/r{one.lower()}") for one in recoveries] == [200, 200]
            finally:
                end.close()
            assert [one.result() for one in asked] == [503] * len(attempts)
        tried = [sum(one.accepted for one in group) for group in by_way.values()]
        log = (tree / "logs/error_log").read_text()
    assert again == [503 if seconds else 200 for seconds in refuses]
    assert refuses == [0, 1]
    assert "balancer://roff: All workers are in error state" in log
    assert "balancer://ron: All workers are in error state" not in log
    assert [one.value("fails_over") for one in routes] == [Boolean(count > 1) for count in tried]
    # One second to read and one to connect for each time that a member is tried.
    assert [number(one.value("longest_wait")) for one in routes] == [2 * count for count in tried]
    assert tried == [2, 1, 3]  # once all are in error, all are tried anew
