"""The live tree as the collector reads it, for what has to be known before an edit: its secrets and its meaning."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from auditor.errors import CollectError, RefusedError
from auditor.model.plan import Disruption
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Document
from auditor.model.target import LocalTree, SshTree, Target
from auditor.surfaces.httpd.carry_out.as_planned import AsPlanned
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.preflight import Now, preflight
from auditor.surfaces.httpd.carry_out.running import Running
from auditor.surfaces.httpd.carry_out.server import Server
from auditor.surfaces.httpd.carry_out.started import unlike, used_defines, used_variables
from auditor.surfaces.httpd.carry_out.surroundings import Surroundings
from auditor.surfaces.httpd.collect import WHOLE_TARGET, collect
from auditor.surfaces.httpd.collected_files import CollectedFiles
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.envvars import ARGUMENTS, ENVVARS
from auditor.surfaces.httpd.fileset import NOT_READ
from auditor.surfaces.httpd.locate import MAIN_FILES
from auditor.surfaces.httpd.resolving import resolve_collected, started_anew
from auditor.surfaces.httpd.secrets import learn, seal_text
from auditor.surfaces.httpd.whole_files import with_document
from auditor.surfaces.interface import ActOptions, Caveat, CollectOptions, InterpretOptions

Tree: TypeAlias = LocalTree | SshTree


class LiveSurvey:
    """What was collected of the tree just now, and the machine that it stands on."""

    def __init__(
        self, tree: Tree, collected: Collected, sealer: Sealer, machine: Surroundings, server: Server | None = None
    ) -> None:
        self._tree, self._collected, self._sealer, self._machine = tree, collected, sealer, machine
        self._server = server
        self._known = learn(one.content for one in collected.documents if one.content != NOT_READ)

    def seal(self, _: str, content: bytes) -> bytes:
        """A file's content as it would be collected."""
        return seal_text(content, self._sealer, self._known)

    def holders(self, digests: frozenset[bytes]) -> Mapping[str, bytes]:
        """The files of the tree that hold secrets of these digests, with their content as collected."""
        return {
            one.name: one.content
            for one in self._collected.documents
            if any(digest in one.content for digest in digests) and not one.name.startswith("/")
        }

    def configuration(self, new: Sequence[tuple[LiveFile, LiveFile]], root: str) -> frozenset[str]:
        """The names of the files that are read as configuration in the tree as it will be."""
        after = self._after(new, root)[0]
        files = CollectedFiles(after)
        found = (files.document(files.absolute(name)) for name in resolve_collected(after, self._options).files)
        read = {one.name for one in found if one is not None}
        return frozenset(live.name for live, _ in new if _name_of(live.real, root) in read)

    async def preflight(
        self, new: Sequence[tuple[LiveFile, LiveFile]], root: str, way: Disruption, running: Running | None
    ) -> tuple[str, ...]:
        """What the server's own check skips, on the tree as it will be; see :mod:`.preflight`."""
        after, changed = self._after(new, root)
        machine = AsPlanned.of(self._machine, self._collected, after, changed)
        ports = frozenset(port for _, port in running.addresses) if running else frozenset()
        now = Now(way, ports, running is not None, datetime.datetime.now(datetime.UTC))
        variables = started_anew(self._collected, after, self._options)
        if variables and way != "stop and start":
            raise _refused(
                f"a running server keeps the {', '.join(variables)} of its start, and the plan is for a {way}"
            )
        if ARGUMENTS in variables:
            raise _refused(f"only httpd's start script uses {ARGUMENTS}, and the plan starts the server without that")
        before, later = (resolve_collected(one, self._options) for one in (self._collected, after))
        said = await self._started(running, later, after) if running and way != "stop and start" else ()
        return (*said, *await preflight(before, later, machine, now))

    async def _started(self, running: Running, later: Resolved, after: Collected) -> tuple[str, ...]:
        """Whether the server reads at a reload what its check read.

        Errors:
            RefusedError: it was started with other names or variables that the configuration uses.
        """
        names = used_variables(later)
        defines = used_defines(one.content for one in after.documents)
        if self._server is None or not (names or defines):
            return ()
        started = await self._machine.started(running.pid, names)
        if started is None:
            return (Caveat("what the running server was started with may not be looked at"),)
        other = list(unlike(started, self._server.command, await self._server.environment(), defines))
        if other:
            raise RefusedError(
                f"the running server was started with {', '.join(other)}, and its own check here is not: "
                "a reload would read another configuration than was checked.",
                untouched="Nothing was changed.",
                next_step="Say in the inventory how it is started:  defines  and  environment.  Or restart the server.",
            )
        return ()

    def _after(self, new: Sequence[tuple[LiveFile, LiveFile]], root: str) -> tuple[Collected, dict[str, LiveFile]]:
        """The tree as it will be, and what is changed of it by the names of its documents."""
        after = self._collected
        changed: dict[str, LiveFile] = {}
        for live, wanted in new:
            name = _name_of(live.real, root)
            changed[name] = wanted
            after = with_document(after, name, _document(name, wanted))
        return after, changed

    @property
    def _options(self) -> InterpretOptions:
        return InterpretOptions(
            httpd_version=self._tree.httpd_version,
            defines=tuple((name, value) for name, _, value in (one.partition("=") for one in self._tree.defines)),
            environment=self._tree.environment,
        )


def _refused(why: str) -> RefusedError:
    return RefusedError(f"{why}.", where=ENVVARS, untouched="Nothing was changed.")


def _document(name: str, wanted: LiveFile) -> Document | None:
    if wanted.kind == "nothing":
        return None
    if wanted.kind == "link":
        return Document(name, f"files/{name}", b"", link=os.fsdecode(wanted.content))
    return Document(name, f"files/{name}", wanted.content, wanted.mode)


def _name_of(real: Path, root: str) -> str:
    """The document that holds the bytes."""
    return real.relative_to(root).as_posix() if real.is_relative_to(root) else str(real)


async def survey(
    target: Target, tree: Tree, options: ActOptions, machine: Surroundings, server: Server | None = None
) -> LiveSurvey:
    """Collects the tree anew.

    Errors:
        InputError: it is not there.
        CollectError: it cannot be read.
    """
    how = CollectOptions(options.sealer, options.environment, whole_state=False)
    collected = await collect(target, how)
    for gap in collected.gaps:
        if gap.what == WHOLE_TARGET:
            raise CollectError(f"{target.name}: {gap.detail}", cause=gap.cause, next_step=gap.next_step or None)
    return LiveSurvey(tree, collected, options.sealer, machine, server)


def main_file_of(tree: LocalTree) -> str:
    """The main file below the tree: the inventory's, else the first of the usual ones that is there."""
    if tree.main_file:
        return tree.main_file
    return next((name for name in MAIN_FILES if Path(tree.path, name).is_file()), MAIN_FILES[0])
