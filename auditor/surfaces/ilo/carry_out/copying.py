"""A copy of an iLO for a rehearsal: a virtual iLO on loopback that holds what the real one says at the moment."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import FirmwareUpdate, Step
from auditor.model.snapshot import Collected
from auditor.model.target import IloEndpoint, Target
from auditor.surfaces.ilo.carry_out.setting import act_of, secrets_for
from auditor.surfaces.ilo.collect import collect
from auditor.surfaces.interface import CollectOptions, Copy, StandIn
from auditor.transport.secret_places import reveal

_FILE: Final = "documents.msgpack"
_USER, _USER_ENV, _PASSWORD_ENV = "rehearsal", "AUDITOR_REHEARSAL_USER", "AUDITOR_REHEARSAL_PASSWORD"


async def copy(target: Target, steps: tuple[Step, ...], folder: Path, options: CollectOptions) -> Copy:
    """Reads the iLO in full and keeps its documents below ``folder``; nothing is changed.

    Errors:
        RefusedError: firmware is to be updated, a secret is not at hand, it cannot be read, or a part of it is missing
            that a virtual one would then lack.
    """
    if not isinstance(target.location, IloEndpoint):
        raise RefusedError("it is no iLO that can be reached")
    if any(isinstance(step.change, FirmwareUpdate) for step in steps):
        raise RefusedError("a copy has no firmware: an update shows on the machine itself only")
    for secret in secrets_for((act_of(step, "forward") for step in steps), "forward"):
        reveal(secret, options.environment, options.sealer)
    collected = await collect(target, options)
    missing = [gap for gap in collected.gaps if gap.counts]
    if not collected.documents or missing:
        # Of what was not read, a copy could only show that nothing is there.
        first = f"{missing[0].what}: {missing[0].detail or missing[0].cause}" if missing else "no resource"
        raise RefusedError(f"it cannot be read in full ({first})")
    (folder / _FILE).write_bytes(msgspec.msgpack.encode(collected))
    return Copy(f"a virtual iLO of the {len(collected.documents)} resources that it shows now")


async def _nothing() -> Mapping[str, str]:
    """The values show all that there is."""
    return {}


@asynccontextmanager
async def stand_in(target: Target, folder: Path) -> AsyncIterator[StandIn]:
    """The copy as a target, served over TLS on loopback."""
    from auditor.surfaces.ilo.simulator.server import VirtualIlo
    from auditor.surfaces.ilo.simulator.sources import documents

    collected = msgspec.msgpack.decode((folder / _FILE).read_bytes(), type=Collected)
    bodies = documents({one.name: one.content for one in collected.documents})
    async with VirtualIlo(bodies, _USER, secrets.token_urlsafe(16)) as ilo:
        location = IloEndpoint(ilo.url, ilo.cafile, username_env=_USER_ENV, password_env=_PASSWORD_ENV)
        environment = {
            _USER_ENV: ilo.username,
            _PASSWORD_ENV: ilo.password,
            "XDG_STATE_HOME": str(folder / "state"),
        }
        yield StandIn(msgspec.structs.replace(target, location=location), environment, _nothing)
