"""Which virtual host answers a URL: by address and port, then by name.

Source: ``ap_update_vhost_given_ip`` and ``update_server_from_aliases``. Virtual hosts with the same address and port
form one chain in file order; its first one is the default. An exact address goes before a wildcard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import msgspec

from auditor.surfaces.httpd.patterns import with_stars
from auditor.surfaces.httpd.servers import Server, server_host, split_address
from auditor.surfaces.httpd.words import split_words

_WILD: Final = frozenset({"*", "_default_", "0.0.0.0", "::"})  # noqa: S104 - an address as written, nothing is bound


class Choice(msgspec.Struct, frozen=True, gc=False):
    """The server that answers, why, and what makes that uncertain (empty: nothing).

    ``firsts`` are the servers that may count until the request has named its host: the first one of each address at
    which the server is. ``elsewhere`` are addresses where nobody bears the name, and who answers there.
    """

    server: Server
    why: str
    doubts: tuple[str, ...] = ()
    by_name: bool = False
    firsts: tuple[Server, ...] = ()
    elsewhere: tuple[tuple[str, Server], ...] = ()


class VirtualHosts:
    """The chains of virtual hosts of one configuration."""

    def __init__(self, servers: tuple[Server, ...]) -> None:
        self.main = servers[0]
        self.chains: dict[tuple[str, str], list[Server]] = {}
        self.listening = _listening(self.main)
        self.unknown_addresses = tuple(server.unknown_address for server in servers[1:] if server.unknown_address)
        for server in servers[1:]:
            for written in server.addresses:
                host, port = split_address(written)
                host = "*" if host in _WILD else host.lower()
                chain = self.chains.setdefault((host, "*" if port in ("", "*") else port), [])
                if server not in chain[-1:]:
                    chain.append(server)
        self._names: dict[int, _Names] = {}

    def default_for(self) -> dict[str, list[str]]:
        """For each server's name the addresses for which it is the default, as ``address:port``."""
        found: dict[str, list[str]] = {}
        for (host, port), chain in self.chains.items():
            found.setdefault(chain[0].name, []).append(f"{host}:{port}")
        return found

    def firsts(self) -> dict[str, tuple[Server, ...]]:
        """For each server's name the first servers of its addresses: they count until a request has named its host."""
        found: dict[str, dict[str, Server]] = {}
        for chain in self.chains.values():
            for server in chain:
                found.setdefault(server.name, {})[chain[0].name] = chain[0]
        return {name: tuple(firsts.values()) for name, firsts in found.items()}

    def choose(self, host: str, port: int) -> Choice:
        """The server that answers a request for a host name or address, as it stands in the URL, at a port."""
        host = host.lower().rstrip(".")
        doubts = []
        if self.listening is not None and str(port) not in self.listening:
            doubts.append(f"no Listen for port {port}: the virtual host is chosen as if it were the server's own port")
        doubts += self.unknown_addresses
        chains = self._candidates(host, str(port))
        if not chains:
            return Choice(self.main, "no virtual host has this port", tuple(doubts), firsts=(self.main,))
        found = [(address, chain, self._by_name(chain, host)) for address, chain in chains]
        named = list(dict.fromkeys(server for _, _, server in found if server is not None))
        possible = named or [chain[0] for _, chain, _ in found]
        if not named and found[0][0] != "*" and _address(host) is None:
            possible.append(self.main)  # at any other address
        if len(possible) > 1:
            names = ", ".join(sorted(one.name for one in possible))
            doubts.append(f"the virtual host depends on the address the client connects to: {names}")
        why = "by name" if named else "the default of its address and port"
        firsts = tuple(dict.fromkeys(chain[0] for _, chain, _ in found if possible[0] in chain))
        elsewhere = tuple((address, chain[0]) for address, chain, server in found if named and server is None)
        return Choice(possible[0], why, tuple(doubts), by_name=bool(named), firsts=firsts, elsewhere=elsewhere)

    def _candidates(self, host: str, port: str) -> list[tuple[str, list[Server]]]:
        """The addresses and chains that may answer, the wildcard first: one where the local address is certain."""
        wild = self.chains.get(("*", port)) or self.chains.get(("*", "*"))
        exact: dict[str, list[Server]] = {}
        for (address, its_port), chain in self.chains.items():
            if address != "*" and its_port in (port, "*") and (its_port == port or address not in exact):
                exact[address] = chain
        asked = _address(host)
        if asked is not None:
            for written, chain in exact.items():
                if _address(written) == asked:
                    return [(written, chain)]
            exact = {written: chain for written, chain in exact.items() if _address(written) is None}
        return [*([("*", wild)] if wild else []), *exact.items()]

    def _by_name(self, chain: list[Server], host: str) -> Server | None:
        names = self._names.get(id(chain))
        if names is None:
            names = self._names[id(chain)] = _Names(chain, self.main)
        return names.find(host)


class _Names:
    """The names of one chain: the first virtual host that bears a name, or an alias that matches it, answers.

    Where none does, one whose address is written as that name.
    """

    def __init__(self, chain: list[Server], main: Server) -> None:
        self.chain = chain
        self.exact: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self.patterns: list[tuple[int, re.Pattern[str]]] = []
        for index, server in enumerate(chain):
            for name in names_of(server, main):
                if set(name) & {"*", "?"}:
                    self.patterns.append((index, _pattern(name)))
                else:
                    self.exact.setdefault(name, index)
            for address in server.addresses:
                self.written.setdefault(split_address(address)[0].lower(), index)

    def find(self, host: str) -> Server | None:
        best = self.exact.get(host, len(self.chain))
        for index, pattern in self.patterns:
            if index >= best:
                break
            if pattern.fullmatch(host):
                best = index
                break
        if best == len(self.chain):
            best = self.written.get(host, best)
        return self.chain[best] if best < len(self.chain) else None


def names_of(server: Server, main: Server) -> Iterable[str]:
    """ServerName and every ServerAlias of a server, lower-case; a nameless wildcard host has the main server's name."""
    written = server.argument("servername")
    if not written and any(split_address(address)[0] in _WILD for address in server.addresses):
        written = main.argument("servername")
    if written:
        yield server_host(written)
    for word in server.words("serveralias"):
        yield word.lower()


@lru_cache(maxsize=4096)
def _pattern(name: str) -> re.Pattern[str]:
    pieces = ["".join("." if one == "?" else re.escape(one) for one in piece) for piece in name.split("*")]
    return re.compile(with_stars(pieces, "."), re.DOTALL)


def _address(text: str) -> object | None:
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None


def _listening(main: Server) -> frozenset[str] | None:
    """The ports that are listened on; None where no Listen was seen."""
    ports = set()
    for directive in main.plain.get("listen", ()):
        words = split_words(directive.arguments)
        if words:
            ports.add(split_address(words[0])[1] or words[0])
    return frozenset(ports) or None
