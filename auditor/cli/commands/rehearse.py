"""``auditor rehearse``."""

from __future__ import annotations

import asyncio
import os

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import command_app
from auditor.cli.exit_codes import most_serious
from auditor.cli.run import Job
from auditor.errors import EXIT_FINDINGS, EXIT_INCOMPLETE, EXIT_OK


@command_app("rehearse")
def app(
    plan: option.PlanId,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Tries a plan forward, back and forward again on copies; no target is changed.

    httpd: a copy of the tree at its own place in a private mount, under the httpd at hand. iLO: a virtual iLO that
    holds what the real one says now. The record is kept beside the plan. Exit 1: it failed, and the plan is void;
    3: a target could not be rehearsed from here.
    """

    def job() -> int:
        from auditor.cli.forms.rehearsal import rehearsal_json, show_rehearsal
        from auditor.services.changes import open_desk
        from auditor.services.changes.rehearse import rehearse_plan

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_of(fleet_folder)
        work.warn_of_unverified(fleet.targets)
        with streams.Progress(quiet=quiet) as progress:
            desk = open_desk(fleet, os.environ, cafile=work.cafile_text(cafile), observe=progress)
            rehearsal = asyncio.run(rehearse_plan(desk, plan))
        forms = {"table": show_rehearsal, "json": rehearsal_json}
        reporting.emit(wanted, lambda name, styled: forms[name](rehearsal, styled), style)
        codes = {"passed": EXIT_OK, "failed": EXIT_FINDINGS, "not rehearsed": EXIT_INCOMPLETE}
        return most_serious(codes[one.outcome] for one in rehearsal.targets)

    return job
