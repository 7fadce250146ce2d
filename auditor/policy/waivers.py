"""Waivers: rules that are not enforced on a scope until a day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date

from auditor.errors import InputError
from auditor.model.policy import Policy, Waiver
from auditor.model.resource import Address
from auditor.policy.document import Item, load_document, mistake, suggestion
from auditor.policy.forms import WAIVERS_FORMAT, Fields, WaiverForm, require_format
from auditor.policy.globs import glob_matches


def load_waivers(file: str, content: bytes) -> tuple[Waiver, ...]:
    """The waivers of a file, in its order.

    Errors:
        InputError: everything that is wrong with the file, each with line, column and path.
    """
    mistakes: list[InputError] = []
    entries = require_format(load_document(file, content), WAIVERS_FORMAT, "waivers", mistakes)
    waivers = tuple(_read_waiver(item, mistakes) for item in entries)
    if mistakes:
        raise InputError.gather(mistakes)
    return waivers


def _read_waiver(item: Item, mistakes: list[InputError]) -> Waiver:
    fields = Fields(item, WaiverForm, mistakes)
    expires = fields.text("expires")
    found = item.get("expires")
    if found is not None and expires and _day(expires) is None:
        mistakes.append(mistake(found.place, f"{expires!r} is not a day; write it as 2026-12-31"))
    return Waiver(
        rule=fields.text("rule"),
        scope=fields.text("scope"),
        owner=fields.text("owner"),
        reason=fields.text("reason"),
        expires=expires,
        ticket=fields.text("ticket"),
        file=item.place.file,
        line=item.place.line,
    )


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def expired(waiver: Waiver, today: date) -> bool:
    """Whether the waiver's last day is over; a day that cannot be read counts as over."""
    last = _day(waiver.expires)
    return last is None or today > last


def covers(waiver: Waiver, rule: str, address: Address) -> bool:
    """Whether a waiver, were it unexpired, covers a finding.

    Its scope may name the host (``web1``), the target (``web1/httpd``), the resource or the attribute.
    """
    if not glob_matches(waiver.rule, rule):
        return False
    host = address.target.split("/", 1)[0]
    whole = str(address)
    bare = whole[: -len(address.attribute) - 1] if address.attribute else whole
    return any(glob_matches(waiver.scope, text) for text in (host, address.target, bare, whole))


def doubtful_waivers(
    waivers: Sequence[Waiver], policy: Policy, today: date, elsewhere: Sequence[str] = ()
) -> tuple[str, ...]:
    """A sentence for every waiver that no longer counts: expired, or of a rule that does not exist.

    ``elsewhere`` are ids of rules that exist and are not asked now, those of another surface for instance.
    """
    ids = (*(rule.id for rule in policy.rules), *elsewhere)
    return tuple(_doubts(waivers, ids, today))


def _doubts(waivers: Iterable[Waiver], ids: tuple[str, ...], today: date) -> Iterable[str]:
    for waiver in waivers:
        where = f"{waiver.file}:{waiver.line}: " if waiver.file else ""
        if not any(glob_matches(waiver.rule, one) for one in ids):
            hint = suggestion(waiver.rule, ids)
            yield f'{where}the waiver names a rule that does not exist, "{waiver.rule}"{hint}'
        elif expired(waiver, today):
            yield (
                f"{where}the waiver of {waiver.rule} on {waiver.scope} expired on {waiver.expires}; "
                f"the rule is enforced (owner: {waiver.owner})"
            )
