"""A pull request's difference as steps: what differs between two commits, on a tree as it is live."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import msgspec

from auditor.model.plan import Proposal
from auditor.model.secret import Sealer
from auditor.model.snapshot import Collected, Document
from auditor.services.changes.restore import TreeSteps
from auditor.store.difference import Committed, Difference, Differing
from auditor.surfaces.interface import InterpretOptions, Surface


def steps_of_difference(
    difference: Difference, now: Collected, surface: Surface, options: InterpretOptions, sealer: Sealer
) -> Proposal:
    """Steps that bring to the tree what differs, and nothing else.

    Where a file is live as it was before, it becomes what it is after. Where it differs, the lines that the difference
    changes must be there, each with its neighbours, as they were before; else the file is refused by name.
    """
    at = f"as at {difference.new[:12]}"
    made = TreeSteps(now, sealer, at, f"is gone {at}")
    reading = _Reading(now, sealer)
    for one in difference.files:
        why, wanted = _wanted(one, reading)
        live = now.document(one.name)
        if why:
            made.refusals.append(f"{one.name}: {why}")
        elif reading.same(live, wanted):
            made.notes.append(f"already so: {one.name} {at if wanted is not None else 'is not there'}")
        else:
            made.becomes(one.name, live, wanted)
    return made.proposal(surface, options)


class _Reading:
    """A commit's files as they would be collected of this tree."""

    def __init__(self, now: Collected, sealer: Sealer) -> None:
        from auditor.surfaces.httpd.secrets import learn

        self._now, self._sealer = now, sealer
        self._known = learn(one.content for one in now.documents)

    def live(self, name: str) -> Document | None:
        """What stands at a name."""
        return self._now.document(name)

    def document(self, name: str, file: Committed) -> Document:
        """A file of a commit, its secrets sealed; mode and owner are for what stands there, or beside it, to say."""
        from auditor.surfaces.httpd.documents import sealed_file

        if file.link:
            return Document(name, f"files/{name}", b"", link=file.content.decode("utf-8", "surrogateescape"))
        content = sealed_file(name, file.content, self._sealer, self._known)
        live = self.live(name)
        digest = self._sealer.fingerprint(file.content) if content != file.content else ""
        bare = Document(name, f"files/{name}", content, fingerprint=digest)
        if live is None or live.link:
            return bare
        return msgspec.structs.replace(bare, mode=live.mode, owner=live.owner, group=live.group)

    def same(self, one: Document | None, other: Document | None) -> bool:
        """Whether both are the same link, the same true bytes, or nothing."""
        if one is None or other is None:
            return one is other
        return one.link == other.link and self._digest(one) == self._digest(other)

    def _digest(self, document: Document) -> str:
        return document.fingerprint or self._sealer.fingerprint(document.content)


def _wanted(one: Differing, reading: _Reading) -> tuple[str, Document | None]:
    """Why a file cannot be brought there, or what it is to be."""
    try:
        before, after = (reading.document(one.name, file) if file else None for file in (one.before, one.after))
    except ValueError as error:
        return str(error), None
    live = reading.live(one.name)
    if reading.same(live, after) or reading.same(live, before):
        return "", after
    if live is None:
        return "it is not there on the target, and the difference changes it", None
    if before is None:
        return "something else stands there on the target already", None
    if after is None or live.link or before.link or after.link:
        return "it is not on the target what it was before the difference", None
    merged = _merged(*(one.content.split(b"\n") for one in (before, after, live)))
    if isinstance(merged, int):
        return f"line {merged} before the difference, or one beside it, is not so on the target", None
    return "", msgspec.structs.replace(live, content=b"\n".join(merged), fingerprint="")


def _merged(before: Sequence[bytes], after: Sequence[bytes], live: Sequence[bytes]) -> list[bytes] | int:
    """The live lines with what was changed; or the number of the line that has no certain place there."""
    places: dict[int, int] = {-1: -1, len(before): len(live)}
    for block in difflib.SequenceMatcher(None, before, live, autojunk=False).get_matching_blocks():
        places |= {block.a + number: block.b + number for number in range(block.size)}
    lines = list(live)
    for tag, start, end, first, last in reversed(
        difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    ):
        if tag == "equal":
            continue
        there = [places.get(number) for number in range(start - 1, end + 1)]
        begin = there[0]
        if begin is None or there != list(range(begin, begin + len(there))):
            return start + 1
        lines[begin + 1 : begin + 1 + end - start] = after[first:last]
    return lines
