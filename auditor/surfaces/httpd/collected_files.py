"""A collection's documents as a set of files to resolve from."""

from __future__ import annotations

import posixpath

from auditor.model.snapshot import Collected, Document, Gap
from auditor.surfaces.httpd.fileset import NOT_READ, Name, Standing
from auditor.transport.links import follow

_ODD_STARTS = ("", "/", ".")


class CollectedFiles:
    """The documents of one collection by absolute path, links followed."""

    def __init__(self, collected: Collected) -> None:
        self.root = str(collected.fact("root") or "/")
        self._below = posixpath.normpath(self.root).rstrip("/") + "/"
        self._absent = frozenset(texts_of(collected, "absent_outside"))
        self._present = {path.rstrip("/"): path.endswith("/") for path in texts_of(collected, "present_outside")}
        self._apart = tuple(f"{self.absolute(name)}/" for name in texts_of(collected, "not_walked"))
        self._documents: dict[str, Document] = {}
        self._plain: set[str] = set()  # documents that are no links
        self._children: dict[str, dict[str, bool]] = {self.root: {}}  # by directory: name, whether one itself
        self._gaps = {self.absolute(gap.what): gap for gap in collected.gaps}
        for document in collected.documents:
            self._add(document)
        for folder in texts_of(collected, "empty_directories"):
            path = self.absolute(folder)
            self._children.setdefault(path, {})
            self._place(path, directory=True)
        for path, gap in self._gaps.items():
            # What could not be read stands there all the same: a wildcard finds it, and the gap is said.
            if path not in self._children and not gap.what.startswith(("member ", "whole ")):
                self._place(path, directory=False)

    def absolute(self, name: str) -> str:
        """The absolute path of a document's name."""
        if name[:1] in _ODD_STARTS or name[-1:] == "/" or "//" in name or "/." in name:
            return posixpath.normpath(posixpath.join(self.root, name))
        return f"{self._below}{name}"

    def document(self, path: str) -> Document | None:
        """The document that stands at a path, links followed."""
        real = self._resolve(path)
        return None if real is None else self._documents.get(real)

    def place(self, path: str) -> str | None:
        """Where an absolute path leads by the links of the collection, whatever stands there; None in a loop."""
        return follow(path, self._link_of, lambda _: True)

    # FileSet

    def standing(self, path: str) -> Standing:
        """What stands at a path; ``unknown`` outside of what was walked, unless it was looked for."""
        if path in self._plain and path not in self._children:
            return "file"
        place = self.place(path)
        if place is None:
            return "absent"  # a loop of links
        if place in self._children:
            return "directory"
        if place in self._plain:
            return "file"
        if path in self._gaps or place in self._gaps:
            return "unknown"
        if place in self._present:
            return "directory" if self._present[place] else "file"
        return "absent" if self._walked(place) or place in self._absent else "unknown"

    def read(self, path: str) -> bytes | None:
        """A document's bytes; None for what is none, and for a key that was not read."""
        document = self.document(path)
        if document is None or document.content == NOT_READ:
            return None
        return document.content

    def list(self, path: str) -> tuple[Name, ...]:
        """The entries of a directory."""
        real = self._resolve(path)
        entries = self._children.get(real or "", {})
        return tuple(Name(name, directory) for name, directory in entries.items())

    def gap(self, path: str) -> Gap | None:
        """The collection's own gap for a path."""
        found = self._gaps.get(path)
        if found is None:
            document = self.document(path)
            if document is not None and document.content == NOT_READ:
                return Gap(document.name, "unsupported", "a private key is never read, and cannot be configuration")
            if document is None and path in self._documents:
                return Gap(self._documents[path].name, "absent", "the link leads to what was not collected")
        return found

    # Index

    def _add(self, document: Document) -> None:
        path = self.absolute(document.name)
        self._documents[path] = document
        if not document.link:
            self._plain.add(path)
        self._place(path, directory=False)

    def _place(self, path: str, *, directory: bool) -> None:
        while path != "/":
            path, _, name = path.rpartition("/")
            path = path or "/"
            children = self._children.setdefault(path, {})
            if name in children:
                return  # and so are the directories above
            children[name] = directory
            directory = True

    def _walked(self, path: str) -> bool:
        inside = path == self.root or path.startswith(self.root.rstrip("/") + "/")
        return inside and not f"{path}/".startswith(self._apart)

    def _link_of(self, path: str) -> str | None:
        document = self._documents.get(path)
        return document.link if document is not None and document.link else None

    def _exists(self, path: str) -> bool:
        return path in self._documents or path in self._children

    def _resolve(self, path: str) -> str | None:
        if path in self._plain:
            return path
        return follow(path, self._link_of, self._exists)


def texts_of(collected: Collected, name: str) -> tuple[str, ...]:
    """A fact's texts; none where the machine did not say."""
    value = collected.fact(name)
    return value if isinstance(value, tuple) else ()
