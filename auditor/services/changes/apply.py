"""The use case "apply"."""

from __future__ import annotations

from auditor.model.plan import ApplyReport
from auditor.plan.halt import Halt
from auditor.services.changes.desk import Desk
from auditor.services.changes.judging import Judged
from auditor.services.changes.run import PlanRun


async def apply_plan(
    desk: Desk,
    words: str,
    *,
    confirm_within_s: int = 0,
    halt: Halt | None = None,
    judged_by: Judged | None = None,
) -> ApplyReport:
    """Applies the plan that the words name (an id, or its first digits), and says what became of each target.

    With ``confirm_within_s`` each target takes the change back by itself after so many seconds, unless
    :func:`auditor.services.changes.confirm_plan` says that it stays. What an earlier run left half done is taken back
    first. A failed target is taken back and reported, never raised. ``halt`` can end the run before the next target.
    ``judged_by`` are the rules that must find afterwards what the plan foresees; None: they are not put.

    Errors:
        InputError: there is no such plan, or it was damaged.
        RefusedError: the guard, a signature, a precondition or a lock says no; nothing was changed.
        IncompleteError: an earlier run cannot be taken back; a person is needed.
        StoreError: all was applied and verified, but the store could not be told.
    """
    run = PlanRun(desk, "forward", confirm_within_s=confirm_within_s, halt=halt or Halt(), judged_by=judged_by)
    return await run.run(words)
