"""Whether the conditions of a registry's map hold: true, false, or not decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model.secret import SEALED
from auditor.surfaces.ilo.registry import Condition, Map, Setting


def applies(one: Map, values: Mapping[str, Setting]) -> bool | None:
    """Whether the conditions hold. Where AND and OR stand together, what binds first is not said: both ways count."""
    found = [_holds(condition, values) for condition in one.conditions]
    terms = [condition.joined_by for condition in one.conditions]
    in_turn, groups = found[0], [found[0]]
    for verdict, term in zip(found[1:], terms[1:], strict=True):
        if term == "OR":
            in_turn = _either(in_turn, verdict)
            groups.append(verdict)
        else:
            in_turn = _both(in_turn, verdict)
            groups[-1] = _both(groups[-1], verdict)
    grouped = groups[0]
    for verdict in groups[1:]:
        grouped = _either(grouped, verdict)
    return in_turn if in_turn == grouped else None


def _both(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


def _either(one: bool | None, other: bool | None) -> bool | None:
    if one is True or other is True:
        return True
    return None if one is None or other is None else False


def _holds(condition: Condition, values: Mapping[str, Setting]) -> bool | None:
    have, want = values.get(condition.attribute), condition.value
    if have is None or want is None or _type(have) is not _type(want) or _is_sealed(have):
        return None
    if condition.operator in ("EQU", "NEQ"):
        return (have == want) is (condition.operator == "EQU")
    if not isinstance(have, int | float) or not isinstance(want, int | float) or isinstance(have, bool):
        return None
    match condition.operator:
        case "GTR":
            return have > want
        case "GEQ":
            return have >= want
        case "LSS":
            return have < want
        case "LEQ":
            return have <= want
        case _:
            return None


def _is_sealed(value: Setting) -> bool:
    return isinstance(value, str) and SEALED.search(value.encode("utf-8", "replace")) is not None


def _type(value: Setting) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def spelled(one: Map, values: Mapping[str, Setting]) -> str:
    """The conditions of a map that applies, for people."""
    return " and ".join(f"{each.attribute} is {values.get(each.attribute)}" for each in one.conditions)


def undecided(one: Map, values: Mapping[str, Setting]) -> str:
    """What keeps a map from being decided, for people."""
    names = dict.fromkeys(each.attribute for each in one.conditions if _holds(each, values) is None)
    missing = [name for name in names if values.get(name) is None]
    if missing:
        return f"{', '.join(missing)}, which this machine does not show"
    return (
        f"{', '.join(names)}, whose value is not known as what it is compared with"
        if names
        else "AND and OR side by side"
    )
