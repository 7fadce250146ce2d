"""``auditor drift``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, rules, streams, work
from auditor.cli.app import command_app
from auditor.cli.exit_codes import exit_code_of_drift
from auditor.cli.run import Job
from auditor.report.interface import renderer
from auditor.surfaces.interface import InterpretOptions

if TYPE_CHECKING:
    from auditor.model.drift import DriftReport

Since = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="REV|DATE",
        help="Compare with this state of the store instead of the agreed one: latest, yesterday, 2026-11-22, an id.",
        show_default=False,
    ),
]
At = Annotated[
    str,
    typer.Option(
        "--at", metavar="REV|DATE", help="Compare this state of the store instead of the present.", show_default=False
    ),
]


@command_app("drift")
def app(
    targets: option.MaybeTargets = None,
    since: Since = "",
    at: At = "",
    baselines: option.Baselines = None,
    formats: option.Formats = None,
    fail_on: option.FailOnChange = "low",
    httpd_version: option.HttpdVersion = "",
    defines: option.Defines = None,
    environment: option.EnvironmentOf = None,
    modules: option.Modules = None,
    no_other_modules: option.NoOtherModules = False,
    full: option.Full = False,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Compares targets with the agreed state: what changed, by whose hand, and what was not seen.

    Baselines are compared too. With --baseline it needs no repository.
    """

    def job() -> int:
        fail = option.threshold(fail_on)
        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet)
        interpret = work.interpreting(httpd_version, defines, environment, modules, no_other_modules=no_other_modules)
        report = _drift(targets, since, at, baselines, interpret, cafile, fleet_folder, quiet, full)
        reporting.emit(wanted, lambda name, styled: renderer(name).render_drift(report, styled), style)
        return exit_code_of_drift(report, fail)

    return job


def _drift(
    words: list[str] | None,
    since: str,
    at: str,
    baselines: list[Path] | None,
    interpret: InterpretOptions,
    cafile: Path | None,
    fleet_folder: Path | None,
    quiet: bool,
    full: bool,
) -> DriftReport:
    from auditor.services.drift import run_drift
    from auditor.services.keys import sealer_for

    fleet = work.fleet_or_none(fleet_folder)
    targets = work.targets_of(words, fleet, cafile)
    agreed = rules.baselines_for(baselines, fleet)
    sealer = sealer_for(fleet, os.environ)
    with streams.Progress(quiet=quiet) as progress:
        collect = work.collecting(sealer, progress, full=full)
        return asyncio.run(
            run_drift(fleet, targets, collect, interpret, since=since, at=at, baselines=agreed, now=work.now())
        )
