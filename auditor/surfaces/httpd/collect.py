"""Collecting an httpd tree from a disk, an archive or, over SSH, another machine.

What is collected is the whole tree, what it includes from elsewhere, and what the machine says of its httpd. Secrets
are replaced before anything leaves this module; private keys are not read.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.errors import CollectError, InputError
from auditor.model.secret import Sealer
from auditor.model.snapshot import Cause, Collected, Fact, Gap
from auditor.model.target import Archive, LocalTree, SshTree, Target
from auditor.surfaces.httpd.agreement import INFO, agreement
from auditor.surfaces.httpd.documents import documents_of
from auditor.surfaces.httpd.envvars import command_line_defines
from auditor.surfaces.httpd.gather import MAX_FILE, Gathered
from auditor.surfaces.httpd.gathering import gather_tree, options_of
from auditor.surfaces.httpd.includes import resolve
from auditor.surfaces.httpd.locate import (
    Located,
    Rooted,
    locate_in_archive,
    locate_tree,
    read_main_file,
    root_in_archive,
    root_on_disk,
)
from auditor.surfaces.httpd.modules import BUILT_IN, compiled_in
from auditor.surfaces.httpd.secretnames import SENSITIVE
from auditor.surfaces.interface import CollectOptions
from auditor.transport.local import LocalReader
from auditor.transport.threads import aside, need_loop

if TYPE_CHECKING:
    from auditor.surfaces.httpd.machine.survey import Survey

_BINARIES: Final = {"/etc/httpd": "/usr/sbin/httpd", "/etc/apache2": "/usr/sbin/apache2"}
WHOLE_TARGET: Final = "whole target"


async def collect(target: Target, options: CollectOptions) -> Collected:
    """All of an httpd tree that can be read, secrets sealed.

    Errors:
        InputError: the target's path is nothing of httpd's, or an archive holds several trees.
    """
    location = target.location
    try:
        if isinstance(location, LocalTree):
            gathered, facts = await _from_disk(location, options)
        elif isinstance(location, Archive):
            gathered, facts = await _from_archive(location, options)
        elif isinstance(location, SshTree):
            gathered, facts = await _from_ssh(location, options)
        else:
            raise InputError(f"{target.name} is not a tree of httpd, nor an archive of one")
    except CollectError as error:
        cause = msgspec.convert(error.cause, Cause)
        gap = Gap(WHOLE_TARGET, cause, error.what, error.next_step or "")
        return Collected(target.name, "httpd", (), (), (gap,))
    documents = await aside(documents_of, gathered, facts, options.sealer)
    return Collected(
        target=target.name,
        surface="httpd",
        documents=documents,
        facts=tuple(sorted(facts, key=lambda fact: fact.name)),
        gaps=tuple(sorted(gathered.gaps.values(), key=lambda gap: (gap.what, gap.cause))),
    )


# Gathering


async def _from_disk(location: LocalTree, options: CollectOptions) -> tuple[Gathered, list[Fact]]:
    path = str(Path(location.path).expanduser().absolute())
    reader = LocalReader()
    located = await aside(locate_tree, reader, path, location.main_file)
    main = await aside(read_main_file, reader, located)
    rooted = root_on_disk(
        located,
        main,
        served=bool(location.server),
        same=lambda one, other: reader.resolve(one) == reader.resolve(other) is not None,
        is_directory=lambda one: Path(one).is_dir(),
    )
    environment = tuple(f"{name}={value}" for name, value in location.environment)
    defines = (*location.defines, *command_line_defines(" ".join(location.server)))
    facts = _facts(located, rooted, environment, defines, options.sealer)
    survey = await aside(_survey_here, location, located, rooted, reader, options.sealer)
    if survey is not None:
        need_loop()
        options.observe("asking this machine about its httpd")
        facts = _joined(facts, await survey.before())
    server = location.server or ((binary,) if (binary := _binary_of(rooted.root)) and rooted.outside == "" else ())
    runs = any(fact.name == "version" for fact in facts)
    if location.server:
        from auditor.surfaces.httpd import host

        said = await host.ask_server(location.server, dict(location.environment))
        runs = any(fact.name == "version" for fact in said)
        facts = _joined(facts, said)
    facts = _told(facts, location)
    named = () if survey is None else survey.environment_files()
    gathered = await aside(gather_tree, reader, located, rooted, facts, options, named=named)
    if server and runs:
        await _compare(server, gathered, located, rooted, facts, options)
    if survey is not None:
        facts = _joined(facts, await survey.after(gathered) if options.whole_state else ())
        gathered.gaps.update((gap.what, gap) for gap in survey.gaps)
    return gathered, facts


def _binary_of(root: str) -> str:
    """The server that a distribution runs on a tree of this name, if it is there; else empty."""
    path = _BINARIES.get(root, "")
    return path if path and os.access(path, os.X_OK) else ""


async def _compare(
    server: tuple[str, ...],
    gathered: Gathered,
    located: Located,
    rooted: Rooted,
    facts: list[Fact],
    options: CollectOptions,
) -> None:
    """Adds to the facts and gaps whether the server at hand reads the tree as we do."""
    from auditor.surfaces.httpd import host

    options.observe(f"asking {server[0]} how it reads the tree")
    given = options_of(gathered, rooted, facts)
    main = posixpath.join(rooted.root, located.main_file)
    resolved = await aside(resolve, gathered, main, given)
    defines = [f"{name}={value}" if value else name for name, value in given.defines]
    said = await host.ask_reading(server, dict(given.environment), resolved, rooted.root, defines)
    if said is None:
        return
    if said.info_added and any(_asks_for_info(read.content) for read in gathered.files.values()):
        given = msgspec.structs.replace(given, modules=(INFO,))
        resolved = await aside(resolve, gathered, main, given)
    found, gaps = agreement(resolved, rooted.root, said)
    facts += found
    gathered.gaps |= {gap.what: gap for gap in gaps}


def _asks_for_info(content: bytes) -> bool:
    return b"mod_info" in content or INFO.encode() in content


def _survey_here(
    location: LocalTree, located: Located, rooted: Rooted, reader: LocalReader, sealer: Sealer
) -> Survey | None:
    """Asks this machine about a tree that it runs, or that is where a distribution's server runs one; no other."""
    from auditor.surfaces.httpd.machine.local import may_serve

    program = location.server[0] if location.server else _binary_of(rooted.root)
    if rooted.outside != "" or not (program or may_serve(rooted.root)):
        return None
    from auditor.surfaces.httpd.machine.asking import Tree
    from auditor.surfaces.httpd.machine.survey import Survey
    from auditor.transport.local_shell import LocalShell

    tree = Tree(rooted.root, located.main_file, program)
    return Survey(LocalShell(), tree, reader.resolve, partial(_sealed_pair, sealer=sealer))


def _joined(facts: list[Fact], *others: Iterable[Fact]) -> list[Fact]:
    """The facts with others: of those that hold several texts all are kept, of any other the later one."""
    found = {fact.name: fact for fact in facts}
    for fact in (one for some in others for one in some):
        before = found.get(fact.name)
        if fact.name == "defines" and before and isinstance(before.value, tuple) and isinstance(fact.value, tuple):
            both = tuple(dict.fromkeys((*before.value, *fact.value)))
            fact = Fact(fact.name, both, f"{before.how}, {fact.how}" if both != before.value else before.how)
        found[fact.name] = fact
    return list(found.values())


async def _from_archive(location: Archive, options: CollectOptions) -> tuple[Gathered, list[Fact]]:
    from auditor.surfaces.httpd import host
    from auditor.transport.archive import ArchiveReader

    path = str(Path(location.path).expanduser().absolute())
    options.observe(f"reading {path}")
    try:
        reader = await aside(ArchiveReader, path)
    except CollectError as error:
        if error.cause in ("absent", "not recognised"):
            raise InputError(error.what, next_step=error.next_step) from error
        raise
    located = locate_in_archive(reader, location.root, location.main_file)
    main = await aside(read_main_file, reader, located)
    rooted = root_in_archive(located, main)
    facts = _facts(located, rooted, (), (), options.sealer)
    if rooted.outside is not None:
        facts += await aside(host.packages_in, reader, rooted.outside)
    facts = _told(facts, location)
    below = located.place.rstrip("/") + "/"
    near = tuple(name for name in reader.files() if name.startswith(below))
    await aside(reader.load, near, MAX_FILE)
    gathered = await aside(gather_tree, reader, located, rooted, facts, options, holds_all_of=reader.holds_all_of)
    for name, reason in reader.skipped[:100]:
        shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        gathered.gaps[f"member {shown}"] = Gap(f"member {shown}", "unsupported", f"left out of the archive: {reason}")
    return gathered, facts


async def _from_ssh(location: SshTree, options: CollectOptions) -> tuple[Gathered, list[Fact]]:
    from auditor.surfaces.httpd.machine.asking import Tree
    from auditor.surfaces.httpd.remote import find_tree, program_of, reach, root_of

    async with reach(location, options) as remote:
        reader = remote.reader
        located = await remote.do(partial(find_tree, reader, location))
        rooted = await remote.do(partial(root_of, reader, location, located))
        environment = tuple(f"{name}={value}" for name, value in location.environment)
        defines = (*location.defines, *command_line_defines(" ".join(location.server)))
        facts = _facts(located, rooted, environment, defines, options.sealer)
        survey = None
        if rooted.outside == "":
            program = await remote.do(partial(program_of, reader, location, rooted.root))
            tree = Tree(rooted.root, located.main_file, program)
            survey = remote.survey(tree, partial(_sealed_pair, sealer=options.sealer))
            options.observe(f"asking {location.host} about its httpd")
            facts = _joined(facts, await remote.ask(survey.before))
        facts = _told(facts, location)
        named = () if survey is None else survey.environment_files()
        await remote.do(partial(reader.fetch, named, named, MAX_FILE))
        gathered = await remote.do(
            partial(gather_tree, reader, located, rooted, facts, options, named=named, distant=True)
        )
        if survey is not None:
            facts = _joined(facts, await remote.ask(partial(survey.after, gathered)) if options.whole_state else ())
            gathered.gaps.update((gap.what, gap) for gap in survey.gaps)
    return gathered, facts


def _told(facts: list[Fact], location: LocalTree | Archive | SshTree) -> list[Fact]:
    """The facts, with what the inventory says of the target in place of what was found."""
    told = []
    if location.httpd_version:
        told.append(Fact("version", location.httpd_version, "inventory"))
    if location.built_in:
        told.append(Fact("builtin_modules", compiled_in(location.built_in), "inventory"))
    return [fact for fact in facts if fact.name not in {one.name for one in told}] + told


def _facts(
    located: Located, rooted: Rooted, environment: tuple[str, ...], defines: tuple[str, ...], sealer: Sealer
) -> list[Fact]:
    """What is known before a file of the tree is read."""
    facts = [
        Fact("root", rooted.root, "where the tree stands on its machine"),
        Fact("main_file", located.main_file, "found"),
        Fact("layout", located.layout, "found"),
    ]
    if located.layout in BUILT_IN:
        facts.append(Fact("builtin_modules", BUILT_IN[located.layout], f"as packaged for the layout {located.layout}"))
    if environment:
        facts.append(Fact("environment", tuple(_sealed_pair(pair, sealer) for pair in environment), "inventory"))
    if defines:
        facts.append(Fact("defines", tuple(_sealed_pair(pair, sealer) for pair in defines), "inventory"))
    return facts


def _sealed_pair(pair: str, sealer: Sealer) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={sealer.seal(value.encode())}" if equals and value and SENSITIVE.search(name) else pair
