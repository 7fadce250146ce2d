"""Logging in, never again where a login was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from auditor.errors import CollectError

if TYPE_CHECKING:
    import asyncio

    from auditor.transport.ssh.connection import SshConnection


class Logins:
    """The logins of one run. A machine that refused one is not asked a second time: accounts lock, addresses too."""

    def __init__(self) -> None:
        self._refused: dict[str, CollectError] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def open(self, connection: SshConnection, environment: Mapping[str, str]) -> None:
        """Opens a connection, unless this login was refused before.

        Errors:
            CollectError: see :meth:`SshConnection.open`.
        """
        import asyncio  # whoever reads a disk has logins too, and needs no event loop

        login = f"{connection.address} {connection.address.config}"
        async with self._turns.setdefault(login, asyncio.Lock()):
            if login in self._refused:
                raise self._refused[login]
            try:
                await connection.open(environment)
            except CollectError as error:
                if error.cause == "refused":
                    self._refused[login] = error
                raise
