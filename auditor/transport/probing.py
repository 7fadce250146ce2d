"""One HTTP request as a client sends it, and the status of its answer."""

from __future__ import annotations

import asyncio
import http.client
from urllib.parse import urlsplit

from auditor.transport.threads import aside

_EACH_S = 10.0
_WITHIN_S = 30.0


async def status_of(url: str, host: str = "") -> tuple[int, str]:
    """The status of a GET, redirects not followed; or 0 and why there is none.

    ``host`` is sent as Host instead of the URL's. Certificates are verified by the system's authorities.
    """
    try:
        return await asyncio.wait_for(aside(lambda: _ask(url, host)), _WITHIN_S)
    except TimeoutError:
        return 0, f"none within {_WITHIN_S:g} s"


def _ask(url: str, host: str) -> tuple[int, str]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_EACH_S)
    try:
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        headers = {"Connection": "close", "User-Agent": "auditor"} | ({"Host": host} if host else {})
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status, ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return 0, str(getattr(error, "strerror", None) or error or type(error).__name__)[:200]
    finally:
        connection.close()
