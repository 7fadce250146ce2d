"""``auditor show``."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job


@command_app("show")
def app(
    plan: option.PlanId,
    look: Annotated[bool, typer.Option("--look", help="Read every precondition again on the targets.")] = False,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Shows a plan as it stands: what it does, who signed, whether it could be applied now.

    It opens whatever has become stale.
    """

    def job() -> int:
        from auditor.cli.forms.changes import plan_json
        from auditor.cli.forms.changes import show_plan as shown_plan
        from auditor.services.changes import open_desk, show_plan

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_of(fleet_folder)
        with streams.Progress(quiet=quiet) as progress:
            desk = open_desk(fleet, os.environ, cafile=work.cafile_text(cafile), observe=progress, tell=progress.tell)
            shown = asyncio.run(show_plan(desk, plan, look=look))
        forms = {"table": shown_plan, "json": plan_json}
        reporting.emit(wanted, lambda name, styled: forms[name](shown, styled), style)
        return 0

    return job
