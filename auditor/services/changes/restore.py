"""A state of the store as steps: what httpd's files were then, and what an iLO's settings were."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import msgspec

from auditor.errors import RefusedError
from auditor.model.plan import Condition, DirectiveEdit, DocumentIs, Effect, Proposal, Step, Wish
from auditor.model.resource import PRESENT, AttributeSpec, KindSpec
from auditor.model.secret import SEALED, Sealer
from auditor.model.snapshot import Collected, Document, Interpretation, hides
from auditor.model.value import Boolean
from auditor.plan.conditions import changed, nothing_at, values_of
from auditor.surfaces.interface import InterpretOptions, Surface

_MOST_LINES = 20_000


def restore_files(
    then: Collected, now: Collected, surface: Surface, options: InterpretOptions, sealer: Sealer
) -> Proposal:
    """Steps that give every file the lines it had, and every file and link of the tree back that was there then.

    What was not there then is removed. What no plan can bring back is refused by name.
    """
    made = TreeSteps(now, sealer, "as it was", "was not there")
    for old in then.documents:
        made.becomes(old.name, now.document(old.name), old)
    for new in now.documents:
        if then.document(new.name) is not None or new.name.startswith("/"):
            continue
        held = nothing_at(new.name, then)
        if held.holds:
            made.becomes(new.name, new, None)
        else:
            made.refusals.append(f"{new.name}: whether it was there then was not seen ({held.sentence}); it is left")
    return made.proposal(surface, options)


class TreeSteps:
    """Steps that make files and links of a tree become others, what they make of which, and what cannot be done.

    ``wanted`` and ``gone`` end the sentence that says why, of what stands there then and of what does not.
    """

    def __init__(self, now: Collected, sealer: Sealer, wanted: str, gone: str) -> None:
        self._now, self._sealer = now, sealer
        self._wanted, self._gone = wanted, gone
        self.steps: list[Step] = []
        self.refusals: list[str] = []
        self.notes: list[str] = []
        self.documents: dict[str, Document | None] = {}

    def becomes(self, name: str, new: Document | None, old: Document | None) -> None:
        """Takes up what makes ``old`` of ``new``, which stands there now."""
        if new is not None and old is not None and (new.link, new.content) == (old.link, old.content):
            if new.link or new.name.startswith("/") or old.mode is None or _access(new) == _access(old):
                return
        elif new is not None and old is not None and not new.link and not old.link:
            # Edits keep mode and owner. What was not seen then, or lies outside of the tree, is left as it is.
            if new.name.startswith("/") or old.mode is None or _access(new) == _access(old):
                self._edited(new, old)
            elif why := self._whole(name, new, old):
                self.refusals[-1] = f"{name}: its mode and owner are left as they are now: {why}"
                self._edited(new, old)
            return
        self._whole(name, new, old)

    def proposal(self, surface: Surface, options: InterpretOptions) -> Proposal:
        """All of it, in order, with its effects."""
        from auditor.surfaces.httpd.owned import with_owners
        from auditor.surfaces.httpd.whole_files import activated, in_order, with_document

        now = after = self._now
        for name, document in self.documents.items():
            after = with_document(after, name, document)
        found = changed(values_of(surface.interpret(now, options)), values_of(surface.interpret(after, options)))
        effects = tuple(msgspec.structs.replace(one, asked=True) for one in found)
        steps, notes = activated(in_order(self.steps), now, after, options)
        made = Proposal(now.target, steps, effects, tuple(self.refusals), (*self.notes, *notes))
        return with_owners(made, now, options)

    def _edited(self, new: Document, old: Document) -> None:
        refusals: list[str] = []
        found = _edits(old, new, _links(self._now, new), self._sealer, refusals)
        if found:
            self.steps += [msgspec.structs.replace(one, why=f"{one.id} {self._wanted}") for one in found]
            self.documents[new.name] = msgspec.structs.replace(new, content=old.content, fingerprint=old.fingerprint)
        elif refusals and not new.name.startswith("/"):
            self._whole(new.name, new, old)
        else:
            self.refusals += refusals

    def _whole(self, name: str, new: Document | None, old: Document | None) -> str:
        """Takes up the step on the whole file or link; gives why there is none, which is a refusal then."""
        from auditor.surfaces.httpd.whole_files import as_made, whole_step

        why = f"{name} {self._wanted if old is not None else self._gone}"
        try:
            step = whole_step(new, old, self._now, self._sealer, why)
        except RefusedError as error:
            why = error.what.rstrip(".")
            self.refusals.append(f"{name}: {why}")
            return why
        self.steps.append(step)
        self.documents[name] = as_made(step, old)
        return ""


def restore_values(
    then: Interpretation, now: Interpretation, kinds: Sequence[KindSpec]
) -> tuple[tuple[Wish, ...], tuple[str, ...]]:
    """Wishes for the values that were, and what differs and cannot be set, in sentences."""
    specs = {kind.name: kind for kind in kinds}
    wishes: list[Wish] = []
    refusals: list[str] = []
    for effect in changed(values_of(now), values_of(then)):
        kind = specs.get(effect.address.kind)
        spec = kind.get(effect.address.attribute) if kind else None
        if kind is not None and kind.made and (whole := _whole(effect, spec, then, now)) is not None:
            if (unseen := _unseen(effect, then, now)) is None:
                wishes += [one for one in whole if one not in wishes]
            elif unseen not in refusals:
                refusals.append(unseen)
            continue
        settable = spec.settable if spec else bool(kind and kind.open)
        if settable and effect.after is not None and effect.before is not None:
            wishes.append(Wish(msgspec.structs.replace(effect.address, target=now.target), effect.after))
        else:
            refusals.append(f"{effect.address} differs and cannot be set")
    return tuple(wishes), tuple(refusals)


def _whole(
    effect: Effect, spec: AttributeSpec | None, then: Interpretation, now: Interpretation
) -> tuple[Wish, ...] | None:
    """Wishes for a resource that is gone, or was not there; None where it was there and is."""
    address = effect.address.on(now.target)
    was, is_ = (one.find(address.kind, address.name) for one in (then, now))
    if (was is None) == (is_ is None):
        return None
    present = msgspec.structs.replace(address, attribute=PRESENT.name)
    if was is None:
        return (Wish(present, None),)
    said = (Wish(address, effect.after),) if spec is not None and spec.settable else ()
    return (Wish(present, Boolean(value=True)), *said)


def _unseen(effect: Effect, then: Interpretation, now: Interpretation) -> str | None:
    """Why it is not known whether a resource was there then, or is there now; None: it is known."""
    kind, name = effect.address.kind, effect.address.name
    for state, text in ((then, "was there then was not seen"), (now, "is there now cannot be seen")):
        if state.find(kind, name) is None and (gaps := hides(state.gaps, kind)):
            return f"{kind} {name}: whether it {text} ({gaps[0].what}: {gaps[0].cause}); it is left"
    return None


def _access(document: Document) -> tuple[int | None, str, str]:
    return document.mode, document.owner, document.group


def _links(now: Collected, document: Document) -> tuple[str, ...]:
    from auditor.surfaces.httpd.edited_files import links_to

    return links_to(now, document)


def _edits(old: Document, new: Document, links: tuple[str, ...], sealer: Sealer, refusals: list[str]) -> list[Step]:
    """Edits from the last line to the first, so that the line numbers of the present file hold for each."""
    before, after = _lines(new.content), _lines(old.content)
    if new.name.startswith("/") and not links:
        refusals.append(f"{new.name} lies outside of the tree, and no link of the tree leads to it; restore it by hand")
        return []
    if max(len(before), len(after)) > _MOST_LINES:
        refusals.append(f"{new.name} has more than {_MOST_LINES} lines; restore it by hand")
        return []
    edits: list[DirectiveEdit] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, old_start, old_end in reversed(matcher.get_opcodes()):
        if tag == "equal":
            continue
        here, there = b"".join(before[start:end]), b"".join(after[old_start:old_end])
        if {match[0] for match in SEALED.finditer(there)} - {match[0] for match in SEALED.finditer(here)}:
            refusals.append(f"{new.name}:{start + 1}: a secret stood there that is not there now")
            return []
        edits.append(DirectiveEdit(new.name, start + 1, end, here.decode("latin-1"), there.decode("latin-1"), links))
    texts = new.content.decode("latin-1"), old.content.decode("latin-1")
    whole = DirectiveEdit(new.name, 1, len(before), *texts, links)
    # Lines that differ may cut through a section, which only the file as a whole can do.
    why_not = _unproven(new.content, edits) and _unproven(new.content, edits := [whole])
    if why_not:
        refusals.append(f"{why_not}; restore it by hand")
        return []
    is_now = DocumentIs(new.name, new.fingerprint or sealer.fingerprint(new.content))
    was_then = DocumentIs(old.name, old.fingerprint or sealer.fingerprint(old.content))
    # Of true bytes that nobody has seen, the digest is not known.
    known = bool(old.fingerprint) or SEALED.search(old.content) is None
    return [_step(edit, is_now, (was_then,) if known else ()) for edit in edits]


def _unproven(content: bytes, edits: Sequence[DirectiveEdit]) -> str:
    """Why the edits cannot be made one after the other; empty where they can."""
    from auditor.surfaces.httpd.operations import carry_out

    try:
        for edit in edits:
            content = carry_out(content, edit)
    except RefusedError as error:
        return f"{error.where}: {error.what}"
    return ""


def _step(edit: DirectiveEdit, is_now: Condition, was_then: tuple[Condition, ...]) -> Step:
    from auditor.surfaces.httpd.operations import undone

    name = f"{edit.file}:{edit.line}"
    return Step(name, name, edit, undone(edit), "reload", (is_now,), was_then)


def _lines(content: bytes) -> list[bytes]:
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
