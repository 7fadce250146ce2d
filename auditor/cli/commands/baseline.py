"""``auditor baseline adopt``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import COMMANDS, PlainCommand, new_app
from auditor.cli.run import Job
from auditor.errors import EXIT_INCOMPLETE, EXIT_OK, InputError

if TYPE_CHECKING:
    from auditor.model.target import Target
    from auditor.services.adopt import AdoptReport
    from auditor.services.fleet import Fleet

app = new_app(COMMANDS["baseline"])


@app.callback()
def baseline() -> None:
    """Make a first baseline from what is there."""


@app.command("adopt", cls=PlainCommand)
def adopt(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="A group of the inventory, or all.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where the baseline is written instead of baselines/GROUP.yaml.",
            show_default=False,
        ),
    ] = None,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Takes a snapshot of a group, agrees to it, and writes a first baseline: what most targets have.

    Those that differ are listed as outliers. Nothing is changed on a target.
    """

    def job() -> int:
        from auditor.cli.forms.keeping import adopt_json, show_adopt

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_of(fleet_folder)
        asked = _of_group(group, fleet, cafile)
        path = output.expanduser() if output else fleet.baselines_path / f"{group}.yaml"
        if path.exists():
            raise InputError(
                f"{path} is there already",
                untouched="Nothing was changed.",
                next_step="Write beside it and compare:  --output FILE",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        reporting.check_writable(path)
        report = _adopt(group, fleet, asked, quiet)
        streams.write_file(path, report.text)
        forms = {"table": show_adopt, "json": adopt_json}
        reporting.emit(wanted, lambda name, styled: forms[name](report, str(path), styled), style)
        return EXIT_INCOMPLETE if report.not_seen else EXIT_OK

    return job


def _of_group(group: str, fleet: Fleet, cafile: Path | None) -> tuple[Target, ...]:
    if group != "all" and group not in fleet.groups:
        known = ", ".join(("all", *fleet.groups))
        raise InputError(f"there is no group {group!r}", where=str(fleet.file), next_step=f"Groups: {known}")
    return work.targets_of([group], fleet, cafile)


def _adopt(group: str, fleet: Fleet, targets: tuple[Target, ...], quiet: bool) -> AdoptReport:
    """Adopts from the state just committed, so that baseline and agreed state speak of the same bytes."""
    from auditor.model.target import StoredSnapshot, Target
    from auditor.services.adopt import adopt as adopt_values
    from auditor.services.keys import sealer_for
    from auditor.services.observe import observe
    from auditor.services.snapshot import take_snapshot
    from auditor.surfaces.interface import InterpretOptions

    async def gather() -> AdoptReport:
        with streams.Progress(quiet=quiet) as progress:
            collect = work.collecting(sealer_for(fleet, os.environ), progress)
            taken = await take_snapshot(fleet, targets, collect, True, work.now())
            stored = [
                Target(one.host, one.surface, StoredSnapshot(taken.revision, one.name), one.instance, one.groups)
                for one in targets
            ]
            seen = [one.interpretation async for one in observe(stored, fleet, collect, InterpretOptions())]
        return adopt_values(group, seen)

    return asyncio.run(gather())
