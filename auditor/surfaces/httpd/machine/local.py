"""Whether this machine has anything to say of a tree: asking costs, and most trees are copies."""

from __future__ import annotations

import os
from typing import Final

_PROGRAMS: Final = (b"httpd", b"apache2")
_INSTALLED: Final = ("/etc/", "/opt/", "/usr/", "/srv/")
_MAX_LINE: Final = 128 * 1024


def may_serve(root: str) -> bool:
    """Whether an httpd runs here that may have been started from the tree: its arguments name it, or name none."""
    try:
        processes = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - a look must be quick
    except OSError:
        return False
    for process in processes:
        if not _read(f"/proc/{process}/comm").startswith(_PROGRAMS):
            continue
        words = _read(f"/proc/{process}/cmdline").decode("utf-8", "surrogateescape").split("\0")
        named = [word[2:] or after for word, after in zip(words, [*words[1:], ""], strict=True) if _names(word)]
        if any(_leads_into(name, root) for name in named) or (not named and root.startswith(_INSTALLED)):
            return True
    return False


def _read(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _MAX_LINE)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _names(word: str) -> bool:
    return word.startswith(("-d", "-f"))


def _leads_into(name: str, root: str) -> bool:
    if not name.startswith("/"):
        return False
    real, tree = os.path.realpath(name), os.path.realpath(root)
    return real == tree or real.startswith(f"{tree}/")
