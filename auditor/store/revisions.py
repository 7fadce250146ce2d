"""Which snapshot a person means: an id, a reference, a day or a moment."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from auditor.errors import InputError
from auditor.store.importer import NOBODY
from auditor.store.process import Repository
from auditor.store.times import epoch, stamp
from auditor.store.writer import AGREED, SNAPSHOTS

_ID: Final = re.compile(r"[0-9a-f]{4,40}(?:[~^][0-9]*)*")
_BRANCH: Final = re.compile(r"(latest|snapshots|agreed|HEAD)((?:[~^][0-9]*)*)")
_DAY: Final = re.compile(
    r"(today|yesterday|\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?\s?(Z|[+-]\d{2}:?\d{2})?"
)
_HELP: Final = (
    "A revision is an id, latest, latest~1, agreed, a day (2026-11-22, yesterday: its end) "
    "or a moment (2026-11-22T02:00Z); days and times are UTC unless they say otherwise."
)


def moment_of(text: str, now: datetime) -> datetime | None:
    """The moment that a date means, a whole day meaning its end; None where the text is no date.

    Errors:
        InputError: it looks like a date and is none.
    """
    found = _DAY.fullmatch(text.strip())
    if found is None:
        return None
    word, clock, zone = found.groups()
    try:
        relative = {"today": 0, "yesterday": 1}.get(word)
        today = now.astimezone(UTC).date()
        day = date.fromisoformat(word) if relative is None else today - timedelta(days=relative)
        if clock is None:
            moment = datetime.combine(day, time(23, 59, 59), UTC)
        else:
            moment = datetime.combine(day, time.fromisoformat(clock), UTC)
        if zone and zone != "Z":
            moment = datetime.fromisoformat(moment.strftime("%Y-%m-%dT%H:%M:%S") + zone[:3] + ":" + zone[-2:])
    except (ValueError, OverflowError) as error:
        raise InputError(f"{text!r} is not a date: {error}", next_step=_HELP) from error
    return moment


def resolve(repository: Repository, text: str, now: datetime) -> str:
    """The commit that a person means.

    Errors:
        InputError: there is none such.
    """
    asked = text.strip()
    branch = _BRANCH.fullmatch(asked or "latest")
    if branch:
        reference = AGREED if branch[1] == "agreed" else SNAPSHOTS
        if repository.tip(reference) == NOBODY:
            raise InputError(
                "nothing was agreed yet" if reference == AGREED else "the store holds no snapshot yet",
                next_step="Take one:  auditor snapshot all",
            )
        return _commit(repository, reference + branch[2], asked)
    moment = moment_of(asked, now)
    if moment is not None:
        return _at(repository, moment, asked)
    if asked in ("refs/heads/snapshots", "refs/heads/agreed") or _ID.fullmatch(asked):
        return _commit(repository, asked, asked)
    raise InputError(f"{text!r} is not a revision", next_step=_HELP)


def _commit(repository: Repository, name: str, asked: str) -> str:
    found = repository.object(f"{name}^{{commit}}")
    if found is None:
        raise InputError(f"the store has no snapshot {asked!r}", next_step=f"See them:  auditor history\n  {_HELP}")
    return found[0]


def _at(repository: Repository, moment: datetime, asked: str) -> str:
    if repository.tip(SNAPSHOTS) == NOBODY:
        raise InputError("the store holds no snapshot yet", next_step="Take one:  auditor snapshot all")
    limit = f"--before={epoch(moment)} +0000"
    found = repository.run("rev_list", "--first-parent", "--max-count=1", limit, SNAPSHOTS).decode().strip()
    if not found:
        raise InputError(
            f"the store has no snapshot at or before {asked} ({stamp(moment)})", next_step="See them:  auditor history"
        )
    return found


def is_revision(text: str) -> bool:
    """Whether the text has the form of a revision, so that ``snapshot:REVISION:TARGET`` can be taken apart."""
    return bool(text) and bool(_ID.fullmatch(text) or _BRANCH.fullmatch(text) or _DAY.fullmatch(text))
