"""One ``git fast-import`` and the stream that it is fed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from auditor.errors import StoreError
from auditor.store.failures import cannot_write, failure

NOBODY: Final = "0" * 40
"""The id of no commit."""


def end_process(process: Any) -> None:
    """Kills a process of GitPython's, closes its pipes and waits for it, whatever state they are in."""
    with contextlib.suppress(OSError):
        process.kill()
    for stream in (process.stdin, process.stdout, process.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.close()
    process.proc.wait()  # its own wait() reads the pipes first


def sync_folders(folder: Path) -> None:
    """Returns once all names in a folder and the folders below it are on disk: git syncs what it writes, no names.

    Errors:
        OSError: the system cannot.
    """
    for path, _, _ in os.walk(folder):
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)


class Importer:
    """One ``git fast-import``. Either :meth:`finish` or :meth:`abort` ends it."""

    def __init__(self, store: Path, process: Any) -> None:
        self._store = store
        self._process = process
        self.send(b"feature done\n")

    @property
    def pid(self) -> int:
        """The process's number."""
        return int(self._process.pid)

    def send(self, *parts: bytes) -> None:
        """Sends bytes of the stream."""
        try:
            for part in parts:
                self._process.stdin.write(part)
        except (OSError, ValueError) as error:
            raise self._failed(error) from error

    def blob(self, content: bytes) -> None:
        """Sends one blob."""
        self.send(b"blob\ndata %d\n" % len(content), content, b"\n")

    def commit(self, mark: int, *, parent: str, date: int, message: str, changes: Iterator[bytes]) -> str:
        """Sends one commit, on no lasting reference, and gives its id."""
        text = message.encode("utf-8", "backslashreplace")
        self.send(
            b"commit refs/auditor/import\nmark :%d\n" % mark,
            b"author auditor <auditor@localhost> %d +0000\n" % date,
            b"committer auditor <auditor@localhost> %d +0000\n" % date,
            b"data %d\n" % len(text),
            text,
            b"\n",
        )
        if parent != NOBODY:
            self.send(b"from %s\n" % parent.encode("ascii"))
        for change in changes:
            self.send(change)
        # A branch that is reset is not written when the import ends: the commit is taken by its mark.
        self.send(b"\nget-mark :%d\nreset refs/auditor/import\n\n" % mark)
        try:
            self._process.stdin.flush()
            answer: bytes = self._process.stdout.readline()
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        if not re.fullmatch(rb"[0-9a-f]{40}\n", answer):
            raise self._failed(None)
        return answer.decode("ascii").strip()

    def finish(self) -> None:
        """Ends the import: everything sent is in the store, on disk, though no reference leads to it."""
        try:
            self._process.stdin.write(b"done\n")
            out, error = self._process.communicate()
        except (OSError, ValueError) as broken:
            raise self._failed(broken) from broken
        del out
        if self._process.returncode != 0:
            raise failure(self._store, "fast-import", error)
        try:
            sync_folders(self._store / "objects")
        except OSError as failed:
            raise cannot_write(self._store, failed) from failed

    def abort(self) -> None:
        """Ends the import at once; what it wrote is swept away later."""
        end_process(self._process)
        (self._store / f"fast_import_crash_{self.pid}").unlink(missing_ok=True)

    def _failed(self, cause: BaseException | None) -> StoreError:
        words = b""
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()
        with contextlib.suppress(OSError, ValueError):
            words = self._process.stderr.read()
        return failure(self._store, "fast-import", words or str(cause or "it ended early").encode())
