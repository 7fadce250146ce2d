"""The files of a collection as a plan's edits find them: which document an edit changes, by which names, and what for.

Pure.
"""

from __future__ import annotations

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit, Wish
from auditor.model.snapshot import Collected, Document
from auditor.model.value import Text, show
from auditor.surfaces.httpd.collected_files import CollectedFiles
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.wanted import RefusedWish
from auditor.surfaces.httpd.wishes import LineChange
from auditor.surfaces.httpd.words import split_words


class Made(msgspec.Struct, frozen=True):
    """One edit, why it is made, and what a person should know of it."""

    edit: DirectiveEdit
    why: str
    notes: tuple[str, ...] = ()


class EditedFiles:
    """The documents of one collection, found by the names that sources give them."""

    def __init__(self, collected: Collected) -> None:
        self._files = CollectedFiles(collected)

    def document(self, name: str) -> Document:
        """The document that stands at a name, symbolic links followed: what an edit must change.

        Errors:
            RefusedWish: it was not collected.
        """
        found = self._files.document(self._files.absolute(name))
        if found is None:
            raise RefusedWish(f"{name} was not collected, so it cannot be edited")
        return found

    def read(self, name: str) -> bytes:
        """A file's bytes by its source's name."""
        return self.document(name).content

    def make(self, change: LineChange, resolved: Resolved, wish: Wish) -> Made:
        """The edit that a change makes of its file, under the file's own name, with the links that lead to it.

        Errors:
            RefusedWish: it cannot be proven, or the file cannot be changed from here.
        """
        document = self.document(change.file)
        _check_encoding(document, wish)
        try:
            edit = change.make(document.content)
        except RefusedError as error:
            where = f"{error.where}: " if error.where else ""
            raise RefusedWish(f"{wish.address}: {where}{error.what}") from error
        links = self._links(document, change.file, resolved)
        if document.name.startswith("/") and not links:
            raise RefusedWish(
                f"{wish.address}: {document.name}:{change.line} lies outside of the tree, and no link of the tree "
                "leads to it: change it by hand"
            )
        notes = [f"{link} is a symbolic link to {document.name}, which is what is changed" for link in links]
        if change.macro:
            notes.append(_macro_note(change, resolved))
        return Made(msgspec.structs.replace(edit, file=document.name, links=links), change.why, tuple(notes))

    def _links(self, document: Document, file: str, resolved: Resolved) -> tuple[str, ...]:
        """The names below the root by which httpd reads the document, other than its own."""
        names = {one.source.file for one in resolved.directives} | {file}
        return tuple(
            sorted(
                name
                for name in names
                if name != document.name
                and not name.startswith("/")
                and self._files.document(self._files.absolute(name)) is document
            )
        )


def links_to(collected: Collected, document: Document) -> tuple[str, ...]:
    """The symbolic links below the root that lead to a document, sorted."""
    files = CollectedFiles(collected)
    return tuple(
        sorted(
            one.name
            for one in collected.documents
            if one.link and not one.name.startswith("/") and files.document(files.absolute(one.name)) is document
        )
    )


def _check_encoding(document: Document, wish: Wish) -> None:
    """Refuses letters for a file in which nobody knows how they are written."""
    if not isinstance(wish.value, Text) or wish.value.value.isascii():
        return
    try:
        document.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RefusedWish(
            f"{wish.address}: {document.name} is not in UTF-8, and in which encoding {show(wish.value)!r} would have "
            "to be written there is not known: change it by hand"
        ) from error


def _macro_note(change: LineChange, resolved: Resolved) -> str:
    """That every use of a macro changes, and how many there are."""
    uses = sum(
        1
        for one in resolved.directives
        if one.name.lower() == "use"
        and split_words(one.arguments)[:1]
        and split_words(one.arguments)[0].lower() == change.macro
    )
    times = "once" if uses == 1 else f"{uses} times"
    return f"{change.file}:{change.line} stands in the macro {change.macro}, which is used {times}: every use changes"
