"""A step of a plan in the direction in which it is carried out on an iLO. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from auditor.errors import RefusedError
from auditor.model.plan import (
    BiosAttributes,
    Direction,
    FirmwareUpdate,
    ManagerReset,
    NoUndo,
    RedfishCreate,
    RedfishDelete,
    RedfishPatch,
    SecretFrom,
    Step,
)
from auditor.surfaces.ilo.carry_out import members
from auditor.surfaces.ilo.carry_out.members import Members
from auditor.surfaces.ilo.members import MEMBERS

_SECRET: Final = frozenset(one.pointer for one in MEMBERS if one.type == "secret" and one.made)
_NOTHING: Final = ("null", '""')
Secrets: TypeAlias = tuple[SecretFrom, ...]


@dataclass(frozen=True)
class Setting:
    """Members of one resource as wanted, and as they are before; ``secrets`` and ``previous_secrets`` likewise."""

    step: str
    uri: str
    wanted: Members
    previous: Members
    resets_ilo: bool = False
    settings_uri: str = ""
    secrets: Secrets = ()
    previous_secrets: Secrets = ()

    @property
    def bios(self) -> bool:
        """Whether it goes through the pending settings."""
        return bool(self.settings_uri)

    def reverse(self) -> Setting:
        """The same members, back."""
        return replace(
            self,
            wanted=self.previous,
            previous=self.wanted,
            secrets=self.previous_secrets,
            previous_secrets=self.secrets,
        )

    @property
    def sent(self) -> Members:
        """What has to be sent: members that are the same before only say which resource is meant."""
        before = dict(self.previous)
        return tuple(
            (pointer, value) for pointer, value in self.wanted if pointer not in before or before[pointer] != value
        )


@dataclass(frozen=True)
class Membership:
    """A member of a collection, known by what it says: whether it is wanted there.

    ``uri`` is where it stood when the plan was made; empty where the plan makes it. ``final``: what is removed cannot
    be made again. ``secrets`` are sent where it is made.
    """

    step: str
    collection: str
    content: Members
    wanted: bool
    uri: str = ""
    final: bool = False
    secrets: Secrets = ()

    def reverse(self) -> Membership:
        """The same member, back."""
        return replace(self, wanted=not self.wanted)


@dataclass(frozen=True)
class Image:
    """An artefact and the version that it installs."""

    file: str
    sha256: str
    version: str

    @property
    def name(self) -> str:
        """The file's name, by which an iLO knows it."""
        return self.file.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Flash:
    """A component's firmware, at its places in the inventory; ``previous`` is None where nothing takes it back."""

    step: str
    uris: tuple[str, ...]
    wanted: Image | None
    previous: Image | None

    def reverse(self) -> Flash:
        """The same component, back."""
        return Flash(self.step, self.uris, self.previous, self.wanted)


@dataclass(frozen=True)
class Reset:
    """A reset of the iLO at ``uri`` for what was stored before: it has no way back."""

    step: str
    uri: str

    def reverse(self) -> Reset:
        """Itself."""
        return self


Act: TypeAlias = Setting | Membership | Flash | Reset


def act_of(step: Step, direction: Direction) -> Act:
    """The step as it is carried out.

    Errors:
        RefusedError: it is none of an iLO's, or goes back and cannot be taken back, or is taken back elsewhere.
    """
    if direction == "back" and isinstance(step.undo, NoUndo):
        raise RefusedError(f"step {step.id} cannot be taken back.", untouched="Nothing was changed.")
    for part in (step.change, step.undo):
        if isinstance(part, RedfishPatch | RedfishCreate):
            _check_secrets(step, part)
    made = _forward(step)
    return made if direction == "forward" else made.reverse()


def _check_secrets(step: Step, part: RedfishPatch | RedfishCreate) -> None:
    """A secret goes only where it is one to us too, and nothing else goes there.

    Errors:
        RefusedError: it would stand in clear, in the plan or in what is read of the iLO afterwards.
    """
    stray = [one.pointer for one in part.secrets if one.pointer not in _SECRET]
    clear = [pointer for pointer, value in part.members if pointer in _SECRET and value not in _NOTHING]
    if stray or clear:
        why = "takes no secret" if stray else "holds a secret, which stands in no plan"
        raise RefusedError(f"step {step.id}: {(stray or clear)[0]} {why}.", untouched="Nothing was changed.")


def _forward(step: Step) -> Act:
    change, undo = step.change, step.undo
    match change, undo:
        case RedfishPatch(), RedfishPatch() | NoUndo():
            previous = () if isinstance(undo, NoUndo) else members.members_of(undo)
            secrets = () if isinstance(undo, NoUndo) else undo.secrets
            made: Act = Setting(
                step.id,
                change.uri,
                members.members_of(change),
                previous,
                step.disruption == "iLO reset",
                secrets=change.secrets,
                previous_secrets=secrets,
            )
            same = isinstance(undo, NoUndo) or undo.uri == change.uri
        case BiosAttributes(), BiosAttributes() | NoUndo():
            previous = () if isinstance(undo, NoUndo) else members.members_of(undo)
            made = Setting(step.id, change.uri, members.members_of(change), previous, settings_uri=change.settings_uri)
            same = isinstance(undo, NoUndo) or undo.uri == change.uri
        case RedfishCreate(), RedfishDelete():
            content = members.members_of(change)
            made = Membership(step.id, change.collection, content, wanted=True, secrets=change.secrets)
            same = (undo.collection, undo.members) == (change.collection, change.members)
        case RedfishDelete(), RedfishCreate() | NoUndo():
            final = isinstance(undo, NoUndo)
            content = members.members_of(change)
            made = Membership(
                step.id,
                change.collection,
                content,
                wanted=False,
                uri=change.uri,
                final=final,
                secrets=() if isinstance(undo, NoUndo) else undo.secrets,
            )
            same = isinstance(undo, NoUndo) or (undo.collection, undo.members) == (change.collection, change.members)
        case FirmwareUpdate(), FirmwareUpdate() | NoUndo():
            same = isinstance(undo, NoUndo) or undo.uris == change.uris
            previous_image = None if isinstance(undo, NoUndo) else _image(undo)
            made = Flash(step.id, change.uris, _image(change), previous_image)
        case ManagerReset(), NoUndo():
            made, same = Reset(step.id, change.uri), True
        case _:
            raise RefusedError(f"step {step.id} is none of an iLO's.", untouched="Nothing was changed.")
    if not same:
        raise RefusedError(f"step {step.id} is taken back elsewhere.", untouched="Nothing was changed.")
    return made


def secrets_for(acts: Iterable[Act], direction: Direction) -> Secrets:
    """The secrets that these acts send; going forward, also those by which they would be taken back."""
    found: list[SecretFrom] = []
    for one in acts:
        if isinstance(one, Setting):
            found += (*one.secrets, *(one.previous_secrets if direction == "forward" else ()))
        elif isinstance(one, Membership) and (one.wanted or direction == "forward"):
            found += one.secrets
    return tuple(dict.fromkeys(found))


def _image(change: FirmwareUpdate) -> Image:
    return Image(change.file, change.sha256, change.version)


def shown(values: Members) -> str:
    """Members as a journal's detail."""
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True)[:2000]
