"""``auditor alerts test``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import COMMANDS, PlainCommand, new_app
from auditor.cli.asking import agrees, can_ask
from auditor.cli.exit_codes import most_serious
from auditor.cli.run import Job
from auditor.errors import EXIT_FINDINGS, EXIT_INCOMPLETE, EXIT_OK, AuditorError, InputError, RefusedError
from auditor.model.alert import CHANNELS, Channel

if TYPE_CHECKING:
    from auditor.model.alert import ProofReport
    from auditor.model.secret import Sealer
    from auditor.model.target import Target
    from auditor.services.alert_settings import AlertSettings
    from auditor.services.fleet import Fleet

app = new_app(COMMANDS["alerts"])

_MAY_CALL = "A test alert can open a real service call at the vendor, as any alert can."


@app.callback()
def alerts() -> None:
    """Prove that alerts arrive."""


@app.command("test", cls=PlainCommand)
def send_tests(
    targets: option.IloTargets,
    channels: Annotated[
        list[str] | None,
        typer.Option(
            "--channel",
            metavar="CHANNEL",
            help=f"{', '.join(CHANNELS)}; may be repeated. Without it: those that each iLO is set up for.",
            show_default=False,
        ),
    ] = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS", help="Where the sinks listen.", show_default=False)
    ] = "",
    ports: Annotated[
        list[str] | None,
        typer.Option(
            "--port",
            metavar="CHANNEL=PORT",
            help="A sink's port: snmp 10162, mail 10025, syslog 10514, event 10443 unless given; 0: any free one.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        int, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait.", show_default=False)
    ] = 0,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="The sinks' certificate and key.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without asking.")] = False,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Has iLOs send their own test alerts, once each, and proves which of them arrive here.

    Exit 1: the iLO said that it sent one, and it did not arrive; 3: one could not be tested.
    """

    def job() -> int:
        from auditor.cli.forms.alerts import proofs_json, show_proofs

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_or_none(fleet_folder)
        asked = tuple(one for one in work.targets_of(targets, fleet, cafile) if one.surface == "ilo")
        if not asked:
            raise InputError("none of these targets is an iLO", untouched="Nothing was sent.")
        settings = _settings(fleet, listen, ports, wait, certificate)
        tested = tuple(_channel(one) for one in channels or ())
        if not yes:
            _agree(asked)
        report, failure = _prove(fleet, asked, settings, tested, quiet)
        forms = {"table": show_proofs, "json": proofs_json}
        reporting.emit(wanted, lambda name, styled: forms[name](report, styled), style)
        if failure is not None:
            raise failure
        return most_serious(
            (
                EXIT_OK if report.complete else EXIT_INCOMPLETE,
                EXIT_FINDINGS if report.lost else EXIT_OK,
            )
        )

    return job


def _channel(word: str) -> Channel:
    for one in CHANNELS:
        if one == word:
            return one
    raise InputError(f"{word!r} is no channel", next_step=f"One of: {', '.join(CHANNELS)}")


def _settings(
    fleet: Fleet | None, listen: str, ports: list[str] | None, wait: int, certificate: Path | None
) -> AlertSettings:
    """What the fleet says, and the options over it."""
    from auditor.services.alert_settings import LONGEST_WAIT_S, AlertSettings, is_address

    settings = fleet.alerts if fleet is not None else AlertSettings()
    if listen and not is_address(listen):
        raise InputError(f"--listen {listen!r} is no address", next_step="Write an address of this machine: 10.9.0.4")
    if wait > LONGEST_WAIT_S:
        raise InputError(f"--wait {wait}: at most {LONGEST_WAIT_S} seconds")
    given: dict[Channel, int] = {}
    for name, text in option.pairs(ports, "--port", value_needed=True):
        if not text.isascii() or not text.isdigit() or not 0 <= int(text[:6]) <= 65535:
            raise InputError(f"--port {name}={text}: a number from 0 to 65535 is expected")
        given[_channel(name)] = int(text)
    return msgspec.structs.replace(
        settings,
        listen=listen or settings.listen,
        ports={**settings.ports, **given},
        wait_s=wait or settings.wait_s,
        certificate=str(certificate.expanduser()) if certificate else settings.certificate,
    )


def _agree(asked: tuple[Target, ...]) -> None:
    """Asks the person at the terminal.

    Errors:
        RefusedError: there is no terminal, or the answer is not yes.
    """
    names = ", ".join(one.name for one in asked[:5]) + (f" and {len(asked) - 5} more" if len(asked) > 5 else "")
    if not can_ask():
        raise RefusedError(
            f"test alerts of {names} were not asked for. {_MAY_CALL}",
            untouched="Nothing was sent.",
            next_step="There is no terminal to ask at: give --yes where that is agreed.",
        )
    if not agrees(f"{_MAY_CALL}\nSend test alerts of {names}? [y/N] "):
        raise RefusedError("the answer was not yes.", untouched="Nothing was sent.")


def _prove(
    fleet: Fleet | None, asked: tuple[Target, ...], settings: AlertSettings, channels: tuple[Channel, ...], quiet: bool
) -> tuple[ProofReport, AuditorError | None]:
    """The report, and the error that kept it from the ledger; what was sent has to be told in any case."""
    from auditor.services.alert_proof import ProofOptions, prove
    from auditor.services.alert_record import announce, record
    from auditor.transport.account import login_of

    actor, sealer = login_of(os.environ), _sealer(fleet)
    with streams.Progress(quiet=quiet) as progress:
        options = ProofOptions(settings, channels, dict(os.environ), progress, now=work.now)
        if fleet is not None:

            def announced(_: Mapping[Channel, int]) -> None:
                announce(fleet, asked, work.now(), actor, sealer)

            options = ProofOptions(settings, channels, dict(os.environ), progress, announced, now=work.now)
        report = asyncio.run(prove(asked, options))
    if fleet is None:
        return report, None
    try:
        return record(fleet, report, work.now(), actor, sealer), None
    except AuditorError as error:
        return report, error


def _sealer(fleet: Fleet | None) -> Sealer | None:
    """The fleet's key, where it is at hand: testing alerts needs none."""
    from auditor.services.keys import sealer_for

    try:
        return sealer_for(fleet, os.environ) if fleet else None
    except AuditorError:
        return None
