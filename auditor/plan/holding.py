"""A transaction on a target that takes nothing back by itself: this controller does, unless it is confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.errors import ApplyError
from auditor.model.plan import Direction
from auditor.plan.held import HeldDeadline
from auditor.plan.journal import ARM, RUN
from auditor.surfaces.interface import Deadline, DeadlineAct, Journal, Transaction

BY: str = "this controller"


@dataclass
class HeldTransaction:
    """The transaction of a target, with a deadline that this controller holds.

    ``seconds`` are those of a run that has to be confirmed, else 0; ``costs`` says what taking back disrupts.
    """

    inner: Transaction
    held: HeldDeadline
    journal: Journal
    direction: Direction
    seconds: int = 0
    costs: str = ""

    async def prepare(self) -> tuple[str, ...]:
        """Prepares, then lets the time begin, before anything is changed.

        Errors:
            RefusedError: as of the transaction, or the deadline cannot be held here.
        """
        said = await self.inner.prepare()
        if not self.seconds or self.direction == "back":
            return said
        self.journal.intent("", ARM, seconds=str(self.seconds))
        how = self.held.arm(self.seconds)
        self.journal.done("", ARM, seconds=str(self.seconds), how=how)
        return (
            *said,
            f"taken back by {BY} in {self.seconds} s unless it is confirmed: {how} that inherited the credentials, "
            f"which are stored nowhere; where it has ended, as at a boot, by the next command{self.costs}",
        )

    async def perform(self) -> tuple[str, ...]:
        """Performs.

        Errors:
            ApplyError: as of the transaction, or it took longer than there was time to confirm it.
        """
        said = await self.inner.perform()
        if self._armed and self.held.state != "pending":
            raise ApplyError("the time to confirm it was over before it was done.", where=self.held.target)
        return said

    async def take_back(self) -> tuple[str, ...]:
        """Takes back, unless that was done when the time was over; nothing waits any more then."""
        if not self._armed:
            return await self.inner.take_back()
        became = self.held.became
        if self.held.state == "reverted" and became is not None:
            return (f"{BY} took it back at {became.time}: {became.text}",)
        said = await self.inner.take_back()
        self.held.close()
        return said

    async def deadline(self, act: DeadlineAct) -> Deadline:
        """See :meth:`auditor.surfaces.interface.Confirmable.deadline`."""
        state = self.held.decide(act)
        if act == "finish" and state == "reverting":
            self.held.end("; ".join(await self.inner.take_back()))
            state = self.held.state
        if act == "ask" and state == "pending":
            self.held.revive()
        if state != "reverted":
            return Deadline(state, by=BY)
        became = self.held.became
        return Deadline(state, became.time if became else "", became.text if became else "", by=BY)

    async def finish(self) -> None:
        """As the transaction."""
        await self.inner.finish()

    @property
    def _armed(self) -> bool:
        """Whether the present run has let the time begin, or was ended at that."""
        for _, act, mark, _ in reversed(self.journal.entries()):
            if mark == "intent" and act in (ARM, RUN):
                return act == ARM
        return False
