"""The surfaces there are: ours, and others' through the entry-point group ``auditor.surfaces``."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Final, cast

from auditor.errors import InputError
from auditor.surfaces.interface import Surface

_OURS: Final = {"httpd": "auditor.surfaces.httpd.surface", "ilo": "auditor.surfaces.ilo.surface"}
_GROUP: Final = "auditor.surfaces"


@cache
def surface(name: str) -> Surface:
    """The surface of that name; its module is imported at the first call.

    Errors:
        InputError: there is no such surface.
    """
    if name in _OURS:  # without a look at the installed packages' metadata, which costs more than the import
        return cast(Surface, importlib.import_module(_OURS[name]).SURFACE)
    from importlib.metadata import entry_points

    for entry in entry_points(group=_GROUP):
        if entry.name == name:
            return cast(Surface, entry.load())
    raise InputError(f"there is no surface {name!r}", next_step=f"Known here: {', '.join(surface_names())}")


def surface_names() -> tuple[str, ...]:
    """Every surface's name, sorted."""
    from importlib.metadata import entry_points

    return tuple(sorted({*_OURS, *(entry.name for entry in entry_points(group=_GROUP))}))
