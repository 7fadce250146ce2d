"""The firmware catalogue: which artefact installs a version, what it needs first, and what takes it back."""

from __future__ import annotations

import msgspec


class Artefact(msgspec.Struct, frozen=True):
    """A file that installs a version: its path relative to the catalogue's folder, and its SHA-256 (64 digits)."""

    file: str
    sha256: str


class Need(msgspec.Struct, frozen=True):
    """What must be installed before: the component of that id in at least that version."""

    component: str
    at_least: str


class CatalogueVersion(msgspec.Struct, frozen=True):
    """One version of a component.

    ``artefact`` is None where the version is known and cannot be installed from here. ``back`` is the version whose
    artefact takes it back; empty where none is catalogued. ``irreversible`` says that nothing can. ``file`` and
    ``line`` say where it stands.
    """

    version: str
    artefact: Artefact | None = None
    needs: tuple[Need, ...] = ()
    back: str = ""
    irreversible: bool = False
    file: str = ""
    line: int = 0


class CatalogueComponent(msgspec.Struct, frozen=True):
    """A component by the name that the machine gives it (a pattern with ``*``), and its versions as they stand.

    ``device_class`` and ``targets`` narrow it down to the hardware that its artefacts are for; empty: any.
    """

    id: str
    match: str
    versions: tuple[CatalogueVersion, ...]
    device_class: str = ""
    targets: tuple[str, ...] = ()


class Catalogue(msgspec.Struct, frozen=True):
    """Every component of a fleet's catalogue files; ids are unique across them."""

    components: tuple[CatalogueComponent, ...]

    def get(self, identity: str) -> CatalogueComponent | None:
        """The component of that id, or None."""
        return next((one for one in self.components if one.id == identity), None)
