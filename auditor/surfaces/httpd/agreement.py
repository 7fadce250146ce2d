"""Whether httpd itself reads a configuration as we do: its own dumps beside our flattened order. Pure.

What httpd prints holds secrets. It is compared and forgotten: only places and names of directives leave this module.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Final, TypeAlias

import msgspec

from auditor.model.snapshot import Fact, Gap
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.envvars import command_line_defines
from auditor.surfaces.httpd.lines import tag_arguments
from auditor.surfaces.httpd.refusals import UNDERSTOOD
from auditor.surfaces.httpd.words import as_latin, as_path, readable

FACT: Final = "agrees_with_server"
WHAT: Final = "httpd's own reading"
INFO: Final = "info_module"

CARRIED_OUT_WHILE_READING: Final = frozenset(
    """include includeoptional define undefine serverroot loadmodule loadfile use undefmacro defaultruntimedir
    macroignoreemptyargs macroignorebadnesting luaauthzprovider remoteiptrustedproxylist remoteipinternalproxylist
    unclist""".split()  # noqa: SIM905 - read as a list of words
)
"""Directives that httpd's dump leaves out, since its tree never holds them (EXEC_ON_READ in its sources)."""

_DUMPS: Final = ("DUMP_CONFIG", "DUMP_VHOSTS", "DUMP_MODULES", "DUMP_RUN_CFG")
_LUA: Final = "Lua_____ByteCodeHack"  # stands for a section of mod_lua
_HOSTS: Final = "VirtualHost configuration:"
_LOADED: Final = "Loaded Modules:"
_SYNTAX_ERROR: Final = re.compile(r"Syntax error on line (\d+) of (.+?):(?= |$)", re.MULTILINE)
_CODE: Final = re.compile(r"\bAH\d{5}\b")
_MACRO: Final = re.compile(r"macro '([^']*)' .*used on line (\d+) of \"([^\"]*)\"+$")
_VHOST: Final = re.compile(r"\((/.*|macro '.*):(\d+)\)\s*$")
# What stands in the way of asking, and says nothing of the configuration.
_OF_THE_MOMENT: Final = re.compile(r"Permission denied|DefaultRuntimeDir must be a valid directory")
_OF_RIGHTS: Final = re.compile(r"does not exist|is empty|[Cc]ould not|[Cc]an(?:'t|not) |[Uu]nable to|[Ff]ailed to")

_Entry: TypeAlias = tuple[str, int, str, str]
"""File (or ``macro NAME in FILE``), last line (or the line of the outermost Use), name in lower case, arguments."""


class Said(msgspec.Struct, frozen=True):
    """What a server answered to :func:`question`: exit status, standard output and standard error.

    ``privileged`` says that it could read all that the serving one can; ``info_added`` that mod_info was loaded only
    to ask.
    """

    status: int
    output: bytes
    errors: bytes
    privileged: bool = True
    info_added: bool = False


def question(
    server: Sequence[str],
    resolved: Resolved,
    root: str,
    defines: Iterable[str],
    stands: Callable[[str], bool],
) -> tuple[tuple[str, ...], bool]:
    """The command that has httpd check and dump a tree's configuration, and whether it loads mod_info to do so.

    It starts nothing. ``server`` is the command of the inventory, ``defines`` are ``-D`` names that it may lack;
    ``stands`` says whether a file exists on the machine.
    """
    command = [*server]
    if not any(word.startswith("-d") for word in server[1:]):
        command += ["-d", root]
    if not any(word.startswith("-f") for word in server[1:]):
        command += ["-f", posixpath.join(root, resolved.main_file)]
    loaded = dict(resolved.modules)
    added = False
    if INFO not in loaded:
        folders = dict.fromkeys(posixpath.dirname(as_path(as_latin(file))) for file in loaded.values() if file)
        places = (posixpath.join(resolved.server_root, folder, "mod_info.so") for folder in folders)
        module = next((place for place in places if stands(place)), "")
        if added := bool(module):
            command += ["-C", f'LoadModule {INFO} "{module}"']
    command.append("-t")
    said = {one.partition("=")[0] for one in command_line_defines(" ".join(server))}
    for define in (*(one for one in dict.fromkeys(defines) if one.partition("=")[0] not in said), *_DUMPS):
        command += ["-D", define]
    return tuple(command), added


def agreement(resolved: Resolved, root: str, said: Said) -> tuple[tuple[Fact, ...], tuple[Gap, ...]]:
    """The fact ``agrees_with_server`` (``yes``, ``no``, ``refused``, ``in part`` where mod_info is not there) and gaps.

    Nothing is claimed where the server could not be asked.
    """
    if said.status:
        return _refused(root, said)
    text = said.output.decode("latin-1")
    if not all(f"{mark}\n" in text for mark in (_HOSTS, _LOADED)):
        return (), ()
    parts = list(_dumped(text))
    differences = [
        *_order(resolved, root, parts),
        *_hosts(resolved, root, text),
        *_loaded({name for name, _ in resolved.modules}, text, info_added=said.info_added),
        *_settings(resolved, text),
    ]
    how = "DUMP_CONFIG, DUMP_VHOSTS, DUMP_MODULES, DUMP_RUN_CFG"
    if not differences:
        return (Fact(FACT, "yes", how) if parts else Fact(FACT, "in part", how.partition(", ")[2]),), ()
    gap = Gap(
        what=WHAT,
        cause="undetermined",
        detail=differences[0],
        next_step="What httpd reads counts; look at it with  httpd -t -D DUMP_CONFIG  and report the difference.",
        kinds=UNDERSTOOD,
    )
    return (Fact(FACT, "no", how),), (gap,)


def _refused(root: str, said: Said) -> tuple[tuple[Fact, ...], tuple[Gap, ...]]:
    text = said.errors.decode("latin-1")
    if _OF_THE_MOMENT.search(text) or (not said.privileged and _OF_RIGHTS.search(text)):
        return (), ()
    # Of an include within an include each is named, the innermost last.
    place = next(reversed(list(_SYNTAX_ERROR.finditer(text))), None)
    code = _CODE.search(text)
    if place is None and code is None:
        return (), ()
    what = f"{_named(place[2], root)}:{place[1]}" if place else WHAT
    gap = Gap(
        what=what,
        cause="malformed",
        detail=f"httpd's own check refuses it ({code[0] if code else 'syntax error'}): it would not start",
        next_step="See why with  httpd -t",
        kinds=UNDERSTOOD,
    )
    return (Fact(FACT, "refused", "httpd -t"),), (gap,)


# The flattened order


def _order(resolved: Resolved, root: str, theirs: list[_Entry]) -> Iterator[str]:
    """The first place where the two readings part; what is in doubt for us need not be there for httpd."""
    if not theirs:
        return
    position = 0
    for directive in resolved.directives:
        name = directive.name.lower()
        if name in CARRIED_OUT_WHILE_READING:
            continue
        ours = _entry(directive, name, root)
        other = theirs[position] if position < len(theirs) else None
        if ours == other:
            position += 1
        elif not directive.doubts:
            yield _difference(ours, other, root)
            return
    if position < len(theirs):
        yield _difference(None, theirs[position], root)


def _difference(ours: _Entry | None, theirs: _Entry | None, root: str) -> str:
    mine, other = (_shown(one, root) if one else "nothing more" for one in (ours, theirs))
    if mine == other:
        return f"httpd reads other arguments than we do at {mine}"
    return f"httpd reads {other} where we read {mine}"


def _shown(entry: _Entry, root: str) -> str:
    file, line, name, _ = entry
    return f"{readable(name)} at {_named(file, root)}:{line}"


def _named(file: str, root: str) -> str:
    return readable(file.replace(f"{as_latin(root.rstrip('/'))}/", ""))


def _entry(directive: Directive, name: str, root: str) -> _Entry:
    source = directive.used_at[0] if directive.macro else directive.source
    file = as_latin(posixpath.join(root, source.file))
    if directive.macro:
        file = f"macro {directive.macro} in {file}"
    return file, source.last_line, name, directive.arguments.rstrip()


def _dumped(text: str) -> Iterator[_Entry]:
    """The entries of DUMP_CONFIG."""
    file, number, used = "", 0, 0
    for line in text.split("\n"):
        if line.startswith("# In file: "):
            file, used = _place(line.removeprefix("# In file: "))
        elif match := re.fullmatch(r" *# *(\d+):", line):
            number = int(match[1])
        elif number:
            name, _, arguments = line.strip(" ").partition(" ")
            if name.startswith("<"):
                arguments = tag_arguments(arguments) or ""
            if name != _LUA:
                yield file, used or number, name.lower(), arguments.rstrip()
            number = 0


def _place(written: str) -> tuple[str, int]:
    """A file as it is, a macro by its name and its outermost Use."""
    match = _MACRO.match(written)
    return (written, 0) if match is None else (f"macro {match[1]} in {match[3]}", int(match[2]))


# The other dumps


def _hosts(resolved: Resolved, root: str, text: str) -> Iterator[str]:
    known = {
        _entry(one, "", root)[:2]
        for one in resolved.directives
        if one.name.lower() == "<virtualhost" and not one.doubts
    }
    part = text.partition(f"{_HOSTS}\n")[2].partition("# In file: ")[0]
    theirs = set()
    for line in part.split("\n"):
        if match := _VHOST.search(line):
            file, used = _place(match[1])
            theirs.add((file, used or int(match[2])))
    doubtful = any(one.name.lower() == "<virtualhost" and one.doubts for one in resolved.directives)
    for place, number in sorted(known - theirs):
        yield f"httpd does not serve the virtual host of {_named(place, root)}:{number}: no address of it is known"
    for place, number in sorted(theirs - known) if not doubtful else ():
        yield f"httpd has a virtual host at {_named(place, root)}:{number} that we do not"


def _loaded(ours: set[str], text: str, *, info_added: bool) -> Iterator[str]:
    part = text.rpartition(f"{_LOADED}\n")[2]
    theirs = set(re.findall(r"^ (\S+) \((?:static|shared)\)$", part, re.MULTILINE))
    if not theirs:
        return
    if info_added:
        ours, theirs = ours - {INFO}, theirs - {INFO}
    for mine, other in zip_longest(sorted(ours - theirs), sorted(theirs - ours)):
        yield f"httpd loads {other or 'nothing'} where we have {mine or 'nothing'}"


def _settings(resolved: Resolved, text: str) -> Iterator[str]:
    part = "\n" + text.rpartition("\nServerRoot: ")[2] if "ServerRoot: " in text else ""
    if not part:
        return
    theirs = {line.partition("=")[0] for line in re.findall(r"^Define: (.*)$", part, re.MULTILINE)} - set(_DUMPS)
    ours = {name for name, _ in resolved.defines}
    if theirs != ours and not any(
        one.name.lower() in ("define", "undefine") and one.doubts for one in resolved.directives
    ):
        name = min(theirs ^ ours)
        yield f"httpd has {readable(name)} {'defined' if name in theirs else 'not defined'}, and we the other way round"
    server_root = part[1:].partition("\n")[0].strip('"').rstrip("/")
    if server_root != as_latin(resolved.server_root).rstrip("/"):
        yield f"httpd's ServerRoot is {readable(server_root)}, ours {readable(as_latin(resolved.server_root))}"
