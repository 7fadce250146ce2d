"""The use case "check": rules put to targets as they are observed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from auditor.model.finding import CheckReport, TargetCheck
from auditor.model.policy import Waiver
from auditor.model.resource import KindSpec
from auditor.model.snapshot import Collected, Interpretation
from auditor.model.target import Target
from auditor.model.value import Text, Version
from auditor.services.expected_gaps import Expectations
from auditor.surfaces.registry import surface, surface_names

if TYPE_CHECKING:  # rules bring the YAML reader and the CEL core, which not every command needs
    from auditor.model.catalogue import Catalogue
    from auditor.policy.evaluate import HostFacts
    from auditor.policy.rules import LoadedPolicy


_RULE_ID: Final = re.compile(rb"^\s*- id: ([A-Z0-9-]+)\s*$", re.MULTILINE)


class Seen(Protocol):
    """One observed target: what :func:`auditor.services.observe.observe` gives."""

    @property
    def target(self) -> Target:
        """Which one."""
        ...

    @property
    def collected(self) -> Collected:
        """What was collected of it."""
        ...

    @property
    def interpretation(self) -> Interpretation:
        """What that means."""
        ...


async def run_check(
    observed: AsyncIterator[Seen],
    policy: LoadedPolicy,
    waivers: Sequence[Waiver] = (),
    today: date = date.max,
    known: frozenset[str] = frozenset(),
    *,
    taken_at: str = "",
    catalogue: Catalogue | None = None,
    expected: Expectations | None = None,
    notes: tuple[str, ...] = (),
) -> CheckReport:
    """The findings on every observed target, in order of its name; with a catalogue, of firmware beside it too.

    ``complete`` is False when there was no target, when a target was not seen in full, when no rule applied to one or
    nothing of it could be examined, and when a rule could not be evaluated; gaps that are ``expected`` do not count.
    Only the results are kept, never what was observed.
    """
    from auditor.policy.evaluate import evaluate
    from auditor.policy.waivers import doubtful_waivers

    targets: list[TargetCheck] = []
    surfaces: set[str] = set()
    expected = expected or Expectations()
    async for one in observed:
        seen = msgspec.structs.replace(one.interpretation, gaps=expected.mark(one.target, one.interpretation.gaps))
        if catalogue is not None and seen.surface == "ilo":
            from auditor.policy.firmware import with_catalogue

            seen = with_catalogue(seen, catalogue)
        checked = evaluate(policy, seen, host_facts_of(one), waivers, today, known)
        surfaces.add(one.interpretation.surface)
        targets.append(checked)
    targets.sort(key=lambda checked: checked.target)
    return CheckReport(
        targets=tuple(targets),
        rules=sum(len(policy.for_surface(name)) for name in surfaces),
        complete=bool(targets) and all(_complete(checked) for checked in targets),
        taken_at=taken_at,
        notes=(
            *notes,
            *doubtful_waivers(waivers, policy, today, shipped_rule_ids() if waivers else ()),
            *expected.notes(),
        ),
    )


def _complete(checked: TargetCheck) -> bool:
    expected_whole = any(not gap.complete and not gap.counts and not gap.kinds for gap in checked.gaps)
    return (
        not any(gap.counts for gap in checked.gaps)
        and (expected_whole or any(result.examined for result in checked.results))
        and not any(
            result.not_evaluated or (result.outcome == "not evaluated" and not result.expected)
            for result in checked.results
        )
    )


def host_facts_of(seen: Seen) -> HostFacts:
    """What rules may ask of a host; httpd's version as interpreted (a person may have given it), else as collected."""
    from auditor.policy.evaluate import HostFacts

    server = seen.interpretation.find("httpd.server", "main")
    version = server.value("version") if server else None
    mpm = server.value("mpm") if server else None
    fact = seen.collected.fact("version") if seen.interpretation.surface == "httpd" else None
    return HostFacts(
        name=seen.target.host,
        target=seen.target.name,
        surface=seen.target.surface,
        groups=seen.target.groups,
        httpd_version=version.text if isinstance(version, Version) else fact if isinstance(fact, str) else "",
        mpm=mpm.value if isinstance(mpm, Text) else "",
    )


def kinds_of(surfaces: Iterable[str] | None = None) -> tuple[KindSpec, ...]:
    """Every kind that a rule or baseline may name, of these surfaces or of all."""
    names = surface_names() if surfaces is None else tuple(surfaces)
    return tuple(kind for name in names for kind in surface(name).kinds)


def shipped_policy_files(surfaces: Iterable[str] | None = None) -> tuple[tuple[str, bytes], ...]:
    """The rules that come with the auditor: path (short, for people) and content, in order of name.

    A file's name begins with its surface (``httpd-timeouts.yaml``); ``surfaces`` leaves out the files of others, so
    that a check without a fleet loads no more than it asks.
    """
    wanted = None if surfaces is None else frozenset(surfaces)
    return tuple(
        (name, content)
        for name, content in _shipped("policies")
        if wanted is None or name.rsplit("/", 1)[-1].split("-", 1)[0] in wanted
    )


def shipped_rule_ids() -> tuple[str, ...]:
    """The ids of all shipped rules, without checking or compiling one."""
    return tuple(found.decode("ascii") for _, content in _shipped("policies") for found in _RULE_ID.findall(content))


def shipped_baseline_files() -> tuple[tuple[str, bytes], ...]:
    """The example baselines that come with the auditor: path and content, in order of name."""
    return _shipped("baselines")


def _shipped(folder: str) -> tuple[tuple[str, bytes], ...]:
    """The YAML files of a shipped folder: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for base in (package / "_shipped" / folder, package.parent / folder):
        files = sorted(base.glob("*.yaml"))
        if files:
            return tuple((f"{folder}/{file.name}", file.read_bytes()) for file in files)
    return ()


def default_policy(surfaces: Iterable[str]) -> LoadedPolicy:
    """The shipped rules for these surfaces: what a check without a fleet asks."""
    from auditor.policy.rules import load_policy

    names = tuple(surfaces)
    return load_policy(shipped_policy_files(names), kinds_of(names))
