"""``auditor rollback``."""

from __future__ import annotations

import asyncio
import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, rules, streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import InputError, RefusedError

if TYPE_CHECKING:
    from auditor.services.changes import Proposed


@command_app("rollback")
def app(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PLAN | TARGET…",
            help="The plan's id, or its first digits (six or more). With --to: targets of the inventory.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str,
        typer.Option("--to", metavar="REV|DATE|PLAN", help="As it was then, or before that plan.", show_default=False),
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="With --to: why.", show_default=False)] = "",
    author: option.Author = "",
    key: option.SigningKey = None,
    emergency: Annotated[
        bool,
        typer.Option("--emergency", help="With --to: approve it alone, where the rules allow it, and apply at once."),
    ] = False,
    interrupt: option.OnInterrupt = "",
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Takes an applied plan back; verified to be as before.

    Needs no approval: the way back is part of what was approved. The plan can never be applied again.

    With --to targets go back to a state of the store instead. That is a change of its own: a plan is written and waits
    for approvals (exit 4). With --emergency the key's owner approves it alone, and it is applied at once.
    """

    def job() -> int:
        from auditor.cli.carrying_out import carry_out
        from auditor.cli.forms.changes import proposed_json, show_proposed
        from auditor.services.changes import apply_plan, rollback_plan

        words = tuple(names or ())
        if not to:
            if emergency:
                raise InputError("--emergency is for --to: a rollback of a plan needs no approval")
            if len(words) != 1:
                raise InputError(
                    "rollback takes one plan" if words else "it is not said what is to be taken back",
                    next_step="auditor rollback PLAN      or:  auditor rollback --to REV|DATE|PLAN TARGET",
                )
            return carry_out(rollback_plan, words[0], formats, cafile, fleet_folder, lang, quiet, interrupt)
        if emergency and not (reason and key):
            raise InputError("an emergency needs a reason and a key", next_step="--emergency --reason TEXT --key FILE")
        made, missing = _proposed(to, words, reason, author, key, emergency, cafile, fleet_folder, quiet)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        beforehand = [one for one in wanted if missing or (one.format == "table" and one.path is None)]
        shown = {"table": show_proposed, "json": proposed_json}
        reporting.emit(beforehand, lambda name, styled: shown[name](made, styled), option.style_of(lang))
        if missing is not None:
            raise missing
        return carry_out(apply_plan, made.id, formats, cafile, fleet_folder, lang, quiet, interrupt)

    return job


def _proposed(
    to: str,
    targets: tuple[str, ...],
    reason: str,
    author: str,
    key: Path | None,
    emergency: bool,
    cafile: Path | None,
    fleet_folder: Path | None,
    quiet: bool,
) -> tuple[Proposed, RefusedError | None]:
    """The plan back, written, and what it lacks to be applied."""
    from auditor.services.changes import Judged, ToWay, approve_plan, lacking, open_desk, propose_plan

    fleet = work.fleet_of(fleet_folder)
    judged_by = Judged(rules.policy_for(None, fleet, ("httpd", "ilo")), rules.waivers_for(None, fleet))
    with streams.Progress(quiet=quiet) as progress:
        desk = open_desk(fleet, os.environ, cafile=work.cafile_text(cafile), observe=progress, tell=progress.tell)
        made = asyncio.run(
            propose_plan(
                desk,
                ToWay(to, targets),
                reason=reason or f"back to {to}",
                author=author or getpass.getuser(),
                judged_by=judged_by,
                key=key.expanduser() if key else None,
            )
        )
        try:
            if emergency and key:
                approve_plan(desk, made.id, key.expanduser(), emergency=True, reason=reason)
        except RefusedError as error:
            return made, error
        return made, lacking(desk, made.id)
