"""``auditor approve``."""

from __future__ import annotations

import os

from auditor.cli import options as option
from auditor.cli import reporting, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import InputError


@command_app("approve")
def app(
    plan: option.PlanId,
    key: option.SigningKey = None,
    formats: option.PlainFormats = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Signs a plan as an allowed signer who is not its author.

    Who may is read from the default branch of the fleet repository.
    """

    def job() -> int:
        from auditor.cli.forms.changes import approved_json, show_approved
        from auditor.services.changes import approve_plan, open_desk

        style = option.style_of(lang)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        if key is None:
            raise InputError("an approval needs a key", next_step=f"Name it:  auditor approve {plan} --key FILE")
        approved = approve_plan(open_desk(work.fleet_of(fleet_folder), os.environ), plan, key.expanduser())
        forms = {"table": show_approved, "json": approved_json}
        reporting.emit(wanted, lambda name, styled: forms[name](approved, styled), style)
        return 0

    return job
