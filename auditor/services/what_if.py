"""The use case "what-if": what else changes if an attribute becomes another; nothing is planned or changed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.errors import InputError
from auditor.model.plan import Disruption, Proposal, Wish
from auditor.model.resource import Address
from auditor.model.snapshot import Gap, hides
from auditor.model.target import Target
from auditor.model.value import Secret, Value
from auditor.plan.build import disruption_of
from auditor.services.changes.wishes import parse_setting, split_setting
from auditor.services.observe import Observed, interpret_options_for, observe
from auditor.surfaces.ilo.secrets import is_secret_name
from auditor.surfaces.interface import CollectOptions, InterpretOptions
from auditor.surfaces.registry import surface

if TYPE_CHECKING:
    from auditor.model.secret import Sealer
    from auditor.services.fleet import Fleet

_SHORT: Final = re.compile(r"([A-Za-z]\w*)=(.*)", re.ASCII | re.DOTALL)
_NO_NAME: Final = ""


class Wanted(msgspec.Struct, frozen=True):
    """A wish, and its value as it was written."""

    wish: Wish
    written: str


class Asked(msgspec.Struct, frozen=True):
    """One wanted value: where, what stands there now (None: nothing, or not seen), what it may be set to now."""

    address: Address
    now: Value | None
    then: Value | None
    written: str = ""
    allowed: str = ""


class WhatIf(msgspec.Struct, frozen=True):
    """What one target would be with the wanted values. ``gaps`` are those that may hide what else changes.

    ``plannable``: the inventory names the target, so that a plan can ask for the same.
    """

    target: str
    seen: bool
    asked: tuple[Asked, ...]
    proposal: Proposal
    gaps: tuple[Gap, ...] = ()
    plannable: bool = False

    @property
    def disruption(self) -> Disruption:
        """The heaviest disruption that the change needs."""
        return disruption_of(self.proposal.steps)

    @property
    def complete(self) -> bool:
        """Whether nothing that was not seen or not decided could make the answer another."""
        return self.seen and not self.gaps and not self.proposal.undecided


def wishes_for(targets: Sequence[Target], word: str, settings: Sequence[str]) -> dict[str, tuple[Wanted, ...]]:
    """The wishes about each target, by its name. Where no target stands in the address, they are about all of them.

    ``NAME=VALUE`` is a BIOS attribute of an iLO; its resource is found when the iLO is seen.

    Errors:
        InputError: a text is no setting, its address is about none of the targets, or one is asked for twice.
    """
    found: dict[str, list[Wanted]] = {}
    mistakes: list[InputError] = []
    for text in settings:
        try:
            wish, written = _wish(text)
            for target in _about(wish, targets, word):
                here = found.setdefault(target.name, [])
                if any(one.wish.address.on("") == wish.address.on("") for one in here):
                    raise InputError(f"{wish.address} is asked for twice")
                own = msgspec.structs.replace(wish, address=wish.address.on(target.name))
                here.append(Wanted(own, written))
        except InputError as error:
            mistakes.append(error)
    if mistakes:
        raise InputError.gather(mistakes)
    return {name: tuple(wishes) for name, wishes in found.items()}


async def run_what_if(
    targets: Sequence[Target],
    wishes: Mapping[str, tuple[Wanted, ...]],
    collect: CollectOptions,
    interpret: InterpretOptions,
    fleet: Fleet | None = None,
) -> AsyncIterator[WhatIf]:
    """The answer for each target that something is wished of, as each is done.

    Errors:
        InputError: a single target is asked about, and it is not there or of no use.
        StoreError: a stored state is asked about, and the store cannot be read.
    """
    asked = [target for target in targets if target.name in wishes]
    known = {one.name for one in fleet.targets} if fleet else set()
    async for seen in observe(asked, fleet, collect, interpret):
        answer = _answer(seen, wishes[seen.target.name], interpret_options_for(seen.target, interpret, fleet))
        shown = tuple(_sealed(one, collect.sealer) for one in answer.asked)
        yield msgspec.structs.replace(answer, asked=shown, plannable=seen.target.name in known)


def _wish(text: str) -> tuple[Wish, str]:
    """A setting as a wish, and its value as it is written."""
    kinds = tuple(kind for name in ("httpd", "ilo") for kind in surface(name).kinds)
    short = _SHORT.fullmatch(text)
    if short is not None:
        text = f"{Address('', 'ilo.bios', _NO_NAME, short[1])}={short[2]}"
    _, value = split_setting(text, target_needed=False)
    return parse_setting(text, kinds, target_needed=False), value


def _about(wish: Wish, targets: Sequence[Target], word: str) -> list[Target]:
    """The targets that a wish is about: of its surface, and called as it calls them."""
    address = wish.address
    fitting = [one for one in targets if one.surface == address.kind.partition(".")[0]]
    named = [one for one in fitting if address.target in ("", word, one.name, one.host)]
    if not named:
        what = address.attribute if address.name == _NO_NAME else str(address)
        names = ", ".join(one.name for one in targets)
        raise InputError(f"{what} is about none of what {word} means: {names}")
    return named


def _answer(seen: Observed, wanted: tuple[Wanted, ...], options: InterpretOptions) -> WhatIf:
    name, kind = seen.target.name, seen.target.surface
    if not seen.seen:
        asked = tuple(Asked(one.wish.address.on(""), None, one.wish.value, one.written) for one in wanted)
        return WhatIf(name, False, asked, Proposal(name, (), ()), seen.collected.gaps)
    wanted = tuple(msgspec.structs.replace(one, wish=_with_name(one.wish, seen)) for one in wanted)
    wishes = tuple(one.wish for one in wanted)
    proposal = surface(kind).propose(wishes, seen.collected, options)
    kinds = {one.kind for one in (*(wish.address for wish in wishes), *(each.address for each in proposal.effects))}
    gaps = dict.fromkeys(gap for kind in sorted(kinds) for gap in hides(seen.interpretation.gaps, kind))
    return WhatIf(name, True, tuple(_asked(one, seen, proposal) for one in wanted), proposal, tuple(gaps))


def _asked(wanted: Wanted, seen: Observed, proposal: Proposal) -> Asked:
    address = wanted.wish.address.on("")
    resources = (one for one in seen.interpretation.of_kind(address.kind) if one.name == address.name)
    now = next((one.value(address.attribute) for one in resources), None)
    allowed = next((one.text for one in proposal.allowed if one.address == address), "")
    return Asked(address, now, wanted.wish.value, wanted.written, allowed)


def _sealed(asked: Asked, sealer: Sealer) -> Asked:
    """What is asked for, sealed where it may be a secret: no listed word, of a BIOS attribute that is called as one."""
    if asked.address.kind != "ilo.bios" or not is_secret_name(asked.address.attribute):
        return asked
    if asked.written in asked.allowed.split(", "):
        return asked
    secret = Secret(sealer.seal(asked.written.encode("utf-8", "surrogatepass")))
    return msgspec.structs.replace(asked, then=secret, written="")


def _with_name(wish: Wish, seen: Observed) -> Wish:
    """The wish about the only BIOS of the machine, where it names none."""
    if wish.address.kind != "ilo.bios" or wish.address.name != _NO_NAME:
        return wish
    names = [one.name for one in seen.interpretation.of_kind("ilo.bios")]
    if len(names) != 1:
        return wish
    return msgspec.structs.replace(wish, address=msgspec.structs.replace(wish.address, name=names[0]))
