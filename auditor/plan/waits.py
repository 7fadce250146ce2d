"""What a plan says of settings that wait already: set by somebody else, and not in effect. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from auditor.model.plan import Step
from auditor.model.snapshot import Waiting
from auditor.model.value import Undetermined, show

_NAMED: Final = 8


def waiting_notes(waiting: Sequence[Waiting], steps: Iterable[Step]) -> tuple[str, ...]:
    """A note on what is set and not yet effective, by no step of the plan, and which of its resets ends the waiting."""
    if not waiting:
        return ()
    named = [_told(one) for one in waiting[:_NAMED]]
    if len(waiting) > _NAMED:
        named.append(f"and {len(waiting) - _NAMED} more")
    note = f"set, but not yet effective, and not by this plan: {', '.join(named)}."
    ended = {one.until for one in waiting} & {step.disruption for step in steps}
    return (" ".join((note, *(f"The {until} of this plan brings it into effect too." for until in sorted(ended)))),)


def _told(one: Waiting) -> str:
    place = one.address.on("")
    if one.then is None:
        return f"{place} (it is not said what; after the next {one.until})"
    now, then = (
        "not readable" if value is None or isinstance(value, Undetermined) else show(value)
        for value in (one.now, one.then)
    )
    until = "" if one.until == "none" else f" after the next {one.until}"
    return f"{place} ({now} now, {then}{until})"
