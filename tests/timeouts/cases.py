"""The cases below ``tests/corpus/httpd/timeouts``: what is configured, what is asked, and what must come of it.

A case is a folder: ``case.yaml`` (the question and the expectation) beside ``vhost.conf``, which stands in a virtual
host of its own, ``NAME.example``, of the server that the case names. ``_servers/NAME.conf`` are those servers. A case
without a ``vhost.conf`` asks for a URL of what its server has anyway.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import yaml

CORPUS = Path(__file__).resolve().parent.parent / "corpus/httpd/timeouts"

Client = Literal["plain", "slow header", "slow body", "idle", "upgrade", "tunnel", "no handshake"]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked. ``url`` is a path of the case's own virtual host, or a whole URL.

    ``before`` are asked first, one after the other. The client waits for ``patience`` seconds.
    """

    url: str = "/c/x"
    method: str = "GET"
    body: int = 0
    client: Client = "plain"
    before: tuple[str, ...] = ()
    patience: float = 20


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``explain`` must say beside what is measured.

    ``when`` is the failure that the back end or client of this case brings about (``none``: there is none).
    ``governs`` is what governs it: directive, value as written and place, as in ``ProxyPass timeout=1 vhost.conf:1``.
    ``read`` and ``connect`` are the time-outs in seconds; None: no limit, or not proxied. ``member`` is the one of
    several members (from 1) that serves the request; ``also`` are other failures that leave their marks in the
    log first. ``undetermined`` is part of what is said not to be certain; the
    rest is then not compared.
    """

    when: str = "read"
    governs: str = ""
    read: float | None = None
    connect: float | None = None
    mapped_by: str = ""
    virtual_host: str = ""
    member: int = 0
    also: tuple[str, ...] = ()
    undetermined: str = ""


class Seen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured.

    ``status`` None: no answer. ``seconds`` None: nothing comes before the client's patience is over. ``log`` are the
    identifiers in the case's error log, ``main_log`` those that httpd writes to the main server's. ``cut`` is an
    answer that ends before its length.
    """

    status: int | None
    seconds: float | None
    log: tuple[str, ...] = ()
    main_log: tuple[str, ...] = ()
    cut: bool = False


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case. ``log`` names the error log where it is not the case's own."""

    about: str
    explain: Said
    measured: Seen
    request: Request = Request()
    server: str = "event"
    log: str = ""
    name: str = ""


def load_cases() -> list[Case]:
    """Every case, by name."""
    found = []
    for path in sorted(CORPUS.glob("[!_]*/case.yaml")):
        try:
            case = msgspec.convert(yaml.safe_load(path.read_bytes()), Case)
        except msgspec.ValidationError as error:
            raise AssertionError(f"{path}: {error}") from error
        found.append(msgspec.structs.replace(case, name=path.parent.name))
    return found


def servers_of(cases: list[Case]) -> dict[str, list[Case]]:
    """The cases of each server."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.server, []).append(case)
    return found
