"""Carrying out a plan's edits on an httpd tree, of this machine or of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auditor.errors import RefusedError
from auditor.model.plan import Direction, PackageVersions, Step
from auditor.model.target import LocalTree, SshTree, Target
from auditor.surfaces.interface import ActOptions, Transaction

if TYPE_CHECKING:
    from auditor.surfaces.httpd.carry_out.machine import Machine
    from auditor.surfaces.httpd.carry_out.surroundings import Surroundings


def begin(target: Target, steps: tuple[Step, ...], direction: Direction, options: ActOptions) -> Transaction:
    """A transaction on a tree of this machine, or of one that is reached over SSH, or on its packages.

    Errors:
        RefusedError: the target is no such tree, or the inventory does not say what has to be known of it.
    """
    from auditor.surfaces.httpd.carry_out.survey import survey
    from auditor.surfaces.httpd.carry_out.transaction import HttpdTransaction

    tree = target.location
    if not isinstance(tree, LocalTree | SshTree):
        raise _refused(target, "it is no tree of a machine that can be reached", None)
    if not tree.server:
        raise _refused(
            target, "the inventory names no server for it", "Say how it is started:  server: [/usr/sbin/httpd]"
        )
    if not tree.path:
        raise _refused(target, "the inventory does not name its tree", "Say where it stands:  tree: /etc/httpd")
    machine, surroundings = _machine_of(target, tree, options)
    if any(isinstance(one, PackageVersions) for step in steps for one in (step.change, step.undo)):
        from auditor.surfaces.httpd.carry_out.package_transaction import PackageTransaction

        return PackageTransaction(target, steps, direction, options, machine)
    return HttpdTransaction(
        target=target,
        steps=steps,
        direction=direction,
        options=options,
        machine=machine,
        survey=lambda: survey(target, tree, options, surroundings, machine.server),
    )


def _machine_of(target: Target, tree: LocalTree | SshTree, options: ActOptions) -> tuple[Machine, Surroundings]:
    from auditor.surfaces.httpd.carry_out import server
    from auditor.surfaces.httpd.carry_out.surroundings import Here, There

    if isinstance(tree, LocalTree):
        from auditor.surfaces.httpd.carry_out.local import LocalMachine
        from auditor.surfaces.httpd.carry_out.survey import main_file_of

        served = server.HttpdServer(tree, server.SETTLE_S)
        return LocalMachine(target, tree, main_file_of(tree), options, served), Here()
    from auditor.surfaces.httpd.carry_out.far.asker import FarAsker
    from auditor.surfaces.httpd.carry_out.far.machine import FarMachine, bytes_there
    from auditor.surfaces.httpd.carry_out.far.shell import FarShell

    shell = FarShell(tree, options.environment, options.holder, target.name)
    served = server.HttpdServer(tree, server.SETTLE_S, shell, FarAsker(shell), bytes_there(shell))
    return FarMachine(target, tree, options, shell, served), There(shell)


def _refused(target: Target, why: str, next_step: str | None) -> RefusedError:
    return RefusedError(
        f"{target.name} cannot be changed from here: {why}.", untouched="Nothing was changed.", next_step=next_step
    )
