"""``auditor doctor``."""

from __future__ import annotations

import asyncio

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import EXIT_INCOMPLETE, EXIT_OK


@command_app("doctor")
def app(
    targets: option.MaybeTargets = None,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Says which rights and tools are missing, what that costs, and which lines of sudoers grant it.

    Changes nothing. Without a target: this machine and the fleet repository.
    """

    def job() -> int:
        from auditor.cli.forms.doctor import diagnosis_json, show_diagnosis
        from auditor.services.doctor import run_doctor
        from auditor.services.keys import sealer_for

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_or_none(fleet_folder)
        asked = work.targets_of(targets, fleet, cafile) if targets else ()
        with streams.Progress(quiet=quiet) as progress:
            collect = work.collecting(sealer_for(None, {}), progress)
            diagnosis = asyncio.run(run_doctor(fleet, asked, collect))
        forms = {"table": show_diagnosis, "json": diagnosis_json}
        reporting.emit(wanted, lambda name, styled: forms[name](diagnosis, styled), style)
        return EXIT_OK if diagnosis.complete else EXIT_INCOMPLETE

    return job
