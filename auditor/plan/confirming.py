"""What became of a change that its target takes back by itself unless it is confirmed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from auditor.errors import ApplyError, AuditorError
from auditor.model.plan import OutcomeOf, Step
from auditor.model.secret import Sealer
from auditor.plan.conditions import Seen, as_far_as_seen, as_found
from auditor.surfaces.interface import Confirmable, Deadline, DeadlineAct, Transaction

_WAITS: Final[Mapping[str, str]] = {
    "pending": "it still waits",
    "reverting": "taking it back has begun and did not end",
}
_UNKNOWN: Final = "nothing is known of it there any more"


async def settled(target: str, transaction: Transaction, act: DeadlineAct, until: str) -> OutcomeOf:
    """How the target says that it stands; the transaction is finished.

    ``applied`` while it still waits, or cannot be asked about; ``confirmed``; ``already`` where nothing waits any more,
    which counts for one that is to be rolled back and of which the target knows nothing;
    ``taken back`` or ``incomplete`` where it was taken back when the time was over, which nobody has looked at yet.
    """
    try:
        found = await _ask(transaction, act)
    except ApplyError as error:
        return OutcomeOf(target, "incomplete", f"not confirmed by {until}, and taking it back failed: {error.what}")
    except AuditorError as error:
        return OutcomeOf(target, "applied", f"it cannot be asked whether it still waits: {error.what}")
    finally:
        await transaction.finish()
    if found.state == "confirmed":
        return OutcomeOf(target, "confirmed", "confirmed, so that it stays")
    if found.state == "none" and act == "disarm":  # else nothing could ever take it back
        return OutcomeOf(target, "already", f"{_UNKNOWN}, so that nothing takes it back by itself")
    if found.state == "disarmed":
        return OutcomeOf(target, "already", "it is not taken back by itself any more")
    if found.state != "reverted":
        return OutcomeOf(target, "applied", _WAITS.get(found.state, _UNKNOWN))
    when = f" at {found.time}" if found.time else ""
    text = f"not confirmed by {until}, so {found.by or target} took it back by itself{when}"
    checks = ((found.text, not found.text.startswith("not ")),) if found.text else ()
    if found.left:
        left = f"{text}; {len(found.left)} of its files had been changed since and were left"
        return OutcomeOf(target, "incomplete", left, checks)
    return OutcomeOf(target, "taken back", text, checks)


async def _ask(transaction: Transaction, act: DeadlineAct) -> Deadline:
    if not isinstance(transaction, Confirmable):
        return Deadline("none")
    found = await transaction.deadline(act)
    return await transaction.deadline("finish") if found.state == "reverting" else found


async def seen_again(
    outcome: OutcomeOf, look: Callable[[], Awaitable[Seen]], steps: Sequence[Step], sealer: Sealer
) -> OutcomeOf:
    """The outcome of what was taken back, once it is seen whether everything is as the plan found it."""
    try:
        seen = await look()
    except AuditorError as error:
        text = f"{outcome.text}; it cannot be read to verify that: {error.what}"
        return msgspec.structs.replace(outcome, outcome="incomplete", text=text)
    wrong = [held.sentence for held in as_found(steps, seen, sealer) if not held.holds]
    if wrong:
        text = f"{outcome.text}; yet not as before: {'; '.join(wrong[:10])}"
        return msgspec.structs.replace(outcome, outcome="incomplete", text=text)
    return msgspec.structs.replace(outcome, checks=(*outcome.checks, (as_far_as_seen("as before", seen), True)))
