"""``auditor rollback``."""

from __future__ import annotations

from auditor.cli import options as option
from auditor.cli.app import command_app
from auditor.cli.run import Job


@command_app("rollback")
def app(
    plan: option.PlanId,
    interrupt: option.OnInterrupt = "",
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Takes an applied plan back; verified to be as before.

    Needs no approval: the way back is part of what was approved. The plan can never be applied again.
    """

    def job() -> int:
        from auditor.cli.carrying_out import carry_out
        from auditor.services.changes import rollback_plan

        return carry_out(rollback_plan, plan, formats, cafile, fleet_folder, lang, quiet, interrupt)

    return job
