"""How long a real httpd waits for a back end, case by case, against what ``explain`` says; nothing is tuned by hand."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.answer import Answer
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.explain import explain
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from tests.servers import RunningHttpd, free_port, load_modules

pytestmark = pytest.mark.integration

MODULES = (
    "mpm_event", "authz_core", "alias", "rewrite", "env", "slotmem_shm", "proxy", "proxy_http", "proxy_fcgi",
    "proxy_ajp", "proxy_scgi", "proxy_uwsgi", "proxy_http2", "proxy_wstunnel", "proxy_balancer",
    "lbmethod_byrequests", "macro",
)  # fmt: skip
# {h}: hangs after it accepted. {f}: does not even accept. {r}: refuses. {s}: a Unix socket that hangs.
MAIN = """
Timeout 8
ProxyPass /main-worker http://{h}/main-worker timeout=1
<Proxy "http://{h}/section-worker">
  ProxySet timeout=1
</Proxy>
<Proxy "balancer://main-pool">
  BalancerMember http://{h} timeout=1
</Proxy>
"""

CASES = {
    "worker": "ProxyPass /c http://{h}/c timeout=1",
    "worker against ProxyTimeout": "ProxyTimeout 7\nProxyPass /c http://{h}/c timeout=1",
    "quoted": 'ProxyPass "/c" "http://{h}/c" "timeout=1"',
    "key in capitals": "ProxyPass /c http://{h}/c TimeOut=1",
    "key twice": "ProxyPass /c http://{h}/c timeout=7 timeout=1",
    "a unit is dropped": "ProxyPass /c http://{h}/c timeout=1min",
    "ProxyTimeout": "ProxyTimeout 1\nProxyPass /c http://{h}/c",
    "ProxyTimeout with unit": "ProxyTimeout 1min\nProxyPass /c http://{h}/c",
    "ProxyTimeout behind": "ProxyPass /c http://{h}/c\nProxyTimeout 1",
    "ProxyTimeout frozen": "ProxyTimeout 1\nProxyPass /c http://{h}/c\nProxyTimeout 7",
    "ProxyTimeout twice": "ProxyTimeout 7\nProxyTimeout 1\nProxyPass /c http://{h}/c",
    "Timeout of the host": "Timeout 1\nProxyPass /c http://{h}/c",
    "Timeout of the host behind": "ProxyPass /c http://{h}/c\nTimeout 1",
    "Timeout with unit": "Timeout 1h\nProxyPass /c http://{h}/c",
    "Timeout 0 inherits": "Timeout 0\nProxyPass /c http://{h}/c",
    "Timeout abc is 0": "Timeout abc\nProxyPass /c http://{h}/c",
    "main worker of the same URL": "ProxyPass /c http://{h}/main-worker timeout=7",
    "main worker of a prefix": "ProxyPass /c http://{h}/main-worker-more",
    "main section of the same URL": "ProxyPass /c http://{h}/section-worker timeout=7",
    "inherited line": "",
    "main balancer": "ProxyPass /c balancer://main-pool/",
    "main balancer beats the host's": '<Proxy "balancer://main-pool">\nBalancerMember http://{h} timeout=7\n</Proxy>\n'
    "ProxyPass /c balancer://main-pool/",
    "no inheritance of workers": "ProxyPassInherit Off\nBalancerInherit Off\nTimeout 1\n"
    "ProxyPass /c http://{h}/main-worker",
    "ProxySet before": '<Proxy "http://{h}/c">\nProxySet timeout=1\n</Proxy>\nProxyPass /c http://{h}/c timeout=7',
    "ProxySet behind": 'ProxyPass /c http://{h}/c timeout=7\n<Proxy "http://{h}/c">\nProxySet timeout=1\n</Proxy>',
    "ProxySet outside of a section": "ProxyPass /c http://{h}/c timeout=7\nProxySet http://{h}/c timeout=1",
    "ProxySet of a deeper worker": 'ProxyPass /c http://{h}/c timeout=7\n<Proxy "http://{h}/c/x">\nProxySet timeout=1\n'
    "</Proxy>",
    "parameters of a section": '<Proxy "http://{h}/c" timeout=1>\n</Proxy>\nProxyPass /c http://{h}/c timeout=7',
    "a section does not freeze": 'ProxyTimeout 7\n<Proxy "http://{h}/c">\nProxySet retry=0\n</Proxy>\nProxyTimeout 1\n'
    "ProxyPass /c http://{h}/c",
    "shared prefix": "ProxyPass /a http://{h}/ timeout=1\nProxyPass /c http://{h}/c timeout=7",
    "shared prefix is text": "ProxyPass /a http://{h}/c timeout=1\nProxyPass /c http://{h}/cc timeout=7",
    "own worker ahead": "ProxyPass /c http://{h}/c timeout=1\nProxyPass /a http://{h}/ timeout=7",
    "other case of the path": "ProxyPass /a http://{h}/C timeout=7\nProxyPass /c http://{h}/c timeout=1",
    "longer worker governs": "ProxyPass /deep http://{h}/c/x timeout=1\nProxyPass /c http://{h}/c timeout=7",
    "ProxyPassMatch": "ProxyPassMatch ^/c/(.*)$ http://{h}/m/$1 timeout=1",
    "ProxyPassMatch that its URL escapes": "Timeout 1\nProxyPassMatch ^/c/x(.*)$ http://{h}$1 timeout=7",
    "ProxyPassMatch without reference": "ProxyPassMatch ^/c http://{h} timeout=1",
    "ProxyPass with ~": 'ProxyPass "~" ^/c http://{h} timeout=1',
    "Location": '<Location "/c">\nProxyPass http://{h}/c timeout=1\n</Location>',
    "Location goes first": "ProxyPass /c http://{h}/other timeout=7\n"
    '<Location "/c">\nProxyPass http://{h}/c timeout=1\n</Location>',
    "last Location": '<Location "/c">\nProxyPass http://{h}/one timeout=7\n</Location>\n<Location "/c/x">\n'
    "ProxyPass http://{h}/two timeout=1\n</Location>",
    "excluded": "ProxyPass /c/x !\nProxyPass /c http://{h}/c timeout=1",
    "rewritten, generic": "Timeout 1\nRewriteEngine on\nRewriteRule ^/c/(.*) http://{h}/c/$1 [P]",
    "rewritten, a worker matches": "ProxyPass /a http://{h}/c timeout=1\nRewriteEngine on\n"
    "RewriteRule ^/c/(.*) http://{h}/c/$1 [P]",
    "rewritten before ProxyPass": "ProxyPass /c http://{h}/c timeout=1\nRewriteEngine on\nRewriteRule ^/c /b [PT]\n"
    "ProxyPass /b http://{h}/b timeout=2",
    "handler": '<Location "/c">\nSetHandler "proxy:http://{h}/c"\n</Location>\nTimeout 1',
    "handler with a worker": '<Proxy "http://{h}/c" timeout=1>\n</Proxy>\n<Location "/c">\n'
    'SetHandler "proxy:http://{h}/c"\n</Location>',
    "balancer": '<Proxy "balancer://p">\nBalancerMember http://{h} timeout=1\n</Proxy>\nProxyPass /c balancer://p/',
    "balancer's own timeout": '<Proxy "balancer://p">\nBalancerMember http://{h}\nProxySet timeout=7\n</Proxy>\n'
    "ProxyPass /c balancer://p/ timeout=6\nTimeout 1",
    "balancer frozen": 'ProxyTimeout 1\n<Proxy "balancer://p">\nBalancerMember http://{h}\n</Proxy>\nProxyTimeout 7\n'
    "ProxyPass /c balancer://p/",
    "balancer of one line": "BalancerMember balancer://p http://{h} timeout=1\nProxyPass /c balancer://p/",
    "member that fails first": '<Proxy "balancer://p">\nBalancerMember http://{r} timeout=1\n'
    "BalancerMember http://{h} timeout=1\n</Proxy>\nProxyPass /c balancer://p/",
    "failontimeout": '<Proxy "balancer://p">\nBalancerMember http://{h} timeout=1\n'
    "ProxySet failontimeout=On\n</Proxy>\nProxyPass /c balancer://p/",
    "fcgi": "ProxyPass /c fcgi://{h}/ timeout=1",
    "fcgi frozen": "ProxyTimeout 1\nProxyPass /c fcgi://{h}/\nProxyTimeout 7",
    "fcgi handler": '<Location "/c">\nSetHandler "proxy:fcgi://{h}/"\n</Location>\nTimeout 1',
    "ajp": "ProxyPass /c ajp://{h}/ timeout=1",
    "ajp with ping": "ProxyPass /c ajp://{h}/ timeout=7 ping=1",
    "scgi": "ProxyPass /c scgi://{h}/ timeout=1",
    "uwsgi": "ProxyPass /c uwsgi://{h}/ timeout=1",
    "h2c": "ProxyPass /c h2c://{h}/ timeout=1",
    "unix socket": 'ProxyPass /c "unix:{s}|http://localhost/c" timeout=1',
    "unix sockets, one URL": 'ProxyPass /a "unix:{s}|http://localhost/c" timeout=1\n'
    'ProxyPass /c "unix:{s}2|http://localhost/c" timeout=7',
    "unix fcgi": 'ProxyPass /c "unix:{s}|fcgi://localhost/" timeout=1',
    "refused": "ProxyPass /c http://{r}/ timeout=1",
    "connect": "ProxyPass /c http://{f}/ connectiontimeout=1 timeout=7",
    "connect in milliseconds": "ProxyPass /c http://{f}/ connectiontimeout=1200ms timeout=7",
    "connect by timeout=": "ProxyPass /c http://{f}/ timeout=1",
    "connect by ProxyTimeout": "ProxyTimeout 1\nProxyPass /c http://{f}/",
    "connect by Timeout": "Timeout 1\nProxyPass /c http://{f}/",
    "read, not connect": "ProxyPass /c http://{h}/c timeout=1 connectiontimeout=7",
    "connect of a shared worker": "ProxyPass /a http://{f}/ connectiontimeout=1\n"
    "ProxyPass /c http://{f}/c timeout=7 connectiontimeout=6",
    "websocket handshake": "ProxyPass /c ws://{h}/c timeout=1",
    "two limits of one worker": "ProxyPass /a http://{h}/c timeout=1 connectiontimeout=7\nProxyPass /c http://{h}/c",
    "member with a deeper path": '<Proxy "balancer://p">\nBalancerMember http://{h}/deep timeout=1\n</Proxy>\n'
    "ProxyPass /a http://{h}/deep timeout=7\nProxyPass /c balancer://p/",
    "host in capitals": "ProxyPass /a HTTP://LOCALHOST:{p}/c timeout=1\nProxyPass /c http://localhost:{p}/c timeout=7",
    "upgrade": "ProxyPass /c http://{h}/c timeout=1 upgrade=websocket",
    "conditional": "<IfModule proxy_module>\nProxyTimeout 1\n</IfModule>\nProxyPass /c http://{h}/c",
    "defined": "Define WAIT_{n} 1\nProxyPass /c http://{h}/c timeout=${{WAIT_{n}}}",
    "macro": "<Macro m{n} $t>\nProxyPass /c http://{h}/c timeout=$t\n</Macro>\nUse m{n} 1",
    "continued": "ProxyPass /c \\\n http://{h}/c \\\n timeout=1",
    "comment that continues": "ProxyTimeout 7\n# \\\nProxyTimeout 6\nProxyPass /c http://{h}/c timeout=1",
}
PATHS = {"inherited line": "/main-worker/x"}


class BackEnds:
    """What misbehaves, as ``host:port`` (``socket``: a path)."""

    def __init__(self, hanging: str, full: str, refusing: str, unix: Path) -> None:
        self.names = {"h": hanging, "f": full, "r": refusing, "s": str(unix)}

    def place(self, text: str, **more: object) -> str:
        return text.format(**self.names, p=self.names["h"].rpartition(":")[2], **more)


@contextmanager
def misbehaving() -> Iterator[BackEnds]:
    with ExitStack() as stack:
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
        named = [f"{address}:{port}" for address, port in (hanging.getsockname(), full.getsockname(), refused)]
        yield BackEnds(*named, folder / "s")


def configuration(tree: Path, port: int, back_ends: BackEnds) -> str:
    user = "User nobody\nGroup #65534\n" if os.geteuid() == 0 else ""
    text = (
        f'ServerRoot "{tree}"\nPidFile logs/httpd.pid\nDefaultRuntimeDir logs\nErrorLog logs/error_log\n{user}'
        f"ServerName main.example\nThreadLimit 200\nThreadsPerChild 200\nMaxRequestWorkers 200\nMinSpareThreads 1\n"
        "StartServers 1\n"
        f"Listen 127.0.0.1:{port}\n{load_modules(*MODULES)}"
    )
    text += back_ends.place(MAIN)
    for number, snippet in enumerate(CASES.values()):
        body = back_ends.place(snippet, n=number)
        text += f"<VirtualHost *:{port}>\nServerName c{number}.example\n{body}\n</VirtualHost>\n"
    return text


def measure(port: int, host: str, path: str) -> tuple[int, float]:
    """Status, and seconds until it came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    started = time.monotonic()
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status, time.monotonic() - started
    finally:
        connection.close()


def answers(tree: Path, port: int) -> dict[str, Answer]:
    target = Target("web1", "httpd", LocalTree(str(tree), main_file="conf/httpd.conf"))
    resolved = resolve_collected(asyncio.run(collect(target, CollectOptions(Sealer(b"k" * 32)))), InterpretOptions())
    assert resolved.gaps == ()
    return {
        case: explain(resolved, f"http://c{number}.example:{port}{PATHS.get(case, '/c/x')}", "2.4.62")
        for number, case in enumerate(CASES)
    }


def expected(case: str, snippet: str, answer: Answer) -> tuple[int | None, float | None]:
    """Status and seconds, from what ``explain`` says of the phase that the back end stops in."""
    if not answer.proxied:
        return 404, 0
    if "{r}" in snippet and "{h}" not in snippet and "{p}" not in snippet:
        return 503, 0
    if "{f}" in snippet:
        return 503, answer.connect_timeout_s
    mark = answer.on_timeout
    assert mark is not None, case
    ping = re.search(r"ping itself is not answered: status (\d+) after ([\d.]+) s", mark.text)
    return (int(ping[1]), float(ping[2])) if ping else (mark.status, mark.seconds)


def test_every_case_waits_as_long_as_we_say(httpd: Path, tmp_path: Path) -> None:
    tree = tmp_path / "h"
    (tree / "conf").mkdir(parents=True)
    (tree / "logs").mkdir()
    port = free_port()
    with misbehaving() as back_ends:
        (tree / "conf/httpd.conf").write_text(configuration(tree, port, back_ends))
        said = answers(tree, port)
        with (
            RunningHttpd(tree, "conf/httpd.conf", tree / "logs/httpd.pid", wait_port=port),
            ThreadPoolExecutor(len(CASES)) as pool,
        ):
            asked = {
                case: pool.submit(measure, port, f"c{number}.example", PATHS.get(case, "/c/x"))
                for number, case in enumerate(CASES)
            }
            seen = {case: one.result() for case, one in asked.items()}
    wrong = []
    for case, snippet in CASES.items():
        status, seconds = expected(case, snippet, said[case])
        got, took = seen[case]
        assert not said[case].undetermined, case
        if status != got or seconds is None or not seconds - 0.1 <= took < seconds + 0.9:
            wrong.append(
                f"{case}: {status} after {seconds} s is said; {got} after {took:.2f} s; {said[case].undetermined}"
            )
    assert "\n".join(wrong) == ""
