"""Where sinks put what arrives: bounded in number, by sender too, so that a flood costs only so much."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from auditor.model.alert import Channel, Received

MAX_ALERTS: Final = 5_000
MAX_OF_ONE: Final = 500
MAX_TEXTS: Final = 256
MAX_TEXT: Final = 8_192


class Inbox:
    """Alerts in the order in which they arrived.

    ``clock`` only goes forward. :attr:`refused` counts, by channel, what was not looked at since too much arrived;
    :attr:`unreadable`, by channel and sender, what arrived and could not be read. :attr:`changed` is set at each.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.received: list[Received] = []
        self.refused: Counter[Channel] = Counter()
        self.unreadable: Counter[tuple[Channel, str]] = Counter()
        self.changed = asyncio.Event()
        self._looked_at: Counter[str] = Counter()
        self._all = 0

    def admits(self, channel: Channel, source: str) -> bool:
        """Whether one more message of that sender is looked at; asked before any of it is decoded."""
        if self._all >= MAX_ALERTS or self._looked_at[source] >= MAX_OF_ONE:
            self.refused[channel] += 1
            return False
        self._all += 1
        self._looked_at[source] += 1
        return True

    def put(self, channel: Channel, source: str, texts: tuple[str, ...], via: str, target: str = "") -> None:
        """Keeps one alert with its readable parts, shortened to what is bearable."""
        kept = tuple(text[:MAX_TEXT] for text in texts[:MAX_TEXTS])
        self.received.append(Received(channel, self.clock(), source, kept, via, target))
        self.changed.set()

    def could_not_read(self, channel: Channel, source: str, count: int = 1) -> None:
        """Counts what arrived and made no sense; a negative count takes back what was read after all."""
        self.unreadable[channel, source] += count
        self.changed.set()
