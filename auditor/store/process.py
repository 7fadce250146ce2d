"""The store's repository and its processes, through GitPython.

Nothing of the user's own git reaches it: no hooks, no signing, no identity, no configuration of user or system.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from auditor.errors import StoreError
from auditor.store.failures import cannot_write, failure
from auditor.store.importer import NOBODY, Importer, end_process, sync_folders
from auditor.store.objects import Entry, parse_tree

OLDEST_GIT: Final = (2, 20)
MAX_OBJECT: Final = 512 * 1024 * 1024


def environment_for(path: Path) -> dict[str, str]:
    """The environment of every git process of the store; what a calling git hook may have set is overruled."""
    return {
        "GIT_DIR": str(path),
        "GIT_OBJECT_DIRECTORY": str(path / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
        "GIT_NAMESPACE": "",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "0",
        "GIT_CONFIG_PARAMETERS": "",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "HOME": str(path),
        "XDG_CONFIG_HOME": str(path),
        "TZ": "UTC",
    }


@cache
def git_version() -> tuple[int, ...]:
    """The version of the git at hand.

    Errors:
        StoreError: there is none, or none that works.
    """
    try:
        import git

        version = tuple(git.Git().version_info)
    except (ImportError, git.GitCommandNotFound) as error:
        raise StoreError(
            "git is not installed, or not on the PATH", next_step="Install git 2.20 or newer, then run again."
        ) from error
    if version < OLDEST_GIT:
        found = ".".join(str(number) for number in version)
        raise StoreError(
            f"git {found} is too old for the store", next_step="Install git 2.20 or newer, then run again."
        )
    return version


def durable() -> tuple[str, ...]:
    """Settings with which a power cut loses nothing that was reported as written.

    git below 2.36 cannot flush references, and none flushes names; :meth:`Repository.move` does it for it.
    """
    return ("core.fsync=all",) if git_version() >= (2, 36) else ("core.fsyncObjectFiles=true",)


def _text(value: str | bytes) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else value  # GitPython says str and gives bytes


def _check(path: Path) -> None:
    """Whether a store stands at the path; the same marks that git goes by.

    Errors:
        StoreError: none does, or something else.
    """
    if not path.is_dir() or not any((path / mark).exists() for mark in ("HEAD", "objects", "refs")):
        raise StoreError(
            f"there is no store at {path}",
            next_step="Make one:  auditor init   (or set store.path in auditor.yaml)",
        )
    missing = [mark for mark in ("HEAD", "objects", "refs", "config") if not (path / mark).exists()]
    try:
        bare = not missing and _is_bare((path / "config").read_text("utf-8", "replace"))
    except OSError as error:
        raise StoreError(f"the store {path} cannot be read: {error.strerror}") from error
    if missing:
        raise StoreError(
            f"the store {path} is damaged: {', '.join(missing)} is missing",
            untouched="Nothing was changed.",
            next_step="Restore the store from its remote or a backup.",
        )
    if not bare:
        raise StoreError(
            f"{path} is a repository with a work tree, not a store",
            untouched="Nothing was changed.",
            next_step="Name a folder of its own in store.path of auditor.yaml.",
        )


def _is_bare(settings: str) -> bool:
    found = re.search(r"^\s*bare\s*=\s*(\w+)", settings, re.MULTILINE | re.IGNORECASE)
    return found is not None and found[1].lower() in ("true", "yes", "on", "1")


class Repository:
    """A bare repository: objects by id, references, imports and logs.

    Not for several threads at once. Close it, or use it as a context manager.
    """

    def __init__(self, path: Path) -> None:
        git_version()
        import git

        self.path = path
        _check(path)
        # Not git.Repo: it lets GIT_DIR and the like, which a calling git hook sets, decide what the repository is.
        self._git = git.Git(path)
        self._git.update_environment(**environment_for(path))
        settings = ["gc.auto=0", "core.quotePath=false", "log.showSignature=false", f"core.hooksPath={os.devnull}"]
        self._git.set_persistent_git_options(c=[*durable(), *settings])

    @classmethod
    def create(cls, path: Path) -> Repository:
        """A new, empty repository.

        Errors:
            StoreError: something else stands at the path, or it cannot be written to.
        """
        git_version()
        import git

        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            if any(path.iterdir()):
                raise StoreError(
                    f"{path} is not empty, so no store is made there",
                    untouched="Nothing was changed.",
                    next_step="Name a folder of its own in store.path of auditor.yaml.",
                )
            command = git.Git(path)
            command.update_environment(**environment_for(path))
            form = ["--object-format=sha1"] if git_version() >= (2, 29) else []
            command.init("--quiet", "--bare", "--template=", *form)
            command.symbolic_ref("HEAD", "refs/heads/snapshots")
            for name, value in (("gc.auto", "0"), ("core.fsync", "all"), ("core.logAllRefUpdates", "true")):
                command.config(name, value)
        except git.GitCommandError as error:
            raise failure(path, "init", str(error.stderr).encode()) from error
        except OSError as error:
            raise cannot_write(path, error) from error
        return cls(path)

    def close(self) -> None:
        """Ends every process."""
        self._git.clear_cache()

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Objects

    def object(self, name: str) -> tuple[str, str, bytes] | None:
        """Id, type and content of what a name leads to, or None where it leads nowhere.

        Errors:
            StoreError: the object is damaged or not of a sensible size.
        """
        if not name or any(one in name for one in "\n\0") or not name.isprintable():
            return None
        command = self._git
        try:
            found, kind, size, stream = command.stream_object_data(name)
            if size > MAX_OBJECT:
                command.clear_cache()
                raise StoreError(f"an object of {size} bytes stands in the store {self.path}: not read")
            return _text(found), _text(kind), stream.read(size)
        except ValueError as error:
            if re.search(r"could not be resolved.*(missing|ambiguous)", str(error), re.DOTALL):
                return None
            words = self._last_words()
            raise self._damaged(words or str(error)) from error
        except OSError as error:
            raise self._damaged(self._last_words() or str(error)) from error

    def _last_words(self) -> str:
        process = self._git.cat_file_all
        self._git.cat_file_all = None
        if process is None:
            return ""
        words = b""
        with contextlib.suppress(OSError, ValueError):
            process.stdin.close()
            words = process.stderr.read(4000)
        end_process(process)
        return words.decode("utf-8", "replace").strip()

    def _damaged(self, words: str) -> StoreError:
        return StoreError(
            f"the store {self.path} is damaged: {words.splitlines()[0][:200] if words else 'an object is missing'}",
            untouched="Nothing was changed.",
            next_step=f"Look:  git -C {self.path} fsck   Then restore the store from its remote or a backup.",
        )

    def content(self, blob: bytes) -> bytes:
        """The content of an object that a tree of the store names."""
        found = self.object(blob.hex())
        if found is None:
            raise self._damaged(f"object {blob.hex()} is missing")
        return found[2]

    def tree(self, tree: bytes) -> dict[str, Entry]:
        """The entries of a folder that a tree or commit of the store names."""
        body = self.content(tree)
        try:
            return parse_tree(body)
        except ValueError as error:
            raise self._damaged(f"tree {tree.hex()} cannot be read") from error

    def children(self, entry: Entry) -> Mapping[str, Entry]:
        """The entries of a folder, whether built here or in the store."""
        return entry.tree.entries if entry.tree is not None else self.tree(entry.id)

    def walk(self, tree: bytes, path: Sequence[str]) -> Entry | None:
        """The entry at a path below a folder, or None."""
        entry = Entry("40000", tree)
        for part in path:
            if entry.mode != "40000":
                return None
            found = self.tree(entry.id).get(part)
            if found is None:
                return None
            entry = found
        return entry

    # References

    def tip(self, reference: str) -> str:
        """The commit that a full reference leads to, or forty zeros where there is no such reference.

        Errors:
            StoreError: the reference is there and leads to no commit.
        """
        found = self.object(f"{reference}^{{commit}}")
        if found is None and self._is_written(reference):
            raise self._damaged(f"{reference} leads to no commit")
        return NOBODY if found is None else found[0]

    def _is_written(self, reference: str) -> bool:
        """Whether the reference stands in a file of its own or among the packed ones, whatever it says."""
        if (self.path / reference).is_file():
            return True
        with contextlib.suppress(FileNotFoundError):
            lines = (self.path / "packed-refs").read_bytes().splitlines()
            return any(line.endswith(f" {reference}".encode()) for line in lines)
        return False

    def move(self, moves: Sequence[tuple[str, str, str]]) -> None:
        """Moves references (name, new, old) in one transaction: all or none; ``old`` must still hold.

        Errors:
            StoreError: a reference stood elsewhere than ``old``.
        """
        script = "".join(f"update {name} {new} {old}\n" for name, new, old in moves)
        self.run("update_ref", "--stdin", "-m", "auditor", "--create-reflog", input=script.encode("ascii"))
        try:
            self._flush([name for name, _, _ in moves])
        except OSError as error:
            raise StoreError(
                f"the store {self.path} was written to, and whether that is on disk is not certain: {error.strerror}",
                next_step="Look at the disk, then run the same command again.",
            ) from error

    def _flush(self, names: Sequence[str]) -> None:
        """What git below 2.36 leaves to the system, and every git of the names."""
        if git_version() < (2, 36):
            for name in names:
                file = os.open(self.path / name, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(file)
                finally:
                    os.close(file)
        for folder in ("refs", "logs"):
            sync_folders(self.path / folder)

    # Processes

    def _start(self, command: str, *arguments: str) -> Any:
        import git

        try:
            return getattr(self._git, command)(*arguments, as_process=True, istream=-1)
        except (OSError, git.GitCommandNotFound) as error:
            raise StoreError(f"git cannot be started: {error}") from error

    def run(self, command: str, *arguments: str, input: bytes = b"") -> bytes:
        """What a git command prints.

        Errors:
            StoreError: it failed.
        """
        process = self._start(command, *arguments)
        out, error = process.communicate(input)
        if process.returncode != 0:
            raise failure(self.path, command.replace("_", "-"), error)
        printed: bytes = out
        return printed

    def lines(self, command: str, *arguments: str) -> Iterator[bytes]:
        """The lines that a git command prints, as they come; a reader that stops early ends it."""
        process = self._start(command, *arguments)
        ended = False
        try:
            process.stdin.close()
            for line in process.stdout:
                yield line.rstrip(b"\n")
            ended = True
        finally:
            if not ended:
                process.kill()
            words = process.stderr.read()
            process.stdout.close()
            process.stderr.close()
            status = process.proc.wait()
        if status != 0:
            raise failure(self.path, command.replace("_", "-"), words)

    def importer(self) -> Importer:
        """Starts an import; the importers' lock must be held."""
        return Importer(self.path, self._start("fast_import", "--quiet", "--date-format=raw"))
