"""``auditor simulate``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.surfaces.ilo.body import Body

_PERSONALITIES = ("ilo5", "ilo6", "ilo7")


@command_app("simulate")
def app(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="ilo5, ilo6 or ilo7; a folder of Redfish bodies; or snapshot:REV:HOST/ilo.",
        ),
    ] = "ilo5",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port on 127.0.0.1; 0: any free one.")
    ] = 0,
    fleet_folder: option.FleetFolder = None,
) -> Job:
    """Serves a virtual iLO over TLS on 127.0.0.1 until it is stopped.

    Once ready it prints one line of JSON: url, cafile, username, password. To audit it, set AUDITOR_ILO_USERNAME and
    AUDITOR_ILO_PASSWORD to these, then: auditor check ilo://127.0.0.1:PORT --cafile FILE
    """

    def job() -> int:
        from auditor.surfaces.ilo.simulator.server import serve

        def ready(url: str, cafile: str, username: str, password: str) -> None:
            told = {"url": url, "cafile": cafile, "username": username, "password": password}
            streams.write_out(json.dumps(told) + "\n")

        serve(_source(source, fleet_folder), port, ready)
        return 0

    return job


def _source(word: str, fleet_folder: Path | None) -> str | Path | Mapping[str, Body]:
    if word in _PERSONALITIES:
        return word
    if word.startswith("snapshot:"):
        return _bodies(word, fleet_folder)
    path = Path(word).expanduser()
    if not path.is_dir():
        raise InputError(
            f"{word!r} is neither {', '.join(_PERSONALITIES)}, nor a folder, nor a snapshot",
            next_step="Try:  auditor simulate ilo5",
        )
    return path


def _bodies(word: str, fleet_folder: Path | None) -> Mapping[str, Body]:
    """The bodies that a snapshot of one iLO holds."""
    from auditor.model.target import StoredSnapshot
    from auditor.store import Store
    from auditor.surfaces.ilo.simulator.server import documents

    fleet = work.fleet_of(fleet_folder)
    targets = [one for one in work.targets_of([word], fleet, None) if one.surface == "ilo"]
    if len(targets) != 1 or not isinstance(targets[0].location, StoredSnapshot):
        raise InputError(f"{word} is not the snapshot of one iLO", next_step="Name it:  snapshot:latest:HOST/ilo")
    location = targets[0].location
    with Store.open(fleet.store_path) as store:
        collected = store.read(location.revision, location.target)
    return documents({one.name: one.content for one in collected.documents})
