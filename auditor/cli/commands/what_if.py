"""``auditor what-if``."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import command_app
from auditor.cli.exit_codes import exit_code_of_what_if
from auditor.cli.run import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from auditor.model.target import Target
    from auditor.services.fleet import Fleet
    from auditor.services.what_if import Wanted, WhatIf
    from auditor.surfaces.interface import CollectOptions, InterpretOptions


@command_app("what-if")
def app(
    target: Annotated[str, typer.Argument(metavar="TARGET", help=option.TARGET_HELP, show_default=False)],
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="ADDRESS=VALUE",
            help="As for plan --set, the target left out or not. NAME=VALUE: a BIOS attribute of an iLO.",
            show_default=False,
        ),
    ],
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    httpd_version: option.HttpdVersion = "",
    defines: option.Defines = None,
    environment: option.EnvironmentOf = None,
    modules: option.Modules = None,
    no_other_modules: option.NoOtherModules = False,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Tells what else changes if a setting becomes another; no plan is written.

    And what becomes locked or bounded, what it disturbs, what is refused and why.
    auditor what-if web1/ilo WorkloadProfile=LowLatency
    """

    def job() -> int:
        from auditor.cli.forms.what_if import show_what_if, what_if_json
        from auditor.services.keys import sealer_for
        from auditor.services.what_if import wishes_for

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        interpret = work.interpreting(httpd_version, defines, environment, modules, no_other_modules=no_other_modules)
        fleet = work.fleet_or_none(fleet_folder)
        targets = work.targets_of([target], fleet, cafile)
        wishes = wishes_for(targets, target, settings)
        with streams.Progress(quiet=quiet) as progress:
            collect = work.collecting(sealer_for(fleet, os.environ), progress)
            answers = asyncio.run(_answers(targets, wishes, collect, interpret, fleet))
        forms = {"table": show_what_if, "json": what_if_json}
        reporting.emit(wanted, lambda name, styled: forms[name](answers, styled), style)
        return exit_code_of_what_if(answers)

    return job


async def _answers(
    targets: Sequence[Target],
    wishes: Mapping[str, tuple[Wanted, ...]],
    collect: CollectOptions,
    interpret: InterpretOptions,
    fleet: Fleet | None,
) -> tuple[WhatIf, ...]:
    """The answers in the order of the targets."""
    from auditor.services.what_if import run_what_if

    found = {one.target: one async for one in run_what_if(targets, wishes, collect, interpret, fleet)}
    return tuple(found[one.name] for one in targets if one.name in found)
