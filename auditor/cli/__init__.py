"""The command line: the one place that prints, and turns errors into exit codes."""

from __future__ import annotations

import sys

GARBAGE = (5_000, 10, 10)
"""How often a command's process looks for garbage in cycles (Python's own: 700, 10, 10). Nearly all that is made of
answers and files is freed without, and looking took a twelfth of the CPU time of reading many iLOs."""


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
        except (OSError, AttributeError):  # a full disk, a closed standard output: run() has the words for it
            pass
        else:
            return 0
    if arguments is None:
        import gc

        _file_names_in_utf8()
        gc.set_threshold(*GARBAGE)
    from auditor.cli.run import run

    return run(given)


def _file_names_in_utf8() -> None:
    """Begins the process anew in Python's UTF-8 mode where the locale says otherwise (``ja_JP.eucJP``).

    Configurations and reports are UTF-8 whatever the terminal's locale is, and file names stand in both.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        import os

        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - itself
