"""``auditor explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import EXIT_INCOMPLETE, EXIT_OK, InputError

if TYPE_CHECKING:
    from auditor.model.target import Target
    from auditor.services.fleet import Fleet


@command_app("explain")
def app(
    target: Annotated[str, typer.Argument(metavar="TARGET", help=option.TARGET_HELP, show_default=False)],
    urls: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="URL", help="As a client asks for it: https://shop.example/api/orders", show_default=False
        ),
    ] = None,
    urls_from: Annotated[
        Path | None,
        typer.Option(
            "--urls-from",
            metavar="FILE",
            help="A list of URLs, one a line; - is standard input. Each is answered as soon as it can be.",
            show_default=False,
        ),
    ] = None,
    formats: option.PlainFormats = None,
    httpd_version: option.HttpdVersion = "",
    defines: option.Defines = None,
    environment: option.EnvironmentOf = None,
    modules: option.Modules = None,
    no_other_modules: option.NoOtherModules = False,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    quiet: option.Quiet = False,
) -> Job:
    """Tells which virtual host, route, worker and setting govern a URL.

    And how that came about, and what a time-out will look like in status and log.
    Needs no repository and no configuration: auditor explain /etc/httpd URL
    """

    def job() -> int:
        from auditor.cli.forms import explain as forms
        from auditor.services.explain import begin_explain, run_explain
        from auditor.services.keys import sealer_for
        from auditor.transport.threads import run_to_end

        style = option.style_of(lang)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        interpret = work.interpreting(httpd_version, defines, environment, modules, no_other_modules=no_other_modules)
        fleet = work.fleet_or_none(fleet_folder)
        asked = _one_httpd(target, fleet)
        words = _urls(urls, urls_from)
        with streams.Progress(quiet=quiet) as progress:
            collect = work.collecting(sealer_for(None, {}), progress)
            if urls_from is not None:
                asking = run_to_end(lambda: begin_explain(asked, words, collect, interpret, fleet))
            else:
                found = run_to_end(lambda: run_explain(asked, words, collect, interpret, fleet))
        if urls_from is not None:
            pieces = {"table": forms.show_explain_pieces, "json": forms.explain_json_pieces}
            reporting.emit_pieces(wanted, lambda name, styled: pieces[name](asking, words, styled), style)
            return EXIT_OK if asking.complete else EXIT_INCOMPLETE
        whole = {"table": forms.show_explain, "json": forms.explain_json}
        reporting.emit(wanted, lambda name, styled: whole[name](found, styled), style)
        return EXIT_OK if found.complete else EXIT_INCOMPLETE

    return job


def _urls(urls: list[str] | None, urls_from: Path | None) -> tuple[str, ...]:
    """The URLs on the command line, then those of the list.

    Errors:
        InputError: there is none, or the list cannot be read.
    """
    from auditor.services.explain import urls_of

    named = tuple(urls or ())
    if urls_from is not None:
        return named + urls_of(work.read_list(urls_from, "--urls-from"))
    if not named:
        raise InputError("no URL is named", next_step="Name one, or give a list of them:  --urls-from FILE")
    return named


def _one_httpd(word: str, fleet: Fleet | None) -> Target:
    found = work.targets_of([word], fleet, None)
    httpds = [one for one in found if one.surface == "httpd"]
    if len(httpds) == 1:
        return httpds[0]
    names = ", ".join(one.name for one in httpds or found)
    what = f"{word} means several httpd: {names}" if httpds else f"{word} is no httpd: {names}"
    raise InputError(what, next_step="Name one of them." if httpds else "Name a host's httpd:  web1/httpd")
