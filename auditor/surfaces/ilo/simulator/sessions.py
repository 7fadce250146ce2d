"""The sessions of a virtual iLO: who is logged in, how many may be, and when one ends unused."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from auditor.surfaces.ilo.body import Body, key_of

COLLECTION: Final = "/redfish/v1/SessionService/Sessions"


class Sessions:
    """Sessions by token. ``idle_s`` is how long one lasts without a request, in seconds; ``clock`` only goes forward.

    :attr:`open` has each session's name by its token; clearing it ends them all.
    """

    def __init__(self, limit: int, idle_s: float, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.opened = 0
        self.open: dict[str, str] = {}
        self._idle_s = idle_s
        self._clock = clock
        self._users: dict[str, str] = {}
        self._used: dict[str, float] = {}

    def begin(self, user: str) -> tuple[str, str] | None:
        """A new session's token and name, or None where there are as many as may be."""
        self._end_idle()
        if len(self.open) >= self.limit:
            return None
        token, name = secrets.token_hex(16), f"{user}{secrets.token_hex(4)}"
        self.open[token], self._users[token], self._used[token] = name, user, self._clock()
        self.opened += 1
        return token, name

    def user_of(self, token: str) -> str | None:
        """Whose session it is, which counts as a use; None: there is none."""
        self._end_idle()
        if token not in self.open:
            return None
        self._used[token] = self._clock()
        return self._users[token]

    def end(self, uri: str) -> bool:
        """Ends the session at a URI; False where there is none."""
        token = self._token_at(uri)
        if token is not None:
            del self.open[token]
        return token is not None

    def keep(self, users: frozenset[str]) -> None:
        """Ends the sessions of everybody else."""
        for token in [one for one in self.open if self._users[one] not in users]:
            del self.open[token]

    def user_at(self, uri: str) -> str | None:
        """Whose session stands at a URI, or None."""
        token = self._token_at(uri)
        return None if token is None else self._users[token]

    def body_at(self, uri: str) -> Body | None:
        """The collection, or one session, as a resource; None where there is none."""
        self._end_idle()
        if key_of(uri) == key_of(COLLECTION):
            return {
                "@odata.id": COLLECTION,
                "@odata.type": "#SessionCollection.SessionCollection",
                "Name": "Sessions",
                "Members": [{"@odata.id": f"{COLLECTION}/{name}"} for name in self.open.values()],
                "Members@odata.count": len(self.open),
            }
        token = self._token_at(uri)
        return None if token is None else session_body(self.open[token], self._users[token])

    def _token_at(self, uri: str) -> str | None:
        return next((token for token, name in self.open.items() if key_of(uri) == key_of(f"{COLLECTION}/{name}")), None)

    def _end_idle(self) -> None:
        now = self._clock()
        for token in [one for one in self.open if now - self._used[one] > self._idle_s]:
            del self.open[token]


def session_body(name: str, user: str) -> Body:
    """A session as a resource."""
    return {
        "@odata.id": f"{COLLECTION}/{name}",
        "@odata.type": "#Session.v1_0_0.Session",
        "Id": name,
        "Name": "User Session",
        "Description": "Manager User Session",
        "UserName": user,
    }
