"""Collections, stores and a surface for tests that need no real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from auditor.errors import CollectError
from auditor.model.resource import Attribute, KindSpec, make_resource
from auditor.model.snapshot import Collected, Document, Fact, Gap, Interpretation
from auditor.model.source import FileSource
from auditor.model.target import Target
from auditor.model.value import Text
from auditor.surfaces.interface import CollectOptions, InterpretOptions

NIGHT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def night(number: int) -> datetime:
    """The time of the nightly run so many days after the first."""
    return NIGHT + timedelta(days=number)


def document(name: str, content: bytes = b"Timeout 60\n", **more: object) -> Document:
    """A file of a tree."""
    return Document(name, f"files/{name}", content, **{"mode": 0o644, "owner": "root", "group": "root", **more})  # type: ignore[arg-type]


def collected(target: str = "web1/httpd", *documents: Document, **more: object) -> Collected:
    """A collection; without documents it has one of its own."""
    surface = target.rpartition("/")[2].partition("@")[0]
    held = tuple(sorted(documents or (document("conf/httpd.conf"),), key=lambda one: one.name))
    return Collected(target, surface, held, **{"facts": (Fact("version", "2.4.6", "httpd -v"),), **more})  # type: ignore[arg-type]


def not_seen(
    target: str = "web1/httpd", cause: str = "unreachable", detail: str = "no answer after 20.4 s"
) -> Collected:
    """What is known of a target that could not be reached."""
    gap = Gap("whole target", cause, detail)  # type: ignore[arg-type]
    return Collected(target, target.rpartition("/")[2].partition("@")[0], (), gaps=(gap,))


class FakeSurface:
    """A surface whose targets are held in a mapping by name; each line ``NAME VALUE`` of a file is a resource."""

    name = "httpd"
    kinds: tuple[KindSpec, ...] = ()

    def __init__(self, machines: dict[str, Collected | Exception]) -> None:
        self.machines = machines
        self.options: InterpretOptions | None = None

    async def collect(self, target: Target, options: CollectOptions) -> Collected:
        found = self.machines.get(target.name, CollectError(f"{target.name} does not answer"))
        if isinstance(found, Exception):
            raise found
        return found

    def interpret(self, collected: Collected, options: InterpretOptions) -> Interpretation:
        self.options = options
        resources = []
        for one in collected.documents:
            for number, line in enumerate(one.content.decode().splitlines(), 1):
                name, _, value = line.partition(" ")
                source = FileSource(one.name, number, number)
                attributes = [Attribute("arguments", Text(value), source)]
                resources.append(make_resource("httpd.directive", f"{one.name} {name}", attributes, source))
        resources.sort(key=lambda resource: (resource.kind, resource.name))
        return Interpretation(collected.target, collected.surface, tuple(resources), collected.gaps)
