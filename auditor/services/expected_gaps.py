"""``expected_gaps:`` of the inventory: what is not there to be seen, by whose word, and until when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, Protocol, cast, get_args

import msgspec

from auditor.model.snapshot import Cause, ExpectedGap, Gap
from auditor.model.target import Target
from auditor.policy.document import Item, suggestion
from auditor.policy.globs import glob_matches, is_pattern

MAX_ENTRIES: Final = 5_000
_KNOWN: Final = ["target", "what", "cause", "reason", "owner", "expires", "ticket"]
_NEEDED: Final = ("target", "reason", "owner", "expires")
_CAUSES: Final[tuple[str, ...]] = get_args(Cause)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EXAMPLE: Final = "{target: web9, reason: in repair, owner: ops, expires: 2027-01-31}"


class Expectation(msgspec.Struct, frozen=True):
    """One entry: gaps of these targets are expected until a day, the day itself included.

    ``target`` is a name or pattern of hosts, targets or groups. ``what`` is a pattern of what was not seen, and
    ``causes`` are why; empty: whatever, whyever. ``file`` and ``line`` say where it stands.
    """

    target: str
    reason: str
    owner: str
    expires: date
    what: str = ""
    causes: tuple[Cause, ...] = ()
    ticket: str = ""
    file: str = ""
    line: int = 0

    def concerns(self, target: Target) -> bool:
        """Whether it speaks of this target."""
        return any(glob_matches(self.target, name) for name in (target.name, target.host, *target.groups))

    def covers(self, gap: Gap) -> bool:
        """Whether it speaks of such a gap."""
        return (not self.what or glob_matches(self.what, gap.what)) and (not self.causes or gap.cause in self.causes)

    @property
    def where(self) -> str:
        """``auditor.yaml:31``."""
        return f"{self.file}:{self.line}"


class Reader(Protocol):
    """What reads the inventory's items and gathers its mistakes."""

    def wrong(self, item: Item | None, what: str, next_step: str | None = None) -> None:
        """Notes a mistake."""
        ...

    def items(self, item: Item | None) -> tuple[Item, ...]:
        """The items of a list."""
        ...

    def members(self, item: Item | None, known: list[str]) -> dict[str, Item]:
        """The members of a mapping whose keys are known."""
        ...

    def text(self, item: Item | None, usual: str) -> str:
        """A text as written."""
        ...


def read_expected(reader: Reader, item: Item | None, targets: Sequence[Target], file: str) -> tuple[Expectation, ...]:
    """The entries of the list, in its order; ``file`` is the name that reports show. Mistakes go to the reader."""
    entries = reader.items(item)
    if len(entries) > MAX_ENTRIES:
        reader.wrong(item, f"more than {MAX_ENTRIES} expected gaps")
        return ()
    found = [_read(reader, one, targets, file) for one in entries]
    return tuple(one for one in found if one is not None)


def _read(reader: Reader, item: Item, targets: Sequence[Target], file: str) -> Expectation | None:
    parts = reader.members(item, _KNOWN)
    texts = {name: reader.text(part, "") for name, part in parts.items() if name != "cause"}
    missing = [name for name in _NEEDED if not texts.get(name)]
    if missing:
        reader.wrong(item, f"an expected gap needs {', '.join(missing)}", f"Write  {_EXAMPLE}")
        return None
    expires = _day(texts["expires"])
    if expires is None:
        reader.wrong(parts["expires"], f"{texts['expires']!r} is not a day; write it as 2027-01-31")
        return None
    made = Expectation(
        target=texts["target"],
        reason=texts["reason"],
        owner=texts["owner"],
        expires=expires,
        what=texts.get("what", ""),
        causes=_causes(reader, parts.get("cause")),
        ticket=texts.get("ticket", ""),
        file=file,
        line=item.place.line,
    )
    if not any(made.concerns(target) for target in targets):
        names = sorted({name for target in targets for name in (target.host, target.name, *target.groups)})
        hint = "" if is_pattern(made.target) else suggestion(made.target, names)
        reader.wrong(parts["target"], f"no target of the inventory is {made.target!r}{hint}")
    return made


def _causes(reader: Reader, item: Item | None) -> tuple[Cause, ...]:
    """One cause, or a list of them."""
    found: list[Cause] = []
    for one in reader.items(item) if item is not None and item.text is None else filter(None, (item,)):
        name = reader.text(one, "")
        if name in _CAUSES:
            found.append(cast(Cause, name))
        else:
            hint = suggestion(name, _CAUSES)
            reader.wrong(one, f"there is no cause {name!r}{hint}", f"Causes are: {', '.join(_CAUSES)}")
    return tuple(found)


def _day(text: str) -> date | None:
    if not _DAY.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


class Expectations:
    """The entries that count on a day, and which of them were met in the run that asks."""

    def __init__(self, entries: Iterable[Expectation] = (), today: date = date.max) -> None:
        every = tuple(entries)
        self._valid = tuple(one for one in every if today <= one.expires)
        self._lapsed = tuple(one for one in every if today > one.expires)
        self._looked: set[Expectation] = set()
        self._met: set[Expectation] = set()

    def mark(self, target: Target, gaps: Iterable[Gap]) -> tuple[Gap, ...]:
        """The target's gaps, those that are expected marked as such. What hides nothing needs no expectation."""
        every = (*self._valid, *self._lapsed)
        mine = [one for one in every if one.concerns(target)]
        self._looked.update(mine)
        return tuple(self._marked(gap, mine) for gap in gaps)

    def _marked(self, gap: Gap, mine: Sequence[Expectation]) -> Gap:
        covering = [one for one in mine if one.covers(gap)]
        self._met.update(covering)
        valid = next((one for one in covering if one in self._valid), None)
        if valid is None or not gap.counts:
            return gap
        return ExpectedGap(
            gap.what,
            gap.cause,
            gap.detail,
            gap.next_step,
            gap.kinds,
            owner=valid.owner,
            until=valid.expires.isoformat(),
            reason=valid.reason + (f" ({valid.ticket})" if valid.ticket else ""),
        )

    def declared(self, target: Target) -> bool:
        """Whether anything of this target is expected not to be seen."""
        return any(one.concerns(target) for one in self._valid)

    def notes(self) -> tuple[str, ...]:
        """A sentence for every entry of the targets looked at that has expired, or whose gap did not occur."""
        return tuple(self._told(one) for one in (*self._lapsed, *self._valid) if one in self._looked and self._say(one))

    def _say(self, one: Expectation) -> bool:
        return one in self._lapsed or one not in self._met

    def _told(self, one: Expectation) -> str:
        gap = f"the gap expected on {one.target}" + (f" ({one.what})" if one.what else "")
        if one in self._lapsed:
            counts = "it counts again" if one in self._met else "and it did not occur: take the entry out"
            return f"{one.where}: {gap} was expected until {one.expires}; {counts} (owner: {one.owner})"
        return f"{one.where}: {gap} did not occur: it is expected until {one.expires} (owner: {one.owner})"
