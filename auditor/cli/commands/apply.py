"""``auditor apply``."""

from __future__ import annotations

from auditor.cli import options as option
from auditor.cli.app import command_app
from auditor.cli.run import Job


@command_app("apply")
def app(
    plan: option.PlanId,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Carries out an approved plan: verified on the target, or taken back.

    What an earlier, killed run left half done is taken back first. Exit 4: refused, nothing changed; 5: failed and
    taken back; 6: a person is needed.
    """

    def job() -> int:
        from auditor.cli.carrying_out import carry_out
        from auditor.services.changes import apply_plan

        return carry_out(apply_plan, plan, formats, cafile, fleet_folder, lang, quiet)

    return job
