"""Wishes about a tree's links and files: sites and modules enabled and disabled, links led elsewhere. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Final

from auditor.model.plan import LinkChange, LinkIs, NothingAt, Step, Wish
from auditor.model.snapshot import Collected, Document
from auditor.model.value import Boolean, Text, Value, show
from auditor.surfaces.httpd.plain_files import gone_file, returned_file
from auditor.surfaces.httpd.wanted import RefusedWish
from auditor.surfaces.httpd.whole_files import as_made, has_folder, in_order, undone_whole, with_document
from auditor.surfaces.interface import InterpretOptions, WholeFiles

KIND: Final = "httpd.file"
PRESENT: Final = "present"
_ENABLED: Final = re.compile(r"(?P<what>(?:.*/)?\w+)-enabled/(?P<name>[^/]+)")
_MODULE: Final = re.compile(r"(?P<folder>(?:.*/)?mods-enabled)/(?P<name>[^/]+)\.load")
_HEADER: Final = re.compile(rb"^#\s*(Depends|Conflicts):\s*(.+)$", re.MULTILINE)


class Led:
    """The links and files as wishes make them: ``state`` is the tree with them, the rest as in a proposal.

    ``asked`` are the names that were asked for, beside what goes with them; ``going`` those that are to go.
    """

    def __init__(self, collected: Collected, options: InterpretOptions) -> None:
        self.state = collected
        whole = options if isinstance(options, WholeFiles) else WholeFiles()
        self._sealer = whole.sealer
        self._gone = {document.name: document for document in whole.gone}
        self.steps: tuple[Step, ...] = ()
        self.refusals: list[str] = []
        self.notes: list[str] = []
        self.asked: set[str] = set()
        self.going: frozenset[str] = frozenset()

    def turn(self, name: str, text: str | None, why: str) -> None:
        """Takes up one link; None: none is to stand there.

        Errors:
            RefusedWish: a file stands there, or the link cannot be made.
        """
        now = self.state.document(name)
        if now is not None and not now.link:
            raise RefusedWish(f"{name} is a file, and no link")
        before = now.link if now is not None else None
        if text is not None and not has_folder(self.state, posixpath.dirname(name)):
            raise RefusedWish(f"{name}: its directory is not there, and a plan makes none")
        if before == text:
            return
        change = LinkChange(name, before, text)
        conditions = [NothingAt(name) if one is None else LinkIs(name, one) for one in (before, text)]
        step = Step(name, why, change, undone_whole(change), "reload", (conditions[0],), (conditions[1],))
        self._take(step, None if text is None else Document(name, f"files/{name}", b"", link=text))

    def delete(self, document: Document) -> None:
        """Takes up that a file goes.

        Errors:
            RefusedWish: it cannot.
        """
        self._take(gone_file(document, self.state, self._sealer), None)

    def bring_back(self, name: str) -> bool:
        """Takes up that a file or link comes back as it last stood; gives whether that is known.

        Errors:
            RefusedWish: it cannot be made.
        """
        document = self._gone.get(name)
        if document is None:
            return False
        if document.link:
            self.turn(name, document.link, f"{name} is there again, as it last was")
            return True
        step = returned_file(document, self.state, self._sealer)
        self._take(step, as_made(step, document))
        return True

    def _take(self, step: Step, document: Document | None) -> None:
        self.steps = in_order((*self.steps, step))
        self.state = with_document(self.state, step.id, document)


def lead(wishes: Sequence[Wish], collected: Collected, options: InterpretOptions) -> Led:
    """What the wishes about files make of the tree's links and files. What is to go goes first."""
    led = Led(collected, options)
    led.going = frozenset(wish.address.name for wish in wishes if _goes(wish.value))
    for wish in sorted(wishes, key=lambda one: not _goes(one.value)):
        name = wish.address.name
        steps, state = led.steps, led.state
        try:
            _fulfil(led, wish)
        except RefusedWish as refusal:
            led.steps, led.state = steps, state
            led.refusals.append(f"{KIND}[{name}]: {refusal}")
            continue
        if led.steps == steps:
            led.notes.append(f"already so: {name} is {'not there' if _goes(wish.value) else 'there'}")
        led.asked.add(name)
    return led


def _goes(value: Value | None) -> bool:
    return value is None or value == Boolean(False)


def _fulfil(led: Led, wish: Wish) -> None:
    name = wish.address.name
    if name.startswith("/") or ".." in name.split("/"):
        raise RefusedWish("it lies outside of the tree; links and files are changed inside of it alone")
    if wish.address.attribute == "link" and not _goes(wish.value):
        text = show(wish.value) if isinstance(wish.value, Text) else ""
        if not text or "\0" in text:
            raise RefusedWish("a path is wanted, as the link is to hold it")
        if not _leads(led.state, name, text):
            raise RefusedWish(f"{text} is not there")
        led.turn(name, text, f"{name} leads to {text}")
    elif _goes(wish.value):
        found = led.state.document(name)
        if wish.address.attribute == PRESENT and found is not None and not found.link:
            led.delete(found)
        else:
            _disable(led, name)
    elif led.state.document(name) is None:
        _enable(led, name)


def _leads(state: Collected, name: str, text: str) -> bool:
    """Whether a link's text leads to something, as far as the tree can say."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), text))
    outside = path.startswith(("/", "../"))
    return outside or state.document(path) is not None or has_folder(state, path)


def _enable(led: Led, name: str) -> None:
    """A link of a ``…-enabled`` directory to what is available; of a module with what belongs to it and it needs.

    Any other name is brought back as it last stood.
    """
    found = _ENABLED.fullmatch(name)
    text = f"../{posixpath.basename(found['what'])}-available/{found['name']}" if found else ""
    if (found is None or not _leads(led.state, name, text)) and led.bring_back(name):
        return
    if found is None:
        raise RefusedWish(
            f'no state of the store holds it, and where it is to lead is not said; ask for  {KIND}["{name}"].link=PATH'
        )
    if not _leads(led.state, name, text):
        raise RefusedWish(f"{posixpath.normpath(posixpath.join(posixpath.dirname(name), text))} is not there")
    led.turn(name, text, f"{found['name']} is enabled")
    module = _MODULE.fullmatch(name)
    if module is None:
        return
    folder = module["folder"]
    for other in _headers(led.state, folder, module["name"], "Conflicts"):
        if led.state.document(f"{folder}/{other}.load") is not None:
            raise RefusedWish(f"it conflicts with {other}, which is enabled; disable that in the same plan")
    settings = f"{folder}/{module['name']}.conf"
    if led.state.document(settings) is None and _leads(led.state, settings, f"{text.removesuffix('.load')}.conf"):
        led.turn(settings, f"{text.removesuffix('.load')}.conf", f"{module['name']}.conf goes with the module")
    for needed in _headers(led.state, folder, module["name"], "Depends"):
        if led.state.document(f"{folder}/{needed}.load") is None:
            _enable(led, f"{folder}/{needed}.load")


def _disable(led: Led, name: str) -> None:
    """Removes a link; of a module also that of its settings, where no other enabled one depends on it."""
    module = _MODULE.fullmatch(name)
    if module is not None:
        folder = module["folder"]
        enabled = [one for document in led.state.documents if (one := _MODULE.fullmatch(document.name))]
        needs = [
            one["name"]
            for one in enabled
            if one["folder"] == folder
            and one[0] not in led.going
            and module["name"] in _headers(led.state, folder, one["name"], "Depends")
        ]
        if needs:
            raise RefusedWish(f"{', '.join(sorted(needs))} depends on it; disable that in the same plan")
    if led.state.document(name) is not None:
        led.turn(name, None, f"{posixpath.basename(name)} is disabled" if _ENABLED.fullmatch(name) else f"{name} goes")
    settings = f"{module['folder']}/{module['name']}.conf" if module is not None else ""
    if module is not None and led.state.document(settings) is not None:
        led.turn(settings, None, f"{module['name']}.conf goes with the module")


def _headers(state: Collected, folder: str, module: str, header: str) -> tuple[str, ...]:
    """The modules that a module's file names in a comment for Debian's tools."""
    document = state.document(f"{folder.removesuffix('-enabled')}-available/{module}.load")
    if document is None:
        return ()
    found = (match for match in _HEADER.finditer(document.content) if match[1].decode() == header)
    return tuple(word.decode("latin-1") for match in found for word in re.split(rb"[\s,]+", match[2].strip()))
