"""Which names and directives say that a secret follows."""

from __future__ import annotations

import re
from typing import Final

SENSITIVE: Final = re.compile(
    r"passw|passphrase|(?<![a-z])pass(?![a-z])|pwd|secret|token|credential|authorization"
    r"|(?:api|access|auth|account|private|encryption|signing|shared)[_.-]?key",
    re.IGNORECASE,
)
"""A variable, header or parameter of such a name holds a secret."""

_KEY: Final = re.compile(r"(?:^|[_.-])key(?:$|[_.-])", re.IGNORECASE)
_PATH: Final = re.compile(r"/|\.(?:pem|key|crt|cer|p12|pfx)$", re.IGNORECASE)

_WHOLE: Final = re.compile(r"(?:password|passphrase|passwd|secret|secretold|apikey|token)$", re.IGNORECASE)
_NO_SECRET: Final = frozenset(
    {
        "authformpassword",  # names a form's field
        "oidcpassaccesstoken",
        "oidcpassrefreshtoken",
        "oidcpassidtoken",
    }
)
_BY_POSITION: Final = {
    "sslsrpunknownuserseed": (1,),
    "authbasicfake": (2,),
    "mdexternalaccountbinding": (2,),
    "ldaptrustedclientcert": (3,),
    "ldaptrustedglobalcert": (3,),
    "cryptokey": (1, 2),
}
NAME_AND_VALUE: Final = frozenset(
    {
        "define",
        "setenv",
        "perlsetvar",
        "perladdvar",
        "perlsetenv",
        "passengerenvvar",
        "fcgidinitialenv",
        "php_value",
        "php_admin_value",
    }
)
"""Directives whose first word names what the second one sets."""
PARAMETERS: Final = frozenset(
    {
        "proxypass",
        "proxypassmatch",
        "balancermember",
        "proxyset",
        "<proxy",
        "<proxymatch",
        "setenvif",
        "setenvifnocase",
        "browsermatch",
        "browsermatchnocase",
        "jkworkerproperty",
        "wsgidaemonprocess",
    }
)
"""Directives with words of the form ``name=value``, where the value ends with the word."""
HEADERS: Final = frozenset({"header", "requestheader"})

KEY_FILE_DIRECTIVES: Final = frozenset(
    {
        "sslcertificatekeyfile",
        "sslproxymachinecertificatefile",
        "sslproxymachinecertificatepath",
        "sslsessionticketkeyfile",
        "oidcprivatekeyfiles",
        "mellonspprivatekeyfile",
        "gssapicredstore",
        "sessioncryptopassphrasefile",
        "tlscertificate",
    }
)
"""Directives that name files which hold nothing but secrets; those files are never read."""
PASSWORD_FILE_DIRECTIVES: Final = frozenset({"authuserfile", "authdigestfile"})


def secret_positions(directive: str, count: int) -> tuple[int, ...]:
    """The words (the first argument is 1) of a directive, by lower-case name, that are secrets as a whole."""
    if directive in _BY_POSITION:
        return tuple(position for position in _BY_POSITION[directive] if position <= count)
    if directive in _NO_SECRET or "." in directive or not _WHOLE.search(directive):
        return ()
    return tuple(range(1, count + 1))


def sensitive_assignment(name: str, value: str) -> bool:
    """Whether a variable of that name and value holds a secret; a ``key`` may also be the path of a file."""
    if SENSITIVE.search(name):
        return True
    return bool(_KEY.search(name)) and not _PATH.search(value)
