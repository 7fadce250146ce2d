"""Messages of rules: text with attributes in braces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from auditor.model.resource import KindSpec, Resource
from auditor.model.value import Boolean, Many, NoLimit, Undetermined, show
from auditor.policy.document import suggestion
from auditor.policy.expression import ExpressionError

_FIELD: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
OWN: Final = ("name", "kind", "target", "host")
"""What a template may name beside the kind's attributes; ``name`` is the resource's."""
ENGLISH: Final[Mapping[str, str]] = {}
JAPANESE: Final[Mapping[str, str]] = {
    "not set": "未設定",
    "no limit": "無制限",
    "undetermined": "確定不能",
    "yes": "はい",
    "no": "いいえ",
    "none": "なし",
}
"""How values that are words of ours read in a message of that language."""


class Template:
    """A message that is cut up once and filled in often. ``{{`` and ``}}`` stand for braces.

    ``attributes`` are those it names, in order: the place of the first that has one is where to look first.
    """

    def __init__(self, text: str, kind: KindSpec) -> None:
        self.parts: list[tuple[str, str]] = []
        end = 0
        for found in _FIELD.finditer(text):
            literal = text[end : found.start()]
            end = found.end()
            if found[0] in ("{{", "}}"):
                self.parts.append((literal + found[0][0], ""))
                continue
            if found[1] is None:
                raise ExpressionError(f"a lone {found[0]!r}; write {found[0] * 2} for a brace", found.start())
            _check_name(found[1], kind, found.start() + 1)
            self.parts.append((literal, found[1]))
        self.parts.append((text[end:], ""))
        self.attributes = tuple(dict.fromkeys(name for _, name in self.parts if name and name not in OWN))

    def fill(self, resource: Resource, target: str, words: Mapping[str, str] = ENGLISH) -> str:
        """The message for one resource; an attribute that is not there reads ``not set``, or what ``words`` says."""
        return "".join(
            literal + (self._shown(field, resource, target, words) if field else "") for literal, field in self.parts
        )

    @staticmethod
    def _shown(field: str, resource: Resource, target: str, words: Mapping[str, str]) -> str:
        match field:
            case "name":
                return resource.name
            case "kind":
                return resource.kind
            case "target":
                return target
            case "host":
                return target.split("/", 1)[0]
        value = resource.value(field)
        text = "not set" if value is None else show(value)
        plain = value is None or isinstance(value, NoLimit | Undetermined | Boolean) or value == Many(())
        return words.get(text, text) if plain else text


def _check_name(name: str, kind: KindSpec, offset: int) -> None:
    if name in OWN or kind.get(name) or (kind.open and name):
        return
    known = (*OWN, *(spec.name for spec in kind.attributes))
    raise ExpressionError(f'unknown attribute "{name}" of {kind.name}{suggestion(name, known)}', offset)
