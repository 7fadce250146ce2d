"""``auditor plan``."""

from __future__ import annotations

import asyncio
import getpass
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import options as option
from auditor.cli import reporting, rules, streams, work
from auditor.cli.app import command_app
from auditor.cli.run import Job
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.plan.waves import Waves
    from auditor.policy.rules import LoadedPolicy
    from auditor.services.changes.ways import BaselineWay, Way
    from auditor.services.fleet import Fleet

_WAYS = (
    "Say what is wanted, in one way:  --set ADDRESS=VALUE   --rule RULE TARGET   --baseline FILE TARGET   "
    "--to REV TARGET   --diff OLD..NEW --path DIR TARGET   --refresh ID"
)


@command_app("plan")
def app(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="For --rule, --baseline, --to and --diff: targets of the inventory; without any, all.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="ADDRESS=VALUE",
            help="A wanted value; may be repeated. null: absent. A directive's present=false: commented out.",
            show_default=False,
        ),
    ] = None,
    secrets_before: Annotated[
        list[str] | None,
        typer.Option(
            "--secret-before",
            metavar="ADDRESS=PLACE",
            help="For --set: where the secret comes from that stands there now, so that it can be taken back.",
            show_default=False,
        ),
    ] = None,
    rule: Annotated[
        str,
        typer.Option("--rule", metavar="RULE", help="Make a rule's findings go, by its remedy.", show_default=False),
    ] = "",
    baselines: Annotated[
        list[Path] | None,
        typer.Option(
            "--baseline",
            metavar="FILE|NAME",
            help="Make it as a baseline agrees; may be repeated. fleet: the fleet's own.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str,
        typer.Option("--to", metavar="REV|DATE|PLAN", help="As it was then, or before that plan.", show_default=False),
    ] = "",
    packages: Annotated[
        bool, typer.Option("--packages", help="With --to: the packages' versions of then, and nothing else.")
    ] = False,
    diff: Annotated[
        str,
        typer.Option(
            "--diff",
            metavar="OLD..NEW",
            help="What differs between two commits; OLD...NEW: since NEW branched off OLD.",
            show_default=False,
        ),
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--path",
            metavar="DIR",
            help="For --diff: the folder of a work tree that holds the tree.",
            show_default=False,
        ),
    ] = None,
    refresh: Annotated[
        str,
        typer.Option("--refresh", metavar="ID", help="Plan the same anew, against what is now.", show_default=False),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why, for those who approve.", show_default=False)
    ] = "",
    author: option.Author = "",
    key: option.SigningKey = None,
    consents: Annotated[
        list[str] | None,
        typer.Option(
            "--consent", metavar="STEP", help="Accept that this step cannot be taken back.", show_default=False
        ),
    ] = None,
    waves: Annotated[
        str,
        typer.Option(
            "--waves",
            metavar="SIZE,SIZE…",
            help="How many targets at a time, by number or share: 1,10%,100%. The last is repeated.",
            show_default=False,
        ),
    ] = "",
    stop_after: Annotated[
        int | None,
        typer.Option(
            "--stop-after",
            metavar="N",
            min=0,
            help="Stop once more than N targets of a wave failed.",
            show_default=False,
        ),
    ] = None,
    pause: Annotated[
        int | None,
        typer.Option("--pause", metavar="SECONDS", min=0, max=86_400, help="Wait between waves.", show_default=False),
    ] = None,
    policies: option.Policies = None,
    waivers: option.WaiversFile = None,
    formats: option.PlainFormats = None,
    cafile: option.CaFile = None,
    fleet_folder: option.FleetFolder = None,
    lang: option.Lang = "en",
    verbose: option.Verbose = False,
    quiet: option.Quiet = False,
) -> Job:
    """Proposes a change plan and writes it below plans/; nothing is changed on any target.

    auditor plan --set 'web1/httpd:httpd.server["main"].timeout=60s' --reason TEXT
    """

    def job() -> int:
        from auditor.cli.forms.changes import proposed_json, show_proposed
        from auditor.services.changes import Judged, RuleWay, open_desk, propose_plan

        style = option.style_of(lang, verbose=verbose)
        wanted = reporting.outputs(formats, quiet=quiet, formats=reporting.PLAIN)
        fleet = work.fleet_of(fleet_folder)
        asked = _Asked(
            tuple(settings or ()),
            rule,
            tuple(baselines or ()),
            to,
            refresh,
            tuple(targets or ()),
            diff,
            folder,
            tuple(secrets_before or ()),
            packages=packages,
        )
        way, why = asked.way(fleet)
        judged_by = Judged(rules.policy_for(policies, fleet, ("httpd", "ilo")), rules.waivers_for(waivers, fleet))
        if isinstance(way, RuleWay) and _by_agreement(way.rule, judged_by.policy):
            way = replace(way, baselines=rules.baselines_for(None, fleet))
        with streams.Progress(quiet=quiet) as progress:
            desk = open_desk(fleet, os.environ, cafile=work.cafile_text(cafile), observe=progress)
            made = asyncio.run(
                propose_plan(
                    desk,
                    way,
                    reason=reason or why,
                    author=author or getpass.getuser(),
                    judged_by=judged_by,
                    key=key.expanduser() if key else None,
                    consents=tuple(consents or ()),
                    waves=_waves(fleet, waves, stop_after, pause),
                )
            )
        forms = {"table": show_proposed, "json": proposed_json}
        reporting.emit(wanted, lambda name, styled: forms[name](made, styled), style)
        return 0

    return job


def _by_agreement(rule: str, policy: LoadedPolicy) -> bool:
    """Whether a rule's remedy is what the fleet's baselines agree on."""
    return any(one.id.casefold() == rule.casefold() and one.remedy_agreed for one in policy.rules)


def _waves(fleet: Fleet, sizes: str, stop_after: int | None, pause_s: int | None) -> Waves:
    """The fleet's waves, but for what the arguments say."""
    from auditor.plan.waves import Waves

    usual = fleet.apply
    return Waves(
        tuple(one.strip() for one in sizes.split(",")) if sizes else usual.waves,
        usual.stop_after if stop_after is None else stop_after,
        usual.pause_s if pause_s is None else pause_s,
        usual.at_once,
    )


class _Asked:
    """What the arguments ask for: exactly one way."""

    def __init__(
        self,
        settings: tuple[str, ...],
        rule: str,
        baselines: tuple[Path, ...],
        to: str,
        refresh: str,
        targets: tuple[str, ...],
        diff: str = "",
        folder: Path | None = None,
        before: tuple[str, ...] = (),
        *,
        packages: bool = False,
    ) -> None:
        self._packages = packages
        self._before = before
        self._diff = diff
        self._folder = folder
        self._settings = settings
        self._rule = rule
        self._baselines = baselines
        self._to = to
        self._refresh = refresh
        self._targets = targets

    def way(self, fleet: Fleet) -> tuple[Way, str]:
        """The way, and the reason of the plan that is made anew.

        Errors:
            InputError: no way or several, or targets where none are meant.
        """
        from auditor.services.changes.ways import DiffWay, RuleWay, SetWay, ToWay

        ways = self._settings, self._rule, self._baselines, self._to, self._diff, self._refresh
        if sum(map(bool, ways)) != 1:
            raise InputError("it is not said in one way what the plan is to do", next_step=_WAYS)
        if self._before and not self._settings:
            raise InputError("--secret-before goes with --set", next_step=_WAYS)
        if self._packages and not self._to:
            raise InputError("--packages goes with --to", next_step="auditor plan --to REV --packages TARGET")
        if bool(self._diff) != (self._folder is not None):
            raise InputError(
                "--diff and --path go together", next_step="auditor plan --diff OLD..NEW --path DIR TARGET"
            )
        if self._diff and self._folder is not None:
            return DiffWay(self._diff, self._folder.expanduser(), self._targets or ("all",)), ""
        if self._refresh:
            return self._again(fleet)
        if self._settings:
            if self._targets:
                raise InputError(
                    f"--set names its target itself: {self._targets[0]!r} is one too many",
                    next_step="Quote the address as a whole:  --set 'ADDRESS=VALUE'",
                )
            return SetWay(self._settings, self._before), ""
        if self._rule:
            return RuleWay(self._rule, self._targets or ("all",)), ""
        if self._baselines:
            return self._by_baseline(self._baselines, self._targets or ("all",), fleet), ""
        return ToWay(self._to, self._targets, self._packages), ""

    def _by_baseline(self, files: tuple[Path, ...], targets: tuple[str, ...], fleet: Fleet) -> BaselineWay:
        """As baselines agree: those named, or the fleet's own."""
        from auditor.services.changes.ways import BaselineWay

        own = files == (Path("fleet"),)
        found = rules.baselines_for(None if own else files, fleet)
        if not found:
            raise InputError("the fleet has no baseline", where=str(fleet.file), next_step="Name one:  --baseline FILE")
        # By the whole path, since the plan may be made anew from another folder; the name of a shipped one is none.
        named = files if own else tuple(file.absolute() if file.exists() else file for file in files)
        return BaselineWay(found, targets, tuple(f"--baseline={file}" for file in named))

    def _again(self, fleet: Fleet) -> tuple[Way, str]:
        """The way of an earlier plan, and its reason."""
        from auditor.plan.folder import read_plan
        from auditor.services.changes.ways import DiffWay, RuleWay, SetWay, ToWay

        earlier = read_plan(fleet.plans_path, self._refresh).plan
        words = earlier.origin.arguments
        match earlier.origin.way:
            case "set":
                return SetWay.of(words), earlier.reason
            case "rule":
                return RuleWay(words[0], words[1:]), earlier.reason
            case "baseline":
                files = tuple(Path(one.removeprefix("--baseline=")) for one in words if one.startswith("--baseline="))
                return self._by_baseline(files, words[len(files) :], fleet), earlier.reason
            case "to":
                return ToWay.of(words), earlier.reason
            case "diff":
                if len(words) < 2:
                    raise InputError("the plan does not say what its difference is of", next_step=_WAYS)
                return DiffWay(words[0], Path(words[1]), words[2:]), earlier.reason
