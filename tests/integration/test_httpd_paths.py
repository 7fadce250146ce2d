"""Which path of a back end a URL reaches, however it is written: a real httpd says it, and ``explain`` the same."""

from __future__ import annotations

import asyncio
import http.server
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.servers import RunningHttpd, free_port, load_modules

pytestmark = pytest.mark.integration

PATHS = (
    "/api/a", "/x/../api/a", "/x/..//api/a", "//api//b", "/x/%2e%2e/api/a", "/x/%2E./api", "/../api/a", "/api/../y",
    "/api/%2Fa", "/%61pi/z", "/api/%00", "/api/a;b=1/..;x=2/c", "/./api/.", "/api/..", "/api%", "/api/%E6%B3%A8",
    "/x%2F../api", "/x/%252e/api", "/api/./a/../b/", "/a%2fpi/../api/q", "/.//api/", "/x/.../api", "/api/a?b=../c",
    "/api/~x", "/apiary", "/API/a", "/api//", "/m/x//y", "/m/%2e%2e/m/z", "/m/a%2Fb",
)  # fmt: skip
HOSTS = {
    "plain.example": "",
    "open.example": "AllowEncodedSlashes On\nMergeSlashes Off\n",
    "kept.example": "AllowEncodedSlashes NoDecode\n",
}


class Echo(http.server.BaseHTTPRequestHandler):
    """A back end that answers with the path it was asked for."""

    def do_GET(self) -> None:
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def echoing() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configuration(tree: Path, port: int, back_end: int) -> str:
    user = "User nobody\nGroup #65534\n" if os.geteuid() == 0 else ""
    hosts = "".join(
        f"<VirtualHost *:{port}>\nServerName {name}\n{settings}ProxyPass /api http://127.0.0.1:{back_end}/there\n"
        f'ProxyPassMatch "^/m/(.*)$" "http://127.0.0.1:{back_end}/found/$1"\n</VirtualHost>\n'
        for name, settings in HOSTS.items()
    )
    return (
        f'ServerRoot "{tree}"\nPidFile logs/httpd.pid\nDefaultRuntimeDir logs\nErrorLog logs/error_log\n{user}'
        f"ServerName main.example\nListen 127.0.0.1:{port}\n"
        f"{load_modules('mpm_event', 'authz_core', 'proxy', 'proxy_http')}{hosts}"
    )


def asked(port: int, host: str, path: str) -> tuple[int, str]:
    """Status and body, the path sent exactly as it stands."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        reply = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode("latin-1")


def said(resolved: Resolved, port: int, host: str, path: str) -> tuple[bool, str, int | None]:
    """Whether explain says that it is proxied, to which path, and the status where httpd refuses it."""
    answer = explain(resolved, f"http://{host}:{port}{path}", "2.4.62")
    assert not answer.undetermined, path
    status = re.match(r"status (\d+)", answer.why_not)
    return answer.proxied, answer.target_url, int(status[1]) if status else None


def test_every_way_to_write_a_path_leads_where_we_say(httpd: Path, tmp_path: Path) -> None:
    tree = tmp_path / "h"
    (tree / "conf").mkdir(parents=True)
    (tree / "logs").mkdir()
    port = free_port()
    with echoing() as back_end:
        (tree / "conf/httpd.conf").write_text(configuration(tree, port, back_end))
        target = Target("web1", "httpd", LocalTree(str(tree), main_file="conf/httpd.conf"))
        collected = asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32))))
        resolved = resolve_collected(collected, InterpretOptions())
        wrong, proxied, refused = [], 0, 0
        with RunningHttpd(tree, "conf/httpd.conf", tree / "logs/httpd.pid", wait_port=port):
            for host in HOSTS:
                for path in PATHS:
                    status, body = asked(port, host, path)
                    to_back_end, url, own_status = said(resolved, port, host, path)
                    proxied += to_back_end
                    refused += own_status is not None
                    there = url.partition(f":{back_end}")[2]
                    fits = plain(body) == there if to_back_end else status == (own_status or 404)
                    if to_back_end != (status == 200) or not fits:
                        wrong.append(f"{host} {path}: {to_back_end, url, own_status} is said; {status} {body[:80]}")
    assert "\n".join(wrong) == ""
    assert proxied > 40
    assert refused > 10


def plain(path: str) -> str:
    """What a back end was asked for, as the target of a route is written: no query, escapes decoded."""
    return unquote_to_bytes(path.partition("?")[0].replace("%2F", "%252F")).decode()
