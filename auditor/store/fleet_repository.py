"""Files of the fleet repository as its protected default branch has them.

The work tree and the branch under review belong to whoever proposes a change, so who may approve is read from neither.
Where the repository was cloned from ``origin``, its default branch as last fetched is read: protection is the
server's, and a local branch of the same name can be moved by anybody with this clone. Without a remote branch the local
one is all there is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import RefusedError, StoreError

_LIMIT: Final = 4 * 1024 * 1024


class ProtectedFile(msgspec.Struct, frozen=True):
    """A file's bytes, and the reference and commit that they were read from."""

    content: bytes
    ref: str
    commit: str

    def __str__(self) -> str:
        return f"{self.ref} at {self.commit[:12]}"


def read_protected(root: Path, path: Path, branch: str) -> ProtectedFile:
    """A file of the repository that holds ``root``, as its default branch has it.

    Errors:
        RefusedError: there is no such branch, or the branch does not have the file.
        StoreError: this is no git repository, or it cannot be read.
    """
    import git

    try:
        with git.Repo(root, search_parent_directories=True) as repository:
            top = Path(str(repository.working_tree_dir or root)).resolve()
            name = path.parent.resolve().joinpath(path.name).relative_to(top).as_posix()
            for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
                try:
                    commit = repository.commit(ref)
                except (git.BadName, git.BadObject, ValueError):
                    continue
                return ProtectedFile(_blob(commit, name, ref), ref, commit.hexsha)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        raise StoreError(
            f"{root} is in no git repository, so it has no protected branch", next_step="Make one:  auditor init"
        ) from error
    except ValueError as error:
        raise RefusedError(f"{path} lies outside the fleet repository {root}.") from error
    except (git.GitCommandError, OSError) as error:
        raise StoreError(f"the fleet repository {root} cannot be read: {error}") from error
    raise RefusedError(
        f"the fleet repository has no branch {branch!r} with a commit, so nobody is allowed to approve.",
        where=str(root),
        untouched="Nothing was changed.",
        next_step=f"Commit the approvers:  git add {path.name} && git commit   (on {branch})",
    )


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
