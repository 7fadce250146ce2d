"""``auditor check``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli import options as option
from auditor.cli import reporting, rules, streams, work
from auditor.cli.app import command_app
from auditor.cli.exit_codes import exit_code_of
from auditor.cli.run import Job
from auditor.report.interface import renderer
from auditor.surfaces.interface import InterpretOptions

if TYPE_CHECKING:
    from auditor.model.finding import CheckReport


@command_app("check")
def app(
    targets: option.MaybeTargets = None,
    formats: option.Formats = None,
    fail_on: option.FailOn = "low",
    policies: option.Policies = None,
    waivers: option.WaiversFile = None,
    known: option.KnownFile = None,
    record_known: option.RecordKnown = None,
    httpd_version: option.HttpdVersion = "",
    defines: option.Defines = None,
    environment: option.EnvironmentOf = None,
    modules: option.Modules = None,
    no_other_modules: option.NoOtherModules = False,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Puts the rules to targets: findings, and what could not be examined.

    Needs no repository and no configuration: auditor check /etc/httpd
    """

    def job() -> int:
        fail = option.threshold(fail_on)
        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet)
        interpret = work.interpreting(httpd_version, defines, environment, modules, no_other_modules=no_other_modules)
        if record_known is not None:
            reporting.check_writable(record_known)
        report = _check(targets, policies, waivers, known, interpret, cafile, fleet_folder, quiet)
        reporting.emit(wanted, lambda name, styled: renderer(name).render_check(report, styled), style)
        if record_known is not None:
            from auditor.policy.known import record_known as recorded

            streams.write_file(record_known, recorded(report).decode("utf-8"))
        return exit_code_of(report, fail)

    return job


def _check(
    words: list[str] | None,
    policies: list[Path] | None,
    waivers: Path | None,
    known: Path | None,
    interpret: InterpretOptions,
    cafile: Path | None,
    fleet_folder: Path | None,
    quiet: bool,
) -> CheckReport:
    from auditor.services.alert_record import with_proofs
    from auditor.services.catalogue import fleet_catalogue
    from auditor.services.check import run_check
    from auditor.services.emergencies import unreviewed
    from auditor.services.expected_gaps import Expectations
    from auditor.services.keys import sealer_for
    from auditor.services.observe import observe

    fleet = work.fleet_or_none(fleet_folder)
    targets = work.targets_of(words, fleet, cafile)
    policy = rules.policy_for(policies, fleet, sorted({target.surface for target in targets}))
    waived = rules.waivers_for(waivers, fleet)
    recorded = rules.known_from(known)
    catalogue = fleet_catalogue(fleet) if any(one.surface == "ilo" for one in targets) else None
    moment = work.now()
    with streams.Progress(quiet=quiet) as progress:
        # A check compares no secret with another, so a key of the moment serves and the fleet's need not be here.
        collect = work.collecting(sealer_for(None, {}), progress)
        observed = with_proofs(observe(targets, fleet, collect, interpret), fleet, moment)
        told = run_check(
            observed,
            policy,
            waived,
            moment.date(),
            recorded,
            taken_at=work.stamp(moment),
            catalogue=catalogue,
            expected=Expectations(fleet.expected_gaps if fleet else (), moment.date()),
            notes=unreviewed(fleet, os.environ),
        )
        return asyncio.run(told)
