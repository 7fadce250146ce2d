"""What can be audited: one folder a surface, all with the face of :mod:`auditor.surfaces.interface`."""

from auditor.light import load_msgspec

load_msgspec()
