"""What a change of a file means to the package that it belongs to, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from auditor.model.ownership import PackageFile
from auditor.model.plan import FileChange, LinkChange, Step
from auditor.report.escape import one_line
from auditor.report.layout import paragraph
from auditor.report.messages import Words

_BROUGHT_BACK: Final = frozenset({"noreplace", "config", "plain", "shared"})
_LEFT: Final = frozenset({"ghost", "obsolete"})


def package_lines(step: Step, words: Words) -> Iterable[str]:
    """Whose the file is, what it is there, and what an update makes of the change; nothing where it is no package's."""
    owner = step.package
    if isinstance(owner, msgspec.UnsetType) or owner.handling == "none":
        return
    if owner.handling == "unknown":
        yield paragraph(words("plan.package_unknown", why=one_line(words.said(owner.why))), 6)
        return
    kind, update = words(f"package.{owner.handling}"), words(_update(step, owner))
    yield paragraph(words("plan.package", package=one_line(owner.package), kind=kind, update=update), 6)


def _update(step: Step, owner: PackageFile) -> str:
    change = step.change
    gone = isinstance(change, FileChange | LinkChange) and change.after is None
    if owner.handling in _LEFT:
        return "package.left"
    if gone:
        return "package.comes_back" if owner.handling in _BROUGHT_BACK else "package.stays_away"
    return f"package.update_{'plain' if owner.handling == 'shared' else owner.handling}"
