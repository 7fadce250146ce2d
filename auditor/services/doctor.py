"""The use case "doctor": which rights and tools are missing, here and on targets, and what that costs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from auditor.errors import AuditorError, CollectError
from auditor.model.diagnosis import Diagnosis, DoctorCheck, TargetDiagnosis
from auditor.model.target import IloEndpoint, LocalTree, SshTree, Target
from auditor.services import sudoers
from auditor.services.observe import observe
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.transport.executor import run_bounded

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet
    from auditor.surfaces.httpd.diagnosis import Account
    from auditor.surfaces.ilo.client import IloClient

AT_ONCE: Final = 16
_WRITE: Final = "Run as the user that owns the store, or set store.path in auditor.yaml."


async def run_doctor(fleet: Fleet | None, targets: Sequence[Target], options: CollectOptions) -> Diagnosis:
    """What is missing on this machine and on each target, in order of name. Changes nothing.

    Errors:
        InputError: a single target was asked for, and it is of no use.
    """
    found = []
    async for done in run_bounded(targets, lambda target: _examine(target, fleet, options), at_once=AT_ONCE):
        if done.error is not None:
            if len(targets) == 1 and not isinstance(done.error, CollectError):
                raise done.error
            found.append(TargetDiagnosis(done.item.name, "", (_failed("reach", done.error),)))
        elif done.result is not None:
            found.append(done.result)
    return Diagnosis(_here(fleet, targets, options), tuple(sorted(found, key=lambda one: one.target)))


def _failed(name: str, error: Exception) -> DoctorCheck:
    if isinstance(error, AuditorError):
        return DoctorCheck(name, "missing", error.what, error.next_step or "")
    return DoctorCheck(name, "missing", f"{type(error).__name__}: {str(error)[:200]}")


# This machine


def _here(fleet: Fleet | None, targets: Sequence[Target], options: CollectOptions) -> tuple[DoctorCheck, ...]:
    over_ssh = any(isinstance(one.location, SshTree) for one in targets)
    checks = [
        _tool("git", needed=True),
        _tool("ssh", needed=over_ssh),
        _signing(needed=fleet is not None),
        _tool("httpd", "apache2", needed=False),
    ]
    return tuple(checks + (_of_fleet(fleet, options) if fleet is not None else []))


def _tool(*names: str, needed: bool) -> DoctorCheck:
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    found = next((place for name in names if (place := shutil.which(name, path=path))), "")
    return DoctorCheck(names[0], "ok" if found else "missing" if needed else "without", found)


def _signing(*, needed: bool) -> DoctorCheck:
    from auditor.plan.approvals import Keygen

    try:
        return DoctorCheck("signing", "ok", f"OpenSSH {Keygen().check_version()}")
    except AuditorError as error:
        return DoctorCheck("signing", "missing" if needed else "without", error.what, error.next_step or "")


def _of_fleet(fleet: Fleet, options: CollectOptions) -> list[DoctorCheck]:
    from auditor.services.keys import sealer_for
    from auditor.store import Store

    checks = [DoctorCheck("fleet", "ok", str(fleet.file))]
    try:
        sealer_for(fleet, options.environment)
        checks.append(DoctorCheck("key", "ok"))
    except AuditorError as error:
        checks.append(_failed("key", error))
    try:
        with Store.open(fleet.store_path):
            written = os.access(fleet.store_path, os.W_OK)
        told = str(fleet.store_path) if written else f"{fleet.store_path} cannot be written to"
        checks.append(DoctorCheck("store", "ok" if written else "missing", told, "" if written else _WRITE))
    except AuditorError as error:
        checks.append(_failed("store", error))
    return checks


# Targets


async def _examine(target: Target, fleet: Fleet | None, options: CollectOptions) -> TargetDiagnosis:
    if isinstance(target.location, IloEndpoint):
        return TargetDiagnosis(target.name, "", tuple(await _ilo(target, target.location, options)))
    from auditor.surfaces.httpd.diagnosis import account_of, checks_of

    account = None
    if isinstance(target.location, LocalTree | SshTree):
        account = await account_of(target.location, options)
    seen = [one async for one in observe([target], fleet, options, InterpretOptions())]
    collected = seen[0].collected
    checks = tuple(checks_of(collected, account))
    trees = collected.fact("instances")
    reading, changing = _lines(target, account, checks)
    return TargetDiagnosis(
        target.name,
        account.user if account else "",
        checks,
        reading,
        changing,
        trees if isinstance(trees, tuple) else (),
    )


def _lines(
    target: Target, account: Account | None, checks: tuple[DoctorCheck, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sudoers lines for reading and for changing; none for root, and for reading only where a right is missing."""
    if account is None or account.user == "root" or not sudoers.can_be_written(account.user):
        return (), ()
    lacks = any(one.state == "missing" and one.name not in ("program", "tools") for one in checks)
    if isinstance(target.location, SshTree):
        return ((sudoers.shell_line(account.user),) if lacks else ()), ()
    program = _own_program()
    if not sudoers.can_be_written(account.user, program):
        return (), ()
    reading = (sudoers.command_line(account.user, program, sudoers.READING),) if lacks else ()
    return reading, (sudoers.command_line(account.user, program, sudoers.CHANGING),)


def _own_program() -> str:
    """The path of the program that runs, as another user would start it; empty where that cannot be told."""
    beside = Path(sys.executable).with_name("auditor")
    return str(beside) if beside.exists() else shutil.which("auditor") or ""


async def _ilo(target: Target, location: IloEndpoint, options: CollectOptions) -> list[DoctorCheck]:
    """Whether an iLO answers with a certificate that is trusted, and what the account and the licence lack.

    One log-in, and none where the certificate is not trusted.
    """
    from auditor.surfaces.ilo.failures import address_of
    from auditor.surfaces.ilo.pins import pin_problem, read_pin
    from auditor.surfaces.ilo.trust import certificate_problem

    parts = urlsplit(location.url)
    host, port = parts.hostname or "", parts.port or 443
    if location.pin:
        problem = await pin_problem(host, port, read_pin(Path(location.pin)))
    else:
        problem = await certificate_problem(host, port, location.cafile, verify=location.verify)
    reached = DoctorCheck("reach", "missing" if problem.unreachable else "ok", problem.unreachable)
    names = (location.username_env, location.password_env)
    lacking = [name for name in names if not options.environment.get(name)]
    credentials = DoctorCheck("credentials", "missing" if lacking else "ok", ", ".join(lacking))
    if problem.unreachable:
        return [reached, credentials]
    trusted = DoctorCheck(
        "certificate",
        "missing" if problem.untrusted else "ok" if location.verify else "without",
        problem.untrusted,
        f"Compare the fingerprint, then:  auditor trust {address_of(location.url)}" if problem.untrusted else "",
    )
    found = [reached, trusted, credentials]
    return found if problem.untrusted or lacking else [*found, *await _ilo_rights(target, location, options)]


async def _ilo_rights(target: Target, location: IloEndpoint, options: CollectOptions) -> list[DoctorCheck]:
    from auditor.surfaces.ilo.collect import collect
    from auditor.surfaces.ilo.diagnosis import Rights, checks_of
    from auditor.surfaces.ilo.resources import interpret
    from auditor.surfaces.ilo.rights import rights_of

    user = options.environment[location.username_env]
    rights = [Rights(user)]

    async def ask(client: IloClient) -> None:
        rights.append(await rights_of(client, user))

    collected = await collect(target, options, ask)
    return checks_of(collected, interpret(collected, InterpretOptions()), rights[-1])
