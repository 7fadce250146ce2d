"""What a person means by a TARGET: names of the inventory, groups, paths, archives and URIs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from auditor.errors import InputError
from auditor.model.target import Archive, IloEndpoint, LocalTree, SshTree, StoredSnapshot, Target
from auditor.services.naming import valid_host
from auditor.services.pins import fleet_pins, pin_of

if TYPE_CHECKING:
    from auditor.services.fleet import Fleet

_OWN: Final = ("/etc", "/usr", "/opt", "/srv", "/var")
_ENDINGS: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar")
_PACKED: Final = (*_ENDINGS, ".gz", ".bz2", ".xz", ".zst", ".zip", ".7z", ".rpm", ".deb")
_FORMS: Final = (
    "A target is a host, HOST/SURFACE, HOST/httpd@INSTANCE, a group, all, a path, an archive, "
    "ssh://HOST/PATH, ilo://HOST[:PORT] or snapshot:REVISION:HOST/SURFACE."
)


def resolve_targets(
    words: Iterable[str],
    fleet: Fleet | None,
    *,
    cafile: str = "",
    cwd: Path | None = None,
    pins: Path | None = None,
) -> tuple[Target, ...]:
    """The targets that words mean, each once, in the order of the words.

    ``cafile`` verifies every iLO among them that has no pinned certificate, whatever the inventory says. Relative
    paths are relative to ``cwd``. ``pins`` is the folder of pinned certificates where there is no fleet.

    Errors:
        InputError: a word means nothing; every such word is named.
    """
    here = cwd or Path.cwd()
    if cafile and not (here / cafile).is_file():
        raise InputError(f"there is no file {cafile}", next_step="--cafile names a file of PEM certificates.")
    trusted = str(here / cafile) if cafile else ""
    pins = fleet_pins(fleet.root) if fleet else pins
    found: dict[str, Target] = {}
    mistakes: list[InputError] = []
    for word in words:
        try:
            for target in _meant(word, fleet, here, pins):
                _take(found, _trusting(target, trusted))
        except InputError as error:
            mistakes.append(error)
    if mistakes:
        raise InputError.gather(mistakes)
    return tuple(found.values())


def _trusting(target: Target, cafile: str) -> Target:
    if cafile and isinstance(target.location, IloEndpoint):
        location = msgspec.structs.replace(target.location, cafile=cafile, verify=True)
        return msgspec.structs.replace(target, location=location)
    return target


def _take(found: dict[str, Target], target: Target) -> None:
    """Adds a target; another of the same name (two folders called alike) gets a number."""
    name, number = target, 1
    while name.name in found:
        if found[name.name].location == target.location:
            return
        number += 1
        name = msgspec.structs.replace(target, host=f"{target.host}-{number}")
    found[name.name] = name


def _meant(word: str, fleet: Fleet | None, here: Path, pins: Path | None) -> tuple[Target, ...]:
    scheme = word.partition(":")[0].lower()
    if scheme == "snapshot":
        return tuple(_stored(word, fleet))
    if word.lower().startswith("ilo://"):
        return (_ilo(word, fleet, pins),)
    if word.lower().startswith("ssh://"):
        return (_over_ssh(word, fleet),)
    if "://" in word:
        raise InputError(f"{word}: {scheme}:// is not known", next_step=_FORMS)
    if fleet is not None and (named := _named(word, fleet)):
        return named
    path = here / Path(word).expanduser()
    if "/" in word or word in (".", "..") or path.exists():
        if fleet is not None and not path.exists() and not word.startswith(("/", ".", "~")):
            raise _unknown(word, fleet)
        return (_local(word, path, fleet),)
    raise _unknown(word, fleet)


def _named(word: str, fleet: Fleet) -> tuple[Target, ...]:
    if word == "all":
        if not fleet.targets:
            raise InputError(
                "the inventory is empty",
                where=str(fleet.file),
                next_step="Add a host below `hosts:`, for example web1: {httpd: {tree: /etc/httpd}}",
            )
        return fleet.targets
    head, _, surface = word.partition("/")
    hosts = set(fleet.groups.get(head, (head,)))
    if head == "all":
        hosts = set(fleet.hosts)
    name, at, instance = surface.partition("@")
    return tuple(
        target
        for target in fleet.targets
        if target.host in hosts and (not surface or target.surface == name) and (not at or target.instance == instance)
    )


def _unknown(word: str, fleet: Fleet | None) -> InputError:
    if fleet is None:
        return InputError(
            f"{word!r} is neither a path nor a URI, and there is no fleet repository here",
            next_step="Name a path:  auditor check /etc/httpd   or make a fleet repository:  auditor init",
        )
    host = word.partition("/")[0]
    if host in fleet.listed:
        return InputError(
            f"{host!r} stands in the Ansible inventory, but {fleet.file.name} does not say how it is read",
            where=str(fleet.file),
            next_step=f"Add below `hosts:`  {host}: {{httpd: {{tree: /etc/httpd}}}}",
        )
    if host in fleet.groups and not fleet.groups[host]:
        return InputError(f"the group {host!r} has no hosts", where=str(fleet.file))
    known = ["all", *fleet.hosts, *fleet.groups, *(target.name for target in fleet.targets)]
    return InputError(f"there is no target {word!r}{_suggestion(word, known)}", where=str(fleet.file), next_step=_FORMS)


def _local(word: str, path: Path, fleet: Fleet | None) -> Target:
    if not path.exists():
        raise InputError(f"there is no {word}", next_step="Is it a path? " + _FORMS)
    resolved = path.resolve()
    for target in fleet.targets if fleet else ():
        location = target.location
        if isinstance(location, LocalTree | Archive) and Path(location.path).resolve() == resolved:
            return target
    if resolved.is_dir():
        return Target(_host_name(resolved), "httpd", LocalTree(str(resolved)))
    if _is_archive(resolved):
        return Target(_host_name(resolved), "httpd", Archive(str(resolved)))
    if resolved.is_file() and resolved.suffix == ".conf":
        tree = resolved.parent
        return Target(_host_name(tree), "httpd", LocalTree(str(tree), main_file=resolved.name))
    if resolved.is_file() and resolved.name.lower().endswith(_PACKED):
        raise InputError(
            f"{word} is not a tar archive that can be read: another kind, damaged, or cut off",
            next_step="Give a folder, or a tar archive (plain, gz, bz2, xz):  tar -C / -czf web1.tar.gz etc/httpd",
        )
    raise InputError(
        f"{word} is neither a folder nor a tar archive", next_step="Name the folder of the tree, for example /etc/httpd"
    )


def _is_archive(path: Path) -> bool:
    try:
        import tarfile

        return path.is_file() and tarfile.is_tarfile(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _host_name(path: Path) -> str:
    """``localhost`` for a tree of this machine itself, else the folder's or archive's own name."""
    if path.is_dir() and any(path.is_relative_to(own) for own in _OWN):
        return "localhost"
    name = path.name
    ending = next((one for one in _ENDINGS if name.lower().endswith(one)), "")
    name = name[: len(name) - len(ending)] if path.is_file() else name
    return "localhost" if valid_host(name) else name


def _ilo(word: str, fleet: Fleet | None, pins: Path | None) -> Target:
    try:
        parts = urlsplit(word)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{word}: {error}", next_step="Write  ilo://HOST  or  ilo://HOST:PORT") from error
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise InputError(f"{word} is not the address of an iLO", next_step="Write  ilo://HOST  or  ilo://HOST:PORT")
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "no credentials stand in a URI: it ends up in the shell's history",
            next_step="Set AUDITOR_ILO_USERNAME and AUDITOR_ILO_PASSWORD.",
        )
    bracketed = f"[{host}]" if ":" in host else host
    url = f"https://{bracketed}" + (f":{port}" if port else "")
    for target in fleet.targets if fleet else ():
        if isinstance(target.location, IloEndpoint) and target.location.url.lower() == url.lower():
            return target
    return Target(host + (f":{port}" if port else ""), "ilo", IloEndpoint(url, pin=pin_of(pins, url)))


def _over_ssh(word: str, fleet: Fleet | None) -> Target:
    from auditor.services.ssh_places import parse_uri, same_place

    tree, name = parse_uri(word)
    known = [
        target
        for target in (fleet.targets if fleet else ())
        if isinstance(target.location, SshTree) and same_place(target.location, tree)
    ]
    if len(known) == 1:
        return known[0]
    if len(known) > 1:
        names = ", ".join(target.name for target in known)
        raise InputError(f"{word} may be any of {names}", next_step="Name one of them, or the tree's path.")
    return Target(name, "httpd", msgspec.structs.replace(tree, config=fleet.ssh_config if fleet else ""))


def _stored(word: str, fleet: Fleet | None) -> Iterator[Target]:
    if fleet is None:
        raise InputError(
            f"{word}: snapshots are kept by a fleet repository, and there is none here",
            next_step="Go to the fleet repository, or make one:  auditor init",
        )
    from auditor.store import Store
    from auditor.store.revisions import is_revision

    rest = word.partition(":")[2]
    cuts = [at for at, one in enumerate(rest) if one == ":"]
    cut = next((at for at in cuts if is_revision(rest[:at])), None)
    if cut is None or not rest[cut + 1 :]:
        raise InputError(
            f"{word} names no snapshot",
            next_step="Write  snapshot:REVISION:HOST/SURFACE, e.g. snapshot:latest:web1/httpd",
        )
    revision, name = rest[:cut], rest[cut + 1 :]
    with Store.open(fleet.store_path) as store:
        commit = store.resolve_revision(revision)
        known = store.targets(commit)
    hosts = set(fleet.groups.get(name.partition("/")[0], ()))
    found = [one for one in known if name in ("all", one, one.partition("/")[0]) or one.rpartition("/")[0] in hosts]
    if not found:
        raise InputError(f"the snapshot {revision} has no target {name!r}{_suggestion(name, known)}", next_step=_FORMS)
    for one in found:
        host, _, surface = one.rpartition("/")
        kind, _, instance = surface.partition("@")
        yield Target(host, kind, StoredSnapshot(commit, one), instance, fleet.groups_of(host))


def _suggestion(word: str, known: Iterable[str]) -> str:
    from auditor.policy.document import suggestion  # loads a reader of YAML, which only a mistake needs

    return suggestion(word, list(known))
