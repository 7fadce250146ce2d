"""Machines that are read over SSH, as people write them."""

from __future__ import annotations

import posixpath
from typing import Final

from auditor.errors import InputError
from auditor.model.target import SshTree
from auditor.transport.ssh.address import SshAddress

FORM: Final = "Write  ssh://[USER@]HOST[:PORT][/PATH], e.g. ssh://web1/etc/httpd"


def parse_place(text: str) -> SshTree:
    """``[USER@]HOST[:PORT]``, an IPv6 address in brackets, as a tree without a path.

    Errors:
        InputError: it is none, or holds a password.
    """
    user, at, rest = text.rpartition("@")
    if ":" in user:
        raise InputError(
            "no credentials stand in an address: they end up in the shell's history",
            next_step="Use a key, in an agent or named by ssh_config.",
        )
    if at and not user:
        raise InputError(f"{text!r} names no user before @", next_step=FORM)
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise InputError(f"{text!r} is no address", next_step=FORM)
        port, colon = port[1:], port[:1]
    else:
        host, colon, port = rest.partition(":")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= 65535):
        raise InputError(f"{text!r} names no port from 1 to 65535", next_step=FORM)
    found = SshTree(host, user=user, port=int(port or 0))
    SshAddress(found.host, found.user, found.port)
    return found


def parse_uri(word: str) -> tuple[SshTree, str]:
    """A URI as a tree, and what to call its host. The path is taken as it stands; without one the tree is looked for.

    Errors:
        InputError: it is no such URI.
    """
    place, slash, path = word.partition("://")[2].partition("/")
    if "\0" in path:
        raise InputError(f"{path!r} holds a NUL", next_step=FORM)
    found = parse_place(place)
    tree = posixpath.normpath("/" + path.lstrip("/")) if slash and path.strip("/") else ""
    name = found.host + (f":{found.port}" if found.port else "")
    return SshTree(found.host, tree, found.user, found.port), name


def same_place(one: SshTree, other: SshTree) -> bool:
    """Whether two name the same tree: what one of them leaves open may be anything."""
    return one.host == other.host and all(
        not mine or not yours or mine == yours
        for mine, yours in ((one.path, other.path), (one.user, other.user), (one.port, other.port))
    )
