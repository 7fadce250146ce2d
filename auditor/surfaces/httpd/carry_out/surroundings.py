"""What a server's reload meets beside its configuration: ports, programs, certificates and keys of its machine."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Protocol, cast, get_args

from auditor.surfaces.httpd.carry_out.running import is_own, listening_of
from auditor.surfaces.httpd.carry_out.started import STARTED, Started, started_of
from auditor.transport.interface import Shell
from auditor.transport.local_shell import LocalShell
from auditor.transport.ssh.script import encoded

_LIMIT: Final = 1024 * 1024
_WITHIN_S: Final = 30.0
_ANY: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


Standing = Literal["missing", "folder", "file", "program", "hidden"]
"""What stands at a path: a program may be started, and what is hidden may not be looked at."""


class Surroundings(Protocol):
    """The machine of a server. Errors: ``ValueError`` with the reason, as the end of a sentence."""

    async def port(self, host: str, port: int) -> str:
        """Why nobody can listen there; empty where it is free. An empty host means every address."""
        ...

    async def standing(self, paths: Sequence[str]) -> list[Standing]:
        """What stands at each path; of a name alone, whether a shell finds such a program."""
        ...

    async def content(self, path: str) -> bytes:
        """The bytes of a file that is no secret."""
        ...

    async def size(self, path: str) -> int:
        """How many bytes a file has, which may be a secret."""
        ...

    async def public_key(self, path: str) -> bytes:
        """The public half (DER) of the private key in a file."""
        ...

    async def started(self, pid: int, names: Sequence[str]) -> Started | None:
        """What a process was started with, of its variables these alone; None where it may not be looked at."""
        ...

    async def ciphers(self, text: str, *, tls13: bool) -> str:
        """Why OpenSSL takes no cipher of a list (``tls13``: of suites of TLS 1.3); empty where it takes some."""
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

    async def standing(self, paths: Sequence[str]) -> list[Standing]:
        """As the system shows it; names are looked for where a server's environment has programs."""
        return [_standing(path) for path in paths]

    async def content(self, path: str) -> bytes:
        """Read from disk."""
        try:
            with Path(path).open("rb") as file:
                return file.read(_LIMIT)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error

    async def size(self, path: str) -> int:
        """As the system shows it."""
        try:
            return Path(path).stat().st_size
        except OSError as error:
            raise ValueError(f"{path} cannot be looked at: {error.strerror}") from error

    async def public_key(self, path: str) -> bytes:
        """By the key itself, which stays here."""
        return public_half(await self.content(path))

    async def started(self, pid: int, names: Sequence[str]) -> Started | None:
        """As the system shows it."""
        return await There(LocalShell()).started(pid, names)

    async def ciphers(self, text: str, *, tls13: bool) -> str:
        """By this machine's own ``openssl``."""
        return await There(LocalShell()).ciphers(text, tls13=tls13)


def public_half(content: bytes) -> bytes:
    """The public half (DER) of a private key.

    Errors:
        ValueError: it has a passphrase, or is no PEM key.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return _der(load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True).public_key())
    except TypeError as error:
        raise ValueError("the key has a passphrase; whether it matches cannot be told before the reload") from error
    except ValueError as error:
        raise ValueError("the key cannot be read: it is no PEM key") from error


_PORT: Final = r"""
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
echo own
cat /proc/net/fib_trie /proc/net/if_inet6 2>/dev/null
echo any
cat /proc/sys/net/ipv4/ip_nonlocal_bind 2>/dev/null
echo end
"""
_STANDING: Final = f"""
PATH={_PATH}
while IFS= read -r w; do
    p=$(printf %b. "$w")
    p=${{p%.}}
    case $p in */*) ;; *) p=$(command -v -- "$p" 2>/dev/null) ;; esac
    case $p in
    /*) if [ -d "$p" ]; then echo folder
        elif [ -f "$p" ] && [ -x "$p" ]; then echo program
        elif [ -e "$p" ]; then echo file
        else
            d=$p
            while [ "$d" != / ] && [ ! -e "$d" ]; do d=$(dirname -- "$d"); done
            if [ -x "$d" ]; then echo missing; else echo hidden; fi
        fi ;;
    *) echo missing ;;
    esac
done
echo end
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
_SIZE: Final = r"""
if [ -f "$1" ] && s=$(wc -c <"$1" 2>/dev/null); then printf 'yes %s' "$s"; else printf 'no it cannot be read'; fi
"""
_CIPHERS: Final = r"""
command -v openssl >/dev/null 2>&1 || { printf 'unknown openssl is not there'; exit 0; }
e=$(openssl ciphers "$@" 2>&1 </dev/null) && { printf 'yes '; exit 0; }
case $e in
*[Uu]nknown*ption* | *sage:*) printf 'unknown its openssl does not understand the question' ;;
*) printf 'no ' ;;
esac
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
        sockets, _, rest = said.decode("latin-1").partition("\nown\n")
        own, _, bound = rest.partition("any\n")
        for address, taken in listening_of(sockets.split("\n")):
            if taken == port and (address in _ANY or host in _ANY or address == host or not _literal(host)):
                return "Address already in use"
        if host not in _ANY and _literal(host) and bound.startswith("0") and not is_own(own, host):
            return "Cannot assign requested address"
        return ""

    async def standing(self, paths: Sequence[str]) -> list[Standing]:
        """As the system over there shows it, in one round trip."""
        given = "".join(f"{encoded(os.fsencode(path))}\n" for path in paths).encode("ascii")
        said = await self.shell.run(_STANDING, given=given, limit=_LIMIT, deadline_s=_WITHIN_S)
        words = said.decode("ascii", "replace").split()
        if len(words) != len(paths) + 1 or words[-1] != "end" or not set(words[:-1]) <= set(get_args(Standing)):
            raise ValueError("what stands on the machine cannot be told")
        return cast("list[Standing]", words[:-1])

    async def content(self, path: str) -> bytes:
        """Read over there."""
        word, _, rest = (await self._said(_CONTENT, path)).partition(b" ")
        if word != b"yes":
            raise ValueError(f"{path} cannot be read: {rest.decode('utf-8', 'replace')[:200]}")
        return rest

    async def size(self, path: str) -> int:
        """As the system over there shows it."""
        word, _, rest = (await self._said(_SIZE, path)).partition(b" ")
        if word != b"yes" or not rest.strip().isdigit():
            raise ValueError(f"{path} cannot be looked at: {rest.decode('utf-8', 'replace')[:200]}")
        return int(rest)

    async def public_key(self, path: str) -> bytes:
        """As ``openssl pkey -pubout`` tells it."""
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        word, _, rest = (await self._said(_PUBLIC_KEY, path)).partition(b" ")
        if word != b"yes":
            raise ValueError(rest.decode("utf-8", "replace")[:300])
        return _der(load_pem_public_key(rest))

    async def started(self, pid: int, names: Sequence[str]) -> Started | None:
        """As the system over there shows it."""
        return started_of(await self._said(STARTED, str(pid), *names), names)

    async def ciphers(self, text: str, *, tls13: bool) -> str:
        """As ``openssl ciphers`` tells it, with what mod_ssl adds to every list."""
        words = ("-ciphersuites", text) if tls13 else (f"{text}:!aNULL:!eNULL:!EXP",)
        word, _, rest = (await self._said(_CIPHERS, *words)).partition(b" ")
        if word == b"yes":
            return ""
        if word == b"no":
            return "openssl of that machine takes no cipher of it"
        raise ValueError(rest.decode("utf-8", "replace")[:200] or "openssl does not answer")

    async def _said(self, script: str, *words: str) -> bytes:
        return await self.shell.run(script, words, limit=_LIMIT, deadline_s=_WITHIN_S)


def _standing(path: str) -> Standing:
    if "/" not in path:
        return "program" if shutil.which(path, mode=os.X_OK, path=_PATH) else "missing"
    try:
        mode = Path(path).stat().st_mode
    except PermissionError:
        return "hidden"
    except (OSError, ValueError):
        return "missing"
    if stat.S_ISDIR(mode):
        return "folder"
    return "program" if stat.S_ISREG(mode) and os.access(path, os.X_OK) else "file"


def _der(key: object) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found: PublicKeyTypes = key  # type: ignore[assignment]
    return found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
