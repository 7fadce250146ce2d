"""A firmware catalogue for the virtual iLO 5, with an artefact for each version and its way back."""

from __future__ import annotations

import hashlib
from pathlib import Path

from auditor.model.catalogue import Catalogue
from auditor.policy.catalogue import load_catalogue

FIRMWARE = {
    "Power Supply Firmware (Bay 1)": "2.10",
    "iLO 5": "3.12",
    "System ROM": "U46 v2.40 (06/01/2025)",
}
"""The version to update to, by the component's resource."""

_FILES = {
    "supply": ("Power Supply Firmware", ("2.00", "Power_Supply_Firmware-2.00.fwpkg"),
               ("2.10", "Power_Supply_Firmware-2.10.fwpkg")),
    "ilo5": ("iLO 5", ("3.11", "ilo5_311.bin"), ("3.12", "ilo5_312.bin")),
    "rom": ("System ROM", ("U46 v2.34 (03/11/2025)", "U46_2.34_03_11_2025.signed.flash"),
            ("U46 v2.40 (06/01/2025)", "U46_2.40_06_01_2025.signed.flash")),
}  # fmt: skip


def firmware(folder: Path) -> tuple[Catalogue, dict[str, Path]]:
    """The catalogue, and its artefacts below a folder by SHA-256; ``catalogue.yaml`` stands there too."""
    lines, artefacts = ["format: auditor.firmware-catalogue/v1", "components:"], dict[str, Path]()
    for identity, (match, (old, old_file), (new, new_file)) in _FILES.items():
        lines += [f"  - id: {identity}", f"    match: {match}", "    versions:"]
        for version, file, back in ((old, old_file, ""), (new, new_file, old)):
            path = folder / file
            path.write_bytes(f"an image of {version}".encode())
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            artefacts[digest] = path
            way = f", back: {back!r}" if back else ""
            lines.append(f"      - {{version: {version!r}, file: {file}, sha256: {digest}{way}}}")
    (folder / "catalogue.yaml").write_text("\n".join(lines) + "\n")
    return load_catalogue([(str(folder / "catalogue.yaml"), (folder / "catalogue.yaml").read_bytes())]), artefacts
