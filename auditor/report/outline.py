"""What several formats say alike of a result: groups, counts and labels, so that no two formats disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from auditor.model.drift import AttributeChange, Attribution, DriftReport, TargetDrift, TextChange
from auditor.model.finding import CheckReport, Finding, Outcome, RuleResult
from auditor.model.policy import SEVERITIES, Wording
from auditor.model.resource import Address
from auditor.model.snapshot import ExpectedGap, Gap
from auditor.model.source import FactSource, FileSource, InventorySource, RedfishSource, Source
from auditor.model.value import Text, Value, show
from auditor.report.escape import one_line, visible
from auditor.report.interface import Language
from auditor.report.messages import Words

OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "waived", "not evaluated", "not applicable")
_WORST: tuple[Outcome, ...] = ("fail", "not evaluated", "waived", "pass", "not applicable")


class RuleGroup(msgspec.Struct, frozen=True):
    """All findings of one rule, over all targets."""

    rule: str
    title: str
    severity: str
    findings: tuple[Finding, ...]
    ja: Wording | None = None


class Place(msgspec.Struct, frozen=True):
    """Findings of one rule that point at the same place of one target."""

    target: str
    source: Source | None
    findings: tuple[Finding, ...]


def rule_groups(report: CheckReport) -> tuple[RuleGroup, ...]:
    """The findings by rule: the most severe first, then by rule identity."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    groups = [
        RuleGroup(rule, one.title, max((each.severity for each in found), key=SEVERITIES.index), tuple(found), one.ja)
        for rule, found in by_rule.items()
        for one in found[:1]
    ]
    return tuple(sorted(groups, key=lambda group: (-SEVERITIES.index(group.severity), group.rule)))


def title_text(one: RuleGroup | RuleResult | Finding, lang: Language) -> str:
    """A rule's title in that language, in English where the rule has no other."""
    return (one.ja.title if lang == "ja" and one.ja else "") or one.title


def message_text(finding: Finding, lang: Language) -> str:
    """A finding's message in that language, in English where the rule has no other."""
    return (finding.ja.message if lang == "ja" and finding.ja else "") or finding.message


def rationale_text(finding: Finding, lang: Language) -> str:
    """Why it matters, in that language, in English where the rule has no other."""
    return (finding.ja.rationale if lang == "ja" and finding.ja else "") or finding.rationale


def places(findings: Iterable[Finding]) -> tuple[Place, ...]:
    """The findings by target and source, in their order."""
    by_place: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_place.setdefault((finding.address.target, str(finding.source)), []).append(finding)
    return tuple(Place(key[0], found[0].source, tuple(found)) for key, found in by_place.items())


def outcome_counts(report: CheckReport) -> dict[Outcome, int]:
    """How many rules had which outcome; a rule on several targets counts once, with its worst outcome."""
    worst: dict[str, Outcome] = {}
    for target in report.targets:
        for result in target.results:
            before = worst.get(result.rule)
            if before is None or _WORST.index(result.outcome) < _WORST.index(before):
                worst[result.rule] = result.outcome
    counts = dict.fromkeys(OUTCOMES, 0)
    for outcome in worst.values():
        counts[outcome] += 1
    return counts


def examined(report: CheckReport) -> bool:
    """Whether anything was examined at all."""
    return any(result.examined for target in report.targets for result in target.results)


def not_evaluated(report: CheckReport) -> tuple[tuple[RuleResult, str], ...]:
    """Each rule result that was not, or only in part, evaluated, with the reasons."""
    found: list[tuple[RuleResult, str]] = []
    for target in report.targets:
        for result in target.results:
            reasons = list(dict.fromkeys(reason for _, reason in result.not_evaluated if reason))
            if result.outcome == "not evaluated" and result.reason and not reasons:
                reasons = [result.reason]
            if reasons or result.outcome == "not evaluated":
                found.append((result, "; ".join(reasons) or result.reason))
    return tuple(found)


def expected_text(gap: Gap, words: Words) -> str:
    """By whose word a gap is expected and until when, safe to show; empty where it is not."""
    if not isinstance(gap, ExpectedGap):
        return ""
    return words("gap.expected", until=visible(gap.until), owner=one_line(gap.owner, 80), reason=one_line(gap.reason))


def unlicensed(report: CheckReport) -> tuple[RuleResult, ...]:
    """Each rule result that does not apply since the licence lacks what it asks for; its reason says which."""
    return tuple(
        result
        for target in report.targets
        for result in target.results
        if result.outcome == "not applicable" and result.reason
    )


def source_text(source: Source | None, *, lines: bool = False) -> str:
    """``conf.d/shop.conf:12`` (with ``lines`` also ``12-14``), a URI with its pointer, a fact, or the inventory's line.

    Safe to show.
    """
    match source:
        case None:
            return ""
        case FileSource(file, line, last_line):
            return one_line(f"{file}:{line}-{last_line}" if lines and last_line != line else f"{file}:{line}")
        case RedfishSource() | FactSource() | InventorySource():
            return one_line(str(source))


def value_text(value: Value | None, absent: str) -> str:
    """The value as a person reads it, safe to show; ``absent`` where there is none, ``""`` for an empty text."""
    return absent if value is None else one_line(show(value)) or '""'


def causes_and_effects(
    drift: TargetDrift,
) -> tuple[tuple[AttributeChange, tuple[AttributeChange, ...]], ...]:
    """Each change that stands for itself, with the effective changes that it caused.

    In their order, but for values that were only computed: they come last.
    """
    present = {change.address for change in drift.changes}
    effects: dict[object, list[AttributeChange]] = {}
    for change in drift.changes:
        if change.effect_of is not None and change.effect_of in present:
            effects.setdefault(change.effect_of, []).append(change)
    causes = [change for change in drift.changes if change.effect_of is None or change.effect_of not in present]
    return tuple((change, tuple(effects.get(change.address, ()))) for change in sorted(causes, key=_computed))


def _computed(change: AttributeChange) -> bool:
    return bool(change.address.attribute) and change.before_source is None and change.after_source is None


def coverage(report: DriftReport) -> tuple[int, int]:
    """How many targets were seen, and how many there are."""
    return sum(target.seen for target in report.targets), len(report.targets)


def unchanged(targets: Iterable[TargetDrift]) -> tuple[tuple[str, tuple[TargetDrift, ...]], ...]:
    """Targets without a change by what may be said of them (a text's key): a gap may hide what changed."""
    whole: list[TargetDrift] = []
    part: list[TargetDrift] = []
    for target in targets:
        hidden = any(not gap.complete for gap in target.gaps)
        (part if hidden else whole).append(target)
    said = (("drift.none", tuple(whole)), ("drift.none_in_part", tuple(part)))
    return tuple((text, listed) for text, listed in said if listed)


def change_count(report: DriftReport) -> int:
    """How many changes stand for themselves (effects of others not counted), lines of text apart."""
    return sum(len(causes_and_effects(target)) or len(target.text_changes) for target in report.targets)


def both_values(change: AttributeChange, before: str, after: str) -> tuple[str, str]:
    """Both values, safe to show; ``before`` and ``after`` where there is none. Texts are quoted if both read alike."""
    old, new = value_text(change.before, before), value_text(change.after, after)
    if old != new or change.before is None or change.after is None:
        return old, new
    return _quoted(change.before, old), _quoted(change.after, new)


def _quoted(value: Value, text: str) -> str:
    return f'"{text}"' if isinstance(value, Text) else text


def value_pair(change: AttributeChange, absent: str) -> tuple[str, str]:
    """Both values, safe to show; of two long texts only the words that differ (``…``: none there)."""
    before, after = both_values(change, absent, absent)
    if change.address.attribute == "digest":
        return _short_digest(before), _short_digest(after)
    if not (isinstance(change.before, Text) and isinstance(change.after, Text)) or len(before) + len(after) < 40:
        return before, after
    old, new = before.split(" "), after.split(" ")
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    if not head and not tail:
        return before, after
    return _cut(old, head, tail), _cut(new, head, tail)


def _short_digest(text: str) -> str:
    return f"{text[:12]}…" if len(text) == 64 else text  # a SHA-256; an absent one is a word


def _alike(one: list[str], other: list[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))


def _cut(words: list[str], head: int, tail: int) -> str:
    return " ".join(words[head : len(words) - tail]) or "…"


_HANDS = {
    "by no plan of the ledger": "hand.no_plan",
    "a package was changed": "hand.a_package",
    "with a package": "hand.with_package",
}
"""Fixed texts of attributions, with the keys under which the catalogue has them in each language."""


def agreed_key(change: AttributeChange) -> str:
    """The key of the words that name the baseline: of a version, with whether it is newer or older than agreed."""
    return f"drift.{change.age or 'agreed_by'}"


def hand_text(attribution: Attribution, words: Callable[[str], str]) -> str:
    """What an attribution says beside the hand, in the language of ``words`` where it is a fixed text."""
    key = _HANDS.get(attribution.text)
    return words(key) if key else one_line(attribution.text)


def changed_thing(address: Address) -> str:
    """What changed, for people: a directive by its place alone, anything else with its kind and attribute."""
    name = one_line(address.name)
    if address.kind == "httpd.directive":
        return name if address.attribute in ("", "arguments") else f"{name}, {attribute_text(address.attribute)}"
    return f"{address.kind} {name}" + (f"  {attribute_text(address.attribute)}" if address.attribute else "")


def attribute_text(name: str) -> str:
    """An attribute of ours in words (``read time-out``); a machine's own (``BootMode``) as it is."""
    shown = visible(name)
    return shown.replace("_timeout", " time-out").replace("_", " ") if shown.islower() else shown


_FIRST = ("read_timeout", "connect_timeout")


def effect_rank(address: Address) -> int:
    """The order in which effects are told: effective time-outs of routes first, bookkeeping last."""
    if address.attribute in _FIRST:
        return _FIRST.index(address.attribute)
    if address.kind in ("httpd.file", "httpd.directive"):
        return 9
    return 5 if address.kind == "httpd.worker" or not address.attribute.endswith("timeout") else 2


_NAMES_ONLY = frozenset({("ilo.bios", "pending")})
"""Attributes that name what changed and not to what: the lines of the document say that."""


def untold_texts(drift: TargetDrift) -> tuple[TextChange, ...]:
    """The changed lines of documents that no listed change of a directive or member points into."""
    told = {
        getattr(source, "file", getattr(source, "uri", ""))
        for change in drift.changes
        if change.address.kind != "httpd.file" and (change.address.kind, change.address.attribute) not in _NAMES_ONLY
        for source in (change.before_source, change.after_source)
        if source is not None
    }
    return tuple(change for change in drift.text_changes if change.document not in told)
