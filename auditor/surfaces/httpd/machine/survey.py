"""The machine of one tree while the tree is collected: asked before it is read, and after."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable
from typing import Final

import msgspec

from auditor.errors import CollectError
from auditor.model.snapshot import Cause, Fact, Gap
from auditor.surfaces.httpd.gather import Gathered
from auditor.surfaces.httpd.machine.answer import Answer
from auditor.surfaces.httpd.machine.asking import DEADLINE_S, Paths, Tree, ask
from auditor.surfaces.httpd.machine.facts import (
    Reading,
    command_line_directives,
    package_facts,
    program_facts,
    server_facts,
    state_facts,
)
from auditor.surfaces.httpd.machine.loading import above
from auditor.surfaces.httpd.machine.owners import Owners, owner_facts, owners_of
from auditor.surfaces.httpd.machine.packages import failure, packages_of
from auditor.surfaces.httpd.machine.processes import DELETED, Parent, Serving, running, serving, settings_of
from auditor.surfaces.httpd.machine.reading import pid_file_of, reading_of
from auditor.surfaces.httpd.machine.units import environment_files
from auditor.transport.interface import Shell

_PID_FILES: Final = ("/run/httpd/httpd.pid", "/run/apache2/apache2.pid", "/run/apache2.pid", "/var/run/httpd.pid")
_CONFIGURED: Final = (
    *("httpd.server", "httpd.vhost", "httpd.route", "httpd.worker", "httpd.balancer", "httpd.log", "httpd.directive"),
)


class Survey:
    """What the machine behind ``shell`` says of the tree at ``tree``.

    ``resolve`` follows links of that machine; ``seal`` replaces secrets in definitions. Each part is one run of the
    script; ``gaps`` are the parts that failed.
    """

    def __init__(
        self, shell: Shell, tree: Tree, resolve: Callable[[str], str | None], seal: Callable[[str], str]
    ) -> None:
        self._shell = shell
        self._tree = tree
        self._resolve = resolve
        self._seal = seal
        self._answer = Answer({})
        self.parent: Parent | None = None
        self.program = tree.program
        self.gaps: list[Gap] = []

    async def before(self) -> list[Fact]:
        """Version, modules, definitions and environment: what reading the tree needs."""
        try:
            self._answer = await ask(self._shell, ("server",), self._tree)
        except CollectError as error:
            self._failed("what runs this tree", error, ("httpd.server", "httpd.module"))
            return []
        mine = self._serving(self._answer)
        self.parent = mine.only or _alike(mine.parents)
        if mine.parents and self.parent is None:
            detail = f"{mine.doubt}: they were started with different options"
            advice = "Start each with a main file (-f) of its own, and audit each by that."
            kinds = (*_CONFIGURED, "httpd.module")
            self.gaps.append(Gap("what runs this tree", "undetermined", detail, advice, kinds))
        programs = {one.program.removesuffix(DELETED) for one in mine.parents}
        if len(programs) == 1:
            self.program = programs.pop()
        if self.parent is not None:
            self._note_directives(self.parent)
        facts = program_facts(self._answer, self.program) if self.program else []
        return facts + server_facts(self._answer, self.parent, self.program, self._seal)

    @property
    def serves(self) -> bool:
        """Whether a server of this machine runs the tree, or is there to run it."""
        return bool(self.program)

    def environment_files(self) -> tuple[str, ...]:
        """The environment files that the unit names."""
        return tuple(path for path, _ in environment_files(self._answer, self.parent, self.program))

    async def after(self, gathered: Gathered) -> list[Fact]:
        """What the running server has loaded of what was gathered, the packages, and whose files are. Takes seconds."""
        state, packages = await asyncio.gather(self._state_of(gathered), self._packages(gathered))
        return state + packages

    async def _packages(self, gathered: Gathered) -> list[Fact]:
        asked = tuple(sorted((*gathered.files, *gathered.links)))
        try:
            paths = Paths(owned=asked)
            answer = await ask(self._shell, ("packages", "owners"), self._tree, paths, 2 * DEADLINE_S)
        except CollectError as error:
            self._failed("installed packages", error, ("httpd.package",))
            return owner_facts(Owners({}, error.what), gathered.name)
        if reason := failure(answer):
            self.gaps.append(Gap("installed packages", "undetermined", reason, kinds=("httpd.package",)))
        found = packages_of(answer)
        facts = [] if found is None else package_facts(found)
        return facts + owner_facts(owners_of(answer, asked), gathered.name)

    async def _state_of(self, gathered: Gathered) -> list[Fact]:
        resolved = gathered.resolved
        if resolved is None:
            return []
        reading = reading_of(gathered, resolved, self.environment_files())
        return await self._state(reading, pid_file_of(resolved), resolved.server_root)

    async def _state(self, reading: Reading, pid_file: str, server_root: str) -> list[Fact]:
        default = settings_of(self._answer, self.program).pid_file if self.program else ""
        pid_files = [posixpath.join(server_root, one) for one in (pid_file, default) if one]
        paths = Paths(
            timed=tuple(
                dict.fromkeys(
                    (
                        *reading.files,
                        *reading.environment,
                        *reading.links,
                        *_with_those_above((*reading.files, *reading.folders)),
                    )
                )
            ),
            pid_files=tuple(dict.fromkeys((*pid_files, *_PID_FILES))),
            error_logs=(reading.error_log,) if reading.error_log else (),
        )
        try:
            answer = await ask(self._shell, ("state",), self._tree, paths)
        except CollectError as error:
            return [Fact("state_unknown", (f"running: {error.what}",), "asked in vain")]
        found = running(answer)
        mine = self._serving(answer)
        return state_facts(answer, mine.only, found is not None and found.sees_all, reading, mine.doubt)

    def _note_directives(self, parent: Parent) -> None:
        """Directives of the command line are part of the configuration, and are not read."""
        if given := command_line_directives(parent):
            detail = f"the server was started with directives that stand in no file: {', '.join(given)}"
            self.gaps.append(Gap("command line", "undetermined", detail, "Write them into a file.", _CONFIGURED))

    def _failed(self, what: str, error: CollectError, kinds: tuple[str, ...]) -> None:
        cause = msgspec.convert(error.cause, Cause)
        self.gaps.append(Gap(what, cause, error.what, error.next_step or "", kinds))

    def _serving(self, answer: Answer) -> Serving:
        found = running(answer)
        if found is None:
            return Serving()
        main_file = posixpath.join(self._tree.root, self._tree.main_file)
        # What a program was compiled with is only asked before the tree is read.
        return serving(found, self._answer if self._answer.about("settings") else answer, main_file, self._resolve)


def _with_those_above(paths: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(place for path in paths for place in (path, *above(path))))


def _alike(parents: tuple[Parent, ...]) -> Parent | None:
    """Any of several servers that read the tree in the same way; None where their command lines differ."""
    ways = {(one.program, *(one.options(letter) for letter in "DCc")) for one in parents}
    return parents[0] if len(ways) == 1 else None
