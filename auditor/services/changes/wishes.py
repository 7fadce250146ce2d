"""What people ask for, as wishes: ``--set ADDRESS=VALUE``, and the remedies of a rule's findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from auditor.errors import InputError, RefusedError
from auditor.model.finding import CheckReport, Finding
from auditor.model.plan import SecretPlace, Wish
from auditor.model.policy import Rule
from auditor.model.resource import PRESENT, Address, AttributeSpec, KindSpec, parse_address
from auditor.model.secret import is_place
from auditor.model.value import Undetermined, Value

FILLED_IN: Final = Undetermined("it is filled in when the plan is applied")
"""The value of a secret that is not at hand."""
_MOST: Final = 8


def parse_setting(text: str, kinds: Sequence[KindSpec], *, target_needed: bool = True) -> Wish:
    """The wish that ``ADDRESS=VALUE`` states; ``null`` as value asks for the absence of what stands there.

    Of a secret, the value is where it comes from (``env:NAME``, ``file:/PATH``), and never the secret.

    Errors:
        InputError: no address, no target in it where one is needed, an attribute that its kind does not have or that no
            plan may set, or a value of another type.
    """
    address, value = split_setting(text, target_needed=target_needed)
    spec = _spec(address, kinds)
    if value == "null":
        return Wish(address, None)
    if spec.type == "secret":
        return Wish(address, FILLED_IN, SecretPlace(_place(address, value)))
    return Wish(address, _value(value, spec, address))


def parse_secret_before(text: str, kinds: Sequence[KindSpec]) -> Wish:
    """The wish of ``ADDRESS=PLACE``: where the secret comes from that stands there now, for the way back.

    Errors:
        InputError: as of :func:`parse_setting`, or the attribute holds no secret.
    """
    address, value = split_setting(text)
    if _spec(address, kinds).type != "secret":
        raise InputError(f"{address} holds no secret, so what it is now needs not be said")
    return Wish(address, FILLED_IN, SecretPlace(_place(address, value), before=True))


def _place(address: Address, text: str) -> str:
    """Where a secret comes from. What else was written may be the secret itself, so it is not repeated."""
    if not is_place(text):
        raise InputError(
            f"{address} holds a secret, which stands in no plan: say where it comes from",
            next_step=f"--set '{address}=env:NAME'   or   --set '{address}=file:/PATH'",
        )
    return text


def rule_named(rule_id: str, rules: Iterable[Rule]) -> Rule:
    """The rule of that id, which names a remedy.

    Errors:
        InputError: there is no such rule.
        RefusedError: it names no remedy; the text says what to do by hand.
    """
    rule = next((one for one in rules if one.id.casefold() == rule_id.casefold()), None)
    if rule is None:
        raise InputError(f"there is no rule {rule_id!r}", next_step="Look:  auditor check TARGET")
    if not rule.remedy and not rule.remedy_agreed:
        why = f"is put right by hand: {rule.by_hand}" if rule.by_hand else "names no remedy: it has to be decided."
        raise RefusedError(
            f"{rule.id} {why}",
            untouched="No plan was written.",
            next_step="What a plan can set:  auditor plan --set ADDRESS=VALUE",
        )
    return rule


def findings_of(rule: Rule, report: CheckReport) -> tuple[Finding, ...]:
    """What the rule finds.

    Errors:
        RefusedError: nothing.
    """
    findings = tuple(one for one in report.findings if one.rule == rule.id)
    if not findings:
        unknown = unknown_of(rule, report)
        raise RefusedError(
            " ".join((f"{rule.id} finds nothing on these targets.", *(f"{one}." for one in unknown[:_MOST]))),
            untouched="No plan was written.",
        )
    return findings


def unknown_of(rule: Rule, report: CheckReport) -> tuple[str, ...]:
    """Where the rule could not be evaluated, so that nobody knows whether it finds something there; a sentence each."""
    found: list[str] = []
    for result in (one for target in report.targets for one in target.results if one.rule == rule.id):
        found += [f"{rule.id} could not be evaluated at {address}: {why}" for address, why in result.not_evaluated]
        if result.outcome == "not evaluated" and not result.not_evaluated:
            found.append(f"{rule.id} could not be evaluated on {result.target}: {result.reason}")
    return tuple(found)


def wishes_of_findings(rule: Rule, findings: Iterable[Finding]) -> tuple[Wish, ...]:
    """The remedies of a rule's findings, each address once."""
    wishes = {address: value for finding in findings for address, value in rule.remedies_at(finding.address)}
    return tuple(Wish(address, value) for address, value in wishes.items())


def by_target(wishes: Iterable[Wish]) -> Mapping[str, tuple[Wish, ...]]:
    """The wishes of each target.

    Errors:
        InputError: one address is asked for twice.
    """
    found: dict[str, list[Wish]] = {}
    seen: set[tuple[Address, bool]] = set()
    for wish in wishes:
        asked = wish.address, wish.secret is not None and wish.secret.before
        if asked in seen:
            raise InputError(f"{wish.address} is asked for twice")
        seen.add(asked)
        found.setdefault(wish.address.target, []).append(wish)
    return {target: tuple(listed) for target, listed in found.items()}


def split_setting(text: str, *, target_needed: bool = True) -> tuple[Address, str]:
    """The address and the value as written; a name may hold ``=``, so the first that makes an address counts.

    Errors:
        InputError: there is no address with an attribute, and with a target where one is needed.
    """
    at = text.find("=")
    while at >= 0:
        try:
            address = parse_address(text[:at])
        except InputError:
            at = text.find("=", at + 1)
            continue
        if not address.attribute or (target_needed and not address.target):
            break
        return address, text[at + 1 :].strip()
    raise InputError(
        f"{_without_value(text)!r} is not ADDRESS=VALUE with {'a target and ' if target_needed else ''}an attribute",
        next_step="It looks like  'web1/httpd:httpd.route[\"shop.example:443 /api\"].read_timeout=60s'",
    )


def _without_value(text: str) -> str:
    """The text up to what may be a secret that somebody wrote."""
    head, sign, _ = text.partition("=")
    return f"{head}=…" if sign and _is_secret_like(head) else text


def _is_secret_like(name: str) -> bool:
    """Whether a name sounds like that of a secret."""
    return any(word in name.casefold() for word in ("pass", "communit", "secret", "key", "token", "engine"))


def _spec(address: Address, kinds: Sequence[KindSpec]) -> AttributeSpec:
    kind = next((one for one in kinds if one.name == address.kind), None)
    if kind is None:
        known = ", ".join(sorted(one.name for one in kinds))
        raise InputError(f"{address}: there is no kind {address.kind!r}", next_step=f"Known here: {known}")
    spec = PRESENT if kind.made and address.attribute == PRESENT.name else kind.get(address.attribute)
    if spec is None:
        if kind.open:
            return AttributeSpec(address.attribute, "any", "", settable=True)
        raise InputError(
            f"{address}: {address.kind} has no attribute {address.attribute!r}", next_step=_near(address, kind)
        )
    if not spec.settable:
        settable = ", ".join(sorted(one.name for one in kind.attributes if one.settable)) or "none"
        raise InputError(f"{address} cannot be set", next_step=f"What can be set of {kind.name}: {settable}")
    return spec


def _near(address: Address, kind: KindSpec) -> str:
    from difflib import get_close_matches

    near = get_close_matches(address.attribute, [one.name for one in kind.attributes], 1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(one.name for one in kind.attributes)}"


def _value(text: str, spec: AttributeSpec, address: Address) -> Value:
    from auditor.policy.values import read_text

    try:
        if spec.type == "list":
            return _list(text, address)
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = str(msgspec.json.decode(text))
        return read_text(text, spec.type)
    except (ValueError, msgspec.DecodeError) as error:
        raise InputError(f"{address}={text}: {error}") from error


def _list(text: str, address: Address) -> Value:
    from auditor.model.value import Many
    from auditor.policy.values import read_text

    try:
        items = msgspec.json.decode(text, type=list[str | int | float | bool])
    except msgspec.DecodeError as error:
        example = f"{address}={msgspec.json.encode([text]).decode()}"
        raise InputError(
            f"{address}={text}: a list is expected, as JSON writes it", next_step=f"For example  --set '{example}'"
        ) from error
    return Many(tuple(read_text(one if isinstance(one, str) else str(one).lower(), "any") for one in items))
