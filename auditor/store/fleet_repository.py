"""Files of the fleet repository as its protected default branch has them.

The work tree and the branch under review belong to whoever proposes a change, so who may approve is read from neither,
nor is which branch is the default one: where there is a remote ``origin``, it is the one that git noted as the
server's (``refs/remotes/origin/HEAD``), as last fetched. Protection is the server's, and a local branch of the same
name can be moved by anybody with this clone. Without ``origin`` the local branch is all there is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from auditor.errors import RefusedError, StoreError

if TYPE_CHECKING:
    import git

_ORIGIN: Final = "refs/remotes/origin/"
_LIMIT: Final = 4 * 1024 * 1024


class ProtectedFile(msgspec.Struct, frozen=True):
    """A file's bytes, and the reference and commit that they were read from."""

    content: bytes
    ref: str
    commit: str

    def __str__(self) -> str:
        return f"{self.ref} at {self.commit[:12]}"


def default_branch(root: Path, otherwise: str) -> str:
    """The default branch of the repository that holds ``root``: the server's, or ``otherwise`` without ``origin``.

    Errors:
        RefusedError: there is an ``origin``, and git does not know its default branch.
        StoreError: this is no git repository.
    """
    with _opened(root) as repository:
        if not _has_origin(repository):
            return otherwise
        import git

        try:
            found = git.SymbolicReference(repository, f"{_ORIGIN}HEAD").reference.path
        except (TypeError, ValueError, OSError):
            found = ""
    if not found.startswith(_ORIGIN):
        raise RefusedError(
            "it is not known which branch of origin is its default one, so nobody is allowed to approve.",
            where=str(root),
            untouched="Nothing was changed.",
            next_step="Ask the server:  git remote set-head origin --auto",
        )
    return found.removeprefix(_ORIGIN)


def read_protected(root: Path, path: Path, branch: str) -> ProtectedFile:
    """A file of the repository that holds ``root``, as a branch has it: origin's, where there is an ``origin``.

    Errors:
        RefusedError: there is no such branch, or the branch does not have the file.
        StoreError: this is no git repository, or it cannot be read.
    """
    import git

    try:
        with _opened(root) as repository:
            name = _name(repository, root, path)
            ref = f"{_ORIGIN}{branch}" if _has_origin(repository) else f"refs/heads/{branch}"
            try:
                commit = git.SymbolicReference(repository, ref).commit  # by this very name, and no tag of that name
            except (git.BadName, git.BadObject, ValueError):
                commit = None
            if commit is not None:
                return ProtectedFile(_blob(commit, name, ref), ref, commit.hexsha)
    except (git.GitCommandError, OSError) as error:
        raise StoreError(f"the fleet repository {root} cannot be read: {error}") from error
    where = f"branch {branch!r} of origin" if ref.startswith(_ORIGIN) else f"branch {branch!r} with a commit"
    raise RefusedError(
        f"the fleet repository has no {where}, so nobody is allowed to approve.",
        where=str(root),
        untouched="Nothing was changed.",
        next_step="Fetch it:  git fetch origin"
        if ref.startswith(_ORIGIN)
        else f"Commit the approvers:  git add {path.name} && git commit   (on {branch})",
    )


def _opened(root: Path) -> git.Repo:
    import git

    try:
        repository = git.Repo(root, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise StoreError(
            f"{root} is in no git repository, so it has no protected branch", next_step="Make one:  auditor init"
        ) from error
    repository.git.update_environment(GIT_NO_REPLACE_OBJECTS="1")
    return repository


def _has_origin(repository: git.Repo) -> bool:
    return any(remote.name == "origin" for remote in repository.remotes)


def _name(repository: git.Repo, root: Path, path: Path) -> str:
    """The file's name in the repository. Links of the work tree are not followed: nobody reviewed them."""
    top = Path(str(repository.working_tree_dir or root)).resolve()
    below = os.path.relpath(path.absolute(), root.absolute())
    try:
        return Path(os.path.normpath(root.resolve() / below)).relative_to(top).as_posix()
    except ValueError as error:
        raise RefusedError(f"{path} lies outside the fleet repository {root}.") from error


def _blob(commit: object, name: str, ref: str) -> bytes:
    import git

    if not isinstance(commit, git.Commit):
        raise TypeError("a commit is expected")
    branch = ref.split("/", 2)[2]
    try:
        item = commit.tree.join(name)
    except KeyError as error:
        raise RefusedError(
            f"{name} is not committed on {branch}, so nobody is allowed to approve.",
            untouched="Nothing was changed.",
            next_step=f"Have it committed there:  git add {name} && git commit",
        ) from error
    if item.type != "blob" or item.mode == 0o120000 or item.size > _LIMIT:
        raise RefusedError(f"{name} on {ref} is no plain file of a sensible size.", untouched="Nothing was changed.")
    content: bytes = item.data_stream.read()
    return content
