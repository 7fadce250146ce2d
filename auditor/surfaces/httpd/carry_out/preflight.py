"""What the server's own check lets through and its reload then dies of, looked for before anything is changed.

``-t`` opens no log, starts no program, binds no port and loads no key: a garbage certificate, a key that does not
match, a port in use, a missing program and a changed MPM all pass it, and end the server at the next reload.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from auditor.errors import RefusedError
from auditor.model.plan import DISRUPTIONS, Disruption
from auditor.surfaces.httpd.activation import added, endpoint, listened, needed, sentence
from auditor.surfaces.httpd.carry_out.surroundings import Surroundings
from auditor.surfaces.httpd.directive import Directive, Resolved
from auditor.surfaces.httpd.words import as_path, split_words

_LOGS: Final = frozenset({"customlog", "errorlog", "transferlog", "globallog"})
_CERTIFICATE: Final = "sslcertificatefile"
_KEY: Final = "sslcertificatekeyfile"


async def preflight(before: Resolved, after: Resolved, machine: Surroundings, way: Disruption) -> tuple[str, ...]:
    """What was looked at, a sentence each; nothing where the change touches none of it.

    ``way`` is how the plan has the change take effect.

    Errors:
        RefusedError: the server would not survive the reload, or would not do what the change says.
    """
    new = added(before.directives, after.directives)
    gone = added(after.directives, before.directives)
    return (
        *_activated(before, after, way),
        *await _ports(new, before.directives, machine),
        *await _programs(new, after.server_root, machine),
        *await _certificates([*new, *gone], after, machine),
    )


def _activated(before: Resolved, after: Resolved, way: Disruption) -> list[str]:
    """What needs more than a reload, where the plan is for that."""
    found = needed(before, after)
    for one in found:
        if DISRUPTIONS.index(one.need.disruption) > DISRUPTIONS.index(way):
            raise _refused(one.directive, f"{sentence(one)}, and the plan is for a {way}")
    return [sentence(one) for one in found]


async def _ports(new: Sequence[Directive], before: Sequence[Directive], machine: Surroundings) -> tuple[str, ...]:
    held = listened(before)
    said: list[str] = []
    for directive in new:
        here = endpoint(directive)
        if here is None or here in held or any(here.overlaps(other) for other in held):
            continue  # the server itself holds the port
        if why := await machine.port(here.host, here.port):
            raise _refused(directive, f"port {here.port} cannot be listened on: {why}")
        said.append(f"port {here.port} is free")
    return tuple(said)


async def _programs(new: Sequence[Directive], server_root: str, machine: Surroundings) -> tuple[str, ...]:
    said: list[str] = []
    for directive in new:
        if directive.name.lower() not in _LOGS:
            continue
        words = split_words(directive.arguments)
        if not words or not words[0].startswith("|"):
            continue
        command = words[0].lstrip("|")
        if command.startswith("$"):
            continue  # the shell finds it
        program = (split_words(command) or ("",))[0]
        path = program if program.startswith("/") else str(Path(server_root, program)) if "/" in program else program
        if not await machine.has_program(path):
            raise _refused(directive, f"the program {program} that would take the log is not there")
        said.append(f"the log's program {program} is there")
    return tuple(said)


async def _certificates(changed: Sequence[Directive], after: Resolved, machine: Surroundings) -> tuple[str, ...]:
    """Each server whose certificate or key is touched: both must load, and belong together."""
    touched = {_server(one) for one in changed if one.name.lower() in (_CERTIFICATE, _KEY)}
    said: list[str] = []
    for server in sorted(touched):
        own = [one for one in after.directives if _server(one) == server]
        certificates = [one for one in own if one.name.lower() == _CERTIFICATE]
        keys = [one for one in own if one.name.lower() == _KEY]
        for number, certificate in enumerate(certificates):
            key = keys[number] if number < len(keys) else certificate
            await _refuse_pair(certificate, key, after.server_root, machine)
            said.append(f"certificate and key of {server or 'the main server'} belong together")
    return tuple(said)


def _server(directive: Directive) -> str:
    return next((one.arguments for one in directive.within if one.name.lower() == "virtualhost"), "")


async def _refuse_pair(certificate: Directive, key: Directive, server_root: str, machine: Surroundings) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        content = await machine.content(_path(certificate, server_root))
    except ValueError as error:
        raise _refused(certificate, str(error)) from error
    try:
        public = x509.load_pem_x509_certificate(content).public_key()
    except ValueError as error:
        raise _refused(certificate, "the certificate cannot be read: it is no PEM certificate") from error
    try:
        told = await machine.public_key(_path(key, server_root))
    except ValueError as error:
        raise _refused(key, str(error)) from error
    if told != public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
        raise _refused(key, "the key does not belong to the certificate")


def _path(directive: Directive, server_root: str) -> str:
    words = split_words(directive.arguments)
    return str(Path(server_root, as_path(words[0] if words else "")))


def _refused(directive: Directive, why: str) -> RefusedError:
    return RefusedError(f"{why}.", where=str(directive.source), untouched="Nothing was changed.")
