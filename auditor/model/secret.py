"""Keyed digests that stand for secrets."""

from __future__ import annotations

import re
from typing import Final

import msgspec

PREFIX: Final = "auditor-secret"
SEALED: Final = re.compile(rb"auditor-secret:([0-9a-f]{8}):([0-9a-f]{32})")

_PLACE: Final = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\x00-\x1f\x7f]{1,1023}")


def is_place(text: str) -> bool:
    """Whether a text says where a secret is read: ``env:NAME``, or ``file:/PATH`` with an absolute path."""
    return bool(_PLACE.fullmatch(text))


class Sealer(msgspec.Struct, frozen=True):
    """Replaces secrets by keyed digests: a changed secret shows as drift, its value is never disclosed.

    The key is one a fleet and stays outside every repository; ``key_id`` says which one was used without
    disclosing it. Digests of different keys must never be compared.
    """

    key: bytes

    def __repr__(self) -> str:  # the key must not reach a log by way of a traceback
        return f"Sealer(key_id={self.key_id!r})"

    @property
    def key_id(self) -> str:
        """Eight hexadecimal digits that name the key."""
        return self._digest(b"auditor key id")[:8]

    def seal(self, secret: bytes) -> str:
        """``auditor-secret:KEYID:DIGEST`` for a secret; the same secret gives the same text.

        A text that is already sealed with this key is returned as it is, so sealing twice equals once.
        """
        found = SEALED.fullmatch(secret)
        if found and found[1].decode() == self.key_id:
            return secret.decode()
        digest = self._digest(b"secret\0" + secret)[:32]
        return f"{PREFIX}:{self.key_id}:{digest}"

    def fingerprint(self, content: bytes) -> str:
        """``hmac-sha256:KEYID:DIGEST`` of a file's true bytes.

        Keyed, because a plain digest of a file that holds a short secret lets it be guessed.
        """
        return f"hmac-sha256:{self.key_id}:{self._digest(b'content' + bytes(1) + content)}"

    def _digest(self, text: bytes) -> str:
        import hmac  # loads OpenSSL, which most trees need not

        return hmac.new(self.key, text, "sha256").hexdigest()
