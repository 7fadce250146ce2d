"""The exceptions of the auditor.

AuditorError
├── InputError      what a person wrote cannot be used (exit 2)
├── CollectError    a target could not be read (exit 3)
├── StoreError      the store could not be read or written (exit 3)
├── RefusedError    a guard said no; nothing was changed (exit 4)
└── ApplyError      a step failed after something had changed
    ├── TakenBackError     everything was taken back and verified (exit 5)
    └── IncompleteError    a person is needed (exit 6)

Findings, drift and gaps are data, not exceptions. Errors are caught in four places only: in an adapter (raised
again as one of these), where one target's failure becomes a gap, where a step must be taken back, and in the
command line.
"""

from __future__ import annotations

from typing import ClassVar, Final

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_INPUT: Final = 2
EXIT_INCOMPLETE: Final = 3
EXIT_REFUSED: Final = 4
EXIT_TAKEN_BACK: Final = 5
EXIT_PERSON_NEEDED: Final = 6
EXIT_INTERNAL: Final = 70


class AuditorError(Exception):
    """An error that a user can act on.

    Args:
        what: What happened, in one sentence, naming the target or file concerned.
        where: ``file:line`` or ``file:line:column`` of the cause, where there is one.
        untouched: What was left as it was, for example ``Nothing was changed.``
        next_step: What to do now: a sentence or a command.
    """

    exit_code: ClassVar[int] = EXIT_INTERNAL

    def __init__(
        self, what: str, *, where: str | None = None, untouched: str | None = None, next_step: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.untouched = untouched
        self.next_step = next_step

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        if self.untouched:
            head = f"{head}{'' if head.endswith(('.', '!', '?', '。')) else '.'} {self.untouched}"
        return f"{head}\n  {self.next_step}" if self.next_step else head


class InputError(AuditorError):
    """What a person wrote (argument, policy, baseline, inventory, waiver, plan) cannot be used.

    Several mistakes are gathered before it is raised: ``others`` holds those after the first.
    """

    exit_code: ClassVar[int] = EXIT_INPUT

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        untouched: str | None = None,
        next_step: str | None = None,
        others: tuple[InputError, ...] = (),
    ) -> None:
        super().__init__(what, where=where, untouched=untouched, next_step=next_step)
        self.others = others

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(str(other) for other in self.others)])

    @classmethod
    def gather(cls, mistakes: list[InputError]) -> InputError:
        """One error that names every mistake of a non-empty list, in its order."""
        first, *rest = mistakes
        return cls(
            first.what,
            where=first.where,
            untouched=first.untouched,
            next_step=first.next_step,
            others=(*first.others, *rest),
        )


class CollectError(AuditorError):
    """A target could not be read: unreachable, refused log-in, certificate, time-out, malformed answer.

    ``cause`` is one of the causes of :class:`auditor.model.snapshot.Gap`.
    """

    exit_code: ClassVar[int] = EXIT_INCOMPLETE

    def __init__(
        self,
        what: str,
        *,
        cause: str = "unreachable",
        where: str | None = None,
        untouched: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(what, where=where, untouched=untouched, next_step=next_step)
        self.cause = cause


class StoreError(AuditorError):
    """The store of snapshots and events could not be read or written."""

    exit_code: ClassVar[int] = EXIT_INCOMPLETE


class RefusedError(AuditorError):
    """A guard said no before anything was changed: stale plan, precondition, approval, lock."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class ApplyError(AuditorError):
    """A step failed. Raised by a surface; the apply machine takes back and raises one of the two below."""

    exit_code: ClassVar[int] = EXIT_PERSON_NEEDED


class TakenBackError(ApplyError):
    """The change failed; everything done was taken back and verified to be as before."""

    exit_code: ClassVar[int] = EXIT_TAKEN_BACK


class IncompleteError(ApplyError):
    """The change failed and taking back is incomplete: a person is needed."""

    exit_code: ClassVar[int] = EXIT_PERSON_NEEDED
