"""The site's own commands before and after the change of a target, in the journal like every act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Literal

from auditor.errors import AuditorError, RefusedError
from auditor.plan.journal import FileJournal

When = Literal["before", "after"]
RunCommand = Callable[[When], Awaitable[str]]
"""Runs one of them and gives what it said; nothing where there is none. Errors: AuditorError where it failed."""

_ACTS: Final = {"before": "command before", "after": "command after"}


async def run_before(run: RunCommand | None, journal: FileJournal) -> tuple[str, ...]:
    """Runs the command before; gives what was done.

    Errors:
        RefusedError: it failed, so that the target is not to be changed.
    """
    if run is None:
        return ()
    journal.intent("", _ACTS["before"])
    try:
        said = await run("before")
    except AuditorError as error:
        journal.failed("", _ACTS["before"], text=error.what[:1000])
        raise RefusedError(f"the command before it failed: {error.what}", untouched="Nothing was changed.") from error
    journal.done("", _ACTS["before"])
    return (f"command before: {said}",) if said else ()


async def run_after(run: RunCommand | None, journal: FileJournal) -> tuple[str, str]:
    """Runs the command after where that before was begun in this attempt; a failed or cut-off one is run again.

    Gives what was done, and why a person is needed. Neither: there was nothing to do.
    """
    if run is None or not _is_due(journal):
        return "", ""
    journal.intent("", _ACTS["after"])
    try:
        said = await run("after")
    except AuditorError as error:
        journal.failed("", _ACTS["after"], text=error.what[:1000])
        return "", f"the command after it failed: {error.what}"
    journal.done("", _ACTS["after"])
    return (f"command after: {said}" if said else ""), ""


def _is_due(journal: FileJournal) -> bool:
    runs = journal.runs()
    acts = [(entry.act, entry.mark) for entry in runs[-1].entries] if runs else []
    return (_ACTS["before"], "intent") in acts and (_ACTS["after"], "done") not in acts
