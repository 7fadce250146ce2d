"""Where reports go: the formats asked for, checked before the work begins, written when it is done."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from auditor.cli import streams
from auditor.errors import InputError
from auditor.report.interface import Style, renderer

DEFAULT: Final = "table"


PLAIN: Final = (DEFAULT, "json")
"""The formats of results that are neither findings nor drift."""


@dataclass(frozen=True)
class Output:
    """One report to write: ``path`` None is standard output."""

    format: str
    path: Path | None


def outputs(words: Sequence[str] | None, *, quiet: bool, formats: Sequence[str] = ()) -> tuple[Output, ...]:
    """The reports that ``--format`` asks for; the table goes to standard output where no other report does.

    ``formats`` are those the command knows; none means: every format of findings and drift.

    Errors:
        InputError: an unknown format, two reports for one place, or a folder that cannot be written to.
    """
    asked = [_output(word, formats) for word in words or ()]
    places = [one.path for one in asked]
    for place in places:
        if places.count(place) > 1:
            name = place or "standard output"
            raise InputError(f"two reports would go to {name}", next_step="Give each a place: --format FORMAT:PATH")
    if None not in places and not quiet:
        asked.insert(0, Output(DEFAULT, None))
    return tuple(asked)


def emit(wanted: Sequence[Output], render: Callable[[str, Style], str], style: Style) -> None:
    """Renders and writes every report; files first, so that the terminal's last word is the report for people.

    ``render`` takes a format's name; colour is allowed only where the report goes to a terminal.
    """
    for one in sorted(wanted, key=lambda output: output.path is None):
        if one.path is None:
            coloured = msgspec.structs.replace(style, colour=streams.colour_wanted(sys.stdout))
            streams.write_out(render(one.format, coloured))
        else:
            streams.write_file(one.path, render(one.format, style))


def emit_pieces(wanted: Sequence[Output], render: Callable[[str, Style], Iterator[str]], style: Style) -> None:
    """The same for a report made piece by piece: standard output gets each as it is made, a file all at once."""
    for one in sorted(wanted, key=lambda output: output.path is None):
        if one.path is None:
            coloured = msgspec.structs.replace(style, colour=streams.colour_wanted(sys.stdout))
            for piece in render(one.format, coloured):
                streams.write_out(piece)
        else:
            streams.write_file(one.path, "".join(render(one.format, style)))


def _output(word: str, formats: Sequence[str]) -> Output:
    name, colon, place = word.partition(":")
    if not formats:
        renderer(name)
    elif name not in formats:
        raise InputError(f"{name!r} is no format of this command", next_step=f"Known here: {', '.join(formats)}")
    if not colon or place == "-":
        return Output(name, None)
    if not place:
        raise InputError(
            f"--format {word!r} has no path after the colon", next_step=f"Example:  --format {name}:report"
        )
    path = Path(place).expanduser()
    check_writable(path)
    return Output(name, path)


def check_writable(path: Path) -> None:
    """Refuses a path that no report can be written to, before the work begins.

    Errors:
        InputError: it is a folder, or its folder is absent or may not be written to.
    """
    folder = path.resolve().parent
    if path.is_dir():
        raise InputError(f"the report {path} cannot be written: it is a folder", next_step="Name a file in it.")
    if not folder.is_dir():
        raise InputError(
            f"the report {path} cannot be written: {folder} does not exist", next_step="Make the folder first."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(
            f"the report {path} cannot be written: no right to write in {folder}",
            next_step="Give a path in a folder you may write to.",
        )
