"""``auditor apply``."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auditor.cli import options as option
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.services.changes import Judged

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_LEAST_S, _MOST_S = 30, 7 * 24 * 3600


@command_app("apply")
def app(
    plan: option.PlanId,
    confirm_within: Annotated[
        str,
        typer.Option(
            "--confirm-within",
            metavar="TIME",
            help="The change is taken back by itself after this time (30s, 10m, 2h), unless it is confirmed.",
            show_default=False,
        ),
    ] = "",
    interrupt: option.OnInterrupt = "",
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

        judged_by = _judged_by(fleet_folder)
        run = partial(apply_plan, confirm_within_s=seconds_of(confirm_within), judged_by=judged_by)
        return carry_out(run, plan, formats, cafile, fleet_folder, lang, quiet, interrupt)

    return job


def _judged_by(fleet_folder: Path | None) -> Judged:
    """The fleet's own rules."""
    from auditor.cli import rules, work
    from auditor.services.changes import Judged

    fleet = work.fleet_of(fleet_folder)
    return Judged(rules.policy_for(None, fleet, ("httpd", "ilo")), rules.waivers_for(None, fleet))


def seconds_of(text: str) -> int:
    """The seconds that a time means; 0 where none is given.

    Errors:
        InputError: it is no time, or one that nobody could keep.
    """
    if not text:
        return 0
    match = re.fullmatch(r"([0-9]{1,6})([smh])", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if not _LEAST_S <= seconds <= _MOST_S:
        raise InputError(
            f"--confirm-within {text!r} is no time from {_LEAST_S} s to 7 days", next_step="Write  30s, 10m or 2h"
        )
    return seconds
