"""What a wish is about, and why it cannot be fulfilled. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping

from auditor.model.plan import Wish
from auditor.model.resource import KindSpec, Resource
from auditor.model.snapshot import Gap
from auditor.surfaces.ilo.body import Json
from auditor.surfaces.ilo.kinds import KINDS


class RefusedWish(Exception):  # noqa: N818 - caught where steps are made: it becomes a sentence of the proposal
    """A wish cannot be fulfilled; the text is a sentence."""


def wished_resource(wish: Wish, before: Mapping[tuple[str, str], Resource], gaps: tuple[Gap, ...]) -> Resource:
    """The resource that a wish is about.

    Errors:
        RefusedWish: there is none, or it could not be read.
    """
    address = wish.address
    if address.kind not in {kind.name for kind in KINDS}:
        raise RefusedWish(f"{address}: there is no kind {address.kind} on an iLO.")
    if wish.value is None:
        raise RefusedWish(f"{address}: a setting cannot be taken away, only set to another value.")
    resource = before.get((address.kind, address.name))
    if resource is None:
        unseen = [gap for gap in gaps if not gap.complete and (not gap.kinds or address.kind in gap.kinds)]
        if unseen:
            raise RefusedWish(f"{address}: could not be read ({unseen[0].what}: {unseen[0].cause}).")
        names = sorted(name for kind, name in before if kind == address.kind)
        raise RefusedWish(f"{address}: there is none; there are {', '.join(names) or 'none of this kind'}.")
    return resource


def kind_of(kind: str) -> KindSpec:
    """What is known of a kind.

    Errors:
        StopIteration: no iLO has it; :func:`wished_resource` says so.
    """
    return next(one for one in KINDS if one.name == kind)


def near(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known: the one that may have been meant."""
    alike = difflib.get_close_matches(name, list(names), 1, 0.6)
    return f"; did you mean {alike[0]}?" if alike else "."


def encode(value: Json) -> str:
    """A value as steps hold it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
