"""Reading and resolving a large httpd tree, against httpd's own dump of it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests import servers
from tests.benchmarks.timing import compare, cost_of_process, ratio_line

VIRTUAL_HOSTS = 1000
LINES_EACH = 20

# Reading and resolving alone: files as they are on disk, in httpd's order.
_READ = """
import os, sys
from auditor.model.snapshot import Collected, Document, Fact
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import InterpretOptions
root = sys.argv[1]
documents = []
for folder, _, names in os.walk(root):
    for name in sorted(names):
        with open(f"{folder}/{name}", "rb") as file:
            documents.append(Document(f"{folder}/{name}"[len(root) + 1 :], f"files/{name}", file.read()))
documents = tuple(sorted(documents, key=lambda one: one.name))
facts = (Fact("layout", "other"), Fact("main_file", "conf/httpd.conf"), Fact("root", root))
resolved = resolve_collected(Collected("bench/httpd", "httpd", documents, facts), InterpretOptions())
assert not resolved.gaps, resolved.gaps
assert len(resolved.directives) >= 15_000, len(resolved.directives)
"""

# The same, and all that answering for any URL needs.
_READ_AND_INDEX = (
    _READ
    + """
from auditor.surfaces.httpd.explain import Explainer
assert Explainer(resolved, "2.4.62").explain(sys.argv[2]).proxied
"""
)

# What a snapshot does before it interprets: also modes, owners and links, and every secret sealed.
_COLLECT = """
import sys
from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.transport.threads import run_to_end
tree = Target("bench", "httpd", LocalTree(sys.argv[1], httpd_version="2.4.62"))
collected = run_to_end(lambda: collect(tree, CollectOptions(Sealer(b"k" * 32))))
resolved = resolve_collected(collected, InterpretOptions())
assert not resolved.gaps, resolved.gaps
assert len(resolved.directives) >= 15_000, len(resolved.directives)
"""

# All that answering needs: servers, virtual hosts, what httpd refuses; and one answer, which reads a host's routes.
_INDEX = """
import sys
from auditor.model.secret import Sealer
from auditor.model.target import LocalTree, Target
from auditor.services.explain import run_explain
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.transport.threads import run_to_end
tree = Target("bench", "httpd", LocalTree(sys.argv[1], httpd_version="2.4.62"))
urls, options = sys.argv[2:], CollectOptions(Sealer(b"k" * 32))
found = run_to_end(lambda: run_explain(tree, urls, options, InterpretOptions()))
assert [answer.proxied for answer in found.answers] == [True], found
"""

_INTERPRET = (
    _COLLECT
    + """
from auditor.surfaces.httpd.resources import interpret
assert interpret(collected, InterpretOptions()).resources
"""
)


def write_tree(root: Path, virtual_hosts: int = VIRTUAL_HOSTS) -> None:
    """A tree of 20 lines a virtual host, each in an included file of its own, as hosting servers have them."""
    (root / "conf").mkdir(parents=True)
    (root / "conf.d").mkdir()
    (root / "conf/httpd.conf").write_text(
        f'ServerRoot "{root}"\nServerName bench.example\nListen 127.0.0.1:8080\nPidFile {root}/httpd.pid\n'
        f"ErrorLog {root}/error_log\n"
        + servers.load_modules("mpm_event", "authz_core", "proxy", "proxy_http", "headers", "rewrite", "alias", "dir")
        + "IncludeOptional conf.d/*.conf\n"
    )
    for number in range(virtual_hosts):
        (root / f"conf.d/site{number:04}.conf").write_text(_virtual_host(number))


def _virtual_host(number: int) -> str:
    back_end = f"http://10.{number // 62_500}.{number // 250 % 250}.{number % 250}"
    routes = "".join(
        f"    ProxyPass /app{route} {back_end}:80{route:02}/app{route} timeout=30\n"
        f"    ProxyPassReverse /app{route} {back_end}:80{route:02}/app{route}\n"
        for route in range(5)
    )
    text = (
        "<VirtualHost *:8080>\n"
        f"    ServerName site{number}.example\n    ServerAlias www.site{number}.example\n"
        f"    # customer {number}\n    ProxyTimeout 60\n    <IfModule headers_module>\n"
        '        Header always set X-Frame-Options "DENY"\n    </IfModule>\n'
        f"{routes}</VirtualHost>\n\n"
    )
    assert text.count("\n") == LINES_EACH, text.count("\n")
    return text


def run() -> str:
    """The ratios of CPU times, Python's start included, a line each."""
    binary = servers.httpd_binary()
    if binary is None:
        return "reading 20,000 lines: no httpd here to compare with"
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "httpd"
        write_tree(root)
        compiled = as_installed(Path(folder))
        info = servers.load_modules("info").strip()
        dump = [str(binary), "-d", str(root), "-f", "conf/httpd.conf", "-C", info, "-t", "-D", "DUMP_CONFIG"]
        url = "http://site500.example:8080/app3/x"
        auditor = str(Path(sys.executable).with_name("auditor"))
        for what, command in (
            ("read and resolved", [sys.executable, "-c", _READ, str(root)]),
            ("read, resolved and indexed", [sys.executable, "-c", _READ_AND_INDEX, str(root), url]),
            ("collected, sealed and resolved", [sys.executable, "-c", _COLLECT, str(root)]),
            ("the same, indexed for any URL and asked for one", [sys.executable, "-c", _INDEX, str(root), url]),
            ("auditor explain as a whole", [auditor, "explain", str(root), url, "--httpd-version", "2.4.62"]),
            ("interpreted into resources", [sys.executable, "-c", _INTERPRET, str(root)]),
        ):
            ours, other = compare(
                lambda command=command: cost_of_process(command, compiled),  # type: ignore[misc]
                lambda: cost_of_process(dump),
            )
            title = f"20,000 lines, 1,000 virtual hosts {what} against httpd's dump"
            lines.append(ratio_line(title, ours, other, 1.5, by="cpu"))
    return "\n".join(lines)


def as_installed(folder: Path) -> dict[str, str]:
    """The environment in which modules are compiled once, at the warm-up, as those of an installed package are."""
    return {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
