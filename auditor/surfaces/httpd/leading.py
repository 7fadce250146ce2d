"""Which files may lead to others, told by a look at their bytes: most of a large tree leads nowhere."""

from __future__ import annotations

import re
from typing import Final

from auditor.surfaces.httpd.lines import joined

LEADING: Final = (b"include", b"define", b"serverroot", b"loadmodule", b"macro", b"iffile")
"""Parts of the names of directives that read files, or decide which ones are read; ``Use`` is looked for apart."""

_USE: Final = re.compile(rb"^[ \t\v\f\r\"']*use(?!\w)", re.MULTILINE)
_NAME_OF_VARIABLES: Final = re.compile(rb"^[ \t\v\f\r]*(?:[\"'].*|\S*)\$\{", re.MULTILINE)


def may_lead(content: bytes, clues: tuple[bytes, ...]) -> bool:
    """Whether a file may hold a directive with one of these clues (lower-case) in its name, or use a macro.

    A name may go on in the next line, stand in quotes, or come from a variable.
    """
    lower = joined(content).lower()
    for clue in clues:
        if clue in lower:
            return True
    if b"use" in lower and _USE.search(lower):
        return True
    return b"${" in lower and _NAME_OF_VARIABLES.search(lower) is not None
