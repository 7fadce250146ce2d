"""What apply and rollback have in common: run a plan one way, show every target's outcome, then the error if any."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli import options as option
from auditor.cli import reporting, streams, work

if TYPE_CHECKING:
    from auditor.model.plan import ApplyReport
    from auditor.services.changes.desk import Desk


def carry_out(
    run: Callable[..., Awaitable[ApplyReport]],
    plan: str,
    formats: list[str] | None,
    cafile: Path | None,
    fleet_folder: Path | None,
    lang: str,
    quiet: bool,
    interrupt: str = "",
) -> int:
    """Runs a plan and shows what became of each target; ``run`` is called with a desk, the plan and a halt.

    Errors:
        AuditorError: what a target's outcome amounts to (refused, taken back, a person is needed).
    """
    from auditor.cli.forms.changes import outcomes_json, show_outcomes
    from auditor.cli.interrupting import choosing, on_interrupt
    from auditor.plan.halt import Halt
    from auditor.plan.outcome import failure_of
    from auditor.report.messages import Words
    from auditor.services.changes import open_desk

    style = option.style_of(lang)
    wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
    fleet = work.fleet_of(fleet_folder)
    work.warn_of_unverified(fleet.targets)
    way = on_interrupt(interrupt)

    async def carried_out(desk: Desk) -> ApplyReport:
        halt = Halt()
        with choosing(halt, way, Words(style.lang), progress):
            return await run(desk, plan, halt=halt)

    with streams.Progress(quiet=quiet) as progress:
        desk = open_desk(fleet, os.environ, cafile=work.cafile_text(cafile), observe=progress, tell=progress.tell)
        try:
            report = asyncio.run(carried_out(desk))
        except asyncio.CancelledError:  # before anything was begun
            raise KeyboardInterrupt from None
    forms = {"table": show_outcomes, "json": outcomes_json}
    reporting.emit(wanted, lambda name, styled: forms[name](report, styled), style)
    failure = failure_of(report)
    if failure is not None:
        raise failure
    return 0
