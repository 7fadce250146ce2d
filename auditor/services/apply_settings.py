"""What ``auditor.yaml`` says below ``apply:``: waves, and the site's own commands around each change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from auditor.model.plan import Commands, Disruption, Probe
from auditor.plan.disruption import USUAL_S
from auditor.plan.waves import USUAL, check_size
from auditor.policy.document import Item
from auditor.services.fleet_values import ValueReader

_HOST: Final = re.compile(r"[A-Za-z0-9.:_{}\[\]-]*")
_LONGEST_S: Final = 24 * 3600
_KEYS: Final[Mapping[str, Disruption]] = MappingProxyType({one.lower().replace(" ", "_"): one for one in USUAL_S})
"""As ``auditor.yaml`` writes disruptions."""


class ApplySettings(msgspec.Struct, frozen=True):
    """How plans change many targets.

    ``waves`` are sizes, a number or a share each; a wave may have ``stop_after`` failures, ``pause_s`` seconds pass
    after it, ``at_once`` of its targets are changed at the same time. ``commands`` are run around each change,
    ``probes`` asked before and after it.
    ``lasts`` are the seconds that the fleet's own disruptions take, as (which, seconds).
    """

    waves: tuple[str, ...] = USUAL
    stop_after: int = 0
    pause_s: int = 0
    at_once: int = 1
    commands: Commands = Commands()
    probes: tuple[Probe, ...] = ()
    lasts: tuple[tuple[Disruption, int], ...] = ()


def read_apply(reader: ValueReader, item: Item | None) -> ApplySettings:
    """Reads the settings; mistakes are noted with the reader."""
    parts = reader.members(
        item, ["waves", "stop_after", "pause_s", "at_once", "before", "after", "command_s", "probes", "lasts_s"]
    )
    lasts = reader.members(parts.get("lasts_s"), list(_KEYS))
    sizes: list[str] = []
    for one in reader.items(parts.get("waves")):
        text = reader.text(one, "")
        if problem := check_size(text):
            reader.wrong(one, problem, "Write them as  waves: [1, 10%, 100%]")
        sizes.append(text)
    return ApplySettings(
        waves=tuple(sizes) or USUAL,
        stop_after=reader.count(parts.get("stop_after"), 0, 0, 100_000),
        pause_s=reader.count(parts.get("pause_s"), 0, 0, _LONGEST_S),
        at_once=reader.count(parts.get("at_once"), 1, 1, 64),
        commands=Commands(
            reader.command(parts.get("before")),
            reader.command(parts.get("after")),
            reader.count(parts.get("command_s"), 300, 1, _LONGEST_S),
        ),
        probes=tuple(_probe(reader, one) for one in reader.items(parts.get("probes"))),
        lasts=tuple(
            (_KEYS[key], reader.count(item, USUAL_S[_KEYS[key]], 0, _LONGEST_S)) for key, item in lasts.items()
        ),
    )


def _probe(reader: ValueReader, item: Item) -> Probe:
    parts = reader.members(item, ["url", "host", "status"])
    if "url" not in parts:
        reader.wrong(item, "a probe needs a url", "Write it as  {url: 'http://{host}/health', status: 200}")
    url, host = reader.url(parts.get("url"), ("http", "https")), reader.text(parts.get("host"), "")
    if not _HOST.fullmatch(host):
        reader.wrong(parts["host"], f"{host!r} is no host name", "Write it as  shop.example  or  shop.example:8443")
    return Probe(url, host, reader.count(parts.get("status"), 0, 100, 599))
