"""What does not hang on any URL or resource: what a configuration uses, and what httpd would not start with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from auditor.model.snapshot import Gap
from auditor.surfaces.httpd.directive import Resolved
from auditor.surfaces.httpd.governing import Model
from auditor.surfaces.httpd.handlers import never_starts
from auditor.surfaces.httpd.misplaced import misplaced
from auditor.surfaces.httpd.since import refused_directives
from auditor.surfaces.httpd.vocabulary import invalid_commands
from auditor.surfaces.httpd.worlds import World, loaded_in

UNDERSTOOD: Final = ("httpd.server", "httpd.vhost", "httpd.route", "httpd.worker", "httpd.balancer", "httpd.log")
"""The kinds that rest on the whole configuration being understood."""

Refusal: TypeAlias = tuple[str, str, tuple[str, ...]]
_ROUTING: Final = ("httpd.route", "httpd.worker", "httpd.balancer")

MAX_REFUSED: Final = 1_000

_WEB_SOCKET: Final = re.compile(r"\bwss?://")


def features(resolved: Resolved) -> frozenset[str]:
    """What a configuration uses that behaves differently from version to version."""
    found = set()
    quiet: set[str] = set()
    telling: list[str] = []
    for directive in resolved.directives:
        if directive.name in quiet:
            continue
        name = directive.name.lower()
        if name not in _TELLING:
            quiet.add(directive.name)
            continue
        telling.append(directive.arguments)
        if name.startswith("proxypass") and directive.within and directive.within[-1].name.lower() == "location":
            found.add("location")
        if name.startswith("scriptalias"):
            found.add("cgi")
        if name == "proxypassmatch" or (name == "proxypass" and directive.arguments.startswith("~")):
            found.add("match")
    written = "\n".join(telling)
    text = f"\n{written.lower()}"
    holds = {
        "fcgi": "fcgi://" in text,
        "handler": "\nproxy:" in text or '\n"proxy:' in text,
        "ws": ("ws://" in text or "wss://" in text) and _WEB_SOCKET.search(text) is not None,
        "unix": "unix:" in text,
        "http2": "h2://" in text or "h2c://" in text,
        "logs": "}T" in written or "%^" in written,
    }
    if "cgi-script" in text:
        found.add("cgi")
    return frozenset(found | {feature for feature, there in holds.items() if there})


_TELLING: Final = frozenset(
    """addhandler balancermember customlog logformat proxypass proxypassmatch proxyset rewriterule scriptalias
    scriptaliasmatch sethandler""".split()  # noqa: SIM905 - a list of words
)


def refused_by(model: Model) -> tuple[Refusal, ...]:
    """The lines that one world refuses: place, reason, and the kinds that hang on it."""
    here: list[Refusal] = [(str(line.source), why, _ROUTING) for line, why in model.routes.refused()]
    refused = refused_directives(model.resolved.directives, model.behaviour)
    here += [(str(line.source), why, UNDERSTOOD) for line, why in (*refused, *never_starts(model))]
    return tuple(dict.fromkeys(here))


def refusals_of(resolved: Resolved, models: Iterable[Model]) -> tuple[Gap, ...]:
    """:func:`refusals` of models of all worlds."""
    return refusals(resolved, [refused_by(model) for model in models])


def refusals(resolved: Resolved, refused: Sequence[Sequence[Refusal]]) -> tuple[Gap, ...]:
    """The lines that httpd would not start with, as gaps: what else is said of the configuration then never holds.

    ``refused`` has the lines of every world; what only some of them refuse is undetermined.
    """
    certain = Counter(one for world in refused for one in world)
    lines = [(*one, count == len(refused)) for one, count in certain.items()]
    wrong = (*invalid_commands(resolved), *misplaced(resolved))
    lines += [(str(one.source), why, UNDERSTOOD, sure) for one, why, sure in wrong]
    return tuple(
        Gap(
            what=place,
            cause="malformed" if sure else "undetermined",
            detail=why if sure else f"{why}, where the conditions around it hold that cannot be decided",
            next_step="Correct the line; httpd's own check (httpd -t) names it too."
            if sure
            else "Name the version with --httpd-version, definitions with --define, or run on the host.",
            kinds=kinds,
        )
        for place, why, kinds, sure in lines[:MAX_REFUSED]
    )


def in_world(resolved: Resolved, world: World) -> Resolved:
    """The configuration as it is in one world: its directives, and the modules that these load."""
    return msgspec.structs.replace(resolved, directives=world.directives, modules=loaded_in(resolved, world))
