"""Bodies of a bounded length: what an iLO sends beyond it is not read."""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp.hdrs import CONTENT_ENCODING

MAX_BODY: Final = 8 * 1024 * 1024
_CHUNK: Final = 65_536


class TooLargeError(aiohttp.ClientPayloadError):
    """A body is longer than allowed; reading stopped there."""


class BoundedResponse(aiohttp.ClientResponse):
    """A response whose body is read up to :data:`MAX_BODY` bytes, after any compression was undone."""

    async def read(self) -> bytes:
        """The whole body.

        Errors:
            TooLargeError: it is longer than allowed.
        """
        told = self.content_length
        if self._body is None and told is not None and told <= MAX_BODY and CONTENT_ENCODING not in self.headers:
            return await super().read()  # it holds no more than is told
        if self._body is None:
            kept = bytearray()
            async for chunk in self.content.iter_chunked(_CHUNK):
                kept += chunk
                if len(kept) > MAX_BODY:
                    self.close()
                    raise TooLargeError(f"more than {MAX_BODY} bytes")
            self._body = bytes(kept)
        return self._body
