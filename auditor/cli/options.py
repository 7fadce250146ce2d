"""The options that several commands share, once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from auditor.cli.exit_codes import Threshold
from auditor.errors import InputError
from auditor.model.policy import SEVERITIES
from auditor.report.interface import FORMATS, LANGUAGES, Language, Style

TARGET_HELP: Final = (
    "A path (/etc/httpd), an archive or sosreport, ssh://HOST[/PATH], ilo://HOST[:PORT], snapshot:REV:NAME, "
    "or a name, host or group of the inventory."
)

ILO_HELP: Final = "ilo://HOST[:PORT], or a name, host or group of the inventory; all: every iLO of it."

IloTargets = Annotated[list[str], typer.Argument(metavar="TARGET", help=ILO_HELP, show_default=False)]
MaybeIloTargets = Annotated[list[str] | None, typer.Argument(metavar="TARGET", help=ILO_HELP, show_default=False)]
MaybeTargets = Annotated[
    list[str] | None,
    typer.Argument(metavar="TARGET", help=f"{TARGET_HELP} Without any: the whole inventory.", show_default=False),
]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT[:PATH]",
        envvar="AUDITOR_FORMAT",
        help=f"One of {', '.join(FORMATS)}; may be repeated, each with a PATH of its own. The table goes to the "
        "terminal unless another format does.",
        show_default=False,
    ),
]
PlainFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT[:PATH]",
        help="table or json; may be repeated, each with a PATH of its own.",
        show_default=False,
    ),
]
FailOn = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        envvar="AUDITOR_FAIL_ON",
        help=f"Exit 1 from this severity on: {', '.join(SEVERITIES)}, or never.",
    ),
]
FailOnChange = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        envvar="AUDITOR_FAIL_ON",
        help="A change has no severity and counts at each; never: changes do not make the exit code 1.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="List what is grouped otherwise.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", envvar="AUDITOR_QUIET", help="No progress, and no table beside other formats.")
]
Lang = Annotated[
    str,
    typer.Option(
        "--lang", metavar="LANGUAGE", envvar="AUDITOR_LANG", help=f"Language of table and html: {', '.join(LANGUAGES)}."
    ),
]
FleetFolder = Annotated[
    Path | None,
    typer.Option(
        "--fleet",
        metavar="DIR",
        envvar="AUDITOR_FLEET",
        help="The fleet repository; without it, the one around the present folder, where there is one.",
        show_default=False,
    ),
]
Full = Annotated[
    bool,
    typer.Option(
        "--full",
        help="Read every resource of an iLO anew, not only those that it lists as changed since the last run.",
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--cafile",
        metavar="FILE",
        envvar="AUDITOR_CAFILE",
        help="Certificates (PEM) that iLOs are verified with.",
        show_default=False,
    ),
]
PlanId = Annotated[
    str, typer.Argument(metavar="PLAN", help="The plan's id, or its first digits (six or more).", show_default=False)
]
Author = Annotated[
    str,
    typer.Option(
        "--author",
        metavar="NAME",
        envvar="AUDITOR_AUTHOR",
        help="Whom the author's key belongs to; without it, the login name.",
        show_default=False,
    ),
]
OnInterrupt = Annotated[
    str,
    typer.Option(
        "--on-interrupt",
        metavar="HOW",
        help="What Ctrl-C does: ask (usual at a terminal), take-back (usual elsewhere), complete what is under way.",
        show_default=False,
    ),
]
SigningKey = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        envvar="AUDITOR_SIGNING_KEY",
        help="The SSH key to sign with: a private key, or the .pub of one that ssh-agent holds.",
        show_default=False,
    ),
]
HttpdVersion = Annotated[
    str,
    typer.Option(
        "--httpd-version",
        metavar="VERSION",
        envvar="AUDITOR_HTTPD_VERSION",
        help="The version of httpd, where the tree does not say: 2.4.6, or 2.4.6-99.el7 of a package",
        show_default=False,
    ),
]
Defines = Annotated[
    list[str] | None,
    typer.Option("--define", metavar="NAME[=VALUE]", help="As httpd -D would; may be repeated.", show_default=False),
]
EnvironmentOf = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="NAME=VALUE",
        help="A variable httpd is started with; may be repeated.",
        show_default=False,
    ),
]
Modules = Annotated[
    list[str] | None,
    typer.Option("--module", metavar="NAME", help="A module that is compiled in; may be repeated.", show_default=False),
]
NoOtherModules = Annotated[
    bool,
    typer.Option(
        "--no-other-modules",
        help="No module is compiled in beside the core and those of --module.",
    ),
]
Policies = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        envvar="AUDITOR_POLICY",
        help="Rules to apply instead of the fleet's or the shipped ones; may be repeated.",
        show_default=False,
    ),
]
WaiversFile = Annotated[
    Path | None,
    typer.Option(
        "--waivers",
        metavar="FILE",
        envvar="AUDITOR_WAIVERS",
        help="Waivers to apply instead of the fleet's.",
        show_default=False,
    ),
]
KnownFile = Annotated[
    Path | None,
    typer.Option(
        "--known",
        metavar="FILE",
        envvar="AUDITOR_KNOWN",
        help="Findings recorded before: they are shown, but only new ones fail.",
        show_default=False,
    ),
]
RecordKnown = Annotated[
    Path | None,
    typer.Option(
        "--record-known", metavar="FILE", help="Record this check's findings for --known.", show_default=False
    ),
]
Baselines = Annotated[
    list[Path] | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        envvar="AUDITOR_BASELINE",
        help="Baselines to compare with instead of the fleet's: a file, or a shipped one's name; may be repeated.",
        show_default=False,
    ),
]


def language(text: str) -> Language:
    """The report's language.

    Errors:
        InputError: it is none of ours.
    """
    for one in LANGUAGES:
        if one == text:
            return one
    raise InputError(
        f"--lang {text!r}: there are no texts in that language", next_step=f"One of: {', '.join(LANGUAGES)}"
    )


def threshold(text: str) -> Threshold:
    """From which severity on a finding makes the exit code 1.

    Errors:
        InputError: it is no severity.
    """
    for one in (*SEVERITIES, "never"):
        if one == text:
            return one  # type: ignore[return-value]  # one of the two literals
    raise InputError(f"--fail-on {text!r} is no severity", next_step=f"One of: {', '.join(SEVERITIES)}, never")


def style_of(lang: str, *, verbose: bool = False) -> Style:
    """How reports are written, in a language that exists."""
    from auditor import __version__

    return Style(lang=language(lang), verbose=verbose, version=__version__)


def pairs(words: list[str] | None, option: str, *, value_needed: bool = False) -> tuple[tuple[str, str], ...]:
    """``NAME=VALUE`` words as pairs, in their order; without ``=`` the value is empty where that is allowed.

    Errors:
        InputError: a word has no name, or no value where one is needed.
    """
    found: list[tuple[str, str]] = []
    mistakes: list[InputError] = []
    for word in words or ():
        name, equals, value = word.partition("=")
        if not name or (value_needed and not equals):
            mistakes.append(InputError(f"{option} {word!r} is not NAME=VALUE"))
        found.append((name, value))
    if mistakes:
        raise InputError.gather(mistakes)
    return tuple(found)
