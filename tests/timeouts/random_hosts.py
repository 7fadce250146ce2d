"""Virtual hosts made at random of everything that can decide a time-out, always of the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

PATHS = ("/a/x", "/a/b/x", "/ab", "/b/x.y", "/b", "/c/d")
"""What is asked of every virtual host."""

_FAKES = ("/", "/a", "/a/", "/a/b", "/a/b/", "/ab", "/b", "/b/", "/c")
_TAILS = ("", "/", "/a", "/a/", "/a/b", "/A", "/ab", "/b", "/b/")
_PATTERNS = (
    ("^/a/(.*)$", ("/$1", "/a/$1", "/deep/er/$1", "/fixed")),
    ("^(/b.*)$", ("$1", "/x$1", "/fixed")),
    ("^/a", ("", "/m", "/m/")),
    ("/b(/?)", ("$1", "/b$1")),
    ("^/(a|b)/(.*)", ("/$2/$1", "/$1", "/$0")),
)
_SECONDS = (1, 2, 3)


class Maker:
    """Makes lines; ``known`` are the URLs that ProxySet may name since a line has made their workers."""

    def __init__(self, rng: Random, *, main: bool = False) -> None:
        self.rng = rng
        self.main = main
        self.known: list[str] = []
        self.pools = 0

    def pick(self, *some: str) -> str:
        return self.rng.choice(some)

    def maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def seconds(self) -> int:
        return self.rng.choice(_SECONDS)

    def host(self) -> str:
        return self.pick("http://@hang@", "http://@hang@", "http://@hang@", "HTTP://@hang@", "fcgi://@hang@")

    def url(self) -> str:
        if self.maybe(0.06):
            return f"{self.pick('ajp', 'scgi')}://@hang@{self.rng.choice(_TAILS)}"
        if self.maybe(0.05):
            return f'"unix:@socket@|http://localhost{self.rng.choice(_TAILS)}"'
        if self.maybe(0.05):
            return f"http://@refuse@{self.rng.choice(_TAILS)}"
        return self.host() + self.rng.choice(_TAILS)

    def parameters(self) -> str:
        found = []
        if self.maybe(0.5):
            found.append(f"timeout={self.seconds()}{self.pick('', '', '', 's', 'min')}")
        if self.maybe(0.15):
            found.append(f"connectiontimeout={self.pick('1', '2500ms', '4')}")
        if self.maybe(0.1):
            found.append(self.pick("retry=0", "disablereuse=On", "acquire=9000", "keepalive=On", "TIMEOUT=1"))
        return " ".join(["", *found])


def _proxy_pass(make: Maker) -> str:
    url = make.url()
    if "unix" not in url:
        make.known.append(url)
    return f"ProxyPass {make.rng.choice(_FAKES)} {url}{make.parameters()}"


def _excluded(make: Maker) -> str:
    return f"ProxyPass {make.rng.choice(_FAKES[1:])} !"


def _matched(make: Maker) -> str:
    pattern, tails = make.rng.choice(_PATTERNS)
    target = "!" if make.maybe(0.1) else make.host() + make.rng.choice(tails) + make.parameters()
    return make.pick(f'ProxyPassMatch "{pattern}" {target}', f'ProxyPass ~ "{pattern}" {target}')


def _location(make: Maker) -> str:
    handler = make.pick('SetHandler "proxy:http://@hang@/h"', 'SetHandler "proxy:fcgi://@hang@/"', "SetHandler None")
    inside = make.pick(f"ProxyPass {make.url()}{make.parameters()}", "ProxyPass !", handler, handler)
    return f'<Location "{make.rng.choice(_FAKES)}">\n  {inside}\n</Location>'


def _location_match(make: Maker) -> str:
    pattern, tails = make.rng.choice(_PATTERNS[:2])
    directive = make.pick("ProxyPass", "ProxyPassMatch")
    return (
        f'<LocationMatch "{pattern}">\n  {directive} {make.host()}{make.rng.choice(tails)}{make.parameters()}\n'
        "</LocationMatch>"
    )


def _files(make: Maker) -> str:
    name = make.pick('<Files "x.y">', '<FilesMatch "\\.y$">')
    closing = "</FilesMatch>" if "Match" in name else "</Files>"
    return f"{name}\n  SetHandler {make.pick(chr(34) + 'proxy:http://@hang@/f' + chr(34), 'None')}\n{closing}"


def _section(make: Maker) -> str:
    url = make.host() + make.rng.choice(_TAILS[1:])
    known = " timeout=" + str(make.seconds()) if make.maybe(0.4) else ""
    inside = f"  ProxySet timeout={make.seconds()}\n" if make.maybe(0.7) else ""
    return f'<Proxy "{url}"{known}>\n{inside}</Proxy>'


def _proxy_set(make: Maker) -> str:
    if not make.known:
        return _section(make)
    return f"ProxySet {make.rng.choice(make.known)} timeout={make.seconds()}"


def _balancer(make: Maker) -> str:
    name = f"balancer://{make.pick('pool', 'POOL', 'other')}"
    lines = [f'<Proxy "{name}">']
    for _ in range(make.rng.randint(1, 3)):
        status = make.pick(" status=+D", " status=+H") if make.maybe(0.15) else ""
        lines.append(f"  BalancerMember {make.host()}{make.rng.choice(_TAILS)}{make.parameters()}{status}")
    if make.maybe(0.3):
        lines.append(f"  ProxySet {make.pick('timeout=7', 'maxattempts=1', 'failontimeout=On', 'forcerecovery=Off')}")
    lines.append("</Proxy>")
    tail = make.pick("", "/", "/x")
    if make.maybe(0.9):
        lines.append(f"ProxyPass {make.rng.choice(_FAKES)} {name}{tail}")
    return "\n".join(lines)


def _rewrite(make: Maker) -> str:
    rule = make.pick(
        f"RewriteRule ^/a/(.*) {make.host()}/$1 [P]",
        f"RewriteRule ^/b {make.host()}/a/b [P,L]",
        f"RewriteRule ^/ab$ {make.host()}/ab [NC,P]",
        "RewriteRule ^/ab /b [PT]",
        "RewriteRule ^/c/(.*) /a/$1",
        "RewriteRule ^/c/(.*) /a/$1 [L]",
        "RewriteRule ^/b - [F]",
        "RewriteRule ^/a/b - [L]",
        "RewriteRule !^/a - [G]",
    )
    return f"RewriteEngine {make.pick('On', 'On', 'On', 'Off')}\n{rule}"


def _times(make: Maker) -> str:
    if make.main:  # a main Timeout of 0 is for the clients too: not all of their requests would come in time
        return make.pick(f"Timeout {make.seconds() + 2}", f"ProxyTimeout {make.seconds()}")
    return make.pick(
        f"Timeout {make.seconds()}",
        f"ProxyTimeout {make.seconds()}",
        f"ProxyTimeout {make.seconds()}min",
        "Timeout 0",
        "Timeout x1",
    )


def _inheritance(make: Maker) -> str:
    return make.pick("ProxyPassInherit Off", "BalancerInherit Off", "ProxyPassInherit Off\nBalancerInherit Off")


def _redirect(make: Maker) -> str:
    return make.pick("Redirect /b http://elsewhere.example/", "Redirect gone /c", "RewriteOptions Inherit")


_LINES: tuple[tuple[Callable[[Maker], str], int], ...] = (
    (_proxy_pass, 10),
    (_times, 7),
    (_location, 5),
    (_matched, 4),
    (_section, 4),
    (_balancer, 3),
    (_proxy_set, 2),
    (_excluded, 2),
    (_location_match, 2),
    (_rewrite, 3),
    (_files, 1),
    (_inheritance, 1),
    (_redirect, 1),
)


def lines(make: Maker, count: int) -> Iterator[str]:
    """Some lines, in an order of their own."""
    kinds, weights = zip(*_LINES, strict=True)
    for kind in make.rng.choices(kinds, weights, k=count):
        if make.main and kind in (_rewrite, _redirect, _inheritance):
            continue
        yield kind(make)


def virtual_host(rng: Random) -> str:
    """The inside of a virtual host."""
    return "\n".join(lines(Maker(rng), rng.randint(2, 8)))


def main_server(rng: Random) -> str:
    """Lines of the main server."""
    return "\n".join(lines(Maker(rng, main=True), rng.randint(0, 5)))
