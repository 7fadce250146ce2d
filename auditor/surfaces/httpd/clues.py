"""What a file may be about, told from its bytes before any line is read.

Every line is looked at without its numbers and in lower case, and alike lines once: a thousand virtual hosts hold few
different ones. A clue that is not there is certain; one that is there only says that the lines have to be read.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from auditor.surfaces.httpd.lines import joined
from auditor.surfaces.httpd.secretnames import KEY_FILE_DIRECTIVES, PASSWORD_FILE_DIRECTIVES

SECRET: Final = 1
"""A word that may stand before a secret, or a URL with a password; see :data:`HINT`."""
LEADS: Final = 2
"""A directive that reads files or decides which ones are read, a macro, or a name that comes from a variable."""
KEY_FILE: Final = 4
"""A directive that names a file of keys."""
PASSWORD_FILE: Final = 8
"""A directive that names a file of users and passwords."""
TEACHES: Final = 16
"""A variable that is looked up, or a macro."""
HASHED: Final = 32
"""What may be a hashed password behind a user's name."""
ARMOUR: Final = 64
"""The armour of a key or certificate."""

HINT: Final = re.compile(
    r"(?<![a-z])pass(?![a-z])|passw|passphrase|pwd|secret|token|key|credential|authoriz|basic|bearer|cookie"
    r"|srpunknown|externalaccount|ldaptrusted|://[^\s/]*@",
    re.IGNORECASE | re.ASCII,
)
"""What stands in every line that holds a secret, beside those that carry one by a variable or a macro."""

_PLAIN: Final = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in range(256)).lower()
_HINT: Final = re.compile(HINT.pattern.encode())
_LEADING: Final = (b"include", b"define", b"serverroot", b"loadmodule", b"macro", b"iffile")
_USE: Final = re.compile(rb"[ \t\v\f\r\"']*use(?!\w)")
_NAME_OF_VARIABLES: Final = re.compile(rb"[ \t\v\f\r]*(?:[\"'].*|\S*)\$\{", re.DOTALL)
_HASH: Final = re.compile(rb":(?:\$|\{sha\}|[0a-f]{32})")
_SMALL: Final = 16 * 1024


def clues(content: bytes) -> int:
    """The clues of a file, one bit each; words that go on in the next line are seen whole."""
    return _remembered(content) if len(content) <= _SMALL else _clues(content)


@lru_cache(maxsize=2048)
def _remembered(content: bytes) -> int:
    return _clues(content)


def _clues(content: bytes) -> int:
    found = 0
    for line in set(joined(content).translate(_PLAIN).split(b"\n")):
        found |= _of_line(line)
    return found


@lru_cache(maxsize=16384)
def _of_line(line: bytes) -> int:
    """The clues of one line, in lower case and with every digit 0."""
    found = SECRET if _HINT.search(line) else 0
    if any([word in line for word in _LEADING]) or (b"use" in line and _USE.match(line)):  # noqa: C419 - twice as fast
        found |= LEADS
    if b"${" in line:
        found |= TEACHES
        if _NAME_OF_VARIABLES.match(line):
            found |= LEADS
    if b"acro" in line:
        found |= TEACHES
    if b":" in line and _HASH.search(line):
        found |= HASHED
    if any([name in line for name in _KEY_FILES]):  # noqa: C419 - as above
        found |= KEY_FILE
    if b"file" in line and any(name in line for name in _PASSWORD_FILES):
        found |= PASSWORD_FILE
    if b"-----begin" in line:
        found |= ARMOUR
    return found


_KEY_FILES: Final = tuple(name.encode() for name in sorted(KEY_FILE_DIRECTIVES))
_PASSWORD_FILES: Final = tuple(name.encode() for name in sorted(PASSWORD_FILE_DIRECTIVES))
