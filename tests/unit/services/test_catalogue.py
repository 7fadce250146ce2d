"""The fleet's catalogue files and the artefacts beside them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.services.catalogue import fleet_catalogue, load_catalogue_files
from auditor.services.fleet import load_fleet

FLEET = "format: auditor.fleet/v1\nfleet: {id: fleet-1, key_id: 00abcdef}\nfirmware_catalogue: [firmware/*.yaml]\n"


def write(folder: Path, digest: str, file: str = "rom.bin") -> Path:
    path = folder / "firmware" / "hpe.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "format: auditor.firmware-catalogue/v1\ncomponents:\n  - id: rom\n    match: System ROM\n    versions:\n"
        f"      - {{version: U46 v2.34, file: {file}, sha256: {digest}}}\n"
    )
    return path


def test_an_artefact_is_compared_where_it_is_there(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)  # more than one block
    digest = hashlib.sha256(content).hexdigest()
    path = write(tmp_path, digest.upper())
    assert load_catalogue_files([path]).components[0].id == "rom"
    (path.parent / "rom.bin").write_bytes(content)
    assert load_catalogue_files([path]).components[0].id == "rom"
    (path.parent / "rom.bin").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match=r"rom\.bin is not the artefact of U46 v2\.34: its SHA-256 is") as caught:
        load_catalogue_files([path])
    assert f"{path}:6" in str(caught.value)


def test_an_artefact_is_a_plain_file_below_the_catalogue(tmp_path: Path) -> None:
    path = write(tmp_path, "ab" * 32)
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"x")
    artefact = path.parent / "rom.bin"
    artefact.symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the catalogue's folder"):
        load_catalogue_files([path])
    artefact.unlink()
    os.mkfifo(artefact)
    with pytest.raises(InputError, match="is no plain file"):
        load_catalogue_files([path])
    artefact.unlink()
    artefact.symlink_to(artefact)
    with pytest.raises(InputError, match="cannot be read"):
        load_catalogue_files([path])


def test_a_fleet_names_its_catalogue(tmp_path: Path) -> None:
    (tmp_path / "auditor.yaml").write_text(FLEET)
    assert fleet_catalogue(load_fleet(tmp_path)) is None
    write(tmp_path, "ab" * 32)
    found = fleet_catalogue(load_fleet(tmp_path))
    assert found is not None
    assert [one.match for one in found.components] == ["System ROM"]
    assert fleet_catalogue(None) is None
