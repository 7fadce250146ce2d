"""Edits of one plan on one httpd tree of this machine, forward or back, as one unit with one reload."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

import msgspec

from auditor.errors import ApplyError, AuditorError, RefusedError
from auditor.model.plan import Direction, DirectiveEdit, Step
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.carry_out import backup, files, stage
from auditor.surfaces.httpd.carry_out.backup import Kept, Manifest
from auditor.surfaces.httpd.carry_out.edits import edited
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.server import Running, Server
from auditor.surfaces.interface import ActOptions, Caveat
from auditor.transport.acts import Acts
from auditor.transport.lock import hold, state_home

REPLACE: Final = "replace"
RELOAD: Final = "reload"
_UNCHECKED: Final = stage.Checked("nowhere", "")
Pairs = tuple[tuple[LiveFile, bytes], ...]


class Survey(Protocol):
    """The live tree as the collector reads it."""

    def seal(self, name: str, content: bytes, /) -> bytes:
        """A file's content as it would be collected."""
        ...

    def preflight(self, new: Mapping[str, bytes], /) -> tuple[str, ...]:
        """Looks at the files' new bytes for what the server's own check skips; gives what it checked, or refuses."""
        ...


def state_folder(target: Target, tree: LocalTree, environment: Mapping[str, str]) -> Path:
    """Where backups and the lock of a target are kept: the inventory's ``state_dir``, else below the user's state."""
    if tree.state_dir:
        return Path(tree.state_dir)
    name = hashlib.sha256(f"{target.name}\0{tree.path}".encode()).hexdigest()[:16]
    return state_home(environment) / "auditor" / "targets" / name


@dataclass
class HttpdTransaction:
    """The steps of a plan on one tree. ``survey`` reads the tree anew; going back needs it only without a backup."""

    target: Target
    tree: LocalTree
    main_file: str
    steps: tuple[Step, ...]
    direction: Direction
    options: ActOptions
    server: Server
    survey: Callable[[], Awaitable[Survey]]
    acts: Acts = field(default_factory=Acts)
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _locked: bool = False
    _pairs: Pairs = ()
    _checked: stage.Checked = _UNCHECKED
    _running: Running | None = None
    _broken_before: str = ""

    @property
    def root(self) -> Path:
        """The tree, links followed."""
        return Path(self.tree.path).resolve()

    @property
    def folder(self) -> Path:
        """What is kept on the target for this plan."""
        state = state_folder(self.target, self.tree, self.options.environment)
        return state / "plans" / self.options.plan_id

    async def prepare(self) -> tuple[str, ...]:
        """Reads the live files again, computes the new bytes, and has them checked; nothing live is changed."""
        self._lock()
        survey = await self.survey() if self.direction == "forward" else None
        self._pairs = self._edited(survey) if survey else await self._back()
        for live, _ in self._pairs:
            files.probe(live, self.options.plan_id, self.acts)
        said = [self._found()]
        try:
            staged = stage.write_stage(self.folder / "stage", self._pairs, self.acts)
            said.append(self._check(staged))
        except OSError as error:
            raise RefusedError(
                f"{self.target.name}: staging failed: {error.strerror or error}.", untouched="Nothing was changed."
            ) from error
        if survey:
            said.extend(survey.preflight({live.name: content for live, content in self._pairs}))
        self._running = self._probed(self.server.running())
        return tuple(said)

    def _probed(self, running: Running | None) -> Running | None:
        """The running server with how its probe stands: one that fails beforehand could prove nothing afterwards.

        Errors:
            RefusedError: going forward, it fails already. Going back, that may be the reason to go back.
        """
        why = self.server.probe() if running is not None else ""
        if why and self.direction == "forward":
            raise RefusedError(
                f"{why}, before anything is changed; it could not show whether the change does harm.",
                untouched="Nothing was changed.",
                next_step="Mend what keeps it from answering, or  probe  of this target in the inventory.",
            )
        return replace(running, unprobed=why) if running is not None and why else running

    async def perform(self) -> tuple[str, ...]:
        """Backs up, replaces, has the server check the live tree, reloads it and waits for the proof."""
        try:
            self._back_up()
            self._replace()
        except OSError as error:
            raise ApplyError(f"{error.filename or self.target.name}: {error.strerror or error}") from error
        said = [f"backed up and replaced {', '.join(live.name for live, _ in self._pairs)}"]
        said.append(await self._activate())
        self._read_back()
        return (*said, "read back: the bytes are those of the plan")

    async def take_back(self) -> tuple[str, ...]:
        """Puts back what was replaced, by the backup alone, and reloads where the server had been told."""
        self._lock()
        self._clear()
        begun = self._acts_of_run()
        if REPLACE not in begun:
            return ("no file had been replaced",)
        folder = backup.backup_folder(self.folder, self.direction)
        manifest = backup.read_manifest(folder)
        if manifest is None:
            raise ApplyError("files were replaced and their backup is gone.", where=str(folder))
        restored = self._restore(folder, manifest)
        said = [f"restored {', '.join(restored)}" if restored else "every file was as before"]
        said.append(await self._activate_again(begun))
        return tuple(said)

    async def finish(self) -> None:
        """Removes what was staged and releases the lock."""
        try:
            if self._locked:
                with contextlib.suppress(OSError, RefusedError):
                    self._clear()
        finally:
            self._locked = False
            self._held.close()

    def _lock(self) -> None:
        if self._locked:
            return
        state = state_folder(self.target, self.tree, self.options.environment)
        backup.own_directory(state, self.acts)
        self._held.enter_context(hold(state / "lock", self.target.name, f"plan {self.options.plan_id[:8]}"))
        self._locked = True
        backup.own_directory(self.folder, self.acts)

    def _edits(self) -> tuple[DirectiveEdit, ...]:
        """The edits in the order in which this direction carries them out."""
        changes = (
            [step.change for step in self.steps]
            if self.direction == "forward"
            else [step.undo for step in reversed(self.steps)]
        )
        edits = tuple(change for change in changes if isinstance(change, DirectiveEdit))
        if len(edits) != len(changes):
            raise RefusedError(
                f"{self.target.name}: the plan holds a step that is none of httpd's, or cannot be taken back.",
                untouched="Nothing was changed.",
            )
        return edits

    def _edited(self, survey: Survey) -> Pairs:
        """The files that the edits name, with what the edits make of them."""
        edits = self._edits()
        links: dict[str, tuple[str, ...]] = {}
        for edit in edits:
            links[edit.file] = tuple(sorted({*links.get(edit.file, ()), *edit.links}))
        live = {name: files.read_live(self.root, name, links[name]) for name in links}
        real = {file.real for file in live.values()}
        if len(real) != len(live):
            raise RefusedError(
                f"{self.target.name}: the plan names one file in two ways.", untouched="Nothing was changed."
            )
        new = edited(
            {name: file.content for name, file in live.items()}, edits, seal=survey.seal, sealer=self.options.sealer
        )
        return tuple((file, new[name]) for name, file in live.items())

    async def _back(self) -> Pairs:
        """The files as they were before the plan; each must be as the plan left it."""
        folder = backup.backup_folder(self.folder, "forward")
        try:
            manifest = backup.read_manifest(folder)
            if manifest is None:
                return await self._back_without_backup()
            pairs: list[tuple[LiveFile, bytes]] = []
            for number, kept in enumerate(manifest.files):
                live = files.read_live(self.root, kept.name, kept=True)
                self._refuse_edited(kept, live)
                content = backup.kept_bytes(folder, manifest, number, self.options.sealer)
                pairs.append((live, content))
        except ApplyError as error:
            raise RefusedError(error.what, where=error.where, untouched="Nothing was changed.") from error
        return tuple(pairs)

    async def _back_without_backup(self) -> Pairs:
        """By the plan's own undo, where the result has the digest that the journal recorded before the change."""
        recorded = {
            detail["file"]: detail["before"]
            for _, act, mark, detail in self.options.journal.entries()
            if act == REPLACE and mark == "done" and detail["direction"] == "forward"
        }
        pairs = self._edited(await self.survey())
        for live, content in pairs:
            if recorded.get(live.name) != self.options.sealer.fingerprint(content):
                raise RefusedError(
                    "its backup is gone and what it was cannot be proven.",
                    where=live.name,
                    untouched="Nothing was changed.",
                )
        return pairs

    def _refuse_edited(self, kept: Kept, live: LiveFile) -> None:
        same_place = str(live.real) == kept.real
        same_bytes = self.options.sealer.fingerprint(live.content) == kept.after
        if same_place and same_bytes and (live.mode, live.uid, live.gid) == (kept.mode, kept.uid, kept.gid):
            return
        what = "its bytes were" if not same_bytes else "its mode or owner was" if same_place else "its link was"
        raise RefusedError(
            f"{what} changed since the plan was applied; rolling back would overwrite that.",
            where=live.name,
            untouched="Nothing was changed.",
            next_step=f"Look:  auditor drift {self.target.name}      Or plan the way back:  auditor plan --to …",
        )

    def _found(self) -> str:
        count = len(self._pairs)
        how = "as planned" if self.direction == "forward" else "as the plan left it"
        return f"{count} file{'s' if count > 1 else ''} still {how}"

    def _check(self, staged: Mapping[Path, Path]) -> str:
        folder = self.folder / "stage"
        if self.direction == "back":
            # What was there before is put back even where something else keeps the server from reading its tree.
            now = self.server.check()
            if now is not None and not now.passed:
                self._broken_before = now.text
        try:
            self._checked = stage.check_stage(
                folder, self.root, self.main_file, staged, server=self.server, acts=self.acts
            )
        except RefusedError as refusal:
            if not self._broken_before:
                raise
            return Caveat(f"going back although the server's own check fails before and after: {refusal.what}")
        return self._checked.text

    def _back_up(self) -> None:
        journal = self.options.journal
        folder = backup.backup_folder(self.folder, self.direction)
        journal.intent("", "back up", folder=str(folder), server=_written(self._running))
        manifest = backup.write_backup(folder, self.options.plan_id, self._pairs, self.options.sealer, self.acts)
        journal.done("", "back up", files=str(len(manifest.files)))

    def _replace(self) -> None:
        sealer, journal = self.options.sealer, self.options.journal
        for live, content in self._pairs:
            detail = {
                "file": live.name,
                "before": sealer.fingerprint(live.content),
                "after": sealer.fingerprint(content),
            }
            journal.intent("", REPLACE, **detail)
            if files.read_live(self.root, live.name, live.links, kept=True) != live:
                raise ApplyError("it was changed by somebody else while the plan was applied.", where=live.name)
            files.replace(live, content, self.options.plan_id, self.acts)
            journal.done("", REPLACE, **detail)

    async def _activate(self) -> str:
        if self._checked.place == "nowhere":
            verdict = self.server.check()
            if verdict is None or not verdict.passed:
                text = verdict.text if verdict else "no answer"
                if self._broken_before:
                    still = "; it serves what it read last until that is mended" if self._running else ""
                    return Caveat(f"not reloaded: the server's own check fails, as it did before: {text}{still}")
                raise ApplyError(f"the server refuses the new files: {text}")
        if self._running is None:
            return "the server does not run: there is nothing to reload"
        return await self._reload(self._running)

    async def _reload(self, before: Running) -> str:
        journal = self.options.journal
        journal.intent("", RELOAD, pid=str(before.pid), started=before.started)
        self.acts.reached(RELOAD, self.tree.path)
        self.server.reload()
        proof = await self.server.prove(before)
        journal.done("", RELOAD, proof=proof)
        return proof

    def _read_back(self) -> None:
        for live, content in self._pairs:
            now = files.read_live(self.root, live.name, live.links, kept=True)
            kept = (now.content, now.mode, now.uid, now.gid, now.xattrs)
            if kept != (content, live.mode, live.uid, live.gid, live.xattrs):
                raise ApplyError("it does not hold what was written, with its mode, owner and label.", where=live.name)

    def _acts_of_run(self) -> Mapping[str, Mapping[str, str]]:
        """The acts that the present run has begun, with the detail of the last of each."""
        entries = self.options.journal.entries()
        run = entries[-1][3]["run"] if entries else ""
        return {act: detail for _, act, mark, detail in entries if mark == "intent" and detail["run"] == run}

    def _restore(self, folder: Path, manifest: Manifest) -> tuple[str, ...]:
        restored: list[str] = []
        for number in reversed(range(len(manifest.files))):
            kept = manifest.files[number]
            try:
                if self._restore_one(folder, manifest, number):
                    restored.append(kept.name)
            except OSError as error:
                raise ApplyError(f"it cannot be restored: {error.strerror or error}.", where=kept.name) from error
            except RefusedError as error:
                raise ApplyError(f"it cannot be restored: {error.what}", where=kept.name) from error
        return tuple(restored)

    def _restore_one(self, folder: Path, manifest: Manifest, number: int) -> bool:
        """Whether the file had to be put back. One that is neither as before nor as we left it is left alone."""
        kept, sealer = manifest.files[number], self.options.sealer
        live = files.read_live(self.root, kept.name, kept=True)
        found = sealer.fingerprint(live.content)
        before = LiveFile(kept.name, Path(kept.real), b"", kept.mode, kept.uid, kept.gid, live.xattrs)
        same = (live.mode, live.uid, live.gid) == (kept.mode, kept.uid, kept.gid)
        if str(live.real) != kept.real or found not in (kept.before, kept.after):
            raise RefusedError("somebody else changed it meanwhile.")
        if found == kept.before and same:
            # An ended recovery may have put it back and not have synced its name any more.
            self.acts.sync_directory(live.real.parent)
            return False
        content = backup.kept_bytes(folder, manifest, number, sealer)
        self.options.journal.intent("", "restore", file=kept.name)
        files.replace(before, content, self.options.plan_id, self.acts)
        self.options.journal.done("", "restore", file=kept.name)
        return True

    async def _activate_again(self, begun: Mapping[str, Mapping[str, str]]) -> str:
        """Activates what was put back, where the server may have read the other: by us, a log rotation, or a boot."""
        before = _read(begun.get("back up", {}).get("server", ""))
        if RELOAD not in begun:
            now = self.server.running()
            if now is None or (before is not None and now.serves_the_same_as(before)):
                return "the server has not read the other files: not reloaded"
        verdict = self.server.check()
        if verdict is None or not verdict.passed:
            raise ApplyError(f"the server refuses the files as they were: {verdict.text if verdict else 'no answer'}")
        running = self.server.running()
        try:
            if running is not None:
                return await self._reload(replace(running, unprobed=before.unprobed if before else ""))
            # It ran before our reload and does not any more: that is ours to put right.
            self.options.journal.intent("", "start")
            self.server.start()
            proof = await self.server.prove(None)
            self.options.journal.done("", "start", proof=proof)
        except AuditorError as error:
            raise ApplyError(f"the files are as before, but the server is not: {error.what}") from error
        return f"the server had ended and was {proof}"

    def _clear(self) -> None:
        """Removes the stage and the new files that never took their place; makes room on a full disk, too."""
        self.acts.remove_tree(self.folder / "stage")
        for name in dict.fromkeys(edit.file for edit in self._edits()):
            with contextlib.suppress(OSError, RuntimeError):
                temporary = files.temporary_for((self.root / name).resolve(strict=True), self.options.plan_id)
                if temporary.is_file():
                    self.acts.unlink(temporary)


def _written(running: Running | None) -> str:
    """A server's state as the journal keeps it."""
    return "" if running is None else msgspec.json.encode(running).decode()


def _read(text: str) -> Running | None:
    return msgspec.json.decode(text, type=Running) if text else None
