"""Carrying out a plan's edits on an httpd tree of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import RefusedError
from auditor.model.plan import Direction, Step
from auditor.model.target import LocalTree, SshTree, Target
from auditor.surfaces.interface import ActOptions

if TYPE_CHECKING:
    from auditor.surfaces.httpd.carry_out.transaction import HttpdTransaction


def begin(target: Target, steps: tuple[Step, ...], direction: Direction, options: ActOptions) -> HttpdTransaction:
    """A transaction of edits on a tree of this machine.

    Errors:
        RefusedError: the target is no tree of this machine, or the inventory names no server for it.
    """
    from auditor.surfaces.httpd.carry_out import server
    from auditor.surfaces.httpd.carry_out.local import LocalMachine
    from auditor.surfaces.httpd.carry_out.survey import main_file_of, survey
    from auditor.surfaces.httpd.carry_out.transaction import HttpdTransaction

    tree = target.location
    if isinstance(tree, SshTree):
        raise RefusedError(
            f"{target.name} cannot be changed from here: trees that are read over SSH can be audited, not applied to.",
            untouched="Nothing was changed.",
            next_step=f"Run the auditor on {tree.host} itself, where this is a tree of its own machine.",
        )
    if not isinstance(tree, LocalTree):
        raise RefusedError(
            f"{target.name} cannot be changed from here: it is no tree of this machine.",
            untouched="Nothing was changed.",
        )
    if not tree.server:
        raise RefusedError(
            f"{target.name} cannot be changed from here: the inventory names no server for it.",
            untouched="Nothing was changed.",
            next_step="Say how it is started:  server: [/usr/sbin/httpd]",
        )
    main_file = main_file_of(tree)
    machine = LocalMachine(target, tree, main_file, options, server.HttpdServer(tree, server.SETTLE_S))
    return HttpdTransaction(
        target=target,
        steps=steps,
        direction=direction,
        options=options,
        machine=machine,
        survey=lambda: survey(target, tree, options.sealer),
    )
