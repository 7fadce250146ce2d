"""The live tree as the collector reads it, for what has to be known before an edit: its secrets and its meaning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected
from auditor.model.target import LocalTree, Target
from auditor.surfaces.httpd.carry_out.preflight import preflight
from auditor.surfaces.httpd.collect import collect
from auditor.surfaces.httpd.fileset import NOT_READ
from auditor.surfaces.httpd.locate import MAIN_FILES
from auditor.surfaces.httpd.resolving import resolve_collected
from auditor.surfaces.httpd.secrets import learn, seal_text
from auditor.surfaces.interface import CollectOptions, InterpretOptions


class LiveSurvey:
    """What was collected of the tree just now."""

    def __init__(self, target: Target, tree: LocalTree, collected: Collected, sealer: Sealer) -> None:
        self._target, self._tree, self._collected, self._sealer = target, tree, collected, sealer
        self._known = learn(one.content for one in collected.documents if one.content != NOT_READ)

    def seal(self, _: str, content: bytes) -> bytes:
        """A file's content as it would be collected."""
        return seal_text(content, self._sealer, self._known)

    def preflight(self, new: Mapping[str, bytes]) -> tuple[str, ...]:
        """What the server's own check skips, on the tree with the files' new bytes; see :mod:`.preflight`."""
        real = {self._real_name(name): content for name, content in new.items()}
        documents = tuple(
            msgspec.structs.replace(one, content=real[one.name]) if one.name in real else one
            for one in self._collected.documents
        )
        after = msgspec.structs.replace(self._collected, documents=documents)
        options = InterpretOptions(
            httpd_version=self._tree.httpd_version,
            defines=tuple((name, value) for name, _, value in (one.partition("=") for one in self._tree.defines)),
            environment=self._tree.environment,
        )
        return preflight(resolve_collected(self._collected, options), resolve_collected(after, options))

    def _real_name(self, name: str) -> str:
        """The document that holds the bytes, where ``name`` is a symbolic link."""
        root = Path(self._tree.path).resolve()
        real = (root / name).resolve()
        return real.relative_to(root).as_posix() if real.is_relative_to(root) else str(real)


async def survey(target: Target, tree: LocalTree, sealer: Sealer) -> LiveSurvey:
    """Collects the tree anew.

    Errors:
        InputError: it is not there.
    """
    return LiveSurvey(target, tree, await collect(target, CollectOptions(sealer, whole_state=False)), sealer)


def main_file_of(tree: LocalTree) -> str:
    """The main file below the tree: the inventory's, else the first of the usual ones that is there."""
    if tree.main_file:
        return tree.main_file
    return next((name for name in MAIN_FILES if Path(tree.path, name).is_file()), MAIN_FILES[0])
