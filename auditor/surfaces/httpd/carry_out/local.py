"""Changing a tree of this machine: every act on its disk goes through :class:`auditor.transport.acts.Acts`."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from auditor.errors import ApplyError, RefusedError
from auditor.model.plan import Direction
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.carry_out import backup, files
from auditor.surfaces.httpd.carry_out.backup import Manifest
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.machine import Pairs
from auditor.surfaces.httpd.carry_out.server import Server
from auditor.surfaces.httpd.carry_out.stage import Checked, Staged, check_stage, write_stage
from auditor.surfaces.httpd.carry_out.timer import FREED_WITHIN_S, REVERTING, Timer
from auditor.surfaces.interface import ActOptions
from auditor.transport.acts import Acts
from auditor.transport.interface import Shell
from auditor.transport.local_shell import LocalShell
from auditor.transport.lock import hold, state_home


def state_folder(target: Target, tree: LocalTree, environment: Mapping[str, str]) -> Path:
    """Where backups and the lock of a target are kept: the inventory's ``state_dir``, else below the user's state."""
    if tree.state_dir:
        return Path(tree.state_dir)
    name = hashlib.sha256(f"{target.name}\0{tree.path}".encode()).hexdigest()[:16]
    return state_home(environment) / "auditor" / "targets" / name


@dataclass
class LocalMachine:
    """A :class:`auditor.surfaces.httpd.carry_out.machine.Machine` for a tree of this machine."""

    target: Target
    tree: LocalTree
    main_file: str
    options: ActOptions
    server: Server
    acts: Acts = field(default_factory=Acts)
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _locked: bool = False
    _staged: list[Staged] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The tree, links followed."""
        return str(self._root)

    @property
    def _root(self) -> Path:
        return Path(self.tree.path).resolve()

    @property
    def folder(self) -> Path:
        """What is kept on the target for this plan."""
        return state_folder(self.target, self.tree, self.options.environment) / "plans" / self.options.plan_id

    @property
    def shell(self) -> Shell:
        """The shell of this machine."""
        return LocalShell()

    @property
    def own_folder(self) -> str:
        """The same as text, links followed."""
        return str(self.folder.resolve())

    @property
    def timer(self) -> Timer:
        """By the shell of this machine."""
        state = state_folder(self.target, self.tree, self.options.environment)
        return Timer(LocalShell(), str(state.resolve()), self.options.plan_id, self.options.holder)

    def reached(self, act: str) -> None:
        """See :meth:`auditor.transport.acts.Acts.reached`."""
        self.acts.reached(act, self.tree.path)

    def kept_at(self, direction: Direction) -> str:
        """The folder of a backup."""
        return str(backup.backup_folder(self.folder, direction))

    async def lock(self) -> None:
        """Takes the lock of the target's state folder."""
        if self._locked:
            return
        state = state_folder(self.target, self.tree, self.options.environment)
        backup.own_directory(state, self.acts)
        deadline = time.monotonic() + FREED_WITHIN_S
        while True:
            try:
                self._held.enter_context(hold(state / "lock", self.target.name, f"plan {self.options.plan_id[:8]}"))
                break
            except RefusedError as error:
                if not error.what.endswith(f" {REVERTING}.") or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.2)
        self._locked = True
        backup.own_directory(self.folder, self.acts)
        try:
            self.acts.sync_names(self.folder)  # a run that was ended may have made them
        except OSError as error:
            raise RefusedError(
                f"backups cannot be kept: {error.strerror}.", where=str(self.folder), untouched="Nothing was changed."
            ) from error

    async def read(
        self, names: Mapping[str, tuple[str, ...]], *, kept: bool = False, entries: frozenset[str] = frozenset()
    ) -> list[LiveFile | RefusedError]:
        """The live files, read anew."""
        found: list[LiveFile | RefusedError] = []
        for name, links in names.items():
            try:
                found.append(self._read(name, links, kept=kept, entry=name in entries))
            except RefusedError as error:
                found.append(error)
        return found

    def _read(self, name: str, links: tuple[str, ...], *, kept: bool, entry: bool) -> LiveFile:
        if entry:
            return files.read_entry(self._root, name, kept=kept)
        return files.read_live(self._root, name, links, kept=kept)

    async def ids(self, owners: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
        """The numbers of users and groups of this machine."""
        return [(user_number(user), group_number(group)) for user, group in owners]

    async def stage(self, pairs: Pairs) -> None:
        """Probes each file, then writes the new bytes into the plan's folder."""
        for live, wanted in pairs:
            files.probe(live, wanted, self.options.plan_id, self.acts)
        try:
            self._staged = write_stage(self.folder / "stage", pairs, self.acts)
        except OSError as error:
            raise self._not_staged(error) from error

    async def check(self) -> Checked:
        """See :func:`auditor.surfaces.httpd.carry_out.stage.check_stage`."""
        folder = self.folder / "stage"
        try:
            return await check_stage(
                folder, self._root, self.main_file, self._staged, server=self.server, acts=self.acts
            )
        except OSError as error:
            raise self._not_staged(error) from error

    async def keep(self, direction: Direction, pairs: Pairs) -> None:
        """Writes the backup."""
        folder = backup.backup_folder(self.folder, direction)
        with self._failing():
            backup.write_backup(folder, self.options.plan_id, tuple(pairs), self.options.sealer, self.acts)

    async def kept(self, direction: Direction) -> Manifest | None:
        """The backup's manifest."""
        return backup.read_manifest(backup.backup_folder(self.folder, direction))

    async def kept_bytes(self, direction: Direction, manifest: Manifest) -> list[bytes]:
        """The backup's bytes."""
        return [self._kept_bytes(direction, manifest, number) for number in range(len(manifest.files))]

    async def replace(self, pairs: Pairs) -> None:
        """Replaces each file once it is seen to be as it was read."""
        for live, wanted in pairs:
            if self._read(live.name, live.links, kept=True, entry=live.entry) != live:
                raise ApplyError("it was changed by somebody else while the plan was applied.", where=live.name)
            with self._failing():
                files.become(live, wanted, self.options.plan_id, self.acts)

    async def put_back(
        self, direction: Direction, manifest: Manifest, live: Mapping[int, LiveFile], numbers: Sequence[int]
    ) -> None:
        """Restores the files of these numbers, the last first, and syncs the names of the other live ones."""
        for number, file in reversed([*live.items()]):
            kept = manifest.files[number]
            try:
                if number not in numbers:
                    self.acts.sync_directory(file.real.parent)
                    continue
                before = kept.as_before(self._kept_bytes(direction, manifest, number), file)
                files.become(file, before, self.options.plan_id, self.acts)
            except OSError as error:
                raise ApplyError(f"it cannot be restored: {error.strerror or error}.", where=kept.name) from error

    async def clear(self, names: Sequence[str], entries: frozenset[str] = frozenset()) -> None:
        """Makes room on a full disk, too."""
        self.acts.remove_tree(self.folder / "stage")
        for name in names:
            with contextlib.suppress(OSError, RuntimeError):
                path = self._root / name
                real = files.place_of(self._root, name) if name in entries else path.resolve(strict=True)
                temporary = files.temporary_for(real, self.options.plan_id)
                if temporary.is_file() or temporary.is_symlink():
                    self.acts.unlink(temporary)
                    self.acts.sync_directory(real.parent)

    async def release(self) -> None:
        """Gives the lock back."""
        self._locked = False
        self._held.close()

    def _kept_bytes(self, direction: Direction, manifest: Manifest, number: int) -> bytes:
        folder = backup.backup_folder(self.folder, direction)
        return backup.kept_bytes(folder, manifest, number, self.options.sealer)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ApplyError(f"{error.filename or self.target.name}: {error.strerror or error}") from error

    def _not_staged(self, error: OSError) -> RefusedError:
        return RefusedError(
            f"{self.target.name}: staging failed: {error.strerror or error}.", untouched="Nothing was changed."
        )


def user_number(name: str) -> int:
    """The number of a user here, by name or number.

    Errors:
        RefusedError: there is none.
    """
    import pwd

    try:
        return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise RefusedError(f"there is no user {name!r} there.", untouched="Nothing was changed.") from None


def group_number(name: str) -> int:
    """The number of a group here, by name or number.

    Errors:
        RefusedError: there is none.
    """
    import grp

    try:
        return int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise RefusedError(f"there is no group {name!r} there.", untouched="Nothing was changed.") from None
