"""Whether a running server was started with what its check is run with: its own ``-D`` names and variables.

A reload reads the files with those of the start. Where the check has others, it reads another configuration, and what
passes it may end the server all the same. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from auditor.surfaces.httpd.directive import Resolved

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_IF_DEFINE: Final = re.compile(rb"<IfDefine[ \t]+\"?!?([^\s>\"]+)", re.IGNORECASE)
_OWN: Final = frozenset({"FOREGROUND", "NO_DETACH", "ONE_PROCESS", "DEBUG"})
"""Names that httpd itself looks for, and that say how it runs."""


class Started(NamedTuple):
    """The command line of a running process, and those of the asked variables that it was given."""

    command: tuple[str, ...]
    variables: Mapping[str, str]


def used_variables(after: Resolved) -> tuple[str, ...]:
    """The variables that the configuration takes from the environment, sorted."""
    defined = {name for name, _ in after.defines}
    found = {name for one in after.directives for name in _VARIABLE.findall(one.written)}
    return tuple(sorted(found - defined))


def used_defines(contents: Iterable[bytes]) -> frozenset[str]:
    """The names that an ``<IfDefine>`` of some file asks for."""
    return frozenset(name.decode("latin-1") for content in contents for name in _IF_DEFINE.findall(content))


def unlike(
    started: Started, command: Sequence[str], environment: Mapping[str, str], defines: frozenset[str]
) -> Iterator[str]:
    """What of the start is not what the check has, each as what the server was started with."""
    was, checked = _defines(started.command), _defines(command)
    yield from (f"-D {name}" for name in sorted((was - checked) & defines))
    yield from (f"no -D {name}" for name in sorted((checked - was) & defines))
    for name, value in started.variables.items():
        if value != environment.get(name, ""):
            yield f"another {name}" if value else f"no {name}"


def started_of(said: bytes, names: Sequence[str]) -> Started | None:
    """What :data:`STARTED` tells; None where it may not be looked at."""
    line, separator, rest = said.partition(b"\n=\n")
    if not separator or not rest.endswith(b"end\n"):
        return None
    command = tuple(word.decode("utf-8", "surrogateescape") for word in line.split(b"\0") if word)
    rows = (row.decode("utf-8", "surrogateescape").partition("=") for row in rest.split(b"\n")[:-2])
    given = {name: value for name, _, value in rows}
    return Started(command, {name: given.get(name, "") for name in names})


STARTED: Final = r"""
p=$1
shift
[ -r "/proc/$p/environ" ] && cat "/proc/$p/cmdline" && printf '\n=\n' || exit 0
e=$(tr '\n\0' ' \n' <"/proc/$p/environ") || exit 0
for n do printf '%s\n' "$e" | grep -a -e "^$n=" | head -n 1; done
echo end
"""
"""Tells the command line of process ``$1``, and of its environment the variables that are named after it."""


def _defines(words: Sequence[str]) -> frozenset[str]:
    found: set[str] = set()
    for at, word in enumerate(words):
        if word == "-D" and at + 1 < len(words):
            found.add(words[at + 1])
        elif word.startswith("-D") and len(word) > 2:
            found.add(word[2:])
    return frozenset(name.partition("=")[0] for name in found) - _OWN
