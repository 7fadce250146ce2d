"""Which rights and tools the reading of an httpd lacks, as far as the machine itself and a collection tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from auditor.errors import CollectError
from auditor.model.diagnosis import DoctorCheck
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, SshTree
from auditor.surfaces.httpd.machine.answer import Answer
from auditor.surfaces.httpd.machine.asking import Tree, ask
from auditor.surfaces.interface import CollectOptions
from auditor.transport.interface import Shell

_RIGHTS: Final = ("not permitted", "refused", "timed out")
_STATES: Final = (
    ("loaded", ("changed_not_loaded", "pid_file", "environment")),
    ("limits", ("limits",)),
    ("sockets", ("backlog",)),
    ("memory", ("replaced_code", "mpm")),
)
_GRANT: Final = re.compile(r"\s+\((?:root|ALL)\b[^)]*\)\s.*?NOPASSWD:\s*(?:[A-Z_]+:\s*)*(.*)$")
"""A line of ``sudo -l`` that lets run something as root without a password."""
_ENOUGH: Final = re.compile(r"(?:^|, )(?:ALL|(?:/usr)?/bin/sh|\S+/auditor apply \*)(?:,|$)")
_USED: Final = ("stat", "xargs", "timeout", "ss")


class Account(msgspec.Struct, frozen=True):
    """Who looks there, with which tools (path by name), and what ``sudo -n`` says to that account.

    ``granted`` is what it may run as root without a password, as sudo lists it.
    """

    user: str
    tools: Mapping[str, str]
    sudo: str
    granted: str = ""


async def account_of(location: LocalTree | SshTree, options: CollectOptions) -> Account:
    """The account that reads a tree, on the tree's own machine.

    Errors:
        CollectError: the machine cannot be reached or asked.
    """
    tree = Tree(location.path, location.main_file)
    if isinstance(location, LocalTree):
        from auditor.transport.local_shell import LocalShell

        return read_account(await _asked(LocalShell(), tree))
    from auditor.surfaces.httpd.remote import reach

    async with reach(location, options) as remote:
        return read_account(await _asked(remote.connection, tree))


async def _asked(shell: Shell, tree: Tree) -> Answer:
    return await ask(shell, ("tools",), tree)


def read_account(answer: Answer) -> Account:
    """The account that an answer tells of."""
    part = answer.part("tools")
    if part.status != "ok" or not part.lines:
        raise CollectError("the machine did not say who looks and with which tools", cause="malformed")
    user, *tools = part.lines
    found = dict(line.split(" ", 1) for line in tools if " " in line)
    sudo = answer.part("sudo")
    granted = ", ".join(match[1] for line in sudo.lines if (match := _GRANT.match(line)))
    return Account(user, {name: path for name, path in found.items() if path}, sudo.status, granted)


def checks_of(collected: Collected, account: Account | None) -> list[DoctorCheck]:
    """What a collection shows to be there or missing, in the order of asking. Pure."""
    whole = next((gap for gap in collected.gaps if gap.what == "whole target"), None)
    if whole is not None and not collected.documents:
        return [DoctorCheck("reach", "missing", whole.detail or whole.cause, whole.next_step)]
    checks = [DoctorCheck("reach", "ok"), _tree(collected), _program(collected), *_running(collected)]
    checks += [_packages(collected, account)]
    if account is not None and collected.fact("running") is not None:
        lacking = [name for name in _USED if name not in account.tools]
        checks.append(DoctorCheck("tools", "missing" if lacking else "ok", ", ".join(lacking)))
    if account is not None:
        checks.append(_sudo(account))
    return checks


def _tree(collected: Collected) -> DoctorCheck:
    refused = [gap for gap in collected.gaps if gap.cause in _RIGHTS]
    if not refused:
        return DoctorCheck("tree", "ok", str(collected.fact("root") or ""))
    more = f" (+{len(refused) - 3})" if len(refused) > 3 else ""
    names = ", ".join(gap.what for gap in refused[:3])
    return DoctorCheck("tree", "missing", f"{names}{more}", refused[0].next_step)


def _program(collected: Collected) -> DoctorCheck:
    found = next((fact for fact in collected.facts if fact.name == "version"), None)
    if found is None:
        return DoctorCheck("program", "missing", "", "Say it with --httpd-version, or httpd_version: in auditor.yaml.")
    return DoctorCheck("program", "ok", f"{found.value} ({found.how})")


def _running(collected: Collected) -> list[DoctorCheck]:
    unknown = _unknown(collected)
    if "running" in unknown:
        return [DoctorCheck("processes", "missing", unknown["running"])]
    running = collected.fact("running")
    if running is None:
        return [DoctorCheck("processes", "without")]
    if running is False:
        return [DoctorCheck("processes", "ok", "no server runs this tree")]
    found = [DoctorCheck("processes", "ok", str(collected.fact("running_program") or ""))]
    for name, subjects in _STATES:
        reason = next((unknown[one] for one in subjects if one in unknown), "")
        found.append(DoctorCheck(name, "missing" if reason else "ok", reason))
    return found


def _packages(collected: Collected, account: Account | None) -> DoctorCheck:
    unverified = collected.fact("packages_unverified")
    if isinstance(unverified, tuple) and unverified:
        more = f" (+{len(unverified) - 1})" if unverified[1:] else ""
        return DoctorCheck("packages", "missing", unverified[0] + more)
    failed = next((gap for gap in collected.gaps if gap.kinds == ("httpd.package",)), None)
    if failed is not None:
        return DoctorCheck("packages", "missing", failed.detail, failed.next_step)
    known = next((fact for fact in collected.facts if fact.name == "packages"), None)
    if known is not None:
        return DoctorCheck("packages", "ok", known.how)
    tools = account.tools if account is not None and collected.fact("running") is not None else {}
    silent = [name for name in ("rpm", "dpkg") if name in tools]
    return DoctorCheck("packages", "missing" if silent else "without", ", ".join(silent))


def _sudo(account: Account) -> DoctorCheck:
    if account.user == "root":
        return DoctorCheck("sudo", "ok", "root")
    if account.sudo == "ok" and _ENOUGH.search(account.granted):
        return DoctorCheck("sudo", "ok", "sudo -n")
    if account.sudo == "ok":
        return DoctorCheck("sudo", "without", f"sudo -n grants only: {account.granted or 'nothing'}")
    return DoctorCheck("sudo", "without", "" if account.sudo == "absent" else "sudo -n is refused")


def _unknown(collected: Collected) -> dict[str, str]:
    texts = collected.fact("state_unknown")
    pairs = (text.partition(": ") for text in texts) if isinstance(texts, tuple) else ()
    return {subject: reason for subject, _, reason in pairs}
