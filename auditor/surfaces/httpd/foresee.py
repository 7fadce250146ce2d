"""Finding out what a configuration reads before it is read, so that a distant machine is asked for it at once.

The includes are followed as they will be, with what is known so far. What is not known yet is noted and passed over;
then all of it is asked for together, and the includes are followed again, until nothing new comes up.
"""

from __future__ import annotations

import posixpath
from typing import Final

from auditor.errors import CollectError
from auditor.model.snapshot import Gap
from auditor.surfaces.httpd.clues import LEADS, clues
from auditor.surfaces.httpd.fileset import NOT_READ, Name, Standing
from auditor.surfaces.httpd.gather import MAX_FILE, Gathered
from auditor.surfaces.httpd.includes import ResolveOptions, ask_for_every_file

_MAX_WAVES: Final = 32
"""Includes that nest deeper outside of the tree are read one by one, which is slower and no less right."""


def foresee(gathered: Gathered, main_file: str, options: ResolveOptions) -> None:
    """Asks for what the includes lead to. Notes nothing in ``gathered`` that reading it would not."""
    looked: set[str] = set()
    read: set[str] = set()
    for _ in range(_MAX_WAVES):
        files = _Foreseen(gathered, looked, read)
        ask_for_every_file(files, main_file, options, lambda content: clues(content) & LEADS)
        if not files.new_looks and not files.new_reads:
            return
        gathered.fetch(files.new_looks, files.new_reads)
        looked |= files.new_looks
        read |= files.new_reads


class _Foreseen:
    """The files as far as they are known; what is not known is noted, and passes for absent."""

    def __init__(self, gathered: Gathered, looked: set[str], read: set[str]) -> None:
        self._gathered = gathered
        self._looked, self._read = looked, read
        self.new_looks: set[str] = set()
        self.new_reads: set[str] = set()

    def standing(self, path: str) -> Standing:
        """What is known to stand at a path."""
        place = self._gathered.placed(path)
        if place is None or self._gathered.walked(place):
            return self._gathered.standing(path)
        if not self._gathered.view.reachable(place):
            return "unknown"
        if place not in self._looked:
            self.new_looks.add(place)
            return "absent"
        try:
            real = self._gathered.view.resolve(place)
            entry = None if real is None else self._gathered.view.entry(real)
        except CollectError:
            return "unknown"
        if entry is None:
            return "absent"
        return "directory" if entry.type == "directory" else "file"

    def read(self, path: str) -> bytes | None:
        """A file's bytes, where they came already."""
        gathered = self._gathered
        place = gathered.placed(path)
        if place is None:
            return None
        if (found := gathered.files.get(place)) is not None:
            return None if found.content == NOT_READ else found.content
        walked = gathered.walked(place)
        if gathered.is_key(place) or (walked and place not in gathered.waiting) or not gathered.view.reachable(place):
            return None
        if place not in self._read:
            self.new_reads.add(place)
            if not walked:
                self.new_looks.add(place)
            return None
        try:
            return gathered.view.read(place, MAX_FILE)
        except CollectError:
            return None

    def list(self, path: str) -> tuple[Name, ...]:
        """The entries of a directory, as far as they are known."""
        place = self._gathered.placed(path)
        if place is None or self._gathered.walked(place):
            return self._gathered.list(path)
        if self.standing(path) != "directory":
            return ()
        try:
            entries = self._gathered.view.list(place)
        except CollectError:
            return ()
        return tuple(Name(posixpath.basename(entry.path), entry.type == "directory") for entry in entries)

    def gap(self, path: str) -> Gap | None:
        """Why a path could not be read."""
        return self._gathered.gap(path)
