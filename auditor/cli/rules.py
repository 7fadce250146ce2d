"""The rules, baselines and waivers that a command works with: those named, else the fleet's, else the shipped ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from auditor.cli.work import read_file
from auditor.errors import InputError

if TYPE_CHECKING:
    from auditor.model.policy import Baseline, Waiver
    from auditor.policy.rules import LoadedPolicy
    from auditor.services.fleet import Fleet


def policy_for(files: Sequence[Path] | None, fleet: Fleet | None, surfaces: Sequence[str]) -> LoadedPolicy:
    """The rules named, else the fleet's, else every shipped rule for these surfaces.

    Errors:
        InputError: a file cannot be read or used.
    """
    from auditor.policy.rules import load_policy
    from auditor.services.check import default_policy, kinds_of, shipped_policy_files

    if files:
        return load_policy([(str(path), read_file(path, "--policy")) for path in files], kinds_of())
    if fleet is None or not (fleet.policy_names or fleet.policy_files):
        return default_policy(surfaces)
    shipped = {Path(name).stem: (name, content) for name, content in shipped_policy_files()}
    chosen = [shipped[name] for name in fleet.policy_names]
    own = [(str(path), read_file(path, "policies")) for path in fleet.policy_files]
    return load_policy([*chosen, *own], kinds_of())


def waivers_for(file: Path | None, fleet: Fleet | None) -> tuple[Waiver, ...]:
    """The waivers named, else the fleet's.

    Errors:
        InputError: the file cannot be read or used.
    """
    from auditor.policy.waivers import load_waivers

    path = file or (fleet.waivers_file if fleet else None)
    return load_waivers(str(path), read_file(path, "--waivers")) if path else ()


def known_from(file: Path | None) -> frozenset[str]:
    """The fingerprints of the findings that were recorded before.

    Errors:
        InputError: the file cannot be read or used.
    """
    if file is None:
        return frozenset()
    from auditor.policy.known import load_known

    return load_known(str(file), read_file(file, "--known"))


def baselines_for(files: Sequence[Path] | None, fleet: Fleet | None) -> tuple[Baseline, ...]:
    """The baselines named (a file, or the name of one that comes with the auditor), else the fleet's.

    Errors:
        InputError: a file cannot be read or used; every such file is named.
    """
    from auditor.policy.baselines import load_baseline
    from auditor.services.check import kinds_of, shipped_baseline_files

    paths = list(files or (fleet.baseline_files if fleet else ()))
    if not paths:
        return ()
    found: list[Baseline] = []
    mistakes: list[InputError] = []
    kinds = kinds_of()
    shipped = {Path(name).stem: content for name, content in shipped_baseline_files()}
    for path in paths:
        try:
            known = None if path.exists() else shipped.get(str(path))
            made = load_baseline(str(path), known or read_file(path, "--baseline"), kinds)
            # Without a fleet there are no groups: a baseline that is named for a path is meant for it.
            found.append(made if fleet else msgspec.structs.replace(made, groups=("all",)))
        except InputError as error:
            mistakes.append(error)
    if mistakes:
        raise InputError.gather(mistakes)
    return tuple(found)
