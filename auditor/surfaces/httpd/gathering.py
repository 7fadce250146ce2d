"""Reading a tree that was found: configuration first, then what it leads to, then the rest, private keys excepted."""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable

import msgspec

from auditor.model.snapshot import Fact
from auditor.surfaces.httpd.clues import KEY_FILE, LEADS, clues
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.foresee import foresee
from auditor.surfaces.httpd.gather import Gathered
from auditor.surfaces.httpd.includes import ResolveOptions, ask_for_every_file
from auditor.surfaces.httpd.lines import tag_arguments
from auditor.surfaces.httpd.locate import Located, Rooted, View
from auditor.surfaces.httpd.resolving import SYSCONFIG, name_and_value, started_with, texts_of
from auditor.surfaces.httpd.secretnames import KEY_FILE_DIRECTIVES
from auditor.surfaces.httpd.secrets import key_file_names
from auditor.surfaces.httpd.words import as_path, split_words
from auditor.surfaces.interface import CollectOptions
from auditor.transport.interface import Reader


def gather_tree(
    reader: Reader,
    located: Located,
    rooted: Rooted,
    facts: list[Fact],
    options: CollectOptions,
    *,
    holds_all_of: Callable[[str], bool] | None = None,
    distant: bool = False,
    named: tuple[str, ...] = (),
) -> Gathered:
    """Reads the tree: configuration first, so that it is known which files are keys before anything else is read."""
    view = View(reader, located, rooted, holds_all_of)
    gathered = Gathered(
        view,
        rooted.root,
        deadline=time.monotonic() + options.deadline_s,
        skip_apart=located.layout != "debian",
    )
    options.observe(f"reading {rooted.root}")
    gathered.walk(rooted.root)
    gathered.read_configuration()
    _learn_keys(gathered, rooted.root)
    if located.layout != "debian" and rooted.outside is not None:
        for path in (*SYSCONFIG, *named):
            gathered.read(path)
    resolved = _follow(gathered, located, rooted, facts, distant=distant)
    _learn_keys(gathered, resolved.server_root)
    for path in sorted(_keys_named(resolved, resolved.server_root)):
        gathered.keys.add(gathered.placed(path) or path)
        gathered.keys.add(path)
    gathered.read_rest()
    for path in sorted(gathered.keys):
        gathered.present_key(path)
    _close(gathered, resolved, facts)
    gathered.resolved = resolved
    return gathered


def _follow(gathered: Gathered, located: Located, rooted: Rooted, facts: list[Fact], *, distant: bool) -> Resolved:
    """Follows every include of every branch, which reads what lies outside; gives the plain reading."""
    main = posixpath.join(rooted.root, located.main_file)
    options = options_of(gathered, rooted, facts)
    if distant:
        foresee(gathered, main, options)
    return ask_for_every_file(gathered, main, options, lambda content: clues(content) & (LEADS | KEY_FILE))


def options_of(gathered: Gathered, rooted: Rooted, facts: list[Fact]) -> ResolveOptions:
    """What is known beside the files."""
    given = {fact.name: fact.value for fact in facts}
    environment, defines = started_with(gathered, rooted.root, texts_of(given.get("environment")))
    built_in = given.get("builtin_modules")
    return ResolveOptions(
        root=rooted.root,
        version=str(given.get("version") or ""),
        defines=tuple(name_and_value(define) for define in (*defines, *texts_of(given.get("defines")))),
        environment=tuple(environment.items()),
        built_in=built_in if isinstance(built_in, tuple) else None,
    )


def _learn_keys(gathered: Gathered, server_root: str) -> None:
    """Notes every file that any text read so far names as a key."""
    contents = [read.content for read in gathered.files.values()]
    for name in key_file_names(contents):
        if name and "${" not in name:
            path = posixpath.normpath(posixpath.join(server_root, as_path(name)))
            gathered.keys.add(path)
            gathered.keys.add(gathered.placed(path) or path)


def _keys_named(resolved: Resolved, server_root: str) -> set[str]:
    """The key files that the configuration in force names, variables replaced."""
    return {
        posixpath.normpath(posixpath.join(server_root, as_path(word)))
        for directive in resolved.directives
        if directive.name.lower() in KEY_FILE_DIRECTIVES
        for word in split_words(tag_arguments(directive.arguments) or directive.arguments)
    }


def _close(gathered: Gathered, resolved: Resolved, facts: list[Fact]) -> None:
    """Adds what is known only now, and limits gaps of files that nothing includes to what they may hide."""
    facts.append(Fact("server_root", resolved.server_root, "ServerRoot"))
    mpm = [name for name, _ in resolved.modules if name.startswith("mpm_")]
    if len(mpm) == 1:
        facts.append(Fact("mpm", mpm[0].removeprefix("mpm_").removesuffix("_module"), "LoadModule"))
    folders = sorted(gathered.name(path) for path in gathered.folders)
    if folders:
        facts.append(Fact("empty_directories", tuple(folders), "found"))
    absent = sorted(gathered.absent - set(gathered.files) - set(SYSCONFIG))
    if absent:
        facts.append(Fact("absent_outside", tuple(absent), "looked for"))
    present = sorted(
        f"{path}/" if folder else path for path, folder in gathered.present.items() if path not in gathered.files
    )
    if present:
        facts.append(Fact("present_outside", tuple(present), "looked for"))
    if gathered.apart:
        facts.append(Fact("not_walked", tuple(sorted(map(gathered.name, gathered.apart))), "holds no configuration"))
    for path, gap in list(gathered.gaps.items()):
        file = path in gathered.waiting or gap.cause in ("too large", "not permitted", "not recognised")
        if file and path not in gathered.asked and _is_file(gathered, path):
            gathered.gaps[path] = msgspec.structs.replace(gap, kinds=("httpd.file",))


def _is_file(gathered: Gathered, path: str) -> bool:
    parent, name = posixpath.split(path)
    return any(one.name == name and not one.directory for one in gathered.list(parent))
