"""Where a value stands: file and line, Redfish URI and JSON pointer, a fact of the machine, or the inventory."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class FileSource(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="file"):
    """Lines of a file, one-based; ``last_line`` differs from ``line`` where a directive is continued.

    ``file`` is relative to the tree's root, or absolute where it lies outside.
    """

    file: str
    line: int
    last_line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class RedfishSource(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="redfish"):
    """A member of a Redfish resource: its URI and the JSON pointer (RFC 6901) inside its body."""

    uri: str
    pointer: str = ""

    def __str__(self) -> str:
        return f"{self.uri}#{self.pointer}" if self.pointer else self.uri


class FactSource(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="fact"):
    """Something the machine said: the name of the fact and how it was asked."""

    fact: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.fact} ({self.how})" if self.how else self.fact


class InventorySource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="inventory"):
    """A line of the fleet's inventory, one-based: what a person declared, and the machine does not say."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


Source: TypeAlias = FileSource | RedfishSource | FactSource | InventorySource
