"""Pinned certificates: a file each, which holds the certificate that an iLO is to show, and who trusts it since when.

Above the certificate in PEM stand comments for whoever reviews the file. What they say of the fingerprint must be true,
so that nobody approves another certificate than the one he read of.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final

import msgspec

from auditor.errors import InputError
from auditor.surfaces.ilo.trust import Certificate, Problem, describe, fingerprint_of, shown_certificate

MAX_BYTES: Final = 65_536
_SINCE: Final = re.compile(r"^# Trusted since (\d{4}-\d\d-\d\d)(?: by ([^\s#]{1,100}))?$", re.MULTILINE)
_PRINTED: Final = re.compile(r"^# (SHA256:[0-9A-F:]+)$", re.MULTILINE)
_CERTIFICATE: Final = re.compile(
    r"^-----BEGIN CERTIFICATE-----$.*?^-----END CERTIFICATE-----$", re.MULTILINE | re.DOTALL
)
_FINGERPRINT: Final = re.compile(
    r"(?:SHA-?256(?: fingerprint)?[:=\s]\s*)?([0-9A-F]{2}(?:[: ]?[0-9A-F]{2}){31})", re.IGNORECASE
)


class Pin(msgspec.Struct, frozen=True):
    """A certificate that is trusted by itself, whatever its name, dates and issuer; ``since`` is a date, or empty."""

    raw: bytes
    since: str = ""
    by: str = ""

    @property
    def fingerprint(self) -> str:
        """``SHA256:4B:…``."""
        return fingerprint_of(self.raw)

    @property
    def certificate(self) -> Certificate:
        """What it says of itself."""
        return describe(self.raw)


def read_pin(path: Path) -> Pin:
    """The pin in a file.

    Errors:
        InputError: the file cannot be read, does not hold one certificate, or says what is not so.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeError) as error:
        raise _unusable(path, f"cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from error
    found = _CERTIFICATE.findall(text)
    if len(content) > MAX_BYTES or len(found) != 1:
        raise _unusable(path, "does not hold one certificate in PEM form")
    try:
        raw = ssl.PEM_cert_to_DER_cert(found[0])
    except ValueError as error:
        raise _unusable(path, "holds a certificate that is damaged") from error
    printed = _PRINTED.search(text)
    if not raw or (printed and printed[1] != fingerprint_of(raw)):
        raise _unusable(path, "holds another certificate than its comment says")
    since = _SINCE.search(text)
    return Pin(raw, since[1] if since else "", (since[2] or "") if since else "")


async def pin_problem(host: str, port: int, pin: Pin) -> Problem:
    """Whether a server shows the pinned certificate; nothing is sent to it."""
    shown = await shown_certificate(host, port)
    if isinstance(shown, str):
        return Problem(unreachable=shown)
    if shown.raw == pin.raw:
        return Problem()
    since = f" since {pin.since}" if pin.since else ""
    return Problem(untrusted=f"it has changed: pinned {pin.fingerprint}{since}, shown {shown.fingerprint}")


def pin_text(certificate: Certificate, url: str, since: str, by: str) -> str:
    """The file's content for a certificate that an iLO showed."""
    who = re.sub(r"[^\w.@-]", "", by)[:100]
    head = [
        f"Certificate that {url} is to show",
        f"Trusted since {since}" + (f" by {who}" if who else ""),
        certificate.fingerprint,
        f"subject {certificate.subject or '?'}",
        f"issuer {certificate.issuer or '?'}",
        f"valid {certificate.valid_from or '?'} to {certificate.valid_until or '?'}",
    ]
    comments = "".join(f"# {''.join(one if one.isprintable() else '?' for one in line)}\n" for line in head)
    return comments + ssl.DER_cert_to_PEM_cert(certificate.raw)


def normal_fingerprint(text: str) -> str:
    """A fingerprint as we write it, from the ways in which others do (colons, blanks, small letters); empty: none."""
    found = _FINGERPRINT.fullmatch(text.strip())
    return f"SHA256:{bytes.fromhex(re.sub('[: ]', '', found[1])).hex(':').upper()}" if found else ""


def _unusable(path: Path, what: str) -> InputError:
    return InputError(
        f"the pinned certificate {path} {what}",
        next_step="Restore it from git, or pin again what the iLO shows:  auditor trust TARGET",
    )
