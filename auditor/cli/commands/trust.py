"""``auditor trust``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import command_app
from auditor.cli.asking import agrees, can_ask
from auditor.cli.exit_codes import most_serious
from auditor.cli.run import Job
from auditor.errors import EXIT_INCOMPLETE, EXIT_OK, EXIT_REFUSED, InputError
from auditor.report.interface import Style

if TYPE_CHECKING:
    from auditor.model.target import Target
    from auditor.services.fleet import Fleet
    from auditor.services.trust import Candidate, TrustReport

_EXITS: Mapping[str, int] = {
    "other fingerprint": EXIT_REFUSED,
    "not agreed": EXIT_REFUSED,
    "not reached": EXIT_INCOMPLETE,
}


@command_app("trust")
def app(
    targets: option.MaybeIloTargets = None,
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", metavar="SHA256:…", help="The certificate must have it; for one iLO.")
    ] = "",
    fingerprints: Annotated[
        Path | None,
        typer.Option(
            "--fingerprints",
            metavar="FILE",
            help="A list of lines HOST FINGERPRINT, - for standard input. Without a TARGET: every iLO in it.",
            show_default=False,
        ),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Show what is pinned.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Trust these no longer.")] = False,
    formats: option.PlainFormats = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Shows the certificates of iLOs and pins those that a person vouches for.

    Most iLOs come with a certificate that no authority signed. Once it is pinned, that iLO is believed with exactly
    this certificate and no other. Nothing is sent to an iLO; no password is needed.
    """

    def job() -> int:
        style = option.style_of(lang)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        if sum((bool(fingerprint), fingerprints is not None, list_all, remove)) > 1:
            raise InputError("of --fingerprint, --fingerprints, --list and --remove only one can be meant")
        fleet = work.fleet_or_none(fleet_folder)
        folder = _folder(fleet)
        if list_all:
            return _list(folder, wanted, style)
        asked, vouched = _asked(targets, fingerprint, fingerprints, fleet, folder)
        if remove:
            return _remove(asked, folder, wanted, style)
        with streams.Progress(quiet=quiet):
            report = _trust(asked, vouched, fleet, folder, _asker(fingerprint, fingerprints, style))
        from auditor.cli.forms.trust import show_trust, trust_json

        forms = {"table": show_trust, "json": trust_json}
        reporting.emit(wanted, lambda name, styled: forms[name](report, styled), style)
        return most_serious(_EXITS.get(one.verdict, EXIT_OK) for one in report.judged)

    return job


def _folder(fleet: Fleet | None) -> Path:
    from auditor.services.pins import fleet_pins, user_pins

    folder = fleet_pins(fleet.root) if fleet is not None else user_pins(os.environ)
    if folder is None:
        raise InputError(
            "it is not known where pins are kept: neither HOME nor XDG_CONFIG_HOME is set",
            next_step="Go to a fleet repository, or name it with --fleet.",
        )
    return folder


def _asked(
    words: Sequence[str] | None, fingerprint: str, file: Path | None, fleet: Fleet | None, folder: Path
) -> tuple[tuple[Target, ...], Mapping[str, str]]:
    """The iLOs that are meant, and the fingerprints that somebody vouched for, by the target's name."""
    from auditor.services.trust import ilos_of, read_fingerprint, read_list, targets_listed, wanted_of

    if not words and file is None:
        raise InputError("no iLO is named", next_step="Name it:  auditor trust ilo://HOST   or a host, a group, or all")
    listed = read_list(str(file), work.read_list(file, "--fingerprints", 1 << 20)) if file is not None else ()
    found = ilos_of(work.targets_of(words, fleet, None) if words else targets_listed(listed, fleet, folder))
    if not fingerprint:
        return found, wanted_of(found, listed)
    if len(found) != 1:
        raise InputError(
            f"--fingerprint is for one iLO, and {len(found)} are meant",
            next_step="Give a list of lines HOST FINGERPRINT:  --fingerprints FILE",
        )
    return found, {found[0].name: read_fingerprint(fingerprint)}


def _asker(fingerprint: str, file: Path | None, style: Style) -> Callable[[Candidate], bool] | None:
    """How a person is asked; None where nobody is there, or a list says all that is to be trusted."""
    if fingerprint or file is not None or not can_ask():
        return None
    from auditor.cli.forms.trust import question

    return lambda candidate: agrees(question(candidate, style))


def _trust(
    asked: Sequence[Target],
    vouched: Mapping[str, str],
    fleet: Fleet | None,
    folder: Path,
    ask: Callable[[Candidate], bool] | None,
) -> TrustReport:
    from auditor.services.trust import TrustReport, judge, look, write_pin
    from auditor.transport.account import login_of

    who = login_of(os.environ)
    judged = []
    for candidate in asyncio.run(look(asked, folder)):
        one = judge(candidate, vouched.get(candidate.target.name, ""), ask)
        write_pin(one, work.now(), who, fleet)
        judged.append(one)
    return TrustReport(tuple(judged), folder, shared=fleet is not None)


def _list(folder: Path, wanted: Sequence[reporting.Output], style: Style) -> int:
    from auditor.cli.forms.trust import kept_json, show_kept
    from auditor.services.trust import kept_in

    kept, today = kept_in(folder), work.now().date().isoformat()
    forms: Mapping[str, Callable[[Style], str]] = {
        "table": lambda styled: show_kept(kept, folder, today, styled),
        "json": lambda styled: kept_json(kept, folder, styled),
    }
    reporting.emit(wanted, lambda name, styled: forms[name](styled), style)
    return EXIT_OK if all(one.pin is not None for one in kept) else EXIT_INCOMPLETE


def _remove(asked: Sequence[Target], folder: Path, wanted: Sequence[reporting.Output], style: Style) -> int:
    from auditor.cli.forms.trust import removed_json, show_removed
    from auditor.services import trust

    paths = trust.remove(asked, folder)
    forms: Mapping[str, Callable[[Style], str]] = {
        "table": lambda styled: show_removed(paths, styled),
        "json": lambda styled: removed_json(paths, folder, styled),
    }
    reporting.emit(wanted, lambda name, styled: forms[name](styled), style)
    return EXIT_OK
