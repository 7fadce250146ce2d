"""The file ``approvers``: who may sign plans, in ssh-keygen's format of allowed signers, read strictly. Pure.

ssh-keygen skips a bad line, takes a line without ``namespaces=`` for every purpose, and ``*`` for everybody.
Here each line must say ``namespaces="auditor-plan"`` and name its principals; what does not is reported and not used.
``namespaces="auditor-plan,auditor-emergency"`` lets a key approve in an emergency too.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

NAMESPACE: Final = "auditor-plan"
EMERGENCY: Final = "auditor-emergency"

_LIMIT: Final = 1024 * 1024
_FIELD: Final = re.compile(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+')
_KEY_TYPE: Final = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+")
_OPTION: Final = re.compile(r'(?P<name>[A-Za-z-]+)(?:="(?P<value>(?:[^"\\]|\\.)*)")?(?:,|$)')
_OPTIONS: Final = frozenset({"cert-authority", "namespaces", "valid-after", "valid-before"})


@dataclass(frozen=True)
class BadLine:
    """A line that is not used: its number (one-based) and why."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"approvers:{self.line}: {self.why}; the line is not used"


@dataclass(frozen=True)
class Signers:
    """The allowed signers that may be trusted, and the lines that may not.

    ``content`` is what ssh-keygen is given: the good lines only. ``read_from`` says where the file was read.
    """

    content: bytes
    principals: tuple[str, ...]
    bad_lines: tuple[BadLine, ...]
    read_from: str = "approvers"


def read_signers(content: bytes, read_from: str = "approvers") -> Signers:
    """The signers that a file of allowed signers names; lines that cannot be trusted are kept apart."""
    if len(content) > _LIMIT:
        return Signers(b"", (), (BadLine(1, f"the file is larger than {_LIMIT} bytes"),), read_from)
    good: list[str] = []
    principals: list[str] = []
    bad: list[BadLine] = []
    for number, raw in enumerate(content.split(b"\n"), 1):
        try:
            line = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            bad.append(BadLine(number, "it is not UTF-8"))
            continue
        if not line or line.startswith("#"):
            continue
        why, names, clean = _read_line(line)
        if why:
            bad.append(BadLine(number, why))
        else:
            good.append(clean)
            principals.extend(names)
    text = "".join(f"{line}\n" for line in good)
    return Signers(text.encode(), tuple(dict.fromkeys(principals)), tuple(bad), read_from)


def _read_line(line: str) -> tuple[str, tuple[str, ...], str]:
    """Why the line is bad (empty: it is good), its principals, and the line as ssh-keygen is given it."""
    fields = _FIELD.findall(line)
    if len(fields) < 3:
        return "it is not  PRINCIPAL OPTIONS KEYTYPE KEY", (), ""
    names = tuple(fields[0].strip('"').split(","))
    options = "" if _KEY_TYPE.fullmatch(fields[1]) else fields[1]
    kind, key = fields[1:3] if not options else (fields[2], fields[3] if len(fields) > 3 else "")
    parsed = _read_options(options)
    if isinstance(parsed, str):
        return parsed, (), ""
    spaces = parsed.get("namespaces", "").split(",")
    if NAMESPACE not in spaces or set(spaces) - {NAMESPACE, EMERGENCY}:
        return f'it lacks  namespaces="{NAMESPACE}"  and would allow any purpose', (), ""
    if not all(names) or any(re.search(r"[\s\x00-\x1f\x7f]", name) for name in names):
        return "it names no principal", (), ""
    if "cert-authority" not in parsed and any(set(name) & set("*?!") for name in names):
        return "its principal has a wildcard and would allow any name", (), ""
    why = _bad_key(kind, key)
    return why, names, f"{','.join(names)} {options} {kind} {key}"


def _read_options(text: str) -> dict[str, str] | str:
    """The options by name in lower case, or why they cannot be read."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _OPTION.match(text, position)
        if match is None:
            return f"its options cannot be read: {text[position:][:40]!r}"
        name = match["name"].lower()
        if name not in _OPTIONS:
            return f"it has an unknown option {name!r}"
        if name in found:
            return f"it has the option {name!r} twice"
        found[name] = match["value"] or ""
        position = match.end()
    return found


def _bad_key(kind: str, key: str) -> str:
    """Why this is no public key; empty where it is one."""
    if not _KEY_TYPE.fullmatch(kind):
        return f"{kind[:40]!r} is no type of key"
    try:
        blob = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return "its key is not base64"
    length = int.from_bytes(blob[:4], "big")
    if len(blob) < 8 or blob[4 : 4 + length] != kind.encode():
        return "its key is not of the type it says"
    return ""
