"""The use case "baseline adopt": a first baseline from what is there, outliers shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from auditor.errors import InputError
from auditor.model.policy import Baseline
from auditor.model.resource import Address, KindSpec, Resource
from auditor.model.snapshot import Interpretation, hides
from auditor.model.source import Source
from auditor.model.value import Many, Text, Undetermined, Value, show
from auditor.services.adopted_text import Adopted, Agreed, NotAdopted, Outlier, cannot_tell, writable, write_baseline

BEYOND_SETTABLE: Final[Mapping[str, frozenset[str]]] = {
    "httpd.server": frozenset(
        [
            "version",
            "mpm",
            "log_level",
            "keep_alive",
            "max_keep_alive_requests",
            "max_request_workers",
            "request_read_timeout",
            "request_read_timeout_header",
            "request_read_timeout_body",
            "track_first_byte",
            "request_ids",
            "proxy_requests",
            "server_tokens",
            "server_signature",
            "trace_enable",
        ]
    ),
    "httpd.vhost": frozenset(
        ["log_level", "keep_alive", "request_read_timeout_header", "request_read_timeout_body", "tls"]
    ),
    "httpd.route": frozenset(["url", "reuse", "retry", "ttl", "ping"]),
    "httpd.worker": frozenset(["timeout", "acquire", "max", "ping", "retry", "ttl", "reuse"]),
    "httpd.balancer": frozenset(
        ["members", "method", "force_recovery", "fail_on_timeout", "max_attempts", "wait_timeout"]
    ),
    "httpd.log": frozenset(["path", "conditional"]),
    "httpd.package": frozenset({"version"}),
    "ilo.manager": frozenset({"firmware_version", "system_rom_version"}),
    "ilo.firmware": frozenset({"version"}),
    "ilo.snmp_destination": frozenset({"protocol", "security_name"}),
    "ilo.event_subscription": frozenset({"event_types", "registry_prefixes"}),
    "ilo.network_protocol": frozenset(
        [
            "http_enabled",
            "https_enabled",
            "ssh_enabled",
            "ipmi_enabled",
            "snmp_enabled",
            "console_enabled",
            "virtual_media_enabled",
            "ssdp_enabled",
            "xml_reply_enabled",
            "federation_enabled",
            "virtual_media_encrypted",
        ]
    ),
    "ilo.security": frozenset({"security_state", "login_banner", "secure_boot_enabled"}),
    "ilo.licence": frozenset({"tier"}),
    "ilo.threshold": frozenset(
        [
            "user_warning",
            "user_critical",
            "thermal_configuration",
            "fan_percent_minimum",
            "power_trigger",
            "power_watts",
            "power_minutes",
            "high_efficiency_mode",
            "brownout_recovery",
        ]
    ),
}
"""Attributes that matter although no plan can set them: they govern, or say what is installed."""

OF_THE_MACHINE: Final[Mapping[str, frozenset[str]]] = {
    "ilo.snmp": frozenset({"location"}),
    "ilo.bios": frozenset({"ServerName", "ServerAssetTag", "Ipv4Address", "Ipv6Address"}),
    "httpd.directive": frozenset({"present"}),
}
"""Settable attributes that differ from machine to machine by their nature, or say nothing beside the others."""

LISTED: Final = frozenset({"httpd.module", "ilo.snmp_destination", "ilo.event_subscription"})
"""Kinds of which the set of resources itself is agreed: these and no other."""


class AdoptReport(msgspec.Struct, frozen=True):
    """A first baseline: its YAML text, what differs, what was not adopted, and what was not seen, whole or in part.

    ``adopted`` counts agreed values, ``targets`` are those that had a vote. ``text`` loads back as ``baseline``.
    """

    group: str
    text: str
    baseline: Baseline
    adopted: int
    targets: tuple[str, ...]
    outliers: tuple[Outlier, ...]
    not_adopted: tuple[NotAdopted, ...]
    not_seen: tuple[tuple[str, str], ...]


def adopt(
    group: str, interpretations: Sequence[Interpretation], kinds: Sequence[KindSpec] | None = None
) -> AdoptReport:
    """A baseline for a group from what its targets have.

    For each attribute that matters the value of more than half of the targets is agreed ``exactly``. A target that
    differs is an outlier; without such a majority nothing is agreed. What could not be seen of a target has no vote,
    and the text says who had none.

    Args:
        group: The group's name, which becomes the baseline's name too.
        interpretations: What was found on its targets; those whose whole target was not seen are listed as such.
        kinds: The kinds, for reading the values back; left out: those of every surface.

    Errors:
        InputError: no target of the group could be seen.
    """
    if kinds is None:
        from auditor.services.check import kinds_of

        kinds = kinds_of()
    seen, not_seen = _seen(interpretations)
    if not seen:
        raise InputError(
            f"no target of the group {group!r} could be seen, so there is nothing to adopt",
            untouched="No baseline was written.",
            next_step=f"See why:  auditor check {group}",
        )
    poll = _Poll(seen, kinds)
    poll.take()
    kept = Adopted(poll.values, poll.names, tuple(poll.not_adopted), len(seen), not_seen)
    text = write_baseline(group, kept)
    from auditor.policy.baselines import load_baseline

    baseline = load_baseline(f"baselines/{group}.yaml", text.encode(), kinds)
    return AdoptReport(
        group=group,
        text=text,
        baseline=baseline,
        adopted=len(baseline.values),
        targets=tuple(one.target for one in seen),
        outliers=tuple(sorted(poll.outliers, key=lambda one: one.address)),
        not_adopted=tuple(poll.not_adopted),
        not_seen=not_seen,
    )


def _seen(
    interpretations: Sequence[Interpretation],
) -> tuple[tuple[Interpretation, ...], tuple[tuple[str, str], ...]]:
    seen, missing = [], []
    for one in sorted(interpretations, key=lambda one: one.target):
        whole = next((gap for gap in one.gaps if gap.what == "whole target" and not gap.complete), None)
        if whole is None and one.resources:
            seen.append(one)
            missing += _in_part(one)
        else:
            missing.append((one.target, (whole.detail or whole.cause) if whole else "nothing was found there"))
    return tuple(seen), tuple(missing)


def _in_part(seen: Interpretation) -> list[tuple[str, str]]:
    """What of a target that had a vote was not seen: the baseline knows nothing of it, and nothing says so later."""
    gaps = [gap for gap in seen.gaps if not gap.complete]
    if not gaps:
        return []
    more = f" (+{len(gaps) - 1})" if gaps[1:] else ""
    return [(seen.target, f"in part: {gaps[0].what}: {gaps[0].detail or gaps[0].cause}{more}")]


class _Poll:
    """The vote of the targets, kind by kind."""

    def __init__(self, seen: tuple[Interpretation, ...], kinds: Sequence[KindSpec]) -> None:
        self.seen = seen
        self.kinds = {kind.name: kind for kind in kinds}
        self.values: dict[tuple[str, str], dict[str, Agreed]] = {}
        self.names: dict[str, tuple[str, ...]] = {}
        self.outliers: list[Outlier] = []
        self.not_adopted: list[NotAdopted] = []
        self.blind: tuple[str, ...] = ()
        """Targets of which something was not seen that may hold resources of the kind in question."""

    def take(self) -> None:
        """Counts every kind that a target has."""
        for kind in sorted({resource.kind for one in self.seen for resource in one.resources}):
            spec = self.kinds.get(kind)
            if spec is None:
                continue
            surface = kind.split(".", 1)[0]
            asked = [one for one in self.seen if one.surface == surface]
            voters = [one for one in asked if not hides(one.gaps, kind)]
            self.blind = tuple(one.target for one in asked if hides(one.gaps, kind))
            if voters:
                self._kind(spec, voters)

    def _kind(self, spec: KindSpec, voters: list[Interpretation]) -> None:
        there: dict[str, dict[str, Resource]] = {}
        for one in voters:
            for resource in one.of_kind(spec.name):
                there.setdefault(resource.name, {})[one.target] = resource
        targets = [one.target for one in voters]
        if spec.name in LISTED:
            self._names(spec, targets, there)
        for name, by_target in sorted(there.items()):
            if 2 * len(by_target) <= len(targets):
                if spec.name not in LISTED:
                    self._minority(spec.name, name, targets, by_target)
                continue
            for attribute in _attributes(spec, by_target.values()):
                self._attribute(spec, name, attribute, targets, by_target)
            if (spec.name, name) in self.values and spec.name not in self.names:
                self.outliers += (
                    Outlier(Address(target, spec.name, name), None, Text(name))
                    for target in targets
                    if target not in by_target
                )

    def _names(self, spec: KindSpec, targets: list[str], there: dict[str, dict[str, Resource]]) -> None:
        """Agrees the set of resources: those that more than half of the targets have."""
        undecided = sorted(name for name, have in there.items() if 2 * len(have) == len(targets))
        if undecided:
            self.not_adopted += (
                NotAdopted(spec.name, name, "", self._half(), ((name, tuple(sorted(there[name]))),))
                for name in undecided
            )
            return
        agreed = sorted(name for name, have in there.items() if 2 * len(have) > len(targets))
        self.names[spec.name] = tuple(agreed)
        for name, have in there.items():
            majority = name in agreed
            for target in targets:
                if (target in have) != majority:
                    value, wanted = (None, Text(name)) if majority else (Text(name), None)
                    source = have[target].source if target in have else None
                    self.outliers.append(Outlier(Address(target, spec.name, name), value, wanted, source))

    def _minority(self, kind: str, name: str, targets: list[str], by_target: dict[str, Resource]) -> None:
        if 2 * len(by_target) == len(targets):
            votes = ((name, tuple(sorted(by_target))),)
            self.not_adopted.append(NotAdopted(kind, name, "", self._half(), votes))
            return
        for target, resource in by_target.items():
            self.outliers.append(Outlier(Address(target, kind, name), Text(name), None, resource.source))

    def _half(self) -> str:
        return f"half of the targets {'that can tell ' if self.blind else ''}have it{cannot_tell(self.blind)}"

    def _attribute(
        self, spec: KindSpec, name: str, attribute: str, targets: list[str], by_target: dict[str, Resource]
    ) -> None:
        """Agrees one attribute where more than half of those that can tell have the same value."""
        votes = {target: _value(by_target.get(target), attribute) for target in targets}
        known = {target: value for target, value in votes.items() if not _unknown(value)}
        silent = (*self.blind, *(target for target in targets if target not in known))
        counts = Counter(known.values())
        if not counts:
            self._refuse(spec, name, attribute, "it could not be determined anywhere", votes)
            return
        value, count = counts.most_common(1)[0]
        if 2 * count <= len(known):
            whose = f"{len(known)} targets that can tell" if silent else "targets"
            reason = f"no value has more than half of the {whose}{cannot_tell(silent)}"
            self._refuse(spec, name, attribute, reason, votes)
            return
        outliers = tuple(
            Outlier(
                Address(target, spec.name, name, attribute), other, value, _source(by_target.get(target), attribute)
            )
            for target, other in known.items()
            if other != value
        )
        if value is None:
            self.outliers += outliers
            return
        if not writable(value, spec, attribute):
            self._refuse(spec, name, attribute, "its value cannot be written in a baseline", votes)
            return
        self.outliers += (one for one in outliers if one.address.target in by_target)
        found = Agreed(value, count, len(known), outliers, silent)
        self.values.setdefault((spec.name, name), {})[attribute] = found

    def _refuse(self, spec: KindSpec, name: str, attribute: str, reason: str, votes: dict[str, Value | None]) -> None:
        by_value: dict[str, list[str]] = {}
        for target, value in sorted(votes.items()):
            by_value.setdefault("not set" if value is None else show(value), []).append(target)
        shown = tuple((value, tuple(targets)) for value, targets in by_value.items())
        self.not_adopted.append(NotAdopted(spec.name, name, attribute, reason, shown))


def _attributes(spec: KindSpec, resources: Iterable[Resource]) -> list[str]:
    """The attributes of these resources that matter, sorted."""
    beyond = BEYOND_SETTABLE.get(spec.name, frozenset())
    without = OF_THE_MACHINE.get(spec.name, frozenset())
    names = {attribute.name for resource in resources for attribute in resource.attributes}
    return sorted(name for name in names - without if _matters(spec, name, beyond))


def _matters(spec: KindSpec, name: str, beyond: frozenset[str]) -> bool:
    found = spec.get(name)
    if found is None:
        return spec.open
    return (found.settable or name in beyond) and found.type != "secret"


def _value(resource: Resource | None, attribute: str) -> Value | None:
    return resource.value(attribute) if resource else None


def _source(resource: Resource | None, attribute: str) -> Source | None:
    found = resource.get(attribute) if resource else None
    return found.source if found else None


def _unknown(value: Value | None) -> bool:
    match value:
        case Undetermined():
            return True
        case Many(items):
            return any(_unknown(item) for item in items)
        case _:
            return False
