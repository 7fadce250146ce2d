"""``auditor snapshot``."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import EXIT_INCOMPLETE, EXIT_OK


@command_app("snapshot")
def app(
    targets: option.MaybeTargets = None,
    agree: Annotated[
        bool, typer.Option("--agree", help="What is seen now becomes the agreed state; the first snapshot always does.")
    ] = False,
    formats: option.PlainFormats = None,
    full: option.Full = False,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Collects targets of the inventory and commits what was seen to the store.

    Secrets are replaced by keyed digests before anything is written. An unchanged fleet gives an identical tree.
    """

    def job() -> int:
        from auditor.cli.forms.keeping import show_snapshot, snapshot_json
        from auditor.services.keys import sealer_for
        from auditor.services.snapshot import take_snapshot

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_of(fleet_folder)
        asked = work.targets_of(targets, fleet, cafile)
        with streams.Progress(quiet=quiet) as progress:
            collect = work.collecting(sealer_for(fleet, os.environ), progress, full=full)
            report = asyncio.run(take_snapshot(fleet, asked, collect, agree, work.now()))
        forms = {"table": show_snapshot, "json": snapshot_json}
        reporting.emit(wanted, lambda name, styled: forms[name](report, styled), style)
        return EXIT_OK if report.complete else EXIT_INCOMPLETE

    return job
