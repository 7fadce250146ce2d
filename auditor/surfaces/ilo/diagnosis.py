"""Which privileges and licence features the reading of an iLO lacks, and a change of it would lack. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from auditor.model.diagnosis import DoctorCheck
from auditor.model.snapshot import Collected, Gap, Interpretation
from auditor.model.value import Many, Text
from auditor.surfaces.ilo.body import Body, at
from auditor.surfaces.ilo.members import MEMBERS

PRIVILEGES: Final[Mapping[str, tuple[str, str]]] = {
    "LoginPriv": ("Login", "Login"),
    "iLOConfigPriv": ("Configure iLO Settings", "ConfigureManager"),
    "HostBIOSConfigPriv": ("Host BIOS", "ConfigureComponents"),
    "VirtualPowerAndResetPriv": ("Virtual Power and Reset", "ConfigureComponents"),
}
"""The privileges that we ask for, by the iLO's name: as its web interface calls it, and the nearest of Redfish."""

_CHANGES: Final = (
    ("ilo_settings", "iLOConfigPriv"),
    ("bios_settings", "HostBIOSConfigPriv"),
    ("server_restart", "VirtualPowerAndResetPriv"),
)
_VENDORS: Final = ("Hpe", "Hp")
_NAMED: Final = 3


class Rights(msgspec.Struct, frozen=True):
    """What the account that reads may do: the iLO's names of privileges, or None where the iLO does not say.

    ``role`` is the account's role in Redfish's words, or empty; ``user`` the name that it logs in with.
    """

    user: str
    role: str = ""
    granted: frozenset[str] | None = None


def granted_in(body: Body) -> frozenset[str] | None:
    """The privileges that a session or an account lists as its own, or None where it lists none."""
    for vendor in _VENDORS:
        listed = at(body, f"/Oem/{vendor}/Privileges")
        if isinstance(listed, dict):
            return frozenset(name for name, granted in listed.items() if granted is True)
    return None


def granted_by(role: Body) -> frozenset[str] | None:
    """The privileges that a role grants, or None where it lists none.

    Redfish's ``ConfigureComponents`` counts for those of the host where the role lists none of the iLO's own.
    """
    assigned, own = role.get("AssignedPrivileges"), role.get("OemPrivileges")
    if not isinstance(assigned, list):
        return None
    found = {one for one in own if isinstance(one, str)} if isinstance(own, list) else set()
    for name, (_, standard) in PRIVILEGES.items():
        if standard in assigned and (standard != "ConfigureComponents" or not isinstance(own, list)):
            found.add(name)
    return frozenset(found)


def checks_of(collected: Collected, interpretation: Interpretation, rights: Rights) -> list[DoctorCheck]:
    """What the account and the licence lack, in the order in which it is asked."""
    whole = next((gap for gap in collected.gaps if gap.what == "whole target"), None)
    if whole is not None and not collected.documents:
        return [DoctorCheck("log_in", "missing", whole.detail or whole.cause, whole.next_step)]
    who = ", ".join(filter(None, (rights.user, f"role {rights.role}" if rights.role else "")))
    return [
        DoctorCheck("log_in", "ok", who),
        _reading(collected.gaps, rights),
        _seen(interpretation.gaps),
        *(_change(name, privilege, rights) for name, privilege in _CHANGES),
        _licence(collected, interpretation),
    ]


def _reading(gaps: tuple[Gap, ...], rights: Rights) -> DoctorCheck:
    refused = [gap for gap in gaps if gap.cause == "not permitted"]
    if not refused:
        return DoctorCheck("reading", "ok")
    more = f" (+{len(refused) - _NAMED})" if len(refused) > _NAMED else ""
    lacks = rights.granted is not None and "LoginPriv" not in rights.granted
    do = f"Give the account the privilege {_called('LoginPriv')}." if lacks else "Let the account read them."
    return DoctorCheck("reading", "missing", ", ".join(gap.what for gap in refused[:_NAMED]) + more, do)


def _seen(gaps: tuple[Gap, ...]) -> DoctorCheck:
    """Whether all else could be seen and understood."""
    unseen = [gap for gap in gaps if gap.counts and gap.cause != "not permitted"]
    if not unseen:
        return DoctorCheck("seen", "ok")
    named = ", ".join(f"{gap.what} ({gap.cause})" for gap in unseen[:_NAMED])
    more = f" (+{len(unseen) - _NAMED})" if len(unseen) > _NAMED else ""
    return DoctorCheck("seen", "missing", named + more, next((gap.next_step for gap in unseen if gap.next_step), ""))


def _change(name: str, privilege: str, rights: Rights) -> DoctorCheck:
    if rights.granted is None:
        return DoctorCheck(name, "without", f"the iLO does not say whether the account has {_called(privilege)}")
    if privilege in rights.granted:
        return DoctorCheck(name, "ok", _called(privilege))
    return DoctorCheck(name, "without", f"the account lacks {_called(privilege)}")


def _called(privilege: str) -> str:
    shown, standard = PRIVILEGES[privilege]
    return f"{shown} ({privilege}; Redfish: {standard})" if shown != standard else f"{shown} ({privilege})"


def _licence(collected: Collected, interpretation: Interpretation) -> DoctorCheck:
    licences = interpretation.of_kind("ilo.licence")
    had = licences[0].value("features") if licences else None
    if not isinstance(had, Many):
        return DoctorCheck("licence", "without", "the iLO does not say what its licence holds")
    features = {one.value for one in had.items if isinstance(one, Text)}
    lacking = sorted(gates().keys() - features)
    held = licences[0].value("licence")
    name = held.value if isinstance(held, Text) else ""
    refused = sorted(gap.what for gap in collected.gaps if gap.cause == "licence")
    if not lacking and not refused:
        return DoctorCheck("licence", "ok", name)
    told = [f"{feature} ({', '.join(gates()[feature])})" for feature in lacking]
    parts = [f"{name or 'it'} lacks {', '.join(told)}"] if told else [name] if name else []
    if refused:
        more = f" (+{len(refused) - _NAMED})" if len(refused) > _NAMED else ""
        parts.append(f"not read for want of a licence: {', '.join(refused[:_NAMED])}{more}")
    return DoctorCheck("licence", "without", "; ".join(parts))


def gates() -> Mapping[str, tuple[str, ...]]:
    """The kinds of resource whose settings each licence feature opens, by feature."""
    found: dict[str, set[str]] = {}
    for member in MEMBERS:
        if member.licence:
            found.setdefault(member.licence, set()).add(member.kind)
    return {feature: tuple(sorted(kinds)) for feature, kinds in sorted(found.items())}
