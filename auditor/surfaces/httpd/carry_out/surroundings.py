"""What a server's reload meets beside its configuration: ports, programs, certificates and keys of its machine."""

from __future__ import annotations

import os
import shutil
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from auditor.surfaces.httpd.carry_out.running import listening_of
from auditor.transport.interface import Shell

_LIMIT: Final = 1024 * 1024
_WITHIN_S: Final = 30.0
_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


class Surroundings(Protocol):
    """The machine of a server. Errors: ``ValueError`` with the reason, as the end of a sentence."""

    async def port(self, host: str, port: int) -> str:
        """Why nobody can listen there; empty where it is free. An empty host means every address."""
        ...

    async def has_program(self, program: str) -> bool:
        """Whether a program is there, by its path or by its name."""
        ...

    async def content(self, path: str) -> bytes:
        """The bytes of a file that is no secret."""
        ...

    async def public_key(self, path: str) -> bytes:
        """The public half (DER) of the private key in a file."""
        ...


class Here:
    """The machine that this runs on."""

    async def port(self, host: str, port: int) -> str:
        """Tried by listening there for a moment."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                return error.strerror or str(error)
        return ""

    async def has_program(self, program: str) -> bool:
        """Looked for where a server's environment has programs."""
        return shutil.which(program, mode=os.X_OK, path=_PATH) is not None

    async def content(self, path: str) -> bytes:
        """Read from disk."""
        try:
            with Path(path).open("rb") as file:
                return file.read(_LIMIT)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error

    async def public_key(self, path: str) -> bytes:
        """By the key itself, which stays here."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            return _der(load_pem_private_key(await self.content(path), password=None).public_key())
        except TypeError as error:
            raise ValueError("the key has a passphrase; whether it matches cannot be told before the reload") from error
        except ValueError as error:
            if str(error).startswith(path):
                raise
            raise ValueError("the key cannot be read: it is no PEM key") from error


_PORT: Final = r"""
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
echo end
"""
_PROGRAM: Final = f"""
PATH={_PATH}
command -v "$1" >/dev/null 2>&1 && [ -x "$(command -v "$1")" ] && echo yes || echo no
"""
_CONTENT: Final = r"""
e=$(cat -- "$1" 2>&1 >/dev/null) || { printf 'no %s' "${e##*: }"; exit 0; }
printf 'yes '
cat -- "$1"
"""
_PUBLIC_KEY: Final = r"""
command -v openssl >/dev/null 2>&1 ||
    { printf 'no openssl is not there, so whether the key matches cannot be told'; exit 0; }
e=$(cat -- "$1" 2>&1 >/dev/null) || { printf 'no %s cannot be read: %s' "$1" "${e##*: }"; exit 0; }
if k=$(openssl pkey -in "$1" -pubout -passin pass: 2>/dev/null </dev/null); then
    printf 'yes %s\n' "$k"
elif grep -q -e ENCRYPTED "$1"; then
    printf 'no the key has a passphrase; whether it matches cannot be told before the reload'
else
    printf 'no the key cannot be read: it is no PEM key'
fi
"""


@dataclass(frozen=True)
class There:
    """The machine behind a shell. Private keys stay there: ``openssl`` over there tells their public half."""

    shell: Shell

    async def port(self, host: str, port: int) -> str:
        """By the sockets that listen there."""
        said = await self.shell.run(_PORT, limit=16 * _LIMIT, deadline_s=_WITHIN_S)
        if not said.endswith(b"end\n"):
            raise ValueError("whether the port is free cannot be told")
        for address, taken in listening_of(said.decode("latin-1").split("\n")):
            if taken == port and (address in _ANY or host in _ANY or address == host):
                return "Address already in use"
        return ""

    async def has_program(self, program: str) -> bool:
        """Looked for where a server's environment has programs."""
        said = await self.shell.run(_PROGRAM, (program,), limit=100, deadline_s=_WITHIN_S)
        return said.strip() == b"yes"

    async def content(self, path: str) -> bytes:
        """Read over there."""
        word, _, rest = (await self._said(_CONTENT, path)).partition(b" ")
        if word != b"yes":
            raise ValueError(f"{path} cannot be read: {rest.decode('utf-8', 'replace')[:200]}")
        return rest

    async def public_key(self, path: str) -> bytes:
        """As ``openssl pkey -pubout`` tells it."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        word, _, rest = (await self._said(_PUBLIC_KEY, path)).partition(b" ")
        if word != b"yes":
            raise ValueError(rest.decode("utf-8", "replace")[:300])
        return _der(load_pem_public_key(rest))

    async def _said(self, script: str, path: str) -> bytes:
        return await self.shell.run(script, (path,), limit=_LIMIT, deadline_s=_WITHIN_S)


def _der(key: object) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found: PublicKeyTypes = key  # type: ignore[assignment]
    return found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
