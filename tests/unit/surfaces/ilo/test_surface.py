"""The iLO's face to the services."""

from __future__ import annotations

import subprocess
import sys

from auditor.surfaces.ilo.kinds import KINDS
from auditor.surfaces.registry import surface

HEAVY = ("redfish", "aiohttp", "cryptography", "auditor.surfaces.ilo.simulator")


def test_it_is_found_by_name_with_its_kinds() -> None:
    found = surface("ilo")
    assert found.name == "ilo"
    assert found.kinds == KINDS
    assert all(kind.meaning and all(spec.meaning for spec in kind.attributes) for kind in KINDS)
    assert [kind.name for kind in KINDS] == sorted(kind.name for kind in KINDS)


def test_looking_at_its_kinds_loads_nothing_heavy() -> None:
    script = f"import sys; import auditor.surfaces.ilo.surface; print([one for one in {HEAVY!r} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
