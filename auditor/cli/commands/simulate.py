"""``auditor simulate``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from auditor.cli import options as option
from auditor.cli import streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.surfaces.ilo.body import Body
    from auditor.surfaces.ilo.simulator.certificate import CertificateKind

_PERSONALITIES = ("ilo5", "ilo6", "ilo7")


@command_app("simulate")
def app(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="ilo5, ilo6 or ilo7; a folder of Redfish bodies; or snapshot:REV:HOST/ilo.",
        ),
    ] = "ilo5",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="The port on 127.0.0.1; 0: any free one.")
    ] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="KIND[:PATH[:TIMES[:SECONDS]]]",
            help="What goes wrong with requests whose path contains PATH; may be given again. See docs/simulator.md.",
        ),
    ] = None,
    certificate: Annotated[
        str, typer.Option("--certificate", metavar="KIND", help="good, self-signed, expired or wrong-name.")
    ] = "good",
    no_expand: Annotated[bool, typer.Option("--no-expand", help="Offer no $expand.")] = False,
    no_etag: Annotated[bool, typer.Option("--no-etag", help="Give no ETags.")] = False,
    no_if_match: Annotated[bool, typer.Option("--no-if-match", help="Pay no heed to If-Match.")] = False,
    slash_redirects: Annotated[
        bool, typer.Option("--slash-redirects", help="Answer 308 to paths without a trailing slash.")
    ] = False,
    session_limit: Annotated[
        int, typer.Option("--session-limit", metavar="N", min=1, max=1000, help="Sessions at once.")
    ] = 10,
    post_seconds: Annotated[
        float, typer.Option("--post-seconds", metavar="S", min=0, max=3600, help="How long POST takes.")
    ] = 0.3,
    fleet_folder: option.FleetFolder = None,
) -> Job:
    """Serves a virtual iLO over TLS on 127.0.0.1 until it is stopped.

    Once ready it prints one line of JSON: url, cafile, username, password. To audit it, set AUDITOR_ILO_USERNAME and
    AUDITOR_ILO_PASSWORD to these, then: auditor check ilo://127.0.0.1:PORT --cafile FILE
    """

    def job() -> int:
        from auditor.surfaces.ilo.simulator.faults import parse_fault
        from auditor.surfaces.ilo.simulator.server import VirtualIlo, serve

        def ready(url: str, cafile: str, username: str, password: str) -> None:
            told = {"url": url, "cafile": cafile, "username": username, "password": password}
            streams.write_out(json.dumps(told) + "\n")

        faults = [parse_fault(one) for one in fault or ()]
        ilo = VirtualIlo(
            _source(source, fleet_folder),
            port=port,
            post_s=post_seconds,
            session_limit=session_limit,
            honour_if_match=not no_if_match,
            expand=not no_expand,
            slash_redirects=slash_redirects,
            etags=not no_etag,
            certificate=_certificate(certificate),
        )
        for one in faults:
            ilo.faults.add(one.kind, one.path, times=one.times, seconds=one.seconds)
        serve(ilo, ready)
        return 0

    return job


def _certificate(word: str) -> CertificateKind:
    from auditor.surfaces.ilo.simulator.certificate import KINDS

    if word not in KINDS:
        raise InputError(f"--certificate {word!r} is none of {', '.join(KINDS)}", next_step="Choose one of them.")
    return cast("CertificateKind", word)


def _source(word: str, fleet_folder: Path | None) -> str | Path | Mapping[str, Body]:
    if word in _PERSONALITIES:
        return word
    if word.startswith("snapshot:"):
        return _bodies(word, fleet_folder)
    path = Path(word).expanduser()
    if not path.is_dir():
        raise InputError(
            f"{word!r} is neither {', '.join(_PERSONALITIES)}, nor a folder, nor a snapshot",
            next_step="Try:  auditor simulate ilo5",
        )
    return path


def _bodies(word: str, fleet_folder: Path | None) -> Mapping[str, Body]:
    """The bodies that a snapshot of one iLO holds."""
    from auditor.model.target import StoredSnapshot
    from auditor.store import Store
    from auditor.surfaces.ilo.simulator.sources import documents

    fleet = work.fleet_of(fleet_folder)
    targets = [one for one in work.targets_of([word], fleet, None) if one.surface == "ilo"]
    if len(targets) != 1 or not isinstance(targets[0].location, StoredSnapshot):
        raise InputError(f"{word} is not the snapshot of one iLO", next_step="Name it:  snapshot:latest:HOST/ilo")
    location = targets[0].location
    with Store.open(fleet.store_path) as store:
        collected = store.read(location.revision, location.target)
    return documents({one.name: one.content for one in collected.documents})
