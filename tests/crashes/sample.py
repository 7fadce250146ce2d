"""How many points a test tries: a share of them, or all with ``AUDITOR_EVERY_POINT`` in the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final, TypeVar

T = TypeVar("T")
EVERY: Final = bool(os.environ.get("AUDITOR_EVERY_POINT"))


def some(found: Iterable[T], many: int, *parameters: object) -> list[T]:
    """About so many of them, evenly spread; with other parameters others. How many there were is printed."""
    listed = list(found)
    apart = 1 if EVERY else max(1, len(listed) // many)
    tried = listed[sum(map(ord, "".join(map(str, parameters)))) % apart :: apart]
    print(f"{len(tried)} of {len(listed)} points")
    return tried
