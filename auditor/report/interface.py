"""What every report format must offer, and where each is found."""

from __future__ import annotations

import difflib
import importlib
from typing import Final, Literal, Protocol, cast

import msgspec

from auditor.errors import InputError
from auditor.model.drift import DriftReport
from auditor.model.finding import CheckReport

Language = Literal["en", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ja")

WIDTH: Final = 80
"""Columns of everything that is written for a terminal."""


class Style(msgspec.Struct, frozen=True):
    """How a report is written, beside its content.

    ``verbose`` lists what is grouped otherwise; ``colour`` allows colour as an aid (terminal only); ``version`` is
    the auditor's, for formats that name their producer.
    """

    lang: Language = "en"
    verbose: bool = False
    colour: bool = False
    version: str = ""


class Renderer(Protocol):
    """One format. Both functions take a result and give the whole text, a final line feed included.

    They compute nothing, open nothing, and make every foreign character harmless in their format.
    """

    def render_check(self, report: CheckReport, style: Style) -> str:
        """The report of a check."""
        ...

    def render_drift(self, report: DriftReport, style: Style) -> str:
        """The report of a drift comparison."""
        ...


FORMATS: Final = {
    "table": "auditor.report.terminal",
    "json": "auditor.report.json",
    "sarif": "auditor.report.sarif",
    "html": "auditor.report.html",
}
"""Format names and the module of each; a new format is one module and one line here."""


def renderer(format_name: str) -> Renderer:
    """The renderer of that format; its module is imported at the first call.

    Errors:
        InputError: there is no such format.
    """
    module = FORMATS.get(format_name)
    if module is None:
        near = difflib.get_close_matches(format_name, FORMATS, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        raise InputError(
            f"there is no report format {format_name!r}{guess}", next_step=f"Known formats: {', '.join(FORMATS)}"
        )
    return cast(Renderer, importlib.import_module(module))
