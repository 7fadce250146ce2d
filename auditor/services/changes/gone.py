"""Files and links that are asked for and not there, as the store last held them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from auditor.model.plan import Wish
from auditor.model.snapshot import Collected, Document
from auditor.model.value import Boolean

if TYPE_CHECKING:
    from auditor.services.changes.desk import Desk

_STATES: Final = 400
"""States of a target that are searched, the newest first."""


def last_held(desk: Desk, wishes: Sequence[Wish], now: Collected) -> tuple[Document, ...]:
    """What of the wished files is not there now, as it last was.

    Errors:
        StoreError: the store cannot be read.
    """
    asked = {
        wish.address.name
        for wish in wishes
        if (wish.address.kind, wish.address.attribute) == ("httpd.file", "present")
        and wish.value == Boolean(value=True)
        and now.document(wish.address.name) is None
    }
    found: dict[str, Document] = {}
    if not asked or not desk.fleet.store_path.exists():
        return ()
    from auditor.store import Store

    with Store.open(desk.fleet.store_path) as store:
        for snapshot in store.log(now.target, limit=_STATES):
            if not store.tree(snapshot.revision, now.target):
                continue
            held = store.read(snapshot.revision, now.target)
            for name in asked - found.keys():
                if (document := held.document(name)) is not None:
                    found[name] = document
            if asked <= found.keys():
                break
    return tuple(found.values())
