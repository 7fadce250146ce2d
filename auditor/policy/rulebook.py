"""The rules written out for people: ``docs/rules.md`` is made from them."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.model.policy import Policy, Rule
from auditor.model.value import show

_HEAD = """# Rules

Made from `policies/` by `python -m auditor.services.rulebook`; a test keeps it current. How a rule is written is in
[policy.md](policy.md). Every rule is tested with a configuration that passes, one that fails and one where it cannot
be evaluated (`tests/corpus/rules/`).
"""


def write_rulebook(policy: Policy) -> str:
    """All rules as Markdown: an index by file, then each with what, why, limits, an example and its remedy."""
    files: dict[str, list[Rule]] = {}
    for rule in policy.rules:
        files.setdefault(rule.file, []).append(rule)
    parts = [_HEAD]
    for file, rules in files.items():
        parts.append(f"## {file}\n")
        parts.append("\n".join(_index(rules)) + "\n")
        parts.extend(_rule(rule) for rule in rules)
    return "\n".join(parts)


def _index(rules: Iterable[Rule]) -> Iterable[str]:
    yield "| Rule | Severity | Holds where it is met |"
    yield "| --- | --- | --- |"
    for rule in rules:
        yield f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity} | {rule.title} |"


def _rule(rule: Rule) -> str:
    lines = [f"### {rule.id}", "", f"**{rule.title}** ({rule.severity}, `{rule.kind}`)", ""]
    lines += [f"- **What**: {rule.what}", f"- **Why**: {rule.rationale}", f"- **Known limits**: {rule.limits}"]
    if rule.where:
        lines.append(f"- **Where**: `{rule.where}`")
    lines += [f"- **Asks**: `{rule.expression}`", f"- **Rests on**: {'; '.join(rule.references)}"]
    lines.append(f"- **Remedy**: {_remedy(rule)}")
    if rule.ja and rule.ja.by_hand:
        lines.append(f"- **対処**: {rule.ja.by_hand}")
    lines += ["", "```", rule.example.rstrip("\n"), "```", ""]
    return "\n".join(lines)


def _remedy(rule: Rule) -> str:
    if rule.by_hand:
        return f"by hand: {rule.by_hand}"
    if rule.remedy_agreed:
        return f"what the fleet's baselines agree on {', '.join(f'`{kind}`' for kind in rule.remedy_agreed)}"
    if not rule.remedy:
        return "none that a plan could propose by itself; the finding says where to look"
    wanted = ", ".join(f"`{name}` = {show(value)}" for name, value in rule.remedy)
    safe = "changes nothing else" if rule.remedy_safe else "has further effects, which the plan lists"
    return f"{wanted}; {safe}"
