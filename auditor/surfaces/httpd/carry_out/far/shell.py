"""The shell of a target that is changed over SSH: it holds the target's lock, and finds its way back to it.

A lost connection says nothing about what was asked last: it is asked again over a new one, and whatever is asked here
answers that it was done already where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from auditor.errors import CollectError, RefusedError
from auditor.model.target import SshTree
from auditor.surfaces.httpd.carry_out.timer import FREED_WITHIN_S, REVERTING
from auditor.transport.ssh.address import SshAddress
from auditor.transport.ssh.connection import CONFIG_VARIABLE, SshConnection
from auditor.transport.ssh.logins import Logins

_PAUSES_S: Final = (0.2, 1.0, 3.0)
_LOOK_S: Final = 0.25
_LOCK_S: Final = 30.0
_TRANSIENT: Final = frozenset({"unreachable", "timed out"})

# Ends the shell of an earlier connection of ours that nobody reads any more. What it was asked last still runs to its
# end, and holds the lock until then.
_EVICT: Final = r"""
read -r p who 2>/dev/null <"$1" || exit 0
case $p in '' | *[!0-9]*) exit 0 ;; esac
[ "$who" = "$2" ] && [ "$(readlink "/proc/$p/fd/9")" = "$(readlink -f "$1")" ] && kill -9 "$p"
exit 0
"""


@dataclass
class FarShell:
    """A :class:`auditor.transport.interface.Shell` of a target.

    ``holder`` is who locks, the same in every run of a fleet on one controller: that fleet's own lock says that no
    other of its runs is alive. ``what`` is locked, for people.
    """

    tree: SshTree
    environment: Mapping[str, str]
    holder: str
    what: str
    logins: Logins = field(default_factory=Logins)
    _connection: SshConnection | None = None
    _lock: str = ""

    async def run(
        self, script: str, arguments: tuple[str, ...] = (), *, given: bytes = b"", limit: int, deadline_s: float
    ) -> bytes:
        """See :meth:`auditor.transport.interface.Shell.run`; asked again where the connection was lost meanwhile."""
        for pause in _PAUSES_S:
            connection = await self._connected()
            try:
                return await connection.run(script, arguments, given=given, limit=limit, deadline_s=deadline_s)
            except CollectError as error:
                if error.cause != "unreachable" or connection.lost is None:
                    raise
            await asyncio.sleep(pause)
        connection = await self._connected()
        return await connection.run(script, arguments, given=given, limit=limit, deadline_s=deadline_s)

    async def lock(self, path: str) -> None:
        """Holds the target's lock, now and after each loss of the connection.

        Errors:
            RefusedError: somebody else holds it, or it cannot be taken.
        """
        self._lock = path
        await self._hold(await self._connected())

    async def close(self) -> None:
        """Ends the connection, and with it the lock. Never raises."""
        connection, self._connection, self._lock = self._connection, None, ""
        if connection is not None:
            await connection.close()

    async def _connected(self) -> SshConnection:
        if self._connection is not None and self._connection.lost is None:
            return self._connection
        again = self._connection is not None
        if self._connection is not None:
            await self._connection.close()
        for pause in (*_PAUSES_S, None) if again else (None,):
            config = self.environment.get(CONFIG_VARIABLE, "") or self.tree.config
            tree = self.tree
            address = SshAddress(tree.host, tree.user, tree.port, tree.sudo, config, tree.inside)
            connection = SshConnection(address)
            try:
                await self.logins.open(connection, {})
                break
            except CollectError as error:
                await connection.close()
                if pause is None or error.cause not in _TRANSIENT:
                    raise
            await asyncio.sleep(pause)
        self._connection = connection
        if self._lock:
            await self._hold(connection)
        return connection

    async def _hold(self, connection: SshConnection) -> None:
        """Takes the lock. What is left of an earlier connection of ours is waited for; anybody else is not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FREED_WITHIN_S
        while True:
            held_by = await connection.hold(self._lock, self.holder, _LOCK_S)
            if not held_by:
                return
            who = held_by.partition(" ")[2]
            if who not in (self.holder, f"{self.holder} {REVERTING}") or loop.time() > deadline:
                raise RefusedError(
                    f"{self.what} is locked by {_who(held_by)}.",
                    where=f"{connection.address}{self._lock}",
                    untouched="Nothing was changed.",
                    next_step="Wait until it has ended, then try again.",
                )
            if who == self.holder:
                await connection.run(_EVICT, (self._lock, self.holder), limit=100, deadline_s=_LOCK_S)
            await asyncio.sleep(_LOOK_S)


def _who(held_by: str) -> str:
    pid, _, holder = held_by.partition(" ")
    return f"process {pid} there ({holder})" if pid.isdigit() and holder else held_by
