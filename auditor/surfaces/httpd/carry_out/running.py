"""What is seen of a running server: its processes, where it listens, and who answers there. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import msgspec

Address = tuple[str, int]

_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")
_GENERATION: Final = re.compile(rb"^ParentServerConfigGeneration: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Running:
    """A running server: its parent process with its start time, its children, addresses, and which of these answer."""

    pid: int
    started: str
    children: frozenset[tuple[int, str]]
    addresses: tuple[Address, ...]
    answering: frozenset[Address]
    generation: int | None
    unprobed: str = ""
    """Why the inventory's probe fails already, so that its failing afterwards is none of the change's."""
    pid_file: str = ""
    unit: str = ""
    """The service that it runs as, where it is the main process of one."""
    written: str = ""
    """The number and time of its PidFile, which each start of a generation writes anew and nothing else does."""
    restless: bool = False
    """Whether all its children were replaced by others between two looks, without anybody's reload."""

    @property
    def lifeless(self) -> bool:
        """Whether no child of it lived on, and nobody answered either: one that only changes its children answers."""
        return self.restless and not self.answering

    def serves_the_same_as(self, other: Running) -> bool:
        """Whether it cannot have read its files between the two looks: nobody started or reloaded it."""
        if (self.pid, self.started) != (other.pid, other.started):
            return False
        if self.generation is not None and other.generation is not None:
            return self.generation == other.generation
        if self.written and other.written:
            return self.written == other.written
        return self.children == other.children

    def looked_at_again(self, now: Running | None) -> Running:
        """How it stands right before it is told something, with what was seen of it earlier: what counts from then."""
        if now is None or (now.pid, now.started) != (self.pid, self.started):
            return self
        restless = self.restless or (not self.children & now.children and self.serves_the_same_as(now))
        return replace(now, answering=self.answering | now.answering, unprobed=self.unprobed, restless=restless)

    def has_read_again_since(self, other: Running) -> bool:
        """Whether the same parent is at another generation.

        New children do not show that: a server replaces those that end at any time.
        """
        if self.generation is not None and other.generation is not None:
            return self.generation > other.generation
        if self.written and other.written:
            return self.written != other.written
        return not self.children & other.children


def seen_twice(first: Running | None, now: Running | None) -> Running | None:
    """How a server stands now, with what an earlier look at the same one saw."""
    if first is None or now is None or (first.pid, first.started) != (now.pid, now.started):
        return now
    return first.looked_at_again(now)


def silent(before: Running | None, later: Running) -> str:
    """Which addresses do not answer, though they should; empty where all do.

    Where no address answered before, nothing can be told of them: the machine may lack what asks them.
    """
    if before is None or not before.answering:
        return ""
    here = frozenset(later.addresses)
    silent = {"any more": (before.answering & here) - later.answering}
    silent["though it listens there now"] = here - frozenset(before.addresses) - later.answering
    for how, addresses in silent.items():
        if addresses:
            listed = ", ".join(f"{host}:{port}" for host, port in sorted(addresses))
            return f"the server does not answer on {listed} {how}"
    return ""


def proof(before: Running | None, now: Running, after_s: float) -> str:
    """What shows that a server was started (no ``before``) or reloaded, for people."""
    ports = ", ".join(f"{host}:{port}" for host, port in now.addresses) or "no port"
    does = "answers" if now.answering else "runs"
    answers = f"; process {now.pid} still {does} after {after_s:g} s ({ports})"
    if before is None:
        return f"started{answers}"
    if before.generation is not None and now.generation is not None:
        return f"reloaded: generation {before.generation} → {now.generation}{answers}"
    new = len(now.children - before.children)
    return f"reloaded: its PidFile was written anew, {new} new children of the same parent{answers}"


def noted(running: Running | None) -> str:
    """A server's state as the journal keeps it."""
    return "" if running is None else msgspec.json.encode(running).decode()


def from_note(text: str) -> Running | None:
    """What :func:`noted` was given."""
    return msgspec.json.decode(text, type=Running) if text else None


@dataclass(frozen=True)
class Process:
    """The parent process as the system shows it: nothing of it has been asked yet."""

    pid: int
    started: str
    children: frozenset[tuple[int, str]]
    addresses: tuple[Address, ...]
    written: str = ""


PROCESSES: Final = r"""
p=
read -r p 2>/dev/null <"$1"
case $p in '' | *[!0-9]*) p=$3 ;; esac
d=$1
while [ -z "$p" ] && [ -n "$d" ] && [ ! -e "$d" ]; do case $d in */*) d=${d%/*} ;; *) d= ;; esac; done
[ -n "$p" ] || [ -z "$d" ] || { [ -r "$d" ] && [ "$d" = "$1" ]; } || { [ -x "$d" ] && [ "$d" != "$1" ]; } || echo hidden
[ -n "$p" ] || exit 0
w=$(command -v "$2") && readlink -f "$w" || echo
echo "$p $(stat -L -c '%i %y' -- "$1" 2>/dev/null)"
cat /proc/[0-9]*/stat 2>/dev/null
echo fd; ls -l "/proc/$p/fd" 2>/dev/null
echo tcp; cat "/proc/$p/net/tcp" "/proc/$p/net/tcp6" 2>/dev/null
echo end
"""
"""Tells of the process whose PidFile is ``$1`` and program ``$2``, or of process ``$3`` while the PidFile is empty
or gone (a reload writes it anew); nothing where there is neither, ``hidden`` where the account may not look there."""
_SERVERS: Final = ("httpd", "apache")
"""How the names of httpd's own processes begin, whatever command starts them."""


def process_of(said: bytes) -> Process | None:
    """The server's parent process, or None where the process of that id is none of its program, or none lives.

    Errors:
        ValueError: the answer is not whole, or does not tell whether the server runs, as a sentence without its end.
    """
    lines = said.decode("latin-1").split("\n")
    if lines == [""]:
        return None
    if lines == ["hidden", ""]:
        raise ValueError("whether the server runs cannot be seen: its PidFile may not be looked at by this account")
    if lines[-2:] != ["end", ""]:
        raise ValueError("the machine's answer about its processes is not whole")
    told, _, written = lines[1].partition(" ")
    program, pid = lines[0].rpartition("/")[2][:15], int(told)
    fd, tcp = lines.index("fd"), len(lines) - 1 - lines[::-1].index("tcp")
    known = {one: fields for one, fields in map(_stat, lines[2:fd]) if fields}
    parent = known.get(pid)
    if parent is None or parent[1] in "ZX":
        return None
    if parent[0] != program and parent[0].startswith(_SERVERS):
        raise ValueError(
            f"whether the server runs cannot be told: process {pid} of its PidFile is {parent[0]}, and the inventory's "
            f"server is {program}; name the program itself there, no script or command around it"
        )
    if parent[0] != program:
        return None
    children = frozenset(
        (one, fields[20])
        for one, fields in known.items()
        if fields[2] == str(pid) and fields[0] == program and fields[1] not in "ZX"
    )
    inodes = {match[1] for line in lines[fd + 1 : tcp] if (match := _SOCKET.search(line))}
    addresses = {_asked_at(one) for one in listening_of(lines[tcp + 1 : -2], inodes)}
    return Process(pid, parent[20], children, tuple(sorted(addresses)), written)


_UNIT: Final = re.compile(r"^\d+:(?:name=systemd)?:.*/([^/]+\.service)$", re.MULTILINE)
UNIT: Final = r"""
command -v systemctl >/dev/null 2>&1 || exit 0
cat "/proc/$1/cgroup" 2>/dev/null
"""
"""Tells the control groups of process ``$1``, where there is a service manager to ask about them."""


def unit_of(groups: str) -> str:
    """The service that a process's control groups (``/proc/PID/cgroup``) name; empty where they name none."""
    found = _UNIT.search(groups)
    return found[1] if found else ""


def generation_of(answer: bytes) -> int | None:
    """The generation that mod_status tells, where the answer is its."""
    match = _GENERATION.search(answer)
    return int(match[1]) if match else None


def _stat(line: str) -> tuple[int, list[str]]:
    """A process's id, and its name and the fields after it (of proc(5), the state is field 3)."""
    pid, _, rest = line.partition(" (")
    name, closed, fields = rest.rpartition(") ")
    words = [name, *fields.split()]
    return (int(pid), words) if closed and pid.isdigit() and len(words) > 20 else (0, [])


def listening_of(lines: Sequence[str], inodes: Container[str] | None = None) -> set[Address]:
    """The addresses of ``/proc/net/tcp`` that are listened on, those of given sockets alone where these are named."""
    rows = (line.split() for line in lines)
    whole = (row for row in rows if len(row) > 9 and row[3] == "0A")
    return {_address(row[1]) for row in whole if inodes is None or row[9] in inodes}


def is_own(tables: str, host: str) -> bool:
    """Whether an address is the machine's, by ``/proc/net/fib_trie`` and ``/proc/net/if_inet6``."""
    address = ip_address(host)
    if isinstance(address, IPv6Address):
        return f"{int(address):032x}" in tables
    last, nets = "", []
    for line in tables.splitlines():
        words = line.split()
        if words[:1] == ["|--"]:
            last = words[1]
        elif len(words) > 2 and words[0].startswith("/") and words[-1] == "LOCAL":
            nets.append(ip_network(f"{last}{words[0]}", strict=False))
    return any(address in net for net in nets)


def _address(text: str) -> Address:
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    words = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    return str(IPv4Address(words) if len(words) == 4 else IPv6Address(words)), int(port, 16)


def _asked_at(address: Address) -> Address:
    """Where an address is asked: "any" on loopback."""
    host, port = address
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 - read, not bound
