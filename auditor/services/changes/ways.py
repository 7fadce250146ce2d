"""The ways to a plan: what is asked for, and how a plan's origin says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from auditor.model.policy import Baseline

_BEFORE: Final = "--secret-before="
_PACKAGES: Final = "--packages"


@dataclass(frozen=True)
class SetWay:
    """Wanted values, each ``ADDRESS=VALUE``.

    ``before`` says where secrets come from that stand there now, each ``ADDRESS=PLACE``: by them it is taken back.
    """

    settings: tuple[str, ...]
    before: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What a plan's origin says of it."""
        return (*self.settings, *(f"{_BEFORE}{one}" for one in self.before))

    @classmethod
    def of(cls, words: Sequence[str]) -> SetWay:
        """The way that a plan's origin says."""
        before = tuple(one.removeprefix(_BEFORE) for one in words if one.startswith(_BEFORE))
        return cls(tuple(one for one in words if not one.startswith(_BEFORE)), before)


@dataclass(frozen=True)
class RuleWay:
    """Make a rule's findings go, on these targets, by its own remedy, or as these baselines of the fleet agree."""

    rule: str
    targets: tuple[str, ...]
    baselines: tuple[Baseline, ...] = ()


@dataclass(frozen=True)
class BaselineWay:
    """As these baselines agree, on these targets; ``names`` are the words by which the baselines were given."""

    baselines: tuple[Baseline, ...]
    targets: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ToWay:
    """As it was at a revision of the store, or as a plan found it, on these targets.

    Without any: on those of the plan; for a revision on all. With ``packages`` the packages' versions are brought back,
    and nothing else; without, everything but them.
    """

    revision: str
    targets: tuple[str, ...]
    packages: bool = False

    def words(self, revision: str, targets: tuple[str, ...]) -> tuple[str, ...]:
        """What a plan's origin says of it: the revision that was meant, and the targets."""
        return (revision, *((_PACKAGES,) if self.packages else ()), *targets)

    @classmethod
    def of(cls, words: Sequence[str]) -> ToWay:
        """The way that a plan's origin says."""
        return cls(words[0], tuple(one for one in words[1:] if one != _PACKAGES), _PACKAGES in words[1:])


@dataclass(frozen=True)
class DiffWay:
    """What differs between two commits (``A..B``) below a folder that holds the tree, on these targets."""

    revisions: str
    folder: Path
    targets: tuple[str, ...]


Way: TypeAlias = SetWay | RuleWay | BaselineWay | ToWay | DiffWay
