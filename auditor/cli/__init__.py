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
        except (OSError, AttributeError):  # a full disk, a closed standard output: run() has the words for it
            pass
        else:
            return 0
    if arguments is None:
        _file_names_in_utf8()
    from auditor.cli.run import run

    return run(given)


def _file_names_in_utf8() -> None:
    """Begins the process anew in Python's UTF-8 mode where the locale says otherwise (``ja_JP.eucJP``).

    Configurations and reports are UTF-8 whatever the terminal's locale is, and file names stand in both.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        import os

        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - itself
