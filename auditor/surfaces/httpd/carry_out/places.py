"""Files, folders and programs that a server opens at its reload, by directive. Pure.

``-t`` looks at few of them, and fewer in older versions. What each directive does where its place is missing was tried
on httpd 2.4.71: those of :data:`FATAL` end a running server, with the others something it is asked for does not work.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.words import as_path, split_words

Wanted = Literal["program", "file", "file in a folder", "folder"]

_LOGS: Final = frozenset({"customlog", "errorlog", "transferlog", "globallog", "forensiclog"})
_CACHES: Final = frozenset({"sslsessioncache", "sslstaplingcache"})
_FILES: Final = frozenset({"pidfile", "scoreboardfile", "davlockdb", "scriptsock", "cgidscriptsock"})
_FOLDERS: Final = frozenset({"cacheroot", "coredumpdirectory", "defaultruntimedir"})
FATAL: Final = _LOGS | {"rewritemap", "typesconfig"}
"""Directives whose place ends the server where it is missing, so that it counts although the plan does not touch it."""

_SHELL: Final = re.compile(r"[$`(){}&;<>|*?\[\]~]")
_BUILT_IN: Final = frozenset("! . case cd eval export for if set trap ulimit umask until while".split())  # noqa: SIM905 - words
_VARIABLE: Final = "it holds a variable without a value"
_SIZE: Final = re.compile(r"\(\d+\)$")
_PROVIDER: Final = re.compile(r"^[a-z_]+(?::|$)")


class Place(NamedTuple):
    """What a directive needs: a path (a name alone is a program that a shell finds), or why nobody can tell."""

    directive: Directive
    wanted: Wanted
    path: str
    unknown: str = ""


def places(directive: Directive, server_root: str) -> Iterator[Place]:
    """What one directive needs; nothing where it needs nothing of this kind."""
    name = directive.name.lower()
    words = split_words(directive.arguments)
    if not words:
        return
    if name in _LOGS:
        yield from _log(directive, words[0], server_root)
    elif name == "rewritemap" and len(words) > 1 and words[1].lower().startswith("prg:"):
        program = (split_words(words[1][4:]) or ("",))[0]
        yield _place(directive, "program", posixpath.join(server_root, as_path(program)))
    elif name in _CACHES:
        kind, colon, path = words[0].partition(":")
        if colon and kind.lower() in ("shmcb", "dbm", "shm", "shmht") and path.startswith("/"):
            yield _place(directive, "file in a folder", as_path(_SIZE.sub("", path)))
    elif name == "typesconfig":
        yield _place(directive, "file", posixpath.join(server_root, as_path(words[0])))
    elif name == "mutex":
        kind, colon, path = words[0].partition(":")
        if colon and kind.lower() in ("default", "file", "flock", "fcntl"):
            yield _place(directive, "folder", posixpath.join(server_root, as_path(path)))
    elif name in _FILES or name in _FOLDERS:
        wanted: Wanted = "folder" if name in _FOLDERS else "file in a folder"
        yield _place(directive, wanted, posixpath.join(server_root, as_path(words[0])))


def _log(directive: Directive, word: str, server_root: str) -> Iterator[Place]:
    if not word.startswith("|"):
        if directive.name.lower() == "errorlog" and _PROVIDER.match(word.lower()) and "/" not in word.partition(":")[0]:
            named = word.lower().partition(":")[0]
            if named == "syslog" or ":" in word:
                return
        yield _place(directive, "file in a folder", posixpath.join(server_root, as_path(word)))
        return
    if "${" in word:
        yield Place(directive, "program", "", _VARIABLE)
        return
    command = word[1:].removeprefix("|")
    by_shell = command.startswith("$")
    words = split_words(command.removeprefix("$").strip())
    if by_shell and words[:1] == ("exec",):
        words = words[1:]
    program = words[0] if words else ""
    if by_shell and (not program or _SHELL.search(program) or "=" in program or program in _BUILT_IN):
        yield Place(directive, "program", "", "what its shell starts cannot be told")
    elif by_shell and "/" not in program:
        yield _place(directive, "program", as_path(program))
    else:
        # Without a shell nothing looks in PATH; a running server stands in /, so that a relative path begins there.
        yield _place(directive, "program", posixpath.join("/", as_path(program)))


def _place(directive: Directive, wanted: Wanted, path: str) -> Place:
    unknown = _VARIABLE if "${" in path else ""
    return Place(directive, wanted, posixpath.normpath(path) if path else "", unknown)
