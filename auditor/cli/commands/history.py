"""``auditor history``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, work
from auditor.cli.app import command_app
from auditor.cli.exit_codes import most_serious
from auditor.cli.run import Job
from auditor.errors import EXIT_FINDINGS, EXIT_INCOMPLETE, EXIT_OK, InputError

if TYPE_CHECKING:
    from auditor.cli.reporting import Output
    from auditor.report.interface import Style
    from auditor.services.fleet import Fleet

_SNAPSHOTS = 20


@command_app("history")
def app(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="An address, TARGET:FILE, TARGET or a plan's id. Without it: the latest snapshots.",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=0, help="At most N entries; 0: all.", show_default=False)
    ] = 0,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Verify the ledger: its chain, its signatures, what journals say."),
    ] = False,
    formats: option.PlainFormats = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Tells who changed something and when, from the snapshots of the store.

    auditor history 'web1/httpd:httpd.server["main"].timeout'

    With --verify: exit 1: something was altered; 3: something could not be verified here.
    """

    def job() -> int:
        from auditor.cli.forms import history as forms
        from auditor.services.emergencies import unreviewed
        from auditor.services.history import history
        from auditor.services.plan_history import plan_history

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_of(fleet_folder)
        if verify:
            return _verified(what, fleet, wanted, style)
        notes = unreviewed(fleet, os.environ)
        if what and (found := plan_history(fleet, what)) is not None:
            of_plan = {"table": forms.show_plan_history, "json": forms.plan_history_json}
            reporting.emit(wanted, lambda name, styled: of_plan[name](found, styled, notes), style)
            return 0
        if what:
            entries = history(fleet, what, limit=limit)
            shown = {"table": forms.show_history, "json": forms.history_json}
            reporting.emit(wanted, lambda name, styled: shown[name](what, entries, styled, notes), style)
            return 0
        from auditor.store import Store

        with Store.open(fleet.store_path) as store:
            snapshots = tuple(islice(store.log(), limit or _SNAPSHOTS))
        listed = {"table": forms.show_snapshots, "json": forms.snapshots_json}
        reporting.emit(wanted, lambda name, styled: listed[name](snapshots, styled, notes), style)
        return 0

    return job


def _verified(what: str, fleet: Fleet, wanted: Sequence[Output], style: Style) -> int:
    from auditor.cli.forms.ledger import show_verdict, verdict_json
    from auditor.services.changes import open_desk
    from auditor.services.ledger_check import verify_ledger

    if what:
        raise InputError(f"--verify looks at the whole ledger: {what!r} is one too many")
    verdict = verify_ledger(open_desk(fleet, os.environ))
    forms = {"table": show_verdict, "json": verdict_json}
    reporting.emit(wanted, lambda name, styled: forms[name](verdict, styled), style)
    return most_serious(
        (EXIT_FINDINGS if verdict.altered else EXIT_OK, EXIT_INCOMPLETE if verdict.unverified else EXIT_OK)
    )
