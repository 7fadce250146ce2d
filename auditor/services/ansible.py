"""Reads hosts and groups from an Ansible inventory, INI or YAML; variables, encrypted ones too, are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from auditor.errors import InputError
from auditor.services.naming import valid_host

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_HOSTS: Final = 100_000
MAX_DEPTH: Final = 30
_SECTION: Final = re.compile(r"\[([^\[\]:]+)(?::(vars|children))?\]\s*(?:[#;].*)?")
_RANGE: Final = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]")


@dataclass(frozen=True)
class AnsibleInventory:
    """Hosts, sorted, and groups with their hosts, those of groups inside them included, sorted."""

    hosts: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_inventory(path: Path) -> AnsibleInventory:
    """The inventory in a file; a name that ends in ``.yaml``, ``.yml`` or ``.json`` is YAML.

    Errors:
        InputError: it cannot be read or is none; with file and line.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"the inventory has {size:,} bytes; at most {MAX_BYTES:,} are read", where=str(path))
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"the inventory cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError("the inventory is not UTF-8", where=str(path)) from error
    gathered = _Gathered(str(path))
    if path.suffix in (".yaml", ".yml", ".json"):
        _read_yaml(text, gathered)
    else:
        _read_ini(text, gathered)
    return gathered.inventory()


@dataclass
class _Gathered:
    file: str
    hosts: set[str] = field(default_factory=set)
    members: dict[str, set[str]] = field(default_factory=dict)
    children: dict[str, set[str]] = field(default_factory=dict)

    def add(self, group: str, pattern: str, line: int) -> None:
        for host in _expanded(pattern, f"{self.file}:{line}" if line else self.file):
            name = host.rpartition(":")[0] if host.count(":") == 1 else host
            if problem := valid_host(name):
                raise InputError(f"the host {name!r} {problem}", where=f"{self.file}:{line}" if line else self.file)
            self.hosts.add(name)
            self.members.setdefault(group, set()).add(name)
            if len(self.hosts) > MAX_HOSTS:
                raise InputError(f"more than {MAX_HOSTS:,} hosts", where=self.file)

    def inventory(self) -> AnsibleInventory:
        names = self.members.keys() | self.children.keys()
        groups = {name: tuple(sorted(self._all_of(name))) for name in names if name not in ("all", "ungrouped")}
        return AnsibleInventory(tuple(sorted(self.hosts)), groups)

    def _all_of(self, group: str) -> set[str]:
        found: set[str] = set()
        seen: set[str] = set()
        left = [group]
        while left:
            name = left.pop()
            if name not in seen:
                seen.add(name)
                found |= self.members.get(name, set())
                left.extend(self.children.get(name, ()))
        return found


def _expanded(pattern: str, where: str) -> Iterator[str]:
    """The hosts of a pattern: ``web[01:03]`` are three."""
    found = _RANGE.search(pattern)
    if not found:
        yield pattern
        return
    first, last, step = found[1], found[2], int(found[3] or 1)
    if first.isdecimal() and last.isdecimal() and step:
        if (int(last) - int(first)) // step > MAX_HOSTS:
            raise InputError(f"{pattern!r} names more than {MAX_HOSTS:,} hosts", where=where)
        width = len(first) if first.startswith("0") else 0
        middles = [str(number).zfill(width) for number in range(int(first), int(last) + 1, step)]
    elif len(first) == len(last) == 1 and first.isascii() and last.isascii() and step:
        middles = [chr(number) for number in range(ord(first), ord(last) + 1, step)]
    else:
        raise InputError(f"{pattern!r} holds no range that can be read", where=where)
    for middle in middles:
        yield from _expanded(pattern[: found.start()] + middle + pattern[found.end() :], where)


def _read_ini(text: str, gathered: _Gathered) -> None:
    group, kind = "ungrouped", ""
    named: dict[str, int] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("[") and (section := _SECTION.fullmatch(line)):
            group, kind = section[1].strip(), section[2] or ""
            if kind != "vars":
                gathered.members.setdefault(group, set())
            continue
        if line.startswith("[") and line.partition("#")[0].rstrip().endswith("]"):
            raise InputError(
                f"{line} is no section",
                where=f"{gathered.file}:{number}",
                next_step="Write  [GROUP], [GROUP:children] or [GROUP:vars]",
            )
        if kind == "vars":
            continue
        word = line.split()[0]
        if kind == "children":
            gathered.children.setdefault(group, set()).add(word)
            named.setdefault(word, number)
        else:
            gathered.add(group, word, number)
    unknown = [
        InputError(f"there is no group {name!r}", where=f"{gathered.file}:{number}")
        for name, number in named.items()
        if name not in gathered.members and name not in ("all", "ungrouped")
    ]
    if unknown:
        raise InputError.gather(unknown)


def _read_yaml(text: str, gathered: _Gathered) -> None:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # one of two loaders, known at run time
        """The safe loader; what has a tag of its own (``!vault``) is passed over."""

    Loader.add_multi_constructor("!", lambda *_: None)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise InputError(f"nested deeper than {MAX_DEPTH}", where=f"{gathered.file}{_line(event.start_mark)}")
        top = yaml.load(text, Loader=Loader)  # noqa: S506 - derived from the safe loader
    except yaml.MarkedYAMLError as error:
        raise InputError(
            f"not valid YAML: {error.problem}", where=f"{gathered.file}{_line(error.problem_mark)}"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"not valid YAML: {error}", where=gathered.file) from error
    _groups(top, gathered)


def _line(mark: Any) -> str:
    return f":{mark.line + 1}" if mark else ""


def _groups(top: object, gathered: _Gathered) -> None:
    """Walks the groups; a group is walked once for each name, so aliases cannot multiply them."""
    left = [("", top)]
    walked: set[tuple[str, int]] = set()
    while left:
        parent, groups = left.pop()
        if groups is None:
            continue
        if not isinstance(groups, dict):
            raise InputError("a mapping of groups is expected", where=gathered.file)
        for name, body in groups.items():
            group = str(name)
            if parent:
                gathered.children.setdefault(parent, set()).add(group)
            gathered.members.setdefault(group, set())
            if not isinstance(body, dict) or (group, id(body)) in walked:
                continue
            walked.add((group, id(body)))
            for host in body.get("hosts") or ():
                gathered.add(group, str(host), 0)
            left.append((group, body.get("children")))
