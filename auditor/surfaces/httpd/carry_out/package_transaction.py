"""Packages of one httpd target brought to other versions, forward or back: one transaction of its package manager.

The manager runs in a session of its own there, so neither a lost connection nor the end of this process leaves it half
done; who comes next waits for it. What it makes of the tree is told, and put back byte for byte on the way back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from auditor.errors import ApplyError, AuditorError, RefusedError
from auditor.model.plan import Direction, NoUndo, PackageVersions, Step
from auditor.model.target import Target
from auditor.surfaces.httpd.carry_out.machine import Machine
from auditor.surfaces.httpd.carry_out.package_answers import Offers
from auditor.surfaces.httpd.carry_out.package_manager import PackageManager, TreeChanges, mixed
from auditor.surfaces.httpd.carry_out.running import Running, from_note, noted, seen_twice
from auditor.surfaces.httpd.state_resources import LEFTOVERS
from auditor.surfaces.interface import ActOptions, Caveat, following

PACKAGES: Final = "packages"
KEEP: Final = "keep the tree"
BACK: Final = "packages back"
TREE: Final = "tree back"
STOP: Final = "stop"
START: Final = "start"
_FEW: Final = 8


@dataclass
class PackageTransaction:
    """The one step of a plan that changes packages."""

    target: Target
    steps: tuple[Step, ...]
    direction: Direction
    options: ActOptions
    machine: Machine
    _running: Running | None = None
    _tool: str = ""
    _marked: bool = False
    _later: frozenset[str] = frozenset()

    async def prepare(self) -> tuple[str, ...]:
        """Looks at versions, offers, a trial of the transaction, the server; keeps the tree. Nothing is changed."""
        change = self._change()
        if self.options.confirm_within_s:
            raise self._refused("a change of packages cannot revert by itself", "Apply it without  --confirm-within.")
        await self.machine.lock()
        first, manager = await self.machine.server.running(), self._manager()
        offers = await manager.offers([name for name, _, _ in change.packages])
        self._tool = offers.tool
        said = [*self._installed(offers, change), *self._offered(offers, change)]
        said.append(await self._tried(manager, offers.tool, change))
        if self.direction == "back":
            await self._refuse_edited(manager)
        verdict = await self.machine.server.check()
        if self.direction == "forward" and (verdict is None or not verdict.passed):
            why = verdict.text if verdict else "no answer"
            raise self._refused(f"the server's own check fails before anything is changed: {why}", None)
        self._running = seen_twice(first, await self.machine.server.running())
        passes = verdict is not None and verdict.passed
        return (*said, "the server's own check passes" if passes else Caveat("the server's own check fails before"))

    async def perform(self) -> tuple[str, ...]:
        """Keeps the tree, runs the transaction, looks at what it did, and sees that the server runs anew."""
        change, manager, journal = self._change(), self._manager(), self.options.journal
        label = f"{self.direction}-{self._run()}"
        journal.intent("", KEEP, server=noted(self._running), label=label)
        if why := await manager.keep_tree(label):
            raise ApplyError(f"the tree cannot be kept before its packages change: {why}.")
        journal.done("", KEEP, label=label)
        journal.intent("", PACKAGES, label=label, tool=self._tool)
        self.machine.reached(PACKAGES)
        await self._transact(manager, label, change)
        journal.done("", PACKAGES)
        said = [f"{self._tool}: {_versions(change)}"]
        if self.direction == "back":
            said += await self._tree_back(manager, self._applied())
        else:
            said += _told(await manager.changes(label))
        said.append(await self._serve(self._running))
        if self.direction == "forward":
            await manager.mark(label)
        return tuple(said)

    async def take_back(self) -> tuple[str, ...]:
        """Waits for what was begun, brings the packages back, and the tree and the server with them."""
        await self.machine.lock()
        begun = self._acts_of_run()
        if PACKAGES not in begun:
            return ("no package had been changed",)
        manager, detail = self._manager(), begun[PACKAGES]
        ended = await manager.ended(detail["label"], self.options.deadline_s)
        if ended.state == "running":
            raise ApplyError("the package manager still runs; wait for its end, then take it back again.")
        await manager.mend()
        said = await self._back(manager, detail["tool"])
        said += await self._tree_back(manager, detail["label"])
        before = from_note(begun.get(KEEP, {}).get("server", ""))
        said.append(await self._serve(before, anew=ended.state != "none"))
        return tuple(said)

    async def finish(self) -> None:
        """Releases the lock."""
        with contextlib.suppress(AuditorError, OSError):
            await self.machine.release()

    # -- the parts --------------------------------------------------------------------------------------------------

    def _change(self) -> PackageVersions:
        """What this direction does."""
        found = [step.change if self.direction == "forward" else step.undo for step in self.steps]
        if len(found) != 1 or not isinstance(found[0], PackageVersions):
            if found and isinstance(found[0], NoUndo):
                raise self._refused(f"it cannot be taken back: {found[0].reason}", None)
            raise self._refused("a change of package versions is a plan of its own", None)
        return found[0]

    def _manager(self) -> PackageManager:
        environment = self.machine.server.environment
        shell, folder = self.machine.shell, self.machine.own_folder
        return PackageManager(shell, folder, self.machine.root, self._change().manager, environment)

    def _installed(self, offers: Offers, change: PackageVersions) -> Sequence[str]:
        if offers.tool == "none":
            raise self._refused("its package manager is not there (apt-get, dnf or yum)", None)
        if offers.unfinished:
            raise self._refused(
                f"the package manager was broken off: {', '.join(offers.unfinished[:_FEW])} is there by half",
                "Mend that first:  dpkg --configure -a",
            )
        for name, before, _ in change.packages:
            found = offers.installed.get(name, ())
            if found != (before,):
                raise self._refused(f"{name} is {' and '.join(found) or 'not installed'}, not {before}", None)
        return (f"{_names(change)} as {'planned' if self.direction == 'forward' else 'the plan left it'}",)

    def _offered(self, offers: Offers, change: PackageVersions) -> Sequence[str]:
        if mixed(offers.tool, change):
            raise self._refused(
                "yum cannot bring some packages forward and others back at once", "Make two plans of it."
            )
        for name, _, after in change.packages:
            if after not in offers.offered.get(name, frozenset()):
                known = ", ".join(sorted(offers.offered.get(name, frozenset()))[:_FEW]) or "none"
                raise self._refused(f"no repository offers {name} {after} (offered: {known})", None)
        lost = [f"{name} {was}" for name, was, _ in change.packages if was not in offers.offered.get(name, frozenset())]
        if not lost:
            return ("the repositories offer these versions, and those of before for the way back",)
        if self.direction == "forward" and not isinstance(self.steps[0].undo, NoUndo):
            raise self._refused(
                f"there is no way back: no repository offers {', '.join(lost)} any more",
                "Have a repository that holds it, or consent to it:  auditor plan … --consent packages",
            )
        return (Caveat(f"no way back from here: no repository offers {', '.join(lost)}"),)

    async def _tried(self, manager: PackageManager, tool: str, change: PackageVersions) -> str:
        trial = await manager.trial(tool, change)
        if trial.why:
            raise self._refused(f"{tool} would not do it: {trial.why}", None)
        wanted = frozenset((name, after) for name, _, after in change.packages)
        more = [f"{name} {version} comes" for name, version in sorted(trial.comes - wanted)]
        more += [f"{name} goes" for name in sorted(trial.goes)]
        more += [f"{name} {version} does not come" for name, version in sorted(wanted - trial.comes)]
        if more:
            raise self._refused(
                f"{tool} would do another thing than the plan says: {'; '.join(more[:_FEW])}",
                "Name these packages in the plan too, with  --set …version=…",
            )
        return f"tried with {tool}: these packages change, and no other"

    async def _refuse_edited(self, manager: PackageManager) -> None:
        """What somebody has changed in the tree since is not overwritten."""
        since = await manager.since(self._applied())
        if since is None:
            raise self._refused("how the packages had left the tree was not remembered", None)
        self._marked, self._later = True, frozenset(since.new)
        if names := (*since.changed, *since.gone):
            raise self._refused(
                f"{_listed(names)} changed since the packages did; rolling back would overwrite that",
                f"Look:  auditor drift {self.target.name}",
            )

    async def _transact(self, manager: PackageManager, label: str, change: PackageVersions) -> None:
        if why := await manager.start(label, self._tool, change):
            raise ApplyError(f"the package manager was not started: {why}.")
        ended = await manager.ended(label, self.options.deadline_s)
        if ended.state != "ended" or ended.code:
            how = (
                f"ended with {ended.code}"
                if ended.state == "ended"
                else "still runs"
                if ended.state == "running"
                else "was killed"
            )
            raise ApplyError(f"{self._tool} {how}: {ended.text}")
        await self._seen(manager, change)

    async def _seen(self, manager: PackageManager, change: PackageVersions) -> None:
        """Only what is installed counts. Errors: ApplyError: it is something else."""
        offers = await manager.offers([name for name, _, _ in change.packages])
        wrong = [
            f"{name} is {' and '.join(found) or 'not installed'}, not {after}"
            for name, _, after in change.packages
            if (found := offers.installed.get(name, ())) != (after,)
        ]
        if wrong or offers.unfinished:
            by_half = [f"{name} is there by half" for name in offers.unfinished]
            raise ApplyError(f"{'; '.join([*wrong, *by_half][:_FEW])}.", next_step=_BY_HAND)

    async def _back(self, manager: PackageManager, tool: str) -> list[str]:
        """The packages to the versions from which this direction began."""
        change = self._change()
        back = PackageVersions(change.manager, tuple((name, after, before) for name, before, after in change.packages))
        offers = await manager.offers([name for name, _, _ in change.packages])
        left = [one for one in back.packages if offers.installed.get(one[0], ()) != (one[2],)]
        if not left and not offers.unfinished:
            return ["the packages are as before"]
        several = [name for name, found in offers.installed.items() if len(found) > 1]
        if several:
            raise ApplyError(f"{', '.join(several)} is installed in two versions at once.", next_step=_BY_HAND)
        todo, journal, label = PackageVersions(back.manager, tuple(left)), self.options.journal, f"back-{self._run()}"
        journal.intent("", BACK, label=label)
        self.machine.reached(BACK)
        self._tool = tool
        await self._transact(manager, label, todo)
        await self._seen(manager, back)
        journal.done("", BACK)
        return [f"{tool}: {_versions(todo)}"]

    async def _tree_back(self, manager: PackageManager, found: str) -> list[str]:
        """The tree as that run found it. What came new is taken out of it where it came with the packages."""
        changes = await manager.changes(found)
        if changes is None:
            raise ApplyError("the tree as it was before is not there any more.", where=manager.folder)
        names = (*changes.changed, *changes.gone)
        if names:
            self.options.journal.intent("", TREE, files=", ".join(names)[:2000])
            await manager.put_back(found, names)
            again = await manager.changes(found)
            if again is None or again.changed or again.gone:
                raise ApplyError("the tree is not as it was before.", where=manager.folder)
            self.options.journal.done("", TREE)
        said = [f"put back as before: {_listed(names)}"] if names else ["the tree is as before"]
        # What came with the packages goes; of what somebody else put there meanwhile nothing is known but its name.
        ours = [one for one in changes.new if (self._marked or one.endswith(LEFTOVERS)) and one not in self._later]
        if ours:
            folder = await manager.set_aside(found, ours)
            said.append(f"taken out of the tree, since it came with the packages: {_listed(ours)} (kept in {folder})")
        others = [one for one in changes.new if one not in ours]
        if not others:
            return said
        told = f"not there before, and left: {_listed(others)}"
        return [*said, told if set(others) <= self._later else Caveat(told)]

    async def _serve(self, before: Running | None, *, anew: bool = True) -> str:
        """The server with what is installed now. Who did not run is not started."""
        server, journal = self.machine.server, self.options.journal
        now = await server.running()
        if before is None:
            return "the server did not run before, and runs now" if now else "the server does not run, as before"
        verdict = await server.check()
        if verdict is None or not verdict.passed:
            raise ApplyError(f"the server refuses its files: {verdict.text if verdict else 'no answer'}")
        if now is not None and (now.pid, now.started) == (before.pid, before.started):
            if not anew:
                return "the server was not touched"
            journal.intent("", STOP, pid=str(now.pid), started=now.started, pid_file=now.pid_file)
            self.machine.reached(STOP)
            await server.stop(now)
            journal.done("", STOP)
            now = None
        how = "by the packages' own scripts"
        if now is None:
            journal.intent("", START, pid_file=await server.pid_file())
            self.machine.reached(START)
            await server.start(before.unit)
            how = "stopped"
        proof = await server.prove(before, anew=True)
        if how == "stopped":
            journal.done("", START, proof=str(proof))
        return following(f"{how}; ", proof)

    def _run(self) -> str:
        entries = self.options.journal.entries()
        return entries[-1][3]["run"] if entries else "0"

    def _applied(self) -> str:
        """The label of the run that applied the plan: by it the tree of before was kept, and the tree of after."""
        return next(
            (
                detail.get("label", "")
                for _, act, mark, detail in reversed(self.options.journal.entries())
                if act == KEEP and mark == "done" and detail["direction"] == "forward"
            ),
            "",
        )

    def _acts_of_run(self) -> Mapping[str, Mapping[str, str]]:
        entries = self.options.journal.entries()
        run = self._run()
        return {act: detail for _, act, mark, detail in entries if mark == "intent" and detail["run"] == run}

    def _refused(self, why: str, next_step: str | None) -> RefusedError:
        return RefusedError(f"{self.target.name}: {why}.", untouched="Nothing was changed.", next_step=next_step)


_BY_HAND: Final = (
    "Bring the packages to the versions of before by hand (apt-get install NAME=VERSION, dnf or yum downgrade "
    "NAME-VERSION), then take it back again."
)


def _told(changes: TreeChanges | None) -> list[str]:
    """What the packages did to the tree, for people."""
    if changes is None:
        return [Caveat("what the packages did to the tree could not be told")]
    beside = [name for name in changes.new if name.endswith(LEFTOVERS)]
    new = [name for name in changes.new if name not in beside]
    said = []
    if changes.changed:
        said.append(f"changed by the packages: {_listed(changes.changed)}")
    if changes.gone:
        said.append(f"removed by the packages: {_listed(changes.gone)}")
    if new:
        said.append(f"brought by the packages: {_listed(new)}")
    if beside:
        said.append(f"left beside, since somebody had changed the file: {_listed(beside)}")
    return said or ["the packages changed nothing in the tree"]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more


def _names(change: PackageVersions) -> str:
    return ", ".join(name for name, _, _ in change.packages)


def _versions(change: PackageVersions) -> str:
    return ", ".join(f"{name} {before} → {after}" for name, before, after in change.packages)
