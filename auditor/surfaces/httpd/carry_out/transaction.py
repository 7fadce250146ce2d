"""The changes of one plan to one httpd tree, forward or back, as one unit with one reload."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from auditor.errors import ApplyError, AuditorError, RefusedError
from auditor.model.plan import DISRUPTIONS, Direction, Disruption, Step
from auditor.model.target import Target
from auditor.surfaces.httpd.carry_out.backup import Kept, Manifest
from auditor.surfaces.httpd.carry_out.composing import Pairs, Survey, changes_of, composed, names_of, readable
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.later import later_edits
from auditor.surfaces.httpd.carry_out.machine import Machine
from auditor.surfaces.httpd.carry_out.running import Running, from_note, noted, seen_twice
from auditor.surfaces.httpd.carry_out.server import Server
from auditor.surfaces.httpd.carry_out.stage import Checked
from auditor.surfaces.httpd.carry_out.timer import StartedBy
from auditor.surfaces.httpd.envvars import ENVVARS
from auditor.surfaces.interface import ActOptions, Caveat, Deadline, DeadlineAct, following

REPLACE: Final = "replace"
RELOAD: Final = "reload"
RESTART: Final = "restart"
STOP: Final = "stop"
START: Final = "start"
_TOLD: Final = frozenset({RELOAD, RESTART, STOP})
"""Acts after which the server may have read the new files."""
ARM: Final = "arm"
_UNCHECKED: Final = Checked("nowhere", "")


@dataclass
class HttpdTransaction:
    """The steps of a plan on one tree. ``survey`` reads the tree anew; going back by a backup can do without."""

    target: Target
    steps: tuple[Step, ...]
    direction: Direction
    options: ActOptions
    machine: Machine
    survey: Callable[[], Awaitable[Survey]]
    _pairs: Pairs = ()
    _checked: Checked = _UNCHECKED
    _running: Running | None = None
    _broken_before: str = ""
    _deadly: str = ""

    @property
    def server(self) -> Server:
        """The server that reads the tree."""
        return self.machine.server

    async def prepare(self) -> tuple[str, ...]:
        """Reads the live files again, computes the new bytes, and has them checked; nothing live is changed."""
        await self.machine.lock()
        first = await self.server.running()
        survey = await self.survey() if self.direction == "forward" else None
        self._pairs = await self._edited(survey) if survey else await self._back()
        await self.machine.stage(self._pairs)
        said = [self._found(), await self._check()]
        running = seen_twice(first, await self.server.running())
        if survey:
            said.extend(await survey.preflight(self._pairs, self.machine.root, self.way, running))
        elif running is not None and not self._broken_before:
            said.extend(await self._outlived(running))
        self._running = await self._probed(running)
        if self.options.confirm_within_s and self.direction == "forward":
            said.append(await self._arm())
        return tuple(said)

    async def _outlived(self, running: Running) -> tuple[str, ...]:
        """Going back: whether the server would outlive the reload, which somebody else's damage may hinder.

        A tree that cannot be understood does not hinder going back.
        """
        try:
            survey = await self.survey()
        except AuditorError as error:
            return (Caveat(f"what the server's own check skips was not looked at: {error.what}"),)
        try:
            return await survey.preflight(self._pairs, self.machine.root, self.way, running)
        except RefusedError as refusal:
            self._deadly = f"{refusal.where}: {refusal.what}" if refusal.where else refusal.what
            return (Caveat(f"the server would end at the reload: {self._deadly}"),)

    async def _probed(self, running: Running | None) -> Running | None:
        """The running server with how its probe stands: one that fails beforehand could prove nothing afterwards.

        Errors:
            RefusedError: going forward, it fails already. Going back, that may be the reason to go back.
        """
        why = await self.server.probe() if running is not None else ""
        if why and self.direction == "forward":
            raise RefusedError(
                f"{why}, before anything is changed; it could not show whether the change does harm.",
                untouched="Nothing was changed.",
                next_step="Mend what keeps it from answering, or  probe  of this target in the inventory.",
            )
        return replace(running, unprobed=why) if running is not None and why else running

    async def perform(self) -> tuple[str, ...]:
        """Backs up, replaces, has the server check the live tree, reloads it and waits for the proof."""
        await self._back_up()
        await self._replace()
        said = [f"backed up and {_deeds(self._pairs)}"]
        said.append(await self._activate())
        await self._read_back()
        return (*said, "read back: the bytes are those of the plan")

    async def take_back(self) -> tuple[str, ...]:
        """Puts back what was replaced, by the backup alone, and reloads where the server had been told."""
        await self.machine.lock()
        await self.machine.clear(*self._names())
        begun = self._acts_of_run()
        said = await self._take_back(begun)
        if ARM in begun:
            await self.machine.timer.decide("disarm")
        return said

    async def _take_back(self, begun: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
        if REPLACE not in begun:
            return ("no file had been replaced",)
        manifest = await self.machine.kept(self.direction)
        if manifest is None:
            raise ApplyError(
                "files were replaced and their backup is gone.", where=self.machine.kept_at(self.direction)
            )
        restored = await self._restore(manifest)
        said = [f"restored {', '.join(restored)}" if restored else "every file was as before"]
        said.append(await self._activate_again(begun))
        return tuple(said)

    async def deadline(self, act: DeadlineAct) -> Deadline:
        """See :meth:`auditor.surfaces.interface.Confirmable.deadline`."""
        await self.machine.lock()
        return await self.machine.timer.decide(act)

    async def finish(self) -> None:
        """Removes what was staged and releases the lock."""
        try:
            with contextlib.suppress(AuditorError, OSError):
                await self.machine.clear(*self._names())
        finally:
            await self.machine.release()

    def _names(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """The files that the changes name, and which of them are meant as what stands at the name itself."""
        return names_of(changes_of(self.steps, self.direction))

    async def _edited(self, survey: Survey) -> Pairs:
        """What stands where the plan changes something, with what it makes of that."""
        return await composed(changes_of(self.steps, self.direction), self.machine, survey, self.options.sealer)

    async def _back(self) -> Pairs:
        """The files as they were before the plan; each must be as the plan left it."""
        try:
            manifest = await self.machine.kept("forward")
            if manifest is None:
                return await self._back_without_backup()
            found = await self._live(manifest)
            await self._refuse_removed(manifest, found)
            live = [readable(one) for one in found]
            contents = await self.machine.kept_bytes("forward", manifest)
            for kept, one, content in zip(manifest.files, live, contents, strict=True):
                self._refuse_edited(kept, one, content)
        except ApplyError as error:
            raise RefusedError(error.what, where=error.where, untouched="Nothing was changed.") from error
        back = zip(live, manifest.files, contents, strict=True)
        # Whether the server reads them was seen before they were changed; what it reads now may not parse.
        return tuple(
            (one, replace(kept.as_before(content, one), unread=True)) for one, kept, content in reversed(list(back))
        )

    async def _live(self, manifest: Manifest) -> list[LiveFile | RefusedError]:
        """The live files that a backup is of."""
        entries = frozenset(kept.name for kept in manifest.files if kept.entry)
        return await self.machine.read({kept.name: () for kept in manifest.files}, kept=True, entries=entries)

    async def _back_without_backup(self) -> Pairs:
        """By the plan's own undo, where the result has the digest that the journal recorded before the change."""
        recorded = {
            detail["file"]: detail["before"]
            for _, act, mark, detail in self.options.journal.entries()
            if act == REPLACE and mark == "done" and detail["direction"] == "forward"
        }
        pairs = await self._edited(await self.survey())
        for live, wanted in pairs:
            if recorded.get(live.name) != wanted.digest(self.options.sealer):
                raise RefusedError(
                    "its backup is gone and what it was cannot be proven.",
                    where=live.name,
                    untouched="Nothing was changed.",
                )
        return pairs

    def _refuse_edited(self, kept: Kept, live: LiveFile, before: bytes) -> None:
        same_place = str(live.real) == kept.real
        same_bytes = live.digest(self.options.sealer) == kept.after
        same_access = live.kind != "file" or (live.mode, live.uid, live.gid) == (kept.then or kept.access)
        if same_place and same_bytes and same_access:
            return
        what = "its bytes were" if not same_bytes else "its mode or owner was" if same_place else "its link was"
        if live.kind == "nothing":
            raise self._edited_since("it was removed", live.name)
        edits = changes_of(self.steps, "forward").edits
        later = () if same_bytes else later_edits(live.name, before, live.content, edits, self.options.sealer)
        raise self._edited_since(f"{what} changed", live.name, f": {'; '.join(later)}" if later else "")

    async def _refuse_removed(self, manifest: Manifest, found: Sequence[LiveFile | RefusedError]) -> None:
        """Says of a file that was edited, and is gone, that it is gone."""
        names = [kept.name for kept, one in zip(manifest.files, found, strict=True) if isinstance(one, RefusedError)]
        for one in await self.machine.read(dict.fromkeys(names, ()), entries=frozenset(names)) if names else ():
            if isinstance(one, LiveFile) and one.kind == "nothing":
                raise self._edited_since("it was removed", one.name)

    def _edited_since(self, what: str, name: str, told: str = "") -> RefusedError:
        short, target = self.options.plan_id[:8], self.target.name
        return RefusedError(
            f"{what} since the plan was applied; rolling back would overwrite that{told}.",
            where=name,
            untouched=f"Nothing was changed; the bytes of before stand in {self.machine.kept_at('forward')}.",
            next_step=f"Look:  auditor drift {target}      Back all the same:  auditor rollback --to {short} {target}",
        )

    def _found(self) -> str:
        count = len(self._pairs)
        how = "as planned" if self.direction == "forward" else "as the plan left it"
        return f"{count} file{'s' if count > 1 else ''} still {how}"

    async def _check(self) -> str:
        if self.direction == "back":
            # What was there before is put back even where something else keeps the server from reading its tree.
            now = await self.server.check()
            if now is not None and not now.passed:
                self._broken_before = now.text
        try:
            self.server.starts_with(self._envvars())
            self._checked = await self.machine.check()
        except RefusedError as refusal:
            if not self._broken_before:
                raise
            return Caveat(f"going back although the server's own check fails before and after: {refusal.what}")
        finally:
            self.server.starts_with(None)
        return self._checked.text

    def _envvars(self) -> bytes | None:
        """What the start script will read, where the plan changes that."""
        return next((one.content for _, one in self._pairs if one.name == ENVVARS and one.kind == "file"), None)

    async def _back_up(self) -> None:
        journal = self.options.journal
        place = self.machine.kept_at(self.direction)
        journal.intent("", "back up", folder=place, server=noted(self._running))
        await self.machine.keep(self.direction, self._pairs)
        journal.done("", "back up", files=str(len(self._pairs)))

    async def _arm(self) -> str:
        """Has the target take the change back by itself unless it is confirmed; before anything is changed."""
        if self.way == "stop and start":
            raise RefusedError(
                f"{self.target.name}: a change that takes effect at a stop and start cannot revert by itself.",
                untouched="Nothing was changed.",
                next_step="Apply it without  --confirm-within.",
            )
        journal, seconds = self.options.journal, self.options.confirm_within_s
        verb = "restart" if self.way == "restart" else "graceful"
        command, environment = self.server.command, await self.server.environment()
        unit = self._running.unit if self._running else ""
        started = StartedBy(command, environment, self._running is not None, verb, unit)
        if self._armed_unheard():
            await self.machine.timer.decide("disarm")
        journal.intent("", ARM, seconds=str(seconds))
        how = await self.machine.timer.arm(seconds, self._pairs, started)
        journal.done("", ARM, seconds=str(seconds), how=how)
        return f"taken back by itself in {seconds} s unless it is confirmed: {how}"

    def _armed_unheard(self) -> bool:
        """Whether an earlier run was refused since nobody heard that it was armed: nothing was changed then."""
        marks = [mark for _, act, mark, _ in self.options.journal.entries() if act == ARM]
        return marks[-1:] == ["intent"]

    async def _replace(self) -> None:
        sealer, journal = self.options.sealer, self.options.journal
        details = [
            {"file": live.name, "before": live.digest(sealer), "after": wanted.digest(sealer)}
            for live, wanted in self._pairs
        ]
        for detail in details:
            journal.intent("", REPLACE, **detail)
        await self.machine.replace(self._pairs)
        self.server.starts_with(None)
        for detail in details:
            journal.done("", REPLACE, **detail)

    async def _activate(self) -> str:
        if self._checked.place == "nowhere":
            verdict = await self.server.check()
            if verdict is None or not verdict.passed:
                text = verdict.text if verdict else "no answer"
                if self._broken_before:
                    still = "; it serves what it read last until that is mended" if self._running else ""
                    return Caveat(f"not reloaded: the server's own check fails, as it did before: {text}{still}")
                raise ApplyError(f"the server refuses the new files: {text}")
        if self._running is None:
            self._running = await self.server.running()  # what stood there before may not have let it be found
        if self._running is None and self.options.rehearsal:
            return "not reloaded: a rehearsal does not see the running server"
        if self._running is None:
            if name := await self.server.pid_file():
                return f"the server does not run (no process by {name}): there is nothing to reload"
            return Caveat("not reloaded: whether the server runs is not known, since it does not tell its PidFile")
        if self._deadly:
            return Caveat("not reloaded, since the server would end: it serves what it read last until that is mended")
        if self.way == "stop and start":
            return await self._start_anew(self._running)
        return await self._reload(self._running)

    @property
    def way(self) -> Disruption:
        """What the plan's steps need to take effect, all at once."""
        return max((step.disruption for step in self.steps), key=DISRUPTIONS.index)

    async def _start_anew(self, before: Running) -> str:
        journal = self.options.journal
        journal.intent("", STOP, pid=str(before.pid), started=before.started, pid_file=before.pid_file)
        self.machine.reached(STOP)
        await self.server.stop(before)
        journal.done("", STOP)
        return following("stopped; ", await self._start(before))

    async def _start(self, before: Running | None) -> str:
        journal = self.options.journal
        journal.intent("", START, pid_file=await self.server.pid_file())
        self.machine.reached(START)
        await self.server.start(before.unit if before else "")
        proof = await self.server.prove(before, anew=True)
        journal.done("", START, proof=str(proof))
        return proof

    async def _reload(self, seen: Running) -> str:
        journal = self.options.journal
        before = seen.looked_at_again(await self.server.running())
        if self.way == "restart":
            journal.intent("", RESTART, pid=str(before.pid), started=before.started)
            self.machine.reached(RESTART)
            await self.server.restart()
            proof = await self.server.prove(before)
            journal.done("", RESTART, proof=str(proof))
            return proof
        journal.intent("", RELOAD, pid=str(before.pid), started=before.started)
        self.machine.reached(RELOAD)
        await self.server.reload()
        proof = await self.server.prove(before)
        journal.done("", RELOAD, proof=str(proof))
        return proof

    async def _read_back(self) -> None:
        entries = frozenset(live.name for live, _ in self._pairs if live.entry)
        names = {live.name: live.links for live, _ in self._pairs}
        found = await self.machine.read(names, kept=True, entries=entries)
        for (live, wanted), one in zip(self._pairs, found, strict=True):
            if not readable(one).is_as(wanted):
                raise ApplyError("it does not hold what was written, with its mode, owner and label.", where=live.name)

    def _acts_of_run(self) -> Mapping[str, Mapping[str, str]]:
        """The acts that the present run has begun, with the detail of the last of each."""
        entries = self.options.journal.entries()
        run = entries[-1][3]["run"] if entries else ""
        return {act: detail for _, act, mark, detail in entries if mark == "intent" and detail["run"] == run}

    async def _restore(self, manifest: Manifest) -> tuple[str, ...]:
        """Puts back what is not as before. What is neither that nor as we left it is left alone, and an error."""
        live: dict[int, LiveFile] = {}
        wrong: list[int] = []
        problems: list[ApplyError] = []
        for number, (kept, one) in enumerate(zip(manifest.files, await self._live(manifest), strict=True)):
            try:
                as_before = self._as_before(kept, readable(one))
            except RefusedError as error:
                problems.append(ApplyError(f"it cannot be restored: {error.what}", where=kept.name))
                continue
            live[number] = readable(one)
            if not as_before:
                wrong.append(number)
        names = tuple(manifest.files[number].name for number in wrong)
        for name in names:
            self.options.journal.intent("", "restore", file=name)
        await self.machine.put_back(self.direction, manifest, live, wrong)
        self.server.starts_with(None)
        for name in names:
            self.options.journal.done("", "restore", file=name)
        if problems:
            raise problems[0]
        return names

    def _as_before(self, kept: Kept, live: LiveFile) -> bool:
        """Whether a file need not be put back.

        Errors:
            RefusedError: it is neither as before nor as we left it.
        """
        found = live.digest(self.options.sealer)
        if str(live.real) != kept.real or found not in (kept.before, kept.after):
            raise RefusedError("somebody else changed it meanwhile.")
        return found == kept.before and (live.kind == "nothing" or (live.mode, live.uid, live.gid) == kept.access)

    async def _activate_again(self, begun: Mapping[str, Mapping[str, str]]) -> str:
        """Activates what was put back, where the server may have read the other: by us, a log rotation, or a boot."""
        before = from_note(begun.get("back up", {}).get("server", ""))
        if not _TOLD & begun.keys():
            now = await self.server.running()
            if now is None or (before is not None and now.serves_the_same_as(before)):
                return "the server has not read the other files: not reloaded"
        verdict = await self.server.check()
        if verdict is None or not verdict.passed:
            raise ApplyError(f"the server refuses the files as they were: {verdict.text if verdict else 'no answer'}")
        try:
            running = await self.server.running()
            # Started anew, it may run by the PidFile that the plan gave it.
            if running is None and (other := begun.get(START, {}).get("pid_file", "")):
                running = await self.server.running(other)
            unprobed, restless = (before.unprobed, before.restless) if before else ("", False)
            if running is not None:
                renew = self._start_anew if STOP in begun else self._reload
                return await renew(replace(running, unprobed=unprobed, restless=restless))
            # It ran before we told it anything and does not any more: that is ours to put right.
            return following("the server had ended and was ", await self._start(before))
        except AuditorError as error:
            raise ApplyError(f"the files are as before, but the server is not: {error.what}") from error


def _deeds(pairs: Pairs) -> str:
    """What was done to which files."""
    done: dict[str, list[str]] = {"created": [], "replaced": [], "removed": []}
    for live, wanted in pairs:
        gone, new = wanted.kind == "nothing", live.kind == "nothing"
        done["removed" if gone else "created" if new else "replaced"].append(live.name)
    return "; ".join(f"{what} {', '.join(names)}" for what, names in done.items() if names)
