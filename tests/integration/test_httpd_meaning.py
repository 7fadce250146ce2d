"""What we say of a configuration against what a real httpd does with it."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.services.sample import SAMPLE, install_sample
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.httpd.servers import split_servers
from auditor.surfaces.httpd.vhosts import VirtualHosts
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.servers import RunningHttpd, free_port, load_modules, modules_directory

pytestmark = pytest.mark.integration


class _Echo(BaseHTTPRequestHandler):
    """Answers with the path it was asked for."""

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def echoing(port: int, *addresses: str) -> Iterator[None]:
    with ExitStack() as stack:
        for address in addresses:
            server = stack.enter_context(ThreadingHTTPServer((address, port), _Echo))
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        yield


def get(port: int, path: str, host: str, *, address: str = "127.0.0.1") -> tuple[int, str, str]:
    """Status, body and Location."""
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("latin-1"), answer.headers.get("Location", "")
    finally:
        connection.close()


def resolved(tree: Path) -> Resolved:
    target = Target("web1", "httpd", LocalTree(str(tree), main_file="conf/httpd.conf"))
    collected = asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32))))
    return resolve_collected(collected, InterpretOptions())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of a main file alone; the test writes it."""
    root = tmp_path / "httpd"
    (root / "conf").mkdir(parents=True)
    (root / "logs").mkdir()
    return root


def head(tree: Path, *listens: str) -> str:
    modules = ("mpm_event", "authz_core", "alias", "proxy", "proxy_http", "slotmem_shm", "proxy_balancer")
    user = "User nobody\nGroup #65534\n" if os.geteuid() == 0 else ""
    return (
        f'ServerRoot "{tree}"\nPidFile logs/httpd.pid\nDefaultRuntimeDir logs\nErrorLog logs/error_log\n{user}'
        f"ServerName main.example\n{load_modules(*modules, 'lbmethod_byrequests')}"
        + "".join(f"Listen {listen}\n" for listen in listens)
    )


def test_the_sample_tree_runs_and_proxies(httpd: Path, tmp_path: Path) -> None:
    folder, http_port, https_port, backend = tmp_path / "httpd", free_port(), free_port(), free_port()
    install_sample(
        folder, http_port=http_port, https_port=https_port, modules=modules_directory(), backend_port=backend
    )
    pid_file = tmp_path / "httpd.var/run/httpd.pid"
    running = RunningHttpd(folder, "conf/httpd.conf", pid_file, wait_port=http_port)
    with echoing(backend, "127.0.0.5", "127.0.0.7", "127.0.0.8", "127.0.0.9"), running:
        assert get(http_port, "/staff/list", "intra.example")[:2] == (200, "/staff/list")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "httpd.var/pki/tls/certs/shop.example.crt"))
        with (
            socket.create_connection(("127.0.0.1", https_port), timeout=10) as plain,
            trusted.wrap_socket(plain, server_hostname="shop.example") as tls,
        ):
            tls.sendall(b"GET /api/orders HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: tls.recv(4096), b""))
        assert received.startswith(b"HTTP/1.1 200")
        assert received.endswith(b"/api/orders")
    assert not pid_file.exists()


def test_a_copy_of_the_sample_differs_in_no_line_but_its_own(tmp_path: Path) -> None:
    install_sample(tmp_path / "httpd", http_port=8080, https_port=8443, backend_port=9000)
    for original in SAMPLE.rglob("*.conf"):
        copy = tmp_path / "httpd" / original.relative_to(SAMPLE)
        assert len(copy.read_bytes().split(b"\n")) == len(original.read_bytes().split(b"\n"))
    assert not [path for path in (tmp_path / "httpd").rglob("*") if path.suffix in (".key", ".crt", ".pid")]


# Names and addresses: each virtual host says who it is by where it redirects to.

HOSTS = """
<VirtualHost *:{port}>
  ServerName first.example
  Redirect / http://first/
</VirtualHost>
<VirtualHost *:{port}>
  ServerName second.example:9999
  ServerAlias *.wild.example s?cond.alias
  Redirect / http://second/
</VirtualHost>
<VirtualHost 127.0.0.2:{port}>
  ServerName third.example
  Redirect / http://third/
</VirtualHost>
<VirtualHost 127.0.0.2:{port} *:{other}>
  ServerName fourth.example
  ServerAlias second.example
  Redirect / http://fourth/
</VirtualHost>
<VirtualHost _default_:{other}>
  ServerName fifth.example
  Redirect / http://fifth/
</VirtualHost>
"""


def test_the_virtual_host_we_name_answers(httpd: Path, tree: Path) -> None:
    port, other, third = free_port(), free_port(), free_port()
    text = head(tree, f"127.0.0.1:{port}", f"127.0.0.2:{port}", f"127.0.0.1:{other}", f"127.0.0.1:{third}")
    text += "Redirect / http://main/\n" + HOSTS.format(port=port, other=other)
    (tree / "conf/httpd.conf").write_text(text)
    hosts = VirtualHosts(split_servers(resolved(tree)))
    named = ("first.example", "SECOND.example", "x.wild.example", "wild.example", "secOnd.alias", "none.example")
    asked = [("127.0.0.1", port, name) for name in (*named, "127.0.0.1", "third.example")]
    asked += [("127.0.0.1", other, name) for name in ("fourth.example", "fifth.example", "none.example")]
    asked += [("127.0.0.2", port, "127.0.0.2"), ("127.0.0.1", third, "first.example")]
    with RunningHttpd(tree, "conf/httpd.conf", tree / "logs/httpd.pid", wait_port=port):
        for address, its_port, name in asked:
            answered = get(its_port, "/", f"{name}:{its_port}", address=address)[2].split("/")[2]
            choice = hosts.choose(name, its_port)
            ours = choice.server.argument("servername") or ""
            if name == "third.example":  # the name lives on an address that the URL does not show
                assert ours == "third.example"
                continue
            assert ours.split(".")[0] == answered, (address, its_port, name)
            # No name, or one name twice, on a port with two addresses: the URL alone cannot tell.
            unclear = its_port == port and name.lower() in ("none.example", "wild.example", "second.example")
            assert bool(choice.doubts) == unclear, (address, its_port, name)


# Time-outs: back ends that accept and never answer. One time-out is 1 s, its rivals are 6 s and more.

ROUTES = """
Timeout 9
ProxyPass /main http://127.0.0.1:{port}/shared timeout=1
<VirtualHost *:{http}>
  ServerName a.example
  ProxyPass /fromhost http://127.0.0.1:{port}/shared timeout=8
  ProxyTimeout 1
  ProxyPass /frozen http://127.0.0.1:{port}/frozen
  ProxyTimeout 7
  ProxyPass /app http://127.0.0.1:{port}/app timeout=1
  ProxyPass /apple http://127.0.0.1:{port}/apple timeout=8
  ProxyPass /unit http://127.0.0.1:{port}/unit timeout=1min
  ProxyPass /set http://127.0.0.1:{port}/set timeout=8
  <Proxy "http://127.0.0.1:{port}/set">
    ProxySet timeout=1
  </Proxy>
  <Proxy "http://127.0.0.1:{port}/head" timeout=1>
    Require all granted
  </Proxy>
  ProxyPass /head http://127.0.0.1:{port}/head timeout=8
  ProxyPassMatch ^/m/(.*)$ http://127.0.0.1:{port}/m/$1 timeout=1
  <Location "/loc">
    ProxyPass http://127.0.0.1:{port}/loc timeout=1
  </Location>
  ProxyPass /loc http://127.0.0.1:{port}/other timeout=8
  <Proxy "balancer://p">
    BalancerMember http://127.0.0.1:{port} timeout=1
  </Proxy>
  ProxyPass /pool balancer://p timeout=8
</VirtualHost>
"""
PATHS = ("main/x", "fromhost/x", "frozen", "app/1", "apple/1", "unit", "set/x", "head/x", "m/xyz", "loc/x", "pool/x")


@contextmanager
def hanging() -> Iterator[int]:
    """A port where connections are accepted (by the kernel) and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield int(listener.getsockname()[1])


def test_the_time_out_we_name_strikes(httpd: Path, tree: Path) -> None:
    http_port = free_port()
    with hanging() as port:
        text = head(tree, f"127.0.0.1:{http_port}") + ROUTES.format(port=port, http=http_port)
        (tree / "conf/httpd.conf").write_text(text)
        found = resolved(tree)

        def measured(path: str) -> tuple[int, float]:
            started = time.monotonic()
            status = get(http_port, f"/{path}", "a.example")[0]
            return status, time.monotonic() - started

        with (
            RunningHttpd(tree, "conf/httpd.conf", tree / "logs/httpd.pid", wait_port=http_port),
            ThreadPoolExecutor(len(PATHS)) as pool,
        ):
            seen = dict(zip(PATHS, pool.map(measured, PATHS), strict=True))
    for path in PATHS:
        answer = explain(found, f"http://a.example:{http_port}/{path}", "2.4.62")
        assert answer.on_timeout is not None
        status, seconds = seen[path]
        assert answer.read_timeout_s == 1, path
        assert status == answer.on_timeout.status, path
        assert 0.9 < seconds < 6, path
