"""A certificate authority of one virtual iLO's own, and the server certificate it signs, good or bad on purpose."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_EARLIER = datetime.timedelta(days=1)
_LATER = datetime.timedelta(days=30)


CertificateKind = Literal["good", "self-signed", "expired", "wrong-name"]
"""``self-signed``: signed by its own key, as those that iLOs are shipped with; ``expired``: its time is over;
``wrong-name``: it is for another host."""

KINDS: Final[tuple[str, ...]] = get_args(CertificateKind)


def make_certificates(folder: Path, kind: CertificateKind = "good") -> tuple[Path, Path]:
    """Writes an authority's certificate, and a server's certificate with its key, into ``folder``.

    Gives both paths: the authority (for ``--cafile``; of a self-signed certificate, that itself) and the server's
    file. The server's certificate is for ``127.0.0.1``, ``::1`` and ``localhost`` unless the name is to be wrong. The
    authority's key is not kept.
    """
    start = datetime.datetime.now(datetime.UTC) - _EARLIER
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("Virtual iLO authority")
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key(), start)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    self_signed = kind == "self-signed"
    issuer = _name("virtual-ilo") if self_signed else authority_name
    builder = _builder(
        _name("virtual-ilo"), issuer, key.public_key(), start - 2 * _LATER if kind == "expired" else start
    )
    server = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(kind)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((key if self_signed else authority_key).public_key()),
            critical=False,
        )
        .sign(key if self_signed else authority_key, hashes.SHA256())
    )
    cafile, server_file = folder / "ca.pem", folder / "server.pem"
    cafile.write_bytes((server if self_signed else authority).public_bytes(serialization.Encoding.PEM))
    server_file.touch(mode=0o600)
    server_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + server.public_bytes(serialization.Encoding.PEM)
    )
    return cafile, server_file


def _names(kind: CertificateKind) -> list[x509.GeneralName]:
    if kind == "wrong-name":
        return [x509.DNSName("other-ilo.example")]
    return [
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.DNSName("localhost"),
    ]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + _LATER)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
