"""Names of hosts, groups and instances."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_NAME: Final = re.compile(r"[^\s/\\\"\[\]@:,]+")


def valid_host(name: str) -> str:
    """Why a host, group or instance cannot be called so; empty where it can."""
    if not name or name in (".", "..") or name.startswith("-"):
        return "is no name"
    if len(name) > 253:
        return "is longer than 253 characters"
    if not name.isprintable() or any(unicodedata.category(one).startswith("Z") for one in name):
        return "holds blanks or control characters"
    return "" if _NAME.fullmatch(name) else 'holds one of / \\ " [ ] @ : ,'
