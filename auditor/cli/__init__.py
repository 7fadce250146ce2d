"""The command line: the one place that prints, and turns errors into exit codes."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and gives the exit code; ``--version`` alone needs no library.

    ``arguments`` are those after the program's name; None means the process's own.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if given == ["--version"]:
        from auditor import __version__

        try:
            sys.stdout.write(f"auditor {__version__}\n")
            sys.stdout.flush()
        except OSError:
            return 3
        return 0
    from auditor.cli.run import run

    return run(given)
