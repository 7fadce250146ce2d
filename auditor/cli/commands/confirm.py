"""``auditor confirm``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.cli import options as option
from auditor.cli.app import command_app
from auditor.cli.run import Job

if TYPE_CHECKING:
    from auditor.model.plan import ApplyReport
    from auditor.plan.halt import Halt
    from auditor.services.changes.desk import Desk


@command_app("confirm")
def app(
    plan: option.PlanId,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Keeps a plan that was applied with --confirm-within.

    A target that has taken the change back already says so. Exit 4: nothing waits, or a target cannot be asked;
    5: taken back; 6: a person is needed.
    """

    def job() -> int:
        from auditor.cli.carrying_out import carry_out
        from auditor.services.changes import confirm_plan

        async def confirmed(desk: Desk, words: str, halt: Halt) -> ApplyReport:  # noqa: ARG001 - it is never halved
            return await confirm_plan(desk, words)

        return carry_out(confirmed, plan, formats, cafile, fleet_folder, lang, quiet, "take-back")

    return job
