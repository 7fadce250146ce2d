"""``auditor history``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, work
from auditor.cli.app import command_app
from auditor.cli.run import Job

_SNAPSHOTS = 20


@command_app("history")
def app(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="An address, TARGET:FILE or TARGET. Without it: the latest snapshots.",
            show_default=False,
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=0, help="At most N entries; 0: all.", show_default=False)
    ] = 0,
    formats: option.PlainFormats = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Tells who changed something and when, from the snapshots of the store.

    auditor history 'web1/httpd:httpd.server["main"].timeout'
    """

    def job() -> int:
        from auditor.cli.forms import history as forms
        from auditor.services.history import history

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_of(fleet_folder)
        if what:
            entries = history(fleet, what, limit=limit)
            shown = {"table": forms.show_history, "json": forms.history_json}
            reporting.emit(wanted, lambda name, styled: shown[name](what, entries, styled), style)
            return 0
        from auditor.store import Store

        with Store.open(fleet.store_path) as store:
            snapshots = tuple(islice(store.log(), limit or _SNAPSHOTS))
        listed = {"table": forms.show_snapshots, "json": forms.snapshots_json}
        reporting.emit(wanted, lambda name, styled: listed[name](snapshots, styled), style)
        return 0

    return job
