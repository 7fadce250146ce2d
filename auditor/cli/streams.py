"""Standard output, standard error and report files: the only places the auditor writes for people."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Final, TextIO

from auditor.errors import AuditorError, InputError, StoreError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


class _Closed(io.TextIOBase):
    """Standard output that the caller closed (``>&-``): what is written there is lost, and that is said."""

    def write(self, text: str) -> int:  # noqa: ARG002 - the stream's face
        raise OSError(errno.EBADF, "it is closed")


def prepare() -> None:
    """Makes both streams write UTF-8 whatever the locale says; what UTF-8 cannot hold is shown as an escape.

    A standard stream that the caller closed is put in its place again, so that no file we open becomes it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = sys.stdout or _Closed()
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the process's whole life
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def colour_wanted(stream: TextIO) -> bool:
    """Whether colour helps there: a terminal, and neither ``NO_COLOR`` nor a terminal that knows none."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def write_out(text: str) -> None:
    """Writes a report to standard output. A reader that has gone away is no fault.

    Errors:
        StoreError: the output could not be written (a full disk).
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _close_quietly(sys.stdout)
    except OSError as error:
        raise StoreError(full(error)) from error


def is_full(error: OSError) -> bool:
    """Whether it says that nothing more can be written: the disk is full or failed, or the stream was closed."""
    return error.errno in (*_FULL, errno.EBADF)


def full(error: OSError) -> str:
    """The sentence for output that could not be written; standard output is given up."""
    _close_quietly(sys.stdout)
    what = f"{error.filename}" if error.filename else "standard output"
    return f"{what} could not be written: {error.strerror}"


def write_error(text: str) -> None:
    """Writes a line for the person at the terminal to standard error; where that is gone, nobody is told."""
    try:
        sys.stderr.write(text if text.endswith("\n") else f"{text}\n")
        sys.stderr.flush()
    except OSError:
        _close_quietly(sys.stderr)


def write_part(text: str) -> None:
    """Writes to standard error without ending the line, for a question."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def write_file(path: Path, text: str) -> None:
    """Writes a report file as a whole: beside its place first, then renamed, so that no reader sees half of it.

    A device or pipe (``/dev/stdout``, ``>(…)``) is written as it stands.

    Errors:
        InputError: the folder does not exist or may not be written to.
        StoreError: the disk is full or failed.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            return
        _replace(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise _writing_failed(path, error) from error


def _replace(path: Path, content: bytes) -> None:
    target = path.resolve()
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:80]}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    current = os.umask(0o077)
    os.umask(current)
    return current


def _writing_failed(path: Path, error: OSError) -> AuditorError:
    text = f"the report {path} could not be written: {error.strerror or error}."
    if error.errno in _FULL:
        return StoreError(text, untouched="An older report of that name is unchanged.", next_step="Free some space.")
    return InputError(text, untouched="Nothing was written.", next_step="Give a path in a folder you may write to.")


def _close_quietly(stream: TextIO) -> None:
    """Points the stream at nothing, so that Python's own flush at exit says nothing either."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Progress:
    """Says on standard error what is being done: only on a terminal, on one line that is overwritten."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self._dirty = False

    def __call__(self, text: str) -> None:
        """Shows a short sentence in place of the one before."""
        if self.shown:
            from auditor.report.escape import one_line

            with contextlib.suppress(OSError):
                sys.stderr.write(f"\r\x1b[K{one_line(text, 78)}")
                sys.stderr.flush()
            self._dirty = True

    def tell(self, text: str) -> None:
        """Says on standard error what a person has to know: always, on lines of its own."""
        from auditor.report.escape import one_line

        self.clear()
        write_error(one_line(text))

    def clear(self) -> None:
        """Removes the line, so that a report starts at the margin."""
        if self._dirty:
            with contextlib.suppress(OSError):
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
            self._dirty = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
