"""Secrets in Redfish bodies: replaced by keyed digests before anything leaves the collector.

By name, anywhere: passwords, passphrases, keys, tokens, secrets, communities, engine ids, users that the iLO logs in
as, HTTP headers. By form: user and query of a URL, and path segments that look like a token. Booleans, nulls and empty
texts are no secrets; numbers only of members that are called as a secret is (``Password``, not ``MinPasswordLength``).
Values of BIOS attributes are sealed by name only where they are free text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from auditor.model.secret import Sealer
from auditor.surfaces.ilo.body import Body, Json

_BY_NAME: Final = re.compile(
    r"password|passwd|passphrase|secret|token|communit|engineid|privatekey|authpw|credential"
    r"|key(?!board|words?)|smtpauthuser|chapuser|proxyusername|cookie",
    re.IGNORECASE,
)
_WHOLE: Final = frozenset({"HttpHeaders", "HTTPHeaders"})
_PUBLIC: Final = frozenset(
    {
        "CustomKeySequence",
        "DeleteUnusedEncryptionKeys",
        "HotKeys",
        "KeyLocation",
        "KeyManagementType",
        "KeyPolicy",
        "KeySequence",
        "LockKey",
        "SSHHostKey",
    }
)
"""Key combinations of the console, a key that is public, and settings that say where keys are kept."""
_URL: Final = re.compile(r"[a-z][a-z0-9+.\-]*://", re.IGNORECASE)
_TOKEN_LIKE: Final = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_\-~=.%]{24,}")
_CHOICE: Final = re.compile(r"Auto|Disabled|Enabled|No|None|Yes")
"""What a BIOS attribute may be set to and is no secret, whatever the attribute is called."""
_ITSELF: Final = re.compile(
    r"(?:password|passwd|passphrase|secret|token|communit(?:y|ies)|engineid|authpw|licensekey|privatekey)$",
    re.IGNORECASE,
)
_LOGS_IN: Final = frozenset({"Authentication", "SMTP"})
"""What holds the user as whom the iLO logs in to another server."""
_NEVER: Final = frozenset({"@odata.id", "@odata.type", "@odata.context", "MessageId"})

Enumerated = Callable[[str, str], bool]


def seal_body(body: Body, sealer: Sealer, *, enumerated: Enumerated | None = None) -> Body:
    """The body with its secrets replaced; sealing twice equals once. The body given is not changed.

    ``enumerated`` says whether a BIOS attribute's value is one of the few words that it may be (then it is no secret);
    without it, only ``Enabled``, ``Disabled`` and the like are taken for one.
    """
    return _object(body, sealer, secret=False, enumerated=enumerated)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether texts of this member are secrets."""
    return name in _WHOLE or (name not in _PUBLIC and bool(_BY_NAME.search(name)))


@lru_cache(maxsize=4096)
def _is_itself(name: str) -> bool:
    return bool(_ITSELF.search(name))


def _object(value: Body, sealer: Sealer, *, secret: bool, enumerated: Enumerated | None) -> Body:
    sealed: Body = {}
    for name, inner in value.items():
        plain = "://" not in inner if isinstance(inner, str) else not isinstance(inner, (dict, list))
        if (plain and not secret and not is_secret_name(name)) or name in _NEVER:  # most members, at once
            sealed[name] = inner
            continue
        inner = _as_text(name, inner)
        if name == "Attributes" and isinstance(inner, dict):
            sealed[name] = _attributes(inner, sealer, enumerated)
        elif name == "BaseConfigs" and isinstance(inner, list):
            sealed[name] = [_base_config(one, sealer, enumerated) for one in inner]
        elif isinstance(inner, (str, dict, list)):
            action = name.startswith("#") and isinstance(inner, dict)  # `#Bios.ChangePassword` holds a path
            hidden = (secret or (is_secret_name(name) and not action)) and not name.startswith("@")
            sealed[name] = _any(inner, sealer, secret=hidden, enumerated=enumerated)
        else:
            sealed[name] = inner
        if name in _LOGS_IN and isinstance(login := sealed[name], dict):
            sealed[name] = {each: _login_user(each, value, sealer) for each, value in login.items()}
    return sealed


def _login_user(name: str, value: Json, sealer: Sealer) -> Json:
    return _seal(value, sealer) if name.casefold() == "username" and isinstance(value, str) else value


def _as_text(name: str, value: Json) -> Json:
    """The value, with numbers as texts where they are a secret: a community may be ``12345``."""
    if not _is_itself(name):
        return value
    if isinstance(value, list):
        return [_as_text(name, one) for one in value]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _any(value: Json, sealer: Sealer, *, secret: bool, enumerated: Enumerated | None) -> Json:
    if isinstance(value, dict):
        return _object(value, sealer, secret=secret, enumerated=enumerated)
    if isinstance(value, list):
        return [_any(one, sealer, secret=secret, enumerated=enumerated) for one in value]
    if isinstance(value, str):
        return _seal(value, sealer) if secret else seal_url(value, sealer)
    return value


def _attributes(values: Body, sealer: Sealer, enumerated: Enumerated | None) -> Body:
    def sealed(name: str, value: Json) -> Json:
        value = _as_text(name, value)
        if not isinstance(value, str):
            return _any(value, sealer, secret=is_secret_name(name), enumerated=enumerated)
        chosen = enumerated(name, value) if enumerated else bool(_CHOICE.fullmatch(value))
        return _seal(value, sealer) if is_secret_name(name) and not chosen else seal_url(value, sealer)

    return {name: sealed(name, value) for name, value in values.items()}


def _base_config(value: Json, sealer: Sealer, enumerated: Enumerated | None) -> Json:
    """A set of default values of BIOS attributes by its name."""
    if not isinstance(value, dict):
        return _any(value, sealer, secret=False, enumerated=enumerated)
    return {
        name: _attributes(inner, sealer, enumerated)
        if isinstance(inner, dict)
        else _any(inner, sealer, secret=is_secret_name(name), enumerated=enumerated)
        for name, inner in value.items()
    }


def _seal(value: str, sealer: Sealer) -> str:
    return sealer.seal(value.encode("utf-8", "surrogatepass")) if value else value


def seal_url(value: str, sealer: Sealer) -> str:
    """A URL without the secrets it may carry; any other text as it is."""
    if "://" not in value or not _URL.match(value):
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return _seal(value, sealer)
    user, mark, place = parts.netloc.rpartition("@")
    path = "/".join(
        _seal(segment, sealer) if _TOKEN_LIKE.fullmatch(segment) else segment for segment in parts.path.split("/")
    )
    host = f"{_seal(user, sealer)}{mark}{place}" if mark else place
    return urlunsplit((parts.scheme, host, path, _seal(parts.query, sealer), _seal(parts.fragment, sealer)))
