"""What a plan's steps make of a tree: each place that they change as it stands, and as it is to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Protocol, TypeAlias

from auditor.errors import RefusedError
from auditor.model.plan import Direction, DirectiveEdit, Disruption, FileChange, LinkChange, Step
from auditor.model.secret import Sealer
from auditor.surfaces.httpd.carry_out.edits import edited
from auditor.surfaces.httpd.carry_out.files import LiveFile
from auditor.surfaces.httpd.carry_out.machine import Machine
from auditor.surfaces.httpd.carry_out.running import Running
from auditor.surfaces.httpd.carry_out.whole import (
    digests_in,
    name_of,
    owner_of,
    refuse_other_owner,
    secrets_in,
    stood_as,
    wanted_of,
)
from auditor.surfaces.httpd.whole_files import rank

Pairs: TypeAlias = tuple[tuple[LiveFile, LiveFile], ...]
Whole: TypeAlias = FileChange | LinkChange
_ROOT: Final = ("0", "0")


class Survey(Protocol):
    """The live tree as the collector reads it."""

    def seal(self, name: str, content: bytes, /) -> bytes:
        """A file's content as it would be collected."""
        ...

    def holders(self, digests: frozenset[bytes], /) -> Mapping[str, bytes]:
        """The files that hold secrets of these digests, with their content as it would be collected."""
        ...

    def configuration(self, new: Pairs, root: str, /) -> frozenset[str]:
        """The names of those files that the server reads as configuration once they are as planned."""
        ...

    async def preflight(self, new: Pairs, root: str, way: Disruption, running: Running | None, /) -> tuple[str, ...]:
        """Looks at the files' new bytes for what the server's own check skips; gives what it checked, or refuses."""
        ...


class Changes(NamedTuple):
    """The edits of lines, and the changes of whole files and links, each in the order of a direction."""

    edits: tuple[DirectiveEdit, ...]
    whole: tuple[Whole, ...]


def changes_of(steps: Sequence[Step], direction: Direction) -> Changes:
    """What a direction carries out.

    Errors:
        RefusedError: a step is none of httpd's, or cannot be taken back.
    """
    changes = [step.change for step in steps] if direction == "forward" else [step.undo for step in reversed(steps)]
    edits = tuple(change for change in changes if isinstance(change, DirectiveEdit))
    whole = tuple(change for change in changes if isinstance(change, FileChange | LinkChange))
    if len(edits) + len(whole) != len(changes):
        raise _refused("the plan holds a step that is none of httpd's, or cannot be taken back")
    return Changes(edits, whole)


def names_of(changes: Changes) -> tuple[tuple[str, ...], frozenset[str]]:
    """The files that the changes name, and which of them are meant as what stands at the name itself."""
    entries = [name_of(change) for change in changes.whole]
    return tuple(dict.fromkeys((*(edit.file for edit in changes.edits), *entries))), frozenset(entries)


async def composed(changes: Changes, machine: Machine, survey: Survey, sealer: Sealer) -> Pairs:
    """What stands where the plan changes something, with what it makes of that, in the order of doing it.

    Errors:
        RefusedError: something is not as the plan says, or two steps mean the same file.
    """
    edits, whole = changes
    links: dict[str, tuple[str, ...]] = {}
    for edit in edits:
        links[edit.file] = tuple(sorted({*links.get(edit.file, ()), *edit.links}))
    names = [*links, *map(name_of, whole)]
    entries = frozenset(map(name_of, whole))
    found = await machine.read(links | dict.fromkeys(entries, ()), entries=entries)
    live = {one.name: one for one in map(readable, found)}
    if len(names) != len(live) or len({file.real for file in live.values()}) != len(live):
        raise _refused("the plan names one file in two ways")
    new = edited({name: live[name].content for name in links}, edits, seal=survey.seal, sealer=sealer)
    ranked = [(rank(edits[0]), (live[name], replace(live[name], content=new[name]))) for name in links]
    stood = await machine.ids([stood_as(change) or _ROOT for change in whole])
    for change, numbers in zip(whole, stood, strict=True):
        if stood_as(change) is not None:
            refuse_other_owner(change, live[name_of(change)], numbers)
    owners = await machine.ids([owner_of(change) or _ROOT for change in whole])
    secrets = await _secrets(whole, machine, survey, sealer)
    for change, owner in zip(whole, owners, strict=True):
        one = live[name_of(change)]
        ranked.append((rank(change), (one, wanted_of(change, one, owner, secrets, sealer))))
    pairs = tuple(pair for _, pair in sorted(ranked, key=lambda one: one[0]))
    read = survey.configuration(pairs, machine.root)
    return tuple((one, replace(wanted, unread=one.name not in read)) for one, wanted in pairs)


def readable(found: LiveFile | RefusedError) -> LiveFile:
    """What was read. Errors: RefusedError where it could not be."""
    if isinstance(found, RefusedError):
        raise found
    return found


async def _secrets(whole: tuple[Whole, ...], machine: Machine, survey: Survey, sealer: Sealer) -> dict[bytes, bytes]:
    """The live secrets that new files hold, by their digests."""
    digests = frozenset(digest for change in whole for digest in digests_in(change))
    shown = survey.holders(digests) if digests else {}
    found: dict[bytes, bytes] = {}
    for one in await machine.read(dict.fromkeys(shown, ())) if shown else ():
        if isinstance(one, LiveFile):
            found |= secrets_in(one.content, shown[one.name], sealer)
    return found


def _refused(why: str) -> RefusedError:
    return RefusedError(f"{why}.", untouched="Nothing was changed.")
