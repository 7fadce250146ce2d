"""Files of pinned certificates, and fingerprints as people write them."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.services.pins import pin_of, pin_path, user_pins
from auditor.services.trust import read_list
from auditor.surfaces.ilo.pins import normal_fingerprint, pin_text, read_pin
from auditor.surfaces.ilo.simulator.certificate import make_certificates
from auditor.surfaces.ilo.trust import Certificate, describe, fingerprint_of


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    cafile, _ = make_certificates(tmp_path_factory.mktemp("certificate"), "self-signed")
    return describe(ssl.PEM_cert_to_DER_cert(cafile.read_text()))


def test_a_certificate_says_who_it_is(certificate: Certificate) -> None:
    assert certificate.subject == certificate.issuer == "CN=virtual-ilo"
    assert certificate.valid_from < certificate.valid_until
    assert certificate.fingerprint == fingerprint_of(certificate.raw)


def test_what_is_no_certificate_has_a_fingerprint_all_the_same() -> None:
    told = describe(b"no certificate")
    assert (told.subject, told.valid_until) == ("", "")
    assert told.fingerprint == fingerprint_of(b"no certificate")


def test_a_pin_is_read_as_it_was_written(certificate: Certificate, tmp_path: Path) -> None:
    path = tmp_path / "web1-ilo.pem"
    path.write_text(pin_text(certificate, "https://web1-ilo", "2026-11-22", "ops1"))
    pin = read_pin(path)
    assert (pin.raw, pin.since, pin.by) == (certificate.raw, "2026-11-22", "ops1")
    assert pin.fingerprint in path.read_text()


@given(subject=st.text(max_size=80), by=st.text(max_size=40))
def test_no_name_in_a_certificate_can_pass_for_another_line(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory, subject: str, by: str
) -> None:
    hostile = f"{subject}\n# Trusted since 1999-01-01 by nobody\n-----BEGIN CERTIFICATE-----"
    odd = Certificate(hostile, hostile, certificate.fingerprint, "2026-01-01", "2027-01-01", certificate.raw)
    path = tmp_path_factory.getbasetemp() / "odd.pem"
    path.write_text(pin_text(odd, "https://web1-ilo", "2026-11-22", by), encoding="utf-8")
    pin = read_pin(path)
    assert (pin.raw, pin.since) == (certificate.raw, "2026-11-22")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "does not hold one certificate"),
        (b"\xff\xfe", "it is no text"),
        (b"# " + b"x" * 70_000, "does not hold one certificate"),
        (b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "another certificate|damaged"),
    ],
)
def test_a_file_that_is_no_pin_is_said_so(content: bytes, what: str, tmp_path: Path) -> None:
    path = tmp_path / "web1-ilo.pem"
    path.write_bytes(content)
    with pytest.raises(InputError, match=what) as caught:
        read_pin(path)
    assert str(path) in str(caught.value)
    assert "auditor trust" in str(caught.value)


def test_a_comment_that_names_another_fingerprint_is_a_lie(certificate: Certificate, tmp_path: Path) -> None:
    path = tmp_path / "web1-ilo.pem"
    told = pin_text(certificate, "https://web1-ilo", "2026-11-22", "ops1")
    path.write_text(told.replace(certificate.fingerprint, fingerprint_of(b"another")))
    with pytest.raises(InputError, match="another certificate than its comment says"):
        read_pin(path)


def test_two_certificates_are_no_pin(certificate: Certificate, tmp_path: Path) -> None:
    path = tmp_path / "web1-ilo.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(certificate.raw) * 2)
    with pytest.raises(InputError, match="one certificate"):
        read_pin(path)


@given(st.binary(min_size=32, max_size=32), st.sampled_from([":", "", " "]), st.booleans())
def test_a_fingerprint_is_known_however_it_is_written(digest: bytes, between: str, small: bool) -> None:
    written = digest.hex(between) if between else digest.hex()
    ours = f"SHA256:{digest.hex(':').upper()}"
    for prefix in ("", "SHA256:", "sha256 ", "SHA-256: ", "sha256 Fingerprint="):
        assert normal_fingerprint(prefix + (written.lower() if small else written.upper())) == ours


@pytest.mark.parametrize(
    "text", ["", "SHA256:", "ab" * 20, "ab" * 33, "SHA1:" + "ab" * 32, "zz" * 32, "SHA256:" + "a" * 63]
)
def test_what_is_no_sha_256_is_none(text: str) -> None:
    assert normal_fingerprint(text) == ""


@given(st.text(min_size=1, max_size=40))
def test_a_pin_s_file_stands_in_its_folder(host: str) -> None:
    folder = Path("/trusted")
    try:
        path = pin_path(folder, f"https://{host}")
    except ValueError:
        return
    assert path.parent == folder
    assert path.suffix == ".pem"


def test_the_port_is_part_of_the_name_unless_it_is_the_usual_one() -> None:
    folder = Path("/trusted")
    names = [pin_path(folder, f"https://{one}").name for one in ("Web1-ilo", "web1-ilo:443", "web1-ilo:8443", "[::1]")]
    assert names == ["web1-ilo.pem", "web1-ilo.pem", "web1-ilo_8443.pem", "--1.pem"]


def test_without_a_home_nothing_is_pinned() -> None:
    assert user_pins({}) is None
    assert pin_of(None, "https://web1-ilo") == ""
    assert user_pins({"HOME": "/home/ops1"}) == Path("/home/ops1/.config/auditor/trusted")


def test_a_list_of_fingerprints_names_every_mistake() -> None:
    one, other = fingerprint_of(b"1"), fingerprint_of(b"2")
    listed = read_list("list", f"\ufeff# ours\nweb1 {one}\n\n  web2\t{other}  # rack 4\nWEB1 {one.lower()}\n".encode())
    assert [(entry.word, entry.fingerprint, entry.where) for entry in listed] == [
        ("web1", one, "list:2"),
        ("web2", other, "list:4"),
    ]
    with pytest.raises(InputError) as caught:
        read_list("list", f"web1 {one}\nweb1 {other}\nweb3\nweb4 AB:CD\n".encode())
    for where in ("list:2", "list:3", "list:4"):
        assert f"{where}: " in str(caught.value)
    for content in (b"", b"# nothing\n", b"\xff\xfe"):
        with pytest.raises(InputError):
            read_list("list", content)
