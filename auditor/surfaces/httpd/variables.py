"""Define, UnDefine and ``${NAME}``, in the order in which httpd reads."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from auditor.surfaces.httpd.directive import Doubt

MAX_EXPANDED = 1024 * 1024
"""Characters of a line after expansion; definitions that double each other would fill the memory."""


class Expanded(msgspec.Struct, frozen=True, gc=False):
    """A text after expansion, with the names whose values are in doubt (and why), and those that nobody defined."""

    text: str
    doubtful: tuple[tuple[str, tuple[Doubt, ...]], ...] = ()
    unknown: tuple[str, ...] = ()
    too_long: bool = False


class Variables:
    """What is defined at the present point of reading.

    Values are looked up without case (an ``apr_table``), names in ``<IfDefine>`` with case. The environment is the
    fallback for values.
    """

    def __init__(self, defines: tuple[tuple[str, str], ...], environment: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._doubtful_names: dict[str, tuple[Doubt, ...]] = {}
        self._doubtful_values: dict[str, tuple[Doubt, ...]] = {}
        self._environment = environment
        for name, value in defines:
            self.define(name, value or None)

    def define(
        self, name: str, value: str | None, doubts: tuple[Doubt, ...] = (), unsure: tuple[Doubt, ...] = ()
    ) -> None:
        """Carries out ``Define name [value]``.

        ``doubts`` are about whether the line counts at all, ``unsure`` those and the ones about its own variables.
        """
        before = self._names.get(name)
        self._names[name] = value if value is not None else before or ""
        _mark(self._doubtful_names, name, doubts)
        if value is not None:
            self._values[name.lower()] = value
            _mark(self._doubtful_values, name.lower(), unsure or doubts)

    def undefine(self, name: str, doubts: tuple[Doubt, ...] = ()) -> None:
        """Carries out ``UnDefine name``; under doubt, the value stays and is doubtful."""
        if not doubts:
            self._names.pop(name, None)
            self._values.pop(name.lower(), None)
        _mark(self._doubtful_names, name, doubts)
        _mark(self._doubtful_values, name.lower(), doubts)

    def defined(self, name: str) -> bool | Doubt:
        """What ``<IfDefine name>`` says; the doubt where a definition itself is in doubt."""
        doubts = self._doubtful_names.get(name)
        if doubts:
            return doubts[-1]
        return name in self._names

    def all(self) -> tuple[tuple[str, str], ...]:
        """The names defined now, sorted, with their values."""
        return tuple(sorted(self._names.items()))

    def expand(self, text: str) -> Expanded:
        """Replaces every ``${NAME}``; an unknown name stays as it is written, and so does what has no ``}``."""
        out: list[str] = []
        doubtful: dict[str, tuple[Doubt, ...]] = {}
        unknown: list[str] = []
        position = length = 0
        while (start := text.find("${", position)) >= 0 and (end := text.find("}", start + 2)) >= 0:
            name = text[start + 2 : end]
            value = self._values.get(name.lower())
            if value is None:
                value = self._environment.get(name)
            if value is None:
                value = text[start : end + 1]
                if ":" not in name:  # ${map:key} of mod_rewrite is none of httpd's variables
                    unknown.append(name)
            if name.lower() in self._doubtful_values:
                doubtful[name] = self._doubtful_values[name.lower()]
            out += (text[position:start], value)
            length += start - position + len(value)
            if length > MAX_EXPANDED:
                return Expanded(text, too_long=True)
            position = end + 1
        out.append(text[position:])
        return Expanded("".join(out), tuple(doubtful.items()), tuple(unknown))


def _mark(doubtful: dict[str, tuple[Doubt, ...]], name: str, doubts: tuple[Doubt, ...]) -> None:
    if doubts:
        doubtful[name] = doubts
    else:
        doubtful.pop(name, None)
