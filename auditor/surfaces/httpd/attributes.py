"""Making attributes: values with the place that decides them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from auditor.model.resource import Attribute
from auditor.model.source import Source
from auditor.model.value import Boolean, Many, NoLimit, Number, Text, Value, text_of
from auditor.surfaces.httpd.directive import Directive
from auditor.surfaces.httpd.durations import seconds_value
from auditor.surfaces.httpd.servers import readable

MAX_NAMES: Final = 50
"""Longer lists of names are cut, saying how many follow: what shares one worker may be the whole server."""

# Values are frozen, so the commonest are made once: a large tree holds hundreds of thousands.
_TRUE: Final = Boolean(True)
_FALSE: Final = Boolean(False)
_NONE: Final = Many(())


class Attributes:
    """Attributes being gathered; None is left out, for what a resource does not have is absent."""

    def __init__(self) -> None:
        self.items: list[Attribute] = []

    def add(self, name: str, value: Value | None, source: Source | None = None, note: str = "") -> None:
        """Adds an attribute."""
        if value is not None:
            self.items.append(Attribute(name, value, source, note))

    def text(self, name: str, text: str | None, source: Source | None = None) -> None:
        """Adds a text of the configuration (bytes as latin-1)."""
        if text is not None:
            self.add(name, configured(text), source)

    def flag(self, name: str, flag: bool | None, source: Source | None = None, note: str = "") -> None:
        """Adds a boolean."""
        if flag is not None:
            self.add(name, _TRUE if flag else _FALSE, source, note)

    def number(self, name: str, number: float | None, source: Source | None = None) -> None:
        """Adds a number."""
        if number is not None:
            self.add(name, Number(number), source)

    def count(self, name: str, number: float, source: Source | None = None, note: str = "") -> None:
        """Adds a number of things; infinite is no limit."""
        self.add(name, NoLimit() if math.isinf(number) else Number(number), source, note)

    def seconds(self, name: str, seconds: float | None, source: Source | None = None, note: str = "") -> None:
        """Adds a time; negative and infinite are no limit."""
        if seconds is not None:
            self.add(name, seconds_value(seconds), source, note)

    def names(self, name: str, names: Sequence[str], source: Source | None = None, *, total: int = 0) -> None:
        """Adds a list of names, cut where it is very long; ``total`` is its true length where it was cut before."""
        if not names:
            self.add(name, _NONE, source)
            return
        total = max(total, len(names))
        cut = [Text(one) for one in names[:MAX_NAMES]]
        if total > len(cut):
            cut.append(Text(f"… and {total - len(cut)} more"))
        self.add(name, Many(tuple(cut)), source)


def configured(text: str) -> Value:
    """The value of a text of the configuration, which is held as latin-1."""
    return Text(text) if text.isascii() else text_of(text.encode("latin-1", "replace"))


def listed(words: Sequence[str]) -> Many:
    """A list of texts of the configuration."""
    return Many(tuple(Text(readable(word)) for word in words))


def source_of(directive: Directive | None) -> Source | None:
    """Where a directive stands."""
    return None if directive is None else directive.source
