"""Between the JSON of a Redfish member and the value of an attribute, both ways."""

from __future__ import annotations

from typing import Final

from auditor.model.secret import SEALED
from auditor.model.value import Boolean, Duration, Many, Number, Secret, Text, Undetermined, Value, Version, texts
from auditor.surfaces.ilo.body import Json
from auditor.surfaces.ilo.members import Member

EMPTY_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - how an iLO writes "none"
_SHOWN: Final = 60


class UnfitError(ValueError):
    """A value cannot be written to a member; the text ends a sentence that starts with the attribute's name."""


def read_value(member: Member, raw: Json) -> Value | None:
    """The value that the member's JSON stands for, or None where it stands for nothing (``null``, an empty secret)."""
    if raw is None:
        return None
    value = _read(member, raw)
    return value if value is not _UNREADABLE else _unexpected(raw)


_UNREADABLE: Final = Undetermined("")


def _read(member: Member, raw: Json) -> Value | None:
    match member.type:
        case "boolean":
            flag = _flag(member, raw)
            return _UNREADABLE if flag is None else Boolean(flag)
        case "number" | "duration":
            if not isinstance(raw, int | float) or isinstance(raw, bool):
                return _UNREADABLE
            if member.type == "number":
                return Number(raw)
            return Duration(raw * (60.0 if member.form == "minutes" else 1.0)) if raw >= 0 else _UNREADABLE
        case "secret":
            return _secret(raw)
        case "list":
            return _list(member, raw)
        case "version":
            return Version(raw) if isinstance(raw, str) else _UNREADABLE
        case _:
            return Text(raw) if isinstance(raw, str) else _UNREADABLE


def _flag(member: Member, raw: Json) -> bool | None:
    if member.form == "enabled":
        return {"Enabled": True, "Disabled": False}.get(str(raw))
    if member.form == "pending":
        return {"SomePendingReset": True, "Current": False}.get(str(raw))
    return raw if isinstance(raw, bool) else None


def _secret(raw: Json) -> Value | None:
    if raw == "":
        return None
    if isinstance(raw, str) and SEALED.fullmatch(raw.encode("utf-8", "replace")):
        return Secret(raw)
    return Undetermined("the document holds no sealed secret here")


def _list(member: Member, raw: Json) -> Value:
    if not isinstance(raw, list) or not all(one is None or isinstance(one, str) for one in raw):
        return _UNREADABLE  # an entry that is passed over would look like one that is not there
    items = [one for one in raw if isinstance(one, str) and one not in EMPTY_ADDRESSES]
    if member.form == "secrets":
        return Many(tuple(value for one in items if (value := _secret(one)) is not None))
    return texts(*items)


def _unexpected(raw: Json) -> Undetermined:
    return Undetermined(f"the iLO's answer {str(raw)[:_SHOWN]!r} has another form than is known here")


def write_value(member: Member, value: Value, before: Json) -> Json:
    """The member's JSON that stands for a value; ``before`` is what stands there now, whose form is kept.

    Errors:
        UnfitError: the value does not fit.
    """
    match member.type, value:
        case "boolean", Boolean(flag):
            if member.form == "enabled":
                return "Enabled" if flag else "Disabled"
            return flag
        case "number", Number(number):
            if isinstance(before, int) and isinstance(number, float) and not number.is_integer():
                raise UnfitError("must be a whole number")
            return int(number) if isinstance(before, int) else number
        case "duration", Duration(seconds):
            unit = 60 if member.form == "minutes" else 1
            if seconds % unit:
                raise UnfitError(f"must be a whole number of {'minutes' if unit == 60 else 'seconds'}")
            return int(seconds // unit)
        case "text", Text(text):
            return text
        case "list", Many(items) if member.form == "addresses":
            return _addresses(items, before)
        case "list", Many(items) if member.form == "texts":
            return [_text_of(item) for item in items]
    raise UnfitError(f"must be {_WANTED.get(member.type, member.type)}")


_WANTED: Final = {
    "boolean": "true or false",
    "number": "a number",
    "duration": "a length of time",
    "list": "a list of texts",
}


def _text_of(item: Value) -> Json:
    if not isinstance(item, Text):
        raise UnfitError("must be a list of texts")
    return item.value


def _addresses(items: tuple[Value, ...], before: Json) -> Json:
    """A list of addresses, padded to the length it has now in the way in which it is padded now."""
    wanted = [_text_of(item) for item in items]
    places = before if isinstance(before, list) else []
    if len(wanted) > len(places):
        raise UnfitError(f"holds {len(places)} addresses at most")
    empty = next((one for one in places if one in EMPTY_ADDRESSES), "")
    return [*wanted, *([empty] * (len(places) - len(wanted)))]
