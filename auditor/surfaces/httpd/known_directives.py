"""What ``<IfDirective>`` and ``<IfSection>`` say: whether any module that is loaded at that point knows a name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from auditor.surfaces.httpd.conditions import Unsure, directive_known
from auditor.surfaces.httpd.since import brought_with
from auditor.surfaces.httpd.versions import Number, parse_version
from auditor.surfaces.httpd.vocabulary import brought_by, known_modules

_TABLE_OF: Final[Number] = (2, 4, 71)
"""The version of httpd whose modules the table of directives was taken from."""


def knows(
    asked: str, *, section: bool, loaded: Collection[str], doubtful: Collection[str], all_known: bool, version: str
) -> bool | Unsure:
    """Whether a name is known, asked as written; ``all_known`` says that no other module may be there."""
    answer = directive_known(asked, section=section)
    number = parse_version(version)
    if answer is True or number is None or number > _TABLE_OF:
        return answer
    name = f"<{asked.lower()}" if section else asked.lower()
    modules = brought_by().get(name, ())
    if any(module in loaded for module in modules):
        since = brought_with().get(name)
        return True if since is None or number >= since else answer
    if not all_known or doubtful or not known_modules().issuperset(loaded):
        return answer
    return False if modules or number >= (2, 4, 34) else answer
