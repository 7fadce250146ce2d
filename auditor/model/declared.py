"""What people declare of a target because no configuration of its own says it: the hops in front and behind."""

from __future__ import annotations

from typing import Literal

import msgspec

from auditor.model.source import InventorySource

Level = Literal["target", "host", "group", "fleet"]
LEVELS: tuple[Level, ...] = ("target", "host", "group", "fleet")
"""The strongest first."""

About = Literal["server", "route", "back end"]

What = Literal[
    "front_timeout", "front_keep_alive", "arrivals", "upload_size", "upload_rate", "timeout", "keep_alive"
]  # fmt: skip
"""Times in seconds (infinite: no limit), arrivals a second, bytes, bytes a second.

The last two are a back end's; the others a server's or a route's, ``front_keep_alive`` a server's alone.
"""


class Declaration(msgspec.Struct, frozen=True):
    """One declared value.

    ``pattern`` names routes by name or back ends by URL (``*`` stands for anything); empty for a server. ``measured``
    says how the value was measured, in people's words; empty: it is declared, nobody says from where.
    """

    level: Level
    about: About
    pattern: str
    what: What
    value: float
    source: InventorySource
    measured: str = ""
