"""The machine of a server as it will be once a plan's own files and links stand there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.model.snapshot import Collected
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.started import Started
from auditor.surfaces.httpd.carry_out.surroundings import Standing, Surroundings, public_half
from auditor.surfaces.httpd.collected_files import CollectedFiles


@dataclass(frozen=True)
class AsPlanned:
    """Surroundings of which the plan's new files are part, and what it removes is none.

    ``wanted`` are the places that the plan changes, by their documents' names; ``before`` and ``after`` the tree with
    the links that lead to them.
    """

    machine: Surroundings
    wanted: Mapping[str, LiveFile]
    before: CollectedFiles
    after: CollectedFiles

    @classmethod
    def of(
        cls, machine: Surroundings, before: Collected, after: Collected, wanted: Mapping[str, LiveFile]
    ) -> AsPlanned:
        """Of a tree as collected before, and as the plan makes it."""
        files = CollectedFiles(after)
        placed = {files.absolute(name): one for name, one in wanted.items()}
        return cls(machine, placed, CollectedFiles(before), files)

    async def port(self, host: str, port: int) -> str:
        """As the machine says."""
        return await self.machine.port(host, port)

    async def standing(self, paths: Sequence[str]) -> list[Standing]:
        """What the plan puts there, else what the machine says."""
        found = {path: self._planned(path) for path in paths}
        asked = {path: self._place(path) for path, one in found.items() if one is None}
        said = await self.machine.standing(list(asked.values())) if asked else []
        told = dict(zip(asked, said, strict=True))
        return [told[path] if one is None else _standing(one) for path, one in found.items()]

    async def content(self, path: str) -> bytes:
        """The bytes that the plan writes, else the machine's."""
        one = self._planned(path)
        return await self.machine.content(self._place(path)) if one is None else _content(path, one)

    async def size(self, path: str) -> int:
        """How many bytes the plan writes, else the machine's."""
        one = self._planned(path)
        return await self.machine.size(self._place(path)) if one is None else len(_content(path, one))

    async def public_key(self, path: str) -> bytes:
        """Of the key to which the plan's links lead."""
        one = self._planned(path)
        return await self.machine.public_key(self._place(path)) if one is None else public_half(_content(path, one))

    async def started(self, pid: int, names: Sequence[str]) -> Started | None:
        """As the machine says."""
        return await self.machine.started(pid, names)

    async def ciphers(self, text: str, *, tls13: bool) -> str:
        """As the machine says."""
        return await self.machine.ciphers(text, tls13=tls13)

    def _planned(self, path: str) -> LiveFile | None:
        """What the plan puts where a path leads then; None where it changes nothing there."""
        found = self.wanted.get(self.after.place(path) or path) if path.startswith("/") else None
        return None if found is None or found.kind == "link" else found

    def _place(self, path: str) -> str:
        """Where the machine is asked: a link that the plan changes does not lead there yet."""
        if not path.startswith("/"):
            return path
        then = self.after.place(path)
        return path if then is None or then == self.before.place(path) else then


def _standing(one: LiveFile) -> Standing:
    if one.kind == "nothing":
        return "missing"
    return "program" if one.mode & 0o111 else "file"


def _content(path: str, one: LiveFile) -> bytes:
    if one.kind == "nothing":
        raise ValueError(f"{path} cannot be read: the plan removes it")
    return one.content
