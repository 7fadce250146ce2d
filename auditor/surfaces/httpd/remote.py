"""Another machine's httpd tree, read over SSH: found, and asked for in few round trips."""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from auditor.errors import CollectError, InputError
from auditor.model.target import SshTree
from auditor.surfaces.httpd.gather import APART, CONFIGURATION, KEY_NAME, MAX_DEPTH, MAX_FILE
from auditor.surfaces.httpd.locate import MAIN_FILES, Located, Rooted, locate_tree, read_main_file, root_on_disk
from auditor.surfaces.httpd.machine.asking import Tree
from auditor.surfaces.httpd.machine.survey import Survey
from auditor.surfaces.httpd.resolving import SYSCONFIG
from auditor.surfaces.httpd.secrets import PRIVATE_KEY
from auditor.surfaces.interface import CollectOptions
from auditor.transport.ssh.address import Patience, SshAddress
from auditor.transport.ssh.connection import CONFIG_VARIABLE, SshConnection
from auditor.transport.ssh.reader import SshReader
from auditor.transport.threads import need_loop

USUAL: Final = (
    "/etc/httpd",
    "/etc/apache2",
    "/opt/rh/httpd24/root/etc/httpd",
    "/opt/rh/jbcs-httpd24/root/etc/httpd",
    "/opt/jbcs-httpd24-2.4/httpd",
    "/usr/local/apache2",
    "/usr/local/httpd",
    "/usr/local/etc/apache24",
    "/opt/apache2",
    "/opt/httpd",
)
"""Where a tree is looked for when none is named: the distributions', Software Collections, JBCS, own prefixes."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Remote:
    """A machine that was logged in to. ``connection`` also runs scripts there."""

    connection: SshConnection
    reader: SshReader
    thread: ThreadPoolExecutor

    async def do(self, work: Callable[[], _T]) -> _T:
        """Runs what reads in a thread of this machine's own, so that a slow one holds up no other."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, work)

    def survey(self, tree: Tree, seal: Callable[[str], str]) -> Survey:
        """What asks the machine about its httpd; it reads in between, so :meth:`ask` runs it."""
        shell = _FromThread(self.connection, asyncio.get_running_loop())
        return Survey(shell, tree, self.reader.resolve, seal)

    async def ask(self, question: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Runs a part of a survey where it may read."""
        return await self.do(lambda: asyncio.run(question()))


class _FromThread:
    """A connection's shell for a thread that has an event loop of its own."""

    def __init__(self, connection: SshConnection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection, self._loop = connection, loop

    async def run(
        self, script: str, arguments: tuple[str, ...] = (), *, given: bytes = b"", limit: int, deadline_s: float
    ) -> bytes:
        """See :class:`auditor.transport.interface.Shell`."""
        running = self._connection.run(script, arguments, given=given, limit=limit, deadline_s=deadline_s)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(running, self._loop))


@asynccontextmanager
async def reach(tree: SshTree, options: CollectOptions) -> AsyncIterator[Remote]:
    """A machine, logged in to as long as the block lasts.

    Errors:
        CollectError: it cannot be reached, or was lost meanwhile: then nothing that was read counts.
    """
    need_loop()
    config = options.environment.get(CONFIG_VARIABLE, "") or tree.config
    address = SshAddress(tree.host, tree.user, tree.port, tree.sudo, config, tree.inside)
    connection = SshConnection(address, Patience(answer_s=min(Patience.answer_s, options.deadline_s)))
    deadline = time.monotonic() + options.deadline_s
    thread = ThreadPoolExecutor(1, thread_name_prefix="ssh")
    try:
        options.observe(f"logging in to {address}")
        await options.logins.open(connection, {})
        reader = SshReader(connection, asyncio.get_running_loop(), withheld=PRIVATE_KEY, deadline=deadline)
        yield Remote(connection, reader, thread)
        if connection.lost is not None:
            raise connection.lost
    except (CollectError, InputError) as error:
        if connection.lost is not None and connection.lost is not error:
            raise connection.lost from error
        raise
    finally:
        await connection.close()
        thread.shutdown(wait=False)


def find_tree(reader: SshReader, tree: SshTree) -> Located:
    """The tree that is named, or the only one that stands in a usual place, with its configuration fetched.

    Errors:
        InputError: there is none, or several and none is named.
        CollectError: it may not be read.
    """
    path = tree.path or _only_tree(reader)
    path = posixpath.normpath(path)
    reader.walk(path, APART, MAX_DEPTH + 1, (*SYSCONFIG, *_programs(path, tree)))
    try:
        located = locate_tree(reader, path, tree.main_file)
    except InputError as error:
        raise InputError(f"{reader.connection.address}: {error.what}", next_step=error.next_step) from error
    if located.place != path:
        reader.walk(located.place, APART, MAX_DEPTH + 1)
    reader.fetch((), _configuration(reader, located), MAX_FILE)
    return located


def program_of(reader: SshReader, tree: SshTree, root: str) -> str:
    """The server that runs a tree of this name there, as far as its place tells; empty where none stands there."""
    return next((path for path in _programs(root, tree) if reader.resolve(path) is not None), "")


def _programs(root: str, tree: SshTree) -> tuple[str, ...]:
    usual = {"/etc/httpd": ("/usr/sbin/httpd",), "/etc/apache2": ("/usr/sbin/apache2", "/usr/sbin/httpd")}
    if tree.server:
        return tree.server[:1]
    if root in usual:
        return usual[root]
    prefix = root.removesuffix("/etc/httpd")
    return (f"{prefix}/usr/sbin/httpd",) if prefix != root else (f"{root}/bin/httpd",)


def root_of(reader: SshReader, tree: SshTree, located: Located) -> Rooted:
    """What the tree is called there."""
    main = read_main_file(reader, located)

    def is_directory(path: str) -> bool:
        real = reader.resolve(path)
        entry = None if real is None else reader.entry(real)
        return entry is not None and entry.type == "directory"

    return root_on_disk(
        located,
        main,
        served=bool(tree.server),
        same=lambda one, other: reader.resolve(one) == reader.resolve(other) is not None,
        is_directory=is_directory,
    )


def _only_tree(reader: SshReader) -> str:
    mains = {place: [posixpath.join(place, name) for name in MAIN_FILES] for place in USUAL}
    reader.fetch([path for paths in mains.values() for path in paths], (), 0)
    found: dict[str, str] = {}
    for place, paths in mains.items():
        real = next((lead for path in paths if (lead := reader.resolve(path)) is not None), None)
        if real is not None:
            found.setdefault(real, place)
    address = reader.connection.address
    if not found:
        raise InputError(
            f"{address}: no tree of httpd stands in a usual place",
            next_step=f"Name it:  {address}/opt/web/httpd   Looked for {', '.join(USUAL)}.",
        )
    if len(found) > 1:
        raise InputError(
            f"{address}: there are several trees of httpd: {', '.join(found.values())}",
            next_step=f"Name one:  {address}{next(iter(found.values()))}   or, in auditor.yaml, list them below  "
            "httpd_instances:",
        )
    return next(iter(found.values()))


def _configuration(reader: SshReader, located: Located) -> list[str]:
    """The files of the tree that are read first, as far as they are known already."""
    main = posixpath.join(located.place, located.main_file)
    named = (path for path in reader.known_files(located.place) if CONFIGURATION.search(posixpath.basename(path)))
    plain = [path for path in named if not KEY_NAME.search(posixpath.basename(path))]
    started = [path for path in SYSCONFIG if located.layout != "debian" and reader.resolve(path) is not None]
    return list(dict.fromkeys((main, *plain, *started)))
