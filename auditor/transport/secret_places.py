"""Secrets by where they stand: a variable of the environment, or a file that its owner alone can read.

No error holds a secret, nor a part or the length of one.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from typing import Final

from auditor.errors import RefusedError
from auditor.model.plan import SecretFrom
from auditor.model.secret import SEALED, Sealer, is_place

_LIMIT: Final = 4096


def is_missing(place: str, environment: Mapping[str, str]) -> bool:
    """Whether nothing at all is there: the variable is not set, the file does not exist."""
    kind, _, name = place.partition(":")
    return not environment.get(name) if kind == "env" else not os.path.lexists(name)


def read_secret(place: str, environment: Mapping[str, str]) -> str:
    """The secret at a place; of a file, its text without one line end.

    Errors:
        RefusedError: there is none, others can read it, or it is no single line of text.
    """
    if not is_place(place):
        raise _refused("a secret comes from  env:NAME  or  file:/PATH", "")
    kind, _, name = place.partition(":")
    if kind == "env":
        found = environment.get(name, "")
        if not found:
            why = f"{name} is not set in the environment, or is empty, and the plan takes a secret from it"
            raise _refused(why, f"Set {name}.")
    else:
        found = _content(name)
    if not found or not found.isprintable():  # which half a character is not, either
        raise _refused(f"{place} holds no single line of text", "")
    if SEALED.search(found.encode()):
        raise _refused(f"{place} holds a keyed digest instead of a secret", "")
    return found


def reveal(secret: SecretFrom, environment: Mapping[str, str], sealer: Sealer) -> str:
    """The secret that a plan names, where it is still the one that was reviewed.

    Errors:
        RefusedError: as of :func:`read_secret`, or it is another secret by now.
    """
    found = read_secret(secret.place, environment)
    if secret.digest and sealer.seal(found.encode()) != secret.digest:
        raise _refused(
            f"{secret.place} holds another secret than the one for {secret.pointer} that the plan was made with",
            "Put the right one there, or plan anew:  auditor plan --refresh ID",
        )
    return found


def _content(path: str) -> str:
    """The text of a file that belongs to whoever runs this, or to root, and that no other may open."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _refused(f"file:{path} is no file", "")
        if status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise _refused(f"file:{path} is open to others (mode {mode:04o}): not used", f"Run:  chmod 600 {path}")
        if status.st_uid not in (os.geteuid(), 0):
            raise _refused(f"file:{path} belongs to another user: not used", "")
        content = os.read(file, _LIMIT + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(file)
    if len(content) > _LIMIT:
        raise _refused(f"file:{path} is larger than {_LIMIT} bytes", "")
    try:
        return content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        pass
    raise _refused(f"file:{path} is no text", "")  # on its own: the decoder's error holds the bytes


def _unreadable(path: str, error: OSError) -> RefusedError:
    why = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
    return _refused(f"file:{path} cannot be read ({why}), and the plan takes a secret from it", "")


def _refused(what: str, next_step: str) -> RefusedError:
    return RefusedError(f"{what}.", untouched="Nothing was changed.", next_step=next_step or None)
