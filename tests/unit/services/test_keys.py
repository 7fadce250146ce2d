"""The fleet's key."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from auditor.errors import InputError
from auditor.services.fleet import Fleet
from auditor.services.keys import create_key, key_path, read_key, sealer_for


def fleet(root: Path, key_id: str) -> Fleet:
    return Fleet(root, root / "auditor.yaml", "fleet-1", key_id, root / "s.git", (), {}, root / "approvers")


def test_the_key_s_place_follows_the_environment() -> None:
    assert key_path("f", {"HOME": "/root"}) == Path("/root/.config/auditor/keys/f.key")
    assert key_path("f", {"HOME": "/root", "XDG_CONFIG_HOME": "/x"}) == Path("/x/auditor/keys/f.key")
    assert key_path("f", {"HOME": "/root", "AUDITOR_KEY_FILE": "/k"}) == Path("/k")
    with pytest.raises(InputError, match="neither HOME"):
        key_path("f", {})


def test_a_key_is_made_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "f.key"
    made = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_key(path) == made
    assert len(made.key) == 32


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "f.key")
    before = (tmp_path / "f.key").read_bytes()
    with pytest.raises(InputError, match="stands at"):
        create_key(tmp_path / "f.key")
    assert (tmp_path / "f.key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    create_key(tmp_path / "f.key")
    (tmp_path / "f.key").chmod(mode)
    with pytest.raises(InputError, match="open to others") as caught:
        read_key(tmp_path / "f.key")
    assert "chmod 600" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"short", b"zz" * 32, b"\xff" * 31, b"ab" * 33])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match="holds no key"):
        read_key(path)


def test_plain_bytes_are_a_key_too(tmp_path: Path) -> None:
    path = tmp_path / "f.key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    assert read_key(path).key == bytes(range(32))


def test_another_key_is_refused_and_nothing_is_disclosed(tmp_path: Path) -> None:
    environment = {"AUDITOR_KEY_FILE": str(tmp_path / "f.key")}
    sealer = create_key(tmp_path / "f.key")
    assert sealer_for(fleet(tmp_path, sealer.key_id), environment) == sealer
    with pytest.raises(InputError, match="every secret would seem changed") as caught:
        sealer_for(fleet(tmp_path, "00000000"), environment)
    assert sealer.key.hex() not in str(caught.value)
    assert "AUDITOR_KEY_FILE" in str(caught.value)


def test_a_missing_key_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Copy the key file"):
        sealer_for(fleet(tmp_path, "00000000"), {"HOME": str(tmp_path)})


def test_without_a_fleet_each_run_has_a_key_of_its_own() -> None:
    assert sealer_for(None, {}).key != sealer_for(None, {}).key
