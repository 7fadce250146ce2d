"""Parses, does, prints errors, and gives the exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from auditor.cli import streams
from auditor.errors import EXIT_INTERNAL, AuditorError, StoreError

Job = Callable[[], int]
"""What a command does once its arguments are understood; it gives the exit code."""

EXIT_INTERRUPTED: Final = 130
"""What shells say of a program that Ctrl-C stopped."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command; every way it can end becomes an exit code and, where it is not plain, a word on stderr."""
    streams.prepare()
    try:
        return _finish(_parse(arguments))
    except AuditorError as error:
        return _say(error)
    except KeyboardInterrupt:
        streams.write_error("\nInterrupted. What was being read or made is not complete; no report was written.")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_INTERRUPTED
    except BaseExceptionGroup as group:
        return _several(group)
    except OSError as error:
        return _say(StoreError(streams.full(error))) if streams.is_full(error) else _fault(error)
    except Exception as error:
        return _fault(error)


def _parse(arguments: Sequence[str]) -> object:
    """What the arguments ask for: a job, or the exit code where typer has already answered (help, usage error)."""
    from auditor.cli.app import application

    try:
        return application().main(args=list(arguments), prog_name="auditor", standalone_mode=False)
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error, whether click is typer's own copy or the library
        if show is None or not hasattr(error, "exit_code"):
            raise
        show(file=sys.stderr)
        return int(error.exit_code)


def _finish(parsed: object) -> int:
    if callable(parsed):
        from auditor.cli.stopping import ending_politely

        with ending_politely():
            return int(parsed())
    return int(parsed) if isinstance(parsed, int) else 0


def _say(error: AuditorError) -> int:
    from auditor.report.escape import visible

    text = "\n".join(visible(line) for line in str(error).split("\n"))
    streams.write_error(text)
    if os.environ.get("AUDITOR_DEBUG"):
        streams.write_error("".join(traceback.format_exception(error)))
    return error.exit_code


def _several(group: BaseExceptionGroup[BaseException]) -> int:
    from auditor.cli.exit_codes import most_serious

    leaves = list(_leaves(group))
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
        return EXIT_INTERRUPTED
    unknown = [leaf for leaf in leaves if not isinstance(leaf, AuditorError)]
    if unknown:
        return _fault(group)
    return most_serious(_say(leaf) for leaf in leaves if isinstance(leaf, AuditorError))


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _fault(error: BaseException) -> int:
    """An internal fault: one line for the person, the traceback (without local values) in a file of their own."""
    report = "".join(traceback.format_exception(error))
    if os.environ.get("AUDITOR_DEBUG"):
        streams.write_error(report)
        return EXIT_INTERNAL
    from auditor.report.escape import one_line

    what = one_line(f"{type(error).__name__}: {error}", 200)
    kept = _keep(report)
    where = f"the details are in {kept}" if kept else "run again with AUDITOR_DEBUG=1 for the details"
    streams.write_error(f"Internal fault ({what}). Please report it; {where}.")
    return EXIT_INTERNAL


def _keep(report: str) -> Path | None:
    base = Path(os.environ.get("XDG_STATE_HOME") or "")
    folder = (base if base.is_absolute() else Path("~/.local/state").expanduser()) / "auditor"
    path = folder / f"fault-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.txt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(report)
    except OSError:
        return None
    return path
