"""What the targets of one run have in common: got once, by whoever asks first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio

_WAIT_S: Final = 10.0
_MOST: Final = 64


class Shared:
    """Values by name, such as reference data that every machine of one version gives alike.

    While one target gets a value, others wait for it, one after the other where it fails, but none longer than
    ``wait_s`` seconds in all: a slow machine must not hold up the others. ``most`` values are kept.
    """

    def __init__(self, *, wait_s: float = _WAIT_S, most: int = _MOST) -> None:
        self._wait_s = wait_s
        self._most = most
        self._values: dict[str, object] = {}
        self._pending: dict[tuple[str, int], asyncio.Future[None]] = {}

    async def get(self, name: str, make: Callable[[], Awaitable[object | None]]) -> object | None:
        """The value of that name, got by ``make`` where nobody has it; None, and nothing kept, where that gives None.

        What ``make`` raises is raised; whoever waits then tries itself.
        """
        import asyncio

        if name in self._values:
            return self._values[name]
        loop = asyncio.get_running_loop()
        key = (name, id(loop))  # a run may have several loops, one after the other
        late = loop.time() + self._wait_s
        while (pending := self._pending.get(key)) is not None and (left := late - loop.time()) > 0:
            await asyncio.wait({pending}, timeout=left)
            if name in self._values:
                return self._values[name]
        own = loop.create_future()
        first = self._pending.setdefault(key, own) is own
        try:
            value = await make()
            if value is not None and len(self._values) < self._most:
                self._values.setdefault(name, value)
        finally:
            if first:
                del self._pending[key]
                own.set_result(None)
        return value
