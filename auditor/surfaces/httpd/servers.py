"""The main server and the virtual hosts: which directives each has, and what they are called."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import msgspec

from auditor.model.source import FileSource
from auditor.surfaces.httpd.directive import Directive, Resolved, Section
from auditor.surfaces.httpd.words import split_words

MAIN: Final = "main"


def readable(text: str) -> str:
    """A configuration's text for people and names: its bytes as UTF-8, others in hexadecimal."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "backslashreplace")


class Server(msgspec.Struct, eq=False):
    """One server's own directives, in httpd's order.

    ``plain`` are those outside every section but <VirtualHost>, by lower-case name; ``nested`` stand in a section
    such as <Location> or <Proxy>; ``all`` are both, in order. ``name`` is unique and stable when lines move.
    ``unknown_address`` says why its addresses are not known, where they hold a variable of unknown value.
    """

    name: str
    section: Section | None
    plain: dict[str, list[Directive]] = msgspec.field(default_factory=lambda: defaultdict(list))
    nested: list[Directive] = []
    all: list[Directive] = []
    unknown_address: str = ""
    _found: dict[frozenset[str], tuple[Directive, ...]] = {}

    @property
    def is_main(self) -> bool:
        """Whether it is the main server."""
        return self.section is None

    @property
    def source(self) -> FileSource | None:
        """Where its <VirtualHost> stands."""
        return None if self.section is None else self.section.source

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of <VirtualHost>, as written."""
        return () if self.section is None else split_words(self.section.arguments)

    def last(self, name: str) -> Directive | None:
        """Its own last directive of that name (lower-case): the one that counts where a later one replaces."""
        found = self.plain.get(name)
        return found[-1] if found else None

    def argument(self, name: str) -> str | None:
        """The first word of its own last directive of that name; None where it has none."""
        found = self.last(name)
        if found is None:
            return None
        words = split_words(found.arguments)
        return words[0] if words else ""

    def everywhere(self, names: frozenset[str]) -> tuple[Directive, ...]:
        """Its own directives of these names (lower-case), nested ones too, in order; looked for once."""
        found = self._found.get(names)
        if found is None:
            found = self._found[names] = tuple(one for one in self.all if one.name.lower() in names)
        return found

    def words(self, name: str) -> tuple[str, ...]:
        """All words of every own directive of that name, in order."""
        return tuple(word for one in self.plain.get(name, ()) for word in split_words(one.arguments))


def split_servers(resolved: Resolved) -> tuple[Server, ...]:
    """The main server first, then the virtual hosts in httpd's order, empty ones included. One pass."""
    main = Server(MAIN, None)
    order: list[Server] = [main]
    known: dict[int, Server] = {}
    opened: Directive | None = None
    lowered: dict[str, str] = {}
    last: tuple[Section, ...] | None = None
    server, own = main, True
    for directive in resolved.directives:
        name = lowered.get(directive.name) or lowered.setdefault(directive.name, directive.name.lower())
        if name == "<virtualhost":
            _add_empty(order, opened)
            opened, last = directive, None
            continue
        if directive.within is not last:
            last = directive.within
            host = next((index for index, one in enumerate(last) if one.name.lower() == "virtualhost"), None)
            server = main
            if host is not None:
                # By identity: one macro used twice opens two sections that stand at the same line.
                section = last[host]
                found = known.get(id(section))
                if found is None:
                    found = known[id(section)] = Server("", section, unknown_address=_unknown_address(opened))
                    order.append(found)
                    opened = None
                server = found
            own = len(last) == (0 if host is None else 1)
        server.all.append(directive)
        if own:
            server.plain[name].append(directive)
        else:
            server.nested.append(directive)
    _add_empty(order, opened)
    _name(order)
    return tuple(order)


def _add_empty(order: list[Server], opened: Directive | None) -> None:
    """A virtual host in which nothing stands: it answers all the same."""
    if opened is not None:
        section = Section(opened.name[1:], opened.arguments, opened.source)
        order.append(Server("", section, unknown_address=_unknown_address(opened)))


def _unknown_address(opened: Directive | None) -> str:
    """Which variable of unknown value its addresses hold; empty where none."""
    if opened is None:
        return ""
    for doubt in opened.doubts:
        if doubt.text.startswith("${") and doubt.text in opened.written:
            return f"the address of <VirtualHost {opened.written} ({opened.source}) is not known: {doubt.cause}"
    return ""


def _name(servers: list[Server]) -> None:
    taken: dict[str, int] = {MAIN: 1}
    for server in servers:
        if server.is_main:
            continue
        name = _own_name(server)
        taken[name] = taken.get(name, 0) + 1
        server.name = name if taken[name] == 1 else f"{name} #{taken[name]}"


def _own_name(server: Server) -> str:
    """``shop.example:443``; without a ServerName the addresses as written."""
    written = server.argument("servername")
    if not written:
        return readable(" ".join(server.addresses)) or "*"
    ports = dict.fromkeys(split_address(address)[1] or "*" for address in server.addresses)
    return f"{readable(server_host(written))}:{','.join(ports) or '*'}"


def server_host(written: str) -> str:
    """The host of a ServerName, which may have a scheme and a port."""
    return split_address(written.split("://", 1)[-1])[0].lower()


def split_address(text: str) -> tuple[str, str]:
    """Host and port of ``10.0.0.1:80``, ``[::1]:443``, ``*`` or ``example``; the port is empty where none stands."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    host, colon, port = text.rpartition(":")
    return (host, port) if colon and (port.isdigit() or port == "*") else (text, "")
