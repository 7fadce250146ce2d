"""Rules put to what was found on a target."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from auditor.model.finding import Evidence, Finding, Outcome, RuleResult, TargetCheck
from auditor.model.policy import Waiver, Wording
from auditor.model.resource import Address, Attribute, KindSpec, Resource
from auditor.model.snapshot import ExpectedGap, Gap, Interpretation, hides
from auditor.model.source import Source
from auditor.model.value import Boolean, Many, Undetermined, show
from auditor.policy.checking import Uses
from auditor.policy.rules import CompiledRule, Condition, LoadedPolicy
from auditor.policy.template import JAPANESE
from auditor.policy.values import for_expression, undetermined_in
from auditor.policy.versions import compare_versions, why_no_order
from auditor.policy.waivers import covers, expired

_RANK: Final[Mapping[Outcome, int]] = {"not applicable": 0, "pass": 1, "waived": 2, "not evaluated": 3, "fail": 4}
_HOST_HINTS: Final = {
    "httpd_version": "the version of httpd is not known: give --httpd-version",
    "mpm": "the MPM is not known: give --module mpm_event_module (or worker, prefork), or run where the server is",
}
_RUN_ERRORS: Final = (ValueError, TypeError, RuntimeError, LookupError, ArithmeticError)


class HostFacts(msgspec.Struct, frozen=True):
    """What a rule may ask of the host: ``host.name``, ``host.groups`` …; empty texts count as not known."""

    name: str
    target: str = ""
    surface: str = ""
    groups: tuple[str, ...] = ()
    httpd_version: str = ""
    mpm: str = ""

    def members(self) -> dict[str, Any]:
        """Those that are known."""
        found = {field: getattr(self, field) for field in self.__struct_fields__}
        return {field: list(value) if field == "groups" else value for field, value in found.items() if value != ""}


def evaluate(
    policy: LoadedPolicy,
    interpretation: Interpretation,
    host_facts: HostFacts,
    waivers: Sequence[Waiver] = (),
    today: date = date.max,
    known: frozenset[str] = frozenset(),
) -> TargetCheck:
    """Every rule of the target's surface, with its outcome.

    Args:
        policy: The rules, checked and compiled.
        interpretation: What was found; its gaps turn a pass on what they may hide into "not evaluated".
        host_facts: What rules may ask of the host.
        waivers: Those in force on ``today`` turn a finding into a waived one.
        today: The day (UTC). Left out, every waiver has expired.
        known: Fingerprints of findings recorded before; they are marked.

    Shape: results in order of rule id; a rule of another surface is not among them.
    """
    target = interpretation.target
    asking = _Asking(interpretation, host_facts, waivers, today, known)
    rules = policy.for_surface(interpretation.surface)
    by_kind: dict[str, list[CompiledRule]] = {}
    for one in rules:
        by_kind.setdefault(one.rule.kind, []).append(one)
    results: dict[str, RuleResult] = {}
    for group in by_kind.values():
        for result in asking.of_kind(group):
            results[result.rule] = result
    ordered = tuple(results[one.rule.id] for one in rules)
    return TargetCheck(target, interpretation.surface, ordered, interpretation.gaps, interpretation.waiting)


class _View:
    """A resource as expressions see it: made once for all rules of its kind."""

    __slots__ = ("context", "empty", "resource", "unknown", "values")

    def __init__(self, resource: Resource, types: Mapping[str, str], asking: _Asking) -> None:
        self.resource = resource
        self.values: dict[str, Any] = {}
        self.unknown: dict[str, str] = {}
        self.empty: set[str] = set()
        for attribute in resource.attributes:
            if attribute.name in types:
                self._add(attribute, types[attribute.name])
        self.context = asking.context(self.values)

    def _add(self, attribute: Attribute, type_: str) -> None:
        name, value = attribute.name, attribute.value
        cause = undetermined_in(value)
        if cause:
            self.unknown[name] = f"{name} is undetermined: {cause}"
            return
        try:
            self.values[name] = for_expression(value, type_)
        except TypeError as error:
            self.unknown[name] = f"{name} cannot be judged: {error}"
            return
        if isinstance(value, Many) and not value.items:
            self.empty.add(name)

    def hindrance(self, uses: Uses) -> str:
        """Why the expression may not be asked of this resource, or nothing."""
        if self.unknown:
            for name in uses.attributes:
                if name in self.unknown:
                    return self.unknown[name]
        if not uses.required <= self.values.keys():
            missing = next(name for name in uses.attributes if name in uses.required and name not in self.values)
            return f"it has no {missing}"
        if self.empty and not uses.filled.isdisjoint(self.empty):
            return f"its {next(iter(sorted(uses.filled & self.empty)))} is empty, so there is nothing to examine"
        return ""


class _Asking:
    """The rules of one target being asked."""

    def __init__(
        self,
        interpretation: Interpretation,
        host_facts: HostFacts,
        waivers: Sequence[Waiver],
        today: date,
        known: frozenset[str],
    ) -> None:
        import cel  # heavy; the rules have loaded it

        self._make_context = cel.Context
        self.interpretation = interpretation
        self.host = host_facts.members()
        self.waivers = tuple(waiver for waiver in waivers if not expired(waiver, today))
        self.lapsed = tuple(waiver for waiver in waivers if expired(waiver, today))
        self.known = known
        self.undecided: list[str] = []
        self.functions = {"version_at_least": self._version_at_least, "version_is": self._version_is}

    def context(self, values: dict[str, Any]) -> Any:
        """What a program runs with."""
        return self._make_context({"self": values, "host": self.host}, self.functions)

    def _version_at_least(self, version: str, wanted: str) -> bool:
        return self._versions(version, wanted) >= 0

    def _version_is(self, version: str, wanted: str) -> bool:
        return self._versions(version, wanted) == 0

    def _versions(self, version: str, wanted: str) -> int:
        order = compare_versions(version, wanted)
        if order is None:
            self.undecided.append(why_no_order(version, wanted))
            return -1
        return order

    def of_kind(self, rules: list[CompiledRule]) -> list[RuleResult]:
        """The results of all rules on one kind."""
        spec = rules[0].kind
        types = _types_of_used(rules, spec)
        views = [_View(resource, types, self) for resource in self.interpretation.of_kind(spec.name)]
        gaps = hides(self.interpretation.gaps, spec.name)
        return [self._rule(one, views, gaps) for one in rules]

    def _rule(self, compiled: CompiledRule, views: list[_View], gaps: tuple[Gap, ...]) -> RuleResult:
        tally = _Tally(compiled, self)
        for view in views:
            tally.add(view)
        return tally.result(gaps)

    def ask(self, condition: Condition, view: _View) -> bool | str:
        """True or false, or the reason why it is neither."""
        uses = condition.uses
        if uses.host_required and not uses.host_required <= self.host.keys():
            missing = min(uses.host_required - self.host.keys())
            return _HOST_HINTS.get(missing, f"host.{missing} is not known")
        reason = view.hindrance(uses)
        if reason:
            return reason
        try:
            answer = condition.program.execute(view.context)
        except _RUN_ERRORS as error:
            self.undecided.clear()
            return f"it could not be worked out: {str(error)[:200] or type(error).__name__}"
        if self.undecided:
            reason = self.undecided[0]
            self.undecided.clear()
            return reason
        if answer is True or answer is False:
            return bool(answer)
        return "it gives neither true nor false"


def _types_of_used(rules: list[CompiledRule], spec: KindSpec) -> dict[str, str]:
    """The attributes that these rules name, with their types; those of an open kind may be anything."""
    promised = {attribute.name: attribute.type for attribute in spec.attributes}
    halves = [half for one in rules for half in (one.condition, one.where) if half]
    return {name: promised.get(name, "any") for half in halves for name in half.uses.attributes}


class _Tally:
    """The answers to one rule on one target."""

    def __init__(self, compiled: CompiledRule, asking: _Asking) -> None:
        self.compiled = compiled
        self.asking = asking
        self.target = asking.interpretation.target
        self.examined = 0
        self.passed = 0
        self.findings: list[Finding] = []
        self.waived: list[Finding] = []
        self.reasons: list[str] = []
        self.unlicensed = ""
        self.not_evaluated: list[tuple[Address, str]] = []

    def add(self, view: _View) -> None:
        """Asks one resource."""
        compiled, asking = self.compiled, self.asking
        gate = _gate(compiled, view.resource)
        if gate is not None and gate.value == Boolean(value=False):
            self.unlicensed = (
                f"licence: {view.resource.kind} {view.resource.name} cannot have it ({gate.name} is false)"
            )
            return
        if compiled.where is not None:
            selected = asking.ask(compiled.where, view)
            if selected is False:
                return
            if selected is not True:
                self._open(view, str(selected))
                return
        if gate is not None and isinstance(gate.value, Undetermined):
            self._open(view, f"{gate.name} is undetermined: {gate.value.cause}")
            return
        answer = asking.ask(compiled.condition, view)
        if answer is True:
            self.examined += 1
            self.passed += 1
        elif answer is False:
            self.examined += 1
            self._failed(view.resource)
        else:
            self._open(view, str(answer))

    def _open(self, view: _View, reason: str) -> None:
        self.examined += 1
        self.not_evaluated.append((Address(self.target, view.resource.kind, view.resource.name), reason))

    def _failed(self, resource: Resource) -> None:
        finding = make_finding(self.compiled, resource, self.target, self.asking.known)
        for waiver in self.asking.waivers:
            if covers(waiver, finding.rule, finding.address):
                self.waived.append(finding)
                ticket = f", ticket {waiver.ticket}" if waiver.ticket else ""
                self._reason(f"waived until {waiver.expires} by {waiver.owner}{ticket}: {waiver.reason}")
                return
        for waiver in self.asking.lapsed:
            if covers(waiver, finding.rule, finding.address):
                self._reason(f"the waiver by {waiver.owner} expired on {waiver.expires}; the rule is enforced")
                break
        self.findings.append(finding)

    def _reason(self, text: str) -> None:
        if text not in self.reasons:
            self.reasons.append(text)

    def result(self, gaps: tuple[Gap, ...]) -> RuleResult:
        """The outcome: the worst of the resources', and never a pass where a gap may hide one."""
        if self.not_evaluated:
            self._reason(self.not_evaluated[0][1])
        if self.unlicensed:
            self._reason(self.unlicensed)
        for gap in gaps:
            told = (
                f", as expected until {gap.until} ({gap.owner}: {gap.reason})" if isinstance(gap, ExpectedGap) else ""
            )
            self._reason(f"{gap.what} was not seen{told}: {gap.detail or gap.cause}")
        outcomes: list[Outcome] = ["not applicable"]
        outcomes += ["fail"] if self.findings else []
        outcomes += ["not evaluated"] if self.not_evaluated or gaps else []
        outcomes += ["waived"] if self.waived else []
        outcomes += ["pass"] if self.passed else []
        rule = self.compiled.rule
        return RuleResult(
            rule=rule.id,
            title=rule.title,
            severity=rule.severity,
            target=self.target,
            outcome=max(outcomes, key=_RANK.__getitem__),
            examined=self.examined,
            reason="; ".join(self.reasons[:3]),
            findings=tuple(self.findings),
            waived=tuple(self.waived),
            not_evaluated=tuple(self.not_evaluated),
            ja=Wording(rule.ja.title) if rule.ja else None,
            expected=bool(gaps) and not self.not_evaluated and not any(gap.counts for gap in gaps),
        )


def _gate(compiled: CompiledRule, resource: Resource) -> Attribute | None:
    """What says whether the licence has what a rule asks for, or None; a rule that asks for that itself has none."""
    halves = [half for half in (compiled.condition, compiled.where) if half is not None]
    used = {name for half in halves for name in half.uses.attributes}
    specs = (spec for name in sorted(used) if (spec := compiled.kind.get(name)) is not None)
    names = dict.fromkeys(spec.licensed_by for spec in specs if spec.licensed_by)
    return next((found for name in names if name not in used and (found := resource.get(name))), None)


def make_finding(compiled: CompiledRule, resource: Resource, target: str, known: frozenset[str]) -> Finding:
    """The finding of a rule on a resource that does not meet it."""
    rule = compiled.rule
    used = [found for name in compiled.condition.uses.attributes if (found := resource.get(name))]
    places = _places(compiled, resource)
    first = used[0].name if used else ""
    fingerprint = fingerprint_of(rule.id, Address(target, resource.kind, resource.name))
    address = Address(target, resource.kind, resource.name, first)
    return Finding(
        rule=rule.id,
        title=rule.title,
        severity=rule.severity,
        address=address,
        message=compiled.message.fill(resource, target),
        fingerprint=fingerprint,
        source=places[0].source if places else resource.source,
        evidence=tuple(places[1:]),
        rationale=rule.rationale,
        references=rule.references,
        known=fingerprint in known,
        remedies=rule.remedies_at(address),
        remedy_safe=rule.remedy_safe,
        ja=_japanese(compiled, resource, target),
    )


def _japanese(compiled: CompiledRule, resource: Resource, target: str) -> Wording | None:
    ja, message = compiled.rule.ja, compiled.message_ja
    if ja is None or message is None:
        return None
    return Wording(ja.title, message.fill(resource, target, JAPANESE), ja.rationale)


def _places(compiled: CompiledRule, resource: Resource) -> list[Evidence]:
    """The places that show it, each once: in the order of the message, then of the condition; the resource's last.

    What only selects (``where``) is left out: every finding of the rule has it alike, so it tells nothing of this one.
    """
    named = dict.fromkeys((*compiled.message.attributes, *compiled.condition.uses.attributes))
    seen: set[Source] = set()
    places: list[Evidence] = []
    for attribute in (found for name in named if (found := resource.get(name))):
        if attribute.source is None or attribute.source in seen:
            continue
        seen.add(attribute.source)
        note = f" ({attribute.note})" if attribute.note else ""
        places.append(Evidence(attribute.source, f"{attribute.name} = {show(attribute.value)}{note}"))
    if resource.source is not None and resource.source not in seen:
        places.append(Evidence(resource.source, f"{resource.kind} {resource.name}"))
    return places


def fingerprint_of(rule: str, address: Address) -> str:
    """What names a finding across runs: the rule and the resource, no line numbers."""
    bare = Address(address.target, address.kind, address.name)
    return hashlib.sha256(f"{rule}\0{bare}".encode()).hexdigest()[:16]
