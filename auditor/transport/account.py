"""Who runs this."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping


def login_of(environment: Mapping[str, str]) -> str:
    """Who runs this, as the environment says; else the account's name, or its number where it has none.

    Containers and timers often say nothing, and a ledger must name somebody all the same.
    """
    stated = next((name for key in ("SUDO_USER", "LOGNAME", "USER") if (name := environment.get(key))), "")
    if stated:
        return stated
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
