"""What somebody changed in a file after a plan had changed it, for those who want to take the plan back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit
from auditor.model.secret import Sealer
from auditor.surfaces.httpd.carry_out.edits import edited
from auditor.surfaces.httpd.secrets import learn, seal_text

_MOST: Final = 8
_LONGEST: Final = 160


def later_edits(
    name: str, before: bytes, live: bytes, edits: Sequence[DirectiveEdit], sealer: Sealer
) -> tuple[str, ...]:
    """The lines that differ between what the edits left and what is there now: ``FILE:LINE - text`` and ``+ text``.

    ``before`` are the bytes that the plan met. Secrets are keyed digests. Nothing where it cannot be told.
    """
    known = learn((before, live))

    def seal(_: str, content: bytes) -> bytes:
        return seal_text(content, sealer, known)

    own = [edit for edit in edits if edit.file == name]
    try:
        left = edited({name: before}, own, seal=seal, sealer=sealer)[name]
    except RefusedError:
        return ()
    old, new = (_lines(seal(name, content)) for content in (left, live))
    told: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        told += [f"{name}:{number} - {old[number - 1][:_LONGEST]}" for number in range(a + 1, b + 1)]
        told += [f"{name}:{number} + {new[number - 1][:_LONGEST]}" for number in range(c + 1, d + 1)]
    more = [f"and {len(told) - _MOST} lines more"] if len(told) > _MOST else []
    return (*told[:_MOST], *more)


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "backslashreplace").splitlines()
