"""What a surface must offer: collect, interpret, propose, carry out, read back.

A new surface is a new folder with this face, found through the entry-point group ``auditor.surfaces``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

import msgspec

from auditor.model.catalogue import Catalogue
from auditor.model.declared import Declaration
from auditor.transport.log_ins import LogIns
from auditor.transport.shared import Shared
from auditor.transport.ssh.logins import Logins

if TYPE_CHECKING:
    from auditor.model.plan import Direction, Plan, Proposal, Step, Wish
    from auditor.model.resource import KindSpec
    from auditor.model.secret import Sealer
    from auditor.model.snapshot import Collected, Document, Interpretation
    from auditor.model.target import Target

Observe = Callable[[str], None]
"""Told, in a short sentence, what is being done; the core never prints."""


def ignore(_: str) -> None:
    """An observer that does nothing."""


class CollectOptions(msgspec.Struct, frozen=True):
    """How to collect.

    ``environment`` is where credentials are looked up (the process's own at the edge, a mapping in tests);
    ``deadline_s`` bounds one target in seconds; ``logins`` (over SSH) and ``log_ins`` (with a password) are those of
    the whole run. ``whole_state`` asks also what the running server has loaded and whether packages are as delivered,
    which an answer about the configuration alone can do without. ``remember`` is the folder in which a surface may
    keep what spares it requests the next time, and use what it kept there; None: all is read. All is read anyway once
    the last full read is ``full_after_s`` old. ``shared`` holds reference data that the run's targets have in common;
    ``keep`` is the folder in which a surface may keep it from one run to the next, also where all is read.
    """

    sealer: Sealer
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    deadline_s: float = 120.0
    observe: Observe = ignore
    logins: Logins = msgspec.field(default_factory=Logins)
    whole_state: bool = True
    remember: Path | None = None
    full_after_s: float = 86_400.0
    log_ins: LogIns = msgspec.field(default_factory=LogIns)
    shared: Shared = msgspec.field(default_factory=Shared)
    keep: Path | None = None


class InterpretOptions(msgspec.Struct, frozen=True):
    """What a person knows better than the collection: httpd's version, defines, environment and modules.

    ``modules`` are compiled in; with ``no_other_modules`` these are all, beside the core that is always there.
    ``declared`` are the hops in front and behind, and the load, which no configuration says. ``catalogue`` is the
    fleet's firmware catalogue, where firmware is asked for.
    """

    httpd_version: str = ""
    defines: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()
    no_other_modules: bool = False
    declared: tuple[Declaration, ...] = ()
    catalogue: Catalogue | None = None


class WholeFiles(InterpretOptions, frozen=True):
    """The same, for a plan that is to hold on to whole files, and may ask for them.

    ``sealer`` is that of the collection, ``gone`` are files and links that are asked for as the store last held them.
    """

    sealer: Sealer | None = None
    gone: tuple[Document, ...] = ()


class Journal(Protocol):
    """The write-ahead journal of one target: :meth:`intent` returns only once its line is on disk."""

    def intent(self, step: str, act: str, **detail: str) -> None:
        """Announces an act, before it."""
        ...

    def done(self, step: str, act: str, **detail: str) -> None:
        """Says that the announced act took place."""
        ...

    def failed(self, step: str, act: str, **detail: str) -> None:
        """Says that the announced act failed."""
        ...

    def entries(self) -> tuple[tuple[str, str, str, Mapping[str, str]], ...]:
        """What was written so far, earlier runs included: (step, act, mark, detail), in order."""
        ...


class ActOptions(msgspec.Struct, frozen=True):
    """What an act needs beside the target: the plan and its id, the journal, the sealer, credentials, an observer.

    ``log_ins`` are those of the whole run. ``holder`` names who locks a target, the same in every run of a fleet on one
    controller, and of no other. ``confirm_within_s`` are the seconds after which the target takes the change back by
    itself unless it is confirmed; 0: never. ``artefacts`` are the files of the firmware catalogue that are at hand, by
    SHA-256. ``rehearsal`` says that the target is a stand-in, beside which no server of the target's can be seen.
    """

    plan: Plan
    plan_id: str
    journal: Journal
    sealer: Sealer
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    observe: Observe = ignore
    deadline_s: float = 900.0
    holder: str = "another run"
    confirm_within_s: int = 0
    artefacts: Mapping[str, Path] = msgspec.field(default_factory=dict)
    log_ins: LogIns = msgspec.field(default_factory=LogIns)
    rehearsal: bool = False


class Caveat(str):
    """A sentence of a transaction about something that does not hold, and does not stop it either."""

    __slots__ = ()


def following(lead: str, said: str) -> str:
    """Two parts of one sentence; a caveat stays one."""
    whole = f"{lead}{said}"
    return Caveat(whole) if isinstance(said, Caveat) else whole


DeadlineAct = Literal["ask", "confirm", "disarm", "finish"]


class Deadline(msgspec.Struct, frozen=True):
    """How a change stands that has to be confirmed.

    ``state`` is ``pending``, ``confirmed``, ``disarmed``, ``reverting``, ``reverted`` or ``none``. Of a reverted one,
    ``time`` says when, ``text`` what became of the server, and ``left`` which files somebody else had changed. ``by``
    is who takes it back; empty: the target itself.
    """

    state: str
    time: str = ""
    text: str = ""
    left: tuple[int, ...] = ()
    by: str = ""


@runtime_checkable
class Confirmable(Protocol):
    """A transaction whose target can take the change back by itself, unless it is confirmed in time."""

    async def deadline(self, act: DeadlineAct) -> Deadline:
        """Confirms, disarms, finishes a taking back that was broken off, or only asks; gives how it then stands.

        Errors:
            RefusedError, CollectError: the target cannot be asked.
        """
        ...


class Transaction(Protocol):
    """The steps of one plan on one target, forward or back, as one unit: one reload or reset serves them all.

    The machine calls :meth:`prepare`, then :meth:`perform`; after a failure or a kill it calls :meth:`take_back`,
    which is idempotent and needs nothing but the journal, the target and the plan. Each act is announced in the
    journal first. Only a re-read counts: :meth:`perform` returns when the target itself says that it took place.
    """

    async def prepare(self) -> tuple[str, ...]:
        """Checks and stages; the target serves as before. Gives what was checked, a sentence each.

        Errors:
            RefusedError: a precondition or one of the target's own checks does not hold; nothing was changed.
        """
        ...

    async def perform(self) -> tuple[str, ...]:
        """Changes the target and activates the change. Gives what was done and seen, a sentence each.

        Errors:
            ApplyError: an act failed, or the target does not show it; :meth:`take_back` comes next.
        """
        ...

    async def take_back(self) -> tuple[str, ...]:
        """Takes back, in reverse, all that the journal says was begun, and activates that.

        Errors:
            ApplyError: it could not; a person is needed.
        """
        ...

    async def finish(self) -> None:
        """Releases locks and sessions; removes what was only staged. Called whatever happened."""
        ...


MOUNTED: Final = "auditor: mounted"
"""Said on standard error by a command that made a namespace of its own, once it is inside."""


class Copy(msgspec.Struct, frozen=True):
    """A copy of a target for a rehearsal.

    ``text`` says what it is. ``wrap`` is the command under which whatever works on it has to run; such a command says
    :data:`MOUNTED` once it is inside. ``broken`` says why the target does not pass its own check even unchanged, so
    that the copy could prove nothing. ``leave`` removes what of it stands elsewhere than below the folder.
    """

    text: str
    wrap: tuple[str, ...] = ()
    broken: str = ""
    leave: Callable[[], Awaitable[None]] | None = None


class StandIn(msgspec.Struct, frozen=True):
    """What stands for a target in a rehearsal: ``environment`` is added to that of the acts.

    ``state`` gives all that must be the same again after the way back, by name, as far as no resource shows it.
    """

    target: Target
    environment: Mapping[str, str]
    state: Callable[[], Awaitable[Mapping[str, str]]]


class Surface(Protocol):
    """One kind of thing that can be audited."""

    @property
    def name(self) -> str:
        """``httpd`` or ``ilo``."""
        ...

    @property
    def kinds(self) -> tuple[KindSpec, ...]:
        """The kinds of resource it knows, for validating rules, baselines and wishes."""
        ...

    async def collect(self, target: Target, options: CollectOptions) -> Collected:
        """All that can be read of the target, secrets sealed. What cannot be read is a gap; it never raises for that.

        Errors:
            InputError: the target names something that does not exist or is of no use here (a typo, not a fault).
        """
        ...

    def interpret(self, collected: Collected, options: InterpretOptions) -> Interpretation:
        """What the collection means. Pure: the same collection and options give the same resources."""
        ...

    def propose(self, wishes: tuple[Wish, ...], collected: Collected, options: InterpretOptions) -> Proposal:
        """The least steps that fulfil the wishes, with every effect on other attributes. Pure."""
        ...

    def begin(self, target: Target, steps: tuple[Step, ...], direction: Direction, options: ActOptions) -> Transaction:
        """A transaction of these steps on the target. ``back`` performs their undos, in reverse."""
        ...

    async def copy(self, target: Target, steps: tuple[Step, ...], folder: Path, options: CollectOptions) -> Copy:
        """Copies what a rehearsal of the steps needs below ``folder``; the target is only read.

        Errors:
            RefusedError: it cannot be rehearsed from here, with the reason.
            OSError: the copy could not be made.
        """
        ...

    def stand_in(self, target: Target, folder: Path) -> AbstractAsyncContextManager[StandIn]:
        """What stands for the target while a rehearsal runs on the copy below ``folder``, under its ``wrap``."""
        ...
