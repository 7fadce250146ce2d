"""What a plan's edits make of the live bytes. Pure.

A plan holds secrets as keyed digests. Lines are compared as they would be collected, and a digest in the new text is
replaced by the true secret of the live line that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from auditor.errors import RefusedError
from auditor.model.plan import DirectiveEdit
from auditor.model.secret import SEALED, Sealer
from auditor.surfaces.httpd.edit import edit_directive

Seal = Callable[[str, bytes], bytes]
"""Gives a file's content as it is collected, secrets sealed, its lines where they were."""


def edited(
    files: Mapping[str, bytes], edits: Sequence[DirectiveEdit], *, seal: Seal, sealer: Sealer
) -> dict[str, bytes]:
    """The files' new bytes. Each edit's line numbers are those of the file as the edits before it leave it.

    Errors:
        RefusedError: a line is not as the plan says, or a secret in the new text is none of the live line's.
    """
    contents = dict(files)
    for edit in edits:
        contents[edit.file] = _apply(contents[edit.file], edit, seal, sealer)
    return contents


def _apply(content: bytes, edit: DirectiveEdit, seal: Seal, sealer: Sealer) -> bytes:
    lines, sealed = lines_of(content), lines_of(seal(edit.file, content))
    if not 1 <= edit.line <= len(lines) + 1 or not edit.line - 1 <= edit.last_line <= len(lines):
        raise _refused(edit, f"the file has {len(lines)} lines now")
    if len(sealed) != len(lines):
        raise _refused(edit, "its secrets span lines, so that lines cannot be compared")
    live = b"".join(lines[edit.line - 1 : edit.last_line])
    shown = b"".join(sealed[edit.line - 1 : edit.last_line])
    if shown != edit.before.encode("latin-1"):
        raise _refused(edit, "it changed since the plan was made")
    new = _unsealed(edit, live, shown, sealer)
    return edit_directive(content, edit.line, edit.last_line, new, edit.file)


def _unsealed(edit: DirectiveEdit, live: bytes, shown: bytes, sealer: Sealer) -> bytes:
    """The new text with the live line's secrets in place of their digests."""
    after = edit.after.encode("latin-1")
    wanted = {match[0] for match in SEALED.finditer(after)}
    if not wanted:
        return after
    secrets = secrets_of(live, shown, sealer)
    if wanted - secrets.keys():
        raise _refused(edit, "the new text names a secret that the live line does not hold")
    return SEALED.sub(lambda match: secrets[match[0]], after)


def secrets_of(live: bytes, shown: bytes, sealer: Sealer) -> dict[bytes, bytes]:
    """The live text's secrets by their digests: both texts are walked side by side, each digest proven."""
    found: dict[bytes, bytes] = {}
    at_live = at_shown = 0
    for match in SEALED.finditer(shown):
        at_live += match.start() - at_shown
        at_shown = match.end()
        following = shown[at_shown : at_shown + 1]
        end = live.find(following, at_live) if following else len(live)
        while end >= 0 and sealer.seal(live[at_live:end]).encode() != match[0]:
            end = live.find(following, end + 1) if following else -1
        if end < 0:
            return found
        found[match[0]] = live[at_live:end]
        at_live = end
    return found


def lines_of(content: bytes) -> list[bytes]:
    """Physical lines with their ends; only a line feed ends one, as for httpd."""
    lines = [line + b"\n" for line in content.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _refused(edit: DirectiveEdit, why: str) -> RefusedError:
    return RefusedError(
        f"{why}.",
        where=f"{edit.file}:{edit.line}",
        untouched="Nothing was changed.",
        next_step="Look:  auditor drift      Plan again:  auditor plan …",
    )
