"""``auditor approve``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import InputError


@command_app("approve")
def app(
    plan: option.PlanId,
    key: option.SigningKey = None,
    emergency: Annotated[
        bool,
        typer.Option("--emergency", help="Alone, where the rules allow it; every report tells until it is reviewed."),
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why it is an emergency.", show_default=False)
    ] = "",
    review: Annotated[
        bool, typer.Option("--review", help="Afterwards, a plan that was approved in an emergency.")
    ] = False,
    formats: option.PlainFormats = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Signs a plan as an allowed signer who is not its author.

    Who may, how many must, and of which groups, is read from the default branch of the fleet repository.
    """

    def job() -> int:
        from auditor.cli.forms.changes import approved_json, show_approved
        from auditor.services.changes import approve_plan, open_desk

        style = option.style_of(lang)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        if key is None:
            raise InputError("an approval needs a key", next_step=f"Name it:  auditor approve {plan} --key FILE")
        if emergency and review:
            raise InputError("--emergency and --review exclude each other")
        desk = open_desk(work.fleet_of(fleet_folder), os.environ)
        approved = approve_plan(desk, plan, key.expanduser(), emergency=emergency, reason=reason, review=review)
        forms = {"table": show_approved, "json": approved_json}
        reporting.emit(wanted, lambda name, styled: forms[name](approved, styled), style)
        return 0

    return job
