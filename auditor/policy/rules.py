"""Files of rules, read, checked and compiled."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, cast

from auditor.errors import InputError
from auditor.model.policy import SEVERITIES, Policy, Rule, Severity, Wording
from auditor.model.resource import KindSpec
from auditor.model.value import Value
from auditor.policy.checking import Uses, check_expression
from auditor.policy.document import Item, load_document, mistake, suggestion
from auditor.policy.expression import ExpressionError
from auditor.policy.forms import POLICY_FORMAT, Fields, RuleForm, WordingForm, require_format
from auditor.policy.template import Template
from auditor.policy.values import read_value

_ID = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)+")


class Condition:
    """A compiled expression with what it uses."""

    __slots__ = ("program", "uses")

    def __init__(self, program: Any, uses: Uses) -> None:
        self.program = program
        self.uses = uses


class CompiledRule:
    """A rule that is ready to be asked: compiled once, for every resource of every target."""

    __slots__ = ("condition", "kind", "message", "message_ja", "rule", "where")

    def __init__(
        self,
        rule: Rule,
        kind: KindSpec,
        condition: Condition,
        where: Condition | None,
        message: Template,
        message_ja: Template | None = None,
    ) -> None:
        self.rule = rule
        self.kind = kind
        self.condition = condition
        self.where = where
        self.message = message
        self.message_ja = message_ja


class LoadedPolicy(Policy, frozen=True, eq=False):
    """A policy whose rules are checked against the kinds and compiled; ``compiled`` goes with ``rules``."""

    compiled: tuple[CompiledRule, ...] = ()

    def for_surface(self, surface: str) -> tuple[CompiledRule, ...]:
        """The rules on kinds of one surface."""
        return tuple(one for one in self.compiled if one.rule.kind.split(".", 1)[0] == surface)


def load_policy(files: Sequence[tuple[str, bytes]], kinds: Sequence[KindSpec]) -> LoadedPolicy:
    """The rules of several files, as one policy.

    Args:
        files: Path (for errors) and content of each file.
        kinds: Every kind that a rule may name.

    Errors:
        InputError: everything that is wrong in any of the files, each with file, line, column and path.
    """
    mistakes: list[InputError] = []
    by_name = {kind.name: kind for kind in kinds}
    compiled: dict[str, CompiledRule] = {}
    for file, content in files:
        for item in _entries(file, content, mistakes):
            before = len(mistakes)
            one = _read_rule(item, by_name, mistakes)
            if one is None or len(mistakes) > before:
                continue
            earlier = compiled.get(one.rule.id)
            if earlier:
                where = f"{earlier.rule.file}:{earlier.rule.line}"
                mistakes.append(mistake(item.place, f"rule {one.rule.id} exists already ({where})"))
                continue
            compiled[one.rule.id] = one
    if mistakes:
        raise InputError.gather(mistakes)
    ordered = tuple(compiled[key] for key in sorted(compiled))
    return LoadedPolicy(tuple(one.rule for one in ordered), _digest(files), compiled=ordered)


def _entries(file: str, content: bytes, mistakes: list[InputError]) -> tuple[Item, ...]:
    try:
        return require_format(load_document(file, content), POLICY_FORMAT, "rules", mistakes)
    except InputError as error:
        mistakes.append(error)
        return ()


def _digest(files: Sequence[tuple[str, bytes]]) -> str:
    """Of the contents alone: the same rules have the same digest wherever they lie."""
    digests = sorted(hashlib.sha256(content).digest() for _, content in files)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _read_rule(item: Item, kinds: dict[str, KindSpec], mistakes: list[InputError]) -> CompiledRule | None:
    fields = Fields(item, RuleForm, mistakes)
    rule_id = fields.text("id")
    if rule_id and not _ID.fullmatch(rule_id):
        _say(item, "id", f"{rule_id!r} is not an id; write it as HTTPD-TIMEOUT-001", mistakes)
    kind_name = fields.text("kind")
    kind = kinds.get(kind_name)
    if kind_name and kind is None:
        hint = suggestion(kind_name, tuple(kinds)) or f"; known are {', '.join(sorted(kinds))}"
        _say(item, "kind", f'unknown kind "{kind_name}"{hint}', mistakes)
    rule = Rule(
        id=rule_id,
        title=fields.text("title"),
        severity=cast(Severity, fields.choice("severity", SEVERITIES)),
        kind=kind_name,
        expression=fields.text("assert"),
        message=fields.text("message"),
        where=fields.text("where"),
        what=fields.text("what"),
        rationale=fields.text("rationale"),
        limits=fields.text("limits"),
        example=fields.text("example"),
        references=fields.texts("references"),
        remedy=_remedy(fields, kind, kinds, mistakes) if kind else (),
        remedy_safe=fields.flag("remedy_safe"),
        remedy_agreed=_agreed(fields, item, kinds, mistakes),
        by_hand=fields.text("by_hand"),
        ja=_wording(item.get("ja"), mistakes),
        file=item.place.file,
        line=item.place.line,
    )
    if rule.by_hand and (rule.remedy or rule.remedy_agreed):
        _say(item, "by_hand", "it has a remedy, so it does not say why it has none", mistakes)
    return _compile(item, rule, kind, mistakes) if kind else None


def _compile(item: Item, rule: Rule, kind: KindSpec, mistakes: list[InputError]) -> CompiledRule | None:
    where = _condition(item, "where", kind, None, mistakes) if rule.where else None
    condition = _condition(item, "assert", kind, where, mistakes) if rule.expression else None
    message = _template(item, rule.message, kind, mistakes)
    ja = item.get("ja")
    message_ja = _template(ja, rule.ja.message, kind, mistakes) if ja and rule.ja else None
    if condition is None or message is None:
        return None
    return CompiledRule(rule, kind, condition, where, message, message_ja)


def _wording(item: Item | None, mistakes: list[InputError]) -> Wording | None:
    if item is None:
        return None
    fields = Fields(item, WordingForm, mistakes)
    return Wording(fields.text("title"), fields.text("message"), fields.text("rationale"), fields.text("by_hand"))


def _template(item: Item, text: str, kind: KindSpec, mistakes: list[InputError]) -> Template | None:
    """The template of the item's message; what is wrong with it goes to ``mistakes``, at its place in the file."""
    try:
        return Template(text, kind)
    except ExpressionError as error:
        _say(item, "message", error.what, mistakes, error.offset)
    return None


def _condition(
    item: Item, key: str, kind: KindSpec, where: Condition | None, mistakes: list[InputError]
) -> Condition | None:
    """The condition under a key, compiled; what is wrong with it goes to ``mistakes``, at its place in the file."""
    import cel  # heavy: it loads when rules do

    found = item.get(key)
    text = (found.text or "") if found else ""
    try:
        uses = check_expression(text, kind, where.uses.implies if where else frozenset())
        return Condition(cel.compile(text), uses)
    except ExpressionError as error:
        _say(item, key, error.what, mistakes, error.offset)
    except ValueError as error:
        _say(item, key, f"not an expression: {str(error).splitlines()[0]}", mistakes)
    return None


def _remedy(
    fields: Fields, own: KindSpec, kinds: dict[str, KindSpec], mistakes: list[InputError]
) -> tuple[tuple[str, Value], ...]:
    wanted: list[tuple[str, Value]] = []
    for key, item in fields.members("remedy"):
        other, _, name = key.rpartition(".")
        kind = kinds.get(other) if other else own
        if kind is None:
            mistakes.append(mistake(item.place, f'unknown kind "{other}"{suggestion(other, tuple(kinds))}'))
            continue
        spec = kind.get(name)
        if spec is None and not kind.open:
            hint = suggestion(name, [one.name for one in kind.attributes])
            mistakes.append(mistake(item.place, f'unknown attribute "{name}" of {kind.name}{hint}'))
            continue
        if spec is not None and (not spec.settable or spec.type == "secret"):
            mistakes.append(mistake(item.place, f"{kind.name}'s {name} cannot be set by a plan"))
            continue
        try:
            wanted.append((key, read_value(item, spec.type if spec else "any")))
        except ValueError as error:
            mistakes.append(mistake(item.place, str(error)))
    return tuple(wanted)


def _agreed(fields: Fields, item: Item, kinds: dict[str, KindSpec], mistakes: list[InputError]) -> tuple[str, ...]:
    """The kinds whose agreed values are the remedy."""
    named = fields.texts("remedy_agreed")
    for name in named:
        if name not in kinds:
            _say(item, "remedy_agreed", f'unknown kind "{name}"{suggestion(name, tuple(kinds))}', mistakes)
    return named


def _say(item: Item, key: str, what: str, mistakes: list[InputError], offset: int = 0) -> None:
    found = item.get(key)
    place = found.inside(offset) if found and found.text is not None else item.place
    mistakes.append(mistake(place, what))
