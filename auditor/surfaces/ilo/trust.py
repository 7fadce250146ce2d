"""TLS towards an iLO: one verified context a process and authority file, and words for a certificate that fails."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import warnings
from functools import lru_cache
from pathlib import Path

import msgspec

from auditor.errors import InputError

_PEEK_S = 5.0


class Certificate(msgspec.Struct, frozen=True):
    """What a server showed of itself: issuer and subject (RFC 4514), and the SHA-256 of the certificate.

    ``valid_from`` and ``valid_until`` are dates (UTC, ISO 8601). All but the fingerprint are empty where nothing can
    make sense of the certificate. ``raw`` is the certificate itself, in DER.
    """

    issuer: str
    subject: str
    fingerprint: str
    valid_from: str = ""
    valid_until: str = ""
    raw: bytes = b""


def tls_context(cafile: str, *, verify: bool) -> ssl.SSLContext:
    """The context for an endpoint; equal arguments give the same one, which saves some 35 ms a host.

    Errors:
        InputError: the authority file cannot be read or holds no certificate.
    """
    stamp = 0
    if verify and cafile:
        try:
            stamp = Path(cafile).stat().st_mtime_ns
        except OSError as error:
            raise InputError(
                f"the authority file {cafile} cannot be read: {error.strerror or error}",
                next_step="Give the file with the certificate that signed the iLO's:  --cafile FILE",
            ) from error
    return _context(cafile, verify, stamp)


@lru_cache(maxsize=64)
def _context(cafile: str, verify: bool, stamp: int) -> ssl.SSLContext:  # noqa: ARG001 - part of the cache's key
    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        context = ssl.create_default_context(cafile=cafile or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"the authority file {cafile} holds no certificate that can be used ({error})",
            next_step="It must hold certificates in PEM form.",
        ) from error
    # The same on every Python: firmware's own certificates lack extensions that the strict mode of 3.13 asks for;
    # a certificate that stands in the authority file itself is an anchor. Chain, dates and name are verified.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def shown_certificate(host: str, port: int) -> Certificate | str:
    """The certificate that a server shows, unverified and without a word sent to it; or why there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(_PEEK_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                tls = writer.get_extra_info("ssl_object")
                raw = tls.getpeercert(binary_form=True) if tls else None
            finally:
                writer.transport.abort()
    except TimeoutError:
        return f"no answer within {_PEEK_S:g} s"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return describe(raw) if raw else "it shows no certificate"


class Problem(msgspec.Struct, frozen=True):
    """Why a server cannot be talked to: it does not answer, or its certificate is not trusted. Empty: it can."""

    unreachable: str = ""
    untrusted: str = ""


async def certificate_problem(host: str, port: int, cafile: str, *, verify: bool) -> Problem:
    """Whether a server answers over TLS with a certificate that authorities vouch for; nothing is sent to it.

    Errors:
        InputError: the authority file cannot be used.
    """
    context = tls_context(cafile, verify=verify)
    try:
        async with asyncio.timeout(_PEEK_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
            writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        shown = await shown_certificate(host, port)
        told = f" (issuer {shown.issuer!r}, {shown.fingerprint})" if isinstance(shown, Certificate) else ""
        return Problem(untrusted=f"{error.verify_message}{told}")
    except TimeoutError:
        return Problem(unreachable=f"no answer within {_PEEK_S:g} s")
    except (OSError, ValueError) as error:
        return Problem(unreachable=getattr(error, "strerror", None) or str(error) or type(error).__name__)
    return Problem()


def describe(raw: bytes) -> Certificate:
    """What a certificate in DER says of itself."""
    from cryptography import x509

    fingerprint = fingerprint_of(raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # firmware's own certificates are odd at times: no news for whoever asks
            read = x509.load_der_x509_certificate(raw)
            issuer, subject = read.issuer.rfc4514_string(), read.subject.rfc4514_string()
            start, end = read.not_valid_before_utc.date(), read.not_valid_after_utc.date()
    except (ValueError, TypeError):
        return Certificate("", "", fingerprint, raw=raw)
    return Certificate(issuer[:300], subject[:300], fingerprint, start.isoformat(), end.isoformat(), raw)


def fingerprint_of(raw: bytes) -> str:
    """``SHA256:4B:…`` of a certificate in DER."""
    return f"SHA256:{hashlib.sha256(raw).digest().hex(':').upper()}"
