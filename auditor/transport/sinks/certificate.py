"""The certificate that sinks show: one that a person gave, or one made for this run."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from pathlib import Path

from auditor.errors import InputError


def context_of(certificate: str, address: str) -> ssl.SSLContext:
    """A server's TLS context with the certificate and key in that PEM file; empty: self-signed, for this run.

    Errors:
        InputError: the file cannot be read, or holds no certificate with its key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        try:
            context.load_cert_chain(certificate, password=_no_password)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise InputError(
                f"{certificate} cannot be used as the sinks' certificate: {reason}",
                untouched="Nothing was sent.",
                next_step="Give a PEM file that holds the certificate and its key, without a pass phrase.",
            ) from error
        return context
    with tempfile.TemporaryDirectory(prefix="auditor-sink-") as folder:
        file = Path(folder) / "sink.pem"
        file.touch(mode=0o600)
        file.write_bytes(_self_signed(address))
        context.load_cert_chain(file)
    return context


def _no_password() -> str:
    raise ValueError("its key has a pass phrase")


def _self_signed(address: str) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "auditor alert sink")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)
