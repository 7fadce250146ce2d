"""Rules, baselines and waivers as written by people, once validated."""

from __future__ import annotations

from typing import Literal

import msgspec

from auditor.model.resource import Address
from auditor.model.value import Value

Severity = Literal["info", "low", "medium", "high", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")


class Wording(msgspec.Struct, frozen=True):
    """What a rule says to people in a language other than English; a text left empty is said in English."""

    title: str = ""
    message: str = ""
    rationale: str = ""
    by_hand: str = ""


class Rule(msgspec.Struct, frozen=True):
    """One rule: identity, text for people, and CEL over one kind of resource.

    ``where`` selects resources (empty: all of the kind); ``expression`` is the file's ``assert``: true is a pass.
    ``message`` may name attributes in braces. ``remedy`` maps attribute to wanted value, as written (``KIND.ATTRIBUTE``
    is one of the resource of that kind that has the same name); ``remedy_safe`` says whether the remedy changes only
    what it names. ``remedy_agreed`` are kinds: the remedy is what the fleet's baselines agree on them. ``by_hand`` says
    why there is neither, and what to do. ``ja`` is the same text in Japanese, where it has one. ``file`` and ``line``
    say where the rule stands.
    """

    id: str
    title: str
    severity: Severity
    kind: str
    expression: str
    message: str
    where: str = ""
    what: str = ""
    rationale: str = ""
    limits: str = ""
    example: str = ""
    references: tuple[str, ...] = ()
    remedy: tuple[tuple[str, Value], ...] = ()
    remedy_safe: bool = False
    remedy_agreed: tuple[str, ...] = ()
    by_hand: str = ""
    ja: Wording | None = None
    file: str = ""
    line: int = 0

    def remedies_at(self, address: Address) -> tuple[tuple[Address, Value], ...]:
        """What a plan would ask for to make a finding at this address go."""
        found: list[tuple[Address, Value]] = []
        for name, value in self.remedy:
            kind, _, attribute = name.rpartition(".")
            place = Address(address.target, kind or address.kind, address.name, attribute)
            found.append((place, value))
        return tuple(found)


class Policy(msgspec.Struct, frozen=True):
    """A named set of rules, in order of id; ``digest`` is the SHA-256 of the files they were read from."""

    rules: tuple[Rule, ...]
    digest: str


Agreement = Literal["exactly", "at_least", "one_of", "unmanaged"]


class AgreedValue(msgspec.Struct, frozen=True):
    """One agreed value: which attribute of which resources, and how it is compared.

    ``name`` is a resource's name or a glob (``*``). ``values`` holds one value, several for ``one_of``, none for
    ``unmanaged``.
    """

    kind: str
    name: str
    attribute: str
    agreement: Agreement
    values: tuple[Value, ...]
    file: str = ""
    line: int = 0


class Baseline(msgspec.Struct, frozen=True):
    """Agreed values for groups or hosts (``groups`` and ``hosts`` are names or globs; any match counts)."""

    name: str
    values: tuple[AgreedValue, ...]
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    description: str = ""
    file: str = ""
    digest: str = ""


class Waiver(msgspec.Struct, frozen=True):
    """A rule is not enforced on a scope until a day: ``scope`` is an address glob, ``expires`` an ISO date (UTC)."""

    rule: str
    scope: str
    owner: str
    reason: str
    expires: str
    ticket: str = ""
    file: str = ""
    line: int = 0
