"""Helpers for tests that read an iLO: the virtual one on loopback, and collections without any server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from auditor.model.plan import Proposal, Wish
from auditor.model.resource import parse_address
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Interpretation
from auditor.model.target import IloEndpoint, Target
from auditor.model.value import Value
from auditor.surfaces.ilo.body import Body, nest
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.ilo.documents import as_documents
from auditor.surfaces.ilo.propose import propose
from auditor.surfaces.ilo.registry import compact
from auditor.surfaces.ilo.resources import interpret
from auditor.surfaces.ilo.simulator.personalities import build, fill_collections
from auditor.surfaces.ilo.simulator.server import VirtualIlo
from auditor.surfaces.interface import CollectOptions, InterpretOptions

SEALER = Sealer(b"a key of the tests, 32 bytes long")
USERNAME, PASSWORD = "auditor", "a-password-of-the-tests"

ROOT = "/redfish/v1"
MANAGER = f"{ROOT}/Managers/1"
SNMP = f"{MANAGER}/SnmpService"
PROTOCOL = f"{MANAGER}/NetworkProtocol"
LICENCE = f"{MANAGER}/LicenseService/1"
BIOS = f"{ROOT}/systems/1/bios/"
PENDING = f"{ROOT}/systems/1/bios/settings/"

T = TypeVar("T")


def target(ilo: VirtualIlo, *, cafile: str | None = None, verify: bool = True) -> Target:
    """The virtual iLO as the target ``web1/ilo``."""
    return Target("web1", "ilo", IloEndpoint(ilo.url, ilo.cafile if cafile is None else cafile, verify))


def options(deadline_s: float = 20.0, password: str = PASSWORD) -> CollectOptions:
    """Options with the tests' credentials."""
    environment = {
        "AUDITOR_ILO_USERNAME": USERNAME,
        "AUDITOR_ILO_PASSWORD": password,
        "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"],  # the test's own
    }
    return CollectOptions(SEALER, environment, deadline_s)


def with_ilo(act: Callable[[VirtualIlo], Awaitable[T]], source: str = "ilo5", **settings: object) -> T:
    """Runs ``act`` against a virtual iLO."""

    async def run() -> T:
        async with VirtualIlo(source, USERNAME, PASSWORD, **settings) as ilo:  # type: ignore[arg-type]
            return await act(ilo)

    return asyncio.run(run())


async def collected_from(ilo: VirtualIlo) -> Collected:
    """What is collected from a virtual iLO."""
    return await collect(target(ilo), options())


def bodies(personality: str = "ilo5", *changes: tuple[str, str, object]) -> dict[str, Body]:
    """A personality's bodies with members set: (URI, JSON pointer, value). A None for a whole URI removes it."""
    tree = build(personality)
    for uri, pointer, value in changes:
        if not pointer and value is None:
            del tree[uri]
        else:
            _merge(tree[uri], nest(((pointer, value),)))  # type: ignore[arg-type]
    for uri, body in tree.items():
        if isinstance(body.get("Members"), list):
            tree[uri]["Members"] = "*"
    fill_collections(tree)
    return tree


def _merge(body: Body, patch: Body) -> None:
    for name, value in patch.items():
        inner = body.get(name)
        if isinstance(value, dict) and value and isinstance(inner, dict):
            _merge(inner, value)
        else:
            body[name] = value


def collection(tree: dict[str, Body]) -> Collected:
    """These bodies as they would be collected, without any connection."""
    read = [(uri, compact(body) if "RegistryEntries" in body else body) for uri, body in tree.items()]
    documents, gaps = as_documents(read, SEALER)
    assert not gaps
    return Collected("web1/ilo", "ilo", documents)


def interpreted(*changes: tuple[str, str, object], personality: str = "ilo5") -> Interpretation:
    """What a personality with these changes means."""
    return interpret(collection(bodies(personality, *changes)), InterpretOptions())


def proposal(*wishes: tuple[str, Value | None], tree: dict[str, Body] | None = None) -> Proposal:
    """What is proposed for wishes (address without target, value)."""
    asked = tuple(Wish(parse_address(address), value) for address, value in wishes)
    return propose(asked, collection(tree or bodies()), InterpretOptions())
