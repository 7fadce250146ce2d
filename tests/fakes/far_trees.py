"""The small tree of :mod:`tests.fakes.trees` on a far side of any kind, whose tools end, fail or fill up on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from auditor.model.plan import Cohort, Origin, Plan, Wave
from auditor.model.target import SshTree, Target
from auditor.plan.journal import FileJournal
from auditor.surfaces.httpd.carry_out.far.machine import FarMachine
from auditor.surfaces.httpd.carry_out.far.shell import FarShell
from auditor.surfaces.httpd.carry_out.transaction import HttpdTransaction
from auditor.surfaces.interface import ActOptions
from auditor.transport.acts import Acts
from auditor.transport.ssh.connection import SshConnection
from auditor.transport.ssh.logins import Logins
from tests.fakes.acts import Killed
from tests.fakes.plans import SEALER
from tests.fakes.trees import PLAN, World, make_world, survey
from tests.far_shells import CHANGING, WAITING, far_shell
from tests.far_shells import FarShell as StandIn

Fault = Literal["ended before", "ended after", "tool ended", "cut", "full", "input/output error"]
ACTING: Final = ("cp", "mv", "rm", "ln", "mkdir", "chmod", "chown", "sync", "cat")
"""Tools that change a disk; what they do is what a fault comes before, after, or instead of."""
_NEED_SPACE: Final = ("cp", "mkdir", "cat")


@dataclass
class FarWorld(World):
    """A tree behind a stand-in for ``ssh``. ``far`` must be set before anything is changed."""

    far: StandIn | None = None
    holder: str = "ops:/srv/fleet"
    confirm_within_s: int = 0
    logins: int = 0
    main_file: str = ""
    ended: bool = False
    """Whether the controller's process is gone: nothing is asked of the far side any more."""

    def transaction(self, journal: FileJournal, acts: Acts | None = None) -> HttpdTransaction:
        assert self.far is not None
        state, server = str(self.folder / "state"), ("/usr/sbin/httpd",)
        tree = SshTree("web1", str(self.root), main_file=self.main_file, server=server, state_dir=state)
        target = Target("web1", "httpd", tree)
        wave, cohort = Wave("all", ("web1/httpd",)), Cohort(("web1/httpd",), self.steps, ())
        plan = Plan("r", "a", "", "", Origin("set", ()), (wave,), (cohort,))
        options = ActOptions(plan, PLAN, journal, SEALER, holder=self.holder, confirm_within_s=self.confirm_within_s)
        shell = _Shell(tree, {}, self.holder, target.name, _Logins(self, self.far.environment))
        machine = FarMachine(target, tree, options, shell, self.server)
        return HttpdTransaction(target, self.steps, journal.direction, options, machine, survey)


class _Shell(FarShell):
    async def run(self, *asked: Any, **how: Any) -> bytes:
        if isinstance(self.logins, _Logins) and self.logins.world.ended:
            raise Killed
        return await super().run(*asked, **how)


class _Logins(Logins):
    def __init__(self, world: FarWorld, environment: Mapping[str, str]) -> None:
        super().__init__()
        self.world, self._environment = world, environment

    async def open(self, connection: SshConnection, environment: Mapping[str, str]) -> None:
        self.world.logins += 1
        await super().open(connection, self._environment)


def make_far_world(
    folder: Path, kind: str = "dash", *, user: int | None = None, make: Callable[[Path], World] = make_world
) -> FarWorld:
    """The usual tree and plan, or another, on a far side of a kind."""
    made = make(folder)
    far = far_shell(folder / "far", kind, user=user, more=(*CHANGING, *WAITING))
    return FarWorld(made.folder, made.steps, made.server, far=far)


class Faults:
    """Counts what the far side's tools do to its disk, and lets one fault happen at a chosen call.

    ``names`` are the tools in the order in which they were called.
    """

    def __init__(self, world: FarWorld) -> None:
        self._folder = world.folder / "far"
        self._count = self._folder / "count"
        self._names = self._folder / "names"
        self._fault = self._folder / "fault"
        self.stop()
        for tool in ACTING:
            path = self._folder / "there" / tool
            real = self._folder / f"real-{tool}"
            path.rename(real)
            self._wrap(path, tool, real)

    def _wrap(self, path: Path, tool: str, real: Path) -> None:
        command = f"{os.readlink(real)}" if real.is_symlink() else str(real)
        if "busybox" in command:
            command = f"{command} {tool}"
        space = "[ -f /proc/self/fd/1 ]" if tool == "cat" else "true" if tool in _NEED_SPACE else "false"
        path.write_text(
            "#!/bin/dash\n"
            f"read -r n <{self._count}; n=$((n + 1)); echo $n >{self._count}; echo {tool} >>{self._names}\n"
            f"read -r at fault <{self._fault}\n"
            f'if [ "$fault" = full ] && [ $n -ge $at ] && {space}; then\n'
            f'  echo "{tool}: No space left on device" >&2; exit 1\nfi\n'
            f'[ $n = $at ] || exec {command} "$@"\n'
            'case $fault in\n  "ended before") kill -9 0 ;;\n'
            f'  "ended after") {command} "$@"; kill -9 0 ;;\n'
            f'  "tool ended") {command} "$@" >/dev/null 2>&1 & kill -9 $! $$ ;;\n'
            f'  cut) kill -9 "$(/bin/cat {self._folder}/here/pid)" ;;\n'
            f'  "input/output error") echo "{tool}: Input/output error" >&2; exit 1 ;;\n'
            f'esac\nexec {command} "$@"\n'
        )
        path.chmod(0o755)

    def at(self, number: int, fault: Fault) -> None:
        """Lets a fault happen at call ``number`` from now on, counted from 1."""
        self.stop()
        self._fault.write_text(f"{number} {fault}\n")

    def stop(self) -> None:
        """Lets none happen, and counts anew."""
        self._count.write_text("0\n")
        self._names.write_text("")
        self._fault.write_text("0 none\n")

    @property
    def names(self) -> list[str]:
        return self._names.read_text().split()
