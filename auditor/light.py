"""Loading msgspec without what it only takes along where it finds it.

Where typing_extensions is installed msgspec loads it, and with it inspect and ast: 20 ms of processor time for names
that the typing of every Python we run on has. It does without where there is none, so it is shown none.
"""

from __future__ import annotations

import sys


def load_msgspec() -> None:
    """Loads msgspec, unless it, or what it would take along, is loaded already."""
    if "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # makes importing it fail, as if it were not there
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]
