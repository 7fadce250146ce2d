"""What a transaction needs of the machine on which its tree stands, be it this one or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from auditor.errors import RefusedError
from auditor.model.plan import Direction
from auditor.surfaces.httpd.carry_out.backup import Manifest
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.server import Server
from auditor.surfaces.httpd.carry_out.stage import Checked
from auditor.surfaces.httpd.carry_out.timer import Timer
from auditor.transport.interface import Shell

Pairs = Sequence[tuple[LiveFile, LiveFile]]
"""What stands live, each with what is to stand there."""


class Machine(Protocol):
    """Files, backups, lock and server of one tree for one plan. What it keeps there is for its owner alone.

    Errors of every method: ``RefusedError`` where nothing was changed and nothing will be, ``ApplyError`` where an act
    failed; a live file is then as it was, or has all of its new bytes.
    """

    @property
    def timer(self) -> Timer:
        """What takes the change back unless it is confirmed; the lock must be held."""
        ...

    @property
    def server(self) -> Server:
        """The server that reads the tree."""
        ...

    @property
    def root(self) -> str:
        """Where the tree really stands, links followed."""
        ...

    @property
    def shell(self) -> Shell:
        """The shell of its machine."""
        ...

    @property
    def own_folder(self) -> str:
        """What is kept there for this plan, once the lock is held."""
        ...

    def reached(self, act: str) -> None:
        """Called before an act of the server's."""
        ...

    def kept_at(self, direction: Direction) -> str:
        """Where the backup of one direction stands, for people."""
        ...

    async def lock(self) -> None:
        """Takes the target's lock, unless it is held already, and makes the plan's folder there."""
        ...

    async def read(
        self, names: Mapping[str, tuple[str, ...]], *, kept: bool = False, entries: frozenset[str] = frozenset()
    ) -> list[LiveFile | RefusedError]:
        """The live files of these names, each with the links that have to lead to it; or why one cannot be changed.

        Of ``entries`` it is what stands at the name itself: a file, a link, or nothing. ``kept`` says that a backup of
        ours names them, so that they may lie outside of the tree.
        """
        ...

    async def ids(self, owners: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
        """The numbers of users and groups there. Errors: RefusedError where there is none of that name."""
        ...

    async def stage(self, pairs: Pairs) -> None:
        """Puts the new bytes beside, once it is seen that each file can be replaced."""
        ...

    async def check(self) -> Checked:
        """The server's own check on the tree as it will be with what was staged."""
        ...

    async def keep(self, direction: Direction, pairs: Pairs) -> None:
        """Keeps what stands live with bytes, mode, owner and label; on disk, and whole or not there."""
        ...

    async def kept(self, direction: Direction) -> Manifest | None:
        """What was kept, or None where nothing was."""
        ...

    async def kept_bytes(self, direction: Direction, manifest: Manifest) -> list[bytes]:
        """The bytes of each file as they were, compared with their keyed digests."""
        ...

    async def replace(self, pairs: Pairs) -> None:
        """Puts what is wanted in each place, one step each; what is not as it was read is left."""
        ...

    async def put_back(
        self, direction: Direction, manifest: Manifest, live: Mapping[int, LiveFile], numbers: Sequence[int]
    ) -> None:
        """Puts back the files of these numbers. Of the other live ones only the names are synced.

        A recovery that was ended may have put those back without that.
        """
        ...

    async def clear(self, names: Sequence[str], entries: frozenset[str] = frozenset()) -> None:
        """Removes what was staged, and new bytes that never took the place of these files."""
        ...

    async def release(self) -> None:
        """Gives the lock back. Never raises."""
        ...
