"""How a member of a Redfish resource is described as an attribute."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from auditor.model.plan import Disruption
from auditor.model.resource import AttributeSpec, AttributeType

Form = Literal["plain", "seconds", "minutes", "enabled", "addresses", "version", "texts", "secrets", "pending"]
"""How the JSON value is written: as it is, a length of time, ``Enabled``/``Disabled``, a list of addresses padded
with empty ones, a version, a list of texts or secrets padded with empty ones, ``SomePendingReset``."""


_LICENSED_BY: Final = {"EmailAlert": "licensed", "RemoteSyslog": "licensed", "FWScan": "firmware_scan_licensed"}
"""Which attribute says whether the licence has a feature. A downgrade policy is in force without one too."""


class Member(msgspec.Struct, frozen=True):
    """One member of a resource of role ``role`` (:mod:`auditor.surfaces.ilo.links`) as an attribute of ``kind``.

    ``pointer`` is a JSON pointer (RFC 6901). ``licence`` names the feature of ``LicenseFeatures`` without which the
    iLO refuses to set it; empty means none is needed. ``made``: a plan may ask for it otherwise, when the resource is
    made or by an update of firmware; whether a PATCH may set it is ``settable``.
    """

    kind: str
    role: str
    name: str
    pointer: str
    type: AttributeType
    meaning: str
    settable: bool = False
    disruption: Disruption = "none"
    licence: str = ""
    form: Form = "plain"
    made: bool = False

    @property
    def spec(self) -> AttributeSpec:
        """The attribute's description."""
        settable = self.settable or self.made
        return AttributeSpec(self.name, self.type, self.meaning, settable, _LICENSED_BY.get(self.licence, ""))


def of(kind: str, role: str, *members: Member) -> tuple[Member, ...]:
    """These members as attributes of a kind, standing in resources of a role."""
    return tuple(msgspec.structs.replace(member, kind=kind, role=role) for member in members)


def one(
    name: str,
    pointer: str,
    type_: AttributeType,
    meaning: str,
    *,
    settable: bool = False,
    disruption: Disruption = "none",
    licence: str = "",
    form: Form = "plain",
    made: bool = False,
) -> Member:
    """A member whose kind and role :func:`of` fills in."""
    return Member("", "", name, pointer, type_, meaning, settable, disruption, licence, form, made)


OEM: Final = "/Oem/Hpe"
