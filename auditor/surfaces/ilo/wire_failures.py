"""What an iLO's certificate is held against, and what a request that got no answer failed of."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import aiohttp

from auditor.errors import CollectError
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.answers import base_url
from auditor.surfaces.ilo.failures import changed, failed, not_trusted, reason
from auditor.surfaces.ilo.pins import Pin, read_pin
from auditor.surfaces.ilo.trust import shown_certificate, tls_context
from auditor.surfaces.ilo.wire import NoHttpError, TooLargeError


def trusted(endpoint: IloEndpoint) -> tuple[ssl.SSLContext | aiohttp.Fingerprint, Pin | None]:
    """What the iLO's certificate is held against: the pinned one, or authorities; and the pin, if any.

    Errors:
        InputError: the pin's or the authorities' file cannot be used.
    """
    if not endpoint.pin:
        return tls_context(endpoint.cafile, verify=endpoint.verify), None
    pin = read_pin(Path(endpoint.pin))
    return aiohttp.Fingerprint(hashlib.sha256(pin.raw).digest()), pin


async def failure_of(endpoint: IloEndpoint, uri: str, error: BaseException, pin: Pin | None) -> CollectError:
    """Why there is no answer of the resource; a certificate that is not trusted is looked at once more, to name it."""
    if isinstance(error, TooLargeError):
        return failed(endpoint.url, uri, f"the body holds {error}", "too large")
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ServerFingerprintMismatch)):
        return await _not_trusted(endpoint, error, pin)
    if isinstance(error, aiohttp.ClientConnectorError):
        return CollectError(
            f"cannot reach {endpoint.url}: {reason(error)}. Not read.",
            cause="unreachable",
            next_step="Check name, port and network.",
        )
    if isinstance(error, NoHttpError):
        return failed(endpoint.url, uri, f"no HTTP answer ({reason(error)})", "malformed")
    if isinstance(error, aiohttp.ClientPayloadError):
        return failed(endpoint.url, uri, "the answer ended before it was whole", "unreachable")
    return failed(endpoint.url, uri, f"the connection failed ({reason(error)})", "unreachable")


async def _not_trusted(endpoint: IloEndpoint, error: aiohttp.ClientError, pin: Pin | None) -> CollectError:
    url = base_url(endpoint)
    shown = await shown_certificate(url.host or "", url.port or 443)
    if pin is not None:
        return changed(endpoint.url, pin, shown)
    if isinstance(shown, str):
        return not_trusted(endpoint.url, reason(error), "")
    detail = f'issuer "{shown.issuer}", fingerprint {shown.fingerprint}'
    verdict = getattr(getattr(error, "certificate_error", None), "verify_message", "")
    return not_trusted(endpoint.url, detail, verdict)
