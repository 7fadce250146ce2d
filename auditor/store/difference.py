"""What differs below a folder between two commits of a repository of somebody's: a pull request's difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.errors import InputError, RefusedError, StoreError

if TYPE_CHECKING:
    import git

_MOST_FILES: Final = 1000
_MOST_BYTES: Final = 4 * 1024 * 1024
_LINK: Final = 0o120000


class Committed(msgspec.Struct, frozen=True):
    """A file of a commit, or a symbolic link, whose text is its content."""

    content: bytes
    link: bool = False


class Differing(msgspec.Struct, frozen=True):
    """A file below the folder that differs; None: it is not there. ``name`` is relative to the folder."""

    name: str
    before: Committed | None
    after: Committed | None


class Difference(msgspec.Struct, frozen=True):
    """The files that differ, sorted by name, and the two commits' ids."""

    old: str
    new: str
    files: tuple[Differing, ...]


def read_difference(folder: Path, words: str) -> Difference:
    """What differs below a folder of a work tree. ``A..B`` means from A, ``A...B`` from where B branched off A.

    Errors:
        InputError: that is no difference, a revision is not known, or the folder is in no repository or commit.
        RefusedError: more differs than a plan could hold.
        StoreError: the repository cannot be read.
    """
    import git

    left, dots, right = words.partition("...") if "..." in words else words.partition("..")
    if not (left and dots and right) or left.startswith("-") or right.startswith("-"):
        raise InputError(f"{words!r} is no difference", next_step="It looks like  --diff main..HEAD")
    try:
        with git.Repo(folder, search_parent_directories=True) as repository:
            repository.git.update_environment(GIT_NO_REPLACE_OBJECTS="1")
            old, new = (_commit(repository, one) for one in (left, right))
            if dots == "...":
                bases = repository.merge_base(old, new)
                if not bases:
                    raise InputError(f"{left} and {right} have no commit in common")
                old = _commit(repository, bases[0].hexsha)
            below = folder.resolve().relative_to(Path(str(repository.working_tree_dir)).resolve())
            before, after = _tree(old, below), _tree(new, below)
            if before is None and after is None:
                raise InputError(f"neither {left} nor {right} has the folder {below}", where=str(folder))
            found = []
            for one in _differing(before, after, ""):
                found.append(one)
                if len(found) > _MOST_FILES:
                    raise RefusedError(f"more than {_MOST_FILES} files differ.", untouched="No plan was written.")
            return Difference(old.hexsha, new.hexsha, tuple(sorted(found, key=lambda one: one.name)))
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise InputError(f"{folder} is in no git repository", next_step="Name the folder:  --path DIR") from error
    except (git.GitError, OSError, ValueError) as error:
        raise StoreError(f"the repository of {folder} cannot be read: {error}") from error


def _commit(repository: git.Repo, revision: str) -> git.Commit:
    import git

    try:
        return repository.commit(revision)
    except (git.BadName, git.BadObject, git.GitCommandError, ValueError, IndexError) as error:
        raise InputError(f"there is no revision {revision!r}", where=str(repository.working_tree_dir)) from error


def _tree(commit: git.Commit, below: Path) -> git.Tree | None:
    """The folder's tree in a commit, or None where it has none."""
    import git

    if not below.parts:
        return commit.tree
    try:
        found = commit.tree.join(below.as_posix())
    except KeyError:
        return None
    return found if isinstance(found, git.Tree) else None


def _entries(tree: git.Tree | None) -> Mapping[str, git.objects.base.IndexObjUnion]:
    return {} if tree is None else {str(one.name): one for one in tree}


def _differing(old: git.Tree | None, new: git.Tree | None, prefix: str) -> Iterator[Differing]:
    """The files that differ between two folders; equal folders are skipped by their ids."""
    before, after = _entries(old), _entries(new)
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name), after.get(name)
        if left is not None and right is not None and (left.hexsha, left.mode) == (right.hexsha, right.mode):
            continue
        path = f"{prefix}{name}"
        files = _committed(left, path), _committed(right, path)
        if files[0] != files[1]:
            yield Differing(path, *files)
        yield from _differing(_folder(left), _folder(right), f"{path}/")


def _folder(item: git.objects.base.IndexObjUnion | None) -> git.Tree | None:
    import git

    return item if isinstance(item, git.Tree) else None


def _committed(item: git.objects.base.IndexObjUnion | None, path: str) -> Committed | None:
    import git

    if item is None or isinstance(item, git.Tree):
        return None
    if not isinstance(item, git.Blob):
        raise RefusedError("it is a repository of its own; no plan changes that.", where=path)
    if item.size > _MOST_BYTES:
        raise RefusedError(f"it is larger than {_MOST_BYTES} bytes.", where=path, untouched="No plan was written.")
    content: bytes = item.data_stream.read()
    return Committed(content, link=item.mode == _LINK)
